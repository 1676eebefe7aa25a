//! From seconds to CloudWatch metrics: what happened in a minute is added up and published at its end.

use std::collections::BTreeMap;

use super::cache::ReplicationGroup;
use super::database::Instance;
use super::ecs::{Health, Phase, Service};
use super::metrics::{Datum, Series};
use super::traffic::HANG_TIMEOUT_MS;
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

/// One service's minute so far.
#[derive(Debug, Clone, Default)]
struct Tally {
    seconds: f64,
    requests: f64,
    target_errors: f64,
    balancer_errors: f64,
    successes: f64,
    latency_s: Datum,
    cpu: f64,
    memory: f64,
}

/// The minute so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Minute {
    services: BTreeMap<String, Tally>,
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
        let flow = service.flow;
        let failing = BASE_ERRORS + if database_down { FAILOVER_ERRORS } else { 0.0 };
        tally.seconds += 1.0;
        tally.requests += flow.served + flow.shed + flow.lost;
        tally.target_errors += flow.shed + flow.served * failing;
        tally.balancer_errors += flow.lost;
        tally.successes += flow.served * (1.0 - failing);
        let work = flow.utilization.min(1.0);
        // A worker that waits for the database is busy but uses no CPU.
        tally.cpu += IDLE_CPU + WORK_CPU * work / service.slowdown;
        let bound_ms = service.application.capacity.backlog_seconds * 1000.0;
        let full = flow.backlog_wait_ms / bound_ms;
        tally.memory += service.application.memory_percent + WORK_MEMORY * work + BACKLOG_MEMORY * full;
        if flow.served > 0.0 {
            let service_ms = service.application.capacity.service_ms * service.slowdown;
            let workers = service.application.capacity.workers;
            for (times, share) in service.distribution.at(workers, flow.erlangs) {
                let ms = times * service_ms + flow.backlog_wait_ms;
                tally.latency_s.add(ms / 1000.0, share * flow.served);
            }
        }
        if flow.lost > 0.0 && service.running() > 0 {
            tally.latency_s.add(HANG_TIMEOUT_MS / 1000.0, flow.lost);
        }
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
fn one(value: f64) -> Datum {
    Datum::summary(1.0, value, value, value)
}

impl World {
    /// Publishes the minute that ends now, evaluates alarms and scaling policies, draws the next minute's noise.
    pub(super) fn publish_minute(&mut self) {
        let minute = std::mem::take(&mut self.minute);
        let at_ms = self.now_ms - MINUTE_MS;
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            if let Some(tally) = minute.services.get(&name) {
                self.publish_service(&name, tally, at_ms);
            }
        }
        self.publish_database(&minute, at_ms);
        self.publish_cache(&minute, at_ms);
        let now_ms = self.now_ms;
        for alarm in &mut self.alarms {
            alarm.evaluate(&self.metrics, now_ms);
        }
        for service in self.services.values_mut() {
            service.noise = self.generator.between(0.97, 1.03);
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
        let cluster = self.cluster.clone();
        for (metric, mean) in [("CPUUtilization", cpu), ("MemoryUtilization", memory)] {
            let mut datum = Datum::default();
            for index in 0..tasks {
                let spread = (index as f64 + 0.5) / tasks as f64 - 0.5;
                datum.add((mean * (1.0 + 0.06 * spread)).min(100.0), 1.0);
            }
            if tasks > 0 {
                let dimensions = [("ClusterName", cluster.as_str()), ("ServiceName", name)];
                self.metrics.publish(Series::new("AWS/ECS", metric, &dimensions), at_ms, &datum);
            }
        }
    }

    fn publish_balancer(&mut self, name: &str, tally: &Tally, at_ms: i64) {
        let Some(service) = self.services.get(name) else { return };
        let health = |health: Health| {
            service.tasks.iter().filter(|task| task.phase == Phase::Running && task.health == health).count() as f64
        };
        let group = format!("targetgroup/{}/{}", service.target_group, service.target_group_id);
        let balancer = self.load_balancer_dimension();
        let requests = tally.requests.round();
        let per_target = requests / health(Health::Healthy).max(1.0);
        let mut data = vec![
            ("HealthyHostCount", one(health(Health::Healthy))),
            ("UnHealthyHostCount", one(health(Health::Unhealthy))),
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
            let both = [("LoadBalancer", balancer.as_str()), ("TargetGroup", group.as_str())];
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
