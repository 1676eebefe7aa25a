//! The judge's error rates stay within their bounds. The example `judge_rates` measures them with more rounds.

#[path = "../examples/judge_rates/random.rs"]
mod random;
#[path = "../examples/judge_rates/simulation.rs"]
mod simulation;

use simulation::{Random, levels, rate, requests, watch_latency, watch_ratio};

fn latency_rate(rounds: u32, minutes: usize, rho: f64, factor: f64) -> f64 {
    let (rate, _) = rate(rounds, &mut Random::new(11), |random| {
        let green = levels(random, minutes, rho, factor);
        watch_latency(&green, &levels(random, minutes, rho, 1.0))
    });
    rate
}

fn ratio_rate(rounds: u32, traffic: (u64, u64), before: f64, after: f64) -> f64 {
    let (rate, _) = rate(rounds, &mut Random::new(12), |random| {
        let green = requests(random, 15, traffic.0, |_| after);
        watch_ratio(&green, &requests(random, 15, traffic.1, |_| before))
    });
    rate
}

#[test]
fn an_unchanged_latency_rarely_alarms_even_when_its_minutes_depend_on_each_other() {
    for (minutes, rho) in [(15, 0.0), (15, 0.3), (15, 0.6), (30, 0.6)] {
        let alarms = latency_rate(600, minutes, rho, 1.0);
        assert!(alarms <= 0.03, "{minutes} minutes at {rho}: {alarms}");
    }
}

#[test]
fn a_doubled_latency_is_found() {
    let found = latency_rate(100, 15, 0.0, 2.0);
    assert!(found >= 0.9, "15 minutes, independent: {found}");
    let found = latency_rate(100, 30, 0.6, 2.0);
    assert!(found >= 0.75, "30 minutes at 0.6: {found}");
}

#[test]
fn errors_alarm_when_they_rise_and_rarely_otherwise() {
    let found = ratio_rate(100, (2000, 2000), 0.001, 0.005);
    assert!(found >= 0.95, "{found}");
    for traffic in [(20, 20), (200, 200), (2000, 2000), (25, 475), (100, 1900)] {
        let alarms = ratio_rate(200, traffic, 0.001, 0.001);
        assert!(alarms <= 0.03, "{traffic:?} requests per minute: {alarms}");
    }
}
