//! The Hodges-Lehmann shift between two samples and its confidence interval.
//!
//! The interval's ends are order statistics of the n·m pairwise differences (Moses), so there is no tolerance and no
//! dependence on the unit. The differences are never written down: an order statistic is found by halving the range
//! of floating-point numbers it can be, counting the differences below each half in O(n + m) over the sorted samples.
//! That is exact and takes at most 64 counts, also for 20,160 × 20,160 points (two weeks of minutes).

use super::normal;

/// Two samples and how far one is above the other.
#[derive(Debug, Clone)]
pub(crate) struct Shift {
    green: Vec<f64>,
    blue: Vec<f64>,
    /// The factor of the standard error for dependence between neighbours.
    inflation: f64,
}

impl Shift {
    /// Compares two samples of finite values, neither of them empty.
    pub(crate) fn new(mut green: Vec<f64>, mut blue: Vec<f64>, inflation: f64) -> Self {
        green.sort_by(f64::total_cmp);
        blue.sort_by(f64::total_cmp);
        Self { green, blue, inflation }
    }

    fn pairs(&self) -> f64 {
        self.green.len() as f64 * self.blue.len() as f64
    }

    /// The standard error of the number of positive differences, without ties: a tie makes it a little too large.
    fn error(&self) -> f64 {
        let points = (self.green.len() + self.blue.len() + 1) as f64;
        (self.pairs() * points / 12.0).sqrt() * self.inflation
    }

    /// The Hodges-Lehmann estimate: the median of the differences green − blue.
    pub(crate) fn estimate(&self) -> f64 {
        let pairs = self.green.len() as u64 * self.blue.len() as u64;
        let upper = self.difference(pairs / 2);
        if pairs % 2 == 1 { upper } else { f64::midpoint(self.difference(pairs / 2 - 1), upper) }
    }

    /// The interval that misses the shift at each end with the chance `alpha`; infinite ends when the samples are too
    /// small for it.
    pub(crate) fn interval(&self, alpha: f64) -> (f64, f64) {
        let rank = (self.pairs() / 2.0 - normal::quantile(alpha) * self.error() - 0.5).floor();
        if rank < 0.0 {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let last = self.green.len() as u64 * self.blue.len() as u64 - 1;
        // Whole and within the number of pairs, below 2^53.
        let rank = rank as u64;
        (self.difference(rank), self.difference(last - rank))
    }

    /// One-sided p value of "green is not above blue". It is below `alpha` exactly when the interval is above 0.
    pub(crate) fn p_above(&self) -> f64 {
        self.p(self.not_above(0.0))
    }

    /// One-sided p value of "green is not below blue".
    pub(crate) fn p_below(&self) -> f64 {
        self.p(self.pairs() as u64 - self.below(0.0))
    }

    /// The p value when so many differences speak for no shift.
    fn p(&self, against: u64) -> f64 {
        normal::upper_tail((self.pairs() / 2.0 - 0.5 - against as f64) / self.error())
    }

    /// How many differences are at most `limit`. Rounding keeps order, so one pass over both sorted samples counts.
    fn not_above(&self, limit: f64) -> u64 {
        self.count(|difference| difference <= limit)
    }

    /// How many differences are below `limit`.
    fn below(&self, limit: f64) -> u64 {
        self.count(|difference| difference < limit)
    }

    /// How many differences satisfy something that holds for every smaller one, too.
    fn count(&self, holds: impl Fn(f64) -> bool) -> u64 {
        let (mut total, mut taken) = (0, 0);
        // The larger blue is, the more values of green stay below it.
        for blue in &self.blue {
            while self.green.get(taken).is_some_and(|green| holds(green - blue)) {
                taken += 1;
            }
            total += taken as u64;
        }
        total
    }

    /// The difference with so many others before it in ascending order.
    fn difference(&self, rank: u64) -> f64 {
        let ends = |sample: &[f64]| (sample.first().copied().unwrap_or(0.0), sample.last().copied().unwrap_or(0.0));
        let ((green_low, green_high), (blue_low, blue_high)) = (ends(&self.green), ends(&self.blue));
        let (mut low, mut high) = (ordinal(green_low - blue_high), ordinal(green_high - blue_low));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.not_above(value(middle)) > rank { high = middle } else { low = middle + 1 }
        }
        value(low)
    }
}

const SIGN: u64 = 1 << 63;

/// Where a number stands among all floating-point numbers in ascending order.
fn ordinal(number: f64) -> u64 {
    // A sum with 0 turns −0 into 0.
    let bits = (number + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The number at a place of that order.
fn value(ordinal: u64) -> f64 {
    f64::from_bits(if ordinal & SIGN == 0 { !ordinal } else { ordinal ^ SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All differences in ascending order.
    fn differences(green: &[f64], blue: &[f64]) -> Vec<f64> {
        let mut all: Vec<f64> = green.iter().flat_map(|x| blue.iter().map(move |y| x - y)).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn the_shift_of_a_published_example() {
        // Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, example 4.1 (permeability of membranes).
        let later = vec![0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let term = vec![1.15, 0.88, 0.90, 0.74, 1.21];
        let shift = Shift::new(later, term, 1.0);
        assert!((shift.estimate() - 0.305).abs() < 1e-9, "{}", shift.estimate());
        // Kayenta's own vector: 10..40 against 1..4 at 95 % is 6 to 39, estimate 22.5.
        let shift = Shift::new(vec![10.0, 20.0, 30.0, 40.0], vec![1.0, 2.0, 3.0, 4.0], 1.0);
        assert_eq!((shift.estimate(), shift.interval(0.025)), (22.5, (6.0, 39.0)));
    }

    #[test]
    fn two_weeks_of_minutes_are_counted_not_written_down() {
        // Two ramps: the differences of i − j + 7 have their median at 7.
        let ramp = |start: u32| (0..20_160).map(|minute| f64::from(start + minute)).collect::<Vec<_>>();
        let shift = Shift::new(ramp(7), ramp(0), 1.0);
        assert_eq!(shift.estimate(), 7.0);
        let (low, high) = shift.interval(0.01);
        assert!(low < 7.0 && high > 7.0 && (low + high - 14.0).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn too_few_points_set_no_bound() {
        let shift = Shift::new(vec![9.0, 9.0], vec![1.0, 1.0], 1.0);
        assert_eq!(shift.interval(0.01), (f64::NEG_INFINITY, f64::INFINITY));
    }

    fn sample() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![(-40i32..40).prop_map(|whole| f64::from(whole) / 4.0), -1e3f64..1e3];
        prop::collection::vec(value, 1..25)
    }

    proptest! {
        #[test]
        fn order_statistics_are_those_of_all_differences(green in sample(), blue in sample()) {
            let all = differences(&green, &blue);
            let shift = Shift::new(green, blue, 1.0);
            for (rank, difference) in all.iter().enumerate() {
                prop_assert_eq!(shift.difference(rank as u64), *difference);
            }
            let median = (all[(all.len() - 1) / 2] + all[all.len() / 2]) / 2.0;
            prop_assert!((shift.estimate() - median).abs() <= 1e-12 * median.abs());
        }

        #[test]
        fn the_p_value_is_below_alpha_exactly_when_the_interval_excludes_no_shift(
            green in sample(), blue in sample(), alpha in 0.0001f64..0.2, inflation in 1.0f64..3.0
        ) {
            let shift = Shift::new(green, blue, inflation);
            let (low, high) = shift.interval(alpha);
            // At equality rounding decides, on either side.
            if (shift.p_above() / alpha - 1.0).abs() > 1e-9 {
                prop_assert_eq!(low > 0.0, shift.p_above() < alpha);
            }
            if (shift.p_below() / alpha - 1.0).abs() > 1e-9 {
                prop_assert_eq!(high < 0.0, shift.p_below() < alpha);
            }
            prop_assert!(low <= shift.estimate() && shift.estimate() <= high);
        }

        #[test]
        fn swapping_the_samples_mirrors_everything(green in sample(), blue in sample(), alpha in 0.0001f64..0.2) {
            let (one, other) = (Shift::new(green.clone(), blue.clone(), 1.2), Shift::new(blue, green, 1.2));
            let ((low, high), (other_low, other_high)) = (one.interval(alpha), other.interval(alpha));
            prop_assert_eq!((low, high), (-other_high, -other_low));
            prop_assert_eq!(one.estimate(), -other.estimate());
            prop_assert_eq!(one.p_above(), other.p_below());
        }
    }
}
