//! Optimisation end to end: the server's own fleet, functions and workers; idle time is skipped, so that changes are
//! watched for their days and measured after their weeks.

use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use end_to_end::client::{request, step_functions};
use end_to_end::process::{Process, binary, free_port, root};
use serde_json::{Value, json};
use tempfile::TempDir;

const TARGET: &str = "X-Amz-Target";

/// A server with the fleet.
struct Fleet {
    _process: Process,
    client: Client,
    sandbox: u16,
    _folder: TempDir,
}

impl Fleet {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [port, lambda, sandbox] = [free_port(), free_port(), free_port()];
        let arguments = [
            "serve".to_owned(),
            "--skip-idle".to_owned(),
            "--sandbox-profile=fleet".to_owned(),
            "--output=json".to_owned(),
            format!("--port={port}"),
            format!("--lambda-port={lambda}"),
            format!("--sandbox-port={sandbox}"),
            "--traffic-port=0".to_owned(),
            format!("--data-dir={}", folder.path().join("data").display()),
            format!("--definitions={}", root().join("statemachines").display()),
            format!("--stack={}", root().join("infra/local/stack.json").display()),
            format!("--lambda-binary={}", binary("bootstrap").display()),
        ];
        let mut process = Process::start("stepwright", &arguments, &[], folder.path());
        // The API's port is open before everything behind it is.
        for port in [port, lambda, sandbox] {
            process.listening(port).await;
        }
        Self { _process: process, client: step_functions(port), sandbox, _folder: folder }
    }

    async fn begin(&self, machine: &str, input: &Value) -> String {
        let arn = format!("arn:aws:states:us-east-1:123456789012:stateMachine:{machine}");
        let started = self.client.start_execution().state_machine_arn(arn).input(input.to_string()).send().await;
        started.unwrap_or_else(|error| panic!("{error:?}")).execution_arn().to_owned()
    }

    /// The output of an execution that succeeds.
    async fn output(&self, arn: &str) -> Value {
        for _ in 0..2_400 {
            let answer = self.client.describe_execution().execution_arn(arn).send().await;
            let answer = answer.unwrap_or_else(|error| panic!("{error:?}"));
            match answer.status() {
                ExecutionStatus::Running => tokio::time::sleep(Duration::from_millis(50)).await,
                ExecutionStatus::Succeeded => {
                    return serde_json::from_str(answer.output().unwrap_or("null")).expect("JSON");
                }
                status => panic!("{arn} ended {status:?}: {:?} {:?}", answer.error(), answer.cause()),
            }
        }
        panic!("{arn} does not end");
    }

    async fn scale(&self, target: &str, id: &str) -> String {
        self.begin("scaling-optimization", &json!({"target": target, "requestId": id})).await
    }

    async fn control(&self, method: &str, page: &str, body: &Value) -> Value {
        let (status, answer) = request(method, self.sandbox, &format!("/_sandbox/{page}"), &[], body).await;
        assert!(status < 300, "{page}: {answer}");
        answer
    }

    async fn aws(&self, target: &str, body: &Value) -> Value {
        let (status, answer) = request("POST", self.sandbox, "/", &[(TARGET, target)], body).await;
        assert!(status < 300, "{target}: {answer}");
        answer
    }

    /// Minimum and maximum of a service's autoscaling.
    async fn limits(&self, service: &str) -> (i64, i64) {
        let asked = json!({"ServiceNamespace": "ecs", "ResourceIds": [format!("service/production/{service}")]});
        let answer = self.aws("AnyScaleFrontendService.DescribeScalableTargets", &asked).await;
        let target = &answer["ScalableTargets"][0];
        (target["MinCapacity"].as_i64().unwrap_or(0), target["MaxCapacity"].as_i64().unwrap_or(0))
    }

    /// What people were told, by subject.
    async fn told(&self) -> Vec<String> {
        let state = self.control("GET", "state", &Value::Null).await;
        let published = state["topics"][0]["published"].as_array().cloned().unwrap_or_default();
        published.iter().map(|message| message["subject"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_change_is_proved_made_watched_kept_and_measured_and_a_second_optimizer_is_refused() {
    let fleet = Fleet::start().await;
    let before = fleet.limits("signup").await;
    let runs = [fleet.scale("signup", "signup-1").await, fleet.scale("signup", "signup-2").await];
    let outputs = [fleet.output(&runs[0]).await, fleet.output(&runs[1]).await];
    let status = |wanted: &str| outputs.iter().find(|output| output["status"] == wanted);
    let kept = status("SUCCEEDED").unwrap_or_else(|| panic!("{outputs:#?}"));
    assert!(status("REJECTED").is_some(), "the second is refused: {outputs:#?}");
    assert!(kept["saving"]["realisedPerMonth"].is_number(), "measured two weeks later: {kept}");
    assert_eq!(fleet.limits("signup").await, (before.0, before.1 + 1), "one bounded change");
    let told = fleet.told().await;
    for occasion in ["signup in progress", "signup changed for good", "signup saving measured"] {
        assert!(told.iter().any(|subject| subject.contains(occasion)), "{occasion}: {told:?}");
    }
}

#[tokio::test]
async fn a_change_after_which_the_service_is_slow_is_taken_back_and_the_service_left_alone_for_a_week() {
    let fleet = Fleet::start().await;
    let before = fleet.limits("webhooks").await;
    fleet.control("POST", "speed", &json!({"service": "webhooks", "factor": 0.3})).await;
    let output = fleet.output(&fleet.scale("webhooks", "webhooks-1").await).await;
    assert_eq!(output["status"], "ROLLED_BACK", "{output}");
    assert_eq!(fleet.limits("webhooks").await, before);
    let again = fleet.output(&fleet.scale("webhooks", "webhooks-2").await).await;
    assert_eq!(again["status"], "REJECTED", "{again}");
    assert!(again["summary"].as_str().is_some_and(|summary| summary.contains("frozen until")), "{again}");
}

#[tokio::test]
async fn every_service_is_analysed_and_announced_and_the_rule_goes_on_from_there() {
    let fleet = Fleet::start().await;
    let rule = include_str!("../../infra/optimization/analysis-completed-rule.json");
    let rule: Value = serde_json::from_str(rule).expect("the example is JSON");
    let put = json!({"Name": rule["Name"], "EventPattern": rule["EventPattern"].to_string(), "State": "ENABLED"});
    fleet.aws("AWSEvents.PutRule", &put).await;
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:scaling-optimization";
    let targets = json!({"Rule": rule["Name"], "Targets": [{"Id": "1", "Arn": machine}]});
    fleet.aws("AWSEvents.PutTargets", &targets).await;
    let output = fleet.output(&fleet.begin("optimization", &json!({"mode": "plan"})).await).await;
    assert_eq!(output["status"], "SUCCEEDED", "{output}");
    let services = output["services"].as_array().cloned().unwrap_or_default();
    assert_eq!(services.len(), 6);
    assert!(services.iter().all(|service| service["score"].is_number()), "{output}");
    for _ in 0..1_200 {
        let listed = self::listed(&fleet).await;
        if listed.len() == 6 && listed.iter().all(|status| *status != ExecutionStatus::Running) {
            assert!(listed.iter().all(|status| *status == ExecutionStatus::Succeeded), "{listed:?}");
            let changed = fleet.told().await.iter().any(|subject| subject.contains("in progress"));
            assert!(!changed, "mode plan changes nothing");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the rule started {:?}", self::listed(&fleet).await);
}

async fn listed(fleet: &Fleet) -> Vec<ExecutionStatus> {
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:scaling-optimization";
    let answer = fleet.client.list_executions().state_machine_arn(machine).send().await;
    let answer = answer.unwrap_or_else(|error| panic!("{error:?}"));
    answer.executions().iter().map(|execution| execution.status().clone()).collect()
}

#[tokio::test]
async fn the_bill_is_explained_and_logs_are_kept_as_long_as_the_catalogue_says() {
    let fleet = Fleet::start().await;
    let output = fleet.output(&fleet.begin("cost-optimization", &json!({})).await).await;
    let gap = output["reconciliation"]["gapPercent"].as_f64().unwrap_or(100.0);
    assert!(gap.abs() < 10.0, "{}", output["reconciliation"]);
    let started: Vec<&Value> = output["proposals"].as_array().into_iter().flatten().collect();
    let logs = |proposal: &&&Value| proposal["kind"] == "retention" && proposal["outcome"] == "STARTED";
    assert!(started.iter().filter(logs).count() >= 2, "{started:#?}");
    let mut kept = Value::Null;
    for _ in 0..600 {
        let groups = fleet
            .aws("Logs_20140328.DescribeLogGroups", &json!({"logGroupNamePrefix": "/ecs/production/ingest"}))
            .await;
        kept = groups["logGroups"][0]["retentionInDays"].clone();
        if kept == 30 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the logs are kept for {kept} days");
}
