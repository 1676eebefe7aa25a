//! The target catalogue: one entry per thing that automation may touch.

pub mod deployment;
pub mod optimization;

pub use deployment::{BusinessMetric, Deployment};
pub use optimization::Optimization;

use crate::error::{Error, Kind};
use crate::field::Object;
use crate::incident::Action;
use crate::time::{self, Millis};
use serde_json::Value;
use std::collections::BTreeMap;

/// Key prefixes that are never deleted, whatever an entry says.
pub const ALWAYS_PROTECTED: [&str; 5] = ["session", "lock", "queue", "ratelimit", "idempotency"];

/// A catalogue entry, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The id events name as their target.
    pub catalog_id: String,
    /// The resource's ARN.
    pub arn: String,
    /// What it is and where it is found.
    pub resource: Resource,
    /// 0 (most critical) to 3.
    pub tier: u8,
    /// The environment, for example `production`.
    pub environment: String,
    /// The team that owns it.
    pub owner: Option<String>,
    /// What automation may do at all.
    pub allowed_actions: Vec<Action>,
    /// How each action is released.
    pub approvals: BTreeMap<Action, Release>,
    /// Upper bounds.
    pub limits: Limits,
    /// What counts as good.
    pub slo: Slo,
    /// Catalogue ids of what it needs.
    pub depends_on: Vec<String>,
    /// No action before this time.
    pub frozen_until: Option<Millis>,
    /// How a service is released; only an `ecs-service` has it.
    pub deployment: Option<Deployment>,
    /// What may be optimised about it; only an `ecs-service` has anything.
    pub optimization: Optimization,
}

/// What kind of resource an entry is.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// A service of Amazon ECS.
    EcsService(EcsService),
    /// An instance of Amazon RDS.
    Database(Database),
    /// A replication group of Amazon ElastiCache.
    Cache(Cache),
    /// Anything else; no action knows it.
    Other(String),
}

/// A service of Amazon ECS.
#[derive(Debug, Clone, PartialEq)]
pub struct EcsService {
    /// The cluster's name; absent when the environment names it.
    pub cluster: Option<String>,
    /// The service's name.
    pub service: String,
    /// Who replaces tasks.
    pub controller: Controller,
    /// The target group behind the load balancer.
    pub target_group_arn: Option<String>,
    /// The load balancer as CloudWatch names it: `app/<name>/<id>`.
    pub load_balancer: Option<String>,
    /// The scalable target's resource id, where autoscaling is set up.
    pub scalable_resource_id: Option<String>,
}

/// Who replaces the tasks of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// ECS's own rolling update.
    Ecs,
    /// CodeDeploy, blue/green: `UpdateService` with a forced deployment is rejected.
    CodeDeploy,
    /// A third party.
    External,
}

/// An instance of Amazon RDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The instance's identifier; absent when the environment names it.
    pub instance_id: Option<String>,
}

/// A replication group of Amazon ElastiCache.
#[derive(Debug, Clone, PartialEq)]
pub struct Cache {
    /// The replication group's id; absent when the environment names it.
    pub replication_group_id: Option<String>,
    /// Where Redis listens; absent when the environment says.
    pub redis: Option<Redis>,
    /// The namespace whose version `clear_cache` raises.
    pub namespace: Option<String>,
    /// Key prefixes that are never deleted, in addition to [`ALWAYS_PROTECTED`].
    pub protected_prefixes: Vec<String>,
}

/// Where Redis listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The secret that holds the password; absent when the environment says.
    pub secret_arn: Option<String>,
}

/// How an action is released, least strict first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// At once.
    Automatic,
    /// After a person approved.
    Approval,
    /// Never.
    Forbidden,
}

impl Release {
    /// The name in the catalogue and in a policy's decision.
    pub fn name(self) -> &'static str {
        match self {
            Release::Automatic => "automatic",
            Release::Approval => "approval",
            Release::Forbidden => "forbidden",
        }
    }

    fn from_name(name: &str) -> Option<Release> {
        [Release::Automatic, Release::Approval, Release::Forbidden].into_iter().find(|release| release.name() == name)
    }
}

/// Upper bounds of what automation may do to a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// The most tasks a service may have.
    pub max_tasks: Option<u32>,
    /// For how many seconds the raised limits of a service are held: 60 to 86,400.
    pub lease_seconds: Option<u32>,
    /// The most keys a prefix deletion may remove.
    pub max_keys: Option<u32>,
    /// How many keys a prefix deletion may remove in a second.
    pub keys_per_second: Option<u32>,
    /// The largest instance class or node type, for example `db.r6g.2xlarge`.
    pub max_class: Option<String>,
}

/// Service level objectives: what counts as good.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slo {
    /// 95th percentile of the response time, in milliseconds.
    pub latency_p95_ms: Option<f64>,
    /// Server errors among requests, in percent.
    pub error_rate_percent: Option<f64>,
    /// Processor utilisation, in percent.
    pub cpu_percent: Option<f64>,
    /// Memory utilisation, in percent.
    pub memory_percent: Option<f64>,
}

impl Entry {
    /// Reads and checks a catalogue item as plain JSON.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the field.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let item = Object::of(value, "entry", Kind::ConfigInvalid)?;
        let tier = item.integer("tier")?;
        let tier = u8::try_from(tier).ok().filter(|tier| *tier <= 3);
        Ok(Self {
            catalog_id: item.text("catalogId")?.to_owned(),
            arn: item.text("arn")?.to_owned(),
            resource: resource(&item)?,
            tier: tier.ok_or_else(|| item.error("tier", "must be 0, 1, 2 or 3"))?,
            environment: item.optional_text("env")?.unwrap_or("unspecified").to_owned(),
            owner: item.optional_text("owner")?.map(str::to_owned),
            allowed_actions: allowed_actions(&item)?,
            approvals: approvals(&item)?,
            limits: limits(&item)?,
            slo: slo(&item)?,
            depends_on: item.texts("dependsOn")?,
            frozen_until: frozen_until(&item)?,
            deployment: deployment_block(&item)?,
            optimization: optimization_block(&item)?,
        })
    }

    /// The resource as a service of ECS.
    ///
    /// # Errors
    /// `Ops.NotApplicable` when it is something else.
    pub fn service(&self) -> Result<&EcsService, Error> {
        match &self.resource {
            Resource::EcsService(service) => Ok(service),
            _ => Err(self.not_applicable("an ecs-service")),
        }
    }

    /// How the service is released.
    ///
    /// # Errors
    /// `Ops.NotApplicable` when the resource is no service; `Ops.ConfigInvalid` when the entry does not say.
    pub fn deployment(&self) -> Result<&Deployment, Error> {
        self.service()?;
        self.deployment.as_ref().ok_or_else(|| deployment::missing(&self.catalog_id))
    }

    /// The resource as a cache.
    ///
    /// # Errors
    /// `Ops.NotApplicable` when it is something else.
    pub fn cache(&self) -> Result<&Cache, Error> {
        match &self.resource {
            Resource::Cache(cache) => Ok(cache),
            _ => Err(self.not_applicable("an elasticache")),
        }
    }

    /// An `Ops.NotApplicable` saying which kind the action needs.
    pub fn not_applicable(&self, needed: &str) -> Error {
        let kind = match &self.resource {
            Resource::EcsService(_) => "ecs-service",
            Resource::Database(_) => "rds",
            Resource::Cache(_) => "elasticache",
            Resource::Other(kind) => kind,
        };
        let message =
            format!("{} is of kind {kind}; the action needs {needed}: choose another action", self.catalog_id);
        Error::new(Kind::NotApplicable, message)
    }
}

impl Cache {
    /// Whether keys with this prefix may not be deleted: it is, begins with, or is the beginning of, a protected
    /// one (deleting `s` would delete `session:1`).
    pub fn protects(&self, prefix: &str) -> bool {
        let own = self.protected_prefixes.iter().map(String::as_str);
        ALWAYS_PROTECTED.into_iter().chain(own).any(|name| name.starts_with(prefix) || prefix.starts_with(name))
    }
}

fn resource(item: &Object<'_>) -> Result<Resource, Error> {
    let owned = |name: &str| item.optional_text(name).map(|text| text.map(str::to_owned));
    Ok(match item.text("kind")? {
        "ecs-service" => Resource::EcsService(EcsService {
            cluster: owned("cluster")?,
            service: item.text("service")?.to_owned(),
            controller: controller(item)?,
            target_group_arn: owned("targetGroupArn")?,
            load_balancer: owned("loadBalancer")?,
            scalable_resource_id: owned("scalableResourceId")?,
        }),
        "rds" => Resource::Database(Database { instance_id: owned("dbInstanceId")? }),
        "elasticache" => Resource::Cache(Cache {
            replication_group_id: owned("replicationGroupId")?,
            redis: redis(item)?,
            namespace: owned("namespace")?,
            protected_prefixes: item.texts("protectedPrefixes")?,
        }),
        other => Resource::Other(other.to_owned()),
    })
}

fn deployment_block(item: &Object<'_>) -> Result<Option<Deployment>, Error> {
    if item.text("kind")? == "ecs-service" {
        return Deployment::parse(item, controller(item)?);
    }
    match item.get("deployment") {
        None => Ok(None),
        Some(_) => Err(item.error("deployment", "belongs to entries of kind ecs-service: remove it")),
    }
}

fn optimization_block(item: &Object<'_>) -> Result<Optimization, Error> {
    match item.get("optimization") {
        Some(_) if item.text("kind")? != "ecs-service" => {
            Err(item.error("optimization", "belongs to entries of kind ecs-service: remove it"))
        }
        _ => Optimization::parse(item),
    }
}

fn controller(item: &Object<'_>) -> Result<Controller, Error> {
    match item.optional_text("controller")?.unwrap_or("ECS") {
        "ECS" => Ok(Controller::Ecs),
        "CODE_DEPLOY" => Ok(Controller::CodeDeploy),
        "EXTERNAL" => Ok(Controller::External),
        other => Err(item.error("controller", &format!("must be ECS, CODE_DEPLOY or EXTERNAL, not {other:?}"))),
    }
}

fn redis(item: &Object<'_>) -> Result<Option<Redis>, Error> {
    let Some(redis) = item.optional_object("redis")? else { return Ok(None) };
    let port = redis.optional_integer("port")?.unwrap_or(6379);
    let port = u16::try_from(port).map_err(|_| redis.error("port", "must be between 0 and 65535"))?;
    Ok(Some(Redis {
        host: redis.text("host")?.to_owned(),
        port,
        tls: redis.flag("tls")?,
        secret_arn: redis.optional_text("secretArn")?.map(str::to_owned),
    }))
}

fn allowed_actions(item: &Object<'_>) -> Result<Vec<Action>, Error> {
    let names = item.texts("allowedActions")?;
    let actions = names.iter().map(|name| {
        Action::from_name(name)
            .ok_or_else(|| item.error("allowedActions", &format!("has {name:?}; the actions are {}", Action::names())))
    });
    actions.collect()
}

fn approvals(item: &Object<'_>) -> Result<BTreeMap<Action, Release>, Error> {
    let Some(approvals) = item.optional_object("approvals")? else { return Ok(BTreeMap::new()) };
    let pairs = approvals.names().map(|name| {
        let action = Action::from_name(name)
            .ok_or_else(|| approvals.error(name, &format!("is no action; the actions are {}", Action::names())))?;
        let release = approvals.text(name)?;
        let release = Release::from_name(release).ok_or_else(|| {
            approvals.error(name, &format!("must be automatic, approval or forbidden, not {release:?}"))
        })?;
        Ok((action, release))
    });
    pairs.collect()
}

fn limits(item: &Object<'_>) -> Result<Limits, Error> {
    let Some(limits) = item.optional_object("limits")? else { return Ok(Limits::default()) };
    Ok(Limits {
        max_tasks: limits.optional_count("maxTasks")?,
        lease_seconds: lease_seconds(&limits)?,
        max_keys: limits.optional_count("maxKeys")?,
        keys_per_second: limits.optional_count("keysPerSecond")?,
        max_class: limits.optional_text("maxClass")?.map(str::to_owned),
    })
}

fn lease_seconds(limits: &Object<'_>) -> Result<Option<u32>, Error> {
    match limits.optional_count("leaseSeconds")? {
        Some(seconds) if !(60..=86_400).contains(&seconds) => {
            Err(limits.error("leaseSeconds", "must be between 60 and 86400, or absent for 3600"))
        }
        seconds => Ok(seconds),
    }
}

fn slo(item: &Object<'_>) -> Result<Slo, Error> {
    let Some(slo) = item.optional_object("slo")? else { return Ok(Slo::default()) };
    let positive = |name: &str| match slo.optional_number(name)? {
        Some(number) if number <= 0.0 => Err(slo.error(name, "must be greater than 0")),
        number => Ok(number),
    };
    Ok(Slo {
        latency_p95_ms: positive("latencyP95Ms")?,
        error_rate_percent: positive("errorRatePercent")?,
        cpu_percent: positive("cpuPercent")?,
        memory_percent: positive("memoryPercent")?,
    })
}

fn frozen_until(item: &Object<'_>) -> Result<Option<Millis>, Error> {
    let Some(value) = item.get("frozenUntil") else { return Ok(None) };
    let time = time::parse(value);
    time.map(Some).ok_or_else(|| item.error("frozenUntil", "must be an RFC 3339 time or milliseconds since 1970"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn api() -> Value {
        json!({"catalogId": "api", "kind": "ecs-service", "arn": "arn:aws:ecs:us-east-1:123456789012:service/production/api",
            "cluster": "production", "service": "api", "controller": "ECS", "tier": 1, "env": "production",
            "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api/6d0ecf831eec9f09",
            "loadBalancer": "app/production/50dc6c495c0c9188", "scalableResourceId": "service/production/api",
            "owner": "platform", "defaultMode": "apply", "allowedActions": ["restart_service", "scale_up"],
            "approvals": {"restart_service": "automatic", "scale_up": "automatic"}, "limits": {"maxTasks": 20},
            "slo": {"latencyP95Ms": 400, "errorRatePercent": 1}, "dependsOn": ["database", "cache"]})
    }

    pub(crate) fn database() -> Value {
        json!({"catalogId": "database", "kind": "rds", "arn": "arn:aws:rds:us-east-1:123456789012:db:orders-db",
            "dbInstanceId": "orders-db", "tier": 0, "env": "production", "allowedActions": ["scale_up"],
            "approvals": {"scale_up": "approval"}, "slo": {"cpuPercent": 80}})
    }

    pub(crate) fn cache() -> Value {
        json!({"catalogId": "cache", "kind": "elasticache",
            "arn": "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:catalog-cache",
            "replicationGroupId": "catalog-cache", "redis": {"host": "127.0.0.1", "port": 6379, "tls": false},
            "namespace": "catalog", "protectedPrefixes": ["session", "lock", "queue", "ratelimit", "idempotency"],
            "tier": 2, "env": "production", "allowedActions": ["clear_cache", "scale_up"],
            "approvals": {"clear_cache": "automatic", "scale_up": "approval"}})
    }

    pub(crate) fn checkout() -> Value {
        let mut item = api();
        let balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012";
        let listener = |kind: &str, id: &str| format!("{balancer}:{kind}/app/production/50dc6c495c0c9188/{id}");
        item["catalogId"] = json!("checkout");
        item["service"] = json!("checkout");
        item["arn"] = json!("arn:aws:ecs:us-east-1:123456789012:service/production/checkout");
        item["controller"] = json!("EXTERNAL");
        item["scalableResourceId"] = json!("service/production/checkout");
        item["deployment"] = json!({
            "productionListenerArn": listener("listener", "1"), "testListenerArn": listener("listener", "2"),
            "productionRuleArn": listener("listener-rule", "1/3"),
            "blueTargetGroupArn": format!("{balancer}:targetgroup/checkout-blue/10"),
            "greenTargetGroupArn": format!("{balancer}:targetgroup/checkout-green/11"),
            "productionUrl": "https://checkout.example.com", "testUrl": "https://checkout.example.com:8443",
            "smoke": {"requests": [{"name": "health", "path": "/health", "expect": {"status": [200]}}]}});
        item
    }

    pub(crate) fn entry(item: Value) -> Entry {
        Entry::parse(&item).unwrap()
    }

    #[test]
    fn the_seeded_entries_are_valid() {
        let api = entry(api());
        assert_eq!(api.service().unwrap().controller, Controller::Ecs);
        assert_eq!(api.limits.max_tasks, Some(20));
        assert_eq!(api.approvals[&Action::ScaleUp], Release::Automatic);
        assert_eq!(entry(database()).slo.cpu_percent, Some(80.0));
        let cache = entry(cache());
        let redis = Redis { host: "127.0.0.1".into(), port: 6379, tls: false, secret_arn: None };
        assert_eq!(cache.cache().unwrap().redis, Some(redis));
        assert_eq!(cache.service().unwrap_err().kind(), Kind::NotApplicable);
    }

    #[test]
    fn broken_entries_are_refused_by_field() {
        let cases = [
            ("tier", json!(4), "entry.tier must be 0, 1, 2 or 3"),
            ("tier", json!(null), "entry.tier is missing: add it"),
            ("kind", json!(null), "entry.kind is missing: add it"),
            ("service", json!(""), "entry.service is missing: add it"),
            ("controller", json!("ecs"), "entry.controller must be ECS, CODE_DEPLOY or EXTERNAL, not \"ecs\""),
            (
                "approvals",
                json!({"scale_up": "yes"}),
                "entry.approvals.scale_up must be automatic, approval or forbidden",
            ),
            ("approvals", json!({"fly": "automatic"}), "entry.approvals.fly is no action"),
            ("allowedActions", json!(["fly"]), "entry.allowedActions has \"fly\""),
            ("slo", json!({"latencyP95Ms": 0}), "entry.slo.latencyP95Ms must be greater than 0"),
            ("frozenUntil", json!("tomorrow"), "entry.frozenUntil must be"),
            ("limits", json!({"maxTasks": -1}), "entry.limits.maxTasks must be between"),
            ("limits", json!({"leaseSeconds": 59}), "entry.limits.leaseSeconds must be between 60 and 86400"),
        ];
        for (field, value, message) in cases {
            let mut item = api();
            item[field] = value;
            let error = Entry::parse(&item).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigInvalid);
            assert!(error.message().starts_with(message), "{}", error.message());
        }
    }

    #[test]
    fn protection_covers_prefixes_in_both_directions() {
        let entry = entry(cache());
        let cache = entry.cache().unwrap();
        for refused in ["session", "session:", "sess", "s", "", "lock:1", "idempotency-keys"] {
            assert!(cache.protects(refused), "{refused:?}");
        }
        for allowed in ["catalog:", "product:12:", "page"] {
            assert!(!cache.protects(allowed), "{allowed:?}");
        }
    }
}
