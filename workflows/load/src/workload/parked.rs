//! W7: what the service takes when it does nothing, and executions that wait.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::bench::{Bench, Programs, Size};
use crate::client::Client;
use crate::definition;
use crate::failure::Failure;
use crate::process::{self, Process};
use crate::report::Report;

const STARTERS: usize = 64;
/// Until what a service does after its start is done.
const SETTLED: Duration = Duration::from_millis(500);

/// Start and idle memory, of `repeats` starts the median.
pub(crate) async fn idle(
    programs: &Programs,
    data: Option<&Path>,
    subject: &'static str,
    size: &Size,
    report: &mut Report,
) -> Result<(), Failure> {
    let (mut millis, mut memory) = (Vec::new(), 0.0);
    for _ in 0..size.repeats.div_ceil(4) {
        let server = programs.service(data)?;
        millis.push(server.ready_after.as_secs_f64() * 1e3);
        tokio::time::sleep(SETTLED).await;
        memory = Process(server.pid()).memory()?;
    }
    let millis = crate::sample::Sample::new(millis);
    for (name, value) in [("w7.start", millis.quantile(0.5)), ("w7.start-min", millis.least())] {
        if let Some(value) = value {
            report.figure(subject, name, value);
        }
    }
    report.figure(subject, "w7.idle", memory / 1_048_576.0);
    Ok(())
}

/// Memory and threads of an execution that waits, in KiB.
pub(crate) async fn parked(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let machine = bench.client.create("wait", &definition::wait(), false).await?;
    let count = bench.size.parked[0];
    // What the first connections and executions take once is not what one more takes.
    bench.start(&machine, &json!({}), STARTERS * 4, STARTERS).await?;
    let (memory, threads) = (bench.process.memory()?, bench.process.threads()?);
    bench.start(&machine, &json!({}), count, STARTERS).await?;
    tokio::time::sleep(SETTLED).await;
    bench.figure("w7.parked-memory", (bench.process.memory()? - memory) / 1024.0 / count as f64);
    bench.figure("w7.parked-threads", bench.process.threads()? - threads);
    Ok(())
}

/// Executions that wait on disk: bytes for each, and how long it takes after a crash until the service is ready again
/// and knows them all.
pub(crate) async fn recovered(programs: &Programs, size: &Size, report: &mut Report) -> Result<(), Failure> {
    let data = programs.data()?;
    let subject = "durable";
    let count = size.parked[1];
    let server = programs.service(Some(data.path()))?;
    let (client, process) = (Client::new(&server.address), Process(server.pid()));
    let mut bench = Bench { client, process, subject, size, report };
    let machine = bench.client.create("wait", &definition::wait(), false).await?;
    let before = process::disk(data.path())?;
    let first = bench.client.start(&machine, "{}").await?;
    let (drive, _) = bench.start(&machine, &json!({}), count, STARTERS).await?;
    let last = bench.client.start(&machine, "{}").await?;
    bench.figure("w7.park-rate", drive.rate());
    tokio::time::sleep(SETTLED).await;
    bench.figure("w7.parked-disk", (process::disk(data.path())? - before) / 1024.0 / count as f64);
    server.kill()?;
    let server = programs.service(Some(data.path()))?;
    bench.figure("w7.recovery", server.ready_after.as_secs_f64());
    // The load of others touches it least.
    bench.figure("w7.recovery-cpu", Process(server.pid()).cpu()?);
    bench.client = Client::new(&server.address);
    for execution in [first, last] {
        let answer = bench.client.call("DescribeExecution", &json!({"executionArn": execution})).await?;
        if answer["status"] != "RUNNING" {
            return Err(Failure::new(format!("an execution did not survive: {answer}")));
        }
    }
    Ok(())
}
