//! A run's history as text for people and snapshots: one line per event, the engine's decisions among them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use asl::Value;
use execution::{Event, EventKind, Failure, Flavor};

use crate::expect;
use crate::run::{self, Run, START};

/// Characters of one value that are shown.
const SHOWN: usize = 300;
/// Characters of a task's parameters: they are what the world is told to do.
const PARAMETERS: usize = 1_500;

impl Run {
    /// The whole history, then how it ended.
    #[must_use]
    pub fn history(&self) -> String {
        self.lines().join("\n")
    }

    /// The history from where it leaves that of `base`, the case of that `name`.
    #[must_use]
    pub fn history_after(&self, name: &str, base: &Run) -> String {
        let lines = self.lines();
        let same = lines.iter().zip(&base.lines()).take_while(|(own, other)| own == other).count();
        if same == 0 {
            return lines.join("\n");
        }
        let rest = lines.get(same..).unwrap_or_default().join("\n");
        format!("(the first {same} lines as in {name:?})\n{rest}")
    }

    fn lines(&self) -> Vec<String> {
        let mut writer =
            Writer { lines: Vec::new(), variables: BTreeMap::new(), tokens: self.tokens(), parameters: Value::Null };
        for event in &self.events {
            writer.event(event);
        }
        writer.lines.push(format!("ended {}", expect::name(self.status)));
        for problem in &self.problems {
            writer.lines.push(format!("problem: {problem}"));
        }
        writer.lines
    }

    fn tokens(&self) -> Vec<Arc<str>> {
        self.orders.iter().map(|order| Arc::clone(&order.token)).collect()
    }
}

struct Writer {
    lines: Vec<String>,
    variables: BTreeMap<Arc<str>, Value>,
    tokens: Vec<Arc<str>>,
    /// What the last scheduled task was given.
    parameters: Value,
}

impl Writer {
    fn event(&mut self, event: &Event) {
        let id = if event.is_visible() { event.id.to_string() } else { "-".to_owned() };
        let mut line = format!("{id:>4} {:>+11.3}", seconds(event.at - START));
        match run::owner(event.frame) {
            (0, 0) => {}
            (0, frame) => drop(write!(line, " #{frame}")),
            (child, 0) => drop(write!(line, " child {child}")),
            (child, frame) => drop(write!(line, " child {child} #{frame}")),
        }
        let _ = write!(line, " {}", name(&event.kind));
        let detail = self.detail(&event.kind);
        if !detail.is_empty() {
            let _ = write!(line, " {detail}");
        }
        self.lines.push(line);
        match &event.kind {
            EventKind::StateExited { assigned, .. } => self.assigned(assigned),
            EventKind::TaskScheduled { parameters, .. } => self.parameters = parameters.clone(),
            _ => {}
        }
    }

    /// Variables that have changed, one line each.
    fn assigned(&mut self, assigned: &[(Arc<str>, Value)]) {
        for (name, value) in assigned {
            if self.variables.insert(Arc::clone(name), value.clone()).as_ref() != Some(value) {
                let line = format!("{:18}${name} = {}", "", self.shown(value));
                self.lines.push(line);
            }
        }
    }

    fn detail(&self, kind: &EventKind) -> String {
        match kind {
            EventKind::ExecutionStarted { input: value, .. }
            | EventKind::ExecutionSucceeded { output: value }
            | EventKind::TaskSubmitted { output: value }
            | EventKind::TaskSucceeded { output: value, .. } => self.shown(value),
            EventKind::ExecutionFailed(failure)
            | EventKind::ExecutionTimedOut(failure)
            | EventKind::ExecutionAborted(failure)
            | EventKind::MapRunFailed(failure)
            | EventKind::TaskFailed { failure, .. }
            | EventKind::TaskTimedOut { failure, .. }
            | EventKind::StateFailed { failure, .. } => self.failed(failure),
            EventKind::EvaluationFailed { failure, location, .. } => {
                format!("{} {}", location.as_deref().unwrap_or_default(), self.failed(failure))
            }
            EventKind::StateEntered { name, .. } => name.to_string(),
            EventKind::StateExited { name, next, .. } => {
                format!("{name} -> {}", next.as_deref().unwrap_or("[end]"))
            }
            EventKind::TaskScheduled { resource, parameters, timeout_seconds, heartbeat_seconds, .. } => {
                let limits = limits(*timeout_seconds, *heartbeat_seconds);
                format!("{}{limits} {}", short(resource), self.given(parameters))
            }
            EventKind::WaitArmed { until } => format!("until {:+.3}", seconds(until - START)),
            EventKind::RetryArmed { retrier, until } => {
                format!("retry[{retrier}] at {:+.3}", seconds(until - START))
            }
            EventKind::MapIterationStarted { index, .. } => format!("{index}"),
            EventKind::MapRunStarted { run, .. } => run.label.to_string(),
            _ => String::new(),
        }
    }

    fn failed(&self, failure: &Failure) -> String {
        let error = failure.error.as_deref().unwrap_or("(no error)");
        match failure.cause.as_deref() {
            Some(cause) if !cause.is_empty() => format!("{error}: {}", cut(&self.masked(cause.to_owned()), SHOWN)),
            _ => error.to_owned(),
        }
    }

    /// A task's parameters; a retry's are not repeated where they have not changed.
    fn given(&self, parameters: &Value) -> String {
        if *parameters == self.parameters {
            return "(the same)".to_owned();
        }
        cut(&self.masked(parameters.to_string()), PARAMETERS)
    }

    fn shown(&self, value: &Value) -> String {
        cut(&self.masked(value.to_string()), SHOWN)
    }

    fn masked(&self, text: String) -> String {
        self.tokens.iter().fold(text, |text, token| text.replace(&**token, "(task token)"))
    }
}

fn cut(text: &str, shown: usize) -> String {
    match text.char_indices().nth(shown) {
        Some((at, _)) => format!("{}... ({} characters)", &text[..at], text.chars().count()),
        None => text.to_owned(),
    }
}

fn limits(timeout: Option<u64>, heartbeat: Option<u64>) -> String {
    let timeout = timeout.map(|seconds| format!(" within {seconds}s")).unwrap_or_default();
    let heartbeat = heartbeat.map(|seconds| format!(" heartbeat {seconds}s")).unwrap_or_default();
    format!("{timeout}{heartbeat}")
}

/// The end of an ARN, which says what it names.
fn short(resource: &str) -> &str {
    match resource.split_once(":::") {
        Some((_, service)) => service,
        None => resource.splitn(6, ':').last().unwrap_or(resource),
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few years")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// The history's name of the event; the name of the kind where the history has none.
fn name(kind: &EventKind) -> String {
    match kind {
        EventKind::StateEntered { state_type, .. } => format!("{}StateEntered", state_type.name()),
        EventKind::StateExited { state_type, .. } => format!("{}StateExited", state_type.name()),
        EventKind::StateAborted { state_type, .. } => format!("{}StateAborted", state_type.name()),
        EventKind::TaskScheduled { flavor, .. } => format!("{}Scheduled", family(*flavor)),
        EventKind::TaskStarted { flavor, .. } => format!("{}Started", family(*flavor)),
        EventKind::TaskSucceeded { flavor, .. } => format!("{}Succeeded", family(*flavor)),
        EventKind::TaskFailed { flavor, .. } => format!("{}Failed", family(*flavor)),
        EventKind::TaskTimedOut { flavor, .. } => format!("{}TimedOut", family(*flavor)),
        other => plain_name(other).to_owned(),
    }
}

fn family(flavor: Flavor) -> &'static str {
    match flavor {
        Flavor::Service => "Task",
        Flavor::Lambda => "LambdaFunction",
        Flavor::Activity => "Activity",
    }
}

fn plain_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::ExecutionStarted { .. } => "ExecutionStarted",
        EventKind::ExecutionSucceeded { .. } => "ExecutionSucceeded",
        EventKind::ExecutionFailed(_) => "ExecutionFailed",
        EventKind::ExecutionTimedOut(_) => "ExecutionTimedOut",
        EventKind::ExecutionAborted(_) => "ExecutionAborted",
        EventKind::ExecutionRedriven { .. } => "ExecutionRedriven",
        EventKind::TaskSubmitted { .. } => "TaskSubmitted",
        EventKind::TaskHeartbeat => "TaskHeartbeat",
        EventKind::ParallelStateStarted { .. } => "ParallelStateStarted",
        EventKind::ParallelStateSucceeded => "ParallelStateSucceeded",
        EventKind::ParallelStateFailed => "ParallelStateFailed",
        EventKind::DistributedMapStarted { .. } => "MapStateStarted",
        EventKind::MapRunStarted { .. } => "MapRunStarted",
        EventKind::MapRunSucceeded { .. } => "MapRunSucceeded",
        EventKind::MapRunFailed(_) => "MapRunFailed",
        EventKind::MapRunAborted => "MapRunAborted",
        EventKind::MapRunRedriven { .. } => "MapRunRedriven",
        EventKind::MapStateStarted { .. } => "MapStateStarted",
        EventKind::MapIterationStarted { .. } => "MapIterationStarted",
        EventKind::MapIterationSucceeded { .. } => "MapIterationSucceeded",
        EventKind::MapIterationFailed { .. } => "MapIterationFailed",
        EventKind::MapIterationAborted { .. } => "MapIterationAborted",
        EventKind::MapStateSucceeded => "MapStateSucceeded",
        EventKind::MapStateFailed => "MapStateFailed",
        EventKind::EvaluationFailed { .. } => "EvaluationFailed",
        EventKind::StateFailed { .. } => "StateFailed",
        EventKind::Stopping(_) => "Stopping",
        EventKind::WaitArmed { .. } => "WaitArmed",
        EventKind::RetryArmed { .. } => "RetryArmed",
        _ => "Event",
    }
}
