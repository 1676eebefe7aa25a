//! `incident-clear-cache`: invalidates cached data without harming its neighbours.
//!
//! By default the version of the cache's namespace rises, so that readers ask for new keys; with a `prefix` in the
//! event, the keys with that prefix are deleted in slices. No operation ever empties a database or a server.

mod deletion;
mod version;

use clients::redis::{self as connection, Connector};
use lambda_kit::operation::{self, Operation};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::diagnosis::Diagnosis;
use operations::error::Kind;
use operations::incident::{Action, Request};
use operations::plan::invalidation::{self, Mode};
use operations::plan::{Change, Plan, Report};
use redis::aio::MultiplexedConnection;
use serde_json::Value;

/// The function.
#[derive(Debug, Clone)]
pub struct ClearCache {
    connector: Connector,
}

impl ClearCache {
    /// The function.
    pub fn new(services: Services) -> Self {
        Self { connector: Connector::new(&services.aws, services.environment) }
    }

    async fn connect(&self, request: &Request) -> Result<MultiplexedConnection, Error> {
        self.connector.connect(request.entry.cache()?).await
    }

    async fn plan(&self, payload: &Value, request: &Request) -> Result<Plan, Error> {
        // What may not be cleared is refused before anything is asked.
        let mode = Mode::of_payload(payload, &request.entry)?;
        let diagnosis = Diagnosis::of_payload(payload)?;
        let mut redis = self.connect(request).await?;
        match mode {
            Mode::Version { namespace } => {
                let now = connection::version(&mut redis, &invalidation::version_key(&namespace)).await?;
                invalidation::version(&request.entry, &namespace, now, diagnosis.as_ref())
            }
            Mode::Prefix { prefix } => {
                let sample = deletion::sample(&mut redis, &prefix).await?;
                invalidation::prefix(&request.entry, &prefix, sample, diagnosis.as_ref())
            }
        }
    }

    async fn act(&self, payload: &Value, request: &Request, invocation: Invocation) -> Result<Report, Error> {
        let plan = Plan::of_payload(payload)?;
        let [call] = plan.calls.as_slice() else {
            return Err(Error::new(Kind::InvalidInput, "plan.calls must be one call: plan again"));
        };
        let performed = match call.to_string().as_str() {
            "redis:INCR" => {
                let step = version::Step::of(&plan, call, &request.entry)?;
                step.take(&mut self.connect(request).await?).await?
            }
            "redis:UNLINK" => {
                let step = deletion::Step::of(call, request.entry.cache()?)?;
                step.take(&mut self.connect(request).await?, invocation).await?
            }
            other => {
                let message = format!("plan.calls[0] is {other}: clearing a cache does not send that");
                return Err(Error::new(Kind::InvalidInput, message));
            }
        };
        let mut report = Report::new(plan.summary.clone());
        let change = Change {
            resource: request.entry.arn.clone(),
            op: call.to_string(),
            before: plan.before.clone(),
            after: performed.after,
            undo: Vec::new(),
        };
        report.record(change, performed.sent);
        Ok(report)
    }
}

/// What a step did.
struct Performed {
    /// The state after.
    after: Value,
    /// Whether a command that changes anything was sent.
    sent: bool,
}

impl Function for ClearCache {
    async fn call(&self, event: Value, invocation: Invocation) -> Result<Value, Error> {
        let request = operation::request(&event, Action::ClearCache)?;
        match Operation::of_payload(&event)? {
            Operation::Plan => Ok(self.plan(&event, &request).await?.to_json()),
            Operation::Act => Ok(self.act(&event, &request, invocation).await?.to_json()),
            Operation::Undo => Ok(operation::nothing_to_undo(&Plan::of_payload(&event)?).to_json()),
        }
    }
}
