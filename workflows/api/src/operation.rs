//! The operations of the Step Functions API: one table, one file per family.

mod activity;
mod alias;
mod execution;
mod execution_history;
mod map_run;
mod state_machine;
mod tag;
mod task;
mod validation;
mod version;

use std::future::Future;
use std::pin::Pin;

use engine::Engine;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::fault::Fault;
use crate::fields::Fields;
use crate::gate::Gate;

/// What an operation works with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) engine: Engine,
    /// Turns true when the server stops: held requests then answer at once.
    pub(crate) stopping: watch::Receiver<bool>,
    /// What requests that change something pass.
    pub(crate) gate: Gate,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Json, Fault>> + Send + 'a>>;
type Handler = for<'a> fn(&'a Context, Fields<'a>) -> Answer<'a>;

/// One operation of the API.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    name: &'static str,
    handler: Option<Handler>,
}

impl Operation {
    const fn served(name: &'static str, handler: Handler) -> Self {
        Self { name, handler: Some(handler) }
    }

    const fn refused(name: &'static str) -> Self {
        Self { name, handler: None }
    }

    /// The operation's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether this server answers it.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        self.handler.is_some()
    }
}

/// Every operation of the service model 2016-11-23, by name.
pub const OPERATIONS: [Operation; 37] = [
    Operation::served("CreateActivity", |context, fields| Box::pin(activity::create(context, fields))),
    Operation::served("CreateStateMachine", |context, fields| Box::pin(state_machine::create(context, fields))),
    Operation::served("CreateStateMachineAlias", |context, fields| Box::pin(alias::create(context, fields))),
    Operation::served("DeleteActivity", |context, fields| Box::pin(activity::delete(context, fields))),
    Operation::served("DeleteStateMachine", |context, fields| Box::pin(state_machine::delete(context, fields))),
    Operation::served("DeleteStateMachineAlias", |context, fields| Box::pin(alias::delete(context, fields))),
    Operation::served("DeleteStateMachineVersion", |context, fields| Box::pin(version::delete(context, fields))),
    Operation::served("DescribeActivity", |context, fields| Box::pin(activity::describe(context, fields))),
    Operation::served("DescribeExecution", |context, fields| Box::pin(execution::describe(context, fields))),
    Operation::served("DescribeMapRun", |context, fields| Box::pin(map_run::describe(context, fields))),
    Operation::served("DescribeStateMachine", |context, fields| Box::pin(state_machine::describe(context, fields))),
    Operation::served("DescribeStateMachineAlias", |context, fields| Box::pin(alias::describe(context, fields))),
    Operation::served("DescribeStateMachineForExecution", |context, fields| {
        Box::pin(state_machine::describe_for_execution(context, fields))
    }),
    Operation::served("GetActivityTask", |context, fields| Box::pin(activity::get_task(context, fields))),
    Operation::served("GetExecutionHistory", |context, fields| Box::pin(execution_history::get(context, fields))),
    Operation::served("ListActivities", |context, fields| Box::pin(activity::list(context, fields))),
    Operation::served("ListExecutions", |context, fields| Box::pin(execution::list(context, fields))),
    Operation::served("ListMapRuns", |context, fields| Box::pin(map_run::list(context, fields))),
    Operation::served("ListStateMachineAliases", |context, fields| Box::pin(alias::list(context, fields))),
    Operation::served("ListStateMachineVersions", |context, fields| Box::pin(version::list(context, fields))),
    Operation::served("ListStateMachines", |context, fields| Box::pin(state_machine::list(context, fields))),
    Operation::served("ListTagsForResource", |context, fields| Box::pin(tag::list(context, fields))),
    Operation::served("PublishStateMachineVersion", |context, fields| Box::pin(version::publish(context, fields))),
    Operation::served("RedriveExecution", |context, fields| Box::pin(execution::redrive(context, fields))),
    Operation::served("SendTaskFailure", |context, fields| Box::pin(task::fail(context, fields))),
    Operation::served("SendTaskHeartbeat", |context, fields| Box::pin(task::heartbeat(context, fields))),
    Operation::served("SendTaskSuccess", |context, fields| Box::pin(task::succeed(context, fields))),
    Operation::served("StartExecution", |context, fields| Box::pin(execution::start(context, fields))),
    Operation::refused("StartSyncExecution"),
    Operation::served("StopExecution", |context, fields| Box::pin(execution::stop(context, fields))),
    Operation::served("TagResource", |context, fields| Box::pin(tag::tag(context, fields))),
    Operation::refused("TestState"),
    Operation::served("UntagResource", |context, fields| Box::pin(tag::untag(context, fields))),
    Operation::served("UpdateMapRun", |context, fields| Box::pin(map_run::update(context, fields))),
    Operation::served("UpdateStateMachine", |context, fields| Box::pin(state_machine::update(context, fields))),
    Operation::served("UpdateStateMachineAlias", |context, fields| Box::pin(alias::update(context, fields))),
    Operation::served("ValidateStateMachineDefinition", |context, fields| {
        Box::pin(validation::validate(context, fields))
    }),
];

/// Answers `body` as a request of the operation `name`.
pub(crate) async fn answer(context: &Context, name: &str, body: &Json) -> Result<Json, Fault> {
    let Some(operation) = OPERATIONS.iter().find(|operation| operation.name == name) else {
        return Err(Fault::caller(
            "UnknownOperationException",
            format!("'{name}' is no operation of AWS Step Functions; look at the header X-Amz-Target"),
        ));
    };
    let Some(handler) = operation.handler else {
        return Err(Fault::caller(
            "UnknownOperationException",
            format!("the operation {name} of AWS Step Functions is not served here yet"),
        ));
    };
    handler(context, Fields::of(body)?).await
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

    #[test]
    fn the_operations_of_the_first_form_are_served() {
        assert_eq!(OPERATIONS.iter().filter(|operation| operation.is_served()).count(), 35);
    }
}
