//! Cost Explorer: what a fleet's account cost.

use serde_json::{Value, json};

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::wire::node::{from_rfc3339, rfc3339};
use crate::world::World;
use crate::world::fleet::Fleet;
use crate::world::fleet::costs::{ANOMALOUS, ANOMALY_DAYS, ANOMALY_USD, DAY_MS, Day, ECS};

/// How far back Cost Explorer goes, days.
const HISTORY_DAYS: i64 = 425;
/// How many complete days a forecast is made from.
const FORECAST_FROM: i64 = 14;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    let now_ms = world.now_ms;
    let fleet = world.fleet.as_deref()?;
    Some(match operation {
        "GetCostAndUsage" => cost_and_usage(fleet, now_ms, input),
        "GetAnomalies" => anomalies(world, fleet, input),
        "GetCostForecast" => forecast(fleet, now_ms, input),
        _ => return None,
    })
}

/// A day as text.
fn date(at_ms: i64) -> String {
    rfc3339(at_ms).chars().take(10).collect()
}

fn day(input: &Input, text: &str) -> Result<i64, Failure> {
    let day = (text.len() == 10).then(|| from_rfc3339(&format!("{text}T00:00:00Z"))).flatten();
    day.ok_or_else(|| input.invalid("Start and end dates should be in the format YYYY-MM-DD."))
}

fn period(input: &Input) -> Result<(i64, i64), Failure> {
    let period = input.structure("TimePeriod").ok_or_else(|| input.missing("TimePeriod"))?;
    let (start, end) = (day(input, period.required("Start")?)?, day(input, period.required("End")?)?);
    if start >= end {
        return Err(input.invalid("Start date (and hour) should be before end date (and hour)"));
    }
    Ok((start, end))
}

fn daily(input: &Input) -> Result<(), Failure> {
    match input.required("Granularity")? {
        "DAILY" => Ok(()),
        other => Err(input.invalid(&format!("the sandbox does not model the granularity {other}; use DAILY"))),
    }
}

/// What costs are grouped by.
#[derive(Clone, Copy)]
enum Group<'a> {
    Nothing,
    Service,
    Tag(&'a str),
}

fn group<'a>(input: &Input<'a>) -> Result<Group<'a>, Failure> {
    let groups = input.structures("GroupBy")?;
    let Some(first) = groups.first() else { return Ok(Group::Nothing) };
    if groups.len() > 1 {
        return Err(input.invalid("the sandbox groups by one thing at a time"));
    }
    match (first.required("Type")?, first.required("Key")?) {
        ("DIMENSION", "SERVICE") => Ok(Group::Service),
        ("TAG", key) => Ok(Group::Tag(key)),
        (kind, key) => {
            Err(input.invalid(&format!("the sandbox does not group by {kind} {key}; it has SERVICE and tags")))
        }
    }
}

/// (key, US dollars) of a day.
fn split(day: &Day, group: Group) -> Vec<(String, f64)> {
    match group {
        Group::Nothing => Vec::new(),
        Group::Service => {
            let others = day.others.iter().map(|(service, usd)| ((*service).to_owned(), *usd));
            std::iter::once((ECS.to_owned(), day.ecs())).chain(others).collect()
        }
        Group::Tag(key @ "aws:ecs:serviceName") => {
            let own = day.fargate.iter().map(|(service, usd)| (format!("{key}${service}"), *usd));
            std::iter::once((format!("{key}$"), day.rest())).chain(own).collect()
        }
        Group::Tag(key @ "aws:ecs:clusterName") => {
            vec![(format!("{key}$"), day.rest()), (format!("{key}$production"), day.ecs())]
        }
        Group::Tag(key) => vec![(format!("{key}$"), day.rest() + day.ecs())],
    }
}

fn amount(usd: f64) -> Value {
    json!({ "Amount": format!("{usd:.10}"), "Unit": "USD" })
}

fn cost_and_usage(fleet: &Fleet, now_ms: i64, input: &Input) -> Result<Node, Failure> {
    input.only(&["TimePeriod", "Granularity", "Metrics", "GroupBy", "NextPageToken"])?;
    let (start_ms, end_ms) = period(input)?;
    daily(input)?;
    if now_ms - start_ms > HISTORY_DAYS * DAY_MS {
        let message = "You haven't enabled historical data beyond 14 months.";
        return Err(Failure::new("DataUnavailableException", message));
    }
    let metrics = input.texts("Metrics")?;
    if metrics.is_empty() {
        return Err(input.missing("Metrics"));
    }
    if let Some(other) = metrics.iter().find(|metric| !METRICS.contains(metric)) {
        return Err(
            input.invalid(&format!("the sandbox does not model the metric {other}; it has {}", METRICS.join(", ")))
        );
    }
    let group = group(input)?;
    let costs = |usd: f64| -> Value { metrics.iter().map(|metric| ((*metric).to_owned(), amount(usd))).collect() };
    let results = fleet.days(start_ms, end_ms, now_ms).into_iter().map(|day| {
        let groups = split(&day, group).into_iter().filter(|(_, usd)| *usd > 0.0);
        let groups = groups.map(|(key, usd)| json!({ "Keys": [key], "Metrics": costs(usd) }));
        let total = if matches!(group, Group::Nothing) { costs(day.ecs() + day.rest()) } else { json!({}) };
        json!({
            "TimePeriod": { "Start": date(day.start_ms), "End": date(day.start_ms + DAY_MS) },
            "Total": total,
            "Groups": groups.collect::<Vec<_>>(),
            "Estimated": day.estimated,
        })
    });
    let mut answer = json!({ "ResultsByTime": results.collect::<Vec<_>>(), "DimensionValueAttributes": [] });
    if !matches!(group, Group::Nothing) {
        answer["GroupDefinitions"] = input.get("GroupBy").cloned().unwrap_or_default();
    }
    Ok(Node::Json(answer))
}

/// Amortised, blended and unblended costs are the same without commitments.
const METRICS: [&str; 3] = ["UnblendedCost", "AmortizedCost", "BlendedCost"];

fn anomalies(world: &World, fleet: &Fleet, input: &Input) -> Result<Node, Failure> {
    input.only(&["MonitorArn", "DateInterval", "Feedback", "TotalImpact", "NextPageToken", "MaxResults"])?;
    let interval = input.structure("DateInterval").ok_or_else(|| input.missing("DateInterval"))?;
    let start_ms = day(input, interval.required("StartDate")?)?;
    let end_ms = interval.text("EndDate")?.map_or(Ok(world.now_ms), |text| day(input, text))?;
    let anchor_day = fleet.anchor_ms - fleet.anchor_ms.rem_euclid(DAY_MS);
    let (from, to) = (anchor_day - ANOMALY_DAYS.0 * DAY_MS, anchor_day - (ANOMALY_DAYS.1 + 1) * DAY_MS);
    let days = (ANOMALY_DAYS.0 - ANOMALY_DAYS.1) as f64;
    let usual = fleet.days(from - 7 * DAY_MS, from - 6 * DAY_MS, world.now_ms);
    let usual = usual.iter().flat_map(|day| &day.others).find(|(service, _)| *service == ANOMALOUS);
    let expected = usual.map_or(0.0, |(_, usd)| usd * days);
    let cause = json!({ "Service": ANOMALOUS, "Region": world.place.region, "UsageType": "DataProcessing-Bytes" });
    let anomaly = json!({
        "AnomalyId": "5f1d8c3a-7b2e-4c90-9a46-3e8f70c1d2b4",
        "AnomalyStartDate": format!("{}T00:00:00Z", date(from)),
        "AnomalyEndDate": format!("{}T00:00:00Z", date(to)),
        "DimensionValue": ANOMALOUS,
        "RootCauses": [cause],
        "AnomalyScore": { "MaxScore": 0.86, "CurrentScore": 0.0 },
        "Impact": {
            "MaxImpact": ANOMALY_USD,
            "TotalImpact": ANOMALY_USD * days,
            "TotalActualSpend": expected + ANOMALY_USD * days,
            "TotalExpectedSpend": expected,
            "TotalImpactPercentage": (ANOMALY_USD * days / expected * 1000.0).round() / 10.0,
        },
        "MonitorArn": format!("arn:aws:ce::{}:anomalymonitor/9c0a2f64-51d3-4f7e-8b1a-6d20e3c5f7a8", world.place.account),
    });
    let found = from < end_ms + DAY_MS && to >= start_ms;
    Ok(Node::Json(json!({ "Anomalies": if found { vec![anomaly] } else { Vec::new() } })))
}

fn forecast(fleet: &Fleet, now_ms: i64, input: &Input) -> Result<Node, Failure> {
    input.only(&["TimePeriod", "Metric", "Granularity", "PredictionIntervalLevel"])?;
    let (start_ms, end_ms) = period(input)?;
    let today = now_ms - now_ms.rem_euclid(DAY_MS);
    if start_ms < today {
        return Err(input.invalid("Start date must be equal to or later than the current date."));
    }
    let monthly = match input.required("Granularity")? {
        "DAILY" => false,
        "MONTHLY" => true,
        other => return Err(input.invalid(&format!("the granularity {other} is not valid for a forecast"))),
    };
    let known = fleet.days(today - (FORECAST_FROM + 2) * DAY_MS, today - 2 * DAY_MS, now_ms);
    let each = known.iter().map(|day| day.ecs() + day.rest()).sum::<f64>() / known.len().max(1) as f64;
    let length = if monthly { end_ms - start_ms } else { DAY_MS };
    let parts = (0..).map(|index| start_ms + index * length).take_while(|at| *at < end_ms).map(|at| {
        let usd = each * length as f64 / DAY_MS as f64;
        json!({
            "TimePeriod": { "Start": date(at), "End": date(at + length) },
            "MeanValue": format!("{usd:.10}"),
            "PredictionIntervalLowerBound": format!("{:.10}", usd * 0.92),
            "PredictionIntervalUpperBound": format!("{:.10}", usd * 1.08),
        })
    });
    let parts: Vec<Value> = parts.collect();
    let total = each * ((end_ms - start_ms) as f64 / DAY_MS as f64);
    Ok(Node::Json(json!({ "Total": amount(total), "ForecastResultsByTime": parts })))
}
