//! Another size for the tasks of a service.

use crate::CostOptimizationAnalyzer;
use crate::request::Request;
use operations::Error;
use operations::call::Call;
use operations::catalogue::Controller;
use operations::error::Kind;
use operations::field::Object;
use operations::plan::capacity::Scaling;
use operations::plan::{Change, Plan, Report};
use operations::proposal::Proposal;
use operations::sizing::change::{self, REGISTERED, Step, World};
use operations::sizing::{Document, Size};
use serde_json::{Value, json};

/// What a step finds.
#[derive(Debug, Clone, PartialEq)]
enum Need {
    /// It is to be sent.
    Send,
    /// Its effect is there.
    Done,
    /// Somebody has changed it since: it is theirs.
    Left(String),
}

/// The tasks' revision, as a plan sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// The one that the plan starts from.
    Before,
    /// One that is what the plan makes.
    After,
    /// Another.
    Other,
}

impl CostOptimizationAnalyzer {
    pub(crate) async fn plan_size(
        &self,
        payload: &Value,
        request: &Request,
        proposal: &Proposal,
    ) -> Result<Plan, Error> {
        let service = self.service(request).await?;
        let document = self.document(&service.world.task_definition).await?;
        change::plan(&request.entry, proposal, &service.world, &document, request.at, busiest_hour(payload)?)
    }

    /// Sends the plan's calls in order, each unless its effect is there.
    pub(crate) async fn resize(&self, request: &Request, plan: &Plan) -> Result<Report, Error> {
        let (world, steps) = self.look(request, "plan.calls", &plan.calls).await?;
        let (from, size) = registration(&steps)?;
        let wanted = self.document(from).await?.resized(size)?;
        let runs = self.runs(&world, from, &wanted).await?;
        let needs = steps.iter().map(|step| forward(step, plan, &world, runs)).collect::<Result<Vec<_>, Error>>()?;
        if runs == Runs::Before && world.deploying {
            let message = format!("a deployment of {} is running: wait for it", request.entry.catalog_id);
            return Err(Error::new(Kind::DeploymentInProgress, message));
        }
        let mut report = Report::new(plan.summary.clone());
        let mut registered = None;
        for ((step, call), need) in steps.iter().zip(&plan.calls).zip(needs) {
            let mut sent = need == Need::Send;
            match step {
                Step::Register { .. } if sent => {
                    let (arn, new) = self.registered(&wanted).await?;
                    (registered, sent) = (Some(arn), new);
                }
                Step::Update { desired, .. } if sent => {
                    let arn = registered.as_deref().unwrap_or_default();
                    self.update_service(request, arn, *desired).await?;
                }
                Step::Limits(limits) if sent => self.set_limits(&world.resource_id, *limits).await?,
                _ => {}
            }
            report.record(changed(request, call, &plan.before, &plan.after, &plan.undo), sent);
        }
        Ok(report)
    }

    /// Sends the plan's undo, each call only while what it undoes is still what the plan made.
    pub(crate) async fn restore_size(&self, request: &Request, plan: &Plan) -> Result<Report, Error> {
        let (world, steps) = self.look(request, "plan.undo", &plan.undo).await?;
        let made = change::steps("plan.calls", &plan.calls, &request.service()?.service, &world)?;
        let (from, size) = registration(&made)?;
        let wanted = self.document(from).await?.resized(size)?;
        let runs = self.runs(&world, from, &wanted).await?;
        let mut report = Report::new(format!("Restored the size of {}'s tasks", request.entry.catalog_id));
        for (step, call) in steps.iter().zip(&plan.undo) {
            let need = backward(step, plan, &world, runs, from)?;
            match (step, &need) {
                (Step::Update { task_definition, desired }, Need::Send) => {
                    self.update_service(request, task_definition, *desired).await?;
                }
                (Step::Limits(limits), Need::Send) => self.set_limits(&world.resource_id, *limits).await?,
                (_, Need::Left(reason)) => report.summary = format!("{}; {reason}", report.summary),
                _ => {}
            }
            report.record(changed(request, call, &plan.after, &plan.before, &[]), need == Need::Send);
        }
        Ok(report)
    }

    /// The service as it is, and the calls as steps: they must be of this service, which ECS itself must release.
    async fn look(&self, request: &Request, path: &str, calls: &[Call]) -> Result<(World, Vec<Step>), Error> {
        if request.service()?.controller != Controller::Ecs {
            let message = format!("the controller of {} is not ECS: release it", request.entry.catalog_id);
            return Err(Error::new(Kind::NotApplicable, message));
        }
        let world = self.service(request).await?.world;
        let steps = change::steps(path, calls, &request.service()?.service, &world)?;
        Ok((world, steps))
    }

    async fn runs(&self, world: &World, from: &str, wanted: &Value) -> Result<Runs, Error> {
        if world.task_definition == from {
            return Ok(Runs::Before);
        }
        let document: Document = self.document(&world.task_definition).await?;
        Ok(if document.is(wanted) { Runs::After } else { Runs::Other })
    }

    /// The revision that is what is wanted: the newest, if an interrupted run registered it, else a new one. Answers also
    /// whether it is new.
    async fn registered(&self, wanted: &Value) -> Result<(String, bool), Error> {
        let newest = self.document(wanted["family"].as_str().unwrap_or_default()).await?;
        if newest.is(wanted) {
            return Ok((newest.arn().to_owned(), false));
        }
        Ok((self.register(wanted).await?, true))
    }
}

/// The revision that the steps start from, and the size they make: exactly one of them registers, of the same family that
/// is then run.
fn registration(steps: &[Step]) -> Result<(&str, Size), Error> {
    let mut found = steps.iter().filter_map(|step| match step {
        Step::Register { from, size } => Some((from.as_str(), *size)),
        _ => None,
    });
    let updates = steps
        .iter()
        .filter(|step| matches!(step, Step::Update { task_definition, .. } if task_definition == REGISTERED));
    match (found.next(), found.next(), updates.count()) {
        (Some(one), None, 1) => Ok(one),
        _ => {
            let message =
                "plan.calls must be one ecs:RegisterTaskDefinition and one ecs:UpdateService to it: plan again";
            Err(Error::new(Kind::InvalidInput, message))
        }
    }
}

/// What to do about a step of the plan.
fn forward(step: &Step, plan: &Plan, world: &World, runs: Runs) -> Result<Need, Error> {
    let precondition = |message: String| Err(Error::new(Kind::PreconditionFailed, format!("{message}: plan again")));
    match (step, runs) {
        (Step::Register { .. } | Step::Update { .. }, Runs::After) => Ok(Need::Done),
        (Step::Register { .. } | Step::Update { .. }, Runs::Other) => {
            precondition(format!("the service runs {}, which the plan does not know", world.task_definition))
        }
        (Step::Update { desired: Some(desired), .. }, Runs::Before) if !enough(*desired, plan, world) => {
            precondition(format!(
                "{} tasks run, so many that {desired} of the planned size would be less: the load has grown",
                world.desired
            ))
        }
        (Step::Register { .. } | Step::Update { .. }, Runs::Before) => Ok(Need::Send),
        (Step::Limits(wanted), _) => match world.limits {
            Some(now) if now == *wanted => Ok(Need::Done),
            now if now == change::limits_of(&plan.before) => Ok(Need::Send),
            now => precondition(format!("autoscaling keeps {} tasks, which the plan does not know", text(now))),
        },
    }
}

/// Whether so many tasks of the planned size are as much as runs.
fn enough(desired: u32, plan: &Plan, world: &World) -> bool {
    let units = |state: &Value| state["cpuUnits"].as_f64().unwrap_or(0.0);
    f64::from(desired) * units(&plan.after) >= f64::from(world.desired) * units(&plan.before)
}

/// What to do about a step of the way back.
fn backward(step: &Step, plan: &Plan, world: &World, runs: Runs, from: &str) -> Result<Need, Error> {
    match step {
        Step::Register { .. } => Err(Error::new(
            Kind::InvalidInput,
            "plan.undo registers a task definition: the way back does not, plan again",
        )),
        Step::Update { task_definition, .. } if task_definition != from => {
            let message =
                format!("plan.undo goes back to {task_definition}, but the plan started from {from}: plan again");
            Err(Error::new(Kind::InvalidInput, message))
        }
        Step::Update { .. } => Ok(match runs {
            Runs::Before => Need::Done,
            Runs::After => Need::Send,
            Runs::Other => Need::Left(format!("{} was released since and stays", world.task_definition)),
        }),
        Step::Limits(before) => Ok(match world.limits {
            Some(now) if now == *before => Need::Done,
            now if now == change::limits_of(&plan.after) => Need::Send,
            now => Need::Left(format!("autoscaling was set to {} since and stays", text(now))),
        }),
    }
}

fn text(limits: Option<Scaling>) -> String {
    limits.map_or("no".to_owned(), |limits| format!("{} to {}", limits.min, limits.max))
}

fn changed(request: &Request, call: &Call, before: &Value, after: &Value, undo: &[Call]) -> Change {
    let undo = undo.iter().filter(|undo| undo.to_string() == call.to_string()).cloned().collect();
    Change {
        resource: request.entry.arn.clone(),
        op: call.to_string(),
        before: before.clone(),
        after: if after.is_null() { json!(call.parameters) } else { after.clone() },
        undo,
    }
}

/// `replay.busiestHour`, 0 to 167, where there was a replay.
fn busiest_hour(payload: &Value) -> Result<Option<usize>, Error> {
    let object = Object::of(payload, "", Kind::InvalidInput)?;
    let Some(replay) = object.optional_object("replay")? else { return Ok(None) };
    match replay.optional_count("busiestHour")? {
        Some(hour) if hour > 167 => Err(replay.error("busiestHour", "must be between 0 and 167")),
        hour => Ok(hour.and_then(|hour| usize::try_from(hour).ok())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let state = |cpu: u32, min: u32, max: u32| json!({"cpuUnits": cpu, "memoryMib": 2_048, "minCapacity": min, "maxCapacity": max});
        let plan = json!({"calls": [], "undo": [], "before": state(1_024, 4, 12), "after": state(512, 4, 24), "verify": {},
            "summary": "s", "irreversible": false});
        Plan::of_payload(&json!({"plan": plan})).unwrap()
    }

    fn world(limits: (u32, u32), desired: u32) -> World {
        World {
            cluster: "production".into(),
            resource_id: "service/production/api".into(),
            task_definition: "api:41".into(),
            desired,
            deploying: false,
            limits: Some(Scaling { min: limits.0, max: limits.1 }),
        }
    }

    fn update(desired: Option<u32>) -> Step {
        Step::Update { task_definition: REGISTERED.into(), desired }
    }

    #[test]
    fn a_step_is_sent_once_and_not_into_a_world_that_changed() {
        let go = |step: &Step, limits, desired, runs| forward(step, &plan(), &world(limits, desired), runs);
        assert_eq!(go(&update(None), (4, 12), 5, Runs::Before).unwrap(), Need::Send);
        assert_eq!(go(&update(None), (4, 12), 5, Runs::After).unwrap(), Need::Done);
        assert_eq!(go(&update(None), (4, 12), 5, Runs::Other).unwrap_err().kind(), Kind::PreconditionFailed);
        assert_eq!(go(&update(Some(15)), (4, 12), 7, Runs::Before).unwrap(), Need::Send);
        let grown = go(&update(Some(15)), (4, 12), 8, Runs::Before).unwrap_err();
        assert!(grown.message().contains("the load has grown"), "{grown}");
        let limits = Step::Limits(Scaling { min: 4, max: 24 });
        assert_eq!(go(&limits, (4, 12), 5, Runs::Before).unwrap(), Need::Send);
        assert_eq!(go(&limits, (4, 24), 5, Runs::After).unwrap(), Need::Done);
        assert_eq!(go(&limits, (6, 12), 5, Runs::Before).unwrap_err().kind(), Kind::PreconditionFailed);
    }

    #[test]
    fn the_way_back_leaves_alone_what_somebody_has_changed() {
        let go = |step: &Step, limits, runs| backward(step, &plan(), &world(limits, 5), runs, "api:41");
        let back = Step::Update { task_definition: "api:41".into(), desired: None };
        assert_eq!(go(&back, (4, 24), Runs::After).unwrap(), Need::Send);
        assert_eq!(go(&back, (4, 24), Runs::Before).unwrap(), Need::Done);
        assert!(matches!(go(&back, (4, 24), Runs::Other).unwrap(), Need::Left(_)));
        let limits = Step::Limits(Scaling { min: 4, max: 12 });
        assert_eq!(go(&limits, (4, 24), Runs::Before).unwrap(), Need::Send);
        assert_eq!(go(&limits, (4, 12), Runs::Before).unwrap(), Need::Done);
        assert!(matches!(go(&limits, (9, 24), Runs::After).unwrap(), Need::Left(_)));
        let foreign = Step::Update { task_definition: "billing:3".into(), desired: None };
        assert_eq!(go(&foreign, (4, 24), Runs::After).unwrap_err().kind(), Kind::InvalidInput);
    }

    #[test]
    fn a_plan_registers_once_and_runs_what_it_registered() {
        let register = Step::Register { from: "api:41".into(), size: Size::new(512, 1_024) };
        assert_eq!(registration(&[register.clone(), update(None)]).unwrap().0, "api:41");
        let foreign = Step::Update { task_definition: "billing:3".into(), desired: None };
        for steps in [
            vec![register.clone()],
            vec![register.clone(), foreign],
            vec![update(None)],
            vec![register.clone(), register, update(None)],
        ] {
            assert_eq!(registration(&steps).unwrap_err().kind(), Kind::InvalidInput);
        }
        assert_eq!(busiest_hour(&json!({"replay": {"busiestHour": 20.0}})).unwrap(), Some(20));
        assert!(busiest_hour(&json!({"replay": {"busiestHour": 168}})).is_err());
    }
}
