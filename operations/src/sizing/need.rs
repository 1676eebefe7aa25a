//! What one task needs, from how its service used what it had.

use super::Size;
use crate::history::{DAY_MS, HOUR_MS, HOURS_OF_WEEK, History, hour_of_week};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// For how long use must be known, in days.
pub const DAYS: i64 = 14;
/// How many points must be known.
pub const POINTS: usize = 1_000;
/// Of how many hours of the week there must be points, of 168: without the busiest hour nothing is known.
pub const HOURS: usize = 160;
/// What is kept free above the 99th percentile of the processor and above the most memory ever used.
pub const HEADROOM: f64 = 1.2;
/// How much more memory than the limit at which a task was killed for want of it.
pub const AFTER_OUT_OF_MEMORY: f64 = 1.25;

/// How a service used its tasks, in periods of a minute (or as short as is kept), all of the size they have now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// The processor, percent of a task's, as a mean over the tasks.
    pub cpu_mean: History,
    /// The same of the task that used most.
    pub cpu_max: History,
    /// The memory, percent of a task's, of the task that used most.
    pub memory_max: History,
    /// How many tasks ran.
    pub running: History,
}

impl Usage {
    /// The same from a time on: what was measured of tasks of another size says nothing in percent of this one.
    #[must_use]
    pub fn since(&self, from: Millis) -> Self {
        let part = |history: &History| history.between(from, history.end());
        Self {
            cpu_mean: part(&self.cpu_mean),
            cpu_max: part(&self.cpu_max),
            memory_max: part(&self.memory_max),
            running: part(&self.running),
        }
    }

    /// The least share of its time that is known of any of the four, 0 to 1.
    pub fn coverage(&self) -> f64 {
        let all = [&self.cpu_mean, &self.cpu_max, &self.memory_max, &self.running];
        all.into_iter().map(History::coverage).fold(1.0, f64::min)
    }

    /// What is missing for a judgement about the time before `at`, one text each; empty when there is enough.
    pub fn missing(&self, at: Millis) -> Vec<String> {
        let named =
            [("processor", &self.cpu_max), ("memory", &self.memory_max), ("number of running tasks", &self.running)];
        named.into_iter().filter_map(|(name, history)| lacking(name, history, at)).collect()
    }
}

fn lacking(name: &str, history: &History, at: Millis) -> Option<String> {
    let points = history.known().count();
    if points < POINTS {
        return Some(format!("{points} points of the {name} are known, {POINTS} are needed"));
    }
    let first = history.known().next().map_or(at, |(at, _)| at);
    // A gap of an hour at the beginning is a gap, not a shorter history.
    if at - first < DAYS * DAY_MS - HOUR_MS {
        let days = (at - first) as f64 / DAY_MS as f64;
        return Some(format!("the {name} is known for {days:.1} days, {DAYS} are needed"));
    }
    let mut seen = [false; HOURS_OF_WEEK];
    for (at, _) in history.known() {
        seen[hour_of_week(at)] = true;
    }
    let hours = seen.iter().filter(|seen| **seen).count();
    (hours < HOURS).then(|| {
        format!("the {name} is known in {hours} of the week's {HOURS_OF_WEEK} hours: its peak may be in another")
    })
}

/// What one task needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// Processor units.
    pub cpu_units: u32,
    /// Memory, in MiB.
    pub memory_mib: u32,
}

impl Need {
    /// The need of tasks of a size that were used so; `None` where the processor or the memory is not known.
    ///
    /// The processor: [`HEADROOM`] above the 99th percentile of the minutes, each with the value of its busiest task,
    /// which no task that ran all the time exceeds. The memory: as much above the most ever used, and
    /// [`AFTER_OUT_OF_MEMORY`] times the limit of the last task that was killed for want of it. After the simple
    /// strategy of KRR, with the maximum in place of its 95th percentile of the processor over pods.
    pub fn of(usage: &Usage, size: Size, out_of_memory_mib: Option<u32>) -> Option<Self> {
        let cpu = part(usage.cpu_max.percentile(99.0)?, size.cpu_units) * HEADROOM;
        let memory = part(usage.memory_max.max()?, size.memory_mib) * HEADROOM;
        let killed = f64::from(out_of_memory_mib.unwrap_or(0)) * AFTER_OUT_OF_MEMORY;
        Some(Self { cpu_units: rounded_up(cpu), memory_mib: rounded_up(memory.max(killed)) })
    }
}

/// So many percent of a whole.
pub(super) fn part(percent: f64, whole: u32) -> f64 {
    percent / 100.0 * f64::from(whole)
}

/// The next whole number; what is above one by no more than the error of a few multiplications is that one.
pub(super) fn rounded_up(number: f64) -> u32 {
    let number = (number - 1e-6).ceil().clamp(0.0, f64::from(u32::MAX));
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Millis = 1_796_024_400_000;

    fn usage(days: i64, period: u32, cpu: f64, memory: f64) -> Usage {
        let start = AT - days * DAY_MS;
        let periods = usize::try_from(days * 86_400 / i64::from(period)).unwrap();
        let flat = |value: f64| History::new(start, period, vec![Some(value); periods]);
        Usage { cpu_mean: flat(cpu), cpu_max: flat(cpu), memory_max: flat(memory), running: flat(4.0) }
    }

    #[test]
    fn two_weeks_a_thousand_points_and_a_peak_are_needed() {
        assert!(usage(14, 60, 10.0, 10.0).missing(AT).is_empty());
        let short = usage(13, 60, 10.0, 10.0).missing(AT);
        assert_eq!(short.len(), 3);
        assert_eq!(short[0], "the processor is known for 13.0 days, 14 are needed");
        let few = usage(14, 3_600, 10.0, 10.0).missing(AT);
        assert_eq!(few[1], "336 points of the memory are known, 1000 are needed");
        let mut gap = usage(14, 60, 10.0, 10.0);
        let nights: Vec<_> = (0..14).map(|day| (AT - day * DAY_MS - 10 * HOUR_MS, AT - day * DAY_MS)).collect();
        gap.cpu_max = gap.cpu_max.without(&nights);
        assert!(gap.missing(AT)[0].ends_with("of the week's 168 hours: its peak may be in another"));
    }

    #[test]
    fn the_need_is_headroom_over_what_was_used() {
        let size = Size::new(1_024, 8_192);
        let need = |oom| Need::of(&usage(14, 60, 25.0, 15.625), size, oom).unwrap();
        assert_eq!(need(None), Need { cpu_units: 308, memory_mib: 1_536 }, "307.2 units are 308");
        assert_eq!(need(Some(2_048)).memory_mib, 2_560);
        assert_eq!(need(Some(1_024)).memory_mib, 1_536, "what it needs anyway is more");
        assert_eq!(Need::of(&Usage::default(), size, None), None);
    }

    #[test]
    fn what_tasks_of_another_size_used_does_not_count() {
        let usage = usage(14, 60, 25.0, 15.0).since(AT - DAY_MS);
        assert_eq!(usage.cpu_max.len(), 1_440);
        assert!(usage.missing(AT)[0].contains("1.0 days"), "{:?}", usage.missing(AT));
    }
}
