//! The operations of the Step Functions API: one table, one file per family.

mod activity;
mod alias;
mod encryption;
mod execution;
mod execution_history;
mod map_run;
mod state_machine;
mod tag;
mod task;
mod test_state;
mod validation;
mod version;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use engine::Engine;
use listener::Keys;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use crate::fault::Fault;
use crate::fields::{Fields, Text};
use crate::gate::Gate;
use crate::neighbour::Neighbour;
use crate::throttle::Buckets;

/// What an operation works with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) engine: Engine,
    /// Turns true when the server stops: held requests then answer at once.
    pub(crate) stopping: watch::Receiver<bool>,
    /// What requests that change something pass.
    pub(crate) gate: Gate,
    /// What requests must be signed with, where they must.
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) buckets: Arc<Buckets>,
    /// Room for those that read a definition.
    pub(crate) definitions: Arc<Semaphore>,
    /// The other APIs at this address.
    pub(crate) neighbours: Arc<[Arc<dyn Neighbour>]>,
}

impl Context {
    /// `SensitiveData`, as long as the engine takes it.
    fn data(&self) -> Text {
        Text::sensitive(0..=self.engine.config().limits.payload_bytes)
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Json, Fault>> + Send + 'a>>;
type Handler = for<'a> fn(&'a Context, Fields<'a>) -> Answer<'a>;

/// One operation of the API.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    name: &'static str,
    handler: Handler,
}

impl Operation {
    const fn new(name: &'static str, handler: Handler) -> Self {
        Self { name, handler }
    }

    /// The operation's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// Every operation of the service model 2016-11-23, by name.
pub const OPERATIONS: [Operation; 37] = [
    Operation::new("CreateActivity", |context, fields| Box::pin(activity::create(context, fields))),
    Operation::new("CreateStateMachine", |context, fields| Box::pin(state_machine::create(context, fields))),
    Operation::new("CreateStateMachineAlias", |context, fields| Box::pin(alias::create(context, fields))),
    Operation::new("DeleteActivity", |context, fields| Box::pin(activity::delete(context, fields))),
    Operation::new("DeleteStateMachine", |context, fields| Box::pin(state_machine::delete(context, fields))),
    Operation::new("DeleteStateMachineAlias", |context, fields| Box::pin(alias::delete(context, fields))),
    Operation::new("DeleteStateMachineVersion", |context, fields| Box::pin(version::delete(context, fields))),
    Operation::new("DescribeActivity", |context, fields| Box::pin(activity::describe(context, fields))),
    Operation::new("DescribeExecution", |context, fields| Box::pin(execution::describe(context, fields))),
    Operation::new("DescribeMapRun", |context, fields| Box::pin(map_run::describe(context, fields))),
    Operation::new("DescribeStateMachine", |context, fields| Box::pin(state_machine::describe(context, fields))),
    Operation::new("DescribeStateMachineAlias", |context, fields| Box::pin(alias::describe(context, fields))),
    Operation::new("DescribeStateMachineForExecution", |context, fields| {
        Box::pin(state_machine::describe_for_execution(context, fields))
    }),
    Operation::new("GetActivityTask", |context, fields| Box::pin(activity::get_task(context, fields))),
    Operation::new("GetExecutionHistory", |context, fields| Box::pin(execution_history::get(context, fields))),
    Operation::new("ListActivities", |context, fields| Box::pin(activity::list(context, fields))),
    Operation::new("ListExecutions", |context, fields| Box::pin(execution::list(context, fields))),
    Operation::new("ListMapRuns", |context, fields| Box::pin(map_run::list(context, fields))),
    Operation::new("ListStateMachineAliases", |context, fields| Box::pin(alias::list(context, fields))),
    Operation::new("ListStateMachineVersions", |context, fields| Box::pin(version::list(context, fields))),
    Operation::new("ListStateMachines", |context, fields| Box::pin(state_machine::list(context, fields))),
    Operation::new("ListTagsForResource", |context, fields| Box::pin(tag::list(context, fields))),
    Operation::new("PublishStateMachineVersion", |context, fields| Box::pin(version::publish(context, fields))),
    Operation::new("RedriveExecution", |context, fields| Box::pin(execution::redrive(context, fields))),
    Operation::new("SendTaskFailure", |context, fields| Box::pin(task::fail(context, fields))),
    Operation::new("SendTaskHeartbeat", |context, fields| Box::pin(task::heartbeat(context, fields))),
    Operation::new("SendTaskSuccess", |context, fields| Box::pin(task::succeed(context, fields))),
    Operation::new("StartExecution", |context, fields| Box::pin(execution::start(context, fields))),
    Operation::new("StartSyncExecution", |context, fields| Box::pin(execution::start_sync(context, fields))),
    Operation::new("StopExecution", |context, fields| Box::pin(execution::stop(context, fields))),
    Operation::new("TagResource", |context, fields| Box::pin(tag::tag(context, fields))),
    Operation::new("TestState", |context, fields| Box::pin(test_state::test(context, fields))),
    Operation::new("UntagResource", |context, fields| Box::pin(tag::untag(context, fields))),
    Operation::new("UpdateMapRun", |context, fields| Box::pin(map_run::update(context, fields))),
    Operation::new("UpdateStateMachine", |context, fields| Box::pin(state_machine::update(context, fields))),
    Operation::new("UpdateStateMachineAlias", |context, fields| Box::pin(alias::update(context, fields))),
    Operation::new("ValidateStateMachineDefinition", |context, fields| Box::pin(validation::validate(context, fields))),
];

/// How many definitions are read at once.
pub(crate) const DEFINITIONS: usize = 2;
/// Operations that read a definition: a megabyte of it takes a tenth of a second.
const READ_DEFINITIONS: [&str; 3] = ["CreateStateMachine", "UpdateStateMachine", "ValidateStateMachineDefinition"];

/// Answers `body` as a request of the operation `name`.
pub(crate) async fn answer(context: &Context, name: &str, body: Json) -> Result<Json, Fault> {
    let Some(operation) = OPERATIONS.iter().find(|operation| operation.name == name) else {
        return Err(Fault::caller(
            "UnknownOperationException",
            format!("'{name}' is no operation of AWS Step Functions; look at the header X-Amz-Target"),
        ));
    };
    let fields = Fields::of(&body)?;
    context.buckets.take(&context.engine, name, &body)?;
    if READ_DEFINITIONS.contains(&name) || name == "TestState" {
        return aside(context, *operation, body).await;
    }
    let _passage = context.gate.pass(name).await;
    (operation.handler)(context, fields).await
}

/// Answers on a thread of its own, since the operation reads a definition, and nobody else is to wait for that. Few do so
/// at once; TestState may call services, and waits for none of them.
async fn aside(context: &Context, operation: Operation, body: Json) -> Result<Json, Fault> {
    let limited = operation.name != "TestState";
    let place = if limited { Arc::clone(&context.definitions).acquire_owned().await.ok() } else { None };
    let passage = context.gate.pass(operation.name).await;
    let (context, runtime) = (context.clone(), Handle::current());
    let work = move || {
        let answer = runtime.block_on(async { (operation.handler)(&context, Fields::of(&body)?).await });
        drop((passage, place));
        answer
    };
    let message = "the operation came to an unexpected end";
    let broken = |_| Err(Fault { status: 500, ..Fault::caller("InternalFailure", message) });
    tokio::task::spawn_blocking(work).await.unwrap_or_else(broken)
}

/// A page of a listing, with the token of the next where there is one.
fn listing(key: &str, items: Vec<Json>, next: Option<String>) -> Json {
    let mut answer = json!({ key: items });
    if let Some(token) = next {
        answer["nextToken"] = token.into();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_each_operation_once() {
        assert!(OPERATIONS.windows(2).all(|pair| pair[0].name() < pair[1].name()));
    }
}
