//! `incident-assess`.

use crate::support::{World, call, payload, with};
use incident_assess::Assess;
use serde_json::{Value, json};

fn function(world: &World) -> Assess {
    Assess::new(world.services("incident-assess", [("DB_INSTANCE_ID", "orders-db")]))
}

async fn asked(world: &World, action: &str, target: &str, operation: &str) -> Value {
    call(&function(world), &payload(action, target, operation)).await.expect("an answer")
}

#[tokio::test]
async fn a_quiet_service_has_no_symptom() {
    let world = World::start().await;
    world.minutes(3);
    let symptom = asked(&world, "scale_up", "api", "symptom").await;
    assert_eq!(symptom["stillTrue"], false, "{symptom}");
    assert!(!symptom["evidence"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn load_is_a_symptom_whose_cause_is_saturation() {
    let world = World::start().await;
    world.sandbox().set_load("api", 900.0).unwrap();
    world.minutes(4);
    let symptom = asked(&world, "scale_up", "api", "symptom").await;
    assert_eq!(symptom["stillTrue"], true, "{symptom}");
    let diagnosis = asked(&world, "scale_up", "api", "diagnose").await;
    assert_eq!(diagnosis["cause"], "saturation", "{diagnosis}");
    assert_eq!(diagnosis["downstreamBound"], false);
    assert_eq!(diagnosis["deploymentInProgress"], false);
    assert!(diagnosis["snapshot"]["cpuPercent"].as_f64().unwrap() > 75.0, "{diagnosis}");
    assert!(diagnosis["snapshot"]["databaseCpuPercent"].is_number(), "{diagnosis}");
    let policy = with(payload("scale_up", "api", "policy"), json!({"diagnosis": diagnosis}));
    assert_eq!(call(&function(&world), &policy).await.unwrap()["decision"], "automatic");
}

#[tokio::test]
async fn hung_tasks_are_a_symptom_whose_cause_is_failed_tasks() {
    let world = World::start().await;
    world.sandbox().hang("auth-service", 2).unwrap();
    world.minutes(3);
    let symptom = asked(&world, "restart_service", "auth-service", "symptom").await;
    assert_eq!(symptom["stillTrue"], true, "{symptom}");
    let diagnosis = asked(&world, "restart_service", "auth-service", "diagnose").await;
    assert_eq!(diagnosis["cause"], "failed-tasks", "{diagnosis}");
}

#[tokio::test]
async fn databases_and_caches_are_read_too() {
    let world = World::start().await;
    world.minutes(3);
    for (target, class) in [("database", "db.r6g.large"), ("cache", "cache.r7g.large")] {
        let diagnosis = asked(&world, "scale_up", target, "diagnose").await;
        assert_eq!(diagnosis["snapshot"]["class"], class, "{diagnosis}");
        assert!(diagnosis["snapshot"]["cpuPercent"].is_number(), "{diagnosis}");
    }
    world.sandbox().set_load("database", 100_000.0).unwrap();
    world.minutes(3);
    let symptom = asked(&world, "scale_up", "database", "symptom").await;
    assert_eq!(symptom["stillTrue"], true, "{symptom}");
}

#[tokio::test]
async fn a_policy_needs_no_call() {
    let world = World::start().await;
    let decision = asked(&world, "scale_up", "database", "policy").await;
    assert_eq!(decision["decision"], "approval");
    assert!(world.sandbox().calls().is_empty());
}

#[tokio::test]
async fn metrics_that_cannot_be_read_are_named() {
    let world = World::start().await;
    world.error("cloudwatch", "GetMetricData", 500, "InternalServiceFault");
    let error = call(&function(&world), &payload("scale_up", "api", "symptom")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.DependencyUnavailable", "{error}");
    let error = call(&function(&world), &payload("scale_up", "api", "guess")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.InvalidInput");
}
