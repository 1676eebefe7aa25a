//! Reading a service's autoscaling, its tasks' size and what has happened to it.

use crate::AutoScalingOptimizer;
use crate::request::Place;
use aws_sdk_applicationautoscaling::types as scaling;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use clients::failure;
use clients::read::{ecs, task_sets};
use operations::Error;
use operations::error::Kind;
use operations::proposal::Scheduled;
use operations::scaling::effectiveness::Activity;
use operations::scaling::refusal::Lately;
use operations::scaling::world::{Action, DEFAULT_COOLDOWN, Policy, World};
use operations::time::Millis;

/// The most pages of scaling activities that are read: 50 activities each, newest first.
const ACTIVITY_PAGES: usize = 40;

/// A service as far as its autoscaling depends on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deployed {
    /// Processor units and MiB of a task; `None` where its definition does not say.
    pub(crate) size: Option<(u32, u32)>,
    /// Its deployments.
    pub(crate) lately: Lately,
}

impl AutoScalingOptimizer {
    /// How a scalable target is set up.
    pub(crate) async fn world(&self, resource: &str) -> Result<World, Error> {
        let (target, policies, scheduled) =
            tokio::try_join!(self.target(resource), self.policies(resource), self.scheduled(resource))?;
        let created = target.iter().map(|target| target.creation_time().to_millis());
        let created = created.chain(policies.iter().map(|policy| policy.creation_time().to_millis()));
        let created = created.chain(scheduled.iter().map(|action| action.creation_time().to_millis()));
        Ok(World {
            limits: target.as_ref().map(|target| (count(target.min_capacity()), count(target.max_capacity()))),
            suspended: target.as_ref().and_then(|target| target.suspended_state()).is_some_and(suspended),
            created_at: created.filter_map(Result::ok).max(),
            policies: policies.iter().map(policy).collect(),
            scheduled: scheduled.iter().map(action).collect(),
        })
    }

    async fn target(&self, resource: &str) -> Result<Option<scaling::ScalableTarget>, Error> {
        let request = self.scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
        let request =
            request.resource_ids(resource).scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send();
        let call = format!("application-autoscaling:DescribeScalableTargets of {resource}");
        let answer = request.await.map_err(|error| failure::of_sdk(&call, &error))?;
        Ok(answer.scalable_targets().first().cloned())
    }

    async fn policies(&self, resource: &str) -> Result<Vec<scaling::ScalingPolicy>, Error> {
        let call = format!("application-autoscaling:DescribeScalingPolicies of {resource}");
        let (mut policies, mut next) = (Vec::new(), None);
        loop {
            let request = self.scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs);
            let request = request.resource_id(resource).scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
            let page = request.set_next_token(next).send().await.map_err(|error| failure::of_sdk(&call, &error))?;
            policies.extend_from_slice(page.scaling_policies());
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(policies);
            }
        }
    }

    async fn scheduled(&self, resource: &str) -> Result<Vec<scaling::ScheduledAction>, Error> {
        let call = format!("application-autoscaling:DescribeScheduledActions of {resource}");
        let (mut actions, mut next) = (Vec::new(), None);
        loop {
            let request = self.scaling.describe_scheduled_actions().service_namespace(ServiceNamespace::Ecs);
            let request = request.resource_id(resource).scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
            let page = request.set_next_token(next).send().await.map_err(|error| failure::of_sdk(&call, &error))?;
            actions.extend_from_slice(page.scheduled_actions());
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(actions);
            }
        }
    }

    /// The scaling activities since a time, newest first, with those that did not scale; and a text where there are more
    /// than were read.
    pub(crate) async fn activities(
        &self,
        resource: &str,
        since: Millis,
    ) -> Result<(Vec<Activity>, Option<String>), Error> {
        let call = format!("application-autoscaling:DescribeScalingActivities of {resource}");
        let (mut activities, mut next) = (Vec::new(), None);
        for _ in 0..ACTIVITY_PAGES {
            let request = self.scaling.describe_scaling_activities().service_namespace(ServiceNamespace::Ecs);
            let request = request.resource_id(resource).scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
            let request = request.include_not_scaled_activities(true).max_results(50).set_next_token(next);
            let page = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
            let page_activities: Vec<_> = page.scaling_activities().iter().map(activity).collect();
            let older = page_activities.iter().any(|activity| activity.at < since);
            activities.extend(page_activities.into_iter().filter(|activity| activity.at >= since));
            next = page.next_token().map(str::to_owned);
            if next.is_none() || older {
                return Ok((activities, None));
            }
        }
        let oldest = activities.last().map_or(since, |activity| activity.at);
        let text = format!(
            "of the scaling activities only the newest {} were read, since {}: reasons for not scaling are counted too low",
            activities.len(),
            operations::time::text(oldest)
        );
        Ok((activities, Some(text)))
    }

    /// The service's task size and deployments.
    pub(crate) async fn deployed(&self, place: &Place) -> Result<Deployed, Error> {
        let (cluster, name) = (&place.cluster, &place.service);
        let service = ecs::service(&self.ecs, cluster, name).await?.service;
        // Of a service that is released by task sets, these say what the deployments do not.
        let found = match service.deployments.is_empty() {
            true => task_sets::service(&self.ecs, cluster, name).await?.ok(),
            false => None,
        };
        let sets = found.map(|found| task_sets::of_service(&found)).unwrap_or_default();
        let primary = service.primary();
        let set = sets.iter().find(|set| set.status == "PRIMARY");
        let definition = primary.map(|primary| primary.task_definition.as_str());
        let definition = definition.or(set.map(|set| set.task_definition.as_str())).filter(|arn| !arn.is_empty());
        // When a deployment ended is not said: what has begun a day ago has ended long since, or still runs.
        let begun = primary.map(|primary| primary.created_at).or(set.and_then(|set| set.created_at));
        let lately = Lately { deploying: service.deploying() || sets.len() > 1, deployed_at: begun, changed_at: None };
        let size = match definition {
            Some(arn) => self.size(arn).await?,
            None => None,
        };
        Ok(Deployed { size, lately })
    }

    async fn size(&self, arn: &str) -> Result<Option<(u32, u32)>, Error> {
        let call = format!("ecs:DescribeTaskDefinition of {arn}");
        let answer = self.ecs.describe_task_definition().task_definition(arn).send().await;
        let answer = answer.map_err(|error| failure::of_sdk(&call, &error))?;
        let found = answer.task_definition().ok_or_else(|| {
            Error::new(Kind::ConfigInvalid, format!("{call}: there is no such task definition: correct the service"))
        })?;
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        Ok(number(found.cpu()).zip(number(found.memory())))
    }
}

fn suspended(state: &scaling::SuspendedState) -> bool {
    let parts = [
        state.dynamic_scaling_in_suspended(),
        state.dynamic_scaling_out_suspended(),
        state.scheduled_scaling_suspended(),
    ];
    parts.contains(&Some(true))
}

fn policy(found: &scaling::ScalingPolicy) -> Policy {
    let tracking = found.target_tracking_scaling_policy_configuration();
    let cooldown = |seconds: Option<i32>| seconds.map_or(DEFAULT_COOLDOWN, count);
    let metric = tracking.and_then(|tracking| tracking.predefined_metric_specification());
    Policy {
        name: found.policy_name().to_owned(),
        kind: found.policy_type().as_str().to_owned(),
        metric: metric.map(|metric| metric.predefined_metric_type().as_str().to_owned()),
        target: tracking.map_or(0.0, |tracking| tracking.target_value()),
        scale_out_cooldown: cooldown(tracking.and_then(|tracking| tracking.scale_out_cooldown())),
        scale_in_cooldown: cooldown(tracking.and_then(|tracking| tracking.scale_in_cooldown())),
        scale_in_disabled: tracking.and_then(|tracking| tracking.disable_scale_in()).unwrap_or(false),
    }
}

fn action(found: &scaling::ScheduledAction) -> Action {
    let limits = found.scalable_target_action();
    Action {
        scheduled: Scheduled {
            name: found.scheduled_action_name().to_owned(),
            schedule: found.schedule().to_owned(),
            min_capacity: limits.and_then(|limits| limits.min_capacity()).map(count),
            max_capacity: limits.and_then(|limits| limits.max_capacity()).map(count),
        },
        timezone: found.timezone().map(str::to_owned),
    }
}

fn activity(found: &scaling::ScalingActivity) -> Activity {
    Activity {
        at: found.start_time().to_millis().unwrap_or(0),
        not_scaled: found.not_scaled_reasons().iter().map(|reason| reason.code().to_owned()).collect(),
    }
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::DateTime;

    fn tracking() -> scaling::TargetTrackingScalingPolicyConfiguration {
        let metric = scaling::PredefinedMetricSpecification::builder()
            .predefined_metric_type(scaling::MetricType::EcsServiceAverageCpuUtilization);
        scaling::TargetTrackingScalingPolicyConfiguration::builder()
            .target_value(60.0)
            .predefined_metric_specification(metric.build().unwrap())
            .scale_in_cooldown(450)
            .build()
            .unwrap()
    }

    #[test]
    fn a_policy_is_read_with_the_cooldowns_that_it_leaves_out() {
        let found = scaling::ScalingPolicy::builder()
            .policy_arn("arn")
            .policy_name("api-cpu")
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id("service/production/api")
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .policy_type(scaling::PolicyType::TargetTrackingScaling)
            .target_tracking_scaling_policy_configuration(tracking())
            .creation_time(DateTime::from_secs(0))
            .build()
            .unwrap();
        let read = policy(&found);
        assert_eq!((read.kind.as_str(), read.target), ("TargetTrackingScaling", 60.0));
        assert_eq!(read.metric.as_deref(), Some("ECSServiceAverageCPUUtilization"));
        assert_eq!((read.scale_out_cooldown, read.scale_in_cooldown), (300, 450));
    }

    #[test]
    fn an_activity_keeps_why_it_did_not_scale() {
        let reason = scaling::NotScaledReason::builder().code("AlreadyAtMaxCapacity").max_capacity(12);
        let found = scaling::ScalingActivity::builder()
            .activity_id("1")
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id("service/production/api")
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .description("Attempting to scale due to alarm triggered")
            .cause("an alarm")
            .start_time(DateTime::from_millis(5_000))
            .status_code(scaling::ScalingActivityStatusCode::Successful)
            .not_scaled_reasons(reason.build().unwrap())
            .build()
            .unwrap();
        assert_eq!(activity(&found), Activity { at: 5_000, not_scaled: vec!["AlreadyAtMaxCapacity".to_owned()] });
    }

    #[test]
    fn anything_suspended_is_suspended() {
        let state = scaling::SuspendedState::builder();
        assert!(!suspended(&state.clone().dynamic_scaling_in_suspended(false).build()));
        assert!(suspended(&state.scheduled_scaling_suspended(true).build()));
    }
}
