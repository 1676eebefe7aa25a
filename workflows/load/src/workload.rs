//! The workloads W1 to W7, each on a service of its own.

mod chain;
mod order;
mod parked;
mod task;

use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::clock;
use crate::definition;
use crate::drive::Until;
use crate::failure::Failure;

pub(crate) use parked::{idle, parked, recovered};
pub(crate) use task::{Worker, drain, waiting};

/// What may be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    /// A chain of ten Pass states, started and asked for
    W1,
    /// The same as a synchronous express execution
    W2,
    /// Choice rules, paths, intrinsics; JSONata
    W3,
    /// Inline Maps
    W4,
    /// Tasks of an activity
    W5,
    /// A loop
    W6,
    /// Start, idle memory, parked executions
    W7,
    /// Growth: executions in the store
    Executions,
    /// Growth: events of one history
    History,
    /// Growth: workers
    Workers,
}

/// Runs one that needs nothing but a running service.
pub(crate) async fn run(workload: Workload, bench: &mut Bench<'_>) -> Result<(), Failure> {
    match workload {
        Workload::W1 => chain::polled(bench).await,
        Workload::W2 => chain::synchronous(bench).await,
        Workload::W3 => order::run(bench).await,
        Workload::W4 => maps(bench).await,
        Workload::W5 => task::run(bench).await,
        Workload::W6 => transitions(bench).await,
        Workload::W7 => parked(bench).await,
        Workload::History => crate::growth::history(bench).await,
        Workload::Workers => crate::growth::workers(bench).await,
        Workload::Executions => crate::growth::in_memory(bench).await,
    }
}

/// W4: the whole execution, for each number of items.
async fn maps(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let machine = bench.client.create("map", &definition::map(), false).await?;
    for items in bench.size.items.clone() {
        let input = json!((0..items).collect::<Vec<_>>());
        let text = input.to_string();
        let (mut millis, repeats, before) = (Vec::new(), bench.size.repeats.div_ceil(3), bench.process.cpu()?);
        for _ in 0..repeats {
            let begin = clock::now();
            let execution = bench.client.start(&machine, &text).await?;
            let output = bench.client.succeeded(&execution, true).await?;
            millis.push(begin.millis());
            if output != input {
                return Err(Failure::new(format!("a Map of {items} items has a wrong output")));
            }
        }
        let used = bench.process.cpu()? - before;
        latencies(bench, "w4", &items.to_string(), millis);
        bench.figure(&format!("w4.cpu.{items}"), used * 1e3 / repeats as f64);
    }
    Ok(())
}

/// W6: two transitions a round.
async fn transitions(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let machine = bench.client.create("loop", &definition::counter(None), false).await?;
    let rounds = bench.size.transitions / 2;
    let input = json!({"count": 0, "enough": rounds});
    let (repeats, before) = (Until::operations(bench.size.repeats.div_ceil(3)), bench.process.cpu()?);
    let drive = bench.run(&machine, &input, 1, repeats, |output| output["count"] == output["enough"]).await?;
    let used = bench.process.cpu()? - before;
    bench.drive("w6", "1", &drive);
    bench.figure("w6.cpu", used * 1e3 / drive.sample.len() as f64);
    Ok(())
}

/// Notes what was measured by hand.
fn latencies(bench: &mut Bench<'_>, name: &str, suffix: &str, millis: Vec<f64>) {
    let sample = crate::sample::Sample::new(millis);
    for (quantile, value) in [("p50", sample.quantile(0.5)), ("p99", sample.quantile(0.99)), ("min", sample.least())] {
        if let Some(value) = value {
            bench.figure(&format!("{name}.{quantile}.{suffix}"), value);
        }
    }
}

/// What is handed through unchanged.
fn one(output: &Json) -> bool {
    output["n"] == 1
}
