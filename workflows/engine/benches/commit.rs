//! What one durable write costs, alone and together with others: `cargo bench -p engine --bench commit`. In memory it
//! is the engine's own part; the rest is the disk.

use asl::Value;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::{Clock, Config, Engine, NewStateMachine, aws};
use execution::Limits;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Callers at once.
const TOGETHER: [u64; 2] = [1, 64];
const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#;

async fn open(folder: Option<&TempDir>) -> Engine {
    let config = Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: folder.map(|folder| folder.path().to_owned()),
        aws: aws::Endpoint::Url("http://127.0.0.1:1".to_owned()),
        lambda_endpoint: None,
        events_endpoint: None,
        clock: Clock::system(),
        limits: Limits::default(),
        names: engine::Names::default(),
        quotas: engine::Quotas::default(),
        signers: aws::Signers::default(),
    };
    Engine::open(config).await.expect("the engine opens")
}

async fn machine(engine: &Engine) -> String {
    let new = NewStateMachine {
        name: "wait".to_owned(),
        definition: WAIT.to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/bench".to_owned(),
        ..NewStateMachine::default()
    };
    engine.create_state_machine(new).await.expect("the machine is good").machine.arn.to_string()
}

fn commit(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    for place in ["memory", "disk"] {
        let folder = (place == "disk").then(|| TempDir::new().expect("a folder"));
        let engine = runtime.block_on(open(folder.as_ref()));
        let machine = runtime.block_on(machine(&engine));
        let mut group = criterion.benchmark_group(place);
        for together in TOGETHER {
            group.throughput(Throughput::Elements(together));
            group.bench_function(format!("one record, {together} at once"), |bencher| {
                let write =
                    || async { futures::future::try_join_all((0..together).map(|_| engine.record_skipped(0))).await };
                bencher.iter(|| runtime.block_on(write()).expect("it is written"));
            });
            group.bench_function(format!("a start, {together} at once"), |bencher| {
                let start = |_| engine.start_execution(&machine, None, Value::Null);
                let start = || async { futures::future::try_join_all((0..together).map(start)).await };
                bencher.iter(|| runtime.block_on(start()).expect("it starts"));
            });
        }
        group.finish();
        runtime.block_on(engine.shutdown());
    }
}

criterion_group!(benches, commit);
criterion_main!(benches);
