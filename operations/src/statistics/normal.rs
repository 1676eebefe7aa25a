//! The tail of the standard normal distribution and its inverse.

use std::f64::consts::PI;

/// Beyond this the tail is 0 in double precision.
const FAR: f64 = 40.0;

/// The chance that a standard normal variable exceeds `z`, with a relative error of about 1e-12 in the upper tail.
pub(crate) fn upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - upper_tail(-z);
    }
    if z >= FAR {
        return 0.0;
    }
    if z < 2.5 { 0.5 - density(z) * series(z) } else { density(z) / fraction(z) }
}

fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// z + z³/3 + z⁵/(3·5) + …, which times the density is the area from 0 to `z`.
fn series(z: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    sum
}

/// z + 1/(z + 2/(z + 3/(z + …))), by which the density is divided (Laplace's continued fraction).
fn fraction(z: f64) -> f64 {
    (1..=150).rev().fold(z, |rest, step| z + f64::from(step) / rest)
}

/// The `z` that a standard normal variable exceeds with the chance `alpha`; `alpha` above 0 and below 1.
pub(crate) fn quantile(alpha: f64) -> f64 {
    if alpha > 0.5 {
        return -quantile(1.0 - alpha);
    }
    // The tail is at most exp(−z²/2)/2, and its logarithm is concave: from that bound Newton's method comes down to
    // the quantile without passing it.
    let mut z = (-2.0 * (2.0 * alpha).ln()).max(0.0).sqrt();
    for _ in 0..50 {
        let tail = upper_tail(z);
        let step = (alpha / tail).ln() * tail / density(z);
        z -= step;
        if step.abs() < 1e-15 * z {
            break;
        }
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_agrees_with_published_values() {
        // Abramowitz and Stegun, tables 26.1 and 26.2.
        let table = [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (2.0, 0.022_750_131_948_179),
            (3.0, 1.349_898_031_630e-3),
            (5.0, 2.866_515_718_792e-7),
            (10.0, 7.619_853_024_160e-24),
        ];
        for (z, tail) in table {
            assert!((upper_tail(z) / tail - 1.0).abs() < 1e-11, "{z}: {}", upper_tail(z));
            assert!((upper_tail(-z) - (1.0 - tail)).abs() < 1e-14);
        }
        assert_eq!(upper_tail(50.0), 0.0);
    }

    #[test]
    fn the_two_formulas_meet() {
        let (below, above) = (upper_tail(2.5 - 1e-9), upper_tail(2.5));
        assert!((below / above - 1.0).abs() < 1e-8);
    }

    #[test]
    fn quantiles_agree_with_published_values_and_invert_the_tail() {
        for (alpha, z) in [(0.025, 1.959_963_984_540), (0.01, 2.326_347_874_041), (0.005, 2.575_829_303_549)] {
            assert!((quantile(alpha) - z).abs() < 1e-11);
            assert!((quantile(1.0 - alpha) + z).abs() < 1e-11);
        }
        for alpha in [1e-12, 1e-7, 0.3, 0.9] {
            assert!((upper_tail(quantile(alpha)) / alpha - 1.0).abs() < 1e-9);
        }
    }
}
