//! An answer before it takes its wire form: the same tree becomes JSON, XML or CBOR.

use serde_json::{Map, Number, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Absent: left out of its map.
    Absent,
    /// True or false.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Floating-point number.
    Double(f64),
    /// Text.
    Text(String),
    /// An instant, milliseconds since the Unix epoch.
    Time(i64),
    /// A list and the name of its elements in XML.
    List(&'static str, Vec<Self>),
    /// A list of instants: weeks of metrics are long.
    Times(Vec<i64>),
    /// A list of floating-point numbers, for the same.
    Doubles(Vec<f64>),
    /// A structure, in order.
    Map(Vec<(&'static str, Self)>),
    /// JSON as it is, for services that speak nothing else.
    Json(Value),
}

impl Node {
    /// A structure.
    pub(crate) fn map<const N: usize>(members: [(&'static str, Self); N]) -> Self {
        Self::Map(members.into_iter().collect())
    }

    /// An empty structure.
    pub(crate) const fn empty() -> Self {
        Self::Map(Vec::new())
    }

    /// A list whose elements are `member` in XML.
    pub(crate) fn list(elements: impl IntoIterator<Item = Self>) -> Self {
        Self::named("member", elements)
    }

    /// A list whose elements have a name of their own in XML.
    pub(crate) fn named(name: &'static str, elements: impl IntoIterator<Item = Self>) -> Self {
        Self::List(name, elements.into_iter().collect())
    }

    /// An instant that may be missing.
    pub(crate) fn time(at_ms: Option<i64>) -> Self {
        at_ms.map_or(Self::Absent, Self::Time)
    }

    /// AWS JSON: instants are seconds since the epoch.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::from(*value),
            Self::Double(value) => double(*value),
            Self::Text(text) => Value::String(text.clone()),
            Self::Time(at_ms) => Value::from(seconds(*at_ms)),
            Self::List(_, elements) => Value::Array(elements.iter().map(Self::to_json).collect()),
            Self::Times(times) => Value::Array(times.iter().map(|at_ms| seconds(*at_ms).into()).collect()),
            Self::Doubles(values) => Value::Array(values.iter().copied().map(double).collect()),
            Self::Map(members) => {
                let present = members.iter().filter(|(_, node)| *node != Self::Absent);
                Value::Object(present.map(|(name, node)| ((*name).to_owned(), node.to_json())).collect::<Map<_, _>>())
            }
            Self::Json(value) => value.clone(),
        }
    }
}

fn double(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Seconds since the epoch.
pub(crate) fn seconds(at_ms: i64) -> f64 {
    at_ms as f64 / 1000.0
}

/// An instant as RFC 3339 text in UTC with milliseconds.
pub(crate) fn rfc3339(at_ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

/// The instant that RFC 3339 text names, milliseconds since the epoch.
pub(crate) fn from_rfc3339(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Node {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Node {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<usize> for Node {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Node {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Node {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}
