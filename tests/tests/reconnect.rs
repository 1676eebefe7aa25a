//! A worker whose way to the server breaks: connections are cut and new ones refused for a while, in the middle of a
//! task. The worker finishes the task, exactly once, and serves the next one.

use std::net::Ipv4Addr;
use std::time::Duration;

use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use end_to_end::process::free_port;
use end_to_end::{Options, Stack};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Forwards connections from its port to the server's; stopped, it cuts them all and its port refuses new ones.
struct Way {
    port: u16,
    server: u16,
    open: Option<JoinHandle<()>>,
}

impl Way {
    fn new() -> Self {
        Self { port: free_port(), server: 0, open: None }
    }

    async fn open(&mut self) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.expect("the port is still free");
        let server = self.server;
        self.open = Some(tokio::spawn(async move {
            // Dropped with this task, and with them both ends of every connection.
            let mut connections = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                connections.spawn(async move {
                    let Ok(mut to) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
                    // Either end may go whenever it wants.
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                });
            }
        }));
    }

    async fn cut(&mut self) {
        let open = self.open.take().expect("it was open");
        open.abort();
        assert!(open.await.is_err_and(|ended| ended.is_cancelled()), "it was open until now");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err(), "new connections are refused");
    }
}

/// One task for the worker, handed out once: no state would try it again.
fn machine() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Watch", "States": {"Watch": {"Type": "Task", "End": true,
        "Resource": "${RecoveryWatcherActivityArn}", "TimeoutSeconds": 14_400, "HeartbeatSeconds": 3_600}}})
}

/// A task that is done once ECS says twice that the service runs, which it does.
fn task() -> Value {
    json!({"watch": "ecs-capacity", "desiredCount": 4, "checks": 2, "intervalSeconds": 30, "deadlineSeconds": 14_400,
        "entry": {"catalogId": "api", "kind": "ecs-service", "arn": "arn", "tier": 1, "cluster": "production",
            "service": "api"}})
}

/// Waits until something is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..2400 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} does not happen");
}

/// Name of the worker of an execution whose only task was handed out once and answered once.
fn worker(history: &[HistoryEvent]) -> String {
    let of_task = history.iter().map(|event| event.r#type().as_str()).filter(|name| name.starts_with("Activity"));
    assert_eq!(of_task.collect::<Vec<_>>(), ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]);
    let started = history.iter().find_map(|event| event.activity_started_event_details());
    started.and_then(|details| details.worker_name()).expect("a worker has a name").to_owned()
}

#[tokio::test]
async fn a_worker_that_is_cut_off_finishes_its_task_once_and_serves_the_next() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (definition, file) = (folder.path().join("machines/watch"), folder.path().join("stack.json"));
    std::fs::create_dir_all(&definition).expect("a folder can be made");
    std::fs::write(definition.join("definition.asl.json"), machine().to_string()).expect("a file can be written");
    std::fs::write(&file, r#"{"activities": ["recovery-watcher"]}"#).expect("a file can be written");
    let mut way = Way::new();
    let mut stack = Stack::start(Options {
        worker: false,
        definitions: folder.path().join("machines"),
        stack: file,
        worker_environment: vec![
            ("AWS_ENDPOINT_URL_SFN", format!("http://127.0.0.1:{}", way.port)),
            ("WORKER_CONCURRENCY", "2".to_owned()),
        ],
        ..Options::default()
    })
    .await;
    way.server = stack.port();
    way.open().await;
    // Without ECS no check is good: the task goes on until it is told otherwise.
    stack.account.fault("ecs", "DescribeServices", 100_000, json!({"kind": "throttle"})).await;
    stack.start_worker();
    let first = stack.start_execution("watch", &task()).await;
    until("the first task", async || {
        stack.history(&first).await.iter().any(|event| event.activity_started_event_details().is_some())
    })
    .await;

    // One slot works, the other one polls. The work ends while nobody can be told.
    way.cut().await;
    stack.account.control("DELETE", "faults", Value::Null).await;
    let printed = |text: &str| stack.worker.as_ref().is_some_and(|worker| worker.output().contains(text));
    until("the end of the work", async || printed("task succeeded")).await;
    until("a poll in vain", async || printed("Step Functions did not answer")).await;
    let described = stack.client.describe_execution().execution_arn(&first).send().await.expect("the server is there");
    assert_eq!(*described.status(), ExecutionStatus::Running, "nobody could tell that the work is done");
    way.open().await;

    let mut workers = Vec::new();
    for execution in [first, stack.start_execution("watch", &task()).await] {
        let (status, output) = stack.ended(&execution).await;
        assert_eq!((status, &output["recovered"]), (ExecutionStatus::Succeeded, &json!(true)), "{output}");
        workers.push(worker(&stack.history(&execution).await));
    }
    assert_eq!(workers[0], workers[1], "it is the same worker");
}
