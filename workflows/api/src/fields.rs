//! Reads the fields of a request and holds them against the API's constraints.
//!
//! Every violation is collected, so that one answer names them all, in AWS's words:
//! `2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; ...`.

use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::fault::Fault;

/// The fields of one request.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    members: &'a Map<String, Value>,
    /// Where the members stand in the request, as messages name them: empty, or `tags.1.member.`.
    place: String,
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
    /// The pattern as the model has it, and whether a character is none of it.
    pattern: Option<Pattern>,
}

/// A pattern, and what a character is that it has not.
type Pattern = (&'static str, fn(char) -> bool);

impl Text {
    /// `length` characters.
    pub(crate) const fn of(length: RangeInclusive<usize>) -> Self {
        Self { length, sensitive: false, pattern: None }
    }

    /// `length` characters, of which none is one that `forbidden` names; `pattern` is how the model says it.
    pub(crate) const fn matching(
        length: RangeInclusive<usize>,
        pattern: &'static str,
        forbidden: fn(char) -> bool,
    ) -> Self {
        Self { length, sensitive: false, pattern: Some((pattern, forbidden)) }
    }

    /// `length` characters that no message repeats.
    pub(crate) const fn sensitive(length: RangeInclusive<usize>) -> Self {
        Self { length, sensitive: true, pattern: None }
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
/// `VersionDescription`: at most 256 characters.
pub(crate) const VERSION_DESCRIPTION: Text = Text::sensitive(0..=256);
/// `LongArn`: 1 to 2,000 characters.
pub(crate) const LONG_ARN: Text = Text::of(1..=2000);
/// `ClientToken`: 1 to 64 visible characters of ASCII.
pub(crate) const CLIENT_TOKEN: Text = Text::matching(1..=64, "[!-~]+", |character| !character.is_ascii_graphic());
/// `TraceHeader`: at most 256 characters of ASCII.
pub(crate) const TRACE_HEADER: Text = Text::matching(0..=256, r"\p{ASCII}*", |character| !character.is_ascii());
/// `KmsKeyId`: 1 to 2,048 characters.
pub(crate) const KMS_KEY_ID: Text = Text::of(1..=2048);
/// `TestStateStateName`: 1 to 80 characters.
pub(crate) const STATE_NAME: Text = Text::sensitive(1..=80);
/// `TaskToken`: 1 to 2,048 characters.
pub(crate) const TASK_TOKEN: Text = Text::sensitive(1..=2048);

impl<'a> Fields<'a> {
    /// The fields of `body`, which must be an object.
    pub(crate) fn of(body: &'a Value) -> Result<Self, Fault> {
        match body {
            Value::Object(members) => Ok(Self::inside(members, String::new())),
            other => Err(Fault::shape(format!(
                "the body must be a JSON object with the operation's fields, not {}",
                kind(other)
            ))),
        }
    }

    const fn inside(members: &'a Map<String, Value>, place: String) -> Self {
        Self { members, place, violations: Vec::new(), misshapen: None }
    }

    /// The field as it came; `null` counts as absent.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A text that must be there; empty where it is not, which [`Fields::check`] reports.
    pub(crate) fn required(&mut self, name: &str, text: &Text) -> &'a str {
        self.must_be_there(name);
        self.optional(name, text).unwrap_or_default()
    }

    fn must_be_there(&mut self, name: &str) {
        if self.raw(name).is_none() {
            let place = &self.place;
            let violation =
                format!("Value null at '{place}{name}' failed to satisfy constraint: Member must not be null");
            self.violated(violation);
        }
    }

    /// A text that may be there.
    pub(crate) fn optional(&mut self, name: &str, text: &Text) -> Option<&'a str> {
        let value = self.shaped(name, "a string", Value::as_str)?;
        self.measure(name, value, text);
        Some(value)
    }

    fn measure(&mut self, name: &str, value: &str, text: &Text) {
        if let Some((pattern, forbidden)) = text.pattern
            && value.chars().any(forbidden)
        {
            let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
            self.broken(&format!("Value '{value}'"), name, &constraint);
        }
        let length = value.chars().count();
        let bound = if length > *text.length.end() {
            format!("less than or equal to {}", text.length.end())
        } else if length < *text.length.start() {
            format!("greater than or equal to {}", text.length.start())
        } else {
            return;
        };
        let shown = if text.sensitive { "Value".to_owned() } else { format!("Value '{value}'") };
        self.broken(&shown, name, &format!("Member must have length {bound}"));
    }

    /// One of `choices`.
    pub(crate) fn one_of(&mut self, name: &str, choices: &[&str]) -> Option<&'a str> {
        let value = self.shaped(name, "a string", Value::as_str)?;
        if !choices.contains(&value) {
            let set = choices.join(", ");
            self.broken(&format!("Value '{value}'"), name, &format!("Member must satisfy enum value set: [{set}]"));
        }
        Some(value)
    }

    /// A whole number in `range`.
    pub(crate) fn number(&mut self, name: &str, range: &RangeInclusive<i64>) -> Option<i64> {
        let value = self.shaped(name, "a whole number", Value::as_i64)?;
        self.bounded(name, value, range)
    }

    /// A number in `range`, whole or not.
    pub(crate) fn float(&mut self, name: &str, range: &RangeInclusive<f64>) -> Option<f64> {
        let value = self.shaped(name, "a number", Value::as_f64)?;
        self.bounded(name, value, range)
    }

    /// `value`, if it is in `range`. Bounds are shown without a fraction that is none, the value as it is: `101.0`.
    fn bounded<T: PartialOrd + Display + Debug>(
        &mut self,
        name: &str,
        value: T,
        range: &RangeInclusive<T>,
    ) -> Option<T> {
        let bound = if value > *range.end() {
            format!("less than or equal to {}", range.end())
        } else if value < *range.start() {
            format!("greater than or equal to {}", range.start())
        } else {
            return Some(value);
        };
        self.broken(&format!("Value '{value:?}'"), name, &format!("Member must have value {bound}"));
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

    /// The fields of an object, read by `read`; what breaks a constraint in it is named by its place.
    pub(crate) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'a>) -> T) -> Option<T> {
        let members = self.object(name)?;
        let mut inner = Self::inside(members, format!("{}{name}.", self.place));
        let found = read(&mut inner);
        self.absorb(inner);
        Some(found)
    }

    /// Takes over what is wrong in a part of the request.
    fn absorb(&mut self, mut inner: Self) {
        self.violations.append(&mut inner.violations);
        if let Some(message) = inner.misshapen {
            self.misshape(message);
        }
    }

    /// The objects of a list, each read by `read`; what breaks a constraint in one of them is named by its place.
    pub(crate) fn each<T>(&mut self, name: &str, mut read: impl FnMut(&mut Fields<'a>) -> T) -> Option<Vec<T>> {
        let items = self.shaped(name, "an array", Value::as_array)?;
        let mut found = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = format!("{}{name}.{}.member", self.place, index + 1);
            let Value::Object(members) = item else {
                self.misshape(format!("the field '{place}' must be an object, not {}", kind(item)));
                continue;
            };
            let mut inner = Self::inside(members, format!("{place}."));
            found.push(read(&mut inner));
            self.absorb(inner);
        }
        Some(found)
    }

    /// The texts of a list.
    pub(crate) fn texts(&mut self, name: &str, text: &Text) -> Option<Vec<&'a str>> {
        let items = self.shaped(name, "an array", Value::as_array)?;
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        let Some(texts) = texts else {
            self.misshape(format!("the field '{}{name}' must hold strings only", self.place));
            return None;
        };
        if texts.iter().any(|item| !text.length.contains(&item.chars().count())) {
            let (most, least) = (text.length.end(), text.length.start());
            let constraint = format!(
                "Member must satisfy constraint: [Member must have length less than or equal to {most}, Member must \
                 have length greater than or equal to {least}]"
            );
            self.broken(&format!("Value '[{}]'", texts.join(", ")), name, &constraint);
        }
        Some(texts)
    }

    /// Notes that a field must be there, where it is not.
    pub(crate) fn demanded<T: Default>(&mut self, name: &str, found: Option<T>) -> T {
        self.must_be_there(name);
        found.unwrap_or_default()
    }

    fn shaped<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.raw(name)?;
        let read = read(value);
        if read.is_none() {
            self.misshape(format!("the field '{}{name}' must be {wanted}, not {}", self.place, kind(value)));
        }
        read
    }

    /// Notes the first field of a wrong shape.
    fn misshape(&mut self, message: String) {
        self.misshapen.get_or_insert(message);
    }

    /// Notes that `shown` at the field `name` breaks `constraint`, in AWS's words.
    pub(crate) fn broken(&mut self, shown: &str, name: &str, constraint: &str) {
        let violation = format!("{shown} at '{}{name}' failed to satisfy constraint: {constraint}", self.place);
        self.violated(violation);
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
    fn a_list_names_the_place_of_what_is_wrong_in_it() {
        let read = |fields: &mut Fields<'_>| {
            fields.each("tags", |tag| tag.required("key", &Text::of(1..=3)).to_owned());
        };
        assert_eq!(
            refusal(&json!({"tags": [{"key": "a"}, {"key": ""}, {}]}), read),
            "ValidationException: 2 validation errors detected: Value '' at 'tags.2.member.key' failed to satisfy \
             constraint: Member must have length greater than or equal to 1; Value null at 'tags.3.member.key' failed \
             to satisfy constraint: Member must not be null"
        );
        let wrong = "SerializationException: the field 'tags.1.member.key' must be a string, not a number";
        assert_eq!(refusal(&json!({"tags": [{"key": 1}]}), read), wrong);
        assert!(refusal(&json!({"tags": [1]}), read).ends_with("'tags.1.member' must be an object, not a number"));
        assert!(
            refusal(&json!({"keys": ["a", ""]}), |fields| {
                fields.texts("keys", &Text::of(1..=3));
            })
            .contains("Value '[a, ]' at 'keys' failed to satisfy constraint: Member must satisfy constraint: [")
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
