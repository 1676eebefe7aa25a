//! One state by itself: what it gives, and what is seen on the way.

use asl::{LONE_STATE, Value};
use execution::{Env, Failure, Inspection, ItemsRead, Limits, Standing, Trial, TrialSetup, Verdict};

use crate::world::{START, identity};

const ENV: Env = Env { now: START, seed: 7 };

fn value(text: &str) -> Value {
    Value::parse(text).expect("the value is JSON")
}

fn setup(input: &str) -> TrialSetup {
    TrialSetup { input: value(input), ..TrialSetup::default() }
}

fn begin(state: &str, setup: TrialSetup) -> Trial {
    let parsed = asl::parse_state(state);
    let definition = parsed.definition.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
    Trial::begin(definition.machine.states[LONE_STATE].clone(), identity(), setup, Limits::default(), ENV)
}

fn answered(state: &str, setup: TrialSetup, answer: Result<&str, (&str, &str)>) -> Trial {
    let mut trial = begin(state, setup);
    let answer = answer.map(value).map_err(|(error, cause)| failure(error, cause));
    trial.answer(answer, ENV);
    trial
}

fn failure(error: &str, cause: &str) -> Failure {
    Failure { error: Some(error.into()), cause: Some(cause.into()) }
}

fn verdict(trial: &Trial) -> Verdict {
    match trial.standing() {
        Standing::Ended(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

fn succeeded(output: &str, next: Option<&str>) -> Verdict {
    Verdict::Succeeded { output: value(output), next: next.map(Into::into) }
}

#[test]
fn a_tasks_data_is_seen_at_every_filter() {
    let state = r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "InputPath": "$.in",
        "Parameters": {"p.$": "$.x"}, "ResultSelector": {"s.$": "$.r"}, "ResultPath": "$.out", "OutputPath": "$.out",
        "Assign": {"kept.$": "$.s"}, "Next": "Nowhere"}"#;
    let trial = answered(state, setup(r#"{"in":{"x":1}}"#), Ok(r#"{"r":2}"#));
    assert_eq!(verdict(&trial), succeeded(r#"{"s":2}"#, Some("Nowhere")));
    let seen = |text| Some(value(text));
    let expected = Inspection {
        after_input_path: seen(r#"{"x":1}"#),
        after_parameters: seen(r#"{"p":1}"#),
        result: seen(r#"{"r":2}"#),
        after_result_selector: seen(r#"{"s":2}"#),
        after_result_path: seen(r#"{"in":{"x":1},"out":{"s":2}}"#),
        variables: seen(r#"{"kept":2}"#),
        ..Inspection::default()
    };
    assert_eq!(trial.inspection(), expected);
}

#[test]
fn what_the_state_does_not_use_is_not_seen() {
    let trial = begin(r#"{"Type": "Pass", "Result": 1, "InputPath": "$.a", "End": true}"#, setup(r#"{"a":2}"#));
    assert_eq!(verdict(&trial), succeeded("1", None));
    let seen = trial.inspection();
    assert_eq!((seen.after_input_path, seen.after_parameters, seen.result), (None, None, Some(value("1"))));
    let trial = begin(r#"{"Type": "Succeed", "OutputPath": "$.a"}"#, setup(r#"{"a":2}"#));
    assert_eq!(verdict(&trial), succeeded("2", None));
    let seen = trial.inspection();
    assert_eq!((seen.after_input_path, seen.after_result_path), (Some(value(r#"{"a":2}"#)), None));
}

#[test]
fn a_choice_shows_where_it_leads() {
    let state = r#"{"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 1, "Next": "Many"}]}"#;
    assert_eq!(verdict(&begin(state, setup(r#"{"n":2}"#))), succeeded(r#"{"n":2}"#, Some("Many")));
    let Verdict::Failed(failure) = verdict(&begin(state, setup(r#"{"n":1}"#))) else { panic!() };
    assert_eq!(failure.error.as_deref(), Some("States.NoChoiceMatched"));
}

const RETRIED: &str = r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "QueryLanguage": "JSONata",
    "Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["B"], "IntervalSeconds": 3, "MaxAttempts": 2}],
    "Catch": [{"ErrorEquals": ["A"], "Next": "OnA"},
        {"ErrorEquals": ["B"], "Output": "{% $states.errorOutput.Cause %}", "Next": "OnB"}], "End": true}"#;

#[test]
fn a_failure_is_retried_then_caught_by_the_states_own_rules() {
    let retried = |retries| TrialSetup { retries, ..setup("{}") };
    let trial = answered(RETRIED, retried(1), Err(("B", "b")));
    assert_eq!(verdict(&trial), Verdict::Retriable(failure("B", "b")));
    let seen = trial.inspection();
    assert_eq!((seen.retry_index, seen.retry_backoff_interval_seconds, seen.catch_index), (Some(1), Some(6), None));
    let trial = answered(RETRIED, retried(2), Err(("B", "b")));
    let output = Value::from("b");
    assert_eq!(verdict(&trial), Verdict::CaughtError { failure: failure("B", "b"), output, next: Some("OnB".into()) });
    let seen = trial.inspection();
    assert_eq!((seen.retry_index, seen.retry_backoff_interval_seconds, seen.catch_index), (Some(1), None, Some(1)));
    let trial = answered(RETRIED, retried(0), Err(("C", "c")));
    assert_eq!(verdict(&trial), Verdict::Failed(failure("C", "c")));
}

#[test]
fn a_cause_names_no_place_in_a_history() {
    let state = r#"{"Type": "Pass", "InputPath": "$.a", "End": true}"#;
    let Verdict::Failed(failure) = verdict(&begin(state, setup("{}"))) else { panic!() };
    assert_eq!(failure.cause.as_deref(), Some("Invalid path '$.a' : No results for path: $['a']"));
}

const EACH: &str = r#"{"Type": "Map", "ItemsPath": "$.all", "MaxConcurrency": 2, "ToleratedFailureCount": 1,
    "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}, "End": true}"#;

#[test]
fn a_map_shows_its_items_and_takes_the_results() {
    let trial = begin(EACH, setup(r#"{"all":["a","b"]}"#));
    assert_eq!(trial.standing(), Standing::Iterations(2));
    let trial = answered(EACH, setup(r#"{"all":["a","b"]}"#), Ok("[1,2]"));
    assert_eq!(verdict(&trial), succeeded("[1,2]", None));
    let seen = trial.inspection();
    assert_eq!(seen.after_items_path, Some(value(r#"["a","b"]"#)));
    assert_eq!(seen.after_item_selector, Some(value(r#"[{"i":0,"v":"a"},{"i":1,"v":"b"}]"#)));
    assert_eq!((seen.max_concurrency, seen.tolerated_failure_count, seen.result), (Some(2), Some(1), None));
}

#[test]
fn a_map_tolerates_what_it_says() {
    let failed = |failed| TrialSetup { failed_iterations: Some(failed), ..setup(r#"{"all":[1,2,3]}"#) };
    assert_eq!(verdict(&answered(EACH, failed(1), Ok("[]"))), succeeded("[]", None));
    let Verdict::Failed(failure) = verdict(&answered(EACH, failed(2), Ok("[]"))) else { panic!() };
    assert_eq!(failure.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
}

const READ: &str = r#"{"Type": "Map", "End": true, "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/x", "MaxItemsPath": "$.most"},
        "Parameters": {"Bucket": "b", "Key.$": "$.key"}},
    "ItemSelector": {"v.$": "$$.Map.Item"}, "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"k.$": "$.key"}},
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}"#;

fn read(items: &[(Option<&str>, i64)]) -> Option<ItemsRead> {
    let items = items.iter().map(|(key, item)| (key.map(Into::into), Value::from(*item))).collect();
    Some(ItemsRead { items, pointed: true })
}

#[test]
fn a_map_shows_what_its_reader_has_read() {
    let items = read(&[(None, 7), (None, 8), (None, 9), (None, 10)]);
    let trial = begin(READ, TrialSetup { items, ..setup(r#"{"key":"o","most":3}"#) });
    assert_eq!(trial.standing(), Standing::Iterations(3));
    let seen = trial.inspection();
    assert_eq!((seen.after_items_pointer, seen.after_items_path), (Some(value("[7,8,9]")), None));
    let selected = seen.after_item_selector.unwrap();
    let first = r#"{"v":{"Index":0,"Value":7,"Source":"S3://b/o"}}"#;
    assert_eq!(selected.as_array().unwrap()[0], value(first));
    let batches = seen.after_item_batcher.unwrap();
    let batches = batches.as_array().unwrap();
    assert_eq!((batches.len(), batches[0].get("BatchInput")), (2, Some(&value(r#"{"k":"o"}"#))));
    assert_eq!(batches[0].get("Items").unwrap().as_array().unwrap()[0], Value::from(first));
    let items = read(&[(Some("a"), 7)]);
    let seen = begin(READ, TrialSetup { items, ..setup(r#"{"key":"o","most":0}"#) }).inspection();
    assert_eq!(seen.after_items_pointer, Some(value(r#"{"a":7}"#)));
    let selected = r#"[{"v":{"Index":0,"Key":"a","Value":7,"Source":"S3://b/o"}}]"#;
    assert_eq!(seen.after_item_selector, Some(value(selected)));
}

#[test]
fn a_state_inside_a_map_has_an_item() {
    let state = r#"{"Type": "Pass", "Parameters": {"i.$": "$$.Map.Item.Index"}, "End": true}"#;
    let map_item = Some(value(r#"{"Index":0,"Value":"x"}"#));
    assert_eq!(verdict(&begin(state, TrialSetup { map_item, ..setup("{}") })), succeeded(r#"{"i":0}"#, None));
}

#[test]
fn a_parallel_runs_nothing() {
    let state = r#"{"Type": "Parallel", "ResultPath": "$.r", "End": true,
        "Branches": [{"StartAt": "F", "States": {"F": {"Type": "Fail"}}}]}"#;
    assert_eq!(begin(state, setup("{}")).standing(), Standing::Branches);
    assert_eq!(verdict(&answered(state, setup("{}"), Ok("[1]"))), succeeded(r#"{"r":[1]}"#, None));
}

#[test]
fn a_wait_waits() {
    let mut trial = begin(r#"{"Type": "Wait", "Seconds": 5, "End": true}"#, setup("1"));
    assert_eq!((trial.standing(), trial.due()), (Standing::Waiting(START + 5000), Some(START + 5000)));
    trial.wake(Env { now: START + 4999, seed: 1 });
    assert_eq!(trial.standing(), Standing::Waiting(START + 5000));
    trial.wake(Env { now: START + 5000, seed: 1 });
    assert_eq!(verdict(&trial), succeeded("1", None));
}

#[test]
fn a_task_that_is_late_times_out() {
    let state = r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 2, "End": true}"#;
    let mut trial = begin(state, setup("{}"));
    assert!(matches!(trial.standing(), Standing::Task(_)));
    trial.wake(Env { now: START + 2000, seed: 1 });
    let Verdict::Failed(failure) = verdict(&trial) else { panic!() };
    assert_eq!(failure.error.as_deref(), Some("States.Timeout"));
}

#[test]
fn the_context_object_is_the_one_given_or_made_up() {
    let state = r#"{"Type": "Pass", "InputPath": "$$", "End": true}"#;
    let given = TrialSetup { context: Some(value(r#"{"Execution":{"Id":"e"}}"#)), ..setup("{}") };
    assert_eq!(verdict(&begin(state, given)), succeeded(r#"{"Execution":{"Id":"e"}}"#, None));
    let Verdict::Succeeded { output, .. } = verdict(&begin(state, setup("1"))) else { panic!() };
    assert_eq!(output.get("State").unwrap().get("Name").unwrap().as_str(), Some(LONE_STATE));
    let execution = output.get("Execution").unwrap();
    assert_eq!((execution.get("Input"), execution.get("RedriveCount")), (Some(&value("1")), None));
}
