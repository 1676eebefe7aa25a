//! The worker: slots that poll, work and report.

use crate::conversation::{Conversation, Handed, Heard};
use clients::{Clock, Environment};
use operations::Error;
use operations::error::Kind;
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

/// What a worker does with a task.
pub trait Activity: Send + Sync + 'static {
    /// Works on one task. The future is dropped when the task is no longer ours, or when the worker ends and its
    /// grace is over: whatever it holds must be safe to leave.
    fn run(&self, input: Value, task: &Task) -> impl Future<Output = Result<Value, Error>> + Send;
}

/// Which activity a worker polls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The one with this ARN.
    Arn(String),
    /// The one with this name in the account and region of the credentials, as soon as there is one.
    Named(String),
}

/// How a worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The activity.
    pub activity: Place,
    /// The worker's name, which the history shows.
    pub name: String,
    /// How many tasks at once, 1 or more.
    pub concurrency: u32,
    /// The heartbeat time-out of the definition; heartbeats are sent at a third of it.
    pub heartbeat: Duration,
    /// How long tasks may go on after the worker was asked to end, in real time.
    pub grace: Duration,
}

impl Config {
    /// The configuration that the environment describes: the activity's ARN in the variable `arn`, without which
    /// the activity called `name` is looked up; `WORKER_CONCURRENCY` (8), `ACTIVITY_HEARTBEAT_SECONDS` (60), `WORKER_GRACE_SECONDS` (20) and `WORKER_NAME`
    /// (`name` and the process id).
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the variable.
    pub fn of(environment: &Environment, arn: &str, name: &str) -> Result<Self, Error> {
        let seconds =
            |name: &str, default| environment.positive(name, default).map(|number| Duration::from_secs(number.into()));
        let own = || format!("{name}-{}", std::process::id());
        Ok(Self {
            activity: environment
                .get(arn)
                .map_or_else(|| Place::Named(name.to_owned()), |arn| Place::Arn(arn.to_owned())),
            name: environment.get("WORKER_NAME").map_or_else(own, str::to_owned),
            concurrency: environment.positive("WORKER_CONCURRENCY", 8)?,
            heartbeat: seconds("ACTIVITY_HEARTBEAT_SECONDS", 60)?,
            grace: seconds("WORKER_GRACE_SECONDS", 20)?,
        })
    }
}

/// A task's line to the worker that runs it.
#[derive(Debug, Clone)]
pub struct Task {
    beats: mpsc::Sender<()>,
}

impl Task {
    /// A task and the beats it asks for.
    fn new() -> (Self, mpsc::Receiver<()>) {
        // One pending beat is enough: more would say the same.
        let (beats, asked) = mpsc::channel(1);
        (Self { beats }, asked)
    }

    /// A task that no worker listens to, for running an activity on its own.
    pub fn detached() -> Self {
        Self::new().0
    }

    /// Asks for a heartbeat now.
    pub fn beat(&self) {
        // Full: one is on its way. Closed: nobody listens any more.
        let _ = self.beats.try_send(());
    }
}

/// A worker.
#[derive(Debug)]
pub struct Worker<A> {
    conversation: Conversation,
    config: Config,
    clock: Clock,
    activity: A,
}

impl<A: Activity> Worker<A> {
    /// A worker of an activity.
    pub fn new(client: aws_sdk_sfn::Client, config: Config, clock: Clock, activity: A) -> Self {
        let conversation = Conversation::new(client, config.name.clone());
        Self { conversation, config, clock, activity }
    }

    /// Works until `stop` completes; then polls no more, lets its tasks go on for the grace, and hands back those
    /// that have not finished with `Ops.ResourceBusy`, so that another worker takes them.
    ///
    /// A poll that is under way when `stop` completes is dropped. A task handed out in that moment is found by its
    /// heartbeat time-out.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        let activity: Arc<str> = tokio::select! {
            () = &mut stop => return,
            arn = self.activity() => arn.into(),
        };
        let (ended, end) = watch::channel(false);
        let worker = Arc::new(self);
        let mut slots = JoinSet::new();
        for _ in 0..worker.config.concurrency {
            let worker = Arc::clone(&worker);
            let (activity, end) = (Arc::clone(&activity), end.clone());
            slots.spawn(async move { worker.slot(&activity, end).await });
        }
        tracing::info!(activity = &*activity, slots = worker.config.concurrency, "polling");
        stop.await;
        tracing::info!("asked to end: polling has stopped");
        ended.send_replace(true);
        while slots.join_next().await.is_some() {}
        tracing::info!("ended");
    }

    async fn activity(&self) -> String {
        match &self.config.activity {
            Place::Arn(arn) => arn.clone(),
            Place::Named(name) => self.conversation.locate(name).await,
        }
    }

    async fn slot(&self, activity: &str, mut end: watch::Receiver<bool>) {
        loop {
            let handed = tokio::select! {
                biased;
                _ = end.wait_for(|ended| *ended) => return,
                handed = self.conversation.next(activity) => handed,
            };
            // Tokens are long and secret enough not to be logged whole; their end tells them apart.
            let tail: String = handed.token.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
            self.perform(handed, &mut end).instrument(tracing::info_span!("task", token = tail)).await;
        }
    }

    /// Works on one task and reports how it went.
    async fn perform(&self, handed: Handed, end: &mut watch::Receiver<bool>) {
        tracing::info!("task begun");
        let Some(outcome) = self.work(&handed, end).await else {
            tracing::warn!("the task is no longer ours: its work was dropped");
            return;
        };
        match &outcome {
            Ok(_) => tracing::info!("task succeeded"),
            Err(error) => tracing::warn!(error = error.name(), cause = error.message(), "task failed"),
        }
        match self.conversation.report(&handed.token, &outcome).await {
            Heard::Yes => {}
            Heard::Gone => tracing::warn!("the task was no longer ours when its result came"),
            Heard::No(error) => {
                tracing::error!(error = error.name(), cause = error.message(), "the result could not be reported");
            }
        }
    }

    /// Runs the activity; `None` when the task was taken from us.
    async fn work(&self, handed: &Handed, end: &mut watch::Receiver<bool>) -> Option<Result<Value, Error>> {
        let input = match serde_json::from_str(&handed.input) {
            Ok(input) => input,
            Err(problem) => {
                return Some(Err(Error::new(Kind::InvalidInput, format!("the input is no JSON: {problem}"))));
            }
        };
        let (task, mut asked) = Task::new();
        let work = self.activity.run(input, &task);
        tokio::pin!(work);
        let grace = async {
            // A closed channel means that the worker itself is gone.
            let _ = end.wait_for(|ended| *ended).await;
            tokio::time::sleep(self.config.grace).await;
        };
        tokio::pin!(grace);
        loop {
            tokio::select! {
                outcome = &mut work => return Some(outcome),
                () = &mut grace => return Some(Err(handed_back())),
                _ = asked.recv() => {}
                () = self.clock.sleep(self.config.heartbeat / 3) => {}
            }
            // The work goes on while the heartbeat is sent.
            let beat = self.conversation.heartbeat(&handed.token);
            tokio::select! {
                outcome = &mut work => return Some(outcome),
                () = &mut grace => return Some(Err(handed_back())),
                heard = beat => match heard {
                    Heard::Yes => {}
                    Heard::Gone => return None,
                    Heard::No(error) => tracing::warn!(error = error.name(), cause = error.message(), "no heartbeat"),
                }
            }
        }
    }
}

fn handed_back() -> Error {
    Error::new(Kind::ResourceBusy, "the worker is ending: another one takes the task")
}

#[cfg(test)]
mod tests;
