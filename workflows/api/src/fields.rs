//! Reads the fields of a request and holds them against the API's constraints.
//!
//! Every violation is collected, so that one answer names them all, in AWS's words:
//! `2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; ...`.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::fault::Fault;

/// The fields of one request.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    members: &'a Map<String, Value>,
    violations: Vec<String>,
    misshapen: Option<String>,
}

/// What a text field may hold.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// Characters.
    length: RangeInclusive<usize>,
    /// A sensitive value is not repeated in a message.
    sensitive: bool,
}

impl Text {
    /// `length` characters.
    pub(crate) const fn of(length: RangeInclusive<usize>) -> Self {
        Self { length, sensitive: false }
    }

    /// `length` characters that no message repeats.
    pub(crate) const fn sensitive(length: RangeInclusive<usize>) -> Self {
        Self { length, sensitive: true }
    }
}

/// `Arn`: 1 to 256 characters.
pub(crate) const ARN: Text = Text::of(1..=256);
/// `Name`: 1 to 80 characters.
pub(crate) const NAME: Text = Text::of(1..=80);
/// `SensitiveData`: at most 262,144 characters.
pub(crate) const DATA: Text = Text::sensitive(0..=262_144);
/// `Definition`: 1 to 1,048,576 characters.
pub(crate) const DEFINITION: Text = Text::sensitive(1..=1_048_576);
/// `SensitiveError`: at most 256 characters.
pub(crate) const ERROR: Text = Text::sensitive(0..=256);
/// `SensitiveCause`: at most 32,768 characters.
pub(crate) const CAUSE: Text = Text::sensitive(0..=32_768);
/// `TaskToken`: 1 to 2,048 characters.
pub(crate) const TASK_TOKEN: Text = Text::of(1..=2048);

impl<'a> Fields<'a> {
    /// The fields of `body`, which must be an object.
    pub(crate) fn of(body: &'a Value) -> Result<Self, Fault> {
        match body {
            Value::Object(members) => Ok(Self { members, violations: Vec::new(), misshapen: None }),
            other => Err(Fault::shape(format!(
                "the body must be a JSON object with the operation's fields, not {}",
                kind(other)
            ))),
        }
    }

    /// The field as it came; `null` counts as absent.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A text that must be there; empty where it is not, which [`Fields::check`] reports.
    pub(crate) fn required(&mut self, name: &str, text: &Text) -> &'a str {
        if self.raw(name).is_none() {
            self.violated(format!("Value null at '{name}' failed to satisfy constraint: Member must not be null"));
        }
        self.optional(name, text).unwrap_or_default()
    }

    /// A text that may be there.
    pub(crate) fn optional(&mut self, name: &str, text: &Text) -> Option<&'a str> {
        let value = self.shaped(name, "a string", Value::as_str)?;
        self.measure(name, value, text);
        Some(value)
    }

    fn measure(&mut self, name: &str, value: &str, text: &Text) {
        let length = value.chars().count();
        let bound = if length > *text.length.end() {
            format!("less than or equal to {}", text.length.end())
        } else if length < *text.length.start() {
            format!("greater than or equal to {}", text.length.start())
        } else {
            return;
        };
        let shown = if text.sensitive { "Value".to_owned() } else { format!("Value '{value}'") };
        self.violated(format!("{shown} at '{name}' failed to satisfy constraint: Member must have length {bound}"));
    }

    /// One of `choices`.
    pub(crate) fn one_of(&mut self, name: &str, choices: &[&str]) -> Option<&'a str> {
        let value = self.shaped(name, "a string", Value::as_str)?;
        if !choices.contains(&value) {
            let set = choices.join(", ");
            self.violated(format!(
                "Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set: [{set}]"
            ));
        }
        Some(value)
    }

    /// A whole number in `range`.
    pub(crate) fn number(&mut self, name: &str, range: &RangeInclusive<i64>) -> Option<i64> {
        let value = self.shaped(name, "a whole number", Value::as_i64)?;
        let bound = if value > *range.end() {
            format!("less than or equal to {}", range.end())
        } else if value < *range.start() {
            format!("greater than or equal to {}", range.start())
        } else {
            return Some(value);
        };
        self.violated(format!(
            "Value '{value}' at '{name}' failed to satisfy constraint: Member must have value {bound}"
        ));
        None
    }

    /// A truth value.
    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.shaped(name, "true or false", Value::as_bool)
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        self.shaped(name, "an object", Value::as_object)
    }

    fn shaped<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.raw(name)?;
        let read = read(value);
        if read.is_none() {
            self.misshapen.get_or_insert_with(|| format!("the field '{name}' must be {wanted}, not {}", kind(value)));
        }
        read
    }

    /// Notes a violation in AWS's words.
    pub(crate) fn violated(&mut self, violation: String) {
        self.violations.push(violation);
    }

    /// Refuses the request where a field read so far is misshapen or breaks its constraint.
    pub(crate) fn check(&mut self) -> Result<(), Fault> {
        if let Some(message) = self.misshapen.take() {
            return Err(Fault::shape(message));
        }
        let violations = &self.violations;
        match violations.len() {
            0 => Ok(()),
            1 => Err(Fault::validation(format!("1 validation error detected: {}", violations[0]))),
            many => Err(Fault::validation(format!("{many} validation errors detected: {}", violations.join("; ")))),
        }
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(body: &Value, read: impl Fn(&mut Fields<'_>)) -> String {
        let mut fields = Fields::of(body).unwrap();
        read(&mut fields);
        fields.check().unwrap_err().to_string()
    }

    #[test]
    fn a_number_out_of_range_is_refused_in_aws_words() {
        assert_eq!(
            refusal(&json!({"maxResults": 1001}), |fields| {
                fields.number("maxResults", &(0..=1000));
            }),
            "ValidationException: 1 validation error detected: Value '1001' at 'maxResults' failed to satisfy \
             constraint: Member must have value less than or equal to 1000"
        );
        assert_eq!(
            refusal(&json!({"maxResults": -1}), |fields| {
                fields.number("maxResults", &(0..=1000));
            }),
            "ValidationException: 1 validation error detected: Value '-1' at 'maxResults' failed to satisfy \
             constraint: Member must have value greater than or equal to 0"
        );
    }

    #[test]
    fn every_violation_is_named_at_once() {
        assert_eq!(
            refusal(&json!({"roleArn": "", "name": null}), |fields| {
                fields.required("name", &NAME);
                fields.required("roleArn", &ARN);
            }),
            "ValidationException: 2 validation errors detected: Value null at 'name' failed to satisfy constraint: \
             Member must not be null; Value '' at 'roleArn' failed to satisfy constraint: Member must have length \
             greater than or equal to 1"
        );
    }

    #[test]
    fn a_sensitive_value_is_not_repeated() {
        assert_eq!(
            refusal(&json!({"error": "x".repeat(257)}), |fields| {
                fields.optional("error", &ERROR);
            }),
            "ValidationException: 1 validation error detected: Value at 'error' failed to satisfy constraint: \
             Member must have length less than or equal to 256"
        );
    }

    #[test]
    fn a_wrong_type_names_the_field_and_both_types() {
        assert_eq!(
            refusal(&json!({"name": 7}), |fields| {
                fields.required("name", &NAME);
            }),
            "SerializationException: the field 'name' must be a string, not a number"
        );
        assert!(Fields::of(&json!([])).unwrap_err().message.ends_with("not an array"));
    }

    #[test]
    fn a_choice_outside_the_set_lists_the_set() {
        assert!(
            refusal(&json!({"type": "FAST"}), |fields| {
                fields.one_of("type", &["STANDARD", "EXPRESS"]);
            })
            .ends_with("Value 'FAST' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]")
        );
    }

    #[test]
    fn good_fields_pass() {
        let body = json!({"name": "a", "maxResults": 5, "publish": true, "type": "EXPRESS", "tags": {}});
        let mut fields = Fields::of(&body).unwrap();
        assert_eq!(fields.required("name", &NAME), "a");
        assert_eq!(fields.number("maxResults", &(0..=1000)), Some(5));
        assert_eq!(fields.boolean("publish"), Some(true));
        assert_eq!(fields.one_of("type", &["STANDARD", "EXPRESS"]), Some("EXPRESS"));
        assert!(fields.object("tags").is_some());
        assert_eq!(fields.optional("absent", &NAME), None);
        fields.check().unwrap();
    }
}
