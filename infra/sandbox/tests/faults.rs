//! Fault injection, the call log and the control endpoints.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use aws_sdk_ecs::error::ProvideErrorMetadata;
use common::{NOON_MS, call, control, http, pass, sandbox, sdk};
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::time::Instant;

#[tokio::test]
async fn injected_errors_reach_the_sdk_in_its_own_protocol() {
    let sandbox = sandbox().await;
    let config = sdk(&sandbox.url());
    let ecs = aws_sdk_ecs::Client::new(&config);
    let restart = || ecs.update_service().cluster("production").service("api").force_new_deployment(true).send();
    sandbox.inject(Fault::new("ecs", "UpdateService", FaultKind::Throttle)).unwrap();
    sandbox.inject(Fault::new("ecs", "UpdateService", FaultKind::Error)).unwrap();
    let throttled = restart().await.unwrap_err();
    assert_eq!(throttled.raw_response().map(|raw| raw.status().as_u16()), Some(400));
    assert_eq!(throttled.code(), Some("ThrottlingException"));
    let unavailable = restart().await.unwrap_err();
    assert_eq!(unavailable.raw_response().map(|raw| raw.status().as_u16()), Some(503));
    assert_eq!(unavailable.code(), Some("ServiceUnavailable"));
    restart().await.unwrap();
    for (service, operation) in [("rds", "*"), ("cloudwatch", "DescribeAlarms")] {
        let code = Some("Custom.Code".to_owned());
        let fault = Fault { status: Some(500), code, ..Fault::new(service, operation, FaultKind::Error) };
        sandbox.inject(fault).unwrap();
    }
    let query = aws_sdk_rds::Client::new(&config).describe_db_instances().send().await.unwrap_err();
    assert_eq!((query.code(), query.raw_response().map(|raw| raw.status().as_u16())), (Some("Custom.Code"), Some(500)));
    let cbor = aws_sdk_cloudwatch::Client::new(&config).describe_alarms().send().await.unwrap_err();
    assert_eq!((cbor.code(), cbor.raw_response().map(|raw| raw.status().as_u16())), (Some("Custom.Code"), Some(500)));
    let log: Vec<_> = sandbox.calls().into_iter().map(|each| (each.operation, each.status, each.injected)).collect();
    assert_eq!(
        log,
        [
            ("UpdateService".to_owned(), 400, true),
            ("UpdateService".to_owned(), 503, true),
            ("UpdateService".to_owned(), 200, false),
            ("DescribeDBInstances".to_owned(), 500, true),
            ("DescribeAlarms".to_owned(), 500, true),
        ]
    );
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_time_out_holds_the_connection_and_drops_it() {
    let sandbox = sandbox().await;
    let put = json!({"TableName": "ops-state", "Item": {"pk": {"S": "a"}}});
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "DynamoDB_20120810.PutItem")];
    for applied in [false, true] {
        let latency_ms = Some(100_000);
        let fault = Fault { latency_ms, applied, ..Fault::new("dynamodb", "PutItem", FaultKind::Timeout) };
        sandbox.inject(fault).unwrap();
        let before = Instant::now();
        assert!(http(&sandbox, "POST", "/", &headers, &put.to_string()).await.is_none());
        let held = before.elapsed();
        assert!(held >= Duration::from_millis(100), "100 virtual seconds are 100 ms at scale 1000, it was {held:?}");
        let get = json!({"TableName": "ops-state", "Key": {"pk": {"S": "a"}}});
        let found = call(&sandbox, "DynamoDB_20120810.GetItem", &get).await.json().get("Item").is_some();
        assert_eq!(found, applied, "only an applied time-out does what it was asked");
    }
    assert_eq!(sandbox.calls()[0].status, 0);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn latency_delays_an_answer_that_is_right() {
    let sandbox = sandbox().await;
    let fault = Fault { latency_ms: Some(50_000), ..Fault::new("ssm", "*", FaultKind::Latency) };
    sandbox.inject(fault).unwrap();
    let before = Instant::now();
    let answer = call(&sandbox, "AmazonSSM.GetParameter", &json!({"Name": "/ops/production/automation"})).await;
    assert!(before.elapsed() >= Duration::from_millis(50));
    assert_eq!(answer.json()["Parameter"]["Value"], "on");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_control_endpoints_do_what_the_library_does() {
    let sandbox = sandbox().await;
    let load = json!({"service": "api", "requestsPerSecond": 900});
    assert_eq!(control(&sandbox, "POST", "load", &load).await.status, 200);
    let hung = control(&sandbox, "POST", "hang", &json!({"service": "auth-service", "tasks": 2})).await;
    assert_eq!(hung.json(), json!({"hung": 2}));
    pass(&sandbox, 180);
    let state = control(&sandbox, "GET", "state", &Value::Null).await.json();
    assert_eq!(state, sandbox.state());
    assert_eq!(state["now"], NOON_MS + 180_000);
    assert!(state["services"][0]["latencyP95Ms"].as_f64().unwrap() > 3_000.0);
    assert_eq!(state["services"][1]["unhealthy"], 2);
    let fault = json!({"service": "ecs", "operation": "UpdateService", "kind": "error", "status": 503, "count": 2});
    assert_eq!(control(&sandbox, "POST", "faults", &fault).await.status, 200);
    assert_eq!(control(&sandbox, "GET", "faults", &Value::Null).await.json()[0]["count"], 2);
    assert_eq!(control(&sandbox, "DELETE", "faults", &Value::Null).await.status, 200);
    assert_eq!(control(&sandbox, "GET", "faults", &Value::Null).await.json(), json!([]));
    let parameters = json!({"cluster": "production", "services": ["api"]});
    call(&sandbox, "AmazonEC2ContainerServiceV20141113.DescribeServices", &parameters).await;
    let calls = control(&sandbox, "GET", "calls", &Value::Null).await.json();
    assert_eq!(calls[0]["service"], "ecs");
    assert_eq!(calls[0]["operation"], "DescribeServices");
    assert_eq!(calls[0]["parameters"], parameters);
    assert_eq!((&calls[0]["status"], &calls[0]["at"]), (&json!(200), &json!(NOON_MS + 180_000)));
    let rollout = json!({"service": "api", "outcome": "stall"});
    assert_eq!(control(&sandbox, "POST", "rollout", &rollout).await.status, 200);
    assert_eq!(control(&sandbox, "POST", "kill", &json!({"service": "api", "tasks": 1})).await.json()["killed"], 1);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn control_refuses_what_it_does_not_know_and_names_it() {
    let sandbox = sandbox().await;
    for (method, path, body, status, expected) in [
        ("POST", "load", json!({"service": "web", "requestsPerSecond": 1}), 400, "'web' is unknown"),
        ("POST", "load", json!({"service": "api"}), 400, "requestsPerSecond"),
        ("POST", "load", json!({"service": "api", "requestsPerSecond": 1, "x": 1}), 400, "unknown field `x`"),
        ("POST", "faults", json!({"service": "s3", "operation": "*", "kind": "error"}), 400, "service: 's3'"),
        ("POST", "faults", json!({"service": "ecs", "operation": "*", "kind": "error", "status": 200}), 400, "status:"),
        ("POST", "faults", json!({"service": "ecs", "operation": "*", "kind": "fire"}), 400, "fire"),
        ("GET", "nothing", Value::Null, 404, "there are GET state"),
        ("PUT", "load", Value::Null, 404, "PUT /_sandbox/load"),
    ] {
        let answer = control(&sandbox, method, path, &body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.body.contains(expected), "{path}: {}", answer.body);
    }
    sandbox.shutdown().await;
}
