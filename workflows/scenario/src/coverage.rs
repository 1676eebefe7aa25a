//! What the runs of a definition have reached, against all there is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use asl::{Choice, Definition, Kind, Object, Point, State, Value, coverage_points};
use evaluate::Scope;
use execution::{Event, EventKind, Failure, FrameId};
use indexmap::IndexSet;

use crate::run::Run;

/// Every point of a definition, and those that were reached. To [`asl`]'s points it adds `A choices[0]`: the first
/// rule of the Choice `A` matched. Rules that lead to the same state stay apart this way.
#[derive(Clone, Debug)]
pub struct Coverage<'a> {
    states: BTreeMap<Arc<str>, &'a State>,
    goals: IndexSet<String>,
    reached: BTreeSet<String>,
}

/// A failure that has not been retried or caught yet.
struct Failed {
    error: Arc<str>,
    heartbeat: bool,
}

/// How far one run has come, event by event.
#[derive(Default)]
struct Walk {
    current: BTreeMap<FrameId, (Arc<str>, Value)>,
    failed: BTreeMap<FrameId, Failed>,
    /// Of all frames together: the conditions of our definitions read no variable that two frames share.
    variables: Object,
}

impl<'a> Coverage<'a> {
    /// Nothing reached yet.
    #[must_use]
    pub fn new(definition: &'a Definition) -> Self {
        let mut states = BTreeMap::new();
        let mut goals: IndexSet<String> = coverage_points(definition).iter().map(ToString::to_string).collect();
        definition.visit(&mut |visited| {
            states.insert(Arc::clone(visited.name), visited.state);
            if let Kind::Choice(choice) = &visited.state.kind {
                goals.extend((0..choice.rules.len()).map(|index| rule(visited.name, index)));
            }
        });
        Self { states, goals, reached: BTreeSet::new() }
    }

    /// Adds what a run has reached.
    pub fn add(&mut self, run: &Run) {
        let mut walk = Walk::default();
        for event in &run.events {
            self.event(&mut walk, event);
        }
    }

    /// The points that no run has reached.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        self.goals.iter().filter(|goal| !self.reached.contains(*goal)).map(String::as_str).collect()
    }

    /// Kind of points, how many were reached, how many there are.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, usize, usize)> {
        let kinds = [
            ("states", "States/"),
            ("transitions", " -> "),
            ("choice rules", " choices["),
            ("catches", " catch["),
            ("retries", " retry["),
        ];
        let count = |(name, mark): (&'static str, &str)| {
            let goals = || self.goals.iter().filter(|goal| goal.contains(mark));
            (name, goals().filter(|goal| self.reached.contains(*goal)).count(), goals().count())
        };
        kinds.into_iter().map(count).collect()
    }

    /// Reached and all, by kind: `51/51 states, ...`.
    #[must_use]
    pub fn summary(&self) -> String {
        let kinds = self.counts().into_iter().map(|(name, reached, all)| format!("{reached}/{all} {name}"));
        kinds.collect::<Vec<_>>().join(", ")
    }

    fn reach(&mut self, point: &Point) {
        self.reached.insert(point.to_string());
    }

    fn event(&mut self, walk: &mut Walk, event: &Event) {
        let frame = event.frame;
        match &event.kind {
            EventKind::StateEntered { name, input, .. } => {
                self.reach(&Point::State(Arc::clone(name)));
                walk.current.insert(frame, (Arc::clone(name), input.clone()));
                walk.failed.remove(&frame);
            }
            EventKind::TaskFailed { failure, .. } | EventKind::StateFailed { failure, .. } => {
                walk.failed.insert(frame, failed(failure, false));
            }
            EventKind::EvaluationFailed { failure, .. } | EventKind::MapRunFailed(failure) => {
                walk.failed.insert(frame, failed(failure, false));
            }
            EventKind::TaskTimedOut { failure, heartbeat, .. } => {
                walk.failed.insert(frame, failed(failure, *heartbeat));
            }
            EventKind::RetryArmed { retrier, .. } => {
                walk.failed.remove(&frame);
                if let Some((state, _)) = walk.current.get(&frame) {
                    self.reach(&Point::Retry { state: Arc::clone(state), index: *retrier as usize });
                }
            }
            EventKind::StateExited { name, next, assigned, .. } => {
                match walk.failed.remove(&frame) {
                    Some(failed) => self.caught(name, &failed),
                    None => self.left(walk, event, name, next.as_ref()),
                }
                walk.variables.extend(assigned.iter().cloned());
            }
            _ => {}
        }
    }

    fn caught(&mut self, name: &Arc<str>, failed: &Failed) {
        let recovery = self.states.get(name).and_then(|state| state.kind.recovery());
        let catch = recovery.map(|recovery| recovery.catch.as_slice()).unwrap_or_default();
        if let Some(index) = catch.iter().position(|catcher| failed.is_in(&catcher.error_equals)) {
            self.reach(&Point::Catch { state: Arc::clone(name), index });
        }
    }

    fn left(&mut self, walk: &Walk, event: &Event, name: &Arc<str>, next: Option<&Arc<str>>) {
        self.reach(&Point::Transition { from: Arc::clone(name), to: next.cloned() });
        let Some(State { kind: Kind::Choice(choice), .. }) = self.states.get(name) else { return };
        if let Some(index) = matching(choice, walk, event) {
            self.reached.insert(rule(name, index));
        }
    }
}

impl Failed {
    fn is_in(&self, names: &[Arc<str>]) -> bool {
        names.iter().any(|name| match &**name {
            "States.ALL" => true,
            "States.TaskFailed" => &*self.error != "States.Timeout",
            "States.HeartbeatTimeout" => self.heartbeat || &*self.error == "States.HeartbeatTimeout",
            name => name == &*self.error,
        })
    }
}

fn failed(failure: &Failure, heartbeat: bool) -> Failed {
    Failed { error: failure.error.clone().unwrap_or_default(), heartbeat }
}

fn rule(state: &str, index: usize) -> String {
    format!("{state} choices[{index}]")
}

/// The rule that sent the execution on, found by asking each of them again.
fn matching(choice: &Choice, walk: &Walk, event: &Event) -> Option<usize> {
    let (_, input) = walk.current.get(&event.frame)?;
    let context = Value::object::<Arc<str>>([]);
    let scope = Scope {
        input,
        result: None,
        error_output: None,
        context: &context,
        variables: &walk.variables,
        now: event.at,
        seed: 0,
    };
    choice.rules.iter().position(|rule| matches!(evaluate::condition(&rule.condition, &scope), Ok(true)))
}
