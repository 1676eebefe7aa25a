//! A job without a timeout holds its execution for as long as it is stuck.

use super::waiting::Waiting;
use super::{Finding, Subject};
use crate::Kind;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Kind::Task(task) = &subject.visited.state.kind else { return Vec::new() };
    if Waiting::of(task) != Waiting::Job || task.timeout_seconds.is_some() || task.heartbeat_seconds.is_some() {
        return Vec::new();
    }
    let message = "A job without TimeoutSeconds may hold its execution for a year; say how many seconds it may take";
    vec![Finding::new(message, &subject.visited.location)]
}
