//! The CloudWatch metric store: one datum per series and virtual minute, with percentiles.

use std::collections::BTreeMap;

use super::MINUTE_MS;

/// How long data are kept, virtual milliseconds (AWS: 15 days; the sandbox: one).
const KEPT_MS: i64 = 24 * 60 * MINUTE_MS;
/// Neighbouring histogram buckets differ by this factor: percentiles are exact to half a percent.
const BUCKET_RATIO: f64 = 1.01;
/// The bucket of values that are zero or negative.
const ZERO_BUCKET: i32 = i32::MIN;

/// What identifies a metric: namespace, name and dimensions in name order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    /// E.g. `AWS/ECS`.
    pub(crate) namespace: String,
    /// E.g. `CPUUtilization`.
    pub(crate) name: String,
    /// (name, value), sorted by name.
    pub(crate) dimensions: Vec<(String, String)>,
}

impl Series {
    /// The series of these parts, its dimensions sorted.
    pub(crate) fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let mut dimensions: Vec<_> =
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        dimensions.sort();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }
}

/// The samples of one series in one period.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Datum {
    /// Number of samples.
    pub(crate) count: f64,
    /// Their sum.
    pub(crate) sum: f64,
    /// The smallest.
    pub(crate) minimum: f64,
    /// The largest.
    pub(crate) maximum: f64,
    buckets: BTreeMap<i32, f64>,
}

impl Datum {
    /// Adds `weight` samples of `value`.
    pub(crate) fn add(&mut self, value: f64, weight: f64) {
        self.minimum = if self.count == 0.0 { value } else { self.minimum.min(value) };
        self.maximum = if self.count == 0.0 { value } else { self.maximum.max(value) };
        self.count += weight;
        self.sum += value * weight;
        let bucket = if value > 0.0 { (value.ln() / BUCKET_RATIO.ln()).round() as i32 } else { ZERO_BUCKET };
        *self.buckets.entry(bucket).or_default() += weight;
    }

    /// Adds all samples of another datum.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        self.minimum = if self.count == 0.0 { other.minimum } else { self.minimum.min(other.minimum) };
        self.maximum = if self.count == 0.0 { other.maximum } else { self.maximum.max(other.maximum) };
        self.count += other.count;
        self.sum += other.sum;
        for (bucket, weight) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += weight;
        }
    }

    /// A summary published as such (PutMetricData's StatisticValues): percentiles fall on its mean.
    pub(crate) fn summary(count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        let mut datum = Self::default();
        datum.add(if count > 0.0 { sum / count } else { 0.0 }, count);
        Self { minimum, maximum, sum, ..datum }
    }

    fn percentile(&self, p: f64) -> f64 {
        let wanted = self.count * p / 100.0;
        let mut seen = 0.0;
        for (bucket, weight) in &self.buckets {
            seen += weight;
            if seen >= wanted - self.count * 1e-9 {
                let value = if *bucket == ZERO_BUCKET { 0.0 } else { BUCKET_RATIO.powi(*bucket) };
                return value.clamp(self.minimum, self.maximum);
            }
        }
        self.maximum
    }

    /// The value of a statistic.
    pub(crate) fn statistic(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::SampleCount => self.count,
            Statistic::Sum => self.sum,
            Statistic::Average if self.count > 0.0 => self.sum / self.count,
            Statistic::Average => 0.0,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::Percentile(p) => self.percentile(p),
        }
    }
}

/// A statistic that CloudWatch can be asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Statistic {
    /// Number of samples.
    SampleCount,
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// p0 to p100.
    Percentile(f64),
}

impl Statistic {
    /// The statistic of that API name; `None` when the sandbox does not know it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "SampleCount" => Some(Self::SampleCount),
            "Sum" => Some(Self::Sum),
            "Average" => Some(Self::Average),
            "Minimum" => Some(Self::Minimum),
            "Maximum" => Some(Self::Maximum),
            _ => {
                let p: f64 = name.strip_prefix('p')?.parse().ok()?;
                (0.0..=100.0).contains(&p).then_some(Self::Percentile(p))
            }
        }
    }
}

/// All data, by series and minute.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    series: BTreeMap<Series, BTreeMap<i64, Datum>>,
}

impl Metrics {
    /// Adds a datum to the minute that contains `at_ms`.
    pub(crate) fn publish(&mut self, series: Series, at_ms: i64, datum: &Datum) {
        let minutes = self.series.entry(series).or_default();
        minutes.entry(at_ms - at_ms.rem_euclid(MINUTE_MS)).or_default().merge(datum);
        while let Some(oldest) = minutes.first_entry() {
            if *oldest.key() >= at_ms - KEPT_MS {
                break;
            }
            oldest.remove();
        }
    }

    /// Data from `start_ms` (included) to `end_ms` (excluded), in periods of `period_ms`, oldest first.
    pub(crate) fn read(&self, series: &Series, start_ms: i64, end_ms: i64, period_ms: i64) -> Vec<(i64, Datum)> {
        let mut periods: BTreeMap<i64, Datum> = BTreeMap::new();
        let Some(minutes) = self.series.get(series) else { return Vec::new() };
        if start_ms >= end_ms {
            return Vec::new();
        }
        for (at, datum) in minutes.range(start_ms..end_ms) {
            periods.entry(at - at.rem_euclid(period_ms)).or_default().merge(datum);
        }
        periods.into_iter().collect()
    }

    /// Whether the series ever had data.
    #[cfg(test)]
    pub(crate) fn contains(&self, series: &Series) -> bool {
        self.series.contains_key(series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_survive_merging_minutes() {
        let mut metrics = Metrics::default();
        let series = Series::new("Test", "Latency", &[("b", "2"), ("a", "1")]);
        for minute in 0..5 {
            let mut datum = Datum::default();
            for value in 1..=100 {
                datum.add(f64::from(value), 2.0);
            }
            metrics.publish(series.clone(), minute * MINUTE_MS, &datum);
        }
        assert!(metrics.contains(&Series::new("Test", "Latency", &[("a", "1"), ("b", "2")])), "order is no matter");
        let data = metrics.read(&series, 0, 5 * MINUTE_MS, 5 * MINUTE_MS);
        assert_eq!(data.len(), 1);
        let p95 = data[0].1.statistic(Statistic::Percentile(95.0));
        assert!((p95 - 95.0).abs() < 0.5, "p95 was {p95}");
        assert_eq!(data[0].1.statistic(Statistic::SampleCount), 1000.0);
        assert_eq!(data[0].1.statistic(Statistic::Average), 50.5);
    }

    #[test]
    fn the_end_is_excluded_and_the_start_included() {
        let mut metrics = Metrics::default();
        let series = Series::new("Test", "Count", &[]);
        for minute in 0..4 {
            metrics.publish(series.clone(), minute * MINUTE_MS, &Datum::summary(1.0, 1.0, 1.0, 1.0));
        }
        let data = metrics.read(&series, MINUTE_MS, 3 * MINUTE_MS, MINUTE_MS);
        assert_eq!(data.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [MINUTE_MS, 2 * MINUTE_MS]);
    }

    #[test]
    fn statistics_have_their_names() {
        assert_eq!(Statistic::named("p99.9"), Some(Statistic::Percentile(99.9)));
        assert_eq!(Statistic::named("p101"), None);
        assert_eq!(Statistic::named("tm95"), None);
    }
}
