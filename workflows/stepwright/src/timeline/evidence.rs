//! What a task's output or a failure's cause says in a few words.

use serde_json::Value as Json;

/// Characters of evidence that are worth keeping.
const LONGEST: usize = 400;

/// What an output says: its `summary`, else its evidence or reasons, else its status or decision, else the output
/// itself. What a service wraps around its answer says nothing.
pub(crate) fn of_output(text: &str) -> String {
    serde_json::from_str(text).map_or_else(|_| short(text), |output| of_document(&output))
}

fn of_document(output: &Json) -> String {
    match unwrapped(output) {
        Some(inner) => of_document(inner),
        None => of_answer(output),
    }
}

/// What stands inside: a function's answer in `lambda:invoke`'s, a child's output in `startExecution.sync:2`'s.
fn unwrapped(output: &Json) -> Option<&Json> {
    output.get("Payload").filter(|_| output.get("StatusCode").is_some()).or_else(|| {
        let child = output.get("ExecutionArn").and(output.get("Output"))?;
        child.is_object().then_some(child)
    })
}

fn of_answer(output: &Json) -> String {
    if let Some(summary) = output.get("summary").and_then(Json::as_str) {
        return short(summary);
    }
    for key in ["evidence", "reasons"] {
        if let Some(items) = output.get(key).and_then(Json::as_array).filter(|items| !items.is_empty()) {
            return short(&items_of(items).join("; "));
        }
    }
    if let Some(deliveries) = output.get("deliveries").and_then(Json::as_array) {
        let channels = deliveries.iter().filter_map(|delivery| delivery.get("channel")).map(scalar);
        return format!("told people by {}", channels.collect::<Vec<_>>().join(", "));
    }
    for key in ["decision", "state", "status", "cause"] {
        if let Some(word) = output.get(key).and_then(Json::as_str) {
            return short(&format!("{key} {word}"));
        }
    }
    if let Some(parameter) = output.get("Parameter") {
        let word = |key: &str| parameter.get(key).map(scalar).unwrap_or_default();
        return short(&format!("{} = {}", word("Name"), word("Value")));
    }
    of_rest(output)
}

fn of_rest(output: &Json) -> String {
    match output {
        Json::Null => String::new(),
        Json::Object(members) => {
            let mut members = members.clone();
            // A table's item is state, and what the transport said is none: neither is evidence.
            members.retain(|name, _| !name.starts_with("Sdk") && name != "Item" && name != "Attributes");
            if members.is_empty() { String::new() } else { short(&Json::Object(members).to_string()) }
        }
        Json::String(text) => short(text),
        other => short(&other.to_string()),
    }
}

/// Figures first: they say more in less space than whole answers.
fn items_of(items: &[Json]) -> Vec<String> {
    let is_answer = |item: &&Json| item.get("value").is_some_and(Json::is_object);
    let figures = items.iter().filter(|item| !is_answer(item));
    figures.chain(items.iter().filter(is_answer)).map(item).collect()
}

/// One piece of evidence: `{"kind": "metric", "ref": "p95", "value": 320}` reads `p95 = 320`.
fn item(item: &Json) -> String {
    let word = |key: &str| item.get(key).filter(|value| !value.is_null()).map(scalar);
    match (item, word("ref").or_else(|| word("kind")), word("value")) {
        (Json::String(text), ..) => text.clone(),
        (_, Some(name), Some(value)) => format!("{name} = {value}"),
        (_, Some(name), None) => name,
        _ => item.to_string(),
    }
}

fn scalar(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a cause says: of a function's error the message, without its stack.
pub(crate) fn of_cause(cause: &str) -> String {
    let message = serde_json::from_str::<Json>(cause).ok().and_then(|cause| {
        ["errorMessage", "Cause", "Error"].iter().find_map(|key| cause.get(key)?.as_str().map(str::to_owned))
    });
    short(message.as_deref().unwrap_or(cause))
}

fn short(text: &str) -> String {
    crate::screen::cut(text.trim(), LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_speaks_by_its_best_field() {
        for (output, wanted) in [
            (r#"{"summary":"scaled api from 4 to 6","changes":[]}"#, "scaled api from 4 to 6"),
            (r#"{"StatusCode":200,"Payload":{"summary":"inner"}}"#, "inner"),
            (
                r#"{"evidence":[{"kind":"metric","ref":"p95","value":320},"text",{"kind":"probe"}]}"#,
                "p95 = 320; text; probe",
            ),
            (
                r#"{"evidence":[{"ref":"describe","value":{"desired":4}},{"ref":"p95","value":9}]}"#,
                r#"p95 = 9; describe = {"desired":4}"#,
            ),
            (r#"{"decision":"automatic","reasons":[]}"#, "decision automatic"),
            (r#"{"ExecutionArn":"arn","Output":{"state":"CLOSED"}}"#, "state CLOSED"),
            (r#"{"Parameter":{"Name":"/ops/automation","Value":"on","Version":1}}"#, "/ops/automation = on"),
            (r#"{"Item":{"pk":{"S":"lease"}},"SdkHttpMetadata":{}}"#, ""),
            (r#"{"deliveries":[{"channel":"sns"},{"channel":"slack"}]}"#, "told people by sns, slack"),
            (r#"{"state":"CLOSED","allowed":true}"#, "state CLOSED"),
            (r#"{"n":1}"#, r#"{"n":1}"#),
            ("{}", ""),
            (
                r#"{"MessageId":"m","SdkHttpMetadata":{},"SdkResponseMetadata":{"RequestId":"r"}}"#,
                r#"{"MessageId":"m"}"#,
            ),
            ("null", ""),
            (r#""words""#, "words"),
        ] {
            assert_eq!(of_output(output), wanted, "{output}");
        }
    }

    #[test]
    fn a_cause_speaks_by_its_message() {
        assert_eq!(
            of_cause(r#"{"errorMessage":"throttled","errorType":"Ops.Throttled","stackTrace":[]}"#),
            "throttled"
        );
        assert_eq!(of_cause("plain words"), "plain words");
        assert_eq!(of_cause(r#"{"Error":"X","Status":"FAILED"}"#), "X");
    }
}
