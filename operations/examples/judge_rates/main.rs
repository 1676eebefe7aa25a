//! How often the judge is wrong: `cargo run --release -p operations --example judge_rates` prints the tables of
//! `operations/src/judge/README.md`. Every run prints the same; it takes about two minutes.

mod random;
mod simulation;

use operations::judge::{Baseline, Count, Events, Gauge, HardLimit, Kind, Latency, Leak, Metric, Ratio};
use simulation::{Random, levels, rate, requests, so_far, watch, watch_latency, watch_ratio};

/// Rounds of a case without a change: the rate is known to ±0.3 points at 2 % (two standard errors).
const QUIET_ROUNDS: u32 = 10_000;
/// Rounds of a case with a change: the rate is known to ±2 points.
const LOUD_ROUNDS: u32 = 2_000;

fn main() {
    latency_table();
    ratio_table();
    other_table();
}

fn rounds(quiet: bool) -> u32 {
    if quiet { QUIET_ROUNDS } else { LOUD_ROUNDS }
}

/// A rate and, behind an `@`, the mean look at which a failure is seen.
fn cell((rate, look): (f64, f64)) -> String {
    if rate == 0.0 { "0.0".to_owned() } else { format!("{:.1} @{look:.1}", 100.0 * rate) }
}

fn latency_table() {
    println!("| minutes | ρ | no change | 1.2× | 1.5× | 2.0× |\n|---|---|---|---|---|---|");
    for minutes in [12, 15, 30, 60] {
        for rho in [0.0, 0.3, 0.6] {
            let row = [1.0, 1.2, 1.5, 2.0].map(|factor| {
                let mut random = Random::new(1);
                cell(rate(rounds(factor == 1.0), &mut random, |random| {
                    let green = levels(random, minutes, rho, factor);
                    watch_latency(&green, &levels(random, minutes, rho, 1.0))
                }))
            });
            println!("| {minutes} | {rho} | {} |", row.join(" | "));
        }
    }
}

fn ratio_table() {
    println!("\n| green/min | blue/min | 0.03 → 0.03 % | 0.1 → 0.1 % | 1 → 1 % | 0.1 → 0.5 % | 1 → 3 % |");
    println!("|---|---|---|---|---|---|---|");
    let traffic = [(20, 20), (200, 200), (2000, 2000), (25, 475), (100, 1900), (500, 1500)];
    let shares = [(0.0003, 0.0003), (0.001, 0.001), (0.01, 0.01), (0.001, 0.005), (0.01, 0.03)];
    for (green_traffic, blue_traffic) in traffic {
        let row = shares.map(|(before, after)| {
            let mut random = Random::new(2);
            cell(rate(rounds(before == after), &mut random, |random| {
                let green = requests(random, 15, green_traffic, |_| after);
                watch_ratio(&green, &requests(random, 15, blue_traffic, |_| before))
            }))
        });
        println!("| {green_traffic} | {blue_traffic} | {} |", row.join(" | "));
    }
}

type Trial = fn(&mut Random) -> Option<u32>;

fn other_table() {
    let cases: [(&str, bool, Trial); 13] = [
        ("errors of 0.1 % in bursts that hit both sides, 2000/min", true, |random| bursts(random, true)),
        ("the same, bursts hit one side at a time", true, |random| bursts(random, false)),
        ("two latencies at ρ 0.6, errors and memory, nothing changed, 15 min", true, |random| family(random, 2, 15)),
        ("the same, 30 min", true, |random| family(random, 2, 30)),
        ("five latencies at ρ 0.6, errors and memory, nothing changed, 15 min", true, |random| family(random, 5, 15)),
        ("the same, 30 min", true, |random| family(random, 5, 30)),
        ("memory at 60 % of 90 %, ρ 0.6, level, 30 min", true, |random| memory(random, 30, 0.6, 0.0)),
        ("the same at ρ 0.95", true, |random| memory(random, 30, 0.95, 0.0)),
        ("the same, warming up by 20 points with a time constant of 10 minutes", true, warming),
        ("memory rising 12 points/h, ρ 0.6, 30 min", false, |random| memory(random, 30, 0.6, 12.0)),
        ("the same, 60 min", false, |random| memory(random, 60, 0.6, 12.0)),
        ("restarts, 0.2 per minute on both sides, 30 min", true, |random| restarts(random, 0.2)),
        ("restarts, 0.6 per minute against 0.2, 30 min", false, |random| restarts(random, 0.6)),
    ];
    println!("\n| case | fails |\n|---|---|");
    for (name, quiet, trial) in cases {
        println!("| {name} | {} |", cell(rate(rounds(quiet), &mut Random::new(3), trial)));
    }
}

/// One minute in ten has ten times the errors of the others.
fn bursts(random: &mut Random, shared: bool) -> Option<u32> {
    let storm = |random: &mut Random| (0..15).map(|_| random.uniform() < 0.1).collect::<Vec<_>>();
    let share = |storm: bool| if storm { 0.01 / 1.9 } else { 0.001 / 1.9 };
    let green_storm = storm(random);
    let blue_storm = if shared { green_storm.clone() } else { storm(random) };
    let green = requests(random, 15, 2000, |minute| share(green_storm[minute]));
    watch_ratio(&green, &requests(random, 15, 2000, |minute| share(blue_storm[minute])))
}

/// Metrics that are independent of each other, none of them changed.
fn family(random: &mut Random, latencies: usize, minutes: usize) -> Option<u32> {
    let mut level = |factor| levels(random, minutes, 0.6, factor);
    let pairs: Vec<_> = (0..latencies).map(|_| (level(1.0), level(1.0))).collect();
    let used: Vec<_> = level(0.02).into_iter().map(|point| point.map(|noise| 58.0 + noise)).collect();
    let (green, blue) = (requests(random, minutes, 200, |_| 0.01), requests(random, minutes, 200, |_| 0.01));
    watch(|look| {
        let latency = |(green, blue): &(Vec<_>, Vec<_>)| {
            let baseline = Baseline::Concurrent(so_far(blue, look));
            Metric::new("latency", "ms", Kind::Latency(Latency::new(so_far(green, look), baseline)))
        };
        let ratio = Ratio::new(so_far(&green, look), Baseline::Concurrent(so_far(&blue, look)));
        let errors = Metric::new("errors", "%", Kind::Ratio(ratio));
        pairs.iter().map(latency).chain([errors, memory_metric(so_far(&used, look))]).collect()
    })
}

fn memory_metric(series: Vec<Option<f64>>) -> Metric {
    let gauge = Gauge::new(series, 60, HardLimit::new(90.0));
    Metric::new("memory", "%", Kind::Gauge(Gauge { leak: Some(Leak::default()), ..gauge }))
}

fn watch_memory(series: &[Option<f64>]) -> Option<u32> {
    watch(|look| vec![memory_metric(so_far(series, look))])
}

/// Memory with a noise of about 0.6 points, rising by so many points per hour.
fn memory(random: &mut Random, minutes: usize, rho: f64, per_hour: f64) -> Option<u32> {
    let noise = levels(random, minutes, rho, 0.02);
    let rising =
        |(minute, noise): (usize, &Option<f64>)| noise.map(|noise| 58.0 + noise + per_hour * minute as f64 / 60.0);
    watch_memory(&noise.iter().enumerate().map(rising).collect::<Vec<_>>())
}

fn warming(random: &mut Random) -> Option<u32> {
    let noise = levels(random, 30, 0.6, 0.02);
    let warm = |(minute, noise): (usize, &Option<f64>)| {
        noise.map(|noise| 58.0 + noise - 20.0 * (-(minute as f64) / 10.0).exp())
    };
    watch_memory(&noise.iter().enumerate().map(warm).collect::<Vec<_>>())
}

fn restarts(random: &mut Random, per_minute: f64) -> Option<u32> {
    let mut side = |per_minute: f64| {
        let counted = requests(random, 30, 1000, |_| per_minute / 1000.0).into_iter().flatten();
        counted.map(|minute| Some(Events { events: minute.errors, exposure: 1.0 })).collect::<Vec<_>>()
    };
    let (green, blue) = (side(per_minute), side(0.2));
    watch(|look| {
        let count = Count::new(so_far(&green, look), Baseline::Concurrent(so_far(&blue, look)));
        vec![Metric::new("restarts", "", Kind::Count(count))]
    })
}
