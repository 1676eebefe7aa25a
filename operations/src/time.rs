//! Time as numbers: milliseconds since 1970, the accelerated clock, and its texts.

use crate::error::{Error, Kind};
use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// How accelerated time relates to real time: `origin + (real − origin) × factor`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    origin: Millis,
    factor: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self::REAL
    }
}

impl Scale {
    /// Real time.
    pub const REAL: Scale = Scale { origin: 0, factor: 1.0 };

    /// Time that runs `factor` times as fast as real time since `origin`.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` unless the factor is between 0.001 and 1,000,000.
    pub fn new(origin: Millis, factor: f64) -> Result<Self, Error> {
        if (0.001..=1_000_000.0).contains(&factor) {
            Ok(Self { origin, factor })
        } else {
            Err(Error::new(Kind::ConfigInvalid, "OPS_TIME_SCALE must be a number between 0.001 and 1000000"))
        }
    }

    /// Reads the two texts of the environment variables `OPS_TIME_SCALE` and `OPS_TIME_ORIGIN` (milliseconds).
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the variable when a text is no number, or a scale comes without its origin.
    pub fn parse(factor: Option<&str>, origin: Option<&str>) -> Result<Self, Error> {
        let Some(factor) = factor else { return Ok(Self::REAL) };
        let bad = |name: &str| Error::new(Kind::ConfigInvalid, format!("{name} must be a number"));
        let factor: f64 = factor.trim().parse().map_err(|_| bad("OPS_TIME_SCALE"))?;
        if factor == 1.0 {
            return Ok(Self::REAL);
        }
        let missing =
            || Error::new(Kind::ConfigInvalid, "OPS_TIME_ORIGIN is missing: OPS_TIME_SCALE needs it, in milliseconds");
        let origin = origin.ok_or_else(missing)?.trim().parse().map_err(|_| bad("OPS_TIME_ORIGIN"))?;
        Self::new(origin, factor)
    }

    /// The accelerated time at a real time.
    pub fn at(&self, real: Millis) -> Millis {
        // Whole milliseconds within 2^53 convert exactly; the product is rounded towards zero.
        self.origin + ((real - self.origin) as f64 * self.factor) as Millis
    }

    /// How long to wait in real time for an accelerated duration to pass.
    pub fn real(&self, accelerated: Duration) -> Duration {
        Duration::try_from_secs_f64(accelerated.as_secs_f64() / self.factor).unwrap_or(Duration::MAX)
    }
}

/// The time as RFC 3339 text with a `Z`, to the second; times no calendar has become their number.
pub fn text(at: Millis) -> String {
    let seconds = at.div_euclid(1000);
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| at.to_string())
}

/// The time of day as `14:02 UTC`.
pub fn clock_text(at: Millis) -> String {
    let minutes = at.div_euclid(60_000).rem_euclid(1440);
    format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// Reads a time: a whole number of milliseconds, or an RFC 3339 text.
pub fn parse(value: &serde_json::Value) -> Option<Millis> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let moment = OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn accelerated_time_runs_from_its_origin() {
        let scale = Scale::new(1_000_000, 60.0).unwrap();
        assert_eq!(scale.at(1_000_000), 1_000_000);
        assert_eq!(scale.at(1_001_000), 1_060_000);
        assert_eq!(scale.real(Duration::from_secs(30)), Duration::from_millis(500));
        assert_eq!(Scale::REAL.at(1_790_000_000_123), 1_790_000_000_123);
    }

    #[test]
    fn environment_texts_are_checked_by_name() {
        assert_eq!(Scale::parse(None, None).unwrap(), Scale::REAL);
        assert_eq!(Scale::parse(Some("1"), None).unwrap(), Scale::REAL);
        assert_eq!(Scale::parse(Some("20"), Some("5")).unwrap(), Scale::new(5, 20.0).unwrap());
        assert!(Scale::parse(Some("fast"), Some("5")).unwrap_err().message().contains("OPS_TIME_SCALE"));
        assert!(Scale::parse(Some("20"), None).unwrap_err().message().contains("OPS_TIME_ORIGIN"));
        assert!(Scale::parse(Some("0"), Some("5")).is_err());
        assert!(Scale::parse(Some("NaN"), Some("5")).is_err());
    }

    #[test]
    fn texts_read_back() {
        assert_eq!(text(1_780_000_000_000), "2026-05-28T20:26:40Z");
        assert_eq!(clock_text(1_780_000_000_000), "20:26 UTC");
        assert_eq!(parse(&json!("2026-05-28T20:26:40Z")), Some(1_780_000_000_000));
        assert_eq!(parse(&json!(17)), Some(17));
        assert_eq!(parse(&json!("soon")), None);
    }
}
