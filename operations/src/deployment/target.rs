//! Which service a payload is about.

use crate::catalogue::Entry;
use crate::error::{Error, Kind};
use crate::field::Object;
use serde_json::Value;

/// A service and its catalogue entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The entry, which is of a service and says how it is released.
    pub entry: Entry,
    /// The cluster; absent when neither the entry nor the payload names one.
    pub cluster: Option<String>,
    /// The service's name.
    pub service: String,
}

impl Target {
    /// Reads `target`, `entry`, `cluster` and `service` of a payload. The entry comes first: it is what somebody reviewed.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field, `Ops.UnknownTarget` when the entry is another target's, `Ops.ConfigInvalid`
    /// when the entry is incomplete or the payload says something else, `Ops.NotApplicable` when it is no service's.
    pub fn parse(payload: &Value) -> Result<Self, Error> {
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let target = object.text("target")?;
        let item = object.get("entry").ok_or_else(|| object.error("entry", "is missing: pass the catalogue entry"))?;
        let entry = Entry::parse(item)?;
        if entry.catalog_id != target {
            let message = format!("target is {target:?} but entry.catalogId is {:?}", entry.catalog_id);
            return Err(Error::new(Kind::UnknownTarget, message));
        }
        entry.deployment()?;
        let service = entry.service()?;
        let agreed = |name: &str, own: Option<&str>| match (own, object.optional_text(name)?) {
            (Some(own), Some(given)) if own != given => {
                let message =
                    format!("{name} is {given:?} but entry.{name} is {own:?}: correct the catalogue entry or");
                Err(Error::new(Kind::ConfigInvalid, format!("{message} the environment of the hook")))
            }
            (own, given) => Ok(own.or(given).map(str::to_owned)),
        };
        let cluster = agreed("cluster", service.cluster.as_deref())?;
        let name = agreed("service", Some(&service.service))?.unwrap_or_default();
        Ok(Self { cluster, service: name, entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use serde_json::json;

    #[test]
    fn the_entry_comes_first_and_must_agree() {
        let mut payload = json!({"target": "checkout", "entry": samples::checkout(), "service": "checkout"});
        let target = Target::parse(&payload).unwrap();
        assert_eq!((target.cluster.as_deref(), target.service.as_str()), (Some("production"), "checkout"));
        payload["cluster"] = json!("staging");
        assert_eq!(Target::parse(&payload).unwrap_err().kind(), Kind::ConfigInvalid);
        payload["target"] = json!("orders");
        assert_eq!(Target::parse(&payload).unwrap_err().kind(), Kind::UnknownTarget);
        let payload = json!({"target": "database", "entry": samples::database()});
        assert_eq!(Target::parse(&payload).unwrap_err().kind(), Kind::NotApplicable);
    }
}
