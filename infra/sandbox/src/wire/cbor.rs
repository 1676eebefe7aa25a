//! Smithy RPC v2 CBOR, which the CloudWatch SDK speaks: answers are written here, requests read with `ciborium`.

use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};

use super::node::{Node, seconds};

/// Instants are tag 1 (seconds since the epoch).
const EPOCH_TAG: u64 = 1;

/// The CBOR form: definite lengths, 64-bit floats.
pub(crate) fn write(node: &Node) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, node);
    bytes
}

fn head(bytes: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    match value {
        0..=23 => bytes.push(major | value as u8),
        24..=0xFF => bytes.extend([major | 24, value as u8]),
        0x100..=0xFFFF => {
            bytes.push(major | 25);
            bytes.extend((value as u16).to_be_bytes());
        }
        0x1_0000..=0xFFFF_FFFF => {
            bytes.push(major | 26);
            bytes.extend((value as u32).to_be_bytes());
        }
        _ => {
            bytes.push(major | 27);
            bytes.extend(value.to_be_bytes());
        }
    }
}

fn float(bytes: &mut Vec<u8>, value: f64) {
    bytes.push(0xFB);
    bytes.extend(value.to_be_bytes());
}

fn time(bytes: &mut Vec<u8>, at_ms: i64) {
    head(bytes, 6, EPOCH_TAG);
    float(bytes, seconds(at_ms));
}

fn text(bytes: &mut Vec<u8>, value: &str) {
    head(bytes, 3, value.len() as u64);
    bytes.extend(value.as_bytes());
}

fn append(bytes: &mut Vec<u8>, node: &Node) {
    match node {
        Node::Absent | Node::Json(_) => bytes.push(0xF6),
        Node::Bool(value) => bytes.push(if *value { 0xF5 } else { 0xF4 }),
        Node::Int(value) if *value < 0 => head(bytes, 1, value.unsigned_abs() - 1),
        Node::Int(value) => head(bytes, 0, value.unsigned_abs()),
        Node::Double(value) => float(bytes, *value),
        Node::Text(value) => text(bytes, value),
        Node::Time(at_ms) => time(bytes, *at_ms),
        Node::Times(times) => {
            head(bytes, 4, times.len() as u64);
            times.iter().for_each(|at_ms| time(bytes, *at_ms));
        }
        Node::Doubles(values) => {
            head(bytes, 4, values.len() as u64);
            values.iter().for_each(|value| float(bytes, *value));
        }
        Node::List(_, elements) => {
            head(bytes, 4, elements.len() as u64);
            elements.iter().for_each(|element| append(bytes, element));
        }
        Node::Map(members) => {
            let present: Vec<_> = members.iter().filter(|(_, node)| *node != Node::Absent).collect();
            head(bytes, 5, present.len() as u64);
            for (name, node) in present {
                text(bytes, name);
                append(bytes, node);
            }
        }
    }
}

/// A request's parameters; instants become seconds. The error says what is not valid.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, String> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let cbor: Cbor = ciborium::from_reader(bytes).map_err(|error| format!("the body is not valid CBOR: {error}"))?;
    json(cbor)
}

fn json(cbor: Cbor) -> Result<Value, String> {
    match cbor {
        Cbor::Null => Ok(Value::Null),
        Cbor::Bool(value) => Ok(Value::Bool(value)),
        Cbor::Integer(value) => {
            i64::try_from(value).map(Value::from).map_err(|_| "an integer of the body is out of range".to_owned())
        }
        Cbor::Float(value) => Ok(Number::from_f64(value).map_or(Value::Null, Value::Number)),
        Cbor::Text(text) => Ok(Value::String(text)),
        Cbor::Tag(_, inner) => json(*inner),
        Cbor::Array(elements) => elements.into_iter().map(json).collect::<Result<_, _>>().map(Value::Array),
        Cbor::Map(members) => {
            let read = |(name, value): (Cbor, Cbor)| match name {
                Cbor::Text(name) => Ok((name, json(value)?)),
                _ => Err("a map of the body has a key that is not text".to_owned()),
            };
            members.into_iter().map(read).collect::<Result<_, _>>().map(Value::Object)
        }
        _ => Err("the body holds a CBOR type that no parameter has".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read() {
        let node = Node::map([
            ("Text", Node::from("ä")),
            ("Int", Node::Int(-300)),
            ("Big", Node::Int(5_000_000_000)),
            ("Time", Node::Time(1_500)),
            ("List", Node::list([Node::Double(0.5), Node::Bool(true)])),
            ("Times", Node::Times(vec![1_500, 2_000])),
            ("Values", Node::Doubles(vec![0.5])),
            ("Gone", Node::Absent),
        ]);
        assert_eq!(
            read(&write(&node)),
            Ok(json!({"Text": "ä", "Int": -300, "Big": 5_000_000_000_i64, "Time": 1.5, "List": [0.5, true],
                "Times": [1.5, 2.0], "Values": [0.5]}))
        );
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(read(&[0xFF, 0x00]).is_err());
        assert_eq!(read(&[]), Ok(json!({})));
    }
}
