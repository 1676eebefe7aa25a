//! Making cached data unreachable without harming its neighbours.

use super::Plan;
use crate::call::Call;
use crate::catalogue::Entry;
use crate::diagnosis::Diagnosis;
use crate::error::{Error, Kind};
use crate::field::Object;
use crate::verify::{Request, Watch};
use serde_json::{Value, json};

/// Seconds until an invalidation that has not held counts as failed.
const DEADLINE_SECONDS: u32 = 600;
/// The most keys a deletion may remove, unless the entry says otherwise.
const MAX_KEYS: u32 = 100_000;
/// How many keys a deletion may remove in a second, unless the entry says otherwise.
const KEYS_PER_SECOND: u32 = 5_000;
/// How many keys one `SCAN` looks at.
pub const SCAN_COUNT: u32 = 500;

/// How to invalidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Raise the namespace's version: readers build their keys with it, so old ones are never asked for again and
    /// expire.
    Version {
        /// The namespace.
        namespace: String,
    },
    /// Delete the keys with a prefix, in slices.
    Prefix {
        /// The prefix.
        prefix: String,
    },
}

impl Mode {
    /// Reads the mode from a payload: its optional `prefix`, else the entry's namespace.
    ///
    /// # Errors
    /// `Ops.ActionNotAllowed` for a protected prefix, `Ops.ConfigInvalid` when neither is there,
    /// `Ops.NotApplicable` when the target is no cache.
    pub fn of_payload(payload: &Value, entry: &Entry) -> Result<Self, Error> {
        let cache = entry.cache()?;
        let body = Object::of(payload, "", Kind::InvalidInput)?;
        if let Some(prefix) = body.optional_text("prefix")? {
            if cache.protects(prefix) {
                let message = format!("prefix {prefix:?} reaches protected keys: choose a longer or another prefix");
                return Err(Error::new(Kind::ActionNotAllowed, message));
            }
            return Ok(Mode::Prefix { prefix: prefix.to_owned() });
        }
        let namespace = cache.namespace.clone().ok_or_else(|| {
            Error::new(Kind::ConfigInvalid, "entry.namespace is missing: set it, or give a prefix in the event")
        })?;
        if cache.protects(&namespace) {
            let message = format!("entry.namespace {namespace:?} is a protected prefix: choose another");
            return Err(Error::new(Kind::ConfigInvalid, message));
        }
        Ok(Mode::Version { namespace })
    }
}

/// The key that holds a namespace's version.
pub fn version_key(namespace: &str) -> String {
    format!("{namespace}:ver")
}

/// What a sample of the keys showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// All keys of the database.
    pub keys: u64,
    /// How many were looked at.
    pub sampled: u64,
    /// How many of those have the prefix.
    pub matching: u64,
    /// The shortest time to live among the matching ones, in seconds.
    pub shortest_ttl: Option<i64>,
    /// The longest.
    pub longest_ttl: Option<i64>,
    /// How many of the matching ones never expire.
    pub without_ttl: u64,
}

impl Sample {
    /// How many keys have the prefix, by proportion, rounded up.
    pub fn estimate(&self) -> u64 {
        if self.sampled == 0 { 0 } else { (self.matching * self.keys.max(self.sampled)).div_ceil(self.sampled) }
    }

    fn to_json(self) -> Value {
        json!({"keys": self.keys, "sampled": self.sampled, "matching": self.matching, "estimate": self.estimate(),
            "ttlSeconds": {"shortest": self.shortest_ttl, "longest": self.longest_ttl, "without": self.without_ttl}})
    }
}

/// Plans the rise of a namespace's version from `version`.
///
/// # Errors
/// `Ops.NotApplicable` when the target is no cache.
pub fn version(entry: &Entry, namespace: &str, version: i64, diagnosis: Option<&Diagnosis>) -> Result<Plan, Error> {
    entry.cache()?;
    let key = version_key(namespace);
    let next = version.saturating_add(1);
    Ok(Plan {
        calls: vec![Call::new("redis", "INCR", json!({"key": key}))],
        before: json!({"key": key, "version": version}),
        after: json!({"key": key, "version": next}),
        verify: watch(Some(key), next, diagnosis),
        summary: format!(
            "Invalidate namespace {namespace} of {}: version {version} becomes {next}; sessions, locks and queues stay",
            entry.catalog_id
        ),
        ..Plan::forward_only()
    })
}

/// Plans the deletion of the keys with a prefix.
///
/// # Errors
/// `Ops.BlastRadiusExceeded` when the sample says that more keys match than may be removed, `Ops.NotApplicable`
/// when none does, or the target is no cache.
pub fn prefix(entry: &Entry, prefix: &str, sample: Sample, diagnosis: Option<&Diagnosis>) -> Result<Plan, Error> {
    entry.cache()?;
    let most = entry.limits.max_keys.unwrap_or(MAX_KEYS);
    let pace = entry.limits.keys_per_second.unwrap_or(KEYS_PER_SECOND).max(1);
    let estimate = sample.estimate();
    if estimate > u64::from(most) {
        let message =
            format!("about {estimate} keys have the prefix {prefix:?}, the limit is {most}: use a longer prefix");
        return Err(Error::new(Kind::BlastRadiusExceeded, message));
    }
    if sample.keys == sample.sampled && sample.matching == 0 {
        return Err(Error::new(Kind::NotApplicable, format!("no key has the prefix {prefix:?}: nothing to clear")));
    }
    let parameters = json!({"prefix": prefix, "count": SCAN_COUNT, "maxKeys": most, "keysPerSecond": pace});
    Ok(Plan {
        calls: vec![Call::new("redis", "UNLINK", parameters)],
        before: sample.to_json(),
        after: json!({"matching": 0}),
        verify: watch(None, 0, diagnosis),
        summary: format!("Delete about {estimate} keys with prefix {prefix:?} of {} in slices", entry.catalog_id),
        ..Plan::forward_only()
    })
}

fn watch(key: Option<String>, version: i64, diagnosis: Option<&Diagnosis>) -> Value {
    let mut request = Request::new(Watch::CacheNamespace { key, version }, DEADLINE_SECONDS);
    let known = diagnosis.filter(|diagnosis| diagnosis.value("databaseCpuPercent").is_some());
    let id = known.and_then(|diagnosis| diagnosis.snapshot.get("databaseId")).and_then(Value::as_str);
    if let Some(id) = id {
        request.metrics = vec!["database".to_owned()];
        request.database_id = Some(id.to_owned());
    }
    request.to_json()
}

/// The prefix as a `MATCH` pattern: its own special characters escaped, then a star.
pub fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;

    fn cache() -> Entry {
        samples::entry(samples::cache())
    }

    #[test]
    fn the_default_raises_the_namespace_version() {
        let mode = Mode::of_payload(&json!({}), &cache()).unwrap();
        assert_eq!(mode, Mode::Version { namespace: "catalog".into() });
        let plan = version(&cache(), "catalog", 7, None).unwrap();
        assert_eq!(plan.calls, [Call::new("redis", "INCR", json!({"key": "catalog:ver"}))]);
        assert_eq!(plan.verify["version"], 8);
        assert_eq!(plan.verify["metrics"], json!([]));
    }

    #[test]
    fn protected_prefixes_are_refused() {
        for prefix in ["session:", "sess", "lock", "queue:mail"] {
            let error = Mode::of_payload(&json!({"prefix": prefix}), &cache()).unwrap_err();
            assert_eq!(error.kind(), Kind::ActionNotAllowed, "{prefix}");
        }
        assert!(Mode::of_payload(&json!({"prefix": "product:"}), &cache()).is_ok());
        let mut item = samples::cache();
        item["namespace"] = json!("session");
        assert_eq!(Mode::of_payload(&json!({}), &samples::entry(item)).unwrap_err().kind(), Kind::ConfigInvalid);
    }

    #[test]
    fn a_deletion_is_bounded_by_the_sample() {
        let sample = Sample { keys: 1_000_000, sampled: 1_000, matching: 200, ..Sample::default() };
        assert_eq!(sample.estimate(), 200_000);
        let refused = prefix(&cache(), "product:", sample, None).unwrap_err();
        assert_eq!(refused.kind(), Kind::BlastRadiusExceeded);
        let few = Sample { matching: 3, ..sample };
        let plan = prefix(&cache(), "product:", few, None).unwrap();
        assert_eq!(plan.calls[0].parameters["maxKeys"], 100_000);
        let none = Sample { keys: 10, sampled: 10, ..Sample::default() };
        assert_eq!(prefix(&cache(), "product:", none, None).unwrap_err().kind(), Kind::NotApplicable);
    }

    #[test]
    fn a_known_database_is_watched() {
        let known = json!({"cause": "unknown", "confidence": 0.3, "snapshot": {"databaseCpuPercent": 20.0,
            "databaseId": "orders-db"}});
        let known = Diagnosis::parse(&known).unwrap();
        let verify = version(&cache(), "catalog", 7, Some(&known)).unwrap().verify;
        assert_eq!((&verify["metrics"], &verify["databaseId"]), (&json!(["database"]), &json!("orders-db")));
    }

    #[test]
    fn patterns_match_the_prefix_literally() {
        assert_eq!(pattern("a*b[c]?"), "a\\*b\\[c\\]\\?*");
        assert_eq!(pattern("product:"), "product:*");
    }
}
