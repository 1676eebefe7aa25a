//! `auto-scaling-optimizer`: says how well a service's autoscaling does, and proposes, plans, makes and takes back one
//! change of it at a time.
//!
//! What to change is decided by `operations::scaling`; this function reads what that needs and sends what was planned.

mod change;
mod propose;
mod read;
mod request;

use crate::request::{Operation, Request};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::plan::Plan;
use operations::proposal::Proposal;
use operations::scaling::gate::Replayed;
use operations::scaling::plan::plan;
use serde_json::Value;

/// The function.
#[derive(Debug, Clone)]
pub struct AutoScalingOptimizer {
    services: Services,
    ecs: aws_sdk_ecs::Client,
    metrics: aws_sdk_cloudwatch::Client,
    scaling: aws_sdk_applicationautoscaling::Client,
}

impl AutoScalingOptimizer {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        let ecs = aws_sdk_ecs::Client::new(&services.aws);
        let metrics = aws_sdk_cloudwatch::Client::new(&services.aws);
        let scaling = aws_sdk_applicationautoscaling::Client::new(&services.aws);
        Self { services, ecs, metrics, scaling }
    }

    async fn plan(&self, payload: &Value, request: &Request) -> Result<Plan, Error> {
        let (proposal, replay) = (Proposal::of_payload(payload)?, Replayed::of_payload(payload)?);
        let world = self.world(&request.place.resource).await?;
        plan(&request.entry, &request.place.resource, &world, &proposal, replay, request.at)
    }
}

impl Function for AutoScalingOptimizer {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        let request = Request::parse(&event, &self.services.environment, self.services.clock.now())?;
        match request.operation {
            Operation::Propose => self.propose(&request).await,
            Operation::Plan => Ok(self.plan(&event, &request).await?.to_json()),
            Operation::Act => Ok(self.act(&Plan::of_payload(&event)?, &request).await?.to_json()),
            Operation::Undo => Ok(self.undo(&Plan::of_payload(&event)?, &request).await?.to_json()),
        }
    }
}
