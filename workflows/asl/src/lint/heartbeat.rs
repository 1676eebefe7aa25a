//! A heartbeat that cannot help: too slow to come before the end, or sent by nobody.

use super::waiting::Waiting;
use super::{Finding, Subject, execution_limit, known_seconds};
use crate::Kind;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Kind::Task(task) = &subject.visited.state.kind else { return Vec::new() };
    if task.heartbeat_seconds.is_none() {
        return Vec::new();
    }
    let location = format!("{}/HeartbeatSeconds", subject.visited.location);
    if Waiting::of(task) == Waiting::Answer {
        let message = "Nobody sends heartbeats for this Task: it has no worker, job or callback, and no task token";
        return vec![Finding::new(message, location)];
    }
    let Some(heartbeat) = known_seconds(task.heartbeat_seconds.as_ref()) else { return Vec::new() };
    let (limit, whose) = match known_seconds(task.timeout_seconds.as_ref()) {
        Some(timeout) => (timeout, "TimeoutSeconds"),
        None => execution_limit(subject),
    };
    if heartbeat < limit {
        return Vec::new();
    }
    let message = format!("A heartbeat that may take {heartbeat} s is never missed: {whose} of {limit} s ends first");
    vec![Finding::new(message, location)]
}
