//! Raising a namespace's version.

use crate::Performed;
use clients::{failure, redis as connection};
use operations::Error;
use operations::call::Call;
use operations::catalogue::Entry;
use operations::error::Kind;
use operations::plan::{Plan, invalidation};
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};

/// The step, checked.
pub(crate) struct Step {
    key: String,
    before: i64,
    wanted: i64,
}

impl Step {
    /// Reads the plan's call; its key must be the one of the entry's own namespace.
    pub(crate) fn of(plan: &Plan, call: &Call, entry: &Entry) -> Result<Self, Error> {
        let parameters = call.parameters("plan.calls[0]", &["key"])?;
        let key = parameters.text("key")?.to_owned();
        let own = entry.cache()?.namespace.as_deref().map(invalidation::version_key);
        if own.as_ref() != Some(&key) {
            return Err(parameters.error("key", "is not the version key of entry.namespace: plan again"));
        }
        let version = |state: &Value, name: &str| {
            let missing = || Error::new(Kind::InvalidInput, format!("plan.{name}.version is missing: plan again"));
            state.get("version").and_then(Value::as_i64).ok_or_else(missing)
        };
        Ok(Self { key, before: version(&plan.before, "before")?, wanted: version(&plan.after, "after")? })
    }

    /// Raises the version unless it is there.
    pub(crate) async fn take(&self, redis: &mut MultiplexedConnection) -> Result<Performed, Error> {
        let now = connection::version(redis, &self.key).await?;
        if now >= self.wanted {
            return Ok(Performed { after: json!({"key": self.key, "version": now}), sent: false });
        }
        if now < self.before {
            let message = format!("{} is {now}, it was {}: the cache lost its data; plan again", self.key, self.before);
            return Err(Error::new(Kind::PreconditionFailed, message));
        }
        let raised: i64 = redis::cmd("INCR")
            .arg(&self.key)
            .query_async(redis)
            .await
            .map_err(|error| failure::of_redis("INCR", &error))?;
        Ok(Performed { after: json!({"key": self.key, "version": raised}), sent: true })
    }
}
