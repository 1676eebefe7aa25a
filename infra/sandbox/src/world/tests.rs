//! The model's behaviour: what a person would see, from the same seed every time.

use super::ecs::{Health, Outcome, Phase};
use super::metrics::{Series, Statistic};
use super::*;

/// Noon of a fixed day, milliseconds since the epoch.
const NOON_MS: i64 = 1_767_268_800_000;

pub(super) fn world(seed: u64) -> World {
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        redis: ("127.0.0.1".to_owned(), 6379),
        ports: [8101, 8102, 8103, 8104, 8105, 8106],
    };
    World::new(seed, NOON_MS, place, Profile::Production, None)
}

pub(super) fn pass(world: &mut World, seconds: i64) {
    world.advance(world.now_ms + seconds * 1000);
}

fn balancer_metric(world: &World, service: &str, metric: &str, statistic: &str, minutes: i64) -> Option<f64> {
    let service = &world.services[service];
    let group = format!("targetgroup/{}/{}", service.target_group, service.target_group_id);
    let balancer = world.load_balancer_dimension();
    let dimensions = [("LoadBalancer", balancer.as_str()), ("TargetGroup", group.as_str())];
    let series = Series::new("AWS/ApplicationELB", metric, &dimensions);
    read(world, &series, statistic, minutes)
}

pub(super) fn read(world: &World, series: &Series, statistic: &str, minutes: i64) -> Option<f64> {
    let end_ms = world.now_ms - world.now_ms.rem_euclid(MINUTE_MS);
    let data = world.metrics.read(series, end_ms - minutes * MINUTE_MS, end_ms, minutes * MINUTE_MS);
    data.last().map(|(_, datum)| datum.statistic(Statistic::named(statistic).unwrap()))
}

fn p95_ms(world: &World, service: &str) -> f64 {
    balancer_metric(world, service, "TargetResponseTime", "p95", 1).unwrap() * 1000.0
}

fn cpu(world: &World, service: &str) -> f64 {
    let dimensions = [("ClusterName", "production"), ("ServiceName", service)];
    read(world, &Series::new("AWS/ECS", "CPUUtilization", &dimensions), "Average", 1).unwrap()
}

fn alarm<'a>(world: &'a World, name: &str) -> &'a str {
    world.alarms.iter().find(|alarm| alarm.name == name).map(|alarm| alarm.state).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_world_however_often_time_is_moved() {
    let (mut one, mut two) = (world(7), world(7));
    for world in [&mut one, &mut two] {
        world.set_load("api", 900.0).unwrap();
        world.hang("auth-service", 2, false).unwrap();
    }
    pass(&mut one, 600);
    for _ in 0..6_000 {
        let to_ms = two.now_ms + 100;
        two.advance(to_ms);
        two.advance(NOON_MS + 600_000);
    }
    assert_eq!(one.state(), two.state());
    assert_eq!(cpu(&one, "api").to_bits(), cpu(&two, "api").to_bits());
    let other = world(8);
    assert_ne!(one.services["api"].tasks[0].id, other.services["api"].tasks[0].id);
}

#[test]
fn the_seed_world_is_healthy_and_has_an_hour_of_history() {
    let world = world(1);
    assert_eq!(world.now_ms, NOON_MS);
    let api = &world.services["api"];
    assert_eq!((api.desired, api.running(), api.healthy()), (4, 4, 4));
    assert!(p95_ms(&world, "api") < 250.0 && p95_ms(&world, "auth-service") < 250.0);
    assert!((25.0..60.0).contains(&cpu(&world, "api")), "CPU was {}", cpu(&world, "api"));
    let requests = balancer_metric(&world, "api", "RequestCount", "Sum", 60).unwrap();
    assert!((requests / 3600.0 - 240.0).abs() < 10.0, "{requests} requests in the last hour");
    assert!(world.alarms.iter().all(|alarm| alarm.state == "OK"), "{:?}", world.state()["alarms"]);
}

#[test]
fn load_raises_latency_and_errors_and_capacity_brings_them_back() {
    let mut world = world(1);
    world.set_load("api", 900.0).unwrap();
    pass(&mut world, 300);
    assert!(p95_ms(&world, "api") > 3_000.0, "p95 {}", p95_ms(&world, "api"));
    assert!(cpu(&world, "api") > 90.0);
    assert!(balancer_metric(&world, "api", "HTTPCode_Target_5XX_Count", "Sum", 1).unwrap() > 10_000.0);
    assert_eq!((alarm(&world, "api-latency-p95"), alarm(&world, "api-5xx")), ("ALARM", "ALARM"));
    assert_eq!(world.services["api"].healthy(), 4, "a busy task still passes its health checks");

    let mut target = world.scalable[0].clone();
    target.minimum = 8;
    target.bound(&mut world.services["api"]);
    world.scalable[0] = target;
    pass(&mut world, 300);
    let api = &world.services["api"];
    assert_eq!((api.desired, api.running(), api.healthy()), (8, 8, 8));
    assert!(p95_ms(&world, "api") < 250.0, "p95 {}", p95_ms(&world, "api"));
    assert!(balancer_metric(&world, "api", "HTTPCode_Target_5XX_Count", "Sum", 1).unwrap() < 60.0);
    pass(&mut world, 180);
    assert_eq!((alarm(&world, "api-latency-p95"), alarm(&world, "api-5xx")), ("OK", "OK"));
}

#[test]
fn six_tasks_are_just_enough_for_nine_hundred_requests_a_second() {
    let mut world = world(1);
    world.set_load("api", 900.0).unwrap();
    pass(&mut world, 120);
    world.services["api"].desired = 6;
    pass(&mut world, 360);
    let p95 = p95_ms(&world, "api");
    assert!((150.0..400.0).contains(&p95), "p95 {p95}");
}

#[test]
fn autoscaling_takes_back_what_only_the_desired_count_was_given() {
    let mut world = world(1);
    world.services["api"].desired = 10;
    pass(&mut world, 25 * 60);
    assert_eq!(world.services["api"].desired, 4, "scale-in shrinks to what the load needs, not below the minimum");
}

#[test]
fn hung_tasks_become_unhealthy_and_a_restart_heals() {
    let mut world = world(1);
    assert_eq!(world.hang("auth-service", 2, false), Ok(2));
    pass(&mut world, 240);
    let auth = &world.services["auth-service"];
    let unhealthy = auth.tasks.iter().filter(|task| task.health == Health::Unhealthy).count();
    assert_eq!((auth.running(), auth.healthy(), unhealthy), (3, 1, 2));
    assert!(p95_ms(&world, "auth-service") > 1_000.0, "one task cannot carry the load of three");
    assert_eq!(alarm(&world, "auth-service-unhealthy-hosts"), "ALARM");
    pass(&mut world, 1200);
    assert_eq!(world.services["auth-service"].healthy(), 1, "nothing heals by itself");

    let before: Vec<String> = world.services["auth-service"].tasks.iter().map(|task| task.id.clone()).collect();
    let definition = world.services["auth-service"].primary().unwrap().task_definition.clone();
    let now_ms = world.now_ms;
    let mut ids = world.ids.clone();
    world.services["auth-service"].deploy(now_ms, &mut ids, definition);
    pass(&mut world, 20);
    assert_eq!(world.services["auth-service"].primary().unwrap().rollout, "IN_PROGRESS");
    pass(&mut world, 280);
    let auth = &world.services["auth-service"];
    assert_eq!((auth.healthy(), auth.primary().unwrap().rollout, auth.deployments.len()), (3, "COMPLETED", 1));
    let fresh = |id: &String| !before.contains(id);
    assert!(auth.tasks.iter().filter(|task| task.phase == Phase::Running).all(|task| fresh(&task.id)));
    assert!(p95_ms(&world, "auth-service") < 250.0);
}

#[test]
fn ecs_replaces_hung_tasks_when_told_to() {
    let mut world = world(1);
    world.hang("auth-service", 2, true).unwrap();
    pass(&mut world, 240);
    let auth = &world.services["auth-service"];
    assert_eq!(auth.healthy(), 3);
    let stopped = auth.tasks.iter().filter_map(|task| task.stop.as_ref());
    assert!(
        stopped.clone().count() == 2 && stopped.clone().all(|stop| stop.reason.contains("failed ELB health checks"))
    );
}

#[test]
fn a_rollout_never_has_fewer_healthy_tasks_than_the_minimum() {
    let mut world = world(3);
    let definition = world.services["api"].primary().unwrap().task_definition.clone();
    let now_ms = world.now_ms;
    let mut ids = world.ids.clone();
    world.services["api"].deploy(now_ms, &mut ids, definition);
    let mut most = 0;
    for _ in 0..300 {
        pass(&mut world, 1);
        let api = &world.services["api"];
        assert!(api.healthy() >= 4, "{} healthy at {}", api.healthy(), world.now_ms - now_ms);
        most = most.max(api.tasks.iter().filter(|task| task.phase.is_active()).count());
    }
    assert!(most <= 8 && most > 4, "maximum percent is 200, {most} were active");
    assert_eq!(world.services["api"].primary().unwrap().rollout, "COMPLETED");
}

#[test]
fn a_stalled_rollout_stays_in_progress_and_the_old_tasks_serve() {
    let mut world = world(1);
    world.set_rollout("api", Outcome::Stall).unwrap();
    let now_ms = world.now_ms;
    let mut ids = world.ids.clone();
    world.services["api"].deploy(now_ms, &mut ids, "arn:new".to_owned());
    pass(&mut world, 1800);
    let api = &world.services["api"];
    assert_eq!((api.primary().unwrap().rollout, api.deployments.len(), api.healthy()), ("IN_PROGRESS", 2, 4));
    assert!(p95_ms(&world, "api") < 250.0);
}

#[test]
fn a_failing_rollout_trips_the_circuit_breaker_and_is_rolled_back() {
    let mut world = world(1);
    let old = world.services["api"].primary().unwrap().id.clone();
    world.set_rollout("api", Outcome::Fail).unwrap();
    let now_ms = world.now_ms;
    let mut ids = world.ids.clone();
    world.services["api"].deploy(now_ms, &mut ids, "arn:new".to_owned());
    let mut failed = false;
    for _ in 0..300 {
        pass(&mut world, 1);
        failed |= world.services["api"].deployments.iter().any(|deployment| deployment.rollout == "FAILED");
    }
    assert!(failed);
    let api = &world.services["api"];
    let primary = api.primary().unwrap();
    assert_eq!((primary.id.as_str(), primary.rollout, api.healthy()), (old.as_str(), "COMPLETED", 4));
    let exited = api.tasks.iter().filter_map(|task| task.stop.as_ref()).filter(|stop| stop.exit_code == 1);
    assert!(exited.count() >= 3);
    assert!(api.events.iter().any(|event| event.message.contains("rolling back")));
}

#[test]
fn killed_tasks_are_replaced() {
    let mut world = world(1);
    assert_eq!(world.kill("api", 2), Ok(2));
    pass(&mut world, 1);
    assert_eq!((world.services["api"].running(), world.services["api"].pending()), (2, 2));
    pass(&mut world, 120);
    assert_eq!(world.services["api"].healthy(), 4);
    let stops = world.services["api"].tasks.iter().filter_map(|task| task.stop.as_ref());
    assert!(stops.clone().count() == 2 && stops.clone().all(|stop| stop.exit_code == 137));
}

#[test]
fn a_loaded_database_slows_the_services_down_until_it_is_larger() {
    let mut world = world(1);
    let before = p95_ms(&world, "api");
    world.set_load("database", 1_400.0).unwrap();
    pass(&mut world, 240);
    assert_eq!(alarm(&world, "database-cpu"), "ALARM");
    assert!(p95_ms(&world, "api") > before * 1.3);
    let now_ms = world.now_ms;
    world.database.modify("db.r6g.xlarge", now_ms);
    pass(&mut world, 600);
    assert_eq!((world.database.class.as_str(), world.database.status(world.now_ms)), ("db.r6g.xlarge", "available"));
    assert_eq!(alarm(&world, "database-cpu"), "OK");
    assert!(p95_ms(&world, "api") < before * 1.1);
}

#[test]
fn a_saturated_database_makes_services_slow_but_not_busy() {
    let mut world = world(1);
    world.set_load("database", 2_500.0).unwrap();
    pass(&mut world, 300);
    assert!(p95_ms(&world, "api") > 400.0, "p95 {}", p95_ms(&world, "api"));
    assert!(cpu(&world, "api") < 50.0, "CPU {}: its workers wait", cpu(&world, "api"));
}

#[test]
fn unknown_names_and_rates_out_of_range_are_refused_by_field() {
    let mut world = world(1);
    assert!(world.set_load("web", 1.0).is_err_and(|problem| problem.contains("'web'") && problem.contains("api")));
    assert!(world.set_load("api", f64::NAN).is_err_and(|problem| problem.starts_with("requestsPerSecond")));
    assert!(world.set_load("api", -1.0).is_err());
    assert!(world.hang("web", 1, false).is_err() && world.kill("web", 1).is_err());
}
