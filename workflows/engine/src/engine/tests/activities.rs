//! Activities: tasks handed out, answered and given back; what waits for the disk.

use super::*;

#[tokio::test]
async fn a_worker_gets_a_task_and_answers_it() {
    let (engine, _) = in_memory().await;
    let activity = engine.create_activity("a", Vec::new()).await.unwrap();
    assert_eq!(engine.create_activity("a", Vec::new()).await.unwrap(), activity);
    let machine = create(&engine, "m", &task(ACTIVITY, r#","Arguments":{"x":1}"#)).await;
    assert_eq!(engine.get_activity_task(ACTIVITY, None, Duration::ZERO).await.unwrap(), None);
    let arn = start(&engine, &machine, "e").await;
    let poll = engine.get_activity_task(ACTIVITY, Some("w".to_owned()), SECOND);
    let work = poll.await.unwrap().unwrap();
    assert_eq!(work.input.to_string(), r#"{"x":1}"#);
    let worker = |event: &Event| match &event.kind {
        EventKind::TaskStarted { worker_name, .. } => worker_name.clone(),
        _ => None,
    };
    assert_eq!(engine.history(&arn).unwrap().iter().find_map(worker).as_deref(), Some("w"), "durable when handed out");
    engine.send_task_heartbeat(&work.token).await.unwrap();
    engine.send_task_success(&work.token, Value::from(5_i64)).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from(5_i64)));
    let late = engine.send_task_success(&work.token, Value::Null).await.unwrap_err();
    assert_eq!(late.to_string(), "Task Timed Out: 'Provided task does not exist anymore'");
    assert_eq!(engine.send_task_heartbeat("nonsense").await.unwrap_err().to_string(), "Invalid Token: 'Invalid token'");
    engine.delete_activity(ACTIVITY).await.unwrap();
    assert!(engine.list_activities().is_empty());
}

#[tokio::test]
async fn a_forged_token_and_one_of_nowhere_are_refused() {
    let (engine, _) = in_memory().await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    start(&engine, &machine, "e").await;
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    let (named, _random) = work.token.rsplit_once('.').unwrap();
    let forged = format!("{named}.{:032x}", 1);
    assert_eq!(engine.send_task_success(&forged, Value::Null).await.unwrap_err().code(), "InvalidToken");
    let (_, rest) = work.token.split_once('.').unwrap();
    let nowhere = format!("YXJuOng.{rest}");
    assert_eq!(engine.send_task_success(&nowhere, Value::Null).await.unwrap_err().code(), "TaskDoesNotExist");
}

#[tokio::test]
async fn a_poller_that_waits_is_woken_by_work() {
    let (engine, _) = in_memory().await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    let gone = tokio::time::timeout(Duration::from_millis(1), engine.get_activity_task(ACTIVITY, None, SECOND));
    assert!(gone.await.is_err(), "a poller that went away");
    let poller = engine.clone();
    let poll = tokio::spawn(async move { poller.get_activity_task(ACTIVITY, None, 60 * SECOND).await });
    tokio::task::yield_now().await;
    start(&engine, &machine, "e").await;
    assert!(poll.await.unwrap().unwrap().is_some());
}

/// An engine over a store whose commits the test can hold up.
pub(super) async fn gated(fails_from: usize) -> (Engine, Arc<Gated>) {
    let store = Arc::new(Gated::failing_from(fails_from));
    let records = Records::over(store.clone(), Path::new("d")).unwrap();
    let config = config(None, "http://127.0.0.1:1", &Clock::manual(START));
    (Engine { core: recovery::open_over(config, records, Observers::default()).await.unwrap() }, store)
}

#[tokio::test]
async fn a_task_begun_for_a_poller_that_left_goes_to_the_next_with_the_same_token() {
    let (engine, store) = gated(usize::MAX).await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    let arn = start(&engine, &machine, "e").await;
    store.set_open(false);
    // One look claims and begins the task; before that is durable the worker disconnects.
    let mut poll = Box::pin(engine.get_activity_task(ACTIVITY, None, SECOND));
    assert!(futures::future::poll_immediate(&mut poll).await.is_none(), "handed out before the disk");
    drop(poll);
    store.set_open(true);
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    engine.send_task_success(&work.token, Value::Null).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
    let begun = kinds(&engine, &arn).iter().filter(|kind| *kind == "TaskStarted").count();
    assert_eq!(begun, 1);
}

#[tokio::test]
async fn nothing_is_answered_before_the_disk() {
    let (engine, store) = gated(usize::MAX).await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    store.set_open(false);
    let mut started = Box::pin(engine.start_execution(&machine, Some("e".to_owned()), Value::Null));
    assert!(futures::future::poll_immediate(&mut started).await.is_none(), "StartExecution");
    assert!(engine.list_executions(None, None).unwrap().is_empty(), "not durable, not shown");
    assert_eq!(engine.get_activity_task(ACTIVITY, None, Duration::ZERO).await.unwrap(), None);
    store.set_open(true);
    let arn = started.await.unwrap().arn;
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    store.set_open(false);
    let mut answered = Box::pin(engine.send_task_success(&work.token, Value::Null));
    assert!(futures::future::poll_immediate(&mut answered).await.is_none(), "SendTaskSuccess");
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Running, "the end is not durable");
    store.set_open(true);
    answered.await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
}

#[tokio::test]
async fn a_store_that_fails_stops_everything() {
    // Format, activity and machine go through; the start does not.
    let (engine, _) = gated(3).await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    let error = engine.start_execution(&machine, None, Value::Null).await.unwrap_err();
    assert_eq!(error.code(), "InternalFailure");
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(engine.get_activity_task(ACTIVITY, None, Duration::ZERO).await.unwrap(), None, "nothing is handed out");
    assert!(engine.create_activity("b", Vec::new()).await.is_err());
}

#[tokio::test]
async fn a_heartbeat_that_does_not_come_times_the_task_out() {
    let (engine, clock) = in_memory().await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, r#","HeartbeatSeconds":10,"TimeoutSeconds":100"#)).await;
    let arn = start(&engine, &machine, "e").await;
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    clock.advance(9_000);
    engine.send_task_heartbeat(&work.token).await.unwrap();
    clock.advance(9_000);
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Running);
    clock.advance(1_000);
    assert_eq!(error_of(&engine.ended(&arn).await.unwrap()), "States.Timeout");
    assert_eq!(engine.send_task_heartbeat(&work.token).await.unwrap_err().code(), "TaskTimedOut");
}

#[tokio::test]
async fn a_task_of_no_activity_fails() {
    let (engine, _) = in_memory().await;
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    let arn = start(&engine, &machine, "e").await;
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!(error_of(&ended), "States.Runtime");
    assert!(ended.failure.unwrap().cause.unwrap().contains(&format!("The activity {ACTIVITY} does not exist.")));
}
