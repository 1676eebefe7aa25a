//! One service of the fleet, minute by minute: load meets capacity, scaling reacts, tasks come and go.

use std::collections::VecDeque;

use super::load::{self, Load};
use super::record::{Record, Records, Times};
use super::scaling::Target;
use crate::world::ecs::{Health, Phase, STOPPED_KEPT_MS, Service, Task};
use crate::world::generator::Generator;
use crate::world::traffic::Flow;
use crate::world::{MINUTE_MS, TaskDefinition, scheduler};

/// The share of requests that fail in good times.
const BASE_ERRORS: f64 = 0.0002;
/// The share of shed requests that the load balancer answers itself, and of those that it does not even accept.
const BALANCER_SHARE: f64 = 0.1;
const REJECTED_SHARE: f64 = 0.02;
/// CPU of a task without requests, and what full work adds, percent.
const IDLE_CPU: f64 = 4.0;
const WORK_CPU: f64 = 92.0;
/// The load factor above which a minute counts as saturated: CPU is above 95 percent.
pub(super) const SATURATED: f64 = 0.99;
/// The load factor at which the stationary queueing formula is capped.
const STATIONARY_CAP: f64 = 0.98;
/// The backlog drains and grows over a minute.
const SECONDS: f64 = 60.0;
/// How long a container takes from being asked for to running.
const LAUNCH_MS: i64 = MINUTE_MS;
/// How long stopped tasks are remembered for their metrics.
const TASKS_KEPT_MS: i64 = 15 * 86_400_000;
/// What a task reserves when its definition does not say.
pub(super) const DEFAULT_SIZE: Size = Size { cpu_units: 1024, memory_mib: 2048 };

/// What a task reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// CPU units; 1,024 are one vCPU.
    pub(crate) cpu_units: u32,
    /// Memory, MiB.
    pub(crate) memory_mib: u32,
}

impl Size {
    /// What a task definition says.
    pub(crate) fn of(definition: &TaskDefinition) -> Self {
        let read = |name: &str| {
            let value = definition.document.as_ref()?.get(name)?;
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
            u32::try_from(number).ok()
        };
        Self {
            cpu_units: read("cpu").unwrap_or(DEFAULT_SIZE.cpu_units),
            memory_mib: read("memory").unwrap_or(DEFAULT_SIZE.memory_mib),
        }
    }
}

/// What the application is like, in tasks of the size it started with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Build {
    /// Requests that a task works on at once, per 1,024 CPU units.
    pub(crate) workers: f64,
    /// Mean service time of a request, milliseconds.
    pub(crate) service_ms: f64,
    /// Memory without load, MiB.
    pub(crate) base_mib: f64,
    /// Memory that full work adds, MiB.
    pub(crate) work_mib: f64,
    /// The longest backlog, seconds of full work.
    pub(crate) backlog_seconds: f64,
    /// From asking for a task to its first request, minutes.
    pub(crate) lag_minutes: i64,
}

impl Build {
    /// Requests per second that a task of that size serves at that speed.
    fn per_task(&self, size: Size, speed: f64) -> f64 {
        self.workers * f64::from(size.cpu_units) / 1024.0 * 1000.0 / self.service_ms * speed
    }

    fn workers(&self, size: Size) -> u16 {
        (self.workers * f64::from(size.cpu_units) / 1024.0).round().clamp(1.0, 512.0) as u16
    }
}

/// The life of a task, for its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// Its id as a number.
    pub(crate) id: u128,
    /// When its container started.
    pub(crate) started_ms: i64,
    /// When it stopped; `i64::MAX` while it runs.
    pub(crate) stopped_ms: i64,
}

impl Life {
    /// How far its load lies from the mean of its service: a factor within 3 percent of 1.
    pub(crate) fn imbalance(&self) -> f64 {
        Generator::new(self.id as u64).between(0.97, 1.03)
    }
}

/// A service of the fleet, beside what ECS knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Name.
    pub(crate) name: &'static str,
    /// What is asked of it.
    pub(crate) load: Load,
    /// What the load is multiplied by since somebody said so.
    pub(crate) factor: f64,
    /// How many times as fast its tasks are since somebody said so.
    pub(crate) speed: f64,
    /// What it is like.
    pub(crate) build: Build,
    /// Its scalable target.
    pub(crate) target: Option<Target>,
    /// Its minutes.
    pub(crate) records: Records,
    /// Its tasks that have stopped, oldest first.
    pub(crate) past: VecDeque<Life>,
    /// Saturated minutes since the sandbox's start.
    pub(crate) saturated: u64,
    /// Minutes of tasks since the sandbox's start.
    pub(crate) task_minutes: u64,
    key: u64,
    generator: Generator,
    /// The size of each deployment's tasks, in the order of the service's deployments.
    sizes: Vec<(String, Size)>,
}

impl Member {
    /// A member whose first minute will begin at `first_ms`.
    pub(super) fn new(seed: u64, name: &'static str, load: Load, build: Build, first_ms: i64) -> Self {
        let key = load::key(seed, name);
        Self {
            name,
            load,
            factor: 1.0,
            speed: 1.0,
            build,
            target: None,
            records: Records::new(first_ms),
            past: VecDeque::new(),
            saturated: 0,
            task_minutes: 0,
            key,
            generator: Generator::new(!key),
            sizes: Vec::new(),
        }
    }

    /// The size of the tasks that its PRIMARY deployment starts.
    pub(crate) fn size(&self) -> Size {
        self.sizes.first().map_or(DEFAULT_SIZE, |(_, size)| *size)
    }

    /// The minute that ends at `now_ms`; `anchor_ms` is when the sandbox started.
    pub(super) fn minute(
        &mut self,
        service: &mut Service,
        definitions: &[TaskDefinition],
        times: &mut Times,
        (now_ms, anchor_ms): (i64, i64),
    ) {
        self.learn_sizes(service, definitions);
        let at_ms = now_ms - MINUTE_MS;
        service.rate = self.load.rate(at_ms, anchor_ms, self.key) * self.factor;
        service.slowdown = 1.0 / self.speed;
        service.flow = self.flow(service);
        let record = self.record(service, at_ms);
        times.prepare(record.workers);
        self.records.push(record);
        if at_ms >= anchor_ms {
            self.task_minutes += u64::from(record.active);
            self.saturated += u64::from(f64::from(record.utilization) >= SATURATED);
        }
        if let Some(target) = &mut self.target {
            target.run_schedule(service, now_ms);
            target.track(service, &self.records, now_ms);
        }
        self.progress(service, now_ms);
        scheduler::start_missing(service, now_ms, &mut self.generator);
        scheduler::stop_old(service, now_ms);
        scheduler::stop_surplus(service, now_ms);
        scheduler::settle(service, now_ms, &mut self.generator);
    }

    fn learn_sizes(&mut self, service: &Service, definitions: &[TaskDefinition]) {
        let same = self.sizes.len() == service.deployments.len()
            && self.sizes.iter().zip(&service.deployments).all(|((arn, _), each)| *arn == each.task_definition);
        if same {
            return;
        }
        let size = |arn: &str| {
            let wanted = arn.rsplit('/').next().unwrap_or(arn);
            let (family, revision) = wanted.split_once(':').unwrap_or((wanted, ""));
            let mut of_family = definitions.iter().filter(|definition| definition.family == family);
            of_family.find(|definition| definition.revision.to_string() == revision).map_or(DEFAULT_SIZE, Size::of)
        };
        let deployments = service.deployments.iter().map(|each| &each.task_definition);
        self.sizes = deployments.map(|arn| (arn.clone(), size(arn))).collect();
    }

    /// Requests per second that the tasks in rotation serve.
    fn capacity(&self, service: &Service) -> f64 {
        let healthy = service.tasks.iter().filter(|task| task.is_healthy());
        let whole = if let [(_, size)] = self.sizes[..] {
            self.build.per_task(size, self.speed) * healthy.count() as f64
        } else {
            let size = |task: &Task| self.sizes.iter().find(|(arn, _)| *arn == task.task_definition);
            healthy.map(|task| self.build.per_task(size(task).map_or(DEFAULT_SIZE, |each| each.1), self.speed)).sum()
        };
        // A container that was killed for its memory starts again and serves nothing meanwhile.
        let restarting = self.records.newest().next().map_or(0.0, |record| f64::from(record.restarts));
        whole * (1.0 - restarting / (service.healthy() as f64).max(1.0))
    }

    /// A minute of requests against the capacity and the backlog.
    fn flow(&self, service: &mut Service) -> Flow {
        let (rate, capacity) = (service.rate, self.capacity(service));
        if capacity <= 0.0 {
            service.backlog = 0.0;
            return Flow { lost: rate, utilization: f64::from(u8::from(service.running() > 0)), ..Flow::default() };
        }
        let bound = self.build.backlog_seconds * capacity;
        let before = service.backlog.min(bound);
        let wanted = (before + (rate - capacity) * SECONDS).max(0.0);
        service.backlog = wanted.min(bound);
        let shed = (wanted - bound).max(0.0) / SECONDS;
        let utilization = rate / capacity;
        Flow {
            served: (rate - shed - (service.backlog - before) / SECONDS).max(0.0),
            shed,
            lost: 0.0,
            utilization,
            backlog_wait_ms: service.backlog / capacity * 1000.0,
            erlangs: utilization.min(STATIONARY_CAP) * f64::from(self.build.workers(self.size())),
        }
    }

    fn record(&self, service: &Service, at_ms: i64) -> Record {
        let (flow, size) = (service.flow, self.size());
        let mut generator = load::minute(self.key ^ 0x5EED, at_ms);
        let work = flow.utilization.min(1.0);
        // CloudWatch's average is that of all tasks that run, also of those that do not serve yet.
        let (running, healthy) = (service.running(), service.healthy());
        let serving = if healthy == 0 { 1.0 } else { healthy.min(running) as f64 / running.max(1) as f64 };
        let jitter = generator.between(-0.8, 0.8);
        let full = flow.backlog_wait_ms / 1000.0 / self.build.backlog_seconds;
        let memory_mib = self.build.base_mib * (1.0 + 0.1 * full) + self.build.work_mib * work;
        let memory = memory_mib / f64::from(size.memory_mib) * 100.0 + jitter / 4.0;
        // Counts are whole: the fraction is one more as often as it says.
        let mut whole = |mean: f64| (mean + generator.unit()).floor() as f32;
        let shed = flow.shed * SECONDS;
        let count = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        Record {
            requests: whole(service.rate * SECONDS),
            target_errors: whole(flow.served * SECONDS * BASE_ERRORS + shed * (1.0 - BALANCER_SHARE)),
            balancer_errors: whole(flow.lost * SECONDS + shed * BALANCER_SHARE),
            rejected: whole(shed * REJECTED_SHARE),
            utilization: flow.utilization as f32,
            wait_ms: flow.backlog_wait_ms as f32,
            service_ms: (self.build.service_ms / self.speed) as f32,
            cpu: (IDLE_CPU + WORK_CPU * work * serving + jitter).clamp(0.5, 100.0) as f32,
            memory: memory.clamp(0.5, 100.0) as f32,
            memory_mib: size.memory_mib,
            cpu_units: u16::try_from(size.cpu_units).unwrap_or(u16::MAX),
            workers: self.build.workers(size),
            desired: u16::try_from(service.desired).unwrap_or(u16::MAX),
            active: count(service.tasks.iter().filter(|task| task.phase.is_active()).count()),
            running: count(running),
            healthy: count(healthy),
            restarts: u16::from(memory > 100.0),
        }
    }

    /// Tasks start, join the rotation and go.
    fn progress(&mut self, service: &mut Service, now_ms: i64) {
        let lag_ms = self.build.lag_minutes * MINUTE_MS;
        for task in &mut service.tasks {
            match task.phase {
                Phase::Provisioning | Phase::Pending if now_ms >= task.created_ms + LAUNCH_MS => {
                    task.phase = Phase::Running;
                    task.phase_ends_ms = None;
                    task.started_ms = Some(now_ms);
                    task.health = Health::Initial;
                }
                Phase::Deactivating | Phase::Stopping => {
                    task.phase = Phase::Stopped;
                    task.phase_ends_ms = None;
                    task.stopped_ms = Some(now_ms);
                    task.health = Health::Unregistered;
                    self.past.extend(life(task));
                }
                _ => {}
            }
            let starting = task.phase == Phase::Running && task.health == Health::Initial;
            if starting && now_ms >= task.created_ms + lag_ms {
                task.health = Health::Healthy;
            }
        }
        service.tasks.retain(|task| task.stopped_ms.is_none_or(|at| at > now_ms - STOPPED_KEPT_MS));
        while self.past.front().is_some_and(|life| life.stopped_ms < now_ms - TASKS_KEPT_MS) {
            self.past.pop_front();
        }
    }

    /// The life of the task of that id, running or not.
    pub(crate) fn life(&self, service: &Service, id: &str) -> Option<Life> {
        let number = u128::from_str_radix(id, 16).ok()?;
        let running = service.tasks.iter().find(|task| task.id == id).and_then(life);
        running.or_else(|| self.past.iter().find(|life| life.id == number).copied())
    }
}

fn life(task: &Task) -> Option<Life> {
    Some(Life {
        id: u128::from_str_radix(&task.id, 16).ok()?,
        started_ms: task.started_ms?,
        stopped_ms: task.stopped_ms.unwrap_or(i64::MAX),
    })
}
