//! Reading, setting and removing values at document paths.

use super::expression::{Path, Segment};
use super::value::{AttributeValue, Item};

/// The value at a path, if there is one.
pub(crate) fn find<'a>(item: &'a Item, path: &Path) -> Option<&'a AttributeValue> {
    let (Segment::Name(first), rest) = path.split_first()? else { return None };
    rest.iter().try_fold(item.get(first)?, |value, segment| match (value, segment) {
        (AttributeValue::M(map), Segment::Name(name)) => map.get(name),
        (AttributeValue::L(list), Segment::Index(index)) => list.get(*index),
        _ => None,
    })
}

fn find_mut<'a>(item: &'a mut Item, path: &[Segment]) -> Option<&'a mut AttributeValue> {
    let (Segment::Name(first), rest) = path.split_first()? else { return None };
    rest.iter().try_fold(item.get_mut(first)?, |value, segment| match (value, segment) {
        (AttributeValue::M(map), Segment::Name(name)) => map.get_mut(name),
        (AttributeValue::L(list), Segment::Index(index)) => list.get_mut(*index),
        _ => None,
    })
}

/// Sets the value at a path, whose parent must exist; an index beyond a list's end appends.
/// The error is DynamoDB's message.
pub(crate) fn set(item: &mut Item, path: &Path, value: AttributeValue) -> Result<(), String> {
    let invalid = || "The document path provided in the update expression is invalid for update".to_owned();
    let (last, parents) = path.split_last().ok_or_else(invalid)?;
    if parents.is_empty() {
        let Segment::Name(name) = last else { return Err(invalid()) };
        item.insert(name.clone(), value);
        return Ok(());
    }
    match (find_mut(item, parents).ok_or_else(invalid)?, last) {
        (AttributeValue::M(map), Segment::Name(name)) => {
            map.insert(name.clone(), value);
        }
        (AttributeValue::L(list), Segment::Index(index)) if *index < list.len() => list[*index] = value,
        (AttributeValue::L(list), Segment::Index(_)) => list.push(value),
        _ => return Err(invalid()),
    }
    Ok(())
}

/// Removes the value at a path; nothing happens when there is none.
/// The error, for a parent that is neither map nor list, is DynamoDB's message.
pub(crate) fn remove(item: &mut Item, path: &Path) -> Result<(), String> {
    let invalid = || "The document path provided in the update expression is invalid for update".to_owned();
    let (last, parents) = path.split_last().ok_or_else(invalid)?;
    if parents.is_empty() {
        if let Segment::Name(name) = last {
            item.remove(name);
        }
        return Ok(());
    }
    match (find_mut(item, parents).ok_or_else(invalid)?, last) {
        (AttributeValue::M(map), Segment::Name(name)) => {
            map.remove(name);
        }
        (AttributeValue::L(list), Segment::Index(index)) => {
            if *index < list.len() {
                list.remove(*index);
            }
        }
        _ => return Err(invalid()),
    }
    Ok(())
}

/// Keeps only the given paths of an item; elements of lists move together.
pub(crate) fn project(item: &Item, paths: &[Path]) -> Item {
    let mut projected = Item::new();
    for path in paths {
        if let Some(value) = find(item, path) {
            place(&mut projected, path, value.clone());
        }
    }
    projected
}

/// Puts a value into a projection, building its parents; list elements are appended.
fn place(item: &mut Item, path: &[Segment], value: AttributeValue) {
    let Some((Segment::Name(first), rest)) = path.split_first() else { return };
    let Some(next) = rest.first() else {
        item.insert(first.clone(), value);
        return;
    };
    let slot = item.entry(first.clone()).or_insert_with(|| container(next));
    nest(slot, rest, value);
}

fn container(segment: &Segment) -> AttributeValue {
    match segment {
        Segment::Name(_) => AttributeValue::M(Item::new()),
        Segment::Index(_) => AttributeValue::L(Vec::new()),
    }
}

fn nest(slot: &mut AttributeValue, path: &[Segment], value: AttributeValue) {
    match (slot, path) {
        (slot, []) => *slot = value,
        (AttributeValue::M(map), [Segment::Name(_), ..]) => place(map, path, value),
        (AttributeValue::L(list), [Segment::Index(_), rest @ ..]) => {
            let mut inner = rest.first().map_or(AttributeValue::Null, container);
            nest(&mut inner, rest, value);
            list.push(inner);
        }
        _ => {}
    }
}
