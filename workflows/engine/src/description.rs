//! What the engine's operations take and give.

use std::collections::{BTreeMap, BTreeSet};
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

/// A label of a state machine or an activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// What it is found by, once in a resource.
    pub key: String,
    /// What it says.
    pub value: String,
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
    /// Its tags, in the order they came.
    pub tags: Vec<Tag>,
    /// The number of the last version published, deleted or not.
    pub last_version: u64,
    /// The version that its creation asked for.
    pub created_with: Option<Publish>,
}

impl StateMachine {
    /// The variables that its states read.
    #[must_use]
    pub fn variable_references(&self) -> VariableReferences {
        evaluate::variable_references(&self.parsed)
    }
}

/// Asks for a version of what is created or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// The version's description.
    pub description: Option<String>,
}

/// A version of a state machine. It never changes.
#[derive(Clone, Debug)]
pub struct StateMachineVersion {
    /// Its ARN: the machine's, and the number.
    pub arn: Arc<str>,
    /// Its number, from 1.
    pub number: u64,
    /// Its description.
    pub description: Option<Arc<str>>,
    /// When it was published.
    pub creation_date: Millis,
    /// The machine as it was then.
    pub machine: Arc<StateMachine>,
}

/// A state machine that was created or changed.
#[derive(Clone, Debug)]
pub struct SavedStateMachine {
    /// The machine.
    pub machine: Arc<StateMachine>,
    /// The version that was asked for.
    pub version: Option<Arc<StateMachineVersion>>,
}

/// A version that an alias leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// ARN of the version.
    pub version_arn: Arc<str>,
    /// Of a hundred executions, those that it gets.
    pub weight: u8,
}

/// A name for one version of a state machine, or for two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateMachineAlias {
    /// Its ARN: the machine's, and the name.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// ARN of the machine.
    pub machine_arn: Arc<str>,
    /// Its description.
    pub description: Option<Arc<str>>,
    /// Where it leads.
    pub routes: Vec<Route>,
    /// When it was created.
    pub creation_date: Millis,
    /// When it was last updated; its creation where it never was.
    pub update_date: Millis,
}

/// What `CreateStateMachineAlias` takes.
#[derive(Clone, Debug, Default)]
pub struct NewStateMachineAlias {
    /// The name, 1 to 80 characters, not digits only.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// One version or two of one machine; their weights add up to a hundred.
    pub routes: Vec<Route>,
}

/// What `UpdateStateMachineAlias` changes; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct AliasChange {
    /// The description.
    pub description: Option<String>,
    /// Where it leads.
    pub routes: Option<Vec<Route>>,
}

/// The state machine of an execution, as it was when the execution was started.
#[derive(Clone, Debug)]
pub struct ExecutionStateMachine {
    /// ARN of the machine, whatever version was started.
    pub arn: Arc<str>,
    /// The Map Run that started the execution: then the definition is the item processor of its Map state.
    pub map_run_arn: Option<Arc<str>>,
    /// The label of that Map state.
    pub label: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
    /// The definition's text.
    pub definition: Arc<str>,
    /// The role that the execution runs as.
    pub role_arn: Arc<str>,
    /// What an update could have changed beside definition and role.
    pub revision: Revision,
    /// The variables that its states read.
    pub variable_references: VariableReferences,
}

/// The variables that states read, by the states' names.
pub type VariableReferences = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

/// Names the state of a machine between two updates, with its settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// When the machine was last updated; its creation where it never was.
    pub update_date: Millis,
    /// Absent until the first update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<Arc<str>>,
    /// `loggingConfiguration`, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Value>,
    /// `tracingConfiguration`, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Value>,
    /// `encryptionConfiguration`, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Value>,
}

impl From<&StateMachine> for Revision {
    fn from(machine: &StateMachine) -> Self {
        Self {
            update_date: machine.update_date,
            revision_id: machine.revision_id.clone(),
            logging: machine.logging.clone(),
            tracing: machine.tracing.clone(),
            encryption: machine.encryption.clone(),
        }
    }
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
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Whether its first version is published at once.
    pub publish: Option<Publish>,
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
    /// Whether the outcome is published as a version.
    pub publish: Option<Publish>,
}

/// What `StartExecution` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The execution's ARN.
    pub arn: Arc<str>,
    /// When it was started.
    pub start_date: Millis,
}

/// The input of an execution that is to be started: a value, and its text where it came as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    pub(crate) value: Value,
    pub(crate) text: Option<Arc<str>>,
    pub(crate) trace_header: Option<Arc<str>>,
}

impl Given {
    /// A value that was read from `text`.
    #[must_use]
    pub fn written(value: Value, text: &str) -> Self {
        Self { value, text: Some(text.into()), trace_header: None }
    }

    /// The same for an execution that is part of the trace of this X-Ray header.
    #[must_use]
    pub fn traced(self, header: Option<&str>) -> Self {
        Self { trace_header: header.map(Arc::from), ..self }
    }
}

impl From<Value> for Given {
    fn from(value: Value) -> Self {
        Self { value, text: None, trace_header: None }
    }
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
    /// ARN of the version that was started, by its own ARN or an alias's.
    pub version_arn: Option<Arc<str>>,
    /// ARN of the alias that was started.
    pub alias_arn: Option<Arc<str>>,
    /// The role that it runs as.
    pub role_arn: Arc<str>,
    /// Where it stands.
    pub status: Status,
    /// When it was started.
    pub start_date: Millis,
    /// When it ended; absent while it runs.
    pub stop_date: Option<Millis>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was last redriven.
    pub redrive_date: Option<Millis>,
    /// Why it cannot be redriven; absent where it can, and in listings.
    pub redrive_obstacle: Option<String>,
    /// The Map Run that started it.
    pub map_run_arn: Option<Arc<str>>,
    /// The X-Ray header that it was started with.
    pub trace_header: Option<Arc<str>>,
    /// Items that it has of the Map Run.
    pub item_count: Option<u64>,
    /// Its input; absent in listings.
    pub input: Option<Value>,
    /// The input's text, where it is not compact.
    pub input_text: Option<Arc<str>>,
    /// Its output, where it has succeeded; absent in listings.
    pub output: Option<Value>,
    /// The output's text, where it is not compact.
    pub output_text: Option<Arc<str>>,
    /// Error and cause, where it ended otherwise and has any; absent in listings. A time-out of the execution has none.
    pub failure: Option<Failure>,
}

impl ExecutionDescription {
    /// The input as text.
    #[must_use]
    pub fn written_input(&self) -> Option<String> {
        written(self.input.as_ref(), self.input_text.as_deref())
    }

    /// The output as text.
    #[must_use]
    pub fn written_output(&self) -> Option<String> {
        written(self.output.as_ref(), self.output_text.as_deref())
    }
}

/// Whose executions are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed<'a> {
    /// Those of the state machine, the version or the alias of this ARN.
    Machine(&'a str),
    /// The children of the Map Run of this ARN.
    MapRun(&'a str),
}

/// A page of executions, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionsPage {
    /// The executions, without their inputs and outputs. It may be fewer than were asked for, even none, where few of
    /// many are wanted.
    pub executions: Vec<ExecutionDescription>,
    /// Where the next page goes on; `None` where this is the last.
    pub next: Option<u64>,
}

fn written(value: Option<&Value>, text: Option<&str>) -> Option<String> {
    value.map(|value| text.map_or_else(|| value.to_string(), str::to_owned))
}

/// An activity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// When it was created.
    pub creation_date: Millis,
    /// Its tags, in the order they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// How its tasks' data is encrypted, where somebody has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Value>,
}

/// What `GetActivityTask` hands to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityTask {
    /// What the worker presents with its answer.
    pub token: Arc<str>,
    /// The task's input.
    pub input: Value,
}

/// Where a Map Run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the API's")]
pub enum MapRunStatus {
    Running,
    Succeeded,
    Failed,
    Aborted,
}

/// What `DescribeMapRun` answers.
#[derive(Clone, Debug, PartialEq)]
pub struct MapRunDescription {
    /// The run's ARN.
    pub arn: Arc<str>,
    /// ARN of the execution of its Map state.
    pub execution_arn: Arc<str>,
    /// ARN of what its children are executions of: the state machine's with the Map state's label.
    pub state_machine_arn: Arc<str>,
    /// Where it stands.
    pub status: MapRunStatus,
    /// When it was started.
    pub start_date: Millis,
    /// When it ended; absent while it runs.
    pub stop_date: Option<Millis>,
    /// Children at once; 0 where the definition says nothing.
    pub max_concurrency: u64,
    /// Failed items that are tolerated, in percent.
    pub tolerated_failure_percentage: f64,
    /// Failed items that are tolerated.
    pub tolerated_failure_count: u64,
    /// Its items.
    pub items: MapRunCounts,
    /// Its children.
    pub executions: MapRunCounts,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was last redriven.
    pub redrive_date: Option<Millis>,
}

/// Items or children of a Map Run by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapRunCounts {
    /// Not started.
    pub pending: u64,
    /// Started and not ended.
    pub running: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Timed out.
    pub timed_out: u64,
    /// Aborted.
    pub aborted: u64,
    /// All that are known.
    pub total: u64,
    /// Those whose results were written by a `ResultWriter`.
    pub results_written: u64,
    /// Those that failed and cannot be redriven.
    pub failures_not_redrivable: u64,
    /// Those that failed before the last redrive and are still to go on.
    pub pending_redrive: u64,
}

/// What `UpdateMapRun` changes; what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MapRunChange {
    /// Children at once; 0 means no limit but the engine's.
    pub max_concurrency: Option<u64>,
    /// Failed items that are tolerated, in percent.
    pub tolerated_failure_percentage: Option<f64>,
    /// Failed items that are tolerated.
    pub tolerated_failure_count: Option<u64>,
}
