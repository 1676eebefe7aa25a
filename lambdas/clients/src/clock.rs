//! The clock: real time, or time that runs faster.

use crate::environment::Environment;
use crate::skipped::Skipped;
use operations::Error;
use operations::time::{Millis, Scale};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time that something else moves: a simulated world's.
pub trait Driver: std::fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Millis;
    /// Moves the time on.
    fn advance(&self, by: Duration);
}

/// The time of this process.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System(Scale, Option<Arc<Skipped>>),
    Driven(Arc<dyn Driver>),
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(Scale::REAL)
    }
}

impl Clock {
    /// The system clock on this scale.
    pub fn new(scale: Scale) -> Self {
        Self(Source::System(scale, None))
    }

    /// A clock on which waiting moves the time instead of taking any.
    pub fn driven(driver: Arc<dyn Driver>) -> Self {
        Self(Source::Driven(driver))
    }

    /// The clock that `OPS_TIME_SCALE`, `OPS_TIME_ORIGIN` and `OPS_TIME_SKIPPED_FILE` describe; real time without them.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the variable.
    pub fn of(environment: &Environment) -> Result<Self, Error> {
        let scale = Scale::parse(environment.get("OPS_TIME_SCALE"), environment.get("OPS_TIME_ORIGIN"))?;
        let skipped = environment.get("OPS_TIME_SKIPPED_FILE").map(Skipped::in_file).transpose()?;
        Ok(Self(Source::System(scale, skipped.map(Arc::new))))
    }

    /// Now.
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System(scale, skipped) => {
                scale.at(real_now()).saturating_add(skipped.as_ref().map_or(0, |skipped| skipped.now()))
            }
            Source::Driven(driver) => driver.now(),
        }
    }

    /// Waits until so much time has passed on this clock. Nothing is skipped meanwhile: whoever waits here has a task.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::System(scale, _) => tokio::time::sleep(scale.real(duration)).await,
            Source::Driven(driver) => {
                driver.advance(duration);
                tokio::task::yield_now().await;
            }
        }
    }
}

/// How much real time is left until a moment in real milliseconds since 1970, as the Lambda Runtime API gives
/// deadlines.
pub fn left_until(deadline_ms: u64) -> Duration {
    let now = u64::try_from(real_now()).unwrap_or(0);
    Duration::from_millis(deadline_ms.saturating_sub(now))
}

#[expect(clippy::disallowed_methods, reason = "this module owns the system clock of Lambdas and workers")]
fn real_now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_the_scale() {
        let origin = real_now() - 1_000;
        let text = origin.to_string();
        let environment = Environment::of([("OPS_TIME_SCALE", "1000"), ("OPS_TIME_ORIGIN", &text)]);
        let fast = Clock::of(&environment).unwrap();
        assert!(fast.now() >= origin + 1_000_000);
        assert!(Clock::of(&Environment::default()).unwrap().now() >= origin + 1_000);
        assert!(Clock::of(&Environment::of([("OPS_TIME_SCALE", "soon")])).is_err());
    }
}
