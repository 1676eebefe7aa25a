//! Elastic Load Balancing v2: the load balancer, its listeners and rules.

use super::elbv2::balancer_arn;
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::balancer::{Forward, Listener, Rule};
use crate::world::fleet::inventory::IDLE_BALANCER;

/// The largest weight of a target group.
const MAXIMUM_WEIGHT: i64 = 999;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeLoadBalancers" => describe_load_balancers(world, input),
        "DescribeListeners" => describe_listeners(world, input),
        "DescribeRules" => describe_rules(world, input),
        "ModifyListener" => modify_listener(world, input),
        "ModifyRule" => modify_rule(world, input),
        _ => return None,
    })
}

fn listener_arn(world: &World, listener: &Listener) -> String {
    let resource = format!("listener/{}/{}", world.load_balancer_dimension(), listener.id);
    world.place.arn("elasticloadbalancing", &resource)
}

fn rule_arn(world: &World, listener: &Listener, rule: &str) -> String {
    let resource = format!("listener-rule/{}/{}/{rule}", world.load_balancer_dimension(), listener.id);
    world.place.arn("elasticloadbalancing", &resource)
}

fn listener_not_found() -> Failure {
    Failure::new("ListenerNotFound", "One or more listeners not found")
}

fn rule_not_found() -> Failure {
    Failure::new("RuleNotFound", "One or more rules not found")
}

fn describe_load_balancers(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["LoadBalancerArns", "Names", "Marker", "PageSize"])?;
    let mut all = vec![(world.load_balancer.0.as_str(), world.load_balancer.1.as_str())];
    if world.fleet.is_some() {
        all.push(IDLE_BALANCER);
    }
    let arn =
        |(name, id): (&str, &str)| world.place.arn("elasticloadbalancing", &format!("loadbalancer/app/{name}/{id}"));
    let (arns, names) = (input.texts("LoadBalancerArns")?, input.texts("Names")?);
    let known = |asked: &str| all.iter().any(|each| arn(*each) == asked);
    if !arns.iter().all(|asked| known(asked)) || !names.iter().all(|asked| all.iter().any(|each| each.0 == *asked)) {
        return Err(Failure::new("LoadBalancerNotFound", "One or more load balancers not found"));
    }
    let wanted = |each: &&(&str, &str)| {
        (arns.is_empty() || arns.contains(&arn(**each).as_str())) && (names.is_empty() || names.contains(&each.0))
    };
    let balancers = all.iter().filter(wanted).map(|each| balancer_view(world, *each, arn(*each)));
    Ok(Node::map([("LoadBalancers", Node::list(balancers))]))
}

fn balancer_view(world: &World, (name, id): (&str, &str), arn: String) -> Node {
    let zones = world.subnets.iter().map(|subnet| {
        Node::map([
            ("ZoneName", format!("{}{}", world.place.region, subnet.zone).into()),
            ("SubnetId", subnet.id.as_str().into()),
        ])
    });
    let created = world.fleet.as_ref().map(|fleet| fleet.anchor_ms - 400 * 86_400_000);
    Node::map([
        ("LoadBalancerArn", arn.into()),
        ("DNSName", format!("{name}-{}.{}.elb.amazonaws.com", &id[..10], world.place.region).into()),
        ("CreatedTime", Node::time(created)),
        ("LoadBalancerName", name.into()),
        ("Scheme", "internet-facing".into()),
        ("VpcId", "vpc-0a1b2c3d4e5f67890".into()),
        ("State", Node::map([("Code", "active".into())])),
        ("Type", "application".into()),
        ("AvailabilityZones", Node::list(zones)),
        ("IpAddressType", "ipv4".into()),
    ])
}

fn describe_listeners(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["LoadBalancerArn", "ListenerArns", "Marker", "PageSize"])?;
    let arns = input.texts("ListenerArns")?;
    if input.text("LoadBalancerArn")?.is_some_and(|arn| arn != balancer_arn(world)) {
        return Err(Failure::new("LoadBalancerNotFound", "One or more load balancers not found"));
    }
    let known = |arn: &&str| world.listeners.iter().any(|listener| listener_arn(world, listener) == **arn);
    if !arns.iter().all(known) {
        return Err(listener_not_found());
    }
    let wanted = |listener: &&Listener| arns.is_empty() || arns.contains(&listener_arn(world, listener).as_str());
    let listeners = world.listeners.iter().filter(wanted).map(|listener| listener_view(world, listener));
    Ok(Node::map([("Listeners", Node::list(listeners))]))
}

fn listener_view(world: &World, listener: &Listener) -> Node {
    Node::map([
        ("ListenerArn", listener_arn(world, listener).into()),
        ("LoadBalancerArn", balancer_arn(world).into()),
        ("Port", i64::from(listener.port).into()),
        ("Protocol", "HTTP".into()),
        ("DefaultActions", Node::list([action(&listener.default)])),
    ])
}

fn action(forward: &Forward) -> Node {
    let groups = forward.iter().map(|(group, weight)| {
        Node::map([("TargetGroupArn", group.as_str().into()), ("Weight", i64::from(*weight).into())])
    });
    let stickiness = Node::map([("Enabled", false.into())]);
    let only = (forward.len() == 1).then(|| forward[0].0.as_str());
    Node::map([
        ("Type", "forward".into()),
        ("TargetGroupArn", only.into()),
        ("Order", 1_i64.into()),
        (
            "ForwardConfig",
            Node::map([("TargetGroups", Node::list(groups)), ("TargetGroupStickinessConfig", stickiness)]),
        ),
    ])
}

fn describe_rules(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ListenerArn", "RuleArns", "Marker", "PageSize"])?;
    let (listener, arns) = (input.text("ListenerArn")?, input.texts("RuleArns")?);
    if listener.is_none() && arns.is_empty() {
        return Err(input.invalid("You must specify either listener ARN or rule ARNs"));
    }
    let found = |arn: &str| world.listeners.iter().any(|each| listener_arn(world, each) == arn);
    if listener.is_some_and(|arn| !found(arn)) {
        return Err(listener_not_found());
    }
    let all = world.listeners.iter().flat_map(|each| {
        let rules = each.rules.iter().map(|rule| rule_view(world, each, rule));
        let rules = rules.chain([default_rule(world, each)]);
        let own = listener_arn(world, each);
        rules.map(move |(arn, view)| (own.clone(), arn, view))
    });
    let wanted: Vec<_> = all
        .filter(|(own, arn, _)| {
            listener.is_none_or(|asked| asked == own) && (arns.is_empty() || arns.contains(&arn.as_str()))
        })
        .collect();
    if wanted.len() < arns.len() {
        return Err(rule_not_found());
    }
    Ok(Node::map([("Rules", Node::list(wanted.into_iter().map(|(_, _, view)| view)))]))
}

fn rule_view(world: &World, listener: &Listener, rule: &Rule) -> (String, Node) {
    let paths = || Node::list(rule.paths.iter().map(|path| path.as_str().into()));
    let condition = Node::map([
        ("Field", "path-pattern".into()),
        ("Values", paths()),
        ("PathPatternConfig", Node::map([("Values", paths())])),
    ]);
    let arn = rule_arn(world, listener, &rule.id);
    let view = Node::map([
        ("RuleArn", arn.as_str().into()),
        ("Priority", rule.priority.to_string().into()),
        ("Conditions", Node::list([condition])),
        ("Actions", Node::list([action(&rule.forward)])),
        ("IsDefault", false.into()),
    ]);
    (arn, view)
}

/// The rule that stands for a listener's default action.
fn default_rule(world: &World, listener: &Listener) -> (String, Node) {
    let arn = rule_arn(world, listener, &format!("{}default", &listener.id[..9]));
    let view = Node::map([
        ("RuleArn", arn.as_str().into()),
        ("Priority", "default".into()),
        ("Conditions", Node::list([])),
        ("Actions", Node::list([action(&listener.default)])),
        ("IsDefault", true.into()),
    ]);
    (arn, view)
}

/// The one forward action of a request.
fn forward(world: &World, input: &Input, name: &str) -> Result<Forward, Failure> {
    let actions = input.structures(name)?;
    let [action] = actions.as_slice() else {
        return Err(input.invalid("the sandbox models exactly one action per listener or rule, of type forward"));
    };
    action.only(&["Type", "Order", "TargetGroupArn", "ForwardConfig"])?;
    if action.required("Type")? != "forward" {
        return Err(Failure::new("InvalidLoadBalancerAction", "the sandbox models actions of type forward only"));
    }
    let mut forward = Forward::new();
    if let Some(config) = action.structure("ForwardConfig") {
        config.only(&["TargetGroups", "TargetGroupStickinessConfig"])?;
        for group in config.structures("TargetGroups")? {
            let weight = group.integer("Weight")?.unwrap_or(1);
            if !(0..=MAXIMUM_WEIGHT).contains(&weight) {
                return Err(input.invalid("Target group weight must be between 0 and 999"));
            }
            forward.push((group.required("TargetGroupArn")?.to_owned(), u32::try_from(weight).unwrap_or(0)));
        }
    }
    if forward.is_empty() {
        forward.push((action.required("TargetGroupArn")?.to_owned(), 1));
    }
    let groups = world.target_groups();
    if forward.iter().any(|(arn, _)| !groups.iter().any(|group| group.arn == *arn)) {
        return Err(Failure::new("TargetGroupNotFound", "One or more target groups not found"));
    }
    Ok(forward)
}

fn modify_listener(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ListenerArn", "DefaultActions"])?;
    let arn = input.required("ListenerArn")?;
    let found = world.listeners.iter().position(|listener| listener_arn(world, listener) == arn);
    let index = found.ok_or_else(listener_not_found)?;
    if input.get("DefaultActions").is_some() {
        world.listeners[index].default = forward(world, input, "DefaultActions")?;
    }
    let view = listener_view(world, &world.listeners[index]);
    Ok(Node::map([("Listeners", Node::list([view]))]))
}

fn modify_rule(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["RuleArn", "Actions"])?;
    let arn = input.required("RuleArn")?;
    let found = world.listeners.iter().enumerate().find_map(|(index, listener)| {
        let rule = listener.rules.iter().position(|rule| rule_arn(world, listener, &rule.id) == arn)?;
        Some((index, rule))
    });
    if found.is_none() && world.listeners.iter().any(|listener| default_rule(world, listener).0 == arn) {
        return Err(Failure::new("OperationNotPermitted", "Default rule cannot be modified"));
    }
    let (index, rule) = found.ok_or_else(rule_not_found)?;
    if input.get("Actions").is_some() {
        world.listeners[index].rules[rule].forward = forward(world, input, "Actions")?;
    }
    let listener = &world.listeners[index];
    let (_, view) = rule_view(world, listener, &listener.rules[rule]);
    Ok(Node::map([("Rules", Node::list([view]))]))
}
