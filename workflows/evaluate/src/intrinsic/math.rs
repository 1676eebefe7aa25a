//! `States.MathRandom`, `MathAdd`.

use asl::Value;

use crate::java;
use crate::random::{Java, Random};

/// A whole number from the first argument (included) to the second (excluded); the third is a seed, with which the
/// function is `java.util.Random`.
pub(super) fn random(arguments: &[Value], random: &mut Random) -> Result<Value, String> {
    let (start, end) = (whole(arguments, 0)?, whole(arguments, 1)?);
    let count = start.checked_sub(end).map(i64::unsigned_abs).filter(|_| start < end);
    let count = count.ok_or("The first argument must be smaller than the second")?;
    let drawn = if arguments.len() < 3 {
        random.below(count)
    } else {
        let bound = i32::try_from(count).map_err(|_| "The range is wider than 2147483647")?;
        u64::try_from(Java::new(whole(arguments, 2)?).below(bound)).unwrap_or_default()
    };
    Ok(start.saturating_add_unsigned(drawn).into())
}

/// The sum of two whole numbers; others are rounded, halves up.
pub(super) fn add(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let sum = whole(arguments, 0)?.checked_add(whole(arguments, 1)?);
    sum.map(Value::from).ok_or_else(|| String::from("The sum is out of range"))
}

fn whole(arguments: &[Value], index: usize) -> Result<i64, String> {
    let value = arguments.get(index).unwrap_or(&Value::Null);
    java::round(value).ok_or_else(|| format!("Argument {} must be a number, but was: {value}", index + 1))
}
