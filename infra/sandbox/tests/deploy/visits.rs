//! The data plane: real requests to the listeners.

use sandbox::{Behaviour, Sandbox};
use serde_json::{Value, json};

use crate::codedeploy_call;
use crate::common::{Answer, control, pass, sandbox, send};

async fn get(sandbox: &Sandbox, index: usize, path: &str, headers: &[(&str, &str)]) -> Answer {
    let listeners = sandbox.listeners();
    let address = listeners[index]["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    send(&address, "GET", path, headers, "").await.unwrap()
}

#[tokio::test]
async fn every_listener_answers_with_what_runs_behind_it() {
    let sandbox = sandbox().await;
    let names = ["checkout", "checkout", "orders", "orders", "search", "search"];
    for (index, (name, revision)) in names.into_iter().zip([61, 61, 87, 87, 33, 33]).enumerate() {
        let version = get(&sandbox, index, "/version", &[]).await;
        assert_eq!(version.json(), json!({"version": format!("{name}-{revision}"), "revision": revision}));
    }
    assert_eq!(get(&sandbox, 2, "/health", &[]).await.json(), json!({"status": "ok"}));
    assert_eq!(get(&sandbox, 2, "/orders?page=2", &[]).await.json()["service"], "orders");
    assert_eq!(get(&sandbox, 2, "/admin", &[]).await.status, 401);
    assert_eq!(get(&sandbox, 2, "/admin", &[("authorization", "Bearer x")]).await.status, 200);
    let shown = control(&sandbox, "GET", "listeners", &Value::Null).await.json();
    assert_eq!((shown.as_array().unwrap().len(), &shown[3]["purpose"]), (6, &json!("test")));
    let key = json!({"TableName": "ops-catalog", "Key": {"catalogId": {"S": "orders"}}});
    let item = crate::common::call(&sandbox, "DynamoDB_20120810.GetItem", &key).await.json();
    assert_eq!(item["Item"]["deployment"]["M"]["testUrl"]["S"], shown[3]["url"]);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_test_listener_shows_green_and_a_bad_release_fails_there() {
    let sandbox = sandbox().await;
    let image = sandbox.release("orders:orders-88", Behaviour::ErrorRate, Some(100.0)).unwrap();
    assert!(image.ends_with("amazonaws.com/orders:orders-88"));
    codedeploy_call(&sandbox, "orders:88").await;
    pass(&sandbox, 120);
    sandbox.release("orders:orders-88", Behaviour::ErrorRate, Some(0.0)).unwrap();
    pass(&sandbox, 1);
    let green = get(&sandbox, 3, "/version", &[]).await.json();
    assert_eq!(green, json!({"version": "orders-88", "revision": 88}));
    let release = json!({"service": "orders", "tag": "orders-88", "behaviour": "error-rate", "amount": 100});
    assert_eq!(control(&sandbox, "POST", "release", &release).await.status, 200);
    pass(&sandbox, 1);
    assert_eq!(get(&sandbox, 3, "/version", &[]).await.status, 500);
    let refused = json!({"image": "web:1", "behaviour": "good"});
    let refused = control(&sandbox, "POST", "release", &refused).await;
    assert!(refused.status == 400 && refused.body.contains("repository 'web'"), "{}", refused.body);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_service_without_healthy_targets_answers_503() {
    let sandbox = sandbox().await;
    sandbox.kill("search", 3).unwrap();
    assert_eq!(get(&sandbox, 4, "/health", &[]).await.status, 503);
    pass(&sandbox, 120);
    assert_eq!(get(&sandbox, 4, "/health", &[]).await.status, 200);
    sandbox.shutdown().await;
}
