//! The ECS service scheduler, one service and one second at a time: tasks start and stop within the bounds of minimum
//! healthy and maximum percent, pass or fail health checks; a deployment completes, fails or is rolled back.

use super::ecs::{Health, Outcome, Phase, STOPPED_KEPT_MS, Service, Stop, Task};
use super::generator::Generator;

/// Time between two health checks of a target, milliseconds.
pub(crate) const CHECK_INTERVAL_MS: i64 = 10_000;
/// Checks in a row that make a target healthy, or unhealthy.
pub(crate) const CHECK_THRESHOLD: i32 = 2;
/// How long a deregistered target finishes its requests, milliseconds.
const DEREGISTRATION_MS: i64 = 15_000;
/// How long a container takes to stop once told, milliseconds.
const STOPPING_MS: i64 = 5_000;
/// How long after its start the container of a failing deployment exits, milliseconds.
const FAILING_MS: i64 = 5_000;
/// How long ECS waits after a failed task before it starts another, milliseconds.
const FAILED_PAUSE_MS: i64 = 10_000;

/// One second of a service.
pub(crate) fn tick(service: &mut Service, now_ms: i64, generator: &mut Generator) {
    for index in 0..service.tasks.len() {
        progress(service, index, now_ms, generator);
        check(&mut service.tasks[index], now_ms, service.grace_seconds);
    }
    service.tasks.retain(|task| task.stopped_ms.is_none_or(|at| at > now_ms - STOPPED_KEPT_MS));
    if service.replaces_unhealthy {
        replace_unhealthy(service, now_ms);
    }
    start_missing(service, now_ms, generator);
    stop_old(service, now_ms);
    stop_surplus(service, now_ms);
    settle(service, now_ms, generator);
}

/// Moves a task to its next phase when the present one is over.
fn progress(service: &mut Service, index: usize, now_ms: i64, generator: &mut Generator) {
    if advance(&mut service.tasks[index], now_ms, service.application.start_up_ms, generator) {
        fail(service, index, now_ms);
    }
}

/// Moves a task to its next phase when the present one is over; `true` when its container exits by itself now.
pub(super) fn advance(task: &mut Task, now_ms: i64, start_up_ms: i64, generator: &mut Generator) -> bool {
    if task.phase_ends_ms.is_none_or(|end| end > now_ms) {
        return false;
    }
    task.phase_ends_ms = None;
    match task.phase {
        Phase::Provisioning => {
            task.phase = Phase::Pending;
            task.phase_ends_ms = Some(now_ms + generator.milliseconds(5_000, 10_000));
        }
        Phase::Pending => run(task, now_ms, start_up_ms, generator),
        Phase::Running => return true,
        Phase::Deactivating => {
            task.phase = Phase::Stopping;
            task.phase_ends_ms = Some(now_ms + STOPPING_MS);
        }
        Phase::Stopping => gone(task, now_ms),
        Phase::Stopped => {}
    }
    false
}

/// The container starts.
fn run(task: &mut Task, now_ms: i64, start_up_ms: i64, generator: &mut Generator) {
    task.phase = Phase::Running;
    task.started_ms = Some(now_ms);
    task.ready_ms = now_ms + (start_up_ms as f64 * generator.between(0.8, 1.2)) as i64;
    task.health = Health::Initial;
    task.next_check_ms = now_ms + generator.milliseconds(1_000, CHECK_INTERVAL_MS);
    task.phase_ends_ms = (task.outcome == Outcome::Fail).then_some(now_ms + FAILING_MS);
}

fn gone(task: &mut Task, now_ms: i64) {
    task.phase = Phase::Stopped;
    task.phase_ends_ms = None;
    task.stopped_ms = Some(now_ms);
    task.health = Health::Unregistered;
}

/// A container exits by itself; its deployment counts the failure.
fn fail(service: &mut Service, index: usize, now_ms: i64) {
    let task = &mut service.tasks[index];
    let deployment = task.deployment.clone();
    exit(task, now_ms, 1, None);
    if let Some(deployment) = service.deployments.iter_mut().find(|each| each.id == deployment) {
        deployment.failed_tasks += 1;
        deployment.updated_ms = now_ms;
        deployment.not_before_ms = now_ms + FAILED_PAUSE_MS;
    }
}

/// The container of `task` is gone at once with `exit_code`.
pub(crate) fn exit(task: &mut Task, now_ms: i64, exit_code: i64, container_reason: Option<&'static str>) {
    task.stopping_ms = Some(now_ms);
    task.stop = Some(Stop {
        code: "EssentialContainerExited",
        reason: "Essential container in task exited".to_owned(),
        exit_code,
        container_reason,
    });
    gone(task, now_ms);
}

/// The load balancer's health check of one task.
pub(super) fn check(task: &mut Task, now_ms: i64, grace_seconds: i64) {
    if task.phase != Phase::Running || now_ms < task.next_check_ms {
        return;
    }
    task.next_check_ms += CHECK_INTERVAL_MS;
    let passed = now_ms >= task.ready_ms && !task.hung && task.outcome == Outcome::Normal;
    task.streak = if passed { task.streak.max(0) + 1 } else { task.streak.min(0) - 1 };
    let in_grace = task.started_ms.is_some_and(|at| now_ms < at + grace_seconds * 1000);
    if task.streak >= CHECK_THRESHOLD {
        task.health = Health::Healthy;
    } else if task.streak <= -CHECK_THRESHOLD {
        let starting = task.health == Health::Initial && (in_grace || task.outcome == Outcome::Stall);
        task.health = if starting { Health::Initial } else { Health::Unhealthy };
    }
}

/// Takes a task out of the target group and stops it.
pub(crate) fn stop(task: &mut Task, now_ms: i64, code: &'static str, reason: String) {
    if !task.phase.is_active() {
        return;
    }
    let registered = task.phase == Phase::Running;
    task.stopping_ms = Some(now_ms);
    task.stop = Some(Stop { code, reason, exit_code: 0, container_reason: None });
    task.phase = if registered { Phase::Deactivating } else { Phase::Stopping };
    task.phase_ends_ms = Some(now_ms + if registered { DEREGISTRATION_MS } else { STOPPING_MS });
    task.health = if registered { Health::Draining } else { Health::Unregistered };
}

/// Stops the tasks that fail the load balancer's checks.
pub(super) fn replace_unhealthy(service: &mut Service, now_ms: i64) {
    let reason = format!("Task failed ELB health checks in (target-group {})", service.target_group);
    for task in service.tasks.iter_mut().filter(|task| task.health == Health::Unhealthy) {
        stop(task, now_ms, "ServiceSchedulerInitiated", reason.clone());
    }
}

fn upper(service: &Service) -> usize {
    usize::try_from((service.desired * service.maximum / 100).max(service.desired)).unwrap_or(0)
}

fn lower(service: &Service) -> usize {
    usize::try_from((service.desired * service.minimum_healthy + 99) / 100).unwrap_or(0)
}

/// Starts tasks of the PRIMARY deployment while it lacks some and the maximum percent permits.
pub(super) fn start_missing(service: &mut Service, now_ms: i64, generator: &mut Generator) {
    let Some(primary) = service.primary() else { return };
    if primary.rollout == "FAILED" || now_ms < primary.not_before_ms {
        return;
    }
    let (id, definition, outcome) = (primary.id.clone(), primary.task_definition.clone(), primary.outcome);
    let missing = usize::try_from(service.desired).unwrap_or(0).saturating_sub(service.active_of(&id).count());
    let active = service.tasks.iter().filter(|task| task.phase.is_active()).count();
    let starting = missing.min(upper(service).saturating_sub(active));
    if starting == 0 {
        return;
    }
    let mut names = Vec::with_capacity(starting);
    for _ in 0..starting {
        let task = new_task(now_ms, generator, (&id, &definition), outcome, service.tasks.len());
        names.push(format!("(task {})", task.id));
        service.tasks.push(task);
    }
    service.steady = false;
    service.event(now_ms, generator, &format!("has started {starting} tasks: {}.", names.join(" ")));
}

/// A task at the beginning of its life; `deployment` is (id, task definition).
pub(super) fn new_task(
    now_ms: i64,
    generator: &mut Generator,
    deployment: (&str, &str),
    outcome: Outcome,
    sequence: usize,
) -> Task {
    Task {
        id: generator.hex(32),
        deployment: deployment.0.to_owned(),
        task_definition: deployment.1.to_owned(),
        phase: Phase::Provisioning,
        phase_ends_ms: Some(now_ms + generator.milliseconds(3_000, 8_000)),
        created_ms: now_ms,
        started_ms: None,
        stopping_ms: None,
        stopped_ms: None,
        stop: None,
        address: format!("10.0.{}.{}", 16 + generator.next() % 3, 4 + generator.next() % 250),
        zone: ["a", "b", "c"][sequence % 3].to_owned(),
        outcome,
        ready_ms: i64::MAX,
        hung: false,
        health: Health::Unregistered,
        next_check_ms: i64::MAX,
        streak: 0,
    }
}

/// Stops tasks of older deployments: unhealthy ones at once, healthy ones as far as the minimum permits.
pub(super) fn stop_old(service: &mut Service, now_ms: i64) {
    let Some(primary) = service.primary().map(|primary| primary.id.clone()) else { return };
    let mut spare = service.healthy().saturating_sub(lower(service));
    for task in service.tasks.iter_mut().filter(|task| task.deployment != primary && task.phase.is_active()) {
        let healthy = task.is_healthy();
        if healthy && spare == 0 {
            continue;
        }
        if healthy {
            spare -= 1;
        }
        let reason = format!("Scaling activity initiated by (deployment {primary})");
        stop(task, now_ms, "ServiceSchedulerInitiated", reason);
    }
}

/// Stops tasks above the desired count: unhealthy and starting ones first, then the oldest.
pub(super) fn stop_surplus(service: &mut Service, now_ms: i64) {
    let Some(primary) = service.primary().map(|primary| primary.id.clone()) else { return };
    let wanted = usize::try_from(service.desired).unwrap_or(0);
    let mut surplus = service.active_of(&primary).count().saturating_sub(wanted);
    for healthy in [false, true] {
        let of_primary = |task: &&mut Task| task.deployment == primary && task.phase.is_active();
        for task in service.tasks.iter_mut().filter(of_primary).filter(|task| task.is_healthy() == healthy) {
            if surplus == 0 {
                return;
            }
            surplus -= 1;
            let reason = format!("Scaling activity initiated by (deployment {primary})");
            stop(task, now_ms, "ServiceSchedulerInitiated", reason);
        }
    }
}

/// Completes or fails the PRIMARY deployment, forgets old ones, reports the steady state.
pub(super) fn settle(service: &mut Service, now_ms: i64, generator: &mut Generator) {
    let threshold = (service.desired + 1).div_euclid(2).clamp(3, 200);
    let Some(primary) = service.primary() else { return };
    let id = primary.id.clone();
    let in_progress = primary.rollout == "IN_PROGRESS";
    if in_progress && service.breaker && primary.failed_tasks >= threshold {
        return break_circuit(service, now_ms, generator);
    }
    let wanted = usize::try_from(service.desired).unwrap_or(0);
    let healthy = service.active_of(&id).filter(|task| task.is_healthy()).count();
    let old = service.tasks.iter().filter(|task| task.deployment != id && task.phase.is_active()).count();
    let in_place = healthy == wanted && service.active_of(&id).count() == wanted && old == 0;
    if in_place && in_progress {
        complete(service, now_ms, generator);
    }
    let tasks = &service.tasks;
    service.deployments.retain(|deployment| {
        deployment.status == "PRIMARY"
            || tasks.iter().any(|task| task.deployment == deployment.id && task.phase.is_active())
    });
    if in_place && !service.steady {
        service.steady = true;
        service.event(now_ms, generator, "has reached a steady state.");
    }
}

fn complete(service: &mut Service, now_ms: i64, generator: &mut Generator) {
    let Some(primary) = service.deployments.first_mut() else { return };
    primary.rollout = "COMPLETED";
    primary.reason = format!("ECS deployment {} completed.", primary.id);
    primary.updated_ms = now_ms;
    let message = format!("(deployment {}) deployment completed.", primary.id);
    service.event(now_ms, generator, &message);
}

/// The circuit breaker fails the PRIMARY deployment and, when it is configured to, brings the previous one back.
fn break_circuit(service: &mut Service, now_ms: i64, generator: &mut Generator) {
    let Some(failed) = service.deployments.first_mut() else { return };
    failed.rollout = "FAILED";
    failed.reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
    failed.updated_ms = now_ms;
    let message = format!("(deployment {}) deployment failed: tasks failed to start.", failed.id);
    service.event(now_ms, generator, &message);
    if !service.rollback || service.deployments.len() < 2 {
        return;
    }
    let mut failed = service.deployments.remove(0);
    failed.status = "ACTIVE";
    if let Some(previous) = service.deployments.first_mut() {
        previous.status = "PRIMARY";
        previous.rollout = "IN_PROGRESS";
        previous.reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {}.", previous.id);
        previous.updated_ms = now_ms;
        let message = format!("rolling back to (deployment {}).", previous.id);
        service.event(now_ms, generator, &message);
    }
    service.deployments.push(failed);
}
