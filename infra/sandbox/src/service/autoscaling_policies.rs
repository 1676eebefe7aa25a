//! Application Auto Scaling of a fleet: target-tracking policies.

use super::application_autoscaling::DIMENSION;
use super::autoscaling_targets::{page, registered, targets};
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::fleet::scaling::{Metric, Policy, Target};

/// The cooldown of ECS services when a policy does not say, seconds.
const DEFAULT_COOLDOWN: i64 = 300;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeScalingPolicies" => describe(world, input),
        "PutScalingPolicy" => put(world, input),
        "DeleteScalingPolicy" => delete(world, input),
        _ => return None,
    })
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyNames", "MaxResults", "NextToken"])?;
    let names = input.texts("PolicyNames")?;
    let targets = targets(world, input)?;
    let all = targets.iter().flat_map(|target| target.policies.iter().map(move |policy| (*target, policy)));
    let wanted = all.filter(|(_, policy)| names.is_empty() || names.contains(&policy.name.as_str()));
    let (views, next) = page(input, wanted.map(|(target, policy)| view(world, target, policy)).collect())?;
    let views = Node::list(views);
    Ok(Node::map([("ScalingPolicies", views), ("NextToken", next)]))
}

fn arn(world: &World, target: &Target, policy: &Policy) -> String {
    let resource = format!("scalingPolicy:{}:resource/ecs/{}:policyName/{}", policy.id, target.resource, policy.name);
    world.place.arn("autoscaling", &resource)
}

/// Its two alarms.
fn alarms(world: &World, target: &Target, policy: &Policy) -> Node {
    let alarm = |which: &str| {
        let name = policy.alarm(&target.resource, which);
        let arn = world.place.arn("cloudwatch", &format!("alarm:{name}"));
        Node::map([("AlarmName", name.into()), ("AlarmARN", arn.into())])
    };
    Node::list(["AlarmHigh", "AlarmLow"].map(alarm))
}

fn view(world: &World, target: &Target, policy: &Policy) -> Node {
    let metric = Node::map([
        ("PredefinedMetricType", policy.metric.name().into()),
        ("ResourceLabel", policy.label.as_deref().into()),
    ]);
    let configuration = Node::map([
        ("TargetValue", policy.target.into()),
        ("PredefinedMetricSpecification", metric),
        ("ScaleOutCooldown", policy.out_cooldown.into()),
        ("ScaleInCooldown", policy.in_cooldown.into()),
        ("DisableScaleIn", policy.disable_in.into()),
    ]);
    Node::map([
        ("PolicyARN", arn(world, target, policy).into()),
        ("PolicyName", policy.name.as_str().into()),
        ("ServiceNamespace", "ecs".into()),
        ("ResourceId", target.resource.as_str().into()),
        ("ScalableDimension", DIMENSION.into()),
        ("PolicyType", "TargetTrackingScaling".into()),
        ("TargetTrackingScalingPolicyConfiguration", configuration),
        ("Alarms", alarms(world, target, policy)),
        ("CreationTime", Node::Time(policy.created_ms)),
    ])
}

fn put(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "PolicyName",
        "ServiceNamespace",
        "ResourceId",
        "ScalableDimension",
        "PolicyType",
        "TargetTrackingScalingPolicyConfiguration",
    ])?;
    if input.text("PolicyType")?.is_some_and(|kind| kind != "TargetTrackingScaling") {
        return Err(input.invalid("the sandbox models TargetTrackingScaling policies only"));
    }
    let configuration = input.structure("TargetTrackingScalingPolicyConfiguration");
    let configuration = configuration.ok_or_else(|| input.missing("TargetTrackingScalingPolicyConfiguration"))?;
    let now_ms = world.now_ms;
    let name = input.required("PolicyName")?;
    let target = registered(world, input)?;
    let position = target.policies.iter().position(|policy| policy.name == name);
    let (id, created_ms) = match position {
        Some(index) => (target.policies[index].id.clone(), target.policies[index].created_ms),
        None => (target.generator.uuid(), now_ms),
    };
    let policy = read(&configuration, name, id, created_ms)?;
    match position {
        Some(index) => target.policies[index] = policy,
        None => target.policies.push(policy),
    }
    let resource = target.resource.clone();
    let targets = world.fleet.iter().flat_map(|fleet| fleet.members.values()).filter_map(|each| each.target.as_ref());
    let found = targets
        .filter(|target| target.resource == resource)
        .find_map(|target| Some((target, target.policies.iter().find(|policy| policy.name == name)?)));
    let (arn, alarms) =
        found.map(|(target, policy)| (arn(world, target, policy), alarms(world, target, policy))).unzip();
    Ok(Node::map([("PolicyARN", arn.into()), ("Alarms", alarms.into())]))
}

/// A policy from its configuration.
fn read(configuration: &Input, name: &str, id: String, created_ms: i64) -> Result<Policy, Failure> {
    configuration.only(&[
        "TargetValue",
        "PredefinedMetricSpecification",
        "ScaleOutCooldown",
        "ScaleInCooldown",
        "DisableScaleIn",
    ])?;
    let target = configuration.number("TargetValue")?.filter(|value| *value > 0.0);
    let target = target.ok_or_else(|| configuration.invalid("TargetValue must be a number greater than 0."))?;
    let specification = configuration.structure("PredefinedMetricSpecification");
    let specification = specification.ok_or_else(|| configuration.missing("PredefinedMetricSpecification"))?;
    let kind = specification.required("PredefinedMetricType")?;
    let metric = Metric::named(kind).ok_or_else(|| {
        specification.invalid(&format!(
            "the sandbox does not model the predefined metric {kind}; it has ECSServiceAverageCPUUtilization, \
             ECSServiceAverageMemoryUtilization and ALBRequestCountPerTarget"
        ))
    })?;
    let label = specification.text("ResourceLabel")?.map(str::to_owned);
    if (metric == Metric::Requests) != label.is_some() {
        return Err(specification.invalid("ResourceLabel must be given for ALBRequestCountPerTarget, and only for it."));
    }
    let cooldown = |name: &str| {
        let seconds = configuration.integer(name)?.unwrap_or(DEFAULT_COOLDOWN);
        if (0..=86_400).contains(&seconds) {
            return Ok(seconds);
        }
        Err(configuration.invalid(&format!("{name} must be between 0 and 86400.")))
    };
    Ok(Policy {
        name: name.to_owned(),
        id,
        metric,
        label,
        target,
        out_cooldown: cooldown("ScaleOutCooldown")?,
        in_cooldown: cooldown("ScaleInCooldown")?,
        disable_in: configuration.boolean("DisableScaleIn", false)?,
        created_ms,
    })
}

fn delete(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension"])?;
    let name = input.required("PolicyName")?;
    let target = registered(world, input)?;
    let before = target.policies.len();
    target.policies.retain(|policy| policy.name != name);
    if target.policies.len() == before {
        let message = format!("No scaling policy found for policy name: {name}");
        return Err(Failure::new("ObjectNotFoundException", &message));
    }
    Ok(Node::empty())
}
