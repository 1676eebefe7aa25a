//! The watcher against the sandbox. Time is virtual: waiting moves the sandbox's world.

use super::*;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use clients::clock::Driver;
use clients::http::Http;
use sandbox::{Config, Fault, FaultKind, RolloutOutcome, Sandbox, Time};
use std::sync::Arc;

const START_MS: i64 = 1_795_176_000_000;

#[derive(Debug, Clone)]
struct World(Arc<Sandbox>);

impl Driver for World {
    fn now(&self) -> i64 {
        self.0.now_ms()
    }

    fn advance(&self, by: Duration) {
        self.0.advance(by).expect("the sandbox's time is manual");
    }
}

/// Where `cargo xtask infra observe` collects who calls what.
#[expect(clippy::disallowed_methods, reason = "what a whole test run is told, it is told by its environment")]
fn observed() -> Option<std::path::PathBuf> {
    std::env::var("STEPWRIGHT_OBSERVED_CALLS").ok().map(std::path::PathBuf::from)
}

impl World {
    async fn start() -> Self {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            time: Time::Manual { start_ms: START_MS },
            observed: observed(),
            ..Config::default()
        };
        Self(Arc::new(Sandbox::start(config).await.expect("a sandbox")))
    }

    /// For what happens in the world around the watcher.
    fn aws(&self) -> aws_types::SdkConfig {
        self.aws_as("test")
    }

    /// By its access key id the sandbox tells who calls.
    fn aws_as(&self, name: &str) -> aws_types::SdkConfig {
        let http = Http::new(Duration::from_secs(1), Duration::from_secs(5));
        let credentials = Credentials::new(name, "secret", None, None, "test");
        aws_types::SdkConfig::builder()
            .behavior_version(aws_sdk_ecs::config::BehaviorVersion::latest())
            .region(aws_types::region::Region::new("us-east-1"))
            .endpoint_url(self.0.url())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .http_client(http.shared())
            .build()
    }

    async fn watch(&self, input: Value) -> Result<Value, Error> {
        let clock = Clock::driven(Arc::new(self.clone()));
        let environment =
            Environment::of([("DB_INSTANCE_ID", "orders-db"), ("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", "1")]);
        RecoveryWatcher::new(&self.aws_as("recovery-watcher"), environment, clock).run(input, &Task::detached()).await
    }

    /// Restarts a service; the primary deployment and the task ids from before.
    async fn restart(&self, service: &str) -> Value {
        let client = aws_sdk_ecs::Client::new(&self.aws());
        let described = clients::read::ecs::service(&client, "production", service).await.unwrap();
        let tasks = clients::read::ecs::tasks(&client, "production", service).await.unwrap();
        let ids: Vec<_> = tasks.iter().map(|task| operations::plan::restart::task_id(&task.arn).to_owned()).collect();
        let update = client.update_service().cluster("production").service(service).force_new_deployment(true);
        update.send().await.unwrap();
        json!({"watch": "ecs-rollout", "previousDeployment": described.service.primary().unwrap().id,
            "previousTasks": ids, "checks": 3, "intervalSeconds": 30, "deadlineSeconds": 900,
            "metrics": ["latency", "errors"], "entry": service_entry(service), "incidentId": "incident-1"})
    }
}

fn service_entry(name: &str) -> Value {
    let group = if name == "api" { "6d0ecf831eec9f09" } else { "73e2d6bc24d8a067" };
    json!({"catalogId": name, "kind": "ecs-service", "tier": 1, "env": "production", "cluster": "production",
        "arn": format!("arn:aws:ecs:us-east-1:123456789012:service/production/{name}"), "service": name,
        "targetGroupArn": format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/{group}"),
        "loadBalancer": "app/production/50dc6c495c0c9188", "slo": {"latencyP95Ms": 400, "errorRatePercent": 1}})
}

#[tokio::test]
async fn a_restart_that_helps_is_recognised_with_evidence() {
    let world = World::start().await;
    world.0.hang("auth-service", 2).unwrap();
    world.advance(Duration::from_secs(120));
    let request = world.restart("auth-service").await;
    let answer = world.watch(request).await.unwrap();
    assert_eq!(answer["recovered"], true);
    assert!(answer["checks"].as_u64().unwrap() > 3, "it was not good at once: {answer}");
    let named: Vec<_> = answer["evidence"].as_array().unwrap().iter().map(|fact| fact["ref"].clone()).collect();
    let wanted = ["elasticloadbalancing:DescribeTargetHealth", "ecs:DescribeServices", "latency", "errors"];
    assert!(wanted.iter().all(|name| named.contains(&json!(name))), "{answer}");
}

#[tokio::test]
async fn a_rollout_that_stalls_fails_at_its_deadline_with_its_reasons() {
    let world = World::start().await;
    world.0.set_rollout("auth-service", RolloutOutcome::Stall).unwrap();
    let mut request = world.restart("auth-service").await;
    request["deadlineSeconds"] = json!(300);
    let error = world.watch(request).await.unwrap_err();
    assert_eq!(error.name(), "Ops.VerificationFailed");
    assert!(error.message().contains("old tasks still run"), "{error}");
    let passed = world.0.now_ms() - START_MS;
    assert!((300_000..=330_000).contains(&passed), "{passed} ms");
}

#[tokio::test]
async fn capacity_that_recovers_latency_is_recognised() {
    let world = World::start().await;
    world.0.set_load("api", 900.0).unwrap();
    world.advance(Duration::from_secs(180));
    let request = json!({"watch": "ecs-capacity", "desiredCount": 8, "deadlineSeconds": 900, "metrics": ["latency", "errors"],
        "entry": service_entry("api")});
    let mut hasty = request.clone();
    hasty["deadlineSeconds"] = json!(60);
    let error = world.watch(hasty).await.unwrap_err();
    assert!(error.message().contains("4 of 8 tasks run"), "{error}");
    let client = aws_sdk_ecs::Client::new(&world.aws());
    client.update_service().cluster("production").service("api").desired_count(8).send().await.unwrap();
    let answer = world.watch(request).await.unwrap();
    assert_eq!(answer["recovered"], true, "{answer}");
}

impl World {
    /// Gives the database a larger class.
    async fn grow_database(&self) {
        let client = aws_sdk_rds::Client::new(&self.aws());
        let modify = client.modify_db_instance().db_instance_identifier("orders-db").db_instance_class("db.r6g.xlarge");
        modify.apply_immediately(true).send().await.unwrap();
    }

    /// Gives the cache a larger node type.
    async fn grow_cache(&self) {
        let client = aws_sdk_elasticache::Client::new(&self.aws());
        let modify = client.modify_replication_group().replication_group_id("catalog-cache");
        modify.cache_node_type("cache.r7g.xlarge").apply_immediately(true).send().await.unwrap();
    }
}

fn database_watch(slo: Value) -> Value {
    json!({"watch": "rds-instance", "instanceClass": "db.r6g.xlarge", "deadlineSeconds": 3600, "metrics": ["cpu"],
        "entry": {"catalogId": "database", "kind": "rds", "arn": "arn", "tier": 0, "dbInstanceId": "orders-db",
            "slo": slo}})
}

fn cache_entry(slo: Value) -> Value {
    json!({"catalogId": "cache", "kind": "elasticache", "arn": "arn", "tier": 2, "slo": slo,
        "replicationGroupId": "catalog-cache", "redis": {"host": "127.0.0.1", "port": 1}})
}

fn fact<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let facts = answer["evidence"].as_array().unwrap();
    facts.iter().find(|fact| fact["ref"] == name).unwrap_or_else(|| panic!("no evidence of {name}: {answer}"))
}

#[tokio::test]
async fn a_larger_database_has_recovered_when_its_processor_has() {
    let world = World::start().await;
    world.0.set_load("database", 1600.0).unwrap();
    world.advance(Duration::from_secs(120));
    world.grow_database().await;
    let answer = world.watch(database_watch(json!({"cpuPercent": 80}))).await.unwrap();
    assert_eq!(answer["recovered"], true);
    let status = fact(&answer, "rds:DescribeDBInstances");
    assert_eq!(status["value"], json!({"status": "available", "class": "db.r6g.xlarge"}));
    let cpu = fact(&answer, "cpu")["value"].as_f64().unwrap();
    assert!((40.0..80.0).contains(&cpu), "the failover's idle processor is no evidence: {cpu} %");
    // Without a limit in the catalogue it is 80 %, and the database is still within it.
    world.watch(database_watch(json!({}))).await.unwrap();
}

#[tokio::test]
async fn a_larger_database_that_is_still_too_busy_has_not_recovered() {
    let world = World::start().await;
    world.0.set_load("database", 3400.0).unwrap();
    world.advance(Duration::from_secs(120));
    world.grow_database().await;
    let mut watch = database_watch(json!({}));
    watch["deadlineSeconds"] = json!(900);
    let error = world.watch(watch.clone()).await.unwrap_err();
    assert_eq!(error.name(), "Ops.VerificationFailed");
    assert!(error.message().contains("cpu is 9") && error.message().contains("the limit is 80 %"), "{error}");
    // The load falls while it is watched: it recovers then, and not before.
    world.0.set_load("database", 400.0).unwrap();
    assert_eq!(world.watch(watch).await.unwrap()["recovered"], true);
}

#[tokio::test]
async fn a_database_whose_metrics_are_silent_has_not_recovered() {
    let world = World::start().await;
    world.grow_database().await;
    let mut silent = Fault::new("monitoring", "GetMetricData", FaultKind::Throttle);
    silent.count = 1000;
    world.0.inject(silent).unwrap();
    let mut watch = database_watch(json!({}));
    watch["deadlineSeconds"] = json!(900);
    let error = world.watch(watch).await.unwrap_err();
    assert_eq!(error.name(), "Ops.VerificationFailed");
    assert!(error.message().contains("Ops.Throttled"), "{error}");
}

#[tokio::test]
async fn a_larger_cache_has_recovered_when_it_is_within_its_limits() {
    let world = World::start().await;
    world.grow_cache().await;
    let watch = json!({"watch": "elasticache", "nodeType": "cache.r7g.xlarge", "deadlineSeconds": 900,
        "metrics": ["cpu", "memory"], "entry": cache_entry(json!({"memoryPercent": 50, "cpuPercent": 80}))});
    let answer = world.watch(watch.clone()).await.unwrap();
    assert_eq!(fact(&answer, "elasticache:DescribeReplicationGroups")["value"]["class"], "cache.r7g.xlarge");
    // 8.2 of 26 GiB; the smaller nodes were at 62 %.
    assert!(fact(&answer, "memory")["value"].as_f64().unwrap() < 50.0, "{answer}");
    assert!(fact(&answer, "cpu")["value"].as_f64().unwrap() < 80.0, "{answer}");
    let mut strict = watch;
    strict["entry"] = cache_entry(json!({"memoryPercent": 20}));
    let error = world.watch(strict).await.unwrap_err();
    assert!(error.message().contains("memory is 3") && error.message().contains("the limit is 20 %"), "{error}");
}

#[tokio::test]
async fn a_cache_that_cannot_be_reached_has_not_recovered() {
    let world = World::start().await;
    let request = json!({"watch": "cache-namespace", "key": "catalog:ver", "version": 8, "deadlineSeconds": 60,
        "entry": cache_entry(json!({}))});
    let error = world.watch(request).await.unwrap_err();
    assert!(error.message().contains("Ops.DependencyUnavailable"), "unknown never passes: {error}");
}

#[tokio::test]
async fn a_password_that_is_nowhere_ends_the_watch_at_once() {
    let world = World::start().await;
    let mut entry = cache_entry(json!({}));
    entry["redis"]["secretArn"] = json!("ops/nowhere");
    let request = json!({"watch": "cache-namespace", "key": "catalog:ver", "version": 8, "entry": entry});
    let error = world.watch(request).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid");
    assert!(error.message().contains("GetSecretValue of ops/nowhere"), "{error}");
    assert_eq!(world.0.now_ms(), START_MS, "waiting would not cure it");
}

#[tokio::test]
async fn what_cannot_be_read_interrupts_a_row_of_good_checks() {
    let world = World::start().await;
    world.advance(Duration::from_secs(120));
    let request = json!({"watch": "ecs-capacity", "desiredCount": 4, "checks": 2, "entry": service_entry("api")});
    assert_eq!(world.watch(request.clone()).await.unwrap()["checks"], 2);
    world.0.inject(Fault::new("ecs", "DescribeServices", FaultKind::Throttle)).unwrap();
    assert_eq!(world.watch(request.clone()).await.unwrap()["checks"], 3);
    let mut denied = Fault::new("ecs", "DescribeServices", FaultKind::Error);
    (denied.status, denied.code) = (Some(400), Some("AccessDeniedException".into()));
    world.0.inject(denied).unwrap();
    assert_eq!(world.watch(request).await.unwrap_err().name(), "Ops.AccessDenied");
}

#[tokio::test]
async fn a_request_that_lacks_something_is_refused_by_field() {
    let world = World::start().await;
    let error = world.watch(json!({"watch": "ecs-capacity", "desiredCount": 4})).await.unwrap_err();
    assert_eq!((error.name(), error.message().starts_with("entry is missing")), ("Ops.InvalidInput", true));
    let error = world.watch(json!({"watch": "the sky", "entry": service_entry("api")})).await.unwrap_err();
    assert!(error.message().starts_with("watch must be one of"), "{error}");
}
