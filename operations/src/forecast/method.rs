//! The forecasters: each learns from the past hours and says the next 24.

use super::HORIZON;
use super::holt_winters::HoltWinters;
use super::training::{HEAD, Past};
use crate::history::{HOURS_OF_WEEK, percentile_of_sorted};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many weeks a median is taken of.
const WEEKS: usize = 3;
/// How far the level of the last day may move a forecast, as a factor.
const LEVEL: (f64, f64) = (0.5, 2.0);

/// A way to forecast, the simplest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The last hour, again and again.
    LastValue,
    /// The same hour of the day before.
    DailyNaive,
    /// The same hour of the week before: what the errors of the others are measured by.
    WeeklyNaive,
    /// The median of the same hour of the last three weeks, times the level of the last day.
    WeeklyMedian,
    /// Additive Holt-Winters with a damped trend and a season of a week.
    HoltWinters,
}

impl Method {
    /// Every method once, the simplest first.
    pub const ALL: [Method; 5] =
        [Method::LastValue, Method::DailyNaive, Method::WeeklyNaive, Method::WeeklyMedian, Method::HoltWinters];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Method::LastValue => "last-value",
            Method::DailyNaive => "daily-naive",
            Method::WeeklyNaive => "weekly-naive",
            Method::WeeklyMedian => "weekly-median",
            Method::HoltWinters => "holt-winters",
        }
    }

    /// The fewest hours it forecasts from: two weeks for whatever has a season.
    pub fn least_hours(self) -> usize {
        if self == Method::LastValue { 1 } else { HEAD }
    }

    /// A forecaster that has learned nothing yet.
    pub(super) fn forecaster(self) -> Box<dyn Forecaster> {
        match self {
            Method::LastValue => Box::new(Repeat(1)),
            Method::DailyNaive => Box::new(Repeat(24)),
            Method::WeeklyNaive => Box::new(Repeat(HOURS_OF_WEEK)),
            Method::WeeklyMedian => Box::new(WeeklyMedian),
            Method::HoltWinters => Box::new(HoltWinters::default()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Forecasts from a past that only grows.
pub(super) trait Forecaster {
    /// Learns from the hours that were not there before.
    fn learn(&mut self, _past: Past<'_>) {}

    /// The next hours after this past, which was learned before, each 0 or more. It has at least
    /// [`Method::least_hours`].
    fn ahead(&self, past: Past<'_>) -> [f64; HORIZON];
}

/// The last so many hours, again and again.
struct Repeat(usize);

impl Forecaster for Repeat {
    fn ahead(&self, past: Past<'_>) -> [f64; HORIZON] {
        let last = &past.values[past.values.len() - self.0..];
        std::array::from_fn(|hour| last[hour % self.0])
    }
}

/// The median of the same hour of the last three weeks, times the median ratio of the last day to what this would have
/// said of it.
struct WeeklyMedian;

impl Forecaster for WeeklyMedian {
    fn ahead(&self, past: Past<'_>) -> [f64; HORIZON] {
        let hours = past.values.len();
        let ratio = |hour: usize| {
            let usual = median_of_weeks(past.values, hour);
            (past.known[hour] && usual > 0.0).then(|| past.values[hour] / usual)
        };
        let level = median((hours - 24..hours).filter_map(ratio).collect()).unwrap_or(1.0).clamp(LEVEL.0, LEVEL.1);
        std::array::from_fn(|hour| level * median_of_weeks(past.values, hours + hour))
    }
}

/// The median of the values one to three weeks before an hour, as far back as they go; the hour must be in the second
/// week or later, and not more than a week after the last.
fn median_of_weeks(values: &[f64], hour: usize) -> f64 {
    let weeks = (1..=WEEKS).map_while(|week| hour.checked_sub(week * HOURS_OF_WEEK));
    median(weeks.map(|hour| values[hour]).collect()).unwrap_or(0.0)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    percentile_of_sorted(&values, 50.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(method: Method, values: &[f64]) -> [f64; HORIZON] {
        let past = Past { values, known: &vec![true; values.len()] };
        let mut forecaster = method.forecaster();
        forecaster.learn(past);
        forecaster.ahead(past)
    }

    /// Weeks of a pattern per hour of the week, each at its level.
    fn weeks(levels: &[f64]) -> Vec<f64> {
        let week = |level: &f64| (0..HOURS_OF_WEEK).map(|hour| level * (10 + hour) as f64).collect::<Vec<_>>();
        levels.iter().flat_map(week).collect()
    }

    #[test]
    fn names_are_those_of_reports() {
        for method in Method::ALL {
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
        }
    }

    #[test]
    fn the_naive_repeat_what_was() {
        let values = weeks(&[1.0, 2.0]);
        assert_eq!(ahead(Method::LastValue, &values), [354.0; HORIZON]);
        assert_eq!(ahead(Method::DailyNaive, &values)[..2], [308.0, 310.0]);
        assert_eq!(ahead(Method::WeeklyNaive, &values)[..2], [20.0, 22.0]);
    }

    #[test]
    fn a_median_forgets_one_strange_week_and_follows_the_level_of_the_last_day() {
        assert_eq!(ahead(Method::WeeklyMedian, &weeks(&[1.0, 9.0, 1.0, 1.0]))[..2], [10.0, 11.0]);
        let mut values = weeks(&[1.0, 1.0, 1.0, 1.0]);
        values.iter_mut().skip(4 * HOURS_OF_WEEK - 24).for_each(|value| *value *= 1.5);
        assert_eq!(ahead(Method::WeeklyMedian, &values)[..2], [15.0, 16.5]);
        values.iter_mut().skip(4 * HOURS_OF_WEEK - 24).for_each(|value| *value *= 10.0);
        assert_eq!(ahead(Method::WeeklyMedian, &values)[0], 20.0, "at most twice");
    }

    #[test]
    fn the_level_is_that_of_measured_hours() {
        let mut values = weeks(&[1.0, 1.0, 1.0]);
        let mut known = vec![true; values.len()];
        known[3 * HOURS_OF_WEEK - 24..3 * HOURS_OF_WEEK - 4].fill(false);
        values.iter_mut().skip(3 * HOURS_OF_WEEK - 4).for_each(|value| *value *= 1.5);
        let past = Past { values: &values, known: &known };
        assert_eq!(WeeklyMedian.ahead(past)[0], 15.0);
        assert_eq!(WeeklyMedian.ahead(Past { values: &values, known: &vec![false; values.len()] })[0], 10.0);
    }
}
