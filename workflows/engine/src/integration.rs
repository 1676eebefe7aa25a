//! Service integrations: what a Task's resource stands for, and how it is done.

mod dynamodb;
mod events;
mod failure;
mod http;
mod lambda;
mod resource;
mod sdk;
mod sfn;
mod shape;
mod sns;
mod sqs;
mod states;

use std::sync::{Arc, Weak};

use asl::Value;
use execution::{Failure, Flavor, TaskId, TaskOrder};

use crate::aws::{Client, Endpoint, Reply};
use crate::core::Core;
use crate::engine::Config;
use crate::trace::Trace;
pub use http::{HttpExchange, HttpRequest, HttpResponse};
pub(crate) use http::{Web, problems as http_problems};
pub(crate) use resource::{Integration, Pattern, child_of, is_known, is_missing};
pub(crate) use shape::check as check_answer;
pub(crate) use states::refused;

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The task is done.
    Done(Value),
    /// The service has accepted the job: its end comes later.
    Submitted(Value),
    /// The task has failed.
    Failed(Failure),
}

/// The way to the services.
pub(crate) struct World {
    pub(crate) aws: Client,
    /// Base URL of Lambda's Invoke API, where it is not AWS's.
    pub(crate) lambda_endpoint: Option<String>,
    /// Base URL of the EventBridge API that has events too.
    pub(crate) events_endpoint: Option<String>,
    pub(crate) account: String,
    /// The way of HTTP Tasks.
    pub(crate) web: Web,
}

impl World {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            aws: Client::with_signers(config.aws.clone(), &config.region, config.clock.clone(), &config.signers),
            lambda_endpoint: config.lambda_endpoint.clone(),
            events_endpoint: config.events_endpoint.clone(),
            account: config.account.clone(),
            web: Web::new(config.aws != Endpoint::Aws),
        }
    }
}

/// Performs a task of a service or a function once.
pub(crate) async fn perform(world: &World, core: &Weak<Core>, arn: &Arc<str>, order: &TaskOrder) -> Answer {
    if order.flavor == Flavor::Lambda {
        let trace = trace_header(core, arn, order.task);
        return finish(
            Pattern::RequestResponse,
            lambda::direct(world, &order.resource, &order.parameters, trace).await,
        );
    }
    let Some(integration) = Integration::parse(&order.resource) else { return unsupported(&order.resource) };
    let parameters = &order.parameters;
    let trace = || trace_header(core, arn, order.task);
    let done = match (integration.sdk, integration.service, integration.action) {
        (true, "sfn", action) => sfn::perform(core, action, parameters, trace()).await,
        (false, "states", "startExecution") => states::start(core, arn, order, trace()).await,
        (false, "events", "putEvents") => events::put_events(world, arn, parameters).await,
        (false, "http", "invoke") => http::invoke(world, parameters).await,
        _ => match call(world, &integration, parameters, trace()).await {
            Some(done) => done,
            None => return unsupported(&order.resource),
        },
    };
    finish(integration.pattern, done)
}

/// Calls what needs no execution around it, as part of the trace of an X-Ray header; `None` where it is no such
/// integration.
pub(crate) async fn call(
    world: &World,
    integration: &Integration<'_>,
    parameters: &Value,
    trace: Option<String>,
) -> Option<Result<Value, Failure>> {
    Some(match (integration.sdk, integration.service, integration.action) {
        (true, "sfn", _) => return None,
        (true, service, action) => sdk::perform(world, service, action, parameters).await,
        (false, "lambda", "invoke") => lambda::invoke(world, parameters, trace).await,
        (false, "dynamodb", action) => dynamodb::perform(world, action, parameters).await,
        (false, "sqs", "sendMessage") => sqs::send_message(world, parameters).await,
        (false, "sns", "publish") => sns::publish(world, parameters).await,
        _ => return None,
    })
}

/// The X-Ray header that makes what a task calls a part of the execution's trace, where it has one.
fn trace_header(core: &Weak<Core>, arn: &str, task: TaskId) -> Option<String> {
    let trace = core.upgrade()?.with_live(arn, |live| live.record.trace())??;
    Some(trace.header(Trace::span_of_task(arn, task)))
}

/// Performs a task once and tells what went over the wire, where it is an HTTP Task; without `secrets`, what its
/// connection adds is left out.
pub(crate) async fn perform_seen(
    world: &World,
    core: &Weak<Core>,
    arn: &Arc<str>,
    order: &TaskOrder,
    secrets: bool,
) -> (Answer, Option<HttpExchange>) {
    match Integration::parse(&order.resource) {
        Some(Integration { sdk: false, service: "http", action: "invoke", pattern }) => {
            let traced = http::trace(world, &order.parameters).await;
            let shown = traced.shown(secrets);
            (finish(pattern, traced.done), shown)
        }
        _ => (perform(world, core, arn, order).await, None),
    }
}

/// What a call's outcome means under the resource's pattern.
fn finish(pattern: Pattern, done: Result<Value, Failure>) -> Answer {
    match (done, pattern) {
        (Err(failure), _) => Answer::Failed(failure),
        (Ok(output), Pattern::RequestResponse) => Answer::Done(output),
        (Ok(output), Pattern::Sync | Pattern::Sync2 | Pattern::Callback) => Answer::Submitted(output),
    }
}

fn unsupported(resource: &str) -> Answer {
    let cause = format!("The service integration {resource} is not supported by this engine.");
    Answer::Failed(Failure { error: Some("States.TaskFailed".into()), cause: Some(cause.into()) })
}

/// How the header `Connection` is spelled by a service's integration.
const CONNECTION: &str = "Connection";
const SMALL_CONNECTION: &str = "connection";

/// The answer of an optimized integration: the body with the metadata of the exchange, members sorted.
fn with_metadata(reply: &Reply, connection: &str) -> Value {
    let mut members: Vec<(String, Value)> = Vec::new();
    for (name, value) in reply.body.as_object().into_iter().flatten() {
        members.push((name.to_string(), value.clone()));
    }
    members.push(("SdkHttpMetadata".to_owned(), http_metadata(reply.status, &reply.headers, connection)));
    members.push(("SdkResponseMetadata".to_owned(), response_metadata(&reply.request_id)));
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    Value::object(members)
}

fn http_metadata(status: u16, headers: &[(String, String)], connection: &str) -> Value {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (header_name(name, connection), Value::from(value.as_str()))).collect();
    let all = headers.iter().map(|(name, value)| (name.as_str(), Value::array(vec![value.clone()])));
    Value::object([
        ("AllHttpHeaders", Value::object(all)),
        ("HttpHeaders", Value::object(headers.iter().map(|(name, value)| (name.as_str(), value.clone())))),
        ("HttpStatusCode", Value::from(u32::from(status))),
    ])
}

fn response_metadata(request_id: &str) -> Value {
    Value::object([("RequestId", Value::from(request_id))])
}

/// A header as AWS's integrations spell it; names come from the wire in lower case.
fn header_name(name: &str, connection: &str) -> String {
    match name {
        "x-amzn-requestid" => "x-amzn-RequestId".to_owned(),
        "x-amzn-trace-id" => "X-Amzn-Trace-Id".to_owned(),
        "x-amz-executed-version" => "X-Amz-Executed-Version".to_owned(),
        "x-amz-log-result" => "X-Amz-Log-Result".to_owned(),
        "x-amzn-remapped-content-length" => "x-amzn-Remapped-Content-Length".to_owned(),
        "connection" => connection.to_owned(),
        name if name.starts_with("x-") => name.to_owned(),
        name => name.split('-').map(crate::aws::capitalise).collect::<Vec<_>>().join("-"),
    }
}

/// A text as it is; anything else as JSON text: what a message body is made of.
fn text_of(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => Value::from(other.to_string()),
    }
}

/// The parameters with the member `name` as text.
fn with_text(parameters: &Value, name: &str) -> Value {
    let mut parameters = parameters.clone();
    if let Some(text) = parameters.get(name).map(text_of) {
        parameters.insert(name, text);
    }
    parameters
}

#[cfg(test)]
mod tests;
