//! The difference of two shares: Newcombe's hybrid score interval, and a check of it for few errors.
//!
//! R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17
//! (1998), method 10: Wilson's interval of each share, combined.
//!
//! Wilson's lower end believes in a normal tail. With a handful of errors on green's side and a baseline that is known
//! well, as when 5 % of the traffic go to green, the interval excludes 0 several times as often as it says. So a
//! difference must pass the conditional test, too: given all errors, green's are binomial by its part of the requests.

use super::rate::{self, Rate};
use crate::statistics::normal;

/// The largest score that is looked for: beyond it a p value is 0.
const FAR: f64 = 40.0;

/// Errors among requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// How many.
    pub(super) errors: u64,
    /// Of how many; at least 1 to be a share.
    pub(super) total: u64,
}

impl Share {
    /// The share, 0 to 1.
    pub(super) fn value(self) -> f64 {
        self.errors as f64 / self.total as f64
    }

    /// Wilson's score interval at the normal score `z`.
    fn wilson(self, z: f64) -> (f64, f64) {
        let (n, p) = (self.total as f64, self.value());
        let centre = p + z * z / (2.0 * n);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        (((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0))
    }
}

/// The interval of green's share less blue's at the normal score `z`.
pub(super) fn newcombe(green: Share, blue: Share, z: f64) -> (f64, f64) {
    let ((green_low, green_high), (blue_low, blue_high)) = (green.wilson(z), blue.wilson(z));
    let (p, q) = (green.value(), blue.value());
    let below = ((p - green_low).powi(2) + (blue_high - q).powi(2)).sqrt();
    let above = ((green_high - p).powi(2) + (q - blue_low).powi(2)).sqrt();
    (p - q - below, p - q + above)
}

/// One-sided p value of "green's share is not larger": the larger one of the interval's and the conditional test's.
pub(super) fn p_larger(green: Share, blue: Share) -> f64 {
    p_newcombe(green, blue).max(p_conditional(green, blue))
}

/// Given all errors, is green's part of them larger than its part of the requests?
fn p_conditional(green: Share, blue: Share) -> f64 {
    let rate = |share: Share| Rate { events: share.errors, exposure: share.total as f64 };
    rate::p_larger(rate(green), rate(blue))
}

/// The level at which Newcombe's interval begins to exclude 0.
fn p_newcombe(green: Share, blue: Share) -> f64 {
    if green.value() < blue.value() {
        return 1.0 - p_newcombe(blue, green);
    }
    // The lower end falls with the score: halve the range of scores until it is 0.
    let (mut low, mut high) = (0.0, FAR);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if newcombe(green, blue, middle).0 > 0.0 { low = middle } else { high = middle }
    }
    normal::upper_tail(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(errors: u64, total: u64) -> Share {
        Share { errors, total }
    }

    #[test]
    fn intervals_are_those_that_newcombe_published() {
        // Newcombe (1998), table II, method 10, 95 %.
        let table = [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((6, 7), (2, 7), 0.0582, 0.8062),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 20), -0.1611, 0.2775),
            ((0, 10), (0, 10), -0.2775, 0.2775),
            ((10, 10), (0, 20), 0.6791, 1.0),
            ((10, 10), (0, 10), 0.6075, 1.0),
        ];
        for ((a, m), (b, n), low, high) in table {
            let (found_low, found_high) = newcombe(share(a, m), share(b, n), 1.959_964);
            assert!((found_low - low).abs() < 5.1e-5, "{a}/{m} − {b}/{n}: {found_low}");
            assert!((found_high - high).abs() < 5.1e-5, "{a}/{m} − {b}/{n}: {found_high}");
        }
    }

    #[test]
    fn wilsons_interval_is_the_published_one() {
        // Newcombe, "Two-sided confidence intervals for the single proportion" (1998): 81/263, method 3.
        let (low, high) = share(81, 263).wilson(1.959_964);
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn few_errors_beside_a_known_baseline_are_not_taken_for_many() {
        // Green has 1 in 20 of the requests, 1.25 of the 25 errors are expected there, and it has 4.
        let (green, blue) = (share(4, 1_500), share(21, 28_500));
        let p = p_newcombe(green, blue);
        assert!(p < 0.01, "the interval alone would alarm at 98 %: {p}");
        assert!(p_larger(green, blue) > 0.01, "{}", p_larger(green, blue));
    }

    fn shares() -> impl Strategy<Value = (Share, Share)> {
        (1u64..5000, 1u64..5000, 0.0f64..=1.0, 0.0f64..=1.0)
            .prop_map(|(n, m, p, q)| (share((n as f64 * p) as u64, n), share((m as f64 * q) as u64, m)))
    }

    proptest! {
        #[test]
        fn the_p_value_is_the_level_at_which_the_interval_excludes_0(
            (green, blue) in shares(), alpha in 0.0001f64..0.4
        ) {
            let p = p_newcombe(green, blue);
            if (p / alpha - 1.0).abs() > 1e-6 {
                prop_assert_eq!(newcombe(green, blue, normal::quantile(alpha)).0 > 0.0, p < alpha);
            }
        }

        #[test]
        fn swapping_mirrors((green, blue) in shares(), z in 0.1f64..6.0) {
            let ((low, high), (other_low, other_high)) = (newcombe(green, blue, z), newcombe(blue, green, z));
            prop_assert_eq!((low, high), (-other_high, -other_low));
            prop_assert!((p_newcombe(green, blue) + p_newcombe(blue, green) - 1.0).abs() < 1e-9);
            prop_assert!((p_conditional(green, blue) + p_conditional(blue, green) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn one_error_more_is_never_better((green, blue) in shares()) {
            prop_assume!(green.errors < green.total);
            let worse = share(green.errors + 1, green.total);
            prop_assert!(p_larger(worse, blue) <= p_larger(green, blue) + 1e-12);
        }
    }
}
