//! Changing the size of a service's tasks: the calls, the way back, and what to do about each of them now.
//!
//! A revision of a task definition never changes. So a plan names the revision that it starts from, and what it changes
//! about it; the document itself, whose environment may hold what should not be written down, stays where it is.

use super::{Document, Size};
use crate::call::Call;
use crate::catalogue::{Controller, Entry};
use crate::error::{Error, Kind};
use crate::history::{HOUR_MS, HOURS_OF_WEEK, hour_of_week};
use crate::plan::Plan;
use crate::plan::capacity::Scaling;
use crate::proposal::{Capacity, Proposal, Settings};
use crate::time::Millis;
use serde_json::{Value, json};

/// How the call of `ecs:UpdateService` names the revision that `ecs:RegisterTaskDefinition` answers.
pub const REGISTERED: &str = "registered";
/// The dimension in which services scale.
const DIMENSION: &str = "ecs:service:DesiredCount";
/// How many tasks more than the present load needs smaller tasks begin with: autoscaling takes back what is too much,
/// but is too slow to give what is missing.
const START: f64 = 1.5;

/// The service as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The cluster.
    pub cluster: String,
    /// The scalable target's id.
    pub resource_id: String,
    /// The revision that its tasks run.
    pub task_definition: String,
    /// How many tasks are wanted.
    pub desired: u32,
    /// Whether a deployment is running.
    pub deploying: bool,
    /// The limits of autoscaling, where it is set up.
    pub limits: Option<Scaling>,
}

/// A call of a plan, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `ecs:RegisterTaskDefinition`: this revision in this size.
    Register {
        /// The revision that it is made of.
        from: String,
        /// The size.
        size: Size,
    },
    /// `ecs:UpdateService` to this revision ([`REGISTERED`] for the one just registered), with at least so many tasks.
    Update {
        /// The revision.
        task_definition: String,
        /// How many tasks; absent for as many as there are.
        desired: Option<u32>,
    },
    /// `application-autoscaling:RegisterScalableTarget`.
    Limits(Scaling),
}

/// Plans a change of size. `busiest_hour` is the hour of the week (0 to 167) through which less capacity is observed.
///
/// A service whose controller is not ECS gets a plan without calls: it is released by who releases it.
///
/// # Errors
/// `Ops.InvalidInput` for a proposal of another kind or a size that is none, `Ops.PreconditionFailed` when the service is
/// no longer as the proposal says, `Ops.DeploymentInProgress`, `Ops.NotApplicable` as [`Document::resized`].
pub fn plan(
    entry: &Entry,
    proposal: &Proposal,
    world: &World,
    document: &Document,
    at: Millis,
    busiest_hour: Option<usize>,
) -> Result<Plan, Error> {
    let service = entry.service()?;
    let (current, proposed) = (proposal.current_settings()?, proposal.proposed_settings()?);
    let (from, to) = (size_of(&current), size_of(&proposed));
    if !to.valid() {
        let message = format!("proposal.proposed: Fargate has no tasks of {to}: analyse again");
        return Err(Error::new(Kind::InvalidInput, message));
    }
    same(entry, &current, from, world, document)?;
    document.resized(to)?;
    let mut plan = Plan { irreversible: false, summary: proposal.summary.clone(), ..Plan::forward_only() };
    plan.before = state(from, world.limits, Some(&world.task_definition));
    plan.after = state(to, limits_after(world, &proposed), None);
    plan.verify = json!({"observeSeconds": observe_seconds(entry, proposal.capacity, at, busiest_hour)});
    if service.controller != Controller::Ecs {
        plan.summary = format!(
            "{}: release it through blue-green-deployment, with cpu {} and memory {} in the task definition",
            proposal.summary, to.cpu_units, to.memory_mib
        );
        return Ok(plan);
    }
    if world.deploying {
        let message = format!("a deployment of {} is running: wait for it", entry.catalog_id);
        return Err(Error::new(Kind::DeploymentInProgress, message));
    }
    let calls = Calls { service: &service.service, world };
    let (forward, back) = starts(world, &current, &proposed);
    let register = calls.register(document, to);
    let update = calls.update(REGISTERED, forward);
    let restore = calls.update(&world.task_definition, back);
    match (world.limits, limits_after(world, &proposed)) {
        (Some(before), Some(after)) if before != after => {
            let (raise, lower) = (calls.limits(after), calls.limits(before));
            // More tasks are permitted before they are needed, and fewer only when they suffice.
            let raises = after.min >= before.min && after.max >= before.max;
            plan.calls = if raises { vec![register, raise, update] } else { vec![register, update, raise] };
            plan.undo = if raises { vec![restore, lower] } else { vec![lower, restore] };
        }
        _ => (plan.calls, plan.undo) = (vec![register, update], vec![restore]),
    }
    Ok(plan)
}

/// The service must still be what the proposal was made for.
fn same(entry: &Entry, current: &Settings, from: Size, world: &World, document: &Document) -> Result<(), Error> {
    let changed = |what: &str| {
        let message = format!("{what} of {} changed since the proposal was made: analyse again", entry.catalog_id);
        Err(Error::new(Kind::PreconditionFailed, message))
    };
    if document.size()? != from {
        return changed("the task size");
    }
    let limits = world.limits.map(|limits| (limits.min, limits.max));
    if limits.is_some_and(|limits| limits != (current.min_capacity, current.max_capacity)) {
        return changed("autoscaling");
    }
    Ok(())
}

fn limits_after(world: &World, proposed: &Settings) -> Option<Scaling> {
    world.limits.map(|_| Scaling { min: proposed.min_capacity, max: proposed.max_capacity })
}

/// With how many tasks to begin, forward and back; `None` where as many as there are will do.
fn starts(world: &World, current: &Settings, proposed: &Settings) -> (Option<u32>, Option<u32>) {
    let follows = current.metric.as_deref().is_some_and(|metric| metric.starts_with("ECSServiceAverageCPUUtilization"));
    if !follows {
        return (None, None);
    }
    let start = |ratio: f64, settings: &Settings| {
        let tasks = (f64::from(world.desired) * ratio * START).ceil() as u32;
        tasks.clamp(settings.min_capacity, settings.max_capacity.max(settings.min_capacity))
    };
    let ratio = f64::from(current.cpu_units) / f64::from(proposed.cpu_units.max(1));
    if ratio > 1.0 {
        (Some(start(ratio, proposed)), None)
    } else if ratio < 1.0 {
        (None, Some(start(1.0, current)))
    } else {
        (None, None)
    }
}

/// How long a change is observed, in seconds: as long as the entry says, and where capacity goes down through the next
/// busiest hour of the week and the one after it.
pub fn observe_seconds(entry: &Entry, capacity: Capacity, at: Millis, busiest_hour: Option<usize>) -> i64 {
    let least = i64::from(entry.optimization.observe_hours) * 3_600;
    match busiest_hour.filter(|_| capacity == Capacity::Lowers) {
        None => least,
        Some(busiest) => {
            let hours = (busiest % HOURS_OF_WEEK + HOURS_OF_WEEK - hour_of_week(at)) % HOURS_OF_WEEK;
            let hours = i64::try_from(hours).unwrap_or(0);
            let into = at.rem_euclid(HOUR_MS) / 1_000;
            // In the busiest hour itself its rest says little: the next week's counts.
            let wait = if hours == 0 { 168 } else { hours } * 3_600 - into;
            least.max(wait + 2 * 3_600)
        }
    }
}

/// Makes the calls.
struct Calls<'a> {
    service: &'a str,
    world: &'a World,
}

impl Calls<'_> {
    fn register(&self, document: &Document, size: Size) -> Call {
        let parameters = json!({"family": document.family(), "from": self.world.task_definition,
            "cpu": size.cpu_units.to_string(), "memory": size.memory_mib.to_string()});
        Call::new("ecs", "RegisterTaskDefinition", parameters)
    }

    fn update(&self, task_definition: &str, desired: Option<u32>) -> Call {
        let mut parameters =
            json!({"cluster": self.world.cluster, "service": self.service, "taskDefinition": task_definition});
        if let Some(desired) = desired {
            parameters["desiredCount"] = json!(desired);
        }
        Call::new("ecs", "UpdateService", parameters)
    }

    fn limits(&self, limits: Scaling) -> Call {
        let parameters = json!({"ServiceNamespace": "ecs", "ResourceId": self.world.resource_id,
            "ScalableDimension": DIMENSION, "MinCapacity": limits.min, "MaxCapacity": limits.max});
        Call::new("application-autoscaling", "RegisterScalableTarget", parameters)
    }
}

/// The calls as steps: each must be one that changes this service's size, and nothing else.
///
/// # Errors
/// `Ops.InvalidInput` naming the parameter that is another's.
pub fn steps(path: &str, calls: &[Call], service: &str, world: &World) -> Result<Vec<Step>, Error> {
    let steps = calls.iter().enumerate().map(|(index, call)| {
        let path = format!("{path}[{index}]");
        match call.to_string().as_str() {
            "ecs:RegisterTaskDefinition" => register_step(&path, call),
            "ecs:UpdateService" => update_step(&path, call, service, world),
            "application-autoscaling:RegisterScalableTarget" => limits_step(&path, call, world),
            other => {
                Err(Error::new(Kind::InvalidInput, format!("{path} is {other}: a change of size does not send that")))
            }
        }
    });
    steps.collect()
}

fn register_step(path: &str, call: &Call) -> Result<Step, Error> {
    let parameters = call.parameters(path, &["family", "from", "cpu", "memory"])?;
    let number = |name: &str| {
        let text = parameters.text(name)?;
        text.parse::<u32>().map_err(|_| parameters.error(name, "must be a whole number as text: plan again"))
    };
    let size = Size::new(number("cpu")?, number("memory")?);
    if !size.valid() {
        return Err(
            parameters.error("cpu", &format!("and memory are {size}, which Fargate does not offer: plan again"))
        );
    }
    parameters.text("family")?;
    Ok(Step::Register { from: parameters.text("from")?.to_owned(), size })
}

fn update_step(path: &str, call: &Call, service: &str, world: &World) -> Result<Step, Error> {
    let parameters = call.parameters(path, &["cluster", "service", "taskDefinition", "desiredCount"])?;
    if parameters.text("cluster")? != world.cluster || parameters.text("service")? != service {
        let problem = format!("must be {service} in cluster {}: plan again", world.cluster);
        return Err(parameters.error("service", &problem));
    }
    let task_definition = parameters.text("taskDefinition")?.to_owned();
    Ok(Step::Update { task_definition, desired: parameters.optional_count("desiredCount")? })
}

fn limits_step(path: &str, call: &Call, world: &World) -> Result<Step, Error> {
    let known = ["ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity"];
    let parameters = call.parameters(path, &known)?;
    if parameters.text("ResourceId")? != world.resource_id
        || parameters.text("ServiceNamespace")? != "ecs"
        || parameters.text("ScalableDimension")? != DIMENSION
    {
        let problem = format!("must be {}, scaled by {DIMENSION}: plan again", world.resource_id);
        return Err(parameters.error("ResourceId", &problem));
    }
    let count =
        |name: &str| parameters.optional_count(name)?.ok_or_else(|| parameters.error(name, "is missing: plan again"));
    Ok(Step::Limits(Scaling { min: count("MinCapacity")?, max: count("MaxCapacity")? }))
}

/// Settings' size.
pub fn size_of(settings: &Settings) -> Size {
    Size::new(settings.cpu_units, settings.memory_mib)
}

fn state(size: Size, limits: Option<Scaling>, task_definition: Option<&str>) -> Value {
    let mut state = json!({"cpuUnits": size.cpu_units, "memoryMib": size.memory_mib});
    if let Some(limits) = limits {
        state["minCapacity"] = json!(limits.min);
        state["maxCapacity"] = json!(limits.max);
    }
    if let Some(task_definition) = task_definition {
        state["taskDefinition"] = json!(task_definition);
    }
    state
}

/// The limits of a plan's `before` or `after`; `None` where it has none.
pub fn limits_of(state: &Value) -> Option<Scaling> {
    let count = |name: &str| state.get(name)?.as_f64().map(|number| number as u32);
    Some(Scaling { min: count("minCapacity")?, max: count("maxCapacity")? })
}
