//! What an account has, as describe calls answer it.
//!
//! The names of fields are compared without regard to case: an integration of a state machine writes `DbInstances` where
//! the API says `DBInstances`, and others begin with a small letter.

use crate::time::{self, Millis};
use serde_json::{Value, json};

/// The parts of an inventory, and the list within the answer that each is.
pub const PARTS: [(&str, &str); 8] = [
    ("loadBalancers", "LoadBalancers"),
    ("databases", "DBInstances"),
    ("logGroups", "LogGroups"),
    ("addresses", "Addresses"),
    ("volumes", "Volumes"),
    ("natGateways", "NatGateways"),
    ("repositories", "Repositories"),
    ("images", "ImageDetails"),
];

/// The field `inventory` of a payload.
#[derive(Debug, Clone, Copy)]
pub struct Inventory<'a>(&'a Value);

/// One thing of an inventory.
#[derive(Debug, Clone, Copy)]
pub struct Thing<'a>(&'a Value);

impl<'a> Inventory<'a> {
    /// That of a payload.
    pub fn of_payload(payload: &'a Value) -> Self {
        Self(&payload["inventory"])
    }

    /// The things of a part: a list, an answer that has the list, or a list of answers. `None` when it was not passed.
    pub fn part(&self, name: &str) -> Option<Vec<Thing<'a>>> {
        let inner = PARTS.iter().find(|(part, _)| *part == name).map(|(_, inner)| *inner)?;
        let value = self.0.get(name).filter(|value| !value.is_null())?;
        let mut things = Vec::new();
        let answers = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for answer in answers {
            match Thing(answer).get(inner).and_then(Value::as_array) {
                Some(list) => things.extend(list.iter().map(Thing)),
                None if value.is_array() => things.push(Thing(answer)),
                None => {}
            }
        }
        Some(things)
    }

    /// What was not passed and what that means, one text each.
    pub fn missing(&self) -> Vec<String> {
        let missing = PARTS.into_iter().filter(|(name, _)| self.part(name).is_none());
        missing.map(|(name, _)| format!("inventory.{name} was not passed: nothing is said of them")).collect()
    }
}

impl<'a> Thing<'a> {
    /// A field; null counts as absent.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let fields = self.0.as_object()?;
        let exact = fields.get(name);
        let found =
            exact.or_else(|| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value));
        found.filter(|value| !value.is_null())
    }

    /// A text that is not empty.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    /// A time: RFC 3339, or milliseconds since 1970, or seconds as the API's JSON writes them.
    pub fn time(&self, name: &str) -> Option<Millis> {
        let value = self.get(name)?;
        if let Some(number) = value.as_f64() {
            // Seconds stay below this until the year 5138, milliseconds were above it since 1973.
            return Some(if number.abs() < 1e11 { (number * 1_000.0) as Millis } else { number as Millis });
        }
        time::parse(&json!(value))
    }

    /// A field of an object within.
    pub fn within(&self, name: &str) -> Thing<'a> {
        const NONE: &Value = &Value::Null;
        Thing(self.get(name).unwrap_or(NONE))
    }

    /// The texts of a list.
    pub fn texts(&self, name: &str) -> Vec<&'a str> {
        self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_in_every_form() {
        let payload = json!({"inventory": {
            "databases": {"DbInstances": [{"DbInstanceIdentifier": "orders"}]},
            "volumes": [{"Volumes": [{"VolumeId": "vol-1"}]}, {"Volumes": [{"VolumeId": "vol-2"}]}],
            "addresses": [{"PublicIp": "192.0.2.1", "AssociationId": null}], "logGroups": {}}});
        let inventory = Inventory::of_payload(&payload);
        assert_eq!(inventory.part("databases").unwrap()[0].text("DBInstanceIdentifier"), Some("orders"));
        assert_eq!(inventory.part("volumes").unwrap().len(), 2);
        assert_eq!(inventory.part("addresses").unwrap()[0].get("AssociationId"), None);
        assert!(inventory.part("logGroups").unwrap().is_empty() && inventory.part("images").is_none());
        let missing = inventory.missing();
        assert_eq!(missing.len(), 4);
        assert!(missing[0].starts_with("inventory.loadBalancers was not passed"), "{missing:?}");
    }

    #[test]
    fn times_are_read_in_every_form() {
        let value = json!({"a": "2026-05-28T20:26:40Z", "b": 1_780_000_000_000_i64, "c": 1_780_000_000.0, "d": "soon"});
        let times = ["a", "b", "c", "d"].map(|name| Thing(&value).time(name));
        assert_eq!(times, [Some(1_780_000_000_000), Some(1_780_000_000_000), Some(1_780_000_000_000), None]);
    }
}
