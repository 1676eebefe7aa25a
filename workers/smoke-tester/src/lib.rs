//! Activity worker `smoke-tester`: asks green, the new revision, what the catalogue's smoke test says, judges its
//! answers, and compares them with blue's on the same requests.
//!
//! Every request has a connection of its own. What it takes is measured in real milliseconds, whatever the scale of
//! the clock: the connections are real. A task that is dropped leaves nothing behind but requests that were sent;
//! one that is handed out again begins anew, which is harmless because it judges and changes nothing.

mod connection;
mod tls;

use clients::{Clock, Environment};
use futures::StreamExt;
use operations::Error;
use operations::probe::{Attempt, Check, MARKER, Observed, Place, Side, Smoke, report};
use serde_json::Value;
use tls::Tls;
use worker_kit::{Activity, Task};

/// The activity.
#[derive(Debug, Clone)]
pub struct SmokeTester {
    tls: Tls,
    clock: Clock,
}

impl SmokeTester {
    /// The activity; `SMOKE_CA_FILE` names a PEM file of authorities to trust besides the system's.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the variable when the file has no certificates.
    pub fn new(environment: &Environment, clock: Clock) -> Result<Self, Error> {
        Ok(Self { tls: Tls::new(environment)?, clock })
    }

    /// Asks everything of one endpoint: the rounds, then the pairs while they are worth it.
    async fn observe(&self, smoke: &Smoke, marker: &str, check: Check, task: &Task) -> Observed {
        let ask = async |check: &Check, place: &Place, side: Side| {
            let outcome = connection::exchange(&self.tls, place, &check.request, marker, smoke.plan.timeout).await;
            Attempt::judged(check, side, outcome)
        };
        let mut observed = Observed::new(check.clone());
        for _ in 0..smoke.plan.rounds {
            observed.round(ask(&check, &smoke.green, Side::Green).await);
        }
        task.beat();
        if let Some(place) = &smoke.blue {
            while observed.wants_pair(&smoke.plan) {
                let (green, blue) = if observed.green_first() {
                    let green = ask(&check, &smoke.green, Side::Green).await;
                    (green, ask(&check, place, Side::Blue).await)
                } else {
                    let blue = ask(&check, place, Side::Blue).await;
                    (ask(&check, &smoke.green, Side::Green).await, blue)
                };
                observed.pair(green, blue);
            }
            task.beat();
        }
        tracing::info!(
            target = smoke.target,
            endpoint = check.request.name,
            attempts = observed.green.len(),
            health = observed.health().name(),
            "asked"
        );
        observed
    }

    /// The value of the marker header: the caller's, or one that tells this test from others.
    fn marker(&self, smoke: &Smoke) -> String {
        let plain = |character: char| if character.is_ascii_graphic() { character } else { '-' };
        smoke
            .marker
            .clone()
            .unwrap_or_else(|| format!("{}-{}-{}", smoke.target, smoke.stage, self.clock.now()))
            .chars()
            .map(plain)
            .collect()
    }
}

impl Activity for SmokeTester {
    async fn run(&self, input: Value, task: &Task) -> Result<Value, Error> {
        let smoke = Smoke::parse(&input)?;
        let marker = self.marker(&smoke);
        tracing::info!(target = smoke.target, stage = smoke.stage, marker, "{MARKER} marks the requests");
        let concurrency = smoke.plan.concurrency as usize;
        let observed: Vec<_> = futures::stream::iter(smoke.checks())
            .map(|check| self.observe(&smoke, &marker, check, task))
            .buffered(concurrency)
            .collect()
            .await;
        let report = report(&smoke, &observed, self.clock.now());
        tracing::info!(target = smoke.target, verdict = report["verdict"].as_str(), "judged");
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
