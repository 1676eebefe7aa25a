//! A reserved error name that this state never fails with, or that is never retried and caught.

use std::sync::Arc;

use super::{Finding, Subject};
use crate::{Kind, State, Task};

/// The names that the States Language and Step Functions reserve.
const RESERVED: [&str; 17] = [
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let state = subject.visited.state;
    let Some(recovery) = state.kind.recovery() else { return Vec::new() };
    let retry = recovery.retry.iter().map(|retrier| &retrier.error_equals);
    let catch = recovery.catch.iter().map(|catcher| &catcher.error_equals);
    let mut found = Vec::new();
    for (list, names) in [("Retry", retry.collect::<Vec<_>>()), ("Catch", catch.collect())] {
        for (element, names) in names.into_iter().enumerate() {
            let location = format!("{}/{list}[{element}]/ErrorEquals", subject.visited.location);
            found
                .extend(impossible(state, names).map(|(index, why)| Finding::new(why, format!("{location}[{index}]"))));
        }
    }
    found
}

fn impossible<'a>(state: &'a State, names: &'a [Arc<str>]) -> impl Iterator<Item = (usize, String)> + 'a {
    names.iter().enumerate().filter_map(|(index, name)| Some((index, why(state, name)?)))
}

/// Why an error of this name never gets to a retrier or catcher of the state.
fn why(state: &State, name: &str) -> Option<String> {
    match (name, &state.kind) {
        ("States.Runtime", _) => Some("States.Runtime ends the execution: it is never retried or caught".into()),
        ("States.BranchFailed", _) => {
            Some("Nothing fails with States.BranchFailed: a branch's own error arrives, name that one".into())
        }
        ("States.NoChoiceMatched", Kind::Task(_)) => Some("A Task never fails with States.NoChoiceMatched".into()),
        ("States.HeartbeatTimeout", Kind::Task(task)) if task.heartbeat_seconds.is_none() => {
            Some("States.HeartbeatTimeout needs HeartbeatSeconds, which this Task does not have".into())
        }
        (
            "States.ExceedToleratedFailureThreshold" | "States.ItemReaderFailed" | "States.ResultWriterFailed",
            Kind::Task(_) | Kind::Parallel(_),
        ) => Some(format!("Only a Map fails with {name}")),
        (_, Kind::Task(task)) if name.starts_with("States.Http.") && !calls_http(task) => {
            Some(format!("Only an HTTP Task (arn:aws:states:::http:invoke) fails with {name}"))
        }
        _ if name.strip_prefix("States.Http.StatusCode.").is_some_and(|status| !is_status(status)) => {
            Some(format!("No error is called {name}: a status is three digits, such as States.Http.StatusCode.503"))
        }
        _ => misspelt(name).map(|meant| format!("No error is called {name}: it is {meant}, in these letters")),
    }
}

/// Whether the task calls an API, or may: a placeholder hides what it does.
fn calls_http(task: &Task) -> bool {
    task.resource.ends_with(":http:invoke") || task.resource.contains("${")
}

/// Whether a text is a status that an API may answer with.
fn is_status(text: &str) -> bool {
    text.contains("${") || (text.len() == 3 && text.parse().is_ok_and(|status: u16| (100..600).contains(&status)))
}

/// The reserved name that differs in capital and small letters only.
fn misspelt(name: &str) -> Option<&'static str> {
    RESERVED.into_iter().find(|reserved| *reserved != name && reserved.eq_ignore_ascii_case(name))
}
