//! Throttling as AWS does it, where it is wanted: a token bucket for each operation, in the engine's time.

mod aws;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use engine::Engine;
use execution::Millis;
use serde_json::Value as Json;

use crate::fault::Fault;
use crate::operation::OPERATIONS;

/// The bucket of StartExecution for EXPRESS state machines, which is one of its own.
const EXPRESS: &str = "StartExecution:EXPRESS";

/// How many requests are answered: as many at once as the bucket holds, and as many per second as it is refilled with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Requests at once.
    pub size: u32,
    /// Requests per second.
    pub refill: f64,
}

/// The buckets of the operations; an operation without one is not throttled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Throttle {
    buckets: BTreeMap<&'static str, Bucket>,
}

impl Throttle {
    /// No throttling.
    #[must_use]
    pub const fn none() -> Self {
        Self { buckets: BTreeMap::new() }
    }

    /// What AWS gives an account in `region`.
    #[must_use]
    pub fn aws(region: &str) -> Self {
        Self { buckets: aws::buckets(region).collect() }
    }

    /// Gives `operation` this bucket; `StartExecution:EXPRESS` is that of StartExecution for EXPRESS state machines.
    ///
    /// # Errors
    /// There is no such operation: the names of those that there are.
    pub fn set(&mut self, operation: &str, bucket: Bucket) -> Result<(), String> {
        let known = OPERATIONS.iter().map(crate::operation::Operation::name).chain([EXPRESS]);
        let Some(name) = known.clone().find(|name| *name == operation) else {
            let names = known.collect::<Vec<_>>().join(", ");
            return Err(format!("'{operation}' is no operation; use one of {names}"));
        };
        self.buckets.insert(name, bucket);
        Ok(())
    }

    /// The bucket of an operation.
    #[must_use]
    pub fn bucket(&self, operation: &str) -> Option<Bucket> {
        self.buckets.get(operation).copied()
    }
}

/// The buckets as they are filled now.
#[derive(Debug)]
pub(crate) struct Buckets {
    throttle: Throttle,
    levels: Mutex<BTreeMap<&'static str, Level>>,
}

/// How full a bucket was, and when.
#[derive(Clone, Copy, Debug)]
struct Level {
    tokens: f64,
    at: Millis,
}

impl Buckets {
    pub(crate) const fn new(throttle: Throttle) -> Self {
        Self { throttle, levels: Mutex::new(BTreeMap::new()) }
    }

    /// Takes a token for a request with this body.
    ///
    /// # Errors
    /// `ThrottlingException`: there is none.
    pub(crate) fn take(&self, engine: &Engine, operation: &str, body: &Json) -> Result<(), Fault> {
        if self.throttle.buckets.is_empty() {
            return Ok(());
        }
        let express = operation == "StartExecution" && starts_express(engine, body);
        self.take_at(if express { EXPRESS } else { operation }, engine.now())
    }

    fn take_at(&self, operation: &str, now: Millis) -> Result<(), Fault> {
        let Some((name, bucket)) = self.throttle.buckets.get_key_value(operation) else { return Ok(()) };
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let full = f64::from(bucket.size);
        let level = levels.entry(name).or_insert(Level { tokens: full, at: now });
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of centuries fit a double exactly")]
        let passed = (now - level.at).max(0) as f64 / 1000.0;
        *level = Level { tokens: passed.mul_add(bucket.refill, level.tokens).min(full), at: now };
        if level.tokens < 1.0 {
            return Err(Fault::caller("ThrottlingException", "Rate exceeded"));
        }
        level.tokens -= 1.0;
        Ok(())
    }
}

/// Whether a StartExecution names an EXPRESS state machine, or a version or an alias of one.
fn starts_express(engine: &Engine, body: &Json) -> bool {
    let Some(arn) = body.get("stateMachineArn").and_then(Json::as_str) else { return false };
    let end = arn.match_indices(':').nth(6).map_or(arn.len(), |(at, _)| at);
    engine.describe_state_machine(&arn[..end]).is_ok_and(|machine| machine.kind == asl::ExecutionType::Express)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(operation: &str, size: u32, refill: f64) -> Buckets {
        let mut throttle = Throttle::none();
        throttle.set(operation, Bucket { size, refill }).unwrap();
        Buckets::new(throttle)
    }

    #[test]
    fn a_bucket_holds_a_burst_and_is_refilled_up_to_its_size() {
        let buckets = buckets("ListActivities", 3, 2.0);
        let taken = |now| (0..10).filter(|_| buckets.take_at("ListActivities", now).is_ok()).count();
        assert_eq!((taken(0), taken(499), taken(500), taken(1500), taken(1_000_000)), (3, 0, 1, 2, 3));
        let refused = buckets.take_at("ListActivities", 1_000_000).unwrap_err();
        assert_eq!((&*refused.code, &*refused.message, refused.status), ("ThrottlingException", "Rate exceeded", 400));
        assert!(buckets.take_at("ListStateMachines", 0).is_ok(), "one without a bucket");
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_gives_nothing() {
        let buckets = buckets("ListActivities", 1, 1000.0);
        assert!(buckets.take_at("ListActivities", 5000).is_ok());
        assert!(buckets.take_at("ListActivities", 5000).is_err() && buckets.take_at("ListActivities", 0).is_err());
    }

    #[test]
    fn operations_are_named_as_they_are() {
        let unknown = Throttle::none().set("Fly", Bucket { size: 1, refill: 1.0 }).unwrap_err();
        assert!(unknown.starts_with("'Fly' is no operation; use one of CreateActivity, "), "{unknown}");
    }

    #[test]
    fn awss_buckets_are_larger_in_three_regions() {
        let (large, small) = (Throttle::aws("us-east-1"), Throttle::aws("eu-central-1"));
        assert_eq!(large.bucket("StartExecution"), Some(Bucket { size: 1300, refill: 300.0 }));
        assert_eq!(small.bucket("StartExecution"), Some(Bucket { size: 800, refill: 150.0 }));
        assert_eq!(large.bucket(EXPRESS), small.bucket(EXPRESS));
        assert!(large.bucket("StartSyncExecution").is_none());
        for (name, _) in aws::buckets("us-east-1") {
            assert!(Throttle::none().set(name, Bucket { size: 1, refill: 1.0 }).is_ok(), "{name}");
        }
    }
}
