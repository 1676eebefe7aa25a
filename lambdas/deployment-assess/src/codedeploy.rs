//! A deployment of CodeDeploy.

use crate::sides::{Sides, side};
use crate::{DeploymentAssess, Place};
use aws_sdk_codedeploy::error::ProvideErrorMetadata;
use aws_sdk_codedeploy::types::{
    DeploymentInfo, DeploymentStatus, EcsTarget, InstanceAction, LifecycleEventStatus, RevisionLocation, TargetLabel,
};
use aws_sdk_ecs::types as ecs;
use clients::failure;
use clients::read::task_sets;
use operations::Error;
use operations::gate::facts::Kept;
use serde_json::Value;

/// The states of a deployment that still runs.
const RUNNING: [DeploymentStatus; 5] = [
    DeploymentStatus::Created,
    DeploymentStatus::Queued,
    DeploymentStatus::InProgress,
    DeploymentStatus::Baking,
    DeploymentStatus::Ready,
];

impl DeploymentAssess {
    pub(crate) async fn of_code_deploy(&self, place: &Place, service: &ecs::Service, id: &str) -> Result<Sides, Error> {
        let sets = task_sets::of_service(service);
        let primary = sets.iter().find(|set| set.status == "PRIMARY");
        let Some(info) = self.deployment(id).await? else {
            let blue = primary.map(side);
            return Ok(Sides { state: "UNKNOWN".to_owned(), blue, ..Sides::default() });
        };
        let (target, others) = tokio::try_join!(self.target(place, id), self.others(&info, id))?;
        let labelled = |label: TargetLabel| {
            let mut infos = target.iter().flat_map(|target| target.task_sets_info());
            let info = infos.find(|info| info.task_set_label() == Some(&label))?;
            sets.iter().find(|set| Some(set.id.as_str()) == info.identifer() && set.status != "DRAINING")
        };
        let green = labelled(TargetLabel::Green);
        let blue =
            labelled(TargetLabel::Blue).or(primary.filter(|primary| Some(&primary.id) != green.map(|set| &set.id)));
        let status = info.status().cloned();
        let events = target.iter().flat_map(|target| target.lifecycle_events());
        let running = |status: Option<&LifecycleEventStatus>| status == Some(&LifecycleEventStatus::InProgress);
        let event = events.filter(|event| running(event.status())).find_map(|event| event.lifecycle_event_name());
        Ok(Sides {
            current: status.as_ref().is_some_and(|status| RUNNING.contains(status)),
            state: status.map_or_else(|| "UNKNOWN".to_owned(), |status| status.as_str().to_owned()),
            lifecycle_event: event.map(str::to_owned),
            blue: blue.map(side),
            green: green.map(side),
            task_definition: green
                .map(|set| set.task_definition.clone())
                .or_else(|| info.revision().and_then(content).as_deref().and_then(task_definition)),
            others,
            blue_kept: blue_kept(&info),
            ..Sides::default()
        })
    }

    async fn deployment(&self, id: &str) -> Result<Option<DeploymentInfo>, Error> {
        match self.code_deploy.get_deployment().deployment_id(id).send().await {
            Ok(answer) => Ok(answer.deployment_info),
            Err(error) if error.code() == Some("DeploymentDoesNotExistException") => Ok(None),
            Err(error) => Err(failure::of_sdk(&format!("codedeploy:GetDeployment of {id}"), &error)),
        }
    }

    /// The deployment's one target, the service; `None` before it has begun.
    async fn target(&self, place: &Place, id: &str) -> Result<Option<EcsTarget>, Error> {
        let target = format!("{}:{}", place.cluster, place.target.service);
        match self.code_deploy.get_deployment_target().deployment_id(id).target_id(target).send().await {
            Ok(answer) => Ok(answer.deployment_target.and_then(|target| target.ecs_target)),
            Err(error)
                if matches!(
                    error.code(),
                    Some("DeploymentTargetDoesNotExistException" | "DeploymentNotStartedException")
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure::of_sdk(&format!("codedeploy:GetDeploymentTarget of {id}"), &error)),
        }
    }

    /// Other deployments of the same deployment group that still run.
    async fn others(&self, info: &DeploymentInfo, id: &str) -> Result<Vec<String>, Error> {
        let mut others = Vec::new();
        let mut next = None;
        loop {
            let request = self
                .code_deploy
                .list_deployments()
                .set_application_name(info.application_name().map(str::to_owned))
                .set_deployment_group_name(info.deployment_group_name().map(str::to_owned))
                .set_include_only_statuses(Some(RUNNING.to_vec()))
                .set_next_token(next);
            let page = request.send().await.map_err(|error| failure::of_sdk("codedeploy:ListDeployments", &error))?;
            others.extend(page.deployments().iter().filter(|other| *other != id).cloned());
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(others);
            }
        }
    }
}

/// For how long the old revision is kept after the traffic has shifted.
fn blue_kept(info: &DeploymentInfo) -> Option<Kept> {
    let end = info.blue_green_deployment_configuration()?.terminate_blue_instances_on_deployment_success()?;
    match end.action()? {
        InstanceAction::KeepAlive => Some(Kept::Forever),
        InstanceAction::Terminate => {
            let minutes = u32::try_from(end.termination_wait_time_in_minutes()).ok()?;
            Some(Kept::Seconds(minutes * 60))
        }
        _ => None,
    }
}

/// The AppSpec of a revision, where it is in the deployment itself.
fn content(revision: &RevisionLocation) -> Option<String> {
    let own = revision.app_spec_content().and_then(|content| content.content());
    own.or_else(|| revision.string().and_then(|text| text.content())).map(str::to_owned)
}

/// The task definition that an AppSpec names, in JSON or YAML: of YAML the one line is read.
fn task_definition(content: &str) -> Option<String> {
    if let Ok(json) = serde_json::from_str::<Value>(content) {
        let resources = json.get("Resources").or_else(|| json.get("resources"))?.as_array()?;
        let service = resources.iter().find_map(|resource| resource.as_object()?.values().next())?;
        let found =
            service.pointer("/Properties/TaskDefinition").or_else(|| service.pointer("/properties/taskDefinition"));
        return found.and_then(Value::as_str).map(str::to_owned);
    }
    let line = content.lines().map(str::trim).find(|line| line.to_ascii_lowercase().starts_with("taskdefinition:"))?;
    let (_, value) = line.split_once(':')?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appspec_names_its_task_definition_in_json_and_yaml() {
        let arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/orders:88";
        let json = format!(
            r#"{{"version": 0.0, "Resources": [{{"TargetService": {{"Properties": {{"TaskDefinition": "{arn}"}}}}}}]}}"#
        );
        assert_eq!(task_definition(&json).as_deref(), Some(arn));
        let yaml = format!("Resources:\n  - TargetService:\n      Properties:\n        TaskDefinition: \"{arn}\"\n");
        assert_eq!(task_definition(&yaml).as_deref(), Some(arn));
        assert_eq!(task_definition("Resources: []"), None);
        assert_eq!(task_definition("{}"), None);
    }
}
