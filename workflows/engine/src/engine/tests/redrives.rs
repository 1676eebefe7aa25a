//! Redrives: executions that ended badly go on.

use super::*;

const DAY: Millis = 24 * 3_600_000;

/// An execution of a task for the activity, which has failed.
async fn failed(engine: &Engine) -> Arc<str> {
    engine.create_activity("a", Vec::new()).await.unwrap();
    let machine = create(engine, "m", &task(ACTIVITY, "")).await;
    let arn = start(engine, &machine, "e").await;
    fail(engine).await;
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Failed);
    arn
}

async fn next_token(engine: &Engine) -> Arc<str> {
    engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap().token
}

async fn fail(engine: &Engine) {
    let failure = Failure { error: Some("Down".into()), cause: None };
    engine.send_task_failure(&next_token(engine).await, failure).await.unwrap();
}

async fn refusal(engine: &Engine, arn: &str) -> String {
    let error = engine.redrive_execution(arn, None).await.unwrap_err();
    assert_eq!(error.code(), "ExecutionNotRedrivable");
    let obstacle = engine.describe_execution(arn).unwrap().redrive_obstacle;
    assert_eq!(obstacle.as_deref(), Some(&*error.to_string()), "the description says the same");
    error.to_string()
}

#[tokio::test]
async fn a_task_that_failed_succeeds_after_a_redrive() {
    let (engine, clock) = in_memory().await;
    let arn = failed(&engine).await;
    let before = engine.describe_execution(&arn).unwrap();
    assert_eq!((before.redrive_count, before.redrive_date, before.redrive_obstacle), (0, None, None));
    clock.advance(7);
    assert_eq!(engine.redrive_execution(&arn, None).await.unwrap(), START + 7);
    let running = engine.describe_execution(&arn).unwrap();
    assert_eq!((running.status, running.start_date, running.stop_date), (Status::Running, START, None));
    assert_eq!((running.redrive_count, running.redrive_date, running.failure), (1, Some(START + 7), None));
    assert_eq!(engine.list_executions(None, Some(Status::Running)).unwrap()[0].redrive_count, 1);
    assert_eq!(refusal(&engine, &arn).await, "Execution is RUNNING and cannot be redriven");
    clock.advance(1);
    engine.send_task_success(&next_token(&engine).await, Value::from(5_i64)).await.unwrap();
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!((ended.status, ended.output, ended.stop_date), (Status::Succeeded, Some(5_i64.into()), Some(START + 8)));
    assert_eq!(
        kinds(&engine, &arn),
        [
            "ExecutionStarted",
            "StateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskFailed",
            "ExecutionFailed",
            "ExecutionRedriven",
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "StateExited",
            "ExecutionSucceeded",
        ]
    );
    assert_eq!(refusal(&engine, &arn).await, "Execution is SUCCEEDED and cannot be redriven");
}

#[tokio::test]
async fn what_was_aborted_or_timed_out_waits_its_full_time_again() {
    let (engine, clock) = in_memory().await;
    let wait = |seconds: u64| {
        format!(
            r#"{{"StartAt":"S","TimeoutSeconds":{seconds},"States":{{"S":{{"Type":"Wait","Seconds":3600,"End":true}}}}}}"#
        )
    };
    let stopped = start(&engine, &create(&engine, "stopped", &wait(4000)).await, "e").await;
    let late = start(&engine, &create(&engine, "late", &wait(3000)).await, "e").await;
    clock.advance(1_000_000);
    engine.stop_execution(&stopped, Failure::default()).await.unwrap();
    clock.advance(2_000_000);
    assert_eq!(engine.ended(&late).await.unwrap().status, Status::TimedOut);
    engine.redrive_execution(&stopped, None).await.unwrap();
    engine.redrive_execution(&late, None).await.unwrap();
    clock.advance(3_000_000);
    assert_eq!(engine.ended(&late).await.unwrap().status, Status::TimedOut, "its time counted anew, and was too short");
    clock.advance(600_000);
    let ended = engine.ended(&stopped).await.unwrap();
    assert_eq!((ended.status, ended.stop_date), (Status::Succeeded, Some(START + 6_600_000)));
    assert_eq!(engine.describe_execution(&late).unwrap().stop_date, Some(START + 6_000_000));
}

#[tokio::test]
async fn the_same_token_is_the_same_redrive() {
    let (engine, clock) = in_memory().await;
    let arn = failed(&engine).await;
    let redrive = |token: &str| engine.redrive_execution(&arn, Some(token.to_owned()));
    let first = redrive("one").await.unwrap();
    clock.advance(1000);
    assert_eq!(redrive("one").await.unwrap(), first, "while it runs");
    assert_eq!(redrive("two").await.unwrap_err().code(), "ExecutionNotRedrivable");
    fail(&engine).await;
    engine.ended(&arn).await.unwrap();
    assert_eq!(redrive("one").await.unwrap(), first, "after its end");
    assert_eq!(engine.describe_execution(&arn).unwrap().redrive_count, 1);
    clock.advance(15 * 60_000);
    assert_eq!(redrive("one").await.unwrap(), first + 1000 + 15 * 60_000, "the token is forgotten");
    assert_eq!(engine.describe_execution(&arn).unwrap().redrive_count, 2);
}

#[tokio::test]
async fn ten_tokens_are_remembered() {
    let (engine, _) = in_memory().await;
    let arn = failed(&engine).await;
    for number in 0..11 {
        engine.redrive_execution(&arn, Some(number.to_string())).await.unwrap();
        fail(&engine).await;
        engine.ended(&arn).await.unwrap();
    }
    engine.redrive_execution(&arn, Some("1".to_owned())).await.unwrap();
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Failed, "remembered: nothing happens");
    engine.redrive_execution(&arn, Some("0".to_owned())).await.unwrap();
    assert_eq!(engine.describe_execution(&arn).unwrap().redrive_count, 12, "forgotten");
}

#[tokio::test]
async fn two_who_redrive_at_once_redrive_once() {
    let (engine, _) = in_memory().await;
    let arn = failed(&engine).await;
    let (one, other) = tokio::join!(engine.redrive_execution(&arn, None), engine.redrive_execution(&arn, None));
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1);
    assert_eq!(engine.describe_execution(&arn).unwrap().redrive_count, 1);
    fail(&engine).await;
    engine.ended(&arn).await.unwrap();
    let same = || engine.redrive_execution(&arn, Some("t".to_owned()));
    let (one, other) = tokio::join!(same(), same());
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(engine.describe_execution(&arn).unwrap().redrive_count, 2);
}

#[tokio::test]
async fn limits_are_told_in_awss_words() {
    let (engine, clock) = in_memory().await;
    let arn = failed(&engine).await;
    clock.advance(14 * DAY);
    assert_eq!(engine.describe_execution(&arn).unwrap().redrive_obstacle, None);
    clock.advance(1);
    assert_eq!(refusal(&engine, &arn).await, "Execution redrivable period exceeded.");
    clock.advance(351 * DAY);
    assert_eq!(refusal(&engine, &arn).await, "Execution has exceeded the max execution time.");
    let machine = create(&engine, "other", &machine(r#"{"Type":"Fail"}"#)).await;
    let arn = start(&engine, &machine, "e").await;
    engine.ended(&arn).await.unwrap();
    engine.delete_state_machine(&machine).await.unwrap();
    assert_eq!(refusal(&engine, &arn).await, "State machine is in DELETING status.");
    let gone = "arn:aws:states:us-east-1:123456789012:execution:m:none";
    assert_eq!(engine.redrive_execution(gone, None).await.unwrap_err().code(), "ExecutionDoesNotExist");
    assert_eq!(engine.redrive_execution("X", None).await.unwrap_err().code(), "InvalidArn");
}

#[tokio::test]
async fn a_full_history_cannot_go_on() {
    let clock = Clock::manual(START);
    let mut config = config(None, "http://127.0.0.1:1", &clock);
    config.limits.history_events = 4;
    let engine = Engine::open(config).await.unwrap();
    let arn = start(&engine, &create(&engine, "m", &machine(WAIT)).await, "e").await;
    engine.stop_execution(&arn, Failure::default()).await.unwrap();
    assert_eq!(refusal(&engine, &arn).await, "Execution history event limit exceeded.");
}

#[tokio::test]
async fn a_state_that_fails_again_ends_the_execution_again() {
    let (engine, _) = in_memory().await;
    let arn = start(&engine, &create(&engine, "m", &machine(r#"{"Type":"Fail","Error":"E"}"#)).await, "e").await;
    engine.ended(&arn).await.unwrap();
    for count in 1..=3 {
        engine.redrive_execution(&arn, None).await.unwrap();
        let ended = engine.ended(&arn).await.unwrap();
        assert_eq!((ended.status, ended.redrive_count), (Status::Failed, count));
    }
    let ends = kinds(&engine, &arn);
    assert_eq!(ends.iter().filter(|kind| *kind == "ExecutionFailed").count(), 4);
}

#[tokio::test]
async fn a_redriven_execution_survives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let arn = failed(&engine).await;
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    clock.advance(5);
    let redriven = engine.redrive_execution(&arn, Some("t".to_owned())).await.unwrap();
    let leased = next_token(&engine).await;
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(engine.redrive_execution(&arn, Some("t".to_owned())).await.unwrap(), redriven);
    engine.send_task_success(&leased, Value::from(9_i64)).await.unwrap();
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!((ended.status, ended.output, ended.redrive_count), (Status::Succeeded, Some(9_i64.into()), 1));
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Succeeded);
    assert!(engine.list_executions(None, Some(Status::Running)).unwrap().is_empty());
}

#[tokio::test]
async fn a_redriven_parent_starts_its_child_again() {
    let (engine, clock) = in_memory().await;
    let child = create(&engine, "child", &machine(WAIT)).await;
    let parent = create(&engine, "parent", &parent(&child, ".sync:2")).await;
    let arn = start(&engine, &parent, "e").await;
    let children = |status| engine.list_executions(Some(&child), Some(status)).unwrap();
    while children(Status::Running).is_empty() {
        tokio::task::yield_now().await;
    }
    let first = children(Status::Running)[0].arn.clone();
    engine.stop_execution(&first, Failure::default()).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Failed);
    engine.redrive_execution(&arn, None).await.unwrap();
    while children(Status::Running).is_empty() {
        tokio::task::yield_now().await;
    }
    clock.advance(3_600_000);
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
    assert_eq!((children(Status::Aborted).len(), children(Status::Succeeded).len()), (1, 1));
}
