//! Raising the number of tasks of a service.

use super::capacity_lease::{self, Hold};
use super::{Plan, service_watch};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::diagnosis::Diagnosis;
use crate::error::{Error, Kind};
use crate::verify::Watch;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Seconds until added capacity that has not helped counts as failed.
const DEADLINE_SECONDS: u32 = 900;

/// The limits between which autoscaling moves the number of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    /// `MinCapacity`.
    #[serde(rename = "minCapacity")]
    pub min: u32,
    /// `MaxCapacity`.
    #[serde(rename = "maxCapacity")]
    pub max: u32,
}

impl Scaling {
    /// The higher of each bound.
    pub fn max(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.max(other.max) }
    }

    /// The lower of each bound.
    pub fn min(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.min(other.max) }
    }
}

/// What is known about the service before it is scaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The cluster's name.
    pub cluster: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// The number of tasks wanted now.
    pub desired: u32,
    /// Whether a deployment is running.
    pub deploying: bool,
    /// The scalable target, where autoscaling is set up.
    pub scaling: Option<Scaling>,
}

/// How many tasks to want: `min(most, max(desired + 1, ceil(desired × f)))` with f = 1.5, or 2 for a critical
/// incident, and never less than now.
pub fn wanted(desired: u32, most: u32, critical: bool) -> u32 {
    let grown = if critical { desired.saturating_mul(2) } else { desired.saturating_add(desired.div_ceil(2)) };
    grown.max(desired.saturating_add(1)).min(most).max(desired)
}

/// Plans more tasks: the limits of autoscaling first, which would else take them away again, then the number.
///
/// # Errors
/// `Ops.NotApplicable` at the limit, `Ops.DeploymentInProgress`, `Ops.PreconditionFailed` for a service that is off
/// or bound downstream, `Ops.ConfigInvalid` when nothing says how far it may grow.
pub fn plan(entry: &Entry, critical: bool, observed: &Observed, diagnosis: Option<&Diagnosis>) -> Result<Plan, Error> {
    let service = &entry.service()?.service;
    permitted(entry, observed, diagnosis)?;
    let most = entry.limits.max_tasks.or(observed.scaling.map(|scaling| scaling.max)).ok_or_else(|| {
        let message = format!("entry.limits.maxTasks is missing and {service} has no autoscaling: set the limit");
        Error::new(Kind::ConfigInvalid, message)
    })?;
    let want = wanted(observed.desired, most, critical);
    if want <= observed.desired {
        let message =
            format!("{service} wants {} tasks and the limit is {most}: raise entry.limits.maxTasks", observed.desired);
        return Err(Error::new(Kind::NotApplicable, message));
    }
    let raised = observed.scaling.map(|scaling| Scaling { min: scaling.min.max(want), max: scaling.max.max(want) });
    let mut calls = Vec::new();
    let mut undo = Vec::new();
    let mut lease = None;
    if let (Some(before), Some(after)) = (observed.scaling, raised) {
        if before != after {
            calls.push(register(entry, observed, after));
            undo.push(register(entry, observed, before));
            let seconds = entry.limits.lease_seconds.unwrap_or(capacity_lease::DEFAULT_SECONDS);
            lease = Some(Hold { resource: scalable_target(entry, observed), limits: after, seconds });
        }
    } else {
        undo.push(update(service, observed, observed.desired));
    }
    calls.push(update(service, observed, want));
    let watch = Watch::EcsCapacity { desired_count: want };
    Ok(Plan {
        calls,
        undo,
        before: state(observed.desired, observed.scaling),
        after: state(want, raised),
        verify: service_watch(watch, DEADLINE_SECONDS, &entry.slo, diagnosis),
        summary: summary(entry, observed, want, raised),
        irreversible: false,
        manual_undo: Vec::new(),
        batch: None,
        lease,
    })
}

fn permitted(entry: &Entry, observed: &Observed, diagnosis: Option<&Diagnosis>) -> Result<(), Error> {
    let name = &entry.catalog_id;
    if observed.status != "ACTIVE" || observed.desired == 0 {
        let message =
            format!("{name} is {:?} and wants {} tasks: it is switched off", observed.status, observed.desired);
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    if observed.deploying {
        let message = format!("a deployment of {name} is running: wait for it or stop it");
        return Err(Error::new(Kind::DeploymentInProgress, message));
    }
    if diagnosis.is_some_and(|diagnosis| diagnosis.downstream_bound) {
        let message = format!("{name} waits for what it depends on: more tasks would load that further");
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    Ok(())
}

fn scalable_target(entry: &Entry, observed: &Observed) -> String {
    let service = entry.service().ok();
    let own = service.and_then(|service| service.scalable_resource_id.clone());
    own.unwrap_or_else(|| {
        format!("service/{}/{}", observed.cluster, service.map_or("", |service| service.service.as_str()))
    })
}

fn register(entry: &Entry, observed: &Observed, limits: Scaling) -> Call {
    let resource = scalable_target(entry, observed);
    let parameters = json!({"ServiceNamespace": "ecs", "ResourceId": resource,
        "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": limits.min, "MaxCapacity": limits.max});
    Call::new("application-autoscaling", "RegisterScalableTarget", parameters)
}

fn update(service: &str, observed: &Observed, desired: u32) -> Call {
    let parameters = json!({"cluster": observed.cluster, "service": service, "desiredCount": desired});
    Call::new("ecs", "UpdateService", parameters)
}

fn state(desired: u32, scaling: Option<Scaling>) -> Value {
    match scaling {
        Some(scaling) => json!({"desiredCount": desired, "minCapacity": scaling.min, "maxCapacity": scaling.max}),
        None => json!({"desiredCount": desired}),
    }
}

fn summary(entry: &Entry, observed: &Observed, want: u32, raised: Option<Scaling>) -> String {
    let mut text = format!("Scale {} from {} to {want} tasks", entry.catalog_id, observed.desired);
    if let (Some(before), Some(after)) = (observed.scaling, raised)
        && before != after
    {
        text.push_str(&format!(
            "; autoscaling keeps {} to {} instead of {} to {}",
            after.min, after.max, before.min, before.max
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use proptest::prelude::*;

    fn observed(desired: u32, scaling: Option<(u32, u32)>) -> Observed {
        Observed {
            cluster: "production".into(),
            status: "ACTIVE".into(),
            desired,
            deploying: false,
            scaling: scaling.map(|(min, max)| Scaling { min, max }),
        }
    }

    /// The world as far as the calls change it.
    #[derive(Debug, Clone, PartialEq)]
    struct World {
        desired: u64,
        scaling: Option<(u64, u64)>,
    }

    impl World {
        fn send(&mut self, calls: &[Call]) {
            for call in calls {
                match call.to_string().as_str() {
                    "ecs:UpdateService" => self.desired = call.parameters["desiredCount"].as_u64().unwrap(),
                    "application-autoscaling:RegisterScalableTarget" => {
                        let number = |name: &str| call.parameters[name].as_u64().unwrap();
                        self.scaling = Some((number("MinCapacity"), number("MaxCapacity")));
                    }
                    other => panic!("an unexpected call {other}"),
                }
            }
        }
    }

    fn world(observed: &Observed) -> World {
        let scaling = observed.scaling.map(|scaling| (u64::from(scaling.min), u64::from(scaling.max)));
        World { desired: u64::from(observed.desired), scaling }
    }

    #[test]
    fn a_critical_incident_doubles_and_others_grow_by_half() {
        assert_eq!(wanted(4, 20, true), 8);
        assert_eq!(wanted(4, 20, false), 6);
        assert_eq!(wanted(1, 20, false), 2);
        assert_eq!(wanted(5, 20, false), 8);
        assert_eq!(wanted(15, 20, true), 20);
        assert_eq!(wanted(25, 20, true), 25, "above the limit already: never less than now");
    }

    #[test]
    fn the_limits_of_autoscaling_go_first() {
        let plan = plan(&samples::entry(samples::api()), true, &observed(4, Some((4, 12))), None).unwrap();
        insta::assert_json_snapshot!(json!({"calls": plan.calls, "undo": plan.undo, "summary": plan.summary}), @r#"
        {
          "calls": [
            {
              "service": "application-autoscaling",
              "operation": "RegisterScalableTarget",
              "parameters": {
                "ServiceNamespace": "ecs",
                "ResourceId": "service/production/api",
                "ScalableDimension": "ecs:service:DesiredCount",
                "MinCapacity": 8,
                "MaxCapacity": 12
              }
            },
            {
              "service": "ecs",
              "operation": "UpdateService",
              "parameters": {
                "cluster": "production",
                "service": "api",
                "desiredCount": 8
              }
            }
          ],
          "undo": [
            {
              "service": "application-autoscaling",
              "operation": "RegisterScalableTarget",
              "parameters": {
                "ServiceNamespace": "ecs",
                "ResourceId": "service/production/api",
                "ScalableDimension": "ecs:service:DesiredCount",
                "MinCapacity": 4,
                "MaxCapacity": 12
              }
            }
          ],
          "summary": "Scale api from 4 to 8 tasks; autoscaling keeps 8 to 12 instead of 4 to 12"
        }
        "#);
    }

    #[test]
    fn raised_limits_are_held_for_as_long_as_the_catalogue_says() {
        let lease = |item, scaling| plan(&samples::entry(item), true, &observed(4, scaling), None).unwrap().lease;
        let mut item = samples::api();
        let held =
            |seconds| Hold { resource: "service/production/api".into(), limits: Scaling { min: 8, max: 12 }, seconds };
        assert_eq!(lease(item.clone(), Some((4, 12))), Some(held(3600)));
        assert_eq!(lease(item.clone(), None), None, "no limits, nothing to hold");
        assert_eq!(lease(item.clone(), Some((8, 12))), None, "not raised by this plan");
        item["limits"]["leaseSeconds"] = json!(600);
        assert_eq!(lease(item, Some((4, 12))), Some(held(600)));
    }

    #[test]
    fn refusals_are_named() {
        let entry = samples::entry(samples::api());
        let refused = |observed: &Observed| plan(&entry, false, observed, None).unwrap_err().kind();
        assert_eq!(refused(&observed(20, None)), Kind::NotApplicable);
        assert_eq!(refused(&observed(0, None)), Kind::PreconditionFailed);
        assert_eq!(refused(&Observed { deploying: true, ..observed(4, None) }), Kind::DeploymentInProgress);
        let bound = Diagnosis::parse(&json!({"cause": "downstream", "downstreamBound": true})).unwrap();
        let error = plan(&entry, false, &observed(4, None), Some(&bound)).unwrap_err();
        assert_eq!(error.kind(), Kind::PreconditionFailed);
        let mut item = samples::api();
        item["limits"] = json!({});
        let unlimited = samples::entry(item);
        assert_eq!(plan(&unlimited, false, &observed(4, None), None).unwrap_err().kind(), Kind::ConfigInvalid);
        assert_eq!(plan(&unlimited, true, &observed(4, Some((2, 6))), None).unwrap().after["desiredCount"], 6);
    }

    proptest! {
        #[test]
        fn capacity_is_never_lowered(desired in 0u32..10_000, most in 0u32..10_000, critical: bool) {
            let want = wanted(desired, most, critical);
            prop_assert!(want >= desired);
            prop_assert!(want <= most.max(desired));
        }

        #[test]
        fn no_call_lowers_and_the_undo_restores(
            desired in 1u32..40, limits in proptest::option::of((0u32..30, 0u32..30)), critical: bool
        ) {
            let entry = samples::entry(samples::api());
            let observed = observed(desired, limits.map(|(min, more)| (min, min + more)));
            let Ok(plan) = plan(&entry, critical, &observed, None) else { return Ok(()) };
            let before = world(&observed);
            let mut after = before.clone();
            after.send(&plan.calls);
            prop_assert!(after.desired > before.desired);
            prop_assert!(after.desired <= 20);
            if let (Some((min, max)), Some((min_before, max_before))) = (after.scaling, before.scaling) {
                prop_assert!(min >= min_before.max(after.desired) && max >= max_before && max >= min);
            }
            after.send(&plan.undo);
            prop_assert_eq!(after.scaling, before.scaling);
            if before.scaling.is_none() {
                prop_assert_eq!(after.desired, before.desired);
            } else {
                prop_assert!(after.desired >= before.desired, "autoscaling shrinks, the undo never does");
            }
        }
    }
}
