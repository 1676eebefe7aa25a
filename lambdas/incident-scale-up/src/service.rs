//! More tasks for a service of ECS: the limits of autoscaling and the desired count.

use crate::ScaleUp;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use clients::failure;
use clients::read::ecs;
use operations::Error;
use operations::call::Call;
use operations::catalogue::EcsService;
use operations::diagnosis::Diagnosis;
use operations::error::Kind;
use operations::incident::Request;
use operations::plan::capacity::{self, Observed, Scaling};
use operations::plan::{Change, Plan, Report};
use serde_json::{Value, json};

/// The one dimension in which services scale.
const DIMENSION: &str = "ecs:service:DesiredCount";

/// A call of a plan for a service, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// `RegisterScalableTarget`.
    Limits(Scaling),
    /// `UpdateService`.
    Desired(u32),
}

/// What to do about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Send it.
    Send,
    /// Its effect is there.
    Done,
}

impl ScaleUp {
    pub(crate) async fn plan_service(
        &self,
        request: &Request,
        service: &EcsService,
        diagnosis: Option<&Diagnosis>,
    ) -> Result<Plan, Error> {
        let cluster = self.services.environment.cluster(service)?;
        let (described, scaling) =
            tokio::try_join!(ecs::service(&self.ecs, &cluster, &service.service), self.limits(service, &cluster),)?;
        let observed = Observed {
            cluster,
            deploying: described.service.deploying(),
            status: described.service.status,
            desired: described.service.desired,
            scaling,
        };
        capacity::plan(&request.entry, request.event.critical(), &observed, diagnosis)
    }

    /// Sends the plan's calls in order, each unless its effect is there. Nothing is ever lowered: values that are
    /// larger than planned stay.
    pub(crate) async fn scale_service(
        &self,
        request: &Request,
        service: &EcsService,
        plan: &Plan,
    ) -> Result<Report, Error> {
        let cluster = self.services.environment.cluster(service)?;
        let steps = checked("plan.calls", &plan.calls, service, &cluster)?;
        // Both are judged before either is sent: raising the lower limit moves the desired count by itself.
        let mut needs = Vec::with_capacity(steps.len());
        for step in &steps {
            needs.push(match step {
                Step::Limits(wanted) => raise_limits(self.limits(service, &cluster).await?, *wanted)?,
                Step::Desired(wanted) => {
                    let desired = ecs::service(&self.ecs, &cluster, &service.service).await?.service.desired;
                    let need = if desired >= *wanted { Need::Done } else { Need::Send };
                    (need, json!({"desiredCount": desired}))
                }
            });
        }
        let mut report = Report::new(plan.summary.clone());
        for ((step, call), (need, before)) in steps.iter().zip(&plan.calls).zip(needs) {
            if need == Need::Send {
                self.take(step, service, &cluster).await?;
            }
            report.record(change(request, call, before, step, undo_of(plan, call)), need == Need::Send);
        }
        Ok(report)
    }

    /// Sends the plan's undo, each call only while the value is still the one this plan set: what another incident
    /// or a person has changed since is theirs.
    pub(crate) async fn restore_service(
        &self,
        request: &Request,
        service: &EcsService,
        plan: &Plan,
    ) -> Result<Report, Error> {
        let cluster = self.services.environment.cluster(service)?;
        let steps = checked("plan.undo", &plan.undo, service, &cluster)?;
        let done = checked("plan.calls", &plan.calls, service, &cluster)?;
        let mut report = Report::new(format!("Restored the capacity limits of {}", request.entry.catalog_id));
        for (step, call) in steps.iter().zip(&plan.undo) {
            let (now, before) = match step {
                Step::Limits(_) => {
                    let limits = self.limits(service, &cluster).await?;
                    (limits.map(Step::Limits), limits_json(limits))
                }
                Step::Desired(_) => {
                    let desired = ecs::service(&self.ecs, &cluster, &service.service).await?.service.desired;
                    (Some(Step::Desired(desired)), json!({"desiredCount": desired}))
                }
            };
            let ours = now.as_ref().is_some_and(|now| done.contains(now)) && now.as_ref() != Some(step);
            let need = if ours { Need::Send } else { Need::Done };
            if need == Need::Send {
                self.take(step, service, &cluster).await?;
            }
            report.record(change(request, call, before, step, Vec::new()), need == Need::Send);
        }
        Ok(report)
    }

    /// The limits of autoscaling; `None` where none is set up.
    pub(crate) async fn limits(&self, service: &EcsService, cluster: &str) -> Result<Option<Scaling>, Error> {
        let resource = resource_id(service, cluster);
        let request = self
            .scaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_ids(&resource)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        let call = format!("application-autoscaling:DescribeScalableTargets of {resource}");
        let answer = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
        let count = |number: i32| u32::try_from(number).unwrap_or(0);
        Ok(answer
            .scalable_targets()
            .first()
            .map(|target| Scaling { min: count(target.min_capacity()), max: count(target.max_capacity()) }))
    }

    /// Sends a step.
    pub(crate) async fn take(&self, step: &Step, service: &EcsService, cluster: &str) -> Result<(), Error> {
        match step {
            Step::Limits(limits) => {
                let request = self
                    .scaling
                    .register_scalable_target()
                    .service_namespace(ServiceNamespace::Ecs)
                    .resource_id(resource_id(service, cluster))
                    .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                    .min_capacity(number(limits.min))
                    .max_capacity(number(limits.max));
                let call = "application-autoscaling:RegisterScalableTarget";
                request.send().await.map_err(|error| failure::of_sdk(call, &error))?;
            }
            Step::Desired(desired) => {
                let name = &service.service;
                let request = self.ecs.update_service().cluster(cluster).service(name).desired_count(number(*desired));
                let call = format!("ecs:UpdateService of {name}");
                request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
            }
        }
        Ok(())
    }
}

/// Whether the limits must be raised.
fn raise_limits(now: Option<Scaling>, wanted: Scaling) -> Result<(Need, Value), Error> {
    let before = limits_json(now);
    match now {
        None => {
            Err(Error::new(Kind::PreconditionFailed, "autoscaling was removed since the plan was made: plan again"))
        }
        Some(now) if now.min >= wanted.min && now.max >= wanted.max => Ok((Need::Done, before)),
        Some(now) if now.min > wanted.min || now.max > wanted.max => {
            let message = format!(
                "autoscaling keeps {} to {} tasks, the plan says {} to {}: plan again",
                now.min, now.max, wanted.min, wanted.max
            );
            Err(Error::new(Kind::PreconditionFailed, message))
        }
        Some(_) => Ok((Need::Send, before)),
    }
}

/// The calls as steps; each must be one of the two that raise this service's capacity, and nothing else.
fn checked(path: &str, calls: &[Call], service: &EcsService, cluster: &str) -> Result<Vec<Step>, Error> {
    let steps = calls.iter().enumerate().map(|(index, call)| {
        let path = format!("{path}[{index}]");
        match call.to_string().as_str() {
            "application-autoscaling:RegisterScalableTarget" => limits_step(&path, call, service, cluster),
            "ecs:UpdateService" => desired_step(&path, call, service, cluster),
            other => {
                Err(Error::new(Kind::InvalidInput, format!("{path} is {other}: scaling a service does not send that")))
            }
        }
    });
    steps.collect()
}

fn limits_step(path: &str, call: &Call, service: &EcsService, cluster: &str) -> Result<Step, Error> {
    let known = ["ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity"];
    let parameters = call.parameters(path, &known)?;
    let own = resource_id(service, cluster);
    if parameters.text("ResourceId")? != own
        || parameters.text("ServiceNamespace")? != "ecs"
        || parameters.text("ScalableDimension")? != DIMENSION
    {
        return Err(parameters.error("ResourceId", &format!("must be {own}, scaled by {DIMENSION}: plan again")));
    }
    let count =
        |name: &str| parameters.optional_count(name)?.ok_or_else(|| parameters.error(name, "is missing: plan again"));
    Ok(Step::Limits(Scaling { min: count("MinCapacity")?, max: count("MaxCapacity")? }))
}

fn desired_step(path: &str, call: &Call, service: &EcsService, cluster: &str) -> Result<Step, Error> {
    let parameters = call.parameters(path, &["cluster", "service", "desiredCount"])?;
    if parameters.text("cluster")? != cluster || parameters.text("service")? != service.service {
        let problem = format!("must be {} in cluster {cluster}: plan again", service.service);
        return Err(parameters.error("service", &problem));
    }
    let count = parameters.optional_count("desiredCount")?;
    Ok(Step::Desired(count.ok_or_else(|| parameters.error("desiredCount", "is missing: plan again"))?))
}

pub(crate) fn resource_id(service: &EcsService, cluster: &str) -> String {
    service.scalable_resource_id.clone().unwrap_or_else(|| format!("service/{cluster}/{}", service.service))
}

fn change(request: &Request, call: &Call, before: Value, step: &Step, undo: Vec<Call>) -> Change {
    let after = match step {
        Step::Limits(limits) => limits_json(Some(*limits)),
        Step::Desired(desired) => json!({"desiredCount": desired}),
    };
    Change { resource: request.entry.arn.clone(), op: call.to_string(), before, after, undo }
}

/// The undo of a call: the plan's undo of the same operation.
fn undo_of(plan: &Plan, call: &Call) -> Vec<Call> {
    plan.undo.iter().filter(|undo| undo.to_string() == call.to_string()).cloned().collect()
}

pub(crate) fn limits_json(limits: Option<Scaling>) -> Value {
    limits.map_or(Value::Null, |limits| json!({"minCapacity": limits.min, "maxCapacity": limits.max}))
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn scaling(min: u32, max: u32) -> Scaling {
        Scaling { min, max }
    }

    #[test]
    fn limits_are_raised_once_and_never_lowered() {
        let need = |now, wanted| raise_limits(Some(now), wanted).map(|(need, _)| need);
        assert_eq!(need(scaling(4, 12), scaling(8, 12)).unwrap(), Need::Send);
        assert_eq!(need(scaling(8, 12), scaling(8, 12)).unwrap(), Need::Done);
        assert_eq!(need(scaling(10, 16), scaling(8, 12)).unwrap(), Need::Done);
        assert_eq!(need(scaling(4, 16), scaling(8, 12)).unwrap_err().kind(), Kind::PreconditionFailed);
        assert_eq!(raise_limits(None, scaling(8, 12)).unwrap_err().kind(), Kind::PreconditionFailed);
    }

    #[test]
    fn a_plan_for_something_else_is_refused_by_field() {
        let service = EcsService {
            cluster: None,
            service: "api".into(),
            controller: operations::catalogue::Controller::Ecs,
            target_group_arn: None,
            load_balancer: None,
            scalable_resource_id: None,
        };
        let refused = |call: Call| checked("plan.calls", &[call], &service, "production").unwrap_err();
        let foreign = json!({"cluster": "production", "service": "billing", "desiredCount": 8});
        let error = refused(Call::new("ecs", "UpdateService", foreign));
        assert_eq!(error.message(), "plan.calls[0].parameters.service must be api in cluster production: plan again");
        let error = refused(Call::new("ecs", "DeleteService", json!({})));
        assert_eq!(error.message(), "plan.calls[0] is ecs:DeleteService: scaling a service does not send that");
    }
}
