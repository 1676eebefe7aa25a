//! ECS's resources as its answers describe them.

use super::ecs_blue_green;
use crate::wire::Node;
use crate::world::ecs::{Deployment, Health, Phase, Service, Task};
use crate::world::{TaskDefinition, World};

/// The port that the application listens on.
const PORT: i64 = 8080;

/// The cluster's ARN.
pub(super) fn cluster_arn(world: &World) -> String {
    world.place.arn("ecs", &format!("cluster/{}", world.cluster))
}

/// A service's ARN.
pub(super) fn service_arn(world: &World, service: &Service) -> String {
    world.place.arn("ecs", &format!("service/{}/{}", world.cluster, service.name))
}

/// The Service structure.
pub(super) fn service(world: &World, service: &Service) -> Node {
    let events = service.events.iter().map(|event| {
        Node::map([
            ("id", event.id.as_str().into()),
            ("createdAt", Node::Time(event.at_ms)),
            ("message", event.message.as_str().into()),
        ])
    });
    let mut members = vec![
        ("serviceArn", service_arn(world, service).into()),
        ("serviceName", service.name.as_str().into()),
        ("clusterArn", cluster_arn(world).into()),
        ("serviceRegistries", Node::list([])),
        ("status", "ACTIVE".into()),
        ("desiredCount", service.desired.into()),
        ("runningCount", service.running().into()),
        ("pendingCount", service.pending().into()),
        ("launchType", "FARGATE".into()),
        ("platformVersion", "LATEST".into()),
        ("platformFamily", "Linux".into()),
        ("events", Node::list(events)),
        ("createdAt", Node::Time(service.created_ms)),
        ("healthCheckGracePeriodSeconds", service.grace_seconds.into()),
        ("schedulingStrategy", "REPLICA".into()),
        ("networkConfiguration", network()),
        ("enableECSManagedTags", true.into()),
        ("propagateTags", "SERVICE".into()),
        ("enableExecuteCommand", false.into()),
    ];
    match &service.blue_green {
        None => members.extend(rolling(world, service)),
        Some(state) => members.extend(ecs_blue_green::members(world, service, state)),
    }
    Node::Map(members)
}

/// What is particular to a service that ECS updates task by task.
fn rolling(world: &World, service: &Service) -> [(&'static str, Node); 5] {
    [
        ("loadBalancers", Node::list([load_balancer(service, &world.target_group_arn(service))])),
        ("taskDefinition", service.primary().map(|primary| primary.task_definition.as_str()).into()),
        ("deploymentConfiguration", configuration(service)),
        ("deployments", Node::list(service.deployments.iter().map(|each| deployment(service, each)))),
        ("deploymentController", Node::map([("type", "ECS".into())])),
    ]
}

/// The load balancer of a service or a task set.
pub(super) fn load_balancer(service: &Service, group: &str) -> Node {
    Node::map([
        ("targetGroupArn", group.into()),
        ("containerName", service.name.as_str().into()),
        ("containerPort", PORT.into()),
    ])
}

/// The network that every task is in.
pub(super) fn network() -> Node {
    let subnets = ["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002", "subnet-0a1b2c3d4e5f60003"];
    let vpc = Node::map([
        ("subnets", Node::list(subnets.map(Node::from))),
        ("securityGroups", Node::list(["sg-0f1e2d3c4b5a69788".into()])),
        ("assignPublicIp", "DISABLED".into()),
    ]);
    Node::map([("awsvpcConfiguration", vpc)])
}

fn configuration(service: &Service) -> Node {
    let breaker = Node::map([("enable", service.breaker.into()), ("rollback", service.rollback.into())]);
    Node::map([
        ("deploymentCircuitBreaker", breaker),
        ("maximumPercent", service.maximum.into()),
        ("minimumHealthyPercent", service.minimum_healthy.into()),
        ("strategy", "ROLLING".into()),
    ])
}

fn deployment(service: &Service, deployment: &Deployment) -> Node {
    let of = |phases: &[Phase]| {
        let own = service.tasks.iter().filter(|task| task.deployment == deployment.id);
        own.filter(|task| phases.contains(&task.phase)).count()
    };
    let active = of(&[Phase::Provisioning, Phase::Pending, Phase::Running]);
    let primary = deployment.status == "PRIMARY";
    Node::map([
        ("id", deployment.id.as_str().into()),
        ("status", deployment.status.into()),
        ("taskDefinition", deployment.task_definition.as_str().into()),
        ("desiredCount", if primary { service.desired.into() } else { active.into() }),
        ("pendingCount", of(&[Phase::Provisioning, Phase::Pending]).into()),
        ("runningCount", of(&[Phase::Running]).into()),
        ("failedTasks", deployment.failed_tasks.into()),
        ("createdAt", Node::Time(deployment.created_ms)),
        ("updatedAt", Node::Time(deployment.updated_ms)),
        ("launchType", "FARGATE".into()),
        ("platformVersion", "1.4.0".into()),
        ("platformFamily", "Linux".into()),
        ("networkConfiguration", network()),
        ("rolloutState", deployment.rollout.into()),
        ("rolloutStateReason", deployment.reason.as_str().into()),
    ])
}

/// The Task structure.
pub(super) fn task(world: &World, service: &Service, task: &Task) -> Node {
    let arn = world.task_arn(&task.id);
    let size = world.task_size(&task.task_definition);
    let stop = task.stop.as_ref();
    let status = match task.health {
        _ if task.phase != Phase::Running => "UNKNOWN",
        _ if task.hung => "UNHEALTHY",
        Health::Healthy => "HEALTHY",
        Health::Unhealthy => "UNHEALTHY",
        Health::Unregistered | Health::Initial | Health::Draining => "UNKNOWN",
    };
    Node::map([
        ("taskArn", arn.as_str().into()),
        ("clusterArn", cluster_arn(world).into()),
        ("taskDefinitionArn", task.task_definition.as_str().into()),
        ("group", format!("service:{}", service.name).into()),
        ("startedBy", task.deployment.as_str().into()),
        ("lastStatus", task.phase.name().into()),
        ("desiredStatus", if stop.is_some() { "STOPPED" } else { "RUNNING" }.into()),
        ("healthStatus", status.into()),
        ("connectivity", if task.started_ms.is_some() { "CONNECTED" } else { "DISCONNECTED" }.into()),
        ("availabilityZone", format!("{}{}", world.place.region, task.zone).into()),
        ("attachments", Node::list([attachment(task)])),
        ("containers", Node::list([container(world, service, task, status)])),
        ("cpu", size.cpu_units.to_string().into()),
        ("memory", size.memory_mib.to_string().into()),
        ("launchType", "FARGATE".into()),
        ("platformVersion", "1.4.0".into()),
        ("platformFamily", "Linux".into()),
        ("createdAt", Node::Time(task.created_ms)),
        ("startedAt", Node::time(task.started_ms)),
        ("stoppingAt", Node::time(task.stopping_ms)),
        ("stoppedAt", Node::time(task.stopped_ms)),
        ("stopCode", stop.map(|stop| stop.code).into()),
        ("stoppedReason", stop.map(|stop| stop.reason.as_str()).into()),
        ("version", 3_i64.into()),
    ])
}

fn attachment(task: &Task) -> Node {
    let details = [("privateIPv4Address", task.address.as_str()), ("networkInterfaceId", "eni-0c0ffee0c0ffee000")];
    let details = details.map(|(name, value)| Node::map([("name", name.into()), ("value", value.into())]));
    Node::map([
        ("id", format!("{}-4000-8000-{}", &task.id[..8], &task.id[..12]).into()),
        ("type", "ElasticNetworkInterface".into()),
        ("status", if task.stopped_ms.is_some() { "DELETED" } else { "ATTACHED" }.into()),
        ("details", Node::list(details)),
    ])
}

fn container(world: &World, service: &Service, task: &Task, health: &str) -> Node {
    let name = service.name.as_str();
    let exited = task.stop.as_ref().filter(|_| task.phase == Phase::Stopped);
    let image = world.definition(&task.task_definition).map(|definition| definition.image.as_str());
    let digest = image.and_then(|image| world.images.resolve(image)).map(|image| image.digest.as_str());
    let last = match task.phase {
        Phase::Provisioning | Phase::Pending => "PENDING",
        Phase::Stopped => "STOPPED",
        Phase::Running | Phase::Deactivating | Phase::Stopping => "RUNNING",
    };
    Node::map([
        ("containerArn", world.place.arn("ecs", &format!("container/{}/{}", world.cluster, task.id)).into()),
        ("taskArn", world.task_arn(&task.id).into()),
        ("name", name.into()),
        ("image", image.into()),
        ("imageDigest", digest.into()),
        ("runtimeId", format!("{}-0527074092", task.id).into()),
        ("lastStatus", last.into()),
        ("healthStatus", health.into()),
        ("exitCode", exited.map(|stop| stop.exit_code).into()),
        ("reason", exited.and_then(|stop| stop.container_reason).into()),
        ("networkInterfaces", Node::list([Node::map([("privateIpv4Address", task.address.as_str().into())])])),
    ])
}

/// The TaskDefinition structure.
pub(super) fn task_definition(world: &World, definition: &TaskDefinition, arn: &str) -> Node {
    let container = Node::map([
        ("name", definition.family.as_str().into()),
        ("image", definition.image.as_str().into()),
        ("essential", true.into()),
        ("portMappings", Node::list([Node::map([("containerPort", PORT.into()), ("protocol", "tcp".into())])])),
    ]);
    let role = |name: &str| format!("arn:aws:iam::{}:role/{}-{name}", world.place.account, definition.family);
    Node::map([
        ("taskDefinitionArn", arn.into()),
        ("family", definition.family.as_str().into()),
        ("revision", definition.revision.into()),
        ("status", "ACTIVE".into()),
        ("networkMode", "awsvpc".into()),
        ("requiresCompatibilities", Node::list(["FARGATE".into()])),
        ("cpu", "1024".into()),
        ("memory", "2048".into()),
        ("taskRoleArn", role("task").into()),
        ("executionRoleArn", role("execution").into()),
        ("containerDefinitions", Node::list([container])),
        ("registeredAt", Node::Time(definition.registered_ms)),
    ])
}

/// The Cluster structure.
pub(super) fn cluster(world: &World) -> Node {
    let running: usize = world.services.values().map(Service::running).sum();
    let pending: usize = world.services.values().map(Service::pending).sum();
    Node::map([
        ("clusterArn", cluster_arn(world).into()),
        ("clusterName", world.cluster.as_str().into()),
        ("status", "ACTIVE".into()),
        ("registeredContainerInstancesCount", 0_i64.into()),
        ("runningTasksCount", running.into()),
        ("pendingTasksCount", pending.into()),
        ("activeServicesCount", world.services.len().into()),
        ("capacityProviders", Node::list(["FARGATE".into()])),
    ])
}
