//! What is counted of one state machine, of one kind of task, and how long things took.

use std::sync::{Arc, Mutex, PoisonError};

use execution::{Flavor, Millis, Status};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

/// Counts and durations of the executions of one state machine.
#[derive(Debug)]
pub(crate) struct MachineSeries {
    pub(crate) arn: Arc<str>,
    pub(crate) started: Counter,
    pub(crate) succeeded: Counter,
    pub(crate) failed: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) aborted: Counter,
    pub(crate) redriven: Counter,
    pub(crate) redriven_succeeded: Counter,
    pub(crate) redriven_failed: Counter,
    pub(crate) redriven_timed_out: Counter,
    pub(crate) redriven_aborted: Counter,
    pub(crate) time: Timing,
    pub(crate) billed_duration: Timing,
    pub(crate) billed_memory: Timing,
}

impl MachineSeries {
    /// The counters of an end, for all executions and for redriven ones; none of an execution that runs.
    pub(crate) const fn ended(&self, status: Status) -> Option<(&Counter, &Counter)> {
        match status {
            Status::Running => None,
            Status::Succeeded => Some((&self.succeeded, &self.redriven_succeeded)),
            Status::Failed => Some((&self.failed, &self.redriven_failed)),
            Status::TimedOut => Some((&self.timed_out, &self.redriven_timed_out)),
            Status::Aborted => Some((&self.aborted, &self.redriven_aborted)),
        }
    }
}

/// Counts and durations of the tasks of one resource.
#[derive(Debug)]
pub(crate) struct TaskSeries {
    pub(crate) flavor: Flavor,
    pub(crate) resource: Arc<str>,
    pub(crate) scheduled: Counter,
    pub(crate) started: Counter,
    pub(crate) succeeded: Counter,
    pub(crate) failed: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) heartbeat_timed_out: Counter,
    pub(crate) schedule_time: Timing,
    pub(crate) run_time: Timing,
    pub(crate) time: Timing,
}

/// Values of one minute together, as CloudWatch takes them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
}

/// Values as they come: durations in milliseconds, or sizes.
#[derive(Debug)]
pub(crate) struct Timing {
    /// In Prometheus's base unit.
    histogram: Histogram,
    /// What a millisecond, or a megabyte, is in that unit.
    unit: f64,
    since: Mutex<Option<Statistics>>,
}

impl Timing {
    pub(crate) const fn new(histogram: Histogram, unit: f64) -> Self {
        Self { histogram, unit, since: Mutex::new(None) }
    }

    /// Takes note of a value; one below 0, which a clock set back may give, counts as 0.
    pub(crate) fn observe(&self, value: Millis) {
        // Milliseconds fit a double's 53 bits for 285,000 years.
        let value = value.max(0) as f64;
        self.histogram.observe(value * self.unit);
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let before = since.unwrap_or(Statistics { count: 0, sum: 0.0, minimum: value, maximum: value });
        *since = Some(Statistics {
            count: before.count + 1,
            sum: before.sum + value,
            minimum: before.minimum.min(value),
            maximum: before.maximum.max(value),
        });
    }

    /// What came since this was last asked.
    pub(crate) fn take(&self) -> Option<Statistics> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_gathered_until_they_are_taken() {
        let timing = Timing::new(Histogram::new([1.0]), 0.001);
        for value in [30, 10, -5] {
            timing.observe(value);
        }
        let expected = Statistics { count: 3, sum: 40.0, minimum: 0.0, maximum: 30.0 };
        assert_eq!(timing.take(), Some(expected));
        assert_eq!(timing.take(), None);
    }
}
