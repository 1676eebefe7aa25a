//! A crash at any point changes nothing: every prefix of every journal, replayed and continued, ends the same way;
//! replaying a whole journal gives the state of the live run. So it is with a redrive, whenever it comes.

use crate::world::{World, definition, identity};
use execution::{Event, EventKind, Execution, Failure, Input, Limits, Status};
use proptest::prelude::*;

/// In JSONPath.
const BY_PATHS: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Pass", "Result": {"n": [1, 2, 3]}, "Next": "W"},
    "W": {"Type": "Wait", "Seconds": 30, "Next": "T"},
    "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:flaky",
          "Retry": [{"ErrorEquals": ["Flaky"], "JitterStrategy": "FULL"}], "ResultPath": "$.t", "Next": "M"},
    "M": {"Type": "Map", "ItemsPath": "$.n", "MaxConcurrency": 2, "ResultPath": "$.m", "Next": "P",
          "ItemProcessor": {"StartAt": "E", "States": {
              "E": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:echo", "Next": "S"},
              "S": {"Type": "Wait", "Seconds": 3, "End": true}}}},
    "P": {"Type": "Parallel", "ResultPath": "$.p", "Next": "C",
          "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}],
          "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "C"}],
          "Branches": [
              {"StartAt": "F", "States": {"F": {"Type": "Task", "End": true,
                  "Resource": "arn:aws:lambda:us-east-1:123456789012:function:fail"}}},
              {"StartAt": "G", "States": {"G": {"Type": "Wait", "Seconds": 60, "End": true}}},
              {"StartAt": "H", "States": {"H": {"Type": "Map", "ItemsPath": "$.n", "End": true,
                  "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Wait", "Seconds": 9, "End": true}}}}}}]},
    "C": {"Type": "Choice", "Choices": [{"Variable": "$.caught.Error", "StringEquals": "Broken", "Next": "Z"}],
          "Default": "X"},
    "X": {"Type": "Fail", "Error": "Unexpected"},
    "Z": {"Type": "Succeed"}}}"#;

/// In JSONata.
const BY_EXPRESSIONS: &str = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "TimeoutSeconds": 500, "States": {
    "A": {"Type": "Pass", "Assign": {"total": 0, "items": "{% $states.input.items %}"}, "Next": "L"},
    "L": {"Type": "Choice", "Choices": [{"Condition": "{% $total < 3 %}", "Next": "T",
          "Assign": {"total": "{% $total + 1 %}"}}], "Default": "M"},
    "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo",
          "Arguments": {"n": "{% $total %}"}, "Output": "{% $states.result %}", "Next": "W"},
    "W": {"Type": "Wait", "Seconds": "{% $total * 5 %}", "Next": "L"},
    "M": {"Type": "Map", "Items": "{% $items %}", "Next": "S",
          "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
          "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"error": "{% $states.errorOutput.Error %}"},
                     "Next": "S"}],
          "ItemProcessor": {"StartAt": "B", "States": {
              "B": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.v = 2 %}", "Next": "Bad"}],
                    "Default": "Slow"},
              "Slow": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:silent",
                       "TimeoutSeconds": 40, "End": true},
              "Bad": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:fail",
                      "End": true}}}},
    "S": {"Type": "Succeed", "Output": {"error": "{% $error %}", "total": "{% $total %}"}}}}"#;

/// With runs of distributed Maps.
const DISTRIBUTED: &str = r#"{"StartAt": "D", "States": {
    "D": {"Type": "Map", "ItemsPath": "$.n", "ToleratedFailurePercentagePath": "$.n[0]", "ResultPath": "$.d",
          "Label": "echo", "ItemBatcher": {"MaxItemsPerBatchPath": "$.n[1]"}, "Next": "R", "ItemProcessor": {
              "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
              "StartAt": "E", "States": {"E": {"Type": "Pass", "End": true}}}},
    "R": {"Type": "Map", "ItemsPath": "$.n", "Label": "flaky", "ResultPath": "$.r", "Next": "P",
          "Retry": [{"ErrorEquals": ["Flaky"], "JitterStrategy": "FULL"}], "ItemProcessor": {
              "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
              "StartAt": "F", "States": {"F": {"Type": "Pass", "End": true}}}},
    "P": {"Type": "Parallel", "ResultPath": "$.p", "Next": "X",
          "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}],
          "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Z"}],
          "Branches": [
              {"StartAt": "S", "States": {"S": {"Type": "Map", "ItemsPath": "$.n", "Label": "silent",
                  "End": true, "ItemProcessor": {
                      "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                      "StartAt": "G", "States": {"G": {"Type": "Pass", "End": true}}}}}},
              {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "Next": "B"},
                  "B": {"Type": "Map", "ItemsPath": "$.n", "Label": "fail", "End": true, "ItemProcessor": {
                      "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                      "StartAt": "H", "States": {"H": {"Type": "Pass", "End": true}}}}}}]},
    "X": {"Type": "Fail", "Error": "Unexpected"},
    "Z": {"Type": "Succeed"}}}"#;

/// Definitions that between them use every state type, retries, catchers, timers and nesting.
const fn definitions() -> [(&'static str, &'static str); 3] {
    [(BY_PATHS, "{}"), (BY_EXPRESSIONS, r#"{"items": [1, 2, 3]}"#), (DISTRIBUTED, r#"{"n": [1, 2, 3]}"#)]
}

#[test]
fn every_prefix_of_a_journal_leads_to_the_same_end() {
    for (text, input) in definitions() {
        let definition = definition(text);
        let mut live = World::new(&definition, input, Limits::default());
        let status = live.run();
        assert!(live.journal.len() > 30, "{:#?}", live.history());
        for length in 0..=live.journal.len() {
            let mut world = World::recovered(&definition, input, Limits::default(), &live.journal[..length]);
            assert_eq!(world.run(), status, "after a crash at event {length}: {:#?}", world.history());
            assert_eq!(world.output(), live.output(), "after a crash at event {length}");
            assert_eq!(world.error(), live.error(), "after a crash at event {length}");
        }
    }
}

#[test]
fn replay_rebuilds_the_live_state() {
    for (text, input) in definitions() {
        let definition = definition(text);
        let mut live = World::new(&definition, input, Limits::default());
        live.run();
        let mut replayed = Execution::new(identity(), asl::Value::parse(input).unwrap(), Limits::default());
        let mut stepped = World::new(&definition, input, Limits::default());
        stepped.run();
        for event in &live.journal {
            replayed.apply(event);
        }
        assert_eq!(replayed.status(), stepped.execution.status());
        assert_eq!(replayed.outstanding(), stepped.execution.outstanding());
        assert_eq!(replayed.last_event_id(), stepped.execution.last_event_id());
    }
}

/// Two runs that go on for ever, one of them in a branch.
const ENDLESS: &str = r#"{"StartAt": "P", "TimeoutSeconds": 60, "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
    {"StartAt": "S", "States": {"S": {"Type": "Map", "Label": "silent", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "G", "States": {"G": {"Type": "Pass", "End": true}}}}}},
    {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 90, "End": true}}},
    {"StartAt": "T", "States": {"T": {"Type": "Map", "Label": "mute", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "H", "States": {"H": {"Type": "Pass", "End": true}}}}}}]}}}"#;

/// The last events of a history, without numbers.
fn tail(history: &[String], count: usize) -> Vec<&str> {
    history[history.len() - count..].iter().map(|line| line.split_once(' ').map_or("", |(_, kind)| kind)).collect()
}

#[test]
fn who_stops_an_execution_stops_its_map_runs_even_through_a_crash() {
    let definition = definition(ENDLESS);
    let mut live = World::new(&definition, "[1]", Limits::default());
    live.deliver(Input::Advance);
    let before = live.journal.len();
    let failure = Failure { error: Some("E".into()), cause: Some("enough".into()) };
    live.deliver(Input::Stop(failure));
    assert_eq!(live.execution.status(), Status::Aborted);
    assert_eq!(tail(&live.history(), 3), ["MapRunAborted", "MapRunAborted", "ExecutionAborted"]);
    for length in before + 1..=live.journal.len() {
        let mut world = World::recovered(&definition, "[1]", Limits::default(), &live.journal[..length]);
        world.deliver(Input::Advance);
        assert_eq!((world.execution.status(), world.error()), (Status::Aborted, live.error()), "{length}");
        assert_eq!(world.history(), live.history(), "after a crash at event {length}");
    }
    live.redrive();
    assert_eq!(tail(&live.history(), 3), ["ExecutionRedriven", "MapRunRedriven", "MapRunRedriven"]);
}

#[test]
fn an_execution_that_times_out_ends_its_map_runs() {
    let definition = definition(ENDLESS);
    let mut live = World::new(&definition, "[1]", Limits::default());
    assert_eq!(live.run(), Status::TimedOut);
    assert_eq!(tail(&live.history(), 3), ["MapRunAborted", "MapRunAborted", "ExecutionTimedOut"]);
    for length in 0..=live.journal.len() {
        let mut world = World::recovered(&definition, "[1]", Limits::default(), &live.journal[..length]);
        assert_eq!(world.run(), Status::TimedOut, "after a crash at event {length}");
        let history = world.history();
        assert_eq!(tail(&history, 3), ["MapRunAborted", "MapRunAborted", "ExecutionTimedOut"], "{length}");
    }
}

#[test]
fn the_end_of_an_execution_has_room_in_its_history() {
    let definition = definition(ENDLESS);
    let mut live = World::new(&definition, "[1]", Limits::default());
    live.deliver(Input::Advance);
    let limits = Limits { history_events: live.execution.last_event_id() + 1, ..Limits::default() };
    let mut live = World::new(&definition, "[1]", limits);
    live.deliver(Input::Advance);
    live.deliver(Input::Stop(Failure::default()));
    assert_eq!(live.execution.status(), Status::Aborted);
    assert_eq!(tail(&live.history(), 2), ["MapRunStarted", "ExecutionAborted"]);
}

/// One that fails in the middle of everything, and what it needs to succeed is mended before its redrive.
const REDRIVEN: &str = r#"{"StartAt": "A", "TimeoutSeconds": 900, "States": {
    "A": {"Type": "Pass", "Result": {"n": [1, 2, 3, 4]}, "Next": "P"},
    "P": {"Type": "Parallel", "End": true, "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}],
          "Branches": [
              {"StartAt": "G", "States": {"G": {"Type": "Task", "End": true,
                  "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo"}}},
              {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.n", "MaxConcurrency": 2, "End": true,
                  "ItemProcessor": {"StartAt": "C", "States": {
                      "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 3, "Next": "B"}],
                            "Default": "W"},
                      "W": {"Type": "Wait", "Seconds": 3, "End": true},
                      "B": {"Type": "Task", "End": true, "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}],
                            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:broken"}}}}}},
              {"StartAt": "H", "States": {"H": {"Type": "Map", "ItemsPath": "$.n", "End": true,
                  "ItemProcessor": {"StartAt": "V", "States": {"V": {"Type": "Wait", "Seconds": 60, "End": true}}}}}},
              {"StartAt": "D", "States": {"D": {"Type": "Map", "ItemsPath": "$.n", "Label": "broken", "End": true,
                  "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                      "StartAt": "U", "States": {"U": {"Type": "Pass", "End": true}}}}}}]}}}"#;

fn redrives(journal: &[Event]) -> usize {
    journal.iter().filter(|event| matches!(event.kind, EventKind::ExecutionRedriven { .. })).count()
}

/// Runs to the end; one that ends badly is redriven once.
fn run_with_a_redrive(world: &mut World<'_>) -> Status {
    world.mended = redrives(&world.journal) > 0;
    let status = world.run();
    if status == Status::Succeeded {
        return status;
    }
    world.redrive();
    world.run()
}

#[test]
fn a_crash_before_in_and_after_a_redrive_changes_nothing() {
    let definition = definition(REDRIVEN);
    let mut live = World::new(&definition, "{}", Limits::default());
    assert_eq!(run_with_a_redrive(&mut live), Status::Succeeded, "{:#?}", live.history());
    assert!(live.journal.len() > 60, "{:#?}", live.history());
    for length in 0..=live.journal.len() {
        let mut world = World::recovered(&definition, "{}", Limits::default(), &live.journal[..length]);
        let status = run_with_a_redrive(&mut world);
        assert_eq!(status, Status::Succeeded, "after a crash at event {length}: {:#?}", world.history());
        assert_eq!(world.output(), live.output(), "after a crash at event {length}");
        assert_eq!(redrives(&world.journal), 1);
        let ids: Vec<u64> = world.journal.iter().filter(|event| event.is_visible()).map(|event| event.id).collect();
        assert!(ids.iter().copied().eq(1..=ids.len() as u64), "{:#?}", world.history());
        let started =
            |world: &World<'_>| world.history().iter().filter(|line| line.contains("MapIterationStarted")).count();
        assert_eq!(started(&world), started(&live), "after a crash at event {length}: {:#?}", world.history());
        let mut replayed = World::recovered(&definition, "{}", Limits::default(), &world.journal[..length]);
        let mut again = World::recovered(&definition, "{}", Limits::default(), &live.journal[..length]);
        assert_eq!(replayed.execution.outstanding(), again.execution.outstanding());
        assert_eq!(replayed.deliver(Input::Advance), again.deliver(Input::Advance));
    }
}

#[test]
fn a_redrive_at_any_moment_leads_to_a_good_end() {
    let definition = definition(REDRIVEN);
    let mut live = World::new(&definition, "{}", Limits::default());
    assert_eq!(live.run(), Status::Failed);
    for length in 1..live.journal.len() {
        let mut world = World::recovered(&definition, "{}", Limits::default(), &live.journal[..length]);
        world.deliver(Input::Stop(Failure::default()));
        if world.execution.status() == Status::Failed {
            continue;
        }
        world.redrive();
        assert_eq!(world.run(), Status::Succeeded, "stopped after event {length}: {:#?}", world.history());
        assert_eq!(
            world.output(),
            r#"[{"n":[1,2,3,4]},[1,2,3,4],[1,2,3,4],[1,2,3,4]]"#,
            "stopped after event {length}"
        );
    }
}

#[test]
fn a_wait_keeps_its_original_end_across_a_crash() {
    let text = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100, "End": true}}}"#;
    let definition = definition(text);
    let mut live = World::new(&definition, "{}", Limits::default());
    live.deliver(Input::Advance);
    let due = live.execution.due();
    let mut world = World::recovered(&definition, "{}", Limits::default(), &live.journal);
    world.now += 60_000;
    world.deliver(Input::Advance);
    assert_eq!(world.execution.due(), due);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Crashes at several points of one run, inputs delivered twice: still the same end, each id once.
    #[test]
    fn repeated_crashes_and_duplicates_change_nothing(cuts in prop::collection::vec(0.0..1.0_f64, 1..4), which in 0..3_usize) {
        let (text, input) = definitions()[which];
        let definition = definition(text);
        let mut live = World::new(&definition, input, Limits::default());
        let status = live.run();
        let mut journal = live.journal.clone();
        for cut in cuts {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                     reason = "an index into a short list")]
            let length = (cut * journal.len() as f64) as usize;
            let mut world = World::recovered(&definition, input, Limits::default(), &journal[..length]);
            world.deliver(Input::Advance);
            world.deliver(Input::Advance);
            prop_assert_eq!(world.run(), status);
            prop_assert_eq!(world.output(), live.output());
            journal = world.journal;
        }
        let ids = journal.iter().filter(|event| event.is_visible()).map(|event| event.id).collect::<Vec<_>>();
        prop_assert_eq!(ids, (1..=journal.iter().filter(|event| event.is_visible()).count() as u64).collect::<Vec<_>>());
        let ends = journal.iter().filter(|event| event.kind.is_terminal()).count();
        prop_assert_eq!(ends, 1);
        let succeeded = matches!(journal.last().map(|event| &event.kind), Some(EventKind::ExecutionSucceeded { .. }));
        prop_assert!(succeeded);
    }
}
