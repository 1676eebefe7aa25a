//! A sandbox on virtual time and functions that speak to it.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use clients::clock::Driver;
use clients::http::Http;
use clients::{Clock, Environment};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use sandbox::{Config, Fault, FaultKind, Profile, Sandbox, Time};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// 2026-11-20T12:00:00Z.
const START_MS: i64 = 1_795_176_000_000;
/// How long the functions' clients wait for an answer.
const READ: Duration = Duration::from_millis(400);
/// The same where weeks of minutes are read.
const READ_WEEKS: Duration = Duration::from_secs(20);

/// A sandbox.
#[derive(Debug, Clone)]
pub(crate) struct World {
    sandbox: Arc<Sandbox>,
    patience: Duration,
}

impl Driver for World {
    fn now(&self) -> i64 {
        self.sandbox.now_ms()
    }

    fn advance(&self, by: Duration) {
        self.sandbox.advance(by).expect("the sandbox's time is manual");
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::of(Profile::Production, READ).await
    }

    /// Six services with four weeks of history.
    pub(crate) async fn fleet() -> Self {
        Self::of(Profile::Fleet, READ_WEEKS).await
    }

    async fn of(profile: Profile, patience: Duration) -> Self {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            time: Time::Manual { start_ms: START_MS },
            profile,
            observed: observed(),
            ..Config::default()
        };
        Self { sandbox: Arc::new(Sandbox::start(config).await.expect("a sandbox")), patience }
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) fn now(&self) -> i64 {
        self.sandbox.now_ms()
    }

    pub(crate) fn minutes(&self, minutes: u64) {
        self.advance(Duration::from_secs(60 * minutes));
    }

    pub(crate) fn seconds(&self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    /// What a function of this name gets.
    pub(crate) fn services<const N: usize>(&self, name: &str, environment: [(&str, &str); N]) -> Services {
        let clock = Clock::driven(Arc::new(self.clone()));
        services_within(self.patience, name, &self.sandbox.url(), environment, clock)
    }

    /// The calls that change something, as the sandbox received them: the log of a plan.
    pub(crate) fn changes(&self) -> Vec<Value> {
        let changing = ["Update", "Stop", "Register", "Modify", "Publish", "Put", "Delete"];
        let calls = self.sandbox.calls();
        let sent = calls.iter().filter(|call| changing.iter().any(|verb| call.operation.starts_with(verb)));
        sent.map(|call| {
            let mut parameters = call.parameters.clone();
            // The query protocol of RDS and ElastiCache writes a flag as a text.
            if let Some(flag) = parameters.get_mut("ApplyImmediately") {
                *flag = json!(*flag == json!("true"));
            }
            json!({"service": call.service, "operation": call.operation, "parameters": parameters})
        })
        .collect()
    }

    pub(crate) fn fault(&self, service: &str, operation: &str, kind: FaultKind) {
        self.sandbox.inject(Fault::new(service, operation, kind)).expect("a fault");
    }

    pub(crate) fn error(&self, service: &str, operation: &str, status: u16, code: &str) {
        let mut fault = Fault::new(service, operation, FaultKind::Error);
        fault.status = Some(status);
        fault.code = Some(code.to_owned());
        self.sandbox.inject(fault).expect("a fault");
    }
}

pub(crate) fn services_at<const N: usize>(
    name: &str,
    url: &str,
    environment: [(&str, &str); N],
    clock: Clock,
) -> Services {
    services_within(READ, name, url, environment, clock)
}

fn services_within<const N: usize>(
    read: Duration,
    name: &str,
    url: &str,
    environment: [(&str, &str); N],
    clock: Clock,
) -> Services {
    let http = Http::new(read, read);
    // By its access key id the sandbox tells who calls.
    let credentials = Credentials::new(name, "secret", None, None, "test");
    let aws = SdkConfig::builder()
        .behavior_version(aws_config_version())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(read).build())
        .http_client(http.shared())
        .build();
    Services { environment: Environment::of(environment), clock, http, aws }
}

fn aws_config_version() -> aws_smithy_runtime_api::client::behavior_version::BehaviorVersion {
    aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::latest()
}

/// Where `cargo xtask infra observe` collects who calls what.
#[expect(clippy::disallowed_methods, reason = "what a whole test run is told, it is told by its environment")]
fn observed() -> Option<PathBuf> {
    std::env::var("STEPWRIGHT_OBSERVED_CALLS").ok().map(PathBuf::from)
}

/// Calls a function as the runtime does.
pub(crate) async fn call(function: &impl Function, payload: &Value) -> Result<Value, Error> {
    function.call(payload.clone(), Invocation::within(Duration::from_secs(30))).await
}

/// An event body with an operation and the catalogue entry of its target.
pub(crate) fn payload(action: &str, target: &str, operation: &str) -> Value {
    json!({"action": action, "target": target, "incidentId": "incident-1", "priority": "critical",
        "operation": operation, "entry": entry(target)})
}

/// The payload with some fields more.
pub(crate) fn with(mut payload: Value, more: Value) -> Value {
    let fields = payload.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    payload
}

/// A payload of optimisation about a service of the fleet.
pub(crate) fn about(target: &str, operation: &str, more: Value) -> Value {
    with(json!({"operation": operation, "target": target, "requestId": "r-1", "entry": member(target)}), more)
}

/// The catalogue entry of a service of the fleet.
pub(crate) fn member(name: &str) -> Value {
    let number = FLEET.iter().position(|known| *known == name).expect("a service of the fleet") + 1;
    json!({"catalogId": name, "kind": "ecs-service", "cluster": "production", "service": name, "controller": "ECS",
        "arn": format!("arn:aws:ecs:us-east-1:123456789012:service/production/{name}"), "tier": 2, "env": "production",
        "targetGroupArn": format!(
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/a1f0c3d5e709110{number}"),
        "loadBalancer": "app/production/50dc6c495c0c9188",
        "scalableResourceId": format!("service/production/{name}"), "limits": {"maxTasks": 60},
        "slo": {"latencyP95Ms": 600, "errorRatePercent": 1},
        "optimization": {"scaling": "automatic", "housekeeping": "automatic", "minTasks": 2, "logRetentionDays": 30}})
}

/// The services of the fleet, in the order of their target groups.
pub(crate) const FLEET: [&str; 6] = ["storefront", "signup", "catalog-api", "ingest", "webhooks", "reports"];

/// Catalogue entries as the state machine passes them.
pub(crate) fn entry(target: &str) -> Value {
    match target {
        "database" => json!({"catalogId": "database", "kind": "rds",
            "arn": "arn:aws:rds:us-east-1:123456789012:db:orders-db", "dbInstanceId": "orders-db", "tier": 0,
            "env": "production", "allowedActions": ["scale_up"], "approvals": {"scale_up": "approval"},
            "slo": {"cpuPercent": 80}}),
        "cache" => json!({"catalogId": "cache", "kind": "elasticache",
            "arn": "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:catalog-cache",
            "replicationGroupId": "catalog-cache", "redis": {"host": "127.0.0.1", "port": 6379, "tls": false},
            "namespace": "catalog", "protectedPrefixes": ["session", "lock", "queue", "ratelimit", "idempotency"],
            "tier": 2, "env": "production", "allowedActions": ["clear_cache", "scale_up"],
            "approvals": {"clear_cache": "automatic", "scale_up": "approval"}}),
        name => {
            let group = if name == "api" { "6d0ecf831eec9f09" } else { "73e2d6bc24d8a067" };
            json!({"catalogId": name, "kind": "ecs-service",
                "arn": format!("arn:aws:ecs:us-east-1:123456789012:service/production/{name}"),
                "cluster": "production", "service": name, "controller": "ECS", "tier": 1, "env": "production",
                "targetGroupArn":
                    format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/{group}"),
                "loadBalancer": "app/production/50dc6c495c0c9188",
                "scalableResourceId": format!("service/production/{name}"), "owner": "platform",
                "allowedActions": ["restart_service", "scale_up"],
                "approvals": {"restart_service": "automatic", "scale_up": "automatic"},
                "limits": {"maxTasks": if name == "api" { 20 } else { 10 }},
                "slo": {"latencyP95Ms": 400, "errorRatePercent": 1}, "dependsOn": ["database", "cache"]})
        }
    }
}
