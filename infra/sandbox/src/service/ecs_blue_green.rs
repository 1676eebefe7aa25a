//! What DescribeServices says of services that are released blue/green.

use super::ecs_native::configuration_view;
use super::ecs_sets;
use super::ecs_view::{load_balancer, network};
use crate::wire::Node;
use crate::world::World;
use crate::world::ecs::Service;
use crate::world::native::ServiceDeployment;
use crate::world::task_set::{BlueGreen, Controller, TaskSet, counts};

/// The members of the Service structure that depend on who releases the service.
pub(super) fn members(world: &World, service: &Service, state: &BlueGreen) -> Vec<(&'static str, Node)> {
    let controller = ("deploymentController", Node::map([("type", state.controller.name().into())]));
    let sets = || Node::list(state.sets.iter().map(|set| ecs_sets::view(world, service, set)));
    let primary = state.primary();
    let group = primary.map(|set| set.group.as_str()).unwrap_or_default();
    let definition = ("taskDefinition", primary.map(|set| set.task_definition.as_str()).into());
    match state.controller {
        Controller::External => {
            vec![controller, ("loadBalancers", Node::list([])), ("deployments", Node::list([])), ("taskSets", sets())]
        }
        Controller::CodeDeploy => vec![
            controller,
            definition,
            ("loadBalancers", Node::list([load_balancer(service, group)])),
            ("deployments", Node::list([])),
            ("taskSets", sets()),
        ],
        Controller::Native => native(world, service, state, controller),
    }
}

fn native(
    world: &World,
    service: &Service,
    state: &BlueGreen,
    controller: (&'static str, Node),
) -> Vec<(&'static str, Node)> {
    let active = world.native.active(&service.name);
    let primary = state.primary();
    let definition = match active {
        Some(deployment) if deployment.rollback.is_none() => Some(deployment.target.task_definition.as_str()),
        _ => primary.map(|set| set.task_definition.as_str()),
    };
    let revisions = state.sets.iter().map(|set| {
        let (_, running, pending, ..) = counts(service, set);
        let arn = world.revision_arn(&service.name, set.id.trim_start_matches("ecs-svc/"));
        Node::map([
            ("arn", arn.into()),
            ("requestedTaskCount", set.desired(service.desired).into()),
            ("runningTaskCount", running.into()),
            ("pendingTaskCount", pending.into()),
        ])
    });
    let newest = world.native.deployments.iter().rev().find(|deployment| deployment.service == service.name);
    vec![
        controller,
        ("taskDefinition", definition.into()),
        ("loadBalancers", Node::list(primary.map(|set| advanced(world, service, state, set)))),
        ("deploymentConfiguration", configuration_view(&state.configuration)),
        ("deployments", Node::list(state.sets.iter().rev().map(|set| deployment(service, set, active)))),
        ("currentServiceDeployment", newest.map(|each| world.deployment_arn(each)).into()),
        ("currentServiceRevisions", Node::list(revisions)),
    ]
}

/// The load balancer with what ECS needs to shift traffic.
fn advanced(world: &World, service: &Service, state: &BlueGreen, set: &TaskSet) -> Node {
    let listeners: Vec<_> = world.listeners.iter().filter(|listener| listener.service == service.name).collect();
    let rule = |index: usize| {
        let listener = listeners.get(index)?;
        let rule = listener.rules.first()?;
        let resource = format!("listener-rule/{}/{}/{}", world.load_balancer_dimension(), listener.id, rule.id);
        Some(world.place.arn("elasticloadbalancing", &resource))
    };
    let other = state.groups.iter().find(|group| group.arn != set.group).map(|group| group.arn.as_str());
    let configuration = Node::map([
        ("alternateTargetGroupArn", other.into()),
        ("productionListenerRule", rule(0).into()),
        ("testListenerRule", rule(1).into()),
        ("roleArn", format!("arn:aws:iam::{}:role/ecs-blue-green", world.place.account).into()),
    ]);
    let Node::Map(mut members) = load_balancer(service, &set.group) else { return Node::empty() };
    members.push(("advancedConfiguration", configuration));
    Node::Map(members)
}

/// A revision's tasks as a deployment: while one is under way its target is the PRIMARY one.
fn deployment(service: &Service, set: &TaskSet, active: Option<&ServiceDeployment>) -> Node {
    let target = active.is_some_and(|deployment| deployment.target.set() == set.id);
    let back = active.is_some_and(|deployment| deployment.rollback.is_some());
    let primary = if active.is_some() && !back { target } else { set.status == "PRIMARY" };
    let (rollout, word) = match active {
        Some(_) if target && back => ("FAILED", "failed"),
        Some(_) if target => ("IN_PROGRESS", "in progress"),
        _ => ("COMPLETED", "completed"),
    };
    let (_, running, pending, ..) = counts(service, set);
    Node::map([
        ("id", set.id.as_str().into()),
        ("status", if primary { "PRIMARY" } else { "ACTIVE" }.into()),
        ("taskDefinition", set.task_definition.as_str().into()),
        ("desiredCount", set.desired(service.desired).into()),
        ("pendingCount", pending.into()),
        ("runningCount", running.into()),
        ("failedTasks", set.failed_tasks.into()),
        ("createdAt", Node::Time(set.created_ms)),
        ("updatedAt", Node::Time(set.updated_ms)),
        ("launchType", "FARGATE".into()),
        ("platformVersion", "1.4.0".into()),
        ("platformFamily", "Linux".into()),
        ("networkConfiguration", network()),
        ("rolloutState", rollout.into()),
        ("rolloutStateReason", format!("ECS deployment {} {word}.", set.id).into()),
    ])
}
