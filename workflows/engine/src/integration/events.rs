//! `events:putEvents`.

use asl::Value;
use execution::Failure;

use super::failure::{Naming, named};
use super::{World, text_of};

const NAMING: Naming =
    Naming { prefix: "EventBridge", service: "AmazonEventBridge", generic: "AmazonEventBridgeException" };

/// Puts events; one that the bus refuses fails the task.
pub(crate) async fn put_events(world: &World, execution: &str, parameters: &Value) -> Result<Value, Failure> {
    let mut parameters = parameters.clone();
    if let Some(entries) = parameters.get("Entries").and_then(Value::as_array) {
        let entries = entries.iter().map(|entry| prepared(entry, execution)).collect();
        parameters.insert("Entries", Value::array(entries));
    }
    let reply = world.aws.call("eventbridge", "PutEvents", &parameters).await;
    let answer = reply.map_err(|error| NAMING.failure(&error))?.body;
    match answer.get("FailedEntryCount").and_then(Value::as_i64) {
        None | Some(0) => Ok(answer),
        Some(_) => Err(named("EventBridge", "FailedEntry", &answer.to_string())),
    }
}

/// The entry with its detail as text, and with the execution and its machine among its resources.
fn prepared(entry: &Value, execution: &str) -> Value {
    let mut entry = entry.clone();
    if let Some(detail) = entry.get("Detail").map(text_of) {
        entry.insert("Detail", detail);
    }
    let mut resources = entry.get("Resources").and_then(Value::as_array).map(<[Value]>::to_vec).unwrap_or_default();
    resources.push(Value::from(execution));
    resources.extend(machine_of(execution).map(Value::from));
    entry.insert("Resources", Value::array(resources));
    entry
}

/// The state machine's ARN, by an execution's.
fn machine_of(execution: &str) -> Option<String> {
    let (machine, _name) = execution.rsplit_once(':')?;
    Some(machine.replacen(":execution:", ":stateMachine:", 1))
}
