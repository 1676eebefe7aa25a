//! A month of optimisation: six services under six loads, analysed every four hours, changed one thing at a time, watched,
//! and measured. Idle time is skipped, so that the month takes a minute or two.

mod follow;
mod plot;
mod report;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Options;
use super::control::Control;
use super::stack::{Setting, Stack, Worker};
use crate::failure::{During, Failure};
use crate::workspace;

use report::Month;

/// How long the optimiser is at work, days.
const DAYS: i64 = 28;
/// One day, milliseconds.
const DAY_MS: i64 = 86_400_000;
/// The rules that start the workflows, as users find them.
const RULES: [&str; 3] = ["analysis-completed-rule.json", "analysis-schedule.json", "cost-schedule.json"];
/// The service whose tasks become slow behind the back of a change, and how slow.
const SABOTAGED: (&str, f64) = ("webhooks", 0.35);

/// The processes that the month needs.
pub(super) fn setting() -> Setting {
    Setting {
        workers: vec![Worker::new("load-replayer")],
        environment: Vec::new(),
        arguments: vec!["--sandbox-profile", "fleet", "--skip-idle"],
    }
}

/// Lets a month pass, and shows what came of it.
pub(super) fn tell(root: &Path, stack: &mut Stack, options: &Options) -> Result<(), Failure> {
    let control = stack.control();
    let begin = now(&control)?;
    println!("\nSix services with four weeks of history, each scaled wrongly in its own way.");
    println!("Every four hours each is analysed; what helps is replayed on its real load, made, watched, and kept or");
    println!("taken back. Behind the back of its first change {} becomes slow: it must be taken back.\n", SABOTAGED.0);
    for rule in RULES {
        put(root, &control, rule)?;
    }
    let limit = Duration::from_secs(options.limit());
    let told = follow::month(stack, &control, begin, limit)?;
    for rule in RULES {
        remove(root, &control, rule)?;
    }
    let month = Month::read(&control, begin, told)?;
    let folder = workspace::target(root)?.join("demo");
    let (text, picture) = (folder.join("optimization.md"), folder.join("optimization.svg"));
    std::fs::write(&text, month.markdown()).during(|| text.display().to_string())?;
    plot::draw(&month, &picture)?;
    println!("\n── report: {} and {} ──\n", text.display(), picture.display());
    println!("{}", month.markdown().trim_end());
    println!("\n── summary ──");
    month.verify()
}

/// Virtual now, milliseconds since 1970.
fn now(control: &Control) -> Result<i64, Failure> {
    control.state()?["now"].as_i64().ok_or_else(|| Failure::new("the sandbox does not say what time it is"))
}

/// One of the rules of `infra/optimization`, for the sandbox's account.
fn rule(root: &Path, name: &str) -> Result<Value, Failure> {
    let path = root.join("infra/optimization").join(name);
    let text = std::fs::read_to_string(&path).during(|| path.display().to_string())?;
    let machine = |name: &str| format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}");
    let text = text
        .replace("${OptimizationStateMachineArn}", &machine("optimization"))
        .replace("${ScalingOptimizationStateMachineArn}", &machine("scaling-optimization"))
        .replace("${CostOptimizationStateMachineArn}", &machine("cost-optimization"))
        .replace("${EventsRoleArn}", "arn:aws:iam::123456789012:role/events");
    serde_json::from_str(&text).during(|| path.display().to_string())
}

fn put(root: &Path, control: &Control, name: &str) -> Result<(), Failure> {
    let rule = rule(root, name)?;
    let mut request = json!({"Name": rule["Name"], "State": "ENABLED"});
    match rule.get("EventPattern") {
        Some(pattern) => request["EventPattern"] = json!(pattern.to_string()),
        None => request["ScheduleExpression"] = rule["ScheduleExpression"].clone(),
    }
    control.aws("AWSEvents.PutRule", &request)?;
    let target = json!({"Id": "1", "Arn": rule["Target"]["Arn"], "RoleArn": rule["Target"]["RoleArn"]});
    control.aws("AWSEvents.PutTargets", &json!({"Rule": rule["Name"], "Targets": [target]})).map(drop)
}

fn remove(root: &Path, control: &Control, name: &str) -> Result<(), Failure> {
    let rule = rule(root, name)?;
    control.aws("AWSEvents.RemoveTargets", &json!({"Rule": rule["Name"], "Ids": ["1"]}))?;
    control.aws("AWSEvents.DeleteRule", &json!({"Name": rule["Name"]})).map(drop)
}
