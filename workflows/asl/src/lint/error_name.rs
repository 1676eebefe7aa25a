//! An error name that an earlier retrier or catcher of the same state has already: it is never looked at.

use std::collections::HashSet;
use std::sync::Arc;

use super::Finding;
use crate::visit::Visited;

pub(super) fn check(visited: &Visited<'_>) -> Vec<Finding> {
    let Some(recovery) = visited.state.kind.recovery() else { return Vec::new() };
    let retry = recovery.retry.iter().map(|retrier| &*retrier.error_equals);
    let catch = recovery.catch.iter().map(|catcher| &*catcher.error_equals);
    let mut found = repeated(retry, &format!("{}/Retry", visited.location));
    found.extend(repeated(catch, &format!("{}/Catch", visited.location)));
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
