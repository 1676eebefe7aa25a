//! What becomes of failures: every task broken in every way, and where each path ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use asl::{Definition, Kind, State, Value};
use execution::{Event, EventKind, FrameId, Status};
use indexmap::IndexMap;

use crate::expect;
use crate::fault::{self, Broken, Fault, How};
use crate::run::{Run, play, run};
use crate::suite::{Case, Suite};

/// What exploring has found.
#[derive(Clone, Debug, Default)]
pub struct Exploration {
    /// Paths tried.
    pub paths: usize,
    /// Those on which a failure is lost.
    pub findings: Vec<Finding>,
}

/// A path on which a failure is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The Task that was made to fail.
    pub state: String,
    /// With which error.
    pub error: String,
    /// How often.
    pub how: How,
    /// In which case.
    pub case: String,
    /// What is wrong with the end.
    pub problem: String,
    /// The states from the failing one on.
    pub path: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, error, how, case, problem, path } = self;
        write!(f, "{state}: {error} ({}) in case {case:?}: {problem}; path: {}", how.word(), path.join(" -> "))
    }
}

/// Breaks every Task that a case of `suite` gets to, on each way into it, in every way that it can fail, and reports
/// what ends neither well, nor with a person who is told, a dead letter or a state that the suite says handles it.
#[must_use]
pub fn explore(definition: &Definition, machine: &str, suite: &Suite) -> Exploration {
    Explorer::new(definition, machine, suite).explore()
}

/// Knows the ways into every Task.
#[derive(Clone)]
pub struct Explorer<'a> {
    definition: &'a Definition,
    machine: &'a str,
    suite: &'a Suite,
    states: BTreeMap<Arc<str>, &'a State>,
    visits: Arc<IndexMap<Arc<str>, Vec<Visit<'a>>>>,
}

/// One way in which a case gets to a Task.
struct Visit<'a> {
    case: &'a Case,
    /// The state before.
    from: Arc<str>,
    /// Attempts at the Task before.
    attempts: u64,
}

impl<'a> Explorer<'a> {
    /// Runs the cases of `suite` to learn how they get to each Task.
    #[must_use]
    pub fn new(definition: &'a Definition, machine: &'a str, suite: &'a Suite) -> Self {
        let mut explorer = Self { definition, machine, suite, states: states(definition), visits: Arc::default() };
        let mut visits = IndexMap::new();
        for case in &suite.cases {
            explorer.collect(case, &mut visits);
        }
        explorer.visits = Arc::new(visits);
        explorer
    }

    /// The same ways, tried on another definition of the same states.
    #[must_use]
    pub fn on(&self, definition: &'a Definition) -> Self {
        Self { definition, states: states(definition), visits: Arc::clone(&self.visits), ..*self }
    }

    /// Tries every failure of every Task.
    #[must_use]
    pub fn explore(&self) -> Exploration {
        let mut exploration = Exploration::default();
        for state in self.visits.keys() {
            for (visit, fault) in self.trials(state) {
                exploration.paths += 1;
                exploration.findings.extend(self.try_out(state, visit, &fault));
            }
        }
        exploration
    }

    /// The first way to lose a failure of this Task that is found, if there is any.
    #[must_use]
    pub fn first_loss(&self, state: &str) -> Option<Finding> {
        self.trials(state).into_iter().find_map(|(visit, fault)| self.try_out(state, visit, &fault))
    }

    /// Every failure of the Task on the first way into it, on the others one of each kind.
    fn trials(&self, state: &str) -> Vec<(&Visit<'a>, Fault)> {
        let Some(task) = self.states.get(state).copied().and_then(fault::task) else { return Vec::new() };
        let faults = fault::faults(task);
        let kinds: Vec<Fault> = fault::representatives(task, &faults).into_iter().cloned().collect();
        let mut trials = Vec::new();
        for (index, visit) in self.visits.get(state).into_iter().flatten().enumerate() {
            let tried = if index == 0 { &faults } else { &kinds };
            trials.extend(tried.iter().map(|fault| (visit, fault.clone())));
        }
        trials
    }

    /// Adds the ways in which the case gets to Tasks: of each way, by the state before, the first case and the last.
    fn collect(&self, case: &'a Case, visits: &mut IndexMap<Arc<str>, Vec<Visit<'a>>>) {
        let run = run(self.definition, self.machine, case);
        let mut before: BTreeMap<FrameId, Arc<str>> = BTreeMap::new();
        let mut attempts: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for event in &run.events {
            match &event.kind {
                EventKind::StateEntered { name, .. } => {
                    let from = before.insert(event.frame, Arc::clone(name)).unwrap_or_default();
                    let is_task = self.states.get(name).copied().and_then(fault::task).is_some();
                    if is_task && seen.insert((Arc::clone(&from), Arc::clone(name))) {
                        let visit = Visit { case, from, attempts: attempts.get(name).copied().unwrap_or(0) };
                        add(visits.entry(Arc::clone(name)).or_default(), visit);
                    }
                }
                EventKind::TaskScheduled { .. } => {
                    if let Some(name) = before.get(&event.frame) {
                        *attempts.entry(Arc::clone(name)).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
    }

    fn try_out(&self, state: &str, visit: &Visit<'_>, fault: &Fault) -> Option<Finding> {
        let broken = Broken { case: visit.case, suite: self.suite, state, from: visit.attempts, fault };
        let run = play(self.definition, self.machine, &visit.case.input, &broken);
        let walk = self.walk(&run, state, visit.attempts);
        let problem = self.problem(&run, &walk)?;
        Some(Finding {
            state: state.to_owned(),
            error: fault.name.clone(),
            how: fault.how,
            case: visit.case.name.clone(),
            problem,
            path: walk.path.iter().map(ToString::to_string).collect(),
        })
    }

    /// What is wrong with the end of a run, if anything is.
    fn problem(&self, run: &Run, walk: &Walk) -> Option<String> {
        if let Some(problem) = run.problems.first() {
            return Some(problem.clone());
        }
        match run.status {
            Status::Succeeded => None,
            Status::Failed if walk.ended_by_fail => {
                let handled = self.suite.fails_to_caller || walk.handled || walk.given_up.len() > 1;
                (!handled).then(|| {
                    let last = walk.path.last().map_or("", |name| name);
                    format!("ends in {last:?}, and nobody was told, nothing undone, no dead letter kept")
                })
            }
            Status::Failed => Some(format!(
                "nothing catches {}: {}",
                run.failure.error.as_deref().unwrap_or("an error without a name"),
                run.failure.cause.as_deref().unwrap_or_default()
            )),
            Status::TimedOut if self.suite.fails_to_caller => None,
            other => Some(format!("the execution ends as {}, which nothing can catch", expect::name(other))),
        }
    }

    /// Goes through the events, and follows the path from the first attempt that was made to fail.
    fn walk(&self, run: &Run, state: &str, attempts: u64) -> Walk {
        let mut walk = Walk::default();
        let (mut current, mut begun, mut left) = (BTreeMap::<FrameId, Arc<str>>::new(), false, attempts);
        for event in &run.events {
            if let EventKind::StateEntered { name, .. } = &event.kind {
                current.insert(event.frame, Arc::clone(name));
            }
            if !begun && matches!(event.kind, EventKind::TaskScheduled { .. }) {
                let here = current.get(&event.frame).is_some_and(|name| &**name == state);
                begun = here && left == 0;
                left -= u64::from(here && !begun);
                if begun {
                    // What was told before is not about this failure; who could not be told before still cannot be.
                    (walk.path, walk.handled) = (vec![Arc::from(state)], false);
                }
            }
            self.follow(event, &mut walk);
        }
        walk
    }

    fn follow(&self, event: &Event, walk: &mut Walk) {
        let frame = event.frame;
        match &event.kind {
            EventKind::StateEntered { name, .. } => {
                walk.path.push(Arc::clone(name));
                walk.failed.remove(&frame);
                walk.ended_by_fail = self.states.get(name).is_some_and(|state| matches!(state.kind, Kind::Fail(_)));
                walk.handled |= walk.ended_by_fail && self.handles(name);
            }
            EventKind::TaskFailed { .. }
            | EventKind::TaskTimedOut { .. }
            | EventKind::StateFailed { .. }
            | EventKind::MapRunFailed(_)
            | EventKind::EvaluationFailed { .. } => {
                walk.failed.insert(frame);
                // A Fail state whose own fields cannot be evaluated fails with another error than it says.
                walk.ended_by_fail &= !matches!(event.kind, EventKind::EvaluationFailed { .. });
            }
            EventKind::RetryArmed { .. } => drop(walk.failed.remove(&frame)),
            EventKind::StateExited { name, .. } if self.handles(name) => {
                if walk.failed.contains(&frame) {
                    walk.given_up.insert(Arc::clone(name));
                } else {
                    walk.handled = true;
                }
            }
            _ => {}
        }
    }

    /// Whether a failure counts as handled once the state is done.
    fn handles(&self, name: &Arc<str>) -> bool {
        self.suite.handled_by.contains(name) || self.states.get(name).is_some_and(|state| tells(state))
    }
}

/// Adds a visit in place of the second one from the same state.
fn add<'a>(visits: &mut Vec<Visit<'a>>, visit: Visit<'a>) {
    match visits.iter().enumerate().filter(|(_, known)| known.from == visit.from).nth(1).map(|(index, _)| index) {
        Some(index) => visits[index] = visit,
        None => visits.push(visit),
    }
}

fn states(definition: &Definition) -> BTreeMap<Arc<str>, &State> {
    let mut states = BTreeMap::new();
    definition.visit(&mut |visited| {
        states.insert(Arc::clone(visited.name), visited.state);
    });
    states
}

/// What a run did once its task was made to fail.
#[derive(Default)]
struct Walk {
    path: Vec<Arc<str>>,
    failed: BTreeSet<FrameId>,
    /// A state that handles failures was done.
    handled: bool,
    /// States that handle failures and failed themselves, their failure caught.
    given_up: BTreeSet<Arc<str>>,
    ended_by_fail: bool,
}

/// Whether the state tells a person or keeps a dead letter: it publishes to a topic, sends mail, calls a function named
/// for telling, sends to a dead-letter queue, or starts a state machine named so.
fn tells(state: &State) -> bool {
    let Some(task) = fault::task(state) else { return false };
    let resource = task.resource.to_lowercase();
    let given = [&state.flow.arguments, &state.flow.parameters];
    let texts: String = given.into_iter().flatten().map(Value::to_string).collect::<String>().to_lowercase();
    let named = |text: &str| ["notify", "notification", "alert", "pager"].iter().any(|word| text.contains(word));
    let dead = ["dead-letter", "deadletter", "dlq"].iter().any(|word| texts.contains(word));
    let call = resource.splitn(6, ':').nth(5).unwrap_or_default();
    match call {
        _ if call.contains("sns:publish") || call.contains("ses:sendemail") || call.contains("sesv2:sendemail") => true,
        _ if call.contains("sqs:sendmessage") || call.starts_with("states:startexecution") => dead,
        _ if call.contains("lambda:invoke") => named(&texts),
        _ if call.starts_with("function:") => named(call),
        _ => false,
    }
}
