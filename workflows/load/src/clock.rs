//! The only reader of the clock in this crate.

use std::time::{Duration, Instant};

/// A moment from which time is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(Instant);

/// Now.
#[expect(clippy::disallowed_methods, reason = "this crate's clock")]
pub(crate) fn now() -> Moment {
    Moment(Instant::now())
}

impl Moment {
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Milliseconds since then.
    pub(crate) fn millis(self) -> f64 {
        self.elapsed().as_secs_f64() * 1e3
    }
}

/// Today, UTC: `2026-11-30`.
pub(crate) fn today() -> String {
    time::OffsetDateTime::now_utc().date().to_string()
}
