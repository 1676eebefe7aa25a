//! The bill, day by day and service by service, as Cost Explorer answers it.

use super::cents;
use crate::error::{Error, Kind};
use crate::history::{DAY_MS, HOUR_MS};
use crate::proposal::HOURS_OF_MONTH;
use crate::time::{self, Millis};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Days that ended less than this long ago are restated, and not looked at.
pub const INCOMPLETE_MS: Millis = 2 * DAY_MS;
/// The costs that are read, first found first: what is shown as billed, then as spread over a commitment's time.
const METRICS: [&str; 3] = ["UnblendedCost", "AmortizedCost", "NetUnblendedCost"];
/// What the costs of an answer that is not grouped are called.
const ALL: &str = "all services";
/// Days of a month of [`HOURS_OF_MONTH`] hours.
pub const DAYS_OF_MONTH: f64 = HOURS_OF_MONTH / 24.0;
/// How many of the last days the present level is the mean of.
const LEVEL_DAYS: usize = 14;

/// A day.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    /// Its beginning, in UTC.
    pub at: Millis,
    /// US dollars by service.
    pub by_service: BTreeMap<String, f64>,
}

impl Day {
    /// US dollars of all services.
    pub fn total(&self) -> f64 {
        self.by_service.values().sum()
    }

    /// US dollars of one service.
    pub fn of(&self, service: &str) -> f64 {
        self.by_service.get(service).copied().unwrap_or(0.0)
    }
}

/// The complete days of a bill, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bill {
    days: Vec<Day>,
}

impl Bill {
    /// Reads the field `costs` of a payload: an answer of `ce:GetCostAndUsage` by day, perhaps of several pages merged.
    /// Answers the bill and what it leaves out.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming what is wrong: a period that is no day, an amount that is no number, another currency.
    pub fn of_payload(payload: &Value, at: Millis) -> Result<(Self, Vec<String>), Error> {
        let Some(costs) = payload.get("costs").filter(|costs| !costs.is_null()) else {
            return Ok((Self::default(), vec!["no costs were passed: the bill is not explained".to_owned()]));
        };
        let results = costs.as_array().or_else(|| costs["ResultsByTime"].as_array());
        let results =
            results.ok_or_else(|| invalid("costs.ResultsByTime", "must be the list of ce:GetCostAndUsage"))?;
        let mut days: BTreeMap<Millis, BTreeMap<String, f64>> = BTreeMap::new();
        let mut left_out = 0_u32;
        for (index, result) in results.iter().enumerate() {
            let path = format!("costs.ResultsByTime[{index}]");
            let start = period(result, &path)?;
            if start + DAY_MS > at - INCOMPLETE_MS {
                left_out += 1;
                continue;
            }
            let day = days.entry(start).or_default();
            for (service, amount) in amounts(result, &path)? {
                *day.entry(service).or_default() += amount;
            }
        }
        let days: Vec<_> = days.into_iter().map(|(at, by_service)| Day { at, by_service }).collect();
        let mut partial = Vec::new();
        if left_out > 0 {
            partial
                .push(format!("the last {left_out} days of the bill are left out: Cost Explorer still restates them"));
        }
        if days.is_empty() {
            partial.push("the bill has no complete day: ask Cost Explorer for at least five weeks".to_owned());
        }
        Ok((Self { days }, partial))
    }

    /// The days, oldest first.
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// The services that cost something on any day.
    pub fn services(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.days.iter().flat_map(|day| day.by_service.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What a service costs now, US dollars a month: the mean of the last two weeks. `None` without days.
    pub fn per_month(&self, service: &str) -> Option<f64> {
        self.level(|day| day.of(service))
    }

    /// The same of all services.
    pub fn total_per_month(&self) -> Option<f64> {
        self.level(Day::total)
    }

    fn level(&self, of: impl Fn(&Day) -> f64) -> Option<f64> {
        let recent = &self.days[self.days.len().saturating_sub(LEVEL_DAYS)..];
        let sum: f64 = recent.iter().map(of).sum();
        (!recent.is_empty()).then(|| sum / recent.len() as f64 * DAYS_OF_MONTH)
    }

    /// The bill for a report: dearest service first.
    pub fn to_json(&self) -> Value {
        let total: f64 = self.days.iter().map(Day::total).sum();
        let per_month = self.total_per_month().unwrap_or(0.0);
        let mut services: Vec<_> =
            self.services().into_iter().map(|name| (name, self.per_month(name).unwrap_or(0.0))).collect();
        services.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let by_service = services.into_iter().map(|(name, cost)| {
            let share = if per_month > 0.0 { (cost / per_month * 1_000.0).round() / 10.0 } else { 0.0 };
            json!({"service": name, "perMonth": cents(cost), "sharePercent": share})
        });
        json!({"currency": "USD", "days": self.days.len(), "total": cents(total), "perMonth": cents(per_month),
            "from": self.days.first().map(|day| time::text(day.at)),
            "until": self.days.last().map(|day| time::text(day.at + DAY_MS)),
            "byService": by_service.collect::<Vec<_>>()})
    }
}

/// The beginning of a result's period, which must be one day.
fn period(result: &Value, path: &str) -> Result<Millis, Error> {
    let date = |name: &str| {
        let text = result["TimePeriod"][name].as_str().unwrap_or_default();
        let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
        time::parse(&json!(whole)).ok_or_else(|| invalid(&format!("{path}.TimePeriod.{name}"), "must be a date"))
    };
    let (start, end) = (date("Start")?, date("End")?);
    // The last period of a question that ends today may be shorter.
    if end <= start || end - start > DAY_MS || start.rem_euclid(24 * HOUR_MS) != 0 {
        return Err(invalid(&format!("{path}.TimePeriod"), "must be one day: ask with Granularity DAILY"));
    }
    Ok(start)
}

/// The amounts of a result by service: the first key of a group.
fn amounts(result: &Value, path: &str) -> Result<Vec<(String, f64)>, Error> {
    let groups = result["Groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    if groups.is_empty() {
        let total = &result["Total"];
        let none = total.as_object().is_none_or(serde_json::Map::is_empty);
        return if none {
            Ok(Vec::new())
        } else {
            Ok(vec![(ALL.to_owned(), amount(total, &format!("{path}.Total"))?)])
        };
    }
    let read = groups.iter().enumerate().map(|(index, group)| {
        let path = format!("{path}.Groups[{index}]");
        let key = group["Keys"][0].as_str();
        let key =
            key.ok_or_else(|| invalid(&format!("{path}.Keys"), "must begin with the service: group by SERVICE"))?;
        Ok((key.to_owned(), amount(&group["Metrics"], &format!("{path}.Metrics"))?))
    });
    read.collect()
}

fn amount(metrics: &Value, path: &str) -> Result<f64, Error> {
    let found = METRICS.iter().find_map(|name| metrics.get(*name));
    let found = found.ok_or_else(|| invalid(path, "has no UnblendedCost: ask for that metric"))?;
    if found["Unit"].as_str().is_some_and(|unit| unit != "USD") {
        return Err(invalid(path, "is not in USD: only dollars are understood"));
    }
    let number =
        found["Amount"].as_str().and_then(|text| text.parse::<f64>().ok()).or_else(|| found["Amount"].as_f64());
    number.filter(|number| number.is_finite()).ok_or_else(|| invalid(path, "has an amount that is no number"))
}

fn invalid(path: &str, problem: &str) -> Error {
    Error::new(Kind::InvalidInput, format!("{path} {problem}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// 2026-11-20T08:00:00Z, a Friday.
    pub(crate) const AT: Millis = 1_795_161_600_000;

    /// A result of one day, so many days before the day of [`AT`].
    pub(crate) fn result(days_ago: i64, services: &[(&str, f64)]) -> Value {
        let midnight = AT.div_euclid(DAY_MS) * DAY_MS - days_ago * DAY_MS;
        let date = |at: Millis| time::text(at)[..10].to_owned();
        let groups = services.iter().map(|(name, amount)| {
            json!({"Keys": [name], "Metrics": {"UnblendedCost": {"Amount": amount.to_string(), "Unit": "USD"}}})
        });
        json!({"TimePeriod": {"Start": date(midnight), "End": date(midnight + DAY_MS)}, "Total": {},
            "Groups": groups.collect::<Vec<_>>(), "Estimated": true})
    }

    pub(crate) fn bill(of: impl Fn(i64) -> f64, days: i64) -> Bill {
        let results: Vec<_> = (0..days).rev().map(|ago| result(ago, &[("ECS", of(ago))])).collect();
        Bill::of_payload(&json!({"costs": {"ResultsByTime": results}}), AT).unwrap().0
    }

    #[test]
    fn days_that_are_still_restated_are_left_out_and_said() {
        let results: Vec<_> = (0..10).rev().map(|ago| result(ago, &[("ECS", 10.0), ("RDS", 5.0)])).collect();
        let (bill, partial) = Bill::of_payload(&json!({"costs": {"ResultsByTime": results}}), AT).unwrap();
        assert_eq!(bill.days().len(), 7, "of today, yesterday and the day before, the last ended 32 hours ago");
        assert!(partial[0].starts_with("the last 3 days of the bill are left out"), "{partial:?}");
        let shown = bill.to_json();
        assert_eq!((&shown["total"], &shown["until"]), (&json!(105.0), &json!("2026-11-18T00:00:00Z")));
        assert_eq!(shown["byService"][0]["sharePercent"], json!(66.7));
        assert!((bill.per_month("RDS").unwrap() - 152.083).abs() < 0.001);
    }

    #[test]
    fn a_day_of_several_pages_or_tags_is_summed() {
        let page = result(5, &[("ECS", 1.0), ("ECS", 2.0)]);
        let (bill, _) = Bill::of_payload(&json!({"costs": [page, result(5, &[("ECS", 4.0)])]}), AT).unwrap();
        assert_eq!((bill.days().len(), bill.days()[0].of("ECS")), (1, 7.0));
    }

    #[test]
    fn what_is_no_bill_is_refused_by_field() {
        let refused = |change: fn(&mut Value)| {
            let mut day = result(5, &[("ECS", 1.0)]);
            change(&mut day);
            Bill::of_payload(&json!({"costs": {"ResultsByTime": [day]}}), AT).unwrap_err().message().to_owned()
        };
        let month = refused(|day| day["TimePeriod"]["End"] = json!("2026-12-01"));
        assert_eq!(month, "costs.ResultsByTime[0].TimePeriod must be one day: ask with Granularity DAILY");
        let euro = refused(|day| day["Groups"][0]["Metrics"]["UnblendedCost"]["Unit"] = json!("EUR"));
        assert_eq!(euro, "costs.ResultsByTime[0].Groups[0].Metrics is not in USD: only dollars are understood");
        let amount = refused(|day| day["Groups"][0]["Metrics"]["UnblendedCost"]["Amount"] = json!("NaN"));
        assert!(amount.ends_with("has an amount that is no number"), "{amount}");
        let (none, partial) = Bill::of_payload(&json!({}), AT).unwrap();
        assert_eq!((none.total_per_month(), partial.len()), (None, 1));
    }
}
