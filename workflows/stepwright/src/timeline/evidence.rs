//! What a task's output or a failure's cause says in a few words.

use serde_json::Value as Json;

/// Characters of evidence that are worth keeping.
const LONGEST: usize = 400;

/// What an output says: its `summary`, else its evidence or reasons, else its status or decision, else the output
/// itself.
pub(crate) fn of_output(text: &str) -> String {
    let Ok(output) = serde_json::from_str::<Json>(text) else { return short(text) };
    // lambda:invoke wraps the function's answer.
    let output = output.get("Payload").filter(|_| output.get("StatusCode").is_some()).unwrap_or(&output);
    if let Some(summary) = output.get("summary").and_then(Json::as_str) {
        return short(summary);
    }
    for key in ["evidence", "reasons"] {
        if let Some(items) = output.get(key).and_then(Json::as_array).filter(|items| !items.is_empty()) {
            return short(&items.iter().map(item).collect::<Vec<_>>().join("; "));
        }
    }
    for key in ["decision", "state", "status", "cause"] {
        if let Some(word) = output.get(key).and_then(Json::as_str) {
            return short(&format!("{key} {word}"));
        }
    }
    match output {
        Json::Object(members) if members.contains_key("SdkResponseMetadata") => {
            let mut members = members.clone();
            // What the transport said of a service's answer is no evidence.
            members.retain(|name, _| !name.starts_with("Sdk"));
            of_output(&Json::Object(members).to_string())
        }
        Json::Null => String::new(),
        Json::Object(members) if members.is_empty() => String::new(),
        Json::String(text) => short(text),
        other => short(&other.to_string()),
    }
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
            (r#"{"decision":"automatic","reasons":[]}"#, "decision automatic"),
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
