//! The whole account: its bill, what of it the services explain, and what could cost less.

use super::bill::Bill;
use super::idle::{self, Known};
use super::inventory::Inventory;
use super::retention::{self, Wanted};
use super::{Class, Recommendation, anomaly, cents, commitment, month, recommendation};
use crate::error::{Error, Kind};
use crate::field::Object;
use crate::history::History;
use crate::price::Prices;
use crate::proposal::Proposal;
use crate::time::Millis;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the bill calls services of ECS.
const ECS: &str = "Amazon Elastic Container Service";
/// A difference of the bill from what explains it that a person should look at, percent.
const GAP_PERCENT: f64 = 10.0;

/// One service, as the analysis of it answered.
#[derive(Debug, Clone, Default, PartialEq)]
struct Service {
    target: String,
    cost: f64,
    spend: Vec<Option<f64>>,
    groups: Vec<Wanted>,
    images: Vec<String>,
    proposals: usize,
    saving: f64,
}

/// What is known beside the payload.
#[derive(Debug)]
pub struct Read<'a> {
    /// The time.
    pub at: Millis,
    /// The region.
    pub region: &'a str,
    /// Prices.
    pub prices: &'a Prices,
    /// The values of [`idle::measures`], by dimension value; `None` when they could not be read in full.
    pub usage: Option<BTreeMap<String, History>>,
}

/// What is said of an account.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The bill, with the report of the month.
    pub bill: Value,
    /// What of the bill for ECS the services explain.
    pub reconciliation: Value,
    /// Unusual days.
    pub anomalies: Vec<anomaly::Anomaly>,
    /// What could cost less, most saving first.
    pub recommendations: Vec<Recommendation>,
    /// Changes that automation makes at once: of how long logs are kept.
    pub proposals: Vec<Proposal>,
    /// What the month will cost; absent where the bill says too little.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Value>,
    /// What was missing and what that means.
    pub partial: Vec<String>,
    /// One line a person reads.
    pub summary: String,
    /// What it rests on.
    pub evidence: Vec<Value>,
}

/// Looks at an account: the payload's `costs`, `inventory`, `services` (answers of the analyses) and, where commitments
/// shall be judged, `commitmentDiscount` (0 to 0.9).
///
/// # Errors
/// `Ops.InvalidInput` naming the field.
pub fn look(payload: &Value, read: Read<'_>) -> Result<Account, Error> {
    let object = Object::of(payload, "", Kind::InvalidInput)?;
    let services = services(&object)?;
    let (bill, mut partial) = Bill::of_payload(payload, read.at)?;
    partial.extend(read.prices.notices(read.at));
    let inventory = Inventory::of_payload(payload);
    let wanted: Vec<_> = services.iter().flat_map(|service| service.groups.clone()).collect();
    let known = Known {
        at: read.at,
        inventory,
        usage: read.usage,
        other: read.prices.other(read.region),
        bill: &bill,
        images: services.iter().flat_map(|service| service.images.clone()).collect(),
        governed: wanted.iter().map(|one| one.log_group.clone()).collect::<BTreeSet<_>>(),
    };
    let (mut found, unjudged) = idle::find(&known);
    partial.extend(unjudged);
    let spend: Vec<_> = services.iter().filter(|one| !one.spend.is_empty()).map(|one| one.spend.clone()).collect();
    match commitment::recommend(&commitment::hours(&spend), discount(&object)?, read.at) {
        Ok(commitment) => found.push(commitment),
        Err(reason) => partial.push(reason),
    }
    let proposals =
        known.other.map(|other| retention::proposals(&inventory, &wanted, &other, read.at)).unwrap_or_default();
    found.extend(proposals.iter().map(|(class, one)| {
        Recommendation::of_proposal(one, one.current["logGroup"].as_str().unwrap_or_default(), *class)
    }));
    let proposals = proposals.into_iter().filter(|(class, _)| *class == Class::Automatic);
    let recommendations = recommendation::sorted(found);
    let anomalies = anomaly::anomalies(&bill);
    let reconciliation = reconciliation(&bill, &services, &mut partial);
    let month = month::report(&bill);
    let mut shown = bill.to_json();
    shown["month"] = json!(month);
    let forecast = month.as_ref().and_then(|month| month.get("forecast")).map(|dollars| json!({"month": dollars}));
    let summary = summary(&bill, &services, &recommendations, anomalies.len());
    let evidence = evidence(read.at, &bill, read.prices);
    Ok(Account {
        bill: shown,
        reconciliation,
        anomalies,
        recommendations,
        proposals: proposals.map(|(_, proposal)| proposal).collect(),
        forecast,
        partial,
        summary,
        evidence,
    })
}

fn evidence(at: Millis, bill: &Bill, prices: &Prices) -> Vec<Value> {
    use crate::snapshot::Evidence;
    let days = Evidence::api("ce:GetCostAndUsage, complete days", json!(bill.days().len()), at);
    vec![json!(days), json!(Evidence::api("operations price data", json!(prices.provenance()), at))]
}

/// The bill for ECS, and what task-hours times prices say of it. A month each.
fn reconciliation(bill: &Bill, services: &[Service], partial: &mut Vec<String>) -> Value {
    let explained: f64 = services.iter().map(|service| service.cost).sum();
    let Some(billed) = bill.per_month(ECS).filter(|billed| *billed > 0.0) else {
        partial.push(format!("the bill has no costs of {ECS}: task-hours are not compared with it"));
        return json!({"billed": null, "explained": cents(explained), "gapPercent": null});
    };
    let gap = (billed - explained) / billed * 100.0;
    if gap.abs() > GAP_PERCENT {
        let direction = if gap > 0.0 { "more" } else { "less" };
        partial.push(format!(
            "the bill for ECS is {:.0} % {direction} than task-hours times prices explain: services that are not in the \
             catalogue, other regions, Spot, commitments or old prices",
            gap.abs()
        ));
    }
    json!({"billed": cents(billed), "explained": cents(explained), "gapPercent": (gap * 10.0).round() / 10.0})
}

fn summary(bill: &Bill, services: &[Service], recommendations: &[Recommendation], anomalies: usize) -> String {
    let saving: f64 = recommendations.iter().filter_map(|one| one.saving_per_month).sum();
    let sizing: f64 = services.iter().map(|service| service.saving).sum();
    let proposals: usize = services.iter().map(|service| service.proposals).sum();
    let costs = bill.total_per_month().map_or("The bill is not known".to_owned(), |cost| format!("${cost:.2} a month"));
    let days = if anomalies == 1 { "1 unusual day".to_owned() } else { format!("{anomalies} unusual days") };
    format!(
        "{costs}; {days}; {} recommendations would save ${saving:.2} a month, and {proposals} changes of size ${sizing:.2}",
        recommendations.len()
    )
}

fn discount(object: &Object<'_>) -> Result<Option<f64>, Error> {
    match object.optional_number("commitmentDiscount")? {
        Some(discount) if !(0.0..=0.9).contains(&discount) => {
            Err(object.error("commitmentDiscount", "must be between 0 and 0.9, or absent"))
        }
        discount => Ok(discount),
    }
}

fn services(object: &Object<'_>) -> Result<Vec<Service>, Error> {
    let answers = object.list("services")?.iter().enumerate();
    answers.map(|(index, answer)| service(answer, &format!("services[{index}]"))).collect()
}

/// Reads the answer of an analysis. One that failed and was caught says no cost.
fn service(answer: &Value, path: &str) -> Result<Service, Error> {
    let answer = Object::of(answer, path, Kind::InvalidInput)?;
    let target = answer.optional_text("target")?.unwrap_or_default().to_owned();
    let group = |value: &Value| {
        let group = Object::of(value, &answer.label("logGroups"), Kind::InvalidInput)?;
        let Some(days) = group.optional_count("retentionInDays")? else { return Ok(None) };
        let class = Class::of_name(group.optional_text("class")?.unwrap_or_default());
        let class = class.ok_or_else(|| group.error("class", "must be automatic, approval or manual"))?;
        let log_group = group.text("logGroup")?.to_owned();
        Ok(Some(Wanted { target: target.clone(), log_group, days, class }))
    };
    let groups = answer.list("logGroups")?.iter().map(group).collect::<Result<Vec<_>, Error>>()?;
    let saving = answer.get("proposal").and_then(|proposal| proposal["savingPerMonth"].as_f64());
    Ok(Service {
        cost: answer.optional_number("costPerMonth")?.unwrap_or(0.0),
        spend: answer.list("spendByHour")?.iter().map(Value::as_f64).collect(),
        groups: groups.into_iter().flatten().collect(),
        images: answer.texts("images")?,
        proposals: usize::from(saving.is_some()),
        saving: saving.unwrap_or(0.0),
        target,
    })
}
