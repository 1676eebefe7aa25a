//! What is true now about a target: the facts that symptom and diagnosis judge.

use crate::metrics::Readings;
use crate::time::{self, Millis};
use serde::Serialize;
use serde_json::{Value, json};

/// One fact that a judgement rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// `metric`, `api` or `probe`.
    pub kind: &'static str,
    /// Where the fact was read.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The value read.
    pub value: Value,
    /// When, as RFC 3339 text.
    pub at: String,
}

impl Evidence {
    /// A metric's value; rounded to three decimals, which is what a person reads.
    pub fn metric(reference: &str, value: f64, at: Millis) -> Self {
        let rounded = (value * 1000.0).round() / 1000.0;
        Self { kind: "metric", reference: reference.to_owned(), value: json!(rounded), at: time::text(at) }
    }

    /// A fact from a describe call.
    pub fn api(reference: &str, value: Value, at: Millis) -> Self {
        Self { kind: "api", reference: reference.to_owned(), value, at: time::text(at) }
    }

    /// A fact from asking the thing itself.
    pub fn probe(reference: &str, value: Value, at: Millis) -> Self {
        Self { kind: "probe", reference: reference.to_owned(), value, at: time::text(at) }
    }
}

/// A deployment of a service of ECS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// The deployment's id.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// `COMPLETED`, `IN_PROGRESS` or `FAILED`; empty when the service does not say.
    pub rollout_state: String,
    /// When it was created, in milliseconds since 1970.
    pub created_at: Millis,
    /// The task definition it runs.
    pub task_definition: String,
}

/// The state of a service of ECS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// How many tasks are wanted.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many start.
    pub pending: u32,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// Its deployments, newest first.
    pub deployments: Vec<Deployment>,
}

impl Service {
    /// The primary deployment.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    /// Whether a deployment is running: an older one still drains, or the primary one has not completed.
    pub fn deploying(&self) -> bool {
        let live = self.deployments.iter().filter(|deployment| deployment.status != "INACTIVE").count();
        live > 1 || self.primary().is_some_and(|primary| primary.rollout_state == "IN_PROGRESS")
    }
}

/// How many targets of a target group are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Targets {
    /// `healthy`.
    pub healthy: u32,
    /// `unhealthy`, `unavailable` or `unhealthy.draining`.
    pub unhealthy: u32,
    /// `initial`, `draining` and `unused`.
    pub other: u32,
}

impl Targets {
    /// Counts a target by the state's name.
    pub fn count(&mut self, state: &str) {
        match state {
            "healthy" => self.healthy += 1,
            "unhealthy" | "unavailable" | "unhealthy.draining" => self.unhealthy += 1,
            _ => self.other += 1,
        }
    }
}

/// The state of a database or a cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    /// `available`, `modifying` and so on.
    pub status: String,
    /// The instance class or node type.
    pub class: String,
    /// Whether changes are pending.
    pub pending: bool,
}

/// Everything read about a target at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// When it was read, in milliseconds since 1970.
    pub at: Millis,
    /// The service, for a target of kind `ecs-service`.
    pub service: Option<Service>,
    /// Its targets, where the catalogue names a target group.
    pub targets: Option<Targets>,
    /// The database instance or replication group, for those kinds.
    pub store: Option<Store>,
    /// The identifier of the database whose processor is read as `database`: the one the target depends on.
    pub database_id: Option<String>,
    /// The metrics of the last hour.
    pub readings: Readings,
}

impl Snapshot {
    /// The newest values as flat JSON; what was not read or has no fresh data is absent.
    pub fn summary(&self) -> Value {
        let mut summary = serde_json::Map::new();
        summary.insert("at".into(), json!(time::text(self.at)));
        if let Some(service) = &self.service {
            summary.insert("desired".into(), json!(service.desired));
            summary.insert("running".into(), json!(service.running));
            summary.insert("pending".into(), json!(service.pending));
        }
        if let Some(targets) = &self.targets {
            summary.insert("healthyTargets".into(), json!(targets.healthy));
            summary.insert("unhealthyTargets".into(), json!(targets.unhealthy));
        }
        if let Some(store) = &self.store {
            summary.insert("status".into(), json!(store.status));
            summary.insert("class".into(), json!(store.class));
        }
        if let Some(id) = &self.database_id {
            summary.insert("databaseId".into(), json!(id));
        }
        for (name, value) in self.values() {
            summary.insert(name.into(), json!((value * 1000.0).round() / 1000.0));
        }
        Value::Object(summary)
    }

    /// The fresh values by the names they have in a summary.
    fn values(&self) -> Vec<(&'static str, f64)> {
        let readings = &self.readings;
        let series = [
            ("latencyP95Ms", readings.latency_ms()),
            ("errorRatePercent", readings.error_percent()),
            ("cpuPercent", readings.get("cpu")),
            ("memoryPercent", readings.get("memory")),
            ("requestsPerMinute", readings.get("requests")),
            ("connections", readings.get("connections")),
            ("hitRatePercent", readings.get("hits")),
            ("evictions", readings.get("evictions")),
            ("databaseCpuPercent", readings.get("database")),
        ];
        series.into_iter().filter_map(|(name, series)| series.fresh(self.at).map(|value| (name, value))).collect()
    }

    /// The facts as evidence.
    pub fn evidence(&self) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        if let Some(service) = &self.service {
            let counts = json!({"desired": service.desired, "running": service.running, "pending": service.pending});
            evidence.push(Evidence::api("ecs:DescribeServices", counts, self.at));
        }
        if let Some(targets) = &self.targets {
            let counts = json!({"healthy": targets.healthy, "unhealthy": targets.unhealthy});
            evidence.push(Evidence::api("elasticloadbalancing:DescribeTargetHealth", counts, self.at));
        }
        if let Some(store) = &self.store {
            let state = json!({"status": store.status, "class": store.class});
            // Node types of ElastiCache begin with `cache.`, instance classes of RDS with `db.`.
            let cache = store.class.starts_with("cache.");
            let call = if cache { "elasticache:DescribeReplicationGroups" } else { "rds:DescribeDBInstances" };
            evidence.push(Evidence::api(call, state, self.at));
        }
        evidence.extend(self.values().into_iter().map(|(name, value)| Evidence::metric(name, value, self.at)));
        evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Series;

    fn deployment(status: &str, rollout: &str) -> Deployment {
        Deployment {
            id: "d".into(),
            status: status.into(),
            rollout_state: rollout.into(),
            created_at: 0,
            task_definition: "t".into(),
        }
    }

    #[test]
    fn a_service_deploys_while_an_old_deployment_lives_or_the_new_one_rolls() {
        let with = |deployments| Service { deployments, ..Service::default() };
        assert!(!with(vec![deployment("PRIMARY", "COMPLETED")]).deploying());
        assert!(with(vec![deployment("PRIMARY", "IN_PROGRESS")]).deploying());
        assert!(with(vec![deployment("PRIMARY", "COMPLETED"), deployment("ACTIVE", "COMPLETED")]).deploying());
        assert!(!with(vec![deployment("PRIMARY", ""), deployment("INACTIVE", "")]).deploying());
    }

    #[test]
    fn the_summary_leaves_out_what_has_no_fresh_data() {
        let mut snapshot = Snapshot { at: 600_000, ..Snapshot::default() };
        snapshot.readings.insert("cpu", Series::new([(540_000, 91.23456)]));
        snapshot.readings.insert("latency", Series::new([(0, 0.8)]));
        let summary = snapshot.summary();
        assert_eq!(summary["cpuPercent"], json!(91.235));
        assert_eq!(summary.get("latencyP95Ms"), None);
        assert_eq!(snapshot.evidence().len(), 1);
    }
}
