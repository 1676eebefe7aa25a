//! What one service could do about its costs, beside the size of its tasks.

use super::{Class, Recommendation, cents, worth};
use crate::price::{Architecture, Rate};
use crate::proposal::{Risk, Settings};
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde_json::json;

/// By how much capacity on Spot is cheaper at most, as its vendor says.
const SPOT_DISCOUNT: f64 = 0.7;
/// The least tier whose tasks may be taken away with two minutes' notice.
const SPOT_TIER: u8 = 2;
/// How long a task may take to stop on Spot, seconds.
const SPOT_STOP_SECONDS: u32 = 120;

/// What is known of a service that is not about its size.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts<'a> {
    /// Its ARN or name.
    pub resource: &'a str,
    /// 0 (most critical) to 3.
    pub tier: u8,
    /// How it scales, and its size.
    pub settings: &'a Settings,
    /// How many tasks run, as a mean.
    pub tasks: f64,
    /// What it costs, US dollars a month.
    pub cost: f64,
    /// What a task costs.
    pub rate: Rate,
    /// The processor that its tasks run on.
    pub architecture: Architecture,
    /// What its tasks would cost on ARM; absent where that is not known.
    pub arm: Option<Rate>,
    /// The processors that its images are made for; empty where nobody said.
    pub images: &'a [Architecture],
    /// Seconds until its slowest container is killed.
    pub stop_seconds: u32,
    /// Whether some of its tasks run on Spot already.
    pub spot: bool,
    /// The time.
    pub at: Millis,
}

/// What it could do: run on ARM, where all its images are made for it; run what is above the least number of tasks on
/// Spot, where it is not critical and stops in time.
pub fn recommend(facts: &Facts<'_>) -> Vec<Recommendation> {
    [arm(facts), spot(facts)].into_iter().flatten().collect()
}

fn arm(facts: &Facts<'_>) -> Option<Recommendation> {
    let rate = facts.arm.filter(|_| facts.architecture == Architecture::X86)?;
    if !facts.images.contains(&Architecture::Arm) {
        return None;
    }
    let Settings { cpu_units, memory_mib, .. } = *facts.settings;
    let share = rate.hour(cpu_units, memory_mib) / facts.rate.hour(cpu_units, memory_mib);
    let saving = facts.cost * (1.0 - share);
    worth(saving, facts.cost).then(|| Recommendation {
        id: "arm".to_owned(),
        class: Class::Manual,
        resource: facts.resource.to_owned(),
        summary: format!(
            "Release it with cpuArchitecture ARM64, for which its image is made: {:.0} % cheaper, which pays unless it then \
             needs more than {:.0} % more tasks",
            (1.0 - share) * 100.0,
            (1.0 / share - 1.0) * 100.0
        ),
        current: json!({"cpuArchitecture": "X86_64"}),
        proposed: json!({"cpuArchitecture": "ARM64"}),
        saving_per_month: Some(cents(saving)),
        risk: Risk::Medium,
        confidence: 0.6,
        evidence: vec![Evidence::api("architectures of the image", json!(["X86_64", "ARM64"]), facts.at)],
        undo: "release it with cpuArchitecture X86_64".to_owned(),
    })
}

fn spot(facts: &Facts<'_>) -> Option<Recommendation> {
    if facts.spot || facts.tier < SPOT_TIER || facts.stop_seconds >= SPOT_STOP_SECONDS {
        return None;
    }
    let base = facts.settings.min_capacity;
    let above = (facts.tasks - f64::from(base)).max(0.0);
    let saving = above * facts.rate.month(facts.settings.cpu_units, facts.settings.memory_mib) * SPOT_DISCOUNT;
    worth(saving, facts.cost).then(|| Recommendation {
        id: "spot".to_owned(),
        class: Class::Manual,
        resource: facts.resource.to_owned(),
        summary: format!(
            "Keep {base} tasks on FARGATE (base {base}) and give the rest to FARGATE_SPOT: up to {:.0} % cheaper, and taken \
             away with two minutes' notice",
            SPOT_DISCOUNT * 100.0
        ),
        current: json!({"tasks": (facts.tasks * 10.0).round() / 10.0, "spot": 0}),
        proposed: json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "base": base, "weight": 0},
            {"capacityProvider": "FARGATE_SPOT", "weight": 1}]}),
        saving_per_month: Some(cents(saving)),
        risk: Risk::Medium,
        // The discount moves, and capacity may be missing.
        confidence: 0.4,
        evidence: vec![
            Evidence::metric("running tasks above the least number, mean", above, facts.at),
            Evidence::api("stopTimeout of the slowest container, seconds", json!(facts.stop_seconds), facts.at),
        ],
        undo: "set the capacity provider strategy back to FARGATE".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::tests::{prices, rate};
    use crate::proposal::tests::settings;

    fn found(change: impl FnOnce(&mut Facts<'_>)) -> Vec<String> {
        let settings = settings();
        let mut facts = Facts {
            resource: "api",
            tier: 2,
            settings: &settings,
            tasks: 9.0,
            cost: 162.2,
            rate: rate(),
            architecture: Architecture::X86,
            arm: prices().fargate("us-east-1", Architecture::Arm).ok(),
            images: &[Architecture::X86, Architecture::Arm],
            stop_seconds: 30,
            spot: false,
            at: 0,
        };
        change(&mut facts);
        recommend(&facts).into_iter().map(|one| format!("{} {:.0}", one.id, one.saving_per_month.unwrap())).collect()
    }

    #[test]
    fn arm_and_spot_are_recommended_where_they_may_be() {
        assert_eq!(found(|_| {}), ["arm 32", "spot 63"]);
        assert_eq!(found(|facts| facts.images = &[Architecture::X86]), ["spot 63"]);
        assert_eq!(found(|facts| facts.images = &[]), ["spot 63"], "nobody said");
        assert_eq!(found(|facts| facts.architecture = Architecture::Arm), ["spot 63"]);
        assert_eq!(found(|facts| facts.tier = 1), ["arm 32"]);
        assert_eq!(found(|facts| facts.stop_seconds = 120), ["arm 32"]);
        assert_eq!(found(|facts| facts.tasks = 4.0), ["arm 32"], "nothing is above the least number");
    }
}
