//! When nothing can happen, and time that is skipped.

use super::*;

/// What the engine says once everything so far is durable and seen to.
async fn idle(engine: &Engine) -> Option<Millis> {
    let core = &engine.core;
    while core.records.committer.at_rest().is_none() || core.errands.load(std::sync::atomic::Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    engine.idle().and_then(|idle| idle.due)
}

async fn happens(engine: &Engine, arn: &str, kind: &str) {
    while !kinds(engine, arn).iter().any(|known| known == kind) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn it_is_idle_while_all_wait_for_time_and_has_no_due_time_without_them() {
    let (engine, clock) = in_memory().await;
    assert_eq!(engine.idle().map(|idle| idle.due), Some(None), "nothing is open");
    let hour = create(&engine, "hour", &machine(WAIT)).await;
    let minute = create(&engine, "minute", &machine(r#"{"Type":"Wait","Seconds":60,"End":true}"#)).await;
    start(&engine, &hour, "e").await;
    assert_eq!(idle(&engine).await, Some(START + 3_600_000));
    let before = engine.idle().unwrap().revision;
    let first = start(&engine, &minute, "e").await;
    assert_eq!(idle(&engine).await, Some(START + 60_000));
    assert!(engine.idle().unwrap().revision > before, "something happened in between");
    clock.advance(60_000);
    engine.ended(&first).await.unwrap();
    assert_eq!(idle(&engine).await, Some(START + 3_600_000));
    let pass = create(&engine, "pass", &machine(PASS)).await;
    let ended = start(&engine, &pass, "e").await;
    engine.ended(&ended).await.unwrap();
    assert_eq!(idle(&engine).await, Some(START + 3_600_000), "what has ended does not count");
}

#[tokio::test]
async fn a_call_under_way_is_not_idle_and_the_pause_before_its_retry_is() {
    let (called, mut calls) = tokio::sync::mpsc::unbounded_channel();
    let (go, gone) = tokio::sync::watch::channel(false);
    let server = Server::start(move |_| {
        let (called, mut gone) = (called.clone(), gone.clone());
        async move {
            called.send(()).unwrap();
            gone.wait_for(|go| *go).await.unwrap();
            (200, vec![("x-amz-function-error", "Unhandled")], r#"{"errorType":"Ops.Busy"}"#.to_owned())
        }
    })
    .await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let retry = r#","Retry":[{"ErrorEquals":["Ops.Busy"],"IntervalSeconds":30}],"TimeoutSeconds":60"#;
    let machine = create(&engine, "m", &task("arn:aws:lambda:us-east-1:123456789012:function:f", retry)).await;
    let arn = start(&engine, &machine, "e").await;
    calls.recv().await.unwrap();
    assert_eq!(idle(&engine).await, None);
    go.send(true).unwrap();
    happens(&engine, &arn, "TaskFailed").await;
    assert_eq!(idle(&engine).await, Some(START + 30_000));
}

#[tokio::test]
async fn a_task_of_an_activity_is_not_idle_before_a_worker_or_with_one() {
    let (engine, _) = in_memory().await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, r#","TimeoutSeconds":60,"HeartbeatSeconds":10"#)).await;
    let arn = start(&engine, &machine, "e").await;
    assert_eq!(idle(&engine).await, None, "queued");
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    assert_eq!(idle(&engine).await, None, "handed out");
    engine.send_task_success(&work.token, Value::Null).await.unwrap();
    engine.ended(&arn).await.unwrap();
    assert_eq!(idle(&engine).await, None, "nothing is due");
}

#[tokio::test]
async fn a_token_that_is_out_is_not_idle() {
    let server = Server::constant(200, vec![], r#"{"MessageId":"m"}"#).await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let fields = r#","Arguments":{"QueueUrl":"q","MessageBody":"b"},"TimeoutSeconds":60"#;
    let machine = create(&engine, "m", &task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", fields)).await;
    let arn = start(&engine, &machine, "e").await;
    happens(&engine, &arn, "TaskSubmitted").await;
    assert_eq!(idle(&engine).await, None);
}

#[tokio::test]
async fn a_parent_waits_as_its_child_does() {
    let (engine, _) = in_memory().await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let child = create(&engine, "child", &machine(WAIT)).await;
    let middle = create(&engine, "middle", &parent(&child, ".sync")).await;
    let outer = create(&engine, "outer", &parent(&middle, ".sync:2")).await;
    let arn = start(&engine, &outer, "e").await;
    happens(&engine, &arn, "TaskSubmitted").await;
    let children = || async { engine.list_executions(None, Some(Status::Running)).unwrap().len() };
    while children().await < 3 || idle(&engine).await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(idle(&engine).await, Some(START + 3_600_000));
    let working = create(&engine, "working", &task(ACTIVITY, "")).await;
    let other = create(&engine, "other", &parent(&working, ".sync")).await;
    let arn = start(&engine, &other, "e").await;
    happens(&engine, &arn, "TaskSubmitted").await;
    assert_eq!(idle(&engine).await, None, "its child waits for a worker");
}

#[tokio::test]
async fn iterations_count_each() {
    let map = |state: &str| {
        machine(&format!(
            r#"{{"Type":"Map","Items":[90,30,60],"MaxConcurrency":2,"End":true,
                "ItemProcessor":{{"StartAt":"I","States":{{"I":{state}}}}}}}"#
        ))
    };
    let (engine, clock) = in_memory().await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let wait = r#"{"Type":"Wait","Seconds":"{% $states.input %}","End":true}"#;
    let waiting = create(&engine, "waiting", &map(wait)).await;
    start(&engine, &waiting, "e").await;
    assert_eq!(idle(&engine).await, Some(START + 30_000));
    clock.advance(30_000);
    while idle(&engine).await != Some(START + 90_000) {
        tokio::task::yield_now().await;
    }
    let choice = format!(
        r#"{{"Type":"Choice","Choices":[{{"Condition":"{{% $states.input = 30 %}}","Next":"A"}}],"Default":"W"}},
            "W":{wait},"A":{{"Type":"Task","Resource":"{ACTIVITY}","End":true}}"#
    );
    let mixed = create(&engine, "mixed", &map(&choice)).await;
    start(&engine, &mixed, "e").await;
    assert_eq!(idle(&engine).await, None, "one of them waits for a worker");
}

#[tokio::test]
async fn what_is_not_durable_is_not_idle() {
    let (engine, store) = super::activities::gated(usize::MAX).await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    assert_eq!(idle(&engine).await, None);
    store.set_open(false);
    let mut started = Box::pin(engine.start_execution(&machine, None, Value::Null));
    assert!(futures::future::poll_immediate(&mut started).await.is_none());
    assert_eq!(engine.idle(), None);
    store.set_open(true);
    started.await.unwrap();
    assert_eq!(idle(&engine).await, Some(START + 3_600_000));
}

#[tokio::test]
async fn a_skip_wakes_what_is_due_and_a_restart_does_not_take_it_back() {
    const MONTH: Millis = 30 * 86_400_000;
    let directory = tempfile::tempdir().unwrap();
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &Clock::system()).await;
    let machine = create(&engine, "m", &machine(r#"{"Type":"Wait","Seconds":2592000,"End":true}"#)).await;
    let arn = start(&engine, &machine, "e").await;
    while idle(&engine).await.is_none() {
        tokio::task::yield_now().await;
    }
    let clock = engine.config().clock.clone();
    let by = engine.idle().unwrap().due.unwrap() - engine.now();
    engine.record_skipped(by).await.unwrap();
    clock.skip(by);
    let ended = engine.ended(&arn).await.unwrap();
    assert!(ended.stop_date.unwrap() - ended.start_date >= MONTH);
    assert!(ended.stop_date.unwrap() - ended.start_date < MONTH + 60_000);
    let before = engine.now();
    engine.shutdown().await;
    drop(engine);
    let resumed = crate::resumed_clock(directory.path(), Clock::system()).unwrap();
    assert_eq!(resumed.skipped(), by);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &resumed).await;
    assert!(engine.now() >= before && engine.now() - before < 60_000);
}
