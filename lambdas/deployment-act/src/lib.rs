//! `deployment-act`: carries out the steps of a release without CodeDeploy, and of the way back. A service whose
//! deployment controller is `EXTERNAL` is released by task sets and weighted listeners.

mod send;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use clients::failure;
use clients::read::{balancer, ecs, task_sets};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::catalogue::Controller;
use operations::catalogue::deployment::parse_steps;
use operations::deployment::command::Suspended;
use operations::deployment::plan::{Wanted, plan};
use operations::deployment::{Command, Known, Need, Observed, Own, Plan, Report, Route, Scaling, StepName, Target};
use operations::deployment::{need, need::serving};
use operations::error::Kind;
use operations::field::Object;
use operations::plan::{Change, Report as Changes};
use serde::Deserialize;
use serde_json::{Value, json};

/// The function.
#[derive(Debug, Clone)]
pub struct Act {
    services: Services,
    ecs: aws_sdk_ecs::Client,
    balancer: aws_sdk_elasticloadbalancingv2::Client,
    scaling: aws_sdk_applicationautoscaling::Client,
}

/// The service, with what is derived of it.
#[derive(Debug, Clone)]
struct Place {
    target: Target,
    cluster: String,
    resource_id: String,
}

impl Place {
    fn own(&self) -> Result<Own<'_>, Error> {
        Ok(Own {
            cluster: &self.cluster,
            service: &self.target.service,
            resource_id: &self.resource_id,
            deployment: self.target.entry.deployment()?,
        })
    }
}

impl Act {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(&services.aws),
            balancer: aws_sdk_elasticloadbalancingv2::Client::new(&services.aws),
            scaling: aws_sdk_applicationautoscaling::Client::new(&services.aws),
            services,
        }
    }

    fn place(&self, payload: &Value) -> Result<Place, Error> {
        let target = Target::parse(payload)?;
        let service = target.entry.service()?;
        if service.controller != Controller::External {
            let message = format!(
                "the controller of {} is not EXTERNAL: its own controller releases it, with deployment-validation as hook",
                target.entry.catalog_id
            );
            return Err(Error::new(Kind::NotApplicable, message));
        }
        let cluster = match &target.cluster {
            Some(cluster) => cluster.clone(),
            None => self.services.environment.cluster(service)?,
        };
        let resource_id = service.scalable_resource_id.clone();
        let resource_id = resource_id.unwrap_or_else(|| format!("service/{cluster}/{}", target.service));
        Ok(Place { target, cluster, resource_id })
    }

    /// What is known of the service; autoscaling is asked only where it matters, so that its outage stops nothing else.
    async fn observe(&self, own: &Own<'_>, scaling: bool) -> Result<Observed, Error> {
        let groups = [&own.deployment.blue_target_group_arn, &own.deployment.green_target_group_arn];
        let (service, production, test, scaling, blue, green) = tokio::try_join!(
            task_sets::service(&self.ecs, own.cluster, own.service),
            balancer::route(&self.balancer, own.production()),
            balancer::route(&self.balancer, &own.deployment.test_listener_arn),
            async { if scaling { self.limits(own.resource_id).await } else { Ok(None) } },
            ecs::targets(&self.balancer, groups[0]),
            ecs::targets(&self.balancer, groups[1]),
        )?;
        let service = service.map_err(|reason| {
            let message = format!("service {} is not in cluster {} ({reason})", own.service, own.cluster);
            Error::new(Kind::ConfigInvalid, format!("{message}: correct the catalogue entry"))
        })?;
        let there = |route: Option<Route>, arn: &str| {
            let message = format!("{arn} does not exist: correct the catalogue entry");
            route.ok_or_else(|| Error::new(Kind::ConfigInvalid, message))
        };
        Ok(Observed {
            status: service.status().unwrap_or_default().to_owned(),
            desired: u32::try_from(service.desired_count()).unwrap_or(0),
            task_sets: task_sets::of_service(&service),
            production: there(production, own.production())?,
            test: there(test, &own.deployment.test_listener_arn)?,
            scaling,
            targets: [(groups[0].clone(), blue), (groups[1].clone(), green)].into(),
        })
    }

    /// What autoscaling may do; `None` where none is set up.
    async fn limits(&self, resource: &str) -> Result<Option<Scaling>, Error> {
        let request = self
            .scaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_ids(resource)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        let call = format!("application-autoscaling:DescribeScalableTargets of {resource}");
        let answer = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
        Ok(answer.scalable_targets().first().map(|target| {
            let state = target.suspended_state();
            let on = |read: fn(&aws_sdk_applicationautoscaling::types::SuspendedState) -> Option<bool>| {
                state.and_then(read).unwrap_or(false)
            };
            Scaling {
                suspended: Suspended {
                    dynamic_scaling_in_suspended: on(|state| state.dynamic_scaling_in_suspended()),
                    dynamic_scaling_out_suspended: on(|state| state.dynamic_scaling_out_suspended()),
                    scheduled_scaling_suspended: on(|state| state.scheduled_scaling_suspended()),
                },
            }
        }))
    }

    async fn plan(&self, payload: &Value) -> Result<Plan, Error> {
        let place = self.place(payload)?;
        let own = place.own()?;
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let task_definition = object.object("deployment")?.text("taskDefinition")?.to_owned();
        let deployment_id = object.text("deploymentId")?;
        let steps = match object.get("steps") {
            Some(steps) => parse_steps(steps).map_err(|problem| object.error("steps", &problem))?,
            None => own.deployment.steps.clone(),
        };
        let wanted = Wanted { task_definition: &task_definition, deployment_id, steps: &steps };
        plan(&wanted, &self.observe(&own, true).await?, &own)
    }

    async fn act(&self, payload: &Value) -> Result<Report, Error> {
        let place = self.place(payload)?;
        let own = place.own()?;
        let plan = Plan::of_payload(payload)?;
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let name = StepName::deserialize(object.required("step")?)
            .map_err(|problem| object.error("step", &format!("is wrong: {problem}")))?;
        let step = plan.step(name, object.optional_count("weight")?)?;
        let known = known(payload)?;
        let observed = self.observe(&own, matches!(name, StepName::Freeze | StepName::Resume)).await?;
        let mut green = plan.green(&observed, &known);
        let mut report = Changes::new(step.summary.clone());
        let commands = plan.commands(step, green.as_deref(), &own)?;
        let mut warnings = warnings(name, &plan, &observed, &own)?;
        for (command, call) in &commands {
            let (before, sent) = match need(name, command, &observed, &own)? {
                Need::Done(before) => (before, false),
                Need::Left(before, reason) => {
                    warnings.push(reason);
                    (before, false)
                }
                Need::Send(before) => {
                    answering(name, command, &observed)?;
                    green = self.send(command).await?.or(green);
                    (before, true)
                }
            };
            report.record(change(&place, call, before), sent);
        }
        if name == StepName::RestoreCapacity {
            restored(&plan, &observed)?;
        }
        Ok(Report { changes: report, warnings, known: Known { green_task_set: green } })
    }
}

fn known(payload: &Value) -> Result<Known, Error> {
    match payload.get("known").filter(|known| !known.is_null()) {
        None => Ok(Known::default()),
        Some(known) => Known::deserialize(known)
            .map_err(|problem| Error::new(Kind::InvalidInput, format!("known: {problem}: pass the last answer's"))),
    }
}

/// Production traffic goes where somebody answers. On the way back that is waited for.
fn answering(step: StepName, command: &Command, observed: &Observed) -> Result<(), Error> {
    match (step, command) {
        (StepName::Shift, Command::Forward(forward)) => serving(forward, observed),
        (StepName::ShiftBack, Command::Forward(forward)) => serving(forward, observed)
            .map_err(|error| Error::new(Kind::ResourceBusy, format!("{} until one is", error.message()))),
        _ => Ok(()),
    }
}

/// What a person should know before traffic goes back to blue; without blue it does not go.
fn warnings(step: StepName, plan: &Plan, observed: &Observed, own: &Own<'_>) -> Result<Vec<String>, Error> {
    if step != StepName::ShiftBack {
        return Ok(Vec::new());
    }
    let Some(blue) = observed.living(&plan.blue_task_set) else {
        let message = format!("task set {} is gone: release its task definition again", plan.blue_task_set);
        return Err(Error::new(Kind::PreconditionFailed, message));
    };
    let group = blue.target_group().filter(|group| own.deployment.other_group(group).is_some());
    let targets = group.and_then(|group| observed.targets.get(group)).copied().unwrap_or_default();
    let mut warnings = Vec::new();
    if targets.healthy < plan.production_tasks || targets.unhealthy > 0 {
        warnings.push(format!(
            "the old revision is not healthy itself: {} of {} targets are, {} are unhealthy",
            targets.healthy, plan.production_tasks, targets.unhealthy
        ));
    }
    Ok(warnings)
}

/// Traffic only goes back to as many tasks as it came from.
fn restored(plan: &Plan, observed: &Observed) -> Result<(), Error> {
    let running = observed.living(&plan.blue_task_set).map_or(0, |blue| blue.running);
    if running >= plan.production_tasks {
        return Ok(());
    }
    let message =
        format!("{running} of the old revision's {} tasks run: traffic waits for them", plan.production_tasks);
    Err(Error::new(Kind::ResourceBusy, message))
}

fn change(place: &Place, call: &operations::call::Call, before: Value) -> Change {
    Change {
        resource: place.target.entry.arn.clone(),
        op: call.to_string(),
        before,
        after: call.parameters.clone(),
        undo: Vec::new(),
    }
}

impl Function for Act {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        match event.get("operation").and_then(Value::as_str) {
            Some("plan") => Ok(json!(self.plan(&event).await?)),
            Some("act") => Ok(json!(self.act(&event).await?)),
            _ => Err(Error::new(Kind::InvalidInput, "operation must be plan or act")),
        }
    }
}
