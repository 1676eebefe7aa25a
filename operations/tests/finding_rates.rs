//! The findings' error rates stay within their bounds. The example `finding_rates` measures them with more seeds.

#[path = "../examples/finding_rates/changes.rs"]
mod changes;
#[path = "../examples/judge_rates/random.rs"]
mod random;
#[path = "../examples/finding_rates/traces.rs"]
mod traces;

use changes::{Effect, outcome};
use operations::performance::judgement::Verdict;
use operations::performance::{Rule, findings};
use traces::{Load, began, follows, service};

/// Services of each load.
const SEEDS: u64 = 4;

/// The services of a fault, by seed and load.
fn services(fault: Option<Rule>) -> impl Iterator<Item = (u64, Vec<operations::performance::Finding>)> {
    let number = fault.map_or(9, |rule| rule as u64);
    let seeds = Load::ALL.into_iter().enumerate();
    seeds.flat_map(move |(which, load)| {
        (0..SEEDS).map(move |seed| {
            let seed = 77_000_000 + 1_000_000 * number + 10_000 * which as u64 + seed;
            (seed, findings(&service(seed, load, fault)))
        })
    })
}

#[test]
fn every_fault_is_found_and_nothing_else() {
    let mut alarms = [0_u32; 9];
    let mut sound = [0_u32; 9];
    for fault in Rule::ALL.into_iter().map(Some).chain([None]) {
        let all: Vec<_> = services(fault).collect();
        for (index, rule) in Rule::ALL.into_iter().enumerate() {
            let hits = all.iter().filter(|(_, found)| found.iter().any(|finding| finding.rule == rule)).count();
            if fault == Some(rule) {
                assert!(hits as f64 >= 0.95 * all.len() as f64, "{}: {hits} of {}", rule.name(), all.len());
            } else if !follows(rule, fault) {
                alarms[index] += u32::try_from(hits).unwrap();
                sound[index] += u32::try_from(all.len()).unwrap();
            }
        }
    }
    for (index, rule) in Rule::ALL.into_iter().enumerate() {
        let share = f64::from(alarms[index]) / f64::from(sound[index]);
        assert!(share <= 0.02, "{}: {} of {} without the fault", rule.name(), alarms[index], sound[index]);
    }
}

#[test]
fn a_regression_is_dated_and_its_deployment_named() {
    let mut right = 0;
    let mut all = 0;
    for (seed, found) in services(Some(Rule::Regression)) {
        let Some(finding) = found.into_iter().find(|finding| finding.rule == Rule::Regression) else { continue };
        let at = operations::time::parse(&serde_json::json!(finding.evidence[0].at)).unwrap();
        all += 1;
        right += u32::from((at - began(seed)).abs() <= 30 * 60_000 && finding.summary.contains("after deploy api:2"));
    }
    assert!(f64::from(right) >= 0.9 * f64::from(all), "{right} of {all}");
}

#[test]
fn a_change_that_harms_is_never_kept_and_one_that_does_nothing_rarely_taken_back() {
    let share =
        |effect, verdict| (0..100).filter(|seed| outcome(5_000 + seed, effect) == verdict).count() as f64 / 100.0;
    for effect in Effect::ALL {
        match effect {
            Effect::Saturates | Effect::Slow | Effect::Slower | Effect::Errors => {
                assert_eq!(share(effect, Verdict::Keep), 0.0, "{}", effect.name());
            }
            Effect::None | Effect::MoreLoad | Effect::Raises | Effect::LowersIdle => {
                let reverted = share(effect, Verdict::Revert);
                assert!(reverted <= 0.03, "{}: {reverted}", effect.name());
            }
        }
    }
}
