//! Times of a schedule that have come: which of them count, and which were missed while nobody was there. Pure.

use execution::Millis;

use crate::record::Progress;
use crate::schedule::Timetable;

/// What happens with times that came while no server was there to see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// The latest of each schedule counts once, if it is no older than the target's MaximumEventAge and no later time is
    /// due on time; the others are counted as missed.
    #[default]
    RunOnce,
    /// All are counted as missed.
    Skip,
    /// All that are no older than the target's MaximumEventAge count; the others are counted as missed.
    RunAll,
}

/// Who looks, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) now: Millis,
    /// A time that is no longer ago than this is on time.
    pub(crate) grace: Millis,
    pub(crate) policy: Missed,
    /// A missed time that is longer ago counts no more.
    pub(crate) age: Millis,
}

/// Times that are looked at one by one; beyond, they are not even counted.
const MOST_COUNTED: u64 = 1_000_000;

/// The times that count, oldest first, and the number of missed ones.
pub(crate) fn come(timetable: &Timetable, progress: &Progress, look: Look) -> (Vec<Millis>, u64) {
    let (mut recent, mut on_time, mut lost) = (Vec::new(), Vec::new(), 0);
    let mut last = progress.seen;
    while let Some(at) = timetable.next_after(last).filter(|at| *at <= look.now && lost < MOST_COUNTED) {
        last = at;
        if at >= look.now.saturating_sub(look.grace) {
            on_time.push(at);
        } else if at >= look.now.saturating_sub(look.age) {
            recent.push(at);
        } else {
            lost += 1;
        }
    }
    let kept = match look.policy {
        Missed::Skip => 0,
        Missed::RunAll => recent.len(),
        Missed::RunOnce => usize::from(on_time.is_empty()).min(recent.len()),
    };
    let mut times = recent.split_off(recent.len() - kept);
    times.append(&mut on_time);
    (times, lost + recent.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Expression, zone};

    const MINUTE: Millis = 60_000;

    fn look(now: Millis, policy: Missed) -> (Vec<Millis>, u64) {
        let expression = Expression::parse("rate(1 minute)").unwrap();
        let zone = zone("UTC").unwrap();
        let timetable = Timetable { expression, zone, anchor: 0, at_once: false, start: None, end: None };
        let (times, missed) =
            come(&timetable, &Progress::new(0), Look { now, grace: 90_000, policy, age: 10 * MINUTE });
        (times.into_iter().map(|time| time / MINUTE).collect(), missed)
    }

    #[test]
    fn times_that_are_on_time_count_whatever_the_policy() {
        for policy in [Missed::RunOnce, Missed::Skip, Missed::RunAll] {
            assert_eq!(look(30_000, policy), (vec![], 0));
            assert_eq!(look(MINUTE, policy), (vec![1], 0));
            assert_eq!(look(2 * MINUTE + 1, policy), (vec![1, 2], 0), "late by no more than the grace");
        }
    }

    #[test]
    fn missed_times_follow_the_policy() {
        assert_eq!(look(20 * MINUTE, Missed::Skip), (vec![19, 20], 18));
        assert_eq!(look(20 * MINUTE, Missed::RunOnce), (vec![19, 20], 18), "what is on time makes up for it");
        assert_eq!(look(20 * MINUTE, Missed::RunAll), ((10..=20).collect(), 9));
    }

    #[test]
    fn the_latest_missed_time_runs_once_if_it_is_young_enough() {
        let expression = Expression::parse("rate(1 hour)").unwrap();
        let zone = zone("UTC").unwrap();
        let timetable = Timetable { expression, zone, anchor: 0, at_once: false, start: None, end: None };
        let look =
            |now, age| come(&timetable, &Progress::new(0), Look { now, grace: MINUTE, policy: Missed::RunOnce, age });
        assert_eq!(look(5 * 60 * MINUTE + 30 * MINUTE, 24 * 60 * MINUTE), (vec![5 * 60 * MINUTE], 4));
        assert_eq!(look(5 * 60 * MINUTE + 30 * MINUTE, 10 * MINUTE), (vec![], 5));
    }
}
