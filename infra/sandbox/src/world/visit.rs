//! One real request on a listener: which target answers, how, and after how long.

use serde_json::{Value, json};

use super::World;
use super::balancer;
use super::ecs::Phase;
use super::image;
use super::task_set::TaskSet;
use super::traffic;

/// The share of a request's time that is always the same: one endpoint varies less than the mix of all requests.
const STEADY_SHARE: f64 = 0.6;
/// How long the load balancer takes to say that there is no target, milliseconds.
const REFUSAL_MS: f64 = 1.0;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// JSON body.
    pub(crate) body: Value,
    /// How long it takes, real milliseconds.
    pub(crate) latency_ms: f64,
}

impl World {
    /// Answers a request on the listener of that index; `authorised`: it has an `Authorization` header.
    pub(crate) fn visit(&mut self, listener: usize, path: &str, authorised: bool) -> Answer {
        let Some(listener) = self.listeners.get(listener) else { return refusal() };
        let service = listener.service.clone();
        let (group_draw, task_draw, time_draw, error_draw) =
            (self.visitors.unit(), self.visitors.unit(), self.visitors.unit(), self.visitors.unit());
        let mut below = 0.0;
        let chosen = balancer::shares(listener.forward()).into_iter().find(|(_, share)| {
            below += share;
            group_draw < below
        });
        let Some(group) = chosen.map(|(group, _)| group.to_owned()) else { return refusal() };
        let Some(set) = self.target_set(&service, &group, task_draw) else { return refusal() };
        let Some(capacity) = self.services.get(&service).map(|service| &service.application.capacity) else {
            return refusal();
        };
        let times = traffic::quantile(capacity.workers, set.flow.erlangs, time_draw);
        let usual = STEADY_SHARE + (1.0 - STEADY_SHARE) * times;
        let latency_ms = capacity.service_ms * set.slowdown() * usual + set.flow.backlog_wait_ms;
        let (status, body) = if error_draw < set.conduct.failing() {
            (500, json!({ "error": "internal server error" }))
        } else {
            respond(&service, &set, path, authorised)
        };
        self.minute.request(&set.id, latency_ms, status < 500);
        Answer { status, body, latency_ms }
    }

    /// The set whose task gets a request for a target group; `None` when the group has no healthy task.
    fn target_set(&self, service: &str, group: &str, draw: f64) -> Option<TaskSet> {
        let (service, state) = self.blue_green(service)?;
        let set_of = |id: &str| state.sets.iter().find(|set| set.id == id && set.group == group);
        let healthy: Vec<&TaskSet> = service
            .tasks
            .iter()
            .filter(|task| task.phase == Phase::Running && task.is_healthy() && !task.hung)
            .filter_map(|task| set_of(&task.deployment))
            .collect();
        let index = (draw * healthy.len() as f64) as usize;
        healthy.get(index).map(|set| (*set).clone())
    }
}

fn refusal() -> Answer {
    Answer { status: 503, body: json!({ "error": "service temporarily unavailable" }), latency_ms: REFUSAL_MS }
}

/// What the application says.
fn respond(service: &str, set: &TaskSet, path: &str, authorised: bool) -> (u16, Value) {
    let version = image::parse(&set.image).1;
    let revision = set.task_definition.rsplit(':').next().and_then(|text| text.parse::<i64>().ok());
    match path {
        "/health" => (200, json!({ "status": "ok" })),
        "/version" => (200, json!({ "version": version, "revision": revision })),
        "/admin" if !authorised => (401, json!({ "error": "log in first" })),
        _ => (200, json!({ "service": service, "path": path, "items": [] })),
    }
}
