//! The APIs over HTTP: EventBridge (AWS JSON 1.1), EventBridge Scheduler (REST, JSON), and raw events. Which is which the
//! head says, so that all of them, and others, can share one address.

mod eventbridge;
mod fields;
mod raw;
mod scheduler;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::bridge::Bridge;
use crate::fault::Fault;

pub(crate) use eventbridge::perform as perform_events;
pub(crate) use scheduler::read as read_schedule;

const TARGET: &str = "x-amz-target";
const PREFIX: &str = "AWSEvents.";

/// A request's head, taken apart.
struct Head {
    method: Method,
    /// Decoded, without the empty ones.
    path: Vec<String>,
    query: Vec<(String, String)>,
    parts: Parts,
}

impl Head {
    fn of(parts: Parts) -> Self {
        let path = parts.uri.path().split('/').filter(|segment| !segment.is_empty()).map(decoded).collect();
        let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = query.map(|(name, value)| (decoded(name), decoded(&value.replace('+', " ")))).collect();
        Self { method: parts.method.clone(), path, query, parts }
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether a request is for one of the APIs here.
#[must_use]
pub fn takes(head: &Parts) -> bool {
    let target = head.headers.get(TARGET).and_then(|target| target.to_str().ok());
    if let Some(target) = target {
        return target.starts_with(PREFIX);
    }
    let first = head.uri.path().split('/').nth(1).unwrap_or_default();
    ["_events", "schedules", "schedule-groups"].contains(&first)
}

/// Answers a request that is for one of the APIs here.
pub async fn answer(bridge: &Bridge, head: Parts, body: Bytes) -> Response<Bytes> {
    let head = Head::of(head);
    if let Some(operation) = head.header(TARGET).and_then(|target| target.strip_prefix(PREFIX)) {
        return eventbridge::answer(bridge, operation, &body).await;
    }
    if head.path.first().is_some_and(|first| first == "_events") {
        return raw::answer(bridge, &head, &body).await;
    }
    scheduler::answer(bridge, &head, &body).await
}

fn respond(status: u16, kind: &'static str, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The status of an exception.
fn status(fault: &Fault) -> u16 {
    match fault.code {
        "InternalException" | "InternalServerException" => 500,
        _ => 400,
    }
}

fn with_header(mut response: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

/// The JSON object of a body; an empty one where there is none.
fn object(body: &[u8]) -> Result<Value, Fault> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Fault::new("SerializationException", "the body is no JSON object")),
        Err(error) => Err(Fault::new("SerializationException", format!("the body is not JSON: {error}"))),
    }
}

/// A page of a listing: `most` items from where `token` says, and the token of the next.
fn page<T>(
    items: impl Iterator<Item = T>,
    token: Option<&str>,
    most: Option<usize>,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let from = token.map_or(Ok(0), str::parse::<usize>).map_err(|_| Fault::validation("Invalid token"))?;
    let most = most.unwrap_or(100);
    let mut items = items.skip(from);
    let page: Vec<T> = items.by_ref().take(most).collect();
    let next = items.next().map(|_| (from + most).to_string());
    Ok((page, next))
}

/// An object without the members that are null.
fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    value
}

/// An instant on the wire: seconds.
fn seconds(at: execution::Millis) -> Value {
    Value::from(at as f64 / 1000.0)
}

#[cfg(test)]
mod tests;
