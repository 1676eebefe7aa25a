//! The gate of a deployment: what must be true at each of its stages before it goes on.
//!
//! The old revision is *blue*, the new one *green*. Whoever uses this module reads the facts; what they mean is decided
//! here. Everything must be known: what could not be read never passes.

mod before;
pub mod facts;
pub mod fargate;
pub mod identified;
pub mod judgement;
mod logs;
mod manifest;
mod problems;
pub mod quota;
pub mod reference;
mod running;
mod scan;
pub mod stop;
pub mod task_definition;
mod traffic;
pub mod window;

pub use facts::Facts;
pub use identified::{Identified, Side};
pub use reference::{Reading, Reference, Resolved};
pub use task_definition::TaskDefinition;

use crate::catalogue::Deployment;
use crate::error::{Error, Kind};
use crate::snapshot::Evidence;
use serde::Serialize;
use serde_json::Value;

/// A stage of a deployment at which it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing has changed yet.
    BeforeInstall,
    /// Green's tasks were started; they have no traffic.
    AfterInstall,
    /// Green has the test traffic.
    TestTraffic,
    /// The schema's migrations.
    Migrations,
    /// One step of the production traffic.
    Shift,
    /// Green has all production traffic, blue is kept.
    Production,
    /// Blue has the traffic back.
    Restored,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 7] = [
        Stage::BeforeInstall,
        Stage::AfterInstall,
        Stage::TestTraffic,
        Stage::Migrations,
        Stage::Shift,
        Stage::Production,
        Stage::Restored,
    ];

    /// The name in payloads and in names of executions.
    pub fn name(self) -> &'static str {
        match self {
            Stage::BeforeInstall => "before-install",
            Stage::AfterInstall => "after-install",
            Stage::TestTraffic => "test-traffic",
            Stage::Migrations => "migrations",
            Stage::Shift => "shift",
            Stage::Production => "production",
            Stage::Restored => "restored",
        }
    }

    /// The stage of that name.
    ///
    /// # Errors
    /// `Ops.InvalidInput` with the names.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        Stage::ALL.into_iter().find(|stage| stage.name() == name).ok_or_else(|| {
            let names = Stage::ALL.map(Stage::name).join(", ");
            Error::new(Kind::InvalidInput, format!("stage must be one of {names}, not {name:?}"))
        })
    }

    /// The stage that a lifecycle stage of ECS's own blue/green deployment stands for; `None` for those at which
    /// nothing is judged.
    pub fn of_lifecycle(stage: &str) -> Option<Self> {
        Some(match stage {
            "PRE_SCALE_UP" => Stage::BeforeInstall,
            "POST_SCALE_UP" => Stage::AfterInstall,
            "POST_TEST_TRAFFIC_SHIFT" => Stage::TestTraffic,
            "PRE_PRODUCTION_TRAFFIC_SHIFT" => Stage::Shift,
            "POST_PRODUCTION_TRAFFIC_SHIFT" => Stage::Production,
            _ => return None,
        })
    }
}

/// How one check came out, in the order in which one hides another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is as it must be.
    Pass,
    /// It is not yet, and time may help.
    Wait,
    /// It could not be found out.
    Unknown,
    /// It is not, and time will not help.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Its name, for example `service-active`.
    #[serde(rename = "check")]
    pub name: &'static str,
    /// How it came out.
    pub result: Outcome,
    /// Why, in one sentence.
    pub reason: String,
    /// What it rests on.
    pub evidence: Value,
}

impl Check {
    pub(crate) fn new(name: &'static str, result: Outcome, reason: impl Into<String>, evidence: Value) -> Self {
        Self { name, result, reason: reason.into(), evidence }
    }

    /// A check whose facts were not read.
    pub(crate) fn unread(name: &'static str, what: &str) -> Self {
        Self::new(name, Outcome::Unknown, format!("{what} is not known"), Value::Null)
    }
}

/// What all checks together mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Everything is as it must be.
    Pass,
    /// Something is not, and time will not help.
    Fail,
    /// Something could not be found out.
    Inconclusive,
    /// Something is not yet settled: ask again.
    Wait,
}

/// The verdict on checks: the worst of them decides, and nothing checked is nothing known.
pub fn verdict(checks: &[Check]) -> Verdict {
    match checks.iter().map(|check| check.result).max() {
        Some(Outcome::Pass) => Verdict::Pass,
        Some(Outcome::Wait) => Verdict::Wait,
        Some(Outcome::Fail) => Verdict::Fail,
        Some(Outcome::Unknown) | None => Verdict::Inconclusive,
    }
}

/// The answer of a gate at one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What all checks mean.
    pub verdict: Verdict,
    /// Why: the reasons of the checks that do not pass, worst first.
    pub reasons: Vec<String>,
    /// All checks.
    pub checks: Vec<Check>,
    /// The facts as they were read.
    pub evidence: Vec<Evidence>,
}

/// Checks the facts of one stage. `weight` is green's share of production traffic in percent as it should be, where
/// the caller knows it.
pub fn check(stage: Stage, deployment: &Deployment, facts: &Facts, weight: Option<f64>) -> Report {
    let mut checks = vec![before::service_active(facts)];
    match stage {
        Stage::BeforeInstall => checks.extend(before::checks(deployment, facts)),
        Stage::AfterInstall => {
            checks.extend(running::new_tasks(facts));
            checks.push(logs::quiet(facts));
        }
        Stage::TestTraffic => {
            checks.extend([traffic::test_listener(facts), running::count(facts), running::green_targets(facts)]);
        }
        Stage::Migrations => {}
        Stage::Shift | Stage::Production => {
            let wanted = if stage == Stage::Production { Some(weight.unwrap_or(100.0)) } else { weight };
            checks.extend([traffic::weights(facts, wanted), traffic::alarms(facts), traffic::blue_capacity(facts)]);
            checks.push(running::green_targets(facts));
        }
        Stage::Restored => {
            checks.extend([traffic::weights(facts, Some(0.0)), traffic::blue_running(facts)]);
            checks.push(traffic::blue_targets(facts));
        }
    }
    Report { verdict: verdict(&checks), reasons: reasons(&checks), checks, evidence: facts.evidence() }
}

fn reasons(checks: &[Check]) -> Vec<String> {
    let mut open: Vec<_> = checks.iter().filter(|check| check.result != Outcome::Pass).collect();
    open.sort_by_key(|check| std::cmp::Reverse(check.result));
    if open.is_empty() && !checks.is_empty() {
        return vec![format!("all {} checks pass", checks.len())];
    }
    open.iter().map(|check| format!("{}: {}", check.name, check.reason)).collect()
}

#[cfg(test)]
mod tests;
