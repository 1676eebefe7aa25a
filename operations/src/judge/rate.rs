//! The ratio of two Poisson rates: given all events of both sides, those of one side are binomial (Przyborowski and
//! Wilenski, 1940).
//!
//! Tails are mid-p values (Lancaster, 1961): the number seen counts half. That makes up for the steps between whole
//! numbers, for which the exact test finds a tripled rate of few events noticeably more seldom.

use crate::statistics::binomial;

/// Events in an exposure.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rate {
    /// How many.
    pub(super) events: u64,
    /// In how much; above 0 to be a rate.
    pub(super) exposure: f64,
}

impl Rate {
    /// Events per unit of exposure.
    pub(super) fn value(self) -> f64 {
        self.events as f64 / self.exposure
    }
}

/// One-sided p value of "one's rate is not larger than other's".
pub(super) fn p_larger(one: Rate, other: Rate) -> f64 {
    tail(one.events, other.events, one.exposure / (one.exposure + other.exposure))
}

/// The chance that of all events so many or more are one's, when each is with the chance `part`; so many count half.
fn tail(events: u64, others: u64, part: f64) -> f64 {
    let (events, all) = (events as f64, events as f64 + others as f64);
    f64::midpoint(binomial::at_least(events, all, part), binomial::at_least(events + 1.0, all, part))
}

/// The interval of one's rate divided by other's that misses it at each end with the chance `alpha`. The upper end is
/// infinite when the other had no events.
pub(super) fn interval(one: Rate, other: Rate, alpha: f64) -> (f64, f64) {
    (lower(one, other, alpha), 1.0 / lower(other, one, alpha))
}

fn lower(one: Rate, other: Rate, alpha: f64) -> f64 {
    // The chance of so many events grows with their part: halve the range of parts.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if tail(one.events, other.events, middle) < alpha { low = middle } else { high = middle }
    }
    low / (1.0 - low) * (other.exposure / one.exposure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(events: u64, exposure: f64) -> Rate {
        Rate { events, exposure }
    }

    #[test]
    fn hand_computed_values() {
        // Equal exposure, 5 against 0: half of 2^-5.
        assert!((p_larger(rate(5, 2.0), rate(0, 2.0)) - 1.0 / 64.0).abs() < 1e-12);
        // A quarter of the exposure, 2 against 0: half of 1/16.
        assert!((p_larger(rate(2, 1.0), rate(0, 3.0)) - 1.0 / 32.0).abs() < 1e-12);
        // Equal exposure, 2 against 1: half of 3/8, and 1/8.
        assert!((p_larger(rate(2, 1.0), rate(1, 1.0)) - 5.0 / 16.0).abs() < 1e-12);
        // 1 against 0, at half of alpha: the part is 2·alpha, its odds 2·alpha/(1 − 2·alpha).
        let (low, high) = interval(rate(1, 1.0), rate(0, 1.0), 0.1);
        assert!((low - 0.25).abs() < 1e-12 && high.is_infinite(), "{low} {high}");
    }

    #[test]
    fn no_events_set_no_bound() {
        assert_eq!(interval(rate(0, 1.0), rate(0, 1.0), 0.01), (0.0, f64::INFINITY));
        assert_eq!(p_larger(rate(0, 1.0), rate(0, 1.0)), 0.5);
    }

    proptest! {
        #[test]
        fn the_p_value_is_below_alpha_exactly_when_the_interval_is_above_1(
            a in 0u64..300, b in 0u64..300, x in 0.1f64..10.0, y in 0.1f64..10.0, alpha in 0.0001f64..0.2
        ) {
            let (one, other) = (rate(a, x), rate(b, y));
            let p = p_larger(one, other);
            prop_assume!((p / alpha - 1.0).abs() > 1e-6);
            prop_assert_eq!(interval(one, other, alpha).0 > 1.0, p < alpha);
        }

        #[test]
        fn one_event_more_is_never_better(a in 0u64..300, b in 0u64..300, x in 0.1f64..10.0, y in 0.1f64..10.0) {
            prop_assert!(p_larger(rate(a + 1, x), rate(b, y)) <= p_larger(rate(a, x), rate(b, y)) + 1e-12);
        }
    }
}
