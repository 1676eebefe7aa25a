//! Days that cost unusually much, or little.

use super::bill::{Bill, Day};
use super::{cents, median};
use crate::history::DAY_MS;
use crate::time::{self, Millis};
use serde::Serialize;
use std::collections::BTreeMap;

/// Which of the last days are judged.
const JUDGED_DAYS: i64 = 7;
/// How many weeks before a day it is judged by.
const WEEKS: i64 = 4;
/// Of these weeks, how many must know the same day of the week.
const LEAST_WEEKS: usize = 3;
/// How many median absolute deviations are usual.
const DEVIATIONS: f64 = 4.0;
/// What differs by less is not worth a person's time: US dollars a day.
const LEAST_DOLLARS: f64 = 25.0;
/// The same as a share of what was expected.
const LEAST_SHARE: f64 = 0.2;

/// A day on which a service cost unusually much or little.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Anomaly {
    /// The service.
    pub service: String,
    /// The day, as `2026-11-14`.
    pub day: String,
    /// US dollars on that day.
    pub cost: f64,
    /// US dollars that the same day of the four weeks before lets expect.
    pub expected: f64,
    /// How much more, US dollars; below 0 less.
    pub excess: f64,
    /// One line a person reads.
    pub summary: String,
}

/// The unusual days of the last week that is complete, largest difference first.
///
/// A day is compared with the median of the same day of the week in the four weeks before. It is unusual when it differs
/// by more than four median absolute deviations of these weeks from their own medians, and by more than $25 and 20 %.
pub fn anomalies(bill: &Bill) -> Vec<Anomaly> {
    let Some(last) = bill.days().last() else { return Vec::new() };
    let judged = bill.days().iter().filter(|day| day.at > last.at - JUDGED_DAYS * DAY_MS);
    let services = bill.services();
    let mut found: Vec<_> = judged
        .flat_map(|day| services.iter().filter_map(|service| judge(bill, day, service)).collect::<Vec<_>>())
        .collect();
    found.sort_by(|one, other| other.excess.abs().total_cmp(&one.excess.abs()));
    found
}

fn judge(bill: &Bill, day: &Day, service: &str) -> Option<Anomaly> {
    let from = day.at - WEEKS * 7 * DAY_MS;
    let before: Vec<_> = bill.days().iter().filter(|other| from <= other.at && other.at < day.at).collect();
    let mut by_weekday: BTreeMap<Millis, Vec<f64>> = BTreeMap::new();
    for other in &before {
        by_weekday.entry(weekday(other.at)).or_default().push(other.of(service));
    }
    let same = by_weekday.get(&weekday(day.at)).filter(|same| same.len() >= LEAST_WEEKS)?;
    let expected = median(same.iter().copied())?;
    let deviations = before.iter().filter_map(|other| {
        let usual = median(by_weekday.get(&weekday(other.at))?.iter().copied())?;
        Some((other.of(service) - usual).abs())
    });
    let deviation = median(deviations)?;
    let cost = day.of(service);
    let excess = cost - expected;
    let unusual = excess.abs() > DEVIATIONS * deviation
        && excess.abs() > LEAST_DOLLARS
        && excess.abs() > LEAST_SHARE * expected.abs();
    let date = time::text(day.at).chars().take(10).collect::<String>();
    let more = if excess > 0.0 { "more" } else { "less" };
    unusual.then(|| Anomaly {
        summary: format!(
            "{service} cost ${cost:.2} on {date}, ${:.2} {more} than the same day of the four weeks before",
            excess.abs()
        ),
        service: service.to_owned(),
        day: date,
        cost: cents(cost),
        expected: cents(expected),
        excess: cents(excess),
    })
}

/// The day of the week: 0 is a Thursday, as 1970 began.
pub(super) fn weekday(at: Millis) -> Millis {
    at.div_euclid(DAY_MS).rem_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::super::bill::tests::bill;
    use super::*;
    use proptest::prelude::*;

    /// Weekdays 200, weekends 100, with a little wobble.
    fn usual(ago: i64) -> f64 {
        let level = if (ago + 1) % 7 < 2 { 100.0 } else { 200.0 };
        level + f64::from(i32::try_from(ago * 37 % 11).unwrap()) * 0.5
    }

    #[test]
    fn an_expensive_day_is_found_and_weekends_are_not() {
        assert!(anomalies(&bill(usual, 45)).is_empty());
        let found = anomalies(&bill(|ago| usual(ago) + if ago == 6 { 90.0 } else { 0.0 }, 45));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].day, "2026-11-14");
        assert!((found[0].excess - 90.0).abs() < 6.0, "{found:?}");
    }

    #[test]
    fn a_small_difference_and_a_short_history_say_nothing() {
        assert!(anomalies(&bill(|ago| if ago == 5 { 30.0 } else { 10.0 }, 45)).is_empty(), "less than $25");
        assert!(anomalies(&bill(|ago| if ago == 5 { 590.0 } else { 500.0 }, 45)).is_empty(), "less than 20 %");
        assert!(anomalies(&bill(|ago| if ago == 5 { 900.0 } else { 100.0 }, 20)).is_empty(), "two weeks before it");
        assert_eq!(anomalies(&bill(|ago| if ago == 5 { 0.0 } else { 100.0 }, 45)).len(), 1, "a day that costs nothing");
    }

    proptest! {
        #[test]
        fn a_steady_bill_has_no_unusual_day(level in 0.0..10_000.0_f64, days in 0..60_i64) {
            prop_assert!(anomalies(&bill(|_| level, days)).is_empty());
        }
    }
}
