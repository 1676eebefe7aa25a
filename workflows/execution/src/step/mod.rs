//! `step`: decides. An input becomes events; then every frame that can go on without the world does so, one small
//! move at a time, in the order of the ready queue. States are never entered by recursion.

mod choice;
mod distributed;
mod ends;
mod exit;
mod failure;
mod fields;
mod input;
mod map;
mod parallel;
mod pass;
mod task;
mod trial;
mod wait;

use std::cell::Cell;
use std::sync::Arc;

use asl::{Definition, Kind, Object, State, Value};
use evaluate::{Scope, jsonata};

use crate::command::{Env, Input, Status};
use crate::context::Context;
use crate::event::{Event, EventKind, Failure, FrameId, Millis};
use crate::execution::Execution;
use crate::random::Random;
use crate::state::{Phase, Visit};

pub use trial::{ItemsRead, Standing, Trial, TrialSetup, Verdict};

impl Execution {
    /// Decides what `input` means now and applies it; returns the new events in order, already applied.
    /// Stale inputs and inputs to an ended execution return none.
    pub fn step(&mut self, definition: &Definition, input: Input, env: Env) -> Vec<Event> {
        let random = Random::new(env.seed);
        let mut stepper = Stepper {
            execution: self,
            definition,
            now: env.now,
            seed: env.seed,
            random,
            events: Vec::new(),
            watch: None,
        };
        if stepper.is_running() {
            stepper.take(input);
            stepper.run();
        } else if matches!(input, Input::Redrive) {
            stepper.redrive();
            stepper.run();
        }
        stepper.events
    }
}

/// One step in progress.
pub(crate) struct Stepper<'a> {
    pub(crate) execution: &'a mut Execution,
    pub(crate) definition: &'a Definition,
    pub(crate) now: Millis,
    /// What everything random in the step comes from.
    pub(crate) seed: u128,
    pub(crate) random: Random,
    events: Vec<Event>,
    /// What watches the step; nothing does in an execution.
    watch: Option<Box<trial::Watch>>,
}

/// A state cannot go on: what the history shows of it differs by kind.
pub(crate) enum Problem {
    /// An expression failed.
    Evaluation(evaluate::Failure),
    /// A value that an expression gave cannot be used. The history tells it from the first kind by its cause event.
    Unusable(evaluate::Failure),
    /// Something else, with its error name; the cause is shown as it is.
    Plain(Failure),
}

impl From<evaluate::Failure> for Problem {
    fn from(failure: evaluate::Failure) -> Self {
        Self::Evaluation(failure)
    }
}

impl Problem {
    pub(crate) fn plain(error: &str, cause: impl Into<Arc<str>>) -> Self {
        Self::Plain(Failure { error: Some(error.into()), cause: Some(cause.into()) })
    }

    pub(crate) fn runtime(cause: String) -> Self {
        Self::Evaluation(evaluate::Failure { error: "States.Runtime", cause, location: None })
    }

    pub(crate) fn unusable(cause: String, location: &str) -> Self {
        let location = Some(location.to_owned());
        Self::Unusable(evaluate::Failure { error: "States.QueryEvaluationError", cause, location })
    }

    pub(crate) fn query(cause: String, location: Option<&str>) -> Self {
        let location = location.map(str::to_owned);
        Self::Evaluation(evaluate::Failure { error: "States.QueryEvaluationError", cause, location })
    }
}

impl<'a> Stepper<'a> {
    pub(crate) fn is_running(&self) -> bool {
        self.execution.status == Status::Running
    }

    /// Lets every frame go on until all of them wait for the world.
    fn run(&mut self) {
        self.go_on_stopping();
        while self.is_running() {
            self.wake();
            let Some(id) = self.execution.ready.pop_front() else { break };
            let Some(frame) = self.execution.frames.get_mut(&id) else { continue };
            frame.queued = false;
            if frame.phase.is_runnable() {
                self.advance(id);
                self.execution.reschedule(id);
            }
        }
    }

    /// One move of one frame.
    fn advance(&mut self, id: FrameId) {
        let Some(frame) = self.execution.frames.get(&id) else { return };
        // A fork holds all its results: it is never copied.
        if let Phase::Forked(fork) = &frame.phase {
            let turn = fork.turn();
            return self.go_on(id, turn);
        }
        match frame.phase.clone() {
            Phase::Next { name, input } => self.enter(id, &name, input),
            Phase::Entered if self.watch.is_some() => self.attempt(id, Self::act_watched),
            Phase::Entered => self.attempt(id, Self::act),
            Phase::Result(result) => self.attempt(id, |stepper, id, state| stepper.exit_with(id, state, &result)),
            Phase::Failed(failed) => self.recover(id, &failed),
            Phase::GaveUp(failed) => self.fail_parent(id, &failed),
            Phase::Ended(output) => self.ended(id, output),
            Phase::Mapping(mapping) => self.attempt(id, |stepper, id, state| stepper.start_run(id, state, &mapping)),
            Phase::Mapped { last, .. } => self.emit_after(id, last, EventKind::MapStateSucceeded),
            Phase::Rerun => self.redrive_run(id),
            Phase::Forked(_)
            | Phase::Sleeping { .. }
            | Phase::Task(_)
            | Phase::Running
            | Phase::RunAborted
            | Phase::Aborted => {}
        }
    }

    /// Runs `act` on the frame's state and turns its problem, if any, into events.
    pub(crate) fn attempt(
        &mut self,
        id: FrameId,
        act: impl FnOnce(&mut Self, FrameId, &'a State) -> Result<(), Problem>,
    ) {
        let Some(state) = self.execution.state(self.definition, id) else {
            return self.lost(id);
        };
        if let Err(problem) = act(self, id, state) {
            self.fail_state(id, problem, false);
        }
    }

    /// The definition has no such state: only a damaged journal or a wrong definition leads here.
    fn lost(&mut self, id: FrameId) {
        let cause = "The definition has no state where this execution stands.";
        let failure = Failure { error: Some("States.Runtime".into()), cause: Some(cause.into()) };
        self.emit(id, EventKind::StateFailed { failure, terminal: true });
    }

    fn enter(&mut self, id: FrameId, name: &Arc<str>, input: Value) {
        let machine = self.execution.machine(self.definition, id);
        let Some(state) = machine.and_then(|machine| machine.states.get(name)) else {
            return self.lost(id);
        };
        self.emit(id, EventKind::StateEntered { state_type: state.kind.state_type(), name: Arc::clone(name), input });
    }

    /// Does what the state's type asks for.
    fn act(&mut self, id: FrameId, state: &'a State) -> Result<(), Problem> {
        match &state.kind {
            Kind::Task(task) => self.schedule(id, state, task),
            Kind::Pass(pass) => self.pass(id, state, pass),
            Kind::Choice(choice) => self.choose(id, state, choice),
            Kind::Wait(wait) => self.wait(id, state, wait),
            Kind::Succeed => self.succeed(id, state),
            Kind::Fail(fail) => self.fail(id, state, fail),
            Kind::Parallel(parallel) => self.fork(id, state, parallel),
            Kind::Map(map) => self.map(id, state, map),
        }
    }

    /// The frame's machine is done.
    fn ended(&mut self, id: FrameId, output: Value) {
        let Some(frame) = self.execution.frames.get(&id) else { return };
        match &frame.parent {
            None => self.emit(id, EventKind::ExecutionSucceeded { output }),
            Some(parent) => {
                let (index, name) = (parent.index as u64, self.state_name(parent.frame));
                self.emit(id, EventKind::MapIterationSucceeded { name, index });
            }
        }
    }

    // ---- what moves have in common

    /// Writes an event that the frame's last one caused, and applies it.
    pub(crate) fn emit(&mut self, frame: FrameId, kind: EventKind) {
        let previous = self.execution.frames.get(&frame).map_or(0, |frame| frame.last_event);
        self.emit_after(frame, previous, kind);
    }

    /// Writes an event that `previous` caused, and applies it. The last event that the quota leaves is the
    /// execution's failure.
    pub(crate) fn emit_after(&mut self, frame: FrameId, previous: u64, kind: EventKind) {
        if !self.is_running() {
            return;
        }
        let visible = !matches!(
            kind,
            EventKind::TaskHeartbeat
                | EventKind::Stopping(_)
                | EventKind::StateFailed { .. }
                | EventKind::WaitArmed { .. }
                | EventKind::RetryArmed { .. }
        );
        let id = if visible { self.execution.last_id + 1 } else { 0 };
        let limit = self.execution.limits.history_events;
        let (previous, kind) = if visible && id >= limit && !kind.is_terminal() {
            (id - 1, EventKind::ExecutionFailed(too_long(limit)))
        } else {
            (previous, kind)
        };
        let written = self.written(&kind);
        self.write(Event { id, previous, at: self.now, frame, kind, written });
    }

    /// The text of an event's data, where it is not compact.
    fn written(&self, kind: &EventKind) -> Option<Arc<str>> {
        if let EventKind::ExecutionStarted { .. } = kind {
            return self.execution.text.clone();
        }
        let spelling = &self.execution.spelling;
        if spelling.is_empty() { None } else { spelling.text(&kind.data()?).map(Arc::from) }
    }

    /// Applies an event and keeps it.
    pub(crate) fn write(&mut self, event: Event) {
        self.execution.apply(&event);
        self.events.push(event);
    }

    pub(crate) fn visit(&self, id: FrameId) -> Option<&Visit> {
        self.execution.frames.get(&id)?.visit.as_ref()
    }

    pub(crate) fn state_name(&self, id: FrameId) -> Arc<str> {
        self.visit(id).map(|visit| Arc::clone(&visit.name)).unwrap_or_default()
    }

    /// The raw input of the state that the frame is in.
    pub(crate) fn raw_input(&self, id: FrameId) -> Value {
        self.visit(id).map(|visit| visit.input.clone()).unwrap_or_default()
    }

    /// What the frame's expressions see, but for input and result.
    pub(crate) fn surroundings(&mut self, id: FrameId, token: Option<&Arc<str>>) -> Surroundings {
        Surroundings {
            context: self.context(id, token),
            variables: self.execution.frame_variables(id),
            now: self.now,
            seed: Cell::new(self.random.next_u128()),
            spelled: self.watch.is_some() || !self.execution.spelling.is_empty(),
        }
    }
}

/// What expressions see whatever their input.
pub(crate) struct Surroundings {
    pub(crate) context: Context,
    pub(crate) variables: Arc<Object>,
    now: Millis,
    /// Each scope draws its own: two fields of one state must not share a UUID.
    seed: Cell<u128>,
    /// Whether some value is written otherwise than compactly.
    spelled: bool,
}

impl Surroundings {
    pub(crate) fn scope<'s>(&'s self, input: &'s Value) -> Scope<'s> {
        Scope {
            input,
            result: None,
            error_output: None,
            context: &self.context,
            variables: &self.variables,
            now: self.now,
            seed: self.seed.replace(self.seed.get().wrapping_add(0x9E37_79B9_7F4A_7C15)),
        }
    }
}

impl Surroundings {
    /// What a JSONata field gives: a value of its own, also where it is one that was handed in.
    pub(crate) fn expressed(
        &self,
        field: &str,
        template: &Value,
        scope: &Scope<'_>,
    ) -> Result<Value, evaluate::Failure> {
        let value = jsonata::template(field, template, scope)?;
        Ok(if self.spelled { compact(&value) } else { value })
    }
}

/// A value that is written compactly, whatever it was taken from.
pub(crate) fn compact(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::array(items.iter().map(compact).collect()),
        Value::Object(members) => Value::Object(Arc::new(Object::clone(members))),
        scalar => scalar.clone(),
    }
}

fn too_long(limit: u64) -> Failure {
    let cause = format!("The execution reached the maximum number of history events ({limit}).");
    Failure { error: Some("States.Runtime".into()), cause: Some(cause.into()) }
}
