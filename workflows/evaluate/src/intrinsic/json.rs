//! `States.JsonMerge`, `StringToJson`, `JsonToString`.

use std::sync::Arc;

use asl::{Object, Value};

use crate::random::Random;

/// The members of the first object and of the second, which wins. The third argument must be `false`: there is no
/// deep merge.
pub(super) fn merge(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let [Value::Object(first), Value::Object(second), deep] = arguments else {
        return Err(String::from("The first two arguments must be objects"));
    };
    if deep.as_bool() != Some(false) {
        return Err(String::from("The third argument must be false: only a shallow merge is supported"));
    }
    let mut merged = Object::clone(first);
    merged.extend(second.iter().map(|(key, member)| (Arc::clone(key), member.clone())));
    Ok(Value::Object(Arc::new(merged)))
}

/// The value a JSON text stands for; `null` for a blank text.
pub(super) fn parse(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let value = arguments.first().unwrap_or(&Value::Null);
    let text = value.as_str().ok_or_else(|| format!("The argument must be a string, but was: {value}"))?;
    match text.trim() {
        "" => Ok(Value::Null),
        "-0" => Ok(Value::from(0_i64)),
        trimmed => Value::parse(trimmed).map_err(|error| format!("The argument is not JSON: {error}")),
    }
}

/// The value as compact JSON text.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the registry")]
pub(super) fn write(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    Ok(arguments.first().unwrap_or(&Value::Null).to_string().into())
}
