//! ECS's own blue/green deployments: configuration, service revisions, service deployments.

mod hook;
mod stage;

use serde_json::Value;

use super::generator::Generator;
use super::task_set::TaskSet;
pub(crate) use hook::{Hook, HookRun, HookTarget};

/// A lifecycle stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// More than one revision is active; never the case here.
    ReconcileService,
    /// Green has not started.
    PreScaleUp,
    /// Green starts.
    ScaleUp,
    /// Green has started.
    PostScaleUp,
    /// Test traffic moves to green.
    TestTrafficShift,
    /// Test traffic is on green.
    PostTestTrafficShift,
    /// Before each step of production traffic.
    PreProductionTrafficShift,
    /// Production traffic moves to green.
    ProductionTrafficShift,
    /// Production traffic is on green.
    PostProductionTrafficShift,
    /// Both run.
    BakeTime,
    /// Blue goes.
    CleanUp,
}

const STAGES: [(Stage, &str); 11] = [
    (Stage::ReconcileService, "RECONCILE_SERVICE"),
    (Stage::PreScaleUp, "PRE_SCALE_UP"),
    (Stage::ScaleUp, "SCALE_UP"),
    (Stage::PostScaleUp, "POST_SCALE_UP"),
    (Stage::TestTrafficShift, "TEST_TRAFFIC_SHIFT"),
    (Stage::PostTestTrafficShift, "POST_TEST_TRAFFIC_SHIFT"),
    (Stage::PreProductionTrafficShift, "PRE_PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::ProductionTrafficShift, "PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::PostProductionTrafficShift, "POST_PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::BakeTime, "BAKE_TIME"),
    (Stage::CleanUp, "CLEAN_UP"),
];

impl Stage {
    /// ECS's name.
    pub(crate) fn name(self) -> &'static str {
        STAGES.iter().find(|(stage, _)| *stage == self).map_or("", |(_, name)| name)
    }

    /// The stage of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        STAGES.iter().find(|(_, own)| *own == name).map(|(stage, _)| *stage)
    }

    /// Whether a Lambda hook may run there.
    pub(crate) const fn may_call(self) -> bool {
        !matches!(self, Self::ScaleUp | Self::BakeTime | Self::CleanUp)
    }

    /// Whether a deployment may pause there.
    pub(crate) const fn may_pause(self) -> bool {
        self.may_call() && !matches!(self, Self::TestTrafficShift | Self::ProductionTrafficShift)
    }
}

/// How production traffic is shifted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Strategy {
    /// All at once.
    BlueGreen,
    /// In equal steps of so many percent, with so many minutes between them.
    Linear(f64, i64),
    /// So many percent, then after so many minutes the rest.
    Canary(f64, i64),
}

impl Strategy {
    /// ECS's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BlueGreen => "BLUE_GREEN",
            Self::Linear(..) => "LINEAR",
            Self::Canary(..) => "CANARY",
        }
    }

    /// Percent on green after each step, and the minutes until the next.
    pub(crate) fn steps(self) -> Vec<(f64, i64)> {
        match self {
            Self::BlueGreen => vec![(100.0, 0)],
            Self::Canary(percent, minutes) => vec![(percent, minutes), (100.0, 0)],
            Self::Linear(percent, minutes) => {
                let count = (100.0 / percent).ceil().max(1.0) as usize;
                let step = |index: usize| {
                    let last = index == count;
                    (if last { 100.0 } else { percent * index as f64 }, if last { 0 } else { minutes })
                };
                (1..=count).map(step).collect()
            }
        }
    }
}

/// The settings of a service's own blue/green deployments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Configuration {
    /// How production traffic is shifted.
    pub(crate) strategy: Strategy,
    /// How long both run after the shift, minutes.
    pub(crate) bake_minutes: i64,
    /// Lifecycle hooks.
    pub(crate) hooks: Vec<Hook>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self { strategy: Strategy::BlueGreen, bake_minutes: 5, hooks: Vec::new() }
    }
}

/// A service revision: what was to run.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    /// 19 digits; its task set is `ecs-svc/` and the same.
    pub(crate) id: String,
    /// The service.
    pub(crate) service: String,
    /// Task definition ARN.
    pub(crate) task_definition: String,
    /// Target group ARN.
    pub(crate) group: String,
    /// When it was created.
    pub(crate) created_ms: i64,
}

impl Revision {
    /// The revision that a task set runs.
    pub(crate) fn of(service: &str, set: &TaskSet) -> Self {
        Self {
            id: set.id.trim_start_matches("ecs-svc/").to_owned(),
            service: service.to_owned(),
            task_definition: set.task_definition.clone(),
            group: set.group.clone(),
            created_ms: set.created_ms,
        }
    }

    /// The id of its task set.
    pub(crate) fn set(&self) -> String {
        format!("ecs-svc/{}", self.id)
    }
}

/// A service deployment.
#[derive(Debug, Clone)]
pub(crate) struct ServiceDeployment {
    /// 21 letters and digits, the last part of its ARN.
    pub(crate) id: String,
    /// The service.
    pub(crate) service: String,
    /// PENDING, IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_IN_PROGRESS or ROLLBACK_SUCCESSFUL.
    pub(crate) status: &'static str,
    /// ECS's sentence about it.
    pub(crate) reason: String,
    /// Where it is.
    pub(crate) stage: Stage,
    /// Since when.
    pub(crate) entered_ms: i64,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// When it last changed.
    pub(crate) updated_ms: i64,
    /// When it ended.
    pub(crate) finished_ms: Option<i64>,
    /// The revision that ran before.
    pub(crate) source: Revision,
    /// The revision that is deployed.
    pub(crate) target: Revision,
    /// The settings it began with.
    pub(crate) configuration: Configuration,
    /// The step of the traffic shift, from 0.
    pub(crate) step: usize,
    /// Hooks that were run, oldest first.
    pub(crate) runs: Vec<HookRun>,
    /// Why it is rolled back, and since when.
    pub(crate) rollback: Option<(String, i64)>,
}

impl ServiceDeployment {
    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status, "SUCCESSFUL" | "STOPPED" | "ROLLBACK_SUCCESSFUL")
    }
}

/// Every revision and service deployment.
#[derive(Debug, Clone)]
pub(crate) struct Native {
    /// Oldest first.
    pub(crate) revisions: Vec<Revision>,
    /// Oldest first.
    pub(crate) deployments: Vec<ServiceDeployment>,
    pub(super) generator: Generator,
}

impl Native {
    /// Revisions that run, and no deployment yet.
    pub(crate) const fn new(seed: u64, revisions: Vec<Revision>) -> Self {
        Self { revisions, deployments: Vec::new(), generator: Generator::new(seed ^ 0x4E41_5449_5645) }
    }

    /// The service deployment of that ARN or id.
    pub(crate) fn find(&self, arn: &str) -> Option<&ServiceDeployment> {
        let id = arn.rsplit('/').next().unwrap_or(arn);
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// The service deployment of a service that is under way.
    pub(crate) fn active(&self, service: &str) -> Option<&ServiceDeployment> {
        self.deployments.iter().find(|deployment| deployment.service == service && !deployment.is_over())
    }
}

/// Later members of an object win.
fn merged(first: &Value, second: &Value) -> Value {
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            let mut all = first.clone();
            all.extend(second.clone());
            Value::Object(all)
        }
        (first, Value::Null) => first.clone(),
        (_, second) => second.clone(),
    }
}
