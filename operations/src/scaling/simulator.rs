//! A model of target tracking of a service of ECS, minute by minute.
//!
//! It is made of what AWS documents and no more: the high alarm is three of three minutes above the target, the low alarm
//! fifteen of fifteen below 0.9 of it; capacity changes in proportion to the metric. While a scale-out cooldown lasts, what
//! the scale-out added counts as there, so that only a larger scale-out happens; a scale-in cooldown holds back the next
//! scale-in, and a scale-out ends it. Tasks serve so many minutes after they are wanted. What is not met in a minute is
//! lost: it does not wait. Not modelled: how late metrics are, how work is shared among tasks, whatever slows them but
//! their processor, and how tasks stop. It is deterministic and takes constant time for a minute.

use super::demand::Demand;
use super::effectiveness::{Act, Record};
use super::schedule::Schedule;
use crate::error::{Error, Kind};
use crate::proposal::Settings;
use crate::time::Millis;
use std::collections::VecDeque;

/// Minutes above the target that ring the high alarm.
pub const HIGH_MINUTES: usize = 3;

/// Minutes below [`LOW_SHARE`] of the target that ring the low alarm.
pub const LOW_MINUTES: usize = 15;

/// The share of the target below which capacity is too much.
pub const LOW_SHARE: f64 = 0.9;

/// Days back from the beginning in which a scheduled action has fired if it ever does.
const SCHEDULED_DAYS: i64 = 7;

/// The last scale-out: when, and how many tasks there were before it.
#[derive(Debug, Clone, Copy)]
struct ScaleOut {
    minute: usize,
    base: u32,
}

/// A service that is being simulated.
#[derive(Debug, Clone)]
pub struct Simulator {
    target: Option<f64>,
    out_cooldown: usize,
    in_cooldown: usize,
    start_lag: usize,
    scheduled: Vec<(Schedule, Option<u32>, Option<u32>)>,
    min: u32,
    max: u32,
    /// How many tasks are wanted; `None` before the first known minute.
    desired: Option<u32>,
    /// Tasks that start: the minute in which they serve, and how many.
    pending: VecDeque<(usize, u32)>,
    /// The newest utilisations, by minute modulo the length.
    recent: [f64; LOW_MINUTES],
    above: usize,
    below: usize,
    last_out: Option<ScaleOut>,
    last_in: Option<usize>,
    record: Record,
}

impl Simulator {
    /// A service with these settings whose tasks serve `start_lag` minutes after they are wanted. It begins with what
    /// the demand of its first known minute needs, and with the limits that scheduled actions have left at `start`.
    ///
    /// # Errors
    /// `Ops.NotApplicable` naming a schedule that is not modelled; `Ops.InvalidInput` for limits or a target that none is.
    pub fn new(settings: &Settings, start_lag: u32, start: Millis) -> Result<Self, Error> {
        let (min, max) = (settings.min_capacity, settings.max_capacity);
        if min > max || max == 0 {
            let message =
                format!("settings keep {min} to {max} tasks: the maximum must be 1 or more, and not the less");
            return Err(Error::new(Kind::InvalidInput, message));
        }
        if settings.target.is_some_and(|target| !(1.0..=100.0).contains(&target)) {
            return Err(Error::new(Kind::InvalidInput, "settings.target must be between 1 and 100 percent"));
        }
        let schedules = settings.scheduled.iter();
        let scheduled: Result<Vec<_>, Error> = schedules
            .map(|action| Ok((Schedule::parse(&action.schedule)?, action.min_capacity, action.max_capacity)))
            .collect();
        let minutes = |seconds: u32| seconds.div_ceil(60) as usize;
        let mut simulator = Self {
            target: settings.target,
            out_cooldown: minutes(settings.scale_out_cooldown),
            in_cooldown: minutes(settings.scale_in_cooldown),
            start_lag: start_lag as usize,
            scheduled: scheduled?,
            min,
            max,
            desired: None,
            pending: VecDeque::new(),
            recent: [0.0; LOW_MINUTES],
            above: 0,
            below: 0,
            last_out: None,
            last_in: None,
            record: Record::default(),
        };
        if !simulator.scheduled.is_empty() {
            for minute in (1..=SCHEDULED_DAYS * 1_440).rev() {
                simulator.fire(start - minute * 60_000);
            }
        }
        Ok(simulator)
    }

    /// One minute: `demand` in tasks at 100 %, `None` where it is not known. An unknown minute neither rings an alarm
    /// nor ends one early: the alarms begin anew after it.
    pub fn minute(&mut self, at: Millis, demand: Option<f64>) {
        self.fire(at);
        let minute = self.record.capacity.len();
        let desired = match (self.desired, demand) {
            (Some(desired), _) => desired.clamp(self.min, self.max),
            (None, Some(demand)) => need(demand * 100.0, self.target.unwrap_or(100.0)).clamp(self.min, self.max),
            (None, None) => {
                self.record.push(None, None, false, None);
                return;
            }
        };
        // What scheduled limits have moved.
        match self.desired {
            Some(before) => self.change(minute, before, desired),
            None => self.desired = Some(desired),
        }
        while self.pending.front().is_some_and(|(ready, _)| *ready <= minute) {
            self.pending.pop_front();
        }
        let starting: u32 = self.pending.iter().map(|(_, tasks)| tasks).sum();
        let running = desired.saturating_sub(starting).max(1);
        let utilisation = demand.map(|demand| (100.0 * demand / f64::from(running)).min(100.0));
        self.record.push(utilisation, Some(f64::from(desired)), desired >= self.max, demand);
        self.watch(minute, utilisation);
        self.act(minute, desired);
    }

    /// What was simulated.
    pub fn finish(self) -> Record {
        self.record
    }

    /// Sets the limits of scheduled actions that fire in this minute.
    fn fire(&mut self, at: Millis) {
        for (schedule, min, max) in &self.scheduled {
            if schedule.fires(at) {
                self.min = min.unwrap_or(self.min);
                self.max = max.unwrap_or(self.max).max(self.min);
            }
        }
    }

    /// Moves the alarms on.
    fn watch(&mut self, minute: usize, utilisation: Option<f64>) {
        let (Some(utilisation), Some(target)) = (utilisation, self.target) else {
            (self.above, self.below) = (0, 0);
            return;
        };
        self.recent[minute % LOW_MINUTES] = utilisation;
        self.above = if utilisation > target { self.above + 1 } else { 0 };
        self.below = if utilisation < LOW_SHARE * target { self.below + 1 } else { 0 };
    }

    /// Scales out or in, where an alarm rings and no cooldown forbids it.
    fn act(&mut self, minute: usize, desired: u32) {
        let Some(target) = self.target else { return };
        if self.above >= HIGH_MINUTES {
            let held = self.last_out.filter(|last| minute - last.minute < self.out_cooldown);
            let base = held.map_or(desired, |last| last.base);
            let wanted = need(f64::from(base) * self.mean(minute, HIGH_MINUTES), target).min(self.max);
            if wanted > desired {
                self.change(minute, desired, wanted);
                self.last_out = Some(ScaleOut { minute, base });
                self.last_in = None;
            }
        } else if self.below >= LOW_MINUTES && self.last_in.is_none_or(|last| minute - last >= self.in_cooldown) {
            let wanted = need(f64::from(desired) * self.mean(minute, LOW_MINUTES), target).max(self.min);
            if wanted < desired {
                self.change(minute, desired, wanted);
                self.last_in = Some(minute);
            }
        }
    }

    /// The mean of the newest utilisations, up to [`LOW_MINUTES`] of them.
    fn mean(&self, minute: usize, minutes: usize) -> f64 {
        let newest = (0..minutes).map(|back| self.recent[(minute + LOW_MINUTES - back) % LOW_MINUTES]);
        newest.sum::<f64>() / minutes as f64
    }

    /// Wants another number of tasks: new ones start, and of those that go the youngest go first.
    fn change(&mut self, minute: usize, before: u32, after: u32) {
        if after > before && self.start_lag > 0 {
            self.pending.push_back((minute + self.start_lag, after - before));
        }
        let mut fewer = before.saturating_sub(after);
        while fewer > 0
            && let Some((_, tasks)) = self.pending.back_mut()
        {
            let taken = fewer.min(*tasks);
            *tasks -= taken;
            fewer -= taken;
            if *tasks == 0 {
                self.pending.pop_back();
            }
        }
        if before != after {
            self.record.acts.push(Act { minute, tasks: i64::from(after) - i64::from(before) });
        }
        self.desired = Some(after);
    }
}

/// Tasks that keep `percent` tasks' worth of utilisation at the target.
fn need(percent: f64, target: f64) -> u32 {
    // A hair below a whole number of tasks is that number: the sum of equal minutes is not exact.
    (percent / target - 1e-9).ceil().max(0.0) as u32
}

/// Simulates a service with these settings over a demand.
///
/// # Errors
/// As [`Simulator::new`].
pub fn simulate(demand: &Demand, settings: &Settings, start_lag: u32) -> Result<Record, Error> {
    let demand = demand.in_tasks_of(settings.cpu_units);
    let history = demand.history();
    let mut simulator = Simulator::new(settings, start_lag, history.start())?;
    for (index, tasks) in history.values().iter().enumerate() {
        simulator.minute(history.at(index), *tasks);
    }
    Ok(simulator.finish())
}
