//! `States.Array`, `ArrayPartition`, `ArrayContains`, `ArrayRange`, `ArrayGetItem`, `ArrayLength`, `ArrayUnique`.

use asl::Value;

use crate::java;
use crate::random::Random;

/// Items that `States.ArrayRange` gives at most: the limit of AWS.
const LONGEST_RANGE: u64 = 1000;

/// The arguments as an array.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the registry")]
pub(super) fn array(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    Ok(Value::array(arguments.to_vec()))
}

/// The items in arrays of so many each; the last may be shorter.
pub(super) fn partition(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let size = whole(arguments, 1)?;
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or("The second argument, the size of a part, must be a positive integer")?;
    Ok(Value::array(items(arguments)?.chunks(size).map(|part| Value::array(part.to_vec())).collect()))
}

/// Whether an item equals the second argument.
pub(super) fn contains(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let items = items(arguments)?;
    Ok(arguments.get(1).is_some_and(|wanted| items.contains(wanted)).into())
}

/// The numbers from the first to the second argument, both included, by steps of the third.
pub(super) fn range(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let (first, last, step) = (whole(arguments, 0)?, whole(arguments, 1)?, whole(arguments, 2)?);
    if step == 0 {
        return Err(String::from("The third argument, the step, must not be 0"));
    }
    if (step > 0) != (first <= last) && first != last {
        return Ok(Value::array(Vec::new()));
    }
    let steps = first.abs_diff(last) / step.unsigned_abs();
    if steps >= LONGEST_RANGE {
        return Err(format!("The range holds more than {LONGEST_RANGE} items"));
    }
    let steps = i64::try_from(steps).unwrap_or_default();
    Ok(Value::array((0..=steps).map(|index| Value::from(first + index * step)).collect()))
}

/// The item at an index from 0.
pub(super) fn item(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let (items, index) = (items(arguments)?, whole(arguments, 1)?);
    usize::try_from(index)
        .ok()
        .and_then(|index| items.get(index).cloned())
        .ok_or_else(|| format!("The index {index} is outside of the array, which has {} items", items.len()))
}

/// How many items there are.
pub(super) fn length(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    Ok(items(arguments)?.len().into())
}

/// The items without repetitions, in the order they first appear in.
pub(super) fn unique(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let mut seen = std::collections::HashSet::new();
    let items = items(arguments)?.iter();
    Ok(Value::array(items.filter(|item| seen.insert(sorted(item).to_string())).cloned().collect()))
}

/// The value with the members of its objects in the order of their keys: equal values give equal texts.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::array(items.iter().map(sorted).collect()),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(key, member)| (key.clone(), sorted(member))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::object(members)
        }
        scalar => scalar.clone(),
    }
}

fn items(arguments: &[Value]) -> Result<&[Value], String> {
    let first = arguments.first().unwrap_or(&Value::Null);
    first.as_array().ok_or_else(|| format!("The first argument must be an array, but was: {first}"))
}

fn whole(arguments: &[Value], index: usize) -> Result<i64, String> {
    let value = arguments.get(index).unwrap_or(&Value::Null);
    java::round(value).ok_or_else(|| format!("Argument {} must be an integer, but was: {value}", index + 1))
}
