//! It became slower, or dearer per request, at one moment.

use super::{Advice, Finding, Rule};
use crate::history::{History, WEEK_MS};
use crate::judge::text;
use crate::performance::load;
use crate::performance::observed::{Observed, Release};
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use crate::statistics::shift::Shift;
use crate::statistics::step::locate;
use crate::statistics::{dependence, trend::median};
use crate::time::{self, Millis};

/// How much worse it must be: a fifth.
const LEAST_FACTOR: f64 = 1.2;
/// The chance of taking noise for a change.
const ALPHA: f64 = 0.002;
/// How many periods must lie on each side: three hours.
const LEAST_PERIODS: usize = 36;
/// Within how many periods a step must have happened, and how much of it: a day, so that hours of the day balance.
const NEAR: usize = 288;
const LEAST_ABRUPT: f64 = 0.6;
/// How much of the change must show against the same hours a week before.
const LEAST_OF_WEEK: f64 = 0.5;
/// How long before the step a deployment may have been created to have caused it, and how long after: the step's place
/// is known to a few periods.
const CAUSE_BEFORE_MS: Millis = 2 * 3_600_000;
const CAUSE_AFTER_MS: Millis = 45 * 60_000;

/// A change for the worse at equal load.
struct Change {
    what: &'static str,
    factor: f64,
    at: Millis,
    p: f64,
}

/// Latency or the processor per request has risen at one moment, at equal load, and is still risen.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let work = load::ratio(&product(&observed.cpu, &observed.running), &observed.requests);
    let changes = [("p95 latency", &observed.latency.p95), ("CPU per request", &work)];
    let mut changes: Vec<Change> =
        changes.into_iter().filter_map(|(what, level)| change(what, level, observed)).collect();
    changes.sort_by(|one, two| two.factor.total_cmp(&one.factor));
    let worst = changes.first()?;
    let cause = cause(worst.at, &observed.deployments);
    let when = match cause {
        Some(release) => {
            let minutes = (worst.at - release.at).max(0) / 60_000;
            format!("began {}, {minutes} min after deploy {}", moment(worst.at), release.name)
        }
        None => format!("began {}, after no deployment", moment(worst.at)),
    };
    let all: Vec<String> = changes.iter().map(|one| format!("{} {}", one.what, percent(one.factor))).collect();
    let summary = format!("{} at equal load: {when}", all.join(", "));
    let advice = Advice {
        summary: if cause.is_some() {
            "compare what the deployment changed; roll it back if that takes longer than users should wait"
        } else {
            "look for what else changed then: a dependency, its data, or the kind of requests"
        },
        current: format!("{} {}", worst.what, percent(worst.factor)),
        proposed: "as before".to_owned(),
        risk: Risk::Medium,
        undo: "deploy again",
    };
    let mut evidence: Vec<Evidence> = changes
        .iter()
        .map(|one| Evidence::metric(&format!("{} after/before at equal load", one.what), one.factor, one.at))
        .collect();
    evidence.extend(
        cause.map(|release| Evidence::api("ecs:DescribeServices deployment", release.name.clone().into(), release.at)),
    );
    let confidence = (if cause.is_some() { 0.95 } else { 0.8 }) - worst.p;
    Some(Finding::new(Rule::Regression, confidence, summary, advice, evidence))
}

fn percent(factor: f64) -> String {
    text::signed(100.0 * (factor - 1.0), "%")
}

/// A time as a person reads it: the day and the time of day.
fn moment(at: Millis) -> String {
    let day = time::text(at);
    format!("{} {}", day.get(..10).unwrap_or(&day), time::clock_text(at))
}

fn product(one: &History, other: &History) -> History {
    let values = one.values().iter().enumerate();
    let values = values.map(|(index, value)| Some((*value)? * other.value_at(one.at(index))?));
    History::new(one.start(), one.period_seconds(), values.collect())
}

/// The change of a level, if there is one: at equal requests and at equal requests per task, since what follows either
/// is no fault of the service.
fn change(what: &'static str, level: &History, observed: &Observed) -> Option<Change> {
    let per_task = load::ratio(&observed.requests, &observed.running);
    let by_all = load::beside(level, &observed.requests)?;
    let step = locate(&by_all, LEAST_PERIODS, NEAR)?;
    let rise = |beside: &[Option<f64>]| {
        let (before, after) = beside.split_at(step.index);
        // At most a week on each side: what was long ago says less.
        let before = &before[before.len().saturating_sub(7 * NEAR)..];
        let after = &after[..after.len().min(7 * NEAR)];
        rise(before, after)
    };
    let (factor, p) = rise(&by_all)?;
    let (factor, p) = match load::beside(level, &per_task) {
        Some(by_task) => {
            let (other, other_p) = rise(&by_task)?;
            (factor.min(other), p.max(other_p))
        }
        None => (factor, p),
    };
    let at = level.at(step.index);
    let stands = factor >= LEAST_FACTOR && p < ALPHA && step.abruptness >= LEAST_ABRUPT;
    let stands = stands && against_week(level, &by_all, step.index) >= LEAST_OF_WEEK * factor.ln();
    stands.then_some(Change { what, factor, at, p })
}

/// By which factor the level rose, and the chance that it did not.
fn rise(before: &[Option<f64>], after: &[Option<f64>]) -> Option<(f64, f64)> {
    let known = |series: &[Option<f64>]| series.iter().flatten().copied().collect::<Vec<_>>();
    let (old, new) = (known(before), known(after));
    if old.len() < LEAST_PERIODS || new.len() < LEAST_PERIODS / 2 {
        return None;
    }
    let shift = Shift::new(new, old, dependence::inflation(dependence::pooled(after, before)));
    Some((shift.estimate().exp(), shift.p_above()))
}

/// The median change against the same time a week before, over the periods after the step whose week before lies before
/// it; infinite when there is none to say otherwise.
fn against_week(level: &History, beside: &[Option<f64>], step: usize) -> f64 {
    let week = usize::try_from(WEEK_MS / level.period_ms()).unwrap_or(usize::MAX);
    let after = step.max(week)..beside.len().min(step.saturating_add(week));
    let changes: Vec<Option<f64>> = after.map(|at| Some(beside[at]? - beside[at - week]?)).collect();
    if changes.iter().flatten().count() < LEAST_PERIODS / 2 {
        return f64::INFINITY;
    }
    median(&changes).unwrap_or(f64::INFINITY)
}

/// The deployment that may have caused a change: the last one before it, within two hours.
fn cause(at: Millis, deployments: &[Release]) -> Option<&Release> {
    let near =
        deployments.iter().filter(|release| release.at >= at - CAUSE_BEFORE_MS && release.at <= at + CAUSE_AFTER_MS);
    near.min_by_key(|release| (at - release.at).abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::{START, daily, history, noise, sound};

    fn slower(step: usize, factor: f64) -> Observed {
        let mut observed = sound();
        let level = move |at: usize| if at >= step { factor } else { 1.0 };
        observed.latency.p95 = history(|at| (120.0 + 60.0 * daily(at) + 20.0 * noise(at + 1)) * level(at));
        observed
    }

    #[test]
    fn a_slower_release_is_found_with_its_deployment() {
        let mut observed = slower(3_000, 1.5);
        observed.deployments = vec![
            Release { at: START + 1_000 * 300_000, name: "old".to_owned() },
            Release { at: START + 3_000 * 300_000 - 180_000, name: "api:142".to_owned() },
        ];
        let summary = find(&observed).unwrap().summary;
        assert!(summary.starts_with("p95 latency +5") || summary.starts_with("p95 latency +4"), "{summary}");
        assert!(summary.ends_with("min after deploy api:142"), "{summary}");
        observed.deployments.clear();
        assert!(find(&observed).unwrap().summary.contains("after no deployment"));
    }

    #[test]
    fn more_load_a_drift_and_an_incident_that_ended_are_no_regression() {
        assert_eq!(find(&slower(3_000, 1.1)), None, "too little");
        let mut observed = sound();
        let load = |at: usize| (6_000.0 + 9_000.0 * daily(at)) * if at >= 2_000 { 1.5 } else { 1.0 };
        observed.requests = history(load);
        observed.latency.p95 = history(|at| 50.0 + load(at) / 100.0 + 10.0 * noise(at));
        assert_eq!(find(&observed), None, "more load");
        let mut observed = sound();
        observed.latency.p95 = history(|at| 100.0 + 100.0 * at as f64 / 4_032.0 + 10.0 * noise(at));
        assert_eq!(find(&observed), None, "a drift");
        observed.latency.p95 =
            history(|at| if (1_500..2_000).contains(&at) { 300.0 } else { 100.0 + 10.0 * noise(at) });
        assert_eq!(find(&observed), None, "it ended");
    }
}
