//! One case, from its start to its end, on virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::{Definition, Value};
use execution::{
    Env, Event, EventKind, Execution, Failure, Flavor, FrameId, Identity, Input, Limits, Millis, Status, TaskId,
    TaskOrder,
};
use indexmap::IndexMap;

use crate::map_run::Play;
use crate::mock::{Outcome, Response};
use crate::suite::Case;

/// When every case begins: 2026-11-20T14:02:00Z.
pub(crate) const START: Millis = 1_795_183_320_000;
/// Milliseconds before a worker has fetched an activity's task.
const PICK_UP: Millis = 20;
/// Inputs after which a case is taken to run in circles.
const LONGEST: usize = 20_000;

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Run {
    /// All events, the engine's decisions among them, those of Map Runs' children in their midst: the upper half of a
    /// frame's number is the child's.
    pub events: Vec<Event>,
    /// Where the execution ended.
    pub status: Status,
    /// Its output.
    pub output: Option<Value>,
    /// Its error and cause.
    pub failure: Failure,
    /// How often each Task state was scheduled, and each Map in Mode DISTRIBUTED run.
    pub scheduled: IndexMap<Arc<str>, u64>,
    /// Parameters of each scheduling, in order.
    pub orders: Vec<TaskOrder>,
    /// What the case itself lacks, such as a mock.
    pub problems: Vec<String>,
}

/// Runs `case` of the state machine `machine`.
#[must_use]
pub fn run(definition: &Definition, machine: &str, case: &Case) -> Run {
    play(definition, machine, &case.input, case)
}

/// Where the answers to tasks come from.
pub(crate) trait Answers {
    /// The answer to an attempt at a Task state, counted from 0 over the whole execution.
    fn answer(&self, order: &TaskOrder, attempt: u64) -> Option<Response>;
    /// The answer that stands for a whole Map Run of the state, where one does.
    fn answer_run(&self, state: &str, attempt: u64) -> Option<Response>;
    /// What the `ItemReader` of the Map state reads.
    fn items(&self, state: &str) -> Option<&Value>;
}

impl Answers for Case {
    fn answer(&self, order: &TaskOrder, attempt: u64) -> Option<Response> {
        self.mocks.get(&order.state)?.answer(attempt).cloned()
    }

    fn answer_run(&self, state: &str, attempt: u64) -> Option<Response> {
        self.mocks.get(state)?.answer(attempt).cloned()
    }

    fn items(&self, state: &str) -> Option<&Value> {
        self.items.get(state)
    }
}

/// Runs the state machine `machine` with `input`, its tasks answered by `answers`.
pub(crate) fn play(definition: &Definition, machine: &str, input: &Value, answers: &dyn Answers) -> Run {
    let mut world = World::new(definition, machine, input, answers);
    world.step(MAIN, Input::Advance);
    for _ in 0..LONGEST {
        if world.players[MAIN].execution.status() != Status::Running || !world.problems.is_empty() {
            break;
        }
        match world.next() {
            Some((at, who, input)) => {
                world.now = at;
                world.step(who, input);
            }
            None => world.problems.push("the execution waits, and nothing is going to happen".to_owned()),
        }
    }
    world.finish()
}

/// The execution of the case itself; the others are children of its Map Runs.
const MAIN: usize = 0;
/// Bits of a frame's number that tell frames of one execution apart; those above tell the execution.
const FRAME_BITS: u32 = 16;

/// Whose frame it is (0 for the execution of the case, else a child's number), and which of its frames.
pub(crate) const fn owner(frame: FrameId) -> (u32, u32) {
    (frame.0 >> FRAME_BITS, frame.0 & ((1 << FRAME_BITS) - 1))
}

/// One execution that is played.
pub(crate) struct Player {
    pub(crate) execution: Execution,
    /// What a child runs.
    pub(crate) processor: Option<Arc<Definition>>,
    /// Whose child it is: the number of the Map Run, and of the child in it.
    pub(crate) parent: Option<(usize, usize)>,
}

pub(crate) struct World<'a> {
    pub(crate) answers: &'a dyn Answers,
    pub(crate) definition: &'a Definition,
    pub(crate) players: Vec<Player>,
    pub(crate) runs: Vec<Play>,
    pub(crate) now: Millis,
    /// What will happen, by time and then by the order in which it was arranged, and to whom.
    queue: BTreeMap<(Millis, u64), (usize, Input)>,
    arranged: u64,
    steps: u64,
    events: Vec<Event>,
    scheduled: IndexMap<Arc<str>, u64>,
    orders: Vec<TaskOrder>,
    pub(crate) problems: Vec<String>,
}

impl<'a> World<'a> {
    fn new(definition: &'a Definition, machine: &str, input: &Value, answers: &'a dyn Answers) -> Self {
        let states = "arn:aws:states:us-east-1:123456789012";
        let identity = Identity {
            arn: format!("{states}:execution:{machine}:scenario").into(),
            name: "scenario".into(),
            role_arn: format!("arn:aws:iam::123456789012:role/{machine}").into(),
            state_machine_arn: format!("{states}:stateMachine:{machine}").into(),
            state_machine_name: machine.into(),
        };
        let execution = Execution::new(identity, input.clone(), Limits::default());
        Self {
            answers,
            definition,
            players: vec![Player { execution, processor: None, parent: None }],
            runs: Vec::new(),
            now: START,
            queue: BTreeMap::new(),
            arranged: 0,
            steps: 0,
            events: Vec::new(),
            scheduled: IndexMap::new(),
            orders: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(crate) fn env(&mut self) -> Env {
        self.steps += 1;
        Env { now: self.now, seed: seed(self.steps) }
    }

    fn step(&mut self, who: usize, input: Input) {
        let env = self.env();
        let player = &mut self.players[who];
        let processor = player.processor.clone();
        let events = player.execution.step(processor.as_deref().unwrap_or(self.definition), input, env);
        for event in &events {
            let frame = event.frame;
            match event.kind {
                EventKind::TaskScheduled { attempt, .. } => {
                    if let Some(order) = self.players[who].execution.order(TaskId { frame, attempt }) {
                        self.perform(who, order);
                    }
                }
                EventKind::MapRunStarted { attempt, .. } => self.begin_run(who, TaskId { frame, attempt }),
                _ => {}
            }
        }
        let base = u32::try_from(who).unwrap_or(u32::MAX >> FRAME_BITS) << FRAME_BITS;
        self.events.extend(events.into_iter().map(|event| Event { frame: FrameId(base | event.frame.0), ..event }));
        self.see_to_runs(who);
    }

    /// What happens next, when, and to whom: an answer, or time passing.
    fn next(&mut self) -> Option<(Millis, usize, Input)> {
        let answer = self.queue.first_key_value().map(|((at, _), _)| *at);
        let due =
            self.players.iter().enumerate().filter_map(|(who, player)| Some((player.execution.due()?, who))).min();
        match (answer, due) {
            (Some(at), due) if due.is_none_or(|(due, _)| at <= due) => {
                self.queue.pop_first().map(|((at, _), (who, input))| (at, who, input))
            }
            (_, Some((due, who))) => Some((due.max(self.now), who, Input::Wake)),
            (_, None) => None,
        }
    }

    /// The number of this attempt at a state, counted from 0 over the whole execution.
    pub(crate) fn count(&mut self, state: &Arc<str>) -> u64 {
        let count = self.scheduled.entry(Arc::clone(state)).or_default();
        *count += 1;
        *count - 1
    }

    fn perform(&mut self, who: usize, order: TaskOrder) {
        let attempt = self.count(&order.state);
        match self.answers.answer(&order, attempt) {
            Some(response) => self.arrange(who, &order, &response),
            None => self.problems.push(format!("{}: no mocked response for attempt {attempt}", order.state)),
        }
        self.orders.push(order);
    }

    fn arrange(&mut self, who: usize, order: &TaskOrder, response: &Response) {
        let task = order.task;
        if order.flavor == Flavor::Activity {
            self.at(self.now + PICK_UP, who, Input::TaskStarted { task, worker_name: Some("worker".into()) });
        }
        if order.resource.ends_with(".waitForTaskToken") || order.resource.contains(".sync") {
            let output = response.submitted.clone().unwrap_or_else(|| Value::object::<Arc<str>>([]));
            self.at(self.now, who, Input::TaskSubmitted { task, output });
        }
        let end = self.now + response.delay;
        if let Some(every) = response.heartbeat.filter(|every| *every > 0) {
            let mut beat = self.now + every;
            while beat < end {
                self.at(beat, who, Input::TaskHeartbeat { task });
                beat += every;
            }
        }
        match &response.outcome {
            Outcome::Return(output) => self.at(end, who, Input::TaskSucceeded { task, output: output.clone() }),
            Outcome::Throw(failure) => self.at(end, who, Input::TaskFailed { task, failure: failure.clone() }),
            Outcome::Silence => {}
        }
    }

    pub(crate) fn at(&mut self, at: Millis, who: usize, input: Input) {
        self.arranged += 1;
        self.queue.insert((at, self.arranged), (who, input));
    }

    fn finish(mut self) -> Run {
        let main = &self.players[MAIN].execution;
        if main.status() == Status::Running && self.problems.is_empty() {
            self.problems.push(format!("the execution was still running after {LONGEST} inputs"));
        }
        Run {
            status: main.status(),
            output: main.output().cloned(),
            failure: main.failure().clone(),
            events: self.events,
            scheduled: self.scheduled,
            orders: self.orders,
            problems: self.problems,
        }
    }
}

/// The random bits of a step: the same in every run. The mixing is SplitMix64's.
fn seed(step: u64) -> u128 {
    let mix = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let high = mix(step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (u128::from(high) << 64) | u128::from(mix(high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coverage, Suite};

    const DEFINITION: &str = r#"{"QueryLanguage": "JSONata", "StartAt": "Work", "States": {
      "Work": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:work",
        "TimeoutSeconds": 100, "HeartbeatSeconds": 10,
        "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Late"}, {"ErrorEquals": ["States.ALL"], "Next": "Bad"}],
        "Next": "Choose"},
      "Choose": {"Type": "Choice", "Choices": [
        {"Condition": "{% $states.input.done = false %}", "Next": "Bad"},
        {"Condition": "{% $states.input.done = true %}", "Next": "Good"}], "Default": "Bad"},
      "Good": {"Type": "Succeed"}, "Bad": {"Type": "Fail", "Error": "Bad", "Cause": "went badly"},
      "Late": {"Type": "Fail", "Error": "Late"}}}"#;

    fn case(work: &str, expect: &str) -> (Definition, Case) {
        let text = format!(
            r#"{{"StateMachines": {{"m": {{"TestCases": {{"A": {{"Input": {{}}, "Work": "Mock", "Expect": {expect}}}}}}}}},
               "MockedResponses": {{"Mock": {work}}}}}"#
        );
        let suite = Suite::parse(&text, "m").unwrap();
        (asl::parse(DEFINITION).definition.unwrap(), suite.cases[0].clone())
    }

    fn differences(work: &str, expect: &str) -> (Run, Vec<String>) {
        let (definition, case) = case(work, expect);
        let run = run(&definition, "m", &case);
        let differences = case.expect.differences(&run);
        (run, differences)
    }

    #[test]
    fn a_retry_waits_on_virtual_time_and_gets_the_next_answer() {
        let work = r#"{"0": {"Throw": {"Error": "E"}}, "1": {"Return": {"done": true}, "Delay": 3}}"#;
        let (run, differences) = differences(work, r#"{"Status": "SUCCEEDED", "Scheduled": {"Work": 2}}"#);
        assert_eq!((run.problems.as_slice(), differences.as_slice()), ([].as_slice(), [].as_slice()));
        let last = run.events.last().unwrap();
        assert_eq!(last.at - START, 50 + 2_000 + 3_000);
    }

    #[test]
    fn silence_ends_in_a_missing_heartbeat_and_heartbeats_prevent_it() {
        let (run, _) = differences(r#"{"0": {"NoResponse": true}}"#, "{}");
        assert_eq!(run.failure.error.as_deref(), Some("Late"));
        let beating = r#"{"0": {"Return": {"done": true}, "Delay": 60, "HeartbeatEvery": 5}}"#;
        assert_eq!(differences(beating, "{}").0.status, Status::Succeeded);
    }

    #[test]
    fn what_is_not_as_expected_is_said() {
        let expect = r#"{"Status": "SUCCEEDED", "Error": "Other", "Cause": "well", "Output": {"done": true}, "Scheduled": {"Work": 2},
            "Until": {"Work": 0, "Choose": 1, "Late": 9}}"#;
        let (_, found) = differences(r#"{"0": {"Return": {"done": false}}}"#, expect);
        assert_eq!(
            found,
            [
                "status is FAILED, not SUCCEEDED",
                r#"output is null, not {"done":true}"#,
                r#"error is "Bad", not "Other""#,
                r#"cause "went badly" does not contain "well""#,
                "Work was scheduled 1 times, not 2",
                "Work was left after 50 ms, not within 0 s",
                "Late was never left, not within 9 s",
            ]
        );
    }

    #[test]
    fn a_missing_answer_is_a_problem_of_the_case() {
        let (run, _) = differences(r#"{"0": {"Throw": {"Error": "E"}}}"#, "{}");
        assert_eq!(run.problems, ["Work: no mocked response for attempt 1"]);
    }

    #[test]
    fn coverage_tells_catchers_and_rules_apart() {
        let (definition, case) = case(r#"{"0": {"Return": {"done": true}}}"#, "{}");
        let mut coverage = Coverage::new(&definition);
        coverage.add(&run(&definition, "m", &case));
        let missing = coverage.missing();
        for point in ["Work catch[0]", "Work catch[1]", "Work retry[0]", "Choose choices[0]", "Choose -> Bad"] {
            assert!(missing.contains(&point), "{point}: {missing:?}");
        }
        for point in ["Choose choices[1]", "Choose -> Good", "States/Good"] {
            assert!(!missing.contains(&point), "{point}");
        }
        assert_eq!(coverage.summary(), "3/5 states, 2/3 transitions, 1/2 choice rules, 0/2 catches, 0/1 retries");
    }

    #[test]
    fn a_history_shows_only_where_it_leaves_its_base() {
        let (base, _) = differences(r#"{"0": {"Return": {"done": true}}}"#, "{}");
        let (other, _) = differences(r#"{"0": {"Return": {"done": false}}}"#, "{}");
        let history = other.history_after("A", &base);
        assert!(
            history.starts_with("(the first 4 lines as in \"A\")\n   5      +0.050 ActivitySucceeded {\"done\":false}"),
            "{history}"
        );
        assert!(history.ends_with("ExecutionFailed Bad: went badly\nended FAILED"), "{history}");
    }
}
