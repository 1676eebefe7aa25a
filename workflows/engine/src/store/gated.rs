//! A store for tests whose commits wait for leave, and fail from a certain one on.

use std::sync::{Condvar, Mutex};

use super::{Entry, Memory, Space, Store, StoreError, Visit, VisitAll, Write};

/// A store in memory behind a gate.
pub(crate) struct Gated {
    inner: Memory,
    open: Mutex<bool>,
    opened: Condvar,
    /// Writes of each commit so far.
    commits: Mutex<Vec<usize>>,
    fails_from: usize,
}

impl Gated {
    /// A store with its gate open; the commit after `fails_from` others fails, and all after it.
    pub(crate) fn failing_from(fails_from: usize) -> Self {
        let (open, opened) = (Mutex::new(true), Condvar::new());
        Self { inner: Memory::default(), open, opened, commits: Mutex::default(), fails_from }
    }

    /// Lets commits through, or makes them wait.
    pub(crate) fn set_open(&self, open: bool) {
        *self.open.lock().unwrap() = open;
        self.opened.notify_all();
    }

    /// Writes of each commit so far.
    pub(crate) fn commits(&self) -> Vec<usize> {
        self.commits.lock().unwrap().clone()
    }
}

impl Store for Gated {
    fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
        let mut commits = self.commits.lock().unwrap();
        commits.push(writes.len());
        if commits.len() > self.fails_from {
            return Err(StoreError::Disk { directory: "d".into(), reason: "full".to_owned() });
        }
        self.inner.commit(writes)
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(space, key)
    }

    fn scan(&self, space: Space, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.inner.scan(space, prefix, visit)
    }

    fn page(&self, space: Space, prefix: &[u8], after: Option<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.page(space, prefix, after, most)
    }

    fn snapshot(&self, visit: &mut VisitAll<'_>) -> Result<(), StoreError> {
        self.inner.snapshot(visit)
    }

    fn last(&self, space: Space, prefix: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.inner.last(space, prefix)
    }
}
