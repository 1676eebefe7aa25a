use super::facts::{Alarm, Container, Found, Group, Kept, SideFacts, Task};
use super::reference::{Answer, ReferenceKind};
use super::task_definition::ContainerDefinition;
use super::*;
use crate::catalogue::{Entry, tests as samples};
use crate::deployment::Route;
use crate::snapshot::Targets;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod vcpus;

const IMAGE: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/checkout:checkout-62";
const DIGEST: &str = "sha256:aa";

fn entry() -> Entry {
    samples::entry(samples::checkout())
}

fn definition() -> TaskDefinition {
    let container = ContainerDefinition {
        name: "app".into(),
        image: IMAGE.into(),
        essential: true,
        secrets: vec!["/production/checkout/flags".into()],
        log_group: Some("/ecs/checkout".into()),
        health_check: true,
    };
    TaskDefinition {
        arn: "checkout:62".into(),
        cpu: Some(1_024),
        memory: Some(2_048),
        fargate: true,
        architecture: "X86_64".into(),
        roles: vec!["arn:aws:iam::123456789012:role/checkout-task".into()],
        containers: vec![container],
    }
}

fn found(reference: &Reference) -> Resolved {
    let facts = match reference.kind {
        ReferenceKind::Image => json!({"Images": [{"ImageId": {"ImageDigest": DIGEST}}]}),
        ReferenceKind::Subnet => json!({"Subnets": [{"AvailableIpAddressCount": 50}]}),
        ReferenceKind::Quota => json!({"Quota": {"Value": 16.0}}),
        _ => json!({}),
    };
    Resolved { kind: reference.kind, name: reference.name.clone(), answer: Answer::Found(facts) }
}

fn side(id: &str, group: &str) -> SideFacts {
    let deployment = entry().deployment.unwrap();
    let arn = if group == "blue" { deployment.blue_target_group_arn } else { deployment.green_target_group_arn };
    SideFacts {
        side: Side { id: id.into(), target_group_arn: Some(arn), desired: 4, running: 4, ..Side::default() },
        rollout_failed: false,
        targets: Some(Targets { healthy: 4, unhealthy: 0, other: 0 }),
        tasks: Vec::new(),
    }
}

fn task(status: &str, code: Option<&str>, reason: Option<&str>) -> Task {
    let container = Container {
        name: "app".into(),
        image: IMAGE.into(),
        digest: Some(DIGEST.into()),
        health: "HEALTHY".into(),
        ..Container::default()
    };
    Task {
        arn: "t".into(),
        last_status: status.into(),
        health: "HEALTHY".into(),
        stop_code: code.map(str::to_owned),
        stopped_reason: reason.map(str::to_owned),
        containers: vec![container],
    }
}

fn route(blue: u32, green: u32) -> Route {
    let deployment = entry().deployment.unwrap();
    let weights =
        BTreeMap::from([(deployment.blue_target_group_arn, blue), (deployment.green_target_group_arn, green)]);
    Route { weights, ..Route::default() }
}

/// Everything is as it should be, at every stage.
fn good() -> Facts {
    let definition = definition();
    let references = definition.references(&["subnet-1".into()], false);
    let deployment = entry().deployment.unwrap();
    let group = || Group { health_check_path: Some("/health".into()) };
    let groups = [deployment.blue_target_group_arn, deployment.green_target_group_arn].map(|arn| (arn, group()));
    Facts {
        at: 0,
        service: Some(Found::Service { status: "ACTIVE".into() }),
        others: Some(Vec::new()),
        blue: Some(side("ecs-svc/1", "blue")),
        pinned: Some(4),
        green: Some(SideFacts { tasks: vec![task("RUNNING", None, None); 4], ..side("ecs-svc/2", "green") }),
        task_definition: Some(definition),
        groups: Some(groups.into()),
        production: Some(route(75, 25)),
        test: Some(Some(route(0, 100))),
        alarms: Some(vec![Alarm { name: "checkout-cpu".into(), state: "OK".into() }]),
        resolved: references.iter().map(found).collect(),
        references,
        logs: vec![Reading { name: "/ecs/checkout".into(), answer: Ok(json!({"Events": []})) }],
        scans: vec![scan("COMPLETE", &json!({}))],
        usage: vec![usage(&json!([12.0, 4.0]), "Complete")],
        counted: None,
        blue_kept: Some(Kept::Seconds(3_600)),
    }
}

fn scan(status: &str, counts: &Value) -> Reading {
    let image = json!({"ImageScanStatus": {"Status": status},
        "ImageScanFindingsSummary": {"FindingSeverityCounts": counts}});
    Reading { name: IMAGE.into(), answer: Ok(json!({"ImageDetails": [image]})) }
}

fn usage(values: &Value, status: &str) -> Reading {
    let result = json!({"Id": "use", "Values": values, "StatusCode": status});
    Reading { name: quota::ON_DEMAND.into(), answer: Ok(json!({"MetricDataResults": [result]})) }
}

fn checked(stage: Stage, facts: &Facts, weight: Option<f64>) -> Report {
    check(stage, entry().deployment().unwrap(), facts, weight)
}

/// The result and reason of one check of a stage after a change.
fn after(stage: Stage, name: &str, change: impl FnOnce(&mut Facts)) -> (Outcome, String) {
    let mut facts = good();
    change(&mut facts);
    let report = checked(stage, &facts, Some(25.0));
    let found = report.checks.into_iter().find(|check| check.name == name).expect("the check");
    (found.result, found.reason)
}

fn outcome(stage: Stage, name: &str, change: impl FnOnce(&mut Facts)) -> Outcome {
    after(stage, name, change).0
}

fn answer_of(facts: &mut Facts, kind: ReferenceKind) -> &mut Answer {
    &mut facts.resolved.iter_mut().find(|resolved| resolved.kind == kind).unwrap().answer
}

#[test]
fn what_is_as_it_should_be_passes_at_every_stage() {
    for stage in Stage::ALL {
        let mut facts = good();
        match stage {
            Stage::Production => facts.production = Some(route(0, 100)),
            Stage::Restored => facts.production = Some(route(100, 0)),
            _ => {}
        }
        let weight = (stage == Stage::Shift).then_some(25.0);
        let report = checked(stage, &facts, weight);
        assert_eq!(report.verdict, Verdict::Pass, "{stage:?}: {:?}", report.reasons);
        assert_eq!(report.reasons, [format!("all {} checks pass", report.checks.len())]);
    }
}

#[test]
fn nothing_known_passes_at_no_stage() {
    for stage in Stage::ALL {
        assert_ne!(checked(stage, &Facts::default(), None).verdict, Verdict::Pass, "{stage:?}");
    }
    assert_eq!(verdict(&[]), Verdict::Inconclusive);
}

#[test]
fn a_service_must_exist_and_be_active() {
    let missing = |facts: &mut Facts| facts.service = Some(Found::Missing("MISSING".into()));
    let (result, reason) = after(Stage::Production, "service-active", missing);
    assert_eq!(result, Outcome::Fail);
    assert!(reason.contains("(MISSING)"), "{reason}");
    let draining = |facts: &mut Facts| facts.service = Some(Found::Service { status: "DRAINING".into() });
    assert_eq!(outcome(Stage::BeforeInstall, "service-active", draining), Outcome::Fail);
}

#[test]
fn before_anything_changes_there_is_a_way_back_and_no_other_deployment() {
    let stage = Stage::BeforeInstall;
    let other = |facts: &mut Facts| facts.others = Some(vec!["d-OTHER".into()]);
    let (result, reason) = after(stage, "no-other-deployment", other);
    assert_eq!((result, reason.as_str()), (Outcome::Wait, "d-OTHER runs: wait for it or stop it"));
    let old =
        |change: fn(&mut SideFacts)| outcome(stage, "old-side-healthy", |facts| change(facts.blue.as_mut().unwrap()));
    assert_eq!(old(|blue| blue.side.running = 3), Outcome::Wait);
    assert_eq!(old(|blue| blue.targets.as_mut().unwrap().unhealthy = 1), Outcome::Wait);
    assert_eq!(old(|blue| blue.side.running = 0), Outcome::Fail);
    assert_eq!(old(|blue| blue.targets = Some(Targets::default())), Outcome::Fail);
    assert_eq!(old(|blue| blue.targets = None), Outcome::Unknown);
}

#[test]
fn everything_that_is_named_must_exist() {
    let stage = Stage::BeforeInstall;
    let cases = [
        ("image-found", ReferenceKind::Image),
        ("secrets-resolvable", ReferenceKind::Parameter),
        ("roles-exist", ReferenceKind::Role),
        ("log-groups-exist", ReferenceKind::LogGroup),
        ("subnet-addresses", ReferenceKind::Subnet),
    ];
    for (name, kind) in cases {
        let missing = |facts: &mut Facts| *answer_of(facts, kind) = Answer::Missing("gone".into());
        assert_eq!(outcome(stage, name, missing), Outcome::Fail, "{name}");
        let unknown = |facts: &mut Facts| *answer_of(facts, kind) = Answer::Unknown("denied".into());
        let (result, reason) = after(stage, name, unknown);
        assert_eq!(result, Outcome::Unknown, "{name}");
        assert!(reason.contains("denied"), "{reason}");
        let unasked = |facts: &mut Facts| facts.resolved.retain(|resolved| resolved.kind != kind);
        assert_eq!(outcome(stage, name, unasked), Outcome::Unknown, "{name}");
    }
    let full = |facts: &mut Facts| {
        *answer_of(facts, ReferenceKind::Subnet) = Answer::Found(json!({"Subnets": [{"AvailableIpAddressCount": 3}]}));
    };
    let (result, reason) = after(stage, "subnet-addresses", full);
    assert_eq!((result, reason.as_str()), (Outcome::Fail, "3 addresses are free, 4 new tasks need one each"));
}

#[test]
fn an_image_of_another_registry_must_say_its_digest() {
    let use_image = |image: &str, facts: &mut Facts| {
        facts.task_definition.as_mut().unwrap().containers[0].image = image.to_owned();
    };
    let stage = Stage::BeforeInstall;
    assert_eq!(outcome(stage, "image-found", |facts| use_image("envoy:v1", facts)), Outcome::Unknown);
    assert_eq!(outcome(stage, "image-found", |facts| use_image("envoy@sha256:ab", facts)), Outcome::Pass);
}

#[test]
fn an_image_for_another_processor_fails() {
    let manifest = |architecture: &str| {
        let manifest = json!({"manifests": [{"digest": "sha256:p", "platform": {"architecture": architecture}},
            {"digest": "sha256:q", "platform": {"architecture": "unknown"}}]});
        json!({"Images": [{"ImageId": {"ImageDigest": DIGEST}, "ImageManifest": manifest.to_string()}]})
    };
    let with = |architecture: &'static str| {
        after(Stage::BeforeInstall, "image-architecture", |facts| {
            *answer_of(facts, ReferenceKind::Image) = Answer::Found(manifest(architecture));
        })
    };
    assert_eq!(with("amd64").0, Outcome::Pass);
    let (result, reason) = with("arm64");
    assert_eq!(result, Outcome::Fail);
    assert!(reason.ends_with("is built for arm64, the tasks need amd64"), "{reason}");
    assert_eq!(with("amd64").1, "every image is built for amd64");
    // A manifest of one platform is no proof of the right one.
    let (result, reason) = after(Stage::BeforeInstall, "image-architecture", |facts| {
        *answer_of(facts, ReferenceKind::Image) =
            Answer::Found(json!({"Images": [{"ImageId": {"ImageDigest": DIGEST}}]}));
    });
    assert_eq!(result, Outcome::Pass);
    assert!(reason.starts_with("no image is known to be for another processor than amd64; unknown of "), "{reason}");
}

#[test]
fn sizes_groups_and_listeners_are_checked() {
    let stage = Stage::BeforeInstall;
    let size = |facts: &mut Facts| facts.task_definition.as_mut().unwrap().memory = Some(1_024);
    let (result, reason) = after(stage, "fargate-size", size);
    assert_eq!(result, Outcome::Fail);
    assert!(reason.ends_with("with 1024 it has 2048 to 8192 MiB in steps"), "{reason}");
    let ec2 = |facts: &mut Facts| {
        let definition = facts.task_definition.as_mut().unwrap();
        (definition.fargate, definition.memory) = (false, Some(1));
    };
    assert_eq!(outcome(stage, "fargate-size", ec2), Outcome::Pass);
    let one = |facts: &mut Facts| {
        facts.groups.as_mut().unwrap().pop_first();
    };
    assert_eq!(outcome(stage, "target-groups-exist", one), Outcome::Fail);
    let tcp =
        |facts: &mut Facts| facts.groups.as_mut().unwrap().values_mut().for_each(|it| it.health_check_path = None);
    assert_eq!(outcome(stage, "health-check-path", tcp), Outcome::Fail);
    assert_eq!(outcome(stage, "test-listener-exists", |facts| facts.test = Some(None)), Outcome::Fail);
}

#[test]
fn new_tasks_run_stay_up_and_are_the_approved_image() {
    let stage = Stage::AfterInstall;
    let green =
        |name: &str, change: fn(&mut SideFacts)| after(stage, name, |facts| change(facts.green.as_mut().unwrap()));
    assert_eq!(green("green-running", |green| green.side.running = 3).0, Outcome::Wait);
    assert_eq!(green("green-running", |green| green.side.desired = 0).0, Outcome::Wait);
    assert_eq!(green("green-running", |green| green.rollout_failed = true).0, Outcome::Fail);
    let exit = || task("STOPPED", Some("EssentialContainerExited"), Some("Essential container in task exited"));
    let (one, _) = after(stage, "green-stays-up", |facts| facts.green.as_mut().unwrap().tasks.push(exit()));
    assert_eq!(one, Outcome::Wait, "one may have had bad luck");
    let two = |facts: &mut Facts| facts.green.as_mut().unwrap().tasks.extend([exit(), exit()]);
    let (result, reason) = after(stage, "green-stays-up", two);
    assert_eq!(result, Outcome::Fail);
    assert!(reason.starts_with("crash loop: 2 tasks stopped: Essential container"), "{reason}");
    let scaled = || task("STOPPED", Some("ServiceSchedulerInitiated"), Some("Scaling activity initiated by d"));
    let scaling = |facts: &mut Facts| facts.green.as_mut().unwrap().tasks.extend([scaled(), scaled(), scaled()]);
    assert_eq!(outcome(stage, "green-stays-up", scaling), Outcome::Pass);
    let sick = |green: &mut SideFacts| green.tasks[0].containers[0].health = "UNHEALTHY".into();
    assert_eq!(green("containers-healthy", sick).0, Outcome::Wait);
    let unasked = |facts: &mut Facts| {
        facts.task_definition.as_mut().unwrap().containers[0].health_check = false;
        facts.green.as_mut().unwrap().tasks[0].containers[0].health = "UNKNOWN".into();
    };
    assert_eq!(outcome(stage, "containers-healthy", unasked), Outcome::Pass);
    let moved = |green: &mut SideFacts| green.tasks[0].containers[0].digest = Some("sha256:bb".into());
    let (result, reason) = green("image-digest", moved);
    assert_eq!(result, Outcome::Fail);
    assert!(reason.ends_with("runs as sha256:bb, expected sha256:aa"), "{reason}");
    assert_eq!(outcome(stage, "image-digest", |facts| facts.resolved.clear()), Outcome::Unknown);
    assert_eq!(green("targets-healthy", |green| green.targets.as_mut().unwrap().healthy = 3).0, Outcome::Wait);
    assert_eq!(outcome(stage, "green-running", |facts| facts.green = None), Outcome::Wait);
}

#[test]
fn a_line_of_a_panic_fails_unless_blue_wrote_it() {
    let wrote = |stream: &str, more: Value| {
        let line = json!({"LogStreamName": stream, "Message": "FATAL cannot start\n"});
        let mut answer = json!({"Events": [line]});
        answer["NextToken"] = more;
        move |facts: &mut Facts| {
            facts.logs[0].answer = Ok(answer);
            facts.blue.as_mut().unwrap().tasks =
                vec![Task { arn: "arn:aws:ecs:x:task/production/b1".into(), ..Task::default() }];
        }
    };
    let after = |change: Box<dyn FnOnce(&mut Facts)>| after(Stage::AfterInstall, "logs-quiet", change);
    let (result, reason) = after(Box::new(wrote("app/app/g1", json!(null))));
    assert_eq!((result, reason.as_str()), (Outcome::Fail, "/ecs/checkout has \"FATAL cannot start\""));
    assert_eq!(after(Box::new(wrote("app/app/b1", json!(null)))).0, Outcome::Pass);
    assert_eq!(
        after(Box::new(wrote("app/app/b1", json!("more")))).0,
        Outcome::Unknown,
        "green's may come after blue's"
    );
    let (result, reason) = after(Box::new(|facts| facts.logs[0].answer = Err("Denied".into())));
    assert_eq!((result, reason.as_str()), (Outcome::Unknown, "/ecs/checkout could not be read: Denied"));
    assert_eq!(after(Box::new(|facts| facts.logs.clear())).0, Outcome::Unknown);
    let (result, reason) = after(Box::new(|facts| facts.references.clear()));
    assert_eq!((result, reason.as_str()), (Outcome::Pass, "no log group is configured"));
}

#[test]
fn findings_above_the_limit_fail_and_a_scan_is_waited_for() {
    let mut entry = entry();
    let deployment = entry.deployment.as_mut().unwrap();
    let judged = |deployment: &Deployment, scans: Vec<Reading>| {
        let facts = Facts { scans, ..good() };
        let report = check(Stage::BeforeInstall, deployment, &facts, None);
        let found = report.checks.into_iter().find(|check| check.name == "image-scan").expect("the check");
        (found.result, found.reason)
    };
    let (result, reason) = judged(deployment, Vec::new());
    assert_eq!((result, reason.as_str()), (Outcome::Pass, "entry.deployment.maxFindings sets no limit"));
    deployment.max_findings = BTreeMap::from([("CRITICAL".into(), 0), ("HIGH".into(), 2)]);
    assert_eq!(judged(deployment, vec![scan("COMPLETE", &json!({"HIGH": 2, "LOW": 90}))]).0, Outcome::Pass);
    let (result, reason) = judged(deployment, vec![scan("ACTIVE", &json!({"CRITICAL": 1, "HIGH": 3}))]);
    assert_eq!(result, Outcome::Fail);
    let wanted = ["has 1 findings of severity CRITICAL, allowed are 0", "has 3 findings of severity HIGH"];
    assert!(wanted.iter().all(|text| reason.contains(text)), "{reason}");
    for (status, outcome) in [("IN_PROGRESS", Outcome::Wait), ("PENDING", Outcome::Wait), ("FAILED", Outcome::Unknown)]
    {
        assert_eq!(judged(deployment, vec![scan(status, &json!({}))]).0, outcome, "{status}");
    }
    assert_eq!(judged(deployment, vec![scan("COMPLETE", &json!(null))]).0, Outcome::Unknown);
    assert_eq!(judged(deployment, Vec::new()).0, Outcome::Unknown);
    let silent = Reading { name: IMAGE.into(), answer: Ok(json!({"ImageDetails": [{}]})) };
    assert!(judged(deployment, vec![silent]).1.contains("was not scanned"));
}

#[test]
fn codedeploy_keeps_blue_for_longer_than_green_is_judged() {
    let mut item = samples::checkout();
    item["controller"] = json!("CODE_DEPLOY");
    item["deployment"]["application"] = json!("checkout");
    item["deployment"]["deploymentGroup"] = json!("checkout");
    let entry = samples::entry(item);
    let kept = |blue_kept: Option<Kept>| {
        let facts = Facts { blue_kept, ..good() };
        let report = check(Stage::BeforeInstall, entry.deployment().unwrap(), &facts, None);
        let found = report.checks.into_iter().find(|check| check.name == "blue-stays").expect("the check");
        (found.result, found.reason)
    };
    assert_eq!(kept(Some(Kept::Forever)).0, Outcome::Pass);
    assert_eq!(kept(Some(Kept::Seconds(960))).0, Outcome::Pass);
    let (result, reason) = kept(Some(Kept::Seconds(900)));
    assert_eq!(result, Outcome::Fail);
    assert!(reason.ends_with("set the deployment group's terminationWaitTimeInMinutes to 16 or more"), "{reason}");
    assert_eq!(kept(None).0, Outcome::Unknown);
    let other = checked(Stage::BeforeInstall, &good(), None);
    assert!(other.checks.iter().all(|check| check.name != "blue-stays"), "only CodeDeploy terminates it by itself");
}

#[test]
fn traffic_alarms_and_blues_capacity_decide_over_a_shift() {
    let stage = Stage::Shift;
    assert_eq!(outcome(stage, "traffic-weights", |facts| facts.production = Some(route(95, 5))), Outcome::Wait);
    assert_eq!(outcome(stage, "traffic-weights", |facts| facts.production = None), Outcome::Unknown);
    let ring = |facts: &mut Facts| facts.alarms.as_mut().unwrap()[0].state = "ALARM".into();
    let (result, reason) = after(stage, "alarms-ok", ring);
    assert_eq!((result, reason.as_str()), (Outcome::Fail, "in alarm: checkout-cpu"));
    let quiet = |facts: &mut Facts| facts.alarms.as_mut().unwrap()[0].state = "INSUFFICIENT_DATA".into();
    assert_eq!(outcome(stage, "alarms-ok", quiet), Outcome::Pass);
    let blue =
        |change: fn(&mut SideFacts)| outcome(stage, "blue-capacity", |facts| change(facts.blue.as_mut().unwrap()));
    assert_eq!(blue(|blue| blue.side.running = 3), Outcome::Wait, "it is wanted, and comes back");
    assert_eq!(blue(|blue| (blue.side.desired, blue.side.running) = (2, 2)), Outcome::Fail, "scaled in");
    assert_eq!(outcome(stage, "blue-capacity", |facts| facts.blue = None), Outcome::Unknown);
    let all = checked(Stage::Production, &good(), None);
    assert_eq!(all.verdict, Verdict::Wait, "production wants all of it: {:?}", all.reasons);
}

#[test]
fn the_worst_check_decides_and_comes_first() {
    let mut facts = good();
    facts.green.as_mut().unwrap().side.running = 3;
    facts.resolved.clear();
    let report = checked(Stage::AfterInstall, &facts, None);
    assert_eq!(report.verdict, Verdict::Inconclusive, "unknown hides wait");
    assert!(report.reasons[0].starts_with("image-digest: "), "{:?}", report.reasons);
    facts.green.as_mut().unwrap().rollout_failed = true;
    assert_eq!(checked(Stage::AfterInstall, &facts, None).verdict, Verdict::Fail, "fail hides unknown");
}

#[test]
fn the_answer_has_the_names_that_definitions_read() {
    let report = json!(checked(Stage::Migrations, &good(), None));
    assert_eq!(
        report["checks"],
        json!([{"check": "service-active", "result": "pass", "reason": "the service is ACTIVE",
            "evidence": {"status": "ACTIVE"}}])
    );
    assert_eq!(report["verdict"], "PASS");
    let side = json!(Side { weight: Some(25.0), ..Side::default() });
    assert_eq!(side["weight"].to_string(), "25");
    let known = identified::Known::of_payload(&json!({"identified": {"blue": side, "green": null}})).unwrap();
    assert_eq!((known.blue.unwrap().weight, known.green), (Some(25.0), None));
    assert!(identified::Known::of_payload(&json!({})).unwrap_err().message().starts_with("identified is missing"));
    assert!(Stage::from_name("deploy").unwrap_err().message().contains("before-install, after-install"));
    assert_eq!(Stage::of_lifecycle("POST_SCALE_UP"), Some(Stage::AfterInstall));
    assert_eq!(Stage::of_lifecycle("RECONCILE_SERVICE"), None);
}

proptest! {
    /// Whatever is taken from the facts, a stage never passes with more unknown than known.
    #[test]
    fn less_knowledge_never_helps(stage in 0usize..7, taken in 0u32..2048) {
        let stage = Stage::ALL[stage];
        let mut facts = good();
        facts.production = Some(match stage {
            Stage::Production => route(0, 100),
            Stage::Restored => route(100, 0),
            _ => route(75, 25),
        });
        let whole = checked(stage, &facts, None).verdict;
        let mut take = |bit: u32, act: &mut dyn FnMut(&mut Facts)| {
            if taken & (1 << bit) != 0 {
                act(&mut facts);
            }
        };
        take(0, &mut |facts| facts.service = None);
        take(1, &mut |facts| facts.others = None);
        take(2, &mut |facts| facts.blue = None);
        take(3, &mut |facts| facts.green = None);
        take(4, &mut |facts| facts.task_definition = None);
        take(5, &mut |facts| facts.groups = None);
        take(6, &mut |facts| facts.production = None);
        take(7, &mut |facts| facts.test = None);
        take(8, &mut |facts| facts.resolved.clear());
        take(9, &mut |facts| facts.logs.clear());
        take(10, &mut |facts| facts.usage.clear());
        prop_assert_eq!(whole, Verdict::Pass);
        let less = checked(stage, &facts, None);
        let untouched = json!(less.checks.iter().filter(|check| check.result == Outcome::Pass).count());
        prop_assert!(less.verdict != Verdict::Pass || untouched == json!(less.checks.len()));
        prop_assert!(taken & 1 == 0 || less.verdict != Verdict::Pass, "the service is always needed");
        prop_assert!(less.verdict != Verdict::Fail, "not knowing is no failure: {:?}", less.reasons);
    }
}

#[test]
fn evidence_names_what_was_read() {
    let report = checked(Stage::Shift, &good(), Some(25.0));
    let references: Vec<_> = report.evidence.iter().map(|item| item.reference.as_str()).collect();
    assert!(references.contains(&"elasticloadbalancing:DescribeTargetHealth"), "{references:?}");
    let value: Value = report.evidence[0].value.clone();
    assert_eq!(value["side"], "blue");
}
