//! Choice rules.

use std::cmp::Ordering;

use asl::{Condition, Operand, Operator, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{Failure, Scope, jsonata, jsonpath};

/// Whether `condition` holds. A comparison of values of the wrong type does not.
///
/// # Errors
/// `States.Runtime` where a path finds nothing (except for `IsPresent`); `States.QueryEvaluationError` of a JSONata
/// condition that fails or gives no boolean.
pub fn condition(condition: &Condition, scope: &Scope<'_>) -> Result<bool, Failure> {
    condition_for("Condition", condition, scope)
}

/// As [`condition`], where errors of a JSONata condition name `field` (`Choices[1]/Condition`).
///
/// # Errors
/// As [`condition`].
pub fn condition_for(field: &str, condition: &Condition, scope: &Scope<'_>) -> Result<bool, Failure> {
    match condition {
        Condition::Expression(expression) => {
            let value = jsonata::template(field, expression, scope)?;
            value.as_bool().ok_or_else(|| jsonata::mistyped(field, expression, "boolean", &value))
        }
        Condition::And(conditions) => {
            for condition in conditions {
                if !condition_for(field, condition, scope)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Condition::Or(conditions) => {
            for condition in conditions {
                if condition_for(field, condition, scope)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Condition::Not(condition) => condition_for(field, condition, scope).map(|holds| !holds),
        Condition::Compare { variable, operator, operand } => compare(variable, *operator, operand, scope),
    }
}

fn compare(variable: &str, operator: Operator, operand: &Operand, scope: &Scope<'_>) -> Result<bool, Failure> {
    if operator == Operator::IsPresent {
        let wanted = value_of(operand, scope)?;
        return Ok(wanted.as_bool() == Some(jsonpath::find(variable, scope).is_ok()));
    }
    let left = find(variable, scope)?;
    Ok(holds(&left, operator, &value_of(operand, scope)?))
}

fn value_of(operand: &Operand, scope: &Scope<'_>) -> Result<Value, Failure> {
    match operand {
        Operand::Literal(value) => Ok(value.clone()),
        Operand::Path(path) => find(path, scope),
    }
}

fn find(path: &str, scope: &Scope<'_>) -> Result<Value, Failure> {
    jsonpath::find(path, scope).map_err(|_| {
        let cause = format!("Invalid path '{path}': The choice state's condition path references an invalid value.");
        Failure::runtime(cause)
    })
}

fn holds(left: &Value, operator: Operator, right: &Value) -> bool {
    use Operator as O;
    match operator {
        O::StringEquals => texts(left, right) == Some(Ordering::Equal),
        O::StringLessThan => texts(left, right) == Some(Ordering::Less),
        O::StringGreaterThan => texts(left, right) == Some(Ordering::Greater),
        O::StringLessThanEquals => texts(left, right).is_some_and(Ordering::is_le),
        O::StringGreaterThanEquals => texts(left, right).is_some_and(Ordering::is_ge),
        O::NumericEquals => numbers(left, right) == Some(Ordering::Equal),
        O::NumericLessThan => numbers(left, right) == Some(Ordering::Less),
        O::NumericGreaterThan => numbers(left, right) == Some(Ordering::Greater),
        O::NumericLessThanEquals => numbers(left, right).is_some_and(Ordering::is_le),
        O::NumericGreaterThanEquals => numbers(left, right).is_some_and(Ordering::is_ge),
        O::BooleanEquals => left.as_bool().is_some() && left == right,
        O::TimestampEquals => instants(left, right) == Some(Ordering::Equal),
        O::TimestampLessThan => instants(left, right) == Some(Ordering::Less),
        O::TimestampGreaterThan => instants(left, right) == Some(Ordering::Greater),
        O::TimestampLessThanEquals => instants(left, right).is_some_and(Ordering::is_le),
        O::TimestampGreaterThanEquals => instants(left, right).is_some_and(Ordering::is_ge),
        O::StringMatches => left.as_str().zip(right.as_str()).is_some_and(|(text, pattern)| matches(text, pattern)),
        O::IsNull => right.as_bool() == Some(left.is_null()),
        O::IsPresent => right.as_bool() == Some(true),
        O::IsNumeric => right.as_bool() == Some(matches!(left, Value::Number(_))),
        O::IsString => right.as_bool() == Some(matches!(left, Value::String(_))),
        O::IsBoolean => right.as_bool() == Some(matches!(left, Value::Bool(_))),
        O::IsTimestamp => right.as_bool() == Some(instant(left).is_some()),
    }
}

fn texts(left: &Value, right: &Value) -> Option<Ordering> {
    left.as_str().and(right.as_str()).and_then(|_| jsonpath::order(left, right))
}

fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    left.as_f64().and(right.as_f64()).and_then(|_| jsonpath::order(left, right))
}

fn instants(left: &Value, right: &Value) -> Option<Ordering> {
    Some(instant(left)?.cmp(&instant(right)?))
}

/// An RFC 3339 timestamp with an upper-case `T` and, without an offset, `Z`.
fn instant(value: &Value) -> Option<OffsetDateTime> {
    let text = value.as_str()?;
    let upper = text.as_bytes().get(10) == Some(&b'T') && !text.ends_with('z');
    OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| upper)
}

/// One part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// `*`: any characters, or none.
    Any,
    /// The character itself.
    Letter(char),
}

/// Whether all of `text` matches `pattern`, in which `*` stands for any characters; `\*` is an asterisk and `\\` a
/// backslash. Takes time in proportion to the product of both lengths at most.
fn matches(text: &str, pattern: &str) -> bool {
    let pattern = parts(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut part) = (0, 0);
    let mut retry = None;
    while at < text.len() {
        match pattern.get(part) {
            Some(Part::Any) => {
                part += 1;
                retry = Some((at, part));
            }
            Some(Part::Letter(letter)) if *letter == text[at] => {
                at += 1;
                part += 1;
            }
            _ => {
                let Some((from, behind)) = retry else { return false };
                (at, part) = (from + 1, behind);
                retry = Some((at, behind));
            }
        }
    }
    pattern[part..].iter().all(|part| *part == Part::Any)
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut letters = pattern.chars().peekable();
    let mut parts = Vec::with_capacity(pattern.len());
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            '*' => Part::Any,
            '\\' => Part::Letter(letters.next_if(|next| matches!(next, '*' | '\\')).unwrap_or('\\')),
            letter => Part::Letter(letter),
        });
    }
    parts
}

#[cfg(test)]
mod tests;
