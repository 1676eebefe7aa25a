//! Did the action help? Consecutive good checks before a deadline; what is not known never counts as good.

use crate::catalogue::Entry;
use crate::error::{Error, Kind};
use crate::field::Object;
use crate::metrics::Readings;
use crate::snapshot::{Evidence, Service, Store, Targets};
use crate::symptom;
use crate::time::Millis;
use serde::Serialize;
use serde_json::Value;

/// The period of data points.
const PERIOD_MS: Millis = crate::metrics::PERIOD_SECONDS as Millis * 1000;

/// The metrics that a watch can ask for.
const METRICS: [&str; 5] = ["latency", "errors", "cpu", "memory", "database"];

/// What to watch for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "watch", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Watch {
    /// A service's tasks are replaced.
    EcsRollout {
        /// The primary deployment before the action; absent when tasks are replaced without a deployment.
        #[serde(skip_serializing_if = "Option::is_none")]
        previous_deployment: Option<String>,
        /// The ids of the tasks that must be gone.
        previous_tasks: Vec<String>,
    },
    /// A service runs at least so many tasks.
    EcsCapacity {
        /// How many.
        desired_count: u32,
    },
    /// A database instance is available with a class.
    RdsInstance {
        /// The class.
        instance_class: String,
    },
    /// A replication group is available with a node type.
    Elasticache {
        /// The node type.
        node_type: String,
    },
    /// A cache answers and its namespace has a version.
    CacheNamespace {
        /// The key that holds the version; absent after a deletion by prefix.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The least version.
        version: i64,
    },
}

/// A watch request: what a plan asks the recovery watcher for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What to watch for.
    #[serde(flatten)]
    pub watch: Watch,
    /// How many consecutive checks must be good.
    pub checks: u32,
    /// Seconds between checks.
    pub interval_seconds: u32,
    /// Seconds after which the watch fails.
    pub deadline_seconds: u32,
    /// Metrics that must be within the objectives: `latency`, `errors`, `cpu`, `memory`, and `database` for the
    /// headroom of the database behind a cache.
    pub metrics: Vec<String>,
    /// The identifier of the database of the metric `database`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_id: Option<String>,
}

impl Request {
    /// A request of three checks, half a minute apart.
    pub fn new(watch: Watch, deadline_seconds: u32) -> Self {
        Self { watch, checks: 3, interval_seconds: 30, deadline_seconds, metrics: Vec::new(), database_id: None }
    }

    /// The request as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Reads a watch request; fields that are not the request's are ignored.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let body = Object::of(value, "", Kind::InvalidInput)?;
        let at_least_one = |name: &str, default: u32| match body.optional_count(name)?.unwrap_or(default) {
            0 => Err(body.error(name, "must be at least 1")),
            number => Ok(number),
        };
        let metrics = body.texts("metrics")?;
        if let Some(unknown) = metrics.iter().find(|name| !METRICS.contains(&name.as_str())) {
            return Err(body.error("metrics", &format!("has {unknown:?}; known are {}", METRICS.join(", "))));
        }
        let database_id = body.optional_text("databaseId")?.map(str::to_owned);
        if database_id.is_none() && metrics.iter().any(|name| name == "database") {
            return Err(body.error("databaseId", "is missing: the metric database needs it"));
        }
        Ok(Self {
            watch: watch(&body)?,
            checks: at_least_one("checks", 3)?,
            interval_seconds: at_least_one("intervalSeconds", 30)?,
            deadline_seconds: at_least_one("deadlineSeconds", 900)?,
            metrics,
            database_id,
        })
    }
}

fn watch(body: &Object<'_>) -> Result<Watch, Error> {
    Ok(match body.text("watch")? {
        "ecs-rollout" => Watch::EcsRollout {
            previous_deployment: body.optional_text("previousDeployment")?.map(str::to_owned),
            previous_tasks: body.texts("previousTasks")?,
        },
        "ecs-capacity" => Watch::EcsCapacity {
            desired_count: body
                .optional_count("desiredCount")?
                .ok_or_else(|| body.error("desiredCount", "is missing: add it"))?,
        },
        "rds-instance" => Watch::RdsInstance { instance_class: body.text("instanceClass")?.to_owned() },
        "elasticache" => Watch::Elasticache { node_type: body.text("nodeType")?.to_owned() },
        "cache-namespace" => Watch::CacheNamespace {
            key: body.optional_text("key")?.map(str::to_owned),
            version: body.optional_integer("version")?.unwrap_or(0),
        },
        other => {
            let known = "ecs-rollout, ecs-capacity, rds-instance, elasticache, cache-namespace";
            return Err(body.error("watch", &format!("must be one of {known}, not {other:?}")));
        }
    })
}

/// How one check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All is as wanted.
    Good,
    /// Something could not be read.
    Unknown,
    /// Something is not as wanted yet.
    Bad,
    /// Something failed for good; waiting cannot help.
    Hopeless,
}

/// One check's findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The worst of its parts.
    pub verdict: Verdict,
    /// What is not good, one sentence each.
    pub reasons: Vec<String>,
    /// The facts.
    pub evidence: Vec<Evidence>,
}

impl Default for Finding {
    fn default() -> Self {
        Self { verdict: Verdict::Good, reasons: Vec::new(), evidence: Vec::new() }
    }
}

impl Finding {
    /// A check that could not be made.
    pub fn unknown(reason: impl Into<String>) -> Self {
        let mut finding = Self::default();
        finding.worsen(Verdict::Unknown, reason);
        finding
    }

    /// Adds a part that is not good.
    pub fn worsen(&mut self, verdict: Verdict, reason: impl Into<String>) {
        self.verdict = self.verdict.max(verdict);
        self.reasons.push(reason.into());
    }

    fn require(&mut self, holds: bool, reason: impl FnOnce() -> String) {
        if !holds {
            self.worsen(Verdict::Bad, reason());
        }
    }

    /// Both findings: the worse verdict, all reasons, all facts.
    #[must_use]
    pub fn and(mut self, other: Finding) -> Finding {
        self.verdict = self.verdict.max(other.verdict);
        self.reasons.extend(other.reasons);
        self.evidence.extend(other.evidence);
        self
    }
}

/// Checks a rollout: the primary deployment is a new one and completed, no old task runs.
pub fn rollout(previous: Option<&str>, previous_tasks: &[String], service: &Service, tasks: &[String]) -> Finding {
    let mut finding = running(service, service.desired);
    match service.primary() {
        None => finding.worsen(Verdict::Unknown, "the service has no primary deployment"),
        Some(primary) => {
            if previous.is_some() && primary.rollout_state == "FAILED" {
                finding.worsen(Verdict::Hopeless, format!("deployment {} failed", primary.id));
            }
            finding.require(previous != Some(primary.id.as_str()), || "the new deployment has not begun".into());
            finding.require(!service.deploying(), || format!("deployment {} has not completed", primary.id));
        }
    }
    let old = tasks.iter().filter(|task| previous_tasks.contains(task)).count();
    finding.require(old == 0, || format!("{old} old tasks still run"));
    finding
}

/// Checks that at least `wanted` tasks run.
pub fn running(service: &Service, wanted: u32) -> Finding {
    let mut finding = Finding::default();
    finding.require(service.status == "ACTIVE", || format!("the service is {:?}, not ACTIVE", service.status));
    finding.require(service.running >= wanted, || format!("{} of {wanted} tasks run", service.running));
    finding
}

/// Checks that at least `wanted` targets are healthy and none is unhealthy.
pub fn targets(targets: &Targets, wanted: u32) -> Finding {
    let mut finding = Finding::default();
    finding.require(targets.healthy >= wanted, || format!("{} of {wanted} targets are healthy", targets.healthy));
    finding.require(targets.unhealthy == 0, || format!("{} targets are unhealthy", targets.unhealthy));
    finding
}

/// Checks that a database or cache is available with a class or node type.
pub fn store(store: &Store, class: &str) -> Finding {
    let mut finding = Finding::default();
    if store.status.starts_with("failed") || store.status == "create-failed" {
        finding.worsen(Verdict::Hopeless, format!("its status is {:?}", store.status));
    }
    finding.require(store.status == "available", || format!("its status is {:?}, not available", store.status));
    finding.require(store.class == class, || format!("it is a {}, not a {class} yet", store.class));
    finding.require(!store.pending, || "changes are pending".into());
    finding
}

/// Checks a namespace's version.
pub fn namespace(version: i64, wanted: i64) -> Finding {
    let mut finding = Finding::default();
    finding.require(version >= wanted, || format!("the namespace's version is {version}, not {wanted} yet"));
    finding
}

/// Checks metrics against the objectives, by the points whose period ended after `since`: older ones say nothing
/// about the action. A metric without such a point, or without an objective, is unknown.
pub fn metrics(entry: &Entry, wanted: &[String], readings: &Readings, since: Millis, now: Millis) -> Finding {
    let mut finding = Finding::default();
    for name in wanted {
        let (series, limit, unit) = match name.as_str() {
            "latency" => (readings.latency_ms(), entry.slo.latency_p95_ms, "ms"),
            "errors" => (readings.error_percent(), entry.slo.error_rate_percent, "%"),
            "cpu" => (readings.get("cpu"), Some(symptom::cpu_limit(entry)), "%"),
            "memory" => (readings.get("memory"), Some(symptom::memory_limit(entry)), "%"),
            _ => (readings.get("database"), Some(crate::diagnosis::DATABASE_HEADROOM_CPU), "%"),
        };
        let value = series.since(since - PERIOD_MS + 1).fresh(now);
        let (Some(value), Some(limit)) = (value, limit) else {
            finding.worsen(Verdict::Unknown, format!("{name} has no data since the action"));
            continue;
        };
        finding.evidence.push(Evidence::metric(name, value, now));
        finding.require(value <= limit, || format!("{name} is {value:.1} {unit}, the limit is {limit} {unit}"));
    }
    finding
}

/// From when on data points count.
///
/// For a service it is the action: it serves all the time. A store may be out of service while it changes, and idle
/// because of that: only whole periods after it is as wanted show that the problem is gone.
#[derive(Debug, Clone)]
pub struct Horizon {
    started: Millis,
    settled: Option<Millis>,
}

impl Horizon {
    /// The horizon of a watch that began at `started`.
    pub fn new(started: Millis) -> Self {
        Self { started, settled: None }
    }

    /// The time after which periods must end to count, given the state that a check found at `now`.
    pub fn since(&mut self, watch: &Watch, state: &Finding, now: Millis) -> Millis {
        if !matches!(watch, Watch::RdsInstance { .. } | Watch::Elasticache { .. }) {
            return self.started;
        }
        if state.verdict != Verdict::Good {
            self.settled = None;
        } else if self.settled.is_none() {
            self.settled = Some(now);
        }
        self.settled.unwrap_or(now) + PERIOD_MS
    }
}

/// Where a watch stands after a check.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Check again after the interval.
    Continue,
    /// Enough consecutive checks were good.
    Recovered(Vec<Evidence>),
    /// The deadline passed, or waiting cannot help.
    Failed(Error),
}

/// Counts consecutive good checks until enough or the deadline.
#[derive(Debug, Clone)]
pub struct Tracker {
    needed: u32,
    deadline: Millis,
    good: u32,
    made: u32,
}

impl Tracker {
    /// A tracker of a watch that began at `start`.
    pub fn new(request: &Request, start: Millis) -> Self {
        let deadline = start + Millis::from(request.deadline_seconds) * 1000;
        Self { needed: request.checks.max(1), deadline, good: 0, made: 0 }
    }

    /// How many checks were made.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// How many of the last checks were good in a row.
    pub fn good(&self) -> u32 {
        self.good
    }

    /// Counts a check that ended at `now`. A good check at or after the deadline still counts: it was begun before.
    pub fn observe(&mut self, finding: &Finding, now: Millis) -> Outcome {
        self.made += 1;
        self.good = if finding.verdict == Verdict::Good { self.good + 1 } else { 0 };
        if self.good >= self.needed {
            return Outcome::Recovered(finding.evidence.clone());
        }
        if finding.verdict == Verdict::Hopeless {
            return Outcome::Failed(self.failure("it cannot recover", finding));
        }
        if now >= self.deadline {
            return Outcome::Failed(self.failure("the deadline passed", finding));
        }
        Outcome::Continue
    }

    fn failure(&self, why: &str, finding: &Finding) -> Error {
        let reasons = if finding.reasons.is_empty() {
            format!("only {} of {} checks in a row were good", self.good, self.needed)
        } else {
            finding.reasons.join("; ")
        };
        Error::new(Kind::VerificationFailed, format!("{why} after {} checks: {reasons}", self.made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use crate::metrics::Series;
    use crate::snapshot::Deployment;
    use proptest::prelude::*;
    use serde_json::json;

    fn with(verdict: Verdict) -> Finding {
        let mut finding = Finding::default();
        if verdict != Verdict::Good {
            finding.worsen(verdict, "because");
        }
        finding
    }

    fn request() -> Request {
        Request::new(Watch::EcsCapacity { desired_count: 8 }, 600)
    }

    proptest! {
        #[test]
        fn recovery_is_exactly_enough_good_checks_in_a_row(
            verdicts in proptest::collection::vec(0usize..3, 1..40), needed in 1u32..5
        ) {
            let kinds = [Verdict::Good, Verdict::Unknown, Verdict::Bad];
            let request = Request { checks: needed, deadline_seconds: 3_600, ..request() };
            let mut tracker = Tracker::new(&request, 0);
            let mut row = 0;
            for (index, choice) in verdicts.iter().enumerate() {
                row = if *choice == 0 { row + 1 } else { 0 };
                let outcome = tracker.observe(&with(kinds[*choice]), index as i64);
                prop_assert_eq!(matches!(outcome, Outcome::Recovered(_)), row >= needed);
                if row >= needed {
                    break;
                }
            }
        }

        #[test]
        fn what_is_unknown_never_passes(count in 1usize..50) {
            let mut tracker = Tracker::new(&request(), 0);
            for index in 0..count {
                let outcome = tracker.observe(&with(Verdict::Unknown), index as i64 * 30_000);
                prop_assert!(!matches!(outcome, Outcome::Recovered(_)));
            }
        }
    }

    #[test]
    fn the_deadline_fails_with_the_last_reasons() {
        let mut tracker = Tracker::new(&request(), 0);
        assert_eq!(tracker.observe(&with(Verdict::Bad), 599_999), Outcome::Continue);
        let Outcome::Failed(error) = tracker.observe(&with(Verdict::Bad), 600_000) else { panic!("not failed") };
        assert_eq!(error.name(), "Ops.VerificationFailed");
        assert_eq!(error.message(), "the deadline passed after 2 checks: because");
    }

    #[test]
    fn a_failed_rollout_does_not_wait_for_the_deadline() {
        let mut service = Service { desired: 3, running: 3, status: "ACTIVE".into(), ..Service::default() };
        service.deployments = vec![Deployment {
            id: "new".into(),
            status: "PRIMARY".into(),
            rollout_state: "FAILED".into(),
            created_at: 1,
            task_definition: "t".into(),
        }];
        let finding = rollout(Some("old"), &[], &service, &[]);
        assert_eq!(finding.verdict, Verdict::Hopeless);
        assert!(matches!(Tracker::new(&request(), 0).observe(&finding, 1), Outcome::Failed(_)));
    }

    #[test]
    fn a_rollout_is_good_when_new_complete_and_free_of_old_tasks() {
        let primary = |id: &str, state: &str| Service {
            desired: 1,
            running: 1,
            pending: 0,
            status: "ACTIVE".into(),
            deployments: vec![Deployment {
                id: id.into(),
                status: "PRIMARY".into(),
                rollout_state: state.into(),
                created_at: 1,
                task_definition: "t".into(),
            }],
        };
        let old = ["a".to_owned()];
        let check = |service: &Service, task: &str| rollout(Some("old"), &old, service, &[task.to_owned()]).verdict;
        assert_eq!(check(&primary("new", "COMPLETED"), "b"), Verdict::Good);
        assert_eq!(check(&primary("new", "COMPLETED"), "a"), Verdict::Bad);
        assert_eq!(check(&primary("new", "IN_PROGRESS"), "b"), Verdict::Bad);
        assert_eq!(check(&primary("old", "COMPLETED"), "b"), Verdict::Bad);
    }

    #[test]
    fn metrics_from_before_the_action_prove_nothing() {
        let entry = samples::entry(samples::api());
        let mut readings = Readings::default();
        readings.insert("latency", Series::new([(0, 0.1)]));
        let wanted = ["latency".to_owned()];
        assert_eq!(metrics(&entry, &wanted, &readings, 60_000, 100_000).verdict, Verdict::Unknown);
        readings.insert("latency", Series::new([(0, 0.1), (60_000, 0.9)]));
        assert_eq!(metrics(&entry, &wanted, &readings, 60_000, 100_000).verdict, Verdict::Bad);
        readings.insert("latency", Series::new([(60_000, 0.3)]));
        assert_eq!(metrics(&entry, &wanted, &readings, 60_000, 100_000).verdict, Verdict::Good);
    }

    #[test]
    fn a_store_is_judged_by_whole_periods_since_it_is_as_wanted() {
        let watch = Watch::RdsInstance { instance_class: "db.r6g.xlarge".into() };
        let (entry, wanted) = (samples::entry(samples::database()), ["cpu".to_owned()]);
        let mut readings = Readings::default();
        // Idle during the failover, then as busy as before.
        readings.insert("cpu", Series::new([(0, 5.0), (60_000, 5.0)]));
        let mut horizon = Horizon::new(0);
        let since = horizon.since(&watch, &with(Verdict::Bad), 90_000);
        assert_eq!(metrics(&entry, &wanted, &readings, since, 90_000).verdict, Verdict::Unknown, "still changing");
        let since = horizon.since(&watch, &with(Verdict::Good), 119_000);
        assert_eq!(metrics(&entry, &wanted, &readings, since, 121_000).verdict, Verdict::Unknown, "from before");
        readings.insert("cpu", Series::new([(0, 5.0), (60_000, 5.0), (120_000, 95.0)]));
        assert_eq!(since, horizon.since(&watch, &with(Verdict::Good), 181_000), "it has been good since then");
        let busy = metrics(&entry, &wanted, &readings, since, 181_000);
        assert_eq!((busy.verdict, busy.reasons), (Verdict::Bad, vec!["cpu is 95.0 %, the limit is 80 %".to_owned()]));
        readings.insert("cpu", Series::new([(120_000, 70.0)]));
        let calm = metrics(&entry, &wanted, &readings, since, 181_000);
        assert_eq!((calm.verdict, calm.evidence.len()), (Verdict::Good, 1));
        // It is changed once more: what was seen before proves nothing.
        horizon.since(&watch, &with(Verdict::Bad), 190_000);
        let since = horizon.since(&watch, &with(Verdict::Good), 200_000);
        assert_eq!(metrics(&entry, &wanted, &readings, since, 200_000).verdict, Verdict::Unknown);
        let service = Watch::EcsCapacity { desired_count: 1 };
        assert_eq!(Horizon::new(7).since(&service, &with(Verdict::Bad), 9), 7, "a service serves all the time");
    }

    #[test]
    fn a_limit_that_the_catalogue_leaves_out_is_the_one_of_the_symptom() {
        let mut item = samples::database();
        item["slo"] = json!({});
        let mut readings = Readings::default();
        readings.insert("cpu", Series::new([(60_000, 80.5)]));
        let judged = metrics(&samples::entry(item), &["cpu".to_owned()], &readings, 60_000, 100_000);
        assert_eq!(judged.reasons, ["cpu is 80.5 %, the limit is 80 %"]);
    }

    #[test]
    fn requests_read_back_and_name_what_is_wrong() {
        let mut request = Request::new(
            Watch::EcsRollout { previous_deployment: Some("d".into()), previous_tasks: vec!["t".into()] },
            900,
        );
        request.metrics = vec!["latency".into()];
        let written = request.to_json();
        assert_eq!(written["watch"], "ecs-rollout");
        assert_eq!(Request::parse(&written).unwrap(), request);
        let refused = Request::parse(&json!({"watch": "moon"})).unwrap_err();
        assert!(refused.message().starts_with("watch must be one of ecs-rollout"), "{refused}");
        let refused = Request::parse(&json!({"watch": "elasticache"})).unwrap_err();
        assert_eq!(refused.message(), "nodeType is missing: add it");
        let nameless = json!({"watch": "cache-namespace", "metrics": ["database"]});
        let refused = Request::parse(&nameless).unwrap_err();
        assert_eq!(refused.message(), "databaseId is missing: the metric database needs it");
        let refused = Request::parse(&json!({"watch": "elasticache", "nodeType": "t", "checks": 0})).unwrap_err();
        assert_eq!(refused.message(), "checks must be at least 1");
    }
}
