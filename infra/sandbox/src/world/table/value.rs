//! DynamoDB's attribute values and their JSON form.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::number::Number;

/// An item: attributes by name.
pub(crate) type Item = BTreeMap<String, AttributeValue>;

/// A typed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttributeValue {
    /// String.
    S(String),
    /// Number.
    N(Number),
    /// Binary.
    B(Vec<u8>),
    /// Boolean.
    Bool(bool),
    /// Null.
    Null,
    /// List.
    L(Vec<Self>),
    /// Map.
    M(Item),
    /// String set.
    Ss(BTreeSet<String>),
    /// Number set.
    Ns(BTreeSet<Number>),
    /// Binary set.
    Bs(BTreeSet<Vec<u8>>),
}

impl AttributeValue {
    /// The type's name on the wire.
    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// Reads the JSON form; the error is DynamoDB's message.
    pub(crate) fn from_wire(value: &Value) -> Result<Self, String> {
        const EMPTY: &str = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
        let object = value.as_object().ok_or(EMPTY)?;
        let mut entries = object.iter();
        let (kind, content) = entries.next().ok_or(EMPTY)?;
        if entries.next().is_some() {
            return Err("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes".to_owned());
        }
        match kind.as_str() {
            "S" => Ok(Self::S(text(kind, content)?)),
            "N" => Ok(Self::N(Number::parse(&text(kind, content)?)?)),
            "B" => Ok(Self::B(binary(content)?)),
            "BOOL" => Ok(Self::Bool(content.as_bool().ok_or("BOOL must be true or false")?)),
            "NULL" if content.as_bool() == Some(true) => Ok(Self::Null),
            "NULL" => {
                Err("One or more parameter values were invalid: Null attribute value types must have the value of true"
                    .to_owned())
            }
            "L" => Ok(Self::L(members(kind, content)?.iter().map(Self::from_wire).collect::<Result<_, _>>()?)),
            "M" => item(content).map(Self::M),
            "SS" => set(kind, content, |each| text(kind, each)).map(Self::Ss),
            "NS" => set(kind, content, |each| Number::parse(&text(kind, each)?)).map(Self::Ns),
            "BS" => set(kind, content, binary).map(Self::Bs),
            _ => Err(EMPTY.to_owned()),
        }
    }

    /// The JSON form.
    pub(crate) fn to_wire(&self) -> Value {
        match self {
            Self::S(text) => json!({ "S": text }),
            Self::N(number) => json!({ "N": number.to_string() }),
            Self::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
            Self::Bool(value) => json!({ "BOOL": value }),
            Self::Null => json!({ "NULL": true }),
            Self::L(list) => json!({ "L": list.iter().map(Self::to_wire).collect::<Vec<_>>() }),
            Self::M(map) => json!({ "M": wire(map) }),
            Self::Ss(set) => json!({ "SS": set }),
            Self::Ns(set) => json!({ "NS": set.iter().map(ToString::to_string).collect::<Vec<_>>() }),
            Self::Bs(set) => json!({ "BS": set.iter().map(|each| STANDARD.encode(each)).collect::<Vec<_>>() }),
        }
    }

    /// The value of plain JSON: objects are maps, arrays lists, numbers numbers.
    pub(crate) fn from_plain(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => {
                Number::parse(&number.to_string()).map_or_else(|_| Self::S(number.to_string()), Self::N)
            }
            Value::String(text) => Self::S(text.clone()),
            Value::Array(list) => Self::L(list.iter().map(Self::from_plain).collect()),
            Value::Object(object) => Self::M(plain_item(object)),
        }
    }

    /// DynamoDB's size in bytes, as it counts towards an item's 400 KB.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.to_string().len() / 2 + 2,
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::L(list) => 3 + list.iter().map(|each| each.bytes() + 1).sum::<usize>(),
            Self::M(map) => 3 + item_bytes(map) + map.len(),
            Self::Ss(set) => set.iter().map(String::len).sum(),
            Self::Ns(set) => set.iter().map(|each| each.to_string().len() / 2 + 2).sum(),
            Self::Bs(set) => set.iter().map(Vec::len).sum(),
        }
    }
}

/// The item of a plain JSON object.
pub(crate) fn plain_item(object: &Map<String, Value>) -> Item {
    object.iter().map(|(name, value)| (name.clone(), AttributeValue::from_plain(value))).collect()
}

/// DynamoDB's size of an item in bytes.
pub(crate) fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.bytes()).sum()
}

/// Reads an item from its JSON form; the error is DynamoDB's message.
pub(crate) fn item(value: &Value) -> Result<Item, String> {
    let object = value.as_object().ok_or("an item must be a map of attribute names to values")?;
    object.iter().map(|(name, value)| Ok((name.clone(), AttributeValue::from_wire(value)?))).collect()
}

/// The JSON form of an item.
pub(crate) fn wire(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, value)| (name.clone(), value.to_wire())).collect())
}

fn text(kind: &str, value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{kind} must hold a string"))
}

fn binary(value: &Value) -> Result<Vec<u8>, String> {
    let text = value.as_str().ok_or("B must hold base64 text")?;
    STANDARD.decode(text).map_err(|error| format!("B is not valid base64: {error}"))
}

fn members<'a>(kind: &str, value: &'a Value) -> Result<&'a Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("{kind} must hold a list"))
}

fn set<T: Ord>(kind: &str, value: &Value, read: impl Fn(&Value) -> Result<T, String>) -> Result<BTreeSet<T>, String> {
    let members = members(kind, value)?;
    let set: BTreeSet<T> = members.iter().map(read).collect::<Result<_, _>>()?;
    if set.is_empty() {
        return Err(format!("One or more parameter values were invalid: An {kind} set may not be empty"));
    }
    if set.len() < members.len() {
        return Err("One or more parameter values were invalid: Input collection contains duplicates.".to_owned());
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_wire() {
        let wire = json!({"M": {
            "s": {"S": "x"}, "n": {"N": "1.5"}, "b": {"B": "AAE="}, "t": {"BOOL": true}, "z": {"NULL": true},
            "l": {"L": [{"S": "a"}]}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["AA=="]}
        }});
        assert_eq!(
            AttributeValue::from_wire(&wire).unwrap().to_wire(),
            json!({"M": {
                "b": {"B": "AAE="}, "bs": {"BS": ["AA=="]}, "l": {"L": [{"S": "a"}]}, "n": {"N": "1.5"}, "ns": {"NS": ["1", "2"]},
                "s": {"S": "x"}, "ss": {"SS": ["a", "b"]}, "t": {"BOOL": true}, "z": {"NULL": true}
            }})
        );
    }

    #[test]
    fn malformed_values_are_refused() {
        for wire in [
            json!({}),
            json!({"S": "a", "N": "1"}),
            json!({"N": "abc"}),
            json!({"SS": []}),
            json!({"SS": ["a", "a"]}),
            json!({"NULL": false}),
            json!({"X": "a"}),
            json!("a"),
        ] {
            assert!(AttributeValue::from_wire(&wire).is_err(), "{wire}");
        }
    }
}
