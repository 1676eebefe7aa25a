//! What a step costs, without a world around it: `cargo bench -p execution --bench step`.

use std::hint::black_box;

use asl::{Definition, Value};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use execution::{Env, Event, Execution, Identity, Input, Limits, Status};

const NOW: i64 = 1_700_000_000_000;

fn definition(text: &str) -> Definition {
    let parsed = asl::parse(text);
    parsed.definition.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics))
}

fn execution(input: &Value) -> Execution {
    let identity = Identity {
        arn: "arn:aws:states:us-east-1:123456789012:execution:machine:run".into(),
        name: "run".into(),
        role_arn: "arn:aws:iam::123456789012:role/bench".into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:machine".into(),
        state_machine_name: "machine".into(),
    };
    Execution::new(identity, input.clone(), Limits { history_events: u64::MAX, ..Limits::default() })
}

/// Everything that happens in the first step.
fn advance(definition: &Definition, execution: &mut Execution) -> Vec<Event> {
    execution.step(definition, Input::Advance, Env { now: NOW, seed: 7 })
}

/// Ten Pass states in a row.
fn chain() -> String {
    let state = |number: u32| match number {
        10 => r#""S10":{"Type":"Pass","End":true}"#.to_owned(),
        _ => format!(r#""S{number}":{{"Type":"Pass","Next":"S{}"}}"#, number + 1),
    };
    let states = (1..=10).map(state).collect::<Vec<_>>().join(",");
    format!(r#"{{"StartAt":"S1","States":{{{states}}}}}"#)
}

/// Counts to `$.enough`.
const LOOP: &str = r#"{"StartAt": "Count", "States": {
    "Count": {"Type": "Pass", "Next": "Enough", "Parameters": {
        "count.$": "States.MathAdd($.count, 1)", "enough.$": "$.enough"}},
    "Enough": {"Type": "Choice", "Default": "Done", "Choices": [
        {"Variable": "$.count", "NumericLessThanPath": "$.enough", "Next": "Count"}]},
    "Done": {"Type": "Succeed"}}}"#;

const MAP: &str = r#"{"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true, "ItemProcessor": {
    "StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}}}}}"#;

/// A definition, an input, and how it is called.
fn cases() -> Vec<(String, String, Value)> {
    let counter = |rounds: usize| {
        let input = format!(r#"{{"count": 0, "enough": {rounds}}}"#);
        Value::parse(&input).expect("the input is JSON")
    };
    let items = |count: usize| Value::array((0..count).map(Value::from).collect());
    let mut cases = vec![("chain of 10".to_owned(), chain(), Value::Null)];
    // Each ten times the one before: time per event must not grow.
    for rounds in [25, 250, 2_500] {
        cases.push((format!("loop of {rounds}"), LOOP.to_owned(), counter(rounds)));
    }
    for count in [10, 100, 1_000] {
        cases.push((format!("map of {count}"), MAP.to_owned(), items(count)));
    }
    cases
}

fn step(criterion: &mut Criterion) {
    for (group, replays) in [("step", false), ("replay", true)] {
        let mut group = criterion.benchmark_group(group);
        for (name, text, input) in cases() {
            let definition = definition(&text);
            let mut first = execution(&input);
            let events = advance(&definition, &mut first);
            assert_eq!(first.status(), Status::Succeeded, "{name}");
            group.throughput(Throughput::Elements(events.len() as u64));
            group.bench_function(name, |bencher| {
                let fresh = || execution(&input);
                if replays {
                    let replay = |mut execution: Execution| {
                        events.iter().for_each(|event| execution.apply(event));
                        execution
                    };
                    bencher.iter_batched(fresh, replay, BatchSize::SmallInput);
                } else {
                    let run = |mut execution: Execution| (black_box(advance(&definition, &mut execution)), execution);
                    bencher.iter_batched(fresh, run, BatchSize::SmallInput);
                }
            });
        }
        group.finish();
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
