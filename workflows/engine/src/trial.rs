//! TestState: one state of a definition by itself, its task performed or mocked.

mod context;
mod reader;

use std::sync::Arc;

use asl::{Kind, Object, ProcessorMode, State, Value};
use execution::{Env, Failure, Flavor, Identity, Inspection, Millis, Standing, TaskOrder, Trial, TrialSetup, Verdict};

use crate::core::Core;
use crate::definition::{self, Tried};
use crate::entropy;
use crate::exception::Error;
use crate::integration::{self, Answer, HttpExchange, Integration, Pattern};

/// The longest that a test may take: five minutes.
const LONGEST: Millis = 5 * 60 * 1000;

/// One state to be tried, and what with.
#[derive(Clone, Debug, Default)]
pub struct StateTest {
    /// Text of the state's definition; of a whole definition where there is a `state_name`.
    pub definition: String,
    /// Which state of a whole definition.
    pub state_name: Option<String>,
    /// The role that a Task would act as.
    pub role_arn: Option<String>,
    /// The raw input.
    pub input: Value,
    /// The variables in sight.
    pub variables: Object,
    /// The context object, where it is not to be made up.
    pub context: Option<Value>,
    /// What a Task, a Map or a Parallel is to give instead of doing anything.
    pub mock: Option<Mock>,
    /// Whether secrets of an HTTP Task are to be shown.
    pub reveal_secrets: bool,
    /// What has happened before.
    pub configuration: StateConfiguration,
}

/// What a state is to give instead of doing anything: one of the two.
#[derive(Clone, Debug, Default)]
pub struct Mock {
    /// Its result.
    pub result: Option<Value>,
    /// Its failure.
    pub error_output: Option<Failure>,
    /// How the result is held against what the service answers.
    pub field_validation: FieldValidation,
}

/// How a mocked result is held against what the service answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Everything required is there, and everything there fits.
    #[default]
    Strict,
    /// Everything there fits.
    Present,
    /// Not at all.
    None,
}

/// What has happened before the moment that is tried.
#[derive(Clone, Debug, Default)]
pub struct StateConfiguration {
    /// Attempts that the retrier of the mocked failure has had.
    pub retrier_retry_count: Option<u32>,
    /// The state inside a Map or a Parallel that the mocked failure comes from.
    pub error_caused_by_state: Option<String>,
    /// Iterations of a Map that have failed.
    pub map_iteration_failure_count: Option<u64>,
    /// The text that a Map's `ItemReader` has read.
    pub map_item_reader_data: Option<String>,
}

/// What a test has shown.
#[derive(Clone, Debug)]
pub struct TestedState {
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen on the way.
    pub inspection: Inspection,
    /// What went over the wire, where an HTTP Task was performed.
    pub exchange: Option<HttpExchange>,
}

impl Core {
    /// Tries a state.
    pub(crate) async fn test_state(&self, test: StateTest) -> Result<TestedState, Error> {
        let Tried { state, around } = definition::state(&test.definition, test.state_name.as_deref())?;
        check(&state, &test)?;
        let setup = TrialSetup {
            items: reader::items(&state, test.configuration.map_item_reader_data.as_deref())?,
            map_item: around.map(|mode| first_item(mode, &test.input)),
            input: test.input,
            variables: test.variables,
            context: test.context,
            retries: test.configuration.retrier_retry_count.unwrap_or(0),
            failed_iterations: test.configuration.map_iteration_failure_count,
        };
        let identity = self.identity_of_test(test.role_arn.as_deref());
        let trial = Trial::begin(state, identity, setup, self.config.limits, self.moment());
        match test.mock {
            Some(mock) => self.answer_by_mock(trial, mock, test.configuration.map_iteration_failure_count),
            None => Ok(self.answer_by_world(trial, test.reveal_secrets).await),
        }
    }

    fn moment(&self) -> Env {
        Env { now: self.config.clock.now(), seed: entropy::seed() }
    }

    /// A test is an EXPRESS execution of a state machine that nobody has named.
    fn identity_of_test(&self, role_arn: Option<&str>) -> Identity {
        let (machine, name) = (entropy::uuid(), entropy::uuid());
        let express = self.place.express_of(&machine, &name);
        Identity {
            arn: express.into(),
            name: name.into(),
            role_arn: role_arn.unwrap_or_default().into(),
            state_machine_arn: self.place.machine(&machine).into(),
            state_machine_name: machine.into(),
        }
    }

    fn answer_by_mock(&self, mut trial: Trial, mock: Mock, failed: Option<u64>) -> Result<TestedState, Error> {
        if let Standing::Iterations(all) = trial.standing()
            && failed.is_some_and(|failed| failed > all as u64)
        {
            let message = "Map iteration failure count must be less than or equal to the number of Map iterations";
            return Err(Error::Validation(message.to_owned()));
        }
        let result = match (mock.error_output, mock.result) {
            (Some(failure), _) => Err(failure),
            (None, result) => Ok(result.unwrap_or_default()),
        };
        trial.answer(result, self.moment());
        Ok(over(&trial, trial_verdict(&trial)))
    }

    /// Waits, or performs the task, for as long as a test may take.
    async fn answer_by_world(&self, mut trial: Trial, secrets: bool) -> TestedState {
        let deadline = self.config.clock.now().saturating_add(LONGEST);
        let mut exchange = None;
        loop {
            let due = trial.due().unwrap_or(deadline).min(deadline);
            let clock = &self.config.clock;
            match trial.standing() {
                Standing::Task(order) => tokio::select! {
                    answer = self.perform_for_test(&order, secrets, &mut exchange) => {
                        trial.answer(answer, self.moment());
                    }
                    () = clock.sleep_until(due) => {}
                },
                Standing::Waiting(_) => clock.sleep_until(due).await,
                Standing::Ended(verdict) => return TestedState { exchange, ..over(&trial, verdict) },
                // Without a mock they are refused before.
                Standing::Branches | Standing::Iterations(_) => return over(&trial, Verdict::Failed(late())),
            }
            trial.wake(self.moment());
            if clock.now() >= deadline && !matches!(trial.standing(), Standing::Ended(_)) {
                return over(&trial, Verdict::Failed(late()));
            }
        }
    }

    async fn perform_for_test(
        &self,
        order: &TaskOrder,
        secrets: bool,
        exchange: &mut Option<HttpExchange>,
    ) -> Result<Value, Failure> {
        let arn: Arc<str> = entropy::uuid().into();
        let (answer, seen) = integration::perform_seen(&self.world, &self.me, &arn, order, secrets).await;
        *exchange = seen;
        match answer {
            Answer::Done(output) | Answer::Submitted(output) => Ok(output),
            Answer::Failed(failure) => Err(failure),
        }
    }
}

/// `$$.Map.Item` of a state inside a Map: its input is the first item.
fn first_item(mode: ProcessorMode, input: &Value) -> Value {
    let mut item = Value::object([("Index", Value::from(0_u64)), ("Value", input.clone())]);
    if mode == ProcessorMode::Distributed {
        item.insert("Source", Value::from("STATE_DATA"));
    }
    item
}

fn over(trial: &Trial, verdict: Verdict) -> TestedState {
    TestedState { verdict, inspection: trial.inspection(), exchange: None }
}

/// The end of a trial that has been answered.
fn trial_verdict(trial: &Trial) -> Verdict {
    match trial.standing() {
        Standing::Ended(verdict) => verdict,
        _ => Verdict::Failed(Failure::default()),
    }
}

fn late() -> Failure {
    Failure { error: Some("States.Timeout".into()), cause: None }
}

/// Refuses what does not go together.
fn check(state: &State, test: &StateTest) -> Result<(), Error> {
    match &test.mock {
        Some(mock) => check_mocked(state, test, mock),
        None => check_unmocked(state, test),
    }
}

fn check_mocked(state: &State, test: &StateTest, mock: &Mock) -> Result<(), Error> {
    let refused = |message: String| Err(Error::Validation(message));
    if !matches!(state.kind, Kind::Task(_) | Kind::Map(_) | Kind::Parallel(_)) {
        let name = state.kind.state_type().name();
        return refused(format!("State type '{name}' is not supported when a mock is specified"));
    }
    if test.reveal_secrets {
        return refused("TestState does not support RevealSecrets when a mock is specified.".to_owned());
    }
    if mock.result.is_some() == mock.error_output.is_some() {
        let message = "A test mock should have only one of the following fields: [result, errorOutput].";
        return refused(message.to_owned());
    }
    if let Some(result) = &mock.result {
        check_result(&state.kind, result, mock.field_validation).or_else(refused)?;
    }
    check_origin(state, test)?;
    if let Some(given) = &test.context {
        let problem = context::problem(given, waits_for_token(&state.kind));
        if let Some(problem) = problem {
            return refused(format!("Invalid Context object provided: {problem}"));
        }
    }
    Ok(())
}

/// Holds a mocked result against what the state can have.
fn check_result(kind: &Kind, result: &Value, validation: FieldValidation) -> Result<(), String> {
    let items = || result.as_array().ok_or_else(|| "Mocked result must be an array.".to_owned());
    match kind {
        Kind::Map(map) if map.result_writer.is_some() => {
            result.as_object().map(|_| ()).ok_or_else(|| "Mocked result must be a JSON object.".to_owned())
        }
        Kind::Map(_) => items().map(|_| ()),
        Kind::Parallel(parallel) if items()?.len() != parallel.branches.len() => {
            Err("Mocked result must contain the same number of items as number of Parallel branches.".to_owned())
        }
        Kind::Task(task) if validation != FieldValidation::None => {
            integration::check_answer(&task.resource, result, validation == FieldValidation::Strict)
        }
        _ => Ok(()),
    }
}

/// The state that a mocked failure comes from is one inside.
fn check_origin(state: &State, test: &StateTest) -> Result<(), Error> {
    let Some(origin) = &test.configuration.error_caused_by_state else { return Ok(()) };
    let mut machines: Vec<&asl::Machine> = state.kind.machines().iter().collect();
    while let Some(machine) = machines.pop() {
        if machine.states.contains_key(&**origin) {
            return Ok(());
        }
        machines.extend(machine.states.values().flat_map(|state| state.kind.machines()));
    }
    let message = format!(
        "The field 'stateConfiguration.errorCausedByState' must name a state inside the tested Map or Parallel state; \
         '{origin}' is none"
    );
    Err(Error::Validation(message))
}

fn check_unmocked(state: &State, test: &StateTest) -> Result<(), Error> {
    let configuration = &test.configuration;
    for (given, name) in [
        (configuration.map_iteration_failure_count.is_some(), "MapIterationFailureCount"),
        (configuration.retrier_retry_count.is_some(), "RetrierRetryCount"),
        (configuration.error_caused_by_state.is_some(), "ErrorCausedByState"),
        (configuration.map_item_reader_data.is_some(), "MapItemReaderData"),
        (test.context.is_some(), "Context"),
    ] {
        if given {
            return Err(Error::Validation(format!("TestState does not support {name} when a mock is not specified.")));
        }
    }
    match &state.kind {
        Kind::Map(_) | Kind::Parallel(_) => Err(Error::UnsupportedDefinition(
            "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, \
             Succeed, Fail, Choice]"
                .to_owned(),
        )),
        Kind::Task(_) if test.role_arn.is_none() => {
            Err(Error::Validation("RoleArn must be specified when testing a Task state".to_owned()))
        }
        Kind::Task(task) if Flavor::of(&task.resource) == Flavor::Activity => Err(Error::UnsupportedDefinition(
            "TestState API does not support Activity tasks when a mock is not specified.".to_owned(),
        )),
        kind if waits_for_token(kind) => Err(Error::UnsupportedDefinition(
            "TestState API does not support '.sync' or '.waitForTaskToken' service integration patterns when a mock \
             is not specified."
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Whether the state is a Task of a pattern that waits for more than the service's answer.
fn waits_for_token(kind: &Kind) -> bool {
    let Kind::Task(task) = kind else { return false };
    Integration::parse(&task.resource).is_some_and(|integration| integration.pattern != Pattern::RequestResponse)
}
