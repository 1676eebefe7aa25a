//! A callback or an activity without a timeout or a heartbeat: an answer that is lost is waited for to the end.

use super::waiting::Waiting;
use super::{Finding, Subject};
use crate::Kind;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Kind::Task(task) = &subject.visited.state.kind else { return Vec::new() };
    if task.timeout_seconds.is_some() || task.heartbeat_seconds.is_some() {
        return Vec::new();
    }
    let who = match Waiting::of(task) {
        Waiting::Callback => "callback",
        Waiting::Worker => "worker's answer",
        Waiting::Job | Waiting::Answer | Waiting::Unknown => return Vec::new(),
    };
    let message =
        format!("A {who} that never comes is waited for a year; give the Task TimeoutSeconds or HeartbeatSeconds");
    vec![Finding::new(message, &subject.visited.location)]
}
