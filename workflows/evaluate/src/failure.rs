//! What an evaluation that goes wrong says.

/// A States error: it follows `Retry` and `Catch` like any other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct Failure {
    /// The error name: `States.Runtime`, `States.QueryEvaluationError`, `States.IntrinsicFailure`,
    /// `States.ResultPathMatchFailure`, ...
    pub error: &'static str,
    /// What happened, for people, in AWS's words where they are known.
    pub cause: String,
    /// JSONata: the field and the place in it, as in `Output/a[0]`.
    pub location: Option<String>,
}

impl Failure {
    /// `error` with its `cause` and no location.
    pub(crate) fn new(error: &'static str, cause: impl Into<String>) -> Self {
        Self { error, cause: cause.into(), location: None }
    }

    /// `States.Runtime`: a path that finds nothing or a value of the wrong kind.
    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Self::new("States.Runtime", cause)
    }

    /// `States.QueryEvaluationError` of the JSONata expression at `location`.
    pub(crate) fn query(cause: impl Into<String>, location: &str) -> Self {
        Self { error: "States.QueryEvaluationError", cause: cause.into(), location: Some(location.to_owned()) }
    }
}
