//! Decisions about services that behave as the model.

use super::{DAY, day, demand, lived, tracking};
use crate::catalogue::tests as samples;
use crate::catalogue::{Entry, optimization};
use crate::history::History;
use crate::price::tests::rate;
use crate::proposal::{Capacity, Proposal, Scheduled, Settings};
use crate::scaling::decide::{Decision, Situation, decide};
use crate::scaling::demand::Demand;
use crate::scaling::effectiveness::Effectiveness;
use proptest::prelude::*;
use serde_json::json;

fn entry(max: u32, least: u32) -> Entry {
    let mut item = samples::api();
    item["limits"] = json!({"maxTasks": max});
    item["optimization"] = json!({"minTasks": least});
    samples::entry(item)
}

/// Decides about a load that a service with these settings has lived through.
fn about(entry: &Entry, load: &Demand, settings: &Settings, change: impl Fn(&mut Effectiveness)) -> Decision {
    let (record, mut effectiveness) = lived(load, settings, 2);
    change(&mut effectiveness);
    let situation = Situation {
        entry,
        settings,
        demand: load,
        record: &record,
        effectiveness: &effectiveness,
        price_per_task_hour: rate().hour(settings.cpu_units, settings.memory_mib),
        highest_target: 75.0,
        findings: &[],
        at: 0,
    };
    decide(&situation).unwrap()
}

fn proposed(decision: Decision) -> (Proposal, Settings) {
    match decision {
        Decision::Propose(proposal) => (*proposal.clone(), proposal.proposed_settings().unwrap()),
        Decision::Nothing(reasons) => panic!("nothing is proposed: {reasons:?}"),
    }
}

fn nothing(decision: Decision) -> Vec<String> {
    match decision {
        Decision::Nothing(reasons) => reasons,
        Decision::Propose(proposal) => panic!("{}: {:?}", proposal.summary, proposal.reasons),
    }
}

#[test]
fn a_service_at_its_maximum_may_have_a_quarter_more() {
    let load = demand(14, 5.0, day);
    let settings = tracking(60.0, 1, 5, (2, 8));
    let (proposal, after) = proposed(about(&entry(20, 2), &load, &settings, |_| {}));
    assert_eq!((proposal.id.as_str(), after.max_capacity), ("raise-maximum", 10));
    assert_eq!((proposal.capacity, proposal.saving_per_month < 0.0), (Capacity::Raises, true));
    assert!(proposal.confidence > 0.9, "{}", proposal.confidence);
    let (_, after) = proposed(about(&entry(9, 2), &load, &settings, |_| {}));
    assert_eq!(after.max_capacity, 9, "limits.maxTasks");
    let reasons = nothing(about(&entry(8, 2), &load, &settings, |_| {}));
    assert_eq!(reasons[1], "entry.limits.maxTasks permits 8 tasks: raise it");
    let mut pooled = entry(20, 2);
    pooled.optimization.connections_per_task = Some(10);
    pooled.optimization.max_connections = Some(100);
    let reasons = nothing(about(&pooled, &load, &settings, |_| {}));
    assert_eq!(reasons[1], "the database has connections for 8 tasks: raise its limit first");
}

#[test]
fn what_aws_says_counts() {
    // At the maximum for less than a percent of the time.
    let load = demand(14, 0.0, |minute| if minute % DAY < 11 { 2.9 } else { 1.7 });
    let settings = tracking(60.0, 1, 30, (3, 4));
    let silent = about(&entry(20, 2), &load, &settings, |_| {});
    let said = |effectiveness: &mut Effectiveness| {
        effectiveness.not_scaled_per_day.insert("AlreadyAtMaxCapacity".to_owned(), 4.0);
    };
    let (proposal, _) = proposed(about(&entry(20, 2), &load, &settings, said));
    assert_eq!(proposal.id, "raise-maximum");
    assert!(proposal.reasons[0].contains("AWS could not scale 4.0 times a day"), "{:?}", proposal.reasons);
    assert!(!matches!(silent, Decision::Propose(proposal) if proposal.id == "raise-maximum"));
}

#[test]
fn load_that_lasts_and_comes_at_any_time_is_met_by_a_lower_target_or_a_higher_minimum() {
    // An hour of four times the load, at another time every day.
    let load = demand(14, 2.0, |minute| {
        let (day, minute) = (minute / DAY, minute % DAY);
        let burst = |begin: usize| (begin..begin + 60).contains(&minute);
        if burst((day * 397) % 1_300) || burst((day * 211 + 600) % 1_300) || burst((day * 97 + 900) % 1_300) {
            8.0
        } else {
            1.2
        }
    });
    let (proposal, after) = proposed(about(&entry(60, 2), &load, &tracking(70.0, 1, 5, (2, 40)), |_| {}));
    assert!(["lower-target", "raise-minimum"].contains(&proposal.id.as_str()), "{}", proposal.summary);
    assert!(after.target == Some(65.0) || after.min_capacity == 3);
}

#[test]
fn thrashing_is_met_by_a_longer_cooldown() {
    let load = demand(14, 5.0, |minute| day(minute) * if minute % 45 < 8 { 1.4 } else { 1.0 });
    let settings = tracking(50.0, 1, 5, (2, 40));
    let (proposal, after) = proposed(about(&entry(60, 2), &load, &settings, |_| {}));
    assert_eq!((proposal.id.as_str(), after.scale_in_cooldown), ("lengthen-scale-in-cooldown", 450));
    assert_eq!(proposal.capacity, Capacity::Neutral);
    let end = nothing(about(&entry(60, 2), &load, &tracking(50.0, 1, 30, (2, 40)), |_| {}));
    assert!(end.iter().any(|reason| reason.starts_with("the scale-in cooldown is 1800 s already")), "{end:?}");
}

#[test]
fn thrashing_on_bursts_that_saturate_now_and_then_is_met_by_the_cooldown_first() {
    let load = demand(14, 5.0, |minute| day(minute) * if minute % 45 < 4 { 1.8 } else { 1.0 });
    let settings = tracking(55.0, 1, 3, (2, 40));
    let (proposal, after) = proposed(about(&entry(60, 2), &load, &settings, |_| {}));
    let reasons = &proposal.reasons;
    assert_eq!((proposal.id.as_str(), after.scale_in_cooldown), ("lengthen-scale-in-cooldown", 300), "{reasons:?}");
}

#[test]
fn a_daily_spike_gets_a_scheduled_minimum() {
    let load = demand(14, 0.0, |minute| if (120..160).contains(&(minute % DAY)) { 8.0 } else { 1.5 });
    let settings = tracking(60.0, 1, 5, (3, 20));
    let (proposal, after) = proposed(about(&entry(20, 2), &load, &settings, |_| {}));
    assert_eq!(proposal.id, "schedule-minimum", "{}", proposal.summary);
    let [begins, ends] = after.scheduled.as_slice() else { panic!("{:?}", after.scheduled) };
    // Two minutes of starting and five to spare before 02:00.
    assert_eq!(begins.schedule, "cron(53 1 * * ? *)");
    assert_eq!((begins.min_capacity, begins.max_capacity), (Some(14), Some(20)));
    assert_eq!((ends.schedule.as_str(), ends.min_capacity), ("cron(40 2 * * ? *)", Some(3)));
}

#[test]
fn a_minute_every_night_gets_a_scheduled_minimum_before_the_day_gives_back_what_it_has_for_it() {
    // Ten minutes up to what saturates six tasks for a minute or two, every night.
    let load = demand(14, 0.0, |minute| match minute % DAY {
        at @ 120..130 => 0.8 + 0.54 * (at - 119) as f64,
        130..200 => 6.2,
        _ => 0.8,
    });
    let settings = tracking(75.0, 5, 5, (6, 20));
    let (proposal, after) = proposed(about(&entry(20, 2), &load, &settings, |_| {}));
    assert_eq!(proposal.id, "schedule-minimum", "{}: {:?}", proposal.summary, proposal.reasons);
    let (proposal, after) = proposed(about(&entry(20, 2), &load, &after, |_| {}));
    assert_eq!((proposal.id.as_str(), after.min_capacity), ("lower-minimum", 5), "{:?}", proposal.reasons);
}

#[test]
fn bursts_that_are_over_before_any_reaction_are_met_by_a_minimum_not_by_a_cooldown() {
    // Four minutes of every three hours and seven minutes, so at another time every day.
    let load = demand(14, 0.0, |minute| if minute % 187 < 4 { 3.4 } else { 1.6 });
    let settings = tracking(60.0, 1, 5, (3, 20));
    match about(&entry(20, 2), &load, &settings, |_| {}) {
        Decision::Propose(proposal) => assert_eq!(proposal.id, "raise-minimum", "{}", proposal.summary),
        Decision::Nothing(reasons) => panic!("{reasons:?}"),
    }
}

#[test]
fn an_idle_service_gives_back_a_little_and_never_below_its_least() {
    let load = demand(14, 2.0, |_| 0.8);
    let settings = tracking(60.0, 1, 5, (6, 20));
    let (proposal, after) = proposed(about(&entry(20, 2), &load, &settings, |_| {}));
    assert_eq!((proposal.id.as_str(), after.min_capacity, after.target), ("lower-minimum", 5, Some(60.0)));
    assert!((proposal.saving_per_month - 18.02).abs() < 0.1, "{}", proposal.saving_per_month);
    nothing(about(&entry(20, 6), &load, &settings, |_| {}));
    // Less than two weeks lower nothing.
    nothing(about(&entry(20, 2), &demand(10, 2.0, |_| 0.8), &settings, |_| {}));
}

#[test]
fn the_minimum_outside_of_scheduled_times_is_lowered_with_the_action_that_sets_it() {
    let night = |minute: usize| (120..160).contains(&(minute % DAY));
    let load = demand(14, 2.0, |minute| if night(minute) { 4.0 } else { 0.8 });
    let action = |name: &str, schedule: &str, min| Scheduled {
        name: name.to_owned(),
        schedule: schedule.to_owned(),
        min_capacity: Some(min),
        max_capacity: Some(20),
    };
    let scheduled = vec![action("begins", "cron(50 1 * * ? *)", 9), action("ends", "cron(40 2 * * ? *)", 6)];
    let settings = Settings { scheduled, ..tracking(60.0, 1, 5, (6, 20)) };
    let (proposal, after) = proposed(about(&entry(20, 2), &load, &settings, |_| {}));
    assert_eq!((proposal.id.as_str(), after.min_capacity), ("lower-minimum", 5), "{:?}", proposal.reasons);
    let minimums: Vec<_> = after.scheduled.iter().map(|action| action.min_capacity).collect();
    assert_eq!(minimums, [Some(9), Some(5)], "the night keeps what it has");
    // While it is night, the minimum is the action's.
    let tonight = Settings { min_capacity: 9, ..settings };
    if let Decision::Propose(proposal) = about(&entry(20, 2), &load, &tonight, |_| {}) {
        assert_ne!(proposal.id, "lower-minimum");
    }
}

#[test]
fn what_is_not_known_or_not_modelled_is_left_alone() {
    let settings = tracking(60.0, 1, 5, (2, 20));
    let short = nothing(about(&entry(20, 2), &demand(4, 2.0, day), &settings, |_| {}));
    assert!(short[0].starts_with("4.0 days are known"), "{short:?}");
    let calm = tracking(60.0, 5, 10, (2, 20));
    let well = nothing(about(&entry(20, 2), &demand(14, 1.0, day), &calm, |_| {}));
    assert_eq!(well, ["no rule applies: it scales well"]);
    let odd = crate::proposal::Scheduled {
        name: "odd".to_owned(),
        schedule: "rate(1 day)".to_owned(),
        min_capacity: Some(3),
        max_capacity: None,
    };
    let (record, effectiveness) = lived(&demand(14, 2.0, day), &settings, 2);
    let odd = Settings { scheduled: vec![odd], ..settings };
    let (entry, load) = (entry(20, 2), demand(14, 2.0, day));
    let situation = Situation {
        entry: &entry,
        settings: &odd,
        demand: &load,
        record: &record,
        effectiveness: &effectiveness,
        price_per_task_hour: 0.02,
        highest_target: 75.0,
        findings: &[],
        at: 0,
    };
    assert!(nothing(decide(&situation).unwrap())[0].contains("rate(1 day)"));
}

#[test]
fn a_service_that_waits_for_another_gets_no_more_tasks() {
    let (entry, load, settings) = (entry(20, 2), demand(14, 5.0, day), tracking(60.0, 1, 5, (2, 8)));
    let (record, effectiveness) = lived(&load, &settings, 2);
    let findings = ["downstream-bound".to_owned()];
    let situation = Situation {
        entry: &entry,
        settings: &settings,
        demand: &load,
        record: &record,
        effectiveness: &effectiveness,
        price_per_task_hour: 0.02,
        highest_target: 75.0,
        findings: &findings,
        at: 0,
    };
    let reasons = nothing(decide(&situation).unwrap());
    assert!(reasons.iter().any(|reason| reason.contains("would load that further")), "{reasons:?}");
}

/// Two weeks of a day's shape, with bursts of some height, length and distance.
fn weeks() -> impl Strategy<Value = Demand> {
    (0.3..2.0_f64, 1.0..4.0_f64, 30_usize..700, 3_usize..60).prop_map(|(scale, burst, every, length)| {
        demand(14, 4.0, move |minute| scale * day(minute) * if minute % every < length { burst } else { 1.0 })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_parameter_moves_within_its_caps_and_nothing_is_taken_from_a_saturated_service(
        load in weeks(), target in 35.0..90.0_f64, out in 0_u32..10, within in 0_u32..60, min in 1_u32..8,
        more in 0_u32..30, most in 2_u32..60, least in 1_u32..6,
    ) {
        let settings = tracking(target.round(), out, within, (min, min + more));
        let entry = entry(most, least);
        let (_, effectiveness) = lived(&load, &settings, 2);
        let Decision::Propose(proposal) = about(&entry, &load, &settings, |_| {}) else { return Ok(()) };
        let after = proposal.proposed_settings().unwrap();
        let changed = [
            after.min_capacity != settings.min_capacity,
            after.max_capacity != settings.max_capacity,
            after.target != settings.target,
            after.scale_in_cooldown != settings.scale_in_cooldown,
            after.scheduled != settings.scheduled,
        ];
        prop_assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "{}", proposal.summary);
        prop_assert_eq!(after.scale_out_cooldown, settings.scale_out_cooldown);
        if after.max_capacity > settings.max_capacity {
            prop_assert!(after.max_capacity <= most);
            let quarter = f64::from(settings.max_capacity) * 1.25;
            prop_assert!(f64::from(after.max_capacity) <= quarter.max(f64::from(settings.max_capacity + 1)));
        }
        prop_assert!(after.max_capacity >= settings.max_capacity);
        prop_assert!(after.min_capacity <= after.max_capacity);
        if after.min_capacity < settings.min_capacity {
            prop_assert!(after.min_capacity >= least);
            prop_assert_eq!(after.min_capacity + 1, settings.min_capacity);
        }
        let (one, other) = (settings.target.unwrap(), after.target.unwrap());
        prop_assert!((one - other).abs() <= 5.0);
        prop_assert!(other >= one || other >= optimization::LEAST_TARGET);
        prop_assert!(other <= one || other <= optimization::HIGHEST_TARGET);
        prop_assert!(after.scale_in_cooldown == settings.scale_in_cooldown || after.scale_in_cooldown <= 1_800);
        if proposal.capacity == Capacity::Lowers {
            prop_assert!(effectiveness.stats.saturation_percent < 0.1);
        }
        prop_assert!((0.0..=1.0).contains(&proposal.confidence));
    }
}

#[test]
fn a_history_with_gaps_decides_nothing() {
    let load = demand(14, 2.0, day);
    let values = load.history().values().iter().enumerate();
    let values = values.map(|(minute, tasks)| tasks.filter(|_| minute % 3 > 0).map(|tasks| tasks * 512.0)).collect();
    let gaps = Demand::of_units(&History::new(0, 60, values), 512);
    let reasons = nothing(about(&entry(20, 2), &gaps, &tracking(60.0, 1, 5, (2, 20)), |_| {}));
    assert!(reasons[0].contains("67 % of the time"), "{reasons:?}");
}

/// A week of a shop: a sine with its low at night, and less at the weekend.
fn shop(minute: usize) -> f64 {
    let turn = (minute % DAY) as f64 / DAY as f64 - 0.1;
    let day = 3.0 - 2.2 * (2.0 * std::f64::consts::PI * turn).cos();
    if minute / DAY % 7 > 4 { 0.6 * day } else { day }
}

#[test]
fn each_kind_of_load_has_its_own_answer() {
    let cases: [(&str, Demand, Settings, &str); 6] = [
        ("daily and weekly", demand(14, 5.0, shop), tracking(60.0, 1, 5, (2, 7)), "raise-maximum"),
        (
            "trend",
            demand(14, 5.0, |minute| shop(minute) * (1.0 + minute as f64 / 40_000.0)),
            tracking(60.0, 1, 5, (2, 9)),
            "raise-maximum",
        ),
        (
            "level shift",
            demand(14, 5.0, |minute| if minute > 7 * DAY { 9.0 } else { 3.0 }),
            tracking(60.0, 1, 5, (2, 8)),
            "raise-maximum",
        ),
        (
            "bursts every 45 minutes",
            demand(14, 5.0, |minute| shop(minute) * if minute % 45 < 8 { 1.7 } else { 1.0 }),
            tracking(70.0, 1, 0, (2, 40)),
            "raise-minimum",
        ),
        ("flat", demand(14, 5.0, |_| 1.2), tracking(50.0, 1, 5, (8, 12)), "lower-minimum"),
        (
            "nightly batch",
            demand(14, 5.0, |minute| if (120..165).contains(&(minute % DAY)) { 9.0 } else { 1.0 }),
            tracking(60.0, 1, 5, (2, 20)),
            "schedule-minimum",
        ),
    ];
    for (name, load, settings, wanted) in cases {
        let (proposal, _) = proposed(about(&entry(60, 2), &load, &settings, |_| {}));
        assert_eq!(proposal.id, wanted, "{name}: {}", proposal.summary);
    }
}
