//! What the world says becomes events.

use std::sync::Arc;

use asl::Value;

use super::Stepper;
use crate::command::{Input, Stage, TaskId};
use crate::event::{Event, EventKind, Failure, Flavor, FrameId, Millis};
use crate::size::{json_bytes, too_large};
use crate::state::{Phase, Task};

impl Stepper<'_> {
    /// Takes an input; one that names another attempt than the current one is stale and means nothing.
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::Advance => self.begin(),
            // Only what has ended can be redriven.
            Input::Wake | Input::Redrive => {}
            Input::TaskStarted { task, worker_name } => self.task_started(task, worker_name),
            Input::TaskSubmitted { task, output } => self.task_submitted(task, output),
            Input::TaskSucceeded { task, output } => self.task_succeeded(task, output),
            Input::TaskFailed { task, failure } => self.task_failed(task, failure),
            Input::TaskHeartbeat { task } => {
                if self.execution.current_task(task).is_some() {
                    self.emit(task.frame, EventKind::TaskHeartbeat);
                }
            }
            Input::MapRunSucceeded { run, output } => {
                if self.execution.map_run(run).is_some() {
                    self.emit(run.frame, EventKind::MapRunSucceeded { output });
                }
            }
            Input::MapRunFailed { run, failure } => {
                if self.execution.map_run(run).is_some() {
                    self.emit(run.frame, EventKind::MapRunFailed(failure));
                }
            }
            Input::Stop(failure) => self.stop(failure),
        }
    }

    /// Ends the execution, as somebody wants. Where Map Runs are out, that is written down first: they are cut off one
    /// by one, and a crash in between must not leave the execution without them.
    fn stop(&mut self, failure: Failure) {
        if self.execution.stopping.is_some() {
            return;
        }
        let runs_out = self.execution.frames.values().any(|frame| matches!(frame.phase, Phase::Running));
        let end = if runs_out { EventKind::Stopping(failure) } else { EventKind::ExecutionAborted(failure) };
        self.emit_after(FrameId(0), 0, end);
    }

    /// Goes on ending an execution that is being stopped.
    pub(super) fn go_on_stopping(&mut self) {
        if let Some(failure) = self.execution.stopping.clone() {
            self.abort_runs();
            self.emit_after(FrameId(0), 0, EventKind::ExecutionAborted(failure));
        }
    }

    /// Shows the Map Runs that are out aborted: their execution ends without them.
    fn abort_runs(&mut self) {
        let frames = self.execution.frames.iter();
        let running: Vec<FrameId> =
            frames.filter(|(_, frame)| matches!(frame.phase, Phase::Running)).map(|(id, _)| *id).collect();
        for id in running {
            // The last event that the quota leaves is the execution's end.
            if self.execution.last_id + 1 < self.execution.limits.history_events {
                self.emit(id, EventKind::MapRunAborted);
            }
        }
    }

    fn begin(&mut self) {
        if self.execution.started_at.is_some() {
            return;
        }
        let deadline = self.deadline();
        let start = Arc::clone(&self.definition.machine.start_at);
        let input = self.execution.input.clone();
        self.emit_after(FrameId(0), 0, EventKind::ExecutionStarted { input, start, deadline });
    }

    /// When an execution that begins or goes on now times out.
    fn deadline(&self) -> Option<Millis> {
        let (own, most) = (self.definition.timeout_seconds, self.execution.limits.seconds);
        let seconds = own.map_or(most, |own| Some(most.map_or(own, |most| own.min(most))))?;
        Some(self.now.saturating_add_unsigned(seconds.saturating_mul(1000)))
    }

    /// Reopens an execution that has ended badly, where its history has room to go on.
    pub(super) fn redrive(&mut self) {
        let execution = &self.execution;
        if !execution.has_failed() || execution.last_id + 1 >= execution.limits.history_events {
            return;
        }
        let (last, count) = (execution.last_id, execution.redrives + 1);
        let kind = EventKind::ExecutionRedriven { count, deadline: self.deadline() };
        self.write(Event { id: last + 1, previous: last, at: self.now, frame: FrameId(0), kind, written: None });
    }

    fn task_started(&mut self, id: TaskId, worker_name: Option<Arc<str>>) {
        if let Some(task) = self.execution.current_task(id)
            && task.stage == Stage::Scheduled
        {
            let flavor = task.flavor;
            self.emit(id.frame, EventKind::TaskStarted { flavor, worker_name });
        }
    }

    fn task_submitted(&mut self, id: TaskId, output: Value) {
        self.task_started(id, None);
        if let Some(task) = self.execution.current_task(id)
            && task.stage == Stage::Started
        {
            self.emit(id.frame, EventKind::TaskSubmitted { output });
        }
    }

    fn task_succeeded(&mut self, id: TaskId, output: Value) {
        self.task_started(id, None);
        let Some(task) = self.execution.current_task(id) else { return };
        let flavor = task.flavor;
        if json_bytes(&output) > self.execution.limits.payload_bytes {
            let failure = too_large(&task_label(task));
            return self.emit(id.frame, EventKind::TaskFailed { flavor, failure });
        }
        self.emit(id.frame, EventKind::TaskSucceeded { flavor, output });
    }

    fn task_failed(&mut self, id: TaskId, failure: Failure) {
        self.task_started(id, None);
        if let Some(task) = self.execution.current_task(id) {
            let flavor = task.flavor;
            self.emit(id.frame, EventKind::TaskFailed { flavor, failure });
        }
    }

    /// Fires everything that is due: the execution's own deadline when it comes first, then time-outs of tasks; waits
    /// and retries that are over become runnable.
    pub(super) fn wake(&mut self) {
        while let Some((due, id)) = self.execution.timers.first().copied().filter(|(due, _)| *due <= self.now) {
            if self.execution.deadline.is_some_and(|deadline| deadline <= due) {
                break;
            }
            match self.execution.frames.get(&id).map(|frame| frame.phase.clone()) {
                Some(Phase::Task(task)) => self.time_out(id, &task),
                Some(Phase::Sleeping { retry: true, .. }) => self.attempt(id, Self::act),
                Some(Phase::Sleeping { retry: false, .. }) => self.waited(id),
                _ => {
                    self.execution.timers.remove(&(due, id));
                }
            }
        }
        if self.execution.deadline.is_some_and(|deadline| deadline <= self.now) {
            self.abort_runs();
            let failure = Failure { error: Some("States.Timeout".into()), cause: None };
            self.emit_after(FrameId(0), 0, EventKind::ExecutionTimedOut(failure));
        }
    }

    pub(super) fn time_out(&mut self, id: FrameId, task: &Task) {
        let heartbeat = task.heartbeat_at.is_some_and(|at| task.timeout_at.is_none_or(|timeout| at < timeout));
        let failure = Failure { error: Some("States.Timeout".into()), cause: None };
        self.emit(id, EventKind::TaskTimedOut { flavor: task.flavor, failure, heartbeat });
    }
}

/// How the quota's message names a task: by its ARN, or by the service of an integration.
fn task_label(task: &Task) -> String {
    match task.flavor {
        Flavor::Lambda | Flavor::Activity => task.resource.to_string(),
        Flavor::Service => task.resource.split(':').nth(5).unwrap_or_default().to_owned(),
    }
}
