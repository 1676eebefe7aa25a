//! An error name that an earlier retrier or catcher of the same state has already: it is never looked at.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Finding, Subject, catch_unreachable};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(recovery) = subject.visited.state.kind.recovery() else { return Vec::new() };
    let location = &subject.visited.location;
    let retry = recovery.retry.iter().map(|retrier| &*retrier.error_equals);
    let mut found = repeated(retry, &format!("{location}/Retry"));
    // A catcher without any name of its own is another rule's.
    let reachable = |index: &usize| !catch_unreachable::is_unreachable(subject.visited.state, *index);
    let catch = recovery.catch.iter().enumerate().map(|(index, catcher)| match reachable(&index) {
        true => &*catcher.error_equals,
        false => &[],
    });
    found.extend(repeated(catch, &format!("{location}/Catch")));
    found
}

fn repeated<'a>(lists: impl Iterator<Item = &'a [Arc<str>]>, location: &str) -> Vec<Finding> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (element, names) in lists.enumerate() {
        for (index, name) in names.iter().enumerate() {
            if !seen.insert(name) {
                let message = format!("Error name '{name}' is matched earlier in this list and never gets here");
                let location = format!("{location}[{element}]/ErrorEquals[{index}]");
                found.push(Finding::new(message, location));
            }
        }
    }
    found
}
