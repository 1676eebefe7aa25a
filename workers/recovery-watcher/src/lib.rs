//! Activity worker `recovery-watcher`: watches what an action did until it is good for some checks in a row, or its
//! deadline passes.
//!
//! A Lambda could not: recoveries take longer than a function may. What cannot be read counts as unknown, and what
//! is unknown never passes.

mod check;

use clients::redis::Connector;
use clients::{Clock, Environment};
use operations::Error;
use operations::catalogue::Entry;
use operations::error::{Class, Kind};
use operations::snapshot::Evidence;
use operations::verify::{Finding, Horizon, Outcome, Request, Tracker};
use serde_json::{Value, json};
use std::time::Duration;
use worker_kit::{Activity, Task};

/// The activity.
#[derive(Debug, Clone)]
pub struct RecoveryWatcher {
    environment: Environment,
    clock: Clock,
    ecs: aws_sdk_ecs::Client,
    balancer: aws_sdk_elasticloadbalancingv2::Client,
    metrics: aws_sdk_cloudwatch::Client,
    rds: aws_sdk_rds::Client,
    cache: aws_sdk_elasticache::Client,
    redis: Connector,
}

impl RecoveryWatcher {
    /// The activity with its clients.
    pub fn new(aws: &aws_types::SdkConfig, environment: Environment, clock: Clock) -> Self {
        Self {
            redis: Connector::new(aws, environment.clone()),
            environment,
            clock,
            ecs: aws_sdk_ecs::Client::new(aws),
            balancer: aws_sdk_elasticloadbalancingv2::Client::new(aws),
            metrics: aws_sdk_cloudwatch::Client::new(aws),
            rds: aws_sdk_rds::Client::new(aws),
            cache: aws_sdk_elasticache::Client::new(aws),
        }
    }

    /// Checks until the watch is decided.
    ///
    /// # Errors
    /// `Ops.VerificationFailed` with the last reasons; `Ops.AccessDenied` and `Ops.ConfigInvalid` at once, because
    /// waiting cures neither.
    async fn watch(&self, request: &Request, entry: &Entry, task: &Task) -> Result<Value, Error> {
        let started = self.clock.now();
        let mut tracker = Tracker::new(request, started);
        let mut horizon = Horizon::new(started);
        loop {
            let finding = match self.check(request, entry, &mut horizon).await {
                Ok(finding) => finding,
                Err(error) if error.class() == Class::Operator => return Err(error),
                Err(error) => Finding::unknown(format!("{}: {error}", error.name())),
            };
            task.beat();
            let outcome = tracker.observe(&finding, self.clock.now());
            tracing::info!(
                target = entry.catalog_id,
                check = tracker.made(),
                good = tracker.good(),
                reasons = finding.reasons.join("; "),
                "checked"
            );
            match outcome {
                Outcome::Continue => self.clock.sleep(Duration::from_secs(request.interval_seconds.into())).await,
                Outcome::Recovered(evidence) => return Ok(recovered(&tracker, &evidence)),
                Outcome::Failed(error) => return Err(error),
            }
        }
    }
}

fn recovered(tracker: &Tracker, evidence: &[Evidence]) -> Value {
    json!({"recovered": true, "checks": tracker.made(), "evidence": evidence})
}

impl Activity for RecoveryWatcher {
    async fn run(&self, input: Value, task: &Task) -> Result<Value, Error> {
        let request = Request::parse(&input)?;
        let entry = input
            .get("entry")
            .filter(|entry| !entry.is_null())
            .ok_or_else(|| Error::new(Kind::InvalidInput, "entry is missing: pass the catalogue item of the target"))?;
        self.watch(&request, &Entry::parse(entry)?, task).await
    }
}

#[cfg(test)]
mod tests;
