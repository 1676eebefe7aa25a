//! The deployment to an emulator: what its services say is there afterwards, and whether an event starts an execution.
//!
//! An emulator reports success for what it dropped, so nothing is believed that CloudFormation says.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::{During, Failure};
use crate::process::Service;
use crate::service;

use super::chain::{REGION, Translated, answer};
use super::machines::placeholders;
use super::policy::list;
use super::suite::Suite;
use super::tools::Tools;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// The incident that is sent: it is refused, which needs no function.
const REFUSED: &str = r#"{"action": "reboot", "target": "api", "incidentId": "check-1"}"#;
/// The states that every engine enters on it.
const ENTERED: [&str; 3] = ["Validate event", "Judge event", "Name failure"];

/// Deploys, looks, and sends an incident.
pub(crate) fn check(
    root: &Path,
    tools: &Tools,
    suite: &Suite,
    translated: &Translated,
) -> Result<Vec<String>, Failure> {
    let port = service::free_port()?;
    let mut command = tools.chain("ministack");
    command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).current_dir(&translated.folder);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut emulator = Service::start(command, "ministack")?;
    emulator.until(PATIENCE, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
    let mut python = tools.chain("python");
    python.arg(root.join("infra/aws/checks/deploy.py")).arg(format!("http://127.0.0.1:{port}"));
    python.arg(&translated.folder).arg(root).arg(parameters().to_string());
    let printed = answer(&mut python, "deploy.py")?;
    emulator.stop();
    let found: Value = serde_json::from_slice(&printed).during(|| "what deploy.py prints".to_owned())?;
    Ok(judge(suite, &found))
}

fn parameters() -> Value {
    json!({
        "Region": REGION,
        "EcsClusterName": "production",
        "ServiceArns": format!("arn:aws:ecs:{REGION}:000000000000:service/production/api"),
        "PrivateSubnetIds": "subnet-0123456789abcdef0",
        "SecurityGroupIds": "sg-0123456789abcdef0",
        "WorkerImageUri": "workers:check",
        "NotificationEmail": "ops@example.com",
    })
}

fn judge(suite: &Suite, found: &Value) -> Vec<String> {
    if found["status"] != "CREATE_COMPLETE" {
        let reasons: Vec<String> = list(&found["events"])
            .iter()
            .map(|event| format!("{}: {}", event["LogicalResourceId"], event["ResourceStatusReason"]))
            .collect();
        return vec![format!(
            "the stack ended as {}: {}; mend the resource named",
            found["status"],
            reasons.join("; ")
        )];
    }
    let mut problems = inventory(suite, found);
    problems.extend(definitions(suite, found));
    problems.extend(rules(suite, found));
    problems.extend(execution(&found["execution"]));
    problems.extend(alarmed(&found["alarmed"]));
    problems
}

/// An alarm of `service.yaml` became an incident of its target, which got as far as the catalogue, where it is unknown.
fn alarmed(found: &Value) -> Vec<String> {
    let input: Value = found["input"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let expected = [("action", "scale_up"), ("target", "api"), ("priority", "high")];
    let is_incident = expected.iter().all(|(field, value)| input[field] == *value)
        && input["incidentDetails"]["description"] == "p95 is \"high\""
        && input["incidentId"].as_str().is_some_and(|id| !id.is_empty());
    let resolved = list(&found["entered"]).iter().any(|state| state == "Resolve target");
    if is_incident && resolved {
        return Vec::new();
    }
    vec![format!(
        "an alarm of infra/aws/service.yaml should start an incident that asks for its target, but: {found}; see the InputTransformer of LatencyStartsIncident"
    )]
}

/// Names of what must be there, and of nothing else.
fn inventory(suite: &Suite, found: &Value) -> Vec<String> {
    let names = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    let machines: Vec<String> = suite.definitions.keys().cloned().collect();
    let mut alarms = names(&[]);
    for name in &suite.handlers {
        alarms.extend(["errors", "duration", "throttles"].map(|kind| format!("lambda-{kind}-{name}")));
    }
    for name in &machines {
        alarms.extend(["timed-out", "aborted"].map(|kind| format!("executions-{kind}-{name}")));
    }
    let own = suite.of_type("AWS::CloudWatch::Alarm");
    alarms.extend(own.filter_map(|(_, alarm)| alarm["AlarmName"].as_str().map(str::to_owned)));
    let mut logs: BTreeSet<String> = suite.handlers.iter().map(|name| format!("/aws/lambda/{name}")).collect();
    logs.extend(machines.iter().map(|name| format!("/aws/vendedlogs/states/{name}")));
    logs.extend(suite.workers.iter().map(|name| format!("/ops/workers/{name}")));
    let named = |kind: &'static str, field: &'static str| -> BTreeSet<String> {
        suite.of_type(kind).filter_map(|(_, it)| it[field].as_str().map(str::to_owned)).collect()
    };
    let expected = [
        ("stateMachines", names(&machines)),
        ("activities", names(&suite.workers)),
        ("functions", names(&suite.handlers)),
        ("alarms", alarms),
        ("logGroups", logs),
        ("queues", named("AWS::SQS::Queue", "QueueName")),
        ("tables", named("AWS::DynamoDB::Table", "TableName")),
        ("parameters", names(&["/ops/production/automation".to_owned()])),
        ("dashboards", names(&["ops-production".to_owned()])),
        ("services", names(&suite.workers)),
    ];
    let different = expected.iter().filter(|(kind, expected)| present(&found[*kind]) != *expected);
    let mut problems: Vec<String> = different
        .map(|(kind, expected)| {
            let present = present(&found[*kind]);
            let missing: Vec<&String> = expected.difference(&present).collect();
            let strange: Vec<&String> = present.difference(expected).collect();
            format!("after the deployment, of {kind} there lack {missing:?}, and {strange:?} are nobody's: mend the template")
        })
        .collect();
    let subscribed = found["topics"]
        .as_object()
        .into_iter()
        .flatten()
        .any(|(_, subscriptions)| list(subscriptions).iter().any(|it| it["Protocol"] == "email"));
    if !subscribed {
        problems
            .push("after the deployment nobody is subscribed to ops-notifications: see EmailSubscription".to_owned());
    }
    problems
}

/// The names in an object, or in a list of names or ARNs.
fn present(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(fields) => fields.keys().cloned().collect(),
        _ => {
            let text = |item: &Value| item.as_str().map(str::to_owned);
            let last = |text: String| match text.starts_with("arn:") {
                true => text.rsplit('/').next().unwrap_or_default().to_owned(),
                false => text,
            };
            list(value).iter().filter_map(text).map(last).collect()
        }
    }
}

/// Each definition arrived whole, with nothing left to substitute.
fn definitions(suite: &Suite, found: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, definition) in &suite.definitions {
        let deployed = &found["stateMachines"][name]["definition"];
        let text = deployed.to_string();
        let left: BTreeSet<&str> =
            placeholders(&definition.text).into_iter().filter(|it| text.contains(&format!("${{{it}}}"))).collect();
        if !left.is_empty() {
            problems.push(format!("{name} was deployed with {left:?} not substituted: add them to its template"));
        }
        if deployed["States"].as_object().map(serde_json::Map::len)
            != definition.json["States"].as_object().map(serde_json::Map::len)
        {
            problems.push(format!("{name} was deployed with other states than {} has", definition.path));
        }
    }
    problems
}

/// Each rule leads to its state machine, with retries and a queue.
fn rules(suite: &Suite, found: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (resource, machine) in suite.of_type("AWS::Serverless::StateMachine") {
        for (_, event) in machine["Events"].as_object().into_iter().flatten() {
            let properties = &event["Properties"];
            let name = properties["RuleName"].as_str().or_else(|| properties["Name"].as_str()).unwrap_or_default();
            let target = &found["rules"][name]["targets"][0];
            let leads = target["Arn"]
                .as_str()
                .is_some_and(|arn| arn.ends_with(&format!(":{}", machine["Name"].as_str().unwrap_or_default())));
            if !leads || target["DeadLetterConfig"]["Arn"].is_null() || target["RetryPolicy"].is_null() {
                problems.push(format!(
                    "after the deployment rule {name:?} of {resource} is {target}: it must start that \
                                       state machine, with RetryPolicy and DeadLetterConfig"
                ));
            }
        }
    }
    problems
}

/// The event arrived as the execution's input, and the execution ran.
fn execution(found: &Value) -> Vec<String> {
    if found["status"] == "NONE" {
        return vec![
            "an event of source stepwright.incidents started no execution of incident-remediation: see its Events"
                .to_owned(),
        ];
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let mut problems = Vec::new();
    if found["input"].as_str().and_then(parse) != parse(REFUSED) {
        problems.push(format!(
            "the execution's input is {}: the rule must hand on $.detail alone (InputPath)",
            found["input"]
        ));
    }
    let entered: Vec<&str> = list(&found["entered"]).iter().filter_map(Value::as_str).take(ENTERED.len()).collect();
    if entered != ENTERED {
        problems.push(format!(
            "the execution entered {entered:?}, not {ENTERED:?}: what does its first state say of the input?"
        ));
    }
    problems
}
