//! Payload templates (JSONPath) and JSONata templates, looked at from outside: their expressions are compiled elsewhere.

use crate::fields::{Fields, described, is_expression, is_path_or_intrinsic};
use crate::variable::MAX_NAME_CHARS;
use crate::{Object, QueryLanguage, Value};

/// A field that holds a payload template, and that only JSONPath has.
pub(super) fn payload(fields: &mut Fields<'_>, name: &'static str) -> Option<Value> {
    let value = fields.only(QueryLanguage::JsonPath, name)?;
    check(fields, name, value);
    Some(value.clone())
}

/// A field that holds a JSONata template, and that only JSONata has.
pub(super) fn jsonata(fields: &mut Fields<'_>, name: &'static str) -> Option<Value> {
    let value = fields.only(QueryLanguage::Jsonata, name)?;
    check(fields, name, value);
    Some(value.clone())
}

/// A field that holds a template of the state's own language.
pub(super) fn either(fields: &mut Fields<'_>, name: &'static str) -> Option<Value> {
    let value = fields.value(name)?;
    check(fields, name, value);
    Some(value.clone())
}

/// `Assign`: an object whose keys are names of variables.
pub(super) fn assign(fields: &mut Fields<'_>) -> Option<Value> {
    let value = fields.value("Assign")?;
    let Value::Object(members) = value else {
        fields.fail("Assign", format!("Field 'Assign' must be an object, was {}", described(value)));
        return None;
    };
    for key in members.keys() {
        let name = match fields.language() {
            QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
            QueryLanguage::Jsonata => key,
        };
        if let Err(reason) = check_variable(name) {
            fields.fail("Assign", format!("'{name}' is not a valid variable name: {reason}"));
        }
    }
    check(fields, "Assign", value);
    Some(value.clone())
}

/// Letters, digits and `_` as in Unicode identifiers, at most 80 characters; `states` is the language's own.
fn check_variable(name: &str) -> Result<(), &'static str> {
    let identifier = |character: char| character == '_' || character.is_alphanumeric();
    if name == "states" {
        return Err("it is reserved");
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Err("it has more than 80 characters");
    }
    let first = name.chars().next().ok_or("it is empty")?;
    if !(first == '_' || first.is_alphabetic()) {
        return Err("it must start with a letter");
    }
    if name.chars().all(identifier) { Ok(()) } else { Err("it may have letters, digits and '_' only") }
}

/// Checks a template of the language of `fields`.
pub(super) fn check(fields: &Fields<'_>, name: &str, value: &Value) {
    walk(fields, &fields.at(name), value);
}

fn walk(fields: &Fields<'_>, location: &str, value: &Value) {
    match value {
        Value::String(text) if fields.language() == QueryLanguage::Jsonata => fields.delimiters(location, text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(fields, &format!("{location}[{index}]"), item);
            }
        }
        Value::Object(members) => {
            if fields.language() == QueryLanguage::JsonPath {
                paths(fields, location, members);
            }
            for (key, member) in members.iter() {
                walk(fields, &format!("{location}/{key}"), member);
            }
        }
        _ => {}
    }
}

/// The keys of a payload template's object that end in `.$`.
fn paths(fields: &Fields<'_>, location: &str, members: &Object) {
    for (key, value) in members {
        let Some(bare) = key.strip_suffix(".$") else { continue };
        if members.contains_key(bare) {
            fields.parser().schema(location, format!("Only one of these fields is allowed: [{bare}, {key}]"));
        }
        if !value.as_str().is_some_and(is_path_or_intrinsic) {
            let message =
                format!("The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call");
            fields.parser().schema(location, message);
        }
    }
}

/// Whether the whole value is an expression.
pub(super) fn is_expression_value(value: &Value) -> bool {
    value.as_str().is_some_and(is_expression)
}
