//! The world as `GET /_sandbox/state` shows it.

use serde_json::{Value, json};

use super::World;
use super::balancer::{Listener, Purpose};
use super::ecs::{Health, Phase, Service};
use super::image;
use super::messaging::Publication;
use super::task_set::{TaskSet, counts};
use super::traffic;

impl World {
    /// A summary of everything that moves, for people and tests.
    pub(crate) fn state(&self) -> Value {
        let services: Vec<Value> = self.services.values().map(|each| self.service_view(each)).collect();
        let scalable = self.scalable.iter().map(
            |target| json!({ "service": target.service, "minCapacity": target.minimum, "maxCapacity": target.maximum }),
        );
        let alarms = self.alarms.iter().map(|alarm| json!({ "name": alarm.name, "state": alarm.state }));
        let queues = self.queues.values().map(|queue| json!({ "name": queue.name, "messages": queue.messages.len() }));
        let topics = self.topics.iter().map(|(name, topic)| {
            json!({ "name": name, "published": topic.published.iter().map(publication).collect::<Vec<_>>() })
        });
        json!({
            "now": self.now_ms,
            "services": services,
            "scalableTargets": scalable.collect::<Vec<_>>(),
            "database": self.database_view(),
            "cache": {
                "id": self.cache.id,
                "nodeType": self.cache.node_type,
                "pendingNodeType": self.cache.pending(),
                "replicas": self.cache.replicas,
                "status": self.cache.status(),
                "memoryPercent": rounded(self.cache.memory_percent()),
            },
            "alarms": alarms.collect::<Vec<_>>(),
            "queues": queues.collect::<Vec<_>>(),
            "topics": topics.collect::<Vec<_>>(),
            "events": self.bus.events.iter().map(|(_, entry)| entry).collect::<Vec<_>>(),
            "serviceEvents": self.bus.service_events,
            "undelivered": self.outbox.failures,
            "releases": self.releases(),
        })
    }

    /// What was published at or after a time, in milliseconds since 1970, and what time it is: for whoever looks often.
    pub(crate) fn messages_view(&self, from_ms: i64) -> Value {
        let published = self.topics.values().flat_map(|topic| &topic.published);
        let messages: Vec<Value> = published.filter(|each| each.at_ms >= from_ms).map(publication).collect();
        json!({ "now": self.now_ms, "messages": messages })
    }

    /// The load balancer's listeners and the ports they answer on.
    pub(crate) fn listeners_view(&self) -> Value {
        let view = |listener: &Listener| {
            let forward = listener.forward().iter().map(|(group, weight)| json!({ "group": group, "weight": weight }));
            json!({
                "service": listener.service,
                "purpose": listener.purpose.name(),
                "port": listener.port,
                "url": format!("http://127.0.0.1:{}", listener.port),
                "forward": forward.collect::<Vec<_>>(),
            })
        };
        Value::Array(self.listeners.iter().map(view).collect())
    }

    /// Deployments of every kind.
    fn releases(&self) -> Value {
        let codedeploy = self.codedeploy.deployments.iter().map(|deployment| {
            json!({
                "id": deployment.id,
                "status": deployment.status,
                "lifecycleEvent": deployment.current().map(|event| event.name),
                "error": deployment.error.as_ref().map(|(_, message)| message),
            })
        });
        let native = self.native.deployments.iter().map(|deployment| {
            json!({
                "id": deployment.id,
                "service": deployment.service,
                "status": deployment.status,
                "lifecycleStage": deployment.stage.name(),
                "reason": deployment.reason,
            })
        });
        json!({ "codedeploy": codedeploy.collect::<Vec<_>>(), "ecs": native.collect::<Vec<_>>() })
    }

    /// The task sets of a service that is released blue/green.
    fn task_sets(&self, service: &Service) -> Value {
        let Some(state) = &service.blue_green else { return json!([]) };
        let view = |set: &TaskSet| {
            let (_, running, pending, healthy, unhealthy) = counts(service, set);
            let capacity = &service.application.capacity;
            let times = traffic::quantile(capacity.workers, set.flow.erlangs, 0.95);
            json!({
                "id": set.id,
                "status": set.status,
                "taskDefinition": set.task_definition.rsplit('/').next(),
                "image": image::parse(&set.image).1,
                "behaviour": set.conduct.behaviour(),
                "targetGroup": set.group,
                "desired": set.desired(service.desired),
                "running": running,
                "pending": pending,
                "healthy": healthy,
                "unhealthy": unhealthy,
                "productionPercent": rounded(self.weight(&service.name, Purpose::Production, &set.group)),
                "testPercent": rounded(self.weight(&service.name, Purpose::Test, &set.group)),
                "latencyP95Ms": rounded(times * capacity.service_ms * set.slowdown() + set.flow.backlog_wait_ms),
            })
        };
        state.sets.iter().map(view).collect()
    }

    fn service_view(&self, each: &Service) -> Value {
        let mut view = service(each);
        if let Some(state) = &each.blue_green {
            view["controller"] = json!(state.controller.name());
            view["taskSets"] = self.task_sets(each);
        }
        if self.fleet.is_some() {
            view["fleet"] = self.member_view(&each.name);
        }
        view
    }

    fn database_view(&self) -> Value {
        json!({
            "id": self.database.id,
            "class": self.database.class,
            "pendingClass": self.database.pending(),
            "status": self.database.status(self.now_ms),
            "cpuPercent": rounded(self.database.cpu_percent()),
            "extraQueriesPerSecond": self.database.extra_rate,
        })
    }
}

/// What every kind of service shows.
fn service(service: &Service) -> Value {
    let flow = service.flow;
    let total = flow.served + flow.shed + flow.lost;
    let errors = if total > 0.0 { (flow.shed + flow.lost) / total * 100.0 } else { 0.0 };
    let capacity = &service.application.capacity;
    let latency = |p: f64| {
        let times = traffic::quantile(capacity.workers, flow.erlangs, p);
        rounded(times * capacity.service_ms * service.slowdown + flow.backlog_wait_ms)
    };
    let unhealthy =
        service.tasks.iter().filter(|task| task.phase == Phase::Running && task.health == Health::Unhealthy);
    let deployments = service.deployments.iter().map(
        |deployment| json!({ "id": deployment.id, "status": deployment.status, "rolloutState": deployment.rollout }),
    );
    json!({
        "name": service.name,
        "desired": service.desired,
        "running": service.running(),
        "pending": service.pending(),
        "healthy": service.healthy(),
        "unhealthy": unhealthy.count(),
        "requestsPerSecond": service.rate,
        "utilization": rounded(flow.utilization),
        "backlog": rounded(service.backlog),
        "latencyP50Ms": latency(0.5),
        "latencyP95Ms": latency(0.95),
        "errorRatePercent": rounded(errors),
        "deployments": deployments.collect::<Vec<_>>(),
    })
}

/// A published message.
fn publication(each: &Publication) -> Value {
    json!({ "messageId": each.id, "at": each.at_ms, "subject": each.subject, "message": each.message })
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
