//! Reads the fields of one JSON object of a definition, and reports what is wrong with them.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::parse::Parser;
use crate::{Code, Diagnostic, NumberField, Object, PathField, QueryLanguage, TextField, Value};

/// One object of a definition while it is being read.
///
/// Every field that may be there is asked for once; [`Fields::finish`] then reports the required ones that are
/// missing and the ones that nobody asked for. Problems become diagnostics; the caller goes on with a stand-in.
pub(crate) struct Fields<'a> {
    parser: &'a Parser,
    location: String,
    members: &'a Object,
    language: QueryLanguage,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(parser: &'a Parser, location: String, members: &'a Object, language: QueryLanguage) -> Self {
        Self { parser, location, members, language, known: Vec::new(), missing: Vec::new() }
    }

    /// The fields of `value`, which must be an object.
    pub(crate) fn of(&self, value: &'a Value, location: String) -> Option<Self> {
        let Value::Object(members) = value else {
            self.parser.schema(&location, format!("Expected an object, was {}", described(value)));
            return None;
        };
        Some(Self::new(self.parser, location, members, self.language))
    }

    /// The parse that this object is part of.
    pub(crate) fn parser(&self) -> &'a Parser {
        self.parser
    }

    /// The members as they are.
    pub(crate) fn members(&self) -> &'a Object {
        self.members
    }

    /// Where this object is; empty at the top level.
    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    /// The language of the expressions in this object.
    pub(crate) fn language(&self) -> QueryLanguage {
        self.language
    }

    /// Changes the language, once `QueryLanguage` has been read.
    pub(crate) fn set_language(&mut self, language: QueryLanguage) {
        self.language = language;
    }

    /// Where the field `name` of this object is.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }

    /// Reports a problem with the field `name`.
    pub(crate) fn fail(&self, name: &str, message: impl Into<String>) {
        self.parser.schema(&self.at(name), message);
    }

    /// Reports a problem with the object as a whole.
    pub(crate) fn fail_whole(&self, message: impl Into<String>) {
        self.parser.schema(&self.location, message);
    }

    /// Reports the missing required fields and the unknown ones.
    pub(crate) fn finish(self) {
        if !self.missing.is_empty() {
            self.fail_whole(format!("These fields are required: [{}]", self.missing.join(", ")));
        }
        for name in self.members.keys().filter(|name| !self.known.contains(&&***name)) {
            self.fail_whole(format!("Field '{name}' is not supported"));
        }
    }

    /// Whether the field is there, without asking for it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The value of an optional field.
    pub(crate) fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.members.get(name)
    }

    /// Marks a field as missing where `value` says so and it is not there.
    pub(crate) fn require<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(name) {
            self.missing.push(name);
        }
        value
    }

    /// Reports that more than one of `names` is there; whether that is so.
    pub(crate) fn exclusive(&self, names: &[&'static str]) -> bool {
        let conflict = names.iter().filter(|name| self.has(name)).count() > 1;
        if conflict {
            self.fail_whole(format!("Only one of these fields is allowed: [{}]", names.join(", ")));
        }
        conflict
    }

    /// A field that only the given language has.
    pub(crate) fn only(&mut self, language: QueryLanguage, name: &'static str) -> Option<&'a Value> {
        let value = self.value(name)?;
        if self.language == language {
            return Some(value);
        }
        self.fail_whole(format!(
            "The QueryLanguage is set to '{}', but field '{name}' is only supported for the '{}' QueryLanguage",
            self.language.name(),
            language.name()
        ));
        None
    }

    fn mistyped<T>(&self, name: &str, wanted: &str, value: &Value) -> Option<T> {
        self.fail(name, format!("Field '{name}' must be {wanted}, was {}", described(value)));
        None
    }

    /// A string.
    pub(crate) fn string(&mut self, name: &'static str) -> Option<Arc<str>> {
        let value = self.value(name)?;
        self.text(name, value)
    }

    fn text(&self, name: &str, value: &Value) -> Option<Arc<str>> {
        match value {
            Value::String(text) => Some(text.clone()),
            other => self.mistyped(name, "a string", other),
        }
    }

    /// A string that must be there.
    pub(crate) fn required_string(&mut self, name: &'static str) -> Option<Arc<str>> {
        let text = self.string(name);
        self.require(name, text)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let value = self.value(name)?;
        value.as_bool().or_else(|| self.mistyped(name, "a boolean", value))
    }

    /// An array.
    pub(crate) fn array(&mut self, name: &'static str) -> Option<&'a [Value]> {
        let value = self.value(name)?;
        value.as_array().or_else(|| self.mistyped(name, "an array", value))
    }

    /// An object, to be read field by field.
    pub(crate) fn object(&mut self, name: &'static str) -> Option<Self> {
        let value = self.value(name)?;
        match value {
            Value::Object(members) => Some(Self::new(self.parser, self.at(name), members, self.language)),
            other => self.mistyped(name, "an object", other),
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.string(name)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| **word == *text) {
            return Some(*meaning);
        }
        let allowed: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.fail(name, format!("Field '{name}' must be one of [{}], was '{text}'", allowed.join(", ")));
        None
    }

    /// `QueryLanguage`.
    pub(crate) fn query_language(&mut self) -> Option<QueryLanguage> {
        self.word("QueryLanguage", &[("JSONPath", QueryLanguage::JsonPath), ("JSONata", QueryLanguage::Jsonata)])
    }

    /// A whole number in `range`.
    pub(crate) fn integer(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(name)?;
        self.whole_number(name, value, &range)
    }

    fn whole_number(&self, name: &str, value: &Value, range: &RangeInclusive<u64>) -> Option<u64> {
        let Value::Number(number) = value else { return self.mistyped(name, "an integer", value) };
        if number.is_f64() {
            return self.mistyped(name, "an integer", value);
        }
        // Not a double and not unsigned: negative.
        match number.as_u64() {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) if number > *range.end() => {
                self.fail(name, format!("Maximum value is {}", range.end()));
                None
            }
            _ => {
                self.fail(name, format!("Minimum value is {}", range.start()));
                None
            }
        }
    }

    /// A double of at least `minimum`.
    pub(crate) fn double(&mut self, name: &'static str, minimum: f64) -> Option<f64> {
        let value = self.value(name)?;
        let Some(number) = value.as_f64() else { return self.mistyped(name, "a number", value) };
        if number < minimum {
            self.fail(name, format!("Minimum value is {minimum:?}"));
            return None;
        }
        Some(number)
    }

    /// A whole number in `range`, or the same from `path_name` (JSONPath) or an expression (JSONata).
    pub(crate) fn number_field(
        &mut self,
        name: &'static str,
        path_name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<NumberField> {
        let path = self.only(QueryLanguage::JsonPath, path_name);
        let literal = self.value(name);
        if self.exclusive(&[name, path_name]) {
            return None;
        }
        if let Some(path) = path {
            return self.as_path(path_name, path).map(NumberField::Path);
        }
        match literal? {
            Value::String(text) if self.language == QueryLanguage::Jsonata => {
                self.expression(name, text).map(NumberField::Expression)
            }
            value => self.whole_number(name, value, &range).map(NumberField::Literal),
        }
    }

    /// A whole `{% ... %}` string.
    fn expression(&self, name: &str, text: &Arc<str>) -> Option<Arc<str>> {
        if is_expression(text) {
            return Some(text.clone());
        }
        self.fail(name, format!("Field '{name}' must be an integer or a JSONata expression '{{% ... %}}'"));
        None
    }

    /// A text, or the same from `path_name` (JSONPath, path or intrinsic) or an expression (JSONata).
    pub(crate) fn text_field(&mut self, name: &'static str, path_name: &'static str) -> Option<TextField> {
        let path = self.only(QueryLanguage::JsonPath, path_name);
        let literal = self.value(name);
        if self.exclusive(&[name, path_name]) {
            return None;
        }
        if let Some(path) = path {
            return self.as_path_or_intrinsic(path_name, path).map(TextField::Path);
        }
        let text = self.text(name, literal?)?;
        if self.language == QueryLanguage::Jsonata {
            self.delimiters(&self.at(name), &text);
            if is_expression(&text) {
                return Some(TextField::Expression(text));
            }
        }
        Some(TextField::Literal(text))
    }

    /// A JSONPath, where the language is JSONPath.
    pub(crate) fn path(&mut self, name: &'static str) -> Option<Arc<str>> {
        let value = self.only(QueryLanguage::JsonPath, name)?;
        self.as_path(name, value)
    }

    /// `value` as the path in the field `name`.
    pub(crate) fn as_path(&self, name: &str, value: &Value) -> Option<Arc<str>> {
        let path = self.text(name, value)?;
        if path.starts_with('$') {
            return Some(path);
        }
        self.fail(name, format!("Value is not a valid JSONPath: '{path}' must start with '$'"));
        None
    }

    fn as_path_or_intrinsic(&self, name: &str, value: &Value) -> Option<Arc<str>> {
        let text = self.text(name, value)?;
        if is_path_or_intrinsic(&text) {
            return Some(text);
        }
        let message =
            format!("The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call");
        self.fail_whole(message);
        None
    }

    /// `InputPath`, `OutputPath` or `ResultPath`.
    pub(crate) fn path_field(&mut self, name: &'static str) -> PathField {
        match self.only(QueryLanguage::JsonPath, name) {
            None => PathField::Whole,
            Some(Value::Null) => PathField::Nothing,
            Some(value) => match self.as_path(name, value) {
                Some(path) if &*path == "$" => PathField::Whole,
                Some(path) => PathField::Path(path),
                None => PathField::Whole,
            },
        }
    }

    /// `ResultPath`: a reference path into the state's own input, so neither `$$` nor a variable.
    pub(crate) fn result_path(&mut self) -> PathField {
        let field = self.path_field("ResultPath");
        if let PathField::Path(path) = &field
            && !path.starts_with("$.")
            && !path.starts_with("$[")
        {
            self.fail(
                "ResultPath",
                format!("Value is not a Reference Path: '{path}' must be '$' or start with '$.' or '$['"),
            );
        }
        field
    }

    /// Reports a text that begins as a JSONata expression and does not end as one, or the other way round.
    pub(crate) fn delimiters(&self, location: &str, text: &str) {
        if text.starts_with("{%") != text.ends_with("%}") || text == "{%}" {
            let message = "A JSONata expression must start with '{%' and end with '%}', without spaces around them";
            self.parser.report(Diagnostic::error(Code::InvalidJsonataExpression, message, location));
        }
    }
}

/// Whether the text is wholly a `{% ... %}` expression.
pub(crate) fn is_expression(text: &str) -> bool {
    text.len() >= 4 && text.starts_with("{%") && text.ends_with("%}")
}

/// Whether the text looks like a JSONPath or an intrinsic function call.
pub(crate) fn is_path_or_intrinsic(text: &str) -> bool {
    text.starts_with('$') || (text.starts_with("States.") && text.ends_with(')'))
}

/// `a string`, `an array`, `null` ... : the type of a value in a sentence.
pub(crate) fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Array(_) | Value::Object(_) => format!("an {}", value.type_name()),
        other => format!("a {}", other.type_name()),
    }
}
