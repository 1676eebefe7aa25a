//! Reading parameters, the same whatever protocol they came in: a form's numbers are text, CBOR's instants are seconds.

use serde_json::Value;

use super::{Failure, Service};
use crate::wire::node::from_rfc3339;

/// A structure of parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    service: Service,
    value: &'a Value,
}

impl<'a> Input<'a> {
    /// The parameters of a call.
    pub(crate) const fn new(service: Service, value: &'a Value) -> Self {
        Self { service, value }
    }

    /// The member as it came; JSON's null is none.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name).filter(|value| !value.is_null())
    }

    /// Text that may be missing.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| self.wrong(name, "text"))).transpose()
    }

    /// Text that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Failure> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| self.missing(name))
    }

    /// A whole number that may be missing.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Failure> {
        let read = |value: &Value| value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        self.get(name).map(|value| read(value).ok_or_else(|| self.wrong(name, "a whole number"))).transpose()
    }

    /// A number that may be missing.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, Failure> {
        self.get(name).map(|value| number(value).ok_or_else(|| self.wrong(name, "a number"))).transpose()
    }

    /// True or false; `default` when it is missing.
    pub(crate) fn boolean(&self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// An instant in milliseconds since the epoch, from seconds or RFC 3339 text.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<i64>, Failure> {
        let read = |value: &Value| match value {
            Value::String(text) => from_rfc3339(text).or_else(|| milliseconds(text.parse().ok()?)),
            other => milliseconds(other.as_f64()?),
        };
        self.get(name).map(|value| read(value).ok_or_else(|| self.wrong(name, "an instant"))).transpose()
    }

    /// A list; empty when it is missing.
    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], Failure> {
        match self.get(name) {
            None => Ok(&[]),
            // An empty list in a form is an empty value.
            Some(Value::String(text)) if text.is_empty() => Ok(&[]),
            Some(value) => value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(name, "a list")),
        }
    }

    /// A list of texts; empty when it is missing.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Failure> {
        let read = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong(name, "a list of texts"));
        self.list(name)?.iter().map(read).collect()
    }

    /// A list of numbers; empty when it is missing.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>, Failure> {
        let read = |value: &Value| number(value).ok_or_else(|| self.wrong(name, "a list of numbers"));
        self.list(name)?.iter().map(read).collect()
    }

    /// A list of structures; empty when it is missing.
    pub(crate) fn structures(&self, name: &str) -> Result<Vec<Self>, Failure> {
        let read = |value| Self { service: self.service, value };
        Ok(self.list(name)?.iter().map(read).collect())
    }

    /// A structure that may be missing.
    pub(crate) fn structure(&self, name: &str) -> Option<Self> {
        self.get(name).map(|value| Self { service: self.service, value })
    }

    /// The structure itself.
    pub(crate) const fn value(&self) -> &'a Value {
        self.value
    }

    /// Refuses members that the sandbox would silently ignore.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        let members = self.value.as_object().into_iter().flatten();
        match members.map(|(name, _)| name).find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(self.invalid(&format!("the sandbox does not model the parameter {name}; leave it out"))),
        }
    }

    /// The service's error for a parameter that is missing.
    pub(crate) fn missing(&self, name: &str) -> Failure {
        match self.service {
            Service::CloudWatch => {
                Failure::new("MissingRequiredParameterException", &format!("The parameter {name} is required."))
                    .with_query_code("MissingParameter")
            }
            Service::Sqs => {
                Failure::new("MissingParameter", &format!("The request must contain the parameter {name}."))
                    .with_query_code("MissingParameter")
            }
            Service::Rds | Service::ElastiCache => {
                Failure::new("MissingParameter", &format!("The request must contain the parameter {name}."))
            }
            _ => self.invalid(&format!("{name} must not be null or empty.")),
        }
    }

    fn wrong(&self, name: &str, wanted: &str) -> Failure {
        self.invalid(&format!("{name} must be {wanted}."))
    }

    /// The service's error for a parameter that is not valid.
    pub(crate) fn invalid(&self, message: &str) -> Failure {
        match self.service {
            Service::Ecs => Failure::new("InvalidParameterException", message),
            Service::CloudWatch => {
                Failure::new("InvalidParameterValueException", message).with_query_code("InvalidParameterValue")
            }
            Service::Rds | Service::ElastiCache => Failure::new("InvalidParameterValue", message),
            Service::Sns => Failure::new("InvalidParameter", &format!("Invalid parameter: {message}")),
            Service::Sqs => Failure::new("InvalidParameterValue", message).with_query_code("InvalidParameterValue"),
            Service::Elbv2 => Failure::new("ValidationError", message),
            Service::SecretsManager => Failure::new("InvalidParameterException", message),
            Service::Quotas => Failure::new("IllegalArgumentException", message),
            Service::Ecr | Service::Logs => Failure::new("InvalidParameterException", message),
            Service::Ec2 => Failure::new("InvalidParameterValue", message),
            Service::Iam => Failure::new("ValidationError", message),
            Service::CodeDeploy => Failure::new("InvalidInputException", message),
            Service::Pricing => Failure::new("InvalidParameterException", message),
            Service::ApplicationAutoScaling
            | Service::CostExplorer
            | Service::DynamoDb
            | Service::Events
            | Service::Ssm => Failure::new("ValidationException", message),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number.filter(|number: &f64| number.is_finite())
}

fn milliseconds(seconds: f64) -> Option<i64> {
    (seconds.is_finite() && seconds.abs() < 1e12).then(|| (seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_numbers_and_instants_are_read() {
        let value = json!({"a": "5", "b": 5, "c": "true", "d": "2024-01-01T00:00:00Z", "e": 1_704_067_200, "f": "x"});
        let input = Input::new(Service::Ecs, &value);
        assert_eq!((input.integer("a"), input.integer("b")), (Ok(Some(5)), Ok(Some(5))));
        assert_eq!(input.boolean("c", false), Ok(true));
        assert_eq!(
            (input.instant("d"), input.instant("e")),
            (Ok(Some(1_704_067_200_000)), Ok(Some(1_704_067_200_000)))
        );
        assert!(input.integer("f").is_err() && input.boolean("a", false).is_err() && input.list("a").is_err());
        assert_eq!(input.required("none").map_err(|failure| failure.code), Err("InvalidParameterException".to_owned()));
    }
}
