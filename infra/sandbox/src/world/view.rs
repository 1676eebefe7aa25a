//! The world as `GET /_sandbox/state` shows it.

use serde_json::{Value, json};

use super::World;
use super::ecs::{Health, Phase, Service};
use super::traffic;

impl World {
    /// A summary of everything that moves, for people and tests.
    pub(crate) fn state(&self) -> Value {
        let services: Vec<Value> = self.services.values().map(service).collect();
        let scalable = self.scalable.iter().map(
            |target| json!({ "service": target.service, "minCapacity": target.minimum, "maxCapacity": target.maximum }),
        );
        let alarms = self.alarms.iter().map(|alarm| json!({ "name": alarm.name, "state": alarm.state }));
        let queues = self.queues.values().map(|queue| json!({ "name": queue.name, "messages": queue.messages.len() }));
        let topics = self.topics.iter().map(|(name, topic)| {
            let published = topic.published.iter().map(|each| {
                json!({ "messageId": each.id, "at": each.at_ms, "subject": each.subject, "message": each.message })
            });
            json!({ "name": name, "published": published.collect::<Vec<_>>() })
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
        })
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

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
