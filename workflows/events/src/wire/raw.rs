//! `/_events`: raw events from outside AWS, and what an operator asks. Ours, no API of AWS.

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};

use super::{Head, respond, without_nulls};
use crate::bridge::{Bridge, Entry, Raw, State, Timed};
use crate::event::{DEFAULT, id_of};
use crate::fault::Fault;
use crate::schedule::written;

const WIRE: &str = "application/json";

/// Deliveries that are shown.
const SHOWN: usize = 100;

pub(super) async fn answer(bridge: &Bridge, head: &Head, body: &[u8]) -> Response<Bytes> {
    let path: Vec<&str> = head.path.iter().map(String::as_str).collect();
    let result = match (&head.method, path.as_slice()) {
        (&Method::POST, ["_events"]) => ingest(bridge, head, body).await,
        (&Method::POST, ["_events", "whole"]) => whole(bridge, body).await,
        (&Method::GET, ["_events"]) => Ok(overview(&bridge.inner.state())),
        (&Method::GET, ["_events", "schedules"]) => Ok(schedules(bridge)),
        (&Method::GET, ["_events", "undelivered"]) => Ok(undelivered(&bridge.inner.state())),
        _ => Err(Fault::new(
            "UnknownOperationException",
            "POST an event to /_events or /_events/whole, or GET /_events, /_events/schedules or /_events/undelivered",
        )),
    };
    match result {
        Ok(answer) => respond(200, WIRE, &answer),
        Err(fault) => {
            let status = match fault.code {
                "UnknownOperationException" | "ResourceNotFoundException" => 404,
                "InternalException" => 500,
                _ => 400,
            };
            respond(status, WIRE, &json!({ "error": fault.code, "message": fault.message }))
        }
    }
}

/// The body is a whole event, as a simulator of an AWS service puts it; the same id is the same event.
async fn whole(bridge: &Bridge, body: &[u8]) -> Result<Value, Fault> {
    let event = json(body)?;
    let text = |name: &str| {
        let text = event[name].as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| Fault::validation(format!("{name} is missing: send the event with its envelope")))
    };
    let resources = event["resources"].as_array().into_iter().flatten();
    let entry = Entry {
        bus: DEFAULT.to_owned(),
        source: text("source")?.to_owned(),
        detail_type: text("detail-type")?.to_owned(),
        time: event.get("time").and_then(super::scheduler::instant),
        resources: resources.filter_map(Value::as_str).map(str::to_owned).collect(),
        detail: event["detail"].clone(),
        id: Some(id_of(&["whole", text("id")?])),
    };
    if !entry.detail.is_object() {
        return Err(Fault::validation("detail is no JSON object"));
    }
    let ids = bridge.inner.put(vec![entry]).await?;
    Ok(json!({ "EventId": ids.first() }))
}

/// The JSON object of a body.
fn json(body: &[u8]) -> Result<Value, Fault> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Fault::validation(format!("the body is not JSON: {error}; send the event as a JSON object"))
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Fault::validation("the body is no JSON object; send the event as one"))
    }
}

/// The body becomes the detail of one event; source, type and bus are in the query, or in headers.
async fn ingest(bridge: &Bridge, head: &Head, body: &[u8]) -> Result<Value, Fault> {
    let said = |query: &str, header: &str| head.query(query).or_else(|| head.header(header));
    let source = said("source", "x-event-source").filter(|source| !source.is_empty()).ok_or_else(|| {
        Fault::validation("source is missing: say /_events?source=NAME, or send the header X-Event-Source")
    })?;
    if source.starts_with("aws.") {
        return Err(Fault::validation(format!(
            "source: '{source}' is AWS's own; choose one that does not begin with aws."
        )));
    }
    let detail = json(body)?;
    let raw = Raw {
        bus: said("bus", "x-event-bus").unwrap_or(DEFAULT).to_owned(),
        source: source.to_owned(),
        detail_type: said("detail-type", "x-event-detail-type").unwrap_or("Raw Event").to_owned(),
        detail,
        key: said("id", "idempotency-key").map(str::to_owned),
    };
    Ok(json!({ "EventId": bridge.ingest(raw).await? }))
}

fn overview(state: &State) -> Value {
    json!({
        "rules": state.rules.len(),
        "schedules": state.schedules.len(),
        "waiting": state.waiting_deliveries(),
        "undelivered": state.undelivered.len(),
    })
}

/// Everything that comes by itself, with its next time, in the order of these.
fn schedules(bridge: &Bridge) -> Value {
    let state = bridge.inner.state();
    let place = &bridge.inner.place;
    let rules = state.rules.values().filter_map(|rule| {
        let record = &rule.record;
        let next = state.due_of(&Timed::Rule(rule.name()));
        let arn = place.rule(&record.bus, &record.name);
        let targets: Vec<&str> = rule.targets.iter().map(|target| target.arn.as_str()).collect();
        Some((next, arn, record.schedule.as_deref()?, None, record.enabled, record.progress.missed, targets))
    });
    let schedules = state.schedules.values().map(|schedule| {
        let record = &schedule.record;
        let next = state.due_of(&Timed::Schedule(schedule.name()));
        let arn = place.schedule(&record.group, &record.name);
        let zone = record.zone.as_deref();
        let targets = vec![schedule.target.arn.as_str()];
        (next, arn, record.expression.as_str(), zone, record.enabled, record.progress.missed, targets)
    });
    let mut all: Vec<_> = rules.chain(schedules).collect();
    all.sort_by_key(|(next, arn, ..)| (next.is_none(), *next, arn.clone()));
    let shown = all.into_iter().map(|(next, arn, expression, zone, enabled, missed, targets)| {
        without_nulls(json!({
            "arn": arn,
            "expression": expression,
            "zone": zone,
            "enabled": enabled,
            "next": next.map(written),
            "missed": missed,
            "targets": targets,
        }))
    });
    json!({ "schedules": shown.collect::<Vec<_>>() })
}

/// What did not arrive, newest first.
fn undelivered(state: &State) -> Value {
    let shown = state.undelivered.values().rev().take(SHOWN).map(|undelivered| {
        let delivery = &undelivered.delivery;
        json!({
            "origin": delivery.origin,
            "target": delivery.target,
            "at": written(undelivered.at),
            "tries": delivery.tries,
            "code": undelivered.code,
            "message": undelivered.message,
            "input": delivery.input,
        })
    });
    json!({ "undelivered": shown.collect::<Vec<_>>(), "count": state.undelivered.len() })
}
