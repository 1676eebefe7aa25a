//! The account's quota of Fargate vCPUs, and how much of it is in use. The sandbox tells the quota and does not enforce
//! it.

use super::World;
use super::metrics::Series;
use super::publish::one;

/// The quota's code.
pub(crate) const CODE: &str = "L-3032A538";
/// What the account of a new world may use.
pub(super) const VCPU: f64 = 512.0;
/// The most that it can be set to.
const MOST: f64 = 1_000_000.0;
/// CPU units of one vCPU.
const UNITS: f64 = 1_024.0;

/// The metric of its use: namespace, name and dimensions.
pub(crate) const USAGE: (&str, &str, [(&str, &str); 4]) = (
    "AWS/Usage",
    "ResourceCount",
    [("Service", "Fargate"), ("Type", "Resource"), ("Resource", "vCPU"), ("Class", "Standard/OnDemand")],
);

impl World {
    /// Sets the quota.
    pub(crate) fn set_quota(&mut self, vcpu: f64) -> Result<(), String> {
        if !(0.0..=MOST).contains(&vcpu) {
            return Err(format!("vcpu: give a number from 0 to {MOST}"));
        }
        self.quota_vcpu = vcpu;
        Ok(())
    }

    /// Publishes the vCPUs in use at the end of a minute.
    pub(super) fn publish_usage(&mut self, at_ms: i64) {
        let tasks = self.services.values().flat_map(|service| &service.tasks);
        let active = tasks.filter(|task| task.stopped_ms.is_none());
        let units: f64 = active.map(|task| f64::from(self.task_size(&task.task_definition).cpu_units)).sum();
        let (namespace, name, dimensions) = USAGE;
        self.metrics.publish(Series::new(namespace, name, &dimensions), at_ms, &one(units / UNITS));
    }
}
