//! DynamoDB's number: decimal, 38 significant digits, magnitude 1E-130 to 9.9…E+125.

use std::cmp::Ordering;
use std::fmt;

/// Significant digits that DynamoDB keeps.
const DIGITS: u32 = 38;
/// Largest exponent of a number in scientific notation.
const MAXIMUM_EXPONENT: i64 = 125;
/// Smallest such exponent.
const MINIMUM_EXPONENT: i64 = -130;

/// A decimal number, `mantissa × 10^exponent`, without trailing zeros in the mantissa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Number {
    mantissa: i128,
    exponent: i32,
}

impl Number {
    /// Reads DynamoDB's textual form; the error is DynamoDB's message.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("The parameter cannot be converted to a numeric value: {text}");
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().map_err(|_| invalid())?),
            None => (text, 0),
        };
        let (negative, unsigned) = match digits.as_bytes().first() {
            Some(b'-') => (true, &digits[1..]),
            Some(b'+') => (false, &digits[1..]),
            _ => (false, digits),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if !all_digits || (whole.is_empty() && fraction.is_empty()) {
            return Err(invalid());
        }
        let joined = format!("{whole}{fraction}");
        let significant = joined.trim_start_matches('0').trim_end_matches('0');
        if significant.len() > DIGITS as usize {
            return Err("Attempting to store more than 38 significant digits in a Number".to_owned());
        }
        let trailing = joined.len() - joined.trim_end_matches('0').len();
        let mantissa: i128 = if significant.is_empty() { 0 } else { significant.parse().map_err(|_| invalid())? };
        let shift = i32::try_from(trailing).unwrap_or(0) - i32::try_from(fraction.len()).unwrap_or(0);
        let exponent = exponent.checked_add(shift).ok_or_else(invalid)?;
        Self::normal(if negative { -mantissa } else { mantissa }, exponent)
    }

    /// Strips trailing zeros and checks the range.
    fn normal(mut mantissa: i128, mut exponent: i32) -> Result<Self, String> {
        if mantissa == 0 {
            return Ok(Self { mantissa: 0, exponent: 0 });
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        let number = Self { mantissa, exponent };
        if number.digits() > DIGITS {
            return Err("Attempting to store more than 38 significant digits in a Number".to_owned());
        }
        let magnitude = number.magnitude();
        if magnitude > MAXIMUM_EXPONENT {
            return Err(
                "Number overflow. Attempting to store a number with magnitude larger than supported range".to_owned()
            );
        }
        if magnitude < MINIMUM_EXPONENT {
            return Err(
                "Number underflow. Attempting to store a number with magnitude smaller than supported range".to_owned()
            );
        }
        Ok(number)
    }

    const fn digits(self) -> u32 {
        match self.mantissa.unsigned_abs().checked_ilog10() {
            Some(log) => log + 1,
            None => 1,
        }
    }

    /// The exponent of scientific notation.
    fn magnitude(self) -> i64 {
        i64::from(self.exponent) + i64::from(self.digits()) - 1
    }

    /// The sum; the error is DynamoDB's message.
    pub(crate) fn add(self, other: Self) -> Result<Self, String> {
        let exponent = self.exponent.min(other.exponent);
        let scaled = |number: Self| {
            let factor = 10_i128.checked_pow(number.exponent.abs_diff(exponent))?;
            number.mantissa.checked_mul(factor)
        };
        let sum = scaled(self).zip(scaled(other)).and_then(|(left, right)| left.checked_add(right));
        let lost = || "Attempting to store more than 38 significant digits in a Number".to_owned();
        Self::normal(sum.ok_or_else(lost)?, exponent)
    }

    /// The number with its sign changed.
    pub(crate) const fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, exponent: self.exponent }
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Self {
        let mut number = Self { mantissa: i128::from(value), exponent: 0 };
        while number.mantissa != 0 && number.mantissa % 10 == 0 {
            number.mantissa /= 10;
            number.exponent += 1;
        }
        number
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs != Ordering::Equal || self.mantissa == 0 {
            return signs;
        }
        let by_magnitude = self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let digits = self.digits().max(other.digits());
            let scaled = |number: &Self| number.mantissa.abs() * 10_i128.pow(digits - number.digits());
            scaled(self).cmp(&scaled(other))
        });
        if self.mantissa > 0 { by_magnitude } else { by_magnitude.reverse() }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let length = i32::try_from(digits.len()).unwrap_or(0);
        let point = length + self.exponent;
        if self.exponent >= 0 {
            let zeros = "0".repeat(usize::try_from(self.exponent).unwrap_or(0));
            write!(formatter, "{sign}{digits}{zeros}")
        } else if point > 0 {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            write!(formatter, "{sign}{whole}.{fraction}")
        } else {
            let zeros = "0".repeat(usize::try_from(-point).unwrap_or(0));
            write!(formatter, "{sign}0.{zeros}{digits}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn text_is_canonical() {
        for (given, canonical) in [
            ("007.50", "7.5"),
            ("1e2", "100"),
            ("-0.001", "-0.001"),
            ("0.0", "0"),
            ("+12", "12"),
            (".5", "0.5"),
            ("100", "100"),
        ] {
            assert_eq!(number(given).to_string(), canonical);
        }
    }

    #[test]
    fn order_and_sum_are_exact() {
        assert!(number("0.1") < number("0.11") && number("-2") < number("-1.5") && number("9") < number("10"));
        assert_eq!(number("0.1").add(number("0.2")), Ok(number("0.3")));
        assert_eq!(number("1").add(number("1").negated()), Ok(number("0")));
        assert_eq!(Number::from(400), number("400"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "1.2.3", "abc", "1e", "-", "NaN", "1e200", "1e-200", "123456789012345678901234567890123456789"]
        {
            assert!(Number::parse(text).is_err(), "{text}");
        }
        assert!(number("99999999999999999999999999999999999999").add(number("0.1")).is_err());
    }
}
