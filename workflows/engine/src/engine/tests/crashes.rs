//! Crashes, shutting down, and what goes on after them.

use super::*;

#[tokio::test]
async fn everything_goes_on_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let waiting = create(&engine, "waiting", &machine(WAIT)).await;
    let working = create(&engine, "working", &task(ACTIVITY, "")).await;
    let done = start(&engine, &create(&engine, "done", &machine(PASS)).await, "e").await;
    let slept = start(&engine, &waiting, "e").await;
    let leased = start(&engine, &working, "leased").await;
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    let queued = start(&engine, &working, "queued").await;
    let change = StateMachineChange { definition: Some(machine(PASS)), ..StateMachineChange::default() };
    engine.update_state_machine(&waiting, change).await.unwrap();
    let before = engine.history(&slept).unwrap();
    // No shutdown: the engine is dropped where it stands.
    drop(engine);

    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(engine.list_state_machines().len(), 3);
    assert_eq!(engine.describe_execution(&done).unwrap().status, Status::Succeeded);
    assert_eq!(engine.history(&slept).unwrap(), before);
    let next = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    assert_ne!(next.token, work.token, "the leased task stays with its worker");
    assert_eq!(engine.get_activity_task(ACTIVITY, None, Duration::ZERO).await.unwrap(), None);
    engine.send_task_success(&work.token, Value::from(1_i64)).await.unwrap();
    engine.send_task_success(&next.token, Value::from(2_i64)).await.unwrap();
    assert_eq!(engine.ended(&leased).await.unwrap().output, Some(Value::from(1_i64)));
    assert_eq!(engine.ended(&queued).await.unwrap().output, Some(Value::from(2_i64)));
    clock.advance(3_600_000);
    let ended = engine.ended(&slept).await.unwrap();
    assert_eq!((ended.status, ended.stop_date), (Status::Succeeded, Some(START + 3_600_000)), "its old definition");
}

#[tokio::test]
async fn a_parent_finds_its_child_again_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let child = create(&engine, "child", &machine(WAIT)).await;
    let parent = create(&engine, "parent", &parent(&child, ".sync:2")).await;
    let arn = start(&engine, &parent, "e").await;
    while engine.list_executions(Some(&child), None).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    clock.advance(3_600_000);
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
    assert_eq!(engine.list_executions(Some(&child), None).unwrap().len(), 1, "a second child was started");
}

#[tokio::test]
async fn a_call_that_a_crash_cut_off_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (asked, mut first) = tokio::sync::mpsc::unbounded_channel();
    let hanging = Server::start(move |_| {
        let _ = asked.send(());
        std::future::pending()
    })
    .await;
    let engine = open(Some(directory.path()), &hanging.url, &clock).await;
    let machine = create(&engine, "m", &task("arn:aws:lambda:us-east-1:123456789012:function:f", "")).await;
    let arn = start(&engine, &machine, "e").await;
    first.recv().await.unwrap();
    drop(engine);
    let answering = Server::constant(200, vec![], "3").await;
    let engine = open(Some(directory.path()), &answering.url, &clock).await;
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from(3_i64)));
    assert_eq!(kinds(&engine, &arn).iter().filter(|kind| *kind == "TaskStarted").count(), 1);
}

#[tokio::test]
async fn a_stopped_execution_drops_its_call() {
    let (asked, mut first) = tokio::sync::mpsc::unbounded_channel();
    let (held, mut dropped) = tokio::sync::mpsc::unbounded_channel::<()>();
    let server = Server::start(move |_| {
        let (asked, held) = (asked.clone(), held.clone());
        async move {
            let _held = held;
            let _ = asked.send(());
            std::future::pending().await
        }
    })
    .await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let machine = create(&engine, "m", &task("arn:aws:lambda:us-east-1:123456789012:function:f", "")).await;
    let arn = start(&engine, &machine, "e").await;
    first.recv().await.unwrap();
    engine.stop_execution(&arn, Failure::default()).await.unwrap();
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Aborted);
    // The server's own handle remains; the connection's is dropped when the client hangs up.
    while dropped.sender_strong_count() > 1 {
        tokio::task::yield_now().await;
    }
    dropped.close();
}

#[tokio::test]
async fn a_shut_down_engine_refuses_and_its_directory_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    let refused = Engine::open(config(Some(directory.path()), "http://127.0.0.1:1", &clock)).await.unwrap_err();
    assert!(refused.to_string().contains("is in use by another server"), "{refused}");
    engine.shutdown().await;
    assert!(engine.start_execution(&machine, None, Value::Null).await.is_err());
    let again = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(again.list_state_machines().len(), 1);
}

#[tokio::test]
async fn a_directorys_time_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let scaled = Clock::starting_now(1000.0);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &scaled).await;
    let (origin, before) = (engine.config().clock.origin(), engine.now());
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &Clock::starting_now(1000.0)).await;
    assert_eq!(engine.config().clock.origin(), origin);
    assert!(engine.now() >= before);
}
