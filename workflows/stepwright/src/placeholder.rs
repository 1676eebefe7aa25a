//! `${Name}` in definitions: SAM's placeholders, resolved by the convention of names.
//!
//! Function `scale-up` is `${ScaleUpFunctionArn}`, activity `watcher` is `${WatcherActivityArn}`, state machine
//! `circuit-breaker` is `${CircuitBreakerStateMachineArn}`; everything else comes from the stack's substitutions.

use std::collections::BTreeMap;

/// What the placeholders stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placeholders {
    values: BTreeMap<String, String>,
}

/// A placeholder that nothing stands for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: ${{{name}}} stands for nothing")]
pub(crate) struct Unresolved {
    pub(crate) name: String,
    /// Line in the text, from 1.
    pub(crate) line: usize,
}

impl Placeholders {
    /// `${name}` stands for `value`.
    pub(crate) fn define(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// A Lambda function by its name.
    pub(crate) fn function(&mut self, account: &str, region: &str, name: &str) {
        self.define(format!("{}FunctionArn", pascal(name)), function_arn(account, region, name));
    }

    /// An activity by its name.
    pub(crate) fn activity(&mut self, account: &str, region: &str, name: &str) {
        let arn = format!("arn:aws:states:{region}:{account}:activity:{name}");
        self.define(format!("{}ActivityArn", pascal(name)), arn);
    }

    /// A state machine by its name.
    pub(crate) fn state_machine(&mut self, account: &str, region: &str, name: &str) {
        self.define(format!("{}StateMachineArn", pascal(name)), machine_arn(account, region, name));
    }

    /// `text`, which is JSON, with every placeholder replaced by its value.
    pub(crate) fn resolve(&self, text: &str) -> Result<String, Unresolved> {
        self.replace(text, |_| None)
    }

    /// The same for a definition that is only looked at: what nothing stands for becomes an ARN of the kind that its
    /// name says, or its own name.
    pub(crate) fn resolve_for_reading(&self, text: &str) -> String {
        // The stand-in never fails, so neither does this.
        self.replace(text, |name| Some(stand_in(name))).unwrap_or_default()
    }

    fn replace(&self, text: &str, otherwise: impl Fn(&str) -> Option<String>) -> Result<String, Unresolved> {
        let mut resolved = String::with_capacity(text.len());
        let mut done = 0;
        for (at, _) in text.match_indices("${") {
            let Some(name) = identifier(&text[at + 2..]) else { continue };
            let value = self
                .values
                .get(name)
                .cloned()
                .or_else(|| otherwise(name))
                .ok_or_else(|| Unresolved { name: name.to_owned(), line: text[..at].matches('\n').count() + 1 })?;
            resolved.push_str(&text[done..at]);
            resolved.push_str(&escaped(&value));
            done = at + 2 + name.len() + 1;
        }
        resolved.push_str(&text[done..]);
        Ok(resolved)
    }
}

/// The identifier that `text` begins with, where a closing brace follows it: `${` alone is JSONata's.
fn identifier(text: &str) -> Option<&str> {
    let name = &text[..text.find('}')?];
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
    (begins && letters.all(|letter| letter.is_ascii_alphanumeric())).then_some(name)
}

/// `value` as it stands inside a JSON string.
fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// `scale-up` is `ScaleUp`.
fn pascal(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric()).map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let mut word = word.to_owned();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    word
}

fn stand_in(name: &str) -> String {
    const ACCOUNT: &str = "123456789012";
    const REGION: &str = "us-east-1";
    if let Some(name) = name.strip_suffix("FunctionArn") {
        function_arn(ACCOUNT, REGION, name)
    } else if let Some(name) = name.strip_suffix("ActivityArn") {
        format!("arn:aws:states:{REGION}:{ACCOUNT}:activity:{name}")
    } else if let Some(name) = name.strip_suffix("StateMachineArn") {
        machine_arn(ACCOUNT, REGION, name)
    } else {
        name.to_owned()
    }
}

fn function_arn(account: &str, region: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{account}:function:{name}")
}

/// The ARN of the state machine `name`.
pub(crate) fn machine_arn(account: &str, region: &str, name: &str) -> String {
    format!("arn:aws:states:{region}:{account}:stateMachine:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders() -> Placeholders {
        let mut placeholders = Placeholders::default();
        placeholders.function("123456789012", "us-east-1", "incident-scale-up");
        placeholders.activity("123456789012", "us-east-1", "recovery-watcher");
        placeholders.state_machine("123456789012", "us-east-1", "circuit-breaker");
        placeholders.define("StateTableName", "ops-\"state\"");
        placeholders
    }

    #[test]
    fn names_follow_the_convention() {
        for (text, wanted) in [
            ("${IncidentScaleUpFunctionArn}", "arn:aws:lambda:us-east-1:123456789012:function:incident-scale-up"),
            ("${RecoveryWatcherActivityArn}", "arn:aws:states:us-east-1:123456789012:activity:recovery-watcher"),
            ("${CircuitBreakerStateMachineArn}", "arn:aws:states:us-east-1:123456789012:stateMachine:circuit-breaker"),
            (r#"{"a":"x/${StateTableName}/y"}"#, r#"{"a":"x/ops-\"state\"/y"}"#),
        ] {
            assert_eq!(placeholders().resolve(text).unwrap(), wanted);
        }
    }

    #[test]
    fn what_stands_for_nothing_is_named_with_its_line() {
        let unresolved = placeholders().resolve("{\n  \"a\": \"${StateTableName} ${Missing}\"\n}").unwrap_err();
        assert_eq!(unresolved.to_string(), "line 2: ${Missing} stands for nothing");
    }

    #[test]
    fn jsonata_braces_are_left_alone() {
        for text in ["${\"a\": 1}", "${", "${}", "${a b}", "$ {A}", "${1}"] {
            assert_eq!(placeholders().resolve(text).unwrap(), text);
        }
    }

    #[test]
    fn a_value_is_not_resolved_again() {
        let mut placeholders = Placeholders::default();
        placeholders.define("A", "${B}");
        assert_eq!(placeholders.resolve("${A}").unwrap(), "${B}");
    }

    #[test]
    fn reading_never_fails() {
        assert_eq!(
            Placeholders::default().resolve_for_reading("${XFunctionArn} ${TableName}"),
            "arn:aws:lambda:us-east-1:123456789012:function:X TableName"
        );
    }
}
