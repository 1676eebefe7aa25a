//! What happened to an execution: the history events of the Step Functions API, one to one, plus the decisions that
//! replay must not take again. The sequence of events is the journal.

use std::sync::Arc;

use asl::{StateType, Value};
use serde::{Deserialize, Serialize};

use crate::map_run::MapRun;

/// Milliseconds since 1970-01-01T00:00:00Z on the engine's clock.
pub type Millis = i64;

/// Names a frame: one line of control, the top level (0), a branch of a Parallel or an iteration of a Map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameId(pub u32);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Number in the history, from 1; 0 for a decision, which the history does not show.
    pub id: u64,
    /// The event that caused this one; 0 for none.
    pub previous: u64,
    /// When.
    pub at: Millis,
    /// Whose line of control it belongs to.
    pub frame: FrameId,
    /// What.
    pub kind: EventKind,
    /// The text of the event's data, where it is written otherwise than compactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Arc<str>>,
}

/// Which family of history events a task writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flavor {
    /// `Task...`: a service integration, `arn:aws:states:::service:action[.pattern]`.
    Service,
    /// `LambdaFunction...`: a Lambda function's ARN as resource.
    Lambda,
    /// `Activity...`: an activity's ARN as resource.
    Activity,
}

/// Error name and cause, each optional as in a Fail state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error name, such as `States.TaskFailed`.
    pub error: Option<Arc<str>>,
    /// What a person reads.
    pub cause: Option<Arc<str>>,
}

/// The kinds of events. Fields marked *journal* are ours and never leave through the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// `ExecutionStarted`
    ExecutionStarted {
        /// The execution's input.
        input: Value,
        /// *journal*: the first state.
        start: Arc<str>,
        /// *journal*: when the execution times out, where its definition says so.
        deadline: Option<Millis>,
    },
    /// `ExecutionSucceeded`
    ExecutionSucceeded {
        /// The execution's output.
        output: Value,
    },
    /// `ExecutionFailed`
    ExecutionFailed(Failure),
    /// `ExecutionTimedOut`
    ExecutionTimedOut(Failure),
    /// `ExecutionAborted`
    ExecutionAborted(Failure),
    /// `ExecutionRedriven`: an execution that had ended badly goes on where it stood.
    ExecutionRedriven {
        /// Redrives so far, this one among them.
        count: u32,
        /// *journal*: when the execution times out now, where its definition says so.
        deadline: Option<Millis>,
    },

    /// `<Type>StateEntered`
    StateEntered {
        /// The state's type.
        state_type: StateType,
        /// The state's name.
        name: Arc<str>,
        /// The raw input.
        input: Value,
    },
    /// `<Type>StateExited`
    StateExited {
        /// The state's type.
        state_type: StateType,
        /// The state's name.
        name: Arc<str>,
        /// The state's output.
        output: Value,
        /// Variables assigned on the way out, by name; empty where there are none.
        assigned: Vec<(Arc<str>, Value)>,
        /// *journal*: the state to enter next; `None` ends the machine.
        next: Option<Arc<str>>,
    },
    /// `<Type>StateAborted`
    StateAborted {
        /// The state's type.
        state_type: StateType,
        /// *journal*: whether its own failure is what ends its branch, rather than another's.
        #[serde(default)]
        gave_up: bool,
    },

    /// `TaskScheduled`, `LambdaFunctionScheduled`, `ActivityScheduled`
    TaskScheduled {
        /// Which family of events.
        flavor: Flavor,
        /// The state's `Resource`.
        resource: Arc<str>,
        /// The evaluated parameters, arguments or input.
        parameters: Value,
        /// Seconds, where the definition sets them.
        timeout_seconds: Option<u64>,
        /// Seconds, where the definition sets them.
        heartbeat_seconds: Option<u64>,
        /// The evaluated `Credentials`, where the definition sets them.
        credentials: Option<Value>,
        /// *journal*: counts the frame's schedulings from 1; a task is (frame, attempt).
        attempt: u32,
        /// *journal*: the token that a worker or a callback presents.
        token: Arc<str>,
    },
    /// `TaskStarted`, `LambdaFunctionStarted`, `ActivityStarted`
    TaskStarted {
        /// Which family of events.
        flavor: Flavor,
        /// Activity: the worker's name, where it gave one.
        worker_name: Option<Arc<str>>,
    },
    /// `TaskSubmitted`: the service has accepted the job; `.sync` and `.waitForTaskToken` go on waiting.
    TaskSubmitted {
        /// The service's answer.
        output: Value,
    },
    /// *journal* only: a heartbeat came.
    TaskHeartbeat,
    /// `TaskSucceeded`, `LambdaFunctionSucceeded`, `ActivitySucceeded`
    TaskSucceeded {
        /// Which family of events.
        flavor: Flavor,
        /// The raw result.
        output: Value,
    },
    /// `TaskFailed`, `LambdaFunctionFailed`, `ActivityFailed`
    TaskFailed {
        /// Which family of events.
        flavor: Flavor,
        /// Why.
        failure: Failure,
    },
    /// `TaskTimedOut`, `LambdaFunctionTimedOut`, `ActivityTimedOut`
    TaskTimedOut {
        /// Which family of events.
        flavor: Flavor,
        /// Why: `States.Timeout`; the heartbeat's name is kept beside for matching.
        failure: Failure,
        /// *journal*: it was the heartbeat that did not come.
        heartbeat: bool,
    },

    /// `ParallelStateStarted`
    ParallelStateStarted {
        /// *journal*: the input of every branch.
        input: Value,
        /// *journal*: the first state of each branch, in order.
        starts: Vec<Arc<str>>,
    },
    /// `ParallelStateSucceeded`
    ParallelStateSucceeded,
    /// `ParallelStateFailed`
    ParallelStateFailed,

    /// `MapStateStarted`
    MapStateStarted {
        /// *journal*: the items; their number is the event's `length`.
        items: Arc<Vec<Value>>,
        /// *journal*: iterations at once; 0 means all.
        max_concurrency: u64,
        /// *journal*: the first state of an iteration.
        start: Arc<str>,
    },
    /// `MapIterationStarted`. Its frame is the iteration's own.
    MapIterationStarted {
        /// The Map state's name.
        name: Arc<str>,
        /// Index of the item, from 0.
        index: u64,
        /// *journal*: the Map's frame.
        parent: FrameId,
        /// *journal*: the iteration's input, after the item selector.
        input: Value,
    },
    /// `MapIterationSucceeded`. Its frame is the iteration's own, as for the other two ends.
    MapIterationSucceeded {
        /// The Map state's name.
        name: Arc<str>,
        /// Index of the item, from 0.
        index: u64,
    },
    /// `MapIterationFailed`
    MapIterationFailed {
        /// The Map state's name.
        name: Arc<str>,
        /// Index of the item, from 0.
        index: u64,
    },
    /// `MapIterationAborted`
    MapIterationAborted {
        /// The Map state's name.
        name: Arc<str>,
        /// Index of the item, from 0.
        index: u64,
    },
    /// `MapStateStarted` of a Map in Mode DISTRIBUTED, whose items run as executions of their own.
    DistributedMapStarted {
        /// *journal*: the items, an array or an object; their number is the event's `length`. Absent where a reader
        /// brings them.
        items: Option<Value>,
        /// *journal*: children at once, as the definition says; 0 where it says nothing.
        max_concurrency: u64,
    },
    /// `MapRunStarted`
    MapRunStarted {
        /// *journal*, but for its ARN: the run with everything that was decided about it.
        run: Arc<MapRun>,
        /// *journal*: counts with the frame's schedulings; a run is (frame, attempt), as a task.
        attempt: u32,
    },
    /// `MapRunSucceeded`
    MapRunSucceeded {
        /// *journal*: the run's result; absent where it is over the quota.
        output: Option<Value>,
    },
    /// `MapRunFailed`
    MapRunFailed(Failure),
    /// `MapRunAborted`
    MapRunAborted,
    /// `MapRunRedriven`: the children that had not succeeded go on.
    MapRunRedriven {
        /// ARN of the run.
        map_run_arn: Arc<str>,
        /// Redrives of the run so far, this one among them.
        count: u32,
        /// *journal*: the run's new attempt.
        attempt: u32,
    },
    /// `MapStateSucceeded`
    MapStateSucceeded,
    /// `MapStateFailed`
    MapStateFailed,

    /// `EvaluationFailed`
    EvaluationFailed {
        /// `States.QueryEvaluationError` and the cause.
        failure: Failure,
        /// The field, such as `Output/result`.
        location: Option<Arc<str>>,
        /// The state's name.
        state: Arc<str>,
        /// *journal*: neither Retry nor Catch may take it, since it happened while catching.
        terminal: bool,
    },

    /// *journal* only: a failure that the history shows no event for: JSONPath's `States.Runtime`, a Fail state, a
    /// Choice without a match, a failed branch or iteration reaching its parent.
    StateFailed {
        /// Why.
        failure: Failure,
        /// Neither Retry nor Catch may take it.
        terminal: bool,
    },
    /// *journal* only: the execution is to be stopped, once its Map Runs have been.
    Stopping(Failure),
    /// *journal* only: a Wait state's end has been computed.
    WaitArmed {
        /// When it is over.
        until: Millis,
    },
    /// *journal* only: a retrier took the failure; the state runs again later.
    RetryArmed {
        /// Index of the retrier in `Retry`.
        retrier: u32,
        /// When.
        until: Millis,
    },
}

impl Event {
    /// Whether the history of the API shows this event.
    #[must_use]
    pub const fn is_visible(&self) -> bool {
        self.id != 0
    }
}

impl EventKind {
    /// The data that the event tells of, where it is one value that a state may hand through.
    #[must_use]
    pub fn data(&self) -> Option<Value> {
        match self {
            Self::ExecutionStarted { input, .. }
            | Self::StateEntered { input, .. }
            | Self::ParallelStateStarted { input, .. }
            | Self::MapIterationStarted { input, .. } => Some(input.clone()),
            Self::ExecutionSucceeded { output } | Self::StateExited { output, .. } => Some(output.clone()),
            Self::MapStateStarted { items, .. } => Some(Value::Array(Arc::clone(items))),
            Self::TaskScheduled { parameters, .. } => Some(parameters.clone()),
            _ => None,
        }
    }

    /// Whether this event ends the execution.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded { .. }
                | Self::ExecutionFailed(_)
                | Self::ExecutionTimedOut(_)
                | Self::ExecutionAborted(_)
        )
    }
}
