//! Limits that end an observation at once. A service that broke one in the weeks before may do so again: only what is new
//! counts.

use super::{Change, SETTLE_MS};
use crate::history::History;
use crate::judge::text;
use crate::time::Millis;

/// How long a limit must be exceeded.
const ROW_MS: Millis = 15 * 60_000;
/// Errors among requests, in percent, and how many requests a period must have to say.
const ERROR_PERCENT: f64 = 5.0;
const LEAST_REQUESTS: f64 = 50.0;
/// How many times its objective latency may be.
const LATENCY_FACTOR: f64 = 2.0;
/// Processor and memory, in percent.
const CPU_PERCENT: f64 = 95.0;
const MEMORY_PERCENT: f64 = 97.0;

/// The limits that are broken since the change and were not in the weeks before, in words.
pub(super) fn broken(change: &Change) -> Vec<String> {
    let metrics = &change.metrics;
    let mut broken = Vec::new();
    let mut look = |history: &History, limit: f64, unit: &str, what: &str| {
        if let Some(worst) = newly_above(change, history, limit) {
            broken.push(format!(
                "{what} is above {} for a quarter of an hour, {} at most: it was not in the weeks before",
                text::quantity(limit, unit),
                text::quantity(worst, unit)
            ));
        }
    };
    look(&metrics.cpu, CPU_PERCENT, "%", "the processor");
    look(&metrics.memory, MEMORY_PERCENT, "%", "memory");
    look(&errors(change), ERROR_PERCENT, "%", "the share of errors");
    if let Some(objective) = change.limits.latency_p95_ms {
        look(&metrics.latency, LATENCY_FACTOR * objective, "ms", "p95 latency");
    }
    look(&metrics.rejected, 0.0, "", "the number of rejected connections");
    let short = shortfall(&metrics.desired, &metrics.running);
    look(&short, 0.5, "", "the number of tasks that are wanted and do not run");
    let since = |at: &&Millis| **at > change.acted_at && **at <= change.at;
    let killed = change.killed.iter().filter(since).count();
    if killed > 0 {
        broken.push(format!("{killed} tasks were killed for want of memory since the change"));
    }
    broken
}

/// Errors in percent of the periods with enough requests.
fn errors(change: &Change) -> History {
    let (requests, errors) = (&change.metrics.requests, &change.metrics.errors);
    let values = requests.values().iter().enumerate().map(|(index, requests_then)| {
        let total = requests_then.filter(|total| *total >= LEAST_REQUESTS)?;
        Some(100.0 * errors.value_at(requests.at(index)).unwrap_or(0.0) / total)
    });
    History::new(requests.start(), requests.period_seconds(), values.collect())
}

/// How many tasks were wanted and did not run.
fn shortfall(desired: &History, running: &History) -> History {
    let values = desired.values().iter().enumerate();
    let values = values.map(|(index, wanted)| Some((*wanted)? - running.value_at(desired.at(index))?));
    History::new(desired.start(), desired.period_seconds(), values.collect())
}

/// The largest value of a row of periods above the limit after the change; `None` when there is none, or there was such a
/// row before.
fn newly_above(change: &Change, history: &History, limit: f64) -> Option<f64> {
    let after = row(&history.between(change.acted_at + SETTLE_MS, change.at), limit)?;
    match row(&history.between(history.start(), change.acted_at), limit) {
        Some(_) => None,
        None => Some(after),
    }
}

/// The largest value of the first row of known periods above the limit that is long enough.
fn row(history: &History, limit: f64) -> Option<f64> {
    let least = usize::try_from((ROW_MS + history.period_ms() - 1) / history.period_ms()).unwrap_or(1).max(2);
    let mut rows = history.values().chunk_by(|one, other| above(*one, limit) == above(*other, limit));
    let row = rows.find(|row| row.len() >= least && above(row[0], limit))?;
    row.iter().flatten().copied().max_by(f64::total_cmp)
}

fn above(value: Option<f64>, limit: f64) -> bool {
    value.is_some_and(|value| value > limit)
}
