//! What is known about a service before a step of its release.

use super::command::{Suspended, Template};
use crate::snapshot::Targets;
use crate::time::Millis;
use std::collections::BTreeMap;

/// Everything that a plan and its steps look at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// How many tasks the service wants.
    pub desired: u32,
    /// Its task sets.
    pub task_sets: Vec<TaskSet>,
    /// Where production traffic goes.
    pub production: Route,
    /// Where test traffic goes.
    pub test: Route,
    /// What autoscaling may do, where it is set up and was looked at.
    pub scaling: Option<Scaling>,
    /// The health of the pair's targets, by target group.
    pub targets: BTreeMap<String, Targets>,
}

impl Observed {
    /// The primary task set.
    pub fn primary(&self) -> Option<&TaskSet> {
        self.task_sets.iter().find(|set| set.status == "PRIMARY")
    }

    /// A task set that is not on its way out.
    pub fn living(&self, id: &str) -> Option<&TaskSet> {
        self.task_sets.iter().find(|set| set.id == id && set.status != "DRAINING")
    }

    /// The living task set that carries this external id.
    pub fn created(&self, external_id: &str) -> Option<&TaskSet> {
        let own = |set: &&TaskSet| set.external_id.as_deref() == Some(external_id) && set.status != "DRAINING";
        self.task_sets.iter().find(own)
    }
}

/// A task set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskSet {
    /// `ecs-svc/<number>`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `DRAINING`.
    pub status: String,
    /// The id that whoever created it gave it.
    pub external_id: Option<String>,
    /// Its task definition's ARN.
    pub task_definition: String,
    /// How many tasks it wants.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// When it was created, in milliseconds since 1970.
    pub created_at: Option<Millis>,
    /// Its size in percent of the service's desired count.
    pub scale: f64,
    /// What a task set that replaces it has in common with it.
    pub template: Template,
}

impl TaskSet {
    /// The target group of its first load balancer.
    pub fn target_group(&self) -> Option<&str> {
        self.template.load_balancers.first().map(|balancer| balancer.target_group_arn.as_str())
    }
}

/// A listener, or a rule of one, that forwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Weights by target group.
    pub weights: BTreeMap<String, u32>,
    /// For how many seconds clients stay with a target group, where that is on.
    pub stickiness_seconds: Option<u32>,
    /// Whether it does anything besides one forward, such as authenticating.
    pub other_actions: bool,
}

impl Route {
    /// The weight of a target group.
    pub fn weight(&self, group: &str) -> u32 {
        self.weights.get(group).copied().unwrap_or(0)
    }

    /// The share of a target group in percent; `None` when nothing is forwarded.
    pub fn percent(&self, group: &str) -> Option<f64> {
        let total: u32 = self.weights.values().sum();
        (total > 0).then(|| 100.0 * f64::from(self.weight(group)) / f64::from(total))
    }

    /// The weights that are not zero.
    pub fn used(&self) -> BTreeMap<&str, u32> {
        self.weights
            .iter()
            .filter(|(_, weight)| **weight > 0)
            .map(|(group, weight)| (group.as_str(), *weight))
            .collect()
    }
}

/// What autoscaling may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scaling {
    /// What is suspended.
    pub suspended: Suspended,
}
