//! A state on trial: one state by itself, with the moves that executions make, and watched (TestState).

mod map;

use std::sync::Arc;

use asl::{Definition, Kind, LONE_STATE, Machine, Object, QueryLanguage, State, Value};

use super::{Problem, Stepper};
use crate::command::{Env, Identity, Input, Limits, Status, TaskId, TaskOrder};
use crate::context::Context;
use crate::event::{Failure, FrameId, Millis};
use crate::execution::Execution;
use crate::inspection::Inspection;
use crate::map_run::tolerance_exceeded;
use crate::random::Random;
use crate::state::{Failed, Phase};

/// The only frame of a trial.
const FRAME: FrameId = FrameId(0);

/// What a state is tried with.
#[derive(Clone, Debug, Default)]
pub struct TrialSetup {
    /// The raw input.
    pub input: Value,
    /// The variables in sight.
    pub variables: Object,
    /// The context object; one is made where none is given.
    pub context: Option<Value>,
    /// `$$.Map.Item` of a context object that is made, where the state is inside a Map.
    pub map_item: Option<Value>,
    /// Attempts that the retrier of the failure has had.
    pub retries: u32,
    /// What the `ItemReader` of a Map has read.
    pub items: Option<ItemsRead>,
    /// Iterations of a Map that have failed.
    pub failed_iterations: Option<u64>,
}

/// The items that the `ItemReader` of a Map has read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemsRead {
    /// The items, each with its key where they are members of an object.
    pub items: Vec<(Option<Arc<str>>, Value)>,
    /// Whether they stood where an `ItemsPointer` leads to.
    pub pointed: bool,
}

/// One state, running by itself.
#[derive(Clone, Debug)]
pub struct Trial {
    execution: Execution,
    definition: Definition,
    watch: Option<Box<Watch>>,
    failed_iterations: Option<u64>,
}

/// Where a trial stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// A task is out: [`Trial::answer`] goes on.
    Task(TaskOrder),
    /// The branches of a Parallel, which a trial does not run: [`Trial::answer`] goes on.
    Branches,
    /// The iterations of a Map, which a trial does not run, and how many: [`Trial::answer`] goes on.
    Iterations(usize),
    /// A Wait state waits until then: [`Trial::wake`] goes on.
    Waiting(Millis),
    /// It is over.
    Ended(Verdict),
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The state was left with this output, to this state where it names one.
    Succeeded {
        /// What it gives.
        output: Value,
        /// Where it leads.
        next: Option<Arc<str>>,
    },
    /// Nothing took the failure.
    Failed(Failure),
    /// A retrier took the failure.
    Retriable(Failure),
    /// A catcher took the failure.
    CaughtError {
        /// What was caught.
        failure: Failure,
        /// What the catcher gives.
        output: Value,
        /// Where it leads.
        next: Option<Arc<str>>,
    },
}

/// What a watched step knows and notes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    context: Option<Value>,
    items: Option<ItemsRead>,
    retries: u32,
    inspection: Inspection,
    failure: Failure,
    /// What the state would fork into.
    forks: Option<Standing>,
}

impl Trial {
    /// Lets `state` begin.
    #[must_use]
    pub fn begin(state: State, identity: Identity, setup: TrialSetup, limits: Limits, env: Env) -> Self {
        let TrialSetup { input, variables, context, map_item, retries, items, failed_iterations } = setup;
        let machine = Machine { start_at: LONE_STATE.into(), states: [(Arc::from(LONE_STATE), state)].into() };
        let query_language = QueryLanguage::default();
        let definition = Definition { comment: None, query_language, timeout_seconds: None, machine };
        let watch = Watch { context, items, retries, ..Watch::default() };
        let execution = Execution::new(identity, input.clone(), limits).with_map_item(map_item);
        let mut trial = Self { execution, definition, watch: Some(Box::new(watch)), failed_iterations };
        trial.run(env, |stepper| {
            stepper.take(Input::Advance);
            if let Some(frame) = stepper.execution.frames.get_mut(&FRAME) {
                frame.variables = Arc::new(variables);
            }
            stepper.enter(FRAME, &LONE_STATE.into(), input);
        });
        trial
    }

    /// Answers the task, or stands in for what the branches or iterations have given.
    pub fn answer(&mut self, result: Result<Value, Failure>, env: Env) {
        match self.standing() {
            Standing::Task(order) => self.answer_task(order.task, result, env),
            Standing::Branches => self.join(result, env),
            Standing::Iterations(all) => {
                let result =
                    result.and_then(|value| if self.tolerates(all) { Ok(value) } else { Err(tolerance_exceeded()) });
                self.join(result, env);
            }
            Standing::Waiting(_) | Standing::Ended(_) => {}
        }
    }

    /// Time has passed: a wait that is over ends, a task that is late times out.
    pub fn wake(&mut self, env: Env) {
        let waiting = matches!(self.standing(), Standing::Waiting(until) if until <= env.now);
        let late = self.due().is_some_and(|due| due <= env.now);
        self.run(env, |stepper| match stepper.execution.frames.get(&FRAME).map(|frame| frame.phase.clone()) {
            Some(Phase::Sleeping { .. }) if waiting => stepper.waited(FRAME),
            Some(Phase::Task(task)) if late => stepper.time_out(FRAME, &task),
            _ => {}
        });
    }

    /// When a wait or a task's time is over.
    #[must_use]
    pub fn due(&self) -> Option<Millis> {
        self.execution.frames.get(&FRAME)?.phase.due()
    }

    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.execution.status() != Status::Running {
            return Standing::Ended(Verdict::Failed(self.execution.failure().clone()));
        }
        match self.execution.frames.get(&FRAME).map(|frame| &frame.phase) {
            Some(Phase::Next { name, input }) => self.left(input, Some(name)),
            Some(Phase::Ended(output)) => self.left(output, None),
            Some(Phase::Sleeping { retry: true, .. }) => Standing::Ended(Verdict::Retriable(self.failure())),
            Some(Phase::Sleeping { until, retry: false }) => Standing::Waiting(*until),
            Some(Phase::Task(task)) => {
                let order = self.execution.order(TaskId { frame: FRAME, attempt: task.attempt });
                order.map_or_else(|| self.lost(), Standing::Task)
            }
            Some(Phase::Entered) => {
                self.watch.as_ref().and_then(|watch| watch.forks.clone()).unwrap_or_else(|| self.lost())
            }
            _ => self.lost(),
        }
    }

    /// What was seen on the way.
    #[must_use]
    pub fn inspection(&self) -> Inspection {
        let mut inspection = self.watch.as_ref().map(|watch| watch.inspection.clone()).unwrap_or_default();
        let variables = self.execution.frames.get(&FRAME).or_else(|| self.execution.remains.get(&FRAME));
        inspection.variables = variables
            .filter(|frame| !frame.variables.is_empty())
            .map(|frame| Value::Object(Arc::clone(&frame.variables)));
        match self.definition.machine.states.get(LONE_STATE) {
            Some(state) => inspection.shown_for(&state.kind),
            None => inspection,
        }
    }

    fn left(&self, output: &Value, next: Option<&Arc<str>>) -> Standing {
        let (output, next) = (output.clone(), next.cloned());
        let caught = self.watch.as_ref().is_some_and(|watch| watch.inspection.catch_index.is_some());
        Standing::Ended(if caught {
            Verdict::CaughtError { failure: self.failure(), output, next }
        } else {
            Verdict::Succeeded { output, next }
        })
    }

    /// The last failure of the state.
    fn failure(&self) -> Failure {
        self.watch.as_ref().map(|watch| watch.failure.clone()).unwrap_or_default()
    }

    /// No move leads here.
    fn lost(&self) -> Standing {
        Standing::Ended(Verdict::Failed(self.failure()))
    }

    fn answer_task(&mut self, task: TaskId, result: Result<Value, Failure>, env: Env) {
        self.run(env, |stepper| match result {
            Ok(output) => {
                stepper.note(|inspection| inspection.result = Some(output.clone()));
                stepper.take(Input::TaskSucceeded { task, output });
            }
            Err(failure) => stepper.take(Input::TaskFailed { task, failure }),
        });
    }

    fn join(&mut self, result: Result<Value, Failure>, env: Env) {
        if let Some(watch) = &mut self.watch {
            watch.forks = None;
        }
        let phase = match result {
            Ok(value) => Phase::Result(value),
            Err(failure) => Phase::Failed(Failed::by_task(&failure, false)),
        };
        self.run(env, |stepper| stepper.execution.set_phase(FRAME, phase));
    }

    /// Whether the Map goes on in spite of the iterations that have failed; only a threshold that it names counts.
    fn tolerates(&self, all: usize) -> bool {
        let (Some(failed), Some(watch)) = (self.failed_iterations, &self.watch) else { return true };
        let Inspection { tolerated_failure_count: count, tolerated_failure_percentage: percentage, .. } =
            &watch.inspection;
        let share = failed.saturating_mul(100);
        count.is_none_or(|count| failed <= count)
            && percentage.is_none_or(|percentage| share <= percentage.saturating_mul(all as u64))
    }

    /// Takes `act`, then every move that needs nothing from the world.
    fn run(&mut self, env: Env, act: impl FnOnce(&mut Stepper<'_>)) {
        let mut stepper = Stepper {
            execution: &mut self.execution,
            definition: &self.definition,
            now: env.now,
            seed: env.seed,
            random: Random::new(env.seed),
            events: Vec::new(),
            watch: self.watch.take(),
        };
        act(&mut stepper);
        while stepper.goes_on() {
            stepper.advance(FRAME);
        }
        self.watch = stepper.watch;
    }
}

impl Watch {
    /// The context object of a trial: as it was given, or the execution's as TestState shows it.
    fn context(&self, made: Value) -> Value {
        if let Some(given) = &self.context {
            return given.clone();
        }
        let Some(execution) = made.get("Execution").and_then(Value::as_object) else { return made };
        let shown = execution.iter().filter(|(name, _)| &***name != "RedriveCount").map(|(name, value)| {
            let none = &**name == "RoleArn" && value.as_str() == Some("");
            (Arc::clone(name), if none { Value::Null } else { value.clone() })
        });
        let execution = Value::object(shown);
        let mut context = made;
        context.insert("Execution", execution);
        context
    }
}

impl<'a> Stepper<'a> {
    /// Notes something where the step is watched.
    pub(super) fn note(&mut self, write: impl FnOnce(&mut Inspection)) {
        if let Some(watch) = &mut self.watch {
            write(&mut watch.inspection);
        }
    }

    /// Notes the failure that the state is to recover from.
    pub(super) fn note_failure(&mut self, failure: &Failure) {
        if let Some(watch) = &mut self.watch {
            watch.failure = failure.clone();
        }
    }

    /// The context object of the frame, as it is watched.
    pub(super) fn context(&self, id: FrameId, token: Option<&Arc<str>>) -> Context {
        let context = self.execution.context(id, token);
        match &self.watch {
            Some(watch) => context.shown(|made| watch.context(made)),
            None => context,
        }
    }

    /// Attempts that a retrier has had in this visit.
    pub(super) fn attempts_of(&self, id: FrameId, retrier: usize) -> u32 {
        match &self.watch {
            Some(watch) => watch.retries,
            None => self.visit(id).map_or(0, |visit| visit.retries_of(retrier)),
        }
    }

    /// Does what a trial does of a state: all of it, but for branches and iterations.
    pub(super) fn act_watched(&mut self, id: FrameId, state: &'a State) -> Result<(), Problem> {
        let standing = match &state.kind {
            Kind::Parallel(_) => {
                let surroundings = self.surroundings(id, None);
                self.parameters(id, state, &surroundings)?;
                Standing::Branches
            }
            Kind::Map(map) => Standing::Iterations(self.iterations(id, state, map)?),
            Kind::Fail(_) if state.query_language == QueryLanguage::JsonPath => {
                let input = self.raw_input(id);
                self.note(|inspection| inspection.after_input_path = Some(input));
                return self.act(id, state);
            }
            _ => return self.act(id, state),
        };
        if let Some(watch) = &mut self.watch {
            watch.forks = Some(standing);
        }
        Ok(())
    }

    /// Whether the state has a move left that needs nothing from the world.
    fn goes_on(&self) -> bool {
        let forks = self.watch.as_ref().is_some_and(|watch| watch.forks.is_some());
        self.is_running()
            && match self.execution.frames.get(&FRAME).map(|frame| &frame.phase) {
                Some(Phase::Entered) => !forks,
                Some(Phase::Result(_) | Phase::Failed(_)) => true,
                _ => false,
            }
    }
}
