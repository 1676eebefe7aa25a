//! What a crate beside the engine keeps in the engine's store, and what it asks of the engine's services: so that both
//! survive together, and one look says whether both are at rest.

use std::sync::Arc;

use asl::Value;
use execution::Failure;

use crate::engine::{Engine, OpenError};
use crate::entropy;
use crate::exception::Error;
use crate::integration::{self, Integration};
use crate::status_change::StatusChange;
use crate::store::{Space, StoreError, Ticket, Write};

/// A change of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keeps the bytes under the key.
    Put(String, Vec<u8>),
    /// Keeps nothing under the key any more.
    Remove(String),
    /// Takes a change of an execution's status: it is not shown again.
    Take(StatusChangeKey),
}

/// Names a change of an execution's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChangeKey(pub(crate) Vec<u8>);

/// Changes on their way to the disk.
#[derive(Debug)]
pub struct Keeping(Ticket);

impl Keeping {
    /// Waits until the changes are durable.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub async fn durable(self) -> Result<(), Arc<StoreError>> {
        self.0.durable().await
    }
}

impl Engine {
    /// Makes changes, all or none, in the order of these calls; they are under way when this returns.
    pub fn keep(&self, changes: Vec<Change>) -> Keeping {
        let taken = changes.iter().filter(|change| matches!(change, Change::Take(_))).count();
        let writes = changes.into_iter().map(|change| match change {
            Change::Put(key, value) => Write { space: Space::Kept, key: key.into_bytes(), value: Some(value) },
            Change::Remove(key) => Write { space: Space::Kept, key: key.into_bytes(), value: None },
            Change::Take(key) => Write { space: Space::Changes, key: key.0, value: None },
        });
        let core = self.core();
        core.changes_of_status.taken(taken);
        Keeping(core.records.committer.write(writes.collect()))
    }

    /// What is kept under keys that begin with `prefix`, by key.
    ///
    /// # Errors
    /// The data directory cannot be read.
    pub fn kept(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.core().records.kept(prefix)
    }

    /// Whether changes of executions' statuses are kept until they are taken, from now on and after a restart.
    /// Executions of EXPRESS state machines and of Map Runs tell of none.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub async fn announce_status_changes(&self, wanted: bool) -> Result<(), OpenError> {
        let core = self.core();
        core.changes_of_status.announce(&core.records, wanted).await.map_err(OpenError::Write)
    }

    /// The oldest changes of executions' statuses that are durable and not taken, `most` of them.
    ///
    /// # Errors
    /// The data directory cannot be read.
    pub fn status_changes(&self, most: usize) -> Result<Vec<StatusChange>, Error> {
        self.core().status_changes(most)
    }

    /// Whether a change of an execution's status has not been taken, be it durable yet or not.
    #[must_use]
    pub fn has_status_changes(&self) -> bool {
        self.core().changes_of_status.are_open()
    }

    /// Resolves when a status may have changed since this was last waited for.
    pub async fn status_changed(&self) {
        self.core().changes_of_status.told().await;
    }

    /// Calls a service outside any execution: `resource` is that of a task, such as `arn:aws:states:::sqs:sendMessage` or
    /// `arn:aws:states:::aws-sdk:sns:publish`.
    ///
    /// # Errors
    /// What the task would fail with; `States.Runtime` where the resource needs an execution or is not known.
    pub async fn call_service(&self, resource: &str, parameters: &Value) -> Result<Value, Failure> {
        let parsed = Integration::parse(resource);
        let called = match &parsed {
            Some(integration) => integration::call(&self.core().world, integration, parameters, None).await,
            None => None,
        };
        called.unwrap_or_else(|| {
            let cause = format!("{resource} cannot be called outside an execution.");
            Err(Failure { error: Some("States.Runtime".into()), cause: Some(cause.into()) })
        })
    }

    /// A fresh random UUID in its usual form.
    #[must_use]
    pub fn new_id(&self) -> String {
        entropy::uuid()
    }
}
