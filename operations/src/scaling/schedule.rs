//! Schedules of scheduled actions: the daily and weekly kinds of cron expressions.

use crate::error::{Error, Kind};
use crate::history::{HOUR_MS, hour_of_week};
use crate::time::Millis;

/// The days of a week by their names in cron expressions, Monday first.
const DAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

/// When a scheduled action fires: at one minute of some days of the week, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    minute: u32,
    hour: u32,
    /// Monday first.
    days: [bool; 7],
}

impl Schedule {
    /// Reads `cron(M H * * ? *)`, `cron(M H ? * * *)` or `cron(M H ? * MON-FRI *)`; the days may also be a list of names
    /// and ranges.
    ///
    /// # Errors
    /// `Ops.NotApplicable` naming any other expression: what cannot be replayed is not guessed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = || {
            let message = format!(
                "the schedule {text} cannot be replayed: only cron expressions of one minute, daily or on days of the \
                 week by name, such as cron(0 8 ? * MON-FRI *), can"
            );
            Error::new(Kind::NotApplicable, message)
        };
        let fields = text.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(refused)?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [minute, hour, day, "*", week, "*"] = fields.as_slice() else { return Err(refused()) };
        let number = |text: &str, below: u32| text.parse().ok().filter(|number| *number < below).ok_or_else(refused);
        let days = match (*day, *week) {
            ("*", "?") | ("?", "*") => [true; 7],
            ("?", names) => days(names).ok_or_else(refused)?,
            _ => return Err(refused()),
        };
        Ok(Self { minute: number(minute, 60)?, hour: number(hour, 24)?, days })
    }

    /// The expression of every day at a minute of the day (0 to 1,439).
    pub fn daily(minute_of_day: u32) -> String {
        format!("cron({} {} * * ? *)", minute_of_day % 60, minute_of_day / 60 % 24)
    }

    /// Whether it fires in the minute that contains a time.
    pub fn fires(&self, at: Millis) -> bool {
        let hour = hour_of_week(at);
        let minute = at.rem_euclid(HOUR_MS) / 60_000;
        self.days[hour / 24] && hour % 24 == self.hour as usize && minute == i64::from(self.minute)
    }
}

/// `MON-FRI`, `SAT`, `MON,WED-FRI`; a range may go over Sunday.
fn days(names: &str) -> Option<[bool; 7]> {
    let index = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut days = [false; 7];
    for part in names.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (index(first)?, index(last)?);
        for step in 0..=(last + 7 - first) % 7 {
            days[(first + step) % 7] = true;
        }
    }
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::DAY_MS;

    /// 2026-11-30T00:00:00Z, a Monday.
    const MONDAY: Millis = 1_795_996_800_000;

    fn at(day: i64, hour: i64, minute: i64) -> Millis {
        MONDAY + day * DAY_MS + hour * HOUR_MS + minute * 60_000
    }

    #[test]
    fn daily_and_weekly_schedules_fire_in_their_minute() {
        let daily = Schedule::parse("cron(50 1 * * ? *)").unwrap();
        assert!(daily.fires(at(0, 1, 50)) && daily.fires(at(6, 1, 50) + 59_999));
        assert!(!daily.fires(at(0, 1, 51)) && !daily.fires(at(0, 2, 50)));
        let week = Schedule::parse("cron(0 8 ? * MON-FRI *)").unwrap();
        let fires: Vec<_> = (0..7).filter(|day| week.fires(at(*day, 8, 0))).collect();
        assert_eq!(fires, [0, 1, 2, 3, 4]);
        let some = Schedule::parse("cron(0 8 ? * SAT-MON,WED *)").unwrap();
        assert_eq!((0..7).filter(|day| some.fires(at(*day, 8, 0))).collect::<Vec<_>>(), [0, 2, 5, 6]);
        assert!(Schedule::parse(&Schedule::daily(110)).unwrap().fires(at(3, 1, 50)));
        assert_eq!(Schedule::parse("cron(0 8 ? * * *)"), Schedule::parse("cron(0 8 * * ? *)"));
    }

    #[test]
    fn other_schedules_are_refused_by_name() {
        for text in [
            "at(2026-11-30T08:00:00)",
            "rate(5 minutes)",
            "cron(0/5 8 * * ? *)",
            "cron(0 8 1 * ? *)",
            "cron(0 8 ? * 2-6 *)",
            "cron(0 24 * * ? *)",
            "cron(0 8 * * ? 2026)",
            "cron(0 8 * * ?)",
        ] {
            let error = Schedule::parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::NotApplicable);
            assert!(error.message().contains(text), "{error}");
        }
    }
}
