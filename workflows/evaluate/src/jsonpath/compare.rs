//! What filters ask of a value, by Jayway's rules.

use std::cmp::Ordering;

use asl::Value;

use super::path::{Comparison, Filter, Operand, Path, Root};
use super::walk::Search;

/// Whether `item` matches `filter`; `search` has the document.
pub(super) fn matches(filter: &Filter, item: &Value, search: &Search<'_>) -> bool {
    match filter {
        Filter::And(sides) => sides.iter().all(|side| matches(side, item, search)),
        Filter::Or(sides) => sides.iter().any(|side| matches(side, item, search)),
        Filter::Not(inner) => !matches(inner, item, search),
        Filter::Exists(path) => found(path, item, search).is_some(),
        Filter::Compare(left, comparison, right) => compare(left, *comparison, right, item, search),
    }
}

/// What an operand stands for; nothing where its path finds nothing.
pub(super) fn value_of(operand: &Operand, item: &Value, search: &Search<'_>) -> Option<Value> {
    match operand {
        Operand::Literal(value) => Some(value.clone()),
        Operand::Pattern(pattern) => Some(pattern.source.as_str().into()),
        Operand::Path(path) => found(path, item, search),
    }
}

fn found(path: &Path, item: &Value, search: &Search<'_>) -> Option<Value> {
    let start = if path.root == Root::Item { item } else { search.root };
    search.find(path, start).ok()
}

fn compare(left: &Operand, comparison: Comparison, right: &Operand, item: &Value, search: &Search<'_>) -> bool {
    if let (Comparison::Matches, Operand::Pattern(pattern)) = (comparison, right) {
        return value_of(left, item, search)
            .is_some_and(|value| text(&value).is_some_and(|text| pattern.whole.is_match(&text)));
    }
    let (left, right) = (value_of(left, item, search), value_of(right, item, search));
    match comparison {
        Comparison::Equal => equal(left.as_ref(), right.as_ref()),
        Comparison::NotEqual => !equal(left.as_ref(), right.as_ref()),
        Comparison::Same => left == right,
        Comparison::NotSame => left != right,
        _ => match (left, right) {
            (Some(left), Some(right)) => search.affords(&left, &right) && relate(&left, comparison, &right),
            (Some(_), None) | (None, Some(_)) => comparison == Comparison::NotIn,
            (None, None) => false,
        },
    }
}

fn relate(left: &Value, comparison: Comparison, right: &Value) -> bool {
    let order = || order(left, right);
    match comparison {
        Comparison::Less => order() == Some(Ordering::Less),
        Comparison::Greater => order() == Some(Ordering::Greater),
        Comparison::LessOrEqual => order().is_some_and(Ordering::is_le),
        Comparison::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
        Comparison::In => holds(right, left),
        Comparison::NotIn => !holds(right, left),
        Comparison::Contains => match (left, right) {
            (Value::String(text), Value::String(part)) => text.contains(&**part),
            _ => holds(left, right),
        },
        Comparison::Size => size(left).is_some_and(|size| equal(Some(&Value::from(size)), Some(right))),
        Comparison::Empty => size(left).zip(right.as_bool()).is_some_and(|(size, wanted)| (size == 0) == wanted),
        Comparison::SubsetOf => left.as_array().is_some_and(|items| items.iter().all(|item| holds(right, item))),
        Comparison::AnyOf => left.as_array().is_some_and(|items| items.iter().any(|item| holds(right, item))),
        Comparison::NoneOf => left.as_array().is_some_and(|items| !items.iter().any(|item| holds(right, item))),
        _ => false,
    }
}

/// Equality; a text and a number are equal where the number's text is the text.
fn equal(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => one == other || one.as_f64() == other.as_f64(),
        (Some(Value::Number(number)), Some(Value::String(text))) => text.parse::<f64>().ok() == number.as_f64(),
        (Some(Value::String(text)), Some(Value::Number(number))) => **text == *number.to_string(),
        (left, right) => left == right,
    }
}

/// The order of two numbers or of two texts (by UTF-16 units, as Java's `compareTo`).
pub(crate) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
        },
        (Value::String(one), Value::String(other)) => Some(one.encode_utf16().cmp(other.encode_utf16())),
        _ => None,
    }
}

fn holds(list: &Value, item: &Value) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|one| equal(Some(one), Some(item))))
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    }
}

/// A scalar as the text a pattern is tried on.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
