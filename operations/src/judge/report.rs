//! What the judge answers; serialised, it is part of a Lambda's answer.

use serde::{Deserialize, Serialize};

/// A verdict on a metric or on all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// The window is over and nothing is worse than allowed.
    Pass,
    /// Something is worse than allowed. Final at whatever look.
    Fail,
    /// The window is over and something could not be judged.
    Inconclusive,
    /// The window is not over and nothing has failed so far.
    Continue,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KindName {
    /// A level per period.
    Latency,
    /// Errors among requests.
    Ratio,
    /// A use of something finite.
    Gauge,
    /// Events per exposure.
    Count,
}

/// What a metric was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BaselineKind {
    /// The old revision at the same time.
    Concurrent,
    /// The same hour of the week in earlier weeks.
    History,
}

/// The judgement of all metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// FAIL when a metric fails; else CONTINUE before the last look; else INCONCLUSIVE when a metric is, or there is
    /// none; else PASS.
    pub verdict: Verdict,
    /// Which look this was, from 1.
    pub look: u32,
    /// How many looks there are.
    pub looks: u32,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// Every metric, in the request's order.
    pub metrics: Vec<MetricReport>,
}

/// The judgement of one metric. What was not needed or could not be computed is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricReport {
    /// The metric's name.
    pub name: String,
    /// Its kind.
    pub kind: KindName,
    /// Its unit; empty for none.
    pub unit: String,
    /// The verdict on this metric alone.
    pub verdict: Verdict,
    /// One line that a person reads.
    pub reason: String,
    /// Whether it was tested on its own, because it is declared critical or its shift is.
    pub critical: bool,
    /// The new revision's side.
    pub green: Side,
    /// What it was compared with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blue: Option<Side>,
    /// Which kind of baseline `blue` is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline: Option<BaselineKind>,
    /// The effect. Latency: the Hodges-Lehmann shift in the unit. Ratio: the difference of the shares in percentage
    /// points. Gauge: the slope in the unit per hour. Count: the ratio of the rates.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub estimate: Option<f64>,
    /// The effect as a part of the baseline: 0.2 is 20 % more. Gauge: the slope as a part of the limit per hour.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub relative: Option<f64>,
    /// The interval of `estimate`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interval: Option<Interval>,
    /// The autocorrelation at lag 1 that the interval was widened for, corrected for the small sample, 0 to 0.9.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rho: Option<f64>,
    /// One-sided p value of "not worse".
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p: Option<f64>,
    /// The p value below which the metric fails at this look, after alpha spending and Holm.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alpha: Option<f64>,
}

/// What is known of one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// How many periods are known.
    pub points: usize,
    /// How many there should be.
    pub expected: usize,
    /// Latency and gauge: the median in the unit. Ratio: the share in percent. Count: events per unit of exposure.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<f64>,
    /// Ratio: errors. Count: events.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub events: Option<u64>,
    /// Ratio: requests. Count: exposure.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exposure: Option<f64>,
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interval {
    /// The lower end; absent when the data set none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub low: Option<f64>,
    /// The upper end; absent when the data set none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub high: Option<f64>,
    /// The two-sided confidence in percent: with the metric's `alpha`, `100 · (1 − 2·alpha)`.
    pub confidence: f64,
}
