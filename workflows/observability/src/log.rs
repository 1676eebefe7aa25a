//! Execution logs: what `loggingConfiguration` asks for, to a directory, to CloudWatch Logs, or both.
//!
//! Each place has a queue and a task of its own, so that a slow one does not hold up the other, and neither the engine.

mod cloudwatch;
mod directory;
mod message;
mod setting;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use api::history::RenderContext;
use engine::{Committed, Observed};
use execution::{Event, EventKind, Millis};
use tokio::task::JoinHandle;

pub(crate) use cloudwatch::CloudWatchLogs;
pub(crate) use directory::Directory;

use crate::queue::{Queue, Told};
use cloudwatch::Outcome;
use message::{Message, message};
use setting::Setting;

/// Bytes of events that wait for a place.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// One place that logs go to.
#[derive(Debug)]
pub(crate) struct Log {
    /// As metrics call it.
    pub(crate) name: &'static str,
    pub(crate) queue: Queue<RenderContext>,
    region: String,
    /// After a restart, this much of what had happened last in an open execution is logged again.
    again: Millis,
}

/// What later events need to know of earlier ones, by execution.
type Contexts = HashMap<Arc<str>, RenderContext>;

/// Where logs go.
#[derive(Debug)]
pub(crate) enum Place {
    Directory(Directory),
    CloudWatch(CloudWatchLogs),
}

impl Log {
    /// Begins to write logs to `place`.
    pub(crate) fn start(place: Place, region: &str, again: Millis) -> (Arc<Self>, JoinHandle<()>) {
        let (name, gather) = match place {
            Place::Directory(_) => ("directory", Duration::from_millis(10)),
            Place::CloudWatch(_) => ("cloudwatch", Duration::from_millis(500)),
        };
        let log = Self { name, queue: Queue::new(QUEUE_BYTES, gather), region: region.to_owned(), again };
        let log = Arc::new(log);
        (Arc::clone(&log), tokio::spawn(log.run(place)))
    }

    /// Takes note of events, where they are to be logged.
    pub(crate) fn push(&self, committed: &Committed) {
        if committed.execution.logging.as_ref().and_then(Setting::of).is_some() {
            self.queue.push(committed);
        }
    }

    /// Learns of an execution that goes on. What happened to it last may not have been logged when the server was killed:
    /// it is logged again.
    pub(crate) fn resumed(&self, execution: &Arc<Observed>, journal: &[Event]) {
        let Some(setting) = execution.logging.as_ref().and_then(Setting::of) else { return };
        let open = journal.last().filter(|last| !last.kind.is_terminal());
        let since = open.map_or(Millis::MAX, |last| last.at - self.again);
        let (before, tail) = journal.split_at(journal.partition_point(|event| event.at < since));
        self.queue.resume(&execution.arn, context(&self.region, execution, &setting, before));
        if !tail.is_empty() {
            let events = Arc::new(tail.to_vec());
            self.queue.push(&Committed { execution: Arc::clone(execution), events, bytes: 0 });
        }
    }

    async fn run(self: Arc<Self>, mut place: Place) {
        let mut contexts = Contexts::new();
        while let Some(told) = self.queue.take().await {
            let messages = self.messages(told, &mut contexts);
            let count = messages.len();
            if count == 0 {
                continue;
            }
            let (returned, outcome) = write(place, messages).await;
            let Some(returned) = returned else { return self.queue.lose(count) };
            place = returned;
            self.queue.deliver(outcome.delivered);
            self.queue.lose(outcome.lost);
        }
    }

    fn messages(&self, told: VecDeque<Told<RenderContext>>, contexts: &mut Contexts) -> Vec<Message> {
        let mut messages = Vec::new();
        for told in told {
            match told {
                Told::Gone(arn) => drop(contexts.remove(&arn)),
                Told::Resumed(arn, context) => drop(contexts.insert(arn, *context)),
                Told::Events(committed) => {
                    let execution = &*committed.execution;
                    let Some(setting) = execution.logging.as_ref().and_then(Setting::of) else { continue };
                    let context = contexts
                        .entry(Arc::clone(&execution.arn))
                        .or_insert_with(|| context(&self.region, execution, &setting, &[]));
                    for event in &*committed.events {
                        learn(context, event);
                        if event.is_visible() && setting.level.logs(event) {
                            messages.extend(message(event, execution, &setting, context));
                        }
                    }
                    if committed.events.iter().any(|event| event.kind.is_terminal()) {
                        contexts.remove(&execution.arn);
                    }
                }
            }
        }
        messages
    }
}

fn learn(context: &mut RenderContext, event: &Event) {
    if matches!(event.kind, EventKind::TaskScheduled { .. }) {
        context.learn(event);
    }
}

fn context(region: &str, execution: &Observed, setting: &Setting<'_>, journal: &[Event]) -> RenderContext {
    let context = RenderContext::new(region, journal)
        .with_role(Some(Arc::clone(&execution.role_arn)))
        .with_version(execution.version_arn.clone(), execution.alias_arn.clone());
    if setting.with_data { context } else { context.without_data() }
}

/// Writes messages; the place comes back with what became of them, unless writing panicked.
async fn write(place: Place, messages: Vec<Message>) -> (Option<Place>, Outcome) {
    match place {
        Place::CloudWatch(mut logs) => {
            let outcome = logs.send(messages).await;
            (Some(Place::CloudWatch(logs)), outcome)
        }
        Place::Directory(mut directory) => {
            let count = messages.len();
            let written = tokio::task::spawn_blocking(move || {
                let written = directory.append(&messages);
                (directory, written)
            });
            match written.await {
                Ok((mut directory, Ok(()))) => {
                    directory.trouble.worked("--log-dir");
                    (Some(Place::Directory(directory)), Outcome { delivered: count, lost: 0 })
                }
                Ok((mut directory, Err(error))) => {
                    directory.trouble.failed("--log-dir", &error);
                    (Some(Place::Directory(directory)), Outcome { delivered: 0, lost: count })
                }
                Err(_) => (None, Outcome::default()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use asl::Value;

    use super::*;
    use crate::sample;

    fn log() -> Log {
        Log { name: "directory", queue: Queue::new(1000, Duration::ZERO), region: "us-east-1".to_owned(), again: 1000 }
    }

    fn scheduled() -> Event {
        let kind = EventKind::TaskScheduled {
            flavor: execution::Flavor::Service,
            resource: "arn:aws:states:::lambda:invoke".into(),
            parameters: Value::Null,
            timeout_seconds: None,
            heartbeat_seconds: None,
            credentials: None,
            attempt: 1,
            token: "t".into(),
        };
        sample::event(3, 0, kind)
    }

    fn failed() -> Event {
        let failure = execution::Failure::default();
        sample::event(5, 0, EventKind::TaskFailed { flavor: execution::Flavor::Service, failure })
    }

    #[tokio::test]
    async fn after_a_restart_the_last_second_is_logged_again_and_tasks_are_known() {
        let log = log();
        let other =
            sample::event(4, 0, EventKind::TaskStarted { flavor: execution::Flavor::Service, worker_name: None });
        log.resumed(&Arc::new(sample::observed()), &[sample::started(), scheduled(), other]);
        log.queue.push(&sample::committed(failed()));
        let messages = log.messages(log.queue.take().await.unwrap(), &mut Contexts::new());
        let types: Vec<_> = messages.iter().map(|message| message.text.split('"').nth(7).unwrap()).collect();
        assert_eq!(types, ["TaskScheduled", "TaskStarted", "TaskFailed"]);
        assert!(messages[2].text.contains(r#""resourceType":"lambda","resource":"invoke""#), "{messages:?}");
    }

    #[test]
    fn nothing_is_kept_of_an_execution_that_has_ended() {
        let (log, mut contexts) = (log(), Contexts::new());
        let whole = Told::Events(sample::all(vec![sample::started(), sample::succeeded(2)]));
        log.messages([whole].into(), &mut contexts);
        assert!(contexts.is_empty());
        let (begun, gone) = (Told::Events(sample::committed(sample::started())), Told::Gone(sample::ARN.into()));
        log.messages([begun, gone].into(), &mut contexts);
        assert!(contexts.is_empty());
    }

    #[test]
    fn levels_leave_out_what_they_do_not_hold() {
        let log = log();
        let logging = sample::observed().logging.unwrap().to_string().replace("ALL", "ERROR");
        let logging = Some(Value::parse(&logging).unwrap());
        let execution = Arc::new(Observed { logging, ..sample::observed() });
        let told = Committed { execution, ..sample::all(vec![sample::started(), failed(), sample::succeeded(6)]) };
        let messages = log.messages([Told::Events(told)].into(), &mut Contexts::new());
        assert_eq!(messages.len(), 1);
        assert!(messages[0].text.contains("TaskFailed"));
    }
}
