//! W5: an activity's tasks, and the workers that get them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::latencies;
use crate::bench::Bench;
use crate::client::Client;
use crate::clock::{self, Moment};
use crate::definition;
use crate::drive::Drive;
use crate::failure::{During, Failure};
use crate::sample::Sample;

/// Clients that start executions.
const STARTERS: usize = 16;
const WORKERS: usize = 8;
/// Until a worker that has asked surely waits.
const SETTLED: Duration = Duration::from_millis(15);

/// W5.
pub(super) async fn run(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let millis = waiting(bench, "waiting", 1, bench.size.repeats * 2).await?;
    latencies(bench, "w5", "waiting", millis);
    let before = bench.process.cpu()?;
    let drive = drain(bench, "drain", WORKERS, bench.size.tasks).await?;
    let used = bench.process.cpu()? - before;
    bench.drive("w5", &WORKERS.to_string(), &drive);
    bench.figure("w5.cpu", used * 1e6 / bench.size.tasks as f64);
    Ok(())
}

/// An activity worker: it polls, it succeeds.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) client: Client,
    pub(crate) activity: String,
}

impl Worker {
    /// Waits for a task; its token and its input.
    pub(crate) async fn task(&self) -> Result<(String, Json), Failure> {
        let body = json!({"activityArn": self.activity, "workerName": "load"});
        loop {
            let task = self.client.call("GetActivityTask", &body).await?;
            if let Some(token) = task["taskToken"].as_str().filter(|token| !token.is_empty()) {
                let input = serde_json::from_str(task["input"].as_str().unwrap_or_default());
                return Ok((token.to_owned(), input.during(|| "a task's input".to_owned())?));
            }
        }
    }

    /// Reports success.
    pub(crate) async fn succeed(&self, token: &str) -> Result<(), Failure> {
        let body = json!({"taskToken": token, "output": "{\"done\":true}"});
        self.client.call("SendTaskSuccess", &body).await.map(drop)
    }
}

/// How long it takes from the call that starts an execution until one of the `workers` that wait has its task, ms.
pub(crate) async fn waiting(bench: &Bench<'_>, name: &str, workers: usize, count: usize) -> Result<Vec<f64>, Failure> {
    let activity = bench.client.create_activity(name).await?;
    let machine = bench.client.create(name, &definition::task(&activity), false).await?;
    let (told, mut got) = mpsc::unbounded_channel();
    let mut running = JoinSet::new();
    for _ in 0..workers {
        let (worker, told) = (Worker { client: bench.client.clone(), activity: activity.clone() }, told.clone());
        running.spawn(async move {
            loop {
                let (token, _) = worker.task().await?;
                let _ = told.send(clock::now());
                worker.succeed(&token).await?;
            }
            #[expect(unreachable_code, reason = "it gives the task its type")]
            Ok::<(), Failure>(())
        });
    }
    drop(told);
    let (mut millis, mut started) = (Vec::new(), Vec::new());
    for _ in 0..count {
        tokio::time::sleep(SETTLED).await;
        let begin = clock::now();
        started.push(bench.client.start(&machine, "{}").await?);
        let received: Moment = got.recv().await.ok_or_else(|| Failure::new("every worker has failed"))?;
        millis.push(begin.millis() - received.millis());
    }
    bench.ended(&started).await?;
    running.shutdown().await;
    Ok(millis)
}

/// `count` tasks that are ready, done by `workers` workers; one sample is a task from the call for it to its
/// acknowledgement.
pub(crate) async fn drain(bench: &Bench<'_>, name: &str, workers: usize, count: usize) -> Result<Drive, Failure> {
    let activity = bench.client.create_activity(name).await?;
    let machine = bench.client.create(name, &definition::task(&activity), false).await?;
    let (_, last) = bench.start(&machine, &json!({}), count, STARTERS).await?;
    let (left, begin) = (Arc::new(AtomicUsize::new(count)), clock::now());
    let mut running = JoinSet::new();
    for _ in 0..workers {
        let (worker, left) = (Worker { client: bench.client.clone(), activity: activity.clone() }, Arc::clone(&left));
        running.spawn(async move {
            let mut millis = Vec::new();
            // No worker asks for more than there is, so none is left waiting.
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let one = clock::now();
                let (token, _) = worker.task().await?;
                worker.succeed(&token).await?;
                millis.push(one.millis());
            }
            Ok::<_, Failure>(millis)
        });
    }
    let mut millis = Vec::new();
    while let Some(worker) = running.join_next().await {
        millis.extend(worker.during(|| "a worker".to_owned())??);
    }
    let took = begin.elapsed();
    bench.ended(&last).await?;
    Ok(Drive { took, sample: Sample::new(millis) })
}
