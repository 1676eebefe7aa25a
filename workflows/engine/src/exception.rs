//! The exceptions that the engine's operations answer with: AWS's names and AWS's texts.

use std::sync::Arc;

use crate::store;

/// Why an operation was refused or failed. [`Error::code`] is the API's exception name, the text is AWS's message.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No activity has this ARN.
    #[error("Activity Does Not Exist: '{0}'")]
    ActivityDoesNotExist(String),
    /// An activity of this name has another encryption.
    #[error("Activity Already Exists: '{0}'")]
    ActivityAlreadyExists(String),
    /// There are as many activities as there may be.
    #[error("The maximum number of activities has been reached.")]
    ActivityLimitExceeded,
    /// As many workers wait for this activity's tasks as may.
    #[error("The maximum number of workers concurrently polling for activity tasks has been reached.")]
    ActivityWorkerLimitExceeded,
    /// There are as many open executions as there may be.
    #[error("The maximum number of running executions has been reached.")]
    ExecutionLimitExceeded,
    /// There are as many state machines as there may be.
    #[error("The maximum number of state machines has been reached.")]
    StateMachineLimitExceeded,
    /// An execution of this name has ended, or runs with another input.
    #[error("Execution Already Exists: '{0}'")]
    ExecutionAlreadyExists(String),
    /// The execution cannot be redriven: it has not ended badly, or a limit forbids it.
    #[error("{0}")]
    ExecutionNotRedrivable(String),
    /// No execution has this ARN.
    #[error("Execution Does Not Exist: '{0}'")]
    ExecutionDoesNotExist(String),
    /// The text is not an ARN, or one of another kind.
    #[error("Invalid Arn: '{0}'")]
    InvalidArn(String),
    /// The definition has errors: all of them, joined by commas.
    #[error("Invalid State Machine Definition: '{0}'")]
    InvalidDefinition(String),
    /// The definition is good, but not for this operation.
    #[error("{0}")]
    UnsupportedDefinition(String),
    /// The execution's input is too large.
    #[error("Invalid State Machine Execution Input: '{0}'")]
    InvalidExecutionInput(String),
    /// The name is empty, longer than 80 characters or has a forbidden one.
    #[error("Invalid Name: '{0}'")]
    InvalidName(String),
    /// The output of a task is too large.
    #[error("Invalid Output: '{0}'")]
    InvalidOutput(String),
    /// The text is not a token of this engine.
    #[error("Invalid Token: '{0}'")]
    InvalidToken(String),
    /// A state machine of this name has another definition or other settings.
    #[error("State Machine Already Exists: '{0}'")]
    StateMachineAlreadyExists(String),
    /// The state machine is being deleted.
    #[error("State Machine Deleting: '{0}'")]
    StateMachineDeleting(String),
    /// The request does not fit what is there.
    #[error("{0}")]
    Conflict(String),
    /// There are as many as there may be.
    #[error("{0}")]
    ServiceQuotaExceeded(String),
    /// What the request names is not there.
    #[error("{0}")]
    ResourceNotFound(String),
    /// No state machine has this ARN.
    #[error("State Machine Does Not Exist: '{0}'")]
    StateMachineDoesNotExist(String),
    /// The operation does not know this type of state machine.
    #[error("{0}")]
    StateMachineTypeNotSupported(String),
    /// A field that the operation needs is absent.
    #[error("{0}")]
    MissingRequiredParameter(String),
    /// A field has a value that its constraints forbid.
    #[error("{0}")]
    Validation(String),
    /// The resource would have more tags than it may.
    #[error("{0}")]
    TooManyTags(String),
    /// The token was good once; its task has ended or its execution is gone.
    #[error("Task Does Not Exist: '{0}'")]
    TaskDoesNotExist(String),
    /// The token was good once; its task has timed out or its execution has ended.
    #[error("Task Timed Out: '{0}'")]
    TaskTimedOut(String),
    /// The store has failed; nothing is accepted until the server is restarted.
    #[error("the store has failed: {0}; look at the disk of the data directory, then restart the server")]
    Store(#[source] Arc<store::StoreError>),
    /// The engine is shutting down.
    #[error("the server is shutting down; try again when it is back")]
    ShuttingDown,
}

impl Error {
    /// The name of the API's exception.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ActivityDoesNotExist(_) => "ActivityDoesNotExist",
            Self::ActivityAlreadyExists(_) => "ActivityAlreadyExists",
            Self::ActivityLimitExceeded => "ActivityLimitExceeded",
            Self::ActivityWorkerLimitExceeded => "ActivityWorkerLimitExceeded",
            Self::ExecutionLimitExceeded => "ExecutionLimitExceeded",
            Self::StateMachineLimitExceeded => "StateMachineLimitExceeded",
            Self::ExecutionAlreadyExists(_) => "ExecutionAlreadyExists",
            Self::ExecutionNotRedrivable(_) => "ExecutionNotRedrivable",
            Self::ExecutionDoesNotExist(_) => "ExecutionDoesNotExist",
            Self::InvalidArn(_) => "InvalidArn",
            Self::InvalidDefinition(_) | Self::UnsupportedDefinition(_) => "InvalidDefinition",
            Self::InvalidExecutionInput(_) => "InvalidExecutionInput",
            Self::InvalidName(_) => "InvalidName",
            Self::InvalidOutput(_) => "InvalidOutput",
            Self::InvalidToken(_) => "InvalidToken",
            Self::Conflict(_) => "ConflictException",
            Self::ServiceQuotaExceeded(_) => "ServiceQuotaExceededException",
            Self::ResourceNotFound(_) => "ResourceNotFound",
            Self::StateMachineAlreadyExists(_) => "StateMachineAlreadyExists",
            Self::StateMachineDeleting(_) => "StateMachineDeleting",
            Self::StateMachineDoesNotExist(_) => "StateMachineDoesNotExist",
            Self::StateMachineTypeNotSupported(_) => "StateMachineTypeNotSupported",
            Self::MissingRequiredParameter(_) => "MissingRequiredParameter",
            Self::TooManyTags(_) => "TooManyTags",
            Self::Validation(_) => "ValidationException",
            Self::TaskDoesNotExist(_) => "TaskDoesNotExist",
            Self::TaskTimedOut(_) => "TaskTimedOut",
            Self::Store(_) => "InternalFailure",
            Self::ShuttingDown => "ServiceUnavailable",
        }
    }
}

impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<Arc<store::StoreError>> for Error {
    fn from(error: Arc<store::StoreError>) -> Self {
        Self::Store(error)
    }
}
