//! `incident-clear-cache`.

use crate::redis_server::RedisServer;
use crate::support::{call, payload, services_at, with};
use clients::Clock;
use incident_clear_cache::ClearCache;
use lambda_kit::{Function, Invocation};
use serde_json::{Value, json};
use std::time::Duration;

fn function(redis: &RedisServer) -> ClearCache {
    let environment = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", redis.port.as_str()), ("REDIS_PASSWORD", "open")];
    ClearCache::new(services_at("incident-clear-cache", "http://127.0.0.1:9", environment, Clock::default()))
}

fn clear(operation: &str) -> Value {
    payload("clear_cache", "cache", operation)
}

async fn filled() -> RedisServer {
    let redis = RedisServer::start(Some("open")).await;
    redis.set("catalog:ver", "7", -1);
    for number in 0..40 {
        redis.set(&format!("product:{number}"), "x", 300 + number);
        redis.set(&format!("session:{number}"), "x", -1);
    }
    redis
}

#[tokio::test]
async fn the_version_rises_once_and_nothing_is_deleted() {
    let redis = filled().await;
    let function = function(&redis);
    let plan = call(&function, &clear("plan")).await.unwrap();
    assert_eq!(plan["calls"], json!([{"service": "redis", "operation": "INCR", "parameters": {"key": "catalog:ver"}}]));
    assert_eq!(redis.times("INCR"), 0, "a plan changes nothing");
    let act = with(clear("act"), json!({"plan": plan, "intendedAt": 1}));
    for (performed, done) in [(1, 0), (0, 1)] {
        let report = call(&function, &act).await.unwrap();
        assert_eq!((&report["performed"], &report["alreadyDone"]), (&json!(performed), &json!(done)));
        assert_eq!(report["changes"][0]["after"]["version"], 8);
    }
    assert_eq!(redis.times("INCR"), 1);
    assert_eq!(redis.get("catalog:ver").as_deref(), Some("8"));
    assert_eq!((redis.count("session:"), redis.count("product:")), (40, 40));
}

#[tokio::test]
async fn a_cache_that_lost_its_data_needs_a_new_plan() {
    let redis = filled().await;
    let function = function(&redis);
    let plan = call(&function, &clear("plan")).await.unwrap();
    redis.set("catalog:ver", "2", -1);
    let error = call(&function, &with(clear("act"), json!({"plan": plan}))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.PreconditionFailed", "{error}");
}

#[tokio::test]
async fn a_prefix_is_deleted_and_its_neighbours_stay() {
    let redis = filled().await;
    let function = function(&redis);
    let prefix = json!({"prefix": "product:"});
    let plan = call(&function, &with(clear("plan"), prefix.clone())).await.unwrap();
    assert_eq!(plan["before"]["matching"], 40);
    assert_eq!(plan["before"]["estimate"], 40);
    assert_eq!(plan["before"]["ttlSeconds"], json!({"shortest": 300, "longest": 339, "without": 0}));
    let act = with(with(clear("act"), prefix), json!({"plan": plan}));
    let report = call(&function, &act).await.unwrap();
    assert_eq!(report["changes"][0]["after"]["deleted"], 40);
    assert_eq!((redis.count("session:"), redis.count("product:")), (40, 0));
    let again = call(&function, &act).await.unwrap();
    assert_eq!((&again["performed"], &again["alreadyDone"]), (&json!(0), &json!(1)));
    assert_eq!((redis.times("FLUSHALL"), redis.times("FLUSHDB"), redis.times("KEYS")), (0, 0, 0));
}

#[tokio::test]
async fn protected_prefixes_are_refused_even_in_a_forged_plan() {
    let redis = filled().await;
    let function = function(&redis);
    let error = call(&function, &with(clear("plan"), json!({"prefix": "sess"}))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ActionNotAllowed");
    let mut plan = call(&function, &with(clear("plan"), json!({"prefix": "product:"}))).await.unwrap();
    plan["calls"][0]["parameters"]["prefix"] = json!("session:");
    let error = call(&function, &with(clear("act"), json!({"plan": plan}))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ActionNotAllowed");
    plan["calls"][0]["operation"] = json!("FLUSHALL");
    let error = call(&function, &with(clear("act"), json!({"plan": plan}))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.InvalidInput");
    assert_eq!(redis.count("session:"), 40);
}

#[tokio::test]
async fn deletion_stops_at_its_limit_and_before_its_time_is_up() {
    let redis = filled().await;
    let function = function(&redis);
    let mut plan = call(&function, &with(clear("plan"), json!({"prefix": "product:"}))).await.unwrap();
    plan["calls"][0]["parameters"]["count"] = json!(10);
    let act = with(clear("act"), json!({"plan": plan}));
    let hurried = Invocation::within(Duration::from_secs(2));
    let error = function.call(act.clone(), hurried).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ResourceBusy", "{error}");
    plan["calls"][0]["parameters"]["maxKeys"] = json!(15);
    let error = call(&function, &with(clear("act"), json!({"plan": plan}))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.BlastRadiusExceeded", "{error}");
    assert!(redis.count("product:") >= 40 - 15 - 10);
    call(&function, &act).await.unwrap();
    assert_eq!(redis.count("product:"), 0, "the retry finished it");
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_server_are_named() {
    let redis = RedisServer::start(Some("secret")).await;
    let error = call(&function(&redis), &clear("plan")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.AccessDenied", "{error}");
    assert!(!error.message().contains("secret") && !error.message().contains("open"), "{error}");
    let nowhere = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", "1")];
    let function =
        ClearCache::new(services_at("incident-clear-cache", "http://127.0.0.1:9", nowhere, Clock::default()));
    let error = call(&function, &clear("plan")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.DependencyUnavailable", "{error}");
}
