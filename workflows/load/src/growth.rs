//! What things cost as they become more: executions in the store, events of a history, workers.

use serde_json::{Value as Json, json};

use crate::bench::{Bench, Place, Programs, Size};
use crate::client::Client;
use crate::clock::{self, Moment};
use crate::definition;
use crate::drive::Until;
use crate::failure::Failure;
use crate::process::{self, Process};
use crate::report::Report;
use crate::workload::{Worker, drain, waiting};

const CLIENTS: usize = 32;
const STATES: usize = 10;
/// Calls of which the median is a point.
const CALLS: usize = 100;
/// Events of a counter's round: two states, each entered and exited; with a task three, and its five.
const ROUND: usize = 4;
const ROUND_WITH_TASK: usize = 9;

/// Executions in a store in memory.
pub(crate) async fn in_memory(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let machine = bench.client.create("grow", &definition::chain(STATES), false).await?;
    let (begin, mut stored) = (clock::now(), 0);
    for count in bench.size.executions.clone() {
        if late(bench, begin, count) {
            break;
        }
        let values = grow(bench, &machine, count - stored).await?;
        stored = count;
        let values = with(values, json!({"memory": bench.process.memory()? / count as f64}));
        bench.report.point("executions", bench.subject, count, values);
    }
    Ok(())
}

/// Executions in a store on disk; at every point the service crashes and comes back.
pub(crate) async fn on_disk(programs: &Programs, size: &Size, report: &mut Report) -> Result<(), Failure> {
    let data = programs.data()?;
    let mut server = programs.service(Some(data.path()))?;
    let machine = Client::new(&server.address).create("grow", &definition::chain(STATES), false).await?;
    let subject = Place::Durable.subject();
    let (begin, mut stored) = (clock::now(), 0);
    for count in size.executions.clone() {
        let (client, process) = (Client::new(&server.address), Process(server.pid()));
        let mut bench = Bench { client, process, subject, size, report };
        if late(&mut bench, begin, count) {
            break;
        }
        let values = grow(&bench, &machine, count - stored).await?;
        stored = count;
        let (memory, disk) = (process.memory()? / count as f64, process::disk(data.path())? / count as f64);
        server.kill()?;
        server = programs.service(Some(data.path()))?;
        let recovery = server.ready_after.as_secs_f64() * 1e3;
        let recovery_cpu = Process(server.pid()).cpu()? * 1e3;
        let more = json!({"memory": memory, "disk": disk, "recovery": recovery, "recovery-cpu": recovery_cpu});
        let values = with(values, more);
        report.point("executions", subject, count, values);
    }
    Ok(())
}

/// Whether the time is over; it is told.
fn late(bench: &mut Bench<'_>, begin: Moment, count: usize) -> bool {
    let late = begin.elapsed() > bench.size.budget;
    if late {
        let seconds = bench.size.budget.as_secs();
        bench.report.note(format!("executions, {}: cut before {count}, after {seconds} s", bench.subject));
    }
    late
}

/// Adds executions: what one costs, and what the calls cost that read them. Microseconds, milliseconds.
async fn grow(bench: &Bench<'_>, machine: &str, count: usize) -> Result<Json, Failure> {
    let before = bench.process.cpu()?;
    let input = json!({"n": 1});
    let (drive, last) = bench.start(machine, &input, count, CLIENTS).await?;
    bench.ended(&last).await?;
    let cpu = (bench.process.cpu()? - before) * 1e6 / count as f64;
    let execution = bench.client.start(machine, &input.to_string()).await?;
    bench.client.succeeded(&execution, true).await?;
    let list = bench.median("ListExecutions", json!({"stateMachineArn": machine, "maxResults": 100}), CALLS).await?;
    let failed = json!({"stateMachineArn": machine, "statusFilter": "FAILED", "maxResults": 100});
    let list_none = bench.median("ListExecutions", failed, CALLS.div_ceil(20)).await?;
    let describe = bench.median("DescribeExecution", json!({"executionArn": execution}), CALLS).await?;
    Ok(json!({
        "cpu": cpu, "rate": drive.rate(), "start": drive.sample.quantile(0.5),
        "list": list, "list-none": list_none, "describe": describe,
    }))
}

fn with(mut values: Json, more: Json) -> Json {
    if let (Some(values), Json::Object(more)) = (values.as_object_mut(), more) {
        values.extend(more);
    }
    values
}

/// Histories: of one step, of one step a task, and reading them. Microseconds of the server's CPU an event, which the
/// load of others touches least, over enough events to count them.
pub(crate) async fn history(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let machine = bench.client.create("long", &definition::counter(None), false).await?;
    let activity = bench.client.create_activity("long").await?;
    let tasks = bench.client.create("long-tasks", &definition::counter(Some(&activity)), false).await?;
    let counted = |output: &Json| output["count"] == output["enough"];
    for events in bench.size.history.clone() {
        let (often, seldom) = (bench.size.events.div_ceil(events), bench.size.events.div_ceil(events * 5));
        let input = json!({"count": 0, "enough": events / ROUND});
        let before = bench.process.cpu()?;
        let drive = bench.run(&machine, &input, 1, Until::operations(often), counted).await?;
        let step = (bench.process.cpu()? - before) * 1e6 / (events * often) as f64;
        let read = read(bench, &machine, often).await?;
        let before = bench.process.cpu()?;
        for _ in 0..seldom {
            tasks_of(bench, &tasks, &activity, events / ROUND_WITH_TASK).await?;
        }
        let task = (bench.process.cpu()? - before) * 1e6 / (events * seldom) as f64;
        let least = drive.sample.least().unwrap_or_default() * 1e3 / events as f64;
        let values = json!({"step": step, "task": task, "read": read, "least": least});
        bench.report.point("history", bench.subject, events, values);
    }
    Ok(())
}

/// An execution that does `rounds` tasks one after the other.
async fn tasks_of(bench: &Bench<'_>, machine: &str, activity: &str, rounds: usize) -> Result<(), Failure> {
    let worker = Worker { client: bench.client.clone(), activity: activity.to_owned() };
    let execution = bench.client.start(machine, &json!({"count": 0, "enough": rounds}).to_string()).await?;
    for _ in 0..rounds {
        let (token, _) = worker.task().await?;
        worker.succeed(&token).await?;
    }
    bench.client.succeeded(&execution, true).await.map(drop)
}

/// The whole history of the machine's newest execution, page by page, so often: microseconds an event.
async fn read(bench: &Bench<'_>, machine: &str, times: usize) -> Result<f64, Failure> {
    let listed = bench.client.call("ListExecutions", &json!({"stateMachineArn": machine, "maxResults": 1})).await?;
    let execution = &listed["executions"][0]["executionArn"];
    let (before, mut events) = (bench.process.cpu()?, 0);
    for _ in 0..times {
        let mut body = json!({"executionArn": execution, "maxResults": 1000});
        loop {
            let page = bench.client.call("GetExecutionHistory", &body).await?;
            let more = page["events"].as_array();
            events += more.ok_or_else(|| Failure::new("GetExecutionHistory answered no events"))?.len();
            match page["nextToken"].as_str() {
                Some(token) => body["nextToken"] = json!(token),
                None => break,
            }
        }
    }
    Ok((bench.process.cpu()? - before) * 1e6 / events as f64)
}

/// Workers: how soon one of those that wait has a task, and how many tasks they do a second.
pub(crate) async fn workers(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for workers in bench.size.workers.clone() {
        let millis = waiting(bench, &format!("waiting{workers}"), workers, bench.size.repeats).await?;
        let waited = crate::sample::Sample::new(millis);
        let before = bench.process.cpu()?;
        let drive = drain(bench, &format!("drain{workers}"), workers, bench.size.tasks).await?;
        let cpu = (bench.process.cpu()? - before) * 1e6 / bench.size.tasks as f64;
        let values = json!({
            "wait": waited.quantile(0.5), "rate": drive.rate(), "cpu": cpu, "task": drive.sample.quantile(0.5),
        });
        bench.report.point("workers", bench.subject, workers, values);
    }
    Ok(())
}
