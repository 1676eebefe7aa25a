//! Rules and schedules that a file holds: made, or changed, when a server starts.

use serde_json::{Map, Value, json};

use crate::bridge::{Bridge, Saving};
use crate::event::DEFAULT;
use crate::fault::Fault;
use crate::wire;

/// What of a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {fault}")]
pub struct StackError {
    /// The rule or the schedule.
    pub name: String,
    /// Why.
    pub fault: Fault,
}

impl Bridge {
    /// Makes the rule `name` as `rule` says, in the members of PutRule and with `Targets` or one `Target`; one that is there
    /// is changed, and has these targets only.
    ///
    /// # Errors
    /// Members that are missing, not known, or that cannot be so.
    pub async fn load_rule(&self, name: &str, rule: &Value) -> Result<(), StackError> {
        self.try_rule(name, rule).await.map_err(|fault| StackError { name: name.to_owned(), fault })
    }

    /// Makes the schedule `name` as `schedule` says, in the members of CreateSchedule; one that is there is changed.
    ///
    /// # Errors
    /// Members that are missing, not known, or that cannot be so.
    pub async fn load_schedule(&self, name: &str, schedule: &Value) -> Result<(), StackError> {
        self.try_schedule(name, schedule).await.map_err(|fault| StackError { name: name.to_owned(), fault })
    }

    async fn try_rule(&self, name: &str, rule: &Value) -> Result<(), Fault> {
        let known = ["Name", "EventPattern", "ScheduleExpression", "State", "Description", "EventBusName", "RoleArn"];
        let mut request = members(rule, &[&known[..], &["Target", "Targets"]].concat())?;
        let targets = targets(request.shift_remove("Targets"), request.shift_remove("Target"))?;
        request.insert("Name".to_owned(), name.into());
        // As people write it, a pattern is JSON; on the wire it is text.
        if let Some(pattern) = request.get_mut("EventPattern").filter(|pattern| pattern.is_object()) {
            *pattern = pattern.to_string().into();
        }
        let bus = request.get("EventBusName").cloned().unwrap_or_else(|| DEFAULT.into());
        wire::perform_events(self, "PutRule", &Value::Object(request)).await?;
        let there =
            wire::perform_events(self, "ListTargetsByRule", &json!({"Rule": name, "EventBusName": bus})).await?;
        let there = there["Targets"].as_array().cloned().unwrap_or_default();
        let gone: Vec<_> = there
            .iter()
            .map(|target| &target["Id"])
            .filter(|id| !targets.iter().any(|own| own["Id"] == **id))
            .collect();
        if !gone.is_empty() {
            let request = json!({"Rule": name, "EventBusName": bus, "Ids": gone});
            wire::perform_events(self, "RemoveTargets", &request).await?;
        }
        if !targets.is_empty() {
            let request = json!({"Rule": name, "EventBusName": bus, "Targets": targets});
            wire::perform_events(self, "PutTargets", &request).await?;
        }
        Ok(())
    }

    async fn try_schedule(&self, name: &str, schedule: &Value) -> Result<(), Fault> {
        let known = [
            "Name",
            "GroupName",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "StartDate",
            "EndDate",
            "State",
            "FlexibleTimeWindow",
            "ActionAfterCompletion",
            "Description",
            "Target",
        ];
        let mut request = members(schedule, &known)?;
        request.entry("FlexibleTimeWindow").or_insert_with(|| json!({"Mode": "OFF"}));
        let new = wire::read_schedule(name, &Value::Object(request))?;
        self.inner.save_schedule(new, Saving::Either).await.map(drop)
    }
}

/// The members of an object, all of them known.
fn members(value: &Value, known: &[&str]) -> Result<Map<String, Value>, Fault> {
    let Value::Object(members) = value else { return Err(Fault::validation("it is no JSON object")) };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(Fault::validation(format!("{unknown} is not known; use {}", known.join(", ")))),
        None => Ok(members.clone()),
    }
}

/// The targets, each with an id.
fn targets(many: Option<Value>, one: Option<Value>) -> Result<Vec<Value>, Fault> {
    let given = match (many, one) {
        (Some(Value::Array(targets)), None) => targets,
        (None, Some(target)) => vec![target],
        (None, None) => Vec::new(),
        _ => return Err(Fault::validation("Targets must be a list, and stand instead of Target")),
    };
    let with_id = |(index, mut target): (usize, Value)| {
        if let Some(members) = target.as_object_mut() {
            members.entry("Id").or_insert_with(|| format!("target-{}", index + 1).into());
        }
        target
    };
    Ok(given.into_iter().enumerate().map(with_id).collect())
}
