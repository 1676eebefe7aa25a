use super::*;
use crate::history::WEEK_MS;
use crate::performance::observed::tests::{START, daily, noise};

const PERIODS: usize = 23 * 288;
const ACTED: usize = 21 * 288;

/// Three weeks, a change, and the day after it, whose last `hours` are known.
fn change(hours: usize, value: impl Fn(&str, usize) -> f64) -> Change {
    let known = ACTED + hours * 12;
    let history = |name: &str| {
        History::new(START, 300, (0..PERIODS).map(|at| Some(value(name, at)).filter(|_| at < known)).collect())
    };
    let time = |at: usize| START + i64::try_from(at).unwrap() * 300_000;
    Change {
        acted_at: time(ACTED),
        observe_until: time(ACTED) + DAY_MS,
        give_up_at: time(ACTED) + 2 * DAY_MS,
        at: time(known),
        limits: Limits { latency_p95_ms: Some(400.0), ..Limits::default() },
        metrics: Metrics {
            cpu: history("cpu"),
            memory: history("memory"),
            latency: history("latency"),
            requests: history("requests"),
            errors: history("errors"),
            rejected: History::default(),
            running: history("running"),
            desired: history("running"),
        },
        ..Change::default()
    }
}

fn sound(name: &str, at: usize) -> f64 {
    match name {
        "cpu" => 30.0 + 35.0 * daily(at) + 4.0 * noise(at),
        "memory" => 50.0,
        "latency" => 120.0 + 60.0 * daily(at) + 20.0 * noise(at + 3),
        "requests" => 6_000.0 + 9_000.0 * daily(at) + 100.0 * noise(at + 5),
        "errors" => 3.0,
        _ => 4.0,
    }
}

fn verdict(change: &Change) -> Verdict {
    judge(change).verdict
}

#[test]
fn an_unchanged_service_is_observed_and_then_kept() {
    let early = judge(&change(12, sound));
    assert_eq!((early.verdict, early.next_look_seconds), (Verdict::Continue, 3_600));
    let kept = judge(&change(24, sound));
    assert_eq!(kept.verdict, Verdict::Keep, "{:?}", kept.reasons);
    assert_eq!(kept.next_look_seconds, 0);
    assert!(kept.metrics.iter().any(|metric| metric.name == "task hours per day" && metric.after == Some(96.0)));
}

#[test]
fn what_gets_worse_at_equal_load_is_taken_back() {
    let slower = |name: &str, at: usize| sound(name, at) * if name == "latency" && at >= ACTED { 1.5 } else { 1.0 };
    assert_eq!(verdict(&change(24, slower)), Verdict::Revert);
    let failing = |name: &str, at: usize| if name == "errors" && at >= ACTED { 60.0 } else { sound(name, at) };
    assert_eq!(verdict(&change(24, failing)), Verdict::Revert);
    let full = |name: &str, at: usize| match name {
        "cpu" if at >= ACTED && daily(at) > 0.9 && !at.is_multiple_of(3) => 97.0,
        _ => sound(name, at),
    };
    let judged = judge(&change(24, full));
    assert_eq!(judged.verdict, Verdict::Revert, "{:?}", judged.reasons);
    assert!(judged.reasons[0].starts_with("saturation %"), "{:?}", judged.reasons);
}

#[test]
fn more_load_is_not_the_changes_fault_and_unknown_load_is_not_judged() {
    let busier = |factor: f64| {
        move |name: &str, at: usize| {
            let load = daily(at).mul_add(9_000.0, 6_000.0) * if at >= ACTED { factor } else { 1.0 };
            match name {
                "requests" => load,
                "latency" => 80.0 + load / 50.0 + 10.0 * noise(at),
                _ => sound(name, at),
            }
        }
    };
    let kept = judge(&change(24, busier(1.1)));
    assert_eq!(kept.verdict, Verdict::Keep, "{:?}", kept.reasons);
    let unlike = judge(&change(24, busier(2.0)));
    assert_eq!(unlike.verdict, Verdict::Continue, "{:?}", unlike.reasons);
    assert!(unlike.reasons[0].contains("unlike"), "{:?}", unlike.reasons);
}

#[test]
fn a_hard_limit_ends_the_observation_at_once_unless_it_is_nothing_new() {
    let hot = |since: usize| {
        move |name: &str, at: usize| if name == "cpu" && at % 288 > 270 && at >= since { 98.0 } else { sound(name, at) }
    };
    let judged = judge(&change(22, hot(ACTED)));
    assert_eq!(judged.verdict, Verdict::Continue, "not yet");
    let judged = judge(&change(24, hot(ACTED)));
    assert!(
        judged.verdict == Verdict::Revert && judged.reasons[0].starts_with("the processor"),
        "{:?}",
        judged.reasons
    );
    assert_ne!(verdict(&change(24, hot(0))), Verdict::Revert, "it was so before");
    let mut killed = change(2, sound);
    killed.killed = vec![killed.acted_at + 60_000];
    assert_eq!(verdict(&killed), Verdict::Revert);
}

#[test]
fn what_is_unknown_never_passes() {
    let mut deployed = change(24, sound);
    deployed.deployments = vec![Release { at: deployed.acted_at + HOUR_MS, name: "api:9".to_owned() }];
    let judged = judge(&deployed);
    assert_eq!(judged.verdict, Verdict::Continue);
    assert!(judged.reasons[0].starts_with("deployment api:9 came into"), "{:?}", judged.reasons);
    deployed.give_up_at = deployed.at;
    assert_eq!(verdict(&deployed), Verdict::Revert);
    deployed.deployments[0].at = deployed.acted_at + 60_000;
    assert_eq!(verdict(&deployed), Verdict::Keep, "its own");

    let mut gaps = change(24, sound);
    let from = gaps.acted_at + HOUR_MS;
    gaps.metrics.cpu = gaps.metrics.cpu.without(&[(from, from + 8 * HOUR_MS)]);
    assert_eq!(verdict(&gaps), Verdict::Continue);
    let mut young = change(24, sound);
    young.metrics.cpu = young.metrics.cpu.without(&[(START, START + 3 * WEEK_MS)]);
    assert_eq!(verdict(&young), Verdict::Continue, "nothing before");
    let nothing = Change { at: 10, give_up_at: 10, ..Change::default() };
    assert_eq!(verdict(&nothing), Verdict::Revert);
}
