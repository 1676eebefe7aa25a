//! The facade: everything that the API, the server and the console ask of the engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use asl::{Diagnostic, Value};
use execution::{Event, Failure, Input, Limits, Millis, Status};

use crate::arn::Names;
use crate::aws;
use crate::clock::Clock;
use crate::core::Core;
use crate::definition;
use crate::description::{
    Activity, ActivityTask, ExecutionDescription, ExecutionsPage, Given, Listed, MapRunChange, MapRunDescription,
    NewStateMachine, SavedStateMachine, Started, StateMachine, StateMachineChange, Tag,
};
use crate::exception::Error;
use crate::express::SyncExecution;
use crate::figures::Figures;
use crate::idle::Idle;
use crate::observe::{Observer, Observers};
use crate::quota::Quotas;
use crate::recovery;
use crate::store::{self, BackupError, Contents, StoreError, write};
use crate::trial::{StateTest, TestedState};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The account, twelve digits.
    pub account: String,
    /// The region, such as `us-east-1`.
    pub region: String,
    /// Where state is kept; `None` keeps it in memory.
    pub data_dir: Option<PathBuf>,
    /// Where service integrations go.
    pub aws: aws::Endpoint,
    /// Base URL of Lambda's Invoke API; `None` means where `aws` says.
    pub lambda_endpoint: Option<String>,
    /// Base URL of an EventBridge API that tasks put their events at, after where `aws` says; `None`: only there.
    pub events_endpoint: Option<String>,
    /// The clock.
    pub clock: Clock,
    /// Quotas of one execution.
    pub limits: Limits,
    /// Which names there may be.
    pub names: Names,
    /// Quotas of the account.
    pub quotas: Quotas,
    /// What calls are signed with.
    pub signers: aws::Signers,
}

/// Why an engine cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data directory cannot be written.
    #[error(transparent)]
    Write(Arc<StoreError>),
    /// The configuration has a value that cannot be.
    #[error("{field}: {problem}")]
    Config {
        /// The field of [`Config`].
        field: &'static str,
        /// What is wrong with it, and what would do.
        problem: String,
    },
}

/// An embedded, durable Step Functions engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.core.config).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the engine: reads the store, continues every open execution.
    ///
    /// # Errors
    /// The configuration or the data directory cannot be used.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        Self::open_observed(config, Vec::new()).await
    }

    /// Opens the engine for `observers` to watch, from the first execution that it continues.
    ///
    /// # Errors
    /// The configuration or the data directory cannot be used.
    pub async fn open_observed(config: Config, observers: Vec<Arc<dyn Observer>>) -> Result<Self, OpenError> {
        Ok(Self { core: recovery::open(config, Observers::new(observers)).await? })
    }

    /// What the engine is busy with. Cheap enough for once a second.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.core.figures()
    }

    /// What is behind the facade.
    pub(crate) const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Stops taking work, makes durable what is under way and releases the data directory. Calls under way are
    /// dropped; they are made again when the directory is opened again.
    pub async fn shutdown(&self) {
        self.core.shut_down();
    }

    /// How the engine is set up, with the clock as it really runs.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.core.config.clock.now()
    }

    /// Until when nothing can happen: every open execution waits for time alone, or for a child that does, and what has
    /// happened is durable. `None` while a call is under way, an activity's task waits for a worker or is with one, a
    /// token is out, or nothing is due at all. Cheap enough to ask every few milliseconds.
    #[must_use]
    pub fn idle(&self) -> Option<Idle> {
        self.core.idle()
    }

    /// Writes down, durably, that `skipped` milliseconds have been skipped in all: to be done before the clock skips
    /// them, so that time does not go back in a crash.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub async fn record_skipped(&self, skipped: Millis) -> Result<(), OpenError> {
        let clock = write::clock(&recovery::clock_record(&self.core.config.clock, skipped));
        self.core.records.committer.write(vec![clock]).durable().await.map_err(OpenError::Write)
    }

    /// Sends everything that is kept, as it is at one moment, to `sink`, piece by piece: while it goes on, so do the
    /// executions. Blocks.
    ///
    /// # Errors
    /// The store cannot be read, or has been closed; the sink refuses.
    pub fn backup(&self, sink: &mut dyn FnMut(Vec<u8>) -> Result<(), BackupError>) -> Result<Contents, BackupError> {
        let store = self.core.records.store()?;
        store::send_backup(&*store, self.core.config.data_dir.as_deref(), sink)
    }

    /// Every problem of a definition's text: language, expressions and resources.
    #[must_use]
    pub fn validate(text: &str) -> Vec<Diagnostic> {
        definition::check(text)
    }

    /// Creates a state machine; the same request again answers the same machine.
    ///
    /// # Errors
    /// `InvalidName`, `InvalidArn`, `InvalidDefinition`, `StateMachineAlreadyExists`, `StateMachineDeleting`,
    /// `StateMachineTypeNotSupported`, `TooManyTags`, `StateMachineLimitExceeded`.
    pub async fn create_state_machine(&self, new: NewStateMachine) -> Result<SavedStateMachine, Error> {
        let core = Arc::clone(&self.core);
        self.whole(async move { core.create_machine(new).await }).await
    }

    /// Changes a state machine; running executions keep the definition they were started with.
    ///
    /// # Errors
    /// `StateMachineDoesNotExist`, `StateMachineDeleting`, `InvalidDefinition`, `InvalidArn`,
    /// `MissingRequiredParameter`, `ServiceQuotaExceeded`.
    pub async fn update_state_machine(
        &self,
        arn: &str,
        change: StateMachineChange,
    ) -> Result<SavedStateMachine, Error> {
        let (core, arn) = self.owned(arn);
        self.whole(async move { core.update_machine(&arn, change).await }).await
    }

    /// A state machine by its ARN.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`.
    pub fn describe_state_machine(&self, arn: &str) -> Result<Arc<StateMachine>, Error> {
        self.core.machine(arn)
    }

    /// All state machines, by name.
    #[must_use]
    pub fn list_state_machines(&self) -> Vec<Arc<StateMachine>> {
        self.core.machines.list()
    }

    /// Deletes a state machine with its versions and aliases: it becomes DELETING, its executions end at their next
    /// transitions, and it goes when all have ended. No machine of this ARN is no error.
    ///
    /// # Errors
    /// `InvalidArn`, `ValidationException` where the ARN is a version's or an alias's.
    pub async fn delete_state_machine(&self, arn: &str) -> Result<(), Error> {
        let (core, arn) = self.owned(arn);
        self.whole(async move { core.delete_machine(&arn).await }).await
    }

    /// Starts an execution of a state machine as it stands, of a version, or of the version that an alias chooses; a
    /// name is made where none is given. While it runs, the same name and input answer the same execution.
    ///
    /// # Errors
    /// `InvalidArn`, `InvalidName`, `ValidationException`, `ExecutionAlreadyExists`, `StateMachineDoesNotExist`,
    /// `StateMachineDeleting`, `ExecutionLimitExceeded`.
    pub async fn start_execution(
        &self,
        machine_arn: &str,
        name: Option<String>,
        input: impl Into<Given>,
    ) -> Result<Started, Error> {
        self.core.start(machine_arn, name, input.into(), None).await
    }

    /// Starts an EXPRESS execution to wait for; nothing is kept of it after its end.
    ///
    /// # Errors
    /// `InvalidArn`, `InvalidName`, `ValidationException`, `StateMachineDoesNotExist`, `StateMachineDeleting`,
    /// `StateMachineTypeNotSupported`.
    pub async fn start_sync_execution(
        &self,
        machine_arn: &str,
        name: Option<String>,
        input: impl Into<Given>,
    ) -> Result<SyncExecution, Error> {
        self.core.start_sync(machine_arn, name, input.into()).await
    }

    /// Stops an execution and answers when it ended; one that has ended stays as it is.
    ///
    /// # Errors
    /// `InvalidArn`, `ExecutionDoesNotExist`.
    pub async fn stop_execution(&self, arn: &str, failure: Failure) -> Result<Millis, Error> {
        self.core.stop(arn, failure).await
    }

    /// Lets an execution that failed, timed out or was aborted go on where it stood, and answers when; the same token
    /// again within 15 minutes answers the same redrive.
    ///
    /// # Errors
    /// `InvalidArn`, `ExecutionDoesNotExist`, `ExecutionNotRedrivable`, `ExecutionLimitExceeded`.
    pub async fn redrive_execution(&self, arn: &str, token: Option<String>) -> Result<Millis, Error> {
        let (core, arn) = self.owned(arn);
        self.whole(async move { core.redrive(&arn, token.map(Arc::from)).await }).await
    }

    /// An execution by its ARN, as far as it is durable.
    ///
    /// # Errors
    /// `InvalidArn`, `ExecutionDoesNotExist`.
    pub fn describe_execution(&self, arn: &str) -> Result<ExecutionDescription, Error> {
        self.core.describe(arn)
    }

    /// Resolves when an execution has ended, with its description; at once when it already has, or when the engine
    /// shuts down.
    ///
    /// # Errors
    /// `InvalidArn`, `ExecutionDoesNotExist`.
    pub async fn ended(&self, arn: &str) -> Result<ExecutionDescription, Error> {
        let description = self.core.describe(arn)?;
        if description.status != Status::Running {
            return Ok(description);
        }
        self.core.ended(&description.arn).await;
        self.core.describe(arn)
    }

    /// Executions, of one machine, version or alias or of all, newest first, without their inputs and outputs.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`.
    pub fn list_executions(
        &self,
        machine_arn: Option<&str>,
        status: Option<Status>,
    ) -> Result<Vec<ExecutionDescription>, Error> {
        self.core.list(machine_arn, status)
    }

    /// A page of executions of `status` that are `wanted`, newest first, without their inputs and outputs: `most` at most, from the
    /// beginning or `after` the page whose `next` it is. What it costs does not depend on how many executions there are.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`, `StateMachineTypeNotSupported`, `ResourceNotFound`.
    pub fn executions_page(
        &self,
        of: Listed<'_>,
        status: Option<Status>,
        after: Option<u64>,
        most: usize,
        wanted: &dyn Fn(&ExecutionDescription) -> bool,
    ) -> Result<ExecutionsPage, Error> {
        self.core.page(of, status, after, most, wanted)
    }

    /// A Map Run by its ARN.
    ///
    /// # Errors
    /// `InvalidArn`, `ResourceNotFound`.
    pub fn describe_map_run(&self, arn: &str) -> Result<MapRunDescription, Error> {
        self.core.describe_map_run(arn)
    }

    /// The Map Runs of an execution, newest first.
    ///
    /// # Errors
    /// `InvalidArn`, `ExecutionDoesNotExist`.
    pub fn list_map_runs(&self, execution_arn: &str) -> Result<Vec<MapRunDescription>, Error> {
        self.core.list_map_runs(execution_arn)
    }

    /// Changes the settings of a Map Run that goes on, durably.
    ///
    /// # Errors
    /// `InvalidArn`, `ResourceNotFound`, `ValidationException` where it has ended.
    pub async fn update_map_run(&self, arn: &str, change: MapRunChange) -> Result<(), Error> {
        self.core.update_map_run(arn, change).await
    }

    /// The whole journal of an execution, with the decisions that the API does not show.
    ///
    /// # Errors
    /// `InvalidArn`, `ExecutionDoesNotExist`.
    pub fn history(&self, arn: &str) -> Result<Arc<Vec<Event>>, Error> {
        self.core.history(arn)
    }

    /// Tries one state of a definition; what is mocked needs no service.
    ///
    /// # Errors
    /// `InvalidDefinition`, `ValidationException`.
    pub async fn test_state(&self, test: StateTest) -> Result<TestedState, Error> {
        self.core.test_state(test).await
    }

    /// Creates an activity; the same name again answers the same activity, with the tags that it has.
    ///
    /// # Errors
    /// `InvalidName`, `TooManyTags`, `ActivityLimitExceeded`, `ActivityAlreadyExists`.
    pub async fn create_activity(&self, name: &str, tags: Vec<Tag>) -> Result<Activity, Error> {
        self.create_encrypted_activity(name, tags, None).await
    }

    /// Creates an activity with an encryption configuration, which it keeps.
    ///
    /// # Errors
    /// As [`Engine::create_activity`]; `ActivityAlreadyExists` where one of this name has another.
    pub async fn create_encrypted_activity(
        &self,
        name: &str,
        tags: Vec<Tag>,
        encryption: Option<Value>,
    ) -> Result<Activity, Error> {
        let (core, name) = self.owned(name);
        self.whole(async move { core.create_activity(&name, tags, encryption).await }).await
    }

    /// An activity by its ARN.
    ///
    /// # Errors
    /// `InvalidArn`, `ActivityDoesNotExist`.
    pub fn describe_activity(&self, arn: &str) -> Result<Activity, Error> {
        self.core.activity(arn)
    }

    /// All activities, by name.
    #[must_use]
    pub fn list_activities(&self) -> Vec<Activity> {
        self.core.activities.list()
    }

    /// Deletes an activity; no activity of this ARN is no error.
    ///
    /// # Errors
    /// `InvalidArn`.
    pub async fn delete_activity(&self, arn: &str) -> Result<(), Error> {
        let (core, arn) = self.owned(arn);
        self.whole(async move { core.delete_activity(&arn).await }).await
    }

    /// The next task of an activity, waiting up to `hold` of real time for one; `None` when none came. Dropping the
    /// future gives the task to somebody else.
    ///
    /// # Errors
    /// `InvalidArn`, `ActivityDoesNotExist`, `ActivityWorkerLimitExceeded`.
    pub async fn get_activity_task(
        &self,
        arn: &str,
        worker_name: Option<String>,
        hold: Duration,
    ) -> Result<Option<ActivityTask>, Error> {
        self.core.next_task(arn, worker_name.map(Arc::from), hold).await
    }

    /// Ends a task well, durably.
    ///
    /// # Errors
    /// `InvalidToken`, `TaskTimedOut`, `TaskDoesNotExist`.
    pub async fn send_task_success(&self, token: &str, output: Value) -> Result<(), Error> {
        self.core.answer(token, |task| Input::TaskSucceeded { task, output }).await
    }

    /// Ends a task badly, durably.
    ///
    /// # Errors
    /// `InvalidToken`, `TaskTimedOut`, `TaskDoesNotExist`.
    pub async fn send_task_failure(&self, token: &str, failure: Failure) -> Result<(), Error> {
        self.core.answer(token, |task| Input::TaskFailed { task, failure }).await
    }

    /// Says that a task is alive, durably.
    ///
    /// # Errors
    /// `InvalidToken`, `TaskTimedOut`, `TaskDoesNotExist`.
    pub async fn send_task_heartbeat(&self, token: &str) -> Result<(), Error> {
        self.core.answer(token, |task| Input::TaskHeartbeat { task }).await
    }
}

mod catalogue;
#[cfg(test)]
mod tests;
