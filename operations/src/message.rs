//! What people are told: at most ten lines, the same words in Slack and by e-mail.
//!
//! Every value comes from somebody else and may be missing, long, or full of markup and control characters; none of
//! that may stop a message from being sent.

use crate::error::{Error, Kind};
use crate::time;
use serde_json::{Value, json};

/// The most lines of a message.
pub const MAX_LINES: usize = 10;
/// The most characters of a subject: SNS wants fewer than 100.
pub const MAX_SUBJECT: usize = 99;
/// The most characters of one line.
const MAX_LINE: usize = 250;

/// The occasion of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A person is wanted: the original event without an operation.
    Attention,
    /// The workflow took the incident up.
    Started,
    /// Something was done.
    Progress,
    /// A person must decide.
    Approval,
    /// The incident is over.
    Resolved,
    /// The action was not taken.
    Rejected,
    /// The plan was made but not carried out.
    Planned,
    /// The workflow could not help.
    Failed,
    /// A change of a service was watched and stays.
    Kept,
    /// A change of a service made things worse and was taken back.
    Reverted,
    /// What a change has saved was measured.
    Measured,
    /// A regular report.
    Report,
}

impl Occasion {
    fn from_name(name: &str) -> Option<Occasion> {
        Some(match name {
            "started" => Occasion::Started,
            "progress" => Occasion::Progress,
            "approval" => Occasion::Approval,
            "resolved" => Occasion::Resolved,
            "rejected" => Occasion::Rejected,
            "planned" => Occasion::Planned,
            "failed" => Occasion::Failed,
            "kept" => Occasion::Kept,
            "reverted" => Occasion::Reverted,
            "measured" => Occasion::Measured,
            "report" => Occasion::Report,
            _ => return None,
        })
    }

    /// A coloured sign, for Slack and e-mail bodies; the word beside it says the same without colour.
    fn sign(self) -> &'static str {
        match self {
            Occasion::Attention | Occasion::Failed => "\u{1F534}",
            Occasion::Started => "\u{1F7E0}",
            Occasion::Progress => "\u{1F535}",
            Occasion::Approval => "\u{1F7E1}",
            Occasion::Reverted => "\u{1F7E0}",
            Occasion::Resolved | Occasion::Kept => "\u{1F7E2}",
            Occasion::Rejected | Occasion::Planned | Occasion::Measured | Occasion::Report => "\u{26AA}",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Occasion::Attention => "needs attention",
            Occasion::Started => "being handled",
            Occasion::Progress => "in progress",
            Occasion::Approval => "needs your decision",
            Occasion::Resolved => "resolved",
            Occasion::Rejected => "not acted on",
            Occasion::Planned => "planned, nothing changed",
            Occasion::Failed => "automation failed",
            Occasion::Kept => "changed for good",
            Occasion::Reverted => "change taken back",
            Occasion::Measured => "saving measured",
            Occasion::Report => "report",
        }
    }
}

/// A message, not yet rendered. All texts are cleaned: one line each, bounded, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    occasion: Occasion,
    priority: String,
    target: String,
    environment: Option<String>,
    incident: String,
    action: Option<String>,
    lines: Vec<String>,
}

impl Message {
    /// Composes a message from a notifier payload. Every field but `operation` may be missing or malformed.
    ///
    /// # Errors
    /// `Ops.InvalidInput` for a payload that is no object or an `operation` that is not known.
    pub fn compose(payload: &Value) -> Result<Self, Error> {
        if !payload.is_object() {
            return Err(Error::new(Kind::InvalidInput, "the payload must be a JSON object"));
        }
        let occasion = match payload.get("operation") {
            None | Some(Value::Null) => Occasion::Attention,
            Some(name) => name.as_str().and_then(Occasion::from_name).ok_or_else(|| {
                let known = "started, progress, approval, resolved, rejected, planned, failed, kept, reverted, measured, report";
                Error::new(Kind::InvalidInput, format!("operation must be one of {known}"))
            })?,
        };
        let text = |pointer: &str| clean(payload.pointer(pointer), MAX_LINE);
        let mut message = Self {
            occasion,
            priority: text("/priority").map_or_else(|| "UNRATED".into(), |priority| priority.to_uppercase()),
            target: text("/target").unwrap_or_else(|| "unknown target".into()),
            environment: text("/entry/env"),
            incident: text("/incidentId").unwrap_or_else(|| "without id".into()),
            action: text("/action"),
            lines: Vec::new(),
        };
        message.say(text("/incidentDetails/title"), "");
        if matches!(occasion, Occasion::Attention | Occasion::Started | Occasion::Approval | Occasion::Failed) {
            message.say(text("/incidentDetails/description"), "");
        }
        message.say(text("/summary"), "");
        message.say(cause(payload), "Cause: ");
        message.say(changes(payload), "Did: ");
        message.say(need(payload, occasion), "Needs you: ");
        message.say(text("/executionArn"), "Execution: ");
        message.lines.truncate(MAX_LINES - 2);
        Ok(message)
    }

    fn say(&mut self, text: Option<String>, prefix: &str) {
        if let Some(text) = text {
            self.lines.push(shorten(&format!("{prefix}{text}"), MAX_LINE));
        }
    }

    /// Adds a line; the oldest of the middle lines makes room when there are too many.
    pub fn add(&mut self, line: &str) {
        self.say(clean(Some(&Value::from(line)), MAX_LINE), "");
        while self.lines.len() > MAX_LINES - 2 {
            self.lines.remove(0);
        }
    }

    /// The occasion.
    pub fn occasion(&self) -> Occasion {
        self.occasion
    }

    /// The subject of an e-mail: at most [`MAX_SUBJECT`] characters in one line.
    pub fn subject(&self) -> String {
        let text = format!("[{}] {} {}: incident {}", self.priority, self.target, self.occasion.word(), self.incident);
        shorten(&text, MAX_SUBJECT)
    }

    /// The message as plain text.
    pub fn text(&self) -> String {
        self.all_lines().join("\n")
    }

    /// The message for a Slack webhook: Block Kit with a plain fallback, continuing `thread` where there is one.
    pub fn slack(&self, thread: Option<&str>) -> Value {
        let lines = self.all_lines();
        let mut escaped: Vec<_> = lines.iter().map(|line| escape(line)).collect();
        if let Some(first) = escaped.first_mut() {
            // The stars of the heading are ours; one in a name would end it early.
            *first = format!("*{}*", first.replace('*', "\u{2217}"));
        }
        let mut body = json!({
            "text": escape(&self.subject()),
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": shorten(&escaped.join("\n"), 3000)}}],
        });
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        body
    }

    fn all_lines(&self) -> Vec<String> {
        let place = self.environment.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
        let action = self.action.as_ref().map_or_else(String::new, |name| format!(" \u{B7} {name}"));
        let heading = format!(
            "{} {} {}{place} {}{action}",
            self.occasion.sign(),
            self.priority,
            self.target,
            self.occasion.word()
        );
        let mut lines = vec![shorten(&heading, MAX_LINE)];
        lines.extend(self.lines.iter().cloned());
        lines.push(shorten(&format!("Incident {}", self.incident), MAX_LINE));
        lines
    }
}

fn cause(payload: &Value) -> Option<String> {
    let found = payload.pointer("/diagnosis/cause").or_else(|| payload.pointer("/report/diagnosis/cause"));
    let text = clean(found, 100)?;
    let confidence =
        payload.pointer("/diagnosis/confidence").or_else(|| payload.pointer("/report/diagnosis/confidence"));
    Some(match confidence.and_then(Value::as_f64) {
        Some(confidence) => format!("{text} (confidence {confidence:.1})"),
        None => text,
    })
}

fn changes(payload: &Value) -> Option<String> {
    let changes = payload.pointer("/report/changes").and_then(Value::as_array).filter(|list| !list.is_empty())?;
    let names: Vec<_> = changes.iter().filter_map(|change| clean(change.get("op"), 60)).collect();
    Some(if names.is_empty() { format!("{} changes", changes.len()) } else { names.join(", ") })
}

fn need(payload: &Value, occasion: Occasion) -> Option<String> {
    if let (Occasion::Approval, Some(approval)) = (occasion, payload.get("approval")) {
        let id = clean(approval.get("id"), 120)?;
        let question = clean(approval.get("question"), 120).map_or_else(String::new, |question| format!("{question} "));
        let expiry = approval.get("expiresAt").and_then(time::parse);
        let expiry = expiry.map_or_else(String::new, |at| format!(" (expires {})", time::clock_text(at)));
        return Some(format!("{question}Answer with: stepwright approve {id}, or: stepwright deny {id}{expiry}"));
    }
    match clean(payload.pointer("/report/next"), MAX_LINE) {
        Some(next) => Some(next),
        None => match occasion {
            Occasion::Resolved => Some("nothing now".into()),
            Occasion::Failed => Some("look at the target and at the dead-letter queue".into()),
            Occasion::Attention => Some("this incident waits for a person".into()),
            _ => None,
        },
    }
}

/// A value as one clean line of at most `longest` characters; `None` when there is nothing to say.
fn clean(value: Option<&Value>, longest: usize) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    // Controls would break the subject, replacement characters say nothing, and the bidirectional overrides can
    // make a line read as something else.
    let unwanted = |character: char| {
        character == '\u{FFFD}'
            || matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let kept: String = text.chars().filter(|character| !unwanted(*character)).collect();
    let separator = |character: char| character.is_control() || character.is_whitespace();
    let words: Vec<_> = kept.split(separator).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| shorten(&words.join(" "), longest))
}

/// The text cut to `longest` characters, with an ellipsis where something was cut.
fn shorten(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(longest.saturating_sub(1)).collect();
    short.push('\u{2026}');
    short
}

/// Slack's three escapes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full(operation: &str) -> Value {
        json!({"operation": operation, "action": "scale_up", "target": "api", "incidentId": "incident-1",
            "priority": "critical", "incidentDetails": {"title": "Latency is high", "description": "p95 at 1.2 s"},
            "entry": {"env": "production"}, "summary": "Scale api from 4 to 8 tasks",
            "diagnosis": {"cause": "saturation", "confidence": 0.9},
            "report": {"changes": [{"op": "application-autoscaling:RegisterScalableTarget"}, {"op": "ecs:UpdateService"}]}})
    }

    #[test]
    fn a_resolved_incident_reads_well() {
        let message = Message::compose(&full("resolved")).unwrap();
        assert_eq!(message.subject(), "[CRITICAL] api resolved: incident incident-1");
        insta::assert_snapshot!(message.text(), @r"
        🟢 CRITICAL api (production) resolved · scale_up
        Latency is high
        Scale api from 4 to 8 tasks
        Cause: saturation (confidence 0.9)
        Did: application-autoscaling:RegisterScalableTarget, ecs:UpdateService
        Needs you: nothing now
        Incident incident-1
        ");
    }

    #[test]
    fn an_approval_says_how_to_answer_and_until_when() {
        let mut payload = full("approval");
        payload["approval"] = json!({"id": "incident-3-scale_up", "question": "Change orders-db?",
            "expiresAt": "2026-05-28T20:26:40Z"});
        let text = Message::compose(&payload).unwrap().text();
        let wanted = "Needs you: Change orders-db? Answer with: stepwright approve incident-3-scale_up, \
                      or: stepwright deny incident-3-scale_up (expires 20:26 UTC)";
        assert!(text.contains(wanted), "{text}");
    }

    #[test]
    fn the_original_event_without_its_optional_fields_is_told() {
        let message = Message::compose(&json!({"incidentId": "incident-1"})).unwrap();
        assert_eq!(message.occasion(), Occasion::Attention);
        assert_eq!(message.subject(), "[UNRATED] unknown target needs attention: incident incident-1");
    }

    #[test]
    fn an_added_line_stays_within_the_form() {
        let mut message = Message::compose(&full("failed")).unwrap();
        for number in 0..20 {
            message.add(&format!("line {number}\nof many"));
        }
        assert_eq!(message.text().lines().count(), MAX_LINES);
        assert!(message.text().contains("line 19 of many"));
    }

    #[test]
    fn an_unknown_operation_is_refused() {
        let error = Message::compose(&json!({"operation": "shout"})).unwrap_err();
        assert!(error.message().starts_with("operation must be one of"));
    }

    #[test]
    fn slack_gets_escaped_text_and_its_thread() {
        let mut payload = full("started");
        payload["incidentDetails"]["title"] = json!("<!channel> a & b\nsecond line");
        let body = Message::compose(&payload).unwrap().slack(Some("17.5"));
        let text = body["blocks"][0]["text"]["text"].as_str().unwrap();
        assert!(text.contains("&lt;!channel&gt; a &amp; b second line"), "{text}");
        assert_eq!(body["thread_ts"], "17.5");
        assert_eq!(Message::compose(&payload).unwrap().slack(None).get("thread_ts"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_form(
            title in any::<String>(), priority in any::<String>(), target in any::<String>(), incident in any::<String>()
        ) {
            let payload = json!({"operation": "failed", "priority": priority, "target": target, "incidentId": incident,
                "incidentDetails": {"title": title, "description": title}, "summary": title,
                "report": {"next": title}, "executionArn": title});
            let message = Message::compose(&payload).unwrap();
            let subject = message.subject();
            prop_assert!(subject.chars().count() <= MAX_SUBJECT && !subject.chars().any(char::is_control));
            prop_assert!(message.text().lines().count() <= MAX_LINES);
            let body = message.slack(None);
            let text = body["blocks"][0]["text"]["text"].as_str().unwrap();
            prop_assert!(!text.contains('<') && !text.contains('>'));
            let replaced = text.contains(char::REPLACEMENT_CHARACTER);
            prop_assert!(!replaced);
        }
    }
}
