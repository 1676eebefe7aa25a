//! The seed world: what the account holds when a sandbox starts.

mod deploy;

use std::collections::{BTreeMap, VecDeque};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::alarm::Alarm;
use super::autoscaling::{Policy, Target};
use super::configuration::{Parameter, Secret};
use super::ecs::{Application, Deployment, Health, Outcome, Phase, Service, Task};
use super::generator::Generator;
use super::messaging::{Bus, Queue, Topic};
use super::metrics::{Metrics, Series};
use super::native::Native;
use super::outbox::Outbox;
use super::table::{KeyAttribute, Table, plain_item};
use super::traffic::{Capacity, Distribution, Flow};
use super::{Place, TaskDefinition, World, cache, database, publish};

const DAY_MS: i64 = 86_400_000;
/// (name, target group id, desired count, load in requests per second, application)
type ServiceSeed = (&'static str, &'static str, i64, f64, Application);

fn services() -> [ServiceSeed; 2] {
    let api = Application {
        capacity: Capacity { workers: 8, service_ms: 48.0, backlog_seconds: 4.0 },
        start_up_ms: 15_000,
        memory_percent: 38.0,
        database_ms: 0.6,
        cache_lookups: 3.0,
    };
    let auth = Application {
        capacity: Capacity { workers: 4, service_ms: 40.0, backlog_seconds: 4.0 },
        start_up_ms: 12_000,
        memory_percent: 31.0,
        database_ms: 0.4,
        cache_lookups: 1.0,
    };
    [("api", "6d0ecf831eec9f09", 4, 240.0, api), ("auth-service", "73e2d6bc24d8a067", 3, 150.0, auth)]
}

/// The world at `start_ms`, before any second has passed.
pub(super) fn world(seed: u64, start_ms: i64, place: Place) -> World {
    let mut generator = Generator::new(seed);
    let mut task_definitions = Vec::new();
    let mut running = IndexMap::new();
    for seed in services() {
        let current = define(&mut task_definitions, &place, start_ms, seed.0);
        let service = service(seed, start_ms, current, &mut generator);
        running.insert(service.name.clone(), service);
    }
    let released = deploy::services(seed, start_ms, &place);
    task_definitions.extend(deploy::definitions(&place, start_ms));
    let created_ms = start_ms - 200 * DAY_MS;
    let database = database::Instance::new("orders-db", "db.r6g.large", created_ms, &mut generator);
    let revisions = deploy::revisions(&released);
    running.extend(released.into_iter().map(|service| (service.name.clone(), service)));
    World {
        now_ms: start_ms,
        cluster: "production".to_owned(),
        services: running,
        images: deploy::images(start_ms),
        listeners: deploy::listeners(&place),
        codedeploy: deploy::codedeploy(seed),
        native: Native::new(seed, revisions),
        roles: deploy::roles(created_ms),
        log_groups: deploy::log_groups(created_ms),
        subnets: deploy::subnets(),
        quota_vcpu: super::quota::VCPU,
        fleet: None,
        outbox: Outbox::default(),
        visitors: Generator::new(seed ^ 0x0056_1517_0245),
        task_definitions,
        load_balancer: ("production".to_owned(), "50dc6c495c0c9188".to_owned()),
        scalable: vec![scalable(created_ms, &mut generator), deploy::scalable(created_ms)],
        database,
        cache: cache::ReplicationGroup::new("catalog-cache", "cache.r7g.large", 1, created_ms),
        metrics: Metrics::default(),
        alarms: alarms(start_ms),
        tables: tables(&place, created_ms, &mut generator),
        queues: queues(created_ms),
        topics: BTreeMap::from([("ops-notifications".to_owned(), Topic::default())]),
        bus: Bus::default(),
        parameters: parameters(created_ms),
        secrets: secrets(created_ms, seed, &mut generator),
        minute: publish::Minute::default(),
        place,
        ids: Generator::new(!seed),
        generator,
    }
}

/// Registers two revisions of a service's task definition; returns the ARN of the newer.
fn define(definitions: &mut Vec<TaskDefinition>, place: &Place, start_ms: i64, family: &str) -> String {
    let newest = if family == "api" { 142 } else { 57 };
    for (revision, age_days) in [(newest - 1, 9), (newest, 2)] {
        definitions.push(TaskDefinition {
            family: family.to_owned(),
            revision,
            image: format!("{}.dkr.ecr.{}.amazonaws.com/{family}:{family}-{revision}", place.account, place.region),
            registered_ms: start_ms - age_days * DAY_MS,
            document: None,
        });
    }
    place.arn("ecs", &format!("task-definition/{family}:{newest}"))
}

/// A service in its steady state.
fn service(seed: ServiceSeed, start_ms: i64, task_definition: String, generator: &mut Generator) -> Service {
    let (name, target_group_id, desired, rate, application) = seed;
    let deployed_ms = start_ms - 2 * DAY_MS;
    let id = format!("ecs-svc/{}", generator.digits(19));
    let deployment = Deployment {
        reason: format!("ECS deployment {id} completed."),
        id,
        status: "PRIMARY",
        task_definition,
        created_ms: deployed_ms,
        updated_ms: deployed_ms + 180_000,
        rollout: "COMPLETED",
        failed_tasks: 0,
        outcome: Outcome::Normal,
        not_before_ms: deployed_ms,
    };
    let tasks = (0..desired).map(|index| steady_task(&deployment, index, start_ms, generator)).collect();
    Service {
        name: name.to_owned(),
        desired,
        minimum_healthy: 100,
        maximum: 200,
        breaker: true,
        rollback: true,
        grace_seconds: 45,
        deployments: vec![deployment],
        tasks,
        events: VecDeque::new(),
        target_group: name.to_owned(),
        target_group_id: target_group_id.to_owned(),
        application,
        rate,
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

/// A task that has run since its deployment.
pub(super) fn steady_task(deployment: &Deployment, index: i64, start_ms: i64, generator: &mut Generator) -> Task {
    let created_ms = deployment.created_ms;
    Task {
        id: generator.hex(32),
        deployment: deployment.id.clone(),
        task_definition: deployment.task_definition.clone(),
        phase: Phase::Running,
        phase_ends_ms: None,
        created_ms,
        started_ms: Some(created_ms + 15_000),
        stopping_ms: None,
        stopped_ms: None,
        stop: None,
        address: format!("10.0.{}.{}", 16 + index % 3, 20 + index),
        zone: ["a", "b", "c"][usize::try_from(index % 3).unwrap_or(0)].to_owned(),
        outcome: Outcome::Normal,
        ready_ms: created_ms + 30_000,
        hung: false,
        health: Health::Healthy,
        next_check_ms: start_ms + generator.milliseconds(1_000, 10_000),
        streak: 1,
    }
}

/// `api` scales between 4 and 12 tasks; scaling out on CPU is suspended, as it is found to be when nobody looked.
fn scalable(created_ms: i64, generator: &mut Generator) -> Target {
    let policy = Policy { name: "api-cpu".to_owned(), id: generator.uuid(), target: 60.0, created_ms };
    Target {
        service: "api".to_owned(),
        minimum: 4,
        maximum: 12,
        created_ms,
        in_suspended: false,
        out_suspended: true,
        scheduled_suspended: false,
        policy: Some(policy),
        cpu: VecDeque::new(),
    }
}

fn alarms(start_ms: i64) -> Vec<Alarm> {
    let group = |service: &str, id: &str| format!("targetgroup/{service}/{id}");
    let mut alarms = Vec::new();
    let mut add = |name: String, description: &str, series: Series, statistic: &'static str, threshold: f64| {
        alarms.push(Alarm {
            name,
            description: description.to_owned(),
            series,
            statistic,
            threshold,
            minutes: 3,
            to_alarm: 2,
            state: "INSUFFICIENT_DATA",
            reason: "Unchecked: Initial alarm creation".to_owned(),
            updated_ms: start_ms,
        });
    };
    for (service, id, ..) in services() {
        let target_group = group(service, id);
        let balancer = [("LoadBalancer", "app/production/50dc6c495c0c9188"), ("TargetGroup", target_group.as_str())];
        let elb = |metric: &str| Series::new("AWS/ApplicationELB", metric, &balancer);
        let latency = elb("TargetResponseTime");
        add(format!("{service}-latency-p95"), "p95 latency above the objective of 400 ms", latency, "p95", 0.4);
        add(format!("{service}-5xx"), "More than 60 errors a minute", elb("HTTPCode_Target_5XX_Count"), "Sum", 60.0);
        add(format!("{service}-unhealthy-hosts"), "A target is unhealthy", elb("UnHealthyHostCount"), "Maximum", 0.0);
        let dimensions = [("ClusterName", "production"), ("ServiceName", service)];
        let cpu = Series::new("AWS/ECS", "CPUUtilization", &dimensions);
        add(format!("{service}-cpu"), "Average CPU above 85 %", cpu, "Average", 85.0);
    }
    let database = Series::new("AWS/RDS", "CPUUtilization", &[("DBInstanceIdentifier", "orders-db")]);
    add("database-cpu".to_owned(), "Database CPU above 80 %", database, "Average", 80.0);
    let dimensions = [("CacheClusterId", "catalog-cache-001")];
    let cache = Series::new("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", &dimensions);
    add("cache-memory".to_owned(), "Cache memory above 90 %", cache, "Average", 90.0);
    alarms
}

fn tables(place: &Place, created_ms: i64, generator: &mut Generator) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    for (name, hash) in [("ops-catalog", "catalogId"), ("ops-state", "pk")] {
        let table = Table {
            name: name.to_owned(),
            hash: KeyAttribute { name: hash.to_owned(), kind: "S".to_owned() },
            range: None,
            created_ms,
            id: generator.uuid(),
            items: BTreeMap::new(),
        };
        tables.insert(name.to_owned(), table);
    }
    if let Some(catalogue) = tables.get_mut("ops-catalog") {
        for entry in catalogue_entries(place).into_iter().chain(deploy::catalogue(place)) {
            let item = entry.as_object().map(plain_item).unwrap_or_default();
            if let Ok(key) = catalogue.key(&item, false) {
                catalogue.items.insert(key, item);
            }
        }
    }
    tables
}

/// The catalogue's items as plain JSON.
fn catalogue_entries(place: &Place) -> [Value; 4] {
    let service = |name: &str, group: &str, maximum: i64| {
        json!({
            "catalogId": name,
            "kind": "ecs-service",
            "arn": place.arn("ecs", &format!("service/production/{name}")),
            "cluster": "production",
            "service": name,
            "targetGroupArn": place.arn("elasticloadbalancing", &format!("targetgroup/{name}/{group}")),
            "loadBalancer": "app/production/50dc6c495c0c9188",
            "scalableResourceId": format!("service/production/{name}"),
            "controller": "ECS",
            "tier": 1,
            "env": "production",
            "owner": "platform",
            "defaultMode": "apply",
            "allowedActions": ["restart_service", "scale_up"],
            "approvals": { "restart_service": "automatic", "scale_up": "automatic" },
            "limits": { "maxTasks": maximum },
            "slo": { "latencyP95Ms": 400, "errorRatePercent": 1 },
            "dependsOn": ["database", "cache"],
        })
    };
    [
        service("api", "6d0ecf831eec9f09", 20),
        service("auth-service", "73e2d6bc24d8a067", 10),
        json!({
            "catalogId": "database",
            "kind": "rds",
            "arn": place.arn("rds", "db:orders-db"),
            "dbInstanceId": "orders-db",
            "tier": 0,
            "env": "production",
            "owner": "platform",
            "defaultMode": "apply",
            "allowedActions": ["scale_up"],
            "approvals": { "scale_up": "approval" },
            "limits": {},
            "slo": { "cpuPercent": 80 },
            "dependsOn": [],
        }),
        json!({
            "catalogId": "cache",
            "kind": "elasticache",
            "arn": place.arn("elasticache", "replicationgroup:catalog-cache"),
            "replicationGroupId": "catalog-cache",
            "redis": { "host": place.redis.0, "port": place.redis.1, "tls": false },
            "namespace": "catalog",
            "protectedPrefixes": ["session", "lock", "queue", "ratelimit", "idempotency"],
            "tier": 2,
            "env": "production",
            "owner": "platform",
            "defaultMode": "apply",
            "allowedActions": ["clear_cache", "scale_up"],
            "approvals": { "clear_cache": "automatic", "scale_up": "approval" },
            "limits": {},
            "slo": { "memoryPercent": 90 },
            "dependsOn": [],
        }),
    ]
}

fn queues(created_ms: i64) -> BTreeMap<String, Queue> {
    let retention = BTreeMap::from([("MessageRetentionPeriod".to_owned(), "1209600".to_owned())]);
    let queue = Queue::new("ops-dead-letters", created_ms, retention);
    BTreeMap::from([(queue.name.clone(), queue)])
}

fn parameters(modified_ms: i64) -> BTreeMap<String, Parameter> {
    let parameter = Parameter { kind: "String".to_owned(), value: "on".to_owned(), version: 1, modified_ms };
    let mut parameters = deploy::parameters(modified_ms);
    parameters.insert("/ops/production/automation".to_owned(), parameter);
    parameters
}

fn secrets(created_ms: i64, seed: u64, generator: &mut Generator) -> BTreeMap<String, Secret> {
    let secret = Secret {
        suffix: generator.hex(6),
        value: json!({ "password": "" }).to_string(),
        version: generator.uuid(),
        created_ms,
    };
    let mut secrets = deploy::secrets(created_ms, seed);
    secrets.insert("ops/production/cache".to_owned(), secret);
    secrets
}
