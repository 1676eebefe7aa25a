//! The lifecycle hook of ECS's own blue/green deployment.
//!
//! ECS rolls a deployment back when its hook fails, answers nothing or answers `FAILED`, and asks again after
//! `callBackDelay` seconds when it answers `IN_PROGRESS`.

use crate::executions::{Executions, Started, State, StepFunctions, name};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::error::{Class, Kind};
use operations::gate::Stage;
use serde_json::{Map, Value, json};

/// Seconds after which ECS asks again.
const DELAY_SECONDS: u32 = 30;
/// How often in a row Step Functions may be out of reach before that counts as a failure.
const PATIENCE: u64 = 5;

/// The function: starts the gate once per stage and traffic step, and passes its decision on.
#[derive(Debug, Clone)]
pub struct EcsHook<E = StepFunctions> {
    services: Services,
    executions: E,
}

impl EcsHook {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        let executions = StepFunctions::new(&services);
        Self::with(services, executions)
    }
}

/// What ECS calls the hook with.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    stage: Option<Stage>,
    lifecycle: String,
    cluster: String,
    service: String,
    deployment: String,
    revision: Option<String>,
    weight: Option<f64>,
    details: Map<String, Value>,
}

impl<E: Executions> EcsHook<E> {
    /// The function with executions of another kind.
    pub fn with(services: Services, executions: E) -> Self {
        Self { services, executions }
    }

    fn read(&self, event: &Value) -> Result<Event, Error> {
        let details = event.get("executionDetails");
        let get = |name: &str| event.get(name).or_else(|| details?.get(name)).filter(|value| !value.is_null());
        let text = |name: &str| get(name).and_then(Value::as_str).map(str::to_owned);
        let missing = |name: &str| {
            Error::new(Kind::InvalidInput, format!("{name} is missing: this function is a lifecycle hook of ECS"))
        };
        let lifecycle = text("lifecycleStage").ok_or_else(|| missing("lifecycleStage"))?;
        let stage = Stage::of_lifecycle(&lifecycle);
        let deployment = text("resourceArn").or_else(|| text("serviceDeploymentArn"));
        let deployment = deployment.filter(|arn| arn.contains(":service-deployment/") || stage.is_none());
        // arn:aws:ecs:<region>:<account>:service/<cluster>/<service>
        let arn = text("serviceArn").unwrap_or_default();
        let mut parts = arn.rsplit('/');
        let (service, cluster) = (parts.next(), parts.next());
        let or = |part: Option<&str>, name: &str| match part.filter(|part| !part.is_empty()) {
            Some(part) => Ok(part.to_owned()),
            None => self.services.environment.required(name).map(str::to_owned),
        };
        let revision = text("targetServiceRevisionArn");
        let weight = get("productionTrafficWeights")
            .and_then(|weights| weights.get(revision.as_deref()?))
            .and_then(|weight| weight.as_f64().or_else(|| weight.as_str()?.parse().ok()));
        Ok(Event {
            stage,
            lifecycle,
            cluster: or(cluster, "ECS_CLUSTER")?,
            service: or(service, "ECS_SERVICE")?,
            deployment: deployment.ok_or_else(|| missing("resourceArn (of the service deployment)"))?,
            revision,
            weight,
            details: get("hookDetails").and_then(Value::as_object).cloned().unwrap_or_default(),
        })
    }

    async fn ask(&self, event: &Event, stage: Stage) -> Result<Value, Error> {
        let weight = event.weight.unwrap_or(0.0);
        let deployment = event.deployment.rsplit('/').next().unwrap_or_default();
        // LINEAR and CANARY deployments come by the same stage once per traffic step.
        let name = name(&format!("{deployment}-{}-{weight}", stage.name()));
        let mut input = json!({"stage": stage.name(), "target": event.service, "cluster": event.cluster,
            "service": event.service, "deployment": {"kind": "ecs", "serviceDeploymentArn": event.deployment,
            "lifecycleStage": event.lifecycle, "targetServiceRevisionArn": event.revision}});
        // Before a shift nothing is as the event's weights say yet: the gate then goes by what the listener does.
        if let (Stage::Production, Some(weight)) = (stage, event.weight) {
            input["weight"] = json!(weight);
        }
        match self.executions.start(&name, &input).await? {
            Started::Now => Ok(waiting(Map::new())),
            Started::Before => Ok(answer(&name, &self.executions.state(&name).await?)),
        }
    }
}

impl<E: Executions> Function for EcsHook<E> {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        let read = self.read(&event);
        let asked = match &read {
            Ok(Event { stage: None, lifecycle, .. }) => {
                return Ok(json!({"hookStatus": "SUCCEEDED", "hookDetails": {"unjudged": lifecycle}}));
            }
            Ok(event @ Event { stage: Some(stage), .. }) => self.ask(event, *stage).await,
            Err(error) => Err(error.clone()),
        };
        let details = read.map(|event| event.details).unwrap_or_default();
        Ok(asked.unwrap_or_else(|error| failed(&error, details)))
    }
}

fn waiting(details: Map<String, Value>) -> Value {
    json!({"hookStatus": "IN_PROGRESS", "callBackDelay": DELAY_SECONDS, "hookDetails": details})
}

/// What an execution's state means to ECS.
fn answer(name: &str, state: &State) -> Value {
    if matches!(state.status.as_str(), "RUNNING" | "PENDING_REDRIVE") {
        return waiting(Map::new());
    }
    let text = |field: &str| state.output.get(field).and_then(Value::as_str);
    // A gate that only observes says what it would have done, or that it broke: its execution succeeds either way.
    let observes = matches!(text("mode"), Some("observe" | "plan"));
    let promotes = state.status == "SUCCEEDED" && (observes || text("decision") == Some("PROMOTE"));
    let status = if promotes { "SUCCEEDED" } else { "FAILED" };
    let reason = state.output.pointer("/reason/Error").and_then(Value::as_str);
    let error = state.error.as_deref().or(reason);
    json!({"hookStatus": status, "hookDetails": {"execution": name, "status": state.status,
        "decision": text("decision"), "summary": text("summary"), "error": error}})
}

/// What a failure of the function's own means: one that may pass is waited for, a few times; the count travels in
/// `hookDetails`, which ECS gives back. Any other is said as `FAILED`, which rolls back as a failing hook would.
fn failed(error: &Error, mut details: Map<String, Value>) -> Value {
    let before = details.get("failures").and_then(Value::as_u64).unwrap_or(0);
    tracing::error!(error = error.name(), cause = error.message(), before, "the gate could not be asked");
    if error.class() == Class::Transient && before < PATIENCE {
        details.insert("failures".to_owned(), json!(before + 1));
        return waiting(details);
    }
    json!({"hookStatus": "FAILED", "hookDetails": {"error": error.name(), "cause": error.message()}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: &str, output: Value) -> String {
        let state = State { status: status.into(), output, error: None };
        answer("e", &state)["hookStatus"].as_str().unwrap().to_owned()
    }

    #[test]
    fn only_a_promotion_succeeds() {
        assert_eq!(status("RUNNING", Value::Null), "IN_PROGRESS");
        assert_eq!(status("SUCCEEDED", json!({"decision": "PROMOTE"})), "SUCCEEDED");
        assert_eq!(status("SUCCEEDED", json!({"decision": "ROLLBACK"})), "FAILED");
        assert_eq!(status("SUCCEEDED", Value::Null), "FAILED");
        assert_eq!(status("SUCCEEDED", json!({"decision": "ROLLBACK", "mode": "observe"})), "SUCCEEDED");
        for ended in ["FAILED", "TIMED_OUT", "ABORTED"] {
            assert_eq!(status(ended, Value::Null), "FAILED");
        }
    }

    #[test]
    fn a_gate_that_breaks_while_it_observes_stops_nothing() {
        let broken = json!({"decision": null, "mode": "observe", "status": "PLANNED", "answer": "Succeeded",
            "reason": {"Error": "Ops.AccessDenied", "Cause": "no"}});
        let state = State { status: "SUCCEEDED".into(), output: broken, error: None };
        let answer = answer("e", &state);
        assert_eq!(
            (&answer["hookStatus"], &answer["hookDetails"]["error"]),
            (&json!("SUCCEEDED"), &json!("Ops.AccessDenied"))
        );
    }

    #[test]
    fn what_may_pass_is_waited_for_but_not_for_ever() {
        let busy = Error::new(Kind::Throttled, "slow down");
        let mut details = Map::from_iter([("own".to_owned(), json!("kept"))]);
        for count in 1..=PATIENCE {
            let answer = failed(&busy, details);
            assert_eq!((&answer["hookStatus"], &answer["callBackDelay"]), (&json!("IN_PROGRESS"), &json!(30)));
            assert_eq!(answer["hookDetails"], json!({"own": "kept", "failures": count}));
            details = answer["hookDetails"].as_object().unwrap().clone();
        }
        assert_eq!(failed(&busy, details)["hookStatus"], "FAILED");
        let refused = failed(&Error::new(Kind::AccessDenied, "no"), Map::new());
        assert_eq!(refused["hookDetails"]["error"], "Ops.AccessDenied");
    }
}
