//! Weeks of one metric in equal periods: what analyses of performance, scaling and cost compute with.
//!
//! A period that CloudWatch has no data for is `None`: it is never guessed, and every statistic here says how much of
//! its time it has seen ([`History::coverage`]).

use crate::metrics::Series;
use crate::time::Millis;

/// One hour, milliseconds.
pub const HOUR_MS: Millis = 3_600_000;
/// One day, milliseconds.
pub const DAY_MS: Millis = 24 * HOUR_MS;
/// One week, milliseconds.
pub const WEEK_MS: Millis = 7 * DAY_MS;
/// Hours of a week.
pub const HOURS_OF_WEEK: usize = 168;

/// How long CloudWatch keeps data, shortest period first: (period in seconds, age in days). From its documentation of
/// `GetMetricData`: 60 s for 15 days, 300 s for 63 days, 3,600 s for 455 days.
pub const RETENTION: [(u32, i64); 3] = [(60, 15), (300, 63), (3_600, 455)];

/// The shortest period, in seconds, in which data that old still exist, no shorter than `wanted`; `None` when nothing
/// is kept so long.
pub fn period_for(age_ms: Millis, wanted: u32) -> Option<u32> {
    RETENTION.into_iter().find(|(period, days)| *period >= wanted && age_ms <= days * DAY_MS).map(|(period, _)| period)
}

/// The hour of the week of a time in UTC: 0 is Monday 00:00 to 01:00, 167 the last of Sunday.
pub fn hour_of_week(at: Millis) -> usize {
    // 1970-01-01 was a Thursday.
    let hours = at.div_euclid(HOUR_MS) + 3 * 24;
    usize::try_from(hours.rem_euclid(HOURS_OF_WEEK as i64)).unwrap_or(0)
}

/// How the values of several periods become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Their mean.
    Mean,
    /// The largest.
    Max,
    /// Their sum; periods that are missing count as nothing.
    Sum,
}

/// One metric in equal periods, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    start: Millis,
    period_seconds: u32,
    values: Vec<Option<f64>>,
}

impl History {
    /// Values of periods of so many seconds (1 or more); the first begins at `start`.
    pub fn new(start: Millis, period_seconds: u32, values: Vec<Option<f64>>) -> Self {
        let values = values.into_iter().map(|value| value.filter(|value| value.is_finite())).collect();
        Self { start, period_seconds: period_seconds.max(1), values }
    }

    /// The points of a series that lie from `from` (moved back to the beginning of its period) to before `until`. Of
    /// two points in one period the later counts.
    pub fn of(series: &Series, period_seconds: u32, from: Millis, until: Millis) -> Self {
        let period = i64::from(period_seconds.max(1)) * 1_000;
        let start = from.div_euclid(period) * period;
        let periods = usize::try_from((until - start + period - 1).div_euclid(period)).unwrap_or(0);
        let mut values = vec![None; periods];
        for (at, value) in series.points() {
            let index = usize::try_from((at - start).div_euclid(period)).ok();
            if let Some(slot) = index.and_then(|index| values.get_mut(index)) {
                *slot = Some(*value);
            }
        }
        Self { start, period_seconds: period_seconds.max(1), values }
    }

    /// The beginning of the first period.
    pub fn start(&self) -> Millis {
        self.start
    }

    /// The end of the last period.
    pub fn end(&self) -> Millis {
        self.at(self.values.len())
    }

    /// The length of a period, in seconds.
    pub fn period_seconds(&self) -> u32 {
        self.period_seconds
    }

    /// The length of a period, in milliseconds.
    pub fn period_ms(&self) -> Millis {
        // The default history has no periods, and so none of any length.
        i64::from(self.period_seconds.max(1)) * 1_000
    }

    /// The beginning of a period.
    pub fn at(&self, index: usize) -> Millis {
        self.start + i64::try_from(index).unwrap_or(i64::MAX / 4_000_000) * self.period_ms()
    }

    /// The values, oldest first.
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// How many periods there are, known or not.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no periods.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of the period that contains a time.
    pub fn value_at(&self, at: Millis) -> Option<f64> {
        let index = usize::try_from((at - self.start).div_euclid(self.period_ms())).ok()?;
        self.values.get(index).copied().flatten()
    }

    /// The known values with the beginnings of their periods.
    pub fn known(&self) -> impl Iterator<Item = (Millis, f64)> + '_ {
        self.values.iter().enumerate().filter_map(|(index, value)| Some((self.at(index), (*value)?)))
    }

    /// The share of its time that is known, 0 to 1; 0 where there are no periods.
    pub fn coverage(&self) -> f64 {
        let known = self.values.iter().flatten().count();
        if self.values.is_empty() { 0.0 } else { known as f64 / self.values.len() as f64 }
    }

    /// The mean of the known values.
    pub fn mean(&self) -> Option<f64> {
        let (sum, count) =
            self.values.iter().flatten().fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// The sum of the known values.
    pub fn sum(&self) -> f64 {
        self.values.iter().flatten().sum()
    }

    /// The largest known value.
    pub fn max(&self) -> Option<f64> {
        self.values.iter().flatten().copied().max_by(f64::total_cmp)
    }

    /// The `p`-th percentile, 0 to 100, of the known values: linear between order statistics (R's type 7).
    pub fn percentile(&self, p: f64) -> Option<f64> {
        let mut known: Vec<f64> = self.values.iter().flatten().copied().collect();
        known.sort_by(f64::total_cmp);
        percentile_of_sorted(&known, p)
    }

    /// The share of the known values for which `is` holds, 0 to 1.
    pub fn share(&self, is: impl Fn(f64) -> bool) -> Option<f64> {
        let known = self.values.iter().flatten();
        let (hits, count) =
            known.fold((0_u32, 0_u32), |(hits, count), value| (hits + u32::from(is(*value)), count + 1));
        (count > 0).then(|| f64::from(hits) / f64::from(count))
    }

    /// The periods that begin from `from` to before `until`.
    #[must_use]
    pub fn between(&self, from: Millis, until: Millis) -> Self {
        let index = |at: Millis| {
            let periods = (at - self.start + self.period_ms() - 1).div_euclid(self.period_ms());
            usize::try_from(periods).unwrap_or(0).min(self.values.len())
        };
        let (first, last) = (index(from), index(until).max(index(from)));
        Self { start: self.at(first), period_seconds: self.period_seconds, values: self.values[first..last].to_vec() }
    }

    /// The same with the periods unknown that begin within one of the windows (from, until): what a deployment has
    /// touched says nothing about a configuration.
    #[must_use]
    pub fn without(&self, windows: &[(Millis, Millis)]) -> Self {
        let touched = |at: Millis| windows.iter().any(|(from, until)| *from <= at && at < *until);
        let values = self.values.iter().enumerate();
        let values = values.map(|(index, value)| value.filter(|_| !touched(self.at(index)))).collect();
        Self { values, ..self.clone() }
    }

    /// The same in periods `factor` times as long (1 or more), of which each is known when half of its parts are.
    #[must_use]
    pub fn folded(&self, factor: usize, fold: Fold) -> Self {
        let factor = factor.max(1);
        let one = |part: &[Option<f64>]| {
            let known: Vec<f64> = part.iter().flatten().copied().collect();
            let enough = !known.is_empty() && known.len() * 2 >= factor;
            enough.then(|| match fold {
                Fold::Mean => known.iter().sum::<f64>() / known.len() as f64,
                Fold::Max => known.iter().copied().fold(f64::MIN, f64::max),
                Fold::Sum => known.iter().sum(),
            })
        };
        let period_seconds = self.period_seconds.saturating_mul(u32::try_from(factor).unwrap_or(u32::MAX));
        Self { start: self.start, period_seconds, values: self.values.chunks(factor).map(one).collect() }
    }

    /// Every known value changed.
    #[must_use]
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self::new(self.start, self.period_seconds, self.values.iter().map(|value| value.map(&change)).collect())
    }

    /// The periods that both know, side by side; periods are matched by their beginnings.
    pub fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (Millis, f64, f64)> + 'a {
        self.known().filter_map(|(at, value)| Some((at, value, other.value_at(at)?)))
    }
}

/// The `p`-th percentile, 0 to 100, of values in rising order: linear between order statistics (R's type 7).
pub fn percentile_of_sorted(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = (p / 100.0).clamp(0.0, 1.0) * last as f64;
    let low = position.floor() as usize;
    let high = (low + 1).min(last);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (position - low as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(values: &[f64]) -> History {
        History::new(0, 60, values.iter().map(|value| Some(*value)).collect())
    }

    #[test]
    fn periods_are_as_short_as_cloudwatch_keeps_them() {
        assert_eq!(period_for(14 * DAY_MS, 60), Some(60));
        assert_eq!(period_for(16 * DAY_MS, 60), Some(300));
        assert_eq!(period_for(14 * DAY_MS, 300), Some(300));
        assert_eq!(period_for(64 * DAY_MS, 60), Some(3_600));
        assert_eq!(period_for(456 * DAY_MS, 60), None);
    }

    #[test]
    fn the_week_begins_on_monday() {
        // 2026-11-30T07:45:00Z is a Monday.
        assert_eq!(hour_of_week(1_796_024_700_000), 7);
        assert_eq!(hour_of_week(1_796_024_700_000 - 8 * HOUR_MS), 167);
        assert_eq!(hour_of_week(0), 3 * 24, "1970 began on a Thursday");
    }

    #[test]
    fn missing_periods_stay_missing_and_lower_the_coverage() {
        let series = Series::new([(60_000, 1.0), (180_000, 3.0), (600_000, 9.0)]);
        let history = History::of(&series, 60, 30_000, 300_000);
        assert_eq!(history.values(), [None, Some(1.0), None, Some(3.0), None]);
        assert_eq!((history.start(), history.end()), (0, 300_000));
        assert!((history.coverage() - 0.4).abs() < 1e-12);
        assert_eq!(history.mean(), Some(2.0));
        assert_eq!(history.value_at(200_000), Some(3.0));
        assert_eq!(history.value_at(-1), None);
    }

    #[test]
    fn percentiles_lie_between_order_statistics() {
        let history = history(&[4.0, 1.0, 3.0, 2.0]);
        assert_eq!(history.percentile(50.0), Some(2.5));
        assert_eq!(history.percentile(100.0), Some(4.0));
        assert_eq!(history.percentile(0.0), Some(1.0));
        assert_eq!(History::default().percentile(50.0), None);
        assert_eq!(History::default().value_at(60_000), None);
    }

    #[test]
    fn a_part_of_time_keeps_its_clock() {
        let part = history(&[0.0, 1.0, 2.0, 3.0]).between(60_000, 180_000);
        assert_eq!((part.start(), part.values()), (60_000, &[Some(1.0), Some(2.0)][..]));
        assert!(history(&[1.0]).between(120_000, 60_000).is_empty());
        assert_eq!(history(&[0.0, 1.0, 2.0]).without(&[(60_000, 61_000)]).values(), [Some(0.0), None, Some(2.0)]);
    }

    #[test]
    fn a_folded_period_is_known_when_half_of_it_is() {
        let gaps = History::new(0, 60, vec![Some(1.0), None, None, None, Some(5.0), Some(7.0)]);
        assert_eq!(gaps.folded(2, Fold::Mean).values(), [Some(1.0), None, Some(6.0)]);
        assert_eq!(gaps.folded(4, Fold::Max).values(), [None, Some(7.0)]);
        assert_eq!(gaps.folded(2, Fold::Sum).period_seconds(), 120);
    }

    #[test]
    fn pairs_are_matched_by_time() {
        let (left, right) = (history(&[1.0, 2.0, 3.0]), History::new(60_000, 60, vec![Some(20.0), None, Some(40.0)]));
        assert_eq!(left.pairs(&right).collect::<Vec<_>>(), [(60_000, 2.0, 20.0)]);
    }
}
