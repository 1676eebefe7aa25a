//! A store in a directory, by fjall: a log-structured tree for each key space behind one common journal.

use std::fs::{File, TryLockError};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _};

use super::{Entry, Space, Store, StoreError, Visit, VisitAll, Write, inspect, key};

/// Bytes of one key space that are kept in memory before they go to a table on disk.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of the log: beyond that, what is only there goes to tables. The start after a crash reads the whole log again.
const LOG_BYTES: u64 = 128 * 1024 * 1024;

/// Key spaces in a directory.
pub(crate) struct Disk {
    directory: PathBuf,
    database: Database,
    spaces: Vec<Keyspace>,
    /// Held as long as the database is open.
    _lock: File,
}

impl Disk {
    /// Opens `directory`, or makes it.
    ///
    /// # Errors
    /// Another server has it open; the disk fails; it is not a store; it is damaged.
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        let lock = lock(directory)?;
        let store = directory.join("store");
        inspect::journals(&store)?;
        inspect::tables_of_contents(&store.join("keyspaces"))?;
        let fail = |error| failure(directory, error);
        // What `inspect` reads is not compressed.
        let database =
            Database::builder(store).journal_compression(CompressionType::None).max_journaling_size(LOG_BYTES);
        let database = database.open().map_err(fail)?;
        let options = || {
            let compressed = CompressionPolicy::all(CompressionType::Lz4);
            let options = KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
            options.data_block_compression_policy(compressed)
        };
        let spaces = Space::ALL.into_iter().map(|space| database.keyspace(space.name(), options));
        let spaces = spaces.collect::<Result<_, _>>().map_err(fail)?;
        Ok(Self { directory: directory.to_owned(), database, spaces, _lock: lock })
    }

    /// Brings what is in memory to tables.
    #[cfg(test)]
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.spaces.iter().try_for_each(Keyspace::rotate_memtable_and_wait).map_err(|error| self.failure(error))
    }

    fn space(&self, space: Space) -> &Keyspace {
        // `Space::ALL` is in the order of the variants.
        &self.spaces[space as usize]
    }

    fn failure(&self, error: fjall::Error) -> StoreError {
        failure(&self.directory, error)
    }
}

/// Locks the directory, before anything in it is looked at: a journal that is being written looks torn.
fn lock(directory: &Path) -> Result<File, StoreError> {
    let fail = |error: std::io::Error| StoreError::Disk { directory: directory.to_owned(), reason: error.to_string() };
    std::fs::create_dir_all(directory).map_err(fail)?;
    let file = File::create(directory.join("lock")).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(fail(error)),
    }
}

fn failure(directory: &Path, error: fjall::Error) -> StoreError {
    let directory = directory.to_owned();
    match error {
        fjall::Error::Locked => StoreError::Locked(directory),
        fjall::Error::Io(error) => StoreError::Disk { directory, reason: error.to_string() },
        // It failed on a thread of the storage engine's own, which tells nobody why.
        fjall::Error::Poisoned => StoreError::Disk {
            directory,
            reason: "an earlier write failed, as on a full disk, and what would follow is not safe".to_owned(),
        },
        error => StoreError::Disk { directory, reason: error.to_string() },
    }
}

impl Store for Disk {
    fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        // Without a durability fjall leaves a batch to the operating system's buffers.
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for Write { space, key, value } in writes {
            match value {
                Some(value) => batch.insert(self.space(space), key, value),
                None => batch.remove(self.space(space), key),
            }
        }
        batch.commit().map_err(|error| self.failure(error))
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.space(space).get(key).map_err(|error| self.failure(error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, space: Space, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        for entry in self.space(space).prefix(prefix) {
            let (key, value) = entry.into_inner().map_err(|error| self.failure(error))?;
            visit(&key, &value)?;
        }
        Ok(())
    }

    fn page(&self, space: Space, prefix: &[u8], after: Option<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        let begin = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let end = key::after_prefix(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.space(space).range::<&[u8], _>((begin, end)).take(most);
        let read = |entry: fjall::Guard| {
            let (key, value) = entry.into_inner().map_err(|error| self.failure(error))?;
            Ok((key.to_vec(), value.to_vec()))
        };
        entries.map(read).collect()
    }

    fn snapshot(&self, visit: &mut VisitAll<'_>) -> Result<(), StoreError> {
        let snapshot = self.database.snapshot();
        for space in Space::ALL {
            for entry in snapshot.iter(self.space(space)) {
                let (key, value) = entry.into_inner().map_err(|error| self.failure(error))?;
                visit(space, &key, &value)?;
            }
        }
        Ok(())
    }

    fn last(&self, space: Space, prefix: &[u8]) -> Result<Option<Entry>, StoreError> {
        let Some(entry) = self.space(space).prefix(prefix).next_back() else { return Ok(None) };
        let (key, value) = entry.into_inner().map_err(|error| self.failure(error))?;
        Ok(Some((key.to_vec(), value.to_vec())))
    }

    fn bytes(&self) -> Option<u64> {
        self.database.disk_space().ok()
    }
}
