//! Is green slower than blue on the same request?
//!
//! A pair is one answer of each side, taken one after the other in alternating order, so that what troubles both
//! (the machine, the network, the database) cancels in the difference. Compared is the time from the sent request
//! to the end of the answer: connections end at the load balancer, which both sides share.
//!
//! Green fails only when all three hold: the confidence interval of the shift lies above 0, the shift is at least
//! [`FLOOR_MS`], and with it the usual answer takes `max_slowdown` times as long as blue's. Several endpoints are
//! not corrected for: what chance could produce is held off by the last two, whatever the number of endpoints.

use super::Verdict;
use super::statistics::{Location, location, median};

/// The fewest pairs that can show anything at [`ALPHA`]: with fewer, all differences of one sign are chance.
pub const MIN_PAIRS: u32 = 7;
/// The chance that the confidence interval of a shift misses it, at both ends together.
pub const ALPHA: f64 = 0.02;
/// The shift below which nobody notices, in milliseconds.
pub const FLOOR_MS: f64 = 5.0;

/// The times of one pair, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Green's.
    pub green: f64,
    /// Blue's.
    pub blue: f64,
}

/// What pairs show.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// How many pairs there were.
    pub pairs: usize,
    /// Green's median, in milliseconds.
    pub green: Option<f64>,
    /// Blue's median, in milliseconds.
    pub blue: Option<f64>,
    /// By how many milliseconds green is slower; absent with too few pairs.
    pub shift: Option<Location>,
    /// What blue's median becomes with the shift, in multiples of it.
    pub ratio: Option<f64>,
    /// Whether green may be as slow as it is.
    pub verdict: Verdict,
    /// Why it does not pass, or what it passed with.
    pub reason: String,
}

/// Compares the sides by their pairs.
pub fn compare(pairs: &[Pair], max_slowdown: f64) -> Difference {
    let green = median(&pairs.iter().map(|pair| pair.green).collect::<Vec<_>>());
    let blue = median(&pairs.iter().map(|pair| pair.blue).collect::<Vec<_>>());
    let differences: Vec<_> = pairs.iter().map(|pair| pair.green - pair.blue).collect();
    let shift = location(&differences, ALPHA);
    let ratio = blue.filter(|blue| *blue > 0.0).zip(shift).map(|(blue, shift)| (blue + shift.estimate) / blue);
    let (verdict, reason) = judge(pairs.len(), shift, ratio, max_slowdown);
    Difference { pairs: pairs.len(), green, blue, shift, ratio, verdict, reason }
}

fn judge(count: usize, shift: Option<Location>, ratio: Option<f64>, max_slowdown: f64) -> (Verdict, String) {
    let Some((shift, ratio)) = shift.zip(ratio) else {
        let reason = format!("{count} pairs of answers are too few to compare: {MIN_PAIRS} are needed");
        return (Verdict::Inconclusive, reason);
    };
    let measured = format!(
        "{:+.1} ms (98 % interval {:+.1} to {:+.1}), {ratio:.2} times blue's",
        shift.estimate, shift.low, shift.high
    );
    if shift.estimate < FLOOR_MS || ratio < max_slowdown {
        (Verdict::Pass, format!("not slower than allowed: {measured}"))
    } else if shift.low > 0.0 {
        (Verdict::Fail, format!("slower than blue: {measured}; {max_slowdown} times is allowed"))
    } else {
        (Verdict::Inconclusive, format!("perhaps slower than blue, perhaps not: {measured}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers that look random and are the same every time: a linear congruential generator (Knuth's MMIX).
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        // Neighbouring seeds must not begin alike.
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// Pairs whose times are `base` ms and up to twice as much, one in twenty ten times as much, green's multiplied.
    fn pairs(seed: u64, count: usize, base: f64, slowdown: f64) -> Vec<Pair> {
        let mut noise = noise(seed);
        let mut time = move || base * (1.0 + noise()) * if noise() < 0.05 { 10.0 } else { 1.0 };
        (0..count).map(|_| Pair { green: time() * slowdown, blue: time() }).collect()
    }

    fn verdicts(base: f64, slowdown: f64, wanted: Verdict) -> usize {
        (0..500).filter(|seed| compare(&pairs(*seed, 20, base, slowdown), 1.5).verdict == wanted).count()
    }

    #[test]
    fn equal_sides_hardly_ever_fail_and_a_much_slower_side_never_passes() {
        // Measured: 0 of 500, 500, and 467; the rest of the last is inconclusive.
        assert!(verdicts(50.0, 1.0, Verdict::Fail) <= 2, "equal sides");
        assert!(verdicts(50.0, 1.0, Verdict::Pass) >= 490, "equal sides");
        assert!(verdicts(50.0, 3.0, Verdict::Fail) >= 440, "three times as slow");
        assert_eq!(verdicts(50.0, 3.0, Verdict::Pass), 0, "three times as slow");
        assert_eq!(verdicts(0.5, 3.0, Verdict::Fail), 0, "nobody notices a millisecond");
        assert_eq!(verdicts(50.0, 0.3, Verdict::Pass), 500, "faster is fine");
    }

    #[test]
    fn the_reasons_have_the_figures() {
        let slow: Vec<_> = (0..10).map(|index| Pair { green: 40.0 + f64::from(index), blue: 10.0 }).collect();
        let found = compare(&slow, 1.5);
        assert_eq!(found.verdict, Verdict::Fail);
        assert_eq!((found.green, found.blue, found.ratio), (Some(44.5), Some(10.0), Some(4.45)));
        let wanted =
            "slower than blue: +34.5 ms (98 % interval +31.5 to +37.5), 4.45 times blue's; 1.5 times is allowed";
        assert_eq!(found.reason, wanted);
        let few = compare(&slow[..6], 1.5);
        assert_eq!(few.verdict, Verdict::Inconclusive);
        assert_eq!(few.reason, "6 pairs of answers are too few to compare: 7 are needed");
        assert_eq!(compare(&[], 1.5).verdict, Verdict::Inconclusive);
        // A large shift that the data cannot tell from none.
        let wild: Vec<_> = (0..8).map(|index| Pair { green: if index < 3 { 1.0 } else { 90.0 }, blue: 10.0 }).collect();
        assert_eq!(compare(&wild, 1.5).verdict, Verdict::Inconclusive);
    }

    proptest! {
        #[test]
        fn slower_by_less_than_the_floor_or_the_ratio_never_fails(
            blue in 1.0f64..1000.0, extra in 0.0f64..0.45, count in 7usize..60
        ) {
            let same = vec![Pair { green: blue * (1.0 + extra), blue }; count];
            prop_assert_eq!(compare(&same, 1.5).verdict, Verdict::Pass);
            let little = vec![Pair { green: blue + 4.9, blue }; count];
            prop_assert_eq!(compare(&little, 1.000_1).verdict, Verdict::Pass);
        }

        #[test]
        fn a_steady_slowdown_beyond_both_always_fails(
            blue in 10.0f64..1000.0, extra in 0.51f64..9.0, count in 7usize..60
        ) {
            let slow = vec![Pair { green: blue * (1.0 + extra), blue }; count];
            prop_assert_eq!(compare(&slow, 1.5).verdict, Verdict::Fail);
        }

        #[test]
        fn the_verdict_never_improves_when_green_gets_slower(seed in 0u64..10_000, by in 0.0f64..200.0) {
            let before = pairs(seed, 15, 20.0, 1.3);
            let after: Vec<_> = before.iter().map(|pair| Pair { green: pair.green + by, ..*pair }).collect();
            prop_assert!(compare(&after, 1.5).verdict >= compare(&before, 1.5).verdict);
        }
    }
}
