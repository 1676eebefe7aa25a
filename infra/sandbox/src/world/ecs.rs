//! ECS: a cluster's services, their deployments and tasks. What happens to them in time is in `scheduler`.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::generator::Generator;
use super::task_set::BlueGreen;
use super::traffic::{Capacity, Distribution, Flow};

/// How long a stopped task stays visible, milliseconds (AWS: about an hour).
pub(crate) const STOPPED_KEPT_MS: i64 = 3_600_000;
/// How many service events are kept (AWS: 100).
const EVENTS_KEPT: usize = 100;

/// How the tasks of a deployment fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// They start and become healthy.
    #[default]
    Normal,
    /// They start but never become healthy: the rollout stays IN_PROGRESS.
    Stall,
    /// They exit soon after the start: the circuit breaker fails the rollout.
    Fail,
}

/// A task's place in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Capacity and network interface are being found.
    Provisioning,
    /// The image is being pulled.
    Pending,
    /// The container runs.
    Running,
    /// Out of the target group, finishing its requests.
    Deactivating,
    /// The container was told to stop.
    Stopping,
    /// Gone.
    Stopped,
}

impl Phase {
    /// ECS's `lastStatus`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
        }
    }

    /// Whether the task counts as one of its service's.
    pub(crate) const fn is_active(self) -> bool {
        matches!(self, Self::Provisioning | Self::Pending | Self::Running)
    }
}

/// The load balancer's view of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Not registered yet.
    Unregistered,
    /// Registered, not yet passed its first checks.
    Initial,
    /// In rotation.
    Healthy,
    /// Out of rotation.
    Unhealthy,
    /// Being deregistered.
    Draining,
}

/// Why and how a task was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    /// ECS's `stopCode`, e.g. `ServiceSchedulerInitiated`.
    pub(crate) code: &'static str,
    /// ECS's `stoppedReason`.
    pub(crate) reason: String,
    /// The container's exit code.
    pub(crate) exit_code: i64,
    /// The container's own reason, e.g. out of memory.
    pub(crate) container_reason: Option<&'static str>,
}

/// One copy of the application.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// 32 hexadecimal digits.
    pub(crate) id: String,
    /// The deployment that started it.
    pub(crate) deployment: String,
    /// Task definition ARN.
    pub(crate) task_definition: String,
    /// Place in its life.
    pub(crate) phase: Phase,
    /// When the phase ends by itself; `None`: it does not.
    pub(crate) phase_ends_ms: Option<i64>,
    /// When it was asked for.
    pub(crate) created_ms: i64,
    /// When the container started.
    pub(crate) started_ms: Option<i64>,
    /// When it was told to stop.
    pub(crate) stopping_ms: Option<i64>,
    /// When it was gone.
    pub(crate) stopped_ms: Option<i64>,
    /// Why.
    pub(crate) stop: Option<Stop>,
    /// Private IPv4 address.
    pub(crate) address: String,
    /// Availability zone.
    pub(crate) zone: String,
    /// How it fares.
    pub(crate) outcome: Outcome,
    /// When the application has started up and would answer.
    pub(crate) ready_ms: i64,
    /// Whether it accepts requests and never answers.
    pub(crate) hung: bool,
    /// The load balancer's view.
    pub(crate) health: Health,
    /// When the next health check happens.
    pub(crate) next_check_ms: i64,
    /// Equal check results in a row: positive passed, negative failed.
    pub(crate) streak: i32,
}

impl Task {
    /// In rotation or a candidate: running and known to the load balancer as healthy.
    pub(crate) fn is_healthy(&self) -> bool {
        self.phase == Phase::Running && self.health == Health::Healthy
    }
}

/// One rollout of a service.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    /// `ecs-svc/` and 19 digits.
    pub(crate) id: String,
    /// PRIMARY or ACTIVE.
    pub(crate) status: &'static str,
    /// Task definition ARN.
    pub(crate) task_definition: String,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// When it last changed.
    pub(crate) updated_ms: i64,
    /// IN_PROGRESS, COMPLETED or FAILED.
    pub(crate) rollout: &'static str,
    /// ECS's sentence about it.
    pub(crate) reason: String,
    /// Tasks that failed to start or to stay.
    pub(crate) failed_tasks: i64,
    /// How its tasks fare.
    pub(crate) outcome: Outcome,
    /// No task is started before this (ECS throttles a deployment whose tasks fail).
    pub(crate) not_before_ms: i64,
}

/// What the application in a service's tasks is like.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    /// What a task can serve.
    pub(crate) capacity: Capacity,
    /// Time from container start to answering, milliseconds.
    pub(crate) start_up_ms: i64,
    /// Memory in use without load, percent.
    pub(crate) memory_percent: f64,
    /// Database time per request, milliseconds of one virtual CPU.
    pub(crate) database_ms: f64,
    /// Cache lookups per request.
    pub(crate) cache_lookups: f64,
}

/// A service event, as DescribeServices lists them.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// A UUID.
    pub(crate) id: String,
    /// When.
    pub(crate) at_ms: i64,
    /// ECS's sentence.
    pub(crate) message: String,
}

/// An ECS service and the load on it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// Name.
    pub(crate) name: String,
    /// Desired count.
    pub(crate) desired: i64,
    /// Minimum healthy percent of a deployment.
    pub(crate) minimum_healthy: i64,
    /// Maximum percent of a deployment.
    pub(crate) maximum: i64,
    /// Whether a failing deployment is stopped.
    pub(crate) breaker: bool,
    /// Whether it is rolled back then.
    pub(crate) rollback: bool,
    /// Health checks are ignored this long after a task's start, seconds.
    pub(crate) grace_seconds: i64,
    /// PRIMARY first.
    pub(crate) deployments: Vec<Deployment>,
    /// In order of creation, the stopped ones included.
    pub(crate) tasks: Vec<Task>,
    /// Newest first.
    pub(crate) events: VecDeque<Event>,
    /// Target group name.
    pub(crate) target_group: String,
    /// The target group's id, the last part of its ARN.
    pub(crate) target_group_id: String,
    /// The application's properties.
    pub(crate) application: Application,
    /// Load, requests per second, before the minute's noise.
    pub(crate) rate: f64,
    /// The minute's noise: a factor near 1.
    pub(crate) noise: f64,
    /// Requests waiting.
    pub(crate) backlog: f64,
    /// The last second.
    pub(crate) flow: Flow,
    /// The response-time distribution last computed.
    pub(crate) distribution: Distribution,
    /// How much slower downstream makes it: 1 is not at all.
    pub(crate) slowdown: f64,
    /// How the next deployments fare.
    pub(crate) next_outcome: Outcome,
    /// Whether ECS replaces tasks that fail the load balancer's checks.
    pub(crate) replaces_unhealthy: bool,
    /// When the service was created.
    pub(crate) created_ms: i64,
    /// Whether the last reported state was steady.
    pub(crate) steady: bool,
    /// Task sets and target groups, where it is released blue/green instead of by a rolling update.
    pub(crate) blue_green: Option<Box<BlueGreen>>,
}

impl Service {
    /// The PRIMARY deployment; a service that is not blue/green always has one.
    pub(crate) fn primary(&self) -> Option<&Deployment> {
        self.deployments.first()
    }

    /// Adds an event, newest first.
    pub(crate) fn event(&mut self, at_ms: i64, generator: &mut Generator, message: &str) {
        let message = format!("(service {}) {message}", self.name);
        self.events.push_front(Event { id: generator.uuid(), at_ms, message });
        self.events.truncate(EVENTS_KEPT);
    }

    /// Number of tasks in one of the phases.
    pub(crate) fn count(&self, phases: &[Phase]) -> usize {
        self.tasks.iter().filter(|task| phases.contains(&task.phase)).count()
    }

    /// ECS's `runningCount`.
    pub(crate) fn running(&self) -> usize {
        self.count(&[Phase::Running])
    }

    /// ECS's `pendingCount`.
    pub(crate) fn pending(&self) -> usize {
        self.count(&[Phase::Provisioning, Phase::Pending])
    }

    /// Tasks that the load balancer holds healthy.
    pub(crate) fn healthy(&self) -> usize {
        self.tasks.iter().filter(|task| task.is_healthy()).count()
    }

    /// Active tasks of a deployment.
    pub(crate) fn active_of<'a>(&'a self, deployment: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(move |task| task.deployment == deployment && task.phase.is_active())
    }

    /// Makes a new PRIMARY deployment; the others become ACTIVE.
    pub(crate) fn deploy(&mut self, at_ms: i64, generator: &mut Generator, task_definition: String) {
        for deployment in &mut self.deployments {
            deployment.status = "ACTIVE";
        }
        let id = format!("ecs-svc/{}", generator.digits(19));
        let reason = format!("ECS deployment {id} in progress.");
        let deployment = Deployment {
            id,
            status: "PRIMARY",
            task_definition,
            created_ms: at_ms,
            updated_ms: at_ms,
            rollout: "IN_PROGRESS",
            reason,
            failed_tasks: 0,
            outcome: self.next_outcome,
            not_before_ms: at_ms,
        };
        self.deployments.insert(0, deployment);
        self.steady = false;
    }
}
