//! The rules, in their order.

use super::{Candidate, Facts, Found};
use crate::catalogue::optimization::{HIGHEST_TARGET, LEAST_TARGET};
use crate::proposal::{Capacity, Scheduled, Settings};
use crate::scaling::schedule::Schedule;
use crate::scaling::world::DEFAULT_COOLDOWN;

/// A rule: what it found, or `None` where it does not apply.
pub(super) type Rule = fn(&Facts<'_>) -> Option<Found>;

/// The rules, first match first.
pub(super) const ORDER: [Rule; 5] = [maximum, reaction, reversals, bursts, idle];

/// Percent of the time at the maximum and above the target from which the maximum is too low; half of it where AWS
/// itself says every day that it could not scale.
const AT_MAX_PERCENT: f64 = 1.0;

/// Percent of the time saturated from which scaling is too slow.
const SATURATION_PERCENT: f64 = 1.0;

/// Percent of the time saturated up to which capacity is ample.
const AMPLE_PERCENT: f64 = 0.1;

/// Reversals of a day above which a policy thrashes; half of it where AWS says every day that it anticipated flapping.
const REVERSALS_PER_DAY: f64 = 6.0;

/// The share of all changes that reversals then are.
const REVERSALS_SHARE: f64 = 0.3;

/// Percent of the time below half of the target from which a service is idle.
const IDLE_PERCENT: f64 = 60.0;

/// Percentage points by which a target moves.
const TARGET_STEP: f64 = 5.0;

/// The longest scale-in cooldown, in seconds.
const LONGEST_COOLDOWN: u32 = 1_800;

/// Days that must be known before capacity is lowered.
const IDLE_DAYS: f64 = 13.0;

/// Minutes by which capacity is there before a spike that is expected, beyond the tasks' start.
const AHEAD_MINUTES: u32 = 5;

/// 1. Too few tasks are permitted.
fn maximum(facts: &Facts<'_>) -> Option<Found> {
    let said = facts.situation.effectiveness.not_scaled("AlreadyAtMaxCapacity");
    let limit = if said >= 1.0 { AT_MAX_PERCENT / 2.0 } else { AT_MAX_PERCENT };
    if facts.at_max_percent < limit {
        return None;
    }
    let (entry, settings) = (facts.situation.entry, facts.situation.settings);
    let mut why = format!("at the maximum and above the target for {:.2} % of the time", facts.at_max_percent);
    if said > 0.0 {
        why.push_str(&format!("; AWS could not scale {said:.1} times a day: AlreadyAtMaxCapacity"));
    }
    // A quarter more; one task where that is less.
    let quarter = (settings.max_capacity + settings.max_capacity / 4).max(settings.max_capacity + 1);
    let by_connections = entry.optimization.most_tasks_by_connections().unwrap_or(u32::MAX);
    let most = entry.limits.max_tasks.map(|most| quarter.min(most).min(by_connections));
    let none = match (most, downstream(facts)) {
        (_, true) => "it waits for what it depends on: more tasks would load that further".to_owned(),
        (None, _) => "entry.limits.maxTasks does not say how far it may grow: add it".to_owned(),
        (Some(_), _) if by_connections <= settings.max_capacity => {
            format!("the database has connections for {by_connections} tasks: raise its limit first")
        }
        (Some(_), _) => {
            let most = entry.limits.max_tasks.unwrap_or_default();
            format!("entry.limits.maxTasks permits {most} tasks: raise it")
        }
    };
    let raised = most.filter(|most| *most > settings.max_capacity && !downstream(facts)).map(|most| Candidate {
        id: "raise-maximum",
        settings: Settings { max_capacity: most, ..settings.clone() },
        summary: format!("raise the maximum from {} to {most} tasks", settings.max_capacity),
    });
    Some(Found { why, capacity: Capacity::Raises, candidates: raised.into_iter().collect(), none })
}

/// 2. Scaling starts too late for load that lasts long enough to be reacted to.
fn reaction(facts: &Facts<'_>) -> Option<Found> {
    let applies = facts.late_percent > SATURATION_PERCENT && !facts.short && facts.daily.is_none();
    if !applies {
        return None;
    }
    let why = format!(
        "saturated for {:.2} % of the time with fewer tasks than permitted: it takes {:.0} minutes to react",
        facts.late_percent, facts.situation.effectiveness.reaction_minutes_p90
    );
    let settings = facts.situation.settings;
    let target = (facts.target - TARGET_STEP).max(LEAST_TARGET);
    let lowered = (target < facts.target).then(|| Candidate {
        id: "lower-target",
        settings: Settings { target: Some(target), ..settings.clone() },
        summary: format!("lower the target from {} to {target} %", facts.target),
    });
    let candidates = if downstream(facts) { Vec::new() } else { lowered.into_iter().chain(minimums(facts)).collect() };
    Some(Found { why, capacity: Capacity::Raises, candidates, none: no_room(facts) })
}

/// 3. Capacity goes back and forth. (Capacity that stays from one burst to the next may meet both: so the replay says.)
fn reversals(facts: &Facts<'_>) -> Option<Found> {
    let effectiveness = facts.situation.effectiveness;
    let stats = &effectiveness.stats;
    let said = effectiveness.not_scaled("AutoScalingAnticipatedFlapping");
    let limit = if said >= 1.0 { REVERSALS_PER_DAY / 2.0 } else { REVERSALS_PER_DAY };
    let thrashes = stats.reversals_per_day > limit && stats.reversals_per_day >= REVERSALS_SHARE * stats.acts_per_day;
    if !thrashes {
        return None;
    }
    let mut why = format!("{:.1} of {:.1} changes a day are taken back", stats.reversals_per_day, stats.acts_per_day);
    if said > 0.0 {
        why.push_str(&format!("; AWS held back {said:.1} times a day: AutoScalingAnticipatedFlapping"));
    }
    let settings = facts.situation.settings;
    let now = settings.scale_in_cooldown;
    // From less than AWS's default half as much again would be nothing.
    let longer = now.saturating_add(now / 2).clamp(DEFAULT_COOLDOWN, LONGEST_COOLDOWN);
    let candidates = (longer > now).then(|| Candidate {
        id: "lengthen-scale-in-cooldown",
        settings: Settings { scale_in_cooldown: longer, ..settings.clone() },
        summary: format!("lengthen the scale-in cooldown from {now} to {longer} s"),
    });
    let none = format!("the scale-in cooldown is {now} s already: the load needs a person's look");
    Some(Found { why, capacity: Capacity::Neutral, candidates: candidates.into_iter().collect(), none })
}

/// 4. Load comes faster than any reaction: only capacity that is there already helps.
fn bursts(facts: &Facts<'_>) -> Option<Found> {
    // A minute every night is little of the time, and still every night.
    if facts.daily.is_none() && !(facts.short && facts.late_percent > AMPLE_PERCENT) {
        return None;
    }
    let reaction = facts.situation.effectiveness.reaction_minutes_p90;
    let why = match facts.daily {
        Some(spike) => {
            format!("a spike at {} UTC on {} days saturates it before it can react", clock(spike.from), spike.days)
        }
        None => format!("bursts that saturate it are over before it can react: {reaction:.0} minutes"),
    };
    let candidates =
        if downstream(facts) { Vec::new() } else { scheduled(facts).into_iter().chain(minimums(facts)).collect() };
    Some(Found { why, capacity: Capacity::Raises, candidates, none: no_room(facts) })
}

/// 5. There is more than is needed.
fn idle(facts: &Facts<'_>) -> Option<Found> {
    let effectiveness = facts.situation.effectiveness;
    let stats = &effectiveness.stats;
    let applies = stats.idle_percent > IDLE_PERCENT
        && stats.saturation_percent < AMPLE_PERCENT
        && effectiveness.days >= IDLE_DAYS;
    if !applies {
        return None;
    }
    let why = format!(
        "below half of the target for {:.1} % of the time, saturated for {:.2} %",
        stats.idle_percent, stats.saturation_percent
    );
    let (entry, settings) = (facts.situation.entry, facts.situation.settings);
    let highest = facts.situation.highest_target.min(HIGHEST_TARGET);
    let target = (facts.target + TARGET_STEP).min(highest);
    let raised = (target > facts.target).then(|| Candidate {
        id: "raise-target",
        settings: Settings { target: Some(target), ..settings.clone() },
        summary: format!("raise the target from {} to {target} %", facts.target),
    });
    let fewer = settings.min_capacity.saturating_sub(1);
    let permitted = fewer >= entry.optimization.least_tasks().max(1);
    let lowered = with_minimum(settings, fewer).filter(|_| permitted).map(|lowered| Candidate {
        id: "lower-minimum",
        settings: lowered,
        summary: format!("lower the minimum from {} to {fewer} tasks", settings.min_capacity),
    });
    let none = format!(
        "the target may be {highest} % at most and the minimum {} tasks at least",
        entry.optimization.least_tasks()
    );
    Some(Found { why, capacity: Capacity::Lowers, candidates: raised.into_iter().chain(lowered).collect(), none })
}

/// 6. What no parameter cures, for a person.
pub(super) fn hints(facts: &Facts<'_>) -> Vec<String> {
    let found = |rule: &str| facts.situation.findings.iter().any(|finding| finding == rule);
    let mut hints = Vec::new();
    if found("queueing") && !found("cpu-bound") {
        hints.push(
            "requests wait while the processor does not: consider tracking ALBRequestCountPerTarget, with a target \
             from a load test"
                .to_owned(),
        );
    }
    if downstream(facts) {
        hints.push("its latency comes from what it depends on: more tasks would not help".to_owned());
    }
    hints
}

fn downstream(facts: &Facts<'_>) -> bool {
    facts.situation.findings.iter().any(|finding| finding == "downstream-bound")
}

fn no_room(facts: &Facts<'_>) -> String {
    match downstream(facts) {
        true => "it waits for what it depends on: more tasks would load that further".to_owned(),
        false => "the target and the minimum are as far as they may go".to_owned(),
    }
}

/// Whether no scheduled action sets a minimum.
fn own_minimum(settings: &Settings) -> bool {
    settings.scheduled.iter().all(|action| action.min_capacity.is_none())
}

/// The settings with another minimum. Scheduled actions that end a time of more tasks set the minimum again: they go with
/// it. `None` while it is such a time, or where every action sets another one: the minimum is then not the target's own.
fn with_minimum(settings: &Settings, min: u32) -> Option<Settings> {
    let now = settings.min_capacity;
    let least = settings.scheduled.iter().filter_map(|action| action.min_capacity).min();
    if least.is_some_and(|least| least != now) {
        return None;
    }
    let moved = |was: u32| if was == now { min } else { was.max(min) };
    let action = |action: &Scheduled| Scheduled { min_capacity: action.min_capacity.map(moved), ..action.clone() };
    Some(Settings { min_capacity: min, scheduled: settings.scheduled.iter().map(action).collect(), ..settings.clone() })
}

/// One task more at least, and a tenth more.
fn minimums(facts: &Facts<'_>) -> Vec<Candidate> {
    let settings = facts.situation.settings;
    let now = settings.min_capacity;
    let mut more = vec![now + 1, now + now / 10];
    more.sort_unstable();
    more.dedup();
    let more = more.into_iter().filter(|more| *more > now && *more <= settings.max_capacity);
    let candidate = |more: u32| {
        let summary = format!("raise the minimum from {now} to {more} tasks");
        Some(Candidate { id: "raise-minimum", settings: with_minimum(settings, more)?, summary })
    };
    more.filter_map(candidate).collect()
}

/// A minimum for the time of a daily spike, and the old one after it.
fn scheduled(facts: &Facts<'_>) -> Option<Candidate> {
    let spike = facts.daily?;
    let settings = facts.situation.settings;
    let needed = (100.0 * spike.peak / facts.target).ceil() as u32;
    let tasks = needed.min(settings.max_capacity);
    if tasks <= settings.min_capacity || !own_minimum(settings) {
        return None;
    }
    let ahead = facts.situation.effectiveness.start_lag() + AHEAD_MINUTES;
    let from = (spike.from + 1_440 - ahead) % 1_440;
    let name = format!("{}-daily-spike", facts.situation.entry.catalog_id);
    let action = |name: String, minute: u32, min: u32| Scheduled {
        name,
        schedule: Schedule::daily(minute),
        min_capacity: Some(min),
        max_capacity: Some(settings.max_capacity),
    };
    let mut scheduled = settings.scheduled.clone();
    scheduled.push(action(format!("{name}-begins"), from, tasks));
    scheduled.push(action(format!("{name}-ends"), spike.until, settings.min_capacity));
    let summary =
        format!("keep {tasks} tasks from {} to {} UTC every day, for a spike", clock(from), clock(spike.until));
    Some(Candidate { id: "schedule-minimum", settings: Settings { scheduled, ..settings.clone() }, summary })
}

fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
