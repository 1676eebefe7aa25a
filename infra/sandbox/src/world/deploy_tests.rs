//! Blue/green services: what a person would see of releases, good and bad.

use serde_json::{Value, json};

use super::balancer::Purpose;
use super::codedeploy::appspec::AppSpec;
use super::codedeploy::{NewDeployment, Phase as DeploymentPhase};
use super::ecs::Phase;
use super::metrics::Series;
use super::outbox::{Command, Reply};
use super::tests::{pass, read, world};
use super::*;

const GREEN_IMAGE: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/checkout:";

fn group(world: &World, service: &str, index: usize) -> String {
    world.blue_green(service).unwrap().1.groups[index].arn.clone()
}

/// A metric of a blue (0) or green (1) target group over the last minutes.
fn metric(world: &World, service: &str, colour: usize, (name, statistic): (&str, &str), minutes: i64) -> Option<f64> {
    let own = &world.blue_green(service).unwrap().1.groups[colour];
    let group = format!("targetgroup/{}/{}", own.name, own.id);
    let balancer = world.load_balancer_dimension();
    let dimensions = [("LoadBalancer", balancer.as_str()), ("TargetGroup", group.as_str())];
    read(world, &Series::new("AWS/ApplicationELB", name, &dimensions), statistic, minutes)
}

fn p95_ms(world: &World, service: &str, colour: usize, minutes: i64) -> f64 {
    metric(world, service, colour, ("TargetResponseTime", "p95"), minutes).unwrap() * 1000.0
}

/// Registers a copy of the running task definition with another image tag.
fn define(world: &mut World, service: &str, tag: &str) -> String {
    let running = world.blue_green(service).unwrap().1.primary().unwrap().task_definition.clone();
    let mut document = world.definition(&running).unwrap().document.clone().unwrap();
    document["containerDefinitions"][0]["image"] = json!(GREEN_IMAGE.replace("checkout", service) + tag);
    world.register(service, document)
}

/// A green set of `checkout` with an image, and so much of its requests.
fn release(world: &mut World, tag: &str, percent: u32) -> String {
    let task_definition = define(world, "checkout", tag);
    let (blue, green) = (group(world, "checkout", 0), group(world, "checkout", 1));
    let new = NewSet { task_definition, group: green.clone(), scale: 100.0, ..NewSet::default() };
    let id = world.create_set("checkout", new).unwrap();
    pass(world, 120);
    world.route("checkout", Purpose::Production, vec![(blue, 100 - percent), (green, percent)]);
    id
}

#[test]
fn blue_green_services_begin_healthy_with_all_requests_on_blue() {
    let world = world(1);
    for (service, tasks, rate) in [("checkout", 4, 240.0), ("orders", 4, 200.0), ("search", 3, 150.0)] {
        assert_eq!(world.services[service].healthy(), tasks);
        let p95 = p95_ms(&world, service, 0, 10);
        assert!((110.0..160.0).contains(&p95), "{service}: p95 {p95}");
        let requests = metric(&world, service, 0, ("RequestCount", "Sum"), 60).unwrap();
        assert!((requests / 3600.0 - rate).abs() < rate * 0.02, "{service}: {requests} requests");
        assert_eq!(metric(&world, service, 1, ("RequestCount", "Sum"), 60), None);
        assert_eq!(metric(&world, service, 1, ("HealthyHostCount", "Maximum"), 5), Some(0.0));
        let set = &world.blue_green(service).unwrap().1.sets[0];
        let dimensions = [("ClusterName", "production"), ("ServiceName", service), ("TaskSetId", set.id.as_str())];
        let cpu = read(&world, &Series::new("ECS/ContainerInsights", "TaskCpuUtilization", &dimensions), "Average", 5);
        assert!(cpu.is_some_and(|cpu| (20.0..50.0).contains(&cpu)), "{service}: CPU {cpu:?}");
    }
    let catalogue = &world.tables["ops-catalog"];
    assert_eq!(catalogue.items.len(), 7);
}

#[test]
fn minutes_differ_and_resemble_their_neighbours() {
    let mut world = world(5);
    let mut p95 = Vec::new();
    for _ in 0..200 {
        pass(&mut world, 60);
        p95.push(p95_ms(&world, "orders", 0, 1));
    }
    let mean = p95.iter().sum::<f64>() / 200.0;
    let deviations: Vec<f64> = p95.iter().map(|value| value - mean).collect();
    let variance = deviations.iter().map(|deviation| deviation * deviation).sum::<f64>() / 200.0;
    let lagged = deviations.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / 199.0;
    assert!((0.01..0.05).contains(&(variance.sqrt() / mean)), "variation {}", variance.sqrt() / mean);
    assert!((0.35..0.8).contains(&(lagged / variance)), "correlation {}", lagged / variance);
}

#[test]
fn a_canary_scatters_more_than_the_many_and_good_releases_fail_now_and_then() {
    let mut world = world(2);
    release(&mut world, "checkout-62", 5);
    let (mut ratios, mut blue_errors) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        pass(&mut world, 60);
        ratios.push([p95_ms(&world, "checkout", 0, 1), p95_ms(&world, "checkout", 1, 1)]);
        blue_errors.push(metric(&world, "checkout", 0, ("HTTPCode_Target_5XX_Count", "Sum"), 1).unwrap_or(0.0));
    }
    let scatter = |colour: usize| {
        let steps = ratios.windows(2).map(|pair| (pair[1][colour] / pair[0][colour]).ln().powi(2));
        (steps.sum::<f64>() / 59.0).sqrt()
    };
    assert!(scatter(1) > 1.5 * scatter(0), "blue {} green {}", scatter(0), scatter(1));
    assert!((0.02..0.15).contains(&scatter(1)));
    blue_errors.dedup();
    assert!(blue_errors.len() > 20, "the same number of errors every minute");
}

#[test]
fn a_release_elsewhere_leaves_other_services_as_they_are() {
    let (mut quiet, mut busy) = (world(7), world(7));
    release(&mut busy, "bad-latency", 50);
    pass(&mut quiet, 120);
    for world in [&mut quiet, &mut busy] {
        pass(world, 600);
    }
    for index in [0, 1, 3, 4] {
        assert_eq!(quiet.state()["services"][index], busy.state()["services"][index]);
    }
    assert_ne!(quiet.state()["services"][2], busy.state()["services"][2]);
}

#[test]
fn a_task_set_takes_its_share_is_promoted_and_replaces_blue() {
    let mut world = world(1);
    let blue = world.blue_green("checkout").unwrap().1.sets[0].id.clone();
    let green = release(&mut world, "checkout-62", 5);
    assert!(world.blue_green("checkout").unwrap().1.set(&green).unwrap().stable_ms.is_some());
    let mut ratios = Vec::new();
    for _ in 0..20 {
        pass(&mut world, 60);
        ratios.push(p95_ms(&world, "checkout", 1, 1) / p95_ms(&world, "checkout", 0, 1));
    }
    let share = metric(&world, "checkout", 1, ("RequestCount", "Sum"), 1).unwrap() / 60.0 / 240.0;
    assert!((share - 0.05).abs() < 0.003, "green had {share} of the requests");
    let ratio = ratios[2..].iter().sum::<f64>() / 18.0;
    assert!((0.94..1.06).contains(&ratio), "a good release is as fast: {ratio}");
    let now_ms = world.now_ms;
    let state = world.blue_green_mut("checkout").unwrap();
    state.promote(&green, now_ms);
    state.retire(&blue, now_ms);
    let green_group = group(&world, "checkout", 1);
    world.route("checkout", Purpose::Production, vec![(green_group, 1)]);
    pass(&mut world, 60);
    let (service, state) = world.blue_green("checkout").unwrap();
    assert_eq!((state.sets.len(), state.sets[0].status, service.running()), (1, "PRIMARY", 4));
    assert_eq!(state.other_group().arn, group(&world, "checkout", 0));
}

#[test]
fn requests_for_a_group_without_tasks_are_answered_by_the_load_balancer() {
    let mut world = world(1);
    let green = group(&world, "orders", 1);
    world.route("orders", Purpose::Production, vec![(green, 1)]);
    pass(&mut world, 180);
    let balancer = world.load_balancer_dimension();
    let series = Series::new("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", &[("LoadBalancer", balancer.as_str())]);
    let lost = read(&world, &series, "Sum", 1).unwrap();
    assert!((lost / 60.0 - 200.0).abs() < 10.0, "{lost} in a minute");
    assert_eq!(world.visit(2, "/orders", false).status, 503);
}

#[test]
fn a_slow_release_is_slow_on_green_only_and_uses_no_more_cpu() {
    let mut world = world(1);
    release(&mut world, "bad-latency", 20);
    pass(&mut world, 300);
    let ratio = p95_ms(&world, "checkout", 1, 3) / p95_ms(&world, "checkout", 0, 3);
    assert!((2.2..2.8).contains(&ratio), "ratio {ratio}");
    world.set_release("checkout:bad-latency", Behaviour::Good, None).unwrap();
    pass(&mut world, 300);
    assert!(p95_ms(&world, "checkout", 1, 3) / p95_ms(&world, "checkout", 0, 3) < 1.2, "a tag's behaviour can change");
}

#[test]
fn a_failing_release_answers_500_and_probes_see_it() {
    let mut world = world(1);
    world.set_release("checkout:v9", Behaviour::ErrorRate, Some(40.0)).unwrap();
    release(&mut world, "v9", 25);
    let green = group(&world, "checkout", 1);
    world.route("checkout", Purpose::Test, vec![(green, 1)]);
    pass(&mut world, 240);
    let errors = metric(&world, "checkout", 1, ("HTTPCode_Target_5XX_Count", "Sum"), 2).unwrap();
    let requests = metric(&world, "checkout", 1, ("RequestCount", "Sum"), 2).unwrap();
    assert!((errors / requests - 0.4).abs() < 0.03, "{}", errors / requests);
    let answers: Vec<_> = (0..400).map(|_| world.visit(1, "/version", false)).collect();
    let failed = answers.iter().filter(|answer| answer.status == 500).count();
    assert!((120..200).contains(&failed), "{failed} of 400 failed");
    let lines = &world.log_groups["/ecs/production/checkout"].lines;
    assert!(lines.iter().any(|line| line.message.starts_with("ERROR") && line.message.ends_with("last minute")));
    let good = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!(good.body["version"], "v9");
    let mean = answers.iter().map(|answer| answer.latency_ms).sum::<f64>() / 400.0;
    assert!((40.0..50.0).contains(&mean), "mean {mean} ms");
    pass(&mut world, 60);
    let counted = metric(&world, "checkout", 1, ("RequestCount", "Sum"), 1).unwrap();
    assert!(counted > 60.0 * 60.0 + 300.0, "real requests are counted: {counted}");
}

#[test]
fn a_crashing_release_never_settles_and_says_why_in_its_log() {
    let mut world = world(1);
    let green = release(&mut world, "bad-crash", 0);
    pass(&mut world, 600);
    let (service, state) = world.blue_green("checkout").unwrap();
    let set = state.set(&green).unwrap();
    assert!(set.stable_ms.is_none() && set.failed_tasks > 10, "{} failed", set.failed_tasks);
    assert_eq!(service.healthy(), 4, "blue is as it was");
    let lines = &world.log_groups["/ecs/production/checkout"].lines;
    assert!(lines.iter().any(|line| line.message.starts_with("FATAL") && line.at_ms > world.now_ms - 60_000));
}

#[test]
fn slow_starts_leaks_and_missing_images_end_as_they_do_in_life() {
    let mut slow = world(1);
    let set = release(&mut slow, "bad-start", 0);
    assert_eq!(counts_of(&slow, &set).3, 0, "not ready after two minutes");
    let mut leaking = world(1);
    let set = release(&mut leaking, "bad-memory", 0);
    let stable = |world: &World| world.blue_green("checkout").unwrap().1.set(&set).unwrap().stable_ms.is_some();
    assert!(stable(&leaking));
    pass(&mut leaking, 20 * 60);
    let dead = leaking.services["checkout"].tasks.iter().filter_map(|task| task.stop.as_ref());
    assert_eq!(dead.filter(|stop| stop.exit_code == 137).count(), 4);
    let mut missing = world(1);
    let set = release(&mut missing, "gone", 0);
    let stopped = missing.services["checkout"].tasks.iter().find(|task| task.deployment == set && task.stop.is_some());
    let stop = stopped.unwrap().stop.as_ref().unwrap();
    assert!(stop.code == "TaskFailedToStart" && stop.reason.contains("CannotPullContainerError"));
}

fn counts_of(world: &World, set: &str) -> (usize, usize, usize, usize, usize) {
    let (service, state) = world.blue_green("checkout").unwrap();
    task_set::counts(service, state.set(set).unwrap())
}

/// Begins a CodeDeploy deployment of `orders` with hooks for every event.
fn deploy_orders(world: &mut World, config: &str) -> String {
    let task_definition = define(world, "orders", "orders-88");
    let events = ["BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"];
    let hooks = events.map(|event| (event.to_owned(), format!("check-{event}"))).into_iter().collect();
    let spec = AppSpec { task_definition, container: "orders".to_owned(), port: 8080, hooks };
    let config = config.to_owned();
    let new = NewDeployment { spec, content: String::new(), config, description: None, auto_rollback: true };
    let now_ms = world.now_ms;
    world.codedeploy.begin(new, now_ms)
}

/// Lets time pass until a hook is invoked; its function and event.
fn invoked(world: &mut World) -> (u64, String, Value) {
    for _ in 0..4_000 {
        pass(world, 1);
        if let Some((number, Command::Invoke { function, payload, .. })) = world.outbox.take().into_iter().next() {
            return (number, function, payload);
        }
    }
    panic!("no hook was invoked; {}", world.state()["releases"]);
}

fn put_status(world: &mut World, payload: &Value, good: bool) -> Result<(), &'static str> {
    let text = |name: &str| payload[name].as_str().unwrap().to_owned();
    world.put_hook_status(&text("DeploymentId"), &text("LifecycleEventHookExecutionId"), good)
}

fn green_percent(world: &World, service: &str) -> f64 {
    world.weight(service, Purpose::Production, &group(world, service, 1))
}

#[test]
fn codedeploy_goes_from_hook_to_hook_and_keeps_blue_for_an_hour() {
    let mut world = world(1);
    let id = deploy_orders(&mut world, "CodeDeployDefault.ECSCanary10Percent5Minutes");
    for (function, percent) in [
        ("check-BeforeInstall", 0.0),
        ("check-AfterInstall", 0.0),
        ("check-AfterAllowTestTraffic", 0.0),
        ("check-BeforeAllowTraffic", 0.0),
        ("check-AfterAllowTraffic", 100.0),
    ] {
        let (number, invoked, payload) = invoked(&mut world);
        assert_eq!((invoked.as_str(), green_percent(&world, "orders")), (function, percent));
        world.report(number, Reply::Answer(Value::Null));
        assert_eq!(world.services["orders"].running(), if function == "check-BeforeInstall" { 4 } else { 8 });
        assert_eq!(put_status(&mut world, &payload, true), Ok(()));
        assert_eq!(put_status(&mut world, &payload, true), Err("LifecycleEventAlreadyCompletedException"));
        if function == "check-BeforeAllowTraffic" {
            pass(&mut world, 120);
            assert_eq!(green_percent(&world, "orders"), 10.0);
        }
    }
    pass(&mut world, 600);
    assert!(matches!(world.codedeploy.find(&id).unwrap().phase, DeploymentPhase::Terminate { .. }));
    assert_eq!((world.services["orders"].running(), world.codedeploy.find(&id).unwrap().status), (8, "InProgress"));
    pass(&mut world, 3_700);
    assert_eq!((world.services["orders"].running(), world.codedeploy.find(&id).unwrap().status), (4, "Succeeded"));
    let states: Vec<&Value> = world.bus.service_events.iter().map(|event| &event["detail"]["state"]).collect();
    assert_eq!(states, ["SUCCESS"], "the start is announced by the operation that creates it");
}

#[test]
fn a_hook_that_fails_or_cannot_be_called_or_says_nothing_brings_blue_back() {
    for way in ["status", "invocation", "silence"] {
        let mut world = world(1);
        let id = deploy_orders(&mut world, "CodeDeployDefault.ECSLinear10PercentEvery1Minutes");
        for _ in 0..4 {
            let (_, _, payload) = invoked(&mut world);
            put_status(&mut world, &payload, true).unwrap();
        }
        let (number, _, payload) = invoked(&mut world);
        assert_eq!(green_percent(&world, "orders"), 100.0);
        match way {
            "status" => put_status(&mut world, &payload, false).unwrap(),
            "invocation" => world.report(number, Reply::Failed("404".to_owned())),
            _ => pass(&mut world, 3_590),
        }
        pass(&mut world, 20);
        let failed = world.codedeploy.find(&id).unwrap().clone();
        assert_eq!((failed.status, failed.error.as_ref().unwrap().0), ("Failed", "HOOK_EXECUTION_FAILURE"), "{way}");
        assert_eq!((failed.events[7].status, green_percent(&world, "orders")), ("Failed", 0.0));
        pass(&mut world, 60);
        let back = world.codedeploy.find(failed.undone_by.as_deref().unwrap()).unwrap();
        assert_eq!(
            (back.status, back.creator, back.undoes.as_deref()),
            ("Succeeded", "codeDeployRollback", Some(id.as_str()))
        );
        let (service, state) = world.blue_green("orders").unwrap();
        assert_eq!((service.running(), state.sets.len(), state.sets[0].status), (4, 1, "PRIMARY"));
    }
}

#[test]
fn what_a_stopped_deployment_leaves_behind_goes_with_the_next() {
    let mut world = world(1);
    let id = deploy_orders(&mut world, "CodeDeployDefault.ECSAllAtOnce");
    let (_, _, payload) = invoked(&mut world);
    put_status(&mut world, &payload, true).unwrap();
    invoked(&mut world);
    assert!(world.stop_deployment(&id, false));
    pass(&mut world, 60);
    assert_eq!(world.services["orders"].running(), 8, "it is left as it was");
    deploy_orders(&mut world, "CodeDeployDefault.ECSAllAtOnce");
    let (_, _, payload) = invoked(&mut world);
    put_status(&mut world, &payload, true).unwrap();
    invoked(&mut world);
    pass(&mut world, 60);
    assert_eq!((world.services["orders"].running(), world.blue_green("orders").unwrap().1.sets.len()), (8, 2));
}

#[test]
fn a_failure_before_install_leaves_nothing_to_roll_back() {
    let mut world = world(1);
    let id = deploy_orders(&mut world, "CodeDeployDefault.ECSAllAtOnce");
    let (_, _, payload) = invoked(&mut world);
    put_status(&mut world, &payload, false).unwrap();
    pass(&mut world, 5);
    let failed = world.codedeploy.find(&id).unwrap();
    assert_eq!((failed.status, failed.undone_by.clone(), failed.events[1].status), ("Failed", None, "Skipped"));
    assert_eq!(
        put_status(&mut world, &json!({"DeploymentId": id, "LifecycleEventHookExecutionId": "x"}), true),
        Err("InvalidLifecycleEventHookExecutionIdException")
    );
}

#[test]
fn native_deployments_call_again_pass_details_on_and_clean_up() {
    let mut world = world(1);
    let task_definition = define(&mut world, "search", "search-34");
    let id = world.begin_deployment("search", task_definition).unwrap();
    let mut stages = Vec::new();
    for round in 0..6 {
        let (number, function, payload) = invoked(&mut world);
        assert_eq!(function, "ecs-deployment-hook");
        stages.push(payload["lifecycleStage"].as_str().unwrap().to_owned());
        let again = json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 90, "hookDetails": {"seen": 1}});
        let answer = if round == 0 { again } else { json!({"hookStatus": "SUCCEEDED"}) };
        if round == 1 {
            assert_eq!(payload["hookDetails"], json!({"seen": 1}));
        }
        let asked_ms = world.now_ms;
        world.report(number, Reply::Answer(answer));
        if round == 0 {
            pass(&mut world, 85);
            assert!(world.outbox.take().is_empty() && world.now_ms < asked_ms + 90_000, "called back too early");
        }
    }
    let expected = [
        "PRE_SCALE_UP",
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
    ];
    assert_eq!(stages, expected);
    assert_eq!(green_percent(&world, "search"), 100.0);
    pass(&mut world, 200);
    assert_eq!(world.native.find(&id).unwrap().stage.name(), "BAKE_TIME");
    pass(&mut world, 300);
    assert_eq!((world.native.find(&id).unwrap().status, world.services["search"].running()), ("SUCCESSFUL", 3));
    let running = world.services["search"].tasks.iter().filter(|task| task.phase == Phase::Running);
    assert!(running.clone().all(|task| task.task_definition.ends_with("search:35")), "the next free revision");
}

#[test]
fn a_native_hook_that_fails_in_any_way_rolls_back() {
    for reply in [
        Reply::Answer(json!({"hookStatus": "FAILED"})),
        Reply::Answer(json!({"status": "ok"})),
        Reply::Failed("function error".to_owned()),
    ] {
        let mut world = world(1);
        let task_definition = define(&mut world, "search", "search-34");
        let id = world.begin_deployment("search", task_definition).unwrap();
        let (number, ..) = invoked(&mut world);
        world.report(number, Reply::Answer(json!({"hookStatus": "SUCCEEDED"})));
        let (number, ..) = invoked(&mut world);
        assert_eq!(world.services["search"].running(), 6);
        world.report(number, reply);
        pass(&mut world, 60);
        let deployment = world.native.find(&id).unwrap();
        assert_eq!((deployment.status, world.services["search"].running()), ("ROLLBACK_SUCCESSFUL", 3));
        assert!(deployment.reason.contains("hook"), "{}", deployment.reason);
    }
}
