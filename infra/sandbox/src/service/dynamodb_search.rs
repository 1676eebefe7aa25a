//! DynamoDB's Query and Scan.

use serde_json::{Value, json};

use super::Failure;
use super::dynamodb::{
    check_parameters, check_used, condition, invalid, placeholders, projection, table, with_capacity,
};
use super::input::Input;
use crate::wire::Node;
use crate::world::World;
use crate::world::table::{Comparator, Condition, Item, Key, Operand, Path, Segment, Table, item, project, wire};

/// What both read.
const COMMON: [&str; 8] = [
    "FilterExpression",
    "ProjectionExpression",
    "Limit",
    "ExclusiveStartKey",
    "ConsistentRead",
    "Select",
    "KeyConditionExpression",
    "ScanIndexForward",
];

/// Query.
pub(super) fn query(world: &World, input: &Input) -> Result<Node, Failure> {
    refuse_index(input)?;
    check_parameters(input, &COMMON)?;
    let table = table(world, input)?;
    let placeholders = placeholders(input)?;
    let keys = condition(input, "KeyConditionExpression", &placeholders)?.ok_or_else(|| {
        invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    })?;
    check_keys(table, &keys)?;
    let filter = condition(input, "FilterExpression", &placeholders)?;
    let paths = projection(input, &placeholders)?;
    check_used(&placeholders)?;
    let forward = input.boolean("ScanIndexForward", true)?;
    let found = table.items.iter().filter(|(_, item)| keys.holds(item));
    let mut candidates: Vec<(&Key, &Item)> = found.collect();
    if !forward {
        candidates.reverse();
    }
    page(table, input, candidates, forward, filter.as_ref(), paths.as_deref())
}

/// Scan.
pub(super) fn scan(world: &World, input: &Input) -> Result<Node, Failure> {
    refuse_index(input)?;
    check_parameters(input, &COMMON[..6])?;
    let table = table(world, input)?;
    let placeholders = placeholders(input)?;
    let filter = condition(input, "FilterExpression", &placeholders)?;
    let paths = projection(input, &placeholders)?;
    check_used(&placeholders)?;
    page(table, input, table.items.iter().collect(), true, filter.as_ref(), paths.as_deref())
}

fn refuse_index(input: &Input) -> Result<(), Failure> {
    match input.text("IndexName")? {
        Some(name) => Err(invalid(&format!("The table does not have the specified index: {name}"))),
        None => Ok(()),
    }
}

/// A key condition names the partition key with `=` and, at most once, the sort key.
fn check_keys(table: &Table, keys: &Condition) -> Result<(), Failure> {
    let mut parts = Vec::new();
    flatten(keys, &mut parts)?;
    let of = |part: &Condition| match part {
        Condition::Compare(Operand::Path(path), comparator, Operand::Value(_))
            if *comparator != Comparator::NotEqual =>
        {
            top_level(path).map(|name| (name, *comparator == Comparator::Equal))
        }
        Condition::Between(Operand::Path(path), Operand::Value(_), Operand::Value(_))
        | Condition::BeginsWith(Operand::Path(path), Operand::Value(_)) => top_level(path).map(|name| (name, false)),
        _ => None,
    };
    let mut hash = false;
    let mut range = false;
    for part in parts {
        let (name, equal) = of(part).ok_or_else(|| invalid("Invalid operator used in KeyConditionExpression"))?;
        if name == table.hash.name && equal && !hash {
            hash = true;
        } else if table.range.as_ref().is_some_and(|attribute| attribute.name == name) && !range {
            range = true;
        } else if name == table.hash.name {
            return Err(invalid("Query key condition not supported"));
        } else {
            return Err(invalid(&format!("Query condition missed key schema element: {}", table.hash.name)));
        }
    }
    if hash {
        return Ok(());
    }
    Err(invalid(&format!("Query condition missed key schema element: {}", table.hash.name)))
}

fn flatten<'a>(condition: &'a Condition, parts: &mut Vec<&'a Condition>) -> Result<(), Failure> {
    match condition {
        Condition::And(left, right) => {
            flatten(left, parts)?;
            flatten(right, parts)
        }
        Condition::Or(..) | Condition::Not(_) => {
            Err(invalid("Invalid operator used in KeyConditionExpression: OR or NOT"))
        }
        part => {
            parts.push(part);
            Ok(())
        }
    }
}

fn top_level(path: &Path) -> Option<String> {
    match path.as_slice() {
        [Segment::Name(name)] => Some(name.clone()),
        _ => None,
    }
}

/// One page: from the start key, at most `Limit` items looked at, filtered, projected.
fn page(
    table: &Table,
    input: &Input,
    candidates: Vec<(&Key, &Item)>,
    forward: bool,
    filter: Option<&Condition>,
    paths: Option<&[Path]>,
) -> Result<Node, Failure> {
    let limit = match input.integer("Limit")? {
        Some(limit) if limit < 1 => return Err(invalid("Limit must be greater than or equal to 1")),
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let start = start_key(table, input)?;
    let beyond = |key: &Key| match &start {
        Some(start) if forward => key > start,
        Some(start) => key < start,
        None => true,
    };
    let remaining: Vec<_> = candidates.into_iter().filter(|(key, _)| beyond(key)).collect();
    let looked: Vec<&Item> = remaining.iter().take(limit).map(|(_, item)| *item).collect();
    let matching = looked.iter().filter(|item| filter.is_none_or(|filter| filter.holds(item)));
    let shown: Vec<Value> =
        matching.map(|item| wire(&paths.map_or_else(|| (*item).clone(), |paths| project(item, paths)))).collect();
    let mut answer = json!({ "Count": shown.len(), "ScannedCount": looked.len() });
    match input.text("Select")? {
        Some("COUNT") => {}
        None | Some("ALL_ATTRIBUTES" | "SPECIFIC_ATTRIBUTES") => answer["Items"] = Value::Array(shown),
        Some(other) => return Err(invalid(&format!("Select type {other} is not supported"))),
    }
    if let Some(last) = looked.last().filter(|_| remaining.len() > limit || looked.len() == limit) {
        answer["LastEvaluatedKey"] = wire(&table.key_of(last));
    }
    with_capacity(input, answer, 0.5 * looked.len().max(1) as f64)
}

fn start_key(table: &Table, input: &Input) -> Result<Option<Key>, Failure> {
    let Some(given) = input.get("ExclusiveStartKey") else { return Ok(None) };
    let given = item(given).map_err(|message| invalid(&message))?;
    let key = table.key(&given, true);
    key.map(Some).map_err(|_| {
        invalid("The provided starting key is invalid: The provided key element does not match the schema")
    })
}
