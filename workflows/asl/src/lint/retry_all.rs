//! Everything is retried, and nothing catches what is left when the retries are used up.

use super::{Finding, Subject};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(recovery) = subject.visited.state.kind.recovery() else { return Vec::new() };
    if !recovery.catch.is_empty() || subject.visited.caught {
        return Vec::new();
    }
    let all = |names: &[std::sync::Arc<str>]| names.iter().any(|name| &**name == "States.ALL");
    let Some(index) = recovery.retry.iter().position(|retrier| all(&retrier.error_equals) && retrier.max_attempts > 0)
    else {
        return Vec::new();
    };
    let message = "States.ALL retries what no retry mends, and nothing catches the last failure: name the errors that \
                   pass, or add a Catch";
    vec![Finding::new(message, format!("{}/Retry[{index}]", subject.visited.location))]
}
