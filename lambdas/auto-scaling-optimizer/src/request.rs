//! What a payload asks for, about which service.

use clients::Environment;
use operations::Error;
use operations::catalogue::Entry;
use operations::catalogue::optimization::HIGHEST_TARGET;
use operations::error::Kind;
use operations::field::Object;
use operations::time::{self, Millis};
use serde_json::{Value, json};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Propose,
    Plan,
    Act,
    Undo,
}

/// Where the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cluster: String,
    pub(crate) service: String,
    /// The scalable target's id.
    pub(crate) resource: String,
}

/// A payload, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) entry: Entry,
    pub(crate) place: Place,
    pub(crate) at: Millis,
    /// When the caller last changed the service's autoscaling.
    pub(crate) changed_at: Option<Millis>,
    /// The rules of the performance analysis that found something.
    pub(crate) findings: Vec<String>,
    /// The highest target that may be proposed, percent.
    pub(crate) highest_target: f64,
}

impl Request {
    /// Reads a payload. One without `operation` is an event of a schedule or of a bus: it proposes, for the service that
    /// the environment names.
    pub(crate) fn parse(payload: &Value, environment: &Environment, now: Millis) -> Result<Self, Error> {
        let body = Object::of(payload, "", Kind::InvalidInput)?;
        let (operation, entry) = match body.optional_text("operation")? {
            None => (Operation::Propose, Entry::parse(&of_environment(environment)?)?),
            Some(name) => (operation(&body, name)?, entry(&body)?),
        };
        let service = entry.service()?;
        let cluster = environment.cluster(service)?;
        let own = service.scalable_resource_id.clone();
        let resource = own.unwrap_or_else(|| format!("service/{cluster}/{}", service.service));
        let place = Place { cluster, service: service.service.clone(), resource };
        let own = body.optional_text("operation")?.is_some();
        let time = |name| if own { instant(&body, name) } else { Ok(None) };
        Ok(Self {
            operation,
            at: time("at")?.unwrap_or(now),
            changed_at: time("changedAt")?,
            findings: if own { findings(&body)? } else { Vec::new() },
            highest_target: highest_target(environment)?,
            entry,
            place,
        })
    }
}

fn operation(body: &Object<'_>, name: &str) -> Result<Operation, Error> {
    match name {
        "propose" => Ok(Operation::Propose),
        "plan" => Ok(Operation::Plan),
        "act" => Ok(Operation::Act),
        "undo" => Ok(Operation::Undo),
        _ => Err(body.error("operation", "must be one of propose, plan, act, undo")),
    }
}

/// The entry of the payload, which must be the target's.
fn entry(body: &Object<'_>) -> Result<Entry, Error> {
    let target = body.text("target")?;
    let entry =
        body.get("entry").ok_or_else(|| body.error("entry", "is missing: pass the catalogue item of target"))?;
    let entry = Entry::parse(entry)?;
    if entry.catalog_id != target {
        let message = format!("entry is of {}, target is {target}: pass the entry of the target", entry.catalog_id);
        return Err(Error::new(Kind::UnknownTarget, message));
    }
    Ok(entry)
}

/// The least that can be said of the service that the environment names: everything about it needs an approval.
fn of_environment(environment: &Environment) -> Result<Value, Error> {
    let (cluster, service) = (environment.required("ECS_CLUSTER_NAME")?, environment.required("ECS_SERVICE_NAME")?);
    Ok(json!({"catalogId": service, "kind": "ecs-service", "arn": format!("service/{cluster}/{service}"), "tier": 1,
        "cluster": cluster, "service": service}))
}

/// The highest target: `CPU_UTILIZATION_THRESHOLD`, and never above what the catalogue permits.
fn highest_target(environment: &Environment) -> Result<f64, Error> {
    let threshold = environment.positive("CPU_UTILIZATION_THRESHOLD", HIGHEST_TARGET as u32)?;
    Ok(f64::from(threshold).min(HIGHEST_TARGET))
}

fn instant(body: &Object<'_>, name: &str) -> Result<Option<Millis>, Error> {
    let Some(value) = body.get(name) else { return Ok(None) };
    // Expressions make floats of whole numbers.
    let float = value.as_f64().map(|number| number as Millis);
    let time = time::parse(value).or(float);
    time.map(Some).ok_or_else(|| body.error(name, "must be a time in milliseconds since 1970"))
}

/// The rules of `analysis.findings`.
fn findings(body: &Object<'_>) -> Result<Vec<String>, Error> {
    let Some(analysis) = body.optional_object("analysis")? else { return Ok(Vec::new()) };
    let list = analysis.list("findings")?.iter().enumerate();
    let rules = list.map(|(index, finding)| {
        let path = analysis.label(&format!("findings[{index}]"));
        Object::of(finding, &path, Kind::InvalidInput)?.text("rule").map(str::to_owned)
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload() -> Value {
        json!({"operation": "propose", "target": "api", "at": 1_795_176_000_000.0, "entry": {"catalogId": "api",
            "kind": "ecs-service", "arn": "arn", "tier": 1, "cluster": "production", "service": "api"},
            "analysis": {"findings": [{"rule": "downstream-bound"}, {"rule": "trend"}]}})
    }

    fn parsed(payload: &Value) -> Result<Request, Error> {
        Request::parse(payload, &Environment::of([("CPU_UTILIZATION_THRESHOLD", "70")]), 5)
    }

    #[test]
    fn a_payload_reads_back() {
        let request = parsed(&payload()).unwrap();
        assert_eq!((request.operation, request.at), (Operation::Propose, 1_795_176_000_000));
        assert_eq!(request.place.resource, "service/production/api");
        assert_eq!(request.findings, ["downstream-bound", "trend"]);
        assert_eq!((request.highest_target, request.changed_at), (70.0, None));
    }

    #[test]
    fn broken_payloads_are_refused_by_field() {
        let refused = |field: &str, value: Value| {
            let mut payload = payload();
            payload[field] = value;
            parsed(&payload).unwrap_err()
        };
        assert_eq!(refused("operation", json!("scale")).message(), "operation must be one of propose, plan, act, undo");
        assert_eq!(refused("target", json!("web")).kind(), Kind::UnknownTarget);
        assert_eq!(refused("at", json!("soon")).message(), "at must be a time in milliseconds since 1970");
        assert!(refused("entry", json!(null)).message().starts_with("entry is missing"));
        let error = refused("analysis", json!({"findings": [{}]}));
        assert_eq!(error.message(), "analysis.findings[0].rule is missing: add it");
    }

    #[test]
    fn an_event_without_operation_is_about_the_service_of_the_environment() {
        let environment = Environment::of([("ECS_CLUSTER_NAME", "production"), ("ECS_SERVICE_NAME", "api")]);
        let event =
            json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "time": "2026-11-30"});
        let request = Request::parse(&event, &environment, 5).unwrap();
        assert_eq!((request.operation, request.at), (Operation::Propose, 5));
        assert_eq!(request.place.resource, "service/production/api");
        let error = Request::parse(&event, &Environment::default(), 5).unwrap_err();
        assert!(error.message().starts_with("ECS_CLUSTER_NAME is not set"), "{error}");
    }
}
