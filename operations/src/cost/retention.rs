//! How long logs are kept: the proposals, and the plan of one.

use super::inventory::Inventory;
use super::{Class, cents, worth};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::error::{Error, Kind as ErrorKind};
use crate::field::Object;
use crate::history::DAY_MS;
use crate::plan::Plan;
use crate::price::Other;
use crate::proposal::{Capacity, Kind, Proposal, Risk};
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde_json::{Value, json};

/// What CloudWatch Logs accepts, in days.
pub const DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1_096, 1_827, 2_192, 2_557, 2_922, 3_288, 3_653];
/// Bytes of a GB.
const GB: f64 = 1_073_741_824.0;

/// The shortest retention that CloudWatch Logs accepts and that keeps events for so many days; `None` for more than it
/// has, which is for ever.
pub fn accepted(days: u32) -> Option<u32> {
    DAYS.into_iter().find(|accepted| *accepted >= days)
}

/// The share of what is stored that is older than so many days, 0 to 1, when it grew evenly since `created`.
pub fn older(created: Millis, days: u32, at: Millis) -> f64 {
    let age = (at - created) as f64 / DAY_MS as f64;
    if age > 0.0 { (1.0 - f64::from(days) / age).clamp(0.0, 1.0) } else { 0.0 }
}

/// A log group of a service, and how long its catalogue entry wants it kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The service's catalogue id.
    pub target: String,
    /// The log group.
    pub log_group: String,
    /// Days.
    pub days: u32,
    /// How the catalogue releases such a change.
    pub class: Class,
}

/// The proposals to keep logs for as long as the catalogue says, where they are kept for longer and that is worth it, with
/// who carries each out.
///
/// `current` and `proposed` are `{target, logGroup, retentionInDays, storedBytes}`; a retention of null is for ever.
pub fn proposals(inventory: &Inventory<'_>, wanted: &[Wanted], other: &Other, at: Millis) -> Vec<(Class, Proposal)> {
    let groups = inventory.part("logGroups").unwrap_or_default();
    let found = wanted.iter().filter_map(|one| {
        let group = groups.iter().find(|group| group.text("LogGroupName") == Some(&one.log_group))?;
        let now = group.number("RetentionInDays").map(|days| days as u32);
        let days = accepted(one.days).filter(|days| now.is_none_or(|now| now > *days))?;
        let stored = group.number("StoredBytes")?;
        let paid = stored / GB * other.log_gb_month;
        // What is kept for some time already holds no more than that time's events.
        let saving = match now {
            Some(now) => paid * (1.0 - f64::from(days) / f64::from(now)),
            None => paid * older(group.time("CreationTime")?, days, at),
        };
        worth(saving, paid).then(|| (one.class, proposal(one, now, days, stored, saving, at)))
    });
    found.collect()
}

fn proposal(one: &Wanted, now: Option<u32>, days: u32, stored: f64, saving: f64, at: Millis) -> Proposal {
    let state = |retention: Option<u32>| json!({"target": one.target, "logGroup": one.log_group, "retentionInDays": retention, "storedBytes": stored});
    let kept = now.map_or("for ever".to_owned(), |now| format!("for {now} days"));
    Proposal {
        id: "log-retention".to_owned(),
        kind: Kind::Retention,
        summary: format!("Keep the events of {} for {days} days; they are kept {kept}", one.log_group),
        current: state(now),
        proposed: state(Some(days)),
        capacity: Capacity::Neutral,
        saving_per_month: cents(saving),
        risk: Risk::Low,
        confidence: 0.7,
        reasons: vec![format!("the catalogue entry of {} says {} days", one.target, one.days)],
        evidence: vec![Evidence::api("logs:DescribeLogGroups storedBytes", json!(stored), at)],
    }
}

/// A retention as a proposal states it: the log group, and days or `None` for ever.
///
/// # Errors
/// `Ops.InvalidInput` naming the field; days that CloudWatch Logs does not accept.
pub fn state(path: &str, value: &Value) -> Result<(String, Option<u32>), Error> {
    let object = Object::of(value, path, ErrorKind::InvalidInput)?;
    let days = object.optional_count("retentionInDays")?;
    if let Some(days) = days.filter(|days| !DAYS.contains(days)) {
        return Err(object.error("retentionInDays", &format!("is {days}, which CloudWatch Logs does not accept")));
    }
    Ok((object.text("logGroup")?.to_owned(), days))
}

/// The call that makes a log group keep its events for so many days, or for ever.
pub fn call(log_group: &str, days: Option<u32>) -> Call {
    match days {
        Some(days) => {
            Call::new("logs", "PutRetentionPolicy", json!({"logGroupName": log_group, "retentionInDays": days}))
        }
        None => Call::new("logs", "DeleteRetentionPolicy", json!({"logGroupName": log_group})),
    }
}

/// Reads such a call back.
///
/// # Errors
/// `Ops.InvalidInput` naming what is wrong.
pub fn of_call(path: &str, call: &Call) -> Result<(String, Option<u32>), Error> {
    let deletes = call.to_string() == "logs:DeleteRetentionPolicy";
    if !deletes && call.to_string() != "logs:PutRetentionPolicy" {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{path} is {call}: keeping logs does not send that")));
    }
    let known: &[&str] = if deletes { &["logGroupName"] } else { &["logGroupName", "retentionInDays"] };
    let parameters = call.parameters(path, known)?;
    let days = parameters.optional_count("retentionInDays")?;
    let missing = || parameters.error("retentionInDays", "is missing: plan again");
    let days = if deletes { None } else { Some(days.ok_or_else(missing)?) };
    Ok((parameters.text("logGroupName")?.to_owned(), days))
}

/// Plans a retention. `groups` are the log groups of the service, `now` what the group has.
///
/// # Errors
/// `Ops.InvalidInput` for another service's group, `Ops.PreconditionFailed` when it is not kept as the proposal says, or
/// the catalogue no longer wants what it proposes.
pub fn plan(entry: &Entry, proposal: &Proposal, groups: &[String], now: Option<u32>) -> Result<Plan, Error> {
    let (group, before) = state("proposal.current", &proposal.current)?;
    let (same, after) = state("proposal.proposed", &proposal.proposed)?;
    if group != same || !groups.contains(&group) {
        let message = format!("proposal.current.logGroup is {group}, which is no log group of {}", entry.catalog_id);
        return Err(Error::new(ErrorKind::InvalidInput, format!("{message}: pass a proposal of this target")));
    }
    let wanted = entry.optimization.log_retention_days.and_then(accepted);
    if now != before || after.is_none() || after != wanted {
        let message =
            format!("{group} is kept for {} and entry.optimization.logRetentionDays says {}", text(now), text(wanted));
        return Err(Error::new(ErrorKind::PreconditionFailed, format!("{message}: analyse again")));
    }
    Ok(Plan {
        calls: vec![call(&group, after)],
        undo: vec![call(&group, before)],
        before: json!({"logGroup": group, "retentionInDays": before}),
        after: json!({"logGroup": group, "retentionInDays": after}),
        verify: json!({"observeSeconds": 0}),
        summary: proposal.summary.clone(),
        // The undo restores the setting, not the events that have expired by then.
        irreversible: true,
        ..Plan::forward_only()
    })
}

fn text(days: Option<u32>) -> String {
    days.map_or("ever".to_owned(), |days| format!("{days} days"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use crate::price::tests::prices;

    const AT: Millis = 1_795_161_600_000;

    fn proposed(retention: Option<u32>, gb: f64, days: u32) -> Vec<Proposal> {
        let group = json!({"LogGroupName": "/ecs/api", "RetentionInDays": retention, "StoredBytes": gb * GB,
            "CreationTime": AT - 400 * DAY_MS});
        let payload = json!({"inventory": {"logGroups": {"LogGroups": [group]}}});
        let wanted = [Wanted { target: "api".into(), log_group: "/ecs/api".into(), days, class: Class::Automatic }];
        let other = prices().other("us-east-1").unwrap();
        let found = proposals(&Inventory::of_payload(&payload), &wanted, &other, AT);
        found.into_iter().map(|(_, proposal)| proposal).collect()
    }

    #[test]
    fn logs_are_kept_as_long_as_the_catalogue_says() {
        let found = proposed(None, 1_000.0, 100);
        assert_eq!(found[0].proposed["retentionInDays"], json!(120), "the next that is accepted");
        assert!((found[0].saving_per_month - 30.0 * 0.7).abs() < 0.01, "{}", found[0].saving_per_month);
        assert!(proposed(None, 100.0, 90).is_empty(), "less than $5");
        assert!(proposed(Some(90), 1_000.0, 90).is_empty());
        assert!(proposed(Some(30), 1_000.0, 90).is_empty(), "never longer");
        assert!((proposed(Some(365), 1_000.0, 90)[0].saving_per_month - 22.6).abs() < 0.01);
    }

    #[test]
    fn a_plan_is_made_for_the_services_own_group_only() {
        let mut item = samples::api();
        item["optimization"] = json!({"logRetentionDays": 90});
        let entry = samples::entry(item);
        let proposal = &proposed(None, 1_000.0, 90)[0];
        let own = ["/ecs/api".to_owned()];
        let made = plan(&entry, proposal, &own, None).unwrap();
        assert_eq!(made.calls[0].to_string(), "logs:PutRetentionPolicy");
        assert_eq!(made.undo[0].to_string(), "logs:DeleteRetentionPolicy");
        assert_eq!(of_call("plan.calls[0]", &made.calls[0]).unwrap(), ("/ecs/api".into(), Some(90)));
        assert_eq!(of_call("plan.undo[0]", &made.undo[0]).unwrap(), ("/ecs/api".into(), None));
        let foreign = plan(&entry, proposal, &["/ecs/billing".to_owned()], None).unwrap_err();
        assert_eq!(foreign.kind(), ErrorKind::InvalidInput);
        let changed = plan(&entry, proposal, &own, Some(14)).unwrap_err();
        assert_eq!(changed.kind(), ErrorKind::PreconditionFailed);
        let other = of_call("plan.calls[0]", &Call::new("logs", "DeleteLogGroup", json!({}))).unwrap_err();
        assert_eq!(other.message(), "plan.calls[0] is logs:DeleteLogGroup: keeping logs does not send that");
    }
}
