//! One case, from its start to its end, on virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::{Definition, Value};
use execution::{
    Env, Event, EventKind, Execution, Failure, Flavor, Identity, Input, Limits, Millis, Status, TaskId, TaskOrder,
};
use indexmap::IndexMap;

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
    /// All events, the engine's decisions among them.
    pub events: Vec<Event>,
    /// Where the execution ended.
    pub status: Status,
    /// Its output.
    pub output: Option<Value>,
    /// Its error and cause.
    pub failure: Failure,
    /// How often each Task state was scheduled.
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
}

impl Answers for Case {
    fn answer(&self, order: &TaskOrder, attempt: u64) -> Option<Response> {
        self.mocks.get(&order.state)?.answer(attempt).cloned()
    }
}

/// Runs the state machine `machine` with `input`, its tasks answered by `answers`.
pub(crate) fn play(definition: &Definition, machine: &str, input: &Value, answers: &dyn Answers) -> Run {
    let mut world = World::new(machine, input, answers);
    world.step(definition, Input::Advance);
    for _ in 0..LONGEST {
        if world.execution.status() != Status::Running || !world.problems.is_empty() {
            break;
        }
        match world.next() {
            Some((at, input)) => {
                world.now = at;
                world.step(definition, input);
            }
            None => world.problems.push("the execution waits, and nothing is going to happen".to_owned()),
        }
    }
    world.finish()
}

struct World<'a> {
    answers: &'a dyn Answers,
    execution: Execution,
    now: Millis,
    /// What will happen, by time and then by the order in which it was arranged.
    queue: BTreeMap<(Millis, u64), Input>,
    arranged: u64,
    steps: u64,
    events: Vec<Event>,
    scheduled: IndexMap<Arc<str>, u64>,
    orders: Vec<TaskOrder>,
    problems: Vec<String>,
}

impl<'a> World<'a> {
    fn new(machine: &str, input: &Value, answers: &'a dyn Answers) -> Self {
        let states = "arn:aws:states:us-east-1:123456789012";
        let identity = Identity {
            arn: format!("{states}:execution:{machine}:scenario").into(),
            name: "scenario".into(),
            role_arn: format!("arn:aws:iam::123456789012:role/{machine}").into(),
            state_machine_arn: format!("{states}:stateMachine:{machine}").into(),
            state_machine_name: machine.into(),
        };
        Self {
            answers,
            execution: Execution::new(identity, input.clone(), Limits::default()),
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

    fn step(&mut self, definition: &Definition, input: Input) {
        self.steps += 1;
        let env = Env { now: self.now, seed: seed(self.steps) };
        let events = self.execution.step(definition, input, env);
        for event in &events {
            if let EventKind::MapRunStarted { run, .. } = &event.kind {
                let lack = "a Map in Mode DISTRIBUTED is not played in scenarios; play its item processor by itself";
                self.problems.push(format!("{}: {lack}", run.state));
            }
            if let EventKind::TaskScheduled { attempt, .. } = event.kind {
                let task = TaskId { frame: event.frame, attempt };
                if let Some(order) = self.execution.order(task) {
                    self.perform(order);
                }
            }
        }
        self.events.extend(events);
    }

    /// What happens next, and when: an answer, or time passing.
    fn next(&mut self) -> Option<(Millis, Input)> {
        let answer = self.queue.first_key_value().map(|((at, _), _)| *at);
        match (answer, self.execution.due()) {
            (Some(at), due) if due.is_none_or(|due| at <= due) => {
                self.queue.pop_first().map(|((at, _), input)| (at, input))
            }
            (_, Some(due)) => Some((due.max(self.now), Input::Wake)),
            (_, None) => None,
        }
    }

    fn perform(&mut self, order: TaskOrder) {
        let count = self.scheduled.entry(Arc::clone(&order.state)).or_default();
        let attempt = *count;
        *count += 1;
        match self.answers.answer(&order, attempt) {
            Some(response) => self.arrange(&order, &response),
            None => self.problems.push(format!("{}: no mocked response for attempt {attempt}", order.state)),
        }
        self.orders.push(order);
    }

    fn arrange(&mut self, order: &TaskOrder, response: &Response) {
        let task = order.task;
        if order.flavor == Flavor::Activity {
            self.at(self.now + PICK_UP, Input::TaskStarted { task, worker_name: Some("worker".into()) });
        }
        if order.resource.ends_with(".waitForTaskToken") || order.resource.contains(".sync") {
            let output = response.submitted.clone().unwrap_or_else(|| Value::object::<Arc<str>>([]));
            self.at(self.now, Input::TaskSubmitted { task, output });
        }
        let end = self.now + response.delay;
        if let Some(every) = response.heartbeat.filter(|every| *every > 0) {
            let mut beat = self.now + every;
            while beat < end {
                self.at(beat, Input::TaskHeartbeat { task });
                beat += every;
            }
        }
        match &response.outcome {
            Outcome::Return(output) => self.at(end, Input::TaskSucceeded { task, output: output.clone() }),
            Outcome::Throw(failure) => self.at(end, Input::TaskFailed { task, failure: failure.clone() }),
            Outcome::Silence => {}
        }
    }

    fn at(&mut self, at: Millis, input: Input) {
        self.arranged += 1;
        self.queue.insert((at, self.arranged), input);
    }

    fn finish(mut self) -> Run {
        if self.execution.status() == Status::Running && self.problems.is_empty() {
            self.problems.push(format!("the execution was still running after {LONGEST} inputs"));
        }
        Run {
            status: self.execution.status(),
            output: self.execution.output().cloned(),
            failure: self.execution.failure().clone(),
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
