//! Payload templates: literals, and members whose key ends in `.$`.

use std::sync::Arc;

use asl::{Object, Value};

use crate::random::Random;
use crate::{Failure, Scope, depth, jsonpath};

/// `template` with each member `name.$` replaced by `name` and what its path or function gives.
///
/// # Errors
/// `States.Runtime` where a path finds nothing; `States.IntrinsicFailure` where a function fails.
pub fn payload_template(template: &Value, scope: &Scope<'_>) -> Result<Value, Failure> {
    let mut random = Random::new(scope.seed, "payload");
    match fill(template, scope, &mut random, depth::LIMIT)? {
        Some(filled) => depth::bounded(filled),
        None => Ok(template.clone()),
    }
}

/// The filled template, or nothing where it is a literal through and through.
fn fill(template: &Value, scope: &Scope<'_>, random: &mut Random, levels: usize) -> Result<Option<Value>, Failure> {
    let Some(below) = levels.checked_sub(1) else { return Err(Failure::runtime(depth::too_deep())) };
    match template {
        Value::Array(items) => fill_array(items, scope, random, below),
        Value::Object(members) => fill_object(members, scope, random, below),
        _ => Ok(None),
    }
}

fn fill_array(items: &[Value], scope: &Scope<'_>, random: &mut Random, below: usize) -> Result<Option<Value>, Failure> {
    let mut filled: Option<Vec<Value>> = None;
    for (index, item) in items.iter().enumerate() {
        if let Some(new) = fill(item, scope, random, below)? {
            filled.get_or_insert_with(|| items.to_vec())[index] = new;
        }
    }
    Ok(filled.map(Value::array))
}

fn fill_object(
    members: &Object,
    scope: &Scope<'_>,
    random: &mut Random,
    below: usize,
) -> Result<Option<Value>, Failure> {
    let mut changed = false;
    let mut filled = Object::with_capacity(members.len());
    for (key, member) in members {
        if let Some(name) = key.strip_suffix(".$") {
            let path = member.as_str().ok_or_else(|| no_path(key))?;
            filled.insert(name.into(), jsonpath::value_for(key, path, scope, random)?);
            changed = true;
        } else if let Some(new) = fill(member, scope, random, below)? {
            filled.insert(Arc::clone(key), new);
            changed = true;
        } else {
            filled.insert(Arc::clone(key), member.clone());
        }
    }
    Ok(changed.then(|| Value::Object(Arc::new(filled))))
}

fn no_path(key: &str) -> Failure {
    Failure::runtime(format!(
        "The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
    ))
}
