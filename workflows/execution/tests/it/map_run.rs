//! The distributed Map as its execution sees it: one run, out and back.

use asl::Value;
use execution::{Env, Input, Limits, MapItem, Status};

use crate::world::{World, definition};

/// A machine of one distributed Map.
fn map(label: &str, fields: &str) -> String {
    format!(
        r#"{{"StartAt": "M", "States": {{"M": {{"Type": "Map", "Label": "{label}", "End": true{fields},
            "ItemProcessor": {{"ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
            "StartAt": "P", "States": {{"P": {{"Type": "Pass", "End": true}}}}}}}}}}}}"#
    )
}

fn run<'d>(definition: &'d asl::Definition, input: &str) -> World<'d> {
    let mut world = World::new(definition, input, Limits::default());
    world.run();
    world
}

#[test]
fn a_run_is_shown_between_the_states_start_and_end() {
    let definition = definition(&map("echo", r#", "ItemsPath": "$.a""#));
    let world = run(&definition, r#"{"a": [1, 2]}"#);
    let expected = [
        "1<0 ExecutionStarted",
        "2<0 StateEntered M",
        "3<2 DistributedMapStarted",
        "4<3 MapRunStarted",
        "5<4 MapRunSucceeded",
        "6<5 MapStateSucceeded",
        "7<4 StateExited M",
        "8<7 ExecutionSucceeded",
    ];
    assert_eq!(world.history(), expected);
    assert_eq!(world.output(), "[1,2]");
}

#[test]
fn a_run_that_fails_fails_the_state() {
    let definition = definition(&map("fail", ""));
    let world = run(&definition, "[1]");
    let expected = ["4<3 MapRunStarted", "5<4 MapRunFailed", "6<5 MapStateFailed", "7<6 ExecutionFailed"];
    assert_eq!(world.history()[3..], expected);
    assert_eq!(world.error().0.as_deref(), Some("Broken"));
}

#[test]
fn a_result_over_the_quota_fails_the_state_that_succeeded() {
    let definition = definition(&map("huge", r#", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "M"}]"#));
    let world = run(&definition, "[1]");
    let expected = ["5<4 MapRunSucceeded", "6<5 MapStateSucceeded", "7<4 ExecutionFailed"];
    assert_eq!(world.history()[4..], expected);
    assert_eq!(world.error().0.as_deref(), Some("States.DataLimitExceeded"));
}

#[test]
fn tolerated_failures_are_read_after_the_state_has_started() {
    for (field, kind) in [("Count", "integer"), ("Percentage", "float")] {
        let fields = format!(r#", "ItemsPath": "$.a", "ToleratedFailure{field}Path": "$.t""#);
        let definition = definition(&map("echo", &fields));
        let world = run(&definition, r#"{"a": [1], "t": "NoNumber"}"#);
        assert_eq!(world.history()[2..], ["3<2 DistributedMapStarted", "4<3 ExecutionFailed"]);
        let cause = format!(
            "An error occurred while executing the state 'M' (entered at the event id #2). The \
             ToleratedFailure{field}Path field refers to value \"NoNumber\" which is not a valid {kind}: $.t"
        );
        assert_eq!(world.error(), (Some("States.Runtime".to_owned()), Some(cause)));
        let good = run(&definition, r#"{"a": [1], "t": "1"}"#);
        assert_eq!(good.execution.status(), Status::Succeeded);
    }
}

#[test]
fn a_redrive_takes_the_run_up_again_and_a_retry_takes_another() {
    let definition = definition(&map("broken", r#", "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}]"#));
    let mut world = run(&definition, "[1]");
    world.redrive();
    assert_eq!(world.run(), Status::Succeeded);
    let expected = [
        "1<0 ExecutionStarted",
        "2<0 StateEntered M",
        "3<2 DistributedMapStarted",
        "4<3 MapRunStarted",
        "5<4 MapRunFailed",
        "6<5 DistributedMapStarted",
        "7<6 MapRunStarted",
        "8<7 MapRunFailed",
        "9<8 MapStateFailed",
        "10<9 ExecutionFailed",
        "11<10 ExecutionRedriven",
        "12<9 MapRunRedriven",
        "13<12 MapRunSucceeded",
        "14<13 MapStateSucceeded",
        "15<12 StateExited M",
        "16<15 ExecutionSucceeded",
    ];
    assert_eq!(world.history(), expected);
}

#[test]
fn an_answer_of_an_attempt_that_is_over_means_nothing() {
    let definition = definition(&map("silent", ""));
    let mut world = World::new(&definition, "[1]", Limits::default());
    world.deliver(Input::Advance);
    let [execution::Command::Run(order)] = &world.execution.outstanding()[..] else { panic!() };
    let stale = execution::TaskId { attempt: order.task.attempt + 1, ..order.task };
    assert_eq!(world.deliver(Input::MapRunSucceeded { run: stale, output: None }), 0);
    assert!(order.run.arn.starts_with("arn:aws:states:us-east-1:123456789012:mapRun:machine/silent:"));
    assert!(world.deliver(Input::MapRunSucceeded { run: order.task, output: Some(Value::Null) }) > 0);
}

#[test]
fn an_item_is_shaped_by_what_the_state_sees() {
    let selector = r#", "ItemsPath": "$.a", "ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index",
        "s.$": "$$.Map.Item.Source", "all.$": "$.b"}"#;
    let definition = definition(&map("silent", selector));
    let mut world = World::new(&definition, r#"{"a": [7], "b": true}"#, Limits::default());
    world.deliver(Input::Advance);
    let [execution::Command::Run(order)] = &world.execution.outstanding()[..] else { panic!() };
    let env = Env { now: world.now, seed: 1 };
    let shaper = world.execution.item_shaper(&definition, order.task, env).unwrap().unwrap();
    let item = MapItem { index: 0, value: Value::from(7_i64), key: None, source: "STATE_DATA".into() };
    assert_eq!(shaper.shape(&item, env).unwrap().to_string(), r#"{"v":7,"i":0,"s":"STATE_DATA","all":true}"#);
    let child = definition.item_processor(&order.run.state).unwrap();
    assert_eq!(&*child.machine.start_at, "P");
}

#[test]
fn settings_are_evaluated_before_the_run_starts() {
    let fields = r#", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket.$": "$.b", "Key": "k"},
        "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.m"}},
        "ItemBatcher": {"MaxItemsPerBatchPath": "$.m", "BatchInput": {"x.$": "$.b"}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket.$": "$.b"}}"#;
    let definition = definition(&map("silent", fields));
    let mut world = World::new(&definition, r#"{"b": "bucket", "m": "3"}"#, Limits::default());
    world.deliver(Input::Advance);
    let [execution::Command::Run(order)] = &world.execution.outstanding()[..] else { panic!() };
    let reader = order.run.reader.as_ref().unwrap();
    assert_eq!(reader.get("Parameters").unwrap().to_string(), r#"{"Bucket":"bucket","Key":"k"}"#);
    assert_eq!(reader.get("ReaderConfig").unwrap().get("MaxItems").unwrap().as_i64(), Some(3));
    let batcher = order.run.batcher.as_ref().unwrap();
    assert_eq!((batcher.max_items, batcher.max_bytes), (Some(3), None));
    assert_eq!(batcher.input.as_ref().unwrap().to_string(), r#"{"x":"bucket"}"#);
    assert_eq!(order.items, None);
}
