//! EXPRESS executions: five minutes, and nothing kept.

use super::*;
use crate::express::billed;

async fn express(engine: &Engine, name: &str, definition: &str) -> Arc<str> {
    let new = NewStateMachine { kind: ExecutionType::Express, ..new_machine(name, definition) };
    engine.create_state_machine(new).await.unwrap().machine.arn.clone()
}

/// Executions that the store knows.
fn known(engine: &Engine) -> usize {
    engine.core.records.executions("").unwrap().len()
}

async fn forgotten(engine: &Engine) {
    while known(engine) > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_waits_is_told_the_end_and_nothing_is_kept() {
    let (engine, _) = in_memory().await;
    let machine = express(&engine, "m", &machine(PASS)).await;
    let input = Value::parse(r#"{"a":1}"#).unwrap();
    let started = engine.start_sync_execution(&machine, Some("e".to_owned()), input.clone()).await.unwrap();
    let ended = started.ended().await.unwrap();
    assert!(ended.arn.starts_with("arn:aws:states:us-east-1:123456789012:express:m:e:"), "{}", ended.arn);
    assert_eq!((ended.status, ended.input), (Status::Succeeded, Some(input)));
    assert_eq!(ended.output.unwrap().to_string(), r#"{"done":true}"#);
    forgotten(&engine).await;
    let again = engine.start_sync_execution(&machine, Some("e".to_owned()), Value::Null).await.unwrap();
    assert_ne!(again.ended().await.unwrap().arn, ended.arn, "a name is not used up");
}

#[tokio::test]
async fn what_nobody_waits_for_runs_and_goes() {
    let (engine, clock) = in_memory().await;
    let machine = express(&engine, "m", &machine(WAIT.replace("3600", "60").as_str())).await;
    let arn = start(&engine, &machine, "e").await;
    assert_eq!(known(&engine), 1);
    let refused = "Invalid Arn: 'Resource type not valid in this context: express'";
    assert_eq!(engine.describe_execution(&arn).unwrap_err().to_string(), refused);
    assert_eq!(engine.history(&arn).unwrap_err().to_string(), refused);
    assert_eq!(engine.stop_execution(&arn, Failure::default()).await.unwrap_err().to_string(), refused);
    assert_eq!(engine.list_executions(Some(&machine), None).unwrap_err().code(), "StateMachineTypeNotSupported");
    assert!(engine.list_executions(None, None).unwrap().is_empty());
    clock.advance(60_000);
    forgotten(&engine).await;
    assert_eq!(engine.describe_execution(&arn).unwrap_err().to_string(), refused, "nor is its end remembered");
}

#[tokio::test]
async fn five_minutes_are_the_most() {
    let (engine, clock) = in_memory().await;
    let machine = express(&engine, "m", &machine(WAIT)).await;
    let started = engine.start_sync_execution(&machine, None, Value::Null).await.unwrap();
    clock.advance(300_000);
    let ended = started.ended().await.unwrap();
    assert_eq!((ended.status, ended.stop_date), (Status::TimedOut, Some(START + 300_000)));
    assert_eq!(error_of(&ended), "States.Timeout");
    assert_eq!(billed(&ended), (64, 300_000));
}

#[tokio::test]
async fn a_crash_does_not_lose_one_that_nobody_waits_for() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let waiting = express(&engine, "m", &machine(WAIT.replace("3600", "60").as_str())).await;
    start(&engine, &waiting, "e").await;
    assert_eq!(known(&engine), 1);
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(known(&engine), 1);
    clock.advance(60_000);
    forgotten(&engine).await;
}

#[tokio::test]
async fn one_that_its_caller_waits_for_is_in_memory_alone() {
    let (engine, clock) = in_memory().await;
    let machine = express(&engine, "m", &machine(WAIT.replace("3600", "60").as_str())).await;
    let before = engine.core.records.committer.at_rest();
    let read = engine.start_sync_execution(&machine, None, Value::Null).await.unwrap();
    let unread = engine.start_sync_execution(&machine, None, Value::Null).await.unwrap();
    assert_eq!((known(&engine), engine.core.open().len()), (0, 2));
    assert_ne!(engine.core.records.committer.at_rest(), before, "whoever looks whether time may be skipped sees them");
    assert_eq!(engine.idle().unwrap().due, Some(START + 60_000));
    drop(unread);
    clock.advance(60_000);
    assert_eq!(read.ended().await.unwrap().status, Status::Succeeded);
    while !engine.core.open().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(known(&engine), 0);
}

#[tokio::test]
async fn whoever_waits_hears_that_the_engine_shuts_down() {
    let (engine, _) = in_memory().await;
    let machine = express(&engine, "m", &machine(WAIT)).await;
    let waits = engine.start_sync_execution(&machine, None, Value::Null).await.unwrap();
    engine.shutdown().await;
    assert!(matches!(waits.ended().await, Err(Error::ShuttingDown)));
}

#[tokio::test]
async fn a_standard_machine_has_no_synchronous_execution_and_an_express_one_no_waiting() {
    let (engine, _) = in_memory().await;
    let standard = create(&engine, "s", &machine(PASS)).await;
    let refused = engine.start_sync_execution(&standard, None, Value::Null).await.unwrap_err();
    assert_eq!(refused.to_string(), "This operation is not supported by this type of state machine");
    let new = NewStateMachine { kind: ExecutionType::Express, ..new_machine("x", &parent(&standard, ".sync:2")) };
    let refused = engine.create_state_machine(new).await.unwrap_err().to_string();
    assert!(refused.contains("Express state machine does not support '.sync' service integration"), "{refused}");
}

#[tokio::test]
async fn a_task_starts_one_and_takes_its_result() {
    let (engine, _) = in_memory().await;
    let child = express(&engine, "child", &machine(PASS)).await;
    let resource = "arn:aws:states:::aws-sdk:sfn:startSyncExecution";
    let arguments = format!(r#","Arguments":{{"StateMachineArn":"{child}","Input":"{{\"a\":1}}"}}"#);
    let parent = create(&engine, "parent", &task(resource, &arguments)).await;
    let output = engine.ended(&start(&engine, &parent, "e").await).await.unwrap().output.unwrap();
    assert_eq!(output.get("Output").unwrap().as_str(), Some(r#"{"done":true}"#));
    assert_eq!(output.get("BillingDetails").unwrap().get("BilledMemoryUsedInMB"), Some(&Value::from(64_u64)));
}
