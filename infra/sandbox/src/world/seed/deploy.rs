//! The services that are released blue/green, and everything that stands around them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{DAY_MS, steady_task};
use crate::world::account::{LogGroup, Role, Subnet};
use crate::world::autoscaling::{Policy, Target};
use crate::world::balancer::{Listener, Purpose, Rule};
use crate::world::codedeploy;
use crate::world::configuration::{Parameter, Secret};
use crate::world::ecs::{Application, Deployment, Outcome, Service};
use crate::world::generator::Generator;
use crate::world::image::{Behaviour, Conduct, Registry};
use crate::world::native::{Configuration, Hook, HookTarget, Revision, Stage};
use crate::world::task_set::{BlueGreen, Controller, Group, TaskSet};
use crate::world::traffic::{Capacity, Distribution, Flow};
use crate::world::{Place, TaskDefinition};

const BALANCER: &str = "app/production/50dc6c495c0c9188";
/// Image tags of bad releases that every repository holds.
const BAD_TAGS: [(&str, Behaviour); 6] = [
    ("bad-latency", Behaviour::Latency),
    ("bad-errors", Behaviour::ErrorRate),
    ("bad-crash", Behaviour::CrashLoop),
    ("bad-start", Behaviour::SlowStart),
    ("bad-memory", Behaviour::MemoryLeak),
    ("bad-findings", Behaviour::Good),
];

/// What is particular to one blue/green service.
pub(super) struct Seed {
    pub(super) name: &'static str,
    controller: Controller,
    desired: i64,
    rate: f64,
    service_ms: f64,
    memory_percent: f64,
    tier: i64,
    /// The revision that runs.
    revision: i64,
    groups: [&'static str; 2],
    listeners: [&'static str; 2],
    rules: [Option<&'static str>; 2],
    /// The six characters behind its secret's name.
    secret: &'static str,
}

pub(super) const SEEDS: [Seed; 3] = [
    Seed {
        name: "checkout",
        controller: Controller::External,
        desired: 4,
        rate: 240.0,
        service_ms: 45.0,
        memory_percent: 36.0,
        tier: 1,
        revision: 61,
        groups: ["8c1f0b6d2e9a4710", "8c1f0b6d2e9a4711"],
        listeners: ["c0ffee10a1b2c301", "c0ffee10a1b2c302"],
        rules: [Some("d15ea5e0a1b2c301"), None],
        secret: "kQ3xT1",
    },
    Seed {
        name: "orders",
        controller: Controller::CodeDeploy,
        desired: 4,
        rate: 200.0,
        service_ms: 42.0,
        memory_percent: 34.0,
        tier: 1,
        revision: 87,
        groups: ["5d27e4a90b3c6820", "5d27e4a90b3c6821"],
        listeners: ["c0ffee10a1b2c303", "c0ffee10a1b2c304"],
        rules: [None, None],
        secret: "Zb8wR4",
    },
    Seed {
        name: "search",
        controller: Controller::Native,
        desired: 3,
        rate: 150.0,
        service_ms: 40.0,
        memory_percent: 41.0,
        tier: 2,
        revision: 33,
        groups: ["3e90c7b1d5f28430", "3e90c7b1d5f28431"],
        listeners: ["c0ffee10a1b2c305", "c0ffee10a1b2c306"],
        rules: [Some("d15ea5e0a1b2c305"), Some("d15ea5e0a1b2c306")],
        secret: "Mv5nY7",
    },
];

impl Seed {
    fn group(&self, place: &Place, index: usize) -> Group {
        let name = format!("{}-{}", self.name, ["blue", "green"][index]);
        let id = self.groups[index].to_owned();
        let arn = place.arn("elasticloadbalancing", &format!("targetgroup/{name}/{id}"));
        Group { name, id, arn }
    }

    fn definition_arn(&self, place: &Place, revision: i64) -> String {
        place.arn("ecs", &format!("task-definition/{}:{revision}", self.name))
    }

    fn image(&self, place: &Place, tag: &str) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com/{}:{tag}", place.account, place.region, self.name)
    }

    fn secret_name(&self) -> String {
        format!("production/{}/database", self.name)
    }

    fn parameter_name(&self) -> String {
        format!("/production/{}/feature-flags", self.name)
    }

    fn log_group(&self) -> String {
        format!("/ecs/production/{}", self.name)
    }

    /// What the service draws from; nothing that is drawn for one disturbs another.
    fn generator(&self, seed: u64) -> Generator {
        let own = self.name.bytes().fold(seed, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Generator::new(own)
    }
}

/// A task definition as it was registered, in the API's form.
fn document(seed: &Seed, place: &Place, image: &str) -> Value {
    let role = |name: &str| format!("arn:aws:iam::{}:role/{}-{name}", place.account, seed.name);
    let secret = place.arn("secretsmanager", &format!("secret:{}-{}", seed.secret_name(), seed.secret));
    json!({
        "family": seed.name,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "1024",
        "memory": "2048",
        "runtimePlatform": { "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" },
        "taskRoleArn": role("task"),
        "executionRoleArn": role("execution"),
        "containerDefinitions": [{
            "name": seed.name,
            "image": image,
            "essential": true,
            "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }],
            "environment": [{ "name": "STAGE", "value": "production" }],
            "secrets": [
                { "name": "DATABASE_URL", "valueFrom": secret },
                { "name": "FEATURE_FLAGS", "valueFrom": place.arn("ssm", &format!("parameter{}", seed.parameter_name())) },
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": seed.log_group(),
                    "awslogs-region": place.region,
                    "awslogs-stream-prefix": seed.name,
                },
            },
        }],
    })
}

/// The revision before, the one that runs, and the next, registered and not yet released.
pub(super) fn definitions(place: &Place, start_ms: i64) -> Vec<TaskDefinition> {
    let of = |seed: &Seed| {
        [(-1, 16 * DAY_MS), (0, 4 * DAY_MS), (1, DAY_MS / 24)].map(|(step, age_ms)| {
            let revision = seed.revision + step;
            let image = seed.image(place, &format!("{}-{revision}", seed.name));
            TaskDefinition {
                family: seed.name.to_owned(),
                revision,
                document: Some(document(seed, place, &image)),
                image,
                registered_ms: start_ms - age_ms,
            }
        })
    };
    SEEDS.iter().flat_map(of).collect()
}

/// Every image that ECR holds.
pub(super) fn images(start_ms: i64) -> Registry {
    let mut registry = Registry::default();
    for (family, newest) in [("api", 142), ("auth-service", 57)] {
        for (revision, days) in [(newest - 1, 9), (newest, 2)] {
            registry.push(family, &format!("{family}-{revision}"), start_ms - days * DAY_MS, Conduct::default());
        }
    }
    for seed in &SEEDS {
        for (step, age_ms) in [(-1, 16 * DAY_MS), (0, 4 * DAY_MS), (1, DAY_MS / 24)] {
            let tag = format!("{}-{}", seed.name, seed.revision + step);
            registry.push(seed.name, &tag, start_ms - age_ms, Conduct::default());
        }
        for (tag, behaviour) in BAD_TAGS {
            let conduct = Conduct::new(behaviour, None).unwrap_or_default();
            registry.push(seed.name, tag, start_ms - DAY_MS, conduct);
        }
    }
    registry
}

/// The services in their steady state, all traffic on blue.
pub(super) fn services(seed: u64, start_ms: i64, place: &Place) -> Vec<Service> {
    SEEDS.iter().map(|each| service(each, seed, start_ms, place)).collect()
}

fn service(seed: &Seed, world_seed: u64, start_ms: i64, place: &Place) -> Service {
    let mut generator = seed.generator(world_seed);
    let set = task_set(seed, start_ms, place, &mut generator);
    let origin = Deployment {
        id: set.id.clone(),
        status: "PRIMARY",
        task_definition: set.task_definition.clone(),
        created_ms: set.created_ms,
        updated_ms: set.updated_ms,
        rollout: "COMPLETED",
        reason: String::new(),
        failed_tasks: 0,
        outcome: Outcome::Normal,
        not_before_ms: set.created_ms,
    };
    let tasks = (0..seed.desired).map(|index| steady_task(&origin, index, start_ms, &mut generator)).collect();
    let groups = [seed.group(place, 0), seed.group(place, 1)];
    Service {
        name: seed.name.to_owned(),
        desired: seed.desired,
        minimum_healthy: 100,
        maximum: 200,
        breaker: false,
        rollback: false,
        grace_seconds: 45,
        deployments: Vec::new(),
        tasks,
        events: VecDeque::new(),
        target_group: groups[0].name.clone(),
        target_group_id: groups[0].id.clone(),
        application: Application {
            capacity: Capacity { workers: 8, service_ms: seed.service_ms, backlog_seconds: 4.0 },
            start_up_ms: 15_000,
            memory_percent: seed.memory_percent,
            database_ms: 0.0,
            cache_lookups: 0.0,
        },
        rate: seed.rate,
        noise: 1.0,
        backlog: 0.0,
        flow: Flow::default(),
        distribution: Distribution::default(),
        slowdown: 1.0,
        next_outcome: Outcome::Normal,
        replaces_unhealthy: true,
        created_ms: start_ms - 200 * DAY_MS,
        steady: true,
        blue_green: Some(Box::new(BlueGreen {
            controller: seed.controller,
            groups,
            sets: vec![set],
            configuration: configuration(place),
            generator,
        })),
    }
}

fn task_set(seed: &Seed, start_ms: i64, place: &Place, generator: &mut Generator) -> TaskSet {
    let created_ms = start_ms - 4 * DAY_MS + DAY_MS / 12;
    let started_by = match seed.controller {
        Controller::CodeDeploy => Some("CODE_DEPLOY".to_owned()),
        Controller::External | Controller::Native => None,
    };
    TaskSet {
        id: format!("ecs-svc/{}", generator.digits(19)),
        status: "PRIMARY",
        task_definition: seed.definition_arn(place, seed.revision),
        image: seed.image(place, &format!("{}-{}", seed.name, seed.revision)),
        refusal: None,
        external_id: None,
        client_token: None,
        started_by,
        group: seed.group(place, 0).arn,
        scale: 100.0,
        created_ms,
        updated_ms: created_ms + 240_000,
        stable_ms: Some(created_ms + 120_000),
        failed_tasks: 0,
        not_before_ms: created_ms,
        conduct: Conduct::default(),
        pace: 1.0,
        luck: 1.0,
        backlog: 0.0,
        flow: Flow::default(),
        distribution: Distribution::default(),
    }
}

/// `search` calls one Lambda at every stage that the gate judges.
fn configuration(place: &Place) -> Configuration {
    let target = HookTarget::Lambda {
        arn: place.arn("lambda", "function:ecs-deployment-hook"),
        role: format!("arn:aws:iam::{}:role/ecs-hooks", place.account),
    };
    let stages = vec![
        Stage::PreScaleUp,
        Stage::PostScaleUp,
        Stage::PostTestTrafficShift,
        Stage::PreProductionTrafficShift,
        Stage::PostProductionTrafficShift,
    ];
    Configuration { hooks: vec![Hook::new(target, stages)], ..Configuration::default() }
}

/// The service revisions that run under ECS's own controller.
pub(super) fn revisions(services: &[Service]) -> Vec<Revision> {
    let native = services.iter().filter_map(|service| Some((service, service.blue_green.as_deref()?)));
    let native = native.filter(|(_, state)| state.controller == Controller::Native);
    let of = |(service, state): (&Service, &BlueGreen)| {
        state.sets.iter().map(|set| Revision::of(&service.name, set)).collect::<Vec<_>>()
    };
    native.flat_map(of).collect()
}

/// Production and test listeners; `ports` in the order of the services, production first.
pub(super) fn listeners(place: &Place) -> Vec<Listener> {
    let mut listeners = Vec::new();
    for (index, seed) in SEEDS.iter().enumerate() {
        for (offset, purpose) in [Purpose::Production, Purpose::Test].into_iter().enumerate() {
            let blue = vec![(seed.group(place, 0).arn, 100)];
            let rule = |id: &str| Rule {
                id: id.to_owned(),
                priority: 10,
                paths: vec!["/*".to_owned()],
                forward: blue.clone(),
            };
            listeners.push(Listener {
                id: seed.listeners[offset].to_owned(),
                port: place.ports[2 * index + offset],
                service: seed.name.to_owned(),
                purpose,
                rules: seed.rules[offset].map(rule).into_iter().collect(),
                default: blue,
            });
        }
    }
    listeners
}

/// `checkout` scales on CPU between 4 and 12 tasks.
pub(super) fn scalable(created_ms: i64) -> Target {
    let id = "0b1d7f7e-4c8e-4f57-a6d1-2f90c1b7e611".to_owned();
    Target {
        service: "checkout".to_owned(),
        minimum: 4,
        maximum: 12,
        created_ms: created_ms + 1,
        in_suspended: false,
        out_suspended: false,
        scheduled_suspended: false,
        policy: Some(Policy { name: "checkout-cpu".to_owned(), id, target: 60.0, created_ms }),
        cpu: VecDeque::new(),
    }
}

/// The catalogue's items of the blue/green services.
pub(super) fn catalogue(place: &Place) -> Vec<Value> {
    SEEDS.iter().enumerate().map(|(index, seed)| entry(index, seed, place)).collect()
}

fn entry(index: usize, seed: &Seed, place: &Place) -> Value {
    let groups = [seed.group(place, 0), seed.group(place, 1)];
    let mut entry = json!({
        "catalogId": seed.name,
        "kind": "ecs-service",
        "arn": place.arn("ecs", &format!("service/production/{}", seed.name)),
        "cluster": "production",
        "service": seed.name,
        "targetGroupArn": groups[0].arn,
        "loadBalancer": BALANCER,
        "controller": seed.controller.name(),
        "tier": seed.tier,
        "env": "production",
        "owner": "storefront",
        "defaultMode": "apply",
        "allowedActions": ["scale_up"],
        "approvals": { "scale_up": "automatic" },
        "limits": { "maxTasks": 20 },
        "slo": { "latencyP95Ms": 300, "errorRatePercent": 1 },
        "dependsOn": [],
        "deployment": deployment(index, seed, place, &groups),
    });
    if seed.controller == Controller::External {
        entry["scalableResourceId"] = json!(format!("service/production/{}", seed.name));
    }
    entry
}

fn deployment(index: usize, seed: &Seed, place: &Place, groups: &[Group; 2]) -> Value {
    let listener =
        |offset: usize| place.arn("elasticloadbalancing", &format!("listener/{BALANCER}/{}", seed.listeners[offset]));
    let url = |offset: usize| format!("http://127.0.0.1:{}", place.ports[2 * index + offset]);
    let mut deployment = json!({
        "productionListenerArn": listener(0),
        "testListenerArn": listener(1),
        "blueTargetGroupArn": groups[0].arn,
        "greenTargetGroupArn": groups[1].arn,
        "productionUrl": url(0),
        "testUrl": url(1),
        "smoke": {
            "requests": [
                { "name": "health", "path": "/health", "expect": { "status": [200] } },
                { "name": "list", "path": format!("/{}", seed.name), "expect": { "status": [200] } },
                { "name": "admin needs a login", "path": "/admin", "expect": { "status": [401] } },
            ],
            "rounds": 3,
            "concurrency": 4,
            // Few requests find gross slowness; what is finer is for the judge, who has minutes of traffic.
            "maxSlowdown": 2.0,
            "versionPath": "/version",
            "versionPointer": "/version",
        },
        "steps": [5, 25, 100],
        "windowSeconds": 900,
        "bakeSeconds": 900,
    });
    if let Some(rule) = seed.rules[0] {
        let resource = format!("listener-rule/{BALANCER}/{}/{rule}", seed.listeners[0]);
        deployment["productionRuleArn"] = json!(place.arn("elasticloadbalancing", &resource));
    }
    if seed.controller == Controller::CodeDeploy {
        deployment["application"] = json!(seed.name);
        deployment["deploymentGroup"] = json!(seed.name);
    }
    deployment
}

/// `orders` is released by CodeDeploy, canary, with blue kept for an hour.
pub(super) fn codedeploy(seed: u64) -> codedeploy::CodeDeploy {
    codedeploy::CodeDeploy::new("orders", "orders", "orders", Generator::new(seed ^ 0x00C0_DEDE_9107))
}

/// Feature flags, one parameter per service.
pub(super) fn parameters(modified_ms: i64) -> BTreeMap<String, Parameter> {
    let parameter = |seed: &Seed| {
        let value = json!({ "newCheckout": false }).to_string();
        (seed.parameter_name(), Parameter { kind: "String".to_owned(), value, version: 3, modified_ms })
    };
    SEEDS.iter().map(parameter).collect()
}

/// Database credentials, one secret per service.
pub(super) fn secrets(created_ms: i64, seed: u64) -> BTreeMap<String, Secret> {
    let secret = |each: &Seed| {
        let value = json!({ "url": format!("postgres://{0}@orders-db.internal:5432/{0}", each.name) }).to_string();
        let version = each.generator(!seed).uuid();
        (each.secret_name(), Secret { suffix: each.secret.to_owned(), value, version, created_ms })
    };
    SEEDS.iter().map(secret).collect()
}

/// The roles that task definitions, hooks and CodeDeploy name.
pub(super) fn roles(created_ms: i64) -> BTreeMap<String, Role> {
    let families = ["api", "auth-service"].into_iter().chain(SEEDS.iter().map(|seed| seed.name));
    let tasks = "ecs-tasks.amazonaws.com";
    let mut roles = BTreeMap::new();
    for family in families {
        for kind in ["task", "execution"] {
            roles.insert(format!("{family}-{kind}"), Role { service: tasks, created_ms });
        }
    }
    for (name, service) in [
        ("ecs-blue-green", "ecs.amazonaws.com"),
        ("ecs-hooks", "ecs.amazonaws.com"),
        ("codedeploy-ecs", "codedeploy.amazonaws.com"),
    ] {
        roles.insert(name.to_owned(), Role { service, created_ms });
    }
    roles
}

/// Log groups, one per blue/green service.
pub(super) fn log_groups(created_ms: i64) -> BTreeMap<String, LogGroup> {
    SEEDS.iter().map(|seed| (seed.log_group(), LogGroup::new(created_ms))).collect()
}

/// The three subnets that every service runs in.
pub(super) fn subnets() -> Vec<Subnet> {
    let subnet = |(index, zone): (usize, &'static str)| Subnet {
        id: format!("subnet-0a1b2c3d4e5f6000{}", index + 1),
        zone,
        cidr: format!("10.0.{}.0/24", 16 + index),
        size: 251,
    };
    ["a", "b", "c"].into_iter().enumerate().map(subnet).collect()
}
