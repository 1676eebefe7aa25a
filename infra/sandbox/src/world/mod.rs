//! The world: a pure, deterministic model of a small production system on AWS.
//!
//! No I/O, no system clock and no randomness but a seeded generator: the same seed, start and commands give the same
//! world. Time moves in steps of one virtual second on a fixed grid, so that it does not matter how often
//! [`World::advance`] is called.

pub(crate) mod account;
pub(crate) mod alarm;
pub(crate) mod autoscaling;
pub(crate) mod balancer;
pub(crate) mod cache;
pub(crate) mod codedeploy;
pub(crate) mod command;
pub(crate) mod configuration;
pub(crate) mod database;
pub(crate) mod ecs;
pub(crate) mod fleet;
pub(crate) mod generator;
pub(crate) mod image;
pub(crate) mod messaging;
pub(crate) mod metrics;
pub(crate) mod native;
pub(crate) mod outbox;
mod publish;
mod publish_sets;
pub(crate) mod quota;
mod release;
mod rest;
pub(crate) mod rule;
pub(crate) mod schedule;
mod scheduler;
mod seed;
pub(crate) mod table;
pub(crate) mod task_set;
pub(crate) mod traffic;
mod view;
mod visit;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

pub use ecs::Outcome;
pub use image::Behaviour;
pub(crate) use release::{NewSet, TargetGroup};
pub(crate) use scheduler::{CHECK_INTERVAL_MS, CHECK_THRESHOLD, stop as stop_task};

use generator::Generator;

/// One virtual second, milliseconds.
const SECOND_MS: i64 = 1_000;
/// One virtual minute, milliseconds.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// One day, milliseconds.
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// History that a new world has, milliseconds: an hour, or with a fleet four weeks.
const HISTORY_MS: i64 = 60 * MINUTE_MS;
const FLEET_HISTORY_MS: i64 = 28 * DAY_MS;

/// Which account a sandbox simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// A small production system in steps of a second: incidents and releases.
    #[default]
    Production,
    /// Six services in steps of a minute with weeks of history: performance, scaling and cost.
    Fleet,
}

impl Profile {
    /// The profile of that name, `production` or `fleet`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "production" => Some(Self::Production),
            "fleet" => Some(Self::Fleet),
            _ => None,
        }
    }
}

/// Where a world is: what its ARNs say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Twelve digits.
    pub(crate) account: String,
    /// E.g. `us-east-1`.
    pub(crate) region: String,
    /// Host and port of the Redis behind the cache.
    pub(crate) redis: (String, u16),
    /// The ports of the blue/green services' listeners on this machine, production and test in turn.
    pub(crate) ports: [u16; LISTENERS],
}

/// How many listeners the load balancer has.
pub(crate) const LISTENERS: usize = 6;

impl Place {
    /// The ARN of a resource of a service.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// A task definition revision.
#[derive(Debug, Clone)]
pub(crate) struct TaskDefinition {
    /// Family.
    pub(crate) family: String,
    /// Revision.
    pub(crate) revision: i64,
    /// Container image.
    pub(crate) image: String,
    /// When it was registered.
    pub(crate) registered_ms: i64,
    /// All of it in the API's form, where it is known.
    pub(crate) document: Option<Value>,
}

/// Everything in the account.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Account and region.
    pub(crate) place: Place,
    /// Virtual time of the last step.
    pub(crate) now_ms: i64,
    /// What the passing of time draws from.
    pub(crate) generator: Generator,
    /// What answers draw ids from: apart, so that calls that only read change nothing.
    pub(crate) ids: Generator,
    /// The one ECS cluster.
    pub(crate) cluster: String,
    /// ECS services by name.
    pub(crate) services: IndexMap<String, ecs::Service>,
    /// Task definitions, oldest first.
    pub(crate) task_definitions: Vec<TaskDefinition>,
    /// Name and id of the load balancer.
    pub(crate) load_balancer: (String, String),
    /// Scalable targets.
    pub(crate) scalable: Vec<autoscaling::Target>,
    /// The database.
    pub(crate) database: database::Instance,
    /// The cache.
    pub(crate) cache: cache::ReplicationGroup,
    /// Metrics.
    pub(crate) metrics: metrics::Metrics,
    /// Alarms.
    pub(crate) alarms: Vec<alarm::Alarm>,
    /// DynamoDB tables by name.
    pub(crate) tables: BTreeMap<String, table::Table>,
    /// SQS queues by name.
    pub(crate) queues: BTreeMap<String, messaging::Queue>,
    /// SNS topics by name.
    pub(crate) topics: BTreeMap<String, messaging::Topic>,
    /// The default event bus.
    pub(crate) bus: messaging::Bus,
    /// SSM parameters by name.
    pub(crate) parameters: BTreeMap<String, configuration::Parameter>,
    /// Secrets by name.
    pub(crate) secrets: BTreeMap<String, configuration::Secret>,
    /// What ECR holds.
    pub(crate) images: image::Registry,
    /// The load balancer's listeners.
    pub(crate) listeners: Vec<balancer::Listener>,
    /// CodeDeploy.
    pub(crate) codedeploy: codedeploy::CodeDeploy,
    /// ECS's own blue/green deployments.
    pub(crate) native: native::Native,
    /// IAM roles by name.
    pub(crate) roles: BTreeMap<String, account::Role>,
    /// Log groups by name.
    pub(crate) log_groups: BTreeMap<String, account::LogGroup>,
    /// Subnets.
    pub(crate) subnets: Vec<account::Subnet>,
    /// The quota of Fargate vCPUs on demand.
    pub(crate) quota_vcpu: f64,
    /// The fleet, in a world that has one: then `services` are its services.
    pub(crate) fleet: Option<Box<fleet::Fleet>>,
    /// What is to be sent to the world outside.
    pub(crate) outbox: outbox::Outbox,
    /// What answers to real requests draw from.
    visitors: Generator,
    minute: publish::Minute,
}

impl World {
    /// The seed world at `now_ms` with its history behind it: so many days, or as many as the profile has.
    pub(crate) fn new(seed: u64, now_ms: i64, place: Place, profile: Profile, history_days: Option<u32>) -> Self {
        let history_ms = history_days.map(|days| i64::from(days) * DAY_MS);
        let mut world = match profile {
            Profile::Production => {
                let start_ms = now_ms - now_ms.rem_euclid(SECOND_MS) - history_ms.unwrap_or(HISTORY_MS);
                seed::world(seed, start_ms, place)
            }
            Profile::Fleet => {
                let anchor_ms = now_ms - now_ms.rem_euclid(MINUTE_MS);
                fleet::world(seed, anchor_ms - history_ms.unwrap_or(FLEET_HISTORY_MS), anchor_ms, place)
            }
        };
        world.advance(now_ms);
        world
    }

    /// Lets virtual time pass until `to_ms`; earlier times change nothing.
    pub(crate) fn advance(&mut self, to_ms: i64) {
        if self.fleet.is_some() {
            return self.advance_fleet(to_ms);
        }
        while self.now_ms + SECOND_MS <= to_ms {
            self.now_ms += SECOND_MS;
            self.tick();
            self.fire_rules();
        }
    }

    /// When the world will next send something to the outside by itself, as far as it is known now.
    pub(crate) fn next_event_ms(&self) -> Option<i64> {
        let releasing = self.codedeploy.deployments.iter().any(|each| each.phase != codedeploy::Phase::Done)
            || self.native.deployments.iter().any(|each| !each.is_over());
        if releasing && self.fleet.is_none() {
            return Some(self.now_ms - self.now_ms.rem_euclid(SECOND_MS) + SECOND_MS);
        }
        self.next_rule_ms()
    }

    fn tick(&mut self) {
        let now_ms = self.now_ms;
        let mut lines = Vec::new();
        for service in self.services.values_mut() {
            if service.blue_green.is_some() {
                lines.extend(task_set::tick(service, now_ms, &self.images));
            } else {
                scheduler::tick(service, now_ms, &mut self.generator);
            }
        }
        self.write(lines);
        self.tick_codedeploy();
        self.tick_native();
        self.database.tick(now_ms);
        self.cache.tick(now_ms);
        self.flow();
        if now_ms % MINUTE_MS == 0 {
            self.publish_minute();
        }
    }

    /// Sends one second of requests through the services, the database and the cache.
    fn flow(&mut self) {
        let down = self.database.is_down();
        let slowdown = self.database.slowdown();
        let (mut database_ms, mut queries, mut lookups) = (0.0, 0.0, self.cache.extra_rate);
        self.minute.begin(self.now_ms);
        for service in self.services.values_mut() {
            if service.blue_green.is_some() {
                task_set::flow(service, &self.listeners, &mut self.minute);
                continue;
            }
            service.slowdown = 1.0 + DATABASE_SHARE * (slowdown - 1.0);
            let rotation = rotation(service);
            let rate = service.rate * service.noise;
            let capacity = &service.application.capacity;
            service.flow = traffic::step(capacity, service.slowdown, rotation, rate, &mut service.backlog, 1.0);
            let served = service.flow.served;
            database_ms += served * service.application.database_ms;
            queries += served;
            lookups += served * service.application.cache_lookups;
            self.minute.second(service, down);
        }
        self.database.load(database_ms, queries);
        self.cache.lookups = lookups;
        self.minute.downstream(&self.database, &self.cache);
    }

    /// The ARN of an ECS task.
    pub(crate) fn task_arn(&self, id: &str) -> String {
        self.place.arn("ecs", &format!("task/{}/{id}", self.cluster))
    }

    /// The ARN of a service's target group.
    pub(crate) fn target_group_arn(&self, service: &ecs::Service) -> String {
        let resource = format!("targetgroup/{}/{}", service.target_group, service.target_group_id);
        self.place.arn("elasticloadbalancing", &resource)
    }

    /// The load balancer's `LoadBalancer` dimension, `app/<name>/<id>`.
    pub(crate) fn load_balancer_dimension(&self) -> String {
        format!("app/{}/{}", self.load_balancer.0, self.load_balancer.1)
    }
}

/// The share of a request's service time that is spent in the database.
const DATABASE_SHARE: f64 = 0.2;

/// Where the load balancer sends requests: healthy targets, or all registered ones when none is healthy.
fn rotation(service: &ecs::Service) -> traffic::Rotation {
    let registered = service.tasks.iter().filter(|task| task.phase == ecs::Phase::Running);
    let healthy = registered.clone().filter(|task| task.is_healthy());
    let hung = healthy.clone().filter(|task| task.hung).count();
    let count = healthy.count();
    if count > 0 {
        return traffic::Rotation { serving: count - hung, hung };
    }
    traffic::Rotation { serving: 0, hung: registered.count() }
}

#[cfg(test)]
mod deploy_tests;
#[cfg(test)]
mod tests;
