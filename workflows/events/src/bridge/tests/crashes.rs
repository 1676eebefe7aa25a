//! A crash at every step: every accepted event, every scheduled time and every change of status starts one execution.

use super::*;

/// What there is when everything has gone on after a crash at step `steps`; `None` where nothing was cut off.
async fn crash_after(steps: usize) -> Option<()> {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::manual(START));
    let config = Config { missed: Missed::RunAll };
    let world = World::open(Some(directory.path()), &clock, config).await;
    let machines =
        [world.machine("put", PASS).await, world.machine("timed", PASS).await, world.machine("told", PASS).await];
    let [put, timed, told] = &machines;
    world.rule("put", json!({"EventPattern": {"source": ["s"]}}), json!({"Arn": put})).await;
    world.schedule("timed", "rate(1 hour)", timed, json!({"StartDate": "2026-01-01T01:00:00Z"})).await;
    let pattern =
        json!({"source": ["aws.states"], "detail": {"status": ["SUCCEEDED"], "stateMachineArn": [put, timed]}});
    world.rule("told", json!({"EventPattern": pattern}), json!({"Arn": told})).await;
    world.settled().await;

    world.bridge.inner.fuse.set(steps);
    let inner = Arc::clone(&world.bridge.inner);
    let entry = json!({"Source": "s", "DetailType": "t", "Detail": "{}"});
    let bridge = Arc::new(world.bridge);
    let (putting, putter) = (Arc::clone(&bridge), json!({"Entries": [entry]}));
    let accepted =
        tokio::spawn(async move { crate::wire::perform_events(&putting, "PutEvents", &putter).await.is_ok() });
    let accepted = accepted.await.unwrap_or(false);
    clock.advance(HOUR);
    while !inner.fuse.is_burnt() && (bridge.idle().is_none() || world.engine.idle().is_none()) {
        tokio::task::yield_now().await;
    }
    let burnt = inner.fuse.is_burnt();
    drop(inner);
    drop(bridge);
    drop(world.engine);

    let world = World::open(Some(directory.path()), &clock, config).await;
    world.settled().await;
    let put = world.executions(put).len();
    assert!(put == 1 || (put == 0 && !accepted), "step {steps}: {put} executions, accepted: {accepted}");
    assert_eq!(world.executions(timed).len(), 1, "step {steps}");
    assert_eq!(world.executions(told).len(), put + 1, "step {steps}");
    burnt.then_some(())
}

#[tokio::test]
async fn after_a_crash_at_any_step_everything_starts_exactly_once() {
    let mut steps = 1;
    while crash_after(steps).await.is_some() {
        steps += 1;
    }
    assert!(steps > 10, "only {steps} steps");
}
