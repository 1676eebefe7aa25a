use serde_json::{Value as Json, json};

use super::*;
use crate::screen::Format;

const SCREEN: Screen = Screen { format: Format::Text, colour: false, width: 110 };

/// An event at `at` milliseconds with its details under the usual key.
fn event(id: u64, previous: u64, at: i64, kind: &str, details: Json) -> Json {
    let mut event = json!({
        "id": id, "previousEventId": previous, "timestamp": (1_700_000_000_000 + at) as f64 / 1000.0, "type": kind,
    });
    if !details.is_null() {
        event["someEventDetails"] = details;
    }
    event
}

fn entered(id: u64, previous: u64, at: i64, kind: &str, name: &str) -> Json {
    event(id, previous, at, &format!("{kind}StateEntered"), json!({ "name": name, "input": "{}" }))
}

fn exited(id: u64, previous: u64, at: i64, kind: &str, name: &str) -> Json {
    event(id, previous, at, &format!("{kind}StateExited"), json!({ "name": name, "output": "{}" }))
}

fn table(events: &[Json]) -> String {
    render(&SCREEN, &build(events))
}

#[test]
fn a_task_that_fails_twice_and_then_works() {
    let failed = json!({ "error": "Ops.Throttled", "cause": r#"{"errorMessage":"Rate exceeded"}"# });
    insta::assert_snapshot!(table(&[
        event(1, 0, 0, "ExecutionStarted", json!({ "input": "{}" })),
        entered(2, 0, 0, "Task", "Act on target"),
        event(3, 2, 10, "TaskScheduled", json!({})),
        event(4, 3, 20, "TaskStarted", json!({})),
        event(5, 4, 250, "TaskFailed", failed),
        event(6, 5, 2250, "TaskScheduled", json!({})),
        event(7, 6, 2260, "TaskStarted", json!({})),
        event(8, 7, 62_260, "TaskTimedOut", json!({ "error": "States.Timeout" })),
        event(9, 8, 64_000, "TaskScheduled", json!({})),
        event(10, 9, 64_010, "TaskStarted", json!({})),
        event(11, 10, 65_000, "TaskSucceeded", json!({ "output": r#"{"summary":"4 -> 6 tasks"}"# })),
        exited(12, 11, 65_000, "Task", "Act on target"),
        entered(13, 12, 65_000, "Choice", "Recovered?"),
        exited(14, 13, 65_000, "Choice", "Recovered?"),
        entered(15, 14, 65_000, "Wait", "Cool down"),
    ]));
}

#[test]
fn branches_and_iterations_are_indented() {
    insta::assert_snapshot!(table(&[
        event(1, 0, 0, "ExecutionStarted", json!({})),
        entered(2, 0, 0, "Parallel", "Both"),
        event(3, 2, 0, "ParallelStateStarted", Json::Null),
        entered(4, 3, 1, "Pass", "Left"),
        entered(5, 3, 1, "Map", "Right"),
        exited(6, 4, 2, "Pass", "Left"),
        event(7, 5, 2, "MapStateStarted", json!({ "length": 2 })),
        event(8, 7, 2, "MapIterationStarted", json!({ "name": "Right", "index": 0 })),
        entered(9, 8, 3, "Pass", "Each"),
        exited(10, 9, 4, "Pass", "Each"),
        event(11, 10, 4, "MapIterationSucceeded", json!({ "name": "Right", "index": 0 })),
        event(12, 10, 4, "MapIterationStarted", json!({ "name": "Right", "index": 1 })),
        entered(13, 12, 5, "Pass", "Each"),
        exited(14, 13, 6, "Pass", "Each"),
        event(15, 14, 6, "MapIterationSucceeded", json!({ "name": "Right", "index": 1 })),
        event(16, 15, 6, "MapStateSucceeded", Json::Null),
        exited(17, 15, 6, "Map", "Right"),
        event(18, 17, 6, "ParallelStateSucceeded", Json::Null),
        exited(19, 17, 7, "Parallel", "Both"),
        entered(20, 19, 7, "Succeed", "Done"),
        exited(21, 20, 7, "Succeed", "Done"),
        event(22, 21, 7, "ExecutionSucceeded", json!({ "output": "{}" })),
    ]));
}

#[test]
fn a_failure_marks_its_state_and_what_holds_it() {
    insta::assert_snapshot!(table(&[
        event(1, 0, 0, "ExecutionStarted", json!({})),
        entered(2, 0, 0, "Parallel", "Both"),
        event(3, 2, 0, "ParallelStateStarted", Json::Null),
        entered(4, 3, 1, "Fail", "Give up"),
        entered(5, 3, 1, "Wait", "Sleep"),
        event(6, 5, 2, "WaitStateAborted", Json::Null),
        event(7, 4, 2, "ParallelStateFailed", Json::Null),
        event(8, 7, 2, "ExecutionFailed", json!({ "error": "Ops.CircuitOpen", "cause": "open until 12:00" })),
    ]));
}

#[test]
fn a_stopped_execution_leaves_nothing_running() {
    let rows = build(&[
        event(1, 0, 0, "ExecutionStarted", json!({})),
        entered(2, 0, 0, "Task", "Wait for a person"),
        event(3, 2, 0, "TaskScheduled", json!({})),
        event(4, 0, 500, "ExecutionAborted", json!({})),
    ]);
    assert_eq!(rows[0].outcome, Outcome::Aborted);
    assert_eq!(rows[0].duration, Some(500));
}

#[test]
fn an_expression_that_fails_is_the_states_own_failure() {
    let rows = build(&[
        event(1, 0, 0, "ExecutionStarted", json!({})),
        entered(2, 0, 0, "Pass", "Shape"),
        event(
            3,
            0,
            1,
            "EvaluationFailed",
            json!({ "error": "States.QueryEvaluationError", "cause": "why", "state": "Shape" }),
        ),
        event(4, 3, 1, "ExecutionFailed", json!({ "error": "States.QueryEvaluationError", "cause": "why" })),
    ]);
    assert_eq!(rows[0].outcome, Outcome::Failed("States.QueryEvaluationError".to_owned()));
    assert_eq!(rows[0].evidence, "why");
    assert_eq!(rows[0].duration, Some(1));
}

#[test]
fn strange_events_break_nothing() {
    assert_eq!(build(&[]), []);
    assert_eq!(build(&[json!(null), json!({"type": "TaskStateExited"}), json!({"type": "New", "id": 9})]), []);
}

#[test]
fn rows_for_programs_carry_milliseconds() {
    let rows = build(&[event(1, 0, 0, "ExecutionStarted", json!({})), entered(2, 0, 40, "Pass", "P")]);
    assert_eq!(
        rows[0].json().to_string(),
        r#"{"step":"P","type":"Pass","depth":0,"attempt":null,"startMs":40,"durationMs":null,"result":"running","error":null,"evidence":""}"#
    );
}

#[test]
fn a_redriven_execution_goes_on_in_its_rows() {
    insta::assert_snapshot!(table(&[
        event(1, 0, 0, "ExecutionStarted", json!({})),
        entered(2, 0, 0, "Parallel", "Both"),
        event(3, 2, 0, "ParallelStateStarted", Json::Null),
        entered(4, 3, 1, "Task", "Left"),
        event(5, 4, 1, "TaskScheduled", json!({})),
        entered(6, 3, 1, "Wait", "Right"),
        event(7, 5, 2, "TaskFailed", json!({ "error": "Down" })),
        event(8, 6, 2, "WaitStateAborted", Json::Null),
        event(9, 7, 2, "ParallelStateFailed", Json::Null),
        event(10, 9, 2, "ExecutionFailed", json!({ "error": "Down" })),
        event(11, 10, 1000, "ExecutionRedriven", json!({ "redriveCount": 1 })),
        event(12, 7, 1000, "TaskScheduled", json!({})),
        event(13, 12, 1500, "TaskSucceeded", json!({ "output": r#"{"summary":"up"}"# })),
        exited(14, 13, 1500, "Task", "Left"),
        exited(15, 6, 9000, "Wait", "Right"),
        event(16, 15, 9000, "ParallelStateSucceeded", Json::Null),
        exited(17, 15, 9000, "Parallel", "Both"),
        event(18, 17, 9000, "ExecutionSucceeded", json!({ "output": "{}" })),
    ]));
}
