//! What a payload is about.

use lambda_kit::Services;
use operations::Error;
use operations::catalogue::{EcsService, Entry};
use operations::error::Kind;
use operations::field::Object;
use operations::time::{self, Millis};
use serde_json::{Value, json};

/// The service that a payload is about, and the time of the analysis.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The catalogue entry, of a service.
    pub(crate) entry: Entry,
    /// The cluster.
    pub(crate) cluster: String,
    /// The time, in milliseconds since 1970.
    pub(crate) at: Millis,
    /// The region.
    pub(crate) region: String,
}

impl Request {
    /// Reads `target`, `entry` and `at`. An event without `operation`, such as a schedule's, is about the service that the
    /// environment names.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field, `Ops.UnknownTarget` when the entry is another target's, `Ops.ConfigInvalid`
    /// when the entry or the environment is incomplete, `Ops.NotApplicable` for an entry of no service.
    pub(crate) fn parse(payload: &Value, services: &Services) -> Result<Self, Error> {
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let original = object.get("operation").is_none() && object.get("entry").is_none();
        let entry = if original { Entry::parse(&of_environment(services)?)? } else { of_payload(&object)? };
        let cluster = services.environment.cluster(entry.service()?)?;
        Ok(Self { cluster, at: at(payload, services)?, region: region(services, &entry.arn)?, entry })
    }

    /// The service.
    pub(crate) fn service(&self) -> Result<&EcsService, Error> {
        self.entry.service()
    }

    /// The scalable target's id.
    pub(crate) fn resource_id(&self) -> Result<String, Error> {
        let service = self.service()?;
        let own = service.scalable_resource_id.clone();
        Ok(own.unwrap_or_else(|| format!("service/{}/{}", self.cluster, service.service)))
    }
}

fn of_payload(object: &Object<'_>) -> Result<Entry, Error> {
    let target = object.text("target")?;
    let item = object.get("entry").ok_or_else(|| object.error("entry", "is missing: pass the catalogue entry"))?;
    let entry = Entry::parse(item)?;
    if entry.catalog_id != target {
        let message = format!("target is {target:?} but entry.catalogId is {:?}", entry.catalog_id);
        return Err(Error::new(Kind::UnknownTarget, message));
    }
    Ok(entry)
}

/// The least that a catalogue entry must say, of the service that the environment names.
fn of_environment(services: &Services) -> Result<Value, Error> {
    let cluster = services.environment.required("ECS_CLUSTER_NAME")?;
    let service = services.environment.required("ECS_SERVICE_NAME")?;
    Ok(json!({"catalogId": service, "kind": "ecs-service", "arn": format!("service/{cluster}/{service}"), "tier": 1,
        "cluster": cluster, "service": service}))
}

/// The field `at`, which an expression may have made a float; without it now.
pub(crate) fn at(payload: &Value, services: &Services) -> Result<Millis, Error> {
    time_of(payload, "at").map(|at| at.unwrap_or_else(|| services.clock.now()))
}

/// A time in milliseconds since 1970 that may be absent, and that an expression may have made a float.
pub(crate) fn time_of(payload: &Value, name: &str) -> Result<Option<Millis>, Error> {
    let Some(value) = payload.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let number = value.as_f64().filter(|number| number.is_finite()).map(|number| number as Millis);
    let found = number.or_else(|| time::parse(value));
    let message = format!("{name} must be a time in milliseconds since 1970");
    found.map(Some).ok_or_else(|| Error::new(Kind::InvalidInput, message))
}

/// The region of an ARN, else of the function.
pub(crate) fn region(services: &Services, arn: &str) -> Result<String, Error> {
    let named = arn.split(':').nth(3).filter(|region| !region.is_empty()).map(str::to_owned);
    let own = || services.aws.region().map(|region| region.as_ref().to_owned());
    named.or_else(own).ok_or_else(|| Error::new(Kind::ConfigInvalid, "AWS_REGION is not set: set it"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use clients::aws::Patience;
    use clients::{Clock, Environment};

    /// Services that reach nothing.
    pub(crate) fn services(environment: Environment) -> Services {
        let aws = aws_types::SdkConfig::builder().region(aws_types::region::Region::from_static("us-east-1")).build();
        Services { environment, clock: Clock::default(), http: Patience::SHORT.http(), aws }
    }

    fn entry() -> Value {
        json!({"catalogId": "api", "kind": "ecs-service", "tier": 1, "service": "api", "cluster": "production",
            "arn": "arn:aws:ecs:eu-west-1:123456789012:service/production/api"})
    }

    #[test]
    fn a_schedule_is_about_the_service_that_the_environment_names() {
        let named = Environment::of([("ECS_CLUSTER_NAME", "production"), ("ECS_SERVICE_NAME", "api")]);
        let request = Request::parse(&json!({"source": "aws.events"}), &services(named)).unwrap();
        assert_eq!((request.entry.catalog_id.as_str(), request.cluster.as_str()), ("api", "production"));
        assert_eq!(
            (request.region.as_str(), request.resource_id().unwrap().as_str()),
            ("us-east-1", "service/production/api")
        );
        let error = Request::parse(&json!({}), &services(Environment::default())).unwrap_err();
        assert_eq!(error.message(), "ECS_CLUSTER_NAME is not set: set it");
    }

    #[test]
    fn an_operation_needs_its_target_and_entry() {
        let parse = |payload: Value| Request::parse(&payload, &services(Environment::default()));
        let request =
            parse(json!({"operation": "analyse", "target": "api", "entry": entry(), "at": 1_795_176_000_000.0}));
        let request = request.unwrap();
        assert_eq!((request.at, request.region.as_str()), (1_795_176_000_000, "eu-west-1"));
        let error = parse(json!({"operation": "analyse", "target": "web", "entry": entry()})).unwrap_err();
        assert_eq!(error.kind(), Kind::UnknownTarget);
        assert_eq!(parse(json!({"operation": "plan", "target": "api"})).unwrap_err().kind(), Kind::InvalidInput);
        let error = parse(json!({"operation": "plan", "target": "api", "entry": entry(), "at": true})).unwrap_err();
        assert_eq!(error.message(), "at must be a time in milliseconds since 1970");
    }
}
