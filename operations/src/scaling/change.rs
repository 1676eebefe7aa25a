//! The calls of a scaling plan: what each sets, and whether the world is as the plan says.

use super::world::{CPU_METRICS, World};
use crate::call::Call;
use crate::error::{Error, Kind};
use crate::field::Object;
use crate::plan::Plan;
use crate::proposal::{Scheduled, Settings};
use serde::Deserialize;
use serde_json::{Value, json};

/// The one dimension in which services scale.
pub const DIMENSION: &str = "ecs:service:DesiredCount";

/// The service's IAM prefix.
const SERVICE: &str = "application-autoscaling";

/// A target-tracking policy as a plan sets it: absolute values.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracking {
    /// The policy's name.
    pub name: String,
    /// The predefined metric.
    pub metric: String,
    /// The target, percent.
    pub target: f64,
    /// Seconds.
    pub scale_out_cooldown: u32,
    /// Seconds.
    pub scale_in_cooldown: u32,
}

/// A part of a service's autoscaling, and what it is or shall be.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// `MinCapacity` and `MaxCapacity`.
    Limits(u32, u32),
    /// The policy.
    Policy(Tracking),
    /// A scheduled action.
    Action(Scheduled),
    /// No scheduled action of this name.
    NoAction(String),
}

impl Part {
    /// The parts of settings.
    ///
    /// # Errors
    /// `Ops.InvalidInput` where they have no policy.
    pub fn of(settings: &Settings) -> Result<Vec<Part>, Error> {
        let (Some(name), Some(metric), Some(target)) = (&settings.policy_name, &settings.metric, settings.target)
        else {
            let message = "settings need policyName, metric and target: pass the proposal unchanged";
            return Err(Error::new(Kind::InvalidInput, message));
        };
        let tracking = Tracking {
            name: name.clone(),
            metric: metric.clone(),
            target,
            scale_out_cooldown: settings.scale_out_cooldown,
            scale_in_cooldown: settings.scale_in_cooldown,
        };
        let first = [Part::Limits(settings.min_capacity, settings.max_capacity), Part::Policy(tracking)];
        Ok(first.into_iter().chain(settings.scheduled.iter().cloned().map(Part::Action)).collect())
    }

    /// Whether two are values of the same part.
    pub fn same_part(&self, other: &Part) -> bool {
        match (self, other) {
            (Part::Limits(..), Part::Limits(..)) => true,
            (Part::Policy(one), Part::Policy(other)) => one.name == other.name,
            (one, other) => one.action().is_some() && one.action() == other.action(),
        }
    }

    fn action(&self) -> Option<&str> {
        match self {
            Part::Action(action) => Some(&action.name),
            Part::NoAction(name) => Some(name),
            _ => None,
        }
    }

    /// This part of settings.
    fn within(&self, settings: &Settings) -> Result<Part, Error> {
        let found = Part::of(settings)?.into_iter().find(|part| part.same_part(self));
        match (found, self.action()) {
            (Some(part), _) => Ok(part),
            (None, Some(name)) => Ok(Part::NoAction(name.to_owned())),
            (None, None) => Err(Error::new(
                Kind::InvalidInput,
                "the plan changes a policy that its settings do not have: plan again".to_owned(),
            )),
        }
    }

    /// This part of the world; `None` where it is gone, or no longer of the kind that a plan can set.
    fn now(&self, world: &World) -> Option<Part> {
        match self {
            Part::Limits(..) => world.limits.map(|(min, max)| Part::Limits(min, max)),
            Part::Policy(wanted) => {
                let policy = world.policies.iter().find(|policy| policy.name == wanted.name)?;
                let metric = policy.metric.clone().filter(|_| !policy.scale_in_disabled)?;
                Some(Part::Policy(Tracking {
                    name: policy.name.clone(),
                    metric,
                    target: policy.target,
                    scale_out_cooldown: policy.scale_out_cooldown,
                    scale_in_cooldown: policy.scale_in_cooldown,
                }))
            }
            Part::Action(Scheduled { name, .. }) | Part::NoAction(name) => {
                let found = world.scheduled.iter().find(|action| action.scheduled.name == *name);
                Some(
                    found.map_or_else(|| Part::NoAction(name.clone()), |action| Part::Action(action.scheduled.clone())),
                )
            }
        }
    }

    /// What it is, for reports.
    pub fn to_json(&self) -> Value {
        match self {
            Part::Limits(min, max) => json!({"minCapacity": min, "maxCapacity": max}),
            Part::Policy(policy) => json!({"policyName": policy.name, "metric": policy.metric, "target": policy.target,
                "scaleOutCooldown": policy.scale_out_cooldown, "scaleInCooldown": policy.scale_in_cooldown}),
            Part::Action(action) => json!(action),
            Part::NoAction(_) => Value::Null,
        }
    }

    /// The call that sets it on a scalable target.
    pub fn call(&self, resource: &str) -> Call {
        let mut parameters = serde_json::Map::new();
        parameters.insert("ServiceNamespace".to_owned(), json!("ecs"));
        parameters.insert("ResourceId".to_owned(), json!(resource));
        parameters.insert("ScalableDimension".to_owned(), json!(DIMENSION));
        let (operation, more) = match self {
            Part::Limits(min, max) => ("RegisterScalableTarget", json!({"MinCapacity": min, "MaxCapacity": max})),
            Part::Policy(policy) => {
                let configuration = json!({"TargetValue": policy.target,
                    "PredefinedMetricSpecification": {"PredefinedMetricType": policy.metric},
                    "ScaleOutCooldown": policy.scale_out_cooldown, "ScaleInCooldown": policy.scale_in_cooldown});
                let policy = json!({"PolicyName": policy.name, "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": configuration});
                ("PutScalingPolicy", policy)
            }
            Part::Action(action) => {
                let mut limits = serde_json::Map::new();
                limits.extend(action.min_capacity.map(|min| ("MinCapacity".to_owned(), json!(min))));
                limits.extend(action.max_capacity.map(|max| ("MaxCapacity".to_owned(), json!(max))));
                let action = json!({"ScheduledActionName": action.name, "Schedule": action.schedule,
                    "ScalableTargetAction": limits});
                ("PutScheduledAction", action)
            }
            Part::NoAction(name) => ("DeleteScheduledAction", json!({"ScheduledActionName": name})),
        };
        parameters.extend(more.as_object().cloned().unwrap_or_default());
        Call::new(SERVICE, operation, Value::Object(parameters))
    }
}

/// Reads calls as the parts they set; each must be one that a plan for this scalable target has, and nothing else.
///
/// # Errors
/// `Ops.InvalidInput` naming the field.
pub fn checked(path: &str, calls: &[Call], resource: &str) -> Result<Vec<Part>, Error> {
    let parts = calls.iter().enumerate().map(|(index, call)| {
        let path = format!("{path}[{index}]");
        let own = ["ServiceNamespace", "ResourceId", "ScalableDimension"];
        let read = |more: &[&str]| {
            let parameters = call.parameters(&path, &[&own[..], more].concat())?;
            let ours = [("ServiceNamespace", "ecs"), ("ResourceId", resource), ("ScalableDimension", DIMENSION)];
            for (name, wanted) in ours {
                if parameters.text(name)? != wanted {
                    return Err(parameters.error(name, &format!("must be {wanted}: plan again")));
                }
            }
            Ok(parameters)
        };
        match call.to_string().as_str() {
            "application-autoscaling:RegisterScalableTarget" => limits(&read(&["MinCapacity", "MaxCapacity"])?),
            "application-autoscaling:PutScalingPolicy" => {
                policy(&read(&["PolicyName", "PolicyType", "TargetTrackingScalingPolicyConfiguration"])?)
            }
            "application-autoscaling:PutScheduledAction" => {
                action(&read(&["ScheduledActionName", "Schedule", "ScalableTargetAction"])?)
            }
            "application-autoscaling:DeleteScheduledAction" => {
                Ok(Part::NoAction(read(&["ScheduledActionName"])?.text("ScheduledActionName")?.to_owned()))
            }
            other => Err(Error::new(
                Kind::InvalidInput,
                format!("{path} is {other}: changing autoscaling does not send that"),
            )),
        }
    });
    parts.collect()
}

fn count(object: &Object<'_>, name: &str) -> Result<u32, Error> {
    object.optional_count(name)?.ok_or_else(|| object.error(name, "is missing: plan again"))
}

fn limits(parameters: &Object<'_>) -> Result<Part, Error> {
    let (min, max) = (count(parameters, "MinCapacity")?, count(parameters, "MaxCapacity")?);
    if min > max || max == 0 {
        return Err(
            parameters.error("MinCapacity", "must not be more than MaxCapacity, which is 1 or more: plan again")
        );
    }
    Ok(Part::Limits(min, max))
}

fn policy(parameters: &Object<'_>) -> Result<Part, Error> {
    if parameters.text("PolicyType")? != "TargetTrackingScaling" {
        return Err(parameters.error("PolicyType", "must be TargetTrackingScaling: plan again"));
    }
    let configuration = parameters.object("TargetTrackingScalingPolicyConfiguration")?;
    let known = ["TargetValue", "PredefinedMetricSpecification", "ScaleOutCooldown", "ScaleInCooldown"];
    only(&configuration, &known)?;
    let specification = configuration.object("PredefinedMetricSpecification")?;
    only(&specification, &["PredefinedMetricType"])?;
    let metric = specification.text("PredefinedMetricType")?;
    if !CPU_METRICS.contains(&metric) {
        return Err(specification.error("PredefinedMetricType", "must be a metric of the processor: plan again"));
    }
    let target = configuration.optional_number("TargetValue")?.filter(|target| (1.0..=100.0).contains(target));
    Ok(Part::Policy(Tracking {
        name: parameters.text("PolicyName")?.to_owned(),
        metric: metric.to_owned(),
        target: target.ok_or_else(|| configuration.error("TargetValue", "must be between 1 and 100: plan again"))?,
        scale_out_cooldown: count(&configuration, "ScaleOutCooldown")?,
        scale_in_cooldown: count(&configuration, "ScaleInCooldown")?,
    }))
}

fn action(parameters: &Object<'_>) -> Result<Part, Error> {
    let limits = parameters.object("ScalableTargetAction")?;
    only(&limits, &["MinCapacity", "MaxCapacity"])?;
    Ok(Part::Action(Scheduled {
        name: parameters.text("ScheduledActionName")?.to_owned(),
        schedule: parameters.text("Schedule")?.to_owned(),
        min_capacity: limits.optional_count("MinCapacity")?,
        max_capacity: limits.optional_count("MaxCapacity")?,
    }))
}

fn only(object: &Object<'_>, known: &[&str]) -> Result<(), Error> {
    match object.names().find(|name| !known.contains(name)) {
        Some(name) => Err(object.error(name, "is not what such a call may carry: remove it")),
        None => Ok(()),
    }
}

/// What to do about a part.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// Set it; it is this now.
    Send(Part),
    /// It is so already.
    Done,
    /// Somebody else has changed it: it stays what it is.
    Leave(String),
}

/// What to do about each part of a plan's calls, before any is sent.
///
/// # Errors
/// `Ops.PreconditionFailed` where a part is neither what it was when the plan was made nor what it shall be.
pub fn to_act(plan: &Plan, parts: &[Part], world: &World) -> Result<Vec<Need>, Error> {
    let before = settings("plan.before", &plan.before)?;
    let needs = parts.iter().map(|part| {
        let was = part.within(&before)?;
        match part.now(world) {
            Some(now) if now == *part => Ok(Need::Done),
            Some(now) if now == was => Ok(Need::Send(now)),
            now => {
                let message = format!(
                    "autoscaling is {}, and was {} when the plan was made: plan again",
                    now.map_or_else(|| "gone".to_owned(), |now| now.to_json().to_string()),
                    was.to_json()
                );
                Err(Error::new(Kind::PreconditionFailed, message))
            }
        }
    });
    needs.collect()
}

/// What to do about each part of a plan's undo: it goes back only while it is what the plan made it, or what a scheduled
/// action of the plan has made of the limits since.
///
/// # Errors
/// `Ops.InvalidInput` for a plan whose settings do not read.
pub fn to_undo(plan: &Plan, parts: &[Part], world: &World) -> Result<Vec<Need>, Error> {
    let (before, after) = (settings("plan.before", &plan.before)?, settings("plan.after", &plan.after)?);
    let added = after.scheduled.iter().filter(|action| !before.scheduled.contains(action));
    let fired: Vec<Part> = added
        .map(|action| {
            let (min, max) = (action.min_capacity, action.max_capacity);
            Part::Limits(min.unwrap_or(after.min_capacity), max.unwrap_or(after.max_capacity))
        })
        .collect();
    let needs = parts.iter().map(|part| {
        let ours = part.within(&after)?;
        Ok(match part.now(world) {
            Some(now) if now == *part => Need::Done,
            Some(now) if now == ours || fired.contains(&now) => Need::Send(now),
            Some(now) => Need::Leave(format!("{} was changed since: it stays", now.to_json())),
            None => Need::Leave(format!("{} was removed since: it stays so", ours.to_json())),
        })
    });
    needs.collect()
}

fn settings(path: &str, value: &Value) -> Result<Settings, Error> {
    Settings::deserialize(value)
        .map_err(|problem| Error::new(Kind::InvalidInput, format!("{path}: {problem}: pass the plan unchanged")))
}
