//! Log events as AWS writes them: the history's event, its numbers as text, its details under one name.

use api::history::{self, RenderContext};
use engine::Observed;
use execution::{Event, Millis};
use serde_json::{Map, Value as Json, json};

use super::setting::Setting;

/// Bytes of one input, output or parameters, escaped, beyond which AWS cuts it off.
const DATA_BYTES: usize = 248 * 1024;
/// Bytes of one log event that CloudWatch Logs takes, without the 26 that it counts for each.
const EVENT_BYTES: usize = 1_048_576 - 26;

/// A log event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The log group.
    pub(crate) group: String,
    /// The state machine, which names the log stream.
    pub(crate) machine: String,
    pub(crate) at: Millis,
    /// One line of JSON.
    pub(crate) text: String,
}

/// The log event of `event`; `None` where it is a decision that no history shows.
pub(crate) fn message(
    event: &Event,
    execution: &Observed,
    setting: &Setting<'_>,
    context: &RenderContext,
) -> Option<Message> {
    let Json::Object(mut shown) = history::render(event, context)? else { return None };
    let key = shown.keys().find(|key| key.ends_with("EventDetails")).cloned();
    let mut details = match key.and_then(|key| shown.remove(&key)) {
        Some(Json::Object(details)) => details,
        _ => Map::new(),
    };
    if !setting.with_data {
        details.remove("parameters");
    }
    cut(&mut details);
    let whole = |details: &Map<String, Json>| {
        json!({
            "id": event.id.to_string(),
            "type": shown.get("type"),
            "details": details,
            "previous_event_id": event.previous.to_string(),
            "event_timestamp": event.at.to_string(),
            "execution_arn": &*execution.arn,
            "redrive_count": execution.redrive_count.to_string(),
        })
        .to_string()
    };
    let mut text = whole(&details);
    if text.len() > EVENT_BYTES && details.remove("assignedVariables").is_some() {
        details.insert("assignedVariablesDetails".to_owned(), json!({ "truncated": true }));
        text = whole(&details);
    }
    let machine = execution.state_machine_name.to_string();
    Some(Message { group: setting.group.to_owned(), machine, at: event.at, text })
}

/// Cuts off what is too long, and says so.
fn cut(details: &mut Map<String, Json>) {
    for key in ["input", "output", "parameters"] {
        let Some(Json::String(text)) = details.get_mut(key) else { continue };
        if let Some(end) = end_of(text, DATA_BYTES) {
            text.truncate(end);
            details.insert(format!("{key}Details"), json!({ "truncated": true }));
        }
    }
}

/// Where `text` is to be cut so that it takes `most` bytes once escaped; `None` where all of it fits.
fn end_of(text: &str, most: usize) -> Option<usize> {
    if text.len() * 6 <= most {
        return None;
    }
    let mut bytes = 0;
    for (at, character) in text.char_indices() {
        bytes += match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..'\u{20}' => 6,
            other => other.len_utf8(),
        };
        if bytes > most {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use asl::Value;
    use execution::EventKind;

    use super::*;
    use crate::sample;

    fn text(event: &Event, with_data: bool) -> String {
        let execution = sample::observed();
        let logging = execution.logging.clone().unwrap();
        let setting = Setting { with_data, ..Setting::of(&logging).unwrap() };
        let context = RenderContext::new("us-east-1", std::slice::from_ref(event));
        let context = context.with_role(Some(execution.role_arn.clone()));
        let context = if with_data { context } else { context.without_data() };
        message(event, &execution, &setting, &context).unwrap().text
    }

    #[test]
    fn members_stand_in_aws_s_order() {
        let expected = concat!(
            r#"{"id":"1","type":"ExecutionStarted","details":{"input":"null","inputDetails":{"truncated":false},"#,
            r#""roleArn":"arn:aws:iam::123456789012:role/r"},"previous_event_id":"0","#,
            r#""event_timestamp":"1700000000000","#,
            r#""execution_arn":"arn:aws:states:us-east-1:123456789012:execution:m:e","redrive_count":"0"}"#
        );
        assert_eq!(text(&sample::started(), true), expected);
    }

    #[test]
    fn without_data_details_stay_and_may_be_empty() {
        assert!(text(&sample::started(), false).contains(r#""details":{"roleArn":"arn:aws:iam"#));
        assert!(text(&sample::succeeded(4), false).contains(r#""details":{},"#));
    }

    #[test]
    fn long_data_is_cut_where_its_escaped_form_is_too_long() {
        let output = Value::from("\"".repeat(200_000));
        let text = text(&sample::event(2, 0, EventKind::ExecutionSucceeded { output }), true);
        let message: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(message["details"]["outputDetails"]["truncated"], true);
        let kept = message["details"]["output"].as_str().unwrap();
        let escaped = Json::from(kept).to_string().len() - 2;
        assert!((DATA_BYTES - 2..=DATA_BYTES).contains(&escaped), "{escaped}");
        assert!(text.len() < EVENT_BYTES);
    }

    #[test]
    fn a_decision_of_the_journal_is_not_logged() {
        let execution = sample::observed();
        let logging = execution.logging.clone().unwrap();
        let event = Event { id: 0, ..sample::event(1, 0, EventKind::WaitArmed { until: 5 }) };
        let context = RenderContext::new("us-east-1", &[]);
        assert_eq!(message(&event, &execution, &Setting::of(&logging).unwrap(), &context), None);
    }
}
