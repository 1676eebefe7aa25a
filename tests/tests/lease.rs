//! Raised capacity is held for a while and then given back: the original limits return when the last lease ends.

use aws_sdk_sfn::types::ExecutionStatus;
use end_to_end::{Options, Stack};
use serde_json::{Value, json};

const RECORD: &str = "capacity#service/production/api";

/// Takes the incident's event to the workflow and waits until `api` is well again; the wait for the lease's end.
async fn scaled_up(stack: &Stack, incident: &str) -> String {
    stack.account.rings("api-latency-p95").await;
    let event = json!({"action": "scale_up", "target": "api", "incidentId": incident, "priority": "critical",
        "incidentDetails": {"title": "api is slow"}, "requestedBy": {"type": "alarm", "id": "latency-high"}});
    let execution = stack.remediate(&event).await;
    let (status, output) = stack.ended(&execution).await;
    assert_eq!((status, &output["status"]), (ExecutionStatus::Succeeded, &json!("SUCCEEDED")), "{output}");
    execution.replace(":incident-remediation:", ":capacity-lease:")
}

/// Requests per second that arrive at `api`.
async fn load(stack: &Stack, rate: u32) {
    stack.account.control("POST", "load", json!({"service": "api", "requestsPerSecond": rate})).await;
}

/// Says in the catalogue for how long raised limits of `api` are held.
async fn lease_seconds(stack: &Stack, seconds: u32) {
    let update = json!({"TableName": "ops-catalog", "Key": {"catalogId": {"S": "api"}},
        "UpdateExpression": "SET limits.leaseSeconds = :seconds",
        "ExpressionAttributeValues": {":seconds": {"N": seconds.to_string()}}});
    stack.account.aws("DynamoDB_20120810.UpdateItem", update).await;
}

/// Sets the kill switch.
async fn switch(stack: &Stack, value: &str) {
    let parameter = json!({"Name": "/ops/production/automation", "Type": "String", "Overwrite": true, "Value": value});
    stack.account.aws("AmazonSSM.PutParameter", parameter).await;
}

/// The limits between which autoscaling keeps `api`.
async fn limits(stack: &Stack) -> (i64, i64) {
    let asked = json!({"ServiceNamespace": "ecs", "ResourceIds": ["service/production/api"]});
    let answer = stack.account.aws("AnyScaleFrontendService.DescribeScalableTargets", asked).await;
    let target = &answer["ScalableTargets"][0];
    let bound = |name: &str| target[name].as_i64().unwrap_or_else(|| panic!("no {name}: {answer}"));
    (bound("MinCapacity"), bound("MaxCapacity"))
}

/// The leases on record.
async fn leases(stack: &Stack) -> Value {
    let item = stack.account.state(RECORD).await;
    let record = item["record"]["S"].as_str().unwrap_or_else(|| panic!("no record: {item}"));
    if record.is_empty() { Value::Null } else { serde_json::from_str(record).expect("a record is JSON") }
}

/// The output of an execution that succeeded.
async fn output(stack: &Stack, execution: &str) -> Value {
    let (status, output) = stack.ended(execution).await;
    assert_eq!(status, ExecutionStatus::Succeeded, "{output}");
    output
}

#[tokio::test]
async fn the_original_limits_come_back_when_the_lease_ends() {
    let stack = Stack::start(Options::default()).await;
    lease_seconds(&stack, 1200).await;
    assert_eq!(limits(&stack).await, (4, 12));
    load(&stack, 900).await;
    let lease = scaled_up(&stack, "incident-lease-1").await;
    assert_eq!(limits(&stack).await, (8, 12));
    let record = leases(&stack).await;
    assert_eq!(record["original"], json!({"minCapacity": 4, "maxCapacity": 12}), "{record}");
    assert!(record["leases"]["incident-lease-1"].is_object(), "{record}");
    let told = stack.account.calls("Publish").await.len();

    let ended = output(&stack, &lease).await;
    assert_eq!(ended["outcome"], "restored", "{ended}");
    assert_eq!(limits(&stack).await, (4, 12));
    assert_eq!(leases(&stack).await, Value::Null);
    assert_eq!(stack.account.calls("RegisterScalableTarget").await.len(), 2, "raised once, restored once");
    assert_eq!(stack.account.calls("Publish").await.len(), told + 1, "people were told");
    assert_eq!(stack.account.calls("SendMessage").await.len(), 0);
}

#[tokio::test]
async fn the_server_dies_while_a_lease_ends() {
    let mut stack = Stack::start(Options::default()).await;
    lease_seconds(&stack, 600).await;
    load(&stack, 900).await;
    let lease = scaled_up(&stack, "incident-lease-6").await;
    for state in ["Await end", "Restore limits"] {
        stack.entered(&lease, state).await;
        stack.crash_and_restart().await;
    }
    let ended = output(&stack, &lease).await;
    assert_eq!(ended["outcome"], "restored", "{ended}");
    assert_eq!(limits(&stack).await, (4, 12));
    assert_eq!(leases(&stack).await, Value::Null);
    assert_eq!(stack.account.calls("RegisterScalableTarget").await.len(), 2, "raised once, restored once");
}

#[tokio::test]
async fn of_two_incidents_only_the_last_lease_to_end_restores() {
    let stack = Stack::start(Options::default()).await;
    lease_seconds(&stack, 2100).await;
    load(&stack, 900).await;
    let first = scaled_up(&stack, "incident-lease-2").await;
    assert_eq!(limits(&stack).await, (8, 12));
    stack.account.passed(&stack.account.state("cooldown#api#scale_up").await["until"]["N"]).await;
    load(&stack, 1500).await;
    let second = scaled_up(&stack, "incident-lease-3").await;
    assert_eq!(limits(&stack).await, (16, 16), "the maximum had to be raised too");
    let record = leases(&stack).await;
    assert_eq!(record["leases"].as_object().unwrap().len(), 2, "they overlap: {record}");
    assert_eq!(record["original"], json!({"minCapacity": 4, "maxCapacity": 12}), "those of the first: {record}");

    let ended = output(&stack, &first).await;
    assert_eq!(ended["outcome"], "kept", "{ended}");
    assert_eq!(limits(&stack).await, (16, 16), "the first end does not shrink the second incident");
    let ended = output(&stack, &second).await;
    assert_eq!(ended["outcome"], "restored", "{ended}");
    assert_eq!(limits(&stack).await, (4, 12));
    assert_eq!(leases(&stack).await, Value::Null);
    assert_eq!(stack.account.calls("RegisterScalableTarget").await.len(), 3);
}

#[tokio::test]
async fn a_lease_restores_nothing_while_automation_is_off_nor_over_a_persons_own_limits() {
    let stack = Stack::start(Options::default()).await;
    lease_seconds(&stack, 1200).await;
    load(&stack, 900).await;
    let lease = scaled_up(&stack, "incident-lease-4").await;
    switch(&stack, "off").await;
    stack.entered(&lease, "Wait turn").await;
    assert_eq!(limits(&stack).await, (8, 12), "restoring is an act");

    let theirs = json!({"ServiceNamespace": "ecs", "ResourceId": "service/production/api",
        "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 6, "MaxCapacity": 20});
    stack.account.aws("AnyScaleFrontendService.RegisterScalableTarget", theirs).await;
    switch(&stack, "on").await;
    let ended = output(&stack, &lease).await;
    assert_eq!(ended["outcome"], "left", "{ended}");
    assert_eq!(limits(&stack).await, (6, 20));
    assert_eq!(leases(&stack).await, Value::Null);
}

#[tokio::test]
async fn an_action_that_does_not_help_gives_its_lease_back_at_once() {
    let mut stack = Stack::start(Options { worker: false, ..Options::default() }).await;
    load(&stack, 900).await;
    stack.account.rings("api-latency-p95").await;
    let event =
        json!({"action": "scale_up", "target": "api", "incidentId": "incident-lease-5", "priority": "critical"});
    let execution = stack.remediate(&event).await;
    stack.entered(&execution, "Watch recovery").await;
    assert_eq!(limits(&stack).await, (8, 12));
    // Three times what the limit of 20 tasks can serve: it does not get well.
    load(&stack, 9000).await;
    stack.start_worker();
    let (status, failure) = stack.ended(&execution).await;
    assert_eq!((status, &failure["error"]), (ExecutionStatus::Failed, &json!("Ops.VerificationFailed")), "{failure}");
    assert!(failure["cause"].as_str().unwrap().contains("was undone"), "{failure}");
    assert!(stack.states(&execution).await.iter().any(|state| state == "Return capacity"));
    assert_eq!(limits(&stack).await, (4, 12));
    assert_eq!(leases(&stack).await, Value::Null);
}
