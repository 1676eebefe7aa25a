//! `states:startExecution`: a child in the same engine.

use std::sync::{Arc, Weak};

use asl::Value;
use execution::{Failure, TaskId, TaskOrder};

use super::failure::{Naming, named};
use super::{http_metadata, response_metadata};
use crate::aws::CallError;
use crate::core::Core;
use crate::entropy;
use crate::exception::Error;
use crate::store::{Origin, digest};

const NAMING: Naming =
    Naming { prefix: "StepFunctions", service: "AWSStepFunctions", generic: "AWSStepFunctionsException" };

/// Starts the child. The same attempt of the same task finds the child that it started before: a task may be
/// performed twice, its child is started once.
pub(crate) async fn start(core: &Weak<Core>, arn: &Arc<str>, order: &TaskOrder) -> Result<Value, Failure> {
    let text = |name: &str| order.parameters.get(name).and_then(Value::as_str);
    let Some(machine) = text("StateMachineArn") else {
        return Err(named("States", "Runtime", "The field 'StateMachineArn' is required but was missing"));
    };
    let name = text("Name").map_or_else(|| child_name(arn, order.task), ToOwned::to_owned);
    let input = order.parameters.get("Input").cloned().unwrap_or_else(|| Value::Object(Arc::default()));
    let origin = Origin { arn: Arc::clone(arn), frame: order.task.frame.0, attempt: order.task.attempt };
    // The engine is not kept while the disk is waited for.
    let begun = core.upgrade().ok_or_else(shutting_down)?.begin_or_find(machine, Some(name), input, Some(origin));
    let (started, ticket) = begun.map_err(|error| refused(&error))?;
    ticket.durable().await.map_err(|error| refused(&error.into()))?;
    let request_id = entropy::uuid();
    let headers = [
        ("x-amzn-requestid".to_owned(), request_id.clone()),
        ("content-type".to_owned(), "application/x-amz-json-1.0".to_owned()),
    ];
    Ok(Value::object([
        ("ExecutionArn", Value::from(started.arn)),
        ("SdkHttpMetadata", http_metadata(200, &headers)),
        ("SdkResponseMetadata", response_metadata(&request_id)),
        ("StartDate", Value::from(started.start_date)),
    ]))
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
