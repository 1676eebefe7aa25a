//! Retries that the end of the execution forestalls.

use super::{Finding, Subject, execution_limit, known_seconds};
use crate::{Jitter, Kind, Retrier};

/// Delays that are added up one by one; more of them, still growing, do not happen in practice.
const LONGEST_SUM: u32 = 10_000;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(recovery) = subject.visited.state.kind.recovery() else { return Vec::new() };
    let (limit, whose) = execution_limit(subject);
    let attempt = match &subject.visited.state.kind {
        Kind::Task(task) => known_seconds(task.timeout_seconds.as_ref()).unwrap_or(0),
        _ => 0,
    };
    let finding = |(index, retrier): (usize, &Retrier)| {
        let possible = attempts_within(retrier, attempt, limit);
        let location = format!("{}/Retry[{index}]", subject.visited.location);
        let message = format!(
            "Of {} retries at most {possible} can happen: {whose}, {limit} s, ends the execution first",
            retrier.max_attempts
        );
        (possible < retrier.max_attempts).then(|| Finding::new(message, location))
    };
    recovery.retry.iter().enumerate().filter_map(finding).collect()
}

/// Retries that begin before `limit` seconds have passed, when attempts fail as early as they can: at once, or after
/// `attempt` seconds where only a timeout is retried.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is positive; casting saturates"
)]
fn attempts_within(retrier: &Retrier, attempt: u64, limit: u64) -> u32 {
    let only_timeouts = retrier.error_equals.iter().all(|name| &**name == "States.Timeout");
    let each = if only_timeouts { seconds(attempt) } else { 0.0 };
    let (limit, most) = (seconds(limit), retrier.max_delay_seconds.map_or(f64::INFINITY, seconds));
    let mut delay = seconds(retrier.interval_seconds).min(most);
    let mut passed = 0.0;
    for taken in 0..retrier.max_attempts.min(LONGEST_SUM) {
        // With jitter a delay may be nothing at all.
        let step = each + if retrier.jitter == Jitter::Full { 0.0 } else { delay };
        let next = (delay * retrier.backoff_rate).min(most);
        if next <= delay && step > 0.0 {
            let more = ((limit - passed) / step).ceil() - 1.0;
            return retrier.max_attempts.min(taken.saturating_add(more.max(0.0) as u32));
        }
        passed += step;
        if passed >= limit {
            return taken;
        }
        delay = next;
    }
    retrier.max_attempts
}

#[expect(clippy::cast_precision_loss, reason = "seconds of at most some years are exact")]
const fn seconds(number: u64) -> f64 {
    number as f64
}
