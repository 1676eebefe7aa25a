//! A callback whose parameters do not hold the task token: nobody can answer it.

use super::waiting::Waiting;
use super::{Finding, Subject, expressions};
use crate::{Kind, PathField, QueryLanguage, Value};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let state = subject.visited.state;
    let Kind::Task(task) = &state.kind else { return Vec::new() };
    if Waiting::of(task) != Waiting::Callback {
        return Vec::new();
    }
    let (given, field) = match state.query_language {
        QueryLanguage::JsonPath => (&state.flow.parameters, "Parameters"),
        QueryLanguage::Jsonata => (&state.flow.arguments, "Arguments"),
    };
    let from_context = matches!(&state.flow.input_path, PathField::Path(path) if path.starts_with("$$"));
    let hidden = given.as_ref().is_some_and(|given| expressions::any(given, &|text| may_hold_token(text)));
    if from_context || hidden {
        return Vec::new();
    }
    let message = format!("Nobody can answer this Task: its {field} do not hold the task token of the context object");
    vec![Finding::new(
        message,
        given.as_ref().map_or_else(
            || subject.visited.location.clone(),
            |_: &Value| format!("{}/{field}", subject.visited.location),
        ),
    )]
}

/// Whether the text reads the token, the part of the context that holds it, or what a placeholder hides.
fn may_hold_token(text: &str) -> bool {
    ["Task.Token", "Task['Token']", "$$.Task", "states.context", "${"].iter().any(|part| text.contains(part))
        || text.trim() == "$$"
        || text.contains("$$)")
        || text.contains("$states)")
        || (text.starts_with("{%") && text.contains('$') && !text.contains("$states"))
}
