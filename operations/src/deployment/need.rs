//! Whether a call still has to be sent.

use super::command::{Command, Forward, Own, RegisterScalableTarget, Suspended};
use super::observed::{Observed, TaskSet};
use super::plan::StepName;
use crate::error::{Error, Kind};
use serde_json::{Value, json};

/// What to do about a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// Send it; this is the state before.
    Send(Value),
    /// Its effect is there.
    Done(Value),
    /// Somebody else wants something else: it is not sent, and a person is told why.
    Left(Value, String),
}

/// Looks whether the effect of a call of a step is there, and whether the call may be sent.
///
/// # Errors
/// `Ops.PreconditionFailed` when the world no longer fits the plan, `Ops.DeploymentInProgress` when somebody else
/// releases.
pub fn need(step: StepName, command: &Command, observed: &Observed, own: &Own<'_>) -> Result<Need, Error> {
    let (done, before) = match command {
        Command::Suspend(it) if step == StepName::Resume => return Ok(resumed(it, observed)),
        Command::Suspend(it) => {
            let Some(scaling) = observed.scaling else {
                return Err(gone("autoscaling was removed since the plan was made: plan again"));
            };
            (scaling.suspended == it.suspended_state, json!(scaling.suspended))
        }
        Command::Create(it) => {
            let created = observed.created(&it.external_id);
            if created.is_none() {
                alone(observed)?;
            }
            (created.is_some(), json!({"taskSet": created.map(|set| &set.id)}))
        }
        Command::Forward(it) => forward(it, observed, own)?,
        Command::Scale(it) => {
            let set = living(observed, &it.task_set)?;
            (set.scale >= it.scale.value, json!({"scale": set.scale}))
        }
        Command::Desire(it) => (observed.desired >= it.desired_count, json!({"desiredCount": observed.desired})),
        Command::Promote(it) => {
            let set = living(observed, &it.primary_task_set)?;
            (set.status == "PRIMARY", json!({"primary": observed.primary().map(|set| &set.id)}))
        }
        Command::Delete(it) => match observed.living(&it.task_set) {
            None => (true, json!({"taskSet": null})),
            Some(set) => {
                unused(set, observed)?;
                (false, json!({"taskSet": set.id, "status": set.status, "running": set.running}))
            }
        },
    };
    Ok(if done { Need::Done(before) } else { Need::Send(before) })
}

/// Takes back what freeze has set, and nothing else.
fn resumed(wanted: &RegisterScalableTarget, observed: &Observed) -> Need {
    let Some(scaling) = observed.scaling else { return Need::Done(Value::Null) };
    let before = json!(scaling.suspended);
    if scaling.suspended == wanted.suspended_state {
        return Need::Done(before);
    }
    if scaling.suspended == wanted.suspended_state.frozen() {
        return Need::Send(before);
    }
    let Suspended { dynamic_scaling_in_suspended, dynamic_scaling_out_suspended, scheduled_scaling_suspended } =
        scaling.suspended;
    let message = format!(
        "somebody has changed what autoscaling of {} may do during the release, so it is left alone: suspended are \
         scale-in {dynamic_scaling_in_suspended}, scale-out {dynamic_scaling_out_suspended}, schedules \
         {scheduled_scaling_suspended}",
        wanted.resource_id
    );
    Need::Left(before, message)
}

fn forward(wanted: &Forward, observed: &Observed, own: &Own<'_>) -> Result<(bool, Value), Error> {
    let production = wanted.arn == own.production();
    let route = if production { &observed.production } else { &observed.test };
    if route.other_actions {
        let message = format!("{} does more than forward: give the release's traffic a rule of its own", wanted.arn);
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    let used: std::collections::BTreeMap<_, _> = wanted
        .weights
        .iter()
        .filter(|(_, weight)| *weight > 0)
        .map(|(group, weight)| (group.as_str(), *weight))
        .collect();
    Ok((route.used() == used, json!({"weights": route.weights})))
}

/// A step of a release gives more production traffic only to a group with a healthy target. The way back asks
/// the same of blue, and only warns when some of its targets are not: the alternative is the revision that was refused.
///
/// # Errors
/// `Ops.UnhealthyTarget` naming the group.
pub fn serving(wanted: &Forward, observed: &Observed) -> Result<(), Error> {
    for (group, weight) in &wanted.weights {
        let more = *weight > observed.production.weight(group);
        let healthy = observed.targets.get(group).map_or(0, |targets| targets.healthy);
        if more && healthy == 0 {
            let message = format!("{group} has no healthy target: it gets no production traffic");
            return Err(Error::new(Kind::UnhealthyTarget, message));
        }
    }
    Ok(())
}

/// No other release is under way.
pub(super) fn alone(observed: &Observed) -> Result<(), Error> {
    match observed.task_sets.iter().find(|set| set.status == "ACTIVE") {
        Some(other) => {
            let message = format!("task set {} is being released: wait for it or delete it", other.id);
            Err(Error::new(Kind::DeploymentInProgress, message))
        }
        None => Ok(()),
    }
}

/// A task set may only go when nobody reaches it.
fn unused(set: &TaskSet, observed: &Observed) -> Result<(), Error> {
    if set.status == "PRIMARY" {
        let message = format!("task set {} is the primary one: promote the other first", set.id);
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    let weight = set.target_group().map_or(0, |group| observed.production.weight(group));
    if weight > 0 {
        let message = format!("task set {} has production traffic (weight {weight}): shift it away first", set.id);
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    Ok(())
}

fn living<'a>(observed: &'a Observed, id: &str) -> Result<&'a TaskSet, Error> {
    observed.living(id).ok_or_else(|| gone(&format!("task set {id} is gone: release its task definition again")))
}

fn gone(message: &str) -> Error {
    Error::new(Kind::PreconditionFailed, message)
}
