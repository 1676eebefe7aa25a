//! Is the problem still there? An action on a problem that has gone does harm for nothing.

use crate::catalogue::{Entry, Resource};
use crate::error::{Error, Kind};
use crate::incident::{Action, Event, Requester};
use crate::snapshot::{Evidence, Snapshot};
use serde::Serialize;

/// Processor utilisation of a service above which it counts as saturated, in percent, without an SLO.
const CPU_LIMIT: f64 = 85.0;
/// The same for a database or cache.
const STORE_CPU_LIMIT: f64 = 80.0;
/// Memory utilisation above which a target counts as full, in percent, without an SLO.
const MEMORY_LIMIT: f64 = 90.0;
/// Error rate above which a service counts as failing, in percent, without an SLO.
const ERROR_LIMIT: f64 = 5.0;

/// Whether the problem is still there.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Symptom {
    /// Whether it is.
    pub still_true: bool,
    /// Why; for a problem that has gone, what was looked at.
    pub reasons: Vec<String>,
    /// The facts.
    pub evidence: Vec<Evidence>,
}

/// Processor utilisation above which a target counts as saturated, in percent.
pub(crate) fn cpu_limit(entry: &Entry) -> f64 {
    let default = if matches!(entry.resource, Resource::EcsService(_)) { CPU_LIMIT } else { STORE_CPU_LIMIT };
    entry.slo.cpu_percent.unwrap_or(default)
}

/// Memory utilisation above which a target counts as full, in percent.
pub(crate) fn memory_limit(entry: &Entry) -> f64 {
    entry.slo.memory_percent.unwrap_or(MEMORY_LIMIT)
}

/// Judges a snapshot.
///
/// # Errors
/// `Ops.DataUnavailable` when nothing shows the problem but metrics are missing: silence is not health.
pub fn judge(event: &Event, entry: &Entry, snapshot: &Snapshot) -> Result<Symptom, Error> {
    let mut reasons = standing(event);
    let mut unknown = Vec::new();
    match &entry.resource {
        Resource::EcsService(_) => service_reasons(entry, snapshot, &mut reasons, &mut unknown),
        Resource::Database(_) | Resource::Cache(_) => store_reasons(entry, snapshot, &mut reasons, &mut unknown),
        Resource::Other(kind) => {
            let message =
                format!("entry.kind {kind:?} has no symptom that can be judged: use ecs-service, rds or elasticache");
            return Err(Error::new(Kind::NotApplicable, message));
        }
    }
    if reasons.is_empty() && !unknown.is_empty() {
        let message = format!("{} has no data for {}: cannot tell", entry.catalog_id, unknown.join(", "));
        return Err(Error::new(Kind::DataUnavailable, message));
    }
    let still_true = !reasons.is_empty();
    if !still_true {
        reasons.push(format!("{} is within its limits", entry.catalog_id));
    }
    Ok(Symptom { still_true, reasons, evidence: snapshot.evidence() })
}

/// What stands whatever the metrics say.
fn standing(event: &Event) -> Vec<String> {
    let mut reasons = Vec::new();
    if event.action == Action::ClearCache {
        reasons.push("stale data shows in no metric: the request stands".to_owned());
    }
    if event.requested_by == Some(Requester::Human) {
        reasons.push("a person asked for it".to_owned());
    }
    reasons
}

fn service_reasons(entry: &Entry, snapshot: &Snapshot, reasons: &mut Vec<String>, unknown: &mut Vec<&'static str>) {
    if let Some(service) = &snapshot.service
        && service.running < service.desired
        && !service.deploying()
    {
        reasons.push(format!("{} of {} tasks run", service.running, service.desired));
    }
    if let Some(targets) = &snapshot.targets
        && targets.unhealthy > 0
    {
        reasons.push(format!("{} targets are unhealthy", targets.unhealthy));
    }
    let slo = &entry.slo;
    let readings = &snapshot.readings;
    let mut check = Check { now: snapshot.at, reasons, unknown };
    if let Some(limit) = slo.latency_p95_ms {
        check.above("latency p95", "ms", &readings.latency_ms(), limit);
    }
    check.above("error rate", "%", &readings.error_percent(), slo.error_rate_percent.unwrap_or(ERROR_LIMIT));
    check.above("CPU", "%", &readings.get("cpu"), cpu_limit(entry));
    check.above("memory", "%", &readings.get("memory"), memory_limit(entry));
}

fn store_reasons(entry: &Entry, snapshot: &Snapshot, reasons: &mut Vec<String>, unknown: &mut Vec<&'static str>) {
    let readings = &snapshot.readings;
    let mut check = Check { now: snapshot.at, reasons, unknown };
    check.above("CPU", "%", &readings.get("cpu"), cpu_limit(entry));
    if matches!(entry.resource, Resource::Cache(_)) {
        check.above("memory", "%", &readings.get("memory"), memory_limit(entry));
        if readings.get("evictions").above(0.0, snapshot.at) == Some(true) {
            check.reasons.push("keys are being evicted".to_owned());
        }
    }
}

struct Check<'a> {
    now: i64,
    reasons: &'a mut Vec<String>,
    unknown: &'a mut Vec<&'static str>,
}

impl Check<'_> {
    fn above(&mut self, name: &'static str, unit: &str, series: &crate::metrics::Series, limit: f64) {
        match (series.above(limit, self.now), series.fresh(self.now)) {
            (Some(true), Some(value)) => {
                self.reasons.push(format!("{name} is {value:.1} {unit}, the limit is {limit} {unit}"));
            }
            (None, _) => self.unknown.push(name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use crate::metrics::Series;
    use crate::snapshot::{Service, Targets};
    use serde_json::json;

    const NOW: i64 = 600_000;

    fn event(body: serde_json::Value) -> Event {
        Event::parse(&body).unwrap()
    }

    fn scale_up() -> Event {
        event(json!({"action": "scale_up", "target": "api", "incidentId": "i"}))
    }

    fn healthy() -> Snapshot {
        let service = Service { desired: 4, running: 4, status: "ACTIVE".into(), ..Service::default() };
        let mut snapshot = Snapshot { at: NOW, service: Some(service), ..Snapshot::default() };
        for (id, value) in [("latency", 0.12), ("requests", 1000.0), ("cpu", 40.0), ("memory", 30.0)] {
            snapshot.readings.insert(id, Series::new([(540_000, value)]));
        }
        snapshot
    }

    fn judged(snapshot: &Snapshot) -> Symptom {
        judge(&scale_up(), &samples::entry(samples::api()), snapshot).unwrap()
    }

    #[test]
    fn a_healthy_service_has_no_symptom() {
        let symptom = judged(&healthy());
        assert!(!symptom.still_true);
        assert_eq!(symptom.reasons, ["api is within its limits"]);
        assert!(!symptom.evidence.is_empty());
    }

    #[test]
    fn each_breach_is_a_reason_of_its_own() {
        let mut snapshot = healthy();
        snapshot.readings.insert("latency", Series::new([(540_000, 0.9)]));
        snapshot.readings.insert("errors", Series::new([(540_000, 30.0)]));
        snapshot.readings.insert("cpu", Series::new([(540_000, 99.0)]));
        snapshot.targets = Some(Targets { healthy: 3, unhealthy: 1, other: 0 });
        snapshot.service.as_mut().unwrap().running = 3;
        let symptom = judged(&snapshot);
        assert_eq!(symptom.reasons.len(), 5, "{:?}", symptom.reasons);
        assert_eq!(symptom.reasons[2], "latency p95 is 900.0 ms, the limit is 400 ms");
    }

    #[test]
    fn silence_is_not_health() {
        let mut snapshot = healthy();
        snapshot.readings = Default::default();
        let error = judge(&scale_up(), &samples::entry(samples::api()), &snapshot).unwrap_err();
        assert_eq!(error.kind(), Kind::DataUnavailable);
        assert!(error.message().contains("latency p95"), "{}", error.message());
    }

    #[test]
    fn a_symptom_that_shows_needs_no_other_data() {
        let mut snapshot = healthy();
        snapshot.readings = Default::default();
        snapshot.targets = Some(Targets { healthy: 1, unhealthy: 2, other: 0 });
        assert!(judged(&snapshot).still_true);
    }

    #[test]
    fn staleness_and_people_are_believed() {
        let cache = samples::entry(samples::cache());
        let clear = event(json!({"action": "clear_cache", "target": "cache", "incidentId": "i"}));
        assert!(judge(&clear, &cache, &Snapshot::default()).unwrap().still_true);
        let asked = event(json!({"action": "scale_up", "target": "database", "incidentId": "i",
            "requestedBy": {"type": "human", "id": "ada"}}));
        let database = samples::entry(samples::database());
        assert!(judge(&asked, &database, &Snapshot::default()).unwrap().still_true);
    }

    #[test]
    fn a_busy_database_has_a_symptom() {
        let database = samples::entry(samples::database());
        let mut snapshot = Snapshot { at: NOW, ..Snapshot::default() };
        snapshot.readings.insert("cpu", Series::new([(540_000, 92.0)]));
        let scale = event(json!({"action": "scale_up", "target": "database", "incidentId": "i"}));
        assert_eq!(judge(&scale, &database, &snapshot).unwrap().reasons, ["CPU is 92.0 %, the limit is 80 %"]);
    }
}
