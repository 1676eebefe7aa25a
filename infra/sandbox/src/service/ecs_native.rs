//! ECS: service deployments and service revisions of its own blue/green deployments.

use super::ecs::{find, missing, page};
use super::ecs_view::{cluster_arn, load_balancer, network};
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::balancer::Purpose;
use crate::world::native::{Configuration, Hook, HookRun, HookTarget, Revision, ServiceDeployment, Stage, Strategy};
use crate::world::task_set::counts;

/// The longest time-outs of hooks, minutes: of a Lambda hook, of a pause.
const LONGEST_LAMBDA: i64 = 1_440;
const LONGEST_PAUSE: i64 = 20_160;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "ListServiceDeployments" => list(world, input),
        "DescribeServiceDeployments" => describe(world, input),
        "DescribeServiceRevisions" => describe_revisions(world, input),
        "StopServiceDeployment" => stop(world, input),
        "ContinueServiceDeployment" => proceed(world, input),
        _ => return None,
    })
}

fn service_arn(world: &World, service: &str) -> String {
    world.place.arn("ecs", &format!("service/{}/{service}", world.cluster))
}

fn list(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["cluster", "service", "status", "createdAt", "maxResults", "nextToken"])?;
    let name = find(world, input)?.name.as_str();
    let statuses = input.texts("status")?;
    let wanted = |deployment: &&ServiceDeployment| {
        deployment.service == name && (statuses.is_empty() || statuses.contains(&deployment.status))
    };
    let briefs = world.native.deployments.iter().rev().filter(wanted).map(|deployment| {
        Node::map([
            ("serviceDeploymentArn", world.deployment_arn(deployment).into()),
            ("serviceArn", service_arn(world, &deployment.service).into()),
            ("clusterArn", cluster_arn(world).into()),
            ("createdAt", Node::Time(deployment.created_ms)),
            ("startedAt", Node::Time(deployment.created_ms)),
            ("finishedAt", Node::time(deployment.finished_ms)),
            ("targetServiceRevisionArn", world.revision_arn(&deployment.service, &deployment.target.id).into()),
            ("status", deployment.status.into()),
            ("statusReason", reason(deployment)),
        ])
    });
    let (briefs, next) = page(input, briefs.collect())?;
    Ok(Node::map([("serviceDeployments", Node::list(briefs)), ("nextToken", next)]))
}

fn reason(deployment: &ServiceDeployment) -> Node {
    if deployment.reason.is_empty() { Node::Absent } else { deployment.reason.as_str().into() }
}

/// The ARNs that a call describes: at least one, and no more than a page.
fn arns<'a>(input: &'a Input, name: &str) -> Result<Vec<&'a str>, Failure> {
    let arns = input.texts(name)?;
    if arns.is_empty() || arns.len() > 20 {
        return Err(input.invalid(&format!("{name} must have between 1 and 20 entries.")));
    }
    Ok(arns)
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    let arns = arns(input, "serviceDeploymentArns")?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        match world.native.find(arn) {
            Some(deployment) => found.push(view(world, deployment)),
            None => failures.push(missing(arn.to_owned())),
        }
    }
    Ok(Node::map([("serviceDeployments", Node::list(found)), ("failures", Node::list(failures))]))
}

/// The ServiceDeployment structure.
fn view(world: &World, deployment: &ServiceDeployment) -> Node {
    let rollback = deployment.rollback.as_ref().map(|(reason, started_ms)| {
        Node::map([
            ("reason", reason.as_str().into()),
            ("startedAt", Node::Time(*started_ms)),
            ("serviceRevisionArn", world.revision_arn(&deployment.service, &deployment.source.id).into()),
        ])
    });
    let stopped = (deployment.status == "STOPPED").then_some(deployment.finished_ms).flatten();
    let running = deployment.status != "PENDING" && !deployment.is_over();
    Node::map([
        ("serviceDeploymentArn", world.deployment_arn(deployment).into()),
        ("serviceArn", service_arn(world, &deployment.service).into()),
        ("clusterArn", cluster_arn(world).into()),
        ("createdAt", Node::Time(deployment.created_ms)),
        ("startedAt", Node::Time(deployment.created_ms)),
        ("finishedAt", Node::time(deployment.finished_ms.filter(|_| stopped.is_none()))),
        ("stoppedAt", Node::time(stopped)),
        ("updatedAt", Node::Time(deployment.updated_ms)),
        ("sourceServiceRevisions", Node::list([summary(world, &deployment.source)])),
        ("targetServiceRevision", summary(world, &deployment.target)),
        ("status", deployment.status.into()),
        ("statusReason", reason(deployment)),
        ("lifecycleStage", running.then(|| deployment.stage.name()).into()),
        ("lifecycleHookDetails", Node::list(deployment.runs.iter().map(|run| hook_detail(deployment, run)))),
        ("deploymentConfiguration", configuration_view(&deployment.configuration)),
        ("rollback", rollback.into()),
    ])
}

fn summary(world: &World, revision: &Revision) -> Node {
    let state = world.blue_green(&revision.service);
    let set = state.and_then(|(service, state)| Some((service, state.set(&revision.id)?)));
    let (requested, running, pending) = set.map_or((0, 0, 0), |(service, set)| {
        let (_, running, pending, ..) = counts(service, set);
        (set.desired(service.desired), running, pending)
    });
    let weight = |purpose| match set {
        Some(_) => world.weight(&revision.service, purpose, &revision.group),
        None => 0.0,
    };
    Node::map([
        ("arn", world.revision_arn(&revision.service, &revision.id).into()),
        ("requestedTaskCount", requested.into()),
        ("runningTaskCount", running.into()),
        ("pendingTaskCount", pending.into()),
        ("requestedTestTrafficWeight", weight(Purpose::Test).into()),
        ("requestedProductionTrafficWeight", weight(Purpose::Production).into()),
    ])
}

fn hook_detail(deployment: &ServiceDeployment, run: &HookRun) -> Node {
    let hook = run.hook(&deployment.configuration);
    let target = match hook.map(|hook| &hook.target) {
        Some(HookTarget::Lambda { arn, .. }) => arn.as_str().into(),
        _ => Node::Absent,
    };
    let continues = hook.is_some_and(|hook| hook.timeout_continues);
    Node::map([
        ("hookId", run.id.as_str().into()),
        ("targetType", hook.map(|hook| hook.target.name()).into()),
        ("targetArn", target),
        ("status", run.status.into()),
        ("expiresAt", Node::Time(run.expires_ms)),
        ("timeoutAction", if continues { "CONTINUE" } else { "ROLLBACK" }.into()),
    ])
}

/// A deployment configuration of ECS's own blue/green deployments.
pub(super) fn configuration_view(configured: &Configuration) -> Node {
    let mut members = vec![
        ("maximumPercent", 200_i64.into()),
        ("minimumHealthyPercent", 100_i64.into()),
        ("strategy", configured.strategy.name().into()),
        ("bakeTimeInMinutes", configured.bake_minutes.into()),
        ("lifecycleHooks", Node::list(configured.hooks.iter().map(hook_view))),
    ];
    match configured.strategy {
        Strategy::BlueGreen => {}
        Strategy::Linear(percent, minutes) => {
            let linear = Node::map([("stepPercent", percent.into()), ("stepBakeTimeInMinutes", minutes.into())]);
            members.push(("linearConfiguration", linear));
        }
        Strategy::Canary(percent, minutes) => {
            let canary = Node::map([("canaryPercent", percent.into()), ("canaryBakeTimeInMinutes", minutes.into())]);
            members.push(("canaryConfiguration", canary));
        }
    }
    Node::Map(members)
}

fn hook_view(hook: &Hook) -> Node {
    let (arn, role) = match &hook.target {
        HookTarget::Lambda { arn, role } => (arn.as_str().into(), role.as_str().into()),
        HookTarget::Pause => (Node::Absent, Node::Absent),
    };
    let action = if hook.timeout_continues { "CONTINUE" } else { "ROLLBACK" };
    let details = if hook.details.is_null() { Node::Absent } else { Node::Json(hook.details.clone()) };
    Node::map([
        ("targetType", hook.target.name().into()),
        ("hookTargetArn", arn),
        ("roleArn", role),
        ("lifecycleStages", Node::list(hook.stages.iter().map(|stage| stage.name().into()))),
        ("hookDetails", details),
        (
            "timeoutConfiguration",
            Node::map([("timeoutInMinutes", hook.timeout_minutes.into()), ("action", action.into())]),
        ),
    ])
}

/// Reads the changes to a configuration of ECS's own blue/green deployments.
pub(super) fn configure(configured: &mut Configuration, input: &Input) -> Result<(), Failure> {
    input.only(&[
        "strategy",
        "bakeTimeInMinutes",
        "lifecycleHooks",
        "linearConfiguration",
        "canaryConfiguration",
        "maximumPercent",
        "minimumHealthyPercent",
    ])?;
    let mut changed = configured.clone();
    if let Some(strategy) = input.text("strategy")? {
        changed.strategy = read_strategy(strategy, input)?;
    }
    if let Some(minutes) = input.integer("bakeTimeInMinutes")? {
        if !(0..=1_440).contains(&minutes) {
            return Err(input.invalid("bakeTimeInMinutes must be between 0 and 1440."));
        }
        changed.bake_minutes = minutes;
    }
    if input.get("lifecycleHooks").is_some() {
        let hooks = input.structures("lifecycleHooks")?;
        changed.hooks = hooks.iter().map(read_hook).collect::<Result<_, _>>()?;
    }
    *configured = changed;
    Ok(())
}

fn read_strategy(name: &str, input: &Input) -> Result<Strategy, Failure> {
    let read = |structure: &str, percent: (&str, f64, f64), minutes: (&str, i64)| -> Result<(f64, i64), Failure> {
        let Some(given) = input.structure(structure) else { return Ok((percent.2, minutes.1)) };
        let value = given.number(percent.0)?.unwrap_or(percent.2);
        let wait = given.integer(minutes.0)?.unwrap_or(minutes.1);
        if !(percent.1..=100.0).contains(&value) || !(0..=1_440).contains(&wait) {
            return Err(input.invalid(&format!("{structure} is out of range.")));
        }
        Ok((value, wait))
    };
    match name {
        "BLUE_GREEN" => Ok(Strategy::BlueGreen),
        "LINEAR" => read("linearConfiguration", ("stepPercent", 3.0, 10.0), ("stepBakeTimeInMinutes", 6))
            .map(|(percent, minutes)| Strategy::Linear(percent, minutes)),
        "CANARY" => read("canaryConfiguration", ("canaryPercent", 0.1, 5.0), ("canaryBakeTimeInMinutes", 10))
            .map(|(percent, minutes)| Strategy::Canary(percent, minutes)),
        _ => Err(input.invalid("the sandbox models the strategies BLUE_GREEN, LINEAR and CANARY for this service")),
    }
}

fn read_hook(input: &Input) -> Result<Hook, Failure> {
    input.only(&[
        "targetType",
        "hookTargetArn",
        "roleArn",
        "lifecycleStages",
        "hookDetails",
        "timeoutConfiguration",
    ])?;
    let pause = match input.text("targetType")?.unwrap_or("AWS_LAMBDA") {
        "AWS_LAMBDA" => false,
        "PAUSE" => true,
        _ => return Err(input.invalid("targetType must be AWS_LAMBDA or PAUSE.")),
    };
    let target = if pause {
        HookTarget::Pause
    } else {
        HookTarget::Lambda {
            arn: input.required("hookTargetArn")?.to_owned(),
            role: input.required("roleArn")?.to_owned(),
        }
    };
    let stage = |name: &&str| {
        let stage = Stage::named(name).filter(|stage| if pause { stage.may_pause() } else { stage.may_call() });
        stage.ok_or_else(|| input.invalid(&format!("A {} hook cannot run at the stage {name}.", target.name())))
    };
    let stages: Vec<Stage> = input.texts("lifecycleStages")?.iter().map(stage).collect::<Result<_, _>>()?;
    if stages.is_empty() {
        return Err(input.missing("lifecycleStages"));
    }
    let mut hook = Hook::new(target, stages);
    hook.details = input.get("hookDetails").cloned().unwrap_or_default();
    if let Some(timeout) = input.structure("timeoutConfiguration") {
        let longest = if pause { LONGEST_PAUSE } else { LONGEST_LAMBDA };
        hook.timeout_minutes = timeout.integer("timeoutInMinutes")?.unwrap_or(hook.timeout_minutes);
        if !(1..=longest).contains(&hook.timeout_minutes) {
            return Err(input.invalid(&format!("timeoutInMinutes must be between 1 and {longest}.")));
        }
        hook.timeout_continues = timeout.text("action")? == Some("CONTINUE");
    }
    Ok(hook)
}

fn describe_revisions(world: &World, input: &Input) -> Result<Node, Failure> {
    let arns = arns(input, "serviceRevisionArns")?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        let known = |revision: &&Revision| world.revision_arn(&revision.service, &revision.id) == arn;
        match world.native.revisions.iter().find(known) {
            Some(revision) => found.push(revision_view(world, revision, arn)),
            None => failures.push(missing(arn.to_owned())),
        }
    }
    Ok(Node::map([("serviceRevisions", Node::list(found)), ("failures", Node::list(failures))]))
}

fn revision_view(world: &World, revision: &Revision, arn: &str) -> Node {
    let image = world.definition(&revision.task_definition).map(|definition| {
        let digest = world.images.resolve(&definition.image).map(|image| image.digest.as_str());
        Node::map([
            ("containerName", definition.family.as_str().into()),
            ("image", definition.image.as_str().into()),
            ("imageDigest", digest.into()),
        ])
    });
    let service = world.services.get(&revision.service);
    let balancers = service.map(|service| Node::list([load_balancer(service, &revision.group)]));
    let resolved = Node::map([("targetGroupArn", revision.group.as_str().into())]);
    Node::map([
        ("serviceRevisionArn", arn.into()),
        ("serviceArn", service_arn(world, &revision.service).into()),
        ("clusterArn", cluster_arn(world).into()),
        ("taskDefinition", revision.task_definition.as_str().into()),
        ("launchType", "FARGATE".into()),
        ("platformVersion", "1.4.0".into()),
        ("platformFamily", "Linux".into()),
        ("loadBalancers", balancers.into()),
        ("networkConfiguration", network()),
        ("containerImages", Node::list(image)),
        ("guardDutyEnabled", false.into()),
        ("createdAt", Node::Time(revision.created_ms)),
        ("resolvedConfiguration", Node::map([("loadBalancers", Node::list([resolved]))])),
    ])
}

fn not_found() -> Failure {
    Failure::new("ServiceDeploymentNotFoundException", "The service deployment was not found.")
}

fn stop(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["serviceDeploymentArn", "stopType"])?;
    let arn = input.required("serviceDeploymentArn")?;
    let rollback = match input.text("stopType")?.unwrap_or("ROLLBACK") {
        "ROLLBACK" => true,
        "ABORT" => false,
        _ => return Err(input.invalid("stopType must be ABORT or ROLLBACK.")),
    };
    let id = world.native.find(arn).ok_or_else(not_found)?.id.clone();
    if !world.stop_service_deployment(&id, rollback) {
        return Err(Failure::new("ConflictException", "The service deployment is not in a state that can be stopped."));
    }
    Ok(Node::map([("serviceDeploymentArn", arn.into())]))
}

fn proceed(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["serviceDeploymentArn", "hookId", "action"])?;
    let arn = input.required("serviceDeploymentArn")?;
    let hook = input.required("hookId")?;
    let onwards = match input.text("action")?.unwrap_or("CONTINUE") {
        "CONTINUE" => true,
        "ROLLBACK" => false,
        _ => return Err(input.invalid("action must be CONTINUE or ROLLBACK.")),
    };
    let id = world.native.find(arn).ok_or_else(not_found)?.id.clone();
    if !world.continue_deployment(&id, hook, onwards) {
        return Err(input.invalid("The lifecycle hook is not awaiting an action."));
    }
    Ok(Node::map([("serviceDeploymentArn", arn.into())]))
}
