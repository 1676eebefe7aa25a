//! History events as the API shows them: the journal's events, one to one, without its decisions.
//!
//! Names and members follow the `HistoryEvent` shape of the API's service model (2016-11-23).

use std::collections::HashMap;
use std::sync::Arc;

use asl::Value;
use execution::{Event, EventKind, Failure, Flavor, FrameId, Millis};
use serde_json::{Map, Value as Json, json};

/// What rendering one event needs to know of the others and of the execution.
#[derive(Clone, Debug, Default)]
pub struct RenderContext {
    region: String,
    role_arn: Option<Arc<str>>,
    version_arn: Option<Arc<str>>,
    alias_arn: Option<Arc<str>>,
    without_data: bool,
    /// Per frame the tasks scheduled, by event id: later events of a task do not repeat its resource.
    scheduled: HashMap<FrameId, Vec<(u64, Arc<str>)>>,
}

impl RenderContext {
    /// The context of an execution in `region` whose history holds `events`.
    #[must_use]
    pub fn new(region: impl Into<String>, events: &[Event]) -> Self {
        let mut context = Self { region: region.into(), ..Self::default() };
        for event in events {
            context.learn(event);
        }
        context
    }

    /// The role that the execution runs as, which `ExecutionStarted` names.
    #[must_use]
    pub fn with_role(mut self, role_arn: Option<Arc<str>>) -> Self {
        self.role_arn = role_arn;
        self
    }

    /// The version and the alias that the execution was started of, which `ExecutionStarted` names.
    #[must_use]
    pub fn with_version(mut self, version_arn: Option<Arc<str>>, alias_arn: Option<Arc<str>>) -> Self {
        self.version_arn = version_arn;
        self.alias_arn = alias_arn;
        self
    }

    /// Leaves out inputs, outputs, parameters and variables: `includeExecutionData` false.
    #[must_use]
    pub const fn without_data(mut self) -> Self {
        self.without_data = true;
        self
    }

    /// Takes note of an event, where a history is rendered while it grows.
    pub fn learn(&mut self, event: &Event) {
        if let EventKind::TaskScheduled { resource, .. } = &event.kind {
            self.scheduled.entry(event.frame).or_default().push((event.id, Arc::clone(resource)));
        }
    }

    /// The resource of the task that `event` belongs to.
    fn resource(&self, event: &Event) -> Option<&str> {
        let tasks = self.scheduled.get(&event.frame)?;
        let before = tasks.partition_point(|(id, _)| *id < event.id);
        Some(&tasks[before.checked_sub(1)?].1)
    }
}

/// Splits a service integration's ARN as `TaskScheduled` shows it: `arn:aws:states:::lambda:invoke.waitForTaskToken`
/// has the resource type `lambda` and the resource `invoke.waitForTaskToken`.
#[must_use]
pub fn integration(resource: &str) -> (&str, &str) {
    let name = resource.splitn(6, ':').nth(5).unwrap_or(resource);
    let service = match name.strip_prefix("aws-sdk:") {
        Some(rest) => "aws-sdk:".len() + rest.find(':').unwrap_or(rest.len()),
        None => name.find(':').unwrap_or(name.len()),
    };
    (&name[..service], name[service..].trim_start_matches(':'))
}

/// An instant as the API writes it: seconds since 1970, with milliseconds.
#[must_use]
pub fn timestamp(at: Millis) -> Json {
    // Milliseconds fit a double's 53 bits for 285,000 years.
    json!(at as f64 / 1000.0)
}

/// One event in the API's JSON; `None` for a decision of the journal, which the API does not show.
#[must_use]
pub fn render(event: &Event, context: &RenderContext) -> Option<Json> {
    if !event.is_visible() {
        return None;
    }
    let (name, details) = shown(event, context)?;
    let mut members = Map::new();
    members.insert("timestamp".to_owned(), timestamp(event.at));
    members.insert("type".to_owned(), name.into());
    members.insert("id".to_owned(), event.id.into());
    members.insert("previousEventId".to_owned(), event.previous.into());
    if let Some((key, details)) = details {
        members.insert(key, Json::Object(details.members));
    }
    Some(Json::Object(members))
}

type Shown = (String, Option<(String, Details)>);

/// The type's name and its details under their key.
fn shown(event: &Event, context: &RenderContext) -> Option<Shown> {
    let details = || Details::new(context);
    Some(match &event.kind {
        EventKind::ExecutionStarted { input, .. } => {
            let role = context.role_arn.as_deref().map(Json::from);
            let alias = context.alias_arn.as_deref().map(Json::from);
            let version = context.version_arn.as_deref().map(Json::from);
            let started = details().data("input", input, event).optional("roleArn", role);
            let started = started.optional("stateMachineAliasArn", alias).optional("stateMachineVersionArn", version);
            keyed("ExecutionStarted", started)
        }
        EventKind::ExecutionSucceeded { output } => {
            keyed("ExecutionSucceeded", details().data("output", output, event))
        }
        EventKind::ExecutionFailed(failure) => keyed("ExecutionFailed", details().failure(failure)),
        EventKind::ExecutionTimedOut(failure) => keyed("ExecutionTimedOut", details().failure(failure)),
        EventKind::ExecutionAborted(failure) => keyed("ExecutionAborted", details().failure(failure)),
        EventKind::ExecutionRedriven { count, .. } => {
            keyed("ExecutionRedriven", details().plain("redriveCount", *count))
        }
        EventKind::StateEntered { state_type, name, input } => {
            let entered = details().plain("name", &**name).data("input", input, event);
            (format!("{}StateEntered", state_type.name()), Some(("stateEnteredEventDetails".to_owned(), entered)))
        }
        EventKind::StateExited { state_type, name, output, assigned, .. } => {
            let exited = details().plain("name", &**name).data("output", output, event).assigned(assigned);
            (format!("{}StateExited", state_type.name()), Some(("stateExitedEventDetails".to_owned(), exited)))
        }
        EventKind::StateAborted { state_type, .. } => bare(&format!("{}StateAborted", state_type.name())),
        EventKind::EvaluationFailed { failure, location, state, .. } => {
            let location = location.as_deref().map(Json::from);
            keyed(
                "EvaluationFailed",
                details().failure(failure).optional("location", location).plain("state", &**state),
            )
        }
        _ => return task(event, context).or_else(|| group(event, context)),
    })
}

/// Events of a task.
fn task(event: &Event, context: &RenderContext) -> Option<Shown> {
    let details = |flavor: Flavor| match flavor {
        Flavor::Service => Details::new(context).integration(context.resource(event).unwrap_or_default()),
        Flavor::Lambda | Flavor::Activity => Details::new(context),
    };
    Some(match &event.kind {
        EventKind::TaskScheduled { flavor, .. } => keyed(&family(*flavor, "Scheduled"), scheduled(event, context)?),
        EventKind::TaskStarted { flavor: Flavor::Lambda, .. } => bare("LambdaFunctionStarted"),
        EventKind::TaskStarted { flavor, worker_name } => {
            let worker = worker_name.as_deref().map(Json::from);
            keyed(&family(*flavor, "Started"), details(*flavor).optional("workerName", worker))
        }
        EventKind::TaskSubmitted { output } => {
            keyed("TaskSubmitted", details(Flavor::Service).data("output", output, event))
        }
        EventKind::TaskSucceeded { flavor, output } => {
            keyed(&family(*flavor, "Succeeded"), details(*flavor).data("output", output, event))
        }
        EventKind::TaskFailed { flavor, failure } => {
            keyed(&family(*flavor, "Failed"), details(*flavor).failure(failure))
        }
        EventKind::TaskTimedOut { flavor, failure, .. } => {
            keyed(&family(*flavor, "TimedOut"), details(*flavor).failure(failure))
        }
        _ => return None,
    })
}

/// Details of `TaskScheduled`, `LambdaFunctionScheduled` and `ActivityScheduled`.
fn scheduled(event: &Event, context: &RenderContext) -> Option<Details> {
    let EventKind::TaskScheduled {
        flavor, resource, parameters, timeout_seconds, heartbeat_seconds, credentials, ..
    } = &event.kind
    else {
        return None;
    };
    let details = Details::new(context);
    let details = match flavor {
        Flavor::Service => {
            let text = text(parameters, event);
            let parameters = if context.without_data { "" } else { &text };
            details.integration(resource).plain("region", &*context.region).plain("parameters", parameters)
        }
        Flavor::Lambda | Flavor::Activity => details.plain("resource", &**resource).data("input", parameters, event),
    };
    let heartbeat = heartbeat_seconds.filter(|_| *flavor != Flavor::Lambda);
    let credentials = credentials.as_ref().filter(|_| *flavor != Flavor::Activity);
    Some(
        details
            .optional("timeoutInSeconds", timeout_seconds.map(Json::from))
            .optional("heartbeatInSeconds", heartbeat.map(Json::from))
            .optional("taskCredentials", credentials.and_then(task_credentials)),
    )
}

/// The text of an event's data.
fn text(value: &Value, event: &Event) -> String {
    event.written.as_deref().map_or_else(|| value.to_string(), str::to_owned)
}

/// `Credentials` as history shows them: the role under its API name.
fn task_credentials(credentials: &Value) -> Option<Json> {
    Some(json!({ "roleArn": credentials.get("RoleArn")?.as_str()? }))
}

/// Events of Parallel and Map.
fn group(event: &Event, context: &RenderContext) -> Option<Shown> {
    let iteration = |outcome: &str, name: &Arc<str>, index: u64| {
        keyed(&format!("MapIteration{outcome}"), Details::new(context).plain("name", &**name).plain("index", index))
    };
    Some(match &event.kind {
        EventKind::ParallelStateStarted { .. } => bare("ParallelStateStarted"),
        EventKind::ParallelStateSucceeded => bare("ParallelStateSucceeded"),
        EventKind::ParallelStateFailed => bare("ParallelStateFailed"),
        EventKind::MapStateStarted { items, .. } => {
            keyed("MapStateStarted", Details::new(context).plain("length", items.len()))
        }
        EventKind::DistributedMapStarted { items, .. } => {
            keyed("MapStateStarted", Details::new(context).plain("length", length(items.as_ref())))
        }
        EventKind::MapRunStarted { run, .. } => {
            keyed("MapRunStarted", Details::new(context).plain("mapRunArn", &*run.arn))
        }
        EventKind::MapRunSucceeded { .. } => bare("MapRunSucceeded"),
        EventKind::MapRunFailed(failure) => keyed("MapRunFailed", Details::new(context).failure(failure)),
        EventKind::MapRunAborted => bare("MapRunAborted"),
        EventKind::MapRunRedriven { map_run_arn, count, .. } => {
            let redriven = Details::new(context).plain("mapRunArn", &**map_run_arn).plain("redriveCount", *count);
            keyed("MapRunRedriven", redriven)
        }
        EventKind::MapIterationStarted { name, index, .. } => iteration("Started", name, *index),
        EventKind::MapIterationSucceeded { name, index } => iteration("Succeeded", name, *index),
        EventKind::MapIterationFailed { name, index } => iteration("Failed", name, *index),
        EventKind::MapIterationAborted { name, index } => iteration("Aborted", name, *index),
        EventKind::MapStateSucceeded => bare("MapStateSucceeded"),
        EventKind::MapStateFailed => bare("MapStateFailed"),
        _ => return None,
    })
}

/// How many items a distributed Map knows of at its start: none where a reader brings them.
fn length(items: Option<&Value>) -> usize {
    match items {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        _ => 0,
    }
}

/// An event type without details.
fn bare(name: &str) -> Shown {
    (name.to_owned(), None)
}

/// An event type whose details stand under its own name: `taskFailedEventDetails` of `TaskFailed`.
fn keyed(name: &str, details: Details) -> Shown {
    let mut key = name.to_owned();
    if let Some(first) = key.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    key.push_str("EventDetails");
    (name.to_owned(), Some((key, details)))
}

fn family(flavor: Flavor, what: &str) -> String {
    let family = match flavor {
        Flavor::Service => "Task",
        Flavor::Lambda => "LambdaFunction",
        Flavor::Activity => "Activity",
    };
    format!("{family}{what}")
}

/// Builds the details of an event.
struct Details {
    members: Map<String, Json>,
    without_data: bool,
}

impl Details {
    fn new(context: &RenderContext) -> Self {
        Self { members: Map::new(), without_data: context.without_data }
    }

    fn plain(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.members.insert(key.to_owned(), value.into());
        self
    }

    fn optional(self, key: &str, value: Option<Json>) -> Self {
        match value {
            Some(value) => self.plain(key, value),
            None => self,
        }
    }

    /// A value as JSON text, with the note beside it that nothing of it was cut off.
    fn data(self, key: &str, value: &Value, event: &Event) -> Self {
        if self.without_data {
            return self;
        }
        self.plain(key, text(value, event)).plain(&format!("{key}Details"), json!({ "truncated": false }))
    }

    fn failure(self, failure: &Failure) -> Self {
        self.optional("error", failure.error.as_deref().map(Json::from))
            .optional("cause", failure.cause.as_deref().map(Json::from))
    }

    fn integration(self, resource: &str) -> Self {
        let (kind, action) = integration(resource);
        self.plain("resourceType", kind).plain("resource", action)
    }

    fn assigned(self, assigned: &[(Arc<str>, Value)]) -> Self {
        if assigned.is_empty() || self.without_data {
            return self;
        }
        let variables: Map<String, Json> =
            assigned.iter().map(|(name, value)| (name.to_string(), value.to_string().into())).collect();
        self.plain("assignedVariables", variables).plain("assignedVariablesDetails", json!({ "truncated": false }))
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
