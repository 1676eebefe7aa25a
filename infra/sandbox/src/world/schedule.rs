//! Schedules as EventBridge and Application Auto Scaling write them: `rate(5 minutes)`, `cron(30 1 ? * MON-FRI *)`,
//! `at(2026-03-01T06:00:00)`, all in UTC.

use super::MINUTE_MS;
use crate::wire::node::from_rfc3339;

const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A cron schedule of days of the week comes round within this time, minutes.
const ROUND_MINUTES: i64 = 8 * 24 * 60;
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// When something happens by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// Every so many milliseconds from its creation on.
    Rate(i64),
    /// In these minutes of these hours on these days of the week: bit sets, Sunday is bit 0.
    Cron {
        /// Bits 0 to 59.
        minutes: u64,
        /// Bits 0 to 23.
        hours: u64,
        /// Bits 0 to 6.
        weekdays: u64,
    },
    /// Once, milliseconds since the epoch.
    At(i64),
}

impl Schedule {
    /// Reads an expression; the error says what is not valid, or what the sandbox does not model.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let invalid = || "Parameter ScheduleExpression is not valid.".to_owned();
        let (kind, rest) = text.split_once('(').ok_or_else(invalid)?;
        let inner = rest.strip_suffix(')').ok_or_else(invalid)?;
        match kind {
            "rate" => rate(inner).map(Self::Rate).ok_or_else(invalid),
            "cron" => cron(inner),
            "at" => from_rfc3339(&format!("{inner}Z")).map(Self::At).ok_or_else(invalid),
            _ => Err(invalid()),
        }
    }

    /// The first time after `after_ms`; `created_ms` is when the schedule was made, which rates count from.
    pub(crate) fn next(&self, after_ms: i64, created_ms: i64) -> Option<i64> {
        match *self {
            Self::Rate(period_ms) => {
                let rounds = (after_ms - created_ms).div_euclid(period_ms).max(0);
                Some(created_ms + (rounds + 1) * period_ms)
            }
            Self::Cron { minutes, hours, weekdays } => {
                let first = after_ms - after_ms.rem_euclid(MINUTE_MS) + MINUTE_MS;
                (0..ROUND_MINUTES).map(|minute| first + minute * MINUTE_MS).find(|at| {
                    let has = |set: u64, index: i64| set & (1 << index) != 0;
                    has(minutes, at.rem_euclid(HOUR_MS) / MINUTE_MS)
                        && has(hours, at.rem_euclid(DAY_MS) / HOUR_MS)
                        // 1970-01-01 was a Thursday.
                        && has(weekdays, (at.div_euclid(DAY_MS) + 4).rem_euclid(7))
                })
            }
            Self::At(at_ms) => (at_ms > after_ms).then_some(at_ms),
        }
    }
}

fn rate(text: &str) -> Option<i64> {
    let (count, unit) = text.split_once(' ')?;
    let count: i64 = count.parse().ok().filter(|count| (1..=100_000).contains(count))?;
    let unit_ms = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => MINUTE_MS,
        "hour" => HOUR_MS,
        "day" => DAY_MS,
        _ => return None,
    };
    // AWS insists on the singular for one and on the plural for more.
    (unit.ends_with('s') == (count > 1)).then_some(count * unit_ms)
}

fn cron(text: &str) -> Result<Schedule, String> {
    let invalid = || "Parameter ScheduleExpression is not valid.".to_owned();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, day, month, weekday, year] = fields[..] else { return Err(invalid()) };
    if (day == "?") == (weekday == "?") {
        return Err(invalid());
    }
    if !matches!(day, "*" | "?") || month != "*" || year != "*" {
        return Err("the sandbox models cron schedules of minutes, hours and days of the week only".to_owned());
    }
    let weekdays = match weekday {
        "*" | "?" => Some(0x7F),
        _ => set(&numbered(weekday), 1, 7).map(|days| days >> 1),
    };
    let (minutes, hours) = (set(minutes, 0, 59), set(hours, 0, 23));
    match (minutes, hours, weekdays) {
        (Some(minutes), Some(hours), Some(weekdays)) => Ok(Schedule::Cron { minutes, hours, weekdays }),
        _ => Err(invalid()),
    }
}

/// Days of the week by number, 1 is Sunday.
fn numbered(text: &str) -> String {
    let mut text = text.to_ascii_uppercase();
    for (index, name) in WEEKDAYS.iter().enumerate() {
        text = text.replace(name, &(index + 1).to_string());
    }
    text
}

/// A field of numbers, lists, ranges and steps as a bit set.
fn set(field: &str, lowest: u32, highest: u32) -> Option<u64> {
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step: u32 = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (lowest, highest),
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None => {
                let first = range.parse().ok()?;
                (first, if part.contains('/') { highest } else { first })
            }
        };
        if first < lowest || last > highest || first > last {
            return None;
        }
        for index in (first..=last).step_by(usize::try_from(step).ok()?) {
            bits |= 1 << index;
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::node::rfc3339;

    /// 2026-01-01T12:00:00Z, a Thursday.
    const NOON_MS: i64 = 1_767_268_800_000;

    fn next(text: &str) -> String {
        let schedule = Schedule::parse(text).unwrap();
        schedule.next(NOON_MS, NOON_MS - 90_000).map(rfc3339).unwrap_or_default()
    }

    #[test]
    fn each_kind_finds_its_next_time() {
        assert_eq!(next("rate(1 minute)"), "2026-01-01T12:00:30Z", "rates count from their creation");
        assert_eq!(next("rate(4 hours)"), "2026-01-01T15:58:30Z");
        assert_eq!(next("cron(0 12 * * ? *)"), "2026-01-02T12:00:00Z", "strictly after");
        assert_eq!(next("cron(30 6 ? * MON-FRI *)"), "2026-01-02T06:30:00Z");
        assert_eq!(next("cron(0/20 0-4,14 ? * 1,SAT *)"), "2026-01-03T00:00:00Z");
        assert_eq!(next("cron(50 0 * * ? *)"), "2026-01-02T00:50:00Z");
        assert_eq!(next("at(2026-02-01T06:00:00)"), "2026-02-01T06:00:00Z");
        assert_eq!(next("at(2025-02-01T06:00:00)"), "");
    }

    #[test]
    fn what_aws_refuses_or_the_sandbox_does_not_model_is_refused() {
        for text in
            ["rate(1 hours)", "rate(2 hour)", "rate(0 minutes)", "cron(0 12 * * * *)", "cron(61 1 * * ? *)", "x"]
        {
            assert_eq!(Schedule::parse(text), Err("Parameter ScheduleExpression is not valid.".to_owned()), "{text}");
        }
        assert!(
            Schedule::parse("cron(0 12 1 * ? *)")
                .is_err_and(|problem| problem.contains("does not model") || problem.contains("only"))
        );
    }
}
