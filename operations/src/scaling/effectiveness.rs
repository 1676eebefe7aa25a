//! How well a service scales: the same figures of what was observed and of what was simulated.

use super::demand::{Demand, MINUTE_SECONDS, MINUTES_OF_DAY};
use crate::history::{History, percentile_of_sorted};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Utilisation above which a service is saturated, percent.
pub const SATURATED: f64 = 95.0;

/// Minutes within which a change in the other direction takes back what the one before did.
pub const REVERSAL_MINUTES: usize = 30;

/// A change of the number of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// The minute, counted from the beginning.
    pub minute: usize,
    /// How many tasks more; below 0 fewer.
    pub tasks: i64,
}

/// What a service did, minute by minute.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Average utilisation of the processors, percent.
    pub utilisation: Vec<Option<f64>>,
    /// Tasks wanted.
    pub capacity: Vec<Option<f64>>,
    /// Whether that was the most that was permitted.
    pub at_max: Vec<bool>,
    /// Tasks' worth of work, at 100 %.
    pub demand: Vec<Option<f64>>,
    /// The changes, oldest first.
    pub acts: Vec<Act>,
}

impl Record {
    /// Adds a minute.
    pub(super) fn push(&mut self, utilisation: Option<f64>, capacity: Option<f64>, at_max: bool, demand: Option<f64>) {
        self.utilisation.push(utilisation);
        self.capacity.push(capacity);
        self.at_max.push(at_max);
        self.demand.push(demand);
    }

    /// What was observed: the utilisation (percent), the tasks wanted (where that is not known, those running) and the
    /// demand, all in minutes. Minutes are those of `utilisation`.
    pub fn observed(utilisation: &History, running: &History, desired: &History, demand: &Demand, max: u32) -> Self {
        let mut record = Self::default();
        let mut before: Option<f64> = None;
        for (minute, percent) in utilisation.values().iter().enumerate() {
            let at = utilisation.at(minute);
            let capacity = desired.value_at(at).or_else(|| running.value_at(at));
            if let (Some(before), Some(now)) = (before, capacity)
                && (now - before).abs() >= 0.5
            {
                record.acts.push(Act { minute, tasks: (now - before).round() as i64 });
            }
            before = capacity.or(before);
            let at_max = capacity.is_some_and(|tasks| tasks >= f64::from(max));
            record.push(*percent, capacity, at_max, demand.history().value_at(at));
        }
        record
    }

    /// Whether a minute was saturated: above [`SATURATED`], or above the target with all tasks that are permitted.
    pub fn saturated(&self, minute: usize, target: Option<f64>) -> bool {
        let above = |limit: f64| self.utilisation[minute].is_some_and(|percent| percent > limit);
        above(SATURATED) || (self.at_max[minute] && above(target.unwrap_or(SATURATED)))
    }

    /// How many changes took back, within [`REVERSAL_MINUTES`], what the one before did.
    pub fn reversals(&self) -> usize {
        let back = |pair: &&[Act]| {
            pair[0].tasks.signum() * pair[1].tasks.signum() < 0 && pair[1].minute - pair[0].minute <= REVERSAL_MINUTES
        };
        self.acts.windows(2).filter(back).count()
    }
}

/// The figures of a policy over a time; shares are of the known minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Percent of the time above [`SATURATED`], or at the maximum and above the target.
    pub saturation_percent: f64,
    /// Minutes of a day above the target.
    pub above_target_minutes_per_day: f64,
    /// Changes of a day that took back another within [`REVERSAL_MINUTES`].
    pub reversals_per_day: f64,
    /// Changes of a day.
    pub acts_per_day: f64,
    /// The most tasks there were, over those that the highest demand needs at the target; 1 is exact.
    pub overshoot: f64,
    /// Percent of the time below half of the target.
    pub idle_percent: f64,
    /// Task-hours of a day.
    pub task_hours_per_day: f64,
    /// 99th percentile of the utilisation, percent.
    pub p99_utilization: f64,
}

impl Stats {
    /// The figures of a record for a target (percent); without a target, of 100 %.
    pub fn of(record: &Record, target: Option<f64>) -> Self {
        let mut known: Vec<f64> = record.utilisation.iter().flatten().copied().collect();
        if known.is_empty() {
            return Self::default();
        }
        known.sort_by(f64::total_cmp);
        let limit = target.unwrap_or(100.0);
        let percent = |count: usize| 100.0 * count as f64 / known.len() as f64;
        let days = known.len() as f64 / MINUTES_OF_DAY;
        let saturated = (0..record.utilisation.len()).filter(|minute| record.saturated(*minute, target)).count();
        let capacity: Vec<f64> = record.capacity.iter().flatten().copied().collect();
        let hours = 24.0 * capacity.iter().sum::<f64>() / capacity.len().max(1) as f64;
        Self {
            saturation_percent: percent(saturated),
            above_target_minutes_per_day: known.iter().filter(|percent| **percent > limit).count() as f64 / days,
            reversals_per_day: record.reversals() as f64 / days,
            acts_per_day: record.acts.len() as f64 / days,
            overshoot: overshoot(record, &capacity, limit),
            idle_percent: percent(known.iter().filter(|percent| **percent < limit / 2.0).count()),
            task_hours_per_day: hours,
            p99_utilization: percentile_of_sorted(&known, 99.0).unwrap_or_default(),
        }
    }
}

/// The highest capacity over what the highest demand needs; demand is the mean of three minutes, as alarms see it.
fn overshoot(record: &Record, capacity: &[f64], target: f64) -> f64 {
    let mean = |three: &[Option<f64>]| Some((three[0]? + three[1]? + three[2]?) / 3.0);
    let peak = record.demand.windows(3).filter_map(mean).fold(0.0, f64::max);
    let most = capacity.iter().copied().fold(0.0, f64::max);
    most / (100.0 * peak / target).ceil().max(1.0)
}

/// An entry of the scaling activities that Application Auto Scaling keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// When it began, in milliseconds since 1970.
    pub at: crate::time::Millis,
    /// Why it did not scale, where it did not: `AlreadyAtMaxCapacity` and so on.
    pub not_scaled: Vec<String>,
}

/// How well a service has scaled.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effectiveness {
    /// The figures.
    #[serde(flatten)]
    pub stats: Stats,
    /// Days of minutes that are known.
    pub days: f64,
    /// The share of the time that is known, 0 to 1.
    pub coverage: f64,
    /// Minutes from wanting tasks to running them, 90th percentile; absent where none were started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_minutes_p90: Option<f64>,
    /// Minutes from too much load to tasks for it, 90th percentile: the alarm's and the start.
    pub reaction_minutes_p90: f64,
    /// How often a day Application Auto Scaling said that it did not scale, by its reason.
    pub not_scaled_per_day: BTreeMap<String, f64>,
}

impl Effectiveness {
    /// How often a day Application Auto Scaling gave this reason for not scaling.
    pub fn not_scaled(&self, reason: &str) -> f64 {
        self.not_scaled_per_day.get(reason).copied().unwrap_or(0.0)
    }

    /// The figures of what was observed, with the activities of the same time.
    pub fn of(record: &Record, target: Option<f64>, start: &[f64], activities: &[Activity]) -> Self {
        let known = record.utilisation.iter().flatten().count() as f64;
        let days = known / MINUTES_OF_DAY;
        let mut not_scaled_per_day = BTreeMap::new();
        for reason in activities.iter().flat_map(|activity| &activity.not_scaled) {
            *not_scaled_per_day.entry(reason.clone()).or_insert(0.0) += 1.0 / days.max(1.0);
        }
        let mut start = start.to_vec();
        start.sort_by(f64::total_cmp);
        let start_minutes_p90 = percentile_of_sorted(&start, 90.0);
        Self {
            stats: Stats::of(record, target),
            days,
            coverage: known / record.utilisation.len().max(1) as f64,
            start_minutes_p90,
            reaction_minutes_p90: start_minutes_p90.unwrap_or(f64::from(USUAL_START_MINUTES))
                + super::simulator::HIGH_MINUTES as f64,
            not_scaled_per_day,
        }
    }

    /// Minutes that tasks take to start, for a simulation: whole, and [`USUAL_START_MINUTES`] where none were started.
    pub fn start_lag(&self) -> u32 {
        self.start_minutes_p90.map_or(USUAL_START_MINUTES, |minutes| minutes.ceil().clamp(0.0, 60.0) as u32)
    }
}

/// Minutes that tasks take to start where none were seen to.
pub const USUAL_START_MINUTES: u32 = 2;

/// For each time that more tasks were wanted, the minutes until so many ran, as the simulator counts them: a number that
/// is wanted at the end of a minute is seen in the next. Times that never came do not count. Both histories are in
/// minutes.
pub fn start_minutes(desired: &History, running: &History) -> Vec<f64> {
    if [desired.period_seconds(), running.period_seconds()] != [MINUTE_SECONDS; 2] {
        return Vec::new();
    }
    let wanted = desired.values();
    let mut waits = Vec::new();
    for minute in 1..wanted.len() {
        let (Some(before), Some(now)) = (wanted[minute - 1], wanted[minute]) else { continue };
        if now <= before {
            continue;
        }
        let ran = |wait: &usize| running.value_at(desired.at(minute + wait)).is_some_and(|tasks| tasks >= now);
        // Longer than an hour is no start: capacity was changed again, or tasks fail.
        waits.extend((0..60).find(ran).map(|wait| (wait + 1) as f64));
    }
    waits
}
