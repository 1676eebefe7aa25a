//! Numbers as a person reads them: three significant digits.

/// A number: `312`, `0.42`, `12500`.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || !magnitude.is_finite() {
        return if value.is_finite() { "0".into() } else { "∞".into() };
    }
    if magnitude < 1e-6 {
        return format!("{value:.2e}");
    }
    // At most 8 decimals and a whole number from 100 on.
    let decimals = (2.0 - magnitude.log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number with its unit, if it has one.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    if unit.is_empty() { number(value) } else { format!("{} {unit}", number(value)) }
}

/// A change with its sign.
pub(crate) fn signed(value: f64, unit: &str) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", quantity(value.abs(), unit))
}

/// An interval's ends as a person reads them.
pub(crate) fn interval(low: &str, high: &str, alpha: f64) -> String {
    format!("{} % interval {low} to {high}", confidence(alpha))
}

/// The two-sided confidence in percent, with as many digits as it takes to tell it from 100.
fn confidence(alpha: f64) -> String {
    let miss = 200.0 * alpha;
    let decimals = if miss >= 1.0 { 1.0 } else { (1.0 - miss.log10().floor()).min(12.0) } as usize;
    let text = format!("{:.decimals$}", 100.0 - miss);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_significant_digits() {
        for (value, text) in
            [(0.0, "0"), (312.4, "312"), (0.4221, "0.422"), (1.5, "1.5"), (12_500.2, "12500"), (-3.456, "-3.46")]
        {
            assert_eq!(number(value), text);
        }
        assert_eq!((number(0.000_12), number(1.2e-9)), ("0.00012".into(), "1.20e-9".into()));
        assert_eq!((number(f64::INFINITY), number(99.96)), ("∞".into(), "100".into()));
        assert_eq!((quantity(2.0, "ms"), quantity(2.0, "")), ("2 ms".into(), "2".into()));
        assert_eq!((signed(2.0, "%"), signed(-2.0, "%")), ("+2 %".into(), "−2 %".into()));
    }

    #[test]
    fn confidences_never_read_as_100() {
        assert_eq!(confidence(0.01), "98");
        assert_eq!(confidence(0.00706), "98.6");
        assert_eq!(confidence(2.6e-7), "99.999948");
    }
}
