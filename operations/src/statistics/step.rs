//! Where the level of a series changed, if it did.
//!
//! The place is that of the largest cumulative sum of deviations from the middle (CUSUM, E. S. Page, 1954), taken of the
//! signs, so that bursts and outliers weigh no more than any other point. A CUSUM has a largest value on every series: a
//! drift has one, too. So how abrupt a change is says how much of the whole change happens within a short while
//! around its place.

use super::trend::median;

/// A change of the level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// The first period of the new level.
    pub(crate) index: usize,
    /// The medians before and after.
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// The share of the change that happens within `near` periods of it: about 1 for a step, little for a drift.
    pub(crate) abruptness: f64,
}

/// The one change of the level that explains a series best; at least `least` periods lie on each side. `None` when the
/// series is too short or knows too little.
pub(crate) fn locate(series: &[Option<f64>], least: usize, near: usize) -> Option<Step> {
    if series.len() < 2 * least {
        return None;
    }
    let middle = median(series)?;
    let split = |index: usize| {
        let (head, tail) = series.split_at(index);
        Some((median(head)?, median(tail)?))
    };
    // The middle of all lies within the longer side; the middle between both sides separates them better.
    let first = farthest(series, middle, least)?;
    let (before, after) = split(first)?;
    let index = farthest(series, f64::midpoint(before, after), least).unwrap_or(first);
    let (before, after) = split(index)?;
    let (head, tail) = series.split_at(index);
    let just_before = median(&head[head.len().saturating_sub(near)..])?;
    let just_after = median(&tail[..near.min(tail.len())])?;
    let change = after - before;
    let abruptness = if change == 0.0 { 0.0 } else { (just_after - just_before) / change };
    Some(Step { index, before, after, abruptness })
}

/// Where the cumulative sum of the signs of deviations is farthest from the line between its ends; `None` where it never
/// leaves that line.
fn farthest(series: &[Option<f64>], middle: f64, least: usize) -> Option<usize> {
    let signs: Vec<f64> = series.iter().map(|value| value.map_or(0.0, |value| sign(value - middle))).collect();
    // The deviations of a CUSUM sum up to 0.
    let tilt = signs.iter().sum::<f64>() / signs.len() as f64;
    let (mut sum, mut best) = (0.0, (0.0, None));
    for (index, sign) in signs.iter().enumerate() {
        if index >= least && index + least <= series.len() && f64::abs(sum) > best.0 + 1e-9 {
            best = (f64::abs(sum), Some(index));
        }
        sum += sign - tilt;
    }
    best.1
}

fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(index: usize) -> f64 {
        (index * 7919 % 101) as f64 / 101.0
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let mut series: Vec<_> = (0..300).map(|at| Some(noise(at) + if at >= 217 { 2.0 } else { 0.0 })).collect();
        let step = locate(&series, 24, 48).unwrap();
        assert_eq!(step.index, 217);
        assert!((step.after - step.before - 2.0).abs() < 0.2 && step.abruptness > 0.8, "{step:?}");
        for at in (0..300).step_by(9) {
            series[at] = Some(1e6);
        }
        assert!(locate(&series, 24, 48).unwrap().index.abs_diff(217) <= 2, "bursts do not move it");
    }

    #[test]
    fn a_drift_is_not_abrupt() {
        let drift: Vec<_> = (0..300).map(|at| Some(at as f64 / 100.0 + 0.2 * noise(at))).collect();
        assert!(locate(&drift, 24, 24).unwrap().abruptness < 0.3);
    }

    #[test]
    fn too_little_has_no_step() {
        assert_eq!(locate(&[Some(1.0); 10], 24, 24), None);
        assert_eq!(locate(&[None; 100], 24, 24), None);
        assert_eq!(locate(&[Some(1.0); 100], 24, 24), None, "nothing changes");
    }
}
