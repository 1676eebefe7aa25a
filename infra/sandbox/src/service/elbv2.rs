//! Elastic Load Balancing v2.

use super::elbv2_listeners;
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::ecs::{Health, Service, Task};
use crate::world::{CHECK_INTERVAL_MS, CHECK_THRESHOLD, TargetGroup, World};

const PORT: i64 = 8080;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeTargetHealth" => describe_target_health(world, input),
        "DescribeTargetGroups" => describe_target_groups(world, input),
        _ => return elbv2_listeners::perform(world, operation, input),
    })
}

fn not_found() -> Failure {
    Failure::new("TargetGroupNotFound", "One or more target groups not found")
}

fn describe_target_health(world: &World, input: &Input) -> Result<Node, Failure> {
    let arn = input.required("TargetGroupArn")?;
    if !arn.contains(":targetgroup/") {
        return Err(input.invalid(&format!("'{arn}' is not a valid target group ARN")));
    }
    let group = world.target_groups().into_iter().find(|group| group.arn == arn).ok_or_else(not_found)?;
    let service = world.services.get(group.service).ok_or_else(not_found)?;
    let mut asked = Vec::new();
    for target in input.structures("Targets")? {
        asked.push(target.required("Id")?);
    }
    let tasks: Vec<&Task> = service.tasks.iter().filter(|task| is_behind(service, task, arn)).collect();
    let registered = |task: &&&Task| task.health != Health::Unregistered;
    let wanted = |task: &&&Task| asked.is_empty() || asked.contains(&task.address.as_str());
    let mut targets: Vec<Node> =
        tasks.iter().filter(registered).filter(wanted).map(|task| description(world, task)).collect();
    for address in asked.iter().filter(|address| !tasks.iter().any(|task| task.address == ***address)) {
        let health = health("unused", Some(("Target.NotRegistered", "Target is not registered to the target group")));
        let target = Node::map([("Id", (*address).into()), ("Port", PORT.into())]);
        targets.push(Node::map([("Target", target), ("TargetHealth", health)]));
    }
    Ok(Node::map([("TargetHealthDescriptions", Node::list(targets))]))
}

/// Whether a task belongs to a target group of its service.
fn is_behind(service: &Service, task: &Task, group: &str) -> bool {
    let Some(state) = &service.blue_green else { return true };
    state.set(&task.deployment).is_some_and(|set| set.group == group)
}

fn health(state: &str, reason: Option<(&str, &str)>) -> Node {
    Node::map([
        ("State", state.into()),
        ("Reason", reason.map(|(reason, _)| reason).into()),
        ("Description", reason.map(|(_, description)| description).into()),
    ])
}

fn description(world: &World, task: &Task) -> Node {
    let health = match task.health {
        Health::Healthy => health("healthy", None),
        Health::Unhealthy if task.hung => health("unhealthy", Some(("Target.Timeout", "Request timed out"))),
        Health::Unhealthy => {
            let description = "Health checks failed with these codes: [503]";
            health("unhealthy", Some(("Target.ResponseCodeMismatch", description)))
        }
        Health::Initial | Health::Unregistered => {
            health("initial", Some(("Elb.InitialHealthChecking", "Initial health checks in progress")))
        }
        Health::Draining => {
            health("draining", Some(("Target.DeregistrationInProgress", "Target deregistration is in progress")))
        }
    };
    let target = Node::map([
        ("Id", task.address.as_str().into()),
        ("Port", PORT.into()),
        ("AvailabilityZone", format!("{}{}", world.place.region, task.zone).into()),
    ]);
    Node::map([("Target", target), ("HealthCheckPort", PORT.to_string().into()), ("TargetHealth", health)])
}

fn describe_target_groups(world: &World, input: &Input) -> Result<Node, Failure> {
    let (arns, names) = (input.texts("TargetGroupArns")?, input.texts("Names")?);
    let balancer = input.text("LoadBalancerArn")?;
    let own = balancer_arn(world);
    let of_balancer = |arn: &str| arn == own;
    let all = world.target_groups();
    let known = |arn: &&str| all.iter().any(|group| group.arn == **arn);
    let named = |name: &&str| all.iter().any(|group| *group.name == **name);
    if !arns.iter().all(known) || !names.iter().all(named) {
        return Err(not_found());
    }
    if balancer.is_some_and(|arn| !of_balancer(arn)) {
        return Err(Failure::new("LoadBalancerNotFound", "One or more load balancers not found"));
    }
    let wanted = |group: &&TargetGroup| {
        (arns.is_empty() || arns.contains(&group.arn.as_str())) && (names.is_empty() || names.contains(&group.name))
    };
    let groups = all.iter().filter(wanted).map(|each| group(world, each));
    Ok(Node::map([("TargetGroups", Node::list(groups))]))
}

/// The load balancer's ARN.
pub(super) fn balancer_arn(world: &World) -> String {
    world.place.arn("elasticloadbalancing", &format!("loadbalancer/{}", world.load_balancer_dimension()))
}

fn group(world: &World, group: &TargetGroup) -> Node {
    Node::map([
        ("TargetGroupArn", group.arn.as_str().into()),
        ("TargetGroupName", group.name.into()),
        ("Protocol", "HTTP".into()),
        ("Port", PORT.into()),
        ("VpcId", "vpc-0a1b2c3d4e5f67890".into()),
        ("HealthCheckProtocol", "HTTP".into()),
        ("HealthCheckPort", "traffic-port".into()),
        ("HealthCheckEnabled", true.into()),
        ("HealthCheckIntervalSeconds", (CHECK_INTERVAL_MS / 1000).into()),
        ("HealthCheckTimeoutSeconds", 5_i64.into()),
        ("HealthyThresholdCount", i64::from(CHECK_THRESHOLD).into()),
        ("UnhealthyThresholdCount", i64::from(CHECK_THRESHOLD).into()),
        ("HealthCheckPath", "/health".into()),
        ("Matcher", Node::map([("HttpCode", "200".into())])),
        ("LoadBalancerArns", Node::list([balancer_arn(world).into()])),
        ("TargetType", "ip".into()),
        ("ProtocolVersion", "HTTP1".into()),
        ("IpAddressType", "ipv4".into()),
    ])
}
