//! The workloads, tiny, on the real API and on the skeleton in this process. They check what they are answered.

use std::time::Duration;

use super::*;

/// Enough to show that it works.
fn tiny() -> Size {
    Size {
        time: Duration::from_millis(1),
        clients: vec![1, 2],
        repeats: 1,
        items: vec![3],
        tasks: 9,
        transitions: 8,
        parked: [4, 4],
        executions: vec![4, 8],
        history: vec![20, 60],
        events: 60,
        workers: vec![1, 3],
        budget: Duration::MAX,
    }
}

/// The address of an engine in memory.
async fn engine() -> (String, api::Server) {
    let config = engine::Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: None,
        aws: engine::aws::Endpoint::Url("http://127.0.0.1:1".to_owned()),
        lambda_endpoint: None,
        events_endpoint: None,
        clock: engine::Clock::system(),
        limits: execution::Limits::default(),
        names: engine::Names::default(),
        quotas: engine::Quotas::default(),
        signers: engine::aws::Signers::default(),
    };
    let engine = engine::Engine::open(config).await.unwrap();
    let options = api::Options::on((Ipv4Addr::LOCALHOST, 0).into());
    let server = api::Server::start(engine, options).await.unwrap();
    (format!("http://{}", server.address()), server)
}

async fn skeleton(log: Option<&std::path::Path>) -> String {
    let skeleton = Arc::new(Skeleton::new(log).unwrap());
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(skeleton.serve(listener));
    format!("http://{address}")
}

async fn on(address: &str, workload: Workload, report: &mut Report) -> Result<(), Failure> {
    let (client, process, size) = (Client::new(address), Process(std::process::id()), tiny());
    // A drive that ends by time may end before its first operation; a test must not depend on that.
    let size = Size { time: Duration::from_millis(200), ..size };
    workload::run(workload, &mut Bench { client, process, subject: "memory", size: &size, report }).await
}

#[tokio::test]
async fn every_workload_runs_on_the_engine() {
    let (address, server) = engine().await;
    let mut report = Report::default();
    for workload in ALL {
        on(&address, workload, &mut report).await.unwrap();
    }
    let figures = ["w1.p50.1", "w1.cpu.2", "w2.rate.1", "w3.p50.jsonpath", "w3.p50.jsonata", "w4.p50.3"];
    for name in figures.iter().chain(&["w5.p50.waiting", "w5.rate.8", "w6.p50.1", "w7.parked-memory"]) {
        assert!(report.value("memory", name).is_some(), "{name}");
    }
    assert_eq!(["executions", "history", "workers"].map(|series| report.points(series)), [2, 2, 2]);
    server.stop().await;
}

#[tokio::test]
async fn the_skeleton_runs_the_chains() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for log in [None, Some(log.as_path())] {
        let (address, mut report) = (skeleton(log).await, Report::default());
        for workload in [Workload::W1, Workload::W2] {
            on(&address, workload, &mut report).await.unwrap();
        }
    }
    assert!(std::fs::read_to_string(log).unwrap().contains("ExecutionSucceeded"));
}

#[tokio::test]
async fn what_a_service_cannot_do_is_a_failure() {
    let address = skeleton(None).await;
    let failure = on(&address, Workload::W5, &mut Report::default()).await.unwrap_err().to_string();
    assert!(failure.starts_with("CreateActivity: 400"), "{failure}");
    // The skeleton hands inputs through, so a Map's items come back; a loop's counter does not count.
    let failure = on(&address, Workload::W6, &mut Report::default()).await.unwrap_err().to_string();
    assert!(failure.starts_with("a wrong output"), "{failure}");
}

#[tokio::test]
async fn a_missing_service_is_told_with_the_remedy() {
    let run = Run {
        service: "/nowhere/stepwright".into(),
        folder: std::env::temp_dir(),
        port: 0,
        quick: true,
        workloads: Vec::new(),
    };
    let failure = measure(run).await.unwrap_err().to_string();
    assert_eq!(failure, "--service: /nowhere/stepwright is no file: build it first");
}
