//! What survives: the only part that knows the disk.
//!
//! A store is a set of ordered key spaces with one operation that writes: a batch, applied as a whole and durable when
//! the call returns. [`records`] says what the keys and values mean, [`committer`] gathers the batches of everybody
//! into few.

mod backup;
mod committer;
mod disk;
#[cfg(test)]
mod gated;
mod inspect;
mod key;
mod map_run;
mod memory;
mod records;

use std::path::PathBuf;

pub(crate) use backup::send as send_backup;
pub use backup::{BackupError, Contents, backup_directory, restore_backup, verify_backup};
pub(crate) use committer::{Committer, Ticket};
pub(crate) use disk::Disk;
#[cfg(test)]
pub(crate) use gated::Gated;
pub(crate) use map_run::{ChildRecord, Counts, MapRunRecord, Progress, ResultFile, RunEnd, Span};
pub(crate) use memory::Memory;
pub(crate) use records::write;
pub(crate) use records::{
    ChangeRecord, ClockRecord, Digest, Ended, ExecutionRecord, MachineRecord, Origin, Records, Redrives, VersionRecord,
    digest, status_from_name, status_name,
};

/// A key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Space {
    /// What the store says of itself: format, clock.
    Meta,
    /// State machines.
    Machines,
    /// Versions of state machines.
    Versions,
    /// Aliases of state machines.
    Aliases,
    /// Texts of definitions, by their digests: an execution keeps the one it was started with.
    Definitions,
    /// Activities.
    Activities,
    /// Executions, open and closed.
    Executions,
    /// The executions of each state machine and each Map Run, newest first.
    Listing,
    /// The open executions.
    Open,
    /// Events.
    Journal,
    /// When executions are next due.
    Due,
    /// Runs of distributed Maps.
    MapRuns,
    /// Changes of executions' statuses that nobody has taken yet.
    Changes,
    /// What a crate beside the engine keeps here.
    Kept,
}

impl Space {
    /// All of them.
    pub(crate) const ALL: [Self; 14] = [
        Self::Meta,
        Self::Machines,
        Self::Versions,
        Self::Aliases,
        Self::Definitions,
        Self::Activities,
        Self::Executions,
        Self::Listing,
        Self::Open,
        Self::Journal,
        Self::Due,
        Self::MapRuns,
        Self::Changes,
        Self::Kept,
    ];

    /// The name on disk.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Machines => "machines",
            Self::Versions => "versions",
            Self::Aliases => "aliases",
            Self::Definitions => "definitions",
            Self::Activities => "activities",
            Self::Executions => "executions",
            Self::Listing => "listing",
            Self::Open => "open",
            Self::Journal => "journal",
            Self::Due => "due",
            Self::MapRuns => "map_runs",
            Self::Changes => "changes",
            Self::Kept => "kept",
        }
    }
}

/// One change: a value put under a key, or a key removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) space: Space,
    pub(crate) key: Vec<u8>,
    /// `None` removes the key.
    pub(crate) value: Option<Vec<u8>>,
}

/// A key and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// Called with each key and value of a scan; an error ends it.
pub(crate) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), StoreError> + 'a;

/// Called with each space, key and value of a snapshot; an error ends it.
pub(crate) type VisitAll<'a> = dyn FnMut(Space, &[u8], &[u8]) -> Result<(), StoreError> + 'a;

/// Ordered key spaces that survive, or at least last as long as the process.
pub(crate) trait Store: Send + Sync {
    /// Applies `writes` in order, all or none; what they say survives a crash once this has returned.
    fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError>;

    /// Whether a commit waits for a disk, so that many together cost what one costs.
    fn waits(&self) -> bool {
        true
    }

    /// The value of `key`.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits every key that begins with `prefix`, in order.
    fn scan(&self, space: Space, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// The first `most` entries whose keys begin with `prefix`, in order; those after the key `after`, where it is given.
    fn page(&self, space: Space, prefix: &[u8], after: Option<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError>;
    /// Visits every key of every space, space after space in the order of [`Space::ALL`], as all of them were at one
    /// moment.
    fn snapshot(&self, visit: &mut VisitAll<'_>) -> Result<(), StoreError>;

    /// The last key that begins with `prefix`, and its value.
    fn last(&self, space: Space, prefix: &[u8]) -> Result<Option<Entry>, StoreError>;

    /// Bytes on disk, where it is there.
    fn bytes(&self) -> Option<u64> {
        None
    }
}

/// Why the store failed or cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another server uses the directory.
    #[error("the data directory {} is in use by another server; stop that one or choose another directory", .0.display())]
    Locked(PathBuf),
    /// The directory was written by a newer version.
    #[error(
        "the data directory {} has format {found}, this server reads formats up to {expected}; use the server that wrote it, or a newer one", .directory.display()
    )]
    Format {
        /// The directory.
        directory: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that this server reads.
        expected: u64,
    },
    /// The directory ran ahead of real time and can only go on so.
    #[error(
        "--time-scale: the data directory's clock is {ahead_ms} ms ahead of real time; open it with a scale other than 1 (it ran with {scale})"
    )]
    ClockAhead {
        /// Milliseconds of virtual time beyond real time.
        ahead_ms: i64,
        /// The scale it ran with.
        scale: f64,
    },
    /// The disk or the storage engine failed.
    #[error("the data directory {} failed: {reason}", .directory.display())]
    Disk {
        /// The directory.
        directory: PathBuf,
        /// What the storage engine says.
        reason: String,
    },
    /// What was written to a file is not there any more.
    #[error(
        "the file {} is damaged at byte {offset}: {reason}; restore the data directory from a backup: stepwright restore FILE --data-dir DIR", .file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where the damage begins, or the record that it is in.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A record cannot be read.
    #[error("the record {key} of {space} is damaged: {reason}; restore the data directory from a backup")]
    Undecodable {
        /// The key space.
        space: &'static str,
        /// The key, printable.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A record that another one names is not there.
    #[error("the record {key} of {space} is missing; restore the data directory from a backup")]
    Missing {
        /// The key space.
        space: &'static str,
        /// The key, printable.
        key: String,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

#[cfg(test)]
mod suite;
