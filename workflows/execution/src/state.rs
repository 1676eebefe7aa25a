//! The state of an execution: frames, and what each of them is doing.

use std::sync::Arc;

use asl::{Object, StateType, Value};

use crate::command::Stage;
use crate::event::{Failure, Flavor, FrameId, Millis};
use crate::map_run::MapRun;

/// One line of control: the top level, a branch, or an iteration.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) parent: Option<Parent>,
    /// The variables of this scope, those of outer scopes among them.
    pub(crate) variables: Arc<Object>,
    /// The state it is in; `None` before the first one is entered.
    pub(crate) visit: Option<Visit>,
    pub(crate) phase: Phase,
    /// The event that the frame's next event is caused by.
    pub(crate) last_event: u64,
    /// Tasks scheduled so far.
    pub(crate) attempts: u32,
    /// The branches or iterations of the state when it failed or was cut off: what a redrive takes up again.
    pub(crate) broken: Option<Box<Fork>>,
    /// The Map Run of the state, until the run or the state succeeds: what a redrive takes up again.
    pub(crate) run: Option<Run>,
    /// Whether the frame stands in the ready queue.
    pub(crate) queued: bool,
    /// The entry of this frame in the timers.
    pub(crate) due: Option<Millis>,
}

/// Whose branch or iteration a frame is.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    pub(crate) frame: FrameId,
    /// Index of the branch or of the item.
    pub(crate) index: usize,
    /// The item, where the parent is in a Map state.
    pub(crate) item: Option<Value>,
}

/// A visit to a state, from entering to exiting it.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) name: Arc<str>,
    pub(crate) state_type: StateType,
    pub(crate) input: Value,
    pub(crate) entered_at: Millis,
    /// Id of the `...StateEntered` event.
    pub(crate) entered: u64,
    /// The event before that one.
    pub(crate) before: u64,
    /// Retries taken so far, by retrier.
    pub(crate) retries: Vec<u32>,
}

impl Visit {
    pub(crate) fn retry_count(&self) -> u32 {
        self.retries.iter().sum()
    }

    pub(crate) fn retries_of(&self, retrier: usize) -> u32 {
        self.retries.get(retrier).copied().unwrap_or(0)
    }
}

/// What a frame is doing. The first group is runnable at once; the second waits.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// About to enter a state.
    Next { name: Arc<str>, input: Value },
    /// In a state, with nothing done yet.
    Entered,
    /// The state's work is done; its result is to be shaped.
    Result(Value),
    /// The state failed: retry, catch or give up.
    Failed(Failed),
    /// An iteration gave up: its siblings and its parent are to be told.
    GaveUp(Failed),
    /// The machine of this frame is done.
    Ended(Value),
    /// A distributed Map has its items: its run is to be decided and started.
    Mapping(Box<Mapping>),
    /// A Map Run is done, and the event `last` has said so. `None`: its result is over the quota.
    Mapped { output: Option<Value>, last: u64 },
    /// The frame's Map Run is to be redriven.
    Rerun,

    /// A Wait state waits, or a retry is due later.
    Sleeping { until: Millis, retry: bool },
    /// A task is out.
    Task(Box<Task>),
    /// Branches or iterations are running.
    Forked(Box<Fork>),
    /// The frame's Map Run is out.
    Running,
    /// The frame's Map Run has been cut off, its state not yet.
    RunAborted,
    /// Cut off by a sibling's failure.
    Aborted,
}

/// The items of a distributed Map before its run is started.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) items: Option<Value>,
    pub(crate) max_concurrency: u64,
}

/// The run of a distributed Map.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) order: Arc<MapRun>,
    pub(crate) items: Option<Value>,
    pub(crate) attempt: u32,
    pub(crate) redrives: u32,
    /// When it was started, or last redriven.
    pub(crate) since: Millis,
}

/// A failure on its way.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    /// It was the heartbeat that did not come.
    pub(crate) heartbeat: bool,
    /// Neither Retry nor Catch may take it.
    pub(crate) terminal: bool,
    /// The `ParallelStateFailed` or `MapStateFailed` event has been written.
    pub(crate) announced: bool,
}

/// A task that is out.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) attempt: u32,
    pub(crate) flavor: Flavor,
    pub(crate) resource: Arc<str>,
    pub(crate) parameters: Value,
    pub(crate) credentials: Option<Value>,
    pub(crate) token: Arc<str>,
    pub(crate) stage: Stage,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) heartbeat_seconds: Option<u64>,
    pub(crate) timeout_at: Option<Millis>,
    pub(crate) heartbeat_at: Option<Millis>,
}

impl Task {
    pub(crate) fn due(&self) -> Option<Millis> {
        match (self.timeout_at, self.heartbeat_at) {
            (Some(timeout), Some(heartbeat)) => Some(timeout.min(heartbeat)),
            (timeout, heartbeat) => timeout.or(heartbeat),
        }
    }
}

/// Branches or iterations of one state.
#[derive(Clone, Debug)]
pub(crate) struct Fork {
    /// Outputs by index.
    pub(crate) results: Vec<Option<Value>>,
    /// Branches or iterations that have not succeeded yet.
    pub(crate) pending: usize,
    /// Frames that exist now.
    pub(crate) running: usize,
    /// Map: what is left to start.
    pub(crate) queue: Option<Queue>,
    /// Frames that were cut off, with all below them: what a redrive takes up again.
    pub(crate) set_aside: Vec<(FrameId, Box<Frame>)>,
}

/// The items of a Map that have not started.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) items: Arc<Vec<Value>>,
    /// Index of the next item to start.
    pub(crate) next: usize,
    /// Iterations at once.
    pub(crate) max_concurrency: usize,
    pub(crate) start: Arc<str>,
    /// The event that the next iteration's start is caused by.
    pub(crate) slot: u64,
}

/// What a fork does next without the world.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// All have succeeded.
    Joined {
        /// Iterations, not branches.
        map: bool,
    },
    /// Start the iteration for this item, because of the event `slot`.
    Start { index: usize, item: Value, slot: u64 },
}

impl Fork {
    /// A fork of `size` branches or iterations, `running` of which begin at once.
    pub(crate) fn of(size: usize, running: usize, queue: Option<Queue>) -> Self {
        Self { results: vec![None; size], pending: size, running, queue, set_aside: Vec::new() }
    }

    /// What to do next; `None` while it waits for branches or iterations.
    pub(crate) fn turn(&self) -> Option<Turn> {
        if self.pending == 0 {
            return Some(Turn::Joined { map: self.queue.is_some() });
        }
        let queue = self.queue.as_ref().filter(|_| self.can_start())?;
        let item = queue.items.get(queue.next).cloned().unwrap_or_default();
        Some(Turn::Start { index: queue.next, item, slot: queue.slot })
    }

    /// Whether an iteration can start now.
    pub(crate) fn can_start(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.next < queue.items.len() && self.running < queue.max_concurrency)
    }

    pub(crate) fn is_runnable(&self) -> bool {
        self.pending == 0 || self.can_start()
    }
}

impl Phase {
    /// Whether the frame can go on without the world.
    pub(crate) fn is_runnable(&self) -> bool {
        match self {
            Self::Next { .. }
            | Self::Entered
            | Self::Result(_)
            | Self::Failed(_)
            | Self::GaveUp(_)
            | Self::Ended(_)
            | Self::Mapping(_)
            | Self::Mapped { .. }
            | Self::Rerun => true,
            Self::Forked(fork) => fork.is_runnable(),
            Self::Sleeping { .. } | Self::Task(_) | Self::Running | Self::RunAborted | Self::Aborted => false,
        }
    }

    /// When the frame wants to be woken.
    pub(crate) fn due(&self) -> Option<Millis> {
        match self {
            Self::Sleeping { until, .. } => Some(*until),
            Self::Task(task) => task.due(),
            _ => None,
        }
    }
}

impl Frame {
    /// In a box: a map's nodes have room for eleven, and most executions have one.
    pub(crate) fn new(parent: Option<Parent>, variables: Arc<Object>, phase: Phase, last_event: u64) -> Box<Self> {
        Box::new(Self {
            parent,
            variables,
            visit: None,
            phase,
            last_event,
            attempts: 0,
            broken: None,
            run: None,
            queued: false,
            due: None,
        })
    }

    /// The Map Run that is out.
    pub(crate) fn running(&self) -> Option<&Run> {
        self.run.as_ref().filter(|_| matches!(self.phase, Phase::Running))
    }

    pub(crate) fn task(&self) -> Option<&Task> {
        match &self.phase {
            Phase::Task(task) => Some(task),
            _ => None,
        }
    }
}
