//! Figures and texts as Java gives them, where AWS's answers show them.

use asl::Value;

/// `value` as `toString` writes it: strings bare, objects as `{a=1}`, arrays as `[1, 2]`.
pub(crate) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                separate(index, out);
                out.push_str(key);
                out.push('=');
                write(member, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push_str(", ");
    }
}

/// The name of the class that holds such a value.
pub(crate) fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(number) if number.as_i64().is_some_and(|integer| i32::try_from(integer).is_ok()) => {
            "java.lang.Integer"
        }
        Value::Number(_) => "java.lang.Long",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}

/// A number as a whole one, halves rounded up, where it is in range.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
pub(crate) fn round(value: &Value) -> Option<i64> {
    if let Some(integer) = value.as_i64() {
        return Some(integer);
    }
    let rounded = (value.as_f64()? + 0.5).floor();
    // 2^63 is the first double out of range.
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded).then_some(rounded as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_print_as_maps_and_halves_round_up() {
        let value = Value::parse(r#"{"Arg1":1,"Arg2":[],"s":["x",null,1.5]}"#).unwrap();
        assert_eq!(text(&value), "{Arg1=1, Arg2=[], s=[x, null, 1.5]}");
        for (number, whole) in [(1.5, Some(2)), (-1.5, Some(-1)), (2.4, Some(2)), (1e300, None)] {
            assert_eq!(round(&Value::from(number)), whole, "{number}");
        }
        assert_eq!(round(&Value::Null), None);
    }
}
