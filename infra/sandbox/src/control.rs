//! The control endpoints under `/_sandbox/`: not AWS, but the hand that moves the world.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::server::Shared;
use crate::world::{Behaviour, Outcome, World};

/// Every control path begins so.
pub(crate) const PREFIX: &str = "/_sandbox/";

const PATHS: &str = "GET state, GET calls, DELETE calls, GET faults, POST faults, DELETE faults, POST load, POST speed, \
                     POST hang, POST kill, POST rollout, POST release, POST quota, GET listeners, GET days, GET messages?from=MS";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Load {
    service: String,
    #[serde(default)]
    requests_per_second: Option<f64>,
    #[serde(default)]
    factor: Option<f64>,
}

impl Load {
    fn apply(&self, world: &mut World) -> Result<(), String> {
        match (self.requests_per_second, self.factor) {
            (Some(rate), None) => world.set_load(&self.service, rate),
            (None, Some(factor)) => world.set_factor(&self.service, factor),
            _ => Err("requestsPerSecond: give it, or factor for a service of the fleet".to_owned()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Speed {
    service: String,
    factor: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Hang {
    service: String,
    tasks: usize,
    #[serde(default)]
    self_heal: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kill {
    service: String,
    tasks: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rollout {
    service: String,
    outcome: Outcome,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Release {
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    behaviour: Behaviour,
    #[serde(default)]
    amount: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Quota {
    vcpu: f64,
}

impl Release {
    fn image(&self) -> Result<String, String> {
        match (&self.image, &self.service, &self.tag) {
            (Some(image), None, None) => Ok(image.clone()),
            (None, Some(service), Some(tag)) => Ok(format!("{service}:{tag}")),
            _ => Err("image: give image (repository:tag), or service and tag".to_owned()),
        }
    }
}

/// Answers a control request.
pub(crate) fn handle(shared: &Shared, parts: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let result = match (&parts.method, path) {
        (&Method::GET, "messages") => Some(messages(shared, parts.uri.query())),
        (&Method::GET, _) => read(shared, path),
        (&Method::DELETE, _) => clear(shared, path),
        (&Method::POST, _) => command(shared, path, body),
        _ => None,
    };
    match result {
        Some(Ok(value)) => answer(200, &value),
        Some(Err(problem)) => refused(400, &problem),
        None => refused(404, &format!("{} {PREFIX}{path} is not there; there are {PATHS}", parts.method)),
    }
}

fn read(shared: &Shared, path: &str) -> Option<Result<Value, String>> {
    let value = match path {
        "state" => shared.with_world(|world| world.state()),
        "calls" => json!(shared.state().calls.all()),
        "faults" => json!(shared.state().faults.all()),
        "listeners" => shared.with_world(|world| world.listeners_view()),
        "days" => shared.with_world(|world| world.days_view()),
        _ => return None,
    };
    Some(Ok(value))
}

/// What was published since a time: `from`, milliseconds since 1970; all without one.
fn messages(shared: &Shared, query: Option<&str>) -> Result<Value, String> {
    let from_ms = match query.filter(|query| !query.is_empty()) {
        None => i64::MIN,
        Some(query) => query
            .strip_prefix("from=")
            .and_then(|from| from.parse().ok())
            .ok_or_else(|| format!("{query}: give from=MS, milliseconds since 1970"))?,
    };
    Ok(shared.with_world(|world| world.messages_view(from_ms)))
}

fn clear(shared: &Shared, path: &str) -> Option<Result<Value, String>> {
    let mut state = shared.state();
    match path {
        "faults" => state.faults.clear(),
        "calls" => state.calls.clear(),
        _ => return None,
    }
    Some(Ok(json!({})))
}

fn command(shared: &Shared, path: &str, body: &[u8]) -> Option<Result<Value, String>> {
    Some(match path {
        "faults" => parse(body).and_then(|fault: Fault| {
            shared.inject(fault).map_err(|error| error.to_string())?;
            Ok(json!({}))
        }),
        "load" => parse(body).and_then(|load: Load| {
            shared.with_world(|world| load.apply(world))?;
            Ok(json!({}))
        }),
        "speed" => parse(body).and_then(|speed: Speed| {
            shared.with_world(|world| world.set_speed(&speed.service, speed.factor))?;
            Ok(json!({}))
        }),
        "hang" => parse(body).and_then(|hang: Hang| {
            let hung = shared.with_world(|world| world.hang(&hang.service, hang.tasks, hang.self_heal))?;
            Ok(json!({ "hung": hung }))
        }),
        "kill" => parse(body).and_then(|kill: Kill| {
            let killed = shared.with_world(|world| world.kill(&kill.service, kill.tasks))?;
            Ok(json!({ "killed": killed }))
        }),
        "rollout" => parse(body).and_then(|rollout: Rollout| {
            shared.with_world(|world| world.set_rollout(&rollout.service, rollout.outcome))?;
            Ok(json!({}))
        }),
        "release" => parse(body).and_then(|release: Release| {
            let image = release.image()?;
            let image = shared.with_world(|world| world.set_release(&image, release.behaviour, release.amount))?;
            Ok(json!({ "image": image }))
        }),
        "quota" => parse(body).and_then(|quota: Quota| {
            shared.with_world(|world| world.set_quota(quota.vcpu))?;
            Ok(json!({}))
        }),
        _ => return None,
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("body: {error}"))
}

fn answer(status: u16, value: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(value.to_string())))
        .unwrap_or_default()
}

/// A request without a good signature, in a shape that most SDKs read the reason from.
pub(crate) fn unsigned(refused: &listener::Refused) -> Response<Full<Bytes>> {
    answer(403, &json!({ "__type": refused.code, "message": refused.message }))
}

/// A control request that is refused, and why.
pub(crate) fn refused(status: u16, problem: &str) -> Response<Full<Bytes>> {
    answer(status, &json!({ "error": problem }))
}
