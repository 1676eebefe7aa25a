//! ECS.

use super::input::Input;
use super::{Answer, Failure, ecs_definition, ecs_native, ecs_sets, ecs_view};
use crate::wire::Node;
use crate::world::ecs::{Phase, Service, Task};
use crate::world::task_set::Controller;
use crate::world::{World, stop_task};

/// How many services or tasks one call may describe.
const DESCRIBE_SERVICES: usize = 10;
const DESCRIBE_TASKS: usize = 100;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeServices" => describe_services(world, input),
        "UpdateService" => update_service(world, input),
        "ListServices" => list_services(world, input),
        "ListTasks" => list_tasks(world, input),
        "DescribeTasks" => describe_tasks(world, input),
        "StopTask" => stop(world, input),
        "DescribeClusters" => describe_clusters(world, input),
        "ListClusters" => list_clusters(world, input),
        _ => {
            let others = [ecs_definition::perform, ecs_sets::perform, ecs_native::perform];
            return others.into_iter().find_map(|perform| perform(world, operation, input));
        }
    })
}

/// The last part of an ARN, or the name itself.
pub(super) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The cluster must be the one there is.
pub(super) fn check_cluster(world: &World, input: &Input) -> Result<(), Failure> {
    let given = input.text("cluster")?.unwrap_or("default");
    if short(given) == world.cluster {
        return Ok(());
    }
    Err(Failure::new("ClusterNotFoundException", "Cluster not found."))
}

/// The service that the parameters name.
pub(super) fn find<'a>(world: &'a World, input: &Input) -> Result<&'a Service, Failure> {
    check_cluster(world, input)?;
    let name = input.required("service")?;
    world.services.get(short(name)).ok_or_else(|| Failure::new("ServiceNotFoundException", "Service not found."))
}

/// The entry of `failures` for what is not there.
pub(super) fn missing(arn: String) -> Node {
    Node::map([("arn", arn.into()), ("reason", "MISSING".into())])
}

fn describe_services(world: &World, input: &Input) -> Result<Node, Failure> {
    check_cluster(world, input)?;
    let names = input.texts("services")?;
    if names.is_empty() {
        return Err(input.invalid("Services cannot be empty."));
    }
    if names.len() > DESCRIBE_SERVICES {
        return Err(input.invalid("Services list cannot be more than 10."));
    }
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match world.services.get(short(name)) {
            Some(service) => services.push(ecs_view::service(world, service)),
            None if name.starts_with("arn:") => failures.push(missing(name.to_owned())),
            None => failures.push(missing(world.place.arn("ecs", &format!("service/{}/{name}", world.cluster)))),
        }
    }
    Ok(Node::map([("services", Node::list(services)), ("failures", Node::list(failures))]))
}

fn update_service(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "cluster",
        "service",
        "desiredCount",
        "taskDefinition",
        "forceNewDeployment",
        "deploymentConfiguration",
        "healthCheckGracePeriodSeconds",
    ])?;
    let name = find(world, input)?.name.clone();
    let definition = input.text("taskDefinition")?.map(|given| resolve_definition(world, given)).transpose()?;
    let desired = input.integer("desiredCount")?;
    if desired.is_some_and(|desired| !(0..=5000).contains(&desired)) {
        return Err(input.invalid("desiredCount must be between 0 and 5000."));
    }
    let force = input.boolean("forceNewDeployment", false)?;
    let now_ms = world.now_ms;
    let controller = world.blue_green(&name).map(|(_, state)| state.controller);
    if let Some(controller) = controller {
        update_blue_green(world, input, (&name, controller), definition, force)?;
        return described(world, &name);
    }
    let Some(service) = world.services.get_mut(&name) else {
        return Err(Failure::new("ServiceNotFoundException", "Service not found."));
    };
    if let Some(configuration) = input.structure("deploymentConfiguration") {
        configure(service, &configuration)?;
    }
    if let Some(seconds) = input.integer("healthCheckGracePeriodSeconds")? {
        service.grace_seconds = seconds;
    }
    if let Some(desired) = desired.filter(|desired| *desired != service.desired) {
        service.desired = desired;
        service.steady = false;
    }
    let current = service.primary().map(|primary| primary.task_definition.clone()).unwrap_or_default();
    if force || definition.as_ref().is_some_and(|definition| *definition != current) {
        service.deploy(now_ms, &mut world.ids, definition.unwrap_or(current));
    }
    described(world, &name)
}

fn described(world: &World, name: &str) -> Result<Node, Failure> {
    let described = world.services.get(name).map(|service| ecs_view::service(world, service));
    Ok(Node::map([("service", described.into())]))
}

/// What UpdateService may do to a blue/green service depends on who releases it.
fn update_blue_green(
    world: &mut World,
    input: &Input,
    (name, controller): (&str, Controller),
    definition: Option<String>,
    force: bool,
) -> Result<(), Failure> {
    let kind = controller.name();
    if controller != Controller::Native {
        let hint =
            if controller == Controller::CodeDeploy { " Use AWS CodeDeploy to trigger a new deployment." } else { "" };
        if definition.is_some() {
            let message =
                format!("Unable to update task definition on services with a {kind} deployment controller.{hint}");
            return Err(input.invalid(&message));
        }
        if force {
            let message =
                format!("Cannot force a new deployment on services with a {kind} deployment controller.{hint}");
            return Err(input.invalid(&message));
        }
        if input.get("deploymentConfiguration").is_some() {
            return Err(
                input.invalid("the sandbox does not model deploymentConfiguration for this service; leave it out")
            );
        }
    }
    if definition.is_some() || force {
        start_check(world, name)?;
    }
    let Some(service) = world.services.get_mut(name) else { return Ok(()) };
    if let Some(seconds) = input.integer("healthCheckGracePeriodSeconds")? {
        service.grace_seconds = seconds;
    }
    if let (Some(configuration), Some(state)) = (input.structure("deploymentConfiguration"), &mut service.blue_green) {
        ecs_native::configure(&mut state.configuration, &configuration)?;
    }
    if let Some(desired) = input.integer("desiredCount")? {
        service.desired = desired;
    }
    let state = service.blue_green.as_ref();
    let current = state.and_then(|state| state.primary()).map(|set| set.task_definition.clone()).unwrap_or_default();
    if force || definition.as_ref().is_some_and(|definition| *definition != current) {
        world.begin_deployment(name, definition.unwrap_or(current));
    }
    Ok(())
}

/// One service deployment at a time.
fn start_check(world: &World, name: &str) -> Result<(), Failure> {
    match world.native.active(name) {
        None => Ok(()),
        Some(active) => {
            let arn = world.deployment_arn(active);
            let message = format!("the sandbox does not model a deployment that replaces another: {arn} is under way");
            Err(Failure::new("ClientException", &message))
        }
    }
}

fn configure(service: &mut Service, configuration: &Input) -> Result<(), Failure> {
    configuration.only(&["maximumPercent", "minimumHealthyPercent", "deploymentCircuitBreaker", "strategy"])?;
    let maximum = configuration.integer("maximumPercent")?.unwrap_or(service.maximum);
    let minimum = configuration.integer("minimumHealthyPercent")?.unwrap_or(service.minimum_healthy);
    if maximum <= minimum || !(0..=100).contains(&minimum) {
        return Err(configuration.invalid("maximumPercent must be greater than minimumHealthyPercent."));
    }
    service.maximum = maximum;
    service.minimum_healthy = minimum;
    if let Some(breaker) = configuration.structure("deploymentCircuitBreaker") {
        service.breaker = breaker.boolean("enable", false)?;
        service.rollback = breaker.boolean("rollback", false)?;
    }
    Ok(())
}

/// The ARN of a task definition given as ARN, `family:revision` or `family` (its newest revision).
pub(super) fn resolve_definition(world: &World, given: &str) -> Result<String, Failure> {
    let unknown = || Failure::new("ClientException", "Unable to describe task definition.");
    let given = short(given);
    let (family, revision) = match given.split_once(':') {
        Some((family, revision)) => (family, Some(revision.parse::<i64>().map_err(|_| unknown())?)),
        None => (given, None),
    };
    let of_family = world.task_definitions.iter().filter(|definition| definition.family == family);
    let found = match revision {
        Some(revision) => of_family.into_iter().find(|definition| definition.revision == revision),
        None => of_family.max_by_key(|definition| definition.revision),
    };
    let found = found.ok_or_else(unknown)?;
    Ok(world.place.arn("ecs", &format!("task-definition/{}:{}", found.family, found.revision)))
}

/// One page of `items`: the token is the index of the first.
pub(super) fn page(input: &Input, items: Vec<Node>) -> Result<(Vec<Node>, Node), Failure> {
    let size = usize::try_from(input.integer("maxResults")?.unwrap_or(100).clamp(1, 100)).unwrap_or(100);
    let from = match input.text("nextToken")? {
        Some(token) => token.parse::<usize>().map_err(|_| input.invalid("Invalid token."))?,
        None => 0,
    };
    let total = items.len();
    let taken: Vec<Node> = items.into_iter().skip(from).take(size).collect();
    let next = from + taken.len();
    Ok((taken, if next < total { next.to_string().into() } else { Node::Absent }))
}

fn list_services(world: &World, input: &Input) -> Result<Node, Failure> {
    check_cluster(world, input)?;
    let arns = world.services.values().map(|service| ecs_view::service_arn(world, service).into()).collect();
    let (arns, next) = page(input, arns)?;
    Ok(Node::map([("serviceArns", Node::list(arns)), ("nextToken", next)]))
}

fn list_tasks(world: &World, input: &Input) -> Result<Node, Failure> {
    check_cluster(world, input)?;
    input.only(&[
        "cluster",
        "serviceName",
        "desiredStatus",
        "family",
        "startedBy",
        "maxResults",
        "nextToken",
        "launchType",
    ])?;
    let stopped = match input.text("desiredStatus")?.unwrap_or("RUNNING") {
        "RUNNING" => false,
        "STOPPED" => true,
        _ => return Err(input.invalid("desiredStatus must be RUNNING or STOPPED.")),
    };
    let name = input.text("serviceName")?.map(short);
    if name.is_some_and(|name| !world.services.contains_key(name)) {
        return Err(Failure::new("ServiceNotFoundException", "Service not found."));
    }
    let (family, started_by) = (input.text("family")?, input.text("startedBy")?);
    let wanted = |service: &Service, task: &Task| {
        name.is_none_or(|name| name == service.name)
            && family.is_none_or(|family| short(&task.task_definition).split(':').next() == Some(family))
            && started_by.is_none_or(|id| id == task.deployment)
            && (task.stop.is_some() == stopped)
    };
    let tasks = world.services.values().flat_map(|service| service.tasks.iter().map(move |task| (service, task)));
    let arns = tasks.filter(|(service, task)| wanted(service, task)).map(|(_, task)| world.task_arn(&task.id).into());
    let (arns, next) = page(input, arns.collect())?;
    Ok(Node::map([("taskArns", Node::list(arns)), ("nextToken", next)]))
}

fn describe_tasks(world: &World, input: &Input) -> Result<Node, Failure> {
    check_cluster(world, input)?;
    let ids = input.texts("tasks")?;
    if ids.is_empty() || ids.len() > DESCRIBE_TASKS {
        return Err(input.invalid("Tasks must have between 1 and 100 entries."));
    }
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        let all = world.services.values().flat_map(|service| service.tasks.iter().map(move |task| (service, task)));
        match all.into_iter().find(|(_, task)| task.id == short(id)) {
            Some((service, task)) => tasks.push(ecs_view::task(world, service, task)),
            None => failures.push(missing(world.task_arn(short(id)))),
        }
    }
    Ok(Node::map([("tasks", Node::list(tasks)), ("failures", Node::list(failures))]))
}

fn stop(world: &mut World, input: &Input) -> Result<Node, Failure> {
    check_cluster(world, input)?;
    let id = short(input.required("task")?);
    let reason = input.text("reason")?.unwrap_or("Task stopped by user").to_owned();
    let now_ms = world.now_ms;
    let mut stopped = None;
    for service in world.services.values_mut() {
        if let Some(task) = service.tasks.iter_mut().find(|task| task.id == id && task.phase != Phase::Stopped) {
            stop_task(task, now_ms, "UserInitiated", reason);
            service.steady = false;
            stopped = Some(service.name.clone());
            break;
        }
    }
    let service = stopped.and_then(|name| world.services.get(&name));
    let service = service.ok_or_else(|| input.invalid("The referenced task was not found."))?;
    let task = service.tasks.iter().find(|task| task.id == id).map(|task| ecs_view::task(world, service, task));
    Ok(Node::map([("task", task.into())]))
}

fn list_clusters(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["maxResults", "nextToken"])?;
    let (arns, next) = page(input, vec![ecs_view::cluster_arn(world).into()])?;
    Ok(Node::map([("clusterArns", Node::list(arns)), ("nextToken", next)]))
}

fn describe_clusters(world: &World, input: &Input) -> Result<Node, Failure> {
    let mut names = input.texts("clusters")?;
    if names.is_empty() {
        names.push("default");
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        if short(name) == world.cluster {
            clusters.push(ecs_view::cluster(world));
        } else {
            failures.push(missing(world.place.arn("ecs", &format!("cluster/{}", short(name)))));
        }
    }
    Ok(Node::map([("clusters", Node::list(clusters)), ("failures", Node::list(failures))]))
}
