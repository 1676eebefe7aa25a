//! The ways in which a task can fail.

use std::collections::BTreeSet;
use std::sync::Arc;

use asl::{Kind, NumberField, State, Task, Value};
use execution::{Failure, Millis, TaskOrder};

use crate::mock::{Outcome, Response, USUAL_DELAY};
use crate::run::Answers;
use crate::suite::{Case, Suite};

/// An error that no definition names.
const UNHEARD: &str = "Unheard.Of";
/// Seconds between the heartbeats of a task that goes on for ever, where nothing says how often they must come.
const USUAL_HEARTBEAT: u64 = 20;
/// Heartbeats of such a task at most.
const MOST_HEARTBEATS: u64 = 3_000;

/// How often a task fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Once; the retry gets the result of the case.
    Once,
    /// At every attempt: retries are used up.
    Always,
}

impl How {
    /// As a word in a sentence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Always => "always",
        }
    }
}

/// One way for a task to fail.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// The error's name, or what happens instead of an error.
    pub(crate) name: String,
    pub(crate) how: How,
    response: Response,
}

/// Every way in which the Task fails: each error that its Retry and Catch name, one that they do not, silence. Of errors
/// that one retrier takes, one alone is tried once.
pub(crate) fn faults(task: &Task) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut retriers = BTreeSet::new();
    for name in declared(task).into_iter().chain([UNHEARD]) {
        let response = thrown(task, name);
        if let (Some(retrier), _) = kin(task, name)
            && retriers.insert(retrier)
        {
            found.push(Fault { name: name.to_owned(), how: How::Once, response: response.clone() });
        }
        found.push(Fault { name: name.to_owned(), how: How::Always, response });
    }
    found.extend(silences(task));
    found
}

/// Of [`faults`] one of each kind: those that the same retrier and the same catcher take are of one kind.
pub(crate) fn representatives<'a>(task: &Task, faults: &'a [Fault]) -> Vec<&'a Fault> {
    let mut kinds = BTreeSet::new();
    faults.iter().filter(|fault| kinds.insert((kin(task, &fault.name), fault.how, fault.is_silence()))).collect()
}

/// Which retrier and which catcher take an error.
fn kin(task: &Task, name: &str) -> (Option<usize>, Option<usize>) {
    let takes = |names: &[Arc<str>]| {
        names.iter().any(|taken| matches!(&**taken, "States.ALL" | "States.TaskFailed") || **taken == *name)
    };
    let retrier = task.recovery.retry.iter().position(|retrier| takes(&retrier.error_equals));
    (retrier, task.recovery.catch.iter().position(|catcher| takes(&catcher.error_equals)))
}

impl Fault {
    fn is_silence(&self) -> bool {
        matches!(self.response.outcome, Outcome::Silence)
    }
}

fn silences(task: &Task) -> Vec<Fault> {
    let mut found = Vec::new();
    let fault = |name: &str, response| Fault { name: name.to_owned(), how: How::Always, response };
    if task.timeout_seconds.is_some() || task.heartbeat_seconds.is_some() {
        let silent = Response { delay: USUAL_DELAY, heartbeat: None, submitted: None, outcome: Outcome::Silence };
        found.push(fault("silence", silent));
    }
    if task.timeout_seconds.is_some() && task.heartbeat_seconds.is_some() {
        found.push(fault("heartbeats without end", beating(task)));
    }
    found
}

/// The errors that the Task's Retry and Catch name. Patterns are covered by an unheard error and by silence.
fn declared(task: &Task) -> BTreeSet<&str> {
    const PATTERNS: [&str; 5] =
        ["States.ALL", "States.TaskFailed", "States.Timeout", "States.HeartbeatTimeout", "States.Runtime"];
    let retried = task.recovery.retry.iter().map(|retrier| &retrier.error_equals);
    let caught = task.recovery.catch.iter().map(|catcher| &catcher.error_equals);
    retried.chain(caught).flatten().map(|name| &**name).filter(|name| !PATTERNS.contains(name)).collect()
}

/// A failure with a cause as the task's service writes it.
fn thrown(task: &Task, name: &str) -> Response {
    let resource = &*task.resource;
    let child = resource.contains(":states:startExecution.sync") && name == UNHEARD;
    let text = |value: &str| Value::from(value);
    let (error, cause) = if child {
        let description = [("Error", text(name)), ("Cause", text("explored")), ("Status", text("FAILED"))];
        ("States.TaskFailed", Value::object(description).to_string())
    } else if resource.contains(":lambda:") {
        let payload = [("errorMessage", text("explored")), ("errorType", text(name))];
        (name, Value::object(payload).to_string())
    } else {
        (name, "explored".to_owned())
    };
    let failure = Failure { error: Some(error.into()), cause: Some(cause.into()) };
    Response { delay: USUAL_DELAY, heartbeat: None, submitted: None, outcome: Outcome::Throw(failure) }
}

/// A worker that says that it is alive and never ends.
fn beating(task: &Task) -> Response {
    let every = match task.heartbeat_seconds {
        Some(NumberField::Literal(seconds)) => (seconds / 2).max(1),
        _ => USUAL_HEARTBEAT,
    };
    let span = match task.timeout_seconds {
        Some(NumberField::Literal(seconds)) => seconds.saturating_add(every),
        _ => every * MOST_HEARTBEATS,
    };
    let milliseconds = |seconds: u64| Millis::try_from(seconds.saturating_mul(1_000)).unwrap_or(Millis::MAX / 2);
    Response {
        delay: milliseconds(span.min(every * MOST_HEARTBEATS)),
        heartbeat: Some(milliseconds(every)),
        submitted: None,
        outcome: Outcome::Silence,
    }
}

/// A case with a fault in it.
pub(crate) struct Broken<'a> {
    pub(crate) case: &'a Case,
    /// Where else results are taken from: a failure may lead to states that the case never gets to.
    pub(crate) suite: &'a Suite,
    pub(crate) state: &'a str,
    /// The attempt at the state, counted over the execution, that fails first.
    pub(crate) from: u64,
    pub(crate) fault: &'a Fault,
}

impl Answers for Broken<'_> {
    fn answer(&self, order: &TaskOrder, attempt: u64) -> Option<Response> {
        let hit = &*order.state == self.state && attempt >= self.from;
        let attempt = match (hit, self.fault.how) {
            (true, How::Always) => return Some(self.fault.response.clone()),
            (true, How::Once) if attempt == self.from => return Some(self.fault.response.clone()),
            (true, How::Once) => attempt - 1,
            (false, _) => attempt,
        };
        self.answer_of_case(order, attempt).or_else(|| self.answer_of_suite(order))
    }

    fn answer_run(&self, state: &str, attempt: u64) -> Option<Response> {
        self.case.answer_run(state, attempt)
    }

    fn items(&self, state: &str) -> Option<&Value> {
        self.case.items(state)
    }
}

impl Broken<'_> {
    fn answer_of_case(&self, order: &TaskOrder, attempt: u64) -> Option<Response> {
        let mock = self.case.mocks.get(&order.state)?;
        mock.answer(attempt).or_else(|| mock.last_result()).cloned()
    }

    fn answer_of_suite(&self, order: &TaskOrder) -> Option<Response> {
        self.suite.cases.iter().find_map(|case| case.mocks.get(&order.state)?.last_result().cloned())
    }
}

/// The Task that the state is, if it is one.
pub(crate) const fn task(state: &State) -> Option<&Task> {
    match &state.kind {
        Kind::Task(task) => Some(task),
        _ => None,
    }
}
