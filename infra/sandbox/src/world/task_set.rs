//! Services that are released blue/green: two target groups, and task sets that come and go between them.
//!
//! A task set's tasks live among the service's tasks; their `deployment` is the task set's id. ECS keeps a task set at
//! its share of the desired count; which set serves whom is decided by the listeners.

use super::balancer::{self, Listener, Purpose};
use super::ecs::{Health, Phase, Service, Stop, Task};
use super::generator::Generator;
use super::image::{Conduct, Registry};
use super::native::Configuration;
use super::publish::{Minute, Second};
use super::scheduler;
use super::traffic::{self, Distribution, Flow, Rotation};

/// How long after its start the container of a crashing release exits, milliseconds.
const CRASH_MS: i64 = 5_000;
/// How long ECS waits after a failed task before it starts another, milliseconds.
const FAILED_PAUSE_MS: i64 = 10_000;
/// How much of a minute's pace stays in the next: the lag-1 correlation.
const PACE_MEMORY: f64 = 0.6;
/// How far a minute's pace may be drawn from the mean.
const PACE_SPREAD: f64 = 0.04;
/// A percentile of n requests scatters with this relative deviation divided by √n (the p95 of an exponential
/// distribution: √(0.95 · 0.05) / 0.05 / ln 20, about 1.5).
const SAMPLING: f64 = 1.5;

/// Who releases a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Controller {
    /// Somebody outside, with task sets.
    External,
    /// CodeDeploy, with task sets of its own.
    CodeDeploy,
    /// ECS itself, with service revisions.
    Native,
}

impl Controller {
    /// ECS's `deploymentController.type`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::CodeDeploy => "CODE_DEPLOY",
            Self::Native => "ECS",
        }
    }
}

/// One of a service's two target groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Target group name.
    pub(crate) name: String,
    /// The last part of its ARN.
    pub(crate) id: String,
    /// Its ARN.
    pub(crate) arn: String,
}

/// Copies of one task definition.
#[derive(Debug, Clone)]
pub(crate) struct TaskSet {
    /// `ecs-svc/` and 19 digits.
    pub(crate) id: String,
    /// PRIMARY, ACTIVE or DRAINING.
    pub(crate) status: &'static str,
    /// Task definition ARN.
    pub(crate) task_definition: String,
    /// Its container image.
    pub(crate) image: String,
    /// Why its tasks cannot start, if they cannot.
    pub(crate) refusal: Option<String>,
    /// What its creator calls it.
    pub(crate) external_id: Option<String>,
    /// Makes its creation idempotent.
    pub(crate) client_token: Option<String>,
    /// Who created it, as ECS says it.
    pub(crate) started_by: Option<String>,
    /// The ARN of its target group.
    pub(crate) group: String,
    /// Percent of the service's desired count.
    pub(crate) scale: f64,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// When it last changed.
    pub(crate) updated_ms: i64,
    /// Since when it is at its count and healthy; `None`: it is not.
    pub(crate) stable_ms: Option<i64>,
    /// Tasks that failed to start or to stay.
    pub(crate) failed_tasks: i64,
    /// No task is started before this.
    pub(crate) not_before_ms: i64,
    /// How its release behaves.
    pub(crate) conduct: Conduct,
    /// The minute's pace: a factor near 1 on the service time.
    pub(crate) pace: f64,
    /// How the minute's requests happen to fall: a factor nearer to 1 the more there are.
    pub(crate) luck: f64,
    /// Requests waiting.
    pub(crate) backlog: f64,
    /// The last second.
    pub(crate) flow: Flow,
    /// The response-time distribution last computed.
    pub(crate) distribution: Distribution,
}

impl TaskSet {
    /// How many tasks it should have.
    pub(crate) fn desired(&self, service_desired: i64) -> i64 {
        if self.status == "DRAINING" {
            return 0;
        }
        (service_desired as f64 * self.scale / 100.0).ceil() as i64
    }

    /// How many times the mean service time its requests take.
    pub(crate) fn slowdown(&self) -> f64 {
        self.conduct.slowdown() * self.pace * self.luck
    }

    /// Draws the next minute's pace: autocorrelated, as latencies are.
    pub(crate) fn drift(&mut self, generator: &mut Generator) {
        let drawn = generator.between(-PACE_SPREAD, PACE_SPREAD);
        self.pace = 1.0 + PACE_MEMORY * (self.pace - 1.0) + drawn * (1.0 - PACE_MEMORY * PACE_MEMORY).sqrt();
        let (requests, drawn) = (self.flow.served * 60.0, generator.between(-1.0, 1.0) * 3.0_f64.sqrt());
        self.luck = if requests < 1.0 { 1.0 } else { 1.0 + (SAMPLING / requests.sqrt()).min(0.1) * drawn };
    }
}

/// What a service has that is released blue/green.
#[derive(Debug, Clone)]
pub(crate) struct BlueGreen {
    /// Who releases it.
    pub(crate) controller: Controller,
    /// Its target groups.
    pub(crate) groups: [Group; 2],
    /// Oldest first.
    pub(crate) sets: Vec<TaskSet>,
    /// The settings of ECS's own blue/green deployments.
    pub(crate) configuration: Configuration,
    /// What its tasks draw from: apart, so that one service's life does not disturb another's.
    pub(crate) generator: Generator,
}

impl BlueGreen {
    /// The PRIMARY task set.
    pub(crate) fn primary(&self) -> Option<&TaskSet> {
        self.sets.iter().find(|set| set.status == "PRIMARY")
    }

    /// The task set of that id, name or ARN.
    pub(crate) fn set(&self, id: &str) -> Option<&TaskSet> {
        self.sets.iter().find(|set| names(id, &set.id))
    }

    /// The task set of that id, name or ARN.
    pub(crate) fn set_mut(&mut self, id: &str) -> Option<&mut TaskSet> {
        self.sets.iter_mut().find(|set| names(id, &set.id))
    }

    /// The target group that the PRIMARY set does not use.
    pub(crate) fn other_group(&self) -> &Group {
        let used = self.primary().map(|set| set.group.as_str());
        let [first, second] = &self.groups;
        if used == Some(first.arn.as_str()) { second } else { first }
    }

    /// Makes one set PRIMARY and the others ACTIVE.
    pub(crate) fn promote(&mut self, id: &str, now_ms: i64) {
        for set in self.sets.iter_mut().filter(|set| set.status != "DRAINING") {
            let status = if names(id, &set.id) { "PRIMARY" } else { "ACTIVE" };
            if status != set.status {
                set.status = status;
                set.updated_ms = now_ms;
            }
        }
    }

    /// Lets a set drain and go.
    pub(crate) fn retire(&mut self, id: &str, now_ms: i64) {
        if let Some(set) = self.set_mut(id) {
            set.status = "DRAINING";
            set.updated_ms = now_ms;
            set.stable_ms = None;
        }
    }
}

/// Whether `given`, an id with or without `ecs-svc/` or a task set's ARN, names the set of this id.
fn names(given: &str, id: &str) -> bool {
    let digits = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    digits(given) == digits(id)
}

/// One line that a container wrote: task set id, task id, text.
pub(super) type Line = (String, String, String);

/// One second of a blue/green service; returns what its containers wrote.
pub(super) fn tick(service: &mut Service, now_ms: i64, images: &Registry) -> Vec<Line> {
    let Some(mut state) = service.blue_green.take() else { return Vec::new() };
    for set in &mut state.sets {
        set.conduct = images.resolve(&set.image).map(|image| image.conduct).unwrap_or_default();
    }
    let mut lines = Vec::new();
    for index in 0..service.tasks.len() {
        progress(service, index, &mut state, now_ms, &mut lines);
        scheduler::check(&mut service.tasks[index], now_ms, service.grace_seconds);
    }
    let kept = now_ms - super::ecs::STOPPED_KEPT_MS;
    service.tasks.retain(|task| task.stopped_ms.is_none_or(|at| at > kept));
    if service.replaces_unhealthy {
        scheduler::replace_unhealthy(service, now_ms);
    }
    for index in 0..state.sets.len() {
        scale(service, &mut state, index, now_ms);
        settle(service, &mut state.sets[index], now_ms);
    }
    let tasks = &service.tasks;
    let gone = |set: &TaskSet| !tasks.iter().any(|task| task.deployment == set.id && task.phase != Phase::Stopped);
    state.sets.retain(|set| set.status != "DRAINING" || !gone(set));
    service.blue_green = Some(state);
    lines
}

/// Moves a task to its next phase when the present one is over.
fn progress(service: &mut Service, index: usize, state: &mut BlueGreen, now_ms: i64, lines: &mut Vec<Line>) {
    let (start_up_ms, memory) = (service.application.start_up_ms, service.application.memory_percent);
    let task = &mut service.tasks[index];
    if task.phase_ends_ms.is_none_or(|end| end > now_ms) {
        return;
    }
    let BlueGreen { sets, generator, .. } = state;
    let Some(set) = sets.iter_mut().find(|set| set.id == task.deployment) else {
        scheduler::advance(task, now_ms, start_up_ms, generator);
        return;
    };
    let mut say = |task: &Task, text: String| lines.push((set.id.clone(), task.id.clone(), text));
    match task.phase {
        Phase::Pending if set.refusal.is_some() => {
            let reason = set.refusal.clone().unwrap_or_default();
            scheduler::exit(task, now_ms, 1, None);
            task.stop = Some(Stop { code: "TaskFailedToStart", reason, exit_code: 1, container_reason: None });
            failed(set, now_ms);
        }
        Phase::Pending => {
            scheduler::advance(task, now_ms, set.conduct.start_up_ms().unwrap_or(start_up_ms), generator);
            task.phase_ends_ms = exits_ms(set.conduct, now_ms, memory);
            let version = super::image::parse(&set.image).1;
            say(task, format!("INFO starting version={version} port=8080"));
        }
        Phase::Running => {
            let leaks = set.conduct.leak_per_minute() > 0.0;
            let reason = leaks.then_some("OutOfMemoryError: Container killed due to memory usage");
            scheduler::exit(task, now_ms, if leaks { 137 } else { 1 }, reason);
            if !leaks {
                say(task, "FATAL cannot start: configuration has no key 'payments.endpoint'; exiting".to_owned());
            }
            failed(set, now_ms);
        }
        _ => {
            scheduler::advance(task, now_ms, start_up_ms, generator);
        }
    }
}

/// When the container of a release exits by itself after a start at `now_ms`.
fn exits_ms(conduct: Conduct, now_ms: i64, memory_percent: f64) -> Option<i64> {
    if conduct.crashes() {
        return Some(now_ms + CRASH_MS);
    }
    let leak = conduct.leak_per_minute();
    (leak > 0.0).then(|| now_ms + ((100.0 - memory_percent) / leak * 60_000.0) as i64)
}

fn failed(set: &mut TaskSet, now_ms: i64) {
    set.failed_tasks += 1;
    set.updated_ms = now_ms;
    set.not_before_ms = now_ms + FAILED_PAUSE_MS;
}

/// Starts the tasks that a set lacks, stops those it has too many of.
fn scale(service: &mut Service, state: &mut BlueGreen, index: usize, now_ms: i64) {
    let BlueGreen { sets, generator, .. } = state;
    let set = &sets[index];
    let wanted = usize::try_from(set.desired(service.desired)).unwrap_or(0);
    let active = service.active_of(&set.id).count();
    if active < wanted && now_ms >= set.not_before_ms {
        let mut started = Vec::with_capacity(wanted - active);
        for _ in active..wanted {
            let sequence = service.tasks.len();
            let outcome = super::ecs::Outcome::Normal;
            let task = scheduler::new_task(now_ms, generator, (&set.id, &set.task_definition), outcome, sequence);
            started.push(format!("(task {})", task.id));
            service.tasks.push(task);
        }
        let message = format!("(task set {}) has started {} tasks: {}.", set.id, started.len(), started.join(" "));
        service.event(now_ms, generator, &message);
    }
    let mut surplus = active.saturating_sub(wanted);
    for healthy in [false, true] {
        let own = |task: &&mut Task| task.deployment == set.id && task.phase.is_active();
        for task in service.tasks.iter_mut().filter(own).filter(|task| task.is_healthy() == healthy) {
            if surplus == 0 {
                return;
            }
            surplus -= 1;
            let reason = format!("Scaling activity initiated by (task set {})", set.id);
            scheduler::stop(task, now_ms, "ServiceSchedulerInitiated", reason);
        }
    }
}

/// Notes whether a set is at its count and healthy.
fn settle(service: &Service, set: &mut TaskSet, now_ms: i64) {
    let wanted = usize::try_from(set.desired(service.desired)).unwrap_or(0);
    let steady = set.status != "DRAINING"
        && service.active_of(&set.id).count() == wanted
        && service.active_of(&set.id).filter(|task| task.is_healthy()).count() == wanted;
    set.stable_ms = if steady { set.stable_ms.or(Some(now_ms)) } else { None };
}

/// Where the load balancer sends the requests of one set: healthy targets, or all when the whole group has none.
fn rotation(service: &Service, set: &TaskSet, group_has_healthy: bool) -> Rotation {
    let registered = service.tasks.iter().filter(|task| task.deployment == set.id && task.phase == Phase::Running);
    if !group_has_healthy {
        return Rotation { serving: 0, hung: registered.count() };
    }
    let healthy = registered.filter(|task| task.is_healthy());
    let (count, hung) = healthy.fold((0, 0), |(count, hung), task| (count + 1, hung + usize::from(task.hung)));
    Rotation { serving: count - hung, hung }
}

/// Sends one second of the production listener's requests through the sets of a service.
pub(super) fn flow(service: &mut Service, listeners: &[Listener], minute: &mut Minute) {
    let Some(mut state) = service.blue_green.take() else { return };
    let rate = service.rate * service.noise;
    let listener = balancer::find(listeners, &service.name, Purpose::Production);
    let mut sent = 0.0;
    for group in &state.groups {
        let share = balancer::share_of(listener, &group.arn);
        let members = |set: &&mut TaskSet| set.group == group.arn;
        let of_group = |task: &Task| state_of(&state.sets, task).is_some_and(|set| set.group == group.arn);
        let healthy = service.tasks.iter().any(|task| task.is_healthy() && of_group(task));
        let targets: Vec<(String, Rotation)> = state
            .sets
            .iter()
            .filter(|set| set.group == group.arn)
            .map(|set| (set.id.clone(), rotation(service, set, healthy)))
            .collect();
        let total: usize = targets.iter().map(|(_, rotation)| rotation.serving + rotation.hung).sum();
        for set in state.sets.iter_mut().filter(members) {
            let Some((_, rotation)) = targets.iter().find(|(id, _)| *id == set.id) else { continue };
            let own = (rotation.serving + rotation.hung) as f64 / (total.max(1)) as f64;
            sent += if total > 0 { rate * share * own } else { 0.0 };
            serve(service, set, *rotation, rate * share * own, minute);
        }
    }
    // What finds no target is answered by the load balancer itself.
    minute.unserved(&service.name, (rate - sent).max(0.0));
    service.flow = state.primary().map(|set| set.flow).unwrap_or_default();
    service.backlog = state.primary().map_or(0.0, |set| set.backlog);
    service.slowdown = state.primary().map_or(1.0, TaskSet::slowdown);
    service.blue_green = Some(state);
}

fn state_of<'a>(sets: &'a [TaskSet], task: &Task) -> Option<&'a TaskSet> {
    sets.iter().find(|set| set.id == task.deployment)
}

fn serve(service: &Service, set: &mut TaskSet, rotation: Rotation, rate: f64, minute: &mut Minute) {
    let capacity = &service.application.capacity;
    let slowdown = set.slowdown();
    let step = traffic::step(capacity, slowdown, rotation, rate, &mut set.backlog, 1.0);
    // Targets that nobody asks are idle, whether they would answer or not.
    set.flow = if rate > 0.0 { step } else { Flow::default() };
    let registered = service.tasks.iter().any(|task| task.deployment == set.id && task.phase == Phase::Running);
    minute.set_second(
        &set.id,
        Second {
            flow: set.flow,
            capacity,
            slowdown,
            memory_percent: service.application.memory_percent + leaked(service, set, minute.now_ms()),
            failing: set.conduct.failing(),
            distribution: &mut set.distribution,
            registered,
        },
    );
}

/// What the set's running tasks have leaked, percent points on average.
fn leaked(service: &Service, set: &TaskSet, now_ms: i64) -> f64 {
    let per_minute = set.conduct.leak_per_minute();
    if per_minute == 0.0 {
        return 0.0;
    }
    let ages = service.tasks.iter().filter(|task| task.deployment == set.id && task.phase == Phase::Running);
    let ages: Vec<f64> = ages.filter_map(|task| task.started_ms).map(|at| (now_ms - at) as f64 / 60_000.0).collect();
    ages.iter().sum::<f64>() / ages.len().max(1) as f64 * per_minute
}

/// Counts of a set's tasks: (active, running, pending, healthy, unhealthy).
pub(crate) fn counts(service: &Service, set: &TaskSet) -> (usize, usize, usize, usize, usize) {
    let own = || service.tasks.iter().filter(|task| task.deployment == set.id);
    let running = own().filter(|task| task.phase == Phase::Running).count();
    let pending = own().filter(|task| matches!(task.phase, Phase::Provisioning | Phase::Pending)).count();
    let healthy = own().filter(|task| task.is_healthy()).count();
    let unhealthy = own().filter(|task| task.phase == Phase::Running && task.health == Health::Unhealthy).count();
    (running + pending, running, pending, healthy, unhealthy)
}
