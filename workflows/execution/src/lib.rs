//! One execution, sans-IO and event-sourced.
//!
//! [`Execution::step`] decides, [`Execution::apply`] is the only mutation, [`Execution::outstanding`] is derived from
//! the state. Replay is `apply` over the journal, then one [`Input::Advance`].

mod command;
mod event;

use asl::{Definition, Value};

pub use command::{Command, Env, Identity, Input, Limits, Stage, Status, TaskId, TaskOrder};
pub use event::{Event, EventKind, Failure, Flavor, FrameId, Millis};

/// One execution of a state machine.
#[derive(Clone, Debug)]
pub struct Execution {}

impl Execution {
    /// An execution that has not begun: [`Input::Advance`] begins it.
    #[must_use]
    pub fn new(_identity: Identity, _input: Value, _limits: Limits) -> Self {
        Self {}
    }

    /// Decides what `input` means now and applies it; returns the new events in order, already applied.
    /// Stale inputs and inputs to an ended execution return none.
    pub fn step(&mut self, _definition: &Definition, _input: Input, _env: Env) -> Vec<Event> {
        Vec::new()
    }

    /// Applies one event: the only mutation, shared by live running and replay. Never evaluates an expression.
    pub fn apply(&mut self, _event: &Event) {}

    /// Everything the execution waits for: tasks to perform or to go on waiting for, and the next wake.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Command> {
        Vec::new()
    }

    /// The task that `event` has just scheduled, where it is the current one.
    #[must_use]
    pub fn order(&self, _task: TaskId) -> Option<TaskOrder> {
        None
    }

    /// When [`Input::Wake`] is next wanted.
    #[must_use]
    pub fn due(&self) -> Option<Millis> {
        None
    }

    /// Where the execution stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::Running
    }

    /// The execution's identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        unreachable!()
    }
}
