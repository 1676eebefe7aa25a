//! Application Auto Scaling of ECS services: minimum and maximum capacity, and a target-tracking policy on CPU.

use std::collections::VecDeque;

use super::ecs::Service;

/// CPU must be above the target this many minutes before the policy scales out (AWS: 3 data points of one minute).
const OUT_MINUTES: usize = 3;
/// CPU must be below nine tenths of the target this many minutes before the policy scales in (AWS: 15).
const IN_MINUTES: usize = 15;

/// A registered scalable target, `service/<cluster>/<service>`.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The service's name.
    pub(crate) service: String,
    /// Minimum capacity.
    pub(crate) minimum: i64,
    /// Maximum capacity.
    pub(crate) maximum: i64,
    /// When it was registered.
    pub(crate) created_ms: i64,
    /// Dynamic scale-in suspended.
    pub(crate) in_suspended: bool,
    /// Dynamic scale-out suspended.
    pub(crate) out_suspended: bool,
    /// Scheduled scaling suspended.
    pub(crate) scheduled_suspended: bool,
    /// The policy on average CPU, if there is one.
    pub(crate) policy: Option<Policy>,
    /// Average CPU of the last minutes, newest last.
    pub(crate) cpu: VecDeque<f64>,
}

/// A target-tracking policy on ECSServiceAverageCPUUtilization.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Policy name.
    pub(crate) name: String,
    /// The UUID in its ARN.
    pub(crate) id: String,
    /// Target CPU, percent.
    pub(crate) target: f64,
    /// When it was created.
    pub(crate) created_ms: i64,
}

impl Target {
    /// Brings the desired count within the bounds, as AWS does when a target is registered.
    pub(crate) fn bound(&self, service: &mut Service) {
        let bounded = service.desired.clamp(self.minimum, self.maximum.max(self.minimum));
        service.steady = service.steady && bounded == service.desired;
        service.desired = bounded;
    }

    /// One minute of the policy: `cpu` is the service's average of that minute, percent.
    pub(crate) fn minute(&mut self, service: &mut Service, cpu: f64) {
        self.cpu.push_back(cpu);
        if self.cpu.len() > IN_MINUTES {
            self.cpu.pop_front();
        }
        let Some(policy) = &self.policy else { return };
        let target = policy.target;
        let recent = self.cpu.iter().rev().take(OUT_MINUTES);
        let out = self.cpu.len() >= OUT_MINUTES && recent.clone().all(|cpu| *cpu > target);
        let inward = self.cpu.len() == IN_MINUTES && self.cpu.iter().all(|cpu| *cpu < target * 0.9);
        let wanted = (service.desired as f64 * cpu / target).ceil() as i64;
        let change = (out && !self.out_suspended && wanted > service.desired)
            || (inward && !self.in_suspended && wanted < service.desired);
        let bounded = wanted.clamp(self.minimum, self.maximum.max(self.minimum));
        if change && bounded != service.desired {
            service.desired = bounded;
            service.steady = false;
            self.cpu.clear();
        }
    }
}
