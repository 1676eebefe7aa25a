//! What the values mean: typed records over a [`Store`]. Values are JSON, so that a stranger can read them.

pub(crate) mod write;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use asl::{ExecutionType, Value};
use execution::{Event, Identity, Millis, Status};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{ChildRecord, Committer, Disk, Entry, MapRunRecord, Memory, Space, Store, StoreError, Write, key};
use crate::description::{
    Activity, MachineStatus, Publish, Revision, StateMachine, StateMachineAlias, StateMachineVersion, Tag,
};

/// What this server writes. A change that an older server would misread takes the next number.
/// 2: the listing of executions.
const FORMAT: u64 = 2;

/// Events in one record of the journal.
const RECORD_EVENTS: usize = 256;

/// SHA-256.
pub(crate) type Digest = [u8; 32];

/// The digest of `text`.
pub(crate) fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

/// The clock that a data directory's instants are on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClockRecord {
    pub(crate) origin: Millis,
    pub(crate) scale: f64,
    /// Milliseconds skipped; a directory in which none ever were does not say so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) skipped: Millis,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(millis: &Millis) -> bool {
    *millis == 0
}

/// A state machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MachineRecord {
    pub(crate) arn: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) definition: Arc<str>,
    pub(crate) role_arn: Arc<str>,
    pub(crate) express: bool,
    pub(crate) status: MachineStatus,
    pub(crate) creation_date: Millis,
    pub(crate) update_date: Millis,
    pub(crate) revision_id: Option<Arc<str>>,
    pub(crate) logging: Option<Value>,
    pub(crate) tracing: Option<Value>,
    pub(crate) encryption: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Tag>,
    #[serde(default)]
    pub(crate) last_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_with: Option<Publish>,
}

impl From<&StateMachine> for MachineRecord {
    fn from(machine: &StateMachine) -> Self {
        Self {
            arn: machine.arn.clone(),
            name: machine.name.clone(),
            definition: machine.definition.clone(),
            role_arn: machine.role_arn.clone(),
            express: machine.kind == ExecutionType::Express,
            status: machine.status,
            creation_date: machine.creation_date,
            update_date: machine.update_date,
            revision_id: machine.revision_id.clone(),
            logging: machine.logging.clone(),
            tracing: machine.tracing.clone(),
            encryption: machine.encryption.clone(),
            tags: machine.tags.clone(),
            last_version: machine.last_version,
            created_with: machine.created_with.clone(),
        }
    }
}

/// A version of a state machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) arn: Arc<str>,
    pub(crate) number: u64,
    pub(crate) description: Option<Arc<str>>,
    pub(crate) creation_date: Millis,
    pub(crate) machine_arn: Arc<str>,
    /// Digest of its definition's text.
    pub(crate) definition: Digest,
    pub(crate) role_arn: Arc<str>,
    pub(crate) express: bool,
    pub(crate) revision: Revision,
}

impl From<&StateMachineVersion> for VersionRecord {
    fn from(version: &StateMachineVersion) -> Self {
        Self {
            arn: version.arn.clone(),
            number: version.number,
            description: version.description.clone(),
            creation_date: version.creation_date,
            machine_arn: version.machine.arn.clone(),
            definition: digest(&version.machine.definition),
            role_arn: version.machine.role_arn.clone(),
            express: version.machine.kind == ExecutionType::Express,
            revision: Revision::from(&*version.machine),
        }
    }
}

/// The task that started an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The execution of the task.
    pub(crate) arn: Arc<str>,
    pub(crate) frame: u32,
    pub(crate) attempt: u32,
}

/// How and when an execution ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// As the API spells it.
    pub(crate) status: String,
    pub(crate) at: Millis,
}

/// A change of an execution's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangeRecord {
    pub(crate) arn: Arc<str>,
    /// As the API spells it.
    pub(crate) status: String,
    pub(crate) at: Millis,
    /// Events in its journal then.
    pub(crate) events: u64,
    pub(crate) redrive_count: u32,
    pub(crate) redrive_date: Option<Millis>,
}

/// The redrives of an execution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redrives {
    pub(crate) count: u32,
    /// When the last one was.
    pub(crate) last: Millis,
    /// The tokens of the latest requests, and when each was used, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tokens: Vec<(Arc<str>, Millis)>,
}

/// An execution; its input and output are in its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExecutionRecord {
    /// Names it in keys; never used twice.
    pub(crate) number: u64,
    pub(crate) identity: Identity,
    /// Digest of its definition's text.
    pub(crate) definition: Digest,
    /// Digest of its input's compact text.
    pub(crate) input: Digest,
    pub(crate) start_date: Millis,
    pub(crate) ended: Option<Ended>,
    /// The task that started it, where one did.
    pub(crate) origin: Option<Origin>,
    /// The version that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version_arn: Option<Arc<str>>,
    /// The alias that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alias_arn: Option<Arc<str>>,
    /// The revision of its machine; servers before versions did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<Revision>,
    /// Absent until the first redrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redrives: Option<Redrives>,
    /// What it is of a Map Run, where one started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) child: Option<ChildRecord>,
    /// The X-Ray header that it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace_header: Option<Arc<str>>,
}

impl ExecutionRecord {
    /// ARN of the state machine that it belongs to: for a child of a Map Run, the machine of the Map state.
    pub(crate) fn machine_arn(&self) -> &str {
        let arn = &self.identity.state_machine_arn;
        arn.split_once('/').map_or(arn, |(machine, _)| machine)
    }

    /// What it is listed under: the name of its state machine, or the ARN of its Map Run.
    pub(crate) fn group(&self) -> &str {
        self.child.as_ref().map_or(&self.identity.state_machine_name, |child| &child.map_run)
    }

    /// Where it stands, as far as the disk knows.
    pub(crate) fn status(&self) -> Status {
        self.ended.as_ref().and_then(|ended| status_from_name(&ended.status)).unwrap_or(Status::Running)
    }
}

/// The API's word for a status.
pub(crate) const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed => "FAILED",
        Status::TimedOut => "TIMED_OUT",
        Status::Aborted => "ABORTED",
    }
}

/// The status that the API calls `name`.
pub(crate) fn status_from_name(name: &str) -> Option<Status> {
    [Status::Running, Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted]
        .into_iter()
        .find(|status| status_name(*status) == name)
}

/// The format of what is in `store`; 0, as before formats had numbers, where it does not say.
///
/// # Errors
/// It is newer than what this server reads.
pub(super) fn format_of(store: &dyn Store, directory: &Path) -> Result<u64, StoreError> {
    match get::<u64>(store, Space::Meta, b"format")?.unwrap_or(0) {
        found if found > FORMAT => Err(StoreError::Format { directory: directory.to_owned(), found, expected: FORMAT }),
        found => Ok(found),
    }
}

/// A store with its committer.
pub(crate) struct Records {
    store: RwLock<Option<Arc<dyn Store>>>,
    pub(crate) committer: Committer,
}

impl Records {
    /// Opens the store in `directory`, or one in memory.
    pub(crate) fn open(directory: Option<&Path>) -> Result<Self, StoreError> {
        match directory {
            Some(directory) => Self::over(Arc::new(Disk::open(directory)?), directory),
            None => Self::over(Arc::new(Memory::default()), Path::new("(memory)")),
        }
    }

    /// Checks the format of `store`; brings an older or a new one to this server's.
    pub(crate) fn over(store: Arc<dyn Store>, directory: &Path) -> Result<Self, StoreError> {
        if format_of(&*store, directory)? < FORMAT {
            migrate(&*store)?;
        }
        let committer = Committer::start(Arc::clone(&store))
            .map_err(|error| StoreError::Disk { directory: directory.to_owned(), reason: error.to_string() })?;
        Ok(Self { store: RwLock::new(Some(store)), committer })
    }

    /// Makes durable what is under way and lets go of the directory.
    pub(crate) fn close(&self) {
        self.committer.close();
        self.store.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Everything, to be backed up.
    pub(crate) fn store(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)
    }

    /// Bytes of the store on disk; `None` where it is in memory or closed.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.store().ok()?.bytes()
    }

    /// The clock that the instants in this store are on.
    pub(crate) fn clock(&self) -> Result<Option<ClockRecord>, StoreError> {
        get(&*self.store()?, Space::Meta, b"clock")
    }

    /// Whether changes of executions' statuses are kept until they are taken.
    pub(crate) fn announces(&self) -> Result<bool, StoreError> {
        Ok(get(&*self.store()?, Space::Meta, b"announces")?.unwrap_or(false))
    }

    /// The first `most` changes of executions' statuses that nobody has taken, oldest first, with their keys.
    pub(crate) fn changes(&self, most: usize) -> Result<Vec<(Vec<u8>, ChangeRecord)>, StoreError> {
        let mut found = Vec::new();
        let stopped = self.store()?.scan(Space::Changes, b"", &mut |key, value| {
            if found.len() == most {
                // Only ends the scan.
                return Err(StoreError::Closed);
            }
            found.push((key.to_vec(), decode(Space::Changes, key, value)?));
            Ok(())
        });
        match stopped {
            Err(StoreError::Closed) if found.len() == most => Ok(found),
            other => other.map(|()| found),
        }
    }

    /// What is kept under keys that begin with `prefix`, by key.
    pub(crate) fn kept(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut found = Vec::new();
        self.store()?.scan(Space::Kept, prefix.as_bytes(), &mut |key, value| {
            found.push((decode_text(Space::Kept, key, key)?.to_string(), value.to_vec()));
            Ok(())
        })?;
        Ok(found)
    }

    /// Every state machine, by ARN.
    pub(crate) fn machines(&self) -> Result<Vec<MachineRecord>, StoreError> {
        self.all(Space::Machines, b"")
    }

    /// Every version of a state machine.
    pub(crate) fn versions(&self) -> Result<Vec<VersionRecord>, StoreError> {
        self.all(Space::Versions, b"")
    }

    /// Every alias, by ARN.
    pub(crate) fn aliases(&self) -> Result<Vec<StateMachineAlias>, StoreError> {
        self.all(Space::Aliases, b"")
    }

    /// Every activity, by ARN.
    pub(crate) fn activities(&self) -> Result<Vec<Activity>, StoreError> {
        self.all(Space::Activities, b"")
    }

    /// The execution of this ARN.
    pub(crate) fn execution(&self, arn: &str) -> Result<Option<ExecutionRecord>, StoreError> {
        get(&*self.store()?, Space::Executions, arn.as_bytes())
    }

    /// The executions whose ARNs begin with `prefix`.
    pub(crate) fn executions(&self, prefix: &str) -> Result<Vec<ExecutionRecord>, StoreError> {
        self.all(Space::Executions, prefix.as_bytes())
    }

    /// Shows the executions whose ARNs begin with `prefix` one by one: there may be a million.
    pub(crate) fn visit_executions(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(&ExecutionRecord),
    ) -> Result<(), StoreError> {
        self.store()?.scan(Space::Executions, prefix.as_bytes(), &mut |key, value| {
            visit(&decode(Space::Executions, key, value)?);
            Ok(())
        })
    }

    /// Numbers and ARNs of the executions of `group`, newest first: `most` at most, those `after` the one of this number.
    pub(crate) fn listed(
        &self,
        group: &str,
        after: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Arc<str>)>, StoreError> {
        let after = after.map(|number| key::listed(group, number));
        let entries = self.store()?.page(Space::Listing, &key::group(group), after.as_deref(), most)?;
        let read = |(key, value): Entry| {
            let number =
                key::parse_listed(&key).ok_or_else(|| undecodable(Space::Listing, &key, "it has no number"))?;
            Ok((number, decode_text(Space::Listing, &key, &value)?))
        };
        entries.into_iter().map(read).collect()
    }

    /// The Map Run of this ARN.
    pub(crate) fn map_run(&self, arn: &str) -> Result<Option<MapRunRecord>, StoreError> {
        get(&*self.store()?, Space::MapRuns, arn.as_bytes())
    }

    /// The Map Runs whose ARNs begin with `prefix`.
    pub(crate) fn map_runs(&self, prefix: &str) -> Result<Vec<MapRunRecord>, StoreError> {
        self.all(Space::MapRuns, prefix.as_bytes())
    }

    /// ARNs of the open executions, oldest first.
    pub(crate) fn open_executions(&self) -> Result<Vec<Arc<str>>, StoreError> {
        let mut arns = Vec::new();
        self.store()?.scan(Space::Open, b"", &mut |key, value| {
            arns.push(decode_text(Space::Open, key, value)?);
            Ok(())
        })?;
        Ok(arns)
    }

    /// The text of a definition.
    pub(crate) fn definition(&self, digest: &Digest) -> Result<Arc<str>, StoreError> {
        match self.store()?.get(Space::Definitions, digest)? {
            Some(text) => decode_text(Space::Definitions, digest, &text),
            None => Err(missing(Space::Definitions, digest)),
        }
    }

    /// The events of an execution, in order. A gap is an error.
    pub(crate) fn journal(&self, number: u64) -> Result<Vec<Event>, StoreError> {
        let mut events: Vec<Event> = Vec::new();
        self.store()?.scan(Space::Journal, &key::number(number), &mut |key, value| {
            let expected = events.len() as u64;
            match key::parse_journal(key) {
                Some((_, index)) if index == expected => {}
                _ => return Err(missing(Space::Journal, &key::journal(number, expected))),
            }
            events.append(&mut decode::<Vec<Event>>(Space::Journal, key, value)?);
            Ok(())
        })?;
        Ok(events)
    }

    /// The events of an execution from `index` on, where a record begins, and the bytes of their records. A gap is an
    /// error.
    pub(crate) fn journal_from(&self, number: u64, index: u64) -> Result<(Vec<Event>, usize), StoreError> {
        let store = self.store()?;
        let (mut events, mut bytes) = (Vec::new(), 0);
        loop {
            let next = index + events.len() as u64;
            let key = key::journal(number, next);
            let value = match store.get(Space::Journal, &key)? {
                Some(value) => value,
                None if self.last_record(number)? < Some(next) => return Ok((events, bytes)),
                // It came this moment, or never.
                None => store.get(Space::Journal, &key)?.ok_or_else(|| missing(Space::Journal, &key))?,
            };
            bytes += value.len();
            events.append(&mut decode::<Vec<Event>>(Space::Journal, &key, &value)?);
        }
    }

    /// Index of the first event in the last record of an execution's journal.
    fn last_record(&self, number: u64) -> Result<Option<u64>, StoreError> {
        let last = self.store()?.last(Space::Journal, &key::number(number))?;
        Ok(last.and_then(|(key, _)| key::parse_journal(&key)).map(|(_, index)| index))
    }

    /// The first and the last event of an execution.
    pub(crate) fn journal_ends(&self, number: u64) -> Result<Option<(Event, Event)>, StoreError> {
        let store = self.store()?;
        let first = store.get(Space::Journal, &key::journal(number, 0))?;
        let last = store.last(Space::Journal, &key::number(number))?;
        let (Some(first), Some((last_key, last))) = (first, last) else { return Ok(None) };
        let mut first = decode::<Vec<Event>>(Space::Journal, &key::journal(number, 0), &first)?;
        let last = decode::<Vec<Event>>(Space::Journal, &last_key, &last)?.pop();
        Ok((!first.is_empty()).then(|| first.swap_remove(0)).zip(last))
    }

    /// A number that no execution has had.
    pub(crate) fn next_number(&self) -> Result<u64, StoreError> {
        let last = self.store()?.last(Space::Journal, b"")?;
        Ok(last.and_then(|(key, _)| key::parse_journal(&key)).map_or(0, |(number, _)| number + 1))
    }

    /// What takes an execution away, with its journal.
    pub(crate) fn traces(&self, record: &ExecutionRecord) -> Result<Vec<Write>, StoreError> {
        let mut writes = vec![write::no_execution(&record.identity.arn)];
        self.store()?.scan(Space::Journal, &key::number(record.number), &mut |key, _| {
            writes.push(Write { space: Space::Journal, key: key.to_vec(), value: None });
            Ok(())
        })?;
        Ok(writes)
    }

    fn all<T: DeserializeOwned>(&self, space: Space, prefix: &[u8]) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.store()?.scan(space, prefix, &mut |key, value| {
            found.push(decode(space, key, value)?);
            Ok(())
        })?;
        Ok(found)
    }
}

/// Executions whose places in the listing are written at once.
const LISTED_AT_ONCE: usize = 4096;

/// Brings an older store to this format, or stamps a new one. A crash in the middle leaves it to the next opening.
fn migrate(store: &dyn Store) -> Result<(), StoreError> {
    let mut writes = Vec::new();
    store.scan(Space::Executions, b"", &mut |key, value| {
        let record: ExecutionRecord = decode(Space::Executions, key, value)?;
        writes.extend(write::listed(&record));
        if writes.len() < LISTED_AT_ONCE {
            return Ok(());
        }
        store.commit(std::mem::take(&mut writes))
    })?;
    writes.push(put(Space::Meta, b"format".to_vec(), &FORMAT));
    store.commit(writes)
}

#[expect(
    clippy::expect_used,
    reason = "records are plain data with text keys: JSON takes them, and memory is all it writes to"
)]
fn put<T: Serialize>(space: Space, key: Vec<u8>, value: &T) -> Write {
    Write { space, key, value: Some(serde_json::to_vec(value).expect("a record has a JSON form")) }
}

fn text(space: Space, key: Vec<u8>, text: &str) -> Write {
    Write { space, key, value: Some(text.as_bytes().to_vec()) }
}

fn get<T: DeserializeOwned>(store: &dyn Store, space: Space, key: &[u8]) -> Result<Option<T>, StoreError> {
    store.get(space, key)?.map(|value| decode(space, key, &value)).transpose()
}

fn decode<T: DeserializeOwned>(space: Space, key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    let mut reader = serde_json::Deserializer::from_slice(value);
    // What was written may nest deeper than what the API lets in: states build values too.
    reader.disable_recursion_limit();
    T::deserialize(&mut reader)
        .and_then(|decoded| reader.end().map(|()| decoded))
        .map_err(|error| undecodable(space, key, &error.to_string()))
}

fn decode_text(space: Space, key: &[u8], value: &[u8]) -> Result<Arc<str>, StoreError> {
    std::str::from_utf8(value).map(Arc::from).map_err(|error| undecodable(space, key, &error.to_string()))
}

fn undecodable(space: Space, key: &[u8], reason: &str) -> StoreError {
    StoreError::Undecodable { space: space.name(), key: key::printable(key), reason: reason.to_owned() }
}

fn missing(space: Space, key: &[u8]) -> StoreError {
    StoreError::Missing { space: space.name(), key: key::printable(key) }
}
