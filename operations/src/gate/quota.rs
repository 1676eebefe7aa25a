//! Whether the account's quota of Fargate vCPUs fits the new tasks beside the old ones.

use super::facts::Facts;
use super::reference::{Answer, Reading, ReferenceKind, field, list};
use super::{Check, Outcome};
use serde_json::{Value, json};

/// The code of the quota of vCPUs that run on demand, in Service Quotas under `fargate`.
pub const ON_DEMAND: &str = "L-3032A538";
/// The code of the quota of vCPUs that run on Spot.
pub const SPOT: &str = "L-36FBB829";

/// CPU units of one vCPU.
const UNITS: f64 = 1_024.0;

/// vCPUs that run, as the tasks themselves say: what is left to ask where CloudWatch has no figure.
#[derive(Debug, Clone, PartialEq)]
pub enum Counted {
    /// So many.
    Tasks(f64),
    /// They could not be counted.
    Unknown(String),
}

/// Whether CloudWatch answered and has no figure of the account's use, so that tasks have to be counted; with it the
/// code of the quota.
pub fn to_count(facts: &Facts) -> Option<&str> {
    let code = code(facts)?;
    let silent =
        matches!(Reading::find(&facts.usage, code)?, Ok(answer) if newest(answer).is_ok_and(|it| it.is_none()));
    silent.then_some(code)
}

/// The quota of vCPUs fits the new tasks beside everything that runs.
pub(super) fn fargate_quota(facts: &Facts) -> Check {
    const NAME: &str = "fargate-quota";
    let Some(definition) = &facts.task_definition else { return Check::unread(NAME, "the new task definition") };
    if !definition.fargate {
        return Check::new(NAME, Outcome::Pass, "the tasks do not run on Fargate", Value::Null);
    }
    let Some(blue) = &facts.blue else { return Check::unread(NAME, "how many tasks are needed") };
    let Some(cpu) = definition.cpu else { return Check::unread(NAME, "the size of a task") };
    let known = code(facts).ok_or_else(|| "the quota of vCPUs was not looked up".to_owned());
    let known = known.and_then(|code| Ok((code, quota(facts, code)?, used(facts, code)?)));
    let (code, quota, used) = match known {
        Ok(known) => known,
        Err(why) => return Check::new(NAME, Outcome::Unknown, why, Value::Null),
    };
    let (tasks, vcpu) = (blue.side.desired, f64::from(cpu) / UNITS);
    let needed = f64::from(tasks) * vcpu;
    let evidence = json!({"quotaCode": code, "quota": quota, "used": used, "needed": needed});
    let text = format!("{tasks} new tasks of {vcpu} vCPU need {needed} beside {used} in use, the quota is {quota}");
    if used + needed <= quota {
        return Check::new(NAME, Outcome::Pass, text, evidence);
    }
    let remedy = format!("raise quota {code} of service fargate in Service Quotas to {} or more", used + needed);
    Check::new(NAME, Outcome::Fail, format!("{text}: {remedy}"), evidence)
}

/// The quota that the new tasks count against.
fn code(facts: &Facts) -> Option<&str> {
    let quota = facts.references.iter().find(|reference| reference.kind == ReferenceKind::Quota)?;
    Some(quota.name.as_str())
}

/// The quota in vCPUs, or why it is not known.
fn quota(facts: &Facts, code: &str) -> Result<f64, String> {
    let mut resolved = facts.resolved.iter();
    let found = resolved.find(|resolved| resolved.kind == ReferenceKind::Quota && resolved.name == code);
    match found.map(|resolved| &resolved.answer) {
        None => Err(format!("quota {code} was not looked up")),
        Some(Answer::Missing(why) | Answer::Unknown(why)) => Err(format!("quota {code} could not be looked up: {why}")),
        Some(Answer::Found(answer)) => field(answer, "Quota")
            .filter(|quota| field(quota, "ErrorReason").is_none())
            .and_then(|quota| field(quota, "Value")?.as_f64())
            .ok_or_else(|| format!("Service Quotas has no value of quota {code} now")),
    }
}

/// vCPUs in use, or why that is not known.
fn used(facts: &Facts, code: &str) -> Result<f64, String> {
    let answer = match Reading::find(&facts.usage, code) {
        None => return Err("the vCPUs in use were not read".to_owned()),
        Some(Err(why)) => return Err(format!("the vCPUs in use could not be read: {why}")),
        Some(Ok(answer)) => answer,
    };
    match (newest(answer)?, &facts.counted) {
        (Some(used), _) => Ok(used),
        (None, Some(Counted::Tasks(used))) => Ok(*used),
        (None, Some(Counted::Unknown(why))) => {
            Err(format!("CloudWatch has no figure of the vCPUs in use, and the tasks could not be counted: {why}"))
        }
        (None, None) => Err("CloudWatch has no figure of the vCPUs in use, and the tasks were not counted".to_owned()),
    }
}

/// The newest value in an answer of `GetMetricData`, which lists the newest first; `None` when there is none.
fn newest(answer: &Value) -> Result<Option<f64>, String> {
    let unread = || "CloudWatch's answer has no figures of the vCPUs in use".to_owned();
    let result = list(answer, "MetricDataResults").and_then(|results| results.first()).ok_or_else(unread)?;
    let values = list(result, "Values").ok_or_else(unread)?;
    match (values.first(), field(result, "StatusCode").and_then(Value::as_str)) {
        (Some(value), _) => value.as_f64().map(Some).ok_or_else(unread),
        (None, None | Some("Complete")) => Ok(None),
        (None, Some(status)) => Err(format!("CloudWatch's figures of the vCPUs in use are {status}")),
    }
}
