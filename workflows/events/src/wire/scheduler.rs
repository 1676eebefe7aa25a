//! EventBridge Scheduler: `/schedules` and `/schedule-groups`.

use bytes::Bytes;
use execution::Millis;
use http::{Method, Response};
use serde_json::{Value, json};

use super::fields::{Fields, SCHEDULE, Text};
use super::{Head, object, page, respond, seconds, status, with_header, without_nulls};
use crate::bridge::{Bridge, Name, NewSchedule, Saving, Schedule};
use crate::event::DEFAULT;
use crate::fault::Fault;

const WIRE: &str = "application/json";

pub(super) async fn answer(bridge: &Bridge, head: &Head, body: &[u8]) -> Response<Bytes> {
    match perform(bridge, head, body).await {
        Ok(answer) => respond(200, WIRE, &answer),
        Err(fault) => {
            tracing::debug!(path = head.parts.uri.path(), %fault, "refused");
            let status = match fault.code {
                "ResourceNotFoundException" => 404,
                "ConflictException" => 409,
                _ => status(&fault),
            };
            let code = if fault.code == "InternalException" { "InternalServerException" } else { fault.code };
            with_header(respond(status, WIRE, &json!({ "Message": fault.message })), "x-amzn-errortype", code)
        }
    }
}

async fn perform(bridge: &Bridge, head: &Head, body: &[u8]) -> Result<Value, Fault> {
    let path: Vec<&str> = head.path.iter().map(String::as_str).collect();
    match (&head.method, path.as_slice()) {
        (&Method::POST, ["schedules", name]) => save(bridge, name, body, Saving::New).await,
        (&Method::PUT, ["schedules", name]) => save(bridge, name, body, Saving::Changed).await,
        (&Method::GET, ["schedules", name]) => {
            let name = named(head, name)?;
            Ok(shown(bridge, bridge.inner.state().schedule(&name)?))
        }
        (&Method::DELETE, ["schedules", name]) => {
            bridge.inner.delete_schedule(named(head, name)?).await.map(|()| json!({}))
        }
        (&Method::GET, ["schedules"]) => list(bridge, head),
        (&Method::POST, ["schedule-groups", name]) => {
            checked("Name", name)?;
            bridge.inner.create_group((*name).to_owned()).await?;
            Ok(json!({ "ScheduleGroupArn": bridge.inner.place.group(name) }))
        }
        (&Method::GET, ["schedule-groups", name]) => {
            bridge.inner.state().check_group(name)?;
            Ok(group_shown(bridge, name))
        }
        (&Method::DELETE, ["schedule-groups", name]) => {
            bridge.inner.delete_group((*name).to_owned()).await.map(|()| json!({}))
        }
        (&Method::GET, ["schedule-groups"]) => list_groups(bridge, head),
        (method, _) => Err(Fault::new(
            "UnknownOperationException",
            format!("{method} {} is no operation of EventBridge Scheduler that this server has", head.parts.uri.path()),
        )),
    }
}

fn checked(member: &str, name: &str) -> Result<(), Fault> {
    let fields = Fields::of(&Value::Null);
    fields.check_text(member, name, SCHEDULE);
    fields.check()
}

/// The group and the name of the schedule that a path names.
fn named(head: &Head, name: &str) -> Result<Name, Fault> {
    checked("Name", name)?;
    Ok((head.query("groupName").unwrap_or(DEFAULT).to_owned(), name.to_owned()))
}

async fn save(bridge: &Bridge, name: &str, body: &[u8], saving: Saving) -> Result<Value, Fault> {
    let request = object(body)?;
    let new = read(name, &request)?;
    let target = Fields::of(&request["Target"]);
    target.must_have("Arn");
    target.must_have("RoleArn");
    target.check()?;
    Ok(json!({ "ScheduleArn": bridge.inner.save_schedule(new, saving).await? }))
}

/// A schedule as it is written.
///
/// # Errors
/// Members that are missing, or that cannot be so.
pub(crate) fn read(name: &str, request: &Value) -> Result<NewSchedule, Fault> {
    let fields = Fields::of(request);
    fields.check_text("Name", name, SCHEDULE);
    let expression = fields.required("ScheduleExpression", Text { length: (1, 256), pattern: None });
    for member in ["FlexibleTimeWindow", "Target"] {
        fields.must_have(member);
    }
    let group = fields.text("GroupName", SCHEDULE).unwrap_or(DEFAULT);
    let zone = fields.text("ScheduleExpressionTimezone", Text { length: (1, 50), pattern: None });
    let enabled = fields.one_of("State", &["ENABLED", "DISABLED"]) != Some("DISABLED");
    let delete_after = fields.one_of("ActionAfterCompletion", &["NONE", "DELETE"]) == Some("DELETE");
    let description = fields.text("Description", Text::upto(512));
    let key_arn = fields.text("KmsKeyArn", Text { length: (1, 2048), pattern: None });
    fields.check()?;
    let date = |member: &str| match fields.get(member) {
        None => Ok(None),
        Some(value) => instant(value)
            .map(Some)
            .ok_or_else(|| Fault::validation(format!("{member} must be seconds since 1970, not {value}"))),
    };
    Ok(NewSchedule {
        group: group.to_owned(),
        name: name.to_owned(),
        expression: expression.to_owned(),
        zone: zone.map(str::to_owned),
        start: date("StartDate")?,
        end: date("EndDate")?,
        enabled,
        window: window(fields.get("FlexibleTimeWindow"))?,
        delete_after,
        description: description.map(str::to_owned),
        key_arn: key_arn.map(str::to_owned),
        target: fields.get("Target").cloned().unwrap_or_default(),
    })
}

/// The minutes of a flexible window.
fn window(given: Option<&Value>) -> Result<Option<u32>, Fault> {
    let Some(given) = given else { return Ok(None) };
    let fields = Fields::of(given);
    fields.must_have("Mode");
    let mode = fields.one_of("Mode", &["OFF", "FLEXIBLE"]);
    let minutes = fields.number("MaximumWindowInMinutes", 1..=1440);
    fields.check()?;
    match (mode, minutes.and_then(|minutes| u32::try_from(minutes).ok())) {
        (Some("FLEXIBLE"), None) => {
            Err(Fault::validation("MaximumWindowInMinutes must be provided when FlexibleTimeWindow Mode is FLEXIBLE."))
        }
        (Some("FLEXIBLE"), minutes) => Ok(minutes),
        (_, Some(_)) => {
            Err(Fault::validation("MaximumWindowInMinutes must not be provided when FlexibleTimeWindow Mode is OFF."))
        }
        _ => Ok(None),
    }
}

/// An instant: seconds, or text of RFC 3339.
pub(super) fn instant(value: &Value) -> Option<Millis> {
    match value {
        Value::String(text) => Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()),
        value => {
            let millis = (value.as_f64()? * 1000.0).round();
            (millis.abs() < 8.0e15).then_some(millis as Millis)
        }
    }
}

fn shown(bridge: &Bridge, schedule: &Schedule) -> Value {
    let record = &schedule.record;
    let window = match record.window {
        Some(minutes) => json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes }),
        None => json!({ "Mode": "OFF" }),
    };
    without_nulls(json!({
        "Arn": bridge.inner.place.schedule(&record.group, &record.name),
        "GroupName": record.group,
        "Name": record.name,
        "ScheduleExpression": record.expression,
        "ScheduleExpressionTimezone": record.zone.as_deref().unwrap_or("UTC"),
        "StartDate": record.start.map(seconds),
        "EndDate": record.end.map(seconds),
        "Description": record.description,
        "State": if record.enabled { "ENABLED" } else { "DISABLED" },
        "FlexibleTimeWindow": window,
        "ActionAfterCompletion": if record.delete_after { "DELETE" } else { "NONE" },
        "KmsKeyArn": record.key_arn,
        "Target": record.target,
        "CreationDate": seconds(record.progress.created),
        "LastModificationDate": seconds(record.modified),
    }))
}

/// `MaxResults` of the query.
fn most(head: &Head) -> Result<Option<usize>, Fault> {
    let Some(text) = head.query("MaxResults") else { return Ok(None) };
    let most = text.parse().ok().filter(|most| (1..=100).contains(most));
    most.map(Some).ok_or_else(|| {
        Fault::validation(format!(
            "1 validation error detected: Value '{text}' at 'maxResults' failed to satisfy constraint: Member must have \
             value between 1 and 100"
        ))
    })
}

fn list(bridge: &Bridge, head: &Head) -> Result<Value, Fault> {
    let (group, prefix) = (head.query("ScheduleGroup"), head.query("NamePrefix").unwrap_or_default());
    let state = bridge.inner.state();
    if let Some(group) = group {
        state.check_group(group)?;
    }
    let enabled = head.query("State").map(|state| state == "ENABLED");
    let wanted = |schedule: &&Schedule| {
        let record = &schedule.record;
        group.is_none_or(|group| record.group == group)
            && record.name.starts_with(prefix)
            && enabled.is_none_or(|enabled| record.enabled == enabled)
    };
    let schedules = state.schedules.values().filter(wanted).map(|schedule| {
        let mut all = shown(bridge, schedule);
        let target = json!({ "Arn": schedule.target.arn });
        if let Some(members) = all.as_object_mut() {
            members.retain(|name, _| {
                ["Arn", "GroupName", "Name", "State", "CreationDate", "LastModificationDate"].contains(&name.as_str())
            });
            members.insert("Target".to_owned(), target);
        }
        all
    });
    let (schedules, next) = page(schedules, head.query("NextToken"), most(head)?)?;
    Ok(without_nulls(json!({ "Schedules": schedules, "NextToken": next })))
}

fn group_shown(bridge: &Bridge, name: &str) -> Value {
    let created = bridge.inner.state().groups.get(name).map(|group| seconds(group.created));
    without_nulls(json!({
        "Arn": bridge.inner.place.group(name),
        "Name": name,
        "State": "ACTIVE",
        "CreationDate": created,
        "LastModificationDate": created,
    }))
}

fn list_groups(bridge: &Bridge, head: &Head) -> Result<Value, Fault> {
    let prefix = head.query("NamePrefix").unwrap_or_default();
    let mut names: Vec<String> = bridge.inner.state().groups.keys().cloned().collect();
    names.push(DEFAULT.to_owned());
    names.sort();
    names.retain(|name| name.starts_with(prefix));
    let groups = names.iter().map(|name| group_shown(bridge, name));
    let (groups, next) = page(groups, head.query("NextToken"), most(head)?)?;
    Ok(without_nulls(json!({ "ScheduleGroups": groups, "NextToken": next })))
}
