//! The fleet as `GET /_sandbox/state` shows it.

use serde_json::{Value, json};

use super::member::Member;
use super::scaling::Target;
use crate::world::World;

impl World {
    /// What the fleet knows of a service beside what ECS does; null where there is no fleet.
    pub(in crate::world) fn member_view(&self, name: &str) -> Value {
        let member = self.fleet.as_deref().and_then(|fleet| fleet.members.get(name));
        member.map_or(Value::Null, view)
    }
}

fn view(member: &Member) -> Value {
    let size = member.size();
    let last = member.records.newest().next().copied().unwrap_or_default();
    json!({
        "settings": member.target.as_ref().map(settings),
        "cpuUnits": size.cpu_units,
        "memoryMib": size.memory_mib,
        "loadFactor": member.factor,
        "speedFactor": member.speed,
        "cpuPercent": f64::from(last.cpu),
        "memoryPercent": f64::from(last.memory),
        "saturationMinutes": member.saturated,
        "taskHours": member.task_minutes as f64 / 60.0,
        "activities": member.target.as_ref().map_or(0, |target| target.activities.len()),
    })
}

fn settings(target: &Target) -> Value {
    let policies = target.policies.iter().map(|policy| {
        json!({
            "name": policy.name,
            "metric": policy.metric.name(),
            "target": policy.target,
            "scaleOutCooldown": policy.out_cooldown,
            "scaleInCooldown": policy.in_cooldown,
        })
    });
    let scheduled = target.scheduled.iter().map(|action| {
        json!({
            "name": action.name,
            "schedule": action.expression,
            "minCapacity": action.minimum,
            "maxCapacity": action.maximum,
        })
    });
    json!({
        "minCapacity": target.minimum,
        "maxCapacity": target.maximum,
        "policies": policies.collect::<Vec<_>>(),
        "scheduled": scheduled.collect::<Vec<_>>(),
    })
}
