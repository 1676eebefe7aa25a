//! Whether an action may be taken: at once, after approval, or not at all.

use crate::catalogue::{Entry, Release, Resource};
use crate::diagnosis::{Cause, Diagnosis};
use crate::incident::{Action, Event};
use crate::time::{self, Millis};
use serde::Serialize;

/// A decision and why it fell so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// `automatic`, `approval` or `forbidden`.
    pub decision: &'static str,
    /// One sentence per rule that had a say, the deciding ones first.
    pub reasons: Vec<String>,
}

/// Decides: the strictest of all rules wins.
///
/// The catalogue can tighten the table of tiers but not loosen it, and an action it does not list is released by
/// approval only. `diagnosis` may be absent when it was not possible; an automatic release then needs none of the
/// rules that rest on it.
pub fn decide(event: &Event, entry: &Entry, diagnosis: Option<&Diagnosis>, now: Millis) -> Decision {
    if event.action == Action::NotifyHuman {
        return Decision {
            decision: Release::Automatic.name(),
            reasons: vec!["telling people is always allowed".into()],
        };
    }
    let mut findings = vec![by_tier(event.action, entry), by_catalogue(event.action, entry)];
    findings.extend(by_freeze(entry, now));
    findings.extend(diagnosis.and_then(|diagnosis| by_diagnosis(event.action, diagnosis)));
    // A stable sort: among equally strict rules the more general one speaks first.
    findings.sort_by_key(|(release, _)| std::cmp::Reverse(*release));
    let release = findings.first().map_or(Release::Forbidden, |(release, _)| *release);
    Decision { decision: release.name(), reasons: findings.into_iter().map(|(_, reason)| reason).collect() }
}

/// The table tier × action.
fn by_tier(action: Action, entry: &Entry) -> (Release, String) {
    let name = &entry.catalog_id;
    match (&entry.resource, action) {
        (Resource::Database(_), Action::ScaleUp) if entry.environment == "production" => {
            (Release::Approval, "changing a production database's class causes an outage: a person decides".into())
        }
        _ if entry.tier == 0 => (Release::Approval, format!("{name} is tier 0: a person decides about {action}")),
        (Resource::Cache(_), Action::ScaleUp) if entry.tier <= 1 => {
            (Release::Approval, format!("resizing a tier {} cache needs a person", entry.tier))
        }
        _ => (Release::Automatic, format!("tier {} permits {action} at once", entry.tier)),
    }
}

fn by_catalogue(action: Action, entry: &Entry) -> (Release, String) {
    if !entry.allowed_actions.contains(&action) {
        return (Release::Forbidden, format!("the catalogue does not allow {action} on {}", entry.catalog_id));
    }
    match entry.approvals.get(&action) {
        Some(release) => (*release, format!("the catalogue releases {action} by {}", release.name())),
        None => (Release::Approval, format!("the catalogue does not say how {action} is released: a person decides")),
    }
}

fn by_freeze(entry: &Entry, now: Millis) -> Option<(Release, String)> {
    let until = entry.frozen_until.filter(|until| *until > now)?;
    Some((Release::Forbidden, format!("{} is frozen until {}", entry.catalog_id, time::text(until))))
}

fn by_diagnosis(action: Action, diagnosis: &Diagnosis) -> Option<(Release, String)> {
    let sure = diagnosis.confidence >= 0.8;
    match action {
        Action::ScaleUp if diagnosis.downstream_bound => {
            Some((Release::Forbidden, "the cause is downstream: more capacity would only put more load on it".into()))
        }
        Action::ScaleUp | Action::RestartService if diagnosis.cause == Cause::RecentDeployment && sure => Some((
            Release::Approval,
            "a recent deployment is the likely cause: rolling it back comes first, so a person decides".into(),
        )),
        Action::ClearCache if diagnosis.database_busy() => Some((
            Release::Approval,
            "the database has no headroom for the misses that follow: a person decides".into(),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn event(action: Action) -> Event {
        Event { action, target: "api".into(), incident_id: "i".into(), priority: None, requested_by: None }
    }

    fn decision(action: Action, item: Value, diagnosis: Option<Value>) -> Decision {
        let diagnosis = diagnosis.map(|value| Diagnosis::parse(&value).unwrap());
        decide(&event(action), &samples::entry(item), diagnosis.as_ref(), 1_000)
    }

    #[test]
    fn the_seeded_catalogue_decides_as_written() {
        assert_eq!(decision(Action::ScaleUp, samples::api(), None).decision, "automatic");
        assert_eq!(decision(Action::RestartService, samples::api(), None).decision, "automatic");
        assert_eq!(decision(Action::ScaleUp, samples::database(), None).decision, "approval");
        assert_eq!(decision(Action::ClearCache, samples::cache(), None).decision, "automatic");
        assert_eq!(decision(Action::ScaleUp, samples::cache(), None).decision, "approval");
    }

    #[test]
    fn what_the_catalogue_does_not_allow_is_forbidden() {
        let refused = decision(Action::ClearCache, samples::api(), None);
        assert_eq!(refused.decision, "forbidden");
        assert!(refused.reasons[0].contains("does not allow clear_cache"), "{refused:?}");
    }

    #[test]
    fn the_catalogue_cannot_loosen_a_production_database() {
        let mut item = samples::database();
        item["tier"] = json!(3);
        item["approvals"] = json!({"scale_up": "automatic"});
        assert_eq!(decision(Action::ScaleUp, item, None).decision, "approval");
    }

    #[test]
    fn a_freeze_forbids_until_it_ends() {
        let mut item = samples::api();
        item["frozenUntil"] = json!(1_001);
        assert_eq!(decision(Action::ScaleUp, item.clone(), None).decision, "forbidden");
        item["frozenUntil"] = json!(1_000);
        assert_eq!(decision(Action::ScaleUp, item, None).decision, "automatic");
    }

    #[test]
    fn the_cause_decides_too() {
        let downstream = json!({"cause": "downstream", "confidence": 0.8, "downstreamBound": true});
        assert_eq!(decision(Action::ScaleUp, samples::api(), Some(downstream)).decision, "forbidden");
        let deployed = json!({"cause": "recent-deployment", "confidence": 0.9, "downstreamBound": false});
        assert_eq!(decision(Action::RestartService, samples::api(), Some(deployed)).decision, "approval");
        let busy = json!({"cause": "unknown", "confidence": 0.3, "downstreamBound": false,
            "snapshot": {"databaseCpuPercent": 75.0}});
        assert_eq!(decision(Action::ClearCache, samples::cache(), Some(busy)).decision, "approval");
    }

    proptest! {
        #[test]
        fn the_decision_is_never_looser_than_the_catalogue(tier in 0u8..=3, listed in 0usize..4, action in 0usize..3) {
            let mut item = samples::api();
            item["tier"] = json!(tier);
            item["allowedActions"] = json!(["restart_service", "scale_up", "clear_cache"]);
            let releases = ["automatic", "approval", "forbidden"];
            item["approvals"] = releases.get(listed).map_or(json!({}), |release| {
                json!({"restart_service": release, "scale_up": release, "clear_cache": release})
            });
            let decided = decision(Action::ALL[action], item, None);
            let rank = |name: &str| releases.iter().position(|release| *release == name).unwrap();
            // Unlisted counts as approval.
            let least = if listed == 3 { 1 } else { listed };
            prop_assert!(rank(decided.decision) >= least);
            prop_assert!(tier != 0 || rank(decided.decision) >= 1);
        }
    }
}
