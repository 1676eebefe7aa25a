//! What a gate knows when it decides.

use super::identified::Side;
use super::quota::Counted;
use super::reference::{Reading, Reference, Resolved};
use super::task_definition::TaskDefinition;
use crate::deployment::Route;
use crate::snapshot::{Evidence, Targets};
use crate::time::Millis;
use serde_json::json;
use std::collections::BTreeMap;

/// Everything read for one stage. What a stage does not need is not read; what it needs and was not read is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// When, in milliseconds since 1970.
    pub at: Millis,
    /// The service.
    pub service: Option<Found>,
    /// Deployments of the service in progress other than the judged one; absent when not read.
    pub others: Option<Vec<String>>,
    /// The old revision.
    pub blue: Option<SideFacts>,
    /// How many tasks blue must keep: as many as it had when the deployment was identified.
    pub pinned: Option<u32>,
    /// The new revision.
    pub green: Option<SideFacts>,
    /// The new revision's task definition.
    pub task_definition: Option<TaskDefinition>,
    /// The target groups of the pair that exist, by ARN.
    pub groups: Option<BTreeMap<String, Group>>,
    /// Where production traffic goes.
    pub production: Option<Route>,
    /// Where test traffic goes; inside: absent when the listener does not exist.
    pub test: Option<Option<Route>>,
    /// The alarms that watch the service or its target groups.
    pub alarms: Option<Vec<Alarm>>,
    /// What the new revision names.
    pub references: Vec<Reference>,
    /// How looking them up went.
    pub resolved: Vec<Resolved>,
    /// The lines of panics and fatal errors, by log group: answers of `FilterLogEvents`.
    pub logs: Vec<Reading>,
    /// The scans, by image: answers of `DescribeImages`.
    pub scans: Vec<Reading>,
    /// The vCPUs in use, by code of the quota that they count against: answers of `GetMetricData`.
    pub usage: Vec<Reading>,
    /// The same as the running tasks say; absent where `usage` has a figure.
    pub counted: Option<Counted>,
    /// For how long CodeDeploy keeps blue; absent when that was not read.
    pub blue_kept: Option<Kept>,
}

/// For how long blue is kept after all traffic went to green.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Until somebody deletes it.
    Forever,
    /// So many seconds.
    Seconds(u32),
}

/// The service as `DescribeServices` answered: a missing service is no exception of that API but one of its `failures`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It exists.
    Service {
        /// `ACTIVE`, `DRAINING` or `INACTIVE`.
        status: String,
    },
    /// It is among the failures, for this reason.
    Missing(String),
}

/// One side as it is now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SideFacts {
    /// The side.
    pub side: Side,
    /// Whether its controller has given it up (`rolloutState` is `FAILED`).
    pub rollout_failed: bool,
    /// The health of its targets; absent when it has no target group or it was not read.
    pub targets: Option<Targets>,
    /// Its tasks, running and recently stopped.
    pub tasks: Vec<Task>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// `PROVISIONING` to `STOPPED`.
    pub last_status: String,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    pub health: String,
    /// Why ECS stopped it, for example `EssentialContainerExited`.
    pub stop_code: Option<String>,
    /// Why, in words.
    pub stopped_reason: Option<String>,
    /// Its containers.
    pub containers: Vec<Container>,
}

impl Task {
    /// Whether it has stopped or is about to.
    pub fn stopped(&self) -> bool {
        matches!(self.last_status.as_str(), "DEACTIVATING" | "STOPPING" | "DEPROVISIONING" | "STOPPED" | "DELETED")
    }
}

/// A container of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name in the task definition.
    pub name: String,
    /// The image it was started from.
    pub image: String,
    /// The digest of that image.
    pub digest: Option<String>,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    pub health: String,
    /// How it exited.
    pub exit_code: Option<i32>,
    /// Why it stopped.
    pub reason: Option<String>,
}

/// A target group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The path of its health check; absent for those that ask no path.
    pub health_check_path: Option<String>,
}

/// An alarm of CloudWatch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
}

impl Facts {
    /// The facts as evidence.
    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        let mut add = |reference: &str, value| evidence.push(Evidence::api(reference, value, self.at));
        for (name, side) in [("blue", &self.blue), ("green", &self.green)] {
            let Some(facts) = side else { continue };
            let counts = json!({"side": name, "id": facts.side.id, "taskDefinition": facts.side.task_definition,
                "desired": facts.side.desired, "running": facts.side.running});
            add("ecs:DescribeServices", counts);
            if let Some(targets) = facts.targets {
                let counts = json!({"side": name, "healthy": targets.healthy, "unhealthy": targets.unhealthy,
                    "other": targets.other});
                add("elasticloadbalancing:DescribeTargetHealth", counts);
            }
        }
        if let Some(traffic) = &self.production {
            add("elasticloadbalancing:DescribeListeners", json!(traffic.weights));
        }
        evidence
    }
}
