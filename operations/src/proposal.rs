//! A proposed change of a service: what it is now, what it shall be, what that saves, and how sure that is.
//!
//! Whoever proposes (scaling, sizing, housekeeping) answers one of these; whoever replays, plans, approves, observes and
//! measures a change reads it.

use crate::catalogue::{Entry, Release};
use crate::error::{Error, Kind as ErrorKind};
use crate::snapshot::Evidence;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Hours of a month in every price per month.
pub const HOURS_OF_MONTH: f64 = 730.0;

/// What is changed, and by which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Limits, target, cooldowns or schedules of autoscaling: `auto-scaling-optimizer`.
    Scaling,
    /// The size of a task: `cost-optimization-analyzer`.
    Sizing,
    /// How long logs are kept: `cost-optimization-analyzer`.
    Retention,
}

/// What a change does to the capacity of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capacity {
    /// There will be more: safe for users, dearer.
    Raises,
    /// There will be less: observed through the busiest hour of the week.
    Lowers,
    /// Neither.
    Neutral,
}

/// How bad it would be to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nobody would notice.
    Low,
    /// Some requests would be slow until it is taken back.
    Medium,
    /// Some requests would fail until it is taken back.
    High,
}

/// How a service scales and what its tasks are: what a replay needs, and what a scaling or sizing change changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The least number of tasks.
    pub min_capacity: u32,
    /// The most tasks.
    pub max_capacity: u32,
    /// The name of the target-tracking policy; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// The predefined metric it tracks, for example `ECSServiceAverageCPUUtilization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Its target value, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Seconds between two scale-outs.
    #[serde(default)]
    pub scale_out_cooldown: u32,
    /// Seconds after a scaling activity before a scale-in.
    #[serde(default)]
    pub scale_in_cooldown: u32,
    /// Scheduled actions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheduled: Vec<Scheduled>,
    /// Processor units of a task: 1,024 are one vCPU.
    pub cpu_units: u32,
    /// Memory of a task, in MiB.
    pub memory_mib: u32,
}

/// A scheduled action of Application Auto Scaling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduled {
    /// Its name.
    pub name: String,
    /// When, as Application Auto Scaling writes it, in UTC: `cron(50 1 * * ? *)`.
    pub schedule: String,
    /// The least number of tasks from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_capacity: Option<u32>,
    /// The most tasks from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_capacity: Option<u32>,
}

/// A proposed change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proposal {
    /// The rule that proposes it, for example `raise-maximum`.
    pub id: String,
    /// What is changed.
    pub kind: Kind,
    /// One line a person reads.
    pub summary: String,
    /// What it is now: [`Settings`], or for [`Kind::Retention`] `{logGroup, retentionInDays}`.
    pub current: Value,
    /// What it shall be, in the same form.
    pub proposed: Value,
    /// What that does to capacity.
    pub capacity: Capacity,
    /// US dollars saved in a month of [`HOURS_OF_MONTH`] hours; below 0 it costs more.
    pub saving_per_month: f64,
    /// How bad it would be to be wrong.
    pub risk: Risk,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// Why.
    pub reasons: Vec<String>,
    /// What that rests on.
    #[serde(skip_deserializing)]
    pub evidence: Vec<Evidence>,
}

impl Proposal {
    /// Reads the field `proposal` of a payload. Its evidence is for people and is not read back.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming what is missing or wrong.
    pub fn of_payload(payload: &Value) -> Result<Self, Error> {
        let invalid = |problem: String| Error::new(ErrorKind::InvalidInput, problem);
        let value = payload.get("proposal").filter(|proposal| !proposal.is_null());
        let mut value = value
            .cloned()
            .ok_or_else(|| invalid("proposal is missing: pass the answer of the operation that proposes".to_owned()))?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("evidence");
        }
        Proposal::deserialize(value).map_err(|problem| invalid(format!("proposal: {problem}: pass it unchanged")))
    }

    /// `current` as settings.
    ///
    /// # Errors
    /// `Ops.InvalidInput` when it is none.
    pub fn current_settings(&self) -> Result<Settings, Error> {
        settings("proposal.current", &self.current)
    }

    /// `proposed` as settings.
    ///
    /// # Errors
    /// `Ops.InvalidInput` when it is none.
    pub fn proposed_settings(&self) -> Result<Settings, Error> {
        settings("proposal.proposed", &self.proposed)
    }

    /// How the catalogue releases a change of this kind.
    pub fn release(&self, entry: &Entry) -> Release {
        match self.kind {
            Kind::Scaling => entry.optimization.scaling,
            Kind::Sizing => entry.optimization.sizing,
            Kind::Retention => entry.optimization.housekeeping,
        }
    }

    /// The proposal as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

fn settings(path: &str, value: &Value) -> Result<Settings, Error> {
    Settings::deserialize(value)
        .map_err(|problem| Error::new(ErrorKind::InvalidInput, format!("{path}: {problem}: pass it unchanged")))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use serde_json::json;

    pub(crate) fn settings() -> Settings {
        Settings {
            min_capacity: 4,
            max_capacity: 12,
            policy_name: Some("api-cpu".to_owned()),
            metric: Some("ECSServiceAverageCPUUtilization".to_owned()),
            target: Some(60.0),
            scale_out_cooldown: 60,
            scale_in_cooldown: 300,
            scheduled: Vec::new(),
            cpu_units: 512,
            memory_mib: 1_024,
        }
    }

    #[test]
    fn a_proposal_reads_back_without_its_evidence() {
        let proposal = Proposal {
            id: "raise-maximum".to_owned(),
            kind: Kind::Scaling,
            summary: "Raise the maximum of api from 12 to 15 tasks".to_owned(),
            current: json!(settings()),
            proposed: json!(Settings { max_capacity: 15, ..settings() }),
            capacity: Capacity::Raises,
            saving_per_month: -54.06,
            risk: Risk::Low,
            confidence: 0.9,
            reasons: vec!["at the maximum for 2.1 % of the time".to_owned()],
            evidence: vec![Evidence::metric("cpu", 91.0, 0)],
        };
        let read = Proposal::of_payload(&json!({"proposal": proposal.to_json()})).unwrap();
        assert_eq!(read, Proposal { evidence: Vec::new(), ..proposal });
        assert_eq!(read.proposed_settings().unwrap().max_capacity, 15);
        assert_eq!(read.release(&samples::entry(samples::api())), Release::Approval);
        let error = Proposal::of_payload(&json!({})).unwrap_err();
        assert!(error.message().starts_with("proposal is missing"), "{error}");
        let error = Proposal { proposed: json!({"minCapacity": 1}), ..read }.proposed_settings().unwrap_err();
        assert!(error.message().starts_with("proposal.proposed: missing field"), "{error}");
    }
}
