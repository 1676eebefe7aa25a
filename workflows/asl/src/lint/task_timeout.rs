//! A Task without a timeout waits 99,999,999 seconds: longer than its execution may last.

use super::Finding;
use crate::Kind;
use crate::visit::Visited;

pub(super) fn check(visited: &Visited<'_>) -> Vec<Finding> {
    let Kind::Task(task) = &visited.state.kind else { return Vec::new() };
    if task.timeout_seconds.is_some() {
        return Vec::new();
    }
    let message = "A Task without TimeoutSeconds may hang for a year; say how many seconds it may take";
    vec![Finding::new(message, &visited.location)]
}
