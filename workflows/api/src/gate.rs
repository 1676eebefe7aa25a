//! The gate before requests that change something: who closes it knows that none is under way, and none comes in.

use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// A server's gate. Clones are the same gate. Requests that only read, and polls, pass it at any time.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<RwLock<()>>);

/// A closed gate: requests that change something wait until this is dropped.
#[derive(Debug)]
pub struct Closed {
    _all: OwnedRwLockWriteGuard<()>,
}

/// A request on its way through.
#[derive(Debug)]
pub(crate) struct Passage {
    _one: OwnedRwLockReadGuard<()>,
}

impl Gate {
    /// Closes it; `None` while a request that changes something is under way.
    #[must_use]
    pub fn try_close(&self) -> Option<Closed> {
        Some(Closed { _all: Arc::clone(&self.0).try_write_owned().ok()? })
    }

    /// Lets a request of the operation `name` in, once the gate is open.
    pub(crate) async fn pass(&self, name: &str) -> Option<Passage> {
        if only_reads(name) || name == WAITS {
            return None;
        }
        Some(self.enter().await)
    }

    /// Lets a change in, once the gate is open.
    pub(crate) async fn enter(&self) -> Passage {
        Passage { _one: Arc::clone(&self.0).read_owned().await }
    }
}

/// The operation that waits for what it has started: it enters by itself, and for the start alone.
const WAITS: &str = "StartSyncExecution";

/// Whether an operation changes nothing. A poll changes something only where a task waits for it.
fn only_reads(name: &str) -> bool {
    ["Describe", "Get", "List", "Validate"].iter().any(|verb| name.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::OPERATIONS;

    #[tokio::test]
    async fn it_closes_only_between_changes_and_keeps_them_waiting() {
        let gate = Gate::default();
        let passing = gate.pass("StartExecution").await;
        assert!(passing.is_some() && gate.try_close().is_none());
        drop(passing);
        let closed = gate.try_close().unwrap();
        assert!(gate.try_close().is_none());
        assert!(gate.pass("GetActivityTask").await.is_none(), "a poll passes");
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass("SendTaskSuccess").await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(closed);
        assert!(waiting.await.unwrap());
    }

    #[test]
    fn every_operation_is_of_one_kind() {
        let changes =
            ["Create", "Delete", "Publish", "Redrive", "Send", "Start", "Stop", "Tag", "Test", "Untag", "Update"];
        for operation in OPERATIONS {
            let name = operation.name();
            assert_ne!(only_reads(name), changes.iter().any(|verb| name.starts_with(verb)), "{name}");
        }
    }
}
