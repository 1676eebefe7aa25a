//! Application Auto Scaling of a fleet: scalable targets, what they did, and scheduled actions.

use serde_json::json;

use super::application_autoscaling::{DIMENSION, check_dimension, is_ecs, role};
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::fleet::load::key;
use crate::world::fleet::member::Member;
use crate::world::fleet::scaling::{Activity, Scheduled, Target};
use crate::world::generator::Generator;
use crate::world::schedule::Schedule;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeScalableTargets" => describe_targets(world, input),
        "RegisterScalableTarget" => register(world, input),
        "DescribeScalingActivities" => describe_activities(world, input),
        "PutScheduledAction" => put_scheduled(world, input),
        "DeleteScheduledAction" => delete_scheduled(world, input),
        "DescribeScheduledActions" => describe_scheduled(world, input),
        "ListTagsForResource" => list_tags(world, input),
        _ => return None,
    })
}

/// The scalable targets of ECS that match what a Describe operation asks for.
pub(super) fn targets<'a>(world: &'a World, input: &Input) -> Result<Vec<&'a Target>, Failure> {
    check_dimension(input)?;
    let (mut ids, id) = (input.texts("ResourceIds")?, input.text("ResourceId")?);
    ids.extend(id);
    if !is_ecs(input)? {
        return Ok(Vec::new());
    }
    let members = world.fleet.iter().flat_map(|fleet| fleet.members.values());
    let all = members.filter_map(|member| member.target.as_ref());
    Ok(all.filter(|target| ids.is_empty() || ids.contains(&target.resource.as_str())).collect())
}

/// The service that a resource id names, where it exists.
fn service(world: &World, input: &Input) -> Result<String, Failure> {
    let resource = input.required("ResourceId")?;
    input.required("ScalableDimension")?;
    check_dimension(input)?;
    let prefix = format!("service/{}/", world.cluster);
    let name = resource.strip_prefix(&prefix).filter(|_| matches!(is_ecs(input), Ok(true)));
    let name =
        name.ok_or_else(|| input.invalid("Unsupported service namespace, resource type or scalable dimension"))?;
    if !world.services.contains_key(name) {
        return Err(input.invalid(&format!("ECS service doesn't exist: {resource}")));
    }
    Ok(name.to_owned())
}

fn member<'a>(world: &'a mut World, name: &str) -> Option<&'a mut Member> {
    world.fleet.as_deref_mut()?.members.get_mut(name)
}

/// The target that an operation changes; it must be registered.
pub(super) fn registered<'a>(world: &'a mut World, input: &Input) -> Result<&'a mut Target, Failure> {
    let name = service(world, input)?;
    let resource = input.required("ResourceId")?;
    let target = member(world, &name).and_then(|member| member.target.as_mut());
    let message = format!(
        "No scalable target registered for service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}"
    );
    target.ok_or_else(|| Failure::new("ObjectNotFoundException", &message))
}

/// One page: the token is the index of the first.
pub(super) fn page<T>(input: &Input, items: Vec<T>) -> Result<(Vec<T>, Node), Failure> {
    let size = input.integer("MaxResults")?.unwrap_or(50);
    let size = usize::try_from(size).ok().filter(|size| (1..=50).contains(size));
    let size = size.ok_or_else(|| input.invalid("MaxResults must be between 1 and 50."))?;
    let from: usize = match input.text("NextToken")? {
        None => 0,
        Some(token) => {
            let wrong = || Failure::new("InvalidNextTokenException", "The specified next token is invalid.");
            token.parse().map_err(|_| wrong())?
        }
    };
    let total = items.len();
    let taken: Vec<T> = items.into_iter().skip(from).take(size).collect();
    let next = from + taken.len();
    Ok((taken, if next < total { next.to_string().into() } else { Node::Absent }))
}

fn arn(world: &World, target: &Target) -> String {
    world.place.arn("application-autoscaling", &format!("scalable-target/{}", target.id))
}

fn describe_targets(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ServiceNamespace", "ResourceIds", "ScalableDimension", "MaxResults", "NextToken"])?;
    let views = targets(world, input)?.into_iter().map(|target| {
        let suspended = Node::map([
            ("DynamicScalingInSuspended", target.in_suspended.into()),
            ("DynamicScalingOutSuspended", target.out_suspended.into()),
            ("ScheduledScalingSuspended", target.scheduled_suspended.into()),
        ]);
        Node::map([
            ("ServiceNamespace", "ecs".into()),
            ("ResourceId", target.resource.as_str().into()),
            ("ScalableDimension", DIMENSION.into()),
            ("MinCapacity", target.minimum.into()),
            ("MaxCapacity", target.maximum.into()),
            ("RoleARN", role(world).into()),
            ("CreationTime", Node::Time(target.created_ms)),
            ("SuspendedState", suspended),
            ("ScalableTargetARN", arn(world, target).into()),
        ])
    });
    let (views, next) = page(input, views.collect())?;
    let views = Node::list(views);
    Ok(Node::map([("ScalableTargets", views), ("NextToken", next)]))
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
    let name = service(world, input)?;
    let now_ms = world.now_ms;
    let bounds = (input.integer("MinCapacity")?, input.integer("MaxCapacity")?);
    let resource = format!("service/{}/{name}", world.cluster);
    let World { fleet, services, .. } = world;
    let member = fleet.as_deref_mut().and_then(|fleet| fleet.members.get_mut(&name));
    let (Some(member), Some(service)) = (member, services.get_mut(&name)) else {
        return Err(input.invalid(&format!("ECS service doesn't exist: {resource}")));
    };
    let known = member.target.as_ref().map(|target| (target.minimum, target.maximum));
    let (minimum, maximum) = (bounds.0.or(known.map(|own| own.0)), bounds.1.or(known.map(|own| own.1)));
    let (Some(minimum), Some(maximum)) = (minimum, maximum) else {
        return Err(input.invalid("Min capacity and max capacity are required for a new scalable target"));
    };
    if minimum < 0 || maximum < minimum {
        return Err(input.invalid("Maximum capacity cannot be less than minimum capacity"));
    }
    let generator = Generator::new(key(now_ms.unsigned_abs(), &name));
    let target = member.target.get_or_insert_with(|| Target::new(resource, (minimum, maximum), now_ms, generator));
    if let Some(state) = input.structure("SuspendedState") {
        target.in_suspended = state.boolean("DynamicScalingInSuspended", target.in_suspended)?;
        target.out_suspended = state.boolean("DynamicScalingOutSuspended", target.out_suspended)?;
        target.scheduled_suspended = state.boolean("ScheduledScalingSuspended", target.scheduled_suspended)?;
    }
    target.set_limits(service, minimum, maximum, now_ms);
    let id = format!("scalable-target/{}", target.id);
    Ok(Node::map([("ScalableTargetARN", world.place.arn("application-autoscaling", &id).into())]))
}

fn describe_activities(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "ServiceNamespace",
        "ResourceId",
        "ScalableDimension",
        "MaxResults",
        "NextToken",
        "IncludeNotScaledActivities",
    ])?;
    let all = input.boolean("IncludeNotScaledActivities", false)?;
    let targets = targets(world, input)?;
    let activities = targets.iter().flat_map(|target| target.activities.iter().map(move |each| (*target, each)));
    let mut wanted: Vec<(&Target, &Activity)> =
        activities.filter(|(_, activity)| all || activity.not_scaled.is_none()).collect();
    // Newest first; those of one instant in the order in which they were noted, newest first.
    wanted.reverse();
    wanted.sort_by_key(|(_, activity)| std::cmp::Reverse(activity.start_ms));
    let (shown, next) = page(input, wanted)?;
    let views = shown.into_iter().map(|(target, activity)| activity_view(target, activity));
    Ok(Node::map([("ScalingActivities", Node::list(views)), ("NextToken", next)]))
}

fn activity_view(target: &Target, activity: &Activity) -> Node {
    let reasons = activity.not_scaled.map(|reason| {
        let (maximum, minimum) = (reason.code.contains("Max"), reason.code.contains("Min"));
        Node::list([Node::map([
            ("Code", reason.code.into()),
            ("MaxCapacity", maximum.then_some(reason.maximum).into()),
            ("MinCapacity", minimum.then_some(reason.minimum).into()),
            ("CurrentCapacity", (!maximum && !minimum).then_some(reason.current).into()),
        ])])
    });
    Node::map([
        ("ActivityId", activity.id.as_str().into()),
        ("ServiceNamespace", "ecs".into()),
        ("ResourceId", target.resource.as_str().into()),
        ("ScalableDimension", DIMENSION.into()),
        ("Description", activity.description.as_str().into()),
        ("Cause", activity.cause.as_str().into()),
        ("StartTime", Node::Time(activity.start_ms)),
        ("EndTime", Node::Time(activity.start_ms)),
        ("StatusCode", if reasons.is_some() { "Failed" } else { "Successful" }.into()),
        ("StatusMessage", activity.message.as_str().into()),
        ("NotScaledReasons", reasons.into()),
    ])
}

fn put_scheduled(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "ServiceNamespace",
        "ResourceId",
        "ScalableDimension",
        "ScheduledActionName",
        "Schedule",
        "ScalableTargetAction",
        "Timezone",
    ])?;
    if input.text("Timezone")?.is_some_and(|zone| zone != "UTC") {
        return Err(input.invalid("the sandbox's scheduled actions are in UTC; leave Timezone out"));
    }
    let now_ms = world.now_ms;
    let target = registered(world, input)?;
    let name = input.required("ScheduledActionName")?;
    let old = target.scheduled.iter().position(|action| action.name == name);
    let expression = match (input.text("Schedule")?, old) {
        (Some(text), _) => text.to_owned(),
        (None, Some(index)) => target.scheduled[index].expression.clone(),
        (None, None) => return Err(input.missing("Schedule")),
    };
    let schedule = Schedule::parse(&expression).map_err(|problem| input.invalid(&problem))?;
    let (mut minimum, mut maximum) =
        old.map_or((None, None), |index| (target.scheduled[index].minimum, target.scheduled[index].maximum));
    if let Some(action) = input.structure("ScalableTargetAction") {
        action.only(&["MinCapacity", "MaxCapacity"])?;
        minimum = action.integer("MinCapacity")?;
        maximum = action.integer("MaxCapacity")?;
    }
    if minimum.is_none() && maximum.is_none() {
        return Err(input.invalid("MinCapacity or MaxCapacity must be given in ScalableTargetAction"));
    }
    if minimum.is_some_and(|least| least < 0 || maximum.is_some_and(|most| most < least)) {
        return Err(input.invalid("Maximum capacity cannot be less than minimum capacity"));
    }
    let id = old.map_or_else(|| target.generator.uuid(), |index| target.scheduled[index].id.clone());
    let created_ms = old.map_or(now_ms, |index| target.scheduled[index].created_ms);
    let next_ms = schedule.next(now_ms, created_ms);
    let name = name.to_owned();
    let action = Scheduled { name, id, expression, schedule, minimum, maximum, created_ms, next_ms };
    match old {
        Some(index) => target.scheduled[index] = action,
        None => target.scheduled.push(action),
    }
    Ok(Node::empty())
}

fn delete_scheduled(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let name = input.required("ScheduledActionName")?;
    let target = registered(world, input)?;
    let before = target.scheduled.len();
    target.scheduled.retain(|action| action.name != name);
    if target.scheduled.len() == before {
        let message = format!("No scheduled action found for scheduled action name: {name}");
        return Err(Failure::new("ObjectNotFoundException", &message));
    }
    Ok(Node::empty())
}

fn describe_scheduled(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "ServiceNamespace",
        "ResourceId",
        "ScalableDimension",
        "ScheduledActionNames",
        "MaxResults",
        "NextToken",
    ])?;
    let names = input.texts("ScheduledActionNames")?;
    let targets = targets(world, input)?;
    let all = targets.iter().flat_map(|target| target.scheduled.iter().map(move |action| (*target, action)));
    let wanted = all.filter(|(_, action)| names.is_empty() || names.contains(&action.name.as_str()));
    let views = wanted.map(|(target, action)| {
        let resource = format!(
            "scheduledAction:{}:resource/ecs/{}:scheduledActionName/{}",
            action.id, target.resource, action.name
        );
        let limits = Node::map([("MinCapacity", action.minimum.into()), ("MaxCapacity", action.maximum.into())]);
        Node::map([
            ("ScheduledActionName", action.name.as_str().into()),
            ("ScheduledActionARN", world.place.arn("autoscaling", &resource).into()),
            ("ServiceNamespace", "ecs".into()),
            ("Schedule", action.expression.as_str().into()),
            ("ResourceId", target.resource.as_str().into()),
            ("ScalableDimension", DIMENSION.into()),
            ("ScalableTargetAction", limits),
            ("CreationTime", Node::Time(action.created_ms)),
        ])
    });
    let (views, next) = page(input, views.collect())?;
    let views = Node::list(views);
    Ok(Node::map([("ScheduledActions", views), ("NextToken", next)]))
}

fn list_tags(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ResourceARN"])?;
    let asked = input.required("ResourceARN")?;
    let members = world.fleet.iter().flat_map(|fleet| fleet.members.values());
    let mut owners = members.filter(|member| member.target.as_ref().is_some_and(|target| arn(world, target) == asked));
    let message = format!("The specified resource doesn't exist: {asked}");
    let owner = owners.next().ok_or_else(|| Failure::new("ResourceNotFoundException", &message))?;
    Ok(Node::map([("Tags", Node::Json(json!({ "service": owner.name, "owner": "platform" })))]))
}
