//! What the engine is busy with, in figures.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::core::Core;

/// Upper ends of the classes that the durations of commits fall into, in microseconds; longer ones are in a class of
/// their own.
pub const COMMIT_MICROS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Figures of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Executions that are open, children of Map Runs and EXPRESS executions among them.
    pub open_executions: u64,
    /// Open executions that wait for a moment.
    pub timers: u64,
    /// Commits handed over and not durable yet.
    pub commits_waiting: u64,
    /// Calls to services and functions under way, or waiting for their turn.
    pub calls: u64,
    /// Tasks of activities that wait for a worker.
    pub activity_tasks_waiting: u64,
    /// Workers that wait for a task of an activity.
    pub activity_workers_waiting: u64,
    /// Map Runs that go on.
    pub map_runs: u64,
    /// Bytes of the store on disk; absent where it is in memory.
    pub store_bytes: Option<u64>,
    /// How long it took to make batches durable.
    pub commits: CommitTimes,
}

/// Durations of batches since the start, by class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitTimes {
    /// Batches in each class of [`COMMIT_MICROS`], and in the last those that took longer.
    pub classes: [u64; COMMIT_MICROS.len() + 1],
    /// All durations together, in microseconds.
    pub total_micros: u64,
}

/// Counts durations as they come.
#[derive(Debug, Default)]
pub(crate) struct CommitTimer {
    classes: [AtomicU64; COMMIT_MICROS.len() + 1],
    total_micros: AtomicU64,
}

impl CommitTimer {
    pub(crate) fn took(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let class = COMMIT_MICROS.partition_point(|end| *end < micros);
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        self.total_micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn times(&self) -> CommitTimes {
        CommitTimes {
            classes: std::array::from_fn(|class| self.classes[class].load(Ordering::Relaxed)),
            total_micros: self.total_micros.load(Ordering::Relaxed),
        }
    }
}

impl Core {
    /// The figures of this moment.
    pub(crate) fn figures(&self) -> Figures {
        let (activity_tasks_waiting, activity_workers_waiting) = self.activities.waiting();
        Figures {
            open_executions: self.open().len() as u64,
            timers: self.timers.len() as u64,
            commits_waiting: self.records.committer.waiting(),
            calls: self.calls.under_way(),
            activity_tasks_waiting,
            activity_workers_waiting,
            map_runs: self.map_runs.len() as u64,
            store_bytes: self.records.bytes(),
            commits: self.records.committer.timer().times(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_the_first_class_that_holds_them() {
        let timer = CommitTimer::default();
        for micros in [0, 50, 51, 6_000_000] {
            timer.took(Duration::from_micros(micros));
        }
        let times = timer.times();
        assert_eq!((times.classes[0], times.classes[1], times.classes[COMMIT_MICROS.len()]), (2, 1, 1));
        assert_eq!(times.total_micros, 6_000_101);
    }
}
