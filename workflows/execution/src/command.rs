//! What goes in and what comes out of an execution.

use std::sync::Arc;

use asl::Value;

use crate::event::{Failure, Flavor, FrameId, Millis};
use crate::map_run::MapRun;

/// Names one attempt of a task. An input that names another attempt than the current one is stale and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The line of control.
    pub frame: FrameId,
    /// The frame's scheduling, from 1.
    pub attempt: u32,
}

/// What the world tells an execution.
#[derive(Clone, Debug)]
pub enum Input {
    /// Begin. Also right after a replay: continue with whatever was left undone.
    Advance,
    /// Time has passed: fire what is due. `Advance` does this too.
    Wake,
    /// Somebody has begun the task (activities: a worker has it).
    TaskStarted {
        /// Which.
        task: TaskId,
        /// Activity: the worker's name.
        worker_name: Option<Arc<str>>,
    },
    /// The service has accepted the job and answered `output` (`.sync`, `.waitForTaskToken`).
    TaskSubmitted {
        /// Which.
        task: TaskId,
        /// The service's answer.
        output: Value,
    },
    /// The task is done.
    TaskSucceeded {
        /// Which.
        task: TaskId,
        /// Its raw result.
        output: Value,
    },
    /// The task has failed.
    TaskFailed {
        /// Which.
        task: TaskId,
        /// Why.
        failure: Failure,
    },
    /// The task is alive.
    TaskHeartbeat {
        /// Which.
        task: TaskId,
    },
    /// The run of a distributed Map is done.
    MapRunSucceeded {
        /// Which: the frame and the attempt of its start or redrive.
        run: TaskId,
        /// The Map state's result; absent where it is over the quota of a payload.
        output: Option<Value>,
    },
    /// The run of a distributed Map has failed.
    MapRunFailed {
        /// Which.
        run: TaskId,
        /// Why.
        failure: Failure,
    },
    /// Stop the execution: it ends ABORTED.
    Stop(Failure),
    /// Reopen an execution that has ended otherwise than well: it goes on where it stood.
    Redrive,
}

/// What a moment gives an execution: the only clock and the only randomness it sees.
#[derive(Clone, Copy, Debug)]
pub struct Env {
    /// Now.
    pub now: Millis,
    /// 128 fresh random bits: jitter, `$random` and task tokens are derived from them.
    pub seed: u128,
}

/// What an execution wants from the world. Derived from its state: the same before and after a crash.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Perform a task, or go on waiting for it.
    Perform(TaskOrder),
    /// Run the items of a distributed Map as executions of their own, or go on with it.
    Run(MapRunOrder),
    /// Deliver [`Input::Wake`] at this time.
    WakeAt(Millis),
}

/// A task to perform.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskOrder {
    /// Which attempt of which task.
    pub task: TaskId,
    /// Service, Lambda or activity.
    pub flavor: Flavor,
    /// Name of the Task state.
    pub state: Arc<str>,
    /// The state's `Resource`.
    pub resource: Arc<str>,
    /// The evaluated parameters, arguments or input.
    pub parameters: Value,
    /// The evaluated `Credentials`.
    pub credentials: Option<Value>,
    /// The token that a worker or a callback presents for this attempt.
    pub token: Arc<str>,
    /// How far the attempt has come.
    pub stage: Stage,
}

/// The run of a distributed Map.
#[derive(Clone, Debug, PartialEq)]
pub struct MapRunOrder {
    /// What answers to it name.
    pub task: TaskId,
    /// Everything that was decided about it.
    pub run: Arc<MapRun>,
    /// Its items, an array or an object; absent where a reader brings them.
    pub items: Option<Value>,
    /// How often it was redriven.
    pub redrives: u32,
    /// When it was started, or last redriven.
    pub since: Millis,
}

/// How far an attempt has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Nobody has been told yet.
    Scheduled,
    /// It was begun; after a crash: it may or may not have happened, perform it again.
    Started,
    /// The service answered this; wait for the job's end (`.sync`) or the callback (`.waitForTaskToken`).
    Submitted(Value),
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the API's")]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

/// Who an execution is: what its context object says of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// The execution's ARN.
    pub arn: Arc<str>,
    /// The execution's name.
    pub name: Arc<str>,
    /// The role it runs as.
    pub role_arn: Arc<str>,
    /// The state machine's ARN.
    pub state_machine_arn: Arc<str>,
    /// The state machine's name.
    pub state_machine_name: Arc<str>,
}

/// Quotas that bear on one execution; AWS's by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of UTF-8 in one input, output or result: 262,144.
    pub payload_bytes: usize,
    /// Events in a history: 25,000.
    pub history_events: u64,
    /// Seconds that an execution may last, whatever its definition says.
    pub seconds: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload_bytes: 262_144, history_events: 25_000, seconds: None }
    }
}
