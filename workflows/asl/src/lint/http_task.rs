//! An HTTP Task whose request no API gets, or none understands.

use super::{Finding, Subject};
use crate::http_task::{METHODS, is_refused_header};
use crate::{Kind, QueryLanguage, Value};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let state = subject.visited.state;
    let Kind::Task(task) = &state.kind else { return Vec::new() };
    let (given, field) = match state.query_language {
        QueryLanguage::JsonPath => (&state.flow.parameters, "Parameters"),
        QueryLanguage::Jsonata => (&state.flow.arguments, "Arguments"),
    };
    let Some(given) = given.as_ref().filter(|_| task.resource.ends_with(":http:invoke")) else { return Vec::new() };
    let location = format!("{}/{field}", subject.visited.location);
    let mut found = Vec::new();
    let literal = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| is_literal(text));
    if literal("Method").is_some_and(|method| !METHODS.contains(&method)) {
        let message = "The HTTP Task always fails with States.Runtime: its Method is none that it may call with";
        found.push(Finding::new(message, format!("{location}/Method")));
    }
    for name in given.get("Headers").and_then(Value::as_object).into_iter().flat_map(|headers| headers.keys()) {
        let name = name.strip_suffix(".$").unwrap_or(name);
        if is_refused_header(name) {
            let message = format!(
                "The HTTP Task always fails with States.Runtime: it may not set the header '{name}', the connection or \
                 Step Functions does"
            );
            found.push(Finding::new(message, format!("{location}/Headers")));
        }
    }
    let is_form = given.get("Transform").and_then(|transform| transform.get("RequestBodyEncoding")?.as_str());
    if is_form == Some("URL_ENCODED") && given.get("RequestBody").is_some() && !says_form(given) {
        let message = "The RequestBody is sent as a form that calls itself JSON: set the header Content-Type to \
                       application/x-www-form-urlencoded";
        found.push(Finding::new(message, format!("{location}/Transform")));
    }
    found
}

/// Whether what a text says is known before anything runs.
fn is_literal(text: &str) -> bool {
    !text.starts_with("{%") && !text.contains("${")
}

/// Whether the definition says that its body is a form; headers from elsewhere may.
fn says_form(given: &Value) -> bool {
    let Some(headers) = given.get("Headers") else { return given.get("Headers.$").is_some() };
    let Some(headers) = headers.as_object() else { return true };
    headers.keys().any(|name| name.trim_end_matches(".$").eq_ignore_ascii_case("content-type"))
}
