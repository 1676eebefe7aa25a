//! EventBridge: `X-Amz-Target: AWSEvents.<operation>`.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::fields::{BUS, Fields, RULE, TARGET, Text};
use super::{object, page, respond, seconds, status, without_nulls};
use crate::bridge::{Bridge, Entry, Name, NewRule, Rule};
use crate::event::DEFAULT;
use crate::fault::Fault;
use crate::pattern::Pattern;

const WIRE: &str = "application/x-amz-json-1.1";

/// Bytes of an event, and of all events of a request.
const MOST_BYTES: usize = 1 << 20;

pub(super) async fn answer(bridge: &Bridge, operation: &str, body: &[u8]) -> Response<Bytes> {
    let result = match object(body) {
        Ok(request) => perform(bridge, operation, &request).await,
        Err(fault) => Err(fault),
    };
    match result {
        Ok(answer) => respond(200, WIRE, &answer),
        Err(fault) => {
            tracing::debug!(operation, %fault, "refused");
            respond(status(&fault), WIRE, &json!({ "__type": fault.code, "message": fault.message }))
        }
    }
}

/// Performs an operation.
pub(crate) async fn perform(bridge: &Bridge, operation: &str, request: &Value) -> Result<Value, Fault> {
    let fields = &Fields::of(request);
    match operation {
        "PutEvents" => put_events(bridge, fields).await,
        "TestEventPattern" => test_pattern(fields),
        "PutRule" => put_rule(bridge, fields).await,
        "DescribeRule" => describe_rule(bridge, fields),
        "ListRules" => list_rules(bridge, fields),
        "DeleteRule" => {
            let name = rule_name(bridge, fields, "Name")?;
            bridge.inner.delete_rule(name).await.map(|()| json!({}))
        }
        "EnableRule" | "DisableRule" => {
            let name = rule_name(bridge, fields, "Name")?;
            bridge.inner.enable_rule(name, operation == "EnableRule").await.map(|()| json!({}))
        }
        "PutTargets" => put_targets(bridge, fields).await,
        "RemoveTargets" => remove_targets(bridge, fields).await,
        "ListTargetsByRule" => list_targets(bridge, fields),
        "ListRuleNamesByTarget" => list_rule_names(bridge, fields),
        "CreateEventBus" => create_bus(bridge, fields).await,
        "DeleteEventBus" => {
            let name = fields.required("Name", BUS).to_owned();
            fields.check()?;
            bridge.inner.delete_bus(name).await.map(|()| json!({}))
        }
        "DescribeEventBus" => describe_bus(bridge, fields),
        "ListEventBuses" => list_buses(bridge, fields),
        other => Err(Fault::new(
            "UnknownOperationException",
            format!("'{other}' is no operation of EventBridge that this server has; look at the header X-Amz-Target"),
        )),
    }
}

/// The bus and the name of the rule that `member` names.
fn rule_name(bridge: &Bridge, fields: &Fields<'_>, member: &str) -> Result<Name, Fault> {
    let name = fields.required(member, RULE).to_owned();
    let bus = fields.text("EventBusName", BUS);
    fields.check()?;
    Ok((bridge.inner.bus_named(bus)?, name))
}

async fn put_events(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let given = fields.list("Entries", 1..=10);
    fields.check()?;
    if given.iter().map(size).sum::<usize>() > MOST_BYTES {
        return Err(Fault::validation("Total size of the entries in the request is over the limit."));
    }
    let (mut entries, mut answers) = (Vec::new(), Vec::new());
    for given in given {
        match entry(bridge, given) {
            Ok(entry) => {
                entries.push(entry);
                answers.push(None);
            }
            Err((code, message)) => answers.push(Some(json!({ "ErrorCode": code, "ErrorMessage": message }))),
        }
    }
    let mut ids = bridge.inner.put(entries).await?.into_iter();
    let failed = answers.iter().flatten().count();
    let answers = answers.into_iter().map(|failed| failed.unwrap_or_else(|| json!({ "EventId": ids.next() })));
    Ok(json!({ "FailedEntryCount": failed, "Entries": answers.collect::<Vec<_>>() }))
}

fn size(entry: &Value) -> usize {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map_or(0, str::len);
    let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let resources: usize = resources.filter_map(Value::as_str).map(str::len).sum();
    let time = if entry.get("Time").is_some() { 14 } else { 0 };
    time + text("Source") + text("DetailType") + text("Detail") + resources
}

/// One entry, or what is refused about it.
fn entry(bridge: &Bridge, given: &Value) -> Result<Entry, (&'static str, String)> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let required = |name: &str| {
        let missing = || format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        text(name).ok_or_else(|| ("InvalidArgument", missing()))
    };
    let (source, detail_type, detail) = (required("Source")?, required("DetailType")?, required("Detail")?);
    if source.starts_with("aws.") {
        return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
    }
    let detail: Value = serde_json::from_str(detail)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
    let bus = bridge.inner.bus_named(text("EventBusName")).map_err(|fault| ("InvalidArgument", fault.message))?;
    let resources = given.get("Resources").and_then(Value::as_array).into_iter().flatten();
    Ok(Entry {
        bus,
        source: source.to_owned(),
        detail_type: detail_type.to_owned(),
        time: given.get("Time").and_then(super::scheduler::instant),
        resources: resources.filter_map(Value::as_str).map(str::to_owned).collect(),
        detail,
        id: None,
    })
}

fn invalid_pattern(error: impl std::fmt::Display) -> Fault {
    Fault::new("InvalidEventPatternException", error.to_string())
}

fn test_pattern(fields: &Fields<'_>) -> Result<Value, Fault> {
    let pattern = fields.required("EventPattern", Text::upto(4096));
    let event = fields.required("Event", Text::upto(usize::MAX));
    fields.check()?;
    let pattern = Pattern::parse(pattern).map_err(invalid_pattern)?;
    let event: Value = serde_json::from_str(event)
        .map_err(|error| Fault::validation(format!("Parameter Event is not valid. Reason: it is not JSON: {error}")))?;
    let wanted = ["id", "account", "source", "time", "region", "resources", "detail-type"];
    if let Some(missing) = wanted.iter().find(|name| event.get(**name).is_none()) {
        return Err(Fault::validation(format!("Parameter Event is not valid. Reason: {missing} is missing.")));
    }
    Ok(json!({ "Result": pattern.matches(&event) }))
}

async fn put_rule(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let (name, bus) = (fields.required("Name", RULE), fields.text("EventBusName", BUS));
    let pattern = fields.text("EventPattern", Text::upto(4096)).filter(|text| !text.is_empty());
    let schedule = fields.text("ScheduleExpression", Text::upto(256)).filter(|text| !text.is_empty());
    let enabled = ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"];
    let enabled = fields.one_of("State", &enabled) != Some("DISABLED");
    let description = fields.text("Description", Text::upto(512));
    let role = fields.text("RoleArn", Text::upto(1600));
    fields.check()?;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let new = NewRule {
        bus: bridge.inner.bus_named(bus)?,
        name: name.to_owned(),
        pattern: owned(pattern),
        schedule: owned(schedule),
        enabled,
        description: owned(description),
        role: owned(role),
    };
    Ok(json!({ "RuleArn": bridge.inner.put_rule(new).await? }))
}

fn shown(bridge: &Bridge, rule: &Rule) -> Value {
    let record = &rule.record;
    without_nulls(json!({
        "Name": record.name,
        "Arn": bridge.inner.place.rule(&record.bus, &record.name),
        "EventPattern": record.pattern,
        "ScheduleExpression": record.schedule,
        "State": if record.enabled { "ENABLED" } else { "DISABLED" },
        "Description": record.description,
        "RoleArn": record.role,
        "EventBusName": record.bus,
    }))
}

fn describe_rule(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let name = rule_name(bridge, fields, "Name")?;
    let mut answer = shown(bridge, bridge.inner.state().rule(&name)?);
    answer["CreatedBy"] = bridge.inner.place.account.as_str().into();
    Ok(answer)
}

/// `NextToken` and `Limit`.
fn paging<'a>(fields: &Fields<'a>) -> (Option<&'a str>, Option<usize>) {
    let limit = fields.number("Limit", 1..=100).and_then(|limit| usize::try_from(limit).ok());
    (fields.text("NextToken", Text::upto(2048)), limit)
}

/// A page of a listing under `name`.
fn listing(name: &str, (items, next): (Vec<Value>, Option<String>)) -> Value {
    without_nulls(json!({ name: items, "NextToken": next }))
}

fn list_rules(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let (prefix, bus) = (fields.text("NamePrefix", RULE), fields.text("EventBusName", BUS));
    let (token, limit) = paging(fields);
    fields.check()?;
    let bus = bridge.inner.bus_named(bus)?;
    let state = bridge.inner.state();
    let own = |rule: &&Rule| rule.record.bus == bus && rule.record.name.starts_with(prefix.unwrap_or_default());
    let rules = state.rules.values().filter(own).map(|rule| shown(bridge, rule));
    Ok(listing("Rules", page(rules, token, limit)?))
}

async fn put_targets(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let targets = fields.list("Targets", 1..=100);
    let name = rule_name(bridge, fields, "Rule")?;
    for target in targets {
        let target = Fields::of(target);
        target.required("Id", TARGET);
        target.required("Arn", Text { length: (1, 1600), pattern: None });
        target.check()?;
    }
    bridge.inner.put_targets(name, targets.to_vec()).await?;
    Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
}

async fn remove_targets(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let ids = fields.list("Ids", 1..=100);
    let name = rule_name(bridge, fields, "Rule")?;
    let ids = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let unknown = bridge.inner.remove_targets(name, ids).await?;
    let failed: Vec<Value> = unknown
        .into_iter()
        .map(|id| {
            let message = format!("Target {id} does not exist on the rule.");
            json!({ "TargetId": id, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": message })
        })
        .collect();
    Ok(json!({ "FailedEntryCount": failed.len(), "FailedEntries": failed }))
}

fn list_targets(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let (token, limit) = paging(fields);
    let name = rule_name(bridge, fields, "Rule")?;
    let state = bridge.inner.state();
    let targets = state.rule(&name)?.targets.iter().map(|target| target.given.clone());
    Ok(listing("Targets", page(targets, token, limit)?))
}

fn list_rule_names(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let arn = fields.required("TargetArn", Text { length: (1, 1600), pattern: None });
    let bus = fields.text("EventBusName", BUS);
    let (token, limit) = paging(fields);
    fields.check()?;
    let bus = bridge.inner.bus_named(bus)?;
    let state = bridge.inner.state();
    let own = |rule: &&Rule| rule.record.bus == bus && rule.targets.iter().any(|target| target.arn == arn);
    let names = state.rules.values().filter(own).map(|rule| rule.record.name.as_str().into());
    Ok(listing("RuleNames", page(names, token, limit)?))
}

async fn create_bus(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let name = fields.required("Name", RULE).to_owned();
    let description = fields.text("Description", Text::upto(512)).map(str::to_owned);
    fields.check()?;
    let arn = bridge.inner.place.bus(&name);
    bridge.inner.create_bus(name, description.clone()).await?;
    Ok(without_nulls(json!({ "EventBusArn": arn, "Description": description })))
}

fn bus_shown(bridge: &Bridge, name: &str) -> Value {
    let state = bridge.inner.state();
    let record = state.buses.get(name);
    without_nulls(json!({
        "Name": name,
        "Arn": bridge.inner.place.bus(name),
        "Description": record.and_then(|record| record.description.as_deref()),
        "CreationTime": record.map(|record| seconds(record.created)),
        "LastModifiedTime": record.map(|record| seconds(record.modified)),
    }))
}

fn describe_bus(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let name = fields.text("Name", BUS);
    fields.check()?;
    Ok(bus_shown(bridge, &bridge.inner.bus_named(name)?))
}

fn list_buses(bridge: &Bridge, fields: &Fields<'_>) -> Result<Value, Fault> {
    let prefix = fields.text("NamePrefix", RULE).unwrap_or_default();
    let (token, limit) = paging(fields);
    fields.check()?;
    let mut names: Vec<String> = bridge.inner.state().buses.keys().cloned().collect();
    names.push(DEFAULT.to_owned());
    names.sort();
    names.retain(|name| name.starts_with(prefix));
    Ok(listing("EventBuses", page(names.iter().map(|name| bus_shown(bridge, name)), token, limit)?))
}
