//! Redrives: what has ended badly goes on where it stood, and keeps what had succeeded.

use crate::world::{START, World, definition, failure};
use execution::{Event, EventKind, Input, Limits, Status};

fn lambda(behaviour: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{behaviour}")
}

fn task(behaviour: &str, more: &str) -> String {
    format!(r#"{{"Type": "Task", "Resource": "{}"{more}, "End": true}}"#, lambda(behaviour))
}

fn machine(state: &str) -> asl::Definition {
    definition(&format!(r#"{{"StartAt": "S", "States": {{"S": {state}}}}}"#))
}

/// Runs to the end, mends what is broken and redrives.
fn redriven<'d>(definition: &'d asl::Definition, input: &str) -> World<'d> {
    let mut world = World::new(definition, input, Limits::default());
    assert_eq!(world.run(), Status::Failed);
    world.redrive();
    world
}

/// The visible events after the last redrive.
fn after_redrive(world: &World<'_>) -> Vec<String> {
    let history = world.history();
    let redrive = history.iter().rposition(|line| line.ends_with("ExecutionRedriven")).expect("a redrive");
    history[redrive + 1..].to_vec()
}

fn scheduled(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, EventKind::TaskScheduled { .. })).count()
}

#[test]
fn a_failed_task_is_scheduled_again_with_its_retries_fresh() {
    let retry = r#", "Retry": [{"ErrorEquals": ["Broken"], "IntervalSeconds": 1, "MaxAttempts": 2}]"#;
    let definition = machine(&task("broken", retry));
    let mut world = World::new(&definition, r#"{"a":1}"#, Limits::default());
    assert_eq!(world.run(), Status::Failed);
    assert_eq!(scheduled(&world.journal), 3);
    let end = world.execution.last_event_id();
    assert!(world.deliver(Input::Redrive) > 0);
    assert_eq!((world.execution.status(), world.execution.ended_at()), (Status::Running, None));
    assert_eq!(world.run(), Status::Failed, "it is not mended yet");
    assert_eq!(scheduled(&world.journal), 6, "the retries counted anew");
    world.redrive();
    assert_eq!(world.run(), Status::Succeeded);
    assert_eq!(world.output(), r#"{"a":1}"#);
    assert_eq!(world.execution.started_at(), Some(START));
    let history = world.history();
    assert_eq!(history[end as usize], format!("{}<{end} ExecutionRedriven", end + 1));
    assert_eq!(history[end as usize + 1], format!("{}<{} TaskScheduled", end + 2, end - 1), "it follows its state");
    assert_eq!(history.iter().filter(|line| line.ends_with("StateEntered S")).count(), 1);
}

#[test]
fn a_parallel_runs_only_the_branches_that_did_not_succeed() {
    let branch = |name: &str, state: &str| format!(r#"{{"StartAt": "{name}", "States": {{"{name}": {state}}}}}"#);
    let branches = [
        branch("Good", &task("echo", r#", "ResultPath": "$.good""#)),
        branch("Slow", r#"{"Type": "Wait", "Seconds": 60, "End": true}"#),
        branch("Bad", &task("broken", "")),
    ];
    let definition = machine(&format!(r#"{{"Type": "Parallel", "Branches": [{}], "End": true}}"#, branches.join(", ")));
    let mut world = redriven(&definition, r#"{"a":1}"#);
    let since = world.now;
    assert_eq!(world.run(), Status::Succeeded, "{:#?}", world.history());
    assert_eq!(world.now, since + 60_000, "the wait that was cut off waits its full time");
    assert_eq!(world.output(), r#"[{"a":1,"good":{"a":1}},{"a":1},{"a":1}]"#);
    assert_eq!(scheduled(&world.journal), 3, "the branch that had succeeded did not run again");
    let after: Vec<String> =
        after_redrive(&world).iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(
        after,
        [
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "StateExited Bad",
            "StateExited Slow",
            "ParallelStateSucceeded",
            "StateExited S",
            "ExecutionSucceeded",
        ]
    );
}

#[test]
fn a_map_runs_only_the_iterations_that_did_not_succeed() {
    let inner = format!(
        r#"{{"StartAt": "C", "States": {{
            "C": {{"Type": "Choice", "Choices": [{{"Variable": "$", "NumericEquals": 2, "Next": "Bad"}},
                  {{"Variable": "$", "NumericEquals": 3, "Next": "Slow"}}], "Default": "Good"}},
            "Good": {}, "Bad": {}, "Slow": {{"Type": "Wait", "Seconds": 9, "End": true}}}}}}"#,
        task("echo", ""),
        task("broken", "")
    );
    let definition =
        machine(&format!(r#"{{"Type": "Map", "MaxConcurrency": 3, "ItemProcessor": {inner}, "End": true}}"#));
    let mut world = redriven(&definition, "[1, 2, 3, 4, 5]");
    assert_eq!(world.run(), Status::Succeeded, "{:#?}", world.history());
    assert_eq!(world.output(), "[1,2,3,4,5]");
    let started = world.history().iter().filter(|line| line.contains("MapIterationStarted")).count();
    assert_eq!(started, 5, "each item has one iteration: {:#?}", world.history());
    let entered = world.history().iter().filter(|line| line.ends_with("StateEntered C")).count();
    assert_eq!(entered, 5, "none is begun anew: {:#?}", world.history());
}

#[test]
fn groups_in_groups_keep_what_succeeded() {
    let inner = format!(r#"{{"StartAt": "I", "States": {{"I": {}}}}}"#, task("broken", ""));
    let map = format!(r#"{{"Type": "Map", "ItemsPath": "$.n", "ItemProcessor": {inner}, "End": true}}"#);
    let wait = r#"{"Type": "Map", "ItemsPath": "$.n", "End": true,
        "ItemProcessor": {"StartAt": "V", "States": {"V": {"Type": "Wait", "Seconds": 5, "End": true}}}}"#;
    let definition = machine(&format!(
        r#"{{"Type": "Parallel", "Branches": [{{"StartAt": "A", "States": {{"A": {map}}}}},
            {{"StartAt": "B", "States": {{"B": {wait}}}}}], "End": true}}"#
    ));
    let mut world = redriven(&definition, r#"{"n":[1,2]}"#);
    assert_eq!(world.run(), Status::Succeeded, "{:#?}", world.history());
    assert_eq!(world.output(), "[[1,2],[1,2]]");
    let started = world.history().iter().filter(|line| line.contains("MapIterationStarted")).count();
    assert_eq!(started, 4);
}

#[test]
fn a_time_out_of_the_execution_counts_anew() {
    let definition = definition(
        r#"{"StartAt": "A", "TimeoutSeconds": 50, "States": {
            "A": {"Type": "Wait", "Seconds": 30, "Next": "B"}, "B": {"Type": "Wait", "Seconds": 40, "End": true}}}"#,
    );
    let mut world = World::new(&definition, "{}", Limits::default());
    assert_eq!(world.run(), Status::TimedOut);
    world.now += 1_000_000;
    let redriven = world.now;
    assert!(world.deliver(Input::Redrive) > 0);
    assert_eq!(world.run(), Status::Succeeded);
    assert_eq!(world.now, redriven + 40_000, "only the wait that was cut off waits again");
}

#[test]
fn what_was_aborted_goes_on_and_its_old_task_is_stale() {
    let definition = machine(&task("silent", ""));
    let mut world = World::new(&definition, "{}", Limits::default());
    world.deliver(Input::Advance);
    let [execution::Command::Perform(old)] = &world.execution.outstanding()[..] else { panic!("a task is out") };
    world.deliver(Input::Stop(failure("Stopped", "by hand")));
    assert_eq!(world.execution.status(), Status::Aborted);
    assert!(world.deliver(Input::Redrive) > 0);
    assert_eq!(world.error(), (None, None));
    assert_eq!(
        world.deliver(Input::TaskSucceeded { task: old.task, output: 1_i64.into() }),
        0,
        "it is another attempt"
    );
    let [execution::Command::Perform(new)] = &world.execution.outstanding()[..] else { panic!("a task is out") };
    assert_ne!(new.token, old.token);
    let task = new.task;
    world.deliver(Input::TaskSucceeded { task, output: 2_i64.into() });
    assert_eq!((world.execution.status(), world.output()), (Status::Succeeded, "2".to_owned()));
}

#[test]
fn states_without_tasks_are_evaluated_again() {
    let text = r#"{"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true,
        "Output": "{% $states.context.Execution.RedriveCount = 0 ? $error('first') : 'good' %}",
        "Branches": [{"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [{"Condition": "{% $states.context.Execution.RedriveCount > 0 %}",
                  "Next": "D"}], "Default": "F"},
            "D": {"Type": "Pass", "End": true}, "F": {"Type": "Fail", "Error": "Once"}}}]}}}"#;
    let definition = definition(text);
    let mut world = redriven(&definition, "{}");
    // The Fail state fails again, as on AWS: it is the state that was entered and not exited.
    assert_eq!(world.run(), Status::Failed);
    assert_eq!(world.error().0.as_deref(), Some("Once"));
    let pass = machine(r#"{"Type": "Pass", "Parameters": {"at.$": "$$.Execution.RedriveTime"}, "End": true}"#);
    let mut world = World::new(&pass, "{}", Limits::default());
    assert_eq!(world.run(), Status::Failed, "there is no such time before a redrive");
    world.redrive();
    assert_eq!(world.run(), Status::Succeeded, "{:?}", world.error());
    assert_eq!(world.output(), r#"{"at":"2023-11-14T22:13:20.000Z"}"#);
}

#[test]
fn a_fork_that_was_retried_or_caught_leaves_nothing_behind() {
    let branches = format!(
        r#""Branches": [{{"StartAt": "B", "States": {{"B": {}}}}}, {{"StartAt": "E", "States": {{"E": {}}}}}]"#,
        task("broken", ""),
        task("echo", "")
    );
    let definition = definition(&format!(
        r#"{{"StartAt": "P", "States": {{
            "P": {{"Type": "Parallel", {branches}, "Retry": [{{"ErrorEquals": ["Broken"], "MaxAttempts": 1}}],
                 "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "T"}}], "End": true}},
            "T": {}}}}}"#,
        task("broken", "")
    ));
    let mut world = redriven(&definition, "{}");
    assert_eq!(world.run(), Status::Succeeded);
    // Two attempts of two branches, then T twice.
    assert_eq!(scheduled(&world.journal), 6, "{:#?}", world.history());
}

#[test]
fn a_parallel_whose_output_was_too_large_runs_again_as_a_whole() {
    let branch = |name: &str| format!(r#"{{"StartAt": "{name}", "States": {{"{name}": {}}}}}"#, task("echo", ""));
    let definition =
        machine(&format!(r#"{{"Type": "Parallel", "Branches": [{}, {}], "End": true}}"#, branch("A"), branch("B")));
    let limits = Limits { payload_bytes: 70, ..Limits::default() };
    let mut world = World::new(&definition, &format!(r#""{}""#, "x".repeat(50)), limits);
    assert_eq!(world.run(), Status::Failed);
    assert_eq!(world.error().0.as_deref(), Some("States.DataLimitExceeded"));
    assert_eq!(scheduled(&world.journal), 2);
    world.redrive();
    assert_eq!(world.run(), Status::Failed);
    assert_eq!(scheduled(&world.journal), 4);
}

#[test]
fn only_a_bad_end_with_room_in_the_history_can_be_redriven() {
    let definition = machine(r#"{"Type": "Wait", "Seconds": 9, "End": true}"#);
    let mut world = World::new(&definition, "{}", Limits::default());
    assert_eq!(world.deliver(Input::Redrive), 0, "it has not begun");
    world.deliver(Input::Advance);
    assert_eq!(world.deliver(Input::Redrive), 0, "it runs");
    world.run();
    assert_eq!((world.deliver(Input::Redrive), world.execution.status()), (0, Status::Succeeded));
    let mut world = World::new(&definition, "{}", Limits { history_events: 4, ..Limits::default() });
    world.deliver(Input::Advance);
    world.deliver(Input::Stop(failure("Stopped", "")));
    assert_eq!((world.deliver(Input::Redrive), world.execution.status()), (0, Status::Aborted));
}
