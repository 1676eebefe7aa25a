//! Between our values and the evaluator's, whose numbers are doubles.

use std::sync::Arc;

use asl::{Object, Value};
use jsonata_core::value::{JValue, with_stack};

use super::needs::Need;
use super::run::Stop;
use crate::depth;

/// Bytes a result may hold, as measured on AWS: a sequence of 873,782 numbers is the longest, at 8 bytes each.
pub(super) const MEMORY: usize = 6_990_256;

/// What an expression that holds more is told by AWS.
pub(super) const MEMORY_EXCEEDED: &str =
    "Expression evaluation memory limit exceeded: Check for excessive memory usage";

/// `value` for the evaluator, as far as `need` says.
pub(super) fn import(value: &Value, need: &Need) -> JValue {
    if need.whole {
        return import_all(value);
    }
    with_stack(|| match value {
        Value::Array(items) => JValue::array(items.iter().map(|item| import(item, need)).collect()),
        Value::Object(members) => object(need.members.iter().filter_map(|(name, need)| {
            let member = members.get(name.as_str())?;
            Some((name.clone(), import(member, need)))
        })),
        scalar => import_all(scalar),
    })
}

/// An object for the evaluator.
pub(super) fn object(members: impl Iterator<Item = (String, JValue)>) -> JValue {
    JValue::object(members.collect())
}

fn import_all(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(truth) => JValue::Bool(*truth),
        Value::Number(number) => JValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => JValue::string(&**text),
        Value::Array(items) => with_stack(|| JValue::array(items.iter().map(import_all).collect())),
        Value::Object(members) => {
            with_stack(|| object(members.iter().map(|(key, member)| (key.to_string(), import_all(member)))))
        }
    }
}

/// The evaluator's `result` as a value: whole numbers become integers again.
///
/// # Errors
/// The result is nothing, holds a function, holds too much or nests too deep.
pub(super) fn export(result: &JValue) -> Result<Value, Stop> {
    match result {
        JValue::Undefined => Err(Stop::Undefined),
        other => Export { left: MEMORY }.value(other, depth::LIMIT),
    }
}

struct Export {
    left: usize,
}

impl Export {
    fn value(&mut self, value: &JValue, levels: usize) -> Result<Value, Stop> {
        self.hold(8)?;
        match value {
            JValue::Null | JValue::Undefined => Ok(Value::Null),
            JValue::Bool(truth) => Ok(Value::Bool(*truth)),
            JValue::Number(number) => Ok(number_of(*number)),
            JValue::String(text) => {
                self.hold(text.len())?;
                Ok(Value::from(&**text))
            }
            JValue::Array(items) => {
                let below = below(levels)?;
                let items = with_stack(|| items.iter().map(|item| self.value(item, below)).collect::<Result<_, _>>())?;
                Ok(Value::array(items))
            }
            JValue::Object(members) => {
                let below = below(levels)?;
                with_stack(|| self.object(members, below))
            }
            _ => Err(Stop::Unsupported),
        }
    }

    fn object(&mut self, members: &jsonata_core::value::JMap, below: usize) -> Result<Value, Stop> {
        let mut object = Object::with_capacity(members.len());
        for (key, member) in members {
            if member.is_undefined() {
                continue;
            }
            self.hold(key.len())?;
            object.insert(key.as_str().into(), self.value(member, below)?);
        }
        Ok(Value::Object(Arc::new(object)))
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| Stop::Bound(MEMORY_EXCEEDED.to_owned()))?;
        Ok(())
    }
}

fn below(levels: usize) -> Result<usize, Stop> {
    levels.checked_sub(1).ok_or_else(|| Stop::Bound(depth::too_deep()))
}

/// Whole doubles in range become integers. AWS writes what JSON has no number for as a text.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
#[expect(clippy::cast_precision_loss, reason = "the bounds are powers of two")]
pub(super) fn number_of(number: f64) -> Value {
    if number.fract() == 0.0 && (i64::MIN as f64..i64::MAX as f64).contains(&number) {
        return Value::from(number as i64);
    }
    if number.is_finite() { Value::from(number) } else { Value::from(not_finite(number)) }
}

fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
