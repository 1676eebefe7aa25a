//! CodeDeploy: one application with one deployment group, blue/green on ECS.

pub(crate) mod appspec;
mod lifecycle;

use appspec::AppSpec;

use super::generator::Generator;

/// The lifecycle events of a blue/green deployment on ECS, in order.
pub(crate) const EVENTS: [&str; 8] = [
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "AllowTestTraffic",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
];
/// The events that are CodeDeploy's own work; the others are hooks.
const OWN_EVENTS: [&str; 3] = ["Install", "AllowTestTraffic", "AllowTraffic"];

/// One lifecycle event of a deployment.
#[derive(Debug, Clone)]
pub(crate) struct LifecycleEvent {
    /// Its name.
    pub(crate) name: &'static str,
    /// Pending, InProgress, Succeeded, Failed or Skipped.
    pub(crate) status: &'static str,
    /// When it began.
    pub(crate) started_ms: Option<i64>,
    /// When it ended.
    pub(crate) ended_ms: Option<i64>,
    /// The hook execution id, where a hook was invoked.
    pub(crate) hook: Option<String>,
    /// Why it failed.
    pub(crate) message: Option<String>,
}

/// Where a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// At the lifecycle event of that index.
    Event(usize),
    /// All events are done; blue is kept until then.
    Terminate {
        /// When blue is terminated.
        until_ms: i64,
    },
    /// Blue, or on the way back green, is going.
    Draining,
    /// Over.
    Done,
}

/// A deployment.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    /// `d-` and nine letters and digits.
    pub(crate) id: String,
    /// Created, InProgress, Succeeded, Failed or Stopped.
    pub(crate) status: &'static str,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// When it began.
    pub(crate) started_ms: Option<i64>,
    /// When it ended.
    pub(crate) completed_ms: Option<i64>,
    /// What is released.
    pub(crate) spec: AppSpec,
    /// The AppSpec as it came.
    pub(crate) content: String,
    /// How traffic is shifted.
    pub(crate) config: String,
    /// What its creator says about it.
    pub(crate) description: Option<String>,
    /// `user` or `codeDeployRollback`.
    pub(crate) creator: &'static str,
    /// In order.
    pub(crate) events: Vec<LifecycleEvent>,
    /// Error code and message.
    pub(crate) error: Option<(&'static str, String)>,
    /// Whether a failure brings blue back.
    pub(crate) auto_rollback: bool,
    /// The deployment that this one undoes.
    pub(crate) undoes: Option<String>,
    /// The deployment that undoes this one.
    pub(crate) undone_by: Option<String>,
    /// The task set that was there before, and its target group.
    pub(crate) blue: Option<(String, String)>,
    /// The replacement task set and its target group.
    pub(crate) green: Option<(String, String)>,
    /// Where it is.
    pub(crate) phase: Phase,
}

impl Deployment {
    /// The lifecycle event in progress.
    pub(crate) fn current(&self) -> Option<&LifecycleEvent> {
        match self.phase {
            Phase::Event(index) => self.events.get(index),
            _ => None,
        }
    }
}

/// The application, its deployment group and every deployment.
#[derive(Debug, Clone)]
pub(crate) struct CodeDeploy {
    /// Application name.
    pub(crate) application: String,
    /// Deployment group name.
    pub(crate) group: String,
    /// The deployment group's id.
    pub(crate) group_id: String,
    /// The ECS service.
    pub(crate) service: String,
    /// How traffic is shifted unless a deployment says otherwise.
    pub(crate) config: String,
    /// How long blue is kept after a deployment, minutes.
    pub(crate) termination_minutes: i64,
    /// Oldest first.
    pub(crate) deployments: Vec<Deployment>,
    pub(super) generator: Generator,
}

/// How long blue is kept after a deployment, minutes.
const TERMINATION_MINUTES: i64 = 60;

impl CodeDeploy {
    /// A deployment group that has not deployed anything yet.
    pub(crate) fn new(application: &str, group: &str, service: &str, mut generator: Generator) -> Self {
        Self {
            application: application.to_owned(),
            group: group.to_owned(),
            group_id: generator.uuid(),
            service: service.to_owned(),
            config: "CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned(),
            termination_minutes: TERMINATION_MINUTES,
            deployments: Vec::new(),
            generator,
        }
    }

    /// The deployment of that id.
    pub(crate) fn find(&self, id: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// The deployment under way.
    pub(crate) fn active(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "InProgress")
    }

    /// A new deployment, in progress.
    pub(crate) fn begin(&mut self, new: NewDeployment, now_ms: i64) -> String {
        let letters: String =
            self.generator.hex(18).to_uppercase().chars().filter(|letter| *letter != '-').take(9).collect();
        let id = format!("d-{letters}");
        let event = |name: &&'static str| LifecycleEvent {
            name,
            status: "Pending",
            started_ms: None,
            ended_ms: None,
            hook: None,
            message: None,
        };
        self.deployments.push(Deployment {
            id: id.clone(),
            status: "InProgress",
            created_ms: now_ms,
            started_ms: Some(now_ms),
            completed_ms: None,
            spec: new.spec,
            content: new.content,
            config: new.config,
            description: new.description,
            creator: "user",
            events: EVENTS.iter().map(event).collect(),
            error: None,
            auto_rollback: new.auto_rollback,
            undoes: None,
            undone_by: None,
            blue: None,
            green: None,
            phase: Phase::Event(0),
        });
        id
    }
}

/// What a deployment is to do.
#[derive(Debug, Clone)]
pub(crate) struct NewDeployment {
    /// What is released.
    pub(crate) spec: AppSpec,
    /// The AppSpec as it came.
    pub(crate) content: String,
    /// How traffic is shifted: a name that [`shifts`] knows.
    pub(crate) config: String,
    /// What its creator says about it.
    pub(crate) description: Option<String>,
    /// Whether a failure brings blue back.
    pub(crate) auto_rollback: bool,
}

/// How a configuration shifts traffic: (milliseconds after the beginning, percent on green); `None` when CodeDeploy
/// has no such configuration.
pub(crate) fn shifts(config: &str) -> Option<Vec<(i64, u32)>> {
    let minutes = |count: i64| count * super::MINUTE_MS;
    let linear = |every: i64| (1..=10_u32).map(|step| (minutes(i64::from(step - 1) * every), step * 10)).collect();
    match config.strip_prefix("CodeDeployDefault.ECS")? {
        "AllAtOnce" => Some(vec![(0, 100)]),
        "Canary10Percent5Minutes" => Some(vec![(0, 10), (minutes(5), 100)]),
        "Canary10Percent15Minutes" => Some(vec![(0, 10), (minutes(15), 100)]),
        "Linear10PercentEvery1Minutes" => Some(linear(1)),
        "Linear10PercentEvery3Minutes" => Some(linear(3)),
        _ => None,
    }
}
