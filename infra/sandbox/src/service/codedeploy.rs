//! CodeDeploy.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ecs::resolve_definition;
use super::input::Input;
use super::{Answer, Failure, codedeploy_view};
use crate::wire::Node;
use crate::world::World;
use crate::world::codedeploy::appspec::AppSpec;
use crate::world::codedeploy::{Deployment, NewDeployment, shifts};

const STATUSES: [&str; 8] = ["Created", "Queued", "InProgress", "Baking", "Succeeded", "Failed", "Stopped", "Ready"];

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "CreateDeployment" => create(world, input),
        "GetDeployment" => get(world, input),
        "GetDeploymentGroup" => get_group(world, input),
        "StopDeployment" => stop(world, input),
        "ListDeployments" => list(world, input),
        "ListDeploymentTargets" => list_targets(world, input),
        "BatchGetDeploymentTargets" => batch_get_targets(world, input),
        "GetDeploymentTarget" => get_target(world, input),
        "PutLifecycleEventHookExecutionStatus" => put_hook_status(world, input),
        "ContinueDeployment" => proceed(world, input),
        _ => return None,
    })
}

fn refused(code: &str, message: &str) -> Failure {
    Failure::new(code, message)
}

fn check_application(world: &World, input: &Input) -> Result<(), Failure> {
    let Some(name) = input.text("applicationName")? else {
        return Err(refused("ApplicationNameRequiredException", "Application name is missing"));
    };
    if name != world.codedeploy.application {
        let message = format!("No application found for name: {name}");
        return Err(refused("ApplicationDoesNotExistException", &message));
    }
    Ok(())
}

fn check_group(world: &World, input: &Input, name: &str) -> Result<(), Failure> {
    check_application(world, input)?;
    let Some(group) = input.text(name)? else {
        return Err(refused("DeploymentGroupNameRequiredException", "Deployment group name is missing"));
    };
    if group != world.codedeploy.group {
        let message = format!("No Deployment Group found for name: {group}");
        return Err(refused("DeploymentGroupDoesNotExistException", &message));
    }
    Ok(())
}

fn find<'a>(world: &'a World, input: &Input) -> Result<&'a Deployment, Failure> {
    let Some(id) = input.text("deploymentId")? else {
        return Err(refused("DeploymentIdRequiredException", "Deployment ID is required"));
    };
    if !id.starts_with("d-") {
        return Err(refused("InvalidDeploymentIdException", &format!("DeploymentId {id} is not valid")));
    }
    let message = format!("The deployment {id} could not be found");
    world.codedeploy.find(id).ok_or_else(|| refused("DeploymentDoesNotExistException", &message))
}

fn create(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "applicationName",
        "deploymentGroupName",
        "revision",
        "deploymentConfigName",
        "description",
        "autoRollbackConfiguration",
    ])?;
    check_group(world, input, "deploymentGroupName")?;
    let (spec, content) = revision(world, input)?;
    let config = input.text("deploymentConfigName")?.unwrap_or(&world.codedeploy.config).to_owned();
    if shifts(&config).is_none() {
        let message = format!("No Deployment Configuration found for name: {config}");
        return Err(refused("DeploymentConfigDoesNotExistException", &message));
    }
    if let Some(active) = world.codedeploy.active() {
        let (group, id) = (&world.codedeploy.group, &active.id);
        let message = format!("The Deployment Group '{group}' already has an active Deployment '{id}'");
        return Err(refused("DeploymentLimitExceededException", &message));
    }
    let auto_rollback = match input.structure("autoRollbackConfiguration") {
        None => true,
        Some(given) => given.boolean("enabled", false)? && given.texts("events")?.contains(&"DEPLOYMENT_FAILURE"),
    };
    let description = input.text("description")?.map(str::to_owned);
    let now_ms = world.now_ms;
    let new = NewDeployment { spec, content, config, description, auto_rollback };
    let id = world.codedeploy.begin(new, now_ms);
    world.announce(&id, "START");
    Ok(Node::map([("deploymentId", id.into())]))
}

/// The AppSpec of a request, its digest checked and its task definition resolved.
fn revision(world: &World, input: &Input) -> Result<(AppSpec, String), Failure> {
    let Some(revision) = input.structure("revision") else {
        return Err(refused("RevisionRequiredException", "Revision is required"));
    };
    let invalid = |message: &str| refused("InvalidRevisionException", message);
    if revision.text("revisionType")?.is_some_and(|kind| kind != "AppSpecContent") {
        return Err(invalid("the sandbox models revisions of the type AppSpecContent only"));
    }
    let Some(given) = revision.structure("appSpecContent") else {
        return Err(invalid("The revision has no appSpecContent"));
    };
    let content = given.required("content")?;
    let digest = hex::encode(Sha256::digest(content));
    if given.text("sha256")?.is_some_and(|sha256| !sha256.eq_ignore_ascii_case(&digest)) {
        return Err(invalid("The specified sha256 does not match that of the content"));
    }
    let mut spec = AppSpec::parse(content).map_err(|problem| invalid(&problem))?;
    let unknown =
        |_| refused("InvalidRevisionException", &format!("The task definition {} was not found", spec.task_definition));
    spec.task_definition = resolve_definition(world, &spec.task_definition).map_err(unknown)?;
    Ok((spec, content.to_owned()))
}

fn get(world: &World, input: &Input) -> Result<Node, Failure> {
    let deployment = find(world, input)?;
    Ok(Node::map([("deploymentInfo", codedeploy_view::deployment(world, deployment))]))
}

fn get_group(world: &World, input: &Input) -> Result<Node, Failure> {
    check_group(world, input, "deploymentGroupName")?;
    Ok(Node::map([("deploymentGroupInfo", codedeploy_view::group(world))]))
}

fn stop(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["deploymentId", "autoRollbackEnabled"])?;
    let id = find(world, input)?.id.clone();
    let rollback = input.boolean("autoRollbackEnabled", false)?;
    if !world.stop_deployment(&id, rollback) {
        let message = format!("The deployment {id} is already completed");
        return Err(refused("DeploymentAlreadyCompletedException", &message));
    }
    let message = "The deployment was stopped";
    Ok(Node::map([("status", "Succeeded".into()), ("statusMessage", message.into())]))
}

fn list(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["applicationName", "deploymentGroupName", "includeOnlyStatuses", "createTimeRange", "nextToken"])?;
    if input.get("applicationName").is_some() {
        check_group(world, input, "deploymentGroupName")?;
    }
    let statuses = input.texts("includeOnlyStatuses")?;
    if statuses.iter().any(|status| !STATUSES.contains(status)) {
        return Err(refused("InvalidDeploymentStatusException", "A deployment status is not valid"));
    }
    let (mut from_ms, mut to_ms) = (i64::MIN, i64::MAX);
    if let Some(range) = input.structure("createTimeRange") {
        from_ms = range.instant("start")?.unwrap_or(from_ms);
        to_ms = range.instant("end")?.unwrap_or(to_ms);
    }
    let wanted = |deployment: &&Deployment| {
        (statuses.is_empty() || statuses.contains(&deployment.status))
            && (from_ms..=to_ms).contains(&deployment.created_ms)
    };
    let ids = world.codedeploy.deployments.iter().rev().filter(wanted).map(|each| each.id.as_str().into());
    Ok(Node::map([("deployments", Node::list(ids))]))
}

/// The one target of a deployment: the ECS service.
fn target_id(world: &World) -> String {
    format!("{}:{}", world.cluster, world.codedeploy.service)
}

fn list_targets(world: &World, input: &Input) -> Result<Node, Failure> {
    find(world, input)?;
    Ok(Node::map([("targetIds", Node::list([target_id(world).into()]))]))
}

fn check_target(world: &World, id: &str) -> Result<(), Failure> {
    if id == target_id(world) {
        return Ok(());
    }
    Err(refused("DeploymentTargetDoesNotExistException", &format!("The target {id} does not belong to the deployment")))
}

fn batch_get_targets(world: &World, input: &Input) -> Result<Node, Failure> {
    let deployment = find(world, input)?;
    let ids = input.texts("targetIds")?;
    if ids.is_empty() {
        return Err(refused("DeploymentTargetIdRequiredException", "A target ID is required"));
    }
    ids.iter().try_for_each(|id| check_target(world, id))?;
    let target = codedeploy_view::target(world, deployment, &target_id(world));
    Ok(Node::map([("deploymentTargets", Node::list([target]))]))
}

fn get_target(world: &World, input: &Input) -> Result<Node, Failure> {
    let deployment = find(world, input)?;
    let Some(id) = input.text("targetId")? else {
        return Err(refused("DeploymentTargetIdRequiredException", "A target ID is required"));
    };
    check_target(world, id)?;
    Ok(Node::map([("deploymentTarget", codedeploy_view::target(world, deployment, id))]))
}

fn put_hook_status(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["deploymentId", "lifecycleEventHookExecutionId", "status"])?;
    let id = find(world, input)?.id.clone();
    let hook = input.get("lifecycleEventHookExecutionId").and_then(Value::as_str).unwrap_or_default();
    let good = match input.text("status")? {
        Some("Succeeded") => true,
        Some("Failed") => false,
        _ => {
            let message = "The lifecycle event hook execution status must be Succeeded or Failed";
            return Err(refused("InvalidLifecycleEventHookExecutionStatusException", message));
        }
    };
    world.put_hook_status(&id, hook, good).map_err(|code| {
        let message = match code {
            "LifecycleEventAlreadyCompletedException" => {
                "An attempt to return the status of an already completed lifecycle event occurred."
            }
            _ => "A lifecycle event hook is invalid.",
        };
        refused(code, message)
    })?;
    Ok(Node::map([("lifecycleEventHookExecutionId", hook.into())]))
}

fn proceed(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["deploymentId", "deploymentWaitType"])?;
    let deployment = find(world, input)?;
    let (id, over) = (deployment.id.clone(), deployment.status != "InProgress");
    let terminates = match input.text("deploymentWaitType")?.unwrap_or("READY_WAIT") {
        "TERMINATION_WAIT" => true,
        "READY_WAIT" => false,
        _ => return Err(refused("InvalidDeploymentWaitTypeException", "The wait type is not valid")),
    };
    if over {
        let message = format!("The deployment {id} is already completed");
        return Err(refused("DeploymentAlreadyCompletedException", &message));
    }
    if !terminates || !world.end_termination_wait(&id) {
        let message = format!("The deployment {id} is not in a wait of that type");
        return Err(refused("DeploymentIsNotInReadyStateException", &message));
    }
    Ok(Node::empty())
}
