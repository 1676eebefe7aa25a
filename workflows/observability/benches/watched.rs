//! What watching costs: `cargo bench -p observability`. Compare the ratios within one run, not the figures of two
//! machines.

use std::sync::Arc;

use asl::Value;
use engine::{Clock, Config, Engine, NewStateMachine, Observer, aws};
use execution::Limits;
use observability::Observability;

type Failure = Box<dyn std::error::Error>;

const CLIENTS: usize = 64;

/// How the engine is watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watch {
    Nobody,
    Metrics,
    Logs,
}

fn main() -> Result<(), Failure> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let count = if measured { 40_000 } else { 128 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        println!("executions of ten Pass states in memory, {CLIENTS} clients");
        // Warm, and then each in turn several times: the best of each counts.
        run(Watch::Nobody, count / 4).await?;
        let mut best = [f64::MAX; 3];
        for _ in 0..if measured { 5 } else { 1 } {
            for (best, watch) in best.iter_mut().zip([Watch::Nobody, Watch::Metrics, Watch::Logs]) {
                *best = best.min(run(watch, count).await?);
            }
        }
        let [nobody, metrics, logs] = best;
        println!("  nobody watches       {nobody:6.1} µs of CPU for each");
        println!("  metrics are counted  {metrics:6.1} µs, {:.2} of that", metrics / nobody);
        println!("  and all is logged    {logs:6.1} µs, {:.2} of that", logs / nobody);
        Ok(())
    })
}

/// Seconds of CPU that this process has used so far: unlike real time, not other processes' too.
fn cpu() -> Result<f64, Failure> {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / TICKS)
}

/// Ten Pass states in a row.
fn chain() -> String {
    let state = |number: u32| match number {
        10 => r#""S10":{"Type":"Pass","End":true}"#.to_owned(),
        _ => format!(r#""S{number}":{{"Type":"Pass","Next":"S{}"}}"#, number + 1),
    };
    let states = (1..=10).map(state).collect::<Vec<_>>().join(",");
    format!(r#"{{"StartAt":"S1","States":{{{states}}}}}"#)
}

fn logging() -> Result<Value, Failure> {
    let text = r#"{"level":"ALL","includeExecutionData":true,"destinations":[{"cloudWatchLogsLogGroup":{
        "logGroupArn":"arn:aws:logs:us-east-1:123456789012:log-group:g:*"}}]}"#;
    Ok(Value::parse(text)?)
}

/// Microseconds of CPU for each execution.
async fn run(watch: Watch, count: usize) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let observability = Observability::start(observability::Config {
        region: "us-east-1".to_owned(),
        clock: Clock::system(),
        log_dir: (watch == Watch::Logs).then(|| folder.path().to_owned()),
        cloudwatch_logs: None,
        cloudwatch_metrics: None,
        collector: None,
        metrics: None,
    })
    .await?;
    let config = Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: None,
        aws: aws::Endpoint::Url("http://127.0.0.1:1".to_owned()),
        lambda_endpoint: None,
        clock: Clock::system(),
        limits: Limits::default(),
        events_endpoint: None,
        names: engine::Names::default(),
        quotas: engine::Quotas::default(),
        signers: engine::aws::Signers::default(),
    };
    let observers: Vec<Arc<dyn Observer>> = match watch {
        Watch::Nobody => Vec::new(),
        Watch::Metrics | Watch::Logs => vec![observability.observer()],
    };
    let engine = Engine::open_observed(config, observers).await?;
    let new = NewStateMachine {
        name: "chain".to_owned(),
        definition: chain(),
        role_arn: "arn:aws:iam::123456789012:role/bench".to_owned(),
        logging: if watch == Watch::Logs { Some(logging()?) } else { None },
        ..NewStateMachine::default()
    };
    let machine = engine.create_state_machine(new).await?.machine.arn.to_string();
    let begin = cpu()?;
    let clients = (0..CLIENTS).map(|_| {
        let (engine, machine) = (engine.clone(), machine.clone());
        tokio::spawn(async move {
            for _ in 0..count.div_ceil(CLIENTS) {
                let started = engine.start_execution(&machine, None, Value::Null).await?;
                engine.ended(&started.arn).await?;
            }
            Ok::<_, engine::Error>(())
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await??;
    }
    engine.shutdown().await;
    observability.stop().await;
    Ok((cpu()? - begin) * 1e6 / f64::from(u32::try_from(count)?))
}
