//! CodeDeploy's resources as its answers describe them.

use sha2::{Digest, Sha256};

use crate::wire::Node;
use crate::world::World;
use crate::world::balancer::Purpose;
use crate::world::codedeploy::{Deployment, LifecycleEvent, Phase};
use crate::world::task_set::{TaskSet, counts};

fn revision(content: &str) -> Node {
    let spec = Node::map([("content", content.into()), ("sha256", hex::encode(Sha256::digest(content)).into())]);
    Node::map([("revisionType", "AppSpecContent".into()), ("appSpecContent", spec)])
}

fn style() -> Node {
    Node::map([("deploymentType", "BLUE_GREEN".into()), ("deploymentOption", "WITH_TRAFFIC_CONTROL".into())])
}

fn blue_green(world: &World) -> Node {
    let terminate = Node::map([
        ("action", "TERMINATE".into()),
        ("terminationWaitTimeInMinutes", world.codedeploy.termination_minutes.into()),
    ]);
    let ready = Node::map([("actionOnTimeout", "CONTINUE_DEPLOYMENT".into()), ("waitTimeInMinutes", 0_i64.into())]);
    Node::map([("terminateBlueInstancesOnDeploymentSuccess", terminate), ("deploymentReadyOption", ready)])
}

fn auto_rollback(enabled: bool) -> Node {
    let events = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"].map(Node::from);
    Node::map([("enabled", enabled.into()), ("events", Node::list(events.into_iter().filter(|_| enabled)))])
}

fn load_balancer(world: &World) -> Node {
    let service = &world.codedeploy.service;
    let groups = world.blue_green(service).map(|(_, state)| {
        Node::list(state.groups.iter().map(|group| Node::map([("name", group.name.as_str().into())])))
    });
    let route = |purpose: Purpose| {
        let listeners = world.listeners.iter().filter(move |each| each.service == *service && each.purpose == purpose);
        let arns = listeners.map(|each| {
            let resource = format!("listener/{}/{}", world.load_balancer_dimension(), each.id);
            world.place.arn("elasticloadbalancing", &resource).into()
        });
        Node::map([("listenerArns", Node::list(arns))])
    };
    let pair = Node::map([
        ("targetGroups", groups.into()),
        ("prodTrafficRoute", route(Purpose::Production)),
        ("testTrafficRoute", route(Purpose::Test)),
    ]);
    Node::map([("targetGroupPairInfoList", Node::list([pair]))])
}

/// The DeploymentInfo structure.
pub(super) fn deployment(world: &World, deployment: &Deployment) -> Node {
    let error = deployment
        .error
        .as_ref()
        .map(|(code, message)| Node::map([("code", (*code).into()), ("message", message.as_str().into())]));
    let rollback = (deployment.undoes.is_some() || deployment.undone_by.is_some()).then(|| {
        Node::map([
            ("rollbackDeploymentId", deployment.undone_by.as_deref().into()),
            ("rollbackTriggeringDeploymentId", deployment.undoes.as_deref().into()),
        ])
    });
    let count = |status: &str| i64::from(deployment.status == status);
    let overview = Node::map([
        ("Pending", 0_i64.into()),
        ("InProgress", count("InProgress").into()),
        ("Succeeded", count("Succeeded").into()),
        ("Failed", (count("Failed") + count("Stopped")).into()),
        ("Skipped", 0_i64.into()),
        ("Ready", 0_i64.into()),
    ]);
    Node::map([
        ("applicationName", world.codedeploy.application.as_str().into()),
        ("deploymentGroupName", world.codedeploy.group.as_str().into()),
        ("deploymentConfigName", deployment.config.as_str().into()),
        ("deploymentId", deployment.id.as_str().into()),
        ("revision", revision(&deployment.content)),
        ("status", deployment.status.into()),
        ("errorInformation", error.into()),
        ("createTime", Node::Time(deployment.created_ms)),
        ("startTime", Node::time(deployment.started_ms)),
        ("completeTime", Node::time(deployment.completed_ms)),
        ("deploymentOverview", overview),
        ("description", deployment.description.as_deref().into()),
        ("creator", deployment.creator.into()),
        ("ignoreApplicationStopFailures", false.into()),
        ("autoRollbackConfiguration", auto_rollback(deployment.auto_rollback)),
        ("updateOutdatedInstancesOnly", false.into()),
        ("rollbackInfo", rollback.into()),
        ("deploymentStyle", style()),
        ("instanceTerminationWaitTimeStarted", matches!(deployment.phase, Phase::Terminate { .. }).into()),
        ("blueGreenDeploymentConfiguration", blue_green(world)),
        ("loadBalancerInfo", load_balancer(world)),
        ("computePlatform", "ECS".into()),
    ])
}

/// The DeploymentGroupInfo structure.
pub(super) fn group(world: &World) -> Node {
    let own = &world.codedeploy;
    let last = |deployment: Option<&Deployment>| {
        let view = deployment.map(|each| {
            Node::map([
                ("deploymentId", each.id.as_str().into()),
                ("status", each.status.into()),
                ("endTime", Node::time(each.completed_ms)),
                ("createTime", Node::Time(each.created_ms)),
            ])
        });
        Node::from(view)
    };
    let succeeded = own.deployments.iter().rev().find(|each| each.status == "Succeeded");
    let service =
        Node::map([("serviceName", own.service.as_str().into()), ("clusterName", world.cluster.as_str().into())]);
    Node::map([
        ("applicationName", own.application.as_str().into()),
        ("deploymentGroupId", own.group_id.as_str().into()),
        ("deploymentGroupName", own.group.as_str().into()),
        ("deploymentConfigName", own.config.as_str().into()),
        ("serviceRoleArn", format!("arn:aws:iam::{}:role/codedeploy-ecs", world.place.account).into()),
        ("targetRevision", succeeded.map(|each| revision(&each.content)).into()),
        ("autoRollbackConfiguration", auto_rollback(true)),
        ("deploymentStyle", style()),
        ("blueGreenDeploymentConfiguration", blue_green(world)),
        ("loadBalancerInfo", load_balancer(world)),
        ("lastSuccessfulDeployment", last(succeeded)),
        ("lastAttemptedDeployment", last(own.deployments.last())),
        ("computePlatform", "ECS".into()),
        ("ecsServices", Node::list([service])),
        ("terminationHookEnabled", false.into()),
    ])
}

/// The DeploymentTarget structure of the ECS service.
pub(super) fn target(world: &World, deployment: &Deployment, id: &str) -> Node {
    let service = &world.codedeploy.service;
    let arn = world.place.arn("ecs", &format!("service/{}/{service}", world.cluster));
    let times = deployment.events.iter().flat_map(|event| [event.started_ms, event.ended_ms]).flatten();
    let updated_ms = times.max().unwrap_or(deployment.created_ms);
    let status = match deployment.status {
        "Stopped" => "Failed",
        other => other,
    };
    let sets = [(&deployment.blue, "Blue"), (&deployment.green, "Green")];
    let sets = sets.into_iter().filter_map(|(set, label)| {
        let (id, _) = set.as_ref()?;
        let (_, state) = world.blue_green(service)?;
        Some(task_set(world, state.set(id)?, label))
    });
    let target = Node::map([
        ("deploymentId", deployment.id.as_str().into()),
        ("targetId", id.into()),
        ("targetArn", arn.into()),
        ("lastUpdatedAt", Node::Time(updated_ms)),
        ("lifecycleEvents", Node::list(deployment.events.iter().map(event))),
        ("status", status.into()),
        ("taskSetsInfo", Node::list(sets)),
    ]);
    Node::map([("deploymentTargetType", "ECSTarget".into()), ("ecsTarget", target)])
}

fn event(event: &LifecycleEvent) -> Node {
    let diagnostics = event
        .message
        .as_ref()
        .map(|message| Node::map([("errorCode", "UnknownError".into()), ("message", message.as_str().into())]));
    Node::map([
        ("lifecycleEventName", event.name.into()),
        ("diagnostics", diagnostics.into()),
        ("startTime", Node::time(event.started_ms)),
        ("endTime", Node::time(event.ended_ms)),
        ("status", event.status.into()),
    ])
}

fn task_set(world: &World, set: &TaskSet, label: &str) -> Node {
    let service = &world.codedeploy.service;
    let Some((service, state)) = world.blue_green(service) else { return Node::empty() };
    let (_, running, pending, ..) = counts(service, set);
    let group = state.groups.iter().find(|group| group.arn == set.group).map(|group| group.name.as_str());
    Node::map([
        // The API's own spelling.
        ("identifer", set.id.as_str().into()),
        ("desiredCount", set.desired(service.desired).into()),
        ("pendingCount", pending.into()),
        ("runningCount", running.into()),
        ("status", set.status.into()),
        ("trafficWeight", world.weight(&service.name, Purpose::Production, &set.group).into()),
        ("targetGroup", Node::map([("name", group.into())])),
        ("taskSetLabel", label.into()),
    ])
}
