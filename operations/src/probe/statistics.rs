//! Robust statistics of small samples.

/// The quantile of values in ascending order by linear interpolation, type 7 of Hyndman and Fan, "Sample quantiles
/// in statistical packages" (1996), the default of R and NumPy; `p` is within 0..=1. `None` without values.
pub fn quantile(ascending: &[f64], p: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let place = last as f64 * p.clamp(0.0, 1.0);
    // The place lies within the slice: it is no more than `last`.
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(ascending[below] + (place - place.floor()) * (ascending[above] - ascending[below]))
}

/// The median of values in any order; `None` without values.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(&sorted(values), 0.5)
}

/// The values in ascending order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The averages of all pairs of values, each with itself too, in ascending order: Walsh averages.
fn walsh(values: &[f64]) -> Vec<f64> {
    let pairs = values.iter().enumerate().flat_map(|(index, left)| {
        let rest = &values[index..];
        rest.iter().map(move |right| f64::midpoint(*left, *right))
    });
    sorted(&pairs.collect::<Vec<_>>())
}

/// How far differences lie from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// The Hodges-Lehmann estimate: the median of the Walsh averages.
    pub estimate: f64,
    /// The confidence interval's lower end.
    pub low: f64,
    /// The confidence interval's upper end.
    pub high: f64,
}

/// The location of paired differences with the confidence interval of Wilcoxon's signed-rank test, exact at any
/// number of pairs; `alpha` is the chance, shared by both ends, that the interval misses. `None` when there are too
/// few differences for such an interval.
///
/// Hollander and Wolfe, "Nonparametric statistical methods", section 3.3. Work and memory grow with the square of
/// the number of differences.
pub fn location(differences: &[f64], alpha: f64) -> Option<Location> {
    let averages = walsh(differences);
    let cut = signed_rank_cut(differences.len(), alpha / 2.0)?;
    Some(Location {
        estimate: quantile(&averages, 0.5)?,
        low: *averages.get(cut)?,
        high: *averages.get(averages.len() - 1 - cut)?,
    })
}

/// The greatest value that the signed-rank statistic of `count` differences does not exceed with a probability of
/// at most `tail` when there is no shift; `None` when even 0 is too likely.
fn signed_rank_cut(count: usize, tail: f64) -> Option<usize> {
    let mut below = 0.0;
    let mut cut = None;
    for (value, probability) in signed_rank(count).into_iter().enumerate() {
        below += probability;
        if below > tail {
            break;
        }
        cut = Some(value);
    }
    cut
}

/// The probabilities of the signed-rank statistic's values from 0 when there is no shift: each rank counts or does
/// not, like a coin.
fn signed_rank(count: usize) -> Vec<f64> {
    let mut probabilities = vec![1.0];
    for rank in 1..=count {
        let mut next = vec![0.0; probabilities.len() + rank];
        for (value, probability) in probabilities.iter().enumerate() {
            next[value] += probability / 2.0;
            next[value + rank] += probability / 2.0;
        }
        probabilities = next;
    }
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_those_of_r() {
        // quantile(c(1, 2, 4, 8, 16), c(0, .5, .95, 1), type = 7)
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        let found = [0.0, 0.5, 0.95, 1.0].map(|p| quantile(&values, p).unwrap());
        assert_eq!(found.map(|value| (value * 10.0).round() / 10.0), [1.0, 4.0, 14.4, 16.0]);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(median(&[3.0, 1.0]), Some(2.0));
    }

    #[test]
    fn the_location_is_that_of_the_textbook() {
        // Hollander and Wolfe, examples 3.1, 3.3 and 3.4: depression before and after tranquillisers, here in
        // thousandths. The 96 % interval is (-0.786, -0.010), the estimate -0.46.
        let before = [1830, 500, 1620, 2480, 1680, 1880, 1550, 3060, 1300];
        let after = [878, 647, 598, 2050, 1060, 1290, 1060, 3140, 1290];
        let differences: Vec<_> = before.iter().zip(after).map(|(before, after)| f64::from(after - before)).collect();
        let found = location(&differences, 0.04).unwrap();
        assert_eq!([found.estimate, found.low, found.high], [-460.0, -786.0, -10.0]);
    }

    #[test]
    fn too_few_differences_have_no_interval() {
        // One of 2^7 ways has no positive rank: 0.8 %, below the 1 % of one end.
        assert_eq!(location(&[1.0; 6], 0.02), None);
        assert!(location(&[1.0; 7], 0.02).is_some());
        assert_eq!(location(&[], 0.02), None);
    }

    /// The chance that the statistic is at most `cut`, by trying every choice of signs.
    fn chance(count: usize, cut: usize) -> f64 {
        let sum = |signs: &u32| (0..count).filter(|rank| signs >> rank & 1 == 1).map(|rank| rank + 1).sum::<usize>();
        let all = 1_u32 << count;
        (0..all).filter(|signs| sum(signs) <= cut).count() as f64 / f64::from(all)
    }

    proptest! {
        #[test]
        fn the_cut_is_the_one_of_all_sign_choices(count in 1usize..13, tail in 0.001f64..0.2) {
            match signed_rank_cut(count, tail) {
                None => prop_assert!(chance(count, 0) > tail),
                Some(cut) => {
                    prop_assert!(chance(count, cut) <= tail + 1e-12);
                    prop_assert!(chance(count, cut + 1) > tail);
                }
            }
        }

        #[test]
        fn the_location_moves_and_turns_with_its_data(
            values in proptest::collection::vec(-100i32..100, 7..40), by in -1000i32..1000
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let by = f64::from(by);
            let found = location(&values, 0.02).unwrap();
            prop_assert!(found.low <= found.estimate && found.estimate <= found.high);
            let moved = location(&values.iter().map(|value| value + by).collect::<Vec<_>>(), 0.02).unwrap();
            prop_assert_eq!(moved, Location { estimate: found.estimate + by, low: found.low + by, high: found.high + by });
            let turned = location(&values.iter().map(|value| -value).collect::<Vec<_>>(), 0.02).unwrap();
            prop_assert_eq!(turned, Location { estimate: -found.estimate, low: -found.high, high: -found.low });
        }

        #[test]
        fn a_wild_value_in_ten_does_not_move_the_location_beyond_the_others(wild in -1e9f64..1e9) {
            let mut values = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
            values.push(wild);
            let found = location(&values, 0.05).unwrap();
            prop_assert!((1.0..=9.0).contains(&found.estimate), "{found:?}");
        }

        #[test]
        fn quantiles_lie_within_the_data_and_rise(values in proptest::collection::vec(-1e6f64..1e6, 1..50),
            p in 0.0f64..1.0, q in 0.0f64..1.0) {
            let values = sorted(&values);
            let (low, high) = (quantile(&values, p.min(q)).unwrap(), quantile(&values, p.max(q)).unwrap());
            prop_assert!(values[0] <= low && low <= high + 1e-9 && high <= values[values.len() - 1]);
        }
    }
}
