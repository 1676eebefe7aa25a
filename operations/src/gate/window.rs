//! The minutes of a judgement.

use crate::error::{Error, Kind};
use crate::field::Object;
use crate::time::{self, Millis};
use serde_json::Value;

/// A minute, in milliseconds: the period of all metrics.
pub const MINUTE_MS: Millis = 60_000;
/// A week, in milliseconds.
pub const WEEK_MS: Millis = 7 * 24 * 60 * MINUTE_MS;
/// How many looks a window has where the payload does not say.
const LOOKS: u32 = 4;

/// A look at the window of a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When the window began, in milliseconds since 1970.
    pub started_at: Millis,
    /// How long it is, in seconds.
    pub seconds: u32,
    /// Which look this is, from 1.
    pub look: u32,
    /// How many looks there are.
    pub looks: u32,
}

impl Look {
    /// Reads `startedAt`, `windowSeconds`, `look` and `looks` of a payload; `default_seconds` is the entry's window.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field.
    pub fn of_payload(payload: &Value, default_seconds: u32) -> Result<Self, Error> {
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let started = object.required("startedAt")?;
        let whole = started.as_f64().map(|number| number as Millis);
        let started_at = time::parse(started).or(whole);
        let started_at =
            started_at.ok_or_else(|| object.error("startedAt", "must be a time in milliseconds since 1970"))?;
        let look = object.optional_count("look")?.unwrap_or(1);
        let looks = object.optional_count("looks")?.unwrap_or(LOOKS);
        let seconds = object.optional_count("windowSeconds")?.unwrap_or(default_seconds);
        if look == 0 || look > looks {
            return Err(object.error("look", &format!("must be from 1 to looks ({looks}), not {look}")));
        }
        if seconds == 0 {
            return Err(object.error("windowSeconds", "must be greater than 0"));
        }
        Ok(Self { started_at, seconds, look, looks })
    }

    /// The minutes to judge, each by its beginning: those that lie within the window up to this look. CloudWatch still
    /// fills the newest one, so it is left out.
    pub fn minutes(&self, now: Millis) -> Vec<Millis> {
        let first = (self.started_at + MINUTE_MS - 1).div_euclid(MINUTE_MS) * MINUTE_MS;
        let length = i64::from(self.seconds) * 1_000 * i64::from(self.look) / i64::from(self.looks);
        let end = (self.started_at + length).min(now - MINUTE_MS);
        let step = usize::try_from(MINUTE_MS).unwrap_or(1);
        (first..).step_by(step).take_while(|minute| minute + MINUTE_MS <= end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whole_minutes_of_the_window_without_the_newest() {
        let look = Look { started_at: 90_000, seconds: 900, look: 4, looks: 4 };
        let minutes = look.minutes(90_000 + 900_000);
        assert_eq!((minutes.first(), minutes.last(), minutes.len()), (Some(&120_000), Some(&840_000), 13));
        assert_eq!(look.minutes(10_000_000).len(), 14, "asked later, the newest minute is complete");
        let early = Look { look: 1, ..look };
        assert_eq!(early.minutes(90_000 + 225_000), [120_000, 180_000]);
        assert_eq!(look.minutes(90_000), [] as [Millis; 0]);
    }

    #[test]
    fn bad_looks_are_named() {
        let read = |payload: Value| Look::of_payload(&payload, 900);
        let look = read(json!({"startedAt": 1_780_000_000_000.0, "look": 2, "looks": 4})).unwrap();
        assert_eq!((look.seconds, look.look, look.started_at), (900, 2, 1_780_000_000_000));
        let error = read(json!({"startedAt": 1, "look": 5, "looks": 4})).unwrap_err();
        assert_eq!(error.message(), "look must be from 1 to looks (4), not 5");
        assert!(read(json!({"look": 1})).unwrap_err().message().starts_with("startedAt is missing"));
    }
}
