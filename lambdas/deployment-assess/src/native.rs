//! A blue/green deployment by ECS's own controller.

use crate::sides::Sides;
use crate::{DeploymentAssess, Place};
use aws_sdk_ecs::types as ecs;
use clients::failure;
use ecs::{DeploymentLifecycleHookStatus, DeploymentLifecycleHookTargetType, ServiceDeploymentStatus as Status};
use operations::Error;
use operations::gate::Side;

/// The states in which a deployment changes something.
const CHANGING: [Status; 5] =
    [Status::Pending, Status::InProgress, Status::StopRequested, Status::RollbackRequested, Status::RollbackInProgress];

impl DeploymentAssess {
    pub(crate) async fn of_ecs(
        &self,
        place: &Place,
        service: &ecs::Service,
        arn: &str,
        revision: Option<&str>,
    ) -> Result<Sides, Error> {
        let Some(found) = self.service_deployment(arn).await? else {
            return Ok(Sides { state: "UNKNOWN".to_owned(), ..Sides::default() });
        };
        let source = found.source_service_revisions().iter().find(|source| source.arn().is_some());
        let target = found.target_service_revision();
        let target_arn = target.and_then(|target| target.arn()).or(revision);
        let source_arn = source.and_then(|source| source.arn());
        let wanted: Vec<_> = [source_arn, target_arn].into_iter().flatten().collect();
        let (revisions, others) = tokio::try_join!(self.revisions(&wanted), self.other_deployments(place, arn))?;
        let of = |arn: Option<&str>| revisions.iter().find(|revision| revision.service_revision_arn() == arn);
        let (old, new) = (of(source_arn), of(target_arn));
        let own = place.target.entry.deployment()?;
        let (mut blue_group, mut green_group) = (old.and_then(group), new.and_then(group));
        // A revision whose target group is not settled has the one that the other has not.
        blue_group = blue_group.or_else(|| own.other_group(green_group.as_deref()?).map(str::to_owned));
        green_group = green_group.or_else(|| own.other_group(blue_group.as_deref()?).map(str::to_owned));
        let status = found.status().cloned();
        let green = side(new, target, green_group);
        let rollout = |id: &str| {
            let own = service.deployments().iter().find(|deployment| deployment.id() == Some(id));
            own.and_then(|deployment| deployment.rollout_state()) == Some(&ecs::DeploymentRolloutState::Failed)
        };
        Ok(Sides {
            current: matches!(status, Some(Status::Pending | Status::InProgress)),
            state: status.map_or_else(|| "UNKNOWN".to_owned(), |status| status.as_str().to_owned()),
            lifecycle_event: found.lifecycle_stage().map(|stage| stage.as_str().to_owned()),
            hook_id: paused(&found),
            blue: side(old, source, blue_group),
            failed: green.as_ref().is_some_and(|green| rollout(&green.id)),
            green,
            task_definition: new.and_then(|new| new.task_definition()).map(str::to_owned),
            others,
            ..Sides::default()
        })
    }

    async fn service_deployment(&self, arn: &str) -> Result<Option<ecs::ServiceDeployment>, Error> {
        let answer = self.ecs.describe_service_deployments().service_deployment_arns(arn).send().await;
        let call = format!("ecs:DescribeServiceDeployments of {arn}");
        let answer = answer.map_err(|error| failure::of_sdk(&call, &error))?;
        Ok(answer.service_deployments.unwrap_or_default().into_iter().next())
    }

    async fn revisions(&self, arns: &[&str]) -> Result<Vec<ecs::ServiceRevision>, Error> {
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let arns = arns.iter().map(|arn| (*arn).to_owned()).collect();
        let answer = self.ecs.describe_service_revisions().set_service_revision_arns(Some(arns)).send().await;
        let answer = answer.map_err(|error| failure::of_sdk("ecs:DescribeServiceRevisions", &error))?;
        Ok(answer.service_revisions.unwrap_or_default())
    }

    async fn other_deployments(&self, place: &Place, arn: &str) -> Result<Vec<String>, Error> {
        let request = self.ecs.list_service_deployments().cluster(&place.cluster).service(&place.target.service);
        let answer = request.set_status(Some(CHANGING.to_vec())).send().await;
        let answer = answer.map_err(|error| failure::of_sdk("ecs:ListServiceDeployments", &error))?;
        let arns = answer.service_deployments().iter().filter_map(|brief| brief.service_deployment_arn());
        Ok(arns.filter(|other| *other != arn).map(str::to_owned).collect())
    }
}

/// The pause hook that waits for an answer.
fn paused(deployment: &ecs::ServiceDeployment) -> Option<String> {
    let waiting = |hook: &&ecs::DeploymentLifecycleHookDetail| {
        hook.target_type() == Some(&DeploymentLifecycleHookTargetType::Pause)
            && hook.status() == Some(&DeploymentLifecycleHookStatus::AwaitingAction)
    };
    deployment.lifecycle_hook_details().iter().find(waiting)?.hook_id().map(str::to_owned)
}

/// The target group that a revision's tasks are registered with: which of the pair is settled per deployment.
fn group(revision: &ecs::ServiceRevision) -> Option<String> {
    let resolved = revision.resolved_configuration()?.load_balancers().first()?;
    resolved.target_group_arn().map(str::to_owned)
}

/// A revision as a side; its deployment within the service carries the number that ends the revision's ARN.
fn side(
    revision: Option<&ecs::ServiceRevision>,
    summary: Option<&ecs::ServiceRevisionSummary>,
    target_group_arn: Option<String>,
) -> Option<Side> {
    let (revision, summary) = (revision?, summary?);
    let number = revision.service_revision_arn()?.rsplit('/').next()?;
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    Some(Side {
        id: format!("ecs-svc/{number}"),
        task_definition: revision.task_definition()?.to_owned(),
        target_group_arn,
        image: None,
        desired: count(summary.requested_task_count()),
        running: count(summary.running_task_count()),
        created_at: revision.created_at().and_then(|at| at.to_millis().ok()),
        weight: None,
    })
}
