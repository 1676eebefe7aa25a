//! Was a change good? Keep it, take it back, or go on watching.
//!
//! What came after is compared with the same hours of the three weeks before, at equal load: shares of saturated and of
//! slow time are expected from how those weeks were at the loads that came after, and latency is taken relative to what
//! was usual at its load. Noise of one week against another is known from the weeks themselves: what is no worse than
//! the worst of them is no harm.

mod compare;
mod hard;

use super::observed::{Limits, Release};
use crate::history::{DAY_MS, HOUR_MS, History};
use crate::judge::text;
use crate::snapshot::Evidence;
use crate::time::{self, Millis};
use serde::Serialize;

/// How long after a change the first data are left out: tasks are replaced, alarms settle.
pub const SETTLE_MS: Millis = 15 * 60_000;
/// How far back data must reach before the change.
pub const BEFORE_MS: Millis = 21 * DAY_MS;
/// A deployment this soon after the change belongs to it: a new task size is one.
const OWN_DEPLOYMENT_MS: Millis = 10 * 60_000;
/// The least part of the periods after that must be known, and be comparable.
const COVERAGE: f64 = 0.8;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// The change stays.
    Keep,
    /// It is taken back.
    Revert,
    /// It is too early to say.
    Continue,
}

/// What is said of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Finding {
    /// No worse than before.
    Pass,
    /// Worse.
    Fail,
    /// Not known, or worse by what may be chance.
    Unknown,
}

/// A change that was applied, and what is known about the time before and after.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// When it was applied.
    pub acted_at: Millis,
    /// Until when it is observed.
    pub observe_until: Millis,
    /// When a judgement that is still not possible is given up.
    pub give_up_at: Millis,
    /// Now.
    pub at: Millis,
    /// The limits and objectives.
    pub limits: Limits,
    /// Deployments since the change.
    pub deployments: Vec<Release>,
    /// Tasks killed for want of memory: when.
    pub killed: Vec<Millis>,
    /// The metrics, from three weeks before the change until now, all in the same periods.
    pub metrics: Metrics,
}

/// The metrics of a service before and after a change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// Mean processor utilisation in percent.
    pub cpu: History,
    /// Largest memory utilisation in percent.
    pub memory: History,
    /// The 95th percentile of the response time in milliseconds; of a service without a load balancer without periods.
    pub latency: History,
    /// Requests per period; the same.
    pub requests: History,
    /// Errors per period; unknown counts as none where requests are known.
    pub errors: History,
    /// Rejected connections per period; unknown counts as none.
    pub rejected: History,
    /// Running tasks.
    pub running: History,
    /// Wanted tasks.
    pub desired: History,
}

/// One metric before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Its name with its unit: `saturation %`.
    pub name: String,
    /// In the same hours of the weeks before, at equal load.
    pub before: Option<f64>,
    /// After.
    pub after: Option<f64>,
    /// What that means.
    pub verdict: Finding,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// What is to be done.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Every metric.
    pub metrics: Vec<Compared>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// When to look again, in seconds from now; 0 when there is nothing more to see.
    pub next_look_seconds: u32,
}

/// Judges a change at one look.
pub fn judge(change: &Change) -> Judgement {
    let window = compare::Window::of(change);
    let metrics = window.metrics();
    let broken = hard::broken(change);
    let (verdict, reasons) = if !broken.is_empty() {
        (Verdict::Revert, broken)
    } else if change.at < change.observe_until {
        let hours = (change.observe_until - change.at) as f64 / HOUR_MS as f64;
        (Verdict::Continue, vec![format!("no limit is broken; it is observed for {} h more", text::number(hours))])
    } else {
        at_the_end(change, &window, &metrics)
    };
    let next_look_seconds = if verdict == Verdict::Continue { next_look(change) } else { 0 };
    let at = |one: &Compared| {
        one.after.map(|after| Evidence::metric(&format!("{} after the change", one.name), after, change.at))
    };
    let evidence = metrics.iter().filter_map(at).collect();
    Judgement { verdict, reasons, metrics, evidence, next_look_seconds }
}

fn at_the_end(change: &Change, window: &compare::Window, metrics: &[Compared]) -> (Verdict, Vec<String>) {
    let failing: Vec<String> = metrics.iter().filter(|one| one.verdict == Finding::Fail).map(told).collect();
    let mut unclear = contaminated(change);
    unclear.extend(window.gap());
    unclear.extend(
        metrics.iter().filter(|one| one.verdict == Finding::Unknown).map(|one| format!("unclear: {}", told(one))),
    );
    if !failing.is_empty() && contaminated(change).is_empty() {
        return (Verdict::Revert, failing);
    }
    if unclear.is_empty() {
        let names: Vec<&str> = metrics.iter().map(|one| one.name.as_str()).collect();
        return (Verdict::Keep, vec![format!("nothing is worse than in the weeks before ({})", names.join(", "))]);
    }
    if change.at < change.give_up_at {
        return (Verdict::Continue, unclear);
    }
    unclear.push("what is still unknown at the end does not pass".to_owned());
    (Verdict::Revert, unclear)
}

/// Deployments that came into the observation: what was seen may be theirs.
fn contaminated(change: &Change) -> Vec<String> {
    let foreign = change
        .deployments
        .iter()
        .filter(|release| release.at > change.acted_at + OWN_DEPLOYMENT_MS && release.at <= change.at);
    let told = |release: &Release| {
        format!("deployment {} came into the observation at {}", release.name, time::text(release.at))
    };
    foreign.map(told).collect()
}

fn told(one: &Compared) -> String {
    let number = |value: Option<f64>| value.map_or("unknown".to_owned(), text::number);
    format!("{}: {} after, {} before at equal load", one.name, number(one.after), number(one.before))
}

/// A look each quarter of an hour in the first two hours, then each hour; the last one at the end.
fn next_look(change: &Change) -> u32 {
    let young = change.at - change.acted_at < 2 * HOUR_MS;
    let pause = if young { HOUR_MS / 4 } else { HOUR_MS };
    let end = if change.at < change.observe_until { change.observe_until } else { change.give_up_at };
    u32::try_from(pause.min(end - change.at).max(60_000) / 1_000).unwrap_or(3_600)
}

#[cfg(test)]
mod tests;
