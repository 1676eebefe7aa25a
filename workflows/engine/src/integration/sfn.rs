//! `aws-sdk:sfn:…`: this engine's own API, without the way over the network.

use std::sync::{Arc, Weak};

use asl::Value;
use execution::{Failure, Input};

use super::failure::{named, of_sdk};
use super::states::{as_call_error, shutting_down};
use crate::aws::instant;
use crate::core::Core;
use crate::description::{ExecutionDescription, Given};
use crate::exception::Error;
use crate::express::billed;
use crate::store::status_name;
use crate::token;

/// Calls the action.
pub(crate) async fn perform(
    core: &Weak<Core>,
    action: &str,
    parameters: &Value,
    trace: Option<String>,
) -> Result<Value, Failure> {
    let Some(core) = core.upgrade() else { return Err(shutting_down()) };
    let request = Request { core: &core, parameters, trace };
    let answered = match action {
        "startExecution" => request.start().await,
        "startSyncExecution" => request.start_sync().await,
        "stopExecution" => request.stop().await,
        "redriveExecution" => request.redrive().await,
        "describeExecution" => request.describe(),
        "sendTaskSuccess" => request.succeed().await,
        "sendTaskFailure" => request.fail().await,
        "sendTaskHeartbeat" => request.heartbeat().await,
        other => {
            let cause = format!("The SDK integration sfn:{other} is not supported by this engine.");
            return Err(named("States", "TaskFailed", &cause));
        }
    };
    answered.map_err(|error| of_sdk("Sfn", &as_call_error(&error)))
}

/// An execution as the SDK shows it.
fn described(found: ExecutionDescription) -> Vec<(&'static str, Value)> {
    let (input, output) = (found.written_input(), found.written_output());
    let failure = found.failure.unwrap_or_default();
    let mut members = vec![
        ("ExecutionArn", Value::from(found.arn)),
        ("Name", Value::from(found.name)),
        ("StartDate", Value::from(instant(found.start_date))),
        ("StateMachineArn", Value::from(found.state_machine_arn)),
        ("Status", Value::from(status_name(found.status))),
    ];
    members.extend(found.alias_arn.map(|arn| ("StateMachineAliasArn", Value::from(arn))));
    members.extend(found.version_arn.map(|arn| ("StateMachineVersionArn", Value::from(arn))));
    members.extend(found.stop_date.map(|at| ("StopDate", Value::from(instant(at)))));
    members.extend(input.map(|input| ("Input", Value::from(input))));
    members.extend(output.map(|output| ("Output", Value::from(output))));
    members.extend(failure.error.map(|error| ("Error", Value::from(error))));
    members.extend(failure.cause.map(|cause| ("Cause", Value::from(cause))));
    members
}

struct Request<'a> {
    core: &'a Core,
    parameters: &'a Value,
    /// The X-Ray header of the task.
    trace: Option<String>,
}

impl Request<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    fn required(&self, name: &str) -> Result<&str, Error> {
        self.text(name).ok_or_else(|| {
            let field = crate::aws::uncapitalise(name);
            let message = format!(
                "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must not be null"
            );
            Error::Validation(message)
        })
    }

    fn failure(&self) -> Failure {
        Failure { error: self.text("Error").map(Arc::from), cause: self.text("Cause").map(Arc::from) }
    }

    fn input(&self) -> Result<Given, Error> {
        let text = self.text("Input").unwrap_or("{}");
        let value = Value::parse(text).map_err(|error| Error::InvalidExecutionInput(error.to_string()))?;
        Ok(Given::written(value, text).traced(self.text("TraceHeader").or(self.trace.as_deref())))
    }

    async fn start_sync(&self) -> Result<Value, Error> {
        let name = self.text("Name").map(ToOwned::to_owned);
        let started = self.core.start_sync(self.required("StateMachineArn")?, name, self.input()?).await?;
        let ended = started.ended().await?;
        let (megabytes, milliseconds) = billed(&ended);
        let billing = Value::object([
            ("BilledDurationInMilliseconds", Value::from(milliseconds)),
            ("BilledMemoryUsedInMB", Value::from(megabytes)),
        ]);
        let included = || Value::object([("Included", Value::from(true))]);
        let mut members = described(ended);
        let details = members.iter().filter_map(|(name, _)| match *name {
            "Input" => Some(("InputDetails", included())),
            "Output" => Some(("OutputDetails", included())),
            _ => None,
        });
        let details: Vec<_> = details.collect();
        members.extend(details);
        members.push(("BillingDetails", billing));
        Ok(Value::object(members))
    }

    async fn start(&self) -> Result<Value, Error> {
        let input = self.input()?;
        let name = self.text("Name").map(ToOwned::to_owned);
        let started = self.core.start(self.required("StateMachineArn")?, name, input, None).await?;
        let date = Value::from(instant(started.start_date));
        Ok(Value::object([("ExecutionArn", Value::from(started.arn)), ("StartDate", date)]))
    }

    async fn stop(&self) -> Result<Value, Error> {
        let stopped = self.core.stop(self.required("ExecutionArn")?, self.failure()).await?;
        Ok(Value::object([("StopDate", Value::from(instant(stopped)))]))
    }

    async fn redrive(&self) -> Result<Value, Error> {
        let token = self.text("ClientToken").map(Arc::from);
        let redriven = self.core.redrive(self.required("ExecutionArn")?, token).await?;
        Ok(Value::object([("RedriveDate", Value::from(instant(redriven)))]))
    }

    fn describe(&self) -> Result<Value, Error> {
        let found = self.core.describe(self.required("ExecutionArn")?)?;
        Ok(Value::object(described(found)))
    }

    async fn succeed(&self) -> Result<Value, Error> {
        let token = self.required("TaskToken")?;
        // As on AWS, what is no token is told before what is no output.
        token::parse(token)?;
        let output = Value::parse(self.required("Output")?).map_err(|error| Error::InvalidOutput(error.to_string()))?;
        self.core.answer(token, |task| Input::TaskSucceeded { task, output }).await?;
        Ok(Value::Object(Arc::default()))
    }

    async fn fail(&self) -> Result<Value, Error> {
        let failure = self.failure();
        self.core.answer(self.required("TaskToken")?, |task| Input::TaskFailed { task, failure }).await?;
        Ok(Value::Object(Arc::default()))
    }

    async fn heartbeat(&self) -> Result<Value, Error> {
        self.core.answer(self.required("TaskToken")?, |task| Input::TaskHeartbeat { task }).await?;
        Ok(Value::Object(Arc::default()))
    }
}
