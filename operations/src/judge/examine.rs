//! What every kind of metric has in common: sides, coverage, hard limits, and the effect that is tested.

use super::metric::{Baseline, HardLimit};
use super::report::{BaselineKind, Side};
use crate::statistics::trend;

/// The least part of the periods that must be known, per side.
const COVERAGE: f64 = 0.8;

/// The least size of a relative change that a rounding error cannot have.
pub(super) const ROUNDING: f64 = 1e-9;

/// What the data of one metric say, before levels are shared out.
pub(super) struct Examined {
    pub(super) green: Side,
    pub(super) blue: Option<Side>,
    pub(super) baseline: Option<BaselineKind>,
    pub(super) outcome: Outcome,
}

/// What can be said.
pub(super) enum Outcome {
    /// A hard limit is broken.
    Breach(String),
    /// The data do not allow a judgement.
    Unknown(String),
    /// Nothing to test, and within the limits.
    Within(String),
    /// A test decides.
    Test(Box<dyn Effect>),
}

/// An effect whose significance is tested at a level that depends on the look and the other metrics.
pub(super) trait Effect {
    /// One-sided p value of "not worse".
    fn p(&self) -> f64;
    /// The effect, as [`super::MetricReport::estimate`].
    fn estimate(&self) -> f64;
    /// The effect as a part of the baseline; `None` when that is 0.
    fn relative(&self) -> Option<f64>;
    /// The interval of the estimate that misses it at each end with the chance `alpha`.
    fn interval(&self, alpha: f64) -> (f64, f64);
    /// The autocorrelation that the interval was widened for.
    fn rho(&self) -> Option<f64> {
        None
    }
    /// Whether the effect is as large as it takes to fail.
    fn exceeds(&self) -> bool;
    /// Whether it is so large that the metric is judged as a critical one.
    fn severe(&self) -> bool {
        false
    }
    /// Whether it may fail before the last look.
    fn early(&self) -> bool {
        true
    }
    /// The effect in words, with its interval and what is allowed.
    fn line(&self, alpha: f64, interval: (f64, f64)) -> String;
}

/// A side of a metric of levels.
pub(super) fn level_side(series: &[Option<f64>]) -> Side {
    let points = series.iter().flatten().count();
    Side { points, expected: series.len(), level: trend::median(series), events: None, exposure: None }
}

/// The points that are finite, and whether all known ones are.
pub(super) fn finite(series: &[Option<f64>]) -> (Vec<Option<f64>>, bool) {
    let kept: Vec<Option<f64>> = series.iter().map(|point| point.filter(|value| value.is_finite())).collect();
    let all = kept.iter().flatten().count() == series.iter().flatten().count();
    (kept, all)
}

/// Why a side's periods do not suffice; `None` when they do.
pub(super) fn gap(side: &Side, whose: &str, min_points: usize) -> Option<String> {
    let Side { points, expected, .. } = side;
    if *points == 0 {
        return Some(format!("no period of {whose} is known"));
    }
    if (*points as f64) < COVERAGE * *expected as f64 {
        let needed = 100.0 * COVERAGE;
        return Some(format!("only {points} of {expected} periods of {whose} are known, {needed} % are needed"));
    }
    (*points < min_points)
        .then(|| format!("only {points} periods of {whose} are known, at least {min_points} are needed"))
}

impl HardLimit {
    /// The first row of periods beyond the limit that is long enough and has enough requests.
    pub(super) fn row<T: Copy>(
        &self,
        periods: &[Option<T>],
        beyond: impl Fn(T) -> bool,
        enough: impl Fn(&[T]) -> bool,
    ) -> Option<Vec<T>> {
        let mut row = Vec::new();
        for period in periods {
            match period {
                Some(period) if beyond(*period) => row.push(*period),
                _ => row.clear(),
            }
            if row.len() >= self.periods as usize && enough(&row) {
                return Some(row);
            }
        }
        None
    }
}

impl<T: Copy> Baseline<T> {
    /// Which kind it is.
    pub(super) fn kind(&self) -> BaselineKind {
        match self {
            Baseline::Concurrent(_) => BaselineKind::Concurrent,
            Baseline::History(_) => BaselineKind::History,
        }
    }

    /// All periods; of weeks without any known period none.
    pub(super) fn periods(&self) -> Vec<Option<T>> {
        match self {
            Baseline::Concurrent(series) => series.clone(),
            Baseline::History(weeks) => weeks.iter().filter(|week| known(week)).flatten().copied().collect(),
        }
    }
}

impl Baseline<f64> {
    /// One series: blue's, or for every period the median of the weeks that know it.
    pub(super) fn series(&self) -> Vec<Option<f64>> {
        match self {
            Baseline::Concurrent(series) => series.clone(),
            Baseline::History(weeks) => {
                let longest = weeks.iter().map(Vec::len).max().unwrap_or(0);
                let at = |index: usize| weeks.iter().map(|week| week.get(index).copied().flatten()).collect::<Vec<_>>();
                (0..longest).map(|index| trend::median(&at(index))).collect()
            }
        }
    }
}

fn known<T>(week: &[Option<T>]) -> bool {
    week.iter().any(Option::is_some)
}

/// What the other side is called in a sentence.
pub(super) fn whose(baseline: BaselineKind) -> &'static str {
    match baseline {
        BaselineKind::Concurrent => "blue",
        BaselineKind::History => "the earlier weeks",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_ends_at_a_missing_period_and_needs_its_requests() {
        let limit = HardLimit { value: 5.0, periods: 2, min_requests: 50 };
        let row = |periods: &[Option<f64>], requests: u64| {
            limit.row(periods, |value| value > 5.0, |row| row.len() as u64 * requests >= limit.min_requests)
        };
        assert_eq!(row(&[Some(6.0), Some(7.0)], 25), Some(vec![6.0, 7.0]));
        assert_eq!(row(&[Some(6.0), None, Some(7.0)], 25), None);
        assert_eq!(row(&[Some(6.0), Some(1.0), Some(7.0)], 25), None);
        assert_eq!(row(&[Some(6.0), Some(7.0)], 24), None, "48 requests");
        assert_eq!(row(&[Some(6.0), Some(7.0), Some(8.0)], 24).unwrap().len(), 3, "72 requests in three periods");
    }

    #[test]
    fn a_history_is_the_median_of_the_weeks_that_know_a_period() {
        let weeks = vec![vec![Some(1.0), None, Some(3.0)], vec![Some(2.0), None], vec![Some(9.0), None, Some(5.0)]];
        let history = Baseline::History(weeks);
        assert_eq!(history.series(), [Some(2.0), None, Some(4.0)]);
        assert_eq!(history.periods().len(), 8);
        assert_eq!(Baseline::History(vec![vec![Some(1)], vec![None, None]]).periods(), [Some(1)]);
    }

    #[test]
    fn gaps_are_told() {
        let side = |points, expected| Side { points, expected, level: None, events: None, exposure: None };
        assert_eq!(gap(&side(12, 15), "green", 12), None);
        assert_eq!(
            gap(&side(11, 15), "green", 5).unwrap(),
            "only 11 of 15 periods of green are known, 80 % are needed"
        );
        assert_eq!(gap(&side(5, 5), "blue", 12).unwrap(), "only 5 periods of blue are known, at least 12 are needed");
        assert_eq!(gap(&side(0, 0), "green", 0).unwrap(), "no period of green is known");
    }
}
