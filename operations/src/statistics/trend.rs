//! The Theil-Sen slope of a series and its confidence interval.
//!
//! The slope is the median of the slopes between all pairs of points; the interval's ends are their order statistics
//! at Kendall's variance (P. K. Sen, 1968), widened for autocorrelation of what is left beside the line.

use super::{dependence, normal};

/// So many points at most: longer series become medians of equal blocks, so that the pairs stay within 131,000.
const MOST_POINTS: usize = 512;

/// A line through points in time; or one slope common to several lines, as of lifetimes of tasks, or of the hours of a
/// week in several weeks: then slopes are taken within each line only, and Kendall's variances add up (R. M. Hirsch,
/// J. R. Slack, 1984).
#[derive(Debug, Clone)]
pub(crate) struct Trend {
    /// The slopes between all pairs of points, ascending.
    slopes: Vec<f64>,
    /// Kendall's variance of S.
    variance: f64,
    /// How many points there are.
    points: usize,
    /// The autocorrelation of what is left beside the line.
    pub(crate) rho: f64,
}

impl Trend {
    /// The line through equidistant points, of which some may be missing; `hours` apart. `None` for fewer than three.
    pub(crate) fn new(series: &[Option<f64>], hours: f64) -> Option<Self> {
        Self::common(&[series], hours)
    }

    /// The slope common to several lines of equidistant points, all `hours` apart. Lines of fewer than three known
    /// points say nothing; `None` when all do.
    pub(crate) fn common(lines: &[&[Option<f64>]], hours: f64) -> Option<Self> {
        let block = block(lines);
        let step = hours * block as f64;
        let lines: Vec<Vec<Option<f64>>> = lines.iter().map(|line| line.chunks(block).map(median).collect()).collect();
        let lines: Vec<_> = lines.into_iter().filter(|line| line.iter().flatten().count() >= 3).collect();
        let mut trend = Self { slopes: Vec::new(), variance: 0.0, points: 0, rho: 0.0 };
        for line in &lines {
            trend.add(line, step);
        }
        if trend.points == 0 {
            return None;
        }
        trend.slopes.sort_by(f64::total_cmp);
        let slope = trend.slope();
        for line in &lines {
            let rest =
                line.iter().enumerate().map(|(index, point)| point.map(|value| value - slope * index as f64 * step));
            let part = line.iter().flatten().count() as f64 / trend.points as f64;
            trend.rho += part * dependence::autocorrelation(&rest.collect::<Vec<_>>());
        }
        Some(trend)
    }

    fn add(&mut self, line: &[Option<f64>], step: f64) {
        let points: Vec<(f64, f64)> =
            line.iter().enumerate().filter_map(|(index, point)| Some((index as f64 * step, (*point)?))).collect();
        let pairs =
            points.iter().enumerate().flat_map(|(index, one)| points[index + 1..].iter().map(move |two| (one, two)));
        self.slopes.extend(pairs.map(|(one, two)| (two.1 - one.1) / (two.0 - one.0)));
        let n = points.len() as f64;
        self.variance += n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
        self.points += points.len();
    }

    /// The slope per hour.
    pub(crate) fn slope(&self) -> f64 {
        let count = self.slopes.len();
        f64::midpoint(self.slopes[(count - 1) / 2], self.slopes[count / 2])
    }

    /// The standard error of the number of slopes above the true one: half of that of Kendall's S.
    fn error(&self) -> f64 {
        self.variance.sqrt() / 2.0 * dependence::inflation(self.rho)
    }

    /// The interval that misses the slope at each end with the chance `alpha`.
    pub(crate) fn interval(&self, alpha: f64) -> (f64, f64) {
        let rank = (self.slopes.len() as f64 / 2.0 - normal::quantile(alpha) * self.error() - 0.5).floor();
        if rank < 0.0 {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let rank = rank as usize;
        (self.slopes[rank], self.slopes[self.slopes.len() - 1 - rank])
    }

    /// One-sided p value of "the slope is not above `slope`".
    pub(crate) fn p_above(&self, slope: f64) -> f64 {
        let against = self.slopes.partition_point(|other| *other <= slope);
        normal::upper_tail((self.slopes.len() as f64 / 2.0 - 0.5 - against as f64) / self.error())
    }
}

/// How many neighbours become one point, so that the pairs within the lines stay as few as those of [`MOST_POINTS`].
fn block(lines: &[&[Option<f64>]]) -> usize {
    let pairs = |block: usize| lines.iter().map(|line| line.len().div_ceil(block).pow(2)).sum::<usize>();
    let most = MOST_POINTS.pow(2);
    (1..).find(|block| pairs(*block) <= most.max(lines.len())).unwrap_or(1)
}

/// The median of the known points; `None` without any.
pub(crate) fn median(series: &[Option<f64>]) -> Option<f64> {
    let mut known: Vec<f64> = series.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    let last = known.len().checked_sub(1)?;
    Some(f64::midpoint(known[last / 2], known[known.len() / 2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_an_outlier_changes_nothing() {
        let mut line: Vec<Option<f64>> = (0..30).map(|minute| Some(50.0 + 0.25 * f64::from(minute))).collect();
        let trend = Trend::new(&line, 1.0 / 60.0).unwrap();
        assert!((trend.slope() - 15.0).abs() < 1e-9);
        line[7] = Some(1e6);
        line[9] = None;
        assert!((Trend::new(&line, 1.0 / 60.0).unwrap().slope() - 15.0).abs() < 1e-9);
    }

    #[test]
    fn sens_own_example() {
        // P. K. Sen (1968), section 5: slope 4, interval 26/7 to 35/8.
        let values = [9.0, 15.0, 19.0, 20.0, 45.0, 55.0, 78.0];
        let hours = [1.0, 2.0, 3.0, 4.0, 10.0, 12.0, 18.0];
        let mut series = vec![None; 19];
        for (at, value) in hours.into_iter().zip(values) {
            series[at as usize] = Some(value);
        }
        let mut trend = Trend::new(&series, 1.0).unwrap();
        assert!((trend.slope() - 4.0).abs() < 1e-9);
        trend.rho = 0.0;
        let (low, high) = trend.interval(0.025);
        assert!((low - 26.0 / 7.0).abs() < 1e-9 && (high - 35.0 / 8.0).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn the_p_value_is_below_alpha_exactly_when_the_interval_is_above_the_slope() {
        let noise = |minute: i32| f64::from(minute * 7919 % 101) / 101.0;
        let series: Vec<Option<f64>> = (0..25).map(|minute| Some(0.05 * f64::from(minute) + noise(minute))).collect();
        let trend = Trend::new(&series, 1.0).unwrap();
        for alpha in [0.001, 0.01, 0.05, 0.2] {
            for slope in [-0.1, 0.0, 0.02, 0.05, 0.08] {
                assert_eq!(trend.interval(alpha).0 > slope, trend.p_above(slope) < alpha, "{alpha} {slope}");
            }
        }
    }

    #[test]
    fn long_series_become_medians_of_blocks() {
        let series: Vec<Option<f64>> = (0..20_160).map(|minute| Some(f64::from(minute))).collect();
        let trend = Trend::new(&series, 1.0 / 60.0).unwrap();
        assert!(trend.points <= MOST_POINTS);
        assert!((trend.slope() - 60.0).abs() < 0.5);
    }

    #[test]
    fn lines_that_start_anew_have_one_slope() {
        // A saw-tooth: three lifetimes, each rising from the bottom.
        let tooth: Vec<Option<f64>> = (0..40).map(|hour| Some(30.0 + 0.5 * f64::from(hour % 13))).collect();
        let (first, rest) = tooth[..39].split_at(13);
        let (second, third) = rest.split_at(13);
        let trend = Trend::common(&[first, second, third, &[Some(1.0), Some(9.0)]], 1.0).unwrap();
        assert!((trend.slope() - 0.5).abs() < 1e-9);
        assert!(trend.interval(0.025).0 > 0.0);
        assert!(Trend::common(&[&[Some(1.0), Some(9.0)]], 1.0).is_none());
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[Some(3.0), None, Some(1.0), Some(2.0)]), Some(2.0));
        assert_eq!(median(&[Some(3.0), Some(1.0)]), Some(2.0));
        assert_eq!(median(&[None]), None);
        assert!(Trend::new(&[Some(1.0), Some(2.0)], 1.0).is_none());
    }
}
