//! Application Auto Scaling.

use super::input::Input;
use super::{Answer, Failure, autoscaling_policies, autoscaling_targets};
use crate::wire::Node;
use crate::world::World;
use crate::world::autoscaling::{Policy, Target};

/// The only dimension: the desired count of an ECS service.
pub(super) const DIMENSION: &str = "ecs:service:DesiredCount";
const NAMESPACES: [&str; 14] = [
    "ecs",
    "elasticmapreduce",
    "ec2",
    "appstream",
    "dynamodb",
    "rds",
    "sagemaker",
    "custom-resource",
    "comprehend",
    "lambda",
    "cassandra",
    "kafka",
    "elasticache",
    "neptune",
];

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    if world.fleet.is_some() {
        let kinds = [autoscaling_targets::perform, autoscaling_policies::perform];
        return kinds.into_iter().find_map(|perform| perform(world, operation, input));
    }
    Some(match operation {
        "DescribeScalableTargets" => describe_scalable_targets(world, input),
        "RegisterScalableTarget" => register(world, input),
        "DescribeScalingPolicies" => describe_scaling_policies(world, input),
        _ => return None,
    })
}

/// The namespace must exist; `false` when it is not ECS's, whose targets alone are modelled.
pub(super) fn is_ecs(input: &Input) -> Result<bool, Failure> {
    let namespace = input.required("ServiceNamespace")?;
    if !NAMESPACES.contains(&namespace) {
        return Err(input.invalid(&format!(
            "1 validation error detected: Value '{namespace}' at 'serviceNamespace' failed to satisfy constraint: \
             Member must satisfy enum value set: [{}]",
            NAMESPACES.join(", ")
        )));
    }
    Ok(namespace == "ecs")
}

/// The dimension, where it is given, must be the desired count.
pub(super) fn check_dimension(input: &Input) -> Result<(), Failure> {
    match input.text("ScalableDimension")? {
        None | Some(DIMENSION) => Ok(()),
        Some(_) => Err(input.invalid("Unsupported service namespace, resource type or scalable dimension")),
    }
}

fn resource(world: &World, target: &Target) -> String {
    format!("service/{}/{}", world.cluster, target.service)
}

fn describe_scalable_targets(world: &World, input: &Input) -> Result<Node, Failure> {
    check_dimension(input)?;
    let ids = input.texts("ResourceIds")?;
    let ecs = is_ecs(input)?;
    let wanted = |target: &&Target| ecs && (ids.is_empty() || ids.contains(&resource(world, target).as_str()));
    let targets = world.scalable.iter().filter(wanted).map(|target| view(world, target));
    Ok(Node::map([("ScalableTargets", Node::list(targets))]))
}

fn arn(world: &World, target: &Target) -> String {
    let id = format!("0ec5{:0>28}", target.created_ms % 1_000_000_007);
    world.place.arn("application-autoscaling", &format!("scalable-target/{id}"))
}

/// The service-linked role that scales.
pub(super) fn role(world: &World) -> String {
    format!(
        "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService",
        world.place.account
    )
}

fn view(world: &World, target: &Target) -> Node {
    let role = role(world);
    let suspended = Node::map([
        ("DynamicScalingInSuspended", target.in_suspended.into()),
        ("DynamicScalingOutSuspended", target.out_suspended.into()),
        ("ScheduledScalingSuspended", target.scheduled_suspended.into()),
    ]);
    Node::map([
        ("ServiceNamespace", "ecs".into()),
        ("ResourceId", resource(world, target).into()),
        ("ScalableDimension", DIMENSION.into()),
        ("MinCapacity", target.minimum.into()),
        ("MaxCapacity", target.maximum.into()),
        ("RoleARN", role.into()),
        ("CreationTime", Node::Time(target.created_ms)),
        ("SuspendedState", suspended),
        ("ScalableTargetARN", arn(world, target).into()),
    ])
}

fn register(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "ServiceNamespace",
        "ResourceId",
        "ScalableDimension",
        "MinCapacity",
        "MaxCapacity",
        "SuspendedState",
        "RoleARN",
    ])?;
    let resource = input.required("ResourceId")?;
    input.required("ScalableDimension")?;
    check_dimension(input)?;
    let unsupported = || input.invalid("Unsupported service namespace, resource type or scalable dimension");
    let prefix = format!("service/{}/", world.cluster);
    let name = resource.strip_prefix(&prefix).filter(|_| matches!(is_ecs(input), Ok(true))).ok_or_else(unsupported)?;
    if !world.services.contains_key(name) {
        let message = format!("ECS service doesn't exist: {resource}");
        return Err(input.invalid(&message));
    }
    let position = world.scalable.iter().position(|target| target.service == name);
    let mut target = position.map_or_else(|| fresh(name, world.now_ms), |index| world.scalable[index].clone());
    let bounds = (input.integer("MinCapacity")?, input.integer("MaxCapacity")?);
    if position.is_none() && (bounds.0.is_none() || bounds.1.is_none()) {
        return Err(input.invalid("Min capacity and max capacity are required for a new scalable target"));
    }
    target.minimum = bounds.0.unwrap_or(target.minimum);
    target.maximum = bounds.1.unwrap_or(target.maximum);
    if target.minimum < 0 || target.maximum < target.minimum {
        return Err(input.invalid("Maximum capacity cannot be less than minimum capacity"));
    }
    if let Some(state) = input.structure("SuspendedState") {
        target.in_suspended = state.boolean("DynamicScalingInSuspended", target.in_suspended)?;
        target.out_suspended = state.boolean("DynamicScalingOutSuspended", target.out_suspended)?;
        target.scheduled_suspended = state.boolean("ScheduledScalingSuspended", target.scheduled_suspended)?;
    }
    if let Some(service) = world.services.get_mut(name) {
        target.bound(service);
    }
    let answer = Node::map([("ScalableTargetARN", arn(world, &target).into())]);
    match position {
        Some(index) => world.scalable[index] = target,
        None => world.scalable.push(target),
    }
    Ok(answer)
}

fn fresh(service: &str, now_ms: i64) -> Target {
    Target {
        service: service.to_owned(),
        minimum: 0,
        maximum: 0,
        created_ms: now_ms,
        in_suspended: false,
        out_suspended: false,
        scheduled_suspended: false,
        policy: None,
        cpu: std::collections::VecDeque::new(),
    }
}

fn describe_scaling_policies(world: &World, input: &Input) -> Result<Node, Failure> {
    check_dimension(input)?;
    let (id, names) = (input.text("ResourceId")?, input.texts("PolicyNames")?);
    let ecs = is_ecs(input)?;
    let targets = world.scalable.iter().filter(|target| ecs && id.is_none_or(|id| id == resource(world, target)));
    let policies = targets.filter_map(|target| target.policy.as_ref().map(|policy| (target, policy)));
    let wanted = policies.filter(|(_, policy)| names.is_empty() || names.contains(&policy.name.as_str()));
    let policies = wanted.map(|(target, policy)| policy_view(world, target, policy));
    Ok(Node::map([("ScalingPolicies", Node::list(policies))]))
}

fn policy_view(world: &World, target: &Target, policy: &Policy) -> Node {
    let resource = resource(world, target);
    let name = &policy.name;
    let arn = world
        .place
        .arn("autoscaling", &format!("scalingPolicy:{}:resource/ecs/{resource}:policyName/{name}", policy.id));
    let metric = Node::map([("PredefinedMetricType", "ECSServiceAverageCPUUtilization".into())]);
    let configuration = Node::map([
        ("TargetValue", policy.target.into()),
        ("PredefinedMetricSpecification", metric),
        ("ScaleOutCooldown", 60_i64.into()),
        ("ScaleInCooldown", 300_i64.into()),
    ]);
    Node::map([
        ("PolicyARN", arn.into()),
        ("PolicyName", name.as_str().into()),
        ("ServiceNamespace", "ecs".into()),
        ("ResourceId", resource.into()),
        ("ScalableDimension", DIMENSION.into()),
        ("PolicyType", "TargetTrackingScaling".into()),
        ("TargetTrackingScalingPolicyConfiguration", configuration),
        ("Alarms", Node::list([])),
        ("CreationTime", Node::Time(policy.created_ms)),
    ])
}
