//! What is true of a service now.

use crate::CostOptimizationAnalyzer;
use crate::request::Request;
use aws_sdk_applicationautoscaling::types::{PolicyType, ScalableDimension, ScalingPolicy, ServiceNamespace};
use aws_sdk_ecs::types as ecs;
use clients::failure;
use clients::read::task_sets;
use operations::Error;
use operations::error::Kind;
use operations::plan::capacity::Scaling;
use operations::proposal::{Scheduled, Settings};
use operations::sizing::Size;
use operations::sizing::change::World;
use operations::sizing::choice::Follows;
use operations::time::Millis;

/// Seconds of a cooldown that a policy of a service does not state, by the documentation of Application Auto Scaling.
const COOLDOWN: i32 = 300;

/// A service as it is.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// What a change of size looks at.
    pub(crate) world: World,
    /// When its last deployment began.
    pub(crate) deployed_at: Millis,
    /// Whether it may run tasks on Spot.
    pub(crate) spot: bool,
}

/// How a service scales.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Autoscaling {
    /// The limits, where it is set up.
    pub(crate) limits: Option<Scaling>,
    /// The name, metric, target and cooldowns of its policy that tracks a target, where it has just one.
    policy: Option<Policy>,
    /// What the number of tasks depends on.
    pub(crate) follows: Follows,
    /// Scheduled actions.
    scheduled: Vec<Scheduled>,
}

#[derive(Debug, Clone, PartialEq)]
struct Policy {
    name: String,
    metric: String,
    target: f64,
    out: u32,
    back: u32,
}

impl Autoscaling {
    /// The settings of tasks of a size; without limits the number that is wanted is both.
    pub(crate) fn settings(&self, size: Size, desired: u32) -> Settings {
        let limits = self.limits.unwrap_or(Scaling { min: desired, max: desired });
        let policy = self.policy.as_ref();
        Settings {
            min_capacity: limits.min,
            max_capacity: limits.max,
            policy_name: policy.map(|policy| policy.name.clone()),
            metric: policy.map(|policy| policy.metric.clone()),
            target: policy.map(|policy| policy.target),
            scale_out_cooldown: policy.map_or(0, |policy| policy.out),
            scale_in_cooldown: policy.map_or(0, |policy| policy.back),
            scheduled: self.scheduled.clone(),
            cpu_units: size.cpu_units,
            memory_mib: size.memory_mib,
        }
    }
}

impl CostOptimizationAnalyzer {
    /// Describes the service and its limits.
    pub(crate) async fn service(&self, request: &Request) -> Result<Service, Error> {
        let name = &request.service()?.service;
        let resource_id = request.resource_id()?;
        let (found, limits) =
            tokio::try_join!(task_sets::service(&self.ecs, &request.cluster, name), self.limits(&resource_id))?;
        let found = found.map_err(|reason| {
            let message = format!("service {name} is not in cluster {} ({reason})", request.cluster);
            Error::new(Kind::ConfigInvalid, format!("{message}: correct the catalogue entry"))
        })?;
        let (task_definition, deployed_at) = primary(&found);
        let task_definition = task_definition.ok_or_else(|| {
            Error::new(Kind::PreconditionFailed, format!("service {name} runs no task definition: release one"))
        })?;
        let spot = found.capacity_provider_strategy().iter().any(|one| one.capacity_provider().ends_with("_SPOT"));
        let desired = count(found.desired_count());
        let world = World {
            cluster: request.cluster.clone(),
            resource_id,
            task_definition,
            desired,
            deploying: deploying(&found),
            limits,
        };
        Ok(Service { world, deployed_at, spot })
    }

    /// The limits of autoscaling; `None` where it is not set up.
    async fn limits(&self, resource_id: &str) -> Result<Option<Scaling>, Error> {
        let request = self
            .scaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_ids(resource_id)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        let call = format!("application-autoscaling:DescribeScalableTargets of {resource_id}");
        let answer = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
        let limits = |min: i32, max: i32| Scaling { min: count(min), max: count(max) };
        Ok(answer.scalable_targets().first().map(|target| limits(target.min_capacity(), target.max_capacity())))
    }

    /// How the service scales, given its limits.
    pub(crate) async fn autoscaling(&self, world: &World) -> Result<Autoscaling, Error> {
        let resource_id = &world.resource_id;
        let policies = self.scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs);
        let actions = self.scaling.describe_scheduled_actions().service_namespace(ServiceNamespace::Ecs);
        let (policies, actions) =
            tokio::join!(policies.resource_id(resource_id).send(), actions.resource_id(resource_id).send());
        let call = |name: &str| format!("application-autoscaling:{name} of {resource_id}");
        let policies = policies.map_err(|error| failure::of_sdk(&call("DescribeScalingPolicies"), &error))?;
        let actions = actions.map_err(|error| failure::of_sdk(&call("DescribeScheduledActions"), &error))?;
        // A page holds 50: a service that has more is followed by nobody.
        let more = policies.next_token().is_some() || actions.next_token().is_some();
        let tracking: Vec<_> = policies.scaling_policies().iter().map(policy).collect();
        let metrics: Vec<_> =
            tracking.iter().map(|one| one.as_ref().map(|one| (one.metric.as_str(), one.target))).collect();
        let follows = if more { Follows::Unknown } else { Follows::of(&metrics) };
        let scheduled = actions.scheduled_actions().iter().map(|action| {
            let target = action.scalable_target_action();
            Scheduled {
                name: action.scheduled_action_name().to_owned(),
                schedule: action.schedule().to_owned(),
                min_capacity: target.and_then(|target| target.min_capacity()).map(count),
                max_capacity: target.and_then(|target| target.max_capacity()).map(count),
            }
        });
        let single = if tracking.len() == 1 { tracking.into_iter().flatten().next() } else { None };
        Ok(Autoscaling { limits: world.limits, policy: single, follows, scheduled: scheduled.collect() })
    }
}

/// A policy that keeps a predefined metric at a target; `None` for one of another kind.
fn policy(found: &ScalingPolicy) -> Option<Policy> {
    if found.policy_type() != &PolicyType::TargetTrackingScaling {
        return None;
    }
    let tracking = found.target_tracking_scaling_policy_configuration()?;
    let metric = tracking.predefined_metric_specification()?.predefined_metric_type().as_str();
    Some(Policy {
        name: found.policy_name().to_owned(),
        metric: metric.to_owned(),
        target: tracking.target_value(),
        out: count(tracking.scale_out_cooldown().unwrap_or(COOLDOWN)),
        back: count(tracking.scale_in_cooldown().unwrap_or(COOLDOWN)),
    })
}

/// The task definition that a service runs and when that began: of its primary deployment or task set.
fn primary(found: &ecs::Service) -> (Option<String>, Millis) {
    let deployment = found.deployments().iter().find(|one| one.status() == Some("PRIMARY"));
    let set = found.task_sets().iter().find(|one| one.status() == Some("PRIMARY"));
    let own = deployment.map(|one| (one.task_definition(), one.created_at()));
    let (definition, at) = own.or(set.map(|one| (one.task_definition(), one.created_at()))).unwrap_or_default();
    let at = at.and_then(|at| at.to_millis().ok()).unwrap_or(0);
    (definition.or(found.task_definition()).filter(|arn| !arn.is_empty()).map(str::to_owned), at)
}

/// Whether another revision is on its way.
fn deploying(found: &ecs::Service) -> bool {
    let live = found.deployments().iter().filter(|one| one.status() != Some("INACTIVE")).count();
    let rolling = found.deployments().iter().any(|one| {
        one.status() == Some("PRIMARY") && one.rollout_state() == Some(&ecs::DeploymentRolloutState::InProgress)
    });
    live > 1 || rolling || found.task_sets().len() > 1
}

pub(crate) fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(status: &str, arn: &str) -> ecs::Deployment {
        ecs::Deployment::builder().status(status).task_definition(arn).build()
    }

    #[test]
    fn the_primary_revision_is_found_whoever_releases_it() {
        let rolling = ecs::Service::builder()
            .deployments(deployment("ACTIVE", "api:1"))
            .deployments(deployment("PRIMARY", "api:2"));
        let rolling = rolling.build();
        assert_eq!((primary(&rolling).0.as_deref(), deploying(&rolling)), (Some("api:2"), true));
        let set = ecs::TaskSet::builder().status("PRIMARY").task_definition("api:3").build();
        let external = ecs::Service::builder().task_sets(set).build();
        assert_eq!((primary(&external).0.as_deref(), deploying(&external)), (Some("api:3"), false));
        assert_eq!(primary(&ecs::Service::builder().build()).0, None);
    }

    #[test]
    fn a_service_without_autoscaling_keeps_its_number() {
        let none = Autoscaling { limits: None, policy: None, follows: Follows::Nothing, scheduled: Vec::new() };
        let settings = none.settings(Size::new(512, 1_024), 3);
        assert_eq!((settings.min_capacity, settings.max_capacity, settings.target), (3, 3, None));
    }
}
