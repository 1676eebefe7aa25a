//! What an answer must be.

use super::plan::known;
use crate::error::Error;
use crate::field::Object;
use serde_json::Value;

/// The longest piece of an answer that a message repeats, in characters.
const MAX_QUOTE: usize = 80;

/// What an answer must be. Everything given must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The statuses that are fine; 200 alone by default. A redirect is an answer like any other: it is fine where
    /// its status is listed, and never followed.
    pub status: Vec<u16>,
    /// JSON pointers (RFC 6901) into the body, and what must be there.
    pub json: Vec<(String, Value)>,
    /// A text that the body must contain.
    pub contains: Option<String>,
}

impl Default for Expectation {
    fn default() -> Self {
        Self { status: vec![200], json: Vec::new(), contains: None }
    }
}

/// An answer as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Expectation {
    pub(crate) fn parse(expect: &Object<'_>) -> Result<Self, Error> {
        known(expect, &["status", "json", "contains"])?;
        let problem = "must be a list of HTTP statuses between 200 and 599";
        let number = |value: &Value| {
            let status = value.as_u64().and_then(|status| u16::try_from(status).ok());
            status.filter(|status| (200..600).contains(status)).ok_or_else(|| expect.error("status", problem))
        };
        let status = match expect.get("status") {
            None => Self::default().status,
            Some(_) => expect.list("status")?.iter().map(number).collect::<Result<_, _>>()?,
        };
        if status.is_empty() {
            return Err(expect.error("status", problem));
        }
        let mut json = Vec::new();
        if let Some(fields) = expect.optional_object("json")? {
            for pointer in fields.names() {
                if !pointer.is_empty() && !pointer.starts_with('/') {
                    return Err(fields.error(pointer, "must be a JSON pointer: it begins with /"));
                }
                // A null is a value that can be expected, not an absent field.
                json.push((pointer.to_owned(), fields.get(pointer).cloned().unwrap_or(Value::Null)));
            }
        }
        Ok(Self { status, json, contains: expect.optional_text("contains")?.map(str::to_owned) })
    }

    /// Whether an answer is as expected.
    ///
    /// # Errors
    /// The first thing that is not.
    pub(crate) fn judge(&self, answer: &Answer) -> Result<(), String> {
        if !self.status.contains(&answer.status) {
            return Err(self.wrong_status(answer));
        }
        if !self.json.is_empty() {
            let body: Value = serde_json::from_slice(&answer.body).map_err(|_| "the body is no JSON".to_owned())?;
            for (pointer, wanted) in &self.json {
                let found = body.pointer(pointer).ok_or_else(|| format!("{pointer} is not in the body"))?;
                if !same(found, wanted) {
                    return Err(format!("{pointer} is {}, not {}", quote(found), quote(wanted)));
                }
            }
        }
        match &self.contains {
            Some(wanted) if !contains(&answer.body, wanted.as_bytes()) => {
                Err(format!("the body does not contain {}", quote(&Value::String(wanted.clone()))))
            }
            _ => Ok(()),
        }
    }

    fn wrong_status(&self, answer: &Answer) -> String {
        let wanted: Vec<_> = self.status.iter().map(u16::to_string).collect();
        let wanted = wanted.join(" or ");
        match &answer.location {
            Some(location) if (300..400).contains(&answer.status) => {
                let location = quote(&Value::String(location.clone()));
                format!(
                    "answered {}, a redirect to {location}, not {wanted}: redirects are not followed",
                    answer.status
                )
            }
            _ => format!("answered {}, not {wanted}", answer.status),
        }
    }
}

/// The version that an answer names: a text or a number.
///
/// # Errors
/// Why there is none.
pub(crate) fn version(answer: &Answer, pointer: &str) -> Result<String, String> {
    let body: Value = serde_json::from_slice(&answer.body).map_err(|_| "the body is no JSON".to_owned())?;
    match body.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(format!("{pointer} is no text and no number")),
        None => Err(format!("{pointer} is not in the body")),
    }
}

/// Equality of JSON values, with numbers by their value: 1 is 1.0.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || body.windows(wanted.len()).any(|window| window == wanted)
}

/// A value as a message shows it, cut where it is long.
pub(crate) fn quote(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= MAX_QUOTE {
        return text;
    }
    let start: String = text.chars().take(MAX_QUOTE).collect();
    format!("{start}…")
}
