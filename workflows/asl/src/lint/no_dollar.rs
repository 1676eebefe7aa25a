//! A value in a payload template that looks like a path, under a key without `.$`: it stays the text it is.

use super::{Finding, Subject};
use crate::{Kind, QueryLanguage, Value};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let state = subject.visited.state;
    if state.query_language != QueryLanguage::JsonPath {
        return Vec::new();
    }
    let selector = match &state.kind {
        Kind::Map(map) => map.item_selector.as_ref(),
        _ => None,
    };
    let flow = &state.flow;
    let templates = [
        ("Parameters", flow.parameters.as_ref()),
        ("ResultSelector", flow.result_selector.as_ref()),
        ("ItemSelector", selector),
        ("Assign", flow.assign.as_ref()),
    ];
    let mut found = Vec::new();
    for (name, template) in templates {
        if let Some(template) = template {
            walk(template, &format!("{}/{name}", subject.visited.location), &mut found);
        }
    }
    found
}

fn walk(value: &Value, location: &str, found: &mut Vec<Finding>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{location}[{index}]"), found);
            }
        }
        Value::Object(members) => {
            for (key, member) in members.iter() {
                let location = format!("{location}/{key}");
                if !key.ends_with(".$") && member.as_str().is_some_and(looks_like_path) {
                    let message =
                        format!("The value looks like a path and is taken literally; call the field '{key}.$'");
                    found.push(Finding::new(message, &location));
                }
                walk(member, &location, found);
            }
        }
        _ => {}
    }
}

/// `$`, `$.a`, `$[0]`, `$$.Execution.Id` or an intrinsic function call; a plain `$5` is none.
pub(super) fn looks_like_path(text: &str) -> bool {
    let path = text == "$" || ["$.", "$[", "$$."].iter().any(|start| text.starts_with(start));
    path || (text.starts_with("States.") && text.contains('(') && text.ends_with(')'))
}
