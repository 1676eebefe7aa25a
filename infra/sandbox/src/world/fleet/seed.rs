//! The fleet's seed: six services, each with a load of its own and scaling that is wrong in its own way.

use std::collections::{BTreeMap, VecDeque};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::Fleet;
use super::inventory::Inventory;
use super::load::{Load, Shape};
use super::member::{Build, Member};
use super::record::Times;
use super::scaling::{Metric, Policy, Target};
use super::whole::Whole;
use crate::world::account::LogGroup;
use crate::world::ecs::{Application, Deployment, Outcome, Service};
use crate::world::generator::Generator;
use crate::world::image::{Conduct, Registry};
use crate::world::seed::steady_task;
use crate::world::table::plain_item;
use crate::world::traffic::{Capacity, Distribution, Flow};
use crate::world::{MINUTE_MS, Place, TaskDefinition, World};

const DAY_MS: i64 = 1440 * MINUTE_MS;
/// Images without a tag that every repository holds.
const UNTAGGED: i64 = 40;

/// What is particular to one service.
struct Seed {
    name: &'static str,
    /// The target group's id.
    group: &'static str,
    tier: i64,
    /// CPU units and memory, MiB.
    size: (u32, u32),
    /// Minimum, maximum and initial count.
    tasks: (i64, i64, i64),
    /// Target CPU, percent; seconds of scale-out and scale-in cooldown.
    policy: (f64, i64, i64),
    /// The most tasks that automation may set, and the p95 latency objective, ms.
    bounds: (i64, i64),
    load: Load,
    build: Build,
}

/// Requests per second, swing, peak hour, weekend.
const fn load(base: f64, swing: f64, peak_hour: f64, weekend: f64, shape: Shape) -> Load {
    Load { base, swing, peak_hour, weekend, shape }
}

/// Workers per vCPU, service time, memory, start lag.
const fn build(workers: f64, service_ms: f64, base_mib: f64, work_mib: f64, lag_minutes: i64) -> Build {
    Build { workers, service_ms, base_mib, work_mib, backlog_seconds: 4.0, lag_minutes }
}

const SEEDS: [Seed; 6] = [
    // Twelve tasks are never needed, and a target of 40 % keeps them idle.
    Seed {
        name: "storefront",
        group: "a1f0c3d5e7091101",
        tier: 1,
        size: (1024, 4096),
        tasks: (12, 24, 12),
        policy: (40.0, 60, 300),
        bounds: (40, 400),
        load: load(320.0, 0.55, 19.0, 0.75, Shape::Steady),
        build: build(8.0, 40.0, 900.0, 260.0, 2),
    },
    // It grew, and its maximum did not.
    Seed {
        name: "signup",
        group: "a1f0c3d5e7091102",
        tier: 1,
        size: (1024, 2048),
        tasks: (2, 6, 5),
        policy: (60.0, 60, 300),
        bounds: (20, 600),
        load: load(526.0, 0.12, 16.0, 1.0, Shape::Trend(7.0)),
        build: build(8.0, 80.0, 760.0, 240.0, 2),
    },
    // Nine days ago a campaign almost doubled its load, and its maximum is that of before.
    Seed {
        name: "catalog-api",
        group: "a1f0c3d5e7091103",
        tier: 1,
        size: (1024, 2048),
        tasks: (3, 5, 4),
        policy: (60.0, 60, 300),
        bounds: (20, 400),
        load: load(420.0, 0.35, 18.0, 0.9, Shape::Shift { days: 9.2, factor: 1.8 }),
        build: build(8.0, 40.0, 820.0, 230.0, 2),
    },
    // Bursts every 45 minutes, and cooldowns too short for them: it goes out and in all day.
    Seed {
        name: "ingest",
        group: "a1f0c3d5e7091104",
        tier: 2,
        size: (512, 1024),
        tasks: (2, 30, 6),
        policy: (55.0, 60, 180),
        bounds: (60, 800),
        load: load(400.0, 0.5, 13.0, 1.0, Shape::Bursts { every: 45, minutes: 8, factor: 1.7 }),
        build: build(8.0, 40.0, 380.0, 160.0, 2),
    },
    // A trickle on six large tasks.
    Seed {
        name: "webhooks",
        group: "a1f0c3d5e7091105",
        tier: 2,
        size: (2048, 8192),
        tasks: (6, 10, 6),
        policy: (50.0, 60, 300),
        bounds: (20, 600),
        load: load(120.0, 0.0, 12.0, 1.0, Shape::Steady),
        build: build(8.0, 40.0, 700.0, 180.0, 2),
    },
    // Every night at one the batch comes at once; tasks start slowly and the policy waits between steps. Somebody raised
    // the minimum for it: too much all day, and too little still when it begins.
    Seed {
        name: "reports",
        group: "a1f0c3d5e7091106",
        tier: 2,
        size: (1024, 2048),
        tasks: (6, 12, 6),
        policy: (75.0, 300, 300),
        bounds: (30, 1500),
        load: load(50.0, 0.1, 14.0, 0.8, Shape::Nightly { from: 60, minutes: 90, factor: 11.0 }),
        build: build(8.0, 100.0, 800.0, 420.0, 4),
    },
];

/// Log groups that are no service's, and those of services: GB stored at the sandbox's start, GB written a day, and the
/// retention in days, if any.
const LOG_GROUPS: [(&str, f64, f64, Option<i64>); 8] = [
    ("/ecs/production/storefront", 620.0, 3.4, None),
    ("/ecs/production/signup", 54.0, 1.8, Some(30)),
    ("/ecs/production/catalog-api", 240.0, 2.6, None),
    ("/ecs/production/ingest", 1_380.0, 11.5, None),
    ("/ecs/production/webhooks", 36.0, 1.2, Some(30)),
    ("/ecs/production/reports", 12.0, 0.4, Some(30)),
    ("/aws/lambda/legacy-import", 310.0, 0.0, None),
    ("/aws/rds/instance/orders-db/postgresql", 0.2, 0.2, None),
];

/// GB stored at the sandbox's start and GB written a day.
pub(super) fn log_volume(name: &str) -> Option<(f64, f64)> {
    LOG_GROUPS.iter().find(|(own, ..)| *own == name).map(|(_, stored, daily, _)| (*stored, *daily))
}

/// The fleet's world at `start_ms`, before any minute has passed; it will start at `anchor_ms`.
pub(in crate::world) fn world(seed: u64, start_ms: i64, anchor_ms: i64, place: Place) -> World {
    let mut base = crate::world::seed::world(seed, start_ms, place);
    let created_ms = start_ms - 200 * DAY_MS;
    base.now_ms = start_ms;
    base.task_definitions = SEEDS.iter().map(|each| each.definition(&base.place, created_ms)).collect();
    base.services =
        SEEDS.iter().map(|each| (each.name.to_owned(), each.service(seed, start_ms, &base.place))).collect();
    let members = SEEDS.iter().map(|each| (each.name.to_owned(), each.member(seed, start_ms, created_ms)));
    let members: IndexMap<String, Member> = members.collect();
    base.images = images(anchor_ms);
    base.log_groups = log_groups(created_ms, anchor_ms);
    base.scalable.clear();
    base.alarms.clear();
    base.listeners.clear();
    if let Some(catalogue) = base.tables.get_mut("ops-catalog") {
        catalogue.items.clear();
        for entry in SEEDS.iter().map(|each| each.entry(&base.place)) {
            let item = entry.as_object().map(plain_item).unwrap_or_default();
            if let Ok(key) = catalogue.key(&item, false) {
                catalogue.items.insert(key, item);
            }
        }
    }
    let inventory = Inventory::new();
    let (times, whole) = (Times::default(), Whole::default());
    base.fleet = Some(Box::new(Fleet { anchor_ms, members, inventory, seed, times, whole }));
    base
}

impl Seed {
    fn resource(&self) -> String {
        format!("service/production/{}", self.name)
    }

    fn image(&self, place: &Place) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com/{2}:{2}-40", place.account, place.region, self.name)
    }

    /// Revision 40, the one that runs.
    fn definition(&self, place: &Place, registered_ms: i64) -> TaskDefinition {
        let role = |kind: &str| format!("arn:aws:iam::{}:role/{}-{kind}", place.account, self.name);
        let logs = json!({
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": format!("/ecs/production/{}", self.name),
                "awslogs-region": place.region,
                "awslogs-stream-prefix": self.name,
            },
        });
        let document = json!({
            "family": self.name,
            "taskRoleArn": role("task"),
            "executionRoleArn": role("execution"),
            "networkMode": "awsvpc",
            "containerDefinitions": [{
                "name": self.name,
                "image": self.image(place),
                "essential": true,
                "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }],
                "logConfiguration": logs,
            }],
            "requiresCompatibilities": ["FARGATE"],
            "cpu": self.size.0.to_string(),
            "memory": self.size.1.to_string(),
            "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
        });
        TaskDefinition {
            family: self.name.to_owned(),
            revision: 40,
            image: self.image(place),
            registered_ms,
            document: Some(document),
        }
    }

    /// The service in its steady state.
    fn service(&self, seed: u64, start_ms: i64, place: &Place) -> Service {
        let mut generator = Generator::new(super::load::key(seed, self.group));
        let deployed_ms = start_ms - 20 * DAY_MS;
        let id = format!("ecs-svc/{}", generator.digits(19));
        let deployment = Deployment {
            reason: format!("ECS deployment {id} completed."),
            id,
            status: "PRIMARY",
            task_definition: place.arn("ecs", &format!("task-definition/{}:40", self.name)),
            created_ms: deployed_ms,
            updated_ms: deployed_ms + 4 * MINUTE_MS,
            rollout: "COMPLETED",
            failed_tasks: 0,
            outcome: Outcome::Normal,
            not_before_ms: deployed_ms,
        };
        let tasks = (0..self.tasks.2).map(|index| steady_task(&deployment, index, start_ms, &mut generator)).collect();
        Service {
            name: self.name.to_owned(),
            desired: self.tasks.2,
            minimum_healthy: 100,
            maximum: 200,
            breaker: true,
            rollback: true,
            grace_seconds: 60,
            deployments: vec![deployment],
            tasks,
            events: VecDeque::new(),
            target_group: self.name.to_owned(),
            target_group_id: self.group.to_owned(),
            application: self.application(),
            rate: self.load.base,
            noise: 1.0,
            backlog: 0.0,
            flow: Flow::default(),
            distribution: Distribution::default(),
            slowdown: 1.0,
            next_outcome: Outcome::Normal,
            replaces_unhealthy: true,
            created_ms: start_ms - 200 * DAY_MS,
            steady: true,
            blue_green: None,
        }
    }

    fn application(&self) -> Application {
        let workers = (self.build.workers * f64::from(self.size.0) / 1024.0) as u32;
        Application {
            capacity: Capacity { workers, service_ms: self.build.service_ms, backlog_seconds: 4.0 },
            start_up_ms: self.build.lag_minutes * MINUTE_MS,
            memory_percent: self.build.base_mib / f64::from(self.size.1) * 100.0,
            database_ms: 0.0,
            cache_lookups: 0.0,
        }
    }

    fn member(&self, seed: u64, start_ms: i64, created_ms: i64) -> Member {
        let mut member = Member::new(seed, self.name, self.load, self.build, start_ms);
        let generator = Generator::new(!super::load::key(seed, self.group));
        let limits = (self.tasks.0, self.tasks.1);
        let mut target = Target::new(self.resource(), limits, created_ms, generator);
        target.policies.push(Policy {
            name: format!("{}-cpu", self.name),
            id: target.generator.uuid(),
            metric: Metric::Cpu,
            label: None,
            target: self.policy.0,
            out_cooldown: self.policy.1,
            in_cooldown: self.policy.2,
            disable_in: false,
            created_ms,
        });
        member.target = Some(target);
        member
    }

    /// The catalogue's item.
    fn entry(&self, place: &Place) -> Value {
        let group = format!("targetgroup/{}/{}", self.name, self.group);
        json!({
            "catalogId": self.name,
            "kind": "ecs-service",
            "arn": place.arn("ecs", &self.resource()),
            "cluster": "production",
            "service": self.name,
            "targetGroupArn": place.arn("elasticloadbalancing", &group),
            "loadBalancer": "app/production/50dc6c495c0c9188",
            "scalableResourceId": self.resource(),
            "controller": "ECS",
            "tier": self.tier,
            "env": "production",
            "owner": "platform",
            "defaultMode": "apply",
            "allowedActions": ["restart_service", "scale_up"],
            "approvals": { "restart_service": "automatic", "scale_up": "automatic" },
            "limits": { "maxTasks": self.bounds.0 },
            "slo": { "latencyP95Ms": self.bounds.1, "errorRatePercent": 1 },
            "dependsOn": [],
            "optimization": {
                "scaling": "automatic",
                "sizing": "approval",
                "housekeeping": "automatic",
                "minTasks": 2,
                "observeHours": 24,
                "logRetentionDays": 30,
            },
        })
    }
}

/// Releases of the last months, and images whose tag went to a newer one.
fn images(anchor_ms: i64) -> Registry {
    let mut registry = Registry::default();
    for seed in &SEEDS {
        for index in 0..UNTAGGED {
            let pushed_ms = anchor_ms - (400 - 4 * index) * DAY_MS;
            registry.push(seed.name, &format!("untagged-{index}"), pushed_ms, Conduct::default());
        }
        for revision in 36..=40 {
            let pushed_ms = anchor_ms - (48 + 6 * (40 - revision)) * DAY_MS;
            registry.push(seed.name, &format!("{}-{revision}", seed.name), pushed_ms, Conduct::default());
        }
    }
    registry
}

fn log_groups(created_ms: i64, anchor_ms: i64) -> BTreeMap<String, LogGroup> {
    let group = |(name, stored, daily, retention): (&str, f64, f64, Option<i64>)| {
        let mut group = LogGroup::new(created_ms);
        group.retention_days = retention;
        group.volume = Some((stored * 1e9, daily * 1e9, anchor_ms));
        (name.to_owned(), group)
    };
    LOG_GROUPS.into_iter().map(group).collect()
}
