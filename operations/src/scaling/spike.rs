//! Bursts that saturate a service, and the one that comes every day at the same time.

use super::effectiveness::Record;
use crate::history::{History, percentile_of_sorted};

/// Minutes without saturation that end a burst's saturated part.
const GAP: usize = 5;

/// Minutes within which the beginnings of a daily spike lie.
const WINDOW: i64 = 30;

/// The longest spike, in minutes.
const LONGEST: usize = 240;

/// The share of days that a daily spike comes on, and of the saturated minutes that it explains.
const MOST: f64 = 0.7;

/// The least days on which it comes.
const LEAST_DAYS: usize = 5;

/// Minutes of a day.
const DAY: i64 = 1_440;

/// A burst of demand that saturated the service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// The first saturated minute, counted from the beginning.
    pub minute: usize,
    /// How many minutes the demand stayed above the middle between what it was before and its peak.
    pub length: usize,
    /// The highest demand, in tasks at 100 %.
    pub peak: f64,
    /// How many of its minutes were saturated.
    pub saturated: usize,
}

/// A spike that comes every day at the same time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spike {
    /// The minute of the day, UTC, in which it begins at the earliest.
    pub from: u32,
    /// The minute of the day, UTC, by which it has ended nine times of ten.
    pub until: u32,
    /// The demand that nine of ten do not exceed, in tasks at 100 %.
    pub peak: f64,
    /// On how many days it came.
    pub days: usize,
}

/// The bursts that saturated a service, oldest first.
pub fn bursts(record: &Record, target: Option<f64>) -> Vec<Burst> {
    let mut bursts: Vec<Burst> = Vec::new();
    let mut last = None;
    for minute in (0..record.utilisation.len()).filter(|minute| record.saturated(*minute, target)) {
        let goes_on = last.is_some_and(|last| minute - last <= GAP);
        match bursts.last_mut() {
            Some(burst) if goes_on => burst.saturated += 1,
            _ => bursts.push(burst(record, minute)),
        }
        last = Some(minute);
    }
    bursts
}

/// The burst that a saturated minute begins.
fn burst(record: &Record, minute: usize) -> Burst {
    let known = |range: std::ops::Range<usize>| record.demand[range].iter().flatten().copied();
    let before: Vec<f64> = known(minute.saturating_sub(30)..minute.saturating_sub(10)).collect();
    let base = before.iter().sum::<f64>() / before.len().max(1) as f64;
    let end = (minute + LONGEST).min(record.demand.len());
    // While it is saturated, no more is seen than the tasks can do: only from its top on is quiet its end.
    let demand = |minute: usize| record.demand[minute].unwrap_or_default();
    let highest = |one: &usize, other: &usize| demand(*one).total_cmp(&demand(*other));
    let top = (minute..end.min(minute + 30)).rev().max_by(highest).unwrap_or(minute);
    let middle = (base + demand(top)) / 2.0;
    // Five quiet minutes in a row end it.
    let quiet = |at: &usize| known(*at..(at + GAP).min(end)).all(|demand| demand < middle);
    let length = (top..end).find(quiet).unwrap_or(end) - minute;
    let peak = known(minute..minute + length.max(1)).fold(0.0, f64::max);
    Burst { minute, length, peak, saturated: 1 }
}

/// The median length of bursts, in minutes; `None` without any.
pub fn median_length(bursts: &[Burst]) -> Option<f64> {
    let mut lengths: Vec<f64> = bursts.iter().map(|burst| burst.length as f64).collect();
    lengths.sort_by(f64::total_cmp);
    percentile_of_sorted(&lengths, 50.0)
}

/// The spike that comes every day at the same time, if it explains most of the saturation. `clock` says when the
/// minutes were.
pub fn daily(bursts: &[Burst], clock: &History) -> Option<Spike> {
    let minute_of_day = |burst: &Burst| (clock.at(burst.minute) / 60_000).rem_euclid(DAY);
    let day = |burst: &Burst| (clock.at(burst.minute) / 60_000).div_euclid(DAY);
    let within = |from: i64| bursts.iter().filter(move |burst| (minute_of_day(burst) - from).rem_euclid(DAY) < WINDOW);
    let days = |from: i64| {
        let mut days: Vec<i64> = within(from).map(day).collect();
        days.sort_unstable();
        days.dedup();
        days.len()
    };
    // The earliest of the windows that hold most days.
    let from = bursts.iter().map(minute_of_day).max_by_key(|from| (days(*from), std::cmp::Reverse(*from)))?;
    let come = days(from);
    let saturated = |of: &mut dyn Iterator<Item = &Burst>| of.map(|burst| burst.saturated).sum::<usize>() as f64;
    let explained = saturated(&mut within(from)) / saturated(&mut bursts.iter());
    let all_days = clock.len() as f64 / DAY as f64;
    let most = within(from).all(|burst| burst.length < LONGEST) && explained >= MOST;
    if come < LEAST_DAYS || (come as f64) < MOST * all_days || !most {
        return None;
    }
    let ninety = |of: &dyn Fn(&Burst) -> f64| {
        let mut values: Vec<f64> = within(from).map(of).collect();
        values.sort_by(f64::total_cmp);
        percentile_of_sorted(&values, 90.0)
    };
    let ends = ninety(&|burst| ((minute_of_day(burst) - from).rem_euclid(DAY) + burst.length as i64) as f64)?;
    let until = (from + ends.ceil() as i64).rem_euclid(DAY);
    let peak = ninety(&|burst| burst.peak)?;
    Some(Spike { from: u32::try_from(from).ok()?, until: u32::try_from(until).ok()?, peak, days: come })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days in which a demand of 2 tasks becomes 8 for some minutes, with 3 tasks until they are five minutes late.
    fn record(days: usize, onset: impl Fn(usize) -> usize, length: usize) -> (Record, History) {
        let mut record = Record::default();
        for day in 0..days {
            for minute in 0..1_440 {
                let spike = (onset(day)..onset(day) + length).contains(&minute);
                let late = spike && minute < onset(day) + 5;
                let demand = if spike { 8.0 } else { 2.0 };
                let tasks: f64 = if spike && !late { 12.0 } else { 3.0 };
                record.push(Some((100.0_f64 * demand / tasks).min(100.0)), Some(tasks), false, Some(demand));
            }
        }
        let clock = History::new(0, 60, record.demand.clone());
        (record, clock)
    }

    #[test]
    fn a_daily_spike_is_found_with_its_end_and_peak() {
        let (record, clock) = record(14, |day| 120 + day % 3, 40);
        let bursts = bursts(&record, Some(70.0));
        assert_eq!((bursts.len(), bursts[0].saturated, bursts[0].length), (14, 5, 40));
        assert_eq!(median_length(&bursts), Some(40.0));
        let spike = daily(&bursts, &clock).unwrap();
        assert_eq!(spike, Spike { from: 120, until: 162, peak: 8.0, days: 14 });
    }

    /// A saturated service shows no more demand than it has tasks: a spike then looks like a ramp.
    #[test]
    fn a_spike_that_outgrows_the_tasks_ends_after_its_peak() {
        let mut record = Record::default();
        for minute in 0..1_440_u32 {
            // 8 tasks' worth for 90 minutes; one task more every eight minutes.
            let spike = (60..150).contains(&minute);
            let tasks = if spike { f64::from(2 + (minute - 60) / 8).min(10.0) } else { 2.0 };
            let demand = f64::min(if spike { 8.0 } else { 0.6 }, tasks);
            record.push(Some(100.0 * demand / tasks), Some(tasks), false, Some(demand));
        }
        let bursts = bursts(&record, Some(75.0));
        assert_eq!(bursts.len(), 1);
        assert_eq!((bursts[0].minute, bursts[0].length, bursts[0].peak), (60, 90, 8.0));
    }

    #[test]
    fn what_comes_at_any_time_or_rarely_is_no_daily_spike() {
        let (wild, clock) = record(14, |day| 100 * day, 40);
        assert_eq!(daily(&bursts(&wild, Some(70.0)), &clock), None);
        let (rare, clock) = record(4, |_| 120, 40);
        assert_eq!(daily(&bursts(&rare, Some(70.0)), &clock), None);
        assert_eq!(daily(&[], &clock), None);
        assert_eq!(median_length(&[]), None);
    }
}
