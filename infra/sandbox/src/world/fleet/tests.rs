//! The fleet's behaviour: weeks in seconds, the same from the same seed.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::costs::{DAY_MS, ECS};
use super::member::Size;
use super::record::Record;
use super::scaling::Scheduled;
use crate::world::generator::Generator;
use crate::world::metrics::{Series, Statistic};
use crate::world::outbox::Command;
use crate::world::rule::{Rule, Target, Timetable};
use crate::world::schedule::Schedule;
use crate::world::{MINUTE_MS, Place, Profile, World};
use serde_json::{Value, json};

/// 2026-01-01T12:00:00Z, a Thursday.
const NOON_MS: i64 = 1_767_268_800_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn fleet(seed: u64, days: u32) -> World {
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        redis: ("127.0.0.1".to_owned(), 6379),
        ports: [0; 6],
    };
    World::new(seed, NOON_MS, place, Profile::Fleet, Some(days))
}

fn pass(world: &mut World, ms: i64) {
    world.advance(world.now_ms + ms);
}

/// A number of everything that a world's services did and are.
fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{:?}{:?}", world.fleet, world.services).hash(&mut hasher);
    hasher.finish()
}

fn metric(world: &World, service: &str, name: &str, days: i64, period_ms: i64, statistic: Statistic) -> Vec<f64> {
    let series = Series::new("AWS/ECS", name, &[("ClusterName", "production"), ("ServiceName", service)]);
    let interval = (NOON_MS - days * DAY_MS, NOON_MS);
    let values = world.fleet_metric(&series, interval, period_ms, statistic).unwrap();
    values.into_iter().map(|(_, value)| value).collect()
}

fn cpu(world: &World, service: &str, days: i64) -> Vec<f64> {
    metric(world, service, "CPUUtilization", days, MINUTE_MS, Statistic::Average)
}

fn share(values: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
    values.iter().filter(|value| holds(**value)).count() as f64 / values.len() as f64
}

/// How often a service scaled out and in since `from_ms`.
fn acts(world: &World, service: &str, from_ms: i64) -> usize {
    let target = world.fleet.as_ref().unwrap().members[service].target.as_ref().unwrap();
    target.activities.iter().filter(|each| each.start_ms >= from_ms && each.not_scaled.is_none()).count()
}

fn reasons<'a>(world: &'a World, service: &str) -> Vec<&'a str> {
    let target = world.fleet.as_ref().unwrap().members[service].target.as_ref().unwrap();
    target.activities.iter().filter_map(|each| Some(each.not_scaled?.code)).collect()
}

#[test]
fn it_does_not_matter_how_time_is_moved() {
    let (mut jump, mut steps) = (fleet(7, 2), fleet(7, 2));
    for world in [&mut jump, &mut steps] {
        world.set_factor("ingest", 1.4).unwrap();
        world.set_speed("storefront", 0.8).unwrap();
    }
    pass(&mut jump, DAY_MS);
    for _ in 0..1440 {
        pass(&mut steps, 25_000);
        pass(&mut steps, 35_000);
    }
    assert_eq!((jump.now_ms, fingerprint(&jump)), (steps.now_ms, fingerprint(&steps)));
    assert_ne!(fingerprint(&jump), fingerprint(&fleet(8, 2)));
}

#[test]
fn every_service_is_configured_wrong_in_its_own_way() {
    let world = fleet(1, 14);
    let (storefront, webhooks) = (cpu(&world, "storefront", 7), cpu(&world, "webhooks", 7));
    assert!(share(&storefront, |cpu| cpu < 20.0) > 0.6 && share(&storefront, |cpu| cpu > 95.0) == 0.0);
    assert!(share(&webhooks, |cpu| cpu < 12.0) > 0.99);
    let after = cpu(&world, "catalog-api", 7);
    let before = &cpu(&world, "catalog-api", 14)[..4 * 1440];
    assert!(share(before, |cpu| cpu > 95.0) < 0.001 && share(&after, |cpu| cpu > 95.0) > 0.01, "a shift nine days ago");
    let (early, late) = (&cpu(&world, "signup", 14)[..1440], cpu(&world, "signup", 1));
    assert!(share(&late, |cpu| cpu > 95.0) > 0.02 && share(early, |cpu| cpu > 95.0) < share(&late, |cpu| cpu > 95.0));
    assert!(reasons(&world, "signup").contains(&"AlreadyAtMaxCapacity"));
    assert!(reasons(&world, "webhooks").contains(&"AlreadyAtMinCapacity"));
    assert!(acts(&world, "ingest", NOON_MS - 7 * DAY_MS) > 7 * 200, "it goes out and in all day");
    assert!(acts(&world, "webhooks", 0) == 0);
    let midnight = NOON_MS - 12 * HOUR_MS;
    let night: Vec<f64> = cpu(&world, "reports", 1)[12 * 60..].to_vec();
    assert!(share(&night[60..150], |cpu| cpu > 95.0) > 0.01, "{midnight} and on: when the night begins");
    assert!(share(&night[240..], |cpu| cpu < 37.0) > 0.99, "all day there is too much");
}

#[test]
fn the_processor_is_averaged_over_all_tasks_that_run() {
    let world = fleet(1, 2);
    let records = &world.fleet.as_ref().unwrap().members["ingest"].records;
    // What a request costs is the same in every minute, whether tasks are starting or not.
    let cost = |record: &Record| f64::from(record.cpu - 4.0) * f64::from(record.running) / f64::from(record.requests);
    let minutes = records.range(NOON_MS - DAY_MS, NOON_MS).map(|(_, record)| record);
    let minutes: Vec<_> = minutes.filter(|record| record.healthy > 0 && record.utilization < 1.0).collect();
    let starting = minutes.iter().filter(|record| record.healthy < record.running).count();
    let mut costs: Vec<f64> = minutes.iter().map(|record| cost(record)).collect();
    costs.sort_by(f64::total_cmp);
    let median = costs[costs.len() / 2];
    let off = costs.iter().filter(|cost| (*cost / median - 1.0).abs() > 0.25).count();
    assert!(starting > 50 && off == 0, "{starting} minutes with starting tasks, {off} off the median of {median}");
}

#[test]
fn scaling_settles_near_its_target_and_keeps_its_limits() {
    let mut world = fleet(1, 1);
    for (name, member) in &mut world.fleet.as_mut().unwrap().members {
        let target = member.target.as_mut().unwrap();
        (target.minimum, target.maximum) = (2, 40);
        target.policies[0].target = 60.0;
        (target.policies[0].out_cooldown, target.policies[0].in_cooldown) = (60, 300);
        assert!(!name.is_empty());
    }
    pass(&mut world, DAY_MS);
    let series = |service: &str| {
        Series::new("AWS/ECS", "CPUUtilization", &[("ClusterName", "production"), ("ServiceName", service)])
    };
    for service in ["signup", "catalog-api"] {
        let interval = (world.now_ms - 6 * HOUR_MS, world.now_ms);
        let values = world.fleet_metric(&series(service), interval, 6 * HOUR_MS, Statistic::Average).unwrap();
        assert!((45.0..63.0).contains(&values[0].1), "{service} is at {}", values[0].1);
    }
    world.fleet.as_mut().unwrap().members["signup"].target.as_mut().unwrap().out_suspended = true;
    let before = world.services["signup"].desired;
    world.set_factor("signup", 3.0).unwrap();
    pass(&mut world, HOUR_MS);
    assert_eq!(world.services["signup"].desired, before, "suspended");
    world.fleet.as_mut().unwrap().members["signup"].target.as_mut().unwrap().out_suspended = false;
    pass(&mut world, HOUR_MS);
    assert!(world.services["signup"].desired > 2 * before);
}

#[test]
fn a_scheduled_action_sets_limits_at_its_time() {
    let mut world = fleet(1, 1);
    let expression = "cron(50 0 * * ? *)";
    let schedule = Schedule::parse(expression).unwrap();
    let action = Scheduled {
        name: "night".to_owned(),
        id: Generator::new(1).uuid(),
        expression: expression.to_owned(),
        next_ms: schedule.next(world.now_ms, world.now_ms),
        schedule,
        minimum: Some(9),
        maximum: None,
        created_ms: world.now_ms,
    };
    let target = world.fleet.as_mut().unwrap().members["reports"].target.as_mut().unwrap();
    target.scheduled.push(action);
    world.advance(NOON_MS + 12 * HOUR_MS + 49 * MINUTE_MS);
    assert!(world.services["reports"].desired < 9);
    world.advance(NOON_MS + 12 * HOUR_MS + 50 * MINUTE_MS);
    assert_eq!(world.services["reports"].desired, 9);
    let target = world.fleet.as_ref().unwrap().members["reports"].target.as_ref().unwrap();
    assert_eq!(
        (target.minimum, target.maximum, target.scheduled[0].next_ms),
        (9, 12, Some(NOON_MS + DAY_MS + 12 * HOUR_MS + 50 * MINUTE_MS))
    );
    assert_eq!(target.activities.back().unwrap().cause, "minimum capacity was set to 9");
    world.advance(NOON_MS + 14 * HOUR_MS + 30 * MINUTE_MS);
    let saturated = world.fleet.as_ref().unwrap().members["reports"].saturated;
    assert!(saturated <= 2, "{saturated} minutes in a prepared night");
}

#[test]
fn another_task_size_is_another_capacity_after_a_rolling_deployment() {
    let mut world = fleet(1, 1);
    let document = |cpu: &str| {
        let definition = world.task_definitions.iter().find(|each| each.family == "webhooks").unwrap();
        let mut document = definition.document.clone().unwrap();
        (document["cpu"], document["memory"]) = (json!(cpu), json!("2048"));
        document
    };
    let document = document("256");
    let arn = world.register("webhooks", document);
    let before = world.fleet.as_ref().unwrap().members["webhooks"].records.newest().next().copied().unwrap();
    let now_ms = world.now_ms;
    let World { services, ids, .. } = &mut world;
    services["webhooks"].deploy(now_ms, ids, arn.clone());
    let rollout = |world: &World| world.services["webhooks"].deployments[0].rollout;
    pass(&mut world, MINUTE_MS);
    assert_eq!((rollout(&world), world.services["webhooks"].deployments.len()), ("IN_PROGRESS", 2));
    pass(&mut world, 5 * MINUTE_MS);
    assert_eq!((rollout(&world), world.services["webhooks"].deployments.len()), ("COMPLETED", 1));
    pass(&mut world, MINUTE_MS);
    let after = world.fleet.as_ref().unwrap().members["webhooks"].records.newest().next().copied().unwrap();
    assert_eq!((after.cpu_units, after.memory_mib), (256, 2048));
    let factor = f64::from(after.utilization / before.utilization);
    assert!((6.5..9.5).contains(&factor), "an eighth of the CPU, {factor} times the utilisation");
    assert_eq!(world.task_size(&arn), Size { cpu_units: 256, memory_mib: 2048 });
}

#[test]
fn slow_tasks_and_more_load_show() {
    let mut world = fleet(1, 1);
    let utilization = |world: &World| {
        f64::from(world.fleet.as_ref().unwrap().members["webhooks"].records.newest().next().unwrap().utilization)
    };
    let before = utilization(&world);
    world.set_speed("webhooks", 0.5).unwrap();
    pass(&mut world, MINUTE_MS);
    let slow = utilization(&world) / before;
    world.set_factor("webhooks", 3.0).unwrap();
    pass(&mut world, MINUTE_MS);
    let both = utilization(&world) / before;
    assert!((1.6..2.4).contains(&slow) && (5.0..7.0).contains(&both), "{slow} {both}");
    assert!(world.set_speed("webhooks", 0.0).is_err_and(|problem| problem.starts_with("factor")));
    assert!(world.set_factor("web", 1.0).is_err_and(|problem| problem.contains("storefront, signup")));
    assert!(world.set_load("webhooks", 1.0).is_err());
}

#[test]
fn old_minutes_are_gone_and_hours_are_not() {
    let world = fleet(1, 28);
    let of =
        |days: i64, period_ms: i64| metric(&world, "webhooks", "CPUUtilization", days, period_ms, Statistic::Average);
    assert_eq!(of(28, MINUTE_MS).len(), 15 * 1440);
    assert_eq!(of(28, 5 * MINUTE_MS).len(), 28 * 288);
    assert_eq!(of(40, HOUR_MS).len(), 28 * 24);
    let count = metric(&world, "webhooks", "CPUUtilization", 1, HOUR_MS, Statistic::SampleCount);
    assert!(count.iter().all(|count| *count == 360.0), "six tasks, sixty minutes");
}

#[test]
fn the_bill_follows_the_tasks_and_comes_late() {
    let world = fleet(1, 28);
    let fleet = world.fleet.as_ref().unwrap();
    let today = NOON_MS - 12 * HOUR_MS;
    let days = fleet.days(today - 40 * DAY_MS, today + 9 * DAY_MS, world.now_ms);
    assert_eq!(days.len(), 41);
    let estimated: Vec<bool> = days.iter().map(|day| day.estimated).collect();
    assert!(estimated[39] && estimated[40] && !estimated[38]);
    // Six tasks of two vCPU and eight GB.
    let webhooks = 6.0 * 24.0 * (2.0 * 0.04048 + 8.0 * 0.004445);
    let of = |index: usize| days[index].fargate.iter().find(|(name, _)| name == "webhooks").unwrap().1;
    assert!((of(38) - webhooks).abs() < 1e-3 && (of(0) - webhooks).abs() < 1e-3, "{} {webhooks}", of(38));
    assert!((of(39) - webhooks * 0.93).abs() < 1e-3 && (of(40) - webhooks * 0.3).abs() < 0.01);
    let logs = |index: usize| days[index].others.iter().find(|(name, _)| *name == "AmazonCloudWatch").unwrap().1;
    assert!(logs(34) > logs(33) + 50.0 && logs(35) > logs(33) + 50.0 && logs(36) < logs(33) + 2.0);
    assert_eq!(ECS, "Amazon Elastic Container Service");
}

#[test]
fn scheduled_rules_start_executions_at_their_time() {
    let mut world = fleet(1, 1);
    assert_eq!(world.next_event_ms(), None);
    let target = Target { id: "1".to_owned(), arn: "machine".to_owned(), role: None, input: None };
    let mut put = |name: &str, expression: &str| {
        let timetable = Timetable::new(expression, world.now_ms).unwrap();
        let rule = Rule {
            pattern: Value::Null,
            timetable: Some(timetable),
            enabled: true,
            description: None,
            targets: vec![target.clone()],
        };
        world.bus.rules.insert(name.to_owned(), rule);
    };
    put("often", "rate(4 hours)");
    put("daily", "cron(30 2 * * ? *)");
    assert_eq!(world.next_event_ms(), Some(NOON_MS + 4 * HOUR_MS));
    pass(&mut world, DAY_MS);
    let sent = world.outbox.take();
    let times: Vec<&str> = sent
        .iter()
        .filter_map(|(_, command)| match command {
            Command::Start { input, .. } => input["time"].as_str(),
            Command::Invoke { .. } | Command::Tell { .. } => None,
        })
        .collect();
    assert_eq!(times.len(), 7);
    assert_eq!(&times[2..5], ["2026-01-02T00:00:00Z", "2026-01-02T02:30:00Z", "2026-01-02T04:00:00Z"]);
    let Command::Start { input, .. } = &sent[0].1 else { return };
    assert_eq!(
        (input["source"].as_str(), input["detail-type"].as_str()),
        (Some("aws.events"), Some("Scheduled Event"))
    );
    assert_eq!(input["resources"], json!(["arn:aws:events:us-east-1:123456789012:rule/often"]));
    assert_eq!(input["detail"], json!({}));
}
