//! One thing that could cost less.

use super::cents;
use crate::catalogue::Release;
use crate::proposal::{Proposal, Risk};
use crate::snapshot::Evidence;
use serde::Serialize;
use serde_json::Value;

/// Who carries a recommendation out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Automation, at once.
    Automatic,
    /// Automation, after a person approved.
    Approval,
    /// A person.
    Manual,
}

impl Class {
    /// The class of a change that the catalogue releases so.
    pub fn of(release: Release) -> Self {
        match release {
            Release::Automatic => Class::Automatic,
            Release::Approval => Class::Approval,
            Release::Forbidden => Class::Manual,
        }
    }

    /// The class of that name, as it stands in JSON.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "automatic" => Some(Class::Automatic),
            "approval" => Some(Class::Approval),
            "manual" => Some(Class::Manual),
            _ => None,
        }
    }
}

/// One thing that could cost less.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// What was found, for example `unattached-addresses`.
    pub id: String,
    /// Who carries it out.
    pub class: Class,
    /// What it is about: an ARN, an id or a name.
    pub resource: String,
    /// One line a person reads.
    pub summary: String,
    /// What is now.
    pub current: Value,
    /// What should be.
    pub proposed: Value,
    /// US dollars saved in a month, [`super::LEAST_SAVING`] or more; below 0 only where a change prevents failure; `None`
    /// where only the cost is known, and not how much of it can be saved.
    pub saving_per_month: Option<f64>,
    /// How bad it would be to be wrong.
    pub risk: Risk,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// How it is taken back.
    pub undo: String,
}

impl Recommendation {
    /// What a proposal recommends.
    pub fn of_proposal(proposal: &Proposal, resource: &str, class: Class) -> Self {
        Self {
            id: proposal.id.clone(),
            class,
            resource: resource.to_owned(),
            summary: proposal.summary.clone(),
            current: proposal.current.clone(),
            proposed: proposal.proposed.clone(),
            saving_per_month: Some(cents(proposal.saving_per_month)),
            risk: proposal.risk,
            confidence: proposal.confidence,
            evidence: proposal.evidence.clone(),
            undo: "the plan's undo restores what is now".to_owned(),
        }
    }
}

/// The recommendations, most saving first; those whose saving is not known last.
pub fn sorted(mut all: Vec<Recommendation>) -> Vec<Recommendation> {
    let key = |one: &Recommendation| one.saving_per_month.unwrap_or(f64::MIN);
    all.sort_by(|one, other| key(other).total_cmp(&key(one)).then_with(|| one.resource.cmp(&other.resource)));
    all
}
