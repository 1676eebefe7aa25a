//! `events:putEvents`.

use asl::Value;
use execution::Failure;

use super::failure::{Naming, named};
use super::{World, text_of};
use crate::aws::{CallError, Reply};

const SERVICE: &str = "eventbridge";
const ACTION: &str = "PutEvents";

const NAMING: Naming =
    Naming { prefix: "EventBridge", service: "AmazonEventBridge", generic: "AmazonEventBridgeException" };

/// Puts events; one that the bus refuses fails the task. Where there is a bus of its own, it has all of them, after the
/// account, which has those for the default bus, has taken them.
pub(crate) async fn put_events(world: &World, execution: &str, parameters: &Value) -> Result<Value, Failure> {
    let mut parameters = parameters.clone();
    if let Some(entries) = parameters.get("Entries").and_then(Value::as_array) {
        let entries = entries.iter().map(|entry| prepared(entry, execution)).collect();
        parameters.insert("Entries", Value::array(entries));
    }
    let Some(bus) = &world.events_endpoint else { return accepted(world.aws.call(SERVICE, ACTION, &parameters).await) };
    if entries_of(&parameters).all(is_for_default_bus) {
        accepted(world.aws.call(SERVICE, ACTION, &parameters).await)?;
    }
    accepted(world.aws.call_at(bus, SERVICE, ACTION, &parameters).await)
}

fn entries_of(parameters: &Value) -> impl Iterator<Item = &Value> {
    parameters.get("Entries").and_then(Value::as_array).unwrap_or_default().iter()
}

fn is_for_default_bus(entry: &Value) -> bool {
    let bus = entry.get("EventBusName").and_then(Value::as_str).unwrap_or("default");
    bus == "default" || bus.ends_with(":event-bus/default")
}

/// The answer of a bus that has refused nothing.
fn accepted(reply: Result<Reply, CallError>) -> Result<Value, Failure> {
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
