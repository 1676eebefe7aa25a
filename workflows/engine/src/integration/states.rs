//! `states:startExecution`: a child in the same engine.

use std::sync::{Arc, Weak};

use asl::Value;
use execution::{Failure, Millis, TaskId, TaskOrder};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::failure::{Naming, named};
use super::{SMALL_CONNECTION, http_metadata, response_metadata};
use crate::aws::CallError;
use crate::core::Core;
use crate::description::{Given, Started};
use crate::entropy;
use crate::exception::Error;
use crate::store::{Origin, digest};

const NAMING: Naming =
    Naming { prefix: "StepFunctions", service: "AWSStepFunctions", generic: "AWSStepFunctionsException" };

/// Starts the child. The same attempt of the same task finds the child that it started before: a task may be
/// performed twice, its child is started once.
pub(crate) async fn start(
    core: &Weak<Core>,
    arn: &Arc<str>,
    order: &TaskOrder,
    trace: Option<String>,
) -> Result<Value, Failure> {
    let text = |name: &str| order.parameters.get(name).and_then(Value::as_str);
    let Some(machine) = text("StateMachineArn") else {
        return Err(named("States", "Runtime", "The field 'StateMachineArn' is required but was missing"));
    };
    let name = text("Name").map_or_else(|| child_name(arn, order.task), ToOwned::to_owned);
    let input = child_input(order.parameters.get("Input")).map_err(|error| refused(&error))?;
    let input = input.traced(trace.as_deref());
    let origin = Origin { arn: Arc::clone(arn), frame: order.task.frame.0, attempt: order.task.attempt };
    // The engine is not kept while the disk is waited for.
    let begun = core.upgrade().ok_or_else(shutting_down)?.begin_or_find(machine, Some(name), input, Some(origin));
    let (started, ticket) = begun.map_err(|error| refused(&error))?;
    ticket.durable().await.map_err(|error| refused(&error.into()))?;
    let request_id = entropy::uuid();
    let headers = headers(&request_id, &started);
    Ok(Value::object([
        ("ExecutionArn", Value::from(started.arn)),
        ("SdkHttpMetadata", http_metadata(200, &headers, SMALL_CONNECTION)),
        ("SdkResponseMetadata", response_metadata(&request_id)),
        ("StartDate", Value::from(started.start_date)),
    ]))
}

/// The headers of StartExecution's answer, as if it had come over the network.
fn headers(request_id: &str, started: &Started) -> [(String, String); 5] {
    // AWS writes the date as Java writes doubles: 1.700000000123E9, two characters longer than seconds.millis.
    let body = format!(r#"{{"executionArn":"{}","startDate":{}.000}}"#, started.arn, started.start_date / 1000);
    [
        ("x-amzn-requestid", request_id.to_owned()),
        ("connection", "keep-alive".to_owned()),
        ("content-length", (body.len() + 2).to_string()),
        ("date", http_date(started.start_date)),
        ("content-type", "application/x-amz-json-1.0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// An instant as HTTP writes it (RFC 9110, 5.6.7).
fn http_date(at: Millis) -> String {
    let instant = OffsetDateTime::from_unix_timestamp(at.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    instant.format(&Rfc2822).unwrap_or_default().replace("+0000", "GMT")
}

/// A text is the input's JSON, as in the API; anything else is the input itself.
fn child_input(given: Option<&Value>) -> Result<Given, Error> {
    match given {
        None => Ok(Value::Object(Arc::default()).into()),
        Some(Value::String(text)) => {
            let value = Value::parse(text).map_err(|error| Error::InvalidExecutionInput(error.to_string()))?;
            Ok(Given::written(value, text))
        }
        Some(value) => Ok(value.clone().into()),
    }
}

/// The name of a child that was given none: the same for the same attempt of the same task.
fn child_name(arn: &str, task: TaskId) -> String {
    let digest = digest(&format!("{arn}|{}|{}", task.frame.0, task.attempt));
    let mut bits = [0_u8; 16];
    bits.copy_from_slice(&digest[..16]);
    entropy::uuid_of(u128::from_be_bytes(bits))
}

/// The failure of a task that this engine itself refused.
pub(crate) fn refused(error: &Error) -> Failure {
    NAMING.failure(&as_call_error(error))
}

/// An exception of this engine as its API would answer it.
pub(crate) fn as_call_error(error: &Error) -> CallError {
    let (code, message) = (error.code().to_owned(), error.to_string());
    CallError::Service { status: 400, code, message, request_id: entropy::uuid() }
}

pub(crate) fn shutting_down() -> Failure {
    named("StepFunctions", "SdkClientException", "the server is shutting down")
}

#[cfg(test)]
mod tests {
    use execution::FrameId;

    use super::*;

    #[test]
    fn an_input_that_is_a_text_is_read_as_json() {
        let input = |text: &str| child_input(Some(&Value::from(text)));
        assert_eq!(input("\"a\"").unwrap().value, Value::from("a"));
        assert_eq!(input(r#"{"b":1}"#).unwrap().value.to_string(), r#"{"b":1}"#);
        assert_eq!(input("a").unwrap_err().code(), "InvalidExecutionInput");
        assert_eq!(child_input(Some(&Value::from(1_i64))).unwrap().value, Value::from(1_i64));
        assert_eq!(child_input(None).unwrap().value.to_string(), "{}");
    }

    #[test]
    fn the_headers_of_a_start_are_those_of_the_network() {
        let arn = "arn:aws:states:us-east-1:123456789012:execution:m:e";
        let started = Started { arn: arn.into(), start_date: 1_691_420_514_623 };
        let headers = headers("r", &started);
        let length = format!(r#"{{"executionArn":"{arn}","startDate":1.691420514623E9}}"#).len();
        assert_eq!(headers[2].1, length.to_string());
        assert_eq!(headers[3].1, "Mon, 07 Aug 2023 15:01:54 GMT");
    }

    #[test]
    fn a_child_without_a_name_always_gets_the_same_one() {
        let name = |frame, attempt| child_name("arn:x", TaskId { frame: FrameId(frame), attempt });
        assert_eq!(name(0, 1), name(0, 1));
        assert_ne!(name(0, 1), name(0, 2));
        assert_ne!(name(0, 1), name(1, 1));
        assert_eq!(name(0, 1).len(), 36);
    }

    #[test]
    fn refusals_have_the_integrations_name() {
        let failure = refused(&Error::StateMachineDoesNotExist("arn:m".to_owned()));
        assert_eq!(failure.error.as_deref(), Some("StepFunctions.StateMachineDoesNotExistException"));
        assert!(
            failure.cause.unwrap().starts_with("State Machine Does Not Exist: 'arn:m' (Service: AWSStepFunctions; ")
        );
    }
}
