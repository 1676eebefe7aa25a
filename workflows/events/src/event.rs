//! Events as targets receive them, and names that follow from what they name.

use execution::Millis;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::schedule::written;

/// The account and the region of this bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Place {
    pub(crate) fn rule(&self, bus: &str, name: &str) -> String {
        if bus == DEFAULT {
            self.arn("events", &format!("rule/{name}"))
        } else {
            self.arn("events", &format!("rule/{bus}/{name}"))
        }
    }

    pub(crate) fn bus(&self, name: &str) -> String {
        self.arn("events", &format!("event-bus/{name}"))
    }

    pub(crate) fn schedule(&self, group: &str, name: &str) -> String {
        self.arn("scheduler", &format!("schedule/{group}/{name}"))
    }

    pub(crate) fn group(&self, name: &str) -> String {
        self.arn("scheduler", &format!("schedule-group/{name}"))
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }
}

/// The name of the bus, and of the group of schedules, that are always there.
pub(crate) const DEFAULT: &str = "default";

/// What an event says.
#[derive(Clone, Debug)]
pub(crate) struct Event<'a> {
    pub(crate) id: &'a str,
    pub(crate) source: &'a str,
    pub(crate) detail_type: &'a str,
    pub(crate) time: Millis,
    pub(crate) resources: &'a [&'a str],
    pub(crate) detail: Value,
}

impl Event<'_> {
    /// The event in its envelope.
    pub(crate) fn envelope(self, place: &Place) -> Value {
        json!({
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": place.account,
            "time": written(self.time),
            "region": place.region,
            "resources": self.resources,
            "detail": self.detail,
        })
    }
}

/// A UUID that follows from `parts`: the same parts give the same, whatever happened in between.
pub(crate) fn id_of(parts: &[&str]) -> String {
    let mut bytes = digest(parts);
    // Version 8 of RFC 9562: whatever its maker says, here the first bits of SHA-256.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A number below `bound` that follows from `parts`.
pub(crate) fn number_of(parts: &[&str], bound: u64) -> u64 {
    let bytes = digest(parts);
    let number = bytes[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number.checked_rem(bound).unwrap_or(0)
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts read the same.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_their_parts_and_look_like_uuids() {
        let id = id_of(&["a", "b"]);
        assert_eq!(id, id_of(&["a", "b"]));
        assert_ne!(id, id_of(&["ab", ""]));
        assert_eq!((id.len(), &id[14..15]), (36, "8"));
        assert!(number_of(&["x"], 7) < 7);
        assert_eq!(number_of(&["x"], 0), 0);
    }

    #[test]
    fn rules_of_other_buses_name_them() {
        let place = Place { account: "1".to_owned(), region: "r".to_owned() };
        assert_eq!(place.rule("default", "a"), "arn:aws:events:r:1:rule/a");
        assert_eq!(place.rule("b", "a"), "arn:aws:events:r:1:rule/b/a");
    }
}
