//! How the weeks develop, and when a limit is reached.

use super::observed::Observed;
use crate::history::{History, WEEK_MS};
use crate::statistics::trend::median;
use serde::Serialize;

/// The part of a week that must be known.
const COVERAGE: f64 = 0.7;
/// How many weeks are looked at.
const WEEKS: i64 = 4;

/// How one metric develops.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    /// The metric: `cpu`, `memory`, `latency`, `requests` or `network`.
    pub metric: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The 95th percentile of each week, oldest first; null where too little of the week is known.
    pub weekly: Vec<Option<f64>>,
    /// The median of each week.
    #[serde(skip)]
    pub(crate) medians: Vec<Option<f64>>,
    /// The robust slope of `weekly`: the median of the slopes between all pairs (Theil and Sen), in the unit per week.
    /// Absent for fewer than three known weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_week: Option<f64>,
    /// The limit or objective, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// In how many days the limit is reached; 0 when it is exceeded, absent when it is not being approached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_to_limit: Option<f64>,
}

/// The trends of a service; a metric that was not read has none.
pub fn trends(observed: &Observed) -> Vec<Trend> {
    let (weeks, limits) = (&observed.weeks, &observed.limits);
    let all = [
        ("cpu", "%", &weeks.cpu, Some(limits.cpu_percent)),
        ("memory", "%", &weeks.memory, Some(limits.memory_percent)),
        ("latency", "ms", &weeks.latency, limits.latency_p95_ms),
        ("requests", "requests/h", &weeks.requests, None),
        ("network", "bytes/s", &weeks.network, None),
    ];
    let read = all.into_iter().filter(|(_, _, history, _)| history.coverage() > 0.0);
    read.map(|(metric, unit, history, limit)| Trend::new(metric, unit, history, limit)).collect()
}

impl Trend {
    fn new(metric: &'static str, unit: &'static str, history: &History, limit: Option<f64>) -> Self {
        let end = history.end();
        let week = |back: i64, p: f64| {
            let week = history.between(end - back * WEEK_MS, end - (back - 1) * WEEK_MS);
            week.percentile(p).filter(|_| week.coverage() >= COVERAGE)
        };
        let weekly: Vec<Option<f64>> = (1..=WEEKS).rev().map(|back| week(back, 95.0)).collect();
        let medians = (1..=WEEKS).rev().map(|back| week(back, 50.0)).collect();
        let per_week = slope(&weekly);
        let newest = weekly.last().copied().flatten();
        let days_to_limit = newest.zip(limit).and_then(|(newest, limit)| match per_week {
            _ if newest >= limit => Some(0.0),
            Some(slope) if slope > 0.0 => Some(7.0 * (limit - newest) / slope),
            _ => None,
        });
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        Self {
            metric,
            unit,
            weekly: weekly.into_iter().map(|value| value.map(round)).collect(),
            medians,
            per_week: per_week.map(round),
            limit,
            days_to_limit: days_to_limit.map(|days| (days * 10.0).round() / 10.0),
        }
    }
}

/// The median of the slopes between all pairs; `None` for fewer than three known weeks.
pub(crate) fn slope(weekly: &[Option<f64>]) -> Option<f64> {
    let known: Vec<(usize, f64)> =
        weekly.iter().enumerate().filter_map(|(week, value)| Some((week, (*value)?))).collect();
    if known.len() < 3 {
        return None;
    }
    let pairs = known.iter().enumerate().flat_map(|(index, one)| known[index + 1..].iter().map(move |two| (one, two)));
    median(&pairs.map(|(one, two)| Some((two.1 - one.1) / (two.0 - one.0) as f64)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::{daily, hourly, sound};

    #[test]
    fn a_trend_has_its_slope_and_its_date() {
        let mut observed = sound();
        observed.weeks.cpu = hourly(|at| 40.0 + 20.0 * daily(at * 12) + 4.0 * (at / 168) as f64);
        let cpu = &trends(&observed)[0];
        assert_eq!((cpu.metric, cpu.per_week), ("cpu", Some(4.0)));
        // 72 in the last week, 8 to go at 4 a week.
        assert!((cpu.days_to_limit.unwrap() - 14.0).abs() < 1.0, "{cpu:?}");
    }

    #[test]
    fn two_weeks_are_no_trend_and_no_data_no_metric() {
        let mut observed = sound();
        let end = observed.weeks.cpu.end();
        observed.weeks.cpu = observed.weeks.cpu.between(end - 2 * WEEK_MS, end);
        observed.weeks.network = History::default();
        let found = trends(&observed);
        assert_eq!((found[0].per_week, found[0].weekly[0]), (None, None));
        assert!(found.iter().all(|trend| trend.metric != "network"));
    }
}
