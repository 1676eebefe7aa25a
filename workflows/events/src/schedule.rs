//! When something is due: `cron(...)`, `rate(...)` and `at(...)`, in a time zone. Pure: no clock.
//!
//! Time zones are EventBridge Scheduler's: a cron time that the clocks leave out is skipped, one that they show twice is
//! due the first time only. A rate counts hours, whatever the clocks do.

mod cron;

use execution::Millis;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use cron::Cron;

const MINUTE: Millis = 60_000;

/// A schedule expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// Times of the calendar.
    Cron(Box<Cron>),
    /// Every so many milliseconds.
    Rate(Millis),
    /// Once, at this local time.
    At(DateTime),
}

impl Expression {
    /// Reads `cron(...)`, `rate(...)` or `at(...)`; `None` where it is none of them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(fields) = inside("cron") {
            return Cron::parse(fields).map(|cron| Self::Cron(Box::new(cron)));
        }
        if let Some(rate) = inside("rate") {
            return parse_rate(rate).map(Self::Rate);
        }
        let at = inside("at")?;
        // To the second, and without a zone: that stands elsewhere.
        let plain = at.len() == 19 && at.as_bytes()[10] == b'T';
        plain.then(|| at.parse().ok()).flatten().map(Self::At)
    }
}

/// `5 minutes`, `1 hour`: the unit is singular for one and plural for more.
fn parse_rate(text: &str) -> Option<Millis> {
    let (value, unit) = text.trim().split_once(' ')?;
    let value: Millis = value.parse().ok().filter(|value| (1..=99_999_999).contains(value))?;
    let unit = unit.trim();
    let millis = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => MINUTE,
        "hour" => 60 * MINUTE,
        "day" => 24 * 60 * MINUTE,
        _ => return None,
    };
    (unit.ends_with('s') == (value > 1)).then_some(value * millis)
}

/// The time zone of this name of the IANA database; `None` where there is none.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// When something is due.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// What is written.
    pub expression: Expression,
    /// The zone that cron times and one-time schedules are in.
    pub zone: TimeZone,
    /// What a rate counts from, milliseconds since 1970.
    pub anchor: Millis,
    /// Whether a rate is due at its anchor too.
    pub at_once: bool,
    /// Nothing is due before.
    pub start: Option<Millis>,
    /// Nothing is due after.
    pub end: Option<Millis>,
}

impl Timetable {
    /// The first time after `after`, milliseconds since 1970; `None`: never again.
    #[must_use]
    pub fn next_after(&self, after: Millis) -> Option<Millis> {
        let after = self.start.map_or(after, |start| after.max(start.saturating_sub(1)));
        let next = match &self.expression {
            Expression::Cron(cron) => self.next_cron(cron, after),
            Expression::Rate(period) => {
                let anchor = self.start.unwrap_or(self.anchor);
                let first = i64::from(!self.at_once && self.start.is_none());
                let elapsed = after.saturating_sub(anchor);
                let periods = if elapsed < 0 { 0 } else { elapsed / period + 1 };
                anchor.checked_add(period.checked_mul(periods.max(first))?)
            }
            Expression::At(local) => self.instant(*local).filter(|at| *at > after),
        };
        next.filter(|next| self.end.is_none_or(|end| *next <= end))
    }

    /// Whether it comes once only.
    #[must_use]
    pub const fn is_one_time(&self) -> bool {
        matches!(self.expression, Expression::At(_))
    }

    fn next_cron(&self, cron: &Cron, after: Millis) -> Option<Millis> {
        let mut local = self.zone.to_datetime(Timestamp::from_millisecond(after).ok()?);
        loop {
            local = cron.next_after(local)?;
            let offset = match self.zone.to_ambiguous_timestamp(local).offset() {
                AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset,
                AmbiguousOffset::Gap { .. } => continue,
            };
            let at = offset.to_timestamp(local).ok()?.as_millisecond();
            // Shown a second time: it was due the first.
            if at > after {
                return Some(at);
            }
        }
    }

    /// The instant of a local time; one that the clocks leave out is as much later as they jump.
    fn instant(&self, local: DateTime) -> Option<Millis> {
        Some(self.zone.to_ambiguous_timestamp(local).compatible().ok()?.as_millisecond())
    }
}

/// An instant as EventBridge writes it: UTC, to the second.
#[must_use]
pub fn written(at: Millis) -> String {
    Timestamp::from_millisecond(at - at.rem_euclid(1000)).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
