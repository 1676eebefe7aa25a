//! The only place that reads the system clock: virtual time for the world, real durations for the server.
//!
//! `virtual_now = origin + (real_now - origin) × scale + skipped`, all in milliseconds since the Unix epoch.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a sandbox takes its time from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The system clock, scaled.
    System,
    /// Virtual time stands still until [`crate::Sandbox::advance`] moves it: for tests.
    Manual {
        /// Virtual time at the start, milliseconds since the Unix epoch.
        start_ms: i64,
    },
}

/// A source of virtual time.
#[derive(Debug)]
pub(crate) struct Clock {
    origin_ms: i64,
    scale: f64,
    manual: Option<AtomicI64>,
    /// Virtual milliseconds that were skipped.
    skipped: AtomicI64,
}

impl Clock {
    /// `scale` is virtual seconds per real second; `origin_ms` is the instant at which both times agree
    /// (`None`: now), but for the `skipped_ms` skipped since.
    pub(crate) fn new(source: Source, scale: f64, origin_ms: Option<i64>, skipped_ms: i64) -> Self {
        let manual = match source {
            Source::System => None,
            Source::Manual { start_ms } => Some(AtomicI64::new(start_ms)),
        };
        Self { origin_ms: origin_ms.unwrap_or_else(real_now_ms), scale, manual, skipped: AtomicI64::new(skipped_ms) }
    }

    /// Virtual now, milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        match &self.manual {
            Some(now) => now.load(Ordering::Acquire),
            None => {
                let run_ms = ((real_now_ms() - self.origin_ms) as f64 * self.scale) as i64;
                self.origin_ms + run_ms + self.skipped.load(Ordering::Acquire)
            }
        }
    }

    /// Moves a manual clock forward; `false` when the clock is the system's and cannot be moved.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let Some(now) = &self.manual else { return false };
        now.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 2), Ordering::AcqRel);
        true
    }

    /// Moves either clock forward at once.
    pub(crate) fn skip(&self, by: Duration) {
        if !self.advance(by) {
            self.skipped.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 2), Ordering::AcqRel);
        }
    }

    /// How long a virtual duration of `ms` milliseconds lasts in real time.
    pub(crate) fn real(&self, ms: u64) -> Duration {
        Duration::from_secs_f64(ms as f64 / 1000.0 / self.scale)
    }
}

#[expect(clippy::disallowed_methods, reason = "this module owns the system clock")]
fn real_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::new(Source::Manual { start_ms: 1_000 }, 60.0, None, 0);
        assert_eq!(clock.now_ms(), 1_000);
        assert!(clock.advance(Duration::from_secs(2)));
        assert_eq!(clock.now_ms(), 3_000);
        clock.skip(Duration::from_secs(2));
        assert_eq!(clock.now_ms(), 5_000);
    }

    #[test]
    fn a_system_clock_skips_and_can_begin_so() {
        let (real, day) = (real_now_ms(), Duration::from_secs(86_400));
        let clock = Clock::new(Source::System, 1.0, None, 86_400_000);
        assert!(clock.now_ms() >= real + 86_400_000);
        clock.skip(day);
        assert!(clock.now_ms() >= real + 2 * 86_400_000 && clock.now_ms() < real + 2 * 86_400_000 + 60_000);
    }

    #[test]
    fn a_virtual_minute_lasts_a_second_at_scale_sixty() {
        let clock = Clock::new(Source::System, 60.0, Some(0), 0);
        assert_eq!(clock.real(60_000), Duration::from_secs(1));
        assert!(!clock.advance(Duration::from_secs(1)), "a system clock cannot be moved");
    }
}
