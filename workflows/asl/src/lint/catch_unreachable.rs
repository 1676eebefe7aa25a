//! A catcher that no error gets to: earlier ones of the same state take all that it names.

use super::{Finding, Subject};
use crate::{Kind, State};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let state = subject.visited.state;
    let catchers = state.kind.recovery().map_or(0, |recovery| recovery.catch.len());
    let unreachable = (0..catchers).filter(|index| is_unreachable(state, *index));
    let finding = |index| {
        let message = "No error gets to this catcher: earlier ones take every error that it names";
        Finding::new(message, format!("{}/Catch[{index}]", subject.visited.location))
    };
    unreachable.map(finding).collect()
}

/// Whether the catcher at `index` is never looked at.
pub(super) fn is_unreachable(state: &State, index: usize) -> bool {
    let Some(catch) = state.kind.recovery().map(|recovery| &recovery.catch) else { return false };
    let Some((catcher, earlier)) = catch.get(index).zip(catch.get(..index)) else { return false };
    let is_task = matches!(state.kind, Kind::Task(_));
    let takes =
        |taken: &str, name: &str| taken == name || (is_task && taken == "States.TaskFailed" && is_failure(name));
    let taken = |name: &str| earlier.iter().flat_map(|earlier| &earlier.error_equals).any(|taken| takes(taken, name));
    catcher.error_equals.iter().all(|name| taken(name))
}

/// Whether `States.TaskFailed` stands for this error of a Task too.
fn is_failure(name: &str) -> bool {
    !matches!(name, "States.ALL" | "States.Timeout" | "States.HeartbeatTimeout" | "States.DataLimitExceeded")
}
