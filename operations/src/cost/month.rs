//! The month so far, compared with the one before, and where it is going.

use super::anomaly::weekday;
use super::bill::{Bill, Day};
use super::{cents, median};
use crate::history::DAY_MS;
use crate::time::{self, Millis};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many services a report names as those that changed most.
const MOVERS: usize = 5;
/// A change of less than this is none, US dollars.
const LEAST_CHANGE: f64 = 1.0;

/// The report of the month that the last complete day is in; `None` without days. It compares the days so far with the
/// same days of the month before, where the bill has them, and foretells the whole month: what is not complete costs
/// what the same days of the week cost, as the median of four weeks.
pub fn report(bill: &Bill) -> Option<Value> {
    let last = bill.days().last()?.at;
    let name = month(last);
    let so_far: Vec<_> = bill.days().iter().filter(|day| month(day.at) == name).collect();
    let before = previous(&name);
    let until = day_of_month(last);
    let same: Vec<_> =
        bill.days().iter().filter(|day| month(day.at) == before && day_of_month(day.at) <= until).collect();
    let length = usize::try_from(until.min(length_of(&before))).unwrap_or(0);
    let comparable = same.len() >= length;
    let total = |days: &[&Day]| days.iter().map(|day| day.total()).sum::<f64>();
    let to_date = total(&so_far);
    let mut report = json!({"month": name, "days": so_far.len(), "toDate": cents(to_date),
        "complete": so_far.len() == usize::try_from(until).unwrap_or(0)});
    if comparable {
        report["sameDaysOfMonthBefore"] = json!(cents(total(&same)));
        report["movers"] = json!(movers(bill, &so_far, &same));
    }
    if let Some(rest) = rest(bill, last) {
        report["forecast"] = json!(cents(to_date + rest));
    }
    Some(report)
}

/// The services whose cost changed most.
fn movers(bill: &Bill, so_far: &[&Day], same: &[&Day]) -> Vec<Value> {
    let sum = |days: &[&Day], service: &str| days.iter().map(|day| day.of(service)).sum::<f64>();
    let services = bill.services().into_iter();
    let mut changes: Vec<_> = services.map(|name| (name, sum(so_far, name), sum(same, name))).collect();
    changes.retain(|(_, now, before)| (now - before).abs() >= LEAST_CHANGE);
    changes.sort_by(|(_, a, b), (_, c, d)| (c - d).abs().total_cmp(&(a - b).abs()));
    let shown = changes.into_iter().take(MOVERS);
    shown
        .map(|(name, now, before)| json!({"service": name, "toDate": cents(now), "before": cents(before), "change": cents(now - before)}))
        .collect()
}

/// What the rest of the month will cost.
fn rest(bill: &Bill, last: Millis) -> Option<f64> {
    let mut by_weekday: BTreeMap<Millis, Vec<f64>> = BTreeMap::new();
    for day in bill.days().iter().filter(|day| day.at > last - 28 * DAY_MS) {
        by_weekday.entry(weekday(day.at)).or_default().push(day.total());
    }
    let left = length_of(&month(last)) - day_of_month(last);
    (1..=left).map(|ahead| median(by_weekday.get(&weekday(last + ahead * DAY_MS))?.iter().copied())).sum()
}

/// `2026-11`.
fn month(at: Millis) -> String {
    time::text(at).chars().take(7).collect()
}

/// 1 to 31.
fn day_of_month(at: Millis) -> i64 {
    time::text(at).get(8..10).and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn parts(month: &str) -> (i64, i64) {
    let number = |range: std::ops::Range<usize>| month.get(range).and_then(|text| text.parse().ok()).unwrap_or(1);
    (number(0..4), number(5..7))
}

fn previous(name: &str) -> String {
    match parts(name) {
        (year, 1) => format!("{:04}-12", year - 1),
        (year, month) => format!("{year:04}-{:02}", month - 1),
    }
}

/// How many days a month has.
fn length_of(name: &str) -> i64 {
    match parts(name) {
        (year, 2) if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        (_, 2) => 28,
        (_, 4 | 6 | 9 | 11) => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::super::bill::tests::bill;
    use super::*;

    #[test]
    fn the_month_is_compared_and_foretold() {
        // The last complete day is 17 November; October is 10 a day, November 12.
        let report = report(&bill(|ago| if ago < 20 { 12.0 } else { 10.0 }, 60)).unwrap();
        assert_eq!(
            (&report["month"], &report["days"], &report["complete"]),
            (&json!("2026-11"), &json!(17), &json!(true))
        );
        assert_eq!((&report["toDate"], &report["sameDaysOfMonthBefore"]), (&json!(204.0), &json!(170.0)));
        assert_eq!(report["movers"][0]["change"], json!(34.0));
        assert!((report["forecast"].as_f64().unwrap() - 360.0).abs() < 27.0, "{report}");
    }

    #[test]
    fn a_bill_that_lacks_the_month_before_compares_nothing() {
        let report = report(&bill(|_| 10.0, 30)).unwrap();
        assert_eq!(report.get("sameDaysOfMonthBefore"), None);
        assert_eq!(report["forecast"], json!(300.0));
        assert_eq!(super::report(&Bill::default()), None);
    }

    #[test]
    fn months_follow_the_calendar() {
        assert_eq!((previous("2026-01"), previous("2026-11")), ("2025-12".into(), "2026-10".into()));
        assert_eq!(["2024-02", "2026-02", "2100-02", "2026-04", "2026-12"].map(length_of), [29, 28, 28, 30, 31]);
    }
}
