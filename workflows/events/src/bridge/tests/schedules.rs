//! Schedules of both kinds, on time and missed.

use super::*;

#[tokio::test]
async fn every_time_starts_one_execution_with_a_name_that_says_when() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    world
        .schedule("nightly", "cron(30 2 * * ? *)", &machine, json!({"ScheduleExpressionTimezone": "Europe/Berlin"}))
        .await;
    assert_eq!(world.bridge.idle(), Some(Some(START + 90 * MINUTE)));
    world.advance(89 * MINUTE).await;
    assert!(world.executions(&machine).is_empty());
    world.advance(MINUTE).await;
    world.advance(24 * HOUR).await;
    let names = world.executions(&machine);
    assert!(names[0].starts_with("nightly-20260101T013000Z-"), "{names:?}");
    assert!(names[1].starts_with("nightly-20260102T013000Z-"), "{names:?}");
    assert_eq!(world.inputs(&machine), [json!({"n": 1}), json!({"n": 1})]);
}

#[tokio::test]
async fn rates_begin_at_once_where_scheduler_has_them_and_with_a_wait_where_a_rule_has() {
    let world = World::new().await;
    let (scheduled, ruled) = (world.machine("scheduled", PASS).await, world.machine("ruled", PASS).await);
    world.schedule("s", "rate(10 minutes)", &scheduled, json!({})).await;
    world.rule("r", json!({"ScheduleExpression": "rate(10 minutes)"}), json!({"Arn": ruled})).await;
    world.settled().await;
    assert_eq!((world.executions(&scheduled).len(), world.executions(&ruled).len()), (1, 0));
    world.advance(10 * MINUTE).await;
    assert_eq!((world.executions(&scheduled).len(), world.executions(&ruled).len()), (2, 1));
    let event = &world.inputs(&ruled)[0];
    assert_eq!((&event["detail-type"], &event["source"]), (&json!("Scheduled Event"), &json!("aws.events")));
    assert_eq!(event["resources"], json!(["arn:aws:events:us-east-1:123456789012:rule/r"]));
    assert_eq!(event["time"], "2026-01-01T00:10:00Z");
}

#[tokio::test]
async fn a_one_time_schedule_comes_once_and_may_delete_itself() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    world.schedule("stays", "at(2026-01-01T01:00:00)", &machine, json!({})).await;
    world.schedule("goes", "at(2026-01-01T01:00:00)", &machine, json!({"ActionAfterCompletion": "DELETE"})).await;
    world.advance(HOUR).await;
    world.advance(HOUR).await;
    assert_eq!(world.executions(&machine).len(), 2);
    let names: Vec<String> = world.bridge.inner.state().schedules.keys().map(|(_, name)| name.clone()).collect();
    assert_eq!(names, ["stays"]);
    assert_eq!(world.bridge.idle(), Some(None));
}

#[tokio::test]
async fn a_flexible_window_lets_it_come_later_but_not_after() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    let window = json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30}});
    world.schedule("s", "at(2026-01-01T01:00:00)", &machine, window).await;
    world.advance(HOUR).await;
    let due = world.bridge.idle().unwrap().unwrap();
    assert!((START + HOUR..START + 90 * MINUTE).contains(&due), "{due}");
    world.advance(30 * MINUTE).await;
    assert!(world.executions(&machine)[0].starts_with("s-20260101T010000Z-"));
}

#[tokio::test]
async fn schedulers_variables_are_filled_in() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    let input = r#"{"at":"<aws.scheduler.scheduled-time>","arn":"<aws.scheduler.schedule-arn>"}"#;
    let target = json!({"Target": {"Arn": machine, "Input": input}});
    world.schedule("s", "at(2026-01-01T01:00:00)", &machine, target).await;
    world.schedule("plain", "at(2026-01-01T01:00:00)", &machine, json!({"Target": {"Arn": machine}})).await;
    world.advance(HOUR).await;
    let inputs = world.inputs(&machine);
    assert_eq!((&inputs[0]["source"], &inputs[0]["detail"]), (&json!("aws.scheduler"), &json!("{}")));
    let arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s";
    assert_eq!(inputs[1], json!({"at": "2026-01-01T01:00:00Z", "arn": arn}));
}

/// What a server finds that was away for `hours`, with a schedule every hour at half past.
async fn after(hours: Millis, missed: Missed) -> (usize, u64) {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::manual(START));
    let world = World::open(Some(directory.path()), &clock, Config { missed }).await;
    let machine = world.machine("m", PASS).await;
    world.schedule("s", "cron(30 * * * ? *)", &machine, json!({})).await;
    world.advance(30 * MINUTE).await;
    assert_eq!(world.executions(&machine).len(), 1);
    drop(world);
    clock.advance(hours * HOUR + 10 * MINUTE);
    let world = World::open(Some(directory.path()), &clock, Config { missed }).await;
    world.settled().await;
    let name = ("default".to_owned(), "s".to_owned());
    let missed = world.bridge.inner.state().schedules[&name].record.progress.missed;
    (world.executions(&machine).len() - 1, missed)
}

#[tokio::test]
async fn missed_times_follow_the_stated_policy() {
    assert_eq!(after(5, Missed::RunOnce).await, (1, 4));
    assert_eq!(after(5, Missed::Skip).await, (0, 5));
    assert_eq!(after(5, Missed::RunAll).await, (5, 0));
    assert_eq!(after(30, Missed::RunAll).await, (24, 6), "no older than a day");
    assert_eq!(after(0, Missed::RunOnce).await, (0, 0));
}

#[tokio::test]
async fn what_comes_while_it_is_disabled_does_not_count() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    world.rule("r", json!({"ScheduleExpression": "cron(0 * * * ? *)"}), json!({"Arn": machine})).await;
    world.events("DisableRule", json!({"Name": "r"})).await;
    assert_eq!(world.bridge.idle(), Some(None));
    world.advance(90 * MINUTE).await;
    world.events("EnableRule", json!({"Name": "r"})).await;
    world.settled().await;
    assert!(world.executions(&machine).is_empty());
    world.advance(30 * MINUTE).await;
    assert_eq!(world.executions(&machine).len(), 1);
}

#[tokio::test]
async fn a_schedule_that_is_loaded_again_goes_on_with_its_count() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    for _ in 0..2 {
        world.schedule("s", "rate(1 hour)", &machine, json!({})).await;
        world.rule("r", json!({"ScheduleExpression": "rate(1 hour)"}), json!({"Arn": machine})).await;
        world.settled().await;
        assert_eq!(world.executions(&machine).len(), 1, "at once, and once");
        world.clock.advance(20 * MINUTE);
    }
    world.advance(20 * MINUTE).await;
    assert_eq!(world.executions(&machine).len(), 3, "an hour after the first loading");
}
