//! Faults: throttling, errors, latency and time-outs, injected per service and operation, a counted number of times.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The service's own throttling error; nothing is done.
    Throttle,
    /// The given status and code; nothing is done.
    Error,
    /// The call is performed, its answer is delayed by `latency_ms` of virtual time.
    Latency,
    /// The connection is held for `latency_ms` of virtual time and dropped without an answer.
    Timeout,
}

/// A fault to inject into calls of one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The service's short name, e.g. `ecs`; see the README for all of them.
    pub service: String,
    /// The operation's API name, e.g. `UpdateService`, or `*` for every operation of the service.
    pub operation: String,
    /// Only calls that name this resource, by name or as the end of an ARN, e.g. `auth-service`. Default: every call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What goes wrong.
    pub kind: Kind,
    /// The HTTP status of an `error` (400 to 599). Default: 503; for `throttle` the service's own, 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The error code of an `error` or `throttle`. Default: `ServiceUnavailable`, or the service's throttling code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Virtual milliseconds of a `latency` or `timeout`. Default: 60,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// How many calls it strikes before it is used up. Default: 1.
    #[serde(default = "once")]
    pub count: u32,
    /// Whether a `timeout` performs the call before the answer is lost. Default: false.
    #[serde(default)]
    pub applied: bool,
}

const fn once() -> u32 {
    1
}

/// How long a `latency` or `timeout` lasts when nothing is said, in virtual milliseconds.
pub(crate) const DEFAULT_LATENCY_MS: u64 = 60_000;

impl Fault {
    /// A fault that strikes one call of `operation`.
    #[must_use]
    pub fn new(service: &str, operation: &str, kind: Kind) -> Self {
        Self {
            service: service.to_owned(),
            operation: operation.to_owned(),
            resource: None,
            kind,
            status: None,
            code: None,
            latency_ms: None,
            count: 1,
            applied: false,
        }
    }

    /// What is wrong with the fault itself, naming the field.
    pub(crate) fn problem(&self) -> Option<String> {
        if crate::service::Service::named(&self.service).is_none() {
            let known = crate::service::Service::names().join(", ");
            return Some(format!("service: '{}' is unknown; the services are {known}", self.service));
        }
        if self.operation.is_empty() {
            return Some("operation: give the API name of an operation, or *".to_owned());
        }
        if self.status.is_some_and(|status| !(400..600).contains(&status)) {
            return Some("status: give an HTTP error status, 400 to 599".to_owned());
        }
        (self.count == 0).then(|| "count: give the number of calls to strike, at least 1".to_owned())
    }
}

/// Whether some text of the parameters is the resource's name or ends in it, as ARNs and URLs do.
fn mentions(parameters: &Value, resource: &str) -> bool {
    match parameters {
        Value::String(text) => {
            text.strip_suffix(resource).is_some_and(|before| before.is_empty() || before.ends_with(['/', ':']))
        }
        Value::Array(list) => list.iter().any(|each| mentions(each, resource)),
        Value::Object(members) => members.values().any(|each| mentions(each, resource)),
        _ => false,
    }
}

/// The faults waiting to strike, in the order they were injected.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    faults: Vec<Fault>,
}

impl Waiting {
    /// Adds a fault behind the others.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// The fault that strikes this call, if any; its count goes down by one.
    pub(crate) fn strike(&mut self, service: &str, operation: &str, parameters: &Value) -> Option<Fault> {
        let hit = |fault: &Fault| {
            let named = crate::service::Service::named(&fault.service).map(crate::service::Service::name);
            named == Some(service)
                && (fault.operation == "*" || fault.operation == operation)
                && fault.resource.as_ref().is_none_or(|resource| mentions(parameters, resource))
        };
        let index = self.faults.iter().position(hit)?;
        let fault = self.faults[index].clone();
        self.faults[index].count -= 1;
        if self.faults[index].count == 0 {
            self.faults.remove(index);
        }
        Some(fault)
    }

    /// The faults still waiting.
    pub(crate) fn all(&self) -> &[Fault] {
        &self.faults
    }

    /// Removes every fault.
    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_strike_in_order_and_run_out() {
        let mut waiting = Waiting::default();
        waiting.add(Fault::new("ecs", "UpdateService", Kind::Throttle));
        waiting.add(Fault { count: 2, ..Fault::new("ecs", "*", Kind::Error) });
        assert_eq!(waiting.strike("ecs", "UpdateService", &Value::Null).map(|f| f.kind), Some(Kind::Throttle));
        assert_eq!(waiting.strike("ecs", "UpdateService", &Value::Null).map(|f| f.kind), Some(Kind::Error));
        assert_eq!(waiting.strike("rds", "DescribeDBInstances", &Value::Null), None);
        assert_eq!(waiting.strike("ecs", "ListTasks", &Value::Null).map(|f| f.kind), Some(Kind::Error));
        assert_eq!(waiting.strike("ecs", "ListTasks", &Value::Null), None);
    }

    #[test]
    fn a_fault_with_a_resource_leaves_others_alone() {
        let mut waiting = Waiting::default();
        let resource = Some("auth".to_owned());
        waiting.add(Fault { resource, ..Fault::new("ecs", "UpdateService", Kind::Throttle) });
        assert_eq!(waiting.strike("ecs", "UpdateService", &json!({"service": "api", "cluster": "production"})), None);
        assert!(waiting.strike("ecs", "UpdateService", &json!({"service": "auth"})).is_some());
    }

    #[test]
    fn a_fault_for_a_resource_spares_the_others() {
        let mut waiting = Waiting::default();
        let resource = Some("auth-service".to_owned());
        waiting.add(Fault { resource, count: 2, ..Fault::new("ecs", "UpdateService", Kind::Throttle) });
        let mut strikes = |service: &str| {
            waiting.strike("ecs", "UpdateService", &json!({"cluster": "production", "service": service})).is_some()
        };
        assert!(!strikes("api") && !strikes("not-auth-service"));
        assert!(strikes("auth-service"));
        assert!(strikes("arn:aws:ecs:us-east-1:123456789012:service/production/auth-service"));
        assert!(!strikes("auth-service"), "used up");
    }

    #[test]
    fn a_fault_for_an_unknown_service_is_refused_by_field() {
        let fault = Fault::new("ecz", "UpdateService", Kind::Throttle);
        assert!(fault.problem().is_some_and(|text| text.starts_with("service: 'ecz'")));
        assert_eq!(Fault::new("elasticloadbalancing", "DescribeTargetHealth", Kind::Timeout).problem(), None);
    }
}
