//! What exactly an action will do, what undoes it, and how its success shows: written down before anything is done.

pub mod capacity;
pub mod capacity_lease;
pub mod database;
pub mod invalidation;
pub mod node_type;
pub mod restart;
mod size;

use crate::call::Call;
use crate::diagnosis::Diagnosis;
use crate::error::{Error, Kind};
use crate::verify;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A plan. Its `calls` are, byte for byte, what carrying it out sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// The calls that undo them, in order; empty when there is nothing automation can undo.
    pub undo: Vec<Call>,
    /// The state before, as far as the plan changes it.
    pub before: Value,
    /// The state wanted.
    pub after: Value,
    /// The watch request that verifies the plan.
    pub verify: Value,
    /// One line a person reads.
    pub summary: String,
    /// Whether the action cannot be undone without another outage or not at all.
    pub irreversible: bool,
    /// The calls by which a person could go back, where automation must not.
    #[serde(default)]
    pub manual_undo: Vec<Call>,
    /// How many of the calls may be in effect at once; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// The capacity to hold for a while; absent when the plan raises no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<capacity_lease::Hold>,
}

impl Plan {
    /// What every plan that nothing undoes has in common: no calls yet, and no way back.
    pub(crate) const fn forward_only() -> Self {
        Self {
            calls: Vec::new(),
            undo: Vec::new(),
            before: Value::Null,
            after: Value::Null,
            verify: Value::Null,
            summary: String::new(),
            irreversible: true,
            manual_undo: Vec::new(),
            batch: None,
            lease: None,
        }
    }

    /// Reads the field `plan` of a payload.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming what is missing or wrong.
    pub fn of_payload(payload: &Value) -> Result<Self, Error> {
        let value = payload.get("plan").filter(|plan| !plan.is_null()).ok_or_else(|| {
            Error::new(Kind::InvalidInput, "plan is missing: pass the answer of the operation \"plan\" unchanged")
        })?;
        Plan::deserialize(value).map_err(|problem| {
            let message = format!("plan: {problem}: pass the answer of the operation \"plan\" unchanged");
            Error::new(Kind::InvalidInput, message)
        })
    }

    /// The plan as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// One change that was made, or was found made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The resource's ARN.
    pub resource: String,
    /// The call, for example `ecs:UpdateService`.
    pub op: String,
    /// The state before.
    pub before: Value,
    /// The state after.
    pub after: Value,
    /// The calls that undo it.
    pub undo: Vec<Call>,
}

/// What carrying out a plan did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The changes, in the order of the calls.
    pub changes: Vec<Change>,
    /// How many calls were sent.
    pub performed: u32,
    /// How many were not, because their effect was there already.
    pub already_done: u32,
    /// One line a person reads.
    pub summary: String,
}

impl Report {
    /// A report of nothing done yet.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { changes: Vec::new(), performed: 0, already_done: 0, summary: summary.into() }
    }

    /// Counts a call that was sent, or whose effect was there.
    pub fn record(&mut self, change: Change, sent: bool) {
        if sent {
            self.performed += 1;
        } else {
            self.already_done += 1;
        }
        self.changes.push(change);
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// The metrics by which a service's recovery is verified: those with an objective, and of these, when there is a
/// diagnosis, those that had data. A service without traffic has no latency to wait for.
fn service_metrics(slo: &crate::catalogue::Slo, diagnosis: Option<&Diagnosis>) -> Vec<String> {
    let candidates = [
        ("latency", slo.latency_p95_ms.is_some(), "latencyP95Ms"),
        ("errors", slo.error_rate_percent.is_some(), "errorRatePercent"),
    ];
    let wanted = candidates.into_iter().filter(|(_, objective, value)| {
        *objective && diagnosis.is_none_or(|diagnosis| diagnosis.value(value).is_some())
    });
    wanted.map(|(name, _, _)| name.to_owned()).collect()
}

/// The watch request of a service, with the metrics of [`service_metrics`].
fn service_watch(
    watch: verify::Watch,
    deadline: u32,
    slo: &crate::catalogue::Slo,
    diagnosis: Option<&Diagnosis>,
) -> Value {
    let mut request = verify::Request::new(watch, deadline);
    request.metrics = service_metrics(slo, diagnosis);
    request.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plan_reads_back_and_a_broken_one_is_explained() {
        let plan = Plan {
            calls: vec![Call::new("ecs", "UpdateService", json!({"service": "api"}))],
            undo: vec![],
            before: json!({}),
            after: json!({}),
            verify: json!({}),
            summary: "s".into(),
            irreversible: true,
            manual_undo: vec![],
            batch: None,
            lease: None,
        };
        assert_eq!(Plan::of_payload(&json!({"plan": plan.to_json()})).unwrap(), plan);
        let error = Plan::of_payload(&json!({})).unwrap_err();
        assert!(error.message().starts_with("plan is missing"));
        let error = Plan::of_payload(&json!({"plan": {"calls": [], "undo": []}})).unwrap_err();
        assert!(error.message().contains("missing field `before`"), "{error}");
    }
}
