//! What the engine's operations take and give.

use std::sync::Arc;

use asl::{Definition, ExecutionType, Value};
use execution::{Failure, Millis, Status};
use serde::{Deserialize, Serialize};

/// Whether a state machine takes new executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineStatus {
    /// It does.
    #[default]
    Active,
    /// It does not, and goes when its executions have ended.
    Deleting,
}

/// A state machine as it stands.
#[derive(Clone, Debug)]
pub struct StateMachine {
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The definition's text, as given.
    pub definition: Arc<str>,
    /// The definition, parsed.
    pub parsed: Arc<Definition>,
    /// The role its executions run as.
    pub role_arn: Arc<str>,
    /// Standard or Express.
    pub kind: ExecutionType,
    /// Whether it takes new executions.
    pub status: MachineStatus,
    /// When it was created.
    pub creation_date: Millis,
    /// When it was last updated; its creation where it never was.
    pub update_date: Millis,
    /// Names the present definition and role; absent until the first update, as on AWS.
    pub revision_id: Option<Arc<str>>,
    /// `loggingConfiguration`, as given.
    pub logging: Option<Value>,
    /// `tracingConfiguration`, as given.
    pub tracing: Option<Value>,
    /// `encryptionConfiguration`, as given.
    pub encryption: Option<Value>,
}

/// What `CreateStateMachine` takes.
#[derive(Clone, Debug, Default)]
pub struct NewStateMachine {
    /// The name, 1 to 80 characters.
    pub name: String,
    /// The definition's text.
    pub definition: String,
    /// The role its executions run as.
    pub role_arn: String,
    /// Standard or Express.
    pub kind: ExecutionType,
    /// `loggingConfiguration`, as given.
    pub logging: Option<Value>,
    /// `tracingConfiguration`, as given.
    pub tracing: Option<Value>,
    /// `encryptionConfiguration`, as given.
    pub encryption: Option<Value>,
}

/// What `UpdateStateMachine` changes; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct StateMachineChange {
    /// The definition's text.
    pub definition: Option<String>,
    /// The role its executions run as.
    pub role_arn: Option<String>,
    /// `loggingConfiguration`, as given.
    pub logging: Option<Value>,
    /// `tracingConfiguration`, as given.
    pub tracing: Option<Value>,
    /// `encryptionConfiguration`, as given.
    pub encryption: Option<Value>,
}

/// What `StartExecution` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The execution's ARN.
    pub arn: Arc<str>,
    /// When it was started.
    pub start_date: Millis,
}

/// What `DescribeExecution` answers.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionDescription {
    /// The execution's ARN.
    pub arn: Arc<str>,
    /// The execution's name.
    pub name: Arc<str>,
    /// The state machine's ARN.
    pub state_machine_arn: Arc<str>,
    /// Where it stands.
    pub status: Status,
    /// When it was started.
    pub start_date: Millis,
    /// When it ended; absent while it runs.
    pub stop_date: Option<Millis>,
    /// Its input; absent in listings.
    pub input: Option<Value>,
    /// Its output, where it has succeeded; absent in listings.
    pub output: Option<Value>,
    /// Error and cause, where it ended otherwise and has any; absent in listings. A time-out of the execution has none.
    pub failure: Option<Failure>,
}

/// An activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// When it was created.
    pub creation_date: Millis,
}

/// What `GetActivityTask` hands to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityTask {
    /// What the worker presents with its answer.
    pub token: Arc<str>,
    /// The task's input.
    pub input: Value,
}
