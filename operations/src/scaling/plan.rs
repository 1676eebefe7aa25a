//! The plan of a proposed change of autoscaling.

use super::change::Part;
use super::gate::Replayed;
use super::world::World;
use crate::catalogue::{Entry, Release};
use crate::error::{Error, Kind};
use crate::history::{HOUR_MS, HOURS_OF_WEEK, hour_of_week};
use crate::plan::Plan;
use crate::proposal::{self, Capacity, Proposal};
use crate::time::Millis;
use serde_json::json;

/// Plans a proposal on a scalable target (`service/<cluster>/<service>`) whose autoscaling is now `world`. The change is
/// observed for as long as the entry says; one that lowers capacity through the next busiest hour of the week and an hour
/// longer.
///
/// # Errors
/// `Ops.InvalidInput` for a proposal that is none of scaling, or changes nothing; `Ops.PreconditionFailed` where
/// autoscaling is no longer what the proposal says, or a tool owns it; `Ops.ActionNotAllowed` where the catalogue forbids it.
pub fn plan(
    entry: &Entry,
    resource: &str,
    world: &World,
    proposal: &Proposal,
    replay: Replayed,
    at: Millis,
) -> Result<Plan, Error> {
    if proposal.kind != proposal::Kind::Scaling {
        return Err(Error::new(
            Kind::InvalidInput,
            "proposal.kind must be scaling: this function changes nothing else",
        ));
    }
    entry.service()?;
    if proposal.release(entry) == Release::Forbidden {
        let message = format!("the catalogue forbids changes of the autoscaling of {}", entry.catalog_id);
        return Err(Error::new(Kind::ActionNotAllowed, message));
    }
    if let Some(tool) = entry.optimization.owner() {
        let message = format!("{tool} owns the autoscaling of {}: change it there", entry.catalog_id);
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    let (current, proposed) = (proposal.current_settings()?, proposal.proposed_settings()?);
    if (current.cpu_units, current.memory_mib) != (proposed.cpu_units, proposed.memory_mib) {
        return Err(Error::new(Kind::InvalidInput, "proposal.proposed has tasks of another size: that is no scaling"));
    }
    let now = world
        .settings(current.cpu_units, current.memory_mib)
        .map_err(|reasons| Error::new(Kind::PreconditionFailed, format!("{}: propose again", reasons.join("; "))))?;
    if now != current {
        let message = format!("autoscaling is {}, the proposal says {}: propose again", json!(now), json!(current));
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    let (calls, undo) = changes(&Part::of(&current)?, &Part::of(&proposed)?);
    if calls.is_empty() {
        return Err(Error::new(Kind::InvalidInput, "proposal.proposed is proposal.current: there is nothing to plan"));
    }
    let send = |parts: &[Part]| parts.iter().map(|part| part.call(resource)).collect();
    Ok(Plan {
        calls: send(&calls),
        undo: send(&undo),
        before: json!(current),
        after: json!(proposed),
        verify: json!({"observeSeconds": observe_seconds(entry, proposal.capacity, replay, at)?}),
        summary: proposal.summary.clone(),
        irreversible: false,
        ..Plan::forward_only()
    })
}

/// The parts that change, and those that change them back, last first.
fn changes(current: &[Part], proposed: &[Part]) -> (Vec<Part>, Vec<Part>) {
    let absent = |part: &Part| match part {
        Part::Action(action) => Some(Part::NoAction(action.name.clone())),
        _ => None,
    };
    let there = |part: &Part, all: &[Part]| all.iter().find(|other| other.same_part(part)).cloned();
    let mut pairs: Vec<(Part, Part)> = Vec::new();
    for part in proposed {
        let before = there(part, current).or_else(|| absent(part));
        pairs.extend(before.filter(|before| before != part).map(|before| (part.clone(), before)));
    }
    for part in current.iter().filter(|part| there(part, proposed).is_none()) {
        pairs.extend(absent(part).map(|gone| (gone, part.clone())));
    }
    let mut undo: Vec<Part> = pairs.iter().rev().map(|(_, before)| before.clone()).collect();
    let calls: Vec<Part> = pairs.into_iter().map(|(after, _)| after).collect();
    let schedules = calls.iter().any(|part| matches!(part, Part::Action(_)));
    let limits = calls.iter().any(|part| matches!(part, Part::Limits(..)));
    if schedules && !limits {
        // An action that has fired has moved the limits: deleting it does not move them back.
        undo.extend(current.iter().find(|part| matches!(part, Part::Limits(..))).cloned());
    }
    (calls, undo)
}

/// How long the change is observed, in seconds.
fn observe_seconds(entry: &Entry, capacity: Capacity, replay: Replayed, at: Millis) -> Result<i64, Error> {
    let least = i64::from(entry.optimization.observe_hours) * HOUR_MS;
    if capacity != Capacity::Lowers {
        return Ok(least / 1_000);
    }
    let busiest = replay.busiest_hour.ok_or_else(|| {
        let message = "replay.busiestHour is missing: less capacity is observed through the busiest hour of the week";
        Error::new(Kind::InvalidInput, message)
    })?;
    // The hour that runs is over in part: the next one counts.
    let ahead = (i64::from(busiest) - hour_of_week(at) as i64 - 1).rem_euclid(HOURS_OF_WEEK as i64) + 1;
    let begins = at.div_euclid(HOUR_MS) * HOUR_MS + ahead * HOUR_MS;
    Ok(least.max(begins + 2 * HOUR_MS - at) / 1_000)
}
