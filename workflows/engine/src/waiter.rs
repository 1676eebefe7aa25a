//! Who waits for the end of an execution: parents with a `.sync` task, and callers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use asl::Value;
use execution::{Failure, Input, Status, TaskId, TaskOrder};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::call::Work;
use crate::core::Core;
use crate::description::ExecutionDescription;
use crate::integration;
use crate::map_run::ChildEnd;
use crate::store::status_name;

/// Somebody who waits for an execution's end.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// A task of another execution.
    Parent {
        arn: Arc<str>,
        task: TaskId,
        /// `.sync:2`: input and output as JSON instead of text.
        parsed: bool,
    },
    /// The Map Run whose child it is.
    Run(UnboundedSender<ChildEnd>),
    /// A caller.
    Caller(oneshot::Sender<()>),
}

/// Who waits for which execution.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<Arc<str>, Vec<Waiter>>>);

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<Waiter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, arn: &Arc<str>, waiter: Waiter) {
        self.lock().entry(Arc::clone(arn)).or_default().push(waiter);
    }

    /// Sends everybody away.
    pub(crate) fn dismiss(&self) {
        self.lock().clear();
    }

    fn take(&self, arn: &str) -> Vec<Waiter> {
        self.lock().remove(arn).unwrap_or_default()
    }
}

impl Core {
    /// Lets a task wait for a child's end.
    pub(crate) fn watch_child(&self, arn: &Arc<str>, order: &TaskOrder, child: Arc<str>) {
        let parsed = order.resource.ends_with(".sync:2");
        self.calls.add(arn, order.task, Work::Child(Arc::clone(&child)));
        self.watch(&child, Waiter::Parent { arn: Arc::clone(arn), task: order.task, parsed });
    }

    /// Resolves when the execution has ended, durably; at once where it is not open.
    pub(crate) async fn ended(&self, arn: &Arc<str>) {
        let (caller, ended) = oneshot::channel();
        self.watch(arn, Waiter::Caller(caller));
        // A dropped sender is an engine that shuts down.
        let _ = ended.await;
    }

    /// Adds a waiter; one that comes after the end is told at once.
    pub(crate) fn watch(&self, arn: &Arc<str>, waiter: Waiter) {
        self.waiters.add(arn, waiter);
        if self.slot(arn).is_none() {
            self.announce(arn);
        }
    }

    /// Tells those who wait that an execution has ended.
    pub(crate) fn announce(&self, child: &Arc<str>) {
        for waiter in self.waiters.take(child) {
            match waiter {
                // A run that does not take it any more has ended.
                Waiter::Run(run) => drop(run.send(ChildEnd { arn: Arc::clone(child), errand: self.errand() })),
                Waiter::Caller(caller) => drop(caller.send(())),
                Waiter::Parent { arn, task, parsed } => self.tell_parent(child, arn, task, parsed),
            }
        }
    }

    fn tell_parent(&self, child: &Arc<str>, arn: Arc<str>, task: TaskId, parsed: bool) {
        let child = Arc::clone(child);
        self.soon(move |core| {
            let input = match core.describe(&child) {
                // It was redriven in this moment: its end is still to come.
                Ok(ended) if ended.status == Status::Running => {
                    return core.watch(&child, Waiter::Parent { arn, task, parsed });
                }
                Ok(ended) => outcome(task, &ended, parsed),
                Err(error) => Input::TaskFailed { task, failure: integration::refused(&error) },
            };
            core.calls.forget_child(&arn, task);
            core.deliver(&arn, input);
        });
    }
}

/// What a child's end is to the task that waited for it.
fn outcome(task: TaskId, ended: &ExecutionDescription, parsed: bool) -> Input {
    let described = describe_in_pascal_case(ended, parsed);
    if ended.status == Status::Succeeded {
        return Input::TaskSucceeded { task, output: described };
    }
    let failure = Failure { error: Some("States.TaskFailed".into()), cause: Some(described.to_string().into()) };
    Input::TaskFailed { task, failure }
}

/// DescribeExecution as the service integration shows it: PascalCase, sorted, instants in milliseconds.
fn describe_in_pascal_case(execution: &ExecutionDescription, parsed: bool) -> Value {
    let document = |value: &Value, text: Option<String>| match text {
        Some(text) if !parsed => Value::from(text),
        _ => value.clone(),
    };
    let included = || Value::object([("Included", Value::from(true))]);
    let mut members: Vec<(&str, Value)> = Vec::new();
    let failure = execution.failure.clone().unwrap_or_default();
    members.extend(failure.cause.map(|cause| ("Cause", Value::from(cause))));
    members.extend(failure.error.map(|error| ("Error", Value::from(error))));
    members.push(("ExecutionArn", Value::from(Arc::clone(&execution.arn))));
    if let Some(input) = &execution.input {
        members.extend([("Input", document(input, execution.written_input())), ("InputDetails", included())]);
    }
    members.push(("Name", Value::from(Arc::clone(&execution.name))));
    if let Some(output) = &execution.output {
        members.extend([("Output", document(output, execution.written_output())), ("OutputDetails", included())]);
    }
    if execution.status == Status::Succeeded {
        let reason = "Execution is SUCCEEDED and cannot be redriven";
        members.push(("RedriveCount", Value::from(execution.redrive_count)));
        members.extend(execution.redrive_date.map(|at| ("RedriveDate", Value::from(at))));
        members
            .extend([("RedriveStatus", Value::from("NOT_REDRIVABLE")), ("RedriveStatusReason", Value::from(reason))]);
    }
    members.push(("StartDate", Value::from(execution.start_date)));
    members.extend(execution.alias_arn.clone().map(|arn| ("StateMachineAliasArn", Value::from(arn))));
    members.push(("StateMachineArn", Value::from(Arc::clone(&execution.state_machine_arn))));
    members.extend(execution.version_arn.clone().map(|arn| ("StateMachineVersionArn", Value::from(arn))));
    members.push(("Status", Value::from(status_name(execution.status))));
    members.extend(execution.stop_date.map(|at| ("StopDate", Value::from(at))));
    Value::object(members)
}

#[cfg(test)]
mod tests {
    use execution::FrameId;

    use super::*;

    fn ended(status: Status) -> ExecutionDescription {
        ExecutionDescription {
            arn: "arn:e".into(),
            name: "e".into(),
            state_machine_arn: "arn:m".into(),
            version_arn: None,
            alias_arn: None,
            role_arn: "arn:r".into(),
            status,
            start_date: 1000,
            stop_date: Some(2000),
            redrive_count: 0,
            redrive_date: None,
            redrive_obstacle: None,
            map_run_arn: None,
            trace_header: None,
            item_count: None,
            input: Some(Value::parse(r#"{"a":1}"#).unwrap()),
            input_text: None,
            output: (status == Status::Succeeded).then(|| Value::parse(r#"{"b":2}"#).unwrap()),
            output_text: None,
            failure: None,
        }
    }

    const TASK: TaskId = TaskId { frame: FrameId(0), attempt: 1 };

    #[test]
    fn a_good_end_gives_text_or_json() {
        let Input::TaskSucceeded { output, .. } = outcome(TASK, &ended(Status::Succeeded), false) else { panic!() };
        assert_eq!(output.get("Output").unwrap().as_str(), Some(r#"{"b":2}"#));
        assert_eq!(output.get("StartDate").unwrap().as_i64(), Some(1000));
        let Input::TaskSucceeded { output, .. } = outcome(TASK, &ended(Status::Succeeded), true) else { panic!() };
        assert_eq!(output.get("Output").unwrap().to_string(), r#"{"b":2}"#);
        assert_eq!(output.get("Input").unwrap().to_string(), r#"{"a":1}"#);
    }

    #[test]
    fn a_bad_end_is_a_failure_with_the_description_as_cause() {
        let mut bad = ended(Status::Failed);
        bad.failure = Some(Failure { error: Some("E".into()), cause: None });
        let Input::TaskFailed { failure, .. } = outcome(TASK, &bad, false) else { panic!() };
        assert_eq!(failure.error.as_deref(), Some("States.TaskFailed"));
        let expected = concat!(
            r#"{"Error":"E","ExecutionArn":"arn:e","Input":"{\"a\":1}","InputDetails":{"Included":true},"Name":"e","#,
            r#""StartDate":1000,"StateMachineArn":"arn:m","Status":"FAILED","StopDate":2000}"#
        );
        assert_eq!(failure.cause.as_deref(), Some(expected));
    }
}
