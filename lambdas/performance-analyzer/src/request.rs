//! What is asked, about which service, as of when.

use clients::Environment;
use operations::Error;
use operations::catalogue::Entry;
use operations::error::Kind;
use operations::field::Object;
use operations::performance::Limits;
use operations::time::{self, Millis};
use serde_json::{Value, json};

/// A request about a service.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The service's catalogue entry.
    pub(crate) entry: Entry,
    /// The cluster.
    pub(crate) cluster: String,
    /// The service's name.
    pub(crate) service: String,
    /// The time of the analysis.
    pub(crate) at: Millis,
    /// What its findings are measured by.
    pub(crate) limits: Limits,
    /// The database that it depends on.
    pub(crate) database: Option<String>,
}

impl Request {
    /// Reads a payload. One without an operation, such as a scheduled event, is about the service of the environment.
    ///
    /// # Errors
    /// `Ops.InvalidInput` and `Ops.ConfigInvalid` naming the field or the variable, `Ops.UnknownTarget` when the entry is
    /// another target's, `Ops.NotApplicable` when it is no service's.
    pub(crate) fn parse(payload: &Value, environment: &Environment, now: Millis) -> Result<Self, Error> {
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let entry = match object.get("operation") {
            None => Entry::parse(&item_of(environment)?)?,
            Some(_) => {
                let target = object.text("target")?;
                let entry = Entry::parse(object.required("entry")?)?;
                if entry.catalog_id != target {
                    let message = format!("target is {target:?} but entry.catalogId is {:?}", entry.catalog_id);
                    return Err(Error::new(Kind::UnknownTarget, message));
                }
                entry
            }
        };
        let at = optional_millis(&object, "at")?.unwrap_or(now);
        let service = entry.service()?;
        let (cluster, service) = (environment.cluster(service)?, service.service.clone());
        let percent = |name: &str| percent(environment, name);
        let limits =
            Limits::of(&entry.slo, percent("CPU_UTILIZATION_THRESHOLD")?, percent("MEMORY_UTILIZATION_THRESHOLD")?);
        let database = environment.get("DB_INSTANCE_ID").filter(|_| !entry.depends_on.is_empty());
        Ok(Self { cluster, service, at, limits, database: database.map(str::to_owned), entry })
    }
}

/// A catalogue item of what the environment says about its one service.
fn item_of(environment: &Environment) -> Result<Value, Error> {
    let (cluster, service) = (environment.required("ECS_CLUSTER_NAME")?, environment.required("ECS_SERVICE_NAME")?);
    // Least critical: what nobody has described in the catalogue is only looked at.
    Ok(json!({"catalogId": service, "kind": "ecs-service", "arn": format!("service/{cluster}/{service}"),
        "cluster": cluster, "service": service, "tier": 3}))
}

fn percent(environment: &Environment, name: &str) -> Result<Option<f64>, Error> {
    let Some(text) = environment.get(name) else { return Ok(None) };
    let number = text.trim().parse().ok().filter(|percent| (0.0..=100.0).contains(percent) && *percent > 0.0);
    let bad =
        || Error::new(Kind::ConfigInvalid, format!("{name} must be a number of percent, above 0 and at most 100"));
    number.map(Some).ok_or_else(bad)
}

/// A time in milliseconds, maybe as a float, that may be absent.
///
/// # Errors
/// `Ops.InvalidInput` naming the field.
pub(crate) fn optional_millis(object: &Object<'_>, name: &str) -> Result<Option<Millis>, Error> {
    let Some(value) = object.get(name) else { return Ok(None) };
    // Milliseconds of this age are far below 2^53.
    let whole = value.as_f64().map(|number| number as Millis);
    let found = time::parse(value).or(whole);
    found.map(Some).ok_or_else(|| object.error(name, "must be a time in milliseconds since 1970"))
}

/// The same for a time that must be there.
///
/// # Errors
/// As [`optional_millis`], and when it is absent.
pub(crate) fn millis(object: &Object<'_>, name: &str) -> Result<Millis, Error> {
    object.required(name)?;
    optional_millis(object, name)?.ok_or_else(|| object.error(name, "is missing: add it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn api() -> Value {
        json!({"catalogId": "api", "kind": "ecs-service", "arn": "arn:aws:ecs:us-east-1:123456789012:service/production/api",
            "cluster": "production", "service": "api", "tier": 1, "env": "production", "dependsOn": ["database"],
            "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api/6d0ecf831eec9f09",
            "loadBalancer": "app/production/50dc6c495c0c9188", "slo": {"latencyP95Ms": 400, "cpuPercent": 70}})
    }

    #[test]
    fn a_payload_names_its_service_and_the_environment_its_limits() {
        let environment = Environment::of([
            ("CPU_UTILIZATION_THRESHOLD", "75"),
            ("DB_INSTANCE_ID", "orders-db"),
            ("ECS_CLUSTER_NAME", "other"),
        ]);
        let payload = json!({"operation": "analyse", "target": "api", "entry": api(), "at": 1_795_176_000_000.0});
        let request = Request::parse(&payload, &environment, 5).unwrap();
        assert_eq!((request.cluster.as_str(), request.service.as_str()), ("production", "api"));
        assert_eq!(
            (request.at, request.limits.cpu_percent, request.limits.memory_percent),
            (1_795_176_000_000, 75.0, 90.0)
        );
        assert_eq!(request.database.as_deref(), Some("orders-db"));
        let other = json!({"operation": "analyse", "target": "web", "entry": api()});
        assert_eq!(Request::parse(&other, &environment, 5).unwrap_err().kind(), Kind::UnknownTarget);
        let bad = Environment::of([("CPU_UTILIZATION_THRESHOLD", "much")]);
        let error = Request::parse(&payload, &bad, 5).unwrap_err();
        assert!(error.message().starts_with("CPU_UTILIZATION_THRESHOLD must be a number"), "{error}");
    }

    #[test]
    fn a_scheduled_event_is_about_the_service_of_the_environment() {
        let event = json!({"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        let environment = Environment::of([("ECS_CLUSTER_NAME", "production"), ("ECS_SERVICE_NAME", "web")]);
        let request = Request::parse(&event, &environment, 7).unwrap();
        assert_eq!((request.entry.catalog_id.as_str(), request.at, request.limits), ("web", 7, Limits::default()));
        let error = Request::parse(&event, &Environment::default(), 7).unwrap_err();
        assert_eq!(error.message(), "ECS_CLUSTER_NAME is not set: set it");
    }

    #[test]
    fn times_are_checked_by_name() {
        let payload = json!({"actedAt": "soon", "at": 1.5e12});
        let object = Object::of(&payload, "", Kind::InvalidInput).unwrap();
        assert_eq!(millis(&object, "at").unwrap(), 1_500_000_000_000);
        assert!(millis(&object, "actedAt").unwrap_err().message().starts_with("actedAt must be a time"));
        assert!(millis(&object, "giveUpAt").unwrap_err().message().starts_with("giveUpAt is missing"));
    }
}
