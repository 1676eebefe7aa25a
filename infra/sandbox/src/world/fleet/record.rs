//! What is kept of a service's minutes: everything that its metrics and its bill are computed from, in a few bytes.

use std::collections::{BTreeMap, VecDeque};

use crate::world::MINUTE_MS;
use crate::world::traffic::{QUANTILES, quantile};

/// How many minutes are kept: 120 days, longer than minutes and five minutes are asked for.
const KEPT: usize = 120 * 1440;
/// Response times are computed at so many load factors from 0 to [`HIGHEST`], and between them by straight lines.
const STEPS: usize = 196;
/// The load factor at which the stationary formula is capped.
const HIGHEST: f64 = 0.98;

/// One minute of a service.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Record {
    /// Requests that came.
    pub(crate) requests: f32,
    /// 5xx of the application.
    pub(crate) target_errors: f32,
    /// 5xx of the load balancer.
    pub(crate) balancer_errors: f32,
    /// Connections that the load balancer rejected.
    pub(crate) rejected: f32,
    /// Load over capacity; may exceed 1.
    pub(crate) utilization: f32,
    /// Time that a request waited behind the backlog, milliseconds.
    pub(crate) wait_ms: f32,
    /// Mean service time of a request, milliseconds.
    pub(crate) service_ms: f32,
    /// CPU, percent of what is reserved.
    pub(crate) cpu: f32,
    /// Memory, percent of what is reserved.
    pub(crate) memory: f32,
    /// Memory of a task, MiB.
    pub(crate) memory_mib: u32,
    /// CPU units of a task.
    pub(crate) cpu_units: u16,
    /// Requests that a task works on at once.
    pub(crate) workers: u16,
    /// Desired count.
    pub(crate) desired: u16,
    /// Tasks that have not stopped, which is what costs money.
    pub(crate) active: u16,
    /// Tasks that run.
    pub(crate) running: u16,
    /// Tasks in rotation.
    pub(crate) healthy: u16,
    /// Containers that started again.
    pub(crate) restarts: u16,
}

/// A service's minutes, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    first_ms: i64,
    minutes: VecDeque<Record>,
}

impl Records {
    /// None yet; the first minute will begin at `first_ms`.
    pub(crate) const fn new(first_ms: i64) -> Self {
        Self { first_ms, minutes: VecDeque::new() }
    }

    /// Adds the next minute, forgetting the oldest.
    pub(crate) fn push(&mut self, record: Record) {
        self.minutes.push_back(record);
        if self.minutes.len() > KEPT {
            self.minutes.pop_front();
            self.first_ms += MINUTE_MS;
        }
    }

    /// The beginning of the oldest minute.
    pub(crate) const fn first_ms(&self) -> i64 {
        self.first_ms
    }

    /// The newest minutes, newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Record> {
        self.minutes.iter().rev()
    }

    /// The minutes that begin from `start_ms` to before `end_ms`, oldest first.
    pub(crate) fn range(&self, start_ms: i64, end_ms: i64) -> impl Iterator<Item = (i64, &Record)> {
        let index = |at_ms: i64| {
            let minutes = (at_ms - self.first_ms + MINUTE_MS - 1).div_euclid(MINUTE_MS);
            usize::try_from(minutes).unwrap_or(0).min(self.minutes.len())
        };
        let (first, last) = (index(start_ms), index(end_ms).max(index(start_ms)));
        let first_ms = self.first_ms;
        (first..last)
            .zip(self.minutes.range(first..last))
            .map(move |(index, record)| (first_ms + i64::try_from(index).unwrap_or(0) * MINUTE_MS, record))
    }
}

/// Response times of M/M/c, in mean service times, at the quantiles of [`QUANTILES`], by number of workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    tables: BTreeMap<u16, Vec<[f32; QUANTILES.len()]>>,
}

impl Times {
    /// Computes the table of so many workers, once.
    pub(crate) fn prepare(&mut self, workers: u16) {
        self.tables.entry(workers).or_insert_with(|| {
            let at = |step: usize| {
                let load = HIGHEST * step as f64 / (STEPS - 1) as f64;
                let erlangs = load * f64::from(workers);
                QUANTILES.map(|(p, _)| quantile(u32::from(workers), erlangs, p) as f32)
            };
            (0..STEPS).map(at).collect()
        });
    }

    /// (response time in seconds, share of requests) in a minute; empty when its table is not there.
    pub(crate) fn of<'a>(&'a self, record: &'a Record) -> impl Iterator<Item = (f64, f64)> + 'a {
        let position = f64::from(record.utilization).min(HIGHEST) / HIGHEST * (STEPS - 1) as f64;
        let step = (position.floor() as usize).min(STEPS - 2);
        let part = position - step as f64;
        let table = self.tables.get(&record.workers);
        let rows = table.and_then(|table| Some((table.get(step)?, table.get(step + 1)?)));
        rows.into_iter().flat_map(move |(low, high)| {
            low.iter().zip(high).zip(QUANTILES).map(move |((low, high), (_, share))| {
                let times = f64::from(*low) * (1.0 - part) + f64::from(*high) * part;
                ((times * f64::from(record.service_ms) + f64::from(record.wait_ms)) / 1000.0, share)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_found_by_their_beginnings() {
        let mut records = Records::new(60_000);
        for requests in 0..5_u8 {
            records.push(Record { requests: f32::from(requests), ..Record::default() });
        }
        let found: Vec<(i64, f32)> =
            records.range(100_000, 240_000).map(|(at, record)| (at, record.requests)).collect();
        assert_eq!(found, [(120_000, 1.0), (180_000, 2.0)]);
        assert_eq!(records.range(0, 60_000).count() + records.range(360_000, 900_000).count(), 0);
        assert_eq!(records.newest().next().map(|record| record.requests), Some(4.0));
    }

    #[test]
    fn the_table_is_close_to_the_formula() {
        let mut times = Times::default();
        times.prepare(8);
        let record = Record { utilization: 0.8125, workers: 8, service_ms: 1000.0, ..Record::default() };
        for ((seconds, _), (p, _)) in times.of(&record).zip(QUANTILES) {
            let exact = quantile(8, 0.8125 * 8.0, p);
            assert!((seconds / exact - 1.0).abs() < 0.01, "{p}: {seconds} {exact}");
        }
        let full = Record { utilization: 1.7, wait_ms: 500.0, ..record };
        assert!(times.of(&full).all(|(seconds, _)| seconds.is_finite() && seconds > 0.5));
    }
}
