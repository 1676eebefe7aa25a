//! Execution logs against those that AWS has written, where recordings are at hand.

use std::path::{Path, PathBuf};

use asl::Value;
use engine::aws::Endpoint;
use engine::{Clock, Config, Engine, NewStateMachine};
use execution::Limits;
use observability::Observability;
use serde_json::{Value as Json, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

/// The folder of recordings that `STEPWRIGHT_SHARED` names.
fn recordings() -> Option<PathBuf> {
    let shared = std::env::var_os("STEPWRIGHT_SHARED").map(PathBuf::from);
    let folder = shared.map(|shared| shared.join("conformance/dev/logs")).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("SKIPPED: STEPWRIGHT_SHARED names no recordings of executions; they are not part of the repository");
    }
    folder
}

/// What the engine logs for the machine and the logging of a recorded case.
async fn logged(case: &Json) -> Vec<Json> {
    let folder = tempfile::tempdir().unwrap();
    let watching = Observability::start(observability::Config {
        region: "us-east-1".to_owned(),
        clock: Clock::system(),
        log_dir: Some(folder.path().to_owned()),
        cloudwatch_logs: None,
        cloudwatch_metrics: None,
        collector: None,
        metrics: None,
    })
    .await
    .unwrap();
    let config = Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: None,
        aws: Endpoint::Url("http://127.0.0.1:1".to_owned()),
        lambda_endpoint: None,
        clock: Clock::system(),
        limits: Limits::default(),
        events_endpoint: None,
        names: engine::Names::default(),
        quotas: engine::Quotas::default(),
        signers: engine::aws::Signers::default(),
    };
    let engine = Engine::open_observed(config, vec![watching.observer()]).await.unwrap();
    let steps = case["steps"].as_array().unwrap();
    let logging = steps.iter().find_map(|step| step["params"].get("loggingConfiguration")).unwrap();
    let new = NewStateMachine {
        name: "m".to_owned(),
        definition: steps[0]["params"]["definition"].as_str().unwrap().to_owned(),
        role_arn: ROLE.to_owned(),
        logging: Some(Value::from(logging)),
        ..NewStateMachine::default()
    };
    let machine = engine.create_state_machine(new).await.unwrap().machine.arn.to_string();
    let started = engine.start_execution(&machine, None, Value::from(&case["input"])).await.unwrap();
    engine.ended(&started.arn).await.unwrap();
    engine.shutdown().await;
    watching.stop().await;
    read(folder.path())
}

fn read(folder: &Path) -> Vec<Json> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let lines = files.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
}

/// A log event with what differs from run to run taken out, as the recordings have it.
fn neutral(event: &Json) -> Json {
    let mut event = event.clone();
    event["execution_arn"] = json!("arn");
    event["event_timestamp"] = json!("timestamp");
    let Some(details) = event["details"].as_object_mut() else { return event };
    if details.contains_key("roleArn") {
        details.insert("roleArn".to_owned(), json!("role"));
    }
    for key in ["input", "output"] {
        let parsed = details.get(key).and_then(Json::as_str).and_then(|text| serde_json::from_str(text).ok());
        details.extend(parsed.map(|parsed: Json| (key.to_owned(), parsed)));
    }
    event
}

#[tokio::test]
async fn logs_are_those_that_aws_has_written() {
    let Some(folder) = recordings() else { return };
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let case: Json = serde_json::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let expected = case["recorded"]["content"]["logged_execution_events"].as_array().cloned().unwrap_or_default();
        // There the log group is deleted while the execution runs.
        if case["id"].as_str().is_some_and(|id| id.contains("deleted_log_group")) {
            continue;
        }
        let [expected, logged] =
            [expected, logged(&case).await].map(|events| events.iter().map(neutral).collect::<Vec<_>>());
        assert_eq!(logged, expected, "{}", case["id"]);
        compared += 1;
    }
    println!("{compared} recorded cases, event by event");
    assert!(compared > 0);
}
