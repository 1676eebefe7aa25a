//! What a set of scenarios has to reach to have tried all of a definition.

use std::fmt;
use std::sync::Arc;

use crate::{Definition, Kind, State, Transition};

/// One thing that a run of the definition can reach.
///
/// It displays as its key, which is unique in the definition because names of states are:
///
/// | key | reached when |
/// |---|---|
/// | `States/A` | state `A` is entered |
/// | `A -> B` | `A` ends well and `B` is entered next: by `Next`, a choice rule or `Default` |
/// | `A -> [end]` | `A` ends well and, having `End`, ends its machine |
/// | `A catch[0]` | the first catcher of `A` matches an error |
/// | `A retry[0]` | the first retrier of `A` matches an error and the state is tried again |
///
/// Several rules of a Choice that lead to the same state are one transition. Retriers with `MaxAttempts` 0 never try
/// again and are no point. Succeed and Fail have no transition: entering them is all there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// A state is entered.
    State(Arc<str>),
    /// A state is left for another one.
    Transition {
        /// The state that is left.
        from: Arc<str>,
        /// The state that is entered; nothing at the end of the machine.
        to: Option<Arc<str>>,
    },
    /// A catcher matches.
    Catch {
        /// The state with the catcher.
        state: Arc<str>,
        /// Its place in `Catch`.
        index: usize,
    },
    /// A retrier matches.
    Retry {
        /// The state with the retrier.
        state: Arc<str>,
        /// Its place in `Retry`.
        index: usize,
    },
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(name) => write!(f, "States/{name}"),
            Self::Transition { from, to: Some(to) } => write!(f, "{from} -> {to}"),
            Self::Transition { from, to: None } => write!(f, "{from} -> [end]"),
            Self::Catch { state, index } => write!(f, "{state} catch[{index}]"),
            Self::Retry { state, index } => write!(f, "{state} retry[{index}]"),
        }
    }
}

/// Every point of the definition, nested machines included, without repetition, in the order of the text.
#[must_use]
pub fn coverage_points(definition: &Definition) -> Vec<Point> {
    let mut points = indexmap::IndexSet::new();
    definition.visit(&mut |visited| {
        points.insert(Point::State(visited.name.clone()));
        points.extend(transitions(visited.name, visited.state));
        points.extend(recoveries(visited.name, visited.state));
    });
    points.into_iter().collect()
}

fn transitions(name: &Arc<str>, state: &State) -> Vec<Point> {
    let to = |target: Option<&Arc<str>>| Point::Transition { from: name.clone(), to: target.cloned() };
    if let Kind::Choice(choice) = &state.kind {
        let targets = choice.rules.iter().map(|rule| &rule.next).chain(&choice.default);
        return targets.map(|target| to(Some(target))).collect();
    }
    match state.kind.transition() {
        Some(Transition::Next(next)) => vec![to(Some(next))],
        Some(Transition::End) => vec![to(None)],
        None => Vec::new(),
    }
}

fn recoveries(name: &Arc<str>, state: &State) -> Vec<Point> {
    let Some(recovery) = state.kind.recovery() else { return Vec::new() };
    let catches = (0..recovery.catch.len()).map(|index| Point::Catch { state: name.clone(), index });
    let tried = recovery.retry.iter().enumerate().filter(|(_, retrier)| retrier.max_attempts > 0);
    catches.chain(tried.map(|(index, _)| Point::Retry { state: name.clone(), index })).collect()
}
