//! Verdicts of replays.

use super::{day, demand, lived, tracking};
use crate::error::Kind;
use crate::history::History;
use crate::price::tests::rate;
use crate::proposal::{Capacity, Settings};
use crate::scaling::demand::Demand;
use crate::scaling::effectiveness::Stats;
use crate::scaling::gate::{Replay, Replayed, Run, Runs, Side, Verdict, judge};
use crate::scaling::simulator::simulate;
use serde_json::json;

fn side(saturation: f64, cost: f64, reversals: f64) -> Side {
    let stats = Stats { saturation_percent: saturation, reversals_per_day: reversals, ..Stats::default() };
    Side { stats, cost_per_day: cost, target: 60.0 }
}

#[test]
fn no_worse_and_something_better_passes() {
    let now = side(1.0, 10.0, 4.0);
    let verdict = |proposed: Side, capacity| judge(&now, &proposed, capacity).0;
    assert_eq!(verdict(side(1.0, 9.0, 4.0), Capacity::Lowers), Verdict::Pass);
    assert_eq!(verdict(side(1.0, 11.0, 3.0), Capacity::Neutral), Verdict::Pass);
    assert_eq!(verdict(side(0.5, 12.0, 5.0), Capacity::Raises), Verdict::Pass);
    assert_eq!(verdict(side(0.5, 12.0, 5.0), Capacity::Neutral), Verdict::Fail, "less saturation is for raises");
    assert_eq!(verdict(side(1.1, 1.0, 0.0), Capacity::Lowers), Verdict::Fail, "no price buys saturation");
    assert_eq!(verdict(now, Capacity::Raises), Verdict::Fail, "nothing is better");
    let (_, reasons) = judge(&now, &side(1.1, 1.0, 0.0), Capacity::Lowers);
    assert_eq!(reasons, ["saturated for 1.10 % of the time instead of 1.00 %"]);
}

fn replay(demand: &Demand, current: &Settings, proposed: &Settings, observed: Option<Stats>) -> Replay {
    let (one, other) = (simulate(demand, current, 2).unwrap(), simulate(demand, proposed, 2).unwrap());
    let run = |settings, record| Run { settings, record, price_per_task_hour: rate().hour(512, 1_024) };
    let runs = Runs { current: run(current, &one), proposed: run(proposed, &other) };
    let observed = observed.unwrap_or_else(|| lived(demand, current, 2).1.stats);
    Replay::of(demand, &runs, Capacity::Lowers, &observed, 0)
}

#[test]
fn a_replay_says_what_a_month_saves() {
    let load = demand(14, 5.0, day);
    let found = replay(&load, &tracking(40.0, 1, 5, (2, 40)), &tracking(45.0, 1, 5, (2, 40)), None);
    assert_eq!((found.verdict, found.coverage), (Verdict::Pass, 1.0), "{:?}", found.reasons);
    let hours = found.current.task_hours_per_day - found.proposed.task_hours_per_day;
    let month = hours / 24.0 * 18.02;
    assert!((found.saving_per_month - month).abs() < 0.01 * month, "{} {month}", found.saving_per_month);
    let busiest = found.to_json()["busiestHour"].as_u64().unwrap() % 24;
    assert!((12..=14).contains(&busiest), "the high of the sine is at 13:12: {busiest}");
}

#[test]
fn a_sizing_is_replayed_in_its_own_tasks() {
    let load = demand(14, 5.0, day);
    let current = tracking(60.0, 1, 5, (2, 40));
    let twice = Settings { cpu_units: 1_024, memory_mib: 2_048, ..current.clone() };
    let found = replay(&load, &current, &twice, None);
    let ratio = found.proposed.task_hours_per_day / found.current.task_hours_per_day;
    assert!((0.5..0.62).contains(&ratio), "half as many tasks, rounded up: {ratio}");
}

#[test]
fn too_little_says_nothing() {
    let settings = tracking(60.0, 1, 5, (2, 40));
    let gaps = demand(14, 5.0, day);
    let known = gaps.history().values().iter().enumerate();
    let values = known.map(|(minute, tasks)| tasks.filter(|_| minute % 4 > 0).map(|tasks| tasks * 512.0)).collect();
    let gaps = Demand::of_units(&History::new(0, 60, values), 512);
    let found = replay(&gaps, &settings, &settings, None);
    assert_eq!((found.verdict, found.reasons[0].starts_with("only 75 %")), (Verdict::Inconclusive, true));
    let short = replay(&demand(3, 5.0, day), &settings, &settings, None);
    assert!(short.reasons[0].contains("a week is needed"), "{:?}", short.reasons);
    let strange = Stats { task_hours_per_day: 1_000.0, ..Stats::default() };
    let found = replay(&demand(14, 5.0, day), &settings, &settings, Some(strange));
    assert!(found.reasons[0].contains("does not describe this service"), "{:?}", found.reasons);
}

#[test]
fn only_a_replay_that_passed_is_read_for_a_plan() {
    let read = |replay| Replayed::of_payload(&json!({"replay": replay}));
    let passed = read(json!({"verdict": "PASS", "busiestHour": 36.0, "reasons": []})).unwrap();
    assert_eq!(passed, Replayed { busiest_hour: Some(36) });
    assert_eq!(read(json!({"verdict": "FAIL"})).unwrap_err().kind(), Kind::PreconditionFailed);
    assert_eq!(read(json!({"verdict": "INCONCLUSIVE"})).unwrap_err().kind(), Kind::PreconditionFailed);
    let error = read(json!({"verdict": "PASS", "busiestHour": 168})).unwrap_err();
    assert_eq!(error.message(), "replay.busiestHour must be between 0 and 167");
    assert_eq!(read(json!(null)).unwrap_err().message(), "replay is missing: add it");
}

#[test]
fn one_step_of_many_passes_where_much_is_missing() {
    let now = side(40.0, 10.0, 0.0);
    let less = |percent| {
        let mut step = side(40.0, 12.0, 0.0);
        step.stats.p99_utilization = percent - 20.0;
        step
    };
    let mut full = now;
    full.stats.p99_utilization = 100.0;
    assert_eq!(judge(&full, &less(100.0), Capacity::Raises).0, Verdict::Pass);
    assert_eq!(judge(&full, &less(120.0), Capacity::Raises).0, Verdict::Fail);
    assert_eq!(judge(&full, &less(100.0), Capacity::Neutral).0, Verdict::Fail);
}

#[test]
fn as_long_but_more_saturated_is_worse() {
    let at = |percent, target| {
        let mut side = side(10.0, 10.0, 0.0);
        (side.stats.p99_utilization, side.target) = (percent, target);
        side
    };
    let cheaper = |side: Side| Side { cost_per_day: 9.0, ..side };
    let verdict = |one: Side, other: Side| judge(&one, &cheaper(other), Capacity::Lowers).0;
    assert_eq!(verdict(at(80.0, 60.0), at(96.0, 60.0)), Verdict::Fail);
    assert_eq!(verdict(at(64.0, 60.0), at(69.0, 65.0)), Verdict::Pass, "it rises with the target");
    assert_eq!(verdict(at(20.0, 60.0), at(40.0, 60.0)), Verdict::Pass, "below the target nothing is missing");
}
