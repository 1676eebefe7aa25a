//! What is wrong with a service's performance: nine rules, each a pure function of what was observed.

mod cpu_bound;
mod downstream_bound;
mod imbalance;
mod memory_leak;
mod memory_pressure;
mod queueing;
mod regression;
mod slow_start;
mod trend;

pub use imbalance::imbalance_share;

use super::observed::Observed;
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use serde::{Deserialize, Serialize};

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The processor is short, and users wait for it.
    CpuBound,
    /// Memory is nearly used up, or was.
    MemoryPressure,
    /// Memory rises from restart to restart.
    MemoryLeak,
    /// Users wait for a database, not for the service.
    DownstreamBound,
    /// Some tasks do most of the work.
    Imbalance,
    /// New tasks take too long until they help.
    SlowStart,
    /// Connections are turned away.
    Queueing,
    /// A limit will be reached in weeks.
    Trend,
    /// It became slower, or dearer per request, at one moment.
    Regression,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 9] = [
        Rule::CpuBound,
        Rule::MemoryPressure,
        Rule::MemoryLeak,
        Rule::DownstreamBound,
        Rule::Imbalance,
        Rule::SlowStart,
        Rule::Queueing,
        Rule::Trend,
        Rule::Regression,
    ];

    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Rule::CpuBound => "cpu-bound",
            Rule::MemoryPressure => "memory-pressure",
            Rule::MemoryLeak => "memory-leak",
            Rule::DownstreamBound => "downstream-bound",
            Rule::Imbalance => "imbalance",
            Rule::SlowStart => "slow-start",
            Rule::Queueing => "queueing",
            Rule::Trend => "trend",
            Rule::Regression => "regression",
        }
    }

    /// What the rule finds; `None` when it finds nothing, or cannot know.
    pub fn find(self, observed: &Observed) -> Option<Finding> {
        match self {
            Rule::CpuBound => cpu_bound::find(observed),
            Rule::MemoryPressure => memory_pressure::find(observed),
            Rule::MemoryLeak => memory_leak::find(observed),
            Rule::DownstreamBound => downstream_bound::find(observed),
            Rule::Imbalance => imbalance::find(observed),
            Rule::SlowStart => slow_start::find(observed),
            Rule::Queueing => queueing::find(observed),
            Rule::Trend => trend::find(observed),
            Rule::Regression => regression::find(observed),
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The rule that found it.
    pub rule: Rule,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// One line a person reads.
    pub summary: String,
    /// What to do.
    pub recommendation: Recommendation,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// One line a person reads.
    pub summary: String,
    /// How it is.
    pub current: String,
    /// How it should be.
    pub proposed: String,
    /// US dollars per month; absent where it is not about money.
    pub saving_per_month: Option<f64>,
    /// How bad it would be to be wrong.
    pub risk: Risk,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// How it is taken back.
    pub undo: String,
}

/// Everything that is wrong, in the order of the rules.
pub fn findings(observed: &Observed) -> Vec<Finding> {
    Rule::ALL.into_iter().filter_map(|rule| rule.find(observed)).collect()
}

/// What to do, before a finding has its confidence.
struct Advice {
    summary: &'static str,
    current: String,
    proposed: String,
    risk: Risk,
    undo: &'static str,
}

impl Finding {
    fn new(rule: Rule, confidence: f64, summary: String, advice: Advice, evidence: Vec<Evidence>) -> Self {
        let confidence = (confidence.clamp(0.0, 0.99) * 100.0).round() / 100.0;
        let recommendation = Recommendation {
            summary: advice.summary.to_owned(),
            current: advice.current,
            proposed: advice.proposed,
            saving_per_month: None,
            risk: advice.risk,
            confidence,
            undo: advice.undo.to_owned(),
        };
        Self { rule, confidence, summary, recommendation, evidence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::sound;
    use serde_json::json;

    #[test]
    fn a_sound_service_and_one_that_nobody_watched_have_no_findings() {
        assert_eq!(findings(&sound()), []);
        assert_eq!(findings(&Observed::default()), []);
    }

    #[test]
    fn names_are_those_in_answers() {
        for rule in Rule::ALL {
            assert_eq!(json!(rule), json!(rule.name()));
        }
    }
}
