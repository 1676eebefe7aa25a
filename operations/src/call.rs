//! One call to a service, as a plan lists it and as it is sent.

use crate::error::{Error, Kind};
use crate::field::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A call: the service by its IAM prefix (`ecs`, `application-autoscaling`, `rds`, `elasticache`) or `redis`, the
/// operation's name, and its parameters under the names the service's API gives them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The service.
    pub service: String,
    /// The operation, or the Redis command.
    pub operation: String,
    /// The parameters: a JSON object.
    pub parameters: Value,
}

impl Call {
    /// A call.
    pub fn new(service: &str, operation: &str, parameters: Value) -> Self {
        Self { service: service.to_owned(), operation: operation.to_owned(), parameters }
    }

    /// The parameters for reading, under `path` (for example `plan.calls[0]`), and only if the call has no
    /// parameter beyond `known`: what would not be sent must not stand in a plan.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the parameter.
    pub fn parameters(&self, path: &str, known: &[&str]) -> Result<Object<'_>, Error> {
        let object = Object::of(&self.parameters, &format!("{path}.parameters"), Kind::InvalidInput)?;
        let unknown = object.names().find(|name| !known.contains(name));
        match unknown {
            Some(name) => Err(object.error(name, &format!("is not a parameter that {self} may carry: remove it"))),
            None => Ok(object),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.service, self.operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let call = Call::new("ecs", "UpdateService", json!({"service": "api", "taskDefinition": "x"}));
        let error = call.parameters("plan.calls[0]", &["service"]).unwrap_err();
        assert_eq!(
            error.message(),
            "plan.calls[0].parameters.taskDefinition is not a parameter that ecs:UpdateService may carry: remove it"
        );
        assert!(call.parameters("plan.calls[0]", &["service", "taskDefinition"]).is_ok());
    }
}
