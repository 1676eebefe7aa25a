//! What causes the problem: the action should fit the cause, not the symptom.

use crate::catalogue::{Entry, Resource, Slo};
use crate::error::{Error, Kind};
use crate::field::Object;
use crate::snapshot::{Deployment, Evidence, Snapshot};
use crate::time::Millis;
use serde::Serialize;
use serde_json::{Value, json};

/// A deployment this young may be the cause, in milliseconds.
const RECENT_MS: Millis = 60 * 60_000;
/// Data points within the objective that must precede a deployment before it is blamed.
const GOOD_BEFORE: usize = 3;
/// Processor utilisation from which a service counts as saturated, in percent.
const SATURATED_CPU: f64 = 75.0;
/// Processor utilisation up to which a slow service counts as waiting for something else, in percent.
const IDLE_CPU: f64 = 60.0;
/// Processor utilisation of a database from which its callers wait for it, in percent.
const BUSY_DATABASE_CPU: f64 = 90.0;
/// Processor utilisation of a database from which it has no headroom for cache misses, in percent.
pub const DATABASE_HEADROOM_CPU: f64 = 60.0;

/// The likely cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// More load than capacity.
    Saturation,
    /// Tasks that hang or die.
    FailedTasks,
    /// Something the target depends on.
    Downstream,
    /// A deployment shortly before the onset.
    RecentDeployment,
    /// None of these.
    Unknown,
}

impl Cause {
    const ALL: [(Cause, &'static str); 5] = [
        (Cause::Saturation, "saturation"),
        (Cause::FailedTasks, "failed-tasks"),
        (Cause::Downstream, "downstream"),
        (Cause::RecentDeployment, "recent-deployment"),
        (Cause::Unknown, "unknown"),
    ];
}

/// A diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The likely cause.
    pub cause: Cause,
    /// How sure the rules are, 0 to 1.
    pub confidence: f64,
    /// Whether the target waits for something that more capacity would only load further.
    pub downstream_bound: bool,
    /// Whether a deployment of the target is running.
    pub deployment_in_progress: bool,
    /// The newest deployment of the last hour.
    pub recent_deployment: Option<Deployment>,
    /// The newest values.
    pub snapshot: Value,
    /// The facts.
    pub evidence: Vec<Evidence>,
}

impl Diagnosis {
    /// Reads back what later steps need of a diagnosis; its evidence and deployment are not read.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let body = Object::of(value, "diagnosis", Kind::InvalidInput)?;
        let name = body.text("cause")?;
        let cause = Cause::ALL.into_iter().find(|(_, known)| *known == name).map(|(cause, _)| cause);
        let confidence = body.optional_number("confidence")?.unwrap_or(0.0);
        Ok(Self {
            cause: cause.ok_or_else(|| body.error("cause", &format!("{name:?} is no cause that a diagnosis names")))?,
            confidence,
            downstream_bound: body.flag("downstreamBound")?,
            deployment_in_progress: body.flag("deploymentInProgress")?,
            recent_deployment: None,
            snapshot: body.get("snapshot").cloned().unwrap_or_else(|| json!({})),
            evidence: Vec::new(),
        })
    }

    /// Reads the optional field `diagnosis` of a payload.
    ///
    /// # Errors
    /// As [`Diagnosis::parse`].
    pub fn of_payload(payload: &Value) -> Result<Option<Self>, Error> {
        payload.get("diagnosis").filter(|value| !value.is_null()).map(Self::parse).transpose()
    }

    /// A number of the snapshot, absent when it had no data.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.snapshot.get(name).and_then(Value::as_f64)
    }

    /// Whether the database behind a cache is known to have no headroom for misses.
    pub fn database_busy(&self) -> bool {
        self.value("databaseCpuPercent").is_some_and(|percent| percent >= DATABASE_HEADROOM_CPU)
    }
}

/// Judges a snapshot by rules, the most specific first.
pub fn diagnose(entry: &Entry, snapshot: &Snapshot) -> Diagnosis {
    let (cause, confidence) = match &entry.resource {
        Resource::EcsService(_) => service_cause(entry, snapshot),
        Resource::Database(_) | Resource::Cache(_) => store_cause(entry, snapshot),
        Resource::Other(_) => (Cause::Unknown, 0.0),
    };
    let service = snapshot.service.as_ref();
    Diagnosis {
        cause,
        confidence,
        downstream_bound: cause == Cause::Downstream,
        deployment_in_progress: service.is_some_and(|service| service.deploying()),
        recent_deployment: recent_deployment(snapshot).cloned(),
        snapshot: snapshot.summary(),
        evidence: snapshot.evidence(),
    }
}

fn service_cause(entry: &Entry, snapshot: &Snapshot) -> (Cause, f64) {
    if recent_deployment(snapshot).is_some_and(|deployment| began_with(deployment, &entry.slo, snapshot)) {
        return (Cause::RecentDeployment, 0.9);
    }
    let cpu = snapshot.readings.get("cpu").fresh(snapshot.at);
    let saturated = cpu.is_some_and(|cpu| cpu >= SATURATED_CPU);
    if tasks_failing(snapshot) {
        // Overloaded tasks fail their health checks too: then capacity may be the better answer.
        return (Cause::FailedTasks, if saturated { 0.6 } else { 0.9 });
    }
    if saturated {
        return (Cause::Saturation, 0.9);
    }
    let slow = entry.slo.latency_p95_ms.and_then(|limit| snapshot.readings.latency_ms().above(limit, snapshot.at));
    let database = snapshot.readings.get("database").fresh(snapshot.at);
    if slow == Some(true)
        && cpu.is_some_and(|cpu| cpu < IDLE_CPU)
        && database.is_some_and(|cpu| cpu >= BUSY_DATABASE_CPU)
    {
        return (Cause::Downstream, 0.8);
    }
    if slow == Some(true) { (Cause::Saturation, 0.5) } else { (Cause::Unknown, 0.3) }
}

fn tasks_failing(snapshot: &Snapshot) -> bool {
    let unhealthy = snapshot.targets.is_some_and(|targets| targets.unhealthy > 0);
    let missing =
        snapshot.service.as_ref().is_some_and(|service| service.running < service.desired && !service.deploying());
    unhealthy || missing
}

fn store_cause(entry: &Entry, snapshot: &Snapshot) -> (Cause, f64) {
    let limit = entry.slo.cpu_percent.unwrap_or(80.0);
    let cpu = snapshot.readings.get("cpu").above(limit, snapshot.at);
    let memory = snapshot.readings.get("memory").above(entry.slo.memory_percent.unwrap_or(90.0), snapshot.at);
    if cpu == Some(true) || memory == Some(true) { (Cause::Saturation, 0.85) } else { (Cause::Unknown, 0.3) }
}

fn recent_deployment(snapshot: &Snapshot) -> Option<&Deployment> {
    let newest = snapshot.service.as_ref()?.deployments.iter().max_by_key(|deployment| deployment.created_at)?;
    (snapshot.at - newest.created_at <= RECENT_MS).then_some(newest)
}

/// Whether the problem began with this deployment: enough good points before it, and bad ones now.
fn began_with(deployment: &Deployment, slo: &Slo, snapshot: &Snapshot) -> bool {
    let pairs = [
        (slo.latency_p95_ms, snapshot.readings.latency_ms()),
        (slo.error_rate_percent, snapshot.readings.error_percent()),
    ];
    pairs.into_iter().any(|(limit, series)| {
        let Some(limit) = limit else { return false };
        let before = series.before(deployment.created_at);
        let newest_before = before.points().iter().rev().take(GOOD_BEFORE);
        let good = newest_before.filter(|(_, value)| *value <= limit).count() == GOOD_BEFORE;
        good && series.since(deployment.created_at).above(limit, snapshot.at) == Some(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use crate::metrics::Series;
    use crate::snapshot::{Service, Targets};

    const NOW: Millis = 3_600_000;

    fn snapshot(cpu: f64, latency: f64) -> Snapshot {
        let service = Service { desired: 4, running: 4, status: "ACTIVE".into(), ..Service::default() };
        let mut snapshot = Snapshot { at: NOW, service: Some(service), ..Snapshot::default() };
        snapshot.readings.insert("cpu", Series::new([(NOW - 60_000, cpu)]));
        snapshot.readings.insert("latency", Series::new([(NOW - 60_000, latency)]));
        snapshot
    }

    fn cause(snapshot: &Snapshot) -> Diagnosis {
        diagnose(&samples::entry(samples::api()), snapshot)
    }

    #[test]
    fn load_above_capacity_is_saturation() {
        let diagnosis = cause(&snapshot(93.0, 1.2));
        assert_eq!((diagnosis.cause, diagnosis.confidence), (Cause::Saturation, 0.9));
        assert!(!diagnosis.downstream_bound);
    }

    #[test]
    fn unhealthy_targets_are_failed_tasks() {
        let mut hung = snapshot(20.0, 0.9);
        hung.targets = Some(Targets { healthy: 1, unhealthy: 2, other: 0 });
        assert_eq!(cause(&hung).cause, Cause::FailedTasks);
    }

    #[test]
    fn a_slow_idle_service_with_a_busy_database_is_bound_downstream() {
        let mut slow = snapshot(20.0, 0.9);
        assert_eq!(cause(&slow).cause, Cause::Saturation, "without a busy database only the latency is known");
        slow.readings.insert("database", Series::new([(NOW - 60_000, 97.0)]));
        let diagnosis = cause(&slow);
        assert_eq!(diagnosis.cause, Cause::Downstream);
        assert!(diagnosis.downstream_bound);
    }

    #[test]
    fn a_deployment_is_blamed_only_if_all_was_well_before() {
        let mut bad = snapshot(93.0, 1.2);
        let created_at = NOW - 5 * 60_000;
        bad.service.as_mut().unwrap().deployments = vec![Deployment {
            id: "d".into(),
            status: "PRIMARY".into(),
            rollout_state: "COMPLETED".into(),
            created_at,
            task_definition: "api:7".into(),
        }];
        assert_eq!(cause(&bad).cause, Cause::Saturation, "nothing is known about the time before");
        assert_eq!(cause(&bad).recent_deployment.unwrap().id, "d");
        let before = (1..=3).map(|minute| (created_at - minute * 60_000, 0.2));
        bad.readings.insert("latency", Series::new(before.chain([(NOW - 60_000, 1.2)])));
        assert_eq!(cause(&bad).cause, Cause::RecentDeployment);
        bad.at = NOW + RECENT_MS;
        assert_eq!(cause(&bad).recent_deployment, None);
    }

    #[test]
    fn what_later_steps_need_reads_back() {
        let written = serde_json::to_value(cause(&snapshot(93.0, 1.2))).unwrap();
        assert_eq!(written["cause"], "saturation");
        assert_eq!(written["recentDeployment"], Value::Null);
        let read = Diagnosis::parse(&written).unwrap();
        assert_eq!(read.cause, Cause::Saturation);
        assert_eq!(read.value("cpuPercent"), Some(93.0));
        assert!(Diagnosis::parse(&json!({"cause": "gremlins"})).is_err());
    }
}
