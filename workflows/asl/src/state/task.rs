//! `Task`: work done by somebody else.

use super::{recovery, required, resource, template, transition};
use crate::fields::{Fields, described, is_expression};
use crate::parse::MAX_SECONDS;
use crate::{NumberField, QueryLanguage, Task, Value};

pub(super) fn read(fields: &mut Fields<'_>) -> Task {
    let resource = required(fields, "Resource");
    if fields.members().get("Resource").is_some_and(|value| value.as_str().is_some()) {
        resource::check(fields, &resource);
    }
    let timeout_seconds = fields.number_field("TimeoutSeconds", "TimeoutSecondsPath", 1..=MAX_SECONDS);
    let heartbeat_seconds = fields.number_field("HeartbeatSeconds", "HeartbeatSecondsPath", 1..=MAX_SECONDS);
    if let (Some(NumberField::Literal(timeout)), Some(NumberField::Literal(heartbeat))) =
        (&timeout_seconds, &heartbeat_seconds)
        && heartbeat >= timeout
    {
        fields.fail("HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds");
    }
    Task {
        resource,
        timeout_seconds,
        heartbeat_seconds,
        credentials: credentials(fields),
        recovery: recovery::read(fields),
        transition: transition(fields),
    }
}

fn credentials(fields: &mut Fields<'_>) -> Option<Value> {
    let value = fields.value("Credentials")?;
    match value {
        Value::Object(members) => {
            let role = match fields.language() {
                QueryLanguage::JsonPath => members.contains_key("RoleArn") || members.contains_key("RoleArn.$"),
                QueryLanguage::Jsonata => members.contains_key("RoleArn"),
            };
            if !role {
                fields.fail("Credentials", "The field 'RoleArn' is required but was missing");
            }
            template::check(fields, "Credentials", value);
        }
        Value::String(text) if fields.language() == QueryLanguage::Jsonata && is_expression(text) => {}
        other => fields.fail("Credentials", format!("Field 'Credentials' must be an object, was {}", described(other))),
    }
    Some(value.clone())
}
