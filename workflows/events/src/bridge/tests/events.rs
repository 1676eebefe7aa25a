//! Events, rules, and changes of executions' statuses.

use super::*;

#[tokio::test]
async fn an_event_starts_one_execution_for_each_target_of_each_rule_that_matches() {
    let world = World::new().await;
    let (one, other) = (world.machine("one", PASS).await, world.machine("other", PASS).await);
    let targets = json!([{"Id": "1", "Arn": one}, {"Id": "2", "Arn": other, "InputPath": "$.detail"}]);
    let pattern = json!({"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]}});
    world.bridge.load_rule("big", &json!({"EventPattern": pattern, "Targets": targets})).await.unwrap();
    world
        .rule(
            "all",
            json!({"EventPattern": {"source": [{"anything-but": {"prefix": "aws."}}]}, "State": "DISABLED"}),
            json!({"Arn": one}),
        )
        .await;
    let id = world.put("shop", json!({"total": 101})).await;
    world.put("shop", json!({"total": 99})).await;
    world.put("other", json!({"total": 101})).await;
    world.settled().await;
    assert_eq!(world.executions(&one).len(), 1);
    assert!(world.executions(&one)[0].starts_with(&id));
    let event = &world.inputs(&one)[0];
    assert_eq!((&event["id"], &event["source"], &event["detail-type"]), (&json!(id), &json!("shop"), &json!("t")));
    assert_eq!((&event["time"], &event["account"]), (&json!("2026-01-01T00:00:00Z"), &json!("123456789012")));
    assert_eq!(world.inputs(&other), [json!({"total": 101})]);
    world.events("EnableRule", json!({"Name": "all"})).await;
    world.put("other", json!({})).await;
    world.settled().await;
    assert_eq!(world.executions(&one).len(), 2);
}

#[tokio::test]
async fn an_event_with_a_key_is_the_same_event_whenever_it_comes() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    world.rule("r", json!({"EventPattern": {"source": ["alerts"]}}), json!({"Arn": machine})).await;
    let raw = |key: Option<&str>| Raw {
        bus: "default".to_owned(),
        source: "alerts".to_owned(),
        detail_type: "Alert".to_owned(),
        detail: json!({"a": 1}),
        key: key.map(str::to_owned),
    };
    let first = world.bridge.ingest(raw(Some("alert-1"))).await.unwrap();
    world.settled().await;
    assert_eq!(world.bridge.ingest(raw(Some("alert-1"))).await.unwrap(), first);
    assert_ne!(world.bridge.ingest(raw(Some("alert-2"))).await.unwrap(), first);
    world.bridge.ingest(raw(None)).await.unwrap();
    world.settled().await;
    assert_eq!(world.executions(&machine).len(), 3);
    assert!(world.bridge.ingest(Raw { bus: "none".to_owned(), ..raw(None) }).await.is_err());
}

#[tokio::test]
async fn rules_of_a_bus_see_its_events_alone() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    world.events("CreateEventBus", json!({"Name": "orders"})).await;
    let rule = json!({"EventPattern": {"source": ["shop"]}, "EventBusName": "orders"});
    world.rule("r", rule, json!({"Arn": machine})).await;
    world.put("shop", json!({})).await;
    let bus = "arn:aws:events:us-east-1:123456789012:event-bus/orders";
    let entry = json!({"Source": "shop", "DetailType": "t", "Detail": "{}", "EventBusName": bus});
    world.events("PutEvents", json!({"Entries": [entry]})).await;
    world.settled().await;
    assert_eq!(world.executions(&machine).len(), 1);
}

#[tokio::test]
async fn a_failed_execution_starts_another_and_every_field_is_told() {
    let world = World::new().await;
    let (failing, told) = (world.machine("failing", FAIL).await, world.machine("told", PASS).await);
    let before = world.engine.start_execution(&failing, Some("before".to_owned()), asl::Value::Null).await.unwrap();
    world.engine.ended(&before.arn).await.unwrap();
    let pattern =
        json!({"source": ["aws.states"], "detail": {"status": ["FAILED", "RUNNING"], "stateMachineArn": [failing]}});
    world.rule("failed", json!({"EventPattern": pattern}), json!({"Arn": told})).await;
    let input = engine::Given::written(asl::Value::parse("{\"a\":1}").unwrap(), "{\"a\": 1}");
    let arn = world.engine.start_execution(&failing, Some("e".to_owned()), input).await.unwrap().arn;
    world.settled().await;
    let mut events = world.inputs(&told);
    events.sort_by_key(|event| event["detail"]["status"].to_string());
    let [failed, running] = &events[..] else { panic!("{events:?}") };
    assert_eq!(failed["detail-type"], "Step Functions Execution Status Change");
    assert_eq!(failed["resources"], json!([&*arn]));
    assert_eq!(
        failed["detail"],
        json!({
            "executionArn": &*arn, "stateMachineArn": failing, "name": "e", "status": "FAILED", "startDate": START,
            "stopDate": START, "input": "{\"a\": 1}", "output": null, "inputDetails": {"included": true},
            "outputDetails": null, "error": "Broken", "cause": "by a test", "stateMachineVersionArn": null,
            "stateMachineAliasArn": null, "redriveCount": 0, "redriveDate": null, "redriveStatus": "REDRIVABLE",
            "redriveStatusReason": null
        })
    );
    let detail = &running["detail"];
    assert_eq!(
        (&detail["status"], &detail["stopDate"], &detail["error"]),
        (&json!("RUNNING"), &json!(null), &json!(null))
    );
    assert_eq!(detail["redriveStatusReason"], "Execution is RUNNING and cannot be redriven");
    // Nobody asks any more: nothing is kept.
    world.events("DisableRule", json!({"Name": "failed"})).await;
    world.engine.start_execution(&failing, None, asl::Value::Null).await.unwrap();
    world.settled().await;
    assert_eq!(world.inputs(&told).len(), 2);
}
