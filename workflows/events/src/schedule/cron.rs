//! EventBridge's cron: six fields, minutes to years. It is not Unix's: Sunday is 1, one of the two day fields is `?`,
//! `a/b` goes on from `a`, and there are `L`, `W` and `#`.

use jiff::civil::{Date, DateTime, Time};

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEARS: (u32, u32) = (1970, 2199);

/// Times of the calendar, to the minute.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: Days,
    months: u64,
    /// Years from 1970 on.
    years: [u64; 4],
}

/// Which days of a month.
#[derive(Clone, Debug, PartialEq)]
enum Days {
    OfMonth(Vec<DayOfMonth>),
    OfWeek(Vec<DayOfWeek>),
}

#[derive(Clone, Debug, PartialEq)]
enum DayOfMonth {
    /// As bits.
    Any(u64),
    /// So many days before the last.
    BeforeLast(i8),
    /// The last that is none of a weekend.
    LastWeekday,
    /// The one nearest to this day that is none of a weekend, in the same month.
    NearestWeekday(i8),
}

#[derive(Clone, Debug, PartialEq)]
enum DayOfWeek {
    /// As bits, Sunday is 1.
    Any(u64),
    /// The last one of a month.
    Last(i8),
    /// The one of this number in a month.
    Nth(i8, i8),
}

/// The numbers that a field may have, and the names of the first of them.
#[derive(Clone, Copy)]
struct Field {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

impl Field {
    const fn numbers(least: u32, most: u32) -> Self {
        Self { least, most, names: &[] }
    }

    fn value(self, text: &str) -> Option<u32> {
        let named = self.names.iter().zip(self.least..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        let plain = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let value = named.map(|(_, value)| value).or_else(plain)?;
        (self.least..=self.most).contains(&value).then_some(value)
    }

    /// `*`, `a`, `a-b`, each with `/step` or without.
    fn part(self, part: &str) -> Option<impl Iterator<Item = u32> + use<>> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if range == "*" => (self.least, self.most),
            None => {
                let first = self.value(range)?;
                (first, if step.is_some() { self.most } else { first })
            }
        };
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        (first <= last).then(|| (first..=last).step_by(step))
    }

    /// A list of parts, as bits from `0`.
    fn bits(self, text: &str) -> Option<u64> {
        text.split(',').try_fold(0_u64, |bits, part| Some(self.part(part)?.fold(bits, |bits, value| bits | 1 << value)))
    }
}

const DAY: Field = Field::numbers(1, 31);
const WEEKDAY: Field = Field { least: 1, most: 7, names: &WEEKDAYS };

impl Cron {
    /// Reads the six fields.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, day, month, weekday, year] = fields[..] else { return None };
        let days = match (day, weekday) {
            ("?", "?") => return None,
            (day, "?") => Days::OfMonth(day.split(',').map(day_of_month).collect::<Option<_>>()?),
            ("?", weekday) => Days::OfWeek(weekday.split(',').map(day_of_week).collect::<Option<_>>()?),
            // As on AWS: what stands in one of them leaves the other open.
            _ => return None,
        };
        Some(Self {
            minutes: Field::numbers(0, 59).bits(minutes)?,
            hours: Field::numbers(0, 23).bits(hours)?,
            days,
            months: Field { least: 1, most: 12, names: &MONTHS }.bits(month)?,
            years: years(year)?,
        })
    }

    /// The first local time after `local`; `None`: never again.
    pub(super) fn next_after(&self, local: DateTime) -> Option<DateTime> {
        let (mut date, mut from) = (local.date(), i32::from(local.hour()) * 60 + i32::from(local.minute()) + 1);
        while i64::from(date.year()) <= i64::from(YEARS.1) {
            if !self.year_matches(date) {
                date = Date::new(date.year().checked_add(1)?, 1, 1).ok()?;
            } else if self.months >> date.month() & 1 == 0 {
                date = date.last_of_month().tomorrow().ok()?;
            } else if let Some(time) = self.day_matches(date).then(|| self.time_from(from)).flatten() {
                return Some(date.to_datetime(time));
            } else {
                date = date.tomorrow().ok()?;
            }
            from = 0;
        }
        None
    }

    fn year_matches(&self, date: Date) -> bool {
        let Ok(index) = usize::try_from(i64::from(date.year()) - i64::from(YEARS.0)) else { return false };
        self.years.get(index / 64).is_some_and(|bits| bits >> (index % 64) & 1 == 1)
    }

    /// The first time of a day at minute `from` of it or later.
    fn time_from(&self, from: i32) -> Option<Time> {
        let (first_hour, first_minute) = (from / 60, from % 60);
        for hour in first_hour..24 {
            if self.hours >> hour & 1 == 0 {
                continue;
            }
            let least = if hour == first_hour { first_minute } else { 0 };
            let minutes = self.minutes >> least << least;
            if minutes != 0 {
                let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minutes.trailing_zeros()).ok()?);
                return Time::new(hour, minute, 0, 0).ok();
            }
        }
        None
    }

    fn day_matches(&self, date: Date) -> bool {
        match &self.days {
            Days::OfMonth(days) => days.iter().any(|day| day.matches(date)),
            Days::OfWeek(days) => days.iter().any(|day| day.matches(date)),
        }
    }
}

/// Sunday is 1.
fn weekday(date: Date) -> i8 {
    date.weekday().to_sunday_one_offset()
}

impl DayOfMonth {
    fn matches(&self, date: Date) -> bool {
        let last = date.days_in_month();
        match self {
            Self::Any(bits) => bits >> date.day() & 1 == 1,
            Self::BeforeLast(days) => date.day() == last - days,
            Self::LastWeekday => Some(date.day()) == nearest_weekday(date, last),
            Self::NearestWeekday(day) => Some(date.day()) == nearest_weekday(date, *day),
        }
    }
}

/// The day nearest to `day` of the month of `date` that is none of a weekend; `None` where the month is too short.
fn nearest_weekday(date: Date, day: i8) -> Option<i8> {
    let wanted = Date::new(date.year(), date.month(), day).ok()?;
    let last = date.days_in_month();
    Some(match weekday(wanted) {
        7 if day == 1 => 3,
        7 => day - 1,
        1 if day == last => day - 2,
        1 => day + 1,
        _ => day,
    })
}

impl DayOfWeek {
    fn matches(&self, date: Date) -> bool {
        match self {
            Self::Any(bits) => bits >> weekday(date) & 1 == 1,
            Self::Last(day) => weekday(date) == *day && date.day() > date.days_in_month() - 7,
            Self::Nth(day, number) => weekday(date) == *day && (date.day() - 1) / 7 + 1 == *number,
        }
    }
}

fn day_of_month(text: &str) -> Option<DayOfMonth> {
    let day = |text| DAY.value(text).and_then(|day| i8::try_from(day).ok());
    match text {
        "L" => Some(DayOfMonth::BeforeLast(0)),
        "LW" => Some(DayOfMonth::LastWeekday),
        _ => match (text.strip_prefix("L-"), text.strip_suffix('W')) {
            (Some(days), _) => day(days).filter(|days| *days <= 30).map(DayOfMonth::BeforeLast),
            (None, Some(nearest)) => day(nearest).map(DayOfMonth::NearestWeekday),
            (None, None) => DAY.bits(text).map(DayOfMonth::Any),
        },
    }
}

fn day_of_week(text: &str) -> Option<DayOfWeek> {
    let day = |text| WEEKDAY.value(text).and_then(|day| i8::try_from(day).ok());
    if text == "L" {
        // The last day of a week.
        return Some(DayOfWeek::Any(1 << 7));
    }
    if let Some((weekday, number)) = text.split_once('#') {
        let number = number.parse().ok().filter(|number| (1..=5).contains(number))?;
        return Some(DayOfWeek::Nth(day(weekday)?, number));
    }
    match text.strip_suffix('L').and_then(day) {
        Some(last) => Some(DayOfWeek::Last(last)),
        None => WEEKDAY.bits(text).map(DayOfWeek::Any),
    }
}

fn years(text: &str) -> Option<[u64; 4]> {
    let mut years = [0; 4];
    for part in text.split(',') {
        for year in Field::numbers(YEARS.0, YEARS.1).part(part)? {
            let index = usize::try_from(year - YEARS.0).ok()?;
            years[index / 64] |= 1 << (index % 64);
        }
    }
    Some(years)
}
