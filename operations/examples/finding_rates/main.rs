//! How often the findings are wrong: `cargo run --release -p operations --example finding_rates` prints the tables of
//! `operations/src/performance/README.md`. Every run prints the same; it takes about two minutes.

mod changes;
#[path = "../judge_rates/random.rs"]
mod random;
mod traces;

use changes::{Effect, outcome};
use operations::performance::judgement::Verdict;
use operations::performance::{Rule, findings};
use traces::{Load, began, follows, service};

/// Services of each load, with each fault and without.
const SEEDS: u64 = 40;

/// Changes of each effect.
const CHANGES: u64 = 600;

fn main() {
    finding_table();
    judgement_table();
}

fn finding_table() {
    let mut found = [[0_u32; 2]; 9];
    let mut quiet = [[0_u32; 2]; 9];
    let mut placed = (0_u32, 0_u32);
    let faults = Rule::ALL.into_iter().map(Some).chain([None, None]);
    for (number, fault) in faults.enumerate() {
        for (which, load) in Load::ALL.into_iter().enumerate() {
            for seed in 0..SEEDS {
                let seed = 1_000_000 * number as u64 + 10_000 * which as u64 + seed;
                let all = findings(&service(seed, load, fault));
                for (index, rule) in Rule::ALL.into_iter().enumerate().filter(|(_, rule)| !follows(*rule, fault)) {
                    let hit = u32::from(all.iter().any(|finding| finding.rule == rule));
                    let table = if fault == Some(rule) { &mut found } else { &mut quiet };
                    table[index][0] += hit;
                    table[index][1] += 1;
                }
                if let Some(one) = all.iter().find(|one| one.rule == Rule::Regression && fault == Some(one.rule)) {
                    placed.1 += 1;
                    placed.0 += u32::from(one.summary.contains("after deploy api:2") && began(seed) > 0);
                }
            }
        }
    }
    println!("| rule | recall | false positives | precision |\n|---|---|---|---|");
    let percent = |part: u32, whole: u32| 100.0 * f64::from(part) / f64::from(whole.max(1));
    for (index, rule) in Rule::ALL.into_iter().enumerate() {
        let ([hits, faults], [alarms, sound]) = (found[index], quiet[index]);
        println!(
            "| {} | {:.1} % | {:.1} % | {:.1} % |",
            rule.name(),
            percent(hits, faults),
            percent(alarms, sound),
            percent(hits, hits + alarms)
        );
    }
    println!("\nRegressions matched to their deployment: {:.1} %", percent(placed.0, placed.1));
}

fn judgement_table() {
    println!("\n| change | KEEP | REVERT |\n|---|---|---|");
    for effect in Effect::ALL {
        let all: Vec<Verdict> = (0..CHANGES).map(|seed| outcome(seed, effect)).collect();
        let share = |verdict| 100.0 * all.iter().filter(|one| **one == verdict).count() as f64 / all.len() as f64;
        let row = [Verdict::Keep, Verdict::Revert].map(|verdict| format!("{:.1} %", share(verdict)));
        println!("| {} | {} |", effect.name(), row.join(" | "));
    }
}
