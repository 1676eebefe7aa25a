//! The gate of a deployment answers its platform in time, whatever its tasks do. CodeDeploy waits for an hour.

use std::collections::BTreeSet;

use asl::{Definition, Kind};
use scenario::{Run, Suite, run};
use serde_json::{Map, Value, json};

use super::{Workflow, read, workflows};

/// The decision's time, in seconds: `deadlineSeconds` where the event says nothing.
const DEADLINE: u64 = 2_700;
/// The longest wait before a retry that the deadline then forbids, in seconds.
const LONGEST_WAIT: u64 = 60;
/// Every answer has been tried for the last time by then, in seconds: 55 minutes.
const LAST: u64 = 3_300;
/// The states that answer a platform.
const ANSWERS: [&str; 2] = ["Answer hook", "Continue deployment"];
/// What comes after the answer.
const AFTERWARDS: [&str; 4] = ["Read hook", "Notify people", "Send dead letter", "Page person"];
/// The cases whose tasks are made to fail: each stage, each platform, each proof.
const BASES: [&str; 8] = [
    "Before install",
    "After install",
    "Test traffic",
    "Production",
    "Migrations before traffic",
    "The canary cannot be judged",
    "Tasks never settle",
    "A pause hook of ECS",
];
/// Attempts that a mock answers, more than any retry makes.
const ATTEMPTS: u64 = 999;

fn gate() -> Workflow {
    workflows().into_iter().find(|workflow| workflow.name == "deployment-validation").expect("the gate is there")
}

/// The errors that a task's retriers take, each once.
fn retried(definition: &Definition) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    definition.visit(&mut |visited| {
        if let Kind::Task(task) = &visited.state.kind {
            let errors = task.recovery.retry.iter().flat_map(|retrier| &retrier.error_equals);
            found.push((visited.name.to_string(), errors.map(ToString::to_string).collect()));
        }
    });
    found
}

/// Ways in which a task never succeeds: silence, each error that is retried for ever, all of them in turn and one
/// that is not retried, at once or only just before the attempt's time is over.
fn failures(errors: &[String]) -> Vec<Value> {
    let all = format!("0-{ATTEMPTS}");
    let mut ways = vec![
        json!({&all: {"NoResponse": true}}),
        json!({&all: {"NoResponse": true, "HeartbeatEvery": 20, "Delay": 9_999}}),
        json!({&all: {"Throw": {"Error": "Unheard.Of"}}}),
        json!({&all: {"Throw": {"Error": "Unheard.Of"}, "Delay": 19.9}}),
    ];
    let mut turns = Map::new();
    for (turn, error) in (0..=ATTEMPTS).zip(errors.iter().cycle()) {
        turns.insert(turn.to_string(), json!({"Throw": {"Error": error}, "Delay": 19.9}));
    }
    ways.push(Value::Object(turns));
    ways.extend(errors.iter().map(|error| json!({&all: {"Throw": {"Error": error}, "Delay": 0.1}})));
    ways
}

/// The gate's scenarios and, for every task and platform, one case for each way in which it fails.
fn suite(workflow: &Workflow, definition: &Definition) -> (Suite, Vec<String>) {
    let text = read(&workflow.folder.join("scenarios.json"));
    let own = Suite::parse(&text, &workflow.name).expect("the gate's scenarios");
    let mut file: Value = serde_json::from_str(&text).expect("scenarios are JSON");
    let tasks = retried(definition);
    let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
    for base in BASES {
        let good = run(definition, &workflow.name, own.case(base).unwrap_or_else(|| panic!("no case {base:?}")));
        for (state, errors) in tasks.iter().filter(|(state, _)| good.scheduled.contains_key(state.as_str())) {
            let judges = !ANSWERS.contains(&&**state) && !AFTERWARDS.contains(&&**state);
            if !judges || !seen.insert((good.scheduled.contains_key(ANSWERS[0]), state)) {
                continue;
            }
            for (way, mock) in failures(errors).into_iter().enumerate() {
                let name = format!("{base}, {state} fails, {way}");
                file["MockedResponses"][&name] = mock;
                file["StateMachines"][&workflow.name]["TestCases"][&name] = json!({"Extends": base, state: name});
                names.push(name);
            }
        }
    }
    (Suite::parse(&file.to_string(), &workflow.name).expect("the generated cases"), names)
}

/// Milliseconds from the start to the first scheduling of an answer.
fn answered(run: &Run) -> Option<u64> {
    let first = run.events.first().map(|event| event.at)?;
    let entered = |event: &&execution::Event| matches!(&event.kind, execution::EventKind::StateEntered { name, .. } if ANSWERS.contains(&&**name));
    u64::try_from(run.events.iter().find(entered)?.at - first).ok()
}

#[test]
fn a_platform_is_answered_in_time_whatever_a_task_does() {
    let workflow = gate();
    let definition = workflow.definition();
    let (suite, names) = suite(&workflow, &definition);
    let mut latest = 0;
    for name in &names {
        let run = run(&definition, &workflow.name, suite.case(name).expect("a generated case"));
        assert_eq!(run.problems, [""; 0], "{name}");
        let at = answered(&run).unwrap_or_else(|| panic!("{name}: nobody was answered"));
        assert!(at <= (DEADLINE + LONGEST_WAIT) * 1_000, "{name}: answered after {at} ms");
        latest = latest.max(at);
    }
    println!("{} failures, each answered within {latest} ms", names.len());
    assert!(latest > DEADLINE * 990, "no failure takes all the time there is: {latest} ms");
}

/// The sum behind [`LAST`]: with every wait at its longest and every attempt at its time-out. Retries of a wait that
/// ends after the deadline are not made, so only one wait comes after it.
#[test]
fn the_last_attempt_to_answer_ends_within_55_minutes() {
    let workflow = gate();
    let definition = workflow.definition();
    let mut longest = BTreeSet::new();
    definition.visit(&mut |visited| {
        let Kind::Task(task) = &visited.state.kind else { return };
        let delays = task.recovery.retry.iter().map(|retrier| {
            let delay = |taken: u32| {
                let exponent = i32::try_from(taken).expect("few attempts");
                let grown = retrier.interval_seconds as f64 * retrier.backoff_rate.powi(exponent);
                retrier.max_delay_seconds.map_or(grown, |most| grown.min(most as f64))
            };
            (0..retrier.max_attempts).map(delay).collect::<Vec<f64>>()
        });
        let delays: Vec<Vec<f64>> = delays.collect();
        if ANSWERS.contains(&&**visited.name) {
            let attempts = delays.iter().map(Vec::len).sum::<usize>() + 1;
            let Some(asl::NumberField::Literal(each)) = task.timeout_seconds else { panic!("a literal time-out") };
            let waits: f64 = delays.iter().flatten().sum();
            let whole = (DEADLINE + LONGEST_WAIT + attempts as u64 * each) as f64 + waits;
            assert!(whole <= LAST as f64, "{}: {whole} s", visited.name);
        } else if !AFTERWARDS.contains(&&**visited.name) {
            longest.extend(delays.iter().flatten().map(|delay| delay.ceil() as u64));
            let bounded =
                matches!(&task.timeout_seconds, Some(asl::NumberField::Expression(text)) if text.contains("$deadline"));
            assert!(bounded, "{}: TimeoutSeconds does not look at the deadline", visited.name);
        }
    });
    assert_eq!(longest.last(), Some(&LONGEST_WAIT), "the longest wait before the answer");
}
