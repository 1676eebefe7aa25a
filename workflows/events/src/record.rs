//! What survives, and under which keys: JSON over what the engine keeps.

use engine::Change;
use execution::Millis;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::target::RetryPolicy;

/// An event bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BusRecord {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) created: Millis,
    pub(crate) modified: Millis,
}

/// A group of schedules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub(crate) name: String,
    pub(crate) created: Millis,
}

/// How far a schedule has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// When it was created: tells it from one of the same name before.
    pub(crate) created: Millis,
    /// What a rate counts from.
    pub(crate) anchor: Millis,
    /// Times up to this one have been seen to.
    pub(crate) seen: Millis,
    /// Times that came to nothing, since nobody was there.
    pub(crate) missed: u64,
}

impl Progress {
    /// Of a schedule that is created now: a time at this very moment is to come.
    pub(crate) const fn new(now: Millis) -> Self {
        Self { created: now, anchor: now, seen: now.saturating_sub(1), missed: 0 }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RuleRecord {
    pub(crate) bus: String,
    pub(crate) name: String,
    pub(crate) pattern: Option<String>,
    pub(crate) schedule: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) description: Option<String>,
    pub(crate) role: Option<String>,
    /// As they were given.
    pub(crate) targets: Vec<Value>,
    pub(crate) progress: Progress,
}

/// A schedule of EventBridge Scheduler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScheduleRecord {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) expression: String,
    /// UTC where it is absent.
    pub(crate) zone: Option<String>,
    pub(crate) start: Option<Millis>,
    pub(crate) end: Option<Millis>,
    pub(crate) enabled: bool,
    /// Minutes; `None`: at the time itself.
    pub(crate) window: Option<u32>,
    pub(crate) delete_after: bool,
    pub(crate) description: Option<String>,
    pub(crate) key_arn: Option<String>,
    /// As it was given.
    pub(crate) target: Value,
    pub(crate) modified: Millis,
    pub(crate) progress: Progress,
}

/// Something on its way to a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// The rule or the schedule.
    pub(crate) origin: String,
    pub(crate) target: String,
    /// What the target receives.
    pub(crate) input: String,
    /// The name of the execution: the same whenever it is tried.
    pub(crate) name: String,
    pub(crate) accepted: Millis,
    /// When it is tried next.
    pub(crate) due: Millis,
    /// Tries so far.
    pub(crate) tries: u32,
    pub(crate) retry: RetryPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_group: Option<String>,
    /// Why it cannot arrive, whatever the target says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// What did not arrive, and could not go to a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Undelivered {
    pub(crate) delivery: Delivery,
    pub(crate) at: Millis,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Something with a place in the store.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// What keys of its kind begin with.
    const KIND: &'static str;
}

impl Record for BusRecord {
    const KIND: &'static str = "bus/";
}

impl Record for GroupRecord {
    const KIND: &'static str = "group/";
}

impl Record for RuleRecord {
    const KIND: &'static str = "rule/";
}

impl Record for ScheduleRecord {
    const KIND: &'static str = "schedule/";
}

impl Record for Delivery {
    const KIND: &'static str = "delivery/";
}

impl Record for Undelivered {
    const KIND: &'static str = "undelivered/";
}

/// Numbers as keys, in their order.
pub(crate) fn numbered(number: u64) -> String {
    format!("{number:020}")
}

#[expect(clippy::expect_used, reason = "records are plain data with text keys: JSON takes them")]
pub(crate) fn put<T: Record>(key: &str, record: &T) -> Change {
    Change::Put(format!("{}{key}", T::KIND), serde_json::to_vec(record).expect("a record has a JSON form"))
}

pub(crate) fn remove<T: Record>(key: &str) -> Change {
    Change::Remove(format!("{}{key}", T::KIND))
}

/// Why what was kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The data directory cannot be read.
    #[error(transparent)]
    Store(#[from] engine::StoreError),
    /// A record is not what it was.
    #[error("the record {key} is damaged: {reason}; restore the data directory from a backup")]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Every record of a kind, with its key after the kind.
pub(crate) fn load<T: Record>(engine: &engine::Engine) -> Result<Vec<(String, T)>, LoadError> {
    let read = |(key, value): (String, Vec<u8>)| match serde_json::from_slice(&value) {
        Ok(record) => Ok((key[T::KIND.len()..].to_owned(), record)),
        Err(error) => Err(LoadError::Damaged { key, reason: error.to_string() }),
    };
    engine.kept(T::KIND)?.into_iter().map(read).collect()
}
