//! Sizes chosen for services, and changes planned and read back.

use super::change::{self, Step, World};
use super::choice::{Follows, Situation};
use super::document::tests::document;
use super::report::{Observed, analyse};
use super::{Need, Size, Usage};
use crate::call::Call;
use crate::catalogue::tests as samples;
use crate::catalogue::{Entry, Optimization};
use crate::error::Kind;
use crate::history::{DAY_MS, History, hour_of_week};
use crate::plan::capacity::Scaling;
use crate::price::tests::rate;
use crate::proposal::{Capacity, Proposal, Risk, Settings};
use crate::time::Millis;
use proptest::prelude::*;
use serde_json::json;

/// 2026-11-30T07:00:00Z, a Monday.
const AT: Millis = 1_796_022_000_000;

fn settings(size: Size, target: Option<f64>) -> Settings {
    Settings {
        min_capacity: 4,
        max_capacity: 12,
        policy_name: target.map(|_| "cpu".to_owned()),
        metric: target.map(|_| "ECSServiceAverageCPUUtilization".to_owned()),
        target,
        scale_out_cooldown: 60,
        scale_in_cooldown: 300,
        scheduled: Vec::new(),
        cpu_units: size.cpu_units,
        memory_mib: size.memory_mib,
    }
}

/// Fourteen days in which processor and memory are flat, in percent.
fn flat(cpu: f64, memory: f64, running: f64) -> Usage {
    let of = |value: f64| History::new(AT - 14 * DAY_MS, 60, vec![Some(value); 20_160]);
    Usage { cpu_mean: of(cpu), cpu_max: of(cpu), memory_max: of(memory), running: of(running) }
}

fn observed(settings: Settings, usage: Usage) -> Observed {
    let follows = settings.target.map_or(Follows::Nothing, Follows::Cpu);
    Observed {
        at: AT,
        name: "api".into(),
        settings,
        follows,
        usage,
        sized_at: AT - 60 * DAY_MS,
        deployed_at: AT - 5 * DAY_MS,
        deploying: false,
        out_of_memory_mib: None,
        rate: rate(),
        storage_gib: None,
        most_tasks: Some(40),
        optimization: Optimization::default(),
    }
}

#[test]
fn a_fixed_number_of_tasks_gets_the_cheapest_size_that_holds_its_need() {
    // 25 % of 1 vCPU and 15.625 % of 8 GB: 308 units and 1,536 MiB with headroom.
    let analysis = analyse(&observed(settings(Size::new(1_024, 8_192), None), flat(25.0, 15.625, 4.0)));
    assert_eq!(analysis.need, Some(Need { cpu_units: 308, memory_mib: 1_536 }));
    let proposal = analysis.proposal.unwrap();
    assert_eq!(change::size_of(&proposal.proposed_settings().unwrap()), Size::new(512, 2_048));
    let expected = 4.0 * (rate().month(1_024, 8_192) - rate().month(512, 2_048));
    assert!((proposal.saving_per_month - expected).abs() < 0.01, "{}", proposal.saving_per_month);
    assert_eq!(
        (proposal.capacity, proposal.risk, proposal.id.as_str()),
        (Capacity::Lowers, Risk::Medium, "right-size")
    );
    assert_eq!(proposal.summary, "Resize the tasks of api from 1 vCPU / 8 GB to 0.5 vCPU / 2 GB");
    assert!((analysis.task_hours - 2_920.0).abs() < 1e-6);
    assert!(analysis.spend_by_hour.iter().all(Option::is_some) && analysis.insufficient.is_empty());
}

#[test]
fn the_processor_goes_down_by_one_rung_at_a_time() {
    let analysis = analyse(&observed(settings(Size::new(4_096, 8_192), None), flat(2.0, 20.0, 4.0)));
    let proposal = analysis.proposal.unwrap();
    assert_eq!(change::size_of(&proposal.proposed_settings().unwrap()), Size::new(2_048, 4_096));
    assert!(proposal.reasons[1].contains("one rung at a time"), "{:?}", proposal.reasons);
}

#[test]
fn size_and_number_are_chosen_together_where_autoscaling_follows_the_processor() {
    // Four tasks at the least, idle: half the size still carries the load.
    let analysis = analyse(&observed(settings(Size::new(1_024, 2_048), Some(60.0)), flat(12.0, 20.0, 4.0)));
    let proposal = analysis.proposal.unwrap();
    let proposed = proposal.proposed_settings().unwrap();
    assert_eq!(change::size_of(&proposed), Size::new(512, 1_024));
    assert_eq!((proposed.min_capacity, proposed.max_capacity), (4, 24), "never less at the most");
    assert!((proposal.saving_per_month - 4.0 * 18.02).abs() < 0.1, "{}", proposal.saving_per_month);
    assert!(proposal.summary.ends_with("and keep 4 to 24 instead of 4 to 12"), "{}", proposal.summary);
    // At the target already: the price is linear, half the size needs twice as many.
    let busy = analyse(&observed(settings(Size::new(1_024, 2_048), Some(60.0)), flat(58.0, 45.0, 8.0)));
    assert_eq!(busy.proposal, None);
    assert!(
        busy.reasons[0].contains("1 vCPU / 2 GB is the size") || busy.reasons[0].contains("would save"),
        "{:?}",
        busy.reasons
    );
}

#[test]
fn memory_that_is_short_is_raised_whatever_it_costs() {
    let mut observed = observed(settings(Size::new(512, 1_024), Some(60.0)), flat(55.0, 95.0, 6.0));
    let proposal = analyse(&observed).proposal.unwrap();
    assert_eq!(proposal.id, "raise-size");
    assert!(proposal.saving_per_month < 0.0 && proposal.risk == Risk::Low && proposal.capacity == Capacity::Raises);
    assert_eq!(change::size_of(&proposal.proposed_settings().unwrap()), Size::new(512, 2_048));
    observed.usage = flat(55.0, 30.0, 6.0);
    observed.out_of_memory_mib = Some(1_024);
    let proposal = analyse(&observed).proposal.unwrap();
    assert_eq!(proposal.proposed_settings().unwrap().memory_mib, 2_048, "1.25 times the limit it was killed at");
}

#[test]
fn nothing_is_proposed_without_evidence_during_deployments_or_for_small_change() {
    let base = || observed(settings(Size::new(1_024, 8_192), None), flat(25.0, 15.0, 4.0));
    let resized = analyse(&Observed { sized_at: AT - 3 * DAY_MS, ..base() });
    assert!(resized.proposal.is_none() && resized.insufficient[0].contains("3.0 days"), "{:?}", resized.insufficient);
    assert!(resized.cost_per_month > 0.0);
    let deployed = analyse(&Observed { deployed_at: AT - DAY_MS / 2, ..base() });
    assert!(deployed.proposal.is_none() && deployed.reasons[0].contains("less than 24 hours ago"));
    let unknown = analyse(&Observed { follows: Follows::Unknown, ..base() });
    assert!(unknown.proposal.is_none() && unknown.reasons[0].starts_with("several scaling policies"));
    let small = analyse(&observed(settings(Size::new(256, 1_024), None), flat(25.0, 30.0, 1.0)));
    assert!(small.proposal.is_none() && small.reasons[0].contains("less than $5"), "{:?}", small.reasons);
}

#[test]
fn what_the_number_of_tasks_follows_is_told_by_its_policies() {
    let cpu = Some(("ECSServiceAverageCPUUtilization", 60.0));
    assert_eq!(Follows::of(&[]), Follows::Nothing);
    assert_eq!(Follows::of(&[cpu]), Follows::Cpu(60.0));
    assert_eq!(Follows::of(&[Some(("ALBRequestCountPerTarget", 900.0))]), Follows::Nothing);
    assert_eq!(Follows::of(&[Some(("ECSServiceAverageMemoryUtilization", 80.0))]), Follows::Memory);
    assert_eq!(Follows::of(&[cpu, Some(("ECSServiceAverageMemoryUtilization", 80.0))]), Follows::Unknown);
    assert_eq!(Follows::of(&[None]), Follows::Unknown);
}

fn entry() -> Entry {
    samples::entry(samples::api())
}

fn world() -> World {
    World {
        cluster: "production".into(),
        resource_id: "service/production/api".into(),
        task_definition: document().arn().to_owned(),
        desired: 5,
        deploying: false,
        limits: Some(Scaling { min: 4, max: 12 }),
    }
}

fn proposal(size: Size, limits: (u32, u32)) -> Proposal {
    let current = settings(Size::new(1_024, 8_192), Some(60.0));
    let analysis = analyse(&observed(current.clone(), flat(12.0, 10.0, 4.0)));
    let proposed = Settings {
        cpu_units: size.cpu_units,
        memory_mib: size.memory_mib,
        min_capacity: limits.0,
        max_capacity: limits.1,
        ..current
    };
    Proposal { proposed: json!(proposed), ..analysis.proposal.unwrap() }
}

fn planned(size: Size, limits: (u32, u32)) -> crate::plan::Plan {
    change::plan(&entry(), &proposal(size, limits), &world(), &document(), AT, Some(20)).unwrap()
}

#[test]
fn smaller_tasks_are_permitted_and_started_before_they_are_needed() {
    let plan = planned(Size::new(512, 4_096), (4, 24));
    let names: Vec<_> = plan.calls.iter().map(Call::to_string).collect();
    let (register, limits, update) =
        ("ecs:RegisterTaskDefinition", "application-autoscaling:RegisterScalableTarget", "ecs:UpdateService");
    assert_eq!(names, [register, limits, update]);
    assert_eq!(
        plan.calls[0].parameters,
        json!({"family": "api", "from": document().arn(), "cpu": "512", "memory": "4096"})
    );
    assert_eq!(plan.calls[2].parameters["desiredCount"], json!(15), "five tasks, twice, and half as many again");
    let undo: Vec<_> = plan.undo.iter().map(Call::to_string).collect();
    assert_eq!(undo, [update, limits]);
    assert_eq!(plan.undo[0].parameters["taskDefinition"], json!(document().arn()));
    assert_eq!(plan.undo[0].parameters.get("desiredCount"), None, "as many large ones are enough");
    let larger = planned(Size::new(2_048, 8_192), (2, 6));
    let names: Vec<_> = larger.calls.iter().map(Call::to_string).collect();
    assert_eq!(names, [register, update, limits]);
    assert_eq!(larger.undo[1].parameters["desiredCount"], json!(8));
    assert_eq!(change::limits_of(&plan.before), Some(Scaling { min: 4, max: 12 }));
}

#[test]
fn a_plan_reads_back_and_another_services_is_refused() {
    let plan = planned(Size::new(512, 4_096), (4, 24));
    let steps = change::steps("plan.calls", &plan.calls, "api", &world()).unwrap();
    assert_eq!(steps[1], Step::Limits(Scaling { min: 4, max: 24 }));
    let Step::Register { from, size } = &steps[0] else { panic!("{steps:?}") };
    assert_eq!((from.as_str(), *size), (document().arn(), Size::new(512, 4_096)));
    let refused =
        |call: &Call| change::steps("plan.calls", std::slice::from_ref(call), "billing", &world()).unwrap_err();
    let error = refused(&plan.calls[2]);
    assert_eq!(error.message(), "plan.calls[0].parameters.service must be billing in cluster production: plan again");
    let error = refused(&Call::new("ecs", "DeleteService", json!({})));
    assert_eq!(error.message(), "plan.calls[0] is ecs:DeleteService: a change of size does not send that");
    let odd =
        Call::new("ecs", "RegisterTaskDefinition", json!({"family": "a", "from": "b", "cpu": "300", "memory": "1"}));
    assert!(refused(&odd).message().contains("which Fargate does not offer"));
}

#[test]
fn a_world_that_changed_is_refused() {
    let proposal = proposal(Size::new(512, 4_096), (4, 24));
    let planned = |world: World| change::plan(&entry(), &proposal, &world, &document(), AT, None);
    let limits = planned(World { limits: Some(Scaling { min: 6, max: 12 }), ..world() }).unwrap_err();
    assert_eq!(limits.kind(), Kind::PreconditionFailed);
    assert_eq!(planned(World { deploying: true, ..world() }).unwrap_err().kind(), Kind::DeploymentInProgress);
    let mut item = samples::api();
    item["controller"] = json!("CODE_DEPLOY");
    let plan = change::plan(&samples::entry(item), &proposal, &world(), &document(), AT, None).unwrap();
    assert!(plan.calls.is_empty() && plan.undo.is_empty());
    assert!(plan.summary.contains("blue-green-deployment, with cpu 512 and memory 4096"), "{}", plan.summary);
}

#[test]
fn less_capacity_is_observed_through_the_next_busiest_hour() {
    let seconds = |capacity, busiest| change::observe_seconds(&entry(), capacity, AT + 1_800_000, busiest);
    assert_eq!(hour_of_week(AT), 7);
    assert_eq!(seconds(Capacity::Raises, Some(6)), 86_400);
    assert_eq!(seconds(Capacity::Lowers, None), 86_400);
    assert_eq!(seconds(Capacity::Lowers, Some(10)), 86_400, "it is within the day");
    assert_eq!(seconds(Capacity::Lowers, Some(6)), (167 + 2) * 3_600 - 1_800);
    assert_eq!(seconds(Capacity::Lowers, Some(7)), (168 + 2) * 3_600 - 1_800, "half of it is over");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_choice_is_offered_holds_what_was_used_and_is_worth_it(
        index in 0..74_usize, cpu in 1.0..100.0_f64, memory in 1.0..100.0_f64, running in 1.0..12.0_f64,
        target in proptest::option::of(40.0..75.0_f64), wave in proptest::collection::vec(0.2..1.0_f64, 24),
    ) {
        let size = super::ladder::sizes().nth(index).unwrap();
        let settings = settings(size, target);
        let of = |most: f64| {
            let value = |hour: usize| Some(most * wave[hour % 24]);
            History::new(AT - 14 * DAY_MS, 900, (0..1_344).map(|quarter| value(quarter / 4)).collect())
        };
        let usage = Usage { cpu_mean: of(cpu * 0.8), cpu_max: of(cpu), memory_max: of(memory), running: of(running) };
        let need = Need::of(&usage, size, None).unwrap();
        let used = memory * wave.iter().copied().fold(0.0, f64::max) / 100.0 * f64::from(size.memory_mib);
        prop_assert!(f64::from(need.memory_mib) + 0.01 >= used);
        let p99 = usage.cpu_max.percentile(99.0).unwrap() / 100.0 * f64::from(size.cpu_units);
        prop_assert!(f64::from(need.cpu_units) + 0.01 >= p99);
        let observed = observed(settings.clone(), usage.clone());
        let situation = Situation { settings: &settings, usage: &usage, need, follows: observed.follows, rate: &observed.rate,
            least: 2, most: Some(40) };
        if let Some(best) = situation.best() {
            prop_assert!(best.size.valid() && best.size.memory_mib >= need.memory_mib);
            prop_assert!(best.size.rung() + 1 >= size.rung(), "at most one rung down");
            prop_assert!(best.min <= best.max && (best.min >= 2 || best.min == settings.min_capacity));
            let units = |tasks: u32, size: Size| u64::from(tasks) * u64::from(size.cpu_units);
            if target.is_some() {
                prop_assert!(units(best.max, best.size) >= units(settings.max_capacity, size), "never less at the most");
            } else {
                prop_assert!(best.size.cpu_units >= need.cpu_units);
            }
        }
        if let Some(proposal) = analyse(&observed).proposal {
            let short = proposal.id == "raise-size";
            prop_assert!(short || proposal.saving_per_month >= 4.99, "{proposal:?}");
        }
    }
}
