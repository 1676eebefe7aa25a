//! The performance score: 100 less what is wrong, each penalty shown.

use super::findings::imbalance_share;
use super::observed::Observed;
use crate::history::History;
use crate::judge::text;
use serde::Serialize;

/// The least part of the data that must be known for a score.
pub const LEAST_COVERAGE: f64 = 0.8;
/// The share of the time that costs all points of saturation, and of latency: a tenth.
const WORST_SHARE: f64 = 0.1;
/// How many times its objective the error rate costs all points of errors.
const WORST_ERRORS: f64 = 5.0;
/// The objective for errors where the catalogue has none, percent.
const ERROR_PERCENT: f64 = 1.0;
/// The share of the day that costs all points of imbalance.
const WORST_IMBALANCE: f64 = 0.5;

/// What a fault costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Penalty {
    /// `saturation`, `latency`, `errors` or `imbalance`.
    pub name: &'static str,
    /// The points lost, to a tenth: at most 40, 30, 20 and 10.
    pub points: f64,
    /// Why, or why not.
    pub reason: String,
}

/// The score of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// 0 to 100; absent when too little is known.
    pub score: Option<f64>,
    /// The part of the data that is known, 0 to 1.
    pub coverage: f64,
    /// The four penalties, also those of no points.
    pub penalties: Vec<Penalty>,
}

/// Scores a service.
pub fn score(observed: &Observed) -> Score {
    let penalties = vec![saturation(observed), latency(observed), errors(observed), imbalance(observed)];
    let lost: f64 = penalties.iter().map(|penalty| penalty.points).sum();
    let coverage = coverage(observed);
    let score = ((100.0 - lost) * 10.0).round() / 10.0;
    let score = (coverage >= LEAST_COVERAGE).then_some(score);
    Score { score, coverage: (coverage * 1_000.0).round() / 1_000.0, penalties }
}

/// The least coverage of the metrics that a service of its kind has.
fn coverage(observed: &Observed) -> f64 {
    let edge = [&observed.requests, &observed.latency.p95];
    let behind_balancer = !observed.requests.is_empty();
    let metrics = [&observed.cpu, &observed.memory].into_iter().chain(edge.into_iter().filter(|_| behind_balancer));
    metrics.map(|history| with_traffic(history, observed)).fold(1.0, f64::min)
}

/// Coverage of a history. No latency exists where there were no requests: such periods are no gaps.
fn with_traffic(history: &History, observed: &Observed) -> f64 {
    let idle = observed.requests.known().filter(|(_, requests)| *requests == 0.0);
    let idle = idle.filter(|(at, _)| history.value_at(*at).is_none()).count();
    let (all, known) = (history.len(), history.values().iter().flatten().count());
    if all == 0 { 0.0 } else { (known as f64 + idle as f64).min(all as f64) / all as f64 }
}

fn penalty(name: &'static str, most: f64, part: f64, reason: String) -> Penalty {
    Penalty { name, points: (most * part.clamp(0.0, 1.0) * 10.0).round() / 10.0, reason }
}

fn saturation(observed: &Observed) -> Penalty {
    let (cpu, memory) = (observed.limits.cpu_percent, observed.limits.memory_percent);
    let share = |history: &History, limit: f64| history.share(|value| value > limit).unwrap_or(0.0);
    let (busy, full) = (share(&observed.cpu, cpu), share(&observed.memory, memory));
    let reason = format!(
        "CPU above {} % for {} % of the time, memory above {} % for {} %",
        text::number(cpu),
        text::number(100.0 * busy),
        text::number(memory),
        text::number(100.0 * full)
    );
    penalty("saturation", 40.0, busy.max(full) / WORST_SHARE, reason)
}

fn latency(observed: &Observed) -> Penalty {
    let Some(objective) = observed.limits.latency_p95_ms else {
        let reason = "no objective: set slo.latencyP95Ms in the catalogue".to_owned();
        return penalty("latency", 30.0, 0.0, reason);
    };
    let share = observed.latency.p95.share(|value| value > objective).unwrap_or(0.0);
    let reason =
        format!("p95 latency above {} ms for {} % of the time", text::number(objective), text::number(100.0 * share));
    penalty("latency", 30.0, share / WORST_SHARE, reason)
}

fn errors(observed: &Observed) -> Penalty {
    let Some(percent) = observed.error_percent() else {
        return penalty("errors", 20.0, 0.0, "no requests are known".to_owned());
    };
    let objective = observed.limits.error_rate_percent.unwrap_or(ERROR_PERCENT);
    let reason = format!("{} % of requests failed, objective {} %", text::number(percent), text::number(objective));
    // Within the objective errors cost nothing.
    penalty("errors", 20.0, (percent / objective - 1.0) / (WORST_ERRORS - 1.0), reason)
}

fn imbalance(observed: &Observed) -> Penalty {
    match imbalance_share(&observed.tasks) {
        Some(share) => {
            let reason = format!(
                "the busiest task does more than 1.8 times the mean for {} % of the day",
                text::number(100.0 * share)
            );
            penalty("imbalance", 10.0, share / WORST_IMBALANCE, reason)
        }
        None => {
            penalty("imbalance", 10.0, 0.0, "the tasks are not known one by one, or had nothing to share".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::{PERIODS, START, daily, history, sound};

    #[test]
    fn a_sound_service_has_all_points_and_every_penalty_is_shown() {
        let scored = score(&sound());
        assert_eq!((scored.score, scored.coverage), (Some(100.0), 1.0));
        let names: Vec<_> = scored.penalties.iter().map(|penalty| penalty.name).collect();
        assert_eq!(names, ["saturation", "latency", "errors", "imbalance"]);
    }

    #[test]
    fn faults_cost_what_they_are_worth() {
        let mut observed = sound();
        observed.cpu = history(|at| if at % 20 == 0 { 90.0 } else { 50.0 });
        observed.latency.p95 = history(|at| if at % 2 == 0 { 900.0 } else { 100.0 });
        observed.requests = history(|_| 1_000.0);
        observed.errors = history(|_| 30.0);
        let scored = score(&observed);
        let points: Vec<_> = scored.penalties.iter().map(|penalty| penalty.points).collect();
        assert_eq!(points, [20.0, 30.0, 10.0, 0.0]);
        assert_eq!(scored.score, Some(40.0));
    }

    #[test]
    fn without_the_data_there_is_no_score() {
        let mut observed = sound();
        observed.cpu = History::new(START, 300, (0..PERIODS).map(|at| Some(50.0).filter(|_| at % 4 > 0)).collect());
        assert_eq!((score(&observed).score, score(&observed).coverage), (None, 0.75));
        assert_eq!(score(&Observed::default()).score, None);
        let mut observed = sound();
        observed.requests = history(|at| if daily(at) < 0.3 { 0.0 } else { 100.0 });
        let served = |at: usize| Some(100.0).filter(|_| daily(at) >= 0.3);
        observed.latency.p95 = History::new(START, 300, (0..PERIODS).map(served).collect());
        assert_eq!(score(&observed).score, Some(100.0), "nights without a request are no gaps");
    }
}
