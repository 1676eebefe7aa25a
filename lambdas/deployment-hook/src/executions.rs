//! Executions of the gate.

use aws_sdk_sfn::error::ProvideErrorMetadata;
use clients::{Environment, failure};
use lambda_kit::Services;
use operations::Error;
use operations::error::Kind;
use serde_json::Value;
use std::future::Future;

/// The variable that names the gate's state machine.
const MACHINE: &str = "DEPLOYMENT_VALIDATION_STATE_MACHINE_ARN";
/// The most characters of an execution's name.
const NAME_LENGTH: usize = 80;

/// What starting came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The execution runs now.
    Now,
    /// There was one of that name: the event was delivered before.
    Before,
}

/// An execution as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// `RUNNING`, `PENDING_REDRIVE`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// Its output; null until it succeeded.
    pub output: Value,
    /// Why it failed: the error's name.
    pub error: Option<String>,
}

/// Where executions are started.
pub trait Executions: Send + Sync + 'static {
    /// Starts one under a name; the same name means the same execution.
    fn start(&self, name: &str, input: &Value) -> impl Future<Output = Result<Started, Error>> + Send;

    /// How it is.
    fn state(&self, name: &str) -> impl Future<Output = Result<State, Error>> + Send;
}

/// Executions of Step Functions.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: aws_sdk_sfn::Client,
    environment: Environment,
}

impl StepFunctions {
    /// Those of the state machine that the environment names; it is read when an event comes, so that whoever sent the
    /// event is told when it is wrong.
    pub fn new(services: &Services) -> Self {
        Self { client: aws_sdk_sfn::Client::new(&services.aws), environment: services.environment.clone() }
    }

    fn machine(&self) -> Result<&str, Error> {
        let arn = self.environment.required(MACHINE)?;
        if arn.contains(":stateMachine:") {
            return Ok(arn);
        }
        Err(Error::new(Kind::ConfigInvalid, format!("{MACHINE} must be the ARN of a state machine, not {arn:?}")))
    }
}

impl Executions for StepFunctions {
    async fn start(&self, name: &str, input: &Value) -> Result<Started, Error> {
        let machine = self.machine()?;
        let request = self.client.start_execution().state_machine_arn(machine).name(name).input(input.to_string());
        match request.send().await {
            Ok(_) => Ok(Started::Now),
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => Ok(Started::Before),
            Err(error) if error.code() == Some("StateMachineDoesNotExist") => {
                Err(Error::new(Kind::ConfigInvalid, format!("{MACHINE} names {machine}, which does not exist")))
            }
            Err(error) => Err(failure::of_sdk(&format!("states:StartExecution of {name}"), &error)),
        }
    }

    async fn state(&self, name: &str) -> Result<State, Error> {
        let arn = format!("{}:{name}", self.machine()?.replacen(":stateMachine:", ":execution:", 1));
        let answer = self.client.describe_execution().execution_arn(arn).send().await;
        let answer = answer.map_err(|error| failure::of_sdk(&format!("states:DescribeExecution of {name}"), &error))?;
        Ok(State {
            status: answer.status().as_str().to_owned(),
            output: answer.output().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
            error: answer.error().map(str::to_owned),
        })
    }
}

/// A name of an execution: what it may not contain is replaced, and what is too long loses its beginning, because the
/// end tells the stages apart.
pub(crate) fn name(text: &str) -> String {
    let permitted = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    let clean: String = text.chars().map(|character| if permitted(character) { character } else { '-' }).collect();
    clean[clean.len().saturating_sub(NAME_LENGTH)..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_step_functions_takes() {
        assert_eq!(name("d-ABC123-validate-before-install"), "d-ABC123-validate-before-install");
        assert_eq!(name("a b/ü:2.5"), "a-b---2-5");
        let long = name(&format!("{}-shift-25", "x".repeat(100)));
        assert_eq!(long.len(), 80);
        assert!(long.ends_with("-shift-25"));
    }
}
