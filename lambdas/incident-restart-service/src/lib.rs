//! `incident-restart-service`: replaces the tasks of an ECS service, by its own deployment controller.

mod rolling;
mod stopping;

use clients::read::ecs;
use lambda_kit::operation::{self, Operation};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::catalogue::EcsService;
use operations::diagnosis::Diagnosis;
use operations::error::Kind;
use operations::incident::{Action, Request};
use operations::plan::restart::{self, Observed};
use operations::plan::{Plan, Report};
use operations::snapshot::Targets;
use serde_json::Value;

/// The function.
#[derive(Debug, Clone)]
pub struct RestartService {
    services: Services,
    ecs: aws_sdk_ecs::Client,
    balancer: aws_sdk_elasticloadbalancingv2::Client,
}

impl RestartService {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        let ecs = aws_sdk_ecs::Client::new(&services.aws);
        let balancer = aws_sdk_elasticloadbalancingv2::Client::new(&services.aws);
        Self { services, ecs, balancer }
    }

    async fn plan(&self, payload: &Value, request: &Request) -> Result<Plan, Error> {
        let service = request.entry.service()?;
        let cluster = self.services.environment.cluster(service)?;
        let (described, tasks, targets) = tokio::try_join!(
            ecs::service(&self.ecs, &cluster, &service.service),
            ecs::tasks(&self.ecs, &cluster, &service.service),
            self.targets(service),
        )?;
        let observed = Observed {
            cluster,
            service: described.service,
            tasks,
            targets,
            minimum_healthy_percent: described.minimum_healthy_percent,
        };
        let diagnosis = Diagnosis::of_payload(payload)?;
        restart::plan(&request.entry, &request.event.incident_id, &observed, diagnosis.as_ref())
    }

    async fn act(&self, payload: &Value, request: &Request) -> Result<Report, Error> {
        let plan = Plan::of_payload(payload)?;
        let service = request.entry.service()?;
        let cluster = self.services.environment.cluster(service)?;
        match plan.calls.first().map(|call| call.to_string()).as_deref() {
            Some("ecs:UpdateService") => self.roll(request, &cluster, &plan, operation::intended_at(payload)?).await,
            Some("ecs:StopTask") => self.stop(request, &cluster, &plan).await,
            Some(other) => {
                Err(Error::new(Kind::InvalidInput, format!("plan.calls[0] is {other}: a restart does not send that")))
            }
            None => Err(Error::new(Kind::InvalidInput, "plan.calls is empty: plan again")),
        }
    }

    async fn targets(&self, service: &EcsService) -> Result<Option<Targets>, Error> {
        match &service.target_group_arn {
            Some(group) => ecs::targets(&self.balancer, group).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Function for RestartService {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        let request = operation::request(&event, Action::RestartService)?;
        match Operation::of_payload(&event)? {
            Operation::Plan => Ok(self.plan(&event, &request).await?.to_json()),
            Operation::Act => Ok(self.act(&event, &request).await?.to_json()),
            Operation::Undo => Ok(operation::nothing_to_undo(&Plan::of_payload(&event)?).to_json()),
        }
    }
}
