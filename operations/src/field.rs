//! Reading fields of JSON objects with errors that name the field.

use crate::error::{Error, Kind};
use serde_json::{Map, Value};

/// A JSON object being read, with the path that leads to it and the kind of error a bad field is.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    fields: &'a Map<String, Value>,
    path: String,
    kind: Kind,
}

impl<'a> Object<'a> {
    /// Reads `value` as an object called `path` (empty for the payload itself).
    ///
    /// # Errors
    /// `kind` when the value is not an object.
    pub fn of(value: &'a Value, path: &str, kind: Kind) -> Result<Self, Error> {
        match value {
            Value::Object(fields) => Ok(Self { fields, path: path.to_owned(), kind }),
            other => {
                let what = if path.is_empty() { "the payload" } else { path };
                Err(Error::new(kind, format!("{what} must be a JSON object, not {}", describe(other))))
            }
        }
    }

    /// The value of a field; a JSON null counts as absent.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// The value of a field that must be there.
    ///
    /// # Errors
    /// Names the field when it is absent.
    pub fn required(&self, name: &str) -> Result<&'a Value, Error> {
        self.get(name).ok_or_else(|| self.missing(name))
    }

    /// A text that must be there and must not be empty.
    ///
    /// # Errors
    /// Names the field when it is absent, empty or no text.
    pub fn text(&self, name: &str) -> Result<&'a str, Error> {
        self.optional_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text that may be absent; an empty one counts as absent.
    ///
    /// # Errors
    /// Names the field when it is no text.
    pub fn optional_text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, "a text", other)),
        }
    }

    /// A whole number that may be absent; `3.0` counts as 3.
    ///
    /// # Errors
    /// Names the field when it is no whole number.
    pub fn optional_integer(&self, name: &str) -> Result<Option<i64>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        whole(value).map(Some).ok_or_else(|| self.wrong(name, "a whole number", value))
    }

    /// A whole number that must be there.
    ///
    /// # Errors
    /// Names the field when it is absent or no whole number.
    pub fn integer(&self, name: &str) -> Result<i64, Error> {
        self.optional_integer(name)?.ok_or_else(|| self.missing(name))
    }

    /// A whole number in `0..=u32::MAX` that may be absent.
    ///
    /// # Errors
    /// Names the field when it is no such number.
    pub fn optional_count(&self, name: &str) -> Result<Option<u32>, Error> {
        let Some(number) = self.optional_integer(name)? else { return Ok(None) };
        u32::try_from(number)
            .map(Some)
            .map_err(|_| Error::new(self.kind, format!("{} must be between 0 and {}", self.label(name), u32::MAX)))
    }

    /// A finite number that may be absent.
    ///
    /// # Errors
    /// Names the field when it is no number.
    pub fn optional_number(&self, name: &str) -> Result<Option<f64>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| self.wrong(name, "a number", value)),
        }
    }

    /// `true` or `false`; absent is `false`.
    ///
    /// # Errors
    /// Names the field when it is neither.
    pub fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(name, "true or false", other)),
        }
    }

    /// An object that may be absent.
    ///
    /// # Errors
    /// Names the field when it is no object.
    pub fn optional_object(&self, name: &str) -> Result<Option<Object<'a>>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => Object::of(value, &self.label(name), self.kind).map(Some),
        }
    }

    /// An object that must be there.
    ///
    /// # Errors
    /// Names the field when it is absent or no object.
    pub fn object(&self, name: &str) -> Result<Object<'a>, Error> {
        Object::of(self.required(name)?, &self.label(name), self.kind)
    }

    /// A list; absent is empty.
    ///
    /// # Errors
    /// Names the field when it is no list.
    pub fn list(&self, name: &str) -> Result<&'a [Value], Error> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.wrong(name, "a list", other)),
        }
    }

    /// A list of texts; absent is empty.
    ///
    /// # Errors
    /// Names the field, or its element, when it is no list of texts.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let texts = self.list(name)?.iter().enumerate().map(|(index, item)| match item {
            Value::String(text) => Ok(text.clone()),
            other => Err(self.wrong(&format!("{name}[{index}]"), "a text", other)),
        });
        texts.collect()
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.fields.keys().map(String::as_str)
    }

    /// The full name of a field, for messages.
    pub fn label(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// An error of this object's kind about one of its fields.
    pub fn error(&self, name: &str, problem: &str) -> Error {
        Error::new(self.kind, format!("{} {problem}", self.label(name)))
    }

    fn missing(&self, name: &str) -> Error {
        Error::new(self.kind, format!("{} is missing: add it", self.label(name)))
    }

    fn wrong(&self, name: &str, wanted: &str, found: &Value) -> Error {
        Error::new(self.kind, format!("{} must be {wanted}, not {}", self.label(name), describe(found)))
    }
}

/// A JSON number as a whole one; floats with no fraction within ±2^53 count.
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        let fits = number.fract() == 0.0 && number.abs() <= EXACT;
        // Within 2^53 the conversion is exact.
        fits.then_some(number as i64)
    })
}

/// What kind of JSON value this is, for messages; never its content, which may be long or secret.
fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bad_field_is_named_with_its_path() {
        let value = json!({"limits": {"maxTasks": "many"}, "list": ["a", 1]});
        let object = Object::of(&value, "entry", Kind::ConfigInvalid).unwrap();
        let limits = object.object("limits").unwrap();
        let error = limits.optional_count("maxTasks").unwrap_err();
        assert_eq!(error.message(), "entry.limits.maxTasks must be a whole number, not a text");
        assert_eq!(error.kind(), Kind::ConfigInvalid);
        assert_eq!(object.texts("list").unwrap_err().message(), "entry.list[1] must be a text, not a number");
        assert_eq!(object.text("absent").unwrap_err().message(), "entry.absent is missing: add it");
    }

    #[test]
    fn null_and_empty_text_count_as_absent_and_whole_floats_as_whole() {
        let value = json!({"none": null, "empty": "", "three": 3.0, "half": 0.5, "minus": -1});
        let object = Object::of(&value, "", Kind::InvalidInput).unwrap();
        assert_eq!(object.optional_text("none").unwrap(), None);
        assert_eq!(object.optional_text("empty").unwrap(), None);
        assert_eq!(object.optional_integer("three").unwrap(), Some(3));
        assert!(object.optional_integer("half").is_err());
        assert_eq!(object.optional_count("minus").unwrap_err().message(), "minus must be between 0 and 4294967295");
    }

    #[test]
    fn a_payload_that_is_no_object_is_refused() {
        let error = Object::of(&json!([1]), "", Kind::InvalidInput).unwrap_err();
        assert_eq!(error.message(), "the payload must be a JSON object, not a list");
    }
}
