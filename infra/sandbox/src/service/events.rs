//! EventBridge: events are kept for tests to read; there are no rules.

use serde_json::Value;

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;

/// How many events one call may put.
const MAXIMUM_ENTRIES: usize = 10;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    (operation == "PutEvents").then(|| put_events(world, input))
}

fn put_events(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let entries = input.structures("Entries")?;
    if entries.is_empty() || entries.len() > MAXIMUM_ENTRIES {
        return Err(input.invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10"));
    }
    let (mut answers, mut failed) = (Vec::new(), 0_i64);
    for entry in entries {
        match problem(&entry)? {
            Some((code, message)) => {
                failed += 1;
                answers.push(Node::map([("ErrorCode", code.into()), ("ErrorMessage", message.into())]));
            }
            None => {
                let id = world.ids.uuid();
                world.bus.keep(id.clone(), entry.value().clone());
                answers.push(Node::map([("EventId", id.into())]));
            }
        }
    }
    Ok(Node::map([("FailedEntryCount", failed.into()), ("Entries", Node::list(answers))]))
}

/// What EventBridge refuses about one entry.
fn problem(entry: &Input) -> Result<Option<(&'static str, String)>, Failure> {
    for field in ["Source", "DetailType", "Detail"] {
        if entry.text(field)?.is_none_or(str::is_empty) {
            return Ok(Some((
                "InvalidArgument",
                format!("Parameter {field} is not valid. Reason: {field} is a required argument."),
            )));
        }
    }
    let detail = entry.text("Detail")?.unwrap_or_default();
    if !serde_json::from_str::<Value>(detail).is_ok_and(|detail| detail.is_object()) {
        return Ok(Some(("MalformedDetail", "Detail is malformed.".to_owned())));
    }
    let bus = entry.text("EventBusName")?.unwrap_or("default");
    if bus != "default" && !bus.ends_with("event-bus/default") {
        return Ok(Some(("InvalidArgument", format!("Event bus {bus} does not exist; the sandbox has only default."))));
    }
    Ok(None)
}
