//! When nothing about a service's autoscaling is changed, whatever would be better.

use crate::catalogue::Entry;
use crate::history::{DAY_MS, HOUR_MS};
use crate::time::{self, Millis};

/// How long after a deployment or a change of autoscaling its effect is still being seen, milliseconds.
pub const SETTLING_MS: Millis = DAY_MS;

/// What has happened to a service lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lately {
    /// Whether a deployment is running.
    pub deploying: bool,
    /// When the last deployment ended, in milliseconds since 1970.
    pub deployed_at: Option<Millis>,
    /// When its autoscaling was last changed, in milliseconds since 1970.
    pub changed_at: Option<Millis>,
}

/// Why nothing is changed at a time; empty when it may be.
pub fn reasons(entry: &Entry, lately: &Lately, at: Millis) -> Vec<String> {
    let mut reasons = Vec::new();
    let name = &entry.catalog_id;
    let ago = |then: Millis| (at - then) / HOUR_MS;
    let recent = |then: &Millis| at - then < SETTLING_MS;
    if lately.deploying {
        reasons.push(format!("a deployment of {name} is running: wait for it, and a day longer"));
    } else if let Some(ended) = lately.deployed_at.filter(recent) {
        reasons.push(format!("a deployment of {name} ended {} h ago: wait for 24 h", ago(ended)));
    }
    if let Some(changed) = lately.changed_at.filter(recent) {
        reasons.push(format!("autoscaling of {name} was changed {} h ago: wait for 24 h", ago(changed)));
    }
    if let Some(until) = entry.frozen_until.filter(|until| at < *until) {
        reasons.push(format!("{name} is frozen until {}", time::text(until)));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;

    #[test]
    fn what_is_still_settling_is_left_alone() {
        let entry = samples::entry(samples::api());
        let now = 100 * DAY_MS;
        let told = |lately| reasons(&entry, &lately, now);
        assert!(told(Lately::default()).is_empty());
        assert_eq!(told(Lately { deploying: true, ..Lately::default() }).len(), 1);
        let ended = |hours| told(Lately { deployed_at: Some(now - hours * HOUR_MS), ..Lately::default() });
        assert_eq!(ended(23), ["a deployment of api ended 23 h ago: wait for 24 h"]);
        assert!(ended(24).is_empty());
        let changed = |hours| told(Lately { changed_at: Some(now - hours * HOUR_MS), ..Lately::default() });
        assert_eq!(changed(2), ["autoscaling of api was changed 2 h ago: wait for 24 h"]);
        assert!(changed(30).is_empty());
    }

    #[test]
    fn a_frozen_service_is_left_alone() {
        let mut item = samples::api();
        item["frozenUntil"] = serde_json::json!("1970-01-03T00:00:00Z");
        let entry = samples::entry(item);
        assert_eq!(reasons(&entry, &Lately::default(), DAY_MS), ["api is frozen until 1970-01-03T00:00:00Z"]);
        assert!(reasons(&entry, &Lately::default(), 2 * DAY_MS).is_empty());
    }
}
