//! How much neighbouring points resemble each other, and what that costs.
//!
//! Metrics of consecutive minutes are not independent. A test that believes they are alarms 30 to 100 times as often as
//! it says. With a lag-1 autocorrelation ρ the standard error of a mean is larger by √((1+ρ)/(1−ρ)).

/// Above this a series is nearly a random walk and its length says nothing.
const MOST: f64 = 0.9;

/// The autocorrelation at lag 1 of a series' ranks, corrected for the small sample: 0 to 0.9.
///
/// Ranks, because the tests that it corrects are rank tests: an outlier, zeros or another unit change nothing. A gap
/// separates its neighbours.
pub(crate) fn autocorrelation(series: &[Option<f64>]) -> f64 {
    let ranks = ranks(series);
    let known = ranks.iter().flatten().count();
    let pairs = ranks.windows(2).filter_map(|pair| Some((pair[0]?, pair[1]?)));
    let (count, product) = pairs.fold((0.0, 0.0), |(count, sum), (one, next)| (count + 1.0, sum + one * next));
    let square: f64 = ranks.iter().flatten().map(|rank| rank * rank).sum();
    if square == 0.0 || count == 0.0 {
        return 0.0;
    }
    let n = known as f64;
    let raw = product / square * (n - 1.0) / count;
    // The estimate is too small by about (1 + 4ρ)/n (Marriott and Pope; Kendall).
    (raw + (1.0 + 4.0 * raw) / n).clamp(0.0, MOST)
}

/// The two sides' autocorrelation, each by its number of known points.
pub(crate) fn pooled(green: &[Option<f64>], blue: &[Option<f64>]) -> f64 {
    let weight = |series: &[Option<f64>]| series.iter().flatten().count() as f64;
    let (green_weight, blue_weight) = (weight(green), weight(blue));
    (green_weight * autocorrelation(green) + blue_weight * autocorrelation(blue)) / (green_weight + blue_weight)
}

/// The factor of the standard error at an autocorrelation.
pub(crate) fn inflation(rho: f64) -> f64 {
    ((1.0 + rho) / (1.0 - rho)).sqrt()
}

/// Every known point's rank less the mean rank; ties share theirs.
fn ranks(series: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut sorted: Vec<f64> = series.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let rank = |value: f64| {
        let below = sorted.partition_point(|other| *other < value);
        let through = sorted.partition_point(|other| *other <= value);
        (below + through) as f64 / 2.0 - sorted.len() as f64 / 2.0
    };
    series.iter().map(|point| point.map(rank)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn ranks_are_centred_and_ties_share_theirs() {
        let ranked = ranks(&[Some(5.0), None, Some(1.0), Some(5.0), Some(9.0)]);
        assert_eq!(ranked, [Some(0.0), None, Some(-1.5), Some(0.0), Some(1.5)]);
    }

    #[test]
    fn a_hand_computed_estimate() {
        // Centred ranks −1.5, −0.5, 0.5, 1.5: products 0.75 − 0.25 + 0.75 = 1.25, squares 5, so 0.25;
        // and (1 + 4 · 0.25)/4 for the small sample.
        assert!((autocorrelation(&known(&[1.0, 2.0, 3.0, 4.0])) - 0.75).abs() < 1e-12);
    }

    #[test]
    fn alternating_and_constant_series_have_none_and_a_ramp_has_the_most() {
        assert_eq!(autocorrelation(&known(&[1.0, 9.0].repeat(20))), 0.0);
        assert_eq!(autocorrelation(&known(&[3.0; 30])), 0.0);
        assert_eq!(autocorrelation(&[]), 0.0);
        let ramp: Vec<f64> = (0..60).map(f64::from).collect();
        assert_eq!(autocorrelation(&known(&ramp)), MOST);
        assert!((inflation(MOST) - 19f64.sqrt()).abs() < 1e-9);
        assert_eq!(inflation(0.0), 1.0);
    }

    #[test]
    fn a_gap_separates_its_neighbours() {
        let gaps: Vec<_> = (0..30).flat_map(|minute| [Some(f64::from(minute)), None]).collect();
        assert_eq!(autocorrelation(&gaps), 0.0, "no two neighbours are known");
    }

    #[test]
    fn sides_count_by_their_points() {
        let ramp: Vec<f64> = (0..60).map(f64::from).collect();
        let rho = pooled(&known(&ramp), &known(&[1.0, 9.0].repeat(10)));
        assert!((rho - MOST * 60.0 / 80.0).abs() < 1e-12);
    }
}
