//! What parsing found: severity, code, message, location.

use std::fmt;

use serde::{Serialize, Serializer};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// The definition cannot be used.
    Error,
    /// The definition works, and is probably not what was meant.
    Warning,
}

/// The kind of a finding. The names are those of the ValidateStateMachineDefinition API; the last group is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The text is not JSON.
    InvalidJsonDescription,
    /// A field is missing, unknown, of the wrong type or out of range.
    SchemaValidationFailed,
    /// A transition names no state, or no transition leads to a state.
    MissingTransitionTarget,
    /// A machine has no state that ends it.
    MissingEndState,
    /// Two states have the same name.
    DuplicateStateName,
    /// A state name is empty or too long.
    InvalidStateName,
    /// Two Map states have the same label.
    DuplicateLabelName,
    /// A Map state's label is empty, too long, or has characters that it may not have.
    InvalidLabelName,
    /// A `{% ... %}` expression cannot be read.
    InvalidJsonataExpression,
    /// A `{% ... %}` expression uses what Step Functions does not support.
    UnsupportedJsonataExpression,
    /// Warning: a template's value looks like a path, but its key has no `.$`.
    NoDollar,
    /// Warning: a Pass state's `Result` is literal, but contains what looks like a path.
    PassResultIsStatic,
    /// Warning, ours: a job without `TimeoutSeconds` may hang for a year.
    TaskWithoutTimeout,
    /// Warning, ours: an error name is already handled by an earlier retrier or catcher.
    UnreachableErrorName,
    /// Warning, ours: a callback or an activity has neither a timeout nor a heartbeat.
    CallbackWithoutTimeout,
    /// Warning, ours: a callback is given no task token, so that nobody can answer.
    CallbackWithoutToken,
    /// Warning, ours: a heartbeat is sent by nobody, or is never missed.
    HeartbeatWithoutEffect,
    /// Warning, ours: an SDK integration names an action that the service does not have.
    UnknownSdkAction,
    /// Warning, ours: no API gets an HTTP Task's request, or none understands it.
    UnusableHttpTask,
    /// Warning, ours: earlier catchers take all that a catcher names.
    UnreachableCatcher,
    /// Warning, ours: a reserved error name that the state never fails with.
    ImpossibleErrorName,
    /// Warning, ours: everything is retried and nothing is caught.
    RetryAllWithoutCatch,
    /// Warning, ours: the execution ends before the retries do.
    RetryOutlastsExecution,
    /// Warning, ours: a choice rule or Default that is never taken.
    UnreachableChoiceRule,
    /// Warning, ours: only ways that are never taken lead to a state.
    UnreachableState,
    /// Warning, ours: states go round without a pause, a limit or an end.
    UnboundedLoop,
}

impl Code {
    /// The code as the API spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Self::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Self::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Self::MissingEndState => "MISSING_END_STATE",
            Self::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Self::InvalidStateName => "INVALID_STATE_NAME",
            Self::DuplicateLabelName => "DUPLICATE_LABEL_NAME",
            Self::InvalidLabelName => "INVALID_LABEL_NAME",
            Self::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Self::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
            Self::NoDollar => "NO_DOLLAR",
            Self::PassResultIsStatic => "PASS_RESULT_IS_STATIC",
            Self::TaskWithoutTimeout => "TASK_WITHOUT_TIMEOUT",
            Self::UnreachableErrorName => "UNREACHABLE_ERROR_NAME",
            Self::CallbackWithoutTimeout => "CALLBACK_WITHOUT_TIMEOUT",
            Self::CallbackWithoutToken => "CALLBACK_WITHOUT_TOKEN",
            Self::HeartbeatWithoutEffect => "HEARTBEAT_WITHOUT_EFFECT",
            Self::UnknownSdkAction => "UNKNOWN_SDK_ACTION",
            Self::UnusableHttpTask => "UNUSABLE_HTTP_TASK",
            Self::UnreachableCatcher => "UNREACHABLE_CATCHER",
            Self::ImpossibleErrorName => "IMPOSSIBLE_ERROR_NAME",
            Self::RetryAllWithoutCatch => "RETRY_ALL_WITHOUT_CATCH",
            Self::RetryOutlastsExecution => "RETRY_OUTLASTS_EXECUTION",
            Self::UnreachableChoiceRule => "UNREACHABLE_CHOICE_RULE",
            Self::UnreachableState => "UNREACHABLE_STATE",
            Self::UnboundedLoop => "UNBOUNDED_LOOP",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One finding about a definition. It displays as CreateStateMachine writes it: `CODE: message at location`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is.
    pub code: Code,
    /// What is wrong, for people.
    pub message: String,
    /// Where: `/`, `/States/A/Next`, `/States/C/Choices[0]/Next`. Absent where AWS gives none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl Diagnostic {
    /// An error at `location`.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>, location: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), location: Some(location.into()) }
    }

    /// A warning at `location`.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>, location: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, code, message: message.into(), location: Some(location.into()) }
    }

    /// Whether this finding makes the definition unusable.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // AWS prints `at null` where there is no location.
        write!(f, "{}: {} at {}", self.code, self.message, self.location.as_deref().unwrap_or("null"))
    }
}
