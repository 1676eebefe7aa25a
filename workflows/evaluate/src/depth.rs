//! How deep values may nest.
//!
//! A loop of states can wrap a value once more on every turn, and whatever walks a value recurses: so what an
//! evaluation gives is bounded here, once.

use asl::Value;

use crate::Failure;

/// Levels of arrays and objects at most: the limit of the JSON reader that AWS's wording shows.
pub(crate) const LIMIT: usize = 1000;

/// `value`, if it nests at most 1,000 levels.
///
/// # Errors
/// `States.Runtime` where it nests deeper.
pub fn bounded(value: Value) -> Result<Value, Failure> {
    if within(&value, LIMIT) { Ok(value) } else { Err(Failure::runtime(too_deep())) }
}

/// What a value that nests too deep is told.
pub(crate) fn too_deep() -> String {
    format!("The value nests deeper than {LIMIT} levels; flatten it")
}

/// Whether `value` nests at most `levels` levels; never walks deeper.
fn within(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return !matches!(value, Value::Array(_) | Value::Object(_)) };
    match value {
        Value::Array(items) => items.iter().all(|item| within(item, below)),
        Value::Object(members) => members.values().all(|member| within(member, below)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |value, _| Value::array(vec![value]))
    }

    #[test]
    fn the_limit_is_exact_and_values_within_it_can_be_written() {
        let deepest = bounded(nested(LIMIT)).unwrap();
        assert_eq!(deepest.to_string().len(), 2 * LIMIT + 4);
        let failure = bounded(nested(LIMIT + 1)).unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
    }
}
