//! Plans, and what the world must be for them.

use crate::catalogue::Entry;
use crate::catalogue::tests as samples;
use crate::error::Kind;
use crate::history::{DAY_MS, HOUR_MS};
use crate::plan::Plan;
use crate::proposal::{self, Capacity, Proposal, Risk, Scheduled, Settings, tests::settings};
use crate::scaling::change::{Need, Part, checked, to_act, to_undo};
use crate::scaling::gate::Replayed;
use crate::scaling::plan::plan;
use crate::scaling::world::{Action, World, tests::world};
use proptest::prelude::*;
use serde_json::json;

const RESOURCE: &str = "service/production/api";

fn entry() -> Entry {
    samples::entry(samples::api())
}

fn proposal(proposed: &Settings, capacity: Capacity) -> Proposal {
    Proposal {
        id: "test".to_owned(),
        kind: proposal::Kind::Scaling,
        summary: "api: a change".to_owned(),
        current: json!(settings()),
        proposed: json!(proposed),
        capacity,
        saving_per_month: 0.0,
        risk: Risk::Low,
        confidence: 0.9,
        reasons: Vec::new(),
        evidence: Vec::new(),
    }
}

fn planned(proposed: &Settings, capacity: Capacity) -> Plan {
    let replay = Replayed { busiest_hour: Some(36) };
    plan(&entry(), RESOURCE, &world(), &proposal(proposed, capacity), replay, 0).unwrap()
}

fn spike() -> Settings {
    let action = |name: &str, schedule: &str, min| Scheduled {
        name: name.to_owned(),
        schedule: schedule.to_owned(),
        min_capacity: Some(min),
        max_capacity: Some(12),
    };
    let scheduled = vec![action("begins", "cron(53 1 * * ? *)", 9), action("ends", "cron(40 2 * * ? *)", 4)];
    Settings { scheduled, ..settings() }
}

/// The world after these parts were set.
fn after(world: &World, parts: &[Part]) -> World {
    let mut world = world.clone();
    for part in parts {
        match part {
            Part::Limits(min, max) => world.limits = Some((*min, *max)),
            Part::Policy(tracking) => {
                let policy = &mut world.policies[0];
                assert_eq!(policy.name, tracking.name);
                policy.target = tracking.target;
                policy.scale_out_cooldown = tracking.scale_out_cooldown;
                policy.scale_in_cooldown = tracking.scale_in_cooldown;
            }
            Part::Action(action) => {
                world.scheduled.retain(|other| other.scheduled.name != action.name);
                world.scheduled.push(Action { scheduled: action.clone(), timezone: None });
            }
            Part::NoAction(name) => world.scheduled.retain(|other| other.scheduled.name != *name),
        }
    }
    world
}

#[test]
fn a_plan_is_the_calls_it_makes() {
    let longer = planned(&Settings { scale_in_cooldown: 450, ..settings() }, Capacity::Neutral);
    insta::assert_json_snapshot!(json!({"calls": longer.calls, "verify": longer.verify}), @r#"
    {
      "calls": [
        {
          "service": "application-autoscaling",
          "operation": "PutScalingPolicy",
          "parameters": {
            "ServiceNamespace": "ecs",
            "ResourceId": "service/production/api",
            "ScalableDimension": "ecs:service:DesiredCount",
            "PolicyName": "api-cpu",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
              "TargetValue": 60.0,
              "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
              },
              "ScaleOutCooldown": 60,
              "ScaleInCooldown": 450
            }
          }
        }
      ],
      "verify": {
        "observeSeconds": 86400
      }
    }
    "#);
    let nightly = planned(&spike(), Capacity::Raises);
    let names = |calls: &[crate::call::Call]| calls.iter().map(|call| call.operation.clone()).collect::<Vec<_>>();
    assert_eq!(names(&nightly.calls), ["PutScheduledAction", "PutScheduledAction"]);
    let back = ["DeleteScheduledAction", "DeleteScheduledAction", "RegisterScalableTarget"];
    assert_eq!(names(&nightly.undo), back);
}

#[test]
fn less_capacity_is_observed_through_the_busiest_hour_of_the_week() {
    let fewer = Settings { min_capacity: 3, ..settings() };
    let seconds = |at, hour| {
        let replay = Replayed { busiest_hour: hour };
        let proposal = proposal(&fewer, Capacity::Lowers);
        plan(&entry(), RESOURCE, &world(), &proposal, replay, at).map(|plan| plan.verify["observeSeconds"].clone())
    };
    // 1970 began on a Thursday, hour 72 of the week.
    assert_eq!(seconds(0, Some(112)).unwrap(), json!((40 + 2) * 3_600), "the hour and one more");
    assert_eq!(seconds(HOUR_MS / 2, Some(112)).unwrap(), json!((40 + 2) * 3_600 - 1_800));
    assert_eq!(seconds(0, Some(74)).unwrap(), json!(86_400), "at least a day");
    assert_eq!(seconds(0, Some(72)).unwrap(), json!((168 + 2) * 3_600), "this hour is over in part");
    let error = seconds(4 * DAY_MS, None).unwrap_err();
    assert!(error.message().starts_with("replay.busiestHour is missing"), "{error}");
}

#[test]
fn a_plan_needs_the_world_of_its_proposal() {
    let more = proposal(&Settings { max_capacity: 15, ..settings() }, Capacity::Raises);
    let replay = Replayed { busiest_hour: None };
    let fails = |entry: &Entry, world: &World, proposal: &Proposal| {
        plan(entry, RESOURCE, world, proposal, replay, 0).unwrap_err()
    };
    let moved = World { limits: Some((8, 12)), ..world() };
    assert_eq!(fails(&entry(), &moved, &more).kind(), Kind::PreconditionFailed);
    let mut owned = entry();
    owned.optimization.managed_by = Some("terraform".to_owned());
    assert!(fails(&owned, &world(), &more).message().starts_with("terraform owns"));
    let mut forbidden = entry();
    forbidden.optimization.scaling = crate::catalogue::Release::Forbidden;
    assert_eq!(fails(&forbidden, &world(), &more).kind(), Kind::ActionNotAllowed);
    let same = proposal(&settings(), Capacity::Neutral);
    assert!(fails(&entry(), &world(), &same).message().contains("nothing to plan"));
    let sizing = Proposal { kind: proposal::Kind::Sizing, ..more.clone() };
    assert_eq!(fails(&entry(), &world(), &sizing).kind(), Kind::InvalidInput);
    let other = proposal(&Settings { cpu_units: 1_024, ..settings() }, Capacity::Raises);
    assert!(fails(&entry(), &world(), &other).message().contains("another size"));
}

#[test]
fn foreign_calls_are_refused_by_field() {
    let plan = planned(&Settings { max_capacity: 15, ..settings() }, Capacity::Raises);
    let refused = |path: &[&str], value| {
        let mut call = plan.calls[0].clone();
        let mut place = &mut call.parameters;
        for name in path {
            place = &mut place[*name];
        }
        *place = value;
        checked("plan.calls", &[call], RESOURCE).unwrap_err().message().to_owned()
    };
    assert_eq!(
        refused(&["ResourceId"], json!("service/production/billing")),
        "plan.calls[0].parameters.ResourceId must be service/production/api: plan again"
    );
    assert!(refused(&["MinCapacity"], json!(16)).contains("MinCapacity must not be more"));
    assert!(refused(&["RoleARN"], json!("x")).contains("RoleARN is not a parameter"));
    let stranger = crate::call::Call::new("application-autoscaling", "DeleteScalingPolicy", json!({}));
    let error = checked("plan.calls", &[stranger], RESOURCE).unwrap_err();
    assert!(error.message().contains("does not send that"), "{error}");
}

#[test]
fn acting_needs_the_world_before_or_the_world_after() {
    let plan = planned(&Settings { max_capacity: 15, ..settings() }, Capacity::Raises);
    let parts = checked("plan.calls", &plan.calls, RESOURCE).unwrap();
    assert_eq!(to_act(&plan, &parts, &world()).unwrap(), [Need::Send(Part::Limits(4, 12))]);
    assert_eq!(to_act(&plan, &parts, &after(&world(), &parts)).unwrap(), [Need::Done]);
    let moved = World { limits: Some((8, 12)), ..world() };
    let error = to_act(&plan, &parts, &moved).unwrap_err();
    assert_eq!(error.kind(), Kind::PreconditionFailed);
    assert!(error.message().contains(r#"{"minCapacity":8,"maxCapacity":12}"#), "{error}");
    let gone = World { limits: None, ..world() };
    assert!(to_act(&plan, &parts, &gone).unwrap_err().message().contains("is gone"));
}

#[test]
fn undoing_leaves_what_a_person_has_changed() {
    let plan = planned(&Settings { max_capacity: 15, ..settings() }, Capacity::Raises);
    let parts = checked("plan.undo", &plan.undo, RESOURCE).unwrap();
    let ours = World { limits: Some((4, 15)), ..world() };
    assert_eq!(to_undo(&plan, &parts, &ours).unwrap(), [Need::Send(Part::Limits(4, 15))]);
    assert_eq!(to_undo(&plan, &parts, &world()).unwrap(), [Need::Done]);
    let theirs = World { limits: Some((6, 18)), ..world() };
    assert!(matches!(&to_undo(&plan, &parts, &theirs).unwrap()[..], [Need::Leave(text)] if text.contains("18")));
}

#[test]
fn a_scheduled_minimum_that_has_fired_is_taken_back_too() {
    let plan = planned(&spike(), Capacity::Raises);
    let calls = checked("plan.calls", &plan.calls, RESOURCE).unwrap();
    let undo = checked("plan.undo", &plan.undo, RESOURCE).unwrap();
    let mut fired = after(&world(), &calls);
    fired.limits = Some((9, 12));
    let needs = to_undo(&plan, &undo, &fired).unwrap();
    assert!(needs.iter().all(|need| matches!(need, Need::Send(_))), "{needs:?}");
    assert_eq!(after(&fired, &undo), world());
    assert_eq!(to_undo(&plan, &undo, &world()).unwrap(), [Need::Done, Need::Done, Need::Done]);
}

proptest! {
    /// Whatever one change is made, acting twice is acting once, and its undo restores the world exactly.
    #[test]
    fn undo_restores_the_world_exactly(
        min in 1_u32..10, more in 0_u32..20, target in 40.0..75.0_f64, cooldown in 0_u32..1_800, nightly in any::<bool>(),
    ) {
        let scheduled = if nightly { spike().scheduled } else { Vec::new() };
        let proposed = Settings {
            min_capacity: min, max_capacity: min + more, target: Some(target), scale_in_cooldown: cooldown, scheduled,
            ..settings()
        };
        prop_assume!(proposed != settings());
        let plan = planned(&proposed, Capacity::Lowers);
        let calls = checked("plan.calls", &plan.calls, RESOURCE).unwrap();
        let made = after(&world(), &calls);
        prop_assert_eq!(made.settings(512, 1_024).unwrap(), proposed);
        prop_assert!(to_act(&plan, &calls, &made).unwrap().iter().all(|need| *need == Need::Done));
        let undo = checked("plan.undo", &plan.undo, RESOURCE).unwrap();
        let needs = to_undo(&plan, &undo, &made).unwrap();
        prop_assert!(needs.iter().all(|need| !matches!(need, Need::Leave(_))));
        prop_assert_eq!(after(&made, &undo), world());
    }
}
