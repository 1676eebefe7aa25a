//! What is judged: metrics, their thresholds and their data.

use super::report::KindName;
use crate::error::{Error, Kind as ErrorKind};

/// The least number of known points per side of a series that is judged.
pub(super) const MIN_POINTS: usize = 12;

/// The least number of requests per side of a ratio that is judged.
pub(super) const MIN_REQUESTS: u64 = 300;

/// One metric of the new revision ("green") and what it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The name a person reads: `p95 latency`.
    pub name: String,
    /// The unit of the values as it is written behind a number: `ms`, `%`, `MiB`; empty for none.
    pub unit: String,
    /// Whether the metric is tested on its own; the others share the chance of a false alarm (Holm).
    pub critical: bool,
    /// How it is judged, with its data.
    pub kind: Kind,
}

impl Metric {
    /// A metric that is not critical.
    pub fn new(name: impl Into<String>, unit: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), unit: unit.into(), critical: false, kind }
    }

    /// The same metric, critical.
    #[must_use]
    pub fn critical(self) -> Self {
        Self { critical: true, ..self }
    }

    /// Checks the thresholds; the data need no check, as bad data are unknown.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the metric and the field.
    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |(field, must): (&str, &str)| {
            Err(Error::new(ErrorKind::InvalidInput, format!("metric {:?}: {field} {must}", self.name)))
        };
        self.kind.fault().map_or(Ok(()), bad)
    }
}

/// How a metric is judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A level per period, such as a latency or a throughput: is green's shifted?
    Latency(Latency),
    /// Errors among requests: is green's share larger?
    Ratio(Ratio),
    /// A use of something finite, such as memory: is it over its limit, or on its way there?
    Gauge(Gauge),
    /// Events per exposure, such as restarts per task hour: is green's rate larger?
    Count(Count),
}

impl Kind {
    /// Its name in a report.
    pub(super) fn name(&self) -> KindName {
        match self {
            Kind::Latency(_) => KindName::Latency,
            Kind::Ratio(_) => KindName::Ratio,
            Kind::Gauge(_) => KindName::Gauge,
            Kind::Count(_) => KindName::Count,
        }
    }

    /// The first field whose threshold makes no sense, and what it must be.
    fn fault(&self) -> Option<(&'static str, &'static str)> {
        let checks = match self {
            Kind::Latency(metric) => vec![
                ("allowed", at_least(metric.allowed, 0.0)),
                ("critical_shift", at_least(metric.critical_shift, 0.0)),
                ("limit", metric.limit.is_none_or(|limit| limit.sound())),
            ],
            Kind::Ratio(metric) => vec![
                ("floor", at_least(metric.floor, 0.0)),
                ("factor", at_least(metric.factor, 1.0)),
                ("limit", metric.limit.is_none_or(|limit| limit.sound())),
            ],
            Kind::Gauge(metric) => vec![
                ("period_seconds", metric.period_seconds > 0),
                ("limit", metric.limit.sound() && metric.limit.value > 0.0),
                ("leak", metric.leak.is_none_or(|leak| leak.sound())),
            ],
            Kind::Count(metric) => {
                let most = if metric.direction == Direction::LowerIsWorse { 1.0 } else { f64::MAX };
                vec![("allowed", at_least(metric.allowed, 0.0) && metric.allowed <= most)]
            }
        };
        let (field, _) = checks.into_iter().find(|(_, sound)| !sound)?;
        Some((field, must(field)))
    }
}

/// What a field must be.
fn must(field: &str) -> &'static str {
    match field {
        "limit" => "must have a finite value (a gauge's above 0) and at least one period",
        "leak" => "must have a slope from 0 on and hours above 0",
        "period_seconds" => "must be at least 1",
        "factor" => "must be a finite number from 1 on",
        "allowed" => "must be a finite number from 0 on, and at most 1 for a count of which less is worse",
        _ => "must be a finite number from 0 on",
    }
}

fn at_least(value: f64, least: f64) -> bool {
    value.is_finite() && value >= least
}

/// Which way a metric gets worse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// More is worse: latency, errors, restarts.
    #[default]
    HigherIsWorse,
    /// Less is worse: orders placed, throughput.
    LowerIsWorse,
}

/// What green is compared with: point for point the same times of day. There is deliberately no "hour before": load and
/// latency follow the time of day and the day of the week.
#[derive(Debug, Clone, PartialEq)]
pub enum Baseline<T> {
    /// The old revision ("blue") at the same time; preferred.
    Concurrent(Vec<Option<T>>),
    /// The same hour of the week in the last (up to three) weeks, one series per week. Levels are compared with the
    /// median of the weeks, counts with their sum.
    History(Vec<Vec<Option<T>>>),
}

/// A limit that needs no comparison: it fails the metric at once, at whatever look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HardLimit {
    /// The limit in the metric's unit (for a ratio: a share, 0.05 is 5 %); a value beyond it counts.
    pub value: f64,
    /// How many periods in a row must be beyond it, at least 1. A missing period ends a row.
    pub periods: u32,
    /// How many requests the row must have together; only a ratio has requests.
    pub min_requests: u64,
}

impl HardLimit {
    /// A limit for two periods in a row, and for a ratio 50 requests.
    pub fn new(value: f64) -> Self {
        Self { value, periods: 2, min_requests: 50 }
    }

    fn sound(&self) -> bool {
        self.value.is_finite() && self.periods > 0
    }
}

/// A level per period. Periods are equidistant, oldest first; a missing one is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// The new revision's levels.
    pub green: Vec<Option<f64>>,
    /// What they are compared with.
    pub baseline: Baseline<f64>,
    /// Which way is worse.
    pub direction: Direction,
    /// The least relative shift that fails: 0.2 is 20 % of the baseline's median.
    pub allowed: f64,
    /// The relative shift from which the metric is judged as a critical one: 0.5.
    pub critical_shift: f64,
    /// The least number of known points per side.
    pub min_points: usize,
    /// A limit of its own.
    pub limit: Option<HardLimit>,
}

impl Latency {
    /// Higher is worse; a shift of 20 % fails, one of 50 % is critical; no hard limit.
    pub fn new(green: Vec<Option<f64>>, baseline: Baseline<f64>) -> Self {
        Self {
            green,
            baseline,
            direction: Direction::HigherIsWorse,
            allowed: 0.2,
            critical_shift: 0.5,
            min_points: MIN_POINTS,
            limit: None,
        }
    }
}

/// The requests of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// Those that failed, at most `total`.
    pub errors: u64,
    /// All of them.
    pub total: u64,
}

/// Errors among requests, per period. A period that is known to have had no requests is `Requests { 0, 0 }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// The new revision's requests.
    pub green: Vec<Option<Requests>>,
    /// What they are compared with.
    pub baseline: Baseline<Requests>,
    /// The least absolute increase of the share that fails: 0.001 is a tenth of a percentage point.
    pub floor: f64,
    /// The least factor of increase that fails: 1.5.
    pub factor: f64,
    /// The least number of requests per side.
    pub min_requests: u64,
    /// A limit of its own.
    pub limit: Option<HardLimit>,
}

impl Ratio {
    /// An increase by half and by a tenth of a percentage point fails; more than 5 % for two periods with 50 requests
    /// fails at once.
    pub fn new(green: Vec<Option<Requests>>, baseline: Baseline<Requests>) -> Self {
        Self {
            green,
            baseline,
            floor: 0.001,
            factor: 1.5,
            min_requests: MIN_REQUESTS,
            limit: Some(HardLimit::new(0.05)),
        }
    }
}

/// How a leak is recognised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leak {
    /// The least slope, in percent of the limit per hour.
    pub percent_per_hour: f64,
    /// Within how many hours the limit would be reached.
    pub within_hours: f64,
}

impl Default for Leak {
    /// More than 2 % of the limit per hour, and there within six hours.
    fn default() -> Self {
        Self { percent_per_hour: 2.0, within_hours: 6.0 }
    }
}

impl Leak {
    fn sound(&self) -> bool {
        at_least(self.percent_per_hour, 0.0) && at_least(self.within_hours, 0.0) && self.within_hours > 0.0
    }
}

/// The use of something finite. It has no baseline: to compare it with blue's as well, add a [`Latency`] metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    /// The new revision's use per period.
    pub green: Vec<Option<f64>>,
    /// Seconds per period, at least 1.
    pub period_seconds: u32,
    /// The limit.
    pub limit: HardLimit,
    /// Which way is worse: beyond the limit is above it, or below.
    pub direction: Direction,
    /// How a leak is recognised; absent where a rising use is no leak, as with CPU.
    pub leak: Option<Leak>,
    /// The least number of known points.
    pub min_points: usize,
}

impl Gauge {
    /// A use with an upper limit and no search for leaks.
    pub fn new(green: Vec<Option<f64>>, period_seconds: u32, limit: HardLimit) -> Self {
        let direction = Direction::HigherIsWorse;
        Self { green, period_seconds, limit, direction, leak: None, min_points: MIN_POINTS }
    }
}

/// The events of one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Events {
    /// How many there were.
    pub events: u64,
    /// In how much of whatever makes events comparable: task minutes, requests, minutes × traffic share. Not below 0.
    pub exposure: f64,
}

/// Events per exposure, per period.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// The new revision's events.
    pub green: Vec<Option<Events>>,
    /// What they are compared with.
    pub baseline: Baseline<Events>,
    /// Which way is worse.
    pub direction: Direction,
    /// The least relative change of the rate that fails: 0.5 is half more (or, where less is worse, half less).
    pub allowed: f64,
}

impl Count {
    /// Higher is worse; a rate of one and a half times the baseline's fails.
    pub fn new(green: Vec<Option<Events>>, baseline: Baseline<Events>) -> Self {
        Self { green, baseline, direction: Direction::HigherIsWorse, allowed: 0.5 }
    }
}
