//! ECS: the task sets of services that are released blue/green.

use super::ecs::{check_cluster, find, missing, resolve_definition};
use super::ecs_view::{cluster_arn, load_balancer, network, service_arn};
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::ecs::Service;
use crate::world::task_set::{Controller, TaskSet, counts};
use crate::world::{NewSet, World};

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "CreateTaskSet" => create(world, input),
        "DescribeTaskSets" => describe(world, input),
        "UpdateTaskSet" => update(world, input),
        "DeleteTaskSet" => delete(world, input),
        "UpdateServicePrimaryTaskSet" => promote(world, input),
        _ => return None,
    })
}

fn arn(world: &World, service: &Service, set: &TaskSet) -> String {
    world.place.arn("ecs", &format!("task-set/{}/{}/{}", world.cluster, service.name, set.id))
}

/// The TaskSet structure.
pub(super) fn view(world: &World, service: &Service, set: &TaskSet) -> Node {
    let (_, running, pending, ..) = counts(service, set);
    let stable = set.stable_ms;
    Node::map([
        ("id", set.id.as_str().into()),
        ("taskSetArn", arn(world, service, set).into()),
        ("serviceArn", service_arn(world, service).into()),
        ("clusterArn", cluster_arn(world).into()),
        ("startedBy", set.started_by.as_deref().into()),
        ("externalId", set.external_id.as_deref().into()),
        ("status", set.status.into()),
        ("taskDefinition", set.task_definition.as_str().into()),
        ("computedDesiredCount", set.desired(service.desired).into()),
        ("pendingCount", pending.into()),
        ("runningCount", running.into()),
        ("createdAt", Node::Time(set.created_ms)),
        ("updatedAt", Node::Time(set.updated_ms)),
        ("launchType", "FARGATE".into()),
        ("platformVersion", "1.4.0".into()),
        ("platformFamily", "Linux".into()),
        ("networkConfiguration", network()),
        ("loadBalancers", Node::list([load_balancer(service, &set.group)])),
        ("serviceRegistries", Node::list([])),
        ("scale", Node::map([("value", set.scale.into()), ("unit", "PERCENT".into())])),
        ("stabilityStatus", if stable.is_some() { "STEADY_STATE" } else { "STABILIZING" }.into()),
        ("stabilityStatusAt", Node::Time(stable.unwrap_or(set.updated_ms))),
        ("tags", Node::list([])),
    ])
}

/// The name of a service whose task sets somebody outside manages.
fn external(world: &World, input: &Input) -> Result<String, Failure> {
    let service = find(world, input)?;
    match &service.blue_green {
        Some(state) if state.controller == Controller::External => Ok(service.name.clone()),
        _ => Err(input.invalid("Task sets can only be managed for services with the EXTERNAL deployment controller.")),
    }
}

fn percent(input: &Input) -> Result<Option<f64>, Failure> {
    let Some(scale) = input.structure("scale") else { return Ok(None) };
    if scale.text("unit")?.is_some_and(|unit| unit != "PERCENT") {
        return Err(input.invalid("The unit of scale must be PERCENT."));
    }
    let value = scale.number("value")?.unwrap_or(100.0);
    if !(0.0..=100.0).contains(&value) {
        return Err(input.invalid("The value of scale must be between 0 and 100."));
    }
    Ok(Some(value))
}

fn create(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "cluster",
        "service",
        "externalId",
        "taskDefinition",
        "networkConfiguration",
        "loadBalancers",
        "launchType",
        "platformVersion",
        "scale",
        "clientToken",
        "tags",
    ])?;
    let name = external(world, input)?;
    let task_definition = resolve_definition(world, input.required("taskDefinition")?)?;
    let balancers = input.structures("loadBalancers")?;
    let [balancer] = balancers.as_slice() else {
        return Err(input.invalid("the sandbox's task sets need exactly one load balancer"));
    };
    let group = balancer.required("targetGroupArn")?;
    let token = input.text("clientToken")?;
    let Some((service, state)) = world.blue_green(&name) else { return Err(input.missing("service")) };
    if !state.groups.iter().any(|own| own.arn == group) {
        let message =
            format!("The target group with targetGroupArn {group} does not have an associated load balancer.");
        return Err(input.invalid(&message));
    }
    let same = |set: &&TaskSet| token.is_some() && set.client_token.as_deref() == token;
    if let Some(existing) = state.sets.iter().find(same) {
        return Ok(Node::map([("taskSet", view(world, service, existing))]));
    }
    let new = NewSet {
        task_definition,
        group: group.to_owned(),
        scale: percent(input)?.unwrap_or(100.0),
        external_id: input.text("externalId")?.map(str::to_owned),
        client_token: token.map(str::to_owned),
        ..NewSet::default()
    };
    let id = world.create_set(&name, new).unwrap_or_default();
    answer(world, &name, &id)
}

fn answer(world: &World, service: &str, id: &str) -> Result<Node, Failure> {
    let found = world.blue_green(service).and_then(|(service, state)| Some((service, state.set(id)?)));
    let (service, set) = found.ok_or_else(not_found)?;
    Ok(Node::map([("taskSet", view(world, service, set))]))
}

fn not_found() -> Failure {
    Failure::new("TaskSetNotFoundException", "The specified task set could not be found.")
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    let service = find(world, input)?;
    let state = match &service.blue_green {
        Some(state) if state.controller != Controller::Native => state,
        _ => {
            let message =
                "Amazon ECS only supports task sets for services with the CODE_DEPLOY or EXTERNAL controller.";
            return Err(input.invalid(message));
        }
    };
    let asked = input.texts("taskSets")?;
    let (mut sets, mut failures) = (Vec::new(), Vec::new());
    if asked.is_empty() {
        sets.extend(state.sets.iter().map(|set| view(world, service, set)));
    }
    for id in asked {
        match state.set(id) {
            Some(set) => sets.push(view(world, service, set)),
            None => failures.push(missing(id.to_owned())),
        }
    }
    Ok(Node::map([("taskSets", Node::list(sets)), ("failures", Node::list(failures))]))
}

/// The service's name and the id of the task set that a parameter names.
fn named(world: &World, input: &Input, parameter: &str) -> Result<(String, String), Failure> {
    check_cluster(world, input)?;
    let name = external(world, input)?;
    let wanted = input.required(parameter)?;
    let found = world.blue_green(&name).and_then(|(_, state)| state.set(wanted)).map(|set| set.id.clone());
    Ok((name, found.ok_or_else(not_found)?))
}

fn update(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let (name, id) = named(world, input, "taskSet")?;
    let scale = percent(input)?.ok_or_else(|| input.missing("scale"))?;
    let now_ms = world.now_ms;
    if let Some(set) = world.blue_green_mut(&name).and_then(|state| state.set_mut(&id)) {
        if set.status == "DRAINING" {
            return Err(input.invalid("The task set is draining and cannot be updated."));
        }
        set.scale = scale;
        set.updated_ms = now_ms;
    }
    answer(world, &name, &id)
}

fn delete(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let (name, id) = named(world, input, "taskSet")?;
    let force = input.boolean("force", false)?;
    let now_ms = world.now_ms;
    if let Some(state) = world.blue_green_mut(&name) {
        let set = state.set(&id).ok_or_else(not_found)?;
        if set.status == "PRIMARY" {
            return Err(input.invalid("The primary task set cannot be deleted."));
        }
        if set.scale > 0.0 && !force {
            let message = "The task set must be scaled to 0 before it can be deleted. Use force to delete it anyway.";
            return Err(input.invalid(message));
        }
        state.retire(&id, now_ms);
    }
    answer(world, &name, &id)
}

fn promote(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let (name, id) = named(world, input, "primaryTaskSet")?;
    let now_ms = world.now_ms;
    if let Some(state) = world.blue_green_mut(&name) {
        if state.set(&id).is_none_or(|set| set.status == "DRAINING") {
            return Err(input.invalid("The task set is draining and cannot be made primary."));
        }
        state.promote(&id, now_ms);
    }
    answer(world, &name, &id)
}
