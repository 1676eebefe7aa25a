//! Which one parameter of a service's autoscaling to change.
//!
//! The rules are asked in a fixed order and the first that applies proposes; each has few candidates, of which only
//! those that pass the replay gate count. A rule that raises capacity and finds none ends the search: a service that
//! has too little never gets less.

mod rules;

use super::demand::Demand;
use super::effectiveness::{Effectiveness, Record};
use super::gate::{self, Side, Verdict};
use super::schedule::Schedule;
use super::simulator::simulate;
use super::spike::{self, Burst, Spike};
use crate::catalogue::Entry;
use crate::error::Error;
use crate::proposal::{Capacity, Kind, Proposal, Risk, Settings};
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde_json::json;

/// Days of minutes that a full confidence needs, and less of which lower nothing.
pub const FULL_DAYS: f64 = 14.0;

/// What is known when something is decided.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The catalogue's entry.
    pub entry: &'a Entry,
    /// How the service scales now.
    pub settings: &'a Settings,
    /// What it had to do.
    pub demand: &'a Demand,
    /// What it did.
    pub record: &'a Record,
    /// How well.
    pub effectiveness: &'a Effectiveness,
    /// US dollars of one task for an hour.
    pub price_per_task_hour: f64,
    /// The highest target that may be proposed, percent; never above [`crate::catalogue::optimization::HIGHEST_TARGET`].
    pub highest_target: f64,
    /// The rules of the performance analysis that found something, such as `downstream-bound`.
    pub findings: &'a [String],
    /// When, in milliseconds since 1970.
    pub at: Millis,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Change this.
    Propose(Box<Proposal>),
    /// Change nothing, and why.
    Nothing(Vec<String>),
}

/// What a rule found: the settings to try, or why there are none.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    /// The rule, which becomes the proposal's id.
    why: String,
    capacity: Capacity,
    candidates: Vec<Candidate>,
    /// Said when no candidate is left.
    none: String,
}

/// Settings to try.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    id: &'static str,
    settings: Settings,
    summary: String,
}

/// What the rules look at.
struct Facts<'a> {
    situation: &'a Situation<'a>,
    target: f64,
    /// Percent of the time at the maximum and above the target.
    at_max_percent: f64,
    /// Percent of the time saturated with fewer tasks than permitted.
    late_percent: f64,
    /// Whether the bursts that saturate are over before any reaction.
    short: bool,
    daily: Option<Spike>,
}

/// Decides.
///
/// # Errors
/// As [`simulate`], but for schedules that are not modelled: about those nothing is decided.
pub fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let settings = situation.settings;
    if let Some(error) = settings.scheduled.iter().find_map(|action| Schedule::parse(&action.schedule).err()) {
        return Ok(Decision::Nothing(vec![error.message().to_owned()]));
    }
    let coverage = situation.effectiveness.coverage;
    if coverage < gate::LEAST_COVERAGE || situation.effectiveness.days < gate::LEAST_DAYS {
        let reason = format!(
            "{:.1} days are known, {:.0} % of the time: a week and 80 % are needed",
            situation.effectiveness.days,
            100.0 * coverage
        );
        return Ok(Decision::Nothing(vec![reason]));
    }
    let Some(facts) = Facts::of(situation) else {
        return Ok(Decision::Nothing(vec!["no target is tracked: there is nothing to tune".to_owned()]));
    };
    let lag = situation.effectiveness.start_lag();
    let price = situation.price_per_task_hour;
    let current = Side::of(&simulate(situation.demand, settings, lag)?, settings, price);
    let mut reasons = Vec::new();
    for rule in rules::ORDER {
        let Some(found) = rule(&facts) else { continue };
        let mut best: Option<(Candidate, Side, Vec<String>)> = None;
        let mut refused = Vec::new();
        for candidate in &found.candidates {
            let side = Side::of(&simulate(situation.demand, &candidate.settings, lag)?, &candidate.settings, price);
            let (verdict, gains) = gate::judge(&current, &side, found.capacity);
            let better = best.as_ref().is_none_or(|(_, best, _)| preferred(&side, best, found.capacity));
            if verdict != Verdict::Pass {
                refused.push(format!("{} ({})", candidate.summary, gains.join(", ")));
            } else if better {
                best = Some((candidate.clone(), side, gains));
            }
        }
        reasons.push(found.why.clone());
        if let Some((candidate, side, gains)) = best {
            let proposal = propose(&facts, &found, candidate, &current, &side, [reasons, gains].concat());
            return Ok(Decision::Propose(Box::new(proposal)));
        }
        reasons.push(if refused.is_empty() { found.none } else { unhelpful(&refused) });
        if found.capacity == Capacity::Raises {
            break;
        }
    }
    reasons.extend(rules::hints(&facts));
    if reasons.is_empty() {
        reasons.push("no rule applies: it scales well".to_owned());
    }
    Ok(Decision::Nothing(reasons))
}

/// Which of two sides that pass is taken: for more capacity the less saturated, else the cheaper.
fn preferred(one: &Side, other: &Side, capacity: Capacity) -> bool {
    let keys = |side: &Side| match capacity {
        Capacity::Raises => [side.stats.saturation_percent, side.cost_per_day],
        Capacity::Lowers => [side.cost_per_day, side.stats.saturation_percent],
        Capacity::Neutral => [side.stats.reversals_per_day, side.cost_per_day],
    };
    keys(one) < keys(other)
}

/// Candidates that were tried, each with why it does not help.
fn unhelpful(refused: &[String]) -> String {
    format!("the replay of the past load is not better with any of: {}", refused.join("; "))
}

impl<'a> Facts<'a> {
    fn of(situation: &'a Situation<'a>) -> Option<Self> {
        let target = situation.settings.target?;
        let record = situation.record;
        let known = record.utilisation.iter().flatten().count().max(1) as f64;
        let share = |is: &dyn Fn(usize) -> bool| {
            let minutes = (0..record.utilisation.len()).filter(|minute| record.saturated(*minute, Some(target)));
            100.0 * minutes.filter(|minute| is(*minute)).count() as f64 / known
        };
        // What too few permitted tasks saturate is no burst that came too fast.
        let mut late = record.clone();
        for minute in 0..late.utilisation.len() {
            if late.at_max[minute] {
                late.utilisation[minute] = late.utilisation[minute].map(|percent| percent.min(target));
            }
        }
        let bursts: Vec<Burst> = spike::bursts(&late, Some(target));
        let reaction = situation.effectiveness.reaction_minutes_p90;
        Some(Self {
            situation,
            target,
            at_max_percent: share(&|minute| record.at_max[minute]),
            late_percent: share(&|minute| !record.at_max[minute]),
            short: spike::median_length(&bursts).is_some_and(|length| length <= reaction),
            daily: spike::daily(&bursts, situation.demand.history()),
        })
    }
}

fn propose(
    facts: &Facts<'_>,
    found: &Found,
    candidate: Candidate,
    current: &Side,
    side: &Side,
    reasons: Vec<String>,
) -> Proposal {
    let situation = facts.situation;
    Proposal {
        id: candidate.id.to_owned(),
        kind: Kind::Scaling,
        summary: format!("{}: {}", situation.entry.catalog_id, candidate.summary),
        current: json!(situation.settings),
        proposed: json!(candidate.settings),
        capacity: found.capacity,
        saving_per_month: cents(side.saving_against(current)),
        risk: match (found.capacity, situation.entry.tier) {
            (Capacity::Lowers, 0) => Risk::High,
            (Capacity::Lowers, _) => Risk::Medium,
            _ => Risk::Low,
        },
        confidence: confidence(situation, current),
        reasons,
        evidence: evidence(facts, current, side),
    }
}

/// Whole cents.
fn cents(dollars: f64) -> f64 {
    (dollars * 100.0).round() / 100.0
}

/// How sure: 0.95 with 14 days that are known and a model that makes the observed task-hours, less in proportion.
fn confidence(situation: &Situation<'_>, current: &Side) -> f64 {
    let effectiveness = situation.effectiveness;
    let days = (effectiveness.days / FULL_DAYS).min(1.0);
    let model = 1.0 - gate::error(&current.stats, &effectiveness.stats).min(0.5);
    (0.95 * effectiveness.coverage.min(1.0) * days.sqrt() * model * 100.0).round() / 100.0
}

fn evidence(facts: &Facts<'_>, current: &Side, side: &Side) -> Vec<Evidence> {
    let at = facts.situation.at;
    let effectiveness = facts.situation.effectiveness;
    let observed = &effectiveness.stats;
    let mut evidence = vec![
        Evidence::metric("saturationPercent", observed.saturation_percent, at),
        Evidence::metric("atMaximumPercent", facts.at_max_percent, at),
        Evidence::metric("idlePercent", observed.idle_percent, at),
        Evidence::metric("reversalsPerDay", observed.reversals_per_day, at),
        Evidence::metric("reactionMinutesP90", effectiveness.reaction_minutes_p90, at),
        Evidence::metric("taskHoursPerDay", observed.task_hours_per_day, at),
        Evidence::metric("replayed saturationPercent now", current.stats.saturation_percent, at),
        Evidence::metric("replayed saturationPercent proposed", side.stats.saturation_percent, at),
        Evidence::metric("replayed taskHoursPerDay now", current.stats.task_hours_per_day, at),
        Evidence::metric("replayed taskHoursPerDay proposed", side.stats.task_hours_per_day, at),
    ];
    let call = "application-autoscaling:DescribeScalingActivities";
    evidence.extend(
        effectiveness.not_scaled_per_day.iter().map(|(reason, count)| {
            Evidence::api(call, json!({"notScaledReason": reason, "perDay": cents(*count)}), at)
        }),
    );
    evidence
}
