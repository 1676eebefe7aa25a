//! `deployment-assess`.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::deployment::{define, definition, entry, observed, payload, resolved, send};
use crate::support::{World, call, with};
use deployment_act::Act;
use deployment_assess::DeploymentAssess;
use sandbox::FaultKind;
use serde_json::{Value, json};

fn function(world: &World) -> DeploymentAssess {
    DeploymentAssess::new(world.services("deployment-assess", []))
}

async fn asked(world: &World, service: &str, deployment: &Value, operation: &str, more: Value) -> Value {
    let payload = with(payload(service, operation, deployment), more);
    call(&function(world), &payload).await.expect("an answer")
}

/// Identifies a deployment and checks a stage.
async fn checked(world: &World, service: &str, deployment: &Value, stage: &str, weight: Value) -> (Value, Value) {
    checked_by(world, entry(service), deployment, stage, weight).await
}

/// The same with this catalogue entry.
async fn checked_by(world: &World, entry: Value, deployment: &Value, stage: &str, weight: Value) -> (Value, Value) {
    let service = entry["service"].as_str().unwrap();
    let identified = asked(world, service, deployment, "identify", json!({})).await;
    let references = resolved(world, &identified).await;
    let more = json!({"stage": stage, "identified": identified, "references": references, "weight": weight,
        "entry": entry});
    let more = with(more, observed(world, &identified).await);
    let report = asked(world, service, deployment, "check", more).await;
    (identified, report)
}

fn task_set(task_definition: &str) -> Value {
    json!({"kind": "task-set", "taskDefinition": task_definition})
}

fn result<'a>(report: &'a Value, check: &str) -> &'a str {
    let found = report["checks"].as_array().unwrap().iter().find(|item| item["check"] == check);
    found.unwrap_or_else(|| panic!("no {check} in {report}"))["result"].as_str().unwrap()
}

#[derive(Debug)]
struct Release {
    plan: Value,
    deployment: Value,
}

impl Release {
    /// Carries out a release up to a step; green's tasks get their time.
    async fn until(world: &World, task_definition: &str, last: &str, weight: Value) -> Self {
        let mut release = Self { plan: Value::Null, deployment: task_set(task_definition) };
        let ask = json!({"deploymentId": "release-1", "steps": [25, 100]});
        release.plan = release.act(world, "plan", ask).await;
        for step in release.plan["steps"].as_array().unwrap().clone() {
            let more = json!({"plan": release.plan, "step": step["step"], "weight": step["weight"]});
            let report = release.act(world, "act", more).await;
            release.deployment["blueTaskSet"] = release.plan["blueTaskSet"].clone();
            release.deployment["greenTaskSet"] = report["known"]["greenTaskSet"].clone();
            if step["step"] == "create-green" && last != "create-green" {
                world.minutes(3);
            }
            if step["step"] == last && (weight.is_null() || step["weight"] == weight) {
                return release;
            }
        }
        panic!("no step {last}");
    }

    async fn act(&self, world: &World, operation: &str, more: Value) -> Value {
        let act = Act::new(world.services("deployment-act", []));
        call(&act, &with(payload("checkout", operation, &self.deployment), more)).await.expect("a report")
    }

    /// Judges the last minutes at the last look.
    async fn judged(&self, world: &World, weight: u32, look: u32) -> Value {
        self.judged_by(world, weight, look, entry("checkout")).await
    }

    /// The same with this catalogue entry.
    async fn judged_by(&self, world: &World, weight: u32, look: u32, entry: Value) -> Value {
        let identified = asked(world, "checkout", &self.deployment, "identify", json!({})).await;
        let minutes = 16 * i64::from(look) / 4;
        let more = json!({"stage": "shift", "identified": identified, "startedAt": world.now() - minutes * 60_000,
            "look": look, "looks": 4, "windowSeconds": 960, "weight": weight, "entry": entry});
        asked(world, "checkout", &self.deployment, "judge", more).await
    }
}

/// A value of DynamoDB as plain JSON.
fn plain(value: &Value) -> Value {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "N" => serde_json::from_str(value.as_str().unwrap()).unwrap(),
        "L" => value.as_array().unwrap().iter().map(plain).collect(),
        "M" => value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        _ => value.clone(),
    }
}

#[tokio::test]
async fn the_seeded_catalogue_is_valid() {
    let world = World::start().await;
    for service in ["checkout", "orders", "search"] {
        let key = json!({"TableName": "ops-catalog", "Key": {"catalogId": {"S": service}}});
        let item = send(&world, "DynamoDB_20120810.GetItem", key).await["Item"].clone();
        let entry = operations::catalogue::Entry::parse(&plain(&json!({"M": item}))).unwrap();
        let deployment = entry.deployment().unwrap();
        assert_eq!((deployment.steps.as_slice(), deployment.window_seconds), (&[5, 25, 100][..], 900));
        assert!(deployment.smoke.is_some(), "{service}");
    }
}

#[tokio::test]
async fn a_good_revision_may_be_installed() {
    let world = World::start().await;
    let (identified, report) =
        checked(&world, "checkout", &task_set(&definition("checkout", 62)), "before-install", json!(null)).await;
    assert_eq!((&identified["current"], &identified["green"]), (&json!(true), &json!(null)));
    assert_eq!((&identified["blue"]["desired"], &identified["blue"]["weight"]), (&json!(4), &json!(100)));
    let image = identified["blue"]["image"].as_str().unwrap();
    assert!(image.ends_with("/checkout:checkout-61"), "{image}");
    let mut kinds: Vec<_> = identified["references"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reference| reference["kind"].as_str().unwrap())
        .collect();
    kinds.dedup();
    assert_eq!(kinds, ["image", "parameter", "secret", "role", "log-group", "subnet", "quota"]);
    assert_eq!(report["verdict"], "PASS", "{report}");
    assert_eq!(report["checks"].as_array().unwrap().len(), 15);
    assert!(!report["evidence"].as_array().unwrap().is_empty());
}

/// Checks `checkout:62` before its installation; `usage` is what the state machine has read of the vCPUs in use.
async fn before_install(world: &World, usage: Option<Value>) -> Value {
    let deployment = task_set(&definition("checkout", 62));
    let identified = asked(world, "checkout", &deployment, "identify", json!({})).await;
    let references = resolved(world, &identified).await;
    let more = json!({"stage": "before-install", "identified": identified, "references": references});
    let mut more = with(more, observed(world, &identified).await);
    if let Some(usage) = usage {
        more["usage"] = usage;
    }
    asked(world, "checkout", &deployment, "check", more).await
}

/// A reading of the vCPUs in use without figures.
fn no_figures() -> Value {
    let series = json!({"Id": "use", "Values": [], "StatusCode": "Complete"});
    json!([{"name": "L-3032A538", "found": true, "facts": {"MetricDataResults": [series]}}])
}

#[tokio::test]
async fn a_quota_that_does_not_fit_the_new_tasks_refuses_them() {
    let world = World::start().await;
    // 18 tasks of a vCPU run, 4 are to come.
    world.sandbox().set_quota(22.0).unwrap();
    let report = before_install(&world, None).await;
    assert_eq!((&report["verdict"], result(&report, "fargate-quota")), (&json!("PASS"), "pass"), "{report}");
    world.sandbox().set_quota(21.5).unwrap();
    let report = before_install(&world, None).await;
    assert_eq!(report["verdict"], "FAIL", "{report}");
    assert_eq!(
        report["reasons"],
        json!(["fargate-quota: 4 new tasks of 1 vCPU need 4 beside 18 in use, the quota is 21.5: raise quota \
                L-3032A538 of service fargate in Service Quotas to 22 or more"])
    );
    let denied = json!([{"name": "L-3032A538", "found": false, "error": "CloudWatch.CloudWatchException: denied"}]);
    let report = before_install(&world, Some(denied)).await;
    assert_eq!(report["verdict"], "INCONCLUSIVE", "{report}");
}

#[tokio::test]
async fn where_the_use_has_no_figures_the_tasks_of_all_clusters_are_counted() {
    let world = World::start().await;
    let report = before_install(&world, Some(no_figures())).await;
    assert_eq!(report["verdict"], "PASS", "{report}");
    world.sandbox().set_quota(21.0).unwrap();
    let report = before_install(&world, Some(no_figures())).await;
    assert!(report["reasons"][0].as_str().unwrap().contains("beside 18 in use, the quota is 21"), "{report}");
    world.error("ecs", "ListClusters", 400, "AccessDeniedException");
    let report = before_install(&world, Some(no_figures())).await;
    assert_eq!(report["verdict"], "INCONCLUSIVE", "{report}");
    assert!(report["reasons"][0].as_str().unwrap().contains("the tasks could not be counted"), "{report}");
}

#[tokio::test]
async fn what_is_missing_or_unknown_is_told_apart() {
    let world = World::start().await;
    let deployment = task_set(&definition("checkout", 62));
    let identified = asked(&world, "checkout", &deployment, "identify", json!({})).await;
    let mut references = resolved(&world, &identified).await;
    references[0]["facts"] = json!({"Images": [], "Failures": [{"FailureCode": "ImageNotFound"}]});
    references[2] = json!({"kind": references[2]["kind"], "name": references[2]["name"], "found": false,
        "error": "SecretsManager.AccessDeniedException"});
    let more = json!({"stage": "before-install", "identified": identified, "references": references});
    let report = asked(&world, "checkout", &deployment, "check", more).await;
    assert_eq!((result(&report, "image-found"), result(&report, "secrets-resolvable")), ("fail", "unknown"));
    assert_eq!(report["verdict"], "FAIL", "{report}");
    references[0] = resolved(&world, &identified).await[0].clone();
    let more = json!({"stage": "before-install", "identified": identified, "references": references});
    let report = asked(&world, "checkout", &deployment, "check", more).await;
    assert_eq!(report["verdict"], "INCONCLUSIVE", "{report}");
}

#[tokio::test]
async fn a_missing_service_fails_and_does_not_pass_by_mistake() {
    let world = World::start().await;
    let mut payload = payload("checkout", "identify", &task_set(&definition("checkout", 62)));
    payload["entry"]["service"] = json!("nowhere");
    payload["service"] = json!("nowhere");
    let identified = call(&function(&world), &payload).await.unwrap();
    assert_eq!((&identified["current"], &identified["state"]), (&json!(false), &json!("UNKNOWN")));
    payload["operation"] = json!("check");
    let check = with(payload, json!({"stage": "before-install", "identified": identified, "references": []}));
    let report = call(&function(&world), &check).await.unwrap();
    assert_eq!((&report["verdict"], result(&report, "service-active")), (&json!("FAIL"), "fail"));
    assert!(report["reasons"][0].as_str().unwrap().contains("MISSING"), "{report}");
}

#[tokio::test]
async fn new_tasks_are_waited_for_and_then_pass() {
    let world = World::start().await;
    let release = Release::until(&world, &definition("checkout", 62), "create-green", json!(null)).await;
    world.seconds(5);
    let (_, report) = checked(&world, "checkout", &release.deployment, "after-install", json!(null)).await;
    assert_eq!(report["verdict"], "WAIT", "{report}");
    world.minutes(3);
    let (identified, report) = checked(&world, "checkout", &release.deployment, "after-install", json!(null)).await;
    assert_eq!(report["verdict"], "PASS", "{report}");
    assert_eq!((&identified["green"]["running"], &identified["green"]["weight"]), (&json!(4), &json!(0)));
}

#[tokio::test]
async fn a_crash_loop_fails_at_once() {
    let world = World::start().await;
    let bad = define(&world, "checkout", "bad-crash").await;
    let release = Release::until(&world, &bad, "create-green", json!(null)).await;
    world.minutes(3);
    let (_, report) = checked(&world, "checkout", &release.deployment, "after-install", json!(null)).await;
    assert_eq!((&report["verdict"], result(&report, "green-stays-up")), (&json!("FAIL"), "fail"), "{report}");
    assert_eq!(result(&report, "logs-quiet"), "fail", "{report}");
    assert!(report["reasons"].to_string().contains("FATAL cannot start"), "{report}");
}

#[tokio::test]
async fn lines_that_cannot_be_read_are_not_quiet() {
    let world = World::start().await;
    let release = Release::until(&world, &definition("checkout", 62), "create-green", json!(null)).await;
    world.minutes(3);
    let identified = asked(&world, "checkout", &release.deployment, "identify", json!({})).await;
    let references = resolved(&world, &identified).await;
    let unread = [json!([]), json!([{"name": "/ecs/production/checkout", "found": false, "error": "Denied"}])];
    for logs in unread {
        let more = json!({"stage": "after-install", "identified": identified, "references": references, "logs": logs});
        let report = asked(&world, "checkout", &release.deployment, "check", more).await;
        assert_eq!((&report["verdict"], result(&report, "logs-quiet")), (&json!("INCONCLUSIVE"), "unknown"));
    }
}

#[tokio::test]
async fn an_image_with_findings_above_the_limit_is_not_installed() {
    let world = World::start().await;
    let bad = define(&world, "checkout", "bad-findings").await;
    let mut strict = entry("checkout");
    strict["deployment"]["maxFindings"] = json!({"CRITICAL": 0, "HIGH": 2});
    let checked = async |entry: &Value, revision: &str| {
        checked_by(&world, entry.clone(), &task_set(revision), "before-install", json!(null)).await.1
    };
    let report = checked(&strict, &bad).await;
    assert_eq!((&report["verdict"], result(&report, "image-scan")), (&json!("FAIL"), "fail"), "{report}");
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(reason.ends_with("has 1 findings of severity CRITICAL, allowed are 0"), "{reason}");
    assert_eq!(checked(&strict, &definition("checkout", 62)).await["verdict"], "PASS");
    assert_eq!(checked(&entry("checkout"), &bad).await["verdict"], "PASS", "the catalogue sets no limit");
}

#[tokio::test]
async fn blue_is_judged_although_green_was_deleted_by_hand() {
    let world = World::start().await;
    let release = Release::until(&world, &definition("checkout", 62), "open-test", json!(null)).await;
    let green = json!({"cluster": "production", "service": "checkout", "force": true,
        "taskSet": release.deployment["greenTaskSet"]});
    send(&world, "AmazonEC2ContainerServiceV20141113.DeleteTaskSet", green).await;
    world.minutes(3);
    let mut deployment = release.deployment.clone();
    let identified = asked(&world, "checkout", &deployment, "identify", json!({})).await;
    assert_eq!(identified["current"], false, "a green that was named is missed");
    deployment.as_object_mut().unwrap().remove("greenTaskSet");
    let (identified, report) = checked(&world, "checkout", &deployment, "restored", json!(null)).await;
    assert_eq!((&identified["current"], &identified["green"]), (&json!(true), &json!(null)));
    assert_eq!(report["verdict"], "PASS", "{report}");
}

#[tokio::test]
async fn traffic_is_where_it_should_be_at_each_stage() {
    let world = World::start().await;
    let release = Release::until(&world, &definition("checkout", 62), "open-test", json!(null)).await;
    let checked = async |stage: &str, weight: Value| {
        let (_, report) = checked(&world, "checkout", &release.deployment, stage, weight).await;
        report
    };
    assert_eq!(checked("test-traffic", json!(null)).await["verdict"], "PASS");
    assert_eq!(result(&checked("shift", json!(25)).await, "traffic-weights"), "wait");
    let shift = json!({"plan": release.plan, "step": "shift", "weight": 25});
    release.act(&world, "act", shift).await;
    world.minutes(1);
    let report = checked("shift", json!(25)).await;
    assert_eq!(report["verdict"], "PASS", "{report}");
    assert_eq!(result(&checked("restored", json!(null)).await, "traffic-weights"), "wait");
    let back = json!({"plan": release.plan, "step": "shift-back"});
    release.act(&world, "act", back).await;
    let report = checked("restored", json!(null)).await;
    assert_eq!(report["verdict"], "PASS", "{report}");
}

#[tokio::test]
async fn a_narrower_way_back_is_no_way_back() {
    let world = World::start().await;
    let release = Release::until(&world, &definition("checkout", 62), "shift", json!(100)).await;
    let identified = asked(&world, "checkout", &release.deployment, "identify", json!({})).await;
    let half = json!({"cluster": "production", "service": "checkout", "taskSet": release.plan["blueTaskSet"],
        "scale": {"value": 50, "unit": "PERCENT"}});
    send(&world, "AmazonEC2ContainerServiceV20141113.UpdateTaskSet", half).await;
    world.minutes(2);
    let more = json!({"stage": "production", "identified": identified, "references": []});
    let report = asked(&world, "checkout", &release.deployment, "check", more).await;
    assert_eq!((result(&report, "blue-capacity"), result(&report, "traffic-weights")), ("fail", "pass"), "{report}");
}

#[tokio::test]
async fn a_good_revision_passes_beside_the_old_one_and_a_slow_one_fails() {
    let world = World::start().await;
    let release = Release::until(&world, &definition("checkout", 62), "shift", json!(25)).await;
    world.minutes(17);
    let early = release.judged(&world, 25, 1).await;
    assert_eq!(early["verdict"], "CONTINUE", "{early}");
    let report = release.judged(&world, 25, 4).await;
    assert_eq!(report["verdict"], "PASS", "{report}");
    assert!(report["metrics"].as_array().unwrap().len() >= 3, "{report}");

    for (tag, metric) in [("bad-latency", "p95 latency"), ("bad-errors", "5xx responses"), ("bad-memory", "memory")] {
        let world = World::start().await;
        let bad = define(&world, "checkout", tag).await;
        let release = Release::until(&world, &bad, "shift", json!(25)).await;
        world.minutes(17);
        let report = release.judged(&world, 25, 4).await;
        assert_eq!(report["verdict"], "FAIL", "{tag}: {report}");
        let metrics = report["metrics"].as_array().unwrap();
        assert!(metrics.iter().any(|item| item["verdict"] == "FAIL" && item["name"] == metric), "{report}");
    }
}

#[tokio::test]
async fn the_business_must_not_fall_below_its_floor() {
    let world = World::start().await;
    let release = Release::until(&world, &definition("checkout", 62), "shift", json!(25)).await;
    world.minutes(17);
    let judged = async |metric: &str, floor: u32| {
        let mut own = entry("checkout");
        own["deployment"]["metrics"] = json!([{"name": "orders placed", "namespace": "AWS/ECS", "metric": metric,
            "dimensions": {"ClusterName": "production", "ServiceName": "checkout"}, "statistic": "Average",
            "floor": floor}]);
        release.judged_by(&world, 25, 4, own).await
    };
    assert_eq!(judged("CPUUtilization", 1).await["verdict"], "PASS");
    assert_eq!(judged("OrdersPlaced", 1).await["verdict"], "INCONCLUSIVE");
    let report = judged("CPUUtilization", 99).await;
    assert_eq!(report["verdict"], "FAIL", "{report}");
    let metrics = report["metrics"].as_array().unwrap();
    let failed = metrics.iter().find(|metric| metric["verdict"] == "FAIL").unwrap();
    assert_eq!(failed["name"], "orders placed");
    assert!(report["reasons"].to_string().contains("below its limit of 99"), "{report}");
}

#[tokio::test]
async fn with_all_traffic_and_no_history_the_objectives_decide() {
    let world = World::start().await;
    let release = Release::until(&world, &definition("checkout", 62), "shift", json!(100)).await;
    world.minutes(17);
    let report = release.judged(&world, 100, 4).await;
    assert_eq!(report["verdict"], "PASS", "{report}");
    let reasons = report["reasons"].to_string();
    assert!(reasons.contains("judged by the objectives of the catalogue only"), "{reasons}");
    let nothing = release.judged(&world, 0, 1).await;
    assert_eq!((&nothing["verdict"], &nothing["metrics"]), (&json!("PASS"), &json!([])));
}

#[tokio::test]
async fn codedeploy_knows_its_sides_by_their_labels() {
    let world = World::start().await;
    let unknown = json!({"kind": "codedeploy", "deploymentId": "d-UNKNOWN12", "hookExecutionId": "h"});
    let identified = asked(&world, "orders", &unknown, "identify", json!({})).await;
    assert_eq!((&identified["current"], &identified["state"]), (&json!(false), &json!("UNKNOWN")));
    let properties = json!({"TaskDefinition": definition("orders", 88),
        "LoadBalancerInfo": {"ContainerName": "orders", "ContainerPort": 8080}});
    let service = json!({"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}});
    let content = json!({"version": 0.0, "Resources": [service]}).to_string();
    let create = json!({"applicationName": "orders", "deploymentGroupName": "orders",
        "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}});
    let id = send(&world, "CodeDeploy_20141006.CreateDeployment", create).await["deploymentId"].clone();
    let deployment = json!({"kind": "codedeploy", "deploymentId": id, "hookExecutionId": "h"});
    let (identified, report) = checked(&world, "orders", &deployment, "before-install", json!(null)).await;
    assert_eq!(identified["taskDefinition"], definition("orders", 88), "from the AppSpec");
    assert_eq!(report["verdict"], "PASS", "{report}");
    assert_eq!(result(&report, "blue-stays"), "pass", "an hour");
    world.minutes(5);
    let (identified, report) = checked(&world, "orders", &deployment, "production", json!(null)).await;
    assert_eq!((&identified["blue"]["weight"], &identified["green"]["weight"]), (&json!(0), &json!(100)));
    assert_eq!((&identified["current"], &identified["state"]), (&json!(true), &json!("InProgress")));
    assert_eq!(report["verdict"], "PASS", "{report}");
}

#[tokio::test]
async fn ecs_names_its_revisions_and_the_pause_that_waits() {
    let world = World::start().await;
    let hooks = json!([{"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"],
        "timeoutConfiguration": {"timeoutInMinutes": 60, "action": "ROLLBACK"}}]);
    let update = json!({"cluster": "production", "service": "search", "taskDefinition": "search:34",
        "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "lifecycleHooks": hooks}});
    let updated = send(&world, "AmazonEC2ContainerServiceV20141113.UpdateService", update).await;
    let arn = &updated["service"]["currentServiceDeployment"];
    let deployment = json!({"kind": "ecs", "serviceDeploymentArn": arn, "lifecycleStage": "POST_SCALE_UP"});
    for _ in 0..240 {
        world.seconds(1);
    }
    world.sandbox().settled().await;
    let (identified, report) = checked(&world, "search", &deployment, "after-install", json!(null)).await;
    assert!(identified["hookId"].is_string(), "{identified}");
    assert_eq!((&identified["current"], &identified["lifecycleEvent"]), (&json!(true), &json!("POST_SCALE_UP")));
    assert_eq!(identified["green"]["taskDefinition"], definition("search", 34));
    assert_eq!((&identified["blue"]["weight"], &identified["green"]["running"]), (&json!(100), &json!(3)));
    assert_eq!(report["verdict"], "PASS", "{report}");
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let world = World::start().await;
    let payload = payload("checkout", "identify", &task_set(&definition("checkout", 62)));
    world.fault("ecs", "DescribeServices", FaultKind::Throttle);
    assert_eq!(call(&function(&world), &payload).await.unwrap_err().name(), "Ops.Throttled");
    world.error("elbv2", "DescribeRules", 403, "AccessDenied");
    assert_eq!(call(&function(&world), &payload).await.unwrap_err().name(), "Ops.AccessDenied");
    let mut wrong = payload.clone();
    wrong["operation"] = json!("check");
    assert_eq!(call(&function(&world), &wrong).await.unwrap_err().message(), "stage is missing: add it");
    wrong["operation"] = json!("guess");
    assert_eq!(call(&function(&world), &wrong).await.unwrap_err().name(), "Ops.InvalidInput");
}
