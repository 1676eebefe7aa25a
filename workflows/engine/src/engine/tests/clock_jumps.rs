//! The system's clock is set while the engine runs, and while it does not.

use super::*;

const HOUR: Millis = 3_600_000;
/// A minute of virtual time takes 60 ms.
const SCALE: f64 = 1000.0;

fn minute() -> String {
    machine(r#"{"Type":"Wait","Seconds":60,"End":true}"#)
}

/// Time in the history does not go back, and the Wait lasted as long as it was to last.
fn check(engine: &Engine, arn: &str) {
    let events = engine.history(arn).unwrap();
    let times: Vec<_> = events.iter().map(|event| event.at).collect();
    assert!(times.is_sorted(), "{times:?}");
    let at = |kind: fn(&EventKind) -> bool| events.iter().find(|event| kind(&event.kind)).unwrap().at;
    let entered = at(|kind| matches!(kind, EventKind::StateEntered { .. }));
    let exited = at(|kind| matches!(kind, EventKind::StateExited { .. }));
    assert!(exited - entered >= 60_000, "woken after {} ms", exited - entered);
}

#[tokio::test]
async fn a_wait_ends_neither_early_nor_never_when_the_clock_is_set_back() {
    let engine = open(None, "http://127.0.0.1:1", &Clock::starting_now(SCALE)).await;
    let waiting = create(&engine, "m", &minute()).await;
    let before = start(&engine, &waiting, "before").await;
    engine.config().clock.set_system(-24 * HOUR);
    let after = start(&engine, &waiting, "after").await;
    for arn in [before, after] {
        assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
        check(&engine, &arn);
    }
}

#[tokio::test]
async fn a_wait_is_over_when_the_clock_is_set_forward_beyond_it() {
    let engine = open(None, "http://127.0.0.1:1", &Clock::system()).await;
    let arn = start(&engine, &create(&engine, "m", &machine(WAIT)).await, "e").await;
    engine.config().clock.set_system(HOUR);
    // Whoever changes what is due next wakes the sleeper, who looks every few seconds otherwise.
    start(&engine, &create(&engine, "short", &machine(r#"{"Type":"Wait","Seconds":0,"End":true}"#)).await, "e").await;
    let ended = engine.ended(&arn).await.unwrap();
    assert!(ended.stop_date.unwrap() - ended.start_date >= HOUR);
}

#[tokio::test]
async fn a_restart_on_an_earlier_clock_takes_no_time_back_and_waits_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &Clock::starting_now(SCALE)).await;
    let waiting = create(&engine, "m", &minute()).await;
    // What is set forward now is set back for the next engine, which knows nothing of it.
    engine.config().clock.set_system(24 * HOUR);
    let before = start(&engine, &waiting, "before").await;
    let started = engine.describe_execution(&before).unwrap().start_date;
    engine.shutdown().await;
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &Clock::starting_now(SCALE)).await;
    assert!(engine.now() >= started);
    let after = start(&engine, &waiting, "after").await;
    for arn in [before, after] {
        let ended = engine.ended(&arn).await.unwrap();
        assert_eq!(ended.status, Status::Succeeded);
        assert!(ended.start_date >= started);
        check(&engine, &arn);
    }
}
