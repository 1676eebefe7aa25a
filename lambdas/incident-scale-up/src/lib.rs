//! `incident-scale-up`: raises the capacity of a service, a database or a cache; never lowers it.

mod cache;
mod database;
mod lease;
mod service;

use lambda_kit::operation::{self, Operation};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::catalogue::{Entry, Resource};
use operations::diagnosis::Diagnosis;
use operations::error::Kind;
use operations::incident::{Action, Request};
use operations::plan::{Plan, Report};
use serde_json::Value;

/// The function.
#[derive(Debug, Clone)]
pub struct ScaleUp {
    services: Services,
    ecs: aws_sdk_ecs::Client,
    scaling: aws_sdk_applicationautoscaling::Client,
    rds: aws_sdk_rds::Client,
    cache: aws_sdk_elasticache::Client,
}

impl ScaleUp {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        let ecs = aws_sdk_ecs::Client::new(&services.aws);
        let scaling = aws_sdk_applicationautoscaling::Client::new(&services.aws);
        let rds = aws_sdk_rds::Client::new(&services.aws);
        let cache = aws_sdk_elasticache::Client::new(&services.aws);
        Self { services, ecs, scaling, rds, cache }
    }

    async fn plan(&self, payload: &Value, request: &Request) -> Result<Plan, Error> {
        match &request.entry.resource {
            Resource::EcsService(service) => {
                let diagnosis = Diagnosis::of_payload(payload)?;
                self.plan_service(request, service, diagnosis.as_ref()).await
            }
            Resource::Database(database) => self.plan_database(&request.entry, database).await,
            Resource::Cache(cache) => self.plan_cache(&request.entry, cache).await,
            Resource::Other(_) => Err(unknown(&request.entry)),
        }
    }

    async fn act(&self, plan: &Plan, request: &Request) -> Result<Report, Error> {
        match &request.entry.resource {
            Resource::EcsService(service) => self.scale_service(request, service, plan).await,
            Resource::Database(database) => self.modify_database(request, database, plan).await,
            Resource::Cache(cache) => self.modify_cache(request, cache, plan).await,
            Resource::Other(_) => Err(unknown(&request.entry)),
        }
    }

    async fn undo(&self, payload: &Value, plan: &Plan, request: &Request) -> Result<Value, Error> {
        let Resource::EcsService(service) = &request.entry.resource else {
            return Ok(operation::nothing_to_undo(plan).to_json());
        };
        match self.release(payload, plan, request, service).await? {
            Some(report) => Ok(report),
            None if plan.undo.is_empty() => Ok(operation::nothing_to_undo(plan).to_json()),
            None => Ok(self.restore_service(request, service, plan).await?.to_json()),
        }
    }
}

fn unknown(entry: &Entry) -> Error {
    entry.not_applicable("an ecs-service, an rds or an elasticache")
}

/// The plan's only call, which must be this one.
fn only_call<'a>(plan: &'a Plan, name: &str) -> Result<&'a operations::call::Call, Error> {
    match plan.calls.as_slice() {
        [call] if call.to_string() == name => Ok(call),
        _ => Err(Error::new(Kind::InvalidInput, format!("plan.calls must be one {name}: plan again"))),
    }
}

impl Function for ScaleUp {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        let request = operation::request(&event, Action::ScaleUp)?;
        if event["operation"] == "hold" {
            return self.hold(&event, &request).await;
        }
        match Operation::of_payload(&event)? {
            Operation::Plan => Ok(self.plan(&event, &request).await?.to_json()),
            Operation::Act => Ok(self.act(&Plan::of_payload(&event)?, &request).await?.to_json()),
            Operation::Undo => self.undo(&event, &Plan::of_payload(&event)?, &request).await,
        }
    }
}
