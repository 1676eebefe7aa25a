//! `incident-restart-service`.

use crate::support::{World, call, entry, payload, with};
use incident_restart_service::RestartService;
use sandbox::FaultKind;
use serde_json::{Value, json};

fn restart(operation: &str) -> Value {
    payload("restart_service", "auth-service", operation)
}

fn function(world: &World) -> RestartService {
    RestartService::new(world.services("incident-restart-service", []))
}

/// The payload of an act on a fresh plan, intended now.
async fn act(world: &World, function: &RestartService) -> Value {
    let plan = call(function, &restart("plan")).await.expect("a plan");
    with(restart("act"), json!({"plan": plan, "intendedAt": world.now()}))
}

#[tokio::test]
async fn the_plan_is_exactly_what_is_sent() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function).await;
    assert_eq!(world.changes(), [] as [Value; 0], "a plan changes nothing");
    let report = call(&function, &act).await.unwrap();
    assert_eq!(json!(world.changes()), act["plan"]["calls"]);
    assert_eq!((&report["performed"], &report["alreadyDone"]), (&json!(1), &json!(0)));
    assert_ne!(report["changes"][0]["after"]["deployment"], report["changes"][0]["before"]["deployment"]);
}

#[tokio::test]
async fn a_repeated_act_restarts_once() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function).await;
    for (performed, done) in [(1, 0), (0, 1), (0, 1)] {
        let report = call(&function, &act).await.unwrap();
        assert_eq!((&report["performed"], &report["alreadyDone"]), (&json!(performed), &json!(done)));
        world.minutes(3);
    }
    assert_eq!(world.changes().len(), 1);
}

#[tokio::test]
async fn an_act_whose_answer_was_lost_is_not_repeated() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function).await;
    let mut lost = sandbox::Fault::new("ecs", "UpdateService", FaultKind::Timeout);
    lost.applied = true;
    lost.latency_ms = Some(50);
    world.sandbox().inject(lost).unwrap();
    let error = call(&function, &act).await.unwrap_err();
    assert_eq!(error.name(), "Ops.DependencyUnavailable", "{error}");
    let report = call(&function, &act).await.unwrap();
    assert_eq!((&report["performed"], &report["alreadyDone"]), (&json!(0), &json!(1)));
    assert_eq!(world.changes().len(), 1);
}

#[tokio::test]
async fn faults_have_the_names_that_retries_match() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function).await;
    world.fault("ecs", "UpdateService", FaultKind::Throttle);
    assert_eq!(call(&function, &act).await.unwrap_err().name(), "Ops.Throttled");
    world.error("ecs", "UpdateService", 503, "ServiceUnavailable");
    assert_eq!(call(&function, &act).await.unwrap_err().name(), "Ops.DependencyUnavailable");
    world.error("ecs", "UpdateService", 400, "AccessDeniedException");
    assert_eq!(call(&function, &act).await.unwrap_err().name(), "Ops.AccessDenied");
    let mut late = sandbox::Fault::new("ecs", "DescribeServices", FaultKind::Latency);
    late.latency_ms = Some(2_000);
    world.sandbox().inject(late).unwrap();
    assert_eq!(call(&function, &act).await.unwrap_err().name(), "Ops.DependencyTimeout");
    assert_eq!(call(&function, &act).await.unwrap()["performed"], 1, "after all that it works");
}

#[tokio::test]
async fn a_running_deployment_and_an_unknown_service_are_refused() {
    let world = World::start().await;
    let function = function(&world);
    let act = act(&world, &function).await;
    call(&function, &act).await.unwrap();
    let error = call(&function, &restart("plan")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.DeploymentInProgress");
    let mut missing = restart("plan");
    missing["entry"]["service"] = json!("nowhere");
    let error = call(&function, &missing).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid", "{error}");
    assert!(error.message().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn tasks_are_stopped_in_batches_that_wait_for_their_replacements() {
    let world = World::start().await;
    let function = function(&world);
    let code_deploy = |operation: &str| {
        let mut payload = payload("restart_service", "api", operation);
        payload["entry"]["controller"] = json!("CODE_DEPLOY");
        payload
    };
    let plan = call(&function, &code_deploy("plan")).await.unwrap();
    assert_eq!(plan["calls"].as_array().unwrap().len(), 4);
    assert_eq!(plan["batch"], 1);
    let act = with(code_deploy("act"), json!({"plan": plan, "intendedAt": world.now()}));
    let mut waits = 0;
    let report = loop {
        match call(&function, &act).await {
            Ok(report) => break report,
            Err(error) => assert_eq!(error.name(), "Ops.ResourceBusy", "{error}"),
        }
        waits += 1;
        assert!(waits < 40, "the restart never finished");
        world.minutes(1);
    };
    assert_eq!(report["changes"].as_array().unwrap().len(), 4);
    assert_eq!(json!(world.changes()), act["plan"]["calls"], "each task once, in the plan's order");
    let again = call(&function, &act).await.unwrap();
    assert_eq!((&again["performed"], &again["alreadyDone"]), (&json!(0), &json!(4)));
}

#[tokio::test]
async fn a_restart_has_no_undo_and_says_so() {
    let world = World::start().await;
    let function = function(&world);
    let plan = call(&function, &restart("plan")).await.unwrap();
    assert_eq!(plan["irreversible"], true);
    let report = call(&function, &with(restart("undo"), json!({"plan": plan}))).await.unwrap();
    assert_eq!(report, json!({"changes": [], "performed": 0, "alreadyDone": 0, "summary": "Nothing to undo"}));
}

#[tokio::test]
async fn the_original_event_is_told_what_it_lacks() {
    let world = World::start().await;
    let original = json!({"action": "restart_service", "target": "api", "incidentId": "test-1", "priority": "high"});
    let error = call(&function(&world), &original).await.unwrap_err();
    assert_eq!(error.name(), "Ops.InvalidInput");
    assert!(error.message().starts_with("entry is missing"), "{error}");
    let unplanned = with(original, json!({"entry": entry("api"), "operation": "act"}));
    let error = call(&function(&world), &unplanned).await.unwrap_err();
    assert!(error.message().starts_with("plan is missing"), "{error}");
}
