//! Executions: start, stop, redrive, describe, list.

use asl::Value;
use engine::{ExecutionDescription, Given, Listed};
use execution::{Failure, Status};
use serde_json::{Map, Value as Json, json};

use super::Context;
use crate::fault::Fault;
use crate::fields::{ARN, CAUSE, CLIENT_TOKEN, ERROR, Fields, LONG_ARN, NAME, TRACE_HEADER};
use crate::history::timestamp;
use crate::jackson;
use crate::page::Page;
use crate::server::stopped;

const STATUSES: [&str; 6] = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"];

pub(super) async fn start(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineArn", &ARN);
    let name = fields.optional("name", &NAME);
    let input = fields.optional("input", &context.data());
    let trace = fields.optional("traceHeader", &TRACE_HEADER);
    fields.check()?;
    let input = given_input(input)?.traced(trace);
    let started = context.engine.start_execution(arn, name.map(str::to_owned), input).await?;
    Ok(json!({ "executionArn": &*started.arn, "startDate": timestamp(started.start_date) }))
}

/// Answers when the execution has ended, or the server stops.
pub(super) async fn start_sync(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineArn", &ARN);
    let name = fields.optional("name", &NAME);
    let input = fields.optional("input", &context.data());
    let trace = fields.optional("traceHeader", &TRACE_HEADER);
    let with_data = fields.one_of("includedData", &["ALL_DATA", "METADATA_ONLY"]) != Some("METADATA_ONLY");
    fields.check()?;
    let input = given_input(input)?.traced(trace);
    let passage = context.gate.enter().await;
    let started = context.engine.start_sync_execution(arn, name.map(str::to_owned), input).await?;
    drop(passage);
    let mut stopping = context.stopping.clone();
    let ended = tokio::select! {
        biased;
        ended = started.ended() => ended?,
        () = stopped(&mut stopping) => return Err(engine::Error::ShuttingDown.into()),
    };
    let mut answer = summary(&ended);
    answer.remove("redriveCount");
    add_data(&mut answer, &ended, with_data);
    if let Some(trace) = trace {
        answer.insert("traceHeader".to_owned(), trace.into());
    }
    let (megabytes, milliseconds) = engine::billed(&ended);
    let billing = json!({ "billedMemoryUsedInMB": megabytes, "billedDurationInMilliseconds": milliseconds });
    answer.insert("billingDetails".to_owned(), billing);
    Ok(Json::Object(answer))
}

/// The input as it was written; an empty object where there is none.
fn given_input(text: Option<&str>) -> Result<Given, Fault> {
    let text = text.unwrap_or("{}");
    Ok(Given::written(read_input(text)?, text))
}

pub(super) fn read_input(text: &str) -> Result<Value, Fault> {
    let complaint = match jackson::parse(text) {
        Ok(value) => return Ok(value),
        Err(_) if text.trim().is_empty() => "Invalid execution input.".to_owned(),
        Err(complaint) => complaint,
    };
    Err(Fault::caller("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{complaint}'")))
}

pub(super) async fn stop(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("executionArn", &ARN);
    let failure = read_failure(&mut fields)?;
    let stopped = context.engine.stop_execution(arn, failure).await?;
    Ok(json!({ "stopDate": timestamp(stopped) }))
}

pub(super) async fn redrive(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("executionArn", &ARN);
    let token = fields.optional("clientToken", &CLIENT_TOKEN);
    fields.check()?;
    let redriven = context.engine.redrive_execution(arn, token.map(str::to_owned)).await?;
    Ok(json!({ "redriveDate": timestamp(redriven) }))
}

/// `error` and `cause`, with the check of all fields read so far.
pub(super) fn read_failure(fields: &mut Fields<'_>) -> Result<Failure, Fault> {
    let error = fields.optional("error", &ERROR);
    let cause = fields.optional("cause", &CAUSE);
    fields.check()?;
    Ok(Failure { error: error.map(Into::into), cause: cause.map(Into::into) })
}

pub(super) async fn describe(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("executionArn", &ARN);
    let with_data = fields.one_of("includedData", &["ALL_DATA", "METADATA_ONLY"]) != Some("METADATA_ONLY");
    fields.check()?;
    let execution = context.engine.describe_execution(arn)?;
    Ok(description(&execution, with_data))
}

fn description(execution: &ExecutionDescription, with_data: bool) -> Json {
    let mut answer = summary(execution);
    add_data(&mut answer, execution, with_data);
    if let Some(run) = &execution.map_run_arn {
        answer.insert("mapRunArn".to_owned(), (&**run).into());
    }
    if let Some(header) = &execution.trace_header {
        answer.insert("traceHeader".to_owned(), (&**header).into());
    }
    let obstacle = execution.redrive_obstacle.as_deref();
    let redrivable = match (obstacle, &execution.map_run_arn) {
        (Some(_), _) => "NOT_REDRIVABLE",
        (None, Some(_)) => "REDRIVABLE_BY_MAP_RUN",
        (None, None) => "REDRIVABLE",
    };
    answer.insert("redriveStatus".to_owned(), redrivable.into());
    if let Some(reason) = obstacle {
        answer.insert("redriveStatusReason".to_owned(), reason.into());
    }
    Json::Object(answer)
}

/// Input, output and failure.
fn add_data(answer: &mut Map<String, Json>, execution: &ExecutionDescription, with_data: bool) {
    for (key, text) in [("input", execution.written_input()), ("output", execution.written_output())] {
        if let Some(text) = text {
            if with_data {
                answer.insert(key.to_owned(), text.into());
            }
            answer.insert(format!("{key}Details"), json!({ "included": with_data }));
        }
    }
    if let Some(failure) = execution.failure.as_ref().filter(|_| with_data) {
        for (key, value) in [("error", &failure.error), ("cause", &failure.cause)] {
            if let Some(value) = value {
                answer.insert(key.to_owned(), (&**value).into());
            }
        }
    }
}

/// What description and listing share.
fn summary(execution: &ExecutionDescription) -> Map<String, Json> {
    let mut answer = Map::new();
    answer.insert("executionArn".to_owned(), (&*execution.arn).into());
    answer.insert("stateMachineArn".to_owned(), (&*execution.state_machine_arn).into());
    for (key, arn) in
        [("stateMachineVersionArn", &execution.version_arn), ("stateMachineAliasArn", &execution.alias_arn)]
    {
        if let Some(arn) = arn {
            answer.insert(key.to_owned(), (&**arn).into());
        }
    }
    answer.insert("name".to_owned(), (&*execution.name).into());
    answer.insert("status".to_owned(), status_name(execution.status).into());
    answer.insert("startDate".to_owned(), timestamp(execution.start_date));
    if let Some(stopped) = execution.stop_date {
        answer.insert("stopDate".to_owned(), timestamp(stopped));
    }
    answer.insert("redriveCount".to_owned(), execution.redrive_count.into());
    if let Some(redriven) = execution.redrive_date {
        answer.insert("redriveDate".to_owned(), timestamp(redriven));
    }
    answer
}

const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed => "FAILED",
        Status::TimedOut => "TIMED_OUT",
        Status::Aborted => "ABORTED",
    }
}

/// Which executions a listing wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    All,
    Of(Status),
    /// Of a status that no execution here can have.
    None,
}

impl Filter {
    fn read(name: Option<&str>) -> Self {
        match name {
            None => Self::All,
            Some("RUNNING") => Self::Of(Status::Running),
            Some("SUCCEEDED") => Self::Of(Status::Succeeded),
            Some("FAILED") => Self::Of(Status::Failed),
            Some("TIMED_OUT") => Self::Of(Status::TimedOut),
            Some("ABORTED") => Self::Of(Status::Aborted),
            Some(_) => Self::None,
        }
    }

    /// The one status that it takes, where it is one.
    const fn status(self) -> Option<Status> {
        match self {
            Self::Of(status) => Some(status),
            Self::All | Self::None => None,
        }
    }

    fn takes(self, status: Status) -> bool {
        match self {
            Self::All => true,
            Self::Of(wanted) => wanted == status,
            Self::None => false,
        }
    }
}

pub(super) async fn list(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let machine = fields.optional("stateMachineArn", &ARN);
    let map_run = fields.optional("mapRunArn", &LONG_ARN);
    let status = fields.one_of("statusFilter", &STATUSES);
    let redriven = fields.one_of("redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"]);
    let scope = format!("ListExecutions {machine:?} {map_run:?} {status:?} {redriven:?}");
    let page = Page::read(&mut fields, 3096, scope, context.engine.now())?;
    let redriven = redriven.map(|redriven| redriven == "REDRIVEN");
    let filter = Filter::read(status);
    let wanted = |execution: &ExecutionDescription| {
        filter.takes(execution.status) && redriven.is_none_or(|redriven| (execution.redrive_count > 0) == redriven)
    };
    let (of, show): (_, fn(&ExecutionDescription) -> Json) = match (machine, map_run) {
        (Some(machine), None) => (Listed::Machine(machine), |execution| Json::Object(summary(execution))),
        (None, Some(run)) => (Listed::MapRun(run), child),
        (Some(_), Some(_)) => {
            return Err(Fault::validation("Only one of stateMachineArn or mapRunArn must be specified"));
        }
        (None, None) => return Err(Fault::validation("Either stateMachineArn or mapRunArn must be specified")),
    };
    let found = context.engine.executions_page(of, filter.status(), page.position(), page.items(), &wanted)?;
    let executions = found.executions.iter().map(show).collect();
    Ok(super::listing("executions", executions, found.next.map(|next| page.after(next))))
}

/// A child in the listing of its Map Run: it tells the run, and how many items it has.
fn child(execution: &ExecutionDescription) -> Json {
    let mut item = summary(execution);
    if let Some(run) = &execution.map_run_arn {
        item.insert("mapRunArn".to_owned(), (&**run).into());
        item.insert("itemCount".to_owned(), execution.item_count.unwrap_or(1).into());
    }
    Json::Object(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(status: Status) -> ExecutionDescription {
        ExecutionDescription {
            arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".into(),
            name: "e".into(),
            state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
            version_arn: None,
            alias_arn: None,
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            status,
            start_date: 1_700_000_000_000,
            stop_date: (status != Status::Running).then_some(1_700_000_001_500),
            redrive_count: 0,
            redrive_date: None,
            map_run_arn: None,
            trace_header: None,
            item_count: None,
            redrive_obstacle: matches!(status, Status::Running | Status::Succeeded)
                .then(|| format!("Execution is {} and cannot be redriven", status_name(status))),
            input: Some(Value::object([("a", Value::Null)])),
            input_text: None,
            output: (status == Status::Succeeded).then(|| "done".into()),
            output_text: None,
            failure: (status == Status::Failed)
                .then(|| Failure { error: Some("Boom".into()), cause: Some("because".into()) }),
        }
    }

    #[test]
    fn descriptions_by_status() {
        insta::assert_json_snapshot!([
            description(&execution(Status::Running), true),
            description(&execution(Status::Succeeded), true),
            description(&execution(Status::Failed), true),
            description(&execution(Status::Succeeded), false),
        ]);
    }

    #[test]
    fn a_redriven_execution_shows_how_often_and_when() {
        let mut redriven = execution(Status::Failed);
        redriven.redrive_count = 2;
        redriven.redrive_date = Some(1_700_000_002_000);
        redriven.redrive_obstacle = Some("Execution redrivable period exceeded.".to_owned());
        let shown = description(&redriven, true);
        assert_eq!((&shown["redriveCount"], &shown["redriveDate"]), (&json!(2), &json!(1_700_000_002.0)));
        assert_eq!(shown["redriveStatus"], "NOT_REDRIVABLE");
        assert_eq!(shown["redriveStatusReason"], "Execution redrivable period exceeded.");
        assert!(summary(&redriven).get("redriveStatus").is_none());
    }

    #[test]
    fn an_input_that_is_no_json_is_refused_in_aws_words() {
        assert_eq!(
            read_input("").unwrap_err().message,
            "Invalid State Machine Execution Input: 'Invalid execution input.'"
        );
        assert!(read_input("nope").unwrap_err().message.contains("Unrecognized token 'nope'"));
        assert_eq!(read_input("2").unwrap().to_string(), "2");
    }

    #[test]
    fn every_status_of_the_api_has_a_filter() {
        let filters: Vec<Filter> = STATUSES.iter().map(|name| Filter::read(Some(name))).collect();
        for status in [Status::Running, Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted] {
            assert!(filters.contains(&Filter::Of(status)));
            assert_eq!(Filter::read(Some(status_name(status))), Filter::Of(status));
        }
        assert_eq!(Filter::read(Some("PENDING_REDRIVE")), Filter::None);
    }
}
