//! How much chance of a false alarm each test may use: over the looks and over the metrics.

use crate::statistics::normal;

/// The chance that a metric (all non-critical ones together) fails over the whole window though nothing is worse: one
/// side of a 98 % interval.
pub(super) const ALPHA: f64 = 0.01;

/// The part of `alpha` that this look may spend, of O'Brien-Fleming type (Lan and DeMets, 1983): next to nothing early,
/// most of it at the last look.
///
/// Looks share data, so their exact bounds depend on how the looks correlate. The sum of what the looks spend is an
/// upper bound whatever the correlation is, also with dependent points and looks that were not taken; it costs little:
/// at the last of four looks 71 % of `alpha` is left.
pub(super) fn at_look(alpha: f64, look: u32, looks: u32) -> f64 {
    let spent = |look: u32| match look {
        0 => 0.0,
        _ if look >= looks => alpha,
        _ => {
            let part = f64::from(look) / f64::from(looks);
            2.0 * normal::upper_tail(normal::quantile(alpha / 2.0) / part.sqrt())
        }
    };
    spent(look) - spent(look.saturating_sub(1))
}

/// The level of every p value when together they may use `alpha` (Holm, 1979): a metric fails when its p value is below
/// its level. Step by step from the smallest p value on, until one is not below its step's level; that one and all
/// larger ones have that level.
pub(super) fn holm(alpha: f64, p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut levels = vec![alpha; p_values.len()];
    let mut stopped = None;
    for (step, index) in order.into_iter().enumerate() {
        let level = stopped.unwrap_or(alpha / (p_values.len() - step) as f64);
        levels[index] = level;
        if p_values[index] >= level {
            stopped = Some(level);
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_looks_spend_all_of_alpha_and_most_of_it_last() {
        for looks in 1..=6 {
            let parts: Vec<f64> = (1..=looks).map(|look| at_look(ALPHA, look, looks)).collect();
            assert!((parts.iter().sum::<f64>() - ALPHA).abs() < 1e-12);
            assert!(parts.windows(2).all(|pair| pair[0] < pair[1]), "{parts:?}");
        }
        // Lan and DeMets' function at a quarter, a half and three quarters: 2 − 2Φ(2.5758/√t).
        let quarter = at_look(ALPHA, 1, 4);
        assert!((quarter / 2.58e-7 - 1.0).abs() < 0.01, "{quarter}");
        let half = quarter + at_look(ALPHA, 2, 4);
        assert!((half / 2.70e-4 - 1.0).abs() < 0.01, "{half}");
        assert!((at_look(ALPHA, 4, 4) / ALPHA - 0.706).abs() < 0.001, "{}", at_look(ALPHA, 4, 4));
    }

    #[test]
    fn holm_steps_from_the_smallest_p_value_on() {
        let levels = holm(0.06, &[0.04, 0.01, 0.025]);
        assert_eq!(levels, [0.06, 0.02, 0.03], "all three fail, each at its step");
        let levels = holm(0.06, &[0.04, 0.01, 0.031]);
        assert_eq!(levels, [0.03, 0.02, 0.03], "the second stops it, so the third does not fail either");
        assert_eq!(holm(0.06, &[0.03]), [0.06]);
        assert_eq!(holm(0.06, &[]), [0.0; 0]);
    }
}
