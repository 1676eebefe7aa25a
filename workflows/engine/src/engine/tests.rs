mod activities;
mod aliases;
mod calls;
mod children;
mod clock_jumps;
mod crashes;
mod executions;
mod express;
mod former;
mod idle;
mod machines;
mod map_runs;
mod neighbours;
mod observers;
mod quotas;
mod redrives;
mod tags;
mod trials;
mod versions;

use std::path::Path;

use asl::ExecutionType;
use execution::EventKind;

use super::*;
use crate::description::{AliasChange, MachineStatus, NewStateMachineAlias, Publish, Revision, Route};
use crate::store::{Gated, Records};
use crate::test_server::Server;

const START: Millis = 1_700_000_000_000;
const SECOND: Duration = Duration::from_secs(1);
const ROLE: &str = "arn:aws:iam::123456789012:role/r";

fn config(directory: Option<&Path>, url: &str, clock: &Clock) -> Config {
    Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: directory.map(ToOwned::to_owned),
        aws: aws::Endpoint::Url(url.to_owned()),
        lambda_endpoint: Some(url.to_owned()),
        events_endpoint: None,
        clock: clock.clone(),
        limits: Limits::default(),
        names: Names::default(),
        quotas: Quotas::default(),
        signers: aws::Signers::default(),
    }
}

/// Opens an engine. One that was dropped before has its directory until the last of its tasks has seen that.
async fn open(directory: Option<&Path>, url: &str, clock: &Clock) -> Engine {
    loop {
        match Engine::open(config(directory, url, clock)).await {
            Err(OpenError::Store(StoreError::Locked(_))) => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}

async fn in_memory() -> (Engine, Clock) {
    let clock = Clock::manual(START);
    (open(None, "http://127.0.0.1:1", &clock).await, clock)
}

async fn create(engine: &Engine, name: &str, definition: &str) -> Arc<str> {
    let new = new_machine(name, definition);
    engine.create_state_machine(new).await.unwrap().machine.arn.clone()
}

fn new_machine(name: &str, definition: &str) -> NewStateMachine {
    let (name, definition, role_arn) = (name.to_owned(), definition.to_owned(), ROLE.to_owned());
    NewStateMachine { name, definition, role_arn, ..NewStateMachine::default() }
}

async fn start(engine: &Engine, machine: &str, name: &str) -> Arc<str> {
    engine.start_execution(machine, Some(name.to_owned()), Value::Null).await.unwrap().arn
}

fn machine(state: &str) -> String {
    format!(r#"{{"QueryLanguage":"JSONata","StartAt":"S","States":{{"S":{state}}}}}"#)
}

fn task(resource: &str, fields: &str) -> String {
    machine(&format!(r#"{{"Type":"Task","Resource":"{resource}","End":true{fields}}}"#))
}

/// A definition that calls the state machine `child`.
fn parent(child: &str, pattern: &str) -> String {
    let resource = format!("arn:aws:states:::states:startExecution{pattern}");
    task(&resource, &format!(r#","Arguments":{{"StateMachineArn":"{child}","Input":{{"a":1}}}}"#))
}

const PASS: &str = r#"{"Type":"Pass","Output":{"done":true},"End":true}"#;
const WAIT: &str = r#"{"Type":"Wait","Seconds":3600,"End":true}"#;
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";

fn error_of(description: &ExecutionDescription) -> &str {
    description.failure.as_ref().and_then(|failure| failure.error.as_deref()).unwrap_or_default()
}

/// The history's event names in order, as far as the API shows them.
fn kinds(engine: &Engine, arn: &str) -> Vec<String> {
    let events = engine.history(arn).unwrap();
    let name = |event: &Event| format!("{:?}", event.kind).split([' ', '(', '{']).next().unwrap_or_default().to_owned();
    events.iter().filter(|event| event.is_visible()).map(name).collect()
}
