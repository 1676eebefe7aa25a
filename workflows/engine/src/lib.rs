//! The world around executions: store, timers, dispatch, activities, integrations.
//!
//! [`Engine`] is the facade. Behind it: the store is the only part that knows the disk, the clock the only reader of
//! the system's clock, entropy the only reader of its randomness. An execution takes a step under its own lock; what
//! the world sees of the step happens once its events are durable.

mod activity;
mod alias;
mod arn;
pub mod aws;
mod call;
mod clock;
mod closed;
mod core;
mod definition;
mod description;
mod engine;
mod entropy;
mod exception;
mod express;
mod figures;
mod histories;
mod idle;
mod integration;
mod items;
mod kept;
mod lifecycle;
mod listing;
mod machine;
mod map_run;
mod observe;
mod quota;
mod recovery;
mod redrive;
mod registry;
mod status_change;
mod store;
mod tag;
mod task;
#[cfg(test)]
mod test_s3;
#[cfg(test)]
mod test_server;
mod timer;
mod token;
mod trace;
mod trial;
mod version;
mod waiter;

pub use arn::Names;
pub use clock::Clock;
pub use description::{
    Activity, ActivityTask, AliasChange, ExecutionDescription, ExecutionStateMachine, ExecutionsPage, Given, Listed,
    MachineStatus, MapRunChange, MapRunCounts, MapRunDescription, MapRunStatus, NewStateMachine, NewStateMachineAlias,
    Publish, Revision, Route, SavedStateMachine, Started, StateMachine, StateMachineAlias, StateMachineChange,
    StateMachineVersion, Tag, VariableReferences,
};
pub use engine::{Config, Engine, OpenError};
pub use entropy::secret;
pub use exception::Error;
pub use express::{SyncExecution, billed, billed_for};
pub use figures::{COMMIT_MICROS, CommitTimes, Figures};
pub use idle::Idle;
pub use integration::{HttpExchange, HttpRequest, HttpResponse};
pub use kept::{Change, Keeping, StatusChangeKey};
pub use observe::{Committed, Observed, Observer};
pub use quota::Quotas;
pub use recovery::resumed_clock;
pub use status_change::StatusChange;
pub use store::{BackupError, Contents, StoreError, backup_directory, restore_backup, verify_backup};
pub use trace::Trace;
pub use trial::{FieldValidation, Mock, StateConfiguration, StateTest, TestedState};
