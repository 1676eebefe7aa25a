//! `incident-notify-human`.

use crate::support::{World, call, with};
use crate::web_server::WebServer;
use incident_notify_human::NotifyHuman;
use sandbox::FaultKind;
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ops-notifications";

fn event() -> Value {
    json!({"action": "notify_human", "target": "api", "incidentId": "incident-1", "priority": "critical",
        "incidentDetails": {"title": "Latency \u{1F680}", "description": "p95 is 1.2 s"}})
}

fn published(world: &World) -> Vec<Value> {
    world
        .sandbox()
        .calls()
        .iter()
        .filter(|call| call.operation == "Publish")
        .map(|call| call.parameters.clone())
        .collect()
}

#[tokio::test]
async fn both_channels_carry_the_original_event() {
    let world = World::start().await;
    let slack = WebServer::start(&[(200, "", "ok")]).await;
    let function = NotifyHuman::new(
        world.services("incident-notify-human", [("SNS_TOPIC_ARN", TOPIC), ("SLACK_WEBHOOK_URL", &slack.url)]),
    );
    let answer = call(&function, &event()).await.unwrap();
    assert_eq!(answer["deliveries"][0], json!({"channel": "slack", "id": "accepted"}));
    assert_eq!(answer["deliveries"][1]["channel"], "sns");
    assert_eq!(answer.get("failures"), None);
    let mail = &published(&world)[0];
    assert_eq!(mail["Subject"], "[CRITICAL] api needs attention: incident incident-1");
    assert!(mail["Message"].as_str().unwrap().contains("Latency \u{1F680}"));
    let post = &slack.received()[0];
    assert!(post.head.contains("content-type: application/json"), "{}", post.head);
    let body: Value = serde_json::from_str(&post.body).unwrap();
    assert!(body["blocks"][0]["text"]["text"].as_str().unwrap().contains("p95 is 1.2 s"));
}

#[tokio::test]
async fn an_incident_has_one_thread() {
    let world = World::start().await;
    let slack =
        WebServer::start(&[(200, "", r#"{"ok":true,"ts":"17.5"}"#), (200, "", r#"{"ok":true,"ts":"18.0"}"#)]).await;
    let function = NotifyHuman::new(world.services("incident-notify-human", [("SLACK_WEBHOOK_URL", &slack.url)]));
    let first = call(&function, &with(event(), json!({"operation": "started", "thread": ""}))).await.unwrap();
    assert_eq!(first["thread"], "17.5");
    let next = with(event(), json!({"operation": "resolved", "thread": first["thread"], "summary": "Scaled"}));
    let second = call(&function, &next).await.unwrap();
    assert_eq!(second["thread"], "17.5", "replies stay in the first thread");
    let body: Value = serde_json::from_str(&slack.received()[1].body).unwrap();
    assert_eq!(body["thread_ts"], "17.5");
}

#[tokio::test]
async fn a_channel_that_fails_is_told_on_the_other() {
    let world = World::start().await;
    let slack = WebServer::start(&[(404, "", "no_service")]).await;
    let function = NotifyHuman::new(
        world.services("incident-notify-human", [("SNS_TOPIC_ARN", TOPIC), ("SLACK_WEBHOOK_URL", &slack.url)]),
    );
    let answer = call(&function, &event()).await.unwrap();
    assert_eq!(answer["failures"][0]["error"], "Ops.ConfigInvalid");
    let text = published(&world)[0]["Message"].as_str().unwrap().to_owned();
    assert!(text.contains("Not delivered by slack: slack webhook: status 404: no_service"), "{text}");

    let healthy = WebServer::start(&[(200, "", "ok")]).await;
    let function = NotifyHuman::new(
        world.services("incident-notify-human", [("SNS_TOPIC_ARN", TOPIC), ("SLACK_WEBHOOK_URL", &healthy.url)]),
    );
    world.fault("sns", "Publish", FaultKind::Throttle);
    let answer = call(&function, &event()).await.unwrap();
    assert_eq!(answer["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(answer["failures"][0]["error"], "Ops.Throttled");
    assert!(healthy.received()[1].body.contains("Not delivered by sns"), "{:?}", healthy.received());
}

#[tokio::test]
async fn nobody_reached_is_a_failure_with_the_name_a_retry_matches() {
    let world = World::start().await;
    let slack = WebServer::start(&[(503, "", "down")]).await;
    let function = NotifyHuman::new(
        world.services("incident-notify-human", [("SNS_TOPIC_ARN", TOPIC), ("SLACK_WEBHOOK_URL", &slack.url)]),
    );
    world.error("sns", "Publish", 403, "AuthorizationError");
    let error = call(&function, &event()).await.unwrap_err();
    assert_eq!(error.name(), "Ops.DependencyUnavailable");
    assert!(error.message().contains("sns") && error.message().contains("slack"), "{error}");
    let silent = WebServer::start(&[]).await;
    let function = NotifyHuman::new(world.services("incident-notify-human", [("SLACK_WEBHOOK_URL", &silent.url)]));
    assert_eq!(call(&function, &event()).await.unwrap_err().name(), "Ops.DependencyTimeout");
}

#[tokio::test]
async fn no_channel_and_a_bad_url_are_configuration_errors() {
    let world = World::start().await;
    let error = call(&NotifyHuman::new(world.services("incident-notify-human", [])), &event()).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid");
    assert!(error.message().contains("SNS_TOPIC_ARN") && error.message().contains("SLACK_WEBHOOK_URL"), "{error}");
    let function = NotifyHuman::new(
        world.services("incident-notify-human", [("SLACK_WEBHOOK_URL", "hooks.slack.example/T0/secret")]),
    );
    let error = call(&function, &event()).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid");
    assert!(!error.message().contains("secret"), "{error}");
}

#[tokio::test]
async fn an_event_without_its_optional_fields_is_told_too() {
    let world = World::start().await;
    let function = NotifyHuman::new(world.services("incident-notify-human", [("SNS_TOPIC_ARN", TOPIC)]));
    call(&function, &json!({"incidentId": "incident-1"})).await.unwrap();
    assert_eq!(published(&world)[0]["Subject"], "[UNRATED] unknown target needs attention: incident incident-1");
}
