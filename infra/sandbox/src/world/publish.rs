//! From seconds to CloudWatch metrics: what happened in a minute is added up and published at its end.

use std::collections::BTreeMap;

use super::cache::ReplicationGroup;
use super::database::Instance;
use super::ecs::{Health, Phase, Service};
use super::metrics::{Datum, Series};
use super::traffic::{Capacity, Distribution, Flow, HANG_TIMEOUT_MS};
use super::{MINUTE_MS, World};

/// The share of requests that fail in good times.
const BASE_ERRORS: f64 = 0.0002;
/// The share of requests that fail while the database fails over.
const FAILOVER_ERRORS: f64 = 0.3;
/// CPU of a task without requests, percent.
const IDLE_CPU: f64 = 4.0;
/// CPU that full work adds, percent.
const WORK_CPU: f64 = 92.0;
/// Memory that full work adds, percent.
const WORK_MEMORY: f64 = 12.0;
/// Memory that a full backlog adds, percent.
const BACKLOG_MEMORY: f64 = 20.0;

/// One service's, or one task set's, minute so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) seconds: f64,
    pub(super) requests: f64,
    pub(super) target_errors: f64,
    pub(super) balancer_errors: f64,
    pub(super) successes: f64,
    pub(super) latency_s: Datum,
    pub(super) cpu: f64,
    pub(super) memory: f64,
}

/// One second of what the tasks of a service or a task set do.
#[derive(Debug)]
pub(super) struct Second<'a> {
    /// Where its requests went.
    pub(super) flow: Flow,
    /// What a task can do.
    pub(super) capacity: &'a Capacity,
    /// How many times the mean service time a request takes.
    pub(super) slowdown: f64,
    /// Memory without load, percent.
    pub(super) memory_percent: f64,
    /// The share of requests that fail beside the usual ones.
    pub(super) failing: f64,
    /// The response-time distribution last computed.
    pub(super) distribution: &'a mut Distribution,
    /// Whether a target is registered that may hang.
    pub(super) registered: bool,
}

impl Tally {
    fn second(&mut self, second: Second<'_>) {
        let Second { flow, capacity, slowdown, .. } = second;
        let failing = BASE_ERRORS + second.failing;
        self.seconds += 1.0;
        self.requests += flow.served + flow.shed + flow.lost;
        self.target_errors += flow.shed + flow.served * failing;
        self.balancer_errors += flow.lost;
        self.successes += flow.served * (1.0 - failing);
        let work = flow.utilization.min(1.0);
        // A worker that waits for something else is busy but uses no CPU.
        self.cpu += IDLE_CPU + WORK_CPU * work / slowdown;
        let bound_ms = capacity.backlog_seconds * 1000.0;
        let full = flow.backlog_wait_ms / bound_ms;
        self.memory += second.memory_percent + WORK_MEMORY * work + BACKLOG_MEMORY * full;
        if flow.served > 0.0 {
            let service_ms = capacity.service_ms * slowdown;
            for (times, share) in second.distribution.at(capacity.workers, flow.erlangs) {
                let ms = times * service_ms + flow.backlog_wait_ms;
                self.latency_s.add(ms / 1000.0, share * flow.served);
            }
        }
        if flow.lost > 0.0 && second.registered {
            self.latency_s.add(HANG_TIMEOUT_MS / 1000.0, flow.lost);
        }
    }

    /// Adds what another tally counted of requests.
    pub(super) fn add_requests(&mut self, other: &Self) {
        self.requests += other.requests;
        self.target_errors += other.target_errors;
        self.balancer_errors += other.balancer_errors;
        self.successes += other.successes;
        self.latency_s.merge(&other.latency_s);
    }
}

/// The minute so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Minute {
    now_ms: i64,
    services: BTreeMap<String, Tally>,
    sets: BTreeMap<String, Tally>,
    database_cpu: Datum,
    queries: f64,
    cache_cpu: Datum,
    engine_cpu: Datum,
    lookups: f64,
}

impl Minute {
    /// Adds a second of a service.
    pub(crate) fn second(&mut self, service: &mut Service, database_down: bool) {
        let tally = self.services.entry(service.name.clone()).or_default();
        let registered = service.running() > 0;
        tally.second(Second {
            flow: service.flow,
            capacity: &service.application.capacity,
            slowdown: service.slowdown,
            memory_percent: service.application.memory_percent,
            failing: if database_down { FAILOVER_ERRORS } else { 0.0 },
            distribution: &mut service.distribution,
            registered,
        });
    }

    /// Virtual time of the second that is being added.
    pub(super) const fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Begins a second.
    pub(super) const fn begin(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Adds a second of a task set.
    pub(super) fn set_second(&mut self, set: &str, second: Second<'_>) {
        self.sets.entry(set.to_owned()).or_default().second(second);
    }

    /// Adds a second's requests that found no target of a blue/green service.
    pub(super) fn unserved(&mut self, service: &str, requests: f64) {
        let tally = self.services.entry(service.to_owned()).or_default();
        tally.requests += requests;
        tally.balancer_errors += requests;
    }

    /// Adds one real request to a task set.
    pub(super) fn request(&mut self, set: &str, latency_ms: f64, good: bool) {
        let tally = self.sets.entry(set.to_owned()).or_default();
        tally.requests += 1.0;
        tally.latency_s.add(latency_ms / 1000.0, 1.0);
        if good { tally.successes += 1.0 } else { tally.target_errors += 1.0 }
    }

    /// What a task set did in this minute.
    pub(super) fn set(&self, id: &str) -> Option<&Tally> {
        self.sets.get(id)
    }

    /// Adds a second of the database and the cache.
    pub(crate) fn downstream(&mut self, database: &Instance, cache: &ReplicationGroup) {
        self.database_cpu.add(database.cpu_percent(), 1.0);
        self.queries += database.queries;
        self.cache_cpu.add(cache.cpu_percent(), 1.0);
        self.engine_cpu.add(cache.engine_cpu_percent(), 1.0);
        self.lookups += cache.lookups;
    }
}

/// One sample.
pub(super) fn one(value: f64) -> Datum {
    Datum::summary(1.0, value, value, value)
}

impl World {
    /// Publishes the minute that ends now, evaluates alarms and scaling policies, draws the next minute's noise.
    pub(super) fn publish_minute(&mut self) {
        let minute = std::mem::take(&mut self.minute);
        let at_ms = self.now_ms - MINUTE_MS;
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            let Some(tally) = minute.services.get(&name) else { continue };
            if self.services.get(&name).is_some_and(|service| service.blue_green.is_some()) {
                self.publish_blue_green(&name, &minute, tally, at_ms);
            } else {
                self.publish_service(&name, tally, at_ms);
            }
        }
        self.publish_database(&minute, at_ms);
        self.publish_cache(&minute, at_ms);
        self.publish_usage(at_ms);
        let now_ms = self.now_ms;
        for alarm in &mut self.alarms {
            alarm.evaluate(&self.metrics, now_ms);
        }
        for service in self.services.values_mut() {
            let Some(state) = service.blue_green.as_mut() else {
                service.noise = self.generator.between(0.97, 1.03);
                continue;
            };
            service.noise = state.generator.between(0.97, 1.03);
            for set in &mut state.sets {
                set.drift(&mut state.generator);
            }
        }
        for queue in self.queues.values_mut() {
            queue.expire(now_ms);
        }
    }

    fn publish_service(&mut self, name: &str, tally: &Tally, at_ms: i64) {
        let jitter = self.generator.between(-0.8, 0.8);
        let cpu = (tally.cpu / tally.seconds + jitter).clamp(0.5, 100.0);
        let memory = (tally.memory / tally.seconds + jitter / 2.0).clamp(1.0, 100.0);
        let Some(service) = self.services.get_mut(name) else { return };
        let tasks = service.running();
        for target in self.scalable.iter_mut().filter(|target| target.service == name) {
            target.minute(service, cpu);
        }
        self.publish_ecs(name, at_ms, tasks, (cpu, memory));
        self.publish_balancer(name, tally, at_ms);
    }

    /// CPU and memory: one sample per running task, spread a little around the mean.
    fn publish_ecs(&mut self, name: &str, at_ms: i64, tasks: usize, (cpu, memory): (f64, f64)) {
        for (metric, mean) in [("CPUUtilization", cpu), ("MemoryUtilization", memory)] {
            self.publish_ecs_datum(name, metric, &samples(mean, tasks), at_ms);
        }
    }

    /// A metric of a service; nothing when no task runs.
    pub(super) fn publish_ecs_datum(&mut self, name: &str, metric: &str, datum: &Datum, at_ms: i64) {
        if datum.count > 0.0 {
            let dimensions = [("ClusterName", self.cluster.as_str()), ("ServiceName", name)];
            self.metrics.publish(Series::new("AWS/ECS", metric, &dimensions), at_ms, datum);
        }
    }

    fn publish_balancer(&mut self, name: &str, tally: &Tally, at_ms: i64) {
        let Some(service) = self.services.get(name) else { return };
        let health = |health: Health| {
            service.tasks.iter().filter(|task| task.phase == Phase::Running && task.health == health).count() as f64
        };
        let (healthy, unhealthy) = (health(Health::Healthy), health(Health::Unhealthy));
        let group = format!("targetgroup/{}/{}", service.target_group, service.target_group_id);
        self.publish_group(&group, tally, (healthy, unhealthy), at_ms);
    }

    /// What happened behind one target group, `targetgroup/<name>/<id>`.
    pub(super) fn publish_group(&mut self, group: &str, tally: &Tally, (healthy, unhealthy): (f64, f64), at_ms: i64) {
        let balancer = self.load_balancer_dimension();
        let requests = tally.requests.round();
        let per_target = requests / healthy.max(1.0);
        let mut data = vec![
            ("HealthyHostCount", one(healthy)),
            ("UnHealthyHostCount", one(unhealthy)),
            ("RequestCount", sum_of_ones(requests)),
            ("RequestCountPerTarget", one(per_target)),
            ("HTTPCode_Target_2XX_Count", sum_of_ones(tally.successes.round())),
            ("HTTPCode_Target_5XX_Count", sum_of_ones(tally.target_errors.round())),
            ("HTTPCode_ELB_5XX_Count", sum_of_ones(tally.balancer_errors.round())),
        ];
        if tally.latency_s.count > 0.0 {
            data.push(("TargetResponseTime", tally.latency_s.clone()));
        }
        for (metric, datum) in data.into_iter().filter(|(_, datum)| datum.count > 0.0) {
            let both = [("LoadBalancer", balancer.as_str()), ("TargetGroup", group)];
            // What the load balancer answers itself belongs to no target group.
            if !metric.contains("_ELB_") {
                self.metrics.publish(Series::new("AWS/ApplicationELB", metric, &both), at_ms, &datum);
            }
            if !metric.contains("Host") && !metric.contains("PerTarget") {
                self.metrics.publish(Series::new("AWS/ApplicationELB", metric, &both[..1]), at_ms, &datum);
            }
        }
    }

    fn publish_database(&mut self, minute: &Minute, at_ms: i64) {
        let database = &self.database;
        let id = database.id.clone();
        let down = database.is_down();
        let connections = if down { 0.0 } else { (30.0 + minute.queries / 60.0 * 0.05).round() };
        let latency_s = 0.0008 * database.slowdown();
        let data = [
            ("CPUUtilization", minute.database_cpu.clone()),
            ("DatabaseConnections", one(connections)),
            ("FreeableMemory", one(database.memory_bytes() * 0.35)),
            ("FreeStorageSpace", one(180.0 * 1_073_741_824.0)),
            ("ReadIOPS", one(minute.queries / 60.0 * 0.3)),
            ("WriteIOPS", one(minute.queries / 60.0 * 0.2)),
            ("ReadLatency", one(latency_s)),
            ("WriteLatency", one(latency_s * 1.6)),
        ];
        for (metric, datum) in data {
            let series = Series::new("AWS/RDS", metric, &[("DBInstanceIdentifier", id.as_str())]);
            self.metrics.publish(series, at_ms, &datum);
        }
    }

    fn publish_cache(&mut self, minute: &Minute, at_ms: i64) {
        let cache = &self.cache;
        let (id, nodes) = (cache.id.clone(), cache.replicas + 1);
        let hit_rate = 0.92;
        let data = [
            ("CPUUtilization", minute.cache_cpu.clone()),
            ("EngineCPUUtilization", minute.engine_cpu.clone()),
            ("DatabaseMemoryUsagePercentage", one(cache.memory_percent())),
            ("CurrConnections", one(64.0)),
            ("CacheHits", one((minute.lookups * hit_rate).round())),
            ("CacheMisses", one((minute.lookups * (1.0 - hit_rate)).round())),
            ("CacheHitRate", one(hit_rate * 100.0)),
            ("Evictions", one(if cache.memory_percent() > 95.0 { 120.0 } else { 0.0 })),
        ];
        for (metric, datum) in data {
            for node in 1..=nodes {
                let member = format!("{id}-{node:03}");
                let dimensions = [("CacheClusterId", member.as_str()), ("CacheNodeId", "0001")];
                self.metrics.publish(Series::new("AWS/ElastiCache", metric, &dimensions[..1]), at_ms, &datum);
                self.metrics.publish(Series::new("AWS/ElastiCache", metric, &dimensions), at_ms, &datum);
            }
        }
    }
}

/// A count metric as AWS publishes it: each event is a sample of 1.
fn sum_of_ones(count: f64) -> Datum {
    let mut datum = Datum::default();
    if count > 0.0 {
        datum.add(1.0, count);
    }
    datum
}

/// One sample per task, spread a little around the mean, percent.
pub(super) fn samples(mean: f64, tasks: usize) -> Datum {
    let mut datum = Datum::default();
    for index in 0..tasks {
        let spread = (index as f64 + 0.5) / tasks as f64 - 0.5;
        datum.add((mean * (1.0 + 0.06 * spread)).min(100.0), 1.0);
    }
    datum
}
