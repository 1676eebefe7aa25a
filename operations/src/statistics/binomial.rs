//! Exact tails of the binomial distribution, by the incomplete beta function.

use std::f64::consts::PI;

/// The chance of at least `least` successes in `trials` with the chance `chance` each.
pub(crate) fn at_least(least: f64, trials: f64, chance: f64) -> f64 {
    if least <= 0.0 {
        return 1.0;
    }
    if least > trials || chance <= 0.0 {
        return 0.0;
    }
    if chance >= 1.0 { 1.0 } else { incomplete_beta(chance, least, trials - least + 1.0) }
}

/// The regularised incomplete beta function I_x(a, b), 0 < x < 1.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast on this side of the mean only; on the other the symmetry helps.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated from the front (modified Lentz).
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let keep = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / keep(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    // Needs about √max(a, b) steps.
    for step in 1..=20_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = result;
        for term in [even, odd] {
            d = 1.0 / keep(1.0 + term * d);
            c = keep(1.0 + term / c);
            result *= c * d;
        }
        if (result / before - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

/// The logarithm of the gamma function for positive `x` (Stirling's series above 15, recurrence below).
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut product) = (x, 1.0);
    while x < 15.0 {
        product *= x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series - f64::ln(product)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of the single chances, each from the one before.
    fn summed(least: u32, trials: u32, chance: f64) -> f64 {
        let mut term = (1.0 - chance).powi(trials as i32);
        let mut below = 0.0;
        for successes in 0..least {
            below += term;
            term *= f64::from(trials - successes) / f64::from(successes + 1) * chance / (1.0 - chance);
        }
        1.0 - below
    }

    #[test]
    fn tails_are_the_sums_of_the_single_chances() {
        for trials in [1, 2, 7, 30, 200] {
            for least in 0..=trials {
                for chance in [0.01, 0.3, 0.5, 0.9] {
                    let (exact, direct) =
                        (at_least(least.into(), trials.into(), chance), summed(least, trials, chance));
                    assert!((exact - direct).abs() < 1e-11, "{least} of {trials} at {chance}: {exact}, {direct}");
                }
            }
        }
    }

    #[test]
    fn the_ends_are_certain() {
        assert_eq!(at_least(0.0, 10.0, 0.1), 1.0);
        assert_eq!(at_least(11.0, 10.0, 0.1), 0.0);
        assert_eq!(at_least(3.0, 10.0, 0.0), 0.0);
        assert_eq!(at_least(3.0, 10.0, 1.0), 1.0);
    }

    #[test]
    fn large_numbers_come_near_the_normal_tail() {
        let tail = at_least(501_000.0, 1_000_000.0, 0.5);
        assert!((tail - crate::statistics::normal::upper_tail(999.5 / 500.0)).abs() < 1e-6, "{tail}");
    }
}
