//! What definitions do, event by event.

use crate::world::{START, World, definition, failure};
use execution::{Event, EventKind, Input, Limits, Status};

fn run<'d>(definition: &'d asl::Definition, input: &str) -> World<'d> {
    let mut world = World::new(definition, input, Limits::default());
    world.run();
    world
}

fn lambda(behaviour: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{behaviour}")
}

fn one_task(resource: &str, more: &str) -> String {
    let caught = if more.contains("Caught") { r#", "Caught": {"Type": "Pass", "End": true}"# } else { "" };
    format!(
        r#"{{"StartAt": "Work", "States": {{"Work": {{"Type": "Task", "Resource": "{resource}"{more}, "End": true}}
            {caught}}}}}"#
    )
}

#[test]
fn a_pass_state_is_entered_and_exited() {
    let definition = definition(r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#);
    let world = run(&definition, r#"{"a":1}"#);
    assert_eq!(
        world.history(),
        ["1<0 ExecutionStarted", "2<0 StateEntered A", "3<2 StateExited A", "4<3 ExecutionSucceeded"]
    );
    assert_eq!(world.output(), r#"{"a":1}"#);
}

#[test]
fn a_retried_task_is_scheduled_again_after_growing_delays() {
    let more = r#", "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 2, "BackoffRate": 3.0}]"#;
    let definition = definition(&one_task(&lambda("flaky"), more));
    let world = run(&definition, "{}");
    assert_eq!(world.output(), r#""steady""#);
    assert_eq!(world.now, START + 2_000 + 6_000);
    let scheduled = world.history().into_iter().filter(|line| line.ends_with("TaskScheduled")).collect::<Vec<_>>();
    assert_eq!(scheduled, ["3<2 TaskScheduled", "6<5 TaskScheduled", "9<8 TaskScheduled"]);
}

#[test]
fn a_used_up_retrier_ends_retrying_and_the_catcher_takes_over() {
    let more = r#", "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}, {"ErrorEquals": ["States.ALL"]}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Caught"}]"#;
    let definition = definition(&one_task(&lambda("fail"), more));
    let world = run(&definition, r#"{"kept":true}"#);
    assert_eq!(world.output(), r#"{"kept":true,"failure":{"Error":"Broken","Cause":"as told"}}"#);
    assert_eq!(world.history().iter().filter(|line| line.ends_with("TaskFailed")).count(), 2);
}

#[test]
fn jitter_stays_between_nothing_and_the_capped_delay() {
    let more = r#", "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 100, "MaxDelaySeconds": 10,
        "JitterStrategy": "FULL"}]"#;
    let definition = definition(&one_task(&lambda("flaky"), more));
    let world = run(&definition, "{}");
    let delays = world.journal.iter().filter_map(|event| match event.kind {
        EventKind::RetryArmed { until, .. } => Some(until - event.at),
        _ => None,
    });
    let delays = delays.collect::<Vec<_>>();
    assert_eq!(delays.len(), 2);
    assert!(delays.iter().all(|delay| (0..=10_000).contains(delay)), "{delays:?}");
    assert_ne!(delays[0], delays[1]);
}

#[test]
fn a_silent_task_times_out_at_its_limit() {
    let definition = definition(&one_task(&lambda("silent"), r#", "TimeoutSeconds": 5"#));
    let world = run(&definition, "{}");
    assert_eq!(world.execution.status(), Status::Failed);
    assert_eq!(world.error(), (Some("States.Timeout".into()), None));
    assert_eq!(world.now, START + 5_000);
    assert_eq!(world.history().last().unwrap(), "6<5 ExecutionFailed");
}

#[test]
fn a_missing_heartbeat_is_caught_by_its_own_name() {
    let activity = "arn:aws:states:us-east-1:123456789012:activity:silent";
    let more = r#", "TimeoutSeconds": 60, "HeartbeatSeconds": 10,
        "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Caught"}]"#;
    let definition = definition(&one_task(activity, more));
    let world = run(&definition, "{}");
    assert_eq!(world.now, START + 10_000);
    assert_eq!(world.output(), r#"{"Error":"States.Timeout","Cause":""}"#);
}

#[test]
fn heartbeats_keep_a_task_alive() {
    let activity = "arn:aws:states:us-east-1:123456789012:activity:beats";
    let definition = definition(&one_task(activity, r#", "TimeoutSeconds": 60, "HeartbeatSeconds": 5"#));
    let world = run(&definition, "{}");
    assert_eq!(world.execution.status(), Status::Succeeded);
}

#[test]
fn a_result_over_the_quota_fails_the_task_and_can_be_caught() {
    let more = r#", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]"#;
    let definition = definition(&one_task(&lambda("huge"), more));
    let world = run(&definition, "{}");
    assert!(world.output().contains("States.DataLimitExceeded"), "{}", world.output());
}

#[test]
fn a_runtime_error_is_beyond_every_catcher() {
    let definition = definition(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "OutputPath": "$.none",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:echo",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}], "End": true}, "B": {"Type": "Succeed"}}}"#,
    );
    let world = run(&definition, r#"{"a":1}"#);
    let (error, cause) = world.error();
    assert_eq!(error.as_deref(), Some("States.Runtime"));
    assert_eq!(
        cause.as_deref(),
        Some(
            "An error occurred while executing the state 'A' (entered at the event id #2). \
             Invalid path '$.none' : No results for path: $['none']"
        )
    );
}

#[test]
fn a_path_to_no_seconds_is_told_in_aws_s_words() {
    let definition = definition(
        r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.input.waitSeconds", "End": true}}}"#,
    );
    let (error, cause) = run(&definition, "{}").error();
    assert_eq!(error.as_deref(), Some("States.Runtime"));
    let expected = "An error occurred while executing the state 'W' (entered at the event id #2). \
                    The SecondsPath parameter does not reference an input value: $.input.waitSeconds";
    assert_eq!(cause.as_deref(), Some(expected));
}

#[test]
fn an_undefined_expression_is_an_event_of_its_own() {
    let definition = definition(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Pass", "Output": {"v": "{% $nothing %}"}, "End": true}}}"#,
    );
    let world = run(&definition, "{}");
    assert_eq!(world.error().0.as_deref(), Some("States.QueryEvaluationError"));
    let history = world.history();
    assert_eq!(history[4..], ["5<3 EvaluationFailed", "6<5 ExecutionFailed"][..], "{history:#?}");
}

#[test]
fn variables_are_assigned_together_and_seen_by_branches() {
    let definition = definition(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
            "B": {"Type": "Pass", "Assign": {"x": "{% $x + 1 %}", "y": "{% $x %}"}, "Next": "C"},
            "C": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "D", "States": {"D": {"Type": "Pass", "Output": "{% [$x, $y] %}", "End": true}}},
                {"StartAt": "E", "States": {"E": {"Type": "Pass", "Output": "{% $x %}", "End": true}}}]}}}"#,
    );
    assert_eq!(run(&definition, "{}").output(), "[[2,1],2]");
}

#[test]
fn a_map_runs_within_its_concurrency_and_keeps_the_order() {
    let definition = definition(
        r#"{"StartAt": "Each", "States": {"Each": {"Type": "Map", "MaxConcurrency": 1, "End": true,
            "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"#,
    );
    let world = run(&definition, r#"["a","b"]"#);
    assert_eq!(world.output(), r#"[{"i":0,"v":"a"},{"i":1,"v":"b"}]"#);
    assert_eq!(
        world.history(),
        [
            "1<0 ExecutionStarted",
            "2<0 StateEntered Each",
            "3<2 MapStateStarted",
            "4<3 MapIterationStarted 0",
            "5<4 StateEntered P",
            "6<5 StateExited P",
            "7<6 MapIterationSucceeded 0",
            "8<6 MapIterationStarted 1",
            "9<8 StateEntered P",
            "10<9 StateExited P",
            "11<10 MapIterationSucceeded 1",
            "12<11 MapStateSucceeded",
            "13<11 StateExited Each",
            "14<13 ExecutionSucceeded"
        ]
    );
}

#[test]
fn an_empty_map_succeeds_at_once() {
    let definition = definition(
        r#"{"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true,
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"#,
    );
    assert_eq!(run(&definition, "[]").output(), "[]");
}

#[test]
fn a_failed_iteration_is_retried_and_announced_only_at_the_end() {
    let definition = definition(
        r#"{"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true,
            "Retry": [{"ErrorEquals": ["Bad"], "MaxAttempts": 1}],
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Fail", "Error": "Bad"}}}}}}"#,
    );
    let world = run(&definition, "[1]");
    assert_eq!(world.error(), (Some("Bad".into()), None));
    assert_eq!(
        world.history()[2..],
        [
            "3<2 MapStateStarted",
            "4<3 MapIterationStarted 0",
            "5<4 StateEntered P",
            "6<5 MapIterationFailed 0",
            "7<5 MapStateStarted",
            "8<7 MapIterationStarted 0",
            "9<8 StateEntered P",
            "10<9 MapIterationFailed 0",
            "11<9 MapStateFailed",
            "12<11 ExecutionFailed"
        ][..]
    );
}

#[test]
fn a_failing_branch_cuts_off_its_siblings_and_can_be_caught() {
    let definition = definition(
        r#"{"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Next": "Done",
            "Catch": [{"ErrorEquals": ["Bad"], "Next": "Done"}], "Branches": [
            {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100, "End": true}}},
            {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad", "Cause": "why"}}}]},
            "Done": {"Type": "Succeed"}}}"#,
    );
    let world = run(&definition, "{}");
    assert_eq!(world.output(), r#"{"Error":"Bad","Cause":"why"}"#);
    assert_eq!(world.now, START);
    let history = world.history();
    assert!(history.iter().any(|line| line.ends_with("StateAborted")), "{history:#?}");
    assert!(history.iter().any(|line| line.ends_with("ParallelStateFailed")), "{history:#?}");
}

#[test]
fn a_task_that_ends_its_branch_is_shown_aborted_after_its_failure() {
    let definition = definition(
        r#"{"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": true,
            "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}],
            "Branches": [{"StartAt": "T", "States": {"T": {"Type": "Task", "End": true,
                "Resource": "arn:aws:lambda:us-east-1:123456789012:function:broken"}}}]}}}"#,
    );
    let history = run(&definition, "{}").history();
    assert_eq!(
        history[4..],
        [
            "5<4 TaskScheduled",
            "6<5 TaskStarted",
            "7<6 TaskFailed",
            "8<7 StateAborted",
            "9<7 ParallelStateStarted",
            "10<9 StateEntered T",
            "11<10 TaskScheduled",
            "12<11 TaskStarted",
            "13<12 TaskFailed",
            "14<13 StateAborted",
            "15<13 ParallelStateFailed",
            "16<15 ExecutionFailed",
        ]
    );
}

#[test]
fn a_passs_variables_come_from_its_result() {
    let definition = definition(
        r#"{"StartAt": "P", "States": {
            "P": {"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.deep", "Assign": {"all.$": "$"}, "Next": "Q"},
            "Q": {"Type": "Pass", "Parameters": {"seen.$": "$all"}, "End": true}}}"#,
    );
    assert_eq!(run(&definition, r#"{"b":2}"#).output(), r#"{"seen":{"a":1}}"#);
}

#[test]
fn the_machine_time_out_cuts_through_everything() {
    let definition = definition(
        r#"{"StartAt": "W", "TimeoutSeconds": 5, "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}}"#,
    );
    let world = run(&definition, "{}");
    assert_eq!(world.execution.status(), Status::TimedOut);
    assert_eq!(world.now, START + 5_000);
    assert_eq!(world.history().last().unwrap(), "3<0 ExecutionTimedOut");
}

#[test]
fn no_choice_without_a_default_is_an_error() {
    let definition = definition(
        r#"{"StartAt": "C", "States": {"C": {"Type": "Choice",
            "Choices": [{"Variable": "$.a", "NumericEquals": 2, "Next": "S"}]}, "S": {"Type": "Succeed"}}}"#,
    );
    assert_eq!(run(&definition, r#"{"a":1}"#).error().0.as_deref(), Some("States.NoChoiceMatched"));
    assert_eq!(run(&definition, r#"{"a":2}"#).output(), r#"{"a":2}"#);
}

#[test]
fn a_runaway_loop_ends_at_the_history_quota() {
    let definition = definition(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Default": "A",
            "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "C"}]}, "C": {"Type": "Succeed"}}}"#,
    );
    let world = run(&definition, "{}");
    assert_eq!(world.execution.status(), Status::Failed);
    assert_eq!(world.history().last().unwrap(), "25000<24999 ExecutionFailed");
}

#[test]
fn stale_and_late_inputs_mean_nothing() {
    let definition = definition(&one_task(&lambda("silent"), r#", "TimeoutSeconds": 5"#));
    let mut world = World::new(&definition, "{}", Limits::default());
    world.deliver(Input::Advance);
    let order = world.execution.outstanding().into_iter().find_map(|command| match command {
        execution::Command::Perform(order) => Some(order),
        execution::Command::Run(_) | execution::Command::WakeAt(_) => None,
    });
    let mut task = order.unwrap().task;
    task.attempt += 1;
    assert_eq!(world.deliver(Input::TaskSucceeded { task, output: "early".into() }), 0);
    task.attempt -= 1;
    assert_eq!(world.deliver(Input::Stop(failure("Stopped", "by hand"))), 1);
    assert_eq!(world.deliver(Input::TaskSucceeded { task, output: "late".into() }), 0);
    assert_eq!(world.execution.status(), Status::Aborted);
    assert_eq!(world.execution.due(), None);
    assert_eq!(world.execution.outstanding(), []);
}

#[test]
fn the_context_object_tells_who_and_where() {
    let definition = definition(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true,
            "Output": "{% $states.context %}"}}}"#,
    );
    let context = asl::Value::parse(&run(&definition, r#"{"k":1}"#).output()).unwrap();
    let get = |a: &str, b: &str| context.get(a).and_then(|value| value.get(b)).unwrap().to_string();
    assert_eq!(get("Execution", "Input"), r#"{"k":1}"#);
    assert_eq!(get("Execution", "StartTime"), r#""2023-11-14T22:13:20.000Z""#);
    assert_eq!(get("StateMachine", "Name"), r#""machine""#);
    assert_eq!(get("State", "Name"), r#""A""#);
    assert_eq!(context.get("State").and_then(|state| state.get("RetryCount")), None, "a Pass state cannot retry");
}

#[test]
fn a_loop_that_wraps_its_data_fails_and_does_not_overflow() {
    let wrapping = [
        r#""Type": "Pass", "Output": {"a": "{% $states.input %}"}"#,
        r#""Type": "Parallel", "Branches": [{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}]"#,
    ];
    for state in wrapping {
        let definition = definition(&format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "Wrap", "States": {{
                "Wrap": {{{state}, "Next": "Again?"}},
                "Again?": {{"Type": "Choice", "Choices": [{{"Condition": "{{% false %}}", "Next": "Done"}}],
                    "Default": "Wrap"}},
                "Done": {{"Type": "Succeed"}}}}}}"#
        ));
        let world = run(&definition, "1");
        assert_eq!(world.execution.status(), Status::Failed);
        let cause = world.execution.failure().cause.clone().unwrap_or_default();
        assert!(cause.contains("nests deeper than 1000 levels"), "{state}: {cause}");
    }
}

#[test]
fn what_is_handed_through_is_written_as_it_came() {
    let definition = definition(
        r#"{"StartAt": "P", "States": {
            "P": {"Type": "Parallel", "Next": "Each",
                "Branches": [{"StartAt": "In", "States": {"In": {"Type": "Pass", "End": true}}}]},
            "Each": {"Type": "Map", "ItemsPath": "$[0]", "ItemSelector": {"v.$": "$$.Map.Item.Value", "all.$": "$"},
                "ItemProcessor": {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": true}}},
                "ResultPath": null, "Next": "Made"},
            "Made": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input[0] %}", "End": true}}}"#,
    );
    let run = |crash: bool| {
        let input = "[[1, 2]]";
        let mut world = World::new(&definition, input, Limits::default());
        world.execution = world.execution.clone().written(Some(input.into()));
        world.run();
        if !crash {
            return world.journal;
        }
        // From every prefix, as it comes back from the disk.
        for length in 1..world.journal.len() {
            let kept = serde_json::to_string(&world.journal[..length]).unwrap();
            let kept: Vec<Event> = serde_json::from_str(&kept).unwrap();
            let mut again = World::recovered(&definition, input, Limits::default(), &kept);
            again.run();
            let written = |journal: &[Event]| journal.iter().map(|event| event.written.clone()).collect::<Vec<_>>();
            assert_eq!(written(&again.journal), written(&world.journal), "after {length} events");
        }
        world.journal
    };
    run(true);
    let texts: Vec<String> =
        run(false).iter().filter_map(|event| Some(format!("{} {}", event.id, event.written.as_deref()?))).collect();
    assert_eq!(
        texts,
        [
            "1 [[1, 2]]",
            "2 [[1, 2]]",
            "3 [[1, 2]]",
            "4 [[1, 2]]",
            "5 [[1, 2]]",
            "7 [[[1, 2]]]",
            "8 [[[1, 2]]]",
            "9 [[1, 2]]",
            "15 [[[1, 2]]]",
            "16 [[[1, 2]]]",
        ]
    );
}
