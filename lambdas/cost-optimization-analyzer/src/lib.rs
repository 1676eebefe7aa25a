//! `cost-optimization-analyzer`: sizes the tasks of a service, explains the bill of an account, and finds what is paid for
//! and not used. It changes what the catalogue permits: the size of tasks, and how long logs are kept.

mod account;
mod analyse;
mod document;
mod measure;
mod observe;
mod request;
mod retention;
mod send;
mod sizing;

use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::catalogue::Release;
use operations::error::Kind;
use operations::plan::{Plan, Report};
use operations::proposal::{Kind as Change, Proposal};
use request::Request;
use serde_json::Value;

/// The function.
#[derive(Debug, Clone)]
pub struct CostOptimizationAnalyzer {
    services: Services,
    ecs: aws_sdk_ecs::Client,
    scaling: aws_sdk_applicationautoscaling::Client,
    metrics: aws_sdk_cloudwatch::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
}

impl CostOptimizationAnalyzer {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(&services.aws),
            scaling: aws_sdk_applicationautoscaling::Client::new(&services.aws),
            metrics: aws_sdk_cloudwatch::Client::new(&services.aws),
            logs: aws_sdk_cloudwatchlogs::Client::new(&services.aws),
            services,
        }
    }

    async fn plan(&self, payload: &Value, request: &Request) -> Result<Plan, Error> {
        let proposal = Proposal::of_payload(payload)?;
        permitted(request, &proposal)?;
        match proposal.kind {
            Change::Sizing => self.plan_size(payload, request, &proposal).await,
            Change::Retention => self.plan_retention(request, &proposal).await,
            Change::Scaling => {
                let message = "proposal.kind is scaling: auto-scaling-optimizer plans that";
                Err(Error::new(Kind::InvalidInput, message))
            }
        }
    }

    async fn act(&self, request: &Request, plan: &Plan) -> Result<Report, Error> {
        match plan.calls.first() {
            // What somebody else releases has no calls.
            None => Ok(Report::new(plan.summary.clone())),
            Some(call) if call.service == "logs" => self.keep(request, plan).await,
            Some(_) => self.resize(request, plan).await,
        }
    }

    async fn undo(&self, request: &Request, plan: &Plan) -> Result<Report, Error> {
        match plan.undo.first() {
            None => Ok(lambda_kit::operation::nothing_to_undo(plan)),
            Some(call) if call.service == "logs" => self.restore_retention(request, plan).await,
            Some(_) => self.restore_size(request, plan).await,
        }
    }
}

/// Whether a change may be made at all: not where it is forbidden, nor where a tool owns the configuration.
fn permitted(request: &Request, proposal: &Proposal) -> Result<(), Error> {
    let entry = &request.entry;
    let refuse = |kind, message: String| Err(Error::new(kind, message));
    if proposal.release(entry) == Release::Forbidden {
        let message = format!("the catalogue forbids this change of {}: make it by hand", entry.catalog_id);
        return refuse(Kind::ActionNotAllowed, message);
    }
    if let Some(tool) = entry.optimization.owner().filter(|_| proposal.kind == Change::Sizing) {
        let message = format!("{tool} owns the configuration of {}: change it there", entry.catalog_id);
        return refuse(Kind::ActionNotAllowed, message);
    }
    match entry.frozen_until {
        Some(until) if until > request.at => {
            let message = format!("{} is frozen until {}", entry.catalog_id, operations::time::text(until));
            refuse(Kind::Frozen, message)
        }
        _ => Ok(()),
    }
}

impl Function for CostOptimizationAnalyzer {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        let operation = event.get("operation").and_then(Value::as_str);
        if operation == Some("account") {
            return self.account(&event).await;
        }
        let request = Request::parse(&event, &self.services)?;
        match operation {
            None | Some("analyse") => self.analyse(&event, &request).await,
            Some("plan") => Ok(self.plan(&event, &request).await?.to_json()),
            Some("act") => Ok(self.act(&request, &Plan::of_payload(&event)?).await?.to_json()),
            Some("undo") => Ok(self.undo(&request, &Plan::of_payload(&event)?).await?.to_json()),
            Some("measure") => self.measure(&event, &request).await,
            Some(_) => {
                let message = "operation must be one of analyse, account, plan, act, undo, measure";
                Err(Error::new(Kind::InvalidInput, message))
            }
        }
    }
}
