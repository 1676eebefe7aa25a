//! The functions a path may end in.

use asl::Value;

use super::path::{Function, FunctionName, Operand};
use super::walk::Search;
use super::{compare, walk};

/// What `function` gives for `value`; `search` has the document its arguments look at.
///
/// # Errors
/// What is wrong, in Jayway's words where they are known.
pub(super) fn apply(function: &Function, value: Value, search: &Search<'_>) -> Result<Value, String> {
    let arguments = || function.arguments.iter().filter_map(|operand| compare::value_of(operand, &value, search));
    match function.name {
        FunctionName::Length => Ok(length(&value)),
        FunctionName::Keys => Ok(keys(&value)),
        FunctionName::First => pick(&value, 0),
        FunctionName::Last => pick(&value, -1),
        FunctionName::Index => pick(&value, index(function)?),
        FunctionName::Concat => Ok(concat(value.as_array().unwrap_or_default().iter().cloned().chain(arguments()))),
        FunctionName::Append => {
            let mut items = value.as_array().map(<[Value]>::to_vec).unwrap_or_default();
            items.extend(arguments());
            Ok(Value::array(items))
        }
        FunctionName::Minimum
        | FunctionName::Maximum
        | FunctionName::Average
        | FunctionName::StandardDeviation
        | FunctionName::Sum => statistic(function.name, &numbers(&value, arguments())),
    }
}

fn length(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.len().into(),
        Value::Object(members) => members.len().into(),
        Value::String(text) => text.encode_utf16().count().into(),
        _ => Value::Null,
    }
}

fn keys(value: &Value) -> Value {
    value
        .as_object()
        .map_or(Value::Null, |members| Value::array(members.keys().map(|key| Value::from(key.clone())).collect()))
}

fn pick(value: &Value, index: i64) -> Result<Value, String> {
    let items = value.as_array().unwrap_or_default();
    walk::item(items, index).cloned().ok_or_else(|| format!("there is no item {index} in an array of {}", items.len()))
}

fn index(function: &Function) -> Result<i64, String> {
    match function.arguments.first() {
        Some(Operand::Literal(value)) => value.as_i64(),
        _ => None,
    }
    .ok_or_else(|| String::from("index() takes one whole number"))
}

fn concat(parts: impl Iterator<Item = Value>) -> Value {
    let text: String = parts
        .map(|part| match part {
            Value::String(text) => text.to_string(),
            other => other.to_string(),
        })
        .collect();
    text.into()
}

/// The numbers among the items, and those among the arguments.
fn numbers(value: &Value, arguments: impl Iterator<Item = Value>) -> Vec<f64> {
    let mut numbers: Vec<f64> = value.as_array().unwrap_or_default().iter().filter_map(Value::as_f64).collect();
    for argument in arguments {
        match &argument {
            Value::Array(items) => numbers.extend(items.iter().filter_map(Value::as_f64)),
            other => numbers.extend(other.as_f64()),
        }
    }
    numbers
}

#[expect(clippy::cast_precision_loss, reason = "an array of 2^53 items does not fit in memory")]
fn statistic(name: FunctionName, numbers: &[f64]) -> Result<Value, String> {
    if numbers.is_empty() {
        return Err(String::from("Aggregation function attempted to calculate value using empty array"));
    }
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    let mean = sum / count;
    let result = match name {
        FunctionName::Minimum => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        FunctionName::Maximum => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        FunctionName::Average => mean,
        FunctionName::StandardDeviation => {
            (numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count).sqrt()
        }
        _ => sum,
    };
    Ok(result.into())
}
