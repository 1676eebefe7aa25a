//! A release, written down before anything is done: every call of the way forward and of the way back.

use super::command::{
    Command, CreateTaskSet, DeleteTaskSet, Forward, Own, Scale, Template, UpdatePrimary, UpdateService, UpdateTaskSet,
    suspend,
};
use super::need::alone;
use super::observed::{Observed, TaskSet};
use super::{GREEN, Known};
use crate::call::Call;
use crate::error::{Error, Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The most characters of a `clientToken`.
const TOKEN_LENGTH: usize = 36;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// Autoscaling may not take tasks away.
    Freeze,
    /// Green's task set is created.
    CreateGreen,
    /// Test traffic goes to green.
    OpenTest,
    /// A share of the production traffic goes to green.
    Shift,
    /// Green's task set becomes the primary one.
    Promote,
    /// Blue's task set is deleted.
    Retire,
    /// Autoscaling may do again what it might before.
    Resume,
    /// Blue gets back the size it had.
    RestoreCapacity,
    /// All production traffic goes to blue, which is the primary task set again.
    ShiftBack,
    /// Green's task set is deleted, and test traffic goes where it went.
    RetireGreen,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What it does.
    pub step: StepName,
    /// Of a shift: green's share in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Its calls, in order; an id that is known only later is [`GREEN`].
    pub calls: Vec<Call>,
    /// One line a person reads.
    pub summary: String,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The way forward.
    pub steps: Vec<Step>,
    /// The way back, from wherever the way forward stopped.
    pub back: Vec<Step>,
    /// The state before.
    pub before: Value,
    /// The state wanted.
    pub after: Value,
    /// One line a person reads.
    pub summary: String,
    /// The id of the old revision's task set.
    pub blue_task_set: String,
    /// How many tasks the old revision has, and must have again before traffic goes back.
    pub production_tasks: u32,
}

/// What is to be released.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The new revision's task definition.
    pub task_definition: &'a str,
    /// The deployment's id; the same id finds the same task set again.
    pub deployment_id: &'a str,
    /// The traffic steps in percent, rising, the last one 100.
    pub steps: &'a [u32],
}

/// Plans a release.
///
/// # Errors
/// `Ops.PreconditionFailed` when the service is not ready for one, `Ops.DeploymentInProgress` when another one is under
/// way, `Ops.NotApplicable` when the revision serves already, `Ops.ConfigInvalid` when the catalogue's target groups are
/// not the service's.
pub fn plan(wanted: &Wanted<'_>, observed: &Observed, own: &Own<'_>) -> Result<Plan, Error> {
    let blue = blue(wanted, observed, own)?;
    let group = blue.target_group().unwrap_or_default();
    let green_group = own.deployment.other_group(group).ok_or_else(|| {
        let message = format!("the target group of {} is {group:?}, not one of entry.deployment's two", own.service);
        Error::new(Kind::ConfigInvalid, message)
    })?;
    let release = Release { wanted, observed, own, blue, group, green_group };
    let steps = release.forward();
    let tasks = blue.desired;
    let percents = wanted.steps.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    Ok(Plan {
        back: release.back(&steps),
        before: json!({"taskDefinition": blue.task_definition, "taskSet": blue.id, "tasks": tasks,
            "production": observed.production.weights, "test": observed.test.weights,
            "suspended": observed.scaling.map(|scaling| scaling.suspended)}),
        after: json!({"taskDefinition": wanted.task_definition, "taskSet": GREEN,
            "production": {green_group: 100}, "test": {green_group: 100}}),
        summary: format!(
            "Release {} as {}: {tasks} new tasks beside the {tasks} of {}, then {percents} % of the traffic",
            own.service,
            short(wanted.task_definition),
            short(&blue.task_definition)
        ),
        blue_task_set: blue.id.clone(),
        production_tasks: tasks,
        steps,
    })
}

/// The task set that serves; the service must be ready for a release.
fn blue<'a>(wanted: &Wanted<'_>, observed: &'a Observed, own: &Own<'_>) -> Result<&'a TaskSet, Error> {
    let refuse = |kind, message: String| Err(Error::new(kind, message));
    if observed.status != "ACTIVE" {
        return refuse(
            Kind::PreconditionFailed,
            format!("service {} is {:?}, not ACTIVE", own.service, observed.status),
        );
    }
    let Some(blue) = observed.primary() else {
        let message = format!("service {} has no primary task set: create its first one by hand", own.service);
        return refuse(Kind::PreconditionFailed, message);
    };
    if blue.external_id.as_deref() == Some(wanted.deployment_id)
        || short(&blue.task_definition) == short(wanted.task_definition)
    {
        let message = format!("{} runs {} already: nothing to release", own.service, short(wanted.task_definition));
        return refuse(Kind::NotApplicable, message);
    }
    // The same deployment may be planned again while it is under way.
    if observed.created(wanted.deployment_id).is_none() {
        alone(observed)?;
        let share = blue.target_group().and_then(|group| observed.production.percent(group));
        if own.deployment.other_group(blue.target_group().unwrap_or_default()).is_some() && share != Some(100.0) {
            let message = format!("{} does not have all production traffic: finish the last release first", blue.id);
            return refuse(Kind::PreconditionFailed, message);
        }
    }
    if blue.desired == 0 || blue.running < blue.desired {
        let message = format!("{} of the {} tasks of {} run: repair it first", blue.running, blue.desired, own.service);
        return refuse(Kind::PreconditionFailed, message);
    }
    for (name, route) in [("production", &observed.production), ("test", &observed.test)] {
        if route.other_actions {
            let message = format!("the {name} listener does more than forward: give the release a rule of its own");
            return refuse(Kind::PreconditionFailed, message);
        }
    }
    Ok(blue)
}

struct Release<'a> {
    wanted: &'a Wanted<'a>,
    observed: &'a Observed,
    own: &'a Own<'a>,
    blue: &'a TaskSet,
    group: &'a str,
    green_group: &'a str,
}

impl Release<'_> {
    fn forward(&self) -> Vec<Step> {
        let tasks = self.blue.desired;
        let mut steps = vec![
            step(StepName::Freeze, self.freeze(), "Autoscaling takes no task away while two revisions run"),
            step(StepName::CreateGreen, vec![self.create()], &format!("Start {tasks} tasks of the new revision")),
            step(StepName::OpenTest, vec![self.test(self.green_group)], "Send test traffic to the new revision"),
        ];
        for weight in self.wanted.steps {
            let summary = format!("Send {weight} % of the production traffic to the new revision");
            steps.push(Step { weight: Some(*weight), ..step(StepName::Shift, vec![self.shift(*weight)], &summary) });
        }
        let promote = self.primary(GREEN);
        steps.push(step(StepName::Promote, vec![promote], "Make the new revision the primary task set"));
        let retire = self.delete(&self.blue.id);
        steps.push(step(StepName::Retire, vec![retire], "Delete the old revision's task set"));
        steps.push(self.resume());
        steps
    }

    fn back(&self, forward: &[Step]) -> Vec<Step> {
        let shifted_back = vec![self.shift(0), self.primary(&self.blue.id)];
        let mut retired = Vec::new();
        if let Some(test) = self.test_before() {
            retired.push(test);
        }
        // A release that never opened the test listener finds it as it was.
        retired.push(self.delete(GREEN));
        let tasks = self.blue.desired;
        let restore = format!("Give the old revision its {tasks} tasks back");
        let mut steps = vec![
            step(StepName::RestoreCapacity, self.restore(), &restore),
            step(StepName::ShiftBack, shifted_back, "Send all production traffic to the old revision"),
            step(StepName::RetireGreen, retired, "Delete the new revision's task set"),
        ];
        steps.extend(forward.iter().filter(|step| step.step == StepName::Resume).cloned());
        steps
    }

    fn freeze(&self) -> Vec<Command> {
        let now = self.observed.scaling.map(|scaling| scaling.suspended);
        now.into_iter().map(|now| suspend(self.own.resource_id, now.frozen())).collect()
    }

    fn resume(&self) -> Step {
        let before = self.observed.scaling.map(|scaling| scaling.suspended);
        let calls = before.into_iter().map(|before| suspend(self.own.resource_id, before)).collect();
        step(StepName::Resume, calls, "Autoscaling may do again what it might before")
    }

    fn create(&self) -> Command {
        let mut load_balancers = self.blue.template.load_balancers.clone();
        for balancer in load_balancers.iter_mut().filter(|balancer| balancer.target_group_arn == self.group) {
            balancer.target_group_arn = self.green_group.to_owned();
        }
        Command::Create(CreateTaskSet {
            cluster: self.own.cluster.to_owned(),
            service: self.own.service.to_owned(),
            task_definition: self.wanted.task_definition.to_owned(),
            external_id: self.wanted.deployment_id.to_owned(),
            client_token: token(self.wanted.deployment_id),
            template: Template { load_balancers, ..self.blue.template.clone() },
            scale: Scale::percent(100.0),
        })
    }

    fn shift(&self, green: u32) -> Command {
        let weights = vec![(self.group.to_owned(), 100 - green.min(100)), (self.green_group.to_owned(), green)];
        Command::Forward(Forward {
            arn: self.own.production().to_owned(),
            weights,
            stickiness_seconds: self.observed.production.stickiness_seconds,
        })
    }

    fn test(&self, group: &str) -> Command {
        self.test_weights(vec![(group.to_owned(), 100)])
    }

    fn test_weights(&self, weights: Vec<(String, u32)>) -> Command {
        Command::Forward(Forward {
            arn: self.own.deployment.test_listener_arn.clone(),
            weights,
            stickiness_seconds: self.observed.test.stickiness_seconds,
        })
    }

    /// The test listener as it was, where it forwarded within the pair.
    fn test_before(&self) -> Option<Command> {
        let used = self.observed.test.used();
        let own = used.keys().all(|group| self.own.deployment.other_group(group).is_some());
        let weights = used.into_iter().map(|(group, weight)| (group.to_owned(), weight)).collect::<Vec<_>>();
        (own && !weights.is_empty()).then(|| self.test_weights(weights))
    }

    fn restore(&self) -> Vec<Command> {
        let desired = UpdateService {
            cluster: self.own.cluster.to_owned(),
            service: self.own.service.to_owned(),
            desired_count: self.observed.desired,
        };
        let scale = UpdateTaskSet {
            cluster: self.own.cluster.to_owned(),
            service: self.own.service.to_owned(),
            task_set: self.blue.id.clone(),
            scale: Scale::percent(self.blue.scale),
        };
        vec![Command::Desire(desired), Command::Scale(scale)]
    }

    fn primary(&self, id: &str) -> Command {
        Command::Promote(UpdatePrimary {
            cluster: self.own.cluster.to_owned(),
            service: self.own.service.to_owned(),
            primary_task_set: id.to_owned(),
        })
    }

    fn delete(&self, id: &str) -> Command {
        Command::Delete(DeleteTaskSet {
            cluster: self.own.cluster.to_owned(),
            service: self.own.service.to_owned(),
            task_set: id.to_owned(),
            force: true,
        })
    }
}

fn step(name: StepName, commands: Vec<Command>, summary: &str) -> Step {
    let calls = commands.iter().map(Command::call).collect();
    Step { step: name, weight: None, calls, summary: summary.to_owned() }
}

/// `family:revision` of a task definition's ARN.
pub fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// What ECS recognises a repeated `CreateTaskSet` by.
fn token(deployment: &str) -> String {
    let fits = deployment.len() <= TOKEN_LENGTH && deployment.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { deployment.to_owned() } else { hex::encode(&Sha256::digest(deployment)[..16]) }
}

impl Plan {
    /// Reads the field `plan` of a payload.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming what is missing or wrong.
    pub fn of_payload(payload: &Value) -> Result<Self, Error> {
        const REMEDY: &str = "pass the answer of the operation \"plan\" unchanged";
        let value = payload
            .get("plan")
            .filter(|plan| !plan.is_null())
            .ok_or_else(|| Error::new(Kind::InvalidInput, format!("plan is missing: {REMEDY}")))?;
        Plan::deserialize(value).map_err(|problem| Error::new(Kind::InvalidInput, format!("plan: {problem}: {REMEDY}")))
    }

    /// The step of that name; of the shifts, the one with that weight.
    ///
    /// # Errors
    /// `Ops.InvalidInput` when the plan has none.
    pub fn step(&self, name: StepName, weight: Option<u32>) -> Result<&Step, Error> {
        let wanted = |step: &&Step| step.step == name && (name != StepName::Shift || step.weight == weight);
        self.steps.iter().chain(&self.back).find(wanted).ok_or_else(|| {
            let text = json!(name);
            let weight = weight.map(|weight| format!(" with weight {weight}")).unwrap_or_default();
            Error::new(Kind::InvalidInput, format!("the plan has no step {text}{weight}: use one of plan.steps"))
        })
    }

    /// The external id of the task set that the plan creates.
    fn external_id(&self) -> Option<&str> {
        let calls = self.steps.iter().flat_map(|step| &step.calls);
        calls
            .filter(|call| call.operation == "CreateTaskSet")
            .find_map(|call| call.parameters.get("externalId")?.as_str())
    }

    /// The id of the task set that the plan created: the one that is there, else what is known of it.
    pub fn green(&self, observed: &Observed, known: &Known) -> Option<String> {
        let found = self.external_id().and_then(|id| observed.created(id)).map(|set| set.id.clone());
        found.or_else(|| known.green_task_set.clone())
    }

    /// The calls of a step, checked and with what is known by now written in.
    ///
    /// A step that takes away what was never created has no such call.
    ///
    /// # Errors
    /// `Ops.InvalidInput` when a call is not the release's own or not this step's, `Ops.PreconditionFailed` when it
    /// needs the new task set before there is one.
    pub fn commands(&self, step: &Step, green: Option<&str>, own: &Own<'_>) -> Result<Vec<(Command, Call)>, Error> {
        let mut commands = Vec::new();
        for (index, call) in step.calls.iter().enumerate() {
            let path = format!("plan {} call {index}", json!(step.step));
            let mut call = call.clone();
            let deletes = call.operation == "DeleteTaskSet";
            for value in call.parameters.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
                if let (true, Some(green)) = (*value == json!(GREEN), green) {
                    *value = json!(green);
                }
            }
            let command = Command::of_call(&call, &path, own)?;
            permitted(step.step, &command, self, &path)?;
            if call.parameters.as_object().is_some_and(|fields| fields.values().any(|value| *value == json!(GREEN))) {
                if deletes {
                    continue;
                }
                let message = format!("{path}: the new task set does not exist yet: carry out create-green first");
                return Err(Error::new(Kind::PreconditionFailed, message));
            }
            commands.push((command, call));
        }
        Ok(commands)
    }
}

/// Whether a step sends such a call: a plan that was tampered with must not retire what serves.
fn permitted(step: StepName, command: &Command, plan: &Plan, path: &str) -> Result<(), Error> {
    let blue = &plan.blue_task_set;
    let own = match (step, command) {
        (StepName::Freeze, Command::Suspend(it)) => it.suspended_state.dynamic_scaling_in_suspended,
        (StepName::Resume, Command::Suspend(_)) => true,
        (StepName::CreateGreen, Command::Create(_)) => true,
        (StepName::OpenTest | StepName::Shift | StepName::ShiftBack | StepName::RetireGreen, Command::Forward(_)) => {
            true
        }
        (StepName::Promote, Command::Promote(it)) => it.primary_task_set != *blue,
        (StepName::ShiftBack, Command::Promote(it)) => it.primary_task_set == *blue,
        (StepName::Retire, Command::Delete(it)) => it.task_set == *blue,
        (StepName::RetireGreen, Command::Delete(it)) => it.task_set != *blue,
        (StepName::RestoreCapacity, Command::Desire(_)) => true,
        (StepName::RestoreCapacity, Command::Scale(it)) => it.task_set == *blue,
        _ => false,
    };
    if own {
        return Ok(());
    }
    let message = format!("{path} is {}, which this step does not send: plan again", command.call());
    Err(Error::new(Kind::InvalidInput, message))
}
