//! What is said of a service's size.

use super::choice::{Choice, Follows, Situation};
use super::{Need, Size, Usage};
use crate::catalogue::Optimization;
use crate::cost::{LEAST_SAVING, LEAST_SHARE, cents, worth};
use crate::history::{DAY_MS, Fold, HOURS_OF_WEEK, hour_of_week};
use crate::price::Rate;
use crate::proposal::{Capacity, HOURS_OF_MONTH, Kind, Proposal, Risk, Settings};
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde_json::json;

/// For how long after a deployment use says little, and nothing is proposed, in milliseconds.
pub const SETTLED_MS: Millis = DAY_MS;

/// What is known of a service whose size is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The time of the analysis.
    pub at: Millis,
    /// The service's name, for texts.
    pub name: String,
    /// How it scales, and its size.
    pub settings: Settings,
    /// What the number of its tasks depends on.
    pub follows: Follows,
    /// How its tasks were used, in the last weeks.
    pub usage: Usage,
    /// Since when its tasks have this size.
    pub sized_at: Millis,
    /// When its last deployment began.
    pub deployed_at: Millis,
    /// Whether one is running.
    pub deploying: bool,
    /// The memory limit of the last task that was killed for want of memory, in MiB.
    pub out_of_memory_mib: Option<u32>,
    /// What a task costs.
    pub rate: Rate,
    /// Ephemeral storage of a task, in GiB; absent for the 20 that are free.
    pub storage_gib: Option<u32>,
    /// The most tasks that there may be.
    pub most_tasks: Option<u32>,
    /// What the catalogue permits.
    pub optimization: Optimization,
}

/// What is said of a service's size.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// What is missing for a judgement of the size, one text each; empty when it was judged.
    pub insufficient: Vec<String>,
    /// What one task needs; absent when that is not known.
    pub need: Option<Need>,
    /// Hours of tasks in a month, by how many ran.
    pub task_hours: f64,
    /// What they cost, US dollars a month.
    pub cost_per_month: f64,
    /// What an hour costs by the hour of the week (0 is Monday 00:00 UTC), US dollars; hours that are not known are
    /// `None`.
    pub spend_by_hour: Vec<Option<f64>>,
    /// The change; absent when there is none worth it, or none may be made now.
    pub proposal: Option<Proposal>,
    /// Why there is this change, or none.
    pub reasons: Vec<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// Looks at the size of a service.
pub fn analyse(observed: &Observed) -> Analysis {
    let hour = hourly(observed);
    let tasks = observed.usage.running.mean().unwrap_or(0.0);
    let mut analysis = Analysis {
        insufficient: Vec::new(),
        need: None,
        task_hours: tasks * HOURS_OF_MONTH,
        cost_per_month: tasks * HOURS_OF_MONTH * hour,
        spend_by_hour: spend_by_hour(observed, hour),
        proposal: None,
        reasons: Vec::new(),
        evidence: evidence(observed),
    };
    let usage = observed.usage.since(observed.sized_at);
    analysis.insufficient = usage.missing(observed.at);
    let size = Size::new(observed.settings.cpu_units, observed.settings.memory_mib);
    analysis.need = Need::of(&usage, size, observed.out_of_memory_mib);
    let Some(need) = analysis.need.filter(|_| analysis.insufficient.is_empty()) else { return analysis };
    let situation = Situation {
        settings: &observed.settings,
        usage: &usage,
        need,
        follows: observed.follows,
        rate: &observed.rate,
        least: observed.optimization.least_tasks(),
        most: observed.most_tasks,
    };
    match propose(observed, &situation) {
        Ok(proposal) => {
            analysis.reasons.clone_from(&proposal.reasons);
            analysis.proposal = Some(Proposal { evidence: analysis.evidence.clone(), ..proposal });
        }
        Err(reason) => analysis.reasons.push(reason),
    }
    analysis
}

/// The change worth making, or why there is none.
fn propose(observed: &Observed, situation: &Situation<'_>) -> Result<Proposal, String> {
    if observed.deploying || observed.at - observed.deployed_at < SETTLED_MS {
        return Err("a deployment is running or began less than 24 hours ago: nothing is proposed".to_owned());
    }
    let need = situation.need;
    let none = || match observed.follows {
        Follows::Unknown => {
            "several scaling policies, or steps, move the number of tasks: what it would be with another \
                             size cannot be foretold"
                .to_owned()
        }
        _ => {
            format!("no size holds {} CPU units and {} MiB with the limits there are", need.cpu_units, need.memory_mib)
        }
    };
    let (current, best) = (situation.current().ok_or_else(none)?, situation.best().ok_or_else(none)?);
    let saving = current.cost - best.cost;
    let short = !held(situation);
    if best.size == current.size {
        return Err(format!("{} is the size that its use needs", current.size));
    }
    if !short && !worth(saving, current.cost) {
        return Err(format!(
            "{} would save ${saving:.2} a month of ${:.2}: less than ${LEAST_SAVING} or {:.0} %",
            best.size,
            current.cost,
            LEAST_SHARE * 100.0
        ));
    }
    Ok(proposal(observed, situation, &current, &best))
}

/// Whether the present size holds the need. Where the number of tasks follows the processor, its share of one is not a
/// matter of size.
fn held(situation: &Situation<'_>) -> bool {
    let cpu = if matches!(situation.follows, Follows::Cpu(_)) { 0 } else { situation.need.cpu_units };
    let memory = if situation.follows == Follows::Memory { 0 } else { situation.need.memory_mib };
    situation.size().holds(cpu, memory)
}

fn proposal(observed: &Observed, situation: &Situation<'_>, current: &Choice, best: &Choice) -> Proposal {
    let short = !held(situation);
    let proposed = Settings {
        min_capacity: best.min,
        max_capacity: best.max,
        cpu_units: best.size.cpu_units,
        memory_mib: best.size.memory_mib,
        ..observed.settings.clone()
    };
    let capacity = capacity(current, best);
    Proposal {
        id: if short { "raise-size" } else { "right-size" }.to_owned(),
        kind: Kind::Sizing,
        summary: summary(&observed.name, current, best),
        current: json!(observed.settings),
        proposed: json!(proposed),
        capacity,
        saving_per_month: cents(current.cost - best.cost),
        risk: if capacity == Capacity::Lowers { Risk::Medium } else { Risk::Low },
        confidence: confidence(observed, situation, current),
        reasons: reasons(situation, current, best),
        evidence: Vec::new(),
    }
}

/// What a change does to the capacity: to all tasks at the least and at the most, and to the memory of one.
fn capacity(current: &Choice, best: &Choice) -> Capacity {
    let units = |tasks: u32, choice: &Choice| u64::from(tasks) * u64::from(choice.size.cpu_units);
    let pairs = [
        (units(current.min, current), units(best.min, best)),
        (units(current.max, current), units(best.max, best)),
        (u64::from(current.size.memory_mib), u64::from(best.size.memory_mib)),
    ];
    if pairs.iter().any(|(now, then)| then < now) {
        Capacity::Lowers
    } else if pairs.iter().any(|(now, then)| then > now) {
        Capacity::Raises
    } else {
        Capacity::Neutral
    }
}

fn summary(name: &str, current: &Choice, best: &Choice) -> String {
    let resize = format!("Resize the tasks of {name} from {} to {}", current.size, best.size);
    if (current.min, current.max) == (best.min, best.max) {
        return resize;
    }
    format!("{resize} and keep {} to {} instead of {} to {}", best.min, best.max, current.min, current.max)
}

fn reasons(situation: &Situation<'_>, current: &Choice, best: &Choice) -> Vec<String> {
    let need = situation.need;
    let mut reasons = vec![format!(
        "a task needs {} CPU units and {} MiB with 20 % headroom, and has {} and {}",
        need.cpu_units, need.memory_mib, current.size.cpu_units, current.size.memory_mib
    )];
    if let Follows::Cpu(target) = situation.follows {
        reasons.push(format!(
            "at a target of {target} % the load of the last weeks needs {:.1} tasks of {} as a mean, {:.1} now",
            best.tasks, best.size, current.tasks
        ));
    }
    if best.size.rung() + 1 == current.size.rung() && best.size.cpu_units > need.cpu_units {
        reasons
            .push("the processor goes down by one rung at a time: the next two weeks say whether there is more".into());
    }
    reasons
}

/// 0.9 for what is known in full; less for gaps, and where the price of what is now differs from what was paid: the
/// model of autoscaling then leaves something out.
fn confidence(observed: &Observed, situation: &Situation<'_>, current: &Choice) -> f64 {
    let paid = situation.usage.running.mean().unwrap_or(0.0) * current.size.month(&observed.rate);
    let agreement = if paid > 0.0 && current.cost > 0.0 { (paid / current.cost).min(current.cost / paid) } else { 0.0 };
    (0.9 * situation.usage.coverage() * agreement * 100.0).round() / 100.0
}

fn hourly(observed: &Observed) -> f64 {
    let storage = observed.storage_gib.map_or(0.0, |gib| observed.rate.storage_hour(gib));
    observed.rate.hour(observed.settings.cpu_units, observed.settings.memory_mib) + storage
}

fn spend_by_hour(observed: &Observed, hour: f64) -> Vec<Option<f64>> {
    let running = &observed.usage.running;
    let factor = usize::try_from(3_600 / running.period_seconds().max(1)).unwrap_or(1);
    let mut sums = vec![(0.0, 0_u32); HOURS_OF_WEEK];
    for (at, tasks) in running.folded(factor, Fold::Mean).known() {
        let (sum, count) = &mut sums[hour_of_week(at)];
        *sum += tasks * hour;
        *count += 1;
    }
    let mean = |(sum, count): (f64, u32)| (count > 0).then(|| (sum / f64::from(count) * 1e4).round() / 1e4);
    sums.into_iter().map(mean).collect()
}

fn evidence(observed: &Observed) -> Vec<Evidence> {
    let usage = &observed.usage;
    let values = [
        ("AWS/ECS CPUUtilization Maximum, 99th percentile of the periods", usage.cpu_max.percentile(99.0)),
        ("AWS/ECS CPUUtilization Average, mean", usage.cpu_mean.mean()),
        ("AWS/ECS MemoryUtilization Maximum, largest", usage.memory_max.max()),
        ("running tasks, mean", usage.running.mean()),
        ("share of the time that is known", Some(usage.coverage())),
    ];
    let known = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.map(|(name, value)| Evidence::metric(name, value, observed.at)).collect()
}
