//! The Theil-Sen slope of a series and its confidence interval.
//!
//! The slope is the median of the slopes between all pairs of points; the interval's ends are their order statistics
//! at Kendall's variance (P. K. Sen, 1968), widened for autocorrelation of what is left beside the line.

use super::{dependence, normal};

/// So many points at most: longer series become medians of equal blocks, so that the pairs stay within 131,000.
const MOST_POINTS: usize = 512;

/// A line through points in time.
#[derive(Debug, Clone)]
pub(super) struct Trend {
    /// The slopes between all pairs of points, ascending.
    slopes: Vec<f64>,
    /// How many points there are.
    points: usize,
    /// The autocorrelation of what is left beside the line.
    pub(super) rho: f64,
}

impl Trend {
    /// The line through equidistant points, of which some may be missing; `hours` apart. `None` for fewer than three.
    pub(super) fn new(series: &[Option<f64>], hours: f64) -> Option<Self> {
        let block = series.len().div_ceil(MOST_POINTS).max(1);
        let series: Vec<Option<f64>> = series.chunks(block).map(median).collect();
        let step = hours * block as f64;
        let at = |index: usize| index as f64 * step;
        let points: Vec<(f64, f64)> =
            series.iter().enumerate().filter_map(|(index, point)| Some((at(index), (*point)?))).collect();
        if points.len() < 3 {
            return None;
        }
        let pairs =
            points.iter().enumerate().flat_map(|(index, one)| points[index + 1..].iter().map(move |two| (one, two)));
        let mut slopes: Vec<f64> = pairs.map(|(one, two)| (two.1 - one.1) / (two.0 - one.0)).collect();
        slopes.sort_by(f64::total_cmp);
        let mut trend = Self { slopes, points: points.len(), rho: 0.0 };
        let slope = trend.slope();
        let rest: Vec<Option<f64>> =
            series.iter().enumerate().map(|(index, point)| point.map(|value| value - slope * at(index))).collect();
        trend.rho = dependence::autocorrelation(&rest);
        Some(trend)
    }

    /// The slope per hour.
    pub(super) fn slope(&self) -> f64 {
        let count = self.slopes.len();
        f64::midpoint(self.slopes[(count - 1) / 2], self.slopes[count / 2])
    }

    /// The standard error of the number of slopes above the true one: half of that of Kendall's S.
    fn error(&self) -> f64 {
        let n = self.points as f64;
        (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() / 2.0 * dependence::inflation(self.rho)
    }

    /// The interval that misses the slope at each end with the chance `alpha`.
    pub(super) fn interval(&self, alpha: f64) -> (f64, f64) {
        let rank = (self.slopes.len() as f64 / 2.0 - normal::quantile(alpha) * self.error() - 0.5).floor();
        if rank < 0.0 {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let rank = rank as usize;
        (self.slopes[rank], self.slopes[self.slopes.len() - 1 - rank])
    }

    /// One-sided p value of "the slope is not above `slope`".
    pub(super) fn p_above(&self, slope: f64) -> f64 {
        let against = self.slopes.partition_point(|other| *other <= slope);
        normal::upper_tail((self.slopes.len() as f64 / 2.0 - 0.5 - against as f64) / self.error())
    }
}

/// The median of the known points; `None` without any.
pub(super) fn median(series: &[Option<f64>]) -> Option<f64> {
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
    fn medians() {
        assert_eq!(median(&[Some(3.0), None, Some(1.0), Some(2.0)]), Some(2.0));
        assert_eq!(median(&[Some(3.0), Some(1.0)]), Some(2.0));
        assert_eq!(median(&[None]), None);
        assert!(Trend::new(&[Some(1.0), Some(2.0)], 1.0).is_none());
    }
}
