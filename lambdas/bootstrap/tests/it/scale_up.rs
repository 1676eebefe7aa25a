//! `incident-scale-up`.

use crate::support::{World, call, payload, with};
use incident_scale_up::ScaleUp;
use sandbox::FaultKind;
use serde_json::{Value, json};

fn scale(target: &str, operation: &str) -> Value {
    payload("scale_up", target, operation)
}

fn function(world: &World) -> ScaleUp {
    ScaleUp::new(world.services("incident-scale-up", []))
}

async fn act(world: &World, function: &ScaleUp, target: &str) -> Value {
    let plan = call(function, &scale(target, "plan")).await.expect("a plan");
    with(scale(target, "act"), json!({"plan": plan, "intendedAt": world.now()}))
}

#[tokio::test]
async fn plans_are_exactly_what_is_sent() {
    for (target, calls) in [("api", 2), ("auth-service", 1), ("database", 1), ("cache", 1)] {
        let world = World::start().await;
        let function = function(&world);
        let act = act(&world, &function, target).await;
        assert_eq!(world.changes().len(), 0, "{target}: a plan changes nothing");
        let report = call(&function, &act).await.unwrap();
        assert_eq!(json!(world.changes()), act["plan"]["calls"], "{target}");
        assert_eq!(report["performed"], calls, "{target}");
    }
}

#[tokio::test]
async fn a_repeated_act_acts_once() {
    for target in ["api", "auth-service", "database"] {
        let world = World::start().await;
        let function = function(&world);
        let act = act(&world, &function, target).await;
        call(&function, &act).await.unwrap();
        let sent = world.changes().len();
        let again = call(&function, &act).await.unwrap();
        assert_eq!((&again["performed"], &again["alreadyDone"]), (&json!(0), &json!(sent)), "{target}");
        world.minutes(30);
        assert_eq!(call(&function, &act).await.unwrap()["performed"], 0, "{target}");
        assert_eq!(world.changes().len(), sent, "{target}");
    }
}

#[tokio::test]
async fn a_cache_that_is_being_resized_is_busy_and_then_done() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function, "cache").await;
    call(&function, &act).await.unwrap();
    assert_eq!(call(&function, &act).await.unwrap_err().name(), "Ops.ResourceBusy");
    world.minutes(60);
    assert_eq!(call(&function, &act).await.unwrap()["alreadyDone"], 1);
    assert_eq!(world.changes().len(), 1);
}

#[tokio::test]
async fn half_an_act_is_finished_by_the_next() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function, "api").await;
    world.fault("ecs", "UpdateService", FaultKind::Throttle);
    assert_eq!(call(&function, &act).await.unwrap_err().name(), "Ops.Throttled");
    // The raised limit has moved the desired count by itself, as on AWS: nothing is left to send.
    let report = call(&function, &act).await.unwrap();
    assert_eq!((&report["performed"], &report["alreadyDone"]), (&json!(0), &json!(2)));
    assert_eq!(report["changes"][1]["before"]["desiredCount"], 8);
}

#[tokio::test]
async fn the_undo_restores_the_limits_once_and_leaves_the_tasks_to_autoscaling() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function, "api").await;
    call(&function, &act).await.unwrap();
    world.sandbox().clear_calls();
    let undo = with(scale("api", "undo"), json!({"plan": act["plan"]}));
    let report = call(&function, &undo).await.unwrap();
    assert_eq!(report["performed"], 1);
    assert_eq!(json!(world.changes()), act["plan"]["undo"]);
    let confirmed = call(&function, &undo).await.unwrap();
    assert_eq!((&confirmed["performed"], &confirmed["alreadyDone"]), (&json!(0), &json!(1)));
    let plan = call(&function, &scale("api", "plan")).await;
    let before = plan.map(|plan| plan["before"].clone());
    // The added tasks may still be starting: then the plan waits, which is right too.
    if let Ok(before) = before {
        assert_eq!((&before["minCapacity"], &before["maxCapacity"]), (&json!(4), &json!(12)));
    }
}

#[tokio::test]
async fn an_undo_leaves_what_a_later_incident_raised() {
    let world = World::start().await;
    let function = function(&world);
    let first = act(&world, &function, "api").await;
    call(&function, &first).await.unwrap();
    world.minutes(10);
    let second = act(&world, &function, "api").await;
    call(&function, &second).await.unwrap();
    world.sandbox().clear_calls();
    let report = call(&function, &with(scale("api", "undo"), json!({"plan": first["plan"]}))).await.unwrap();
    assert_eq!(report["performed"], 0, "{report}");
    assert_eq!(world.changes().len(), 0);
}

fn leased(act: &Value, operation: &str, lease: Value) -> Value {
    with(scale("api", operation), json!({"plan": act["plan"], "lease": lease}))
}

#[tokio::test]
async fn a_lease_is_on_record_before_and_gives_back_once() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function, "api").await;
    let until = world.now() + 600_000;
    let held = call(&function, &leased(&act, "hold", json!({"id": "incident-1", "until": until}))).await.unwrap();
    assert_eq!(world.changes().len(), 0, "holding sends nothing");
    assert_eq!(held["record"]["original"], json!({"minCapacity": 4, "maxCapacity": 12}));
    let record = &held["record"];
    let again = json!({"id": "incident-1", "until": until, "record": record});
    assert_eq!(&call(&function, &leased(&act, "hold", again)).await.unwrap()["record"], record);

    call(&function, &act).await.unwrap();
    world.sandbox().clear_calls();
    let release = leased(&act, "undo", json!({"id": "incident-1", "record": record}));
    let report = call(&function, &release).await.unwrap();
    assert_eq!(
        (&report["performed"], &report["outcome"], &report["record"]),
        (&json!(1), &json!("restored"), &json!(null))
    );
    assert_eq!(json!(world.changes()), act["plan"]["undo"]);
    let confirmed = call(&function, &release).await.unwrap();
    assert_eq!((&confirmed["performed"], &confirmed["outcome"]), (&json!(0), &json!("restored")));
}

#[tokio::test]
async fn what_another_incident_holds_is_not_given_back() {
    let world = World::start().await;
    let function = function(&world);
    let first = act(&world, &function, "api").await;
    let until = world.now() + 3_600_000;
    let held = call(&function, &leased(&first, "hold", json!({"id": "first", "until": until}))).await.unwrap();
    call(&function, &first).await.unwrap();
    world.minutes(10);
    let second = act(&world, &function, "api").await;
    let lease = json!({"id": "second", "until": until, "record": held["record"]});
    let held = call(&function, &leased(&second, "hold", lease)).await.unwrap();
    call(&function, &second).await.unwrap();
    world.sandbox().clear_calls();
    let release = |id: &str, plan: &Value, record: &Value| leased(plan, "undo", json!({"id": id, "record": record}));
    let report = call(&function, &release("second", &second, &held["record"])).await.unwrap();
    assert_eq!((&report["performed"], &report["outcome"]), (&json!(1), &json!("kept")), "{report}");
    assert_eq!(world.changes()[0]["parameters"]["MinCapacity"], 8, "what the first one holds");
    let report = call(&function, &release("first", &first, &report["record"])).await.unwrap();
    assert_eq!(report["outcome"], "restored", "{report}");
    assert_eq!(json!(world.changes()[1]), first["plan"]["undo"][0]);
}

#[tokio::test]
async fn a_release_out_of_time_or_of_another_service_is_refused() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function, "api").await;
    let held = call(&function, &leased(&act, "hold", json!({"id": "i", "until": world.now()}))).await.unwrap();
    call(&function, &act).await.unwrap();
    let sent = world.changes().len();
    let late = json!({"id": "i", "record": held["record"], "heldUntil": world.now()});
    let error = call(&function, &leased(&act, "undo", late)).await.unwrap_err();
    assert_eq!(error.name(), "Ops.PreconditionFailed", "{error}");
    let mut foreign = leased(&act, "undo", json!({"id": "i", "record": held["record"]}));
    foreign["plan"]["lease"]["resource"] = json!("service/production/billing");
    let error = call(&function, &foreign).await.unwrap_err();
    assert!(error.message().starts_with("plan.lease.resource must be service/production/api"), "{error}");
    let error = call(&function, &leased(&act, "undo", json!({"id": "i"}))).await.unwrap_err();
    assert!(error.message().starts_with("lease.record is missing"), "{error}");
    assert_eq!(world.changes().len(), sent);
}

#[tokio::test]
async fn a_service_at_its_limit_is_not_applicable() {
    let world = World::start().await;
    let mut payload = scale("api", "plan");
    payload["entry"]["limits"]["maxTasks"] = json!(4);
    let error = call(&function(&world), &payload).await.unwrap_err();
    assert_eq!(error.name(), "Ops.NotApplicable", "{error}");
}

#[tokio::test]
async fn the_way_back_of_a_database_is_for_a_person() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function, "database").await;
    let report = call(&function, &act).await.unwrap();
    assert_eq!(report["changes"][0]["undo"][0]["parameters"]["DBInstanceClass"], "db.r6g.large");
    let undo = call(&function, &with(scale("database", "undo"), json!({"plan": act["plan"]}))).await.unwrap();
    assert_eq!(undo["performed"], 0);
    assert!(undo["summary"].as_str().unwrap().contains("a person decides"), "{undo}");
}

#[tokio::test]
async fn faults_have_the_names_that_retries_match() {
    let world = World::start().await;
    let function = function(&world);
    for (service, operation, target) in [
        ("application-autoscaling", "DescribeScalableTargets", "api"),
        ("rds", "DescribeDBInstances", "database"),
        ("elasticache", "DescribeReplicationGroups", "cache"),
    ] {
        world.fault(service, operation, FaultKind::Throttle);
        let error = call(&function, &scale(target, "plan")).await.unwrap_err();
        assert_eq!(error.name(), "Ops.Throttled", "{service}: {error}");
        world.error(service, operation, 500, "InternalFailure");
        let error = call(&function, &scale(target, "plan")).await.unwrap_err();
        assert_eq!(error.name(), "Ops.DependencyUnavailable", "{service}: {error}");
    }
    let mut missing = scale("database", "plan");
    missing["entry"]["dbInstanceId"] = json!("nowhere");
    assert_eq!(call(&function, &missing).await.unwrap_err().name(), "Ops.ConfigInvalid");
}
