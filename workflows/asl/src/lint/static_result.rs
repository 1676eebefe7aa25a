//! A Pass state's `Result` is literal: a path in it is not followed.

use super::no_dollar::looks_like_path;
use super::{Finding, Subject};
use crate::{Kind, Value};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Kind::Pass(pass) = &subject.visited.state.kind else { return Vec::new() };
    if !pass.result.as_ref().is_some_and(has_path) {
        return Vec::new();
    }
    let message = "Result is taken literally and has what looks like a path; use Parameters to follow it";
    vec![Finding::new(message, format!("{}/Result", subject.visited.location))]
}

fn has_path(value: &Value) -> bool {
    match value {
        Value::String(text) => looks_like_path(text),
        Value::Array(items) => items.iter().any(has_path),
        Value::Object(members) => members.iter().any(|(key, member)| key.ends_with(".$") || has_path(member)),
        _ => false,
    }
}
