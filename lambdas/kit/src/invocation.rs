//! One call of a function, and the time it has.

use std::time::Duration;
use tokio::time::Instant;

/// How long before its deadline a function gives up, so that its failure has a name.
const MARGIN: Duration = Duration::from_millis(300);

/// One call of a function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation {
    deadline: Instant,
}

impl Invocation {
    /// A call that has so much time.
    pub fn within(time: Duration) -> Self {
        Self { deadline: Instant::now() + time }
    }

    /// How much real time is left, a margin for answering taken off.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN)
    }
}
