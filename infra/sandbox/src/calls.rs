//! The call log: every AWS call the sandbox answered or refused, for tests and for people.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

/// How many calls are kept; the oldest are forgotten first.
const KEPT: usize = 20_000;

/// One AWS call as the sandbox received it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// Virtual time of arrival, milliseconds since the Unix epoch.
    pub at: i64,
    /// The service's short name, e.g. `ecs` or `dynamodb`.
    pub service: String,
    /// The operation's API name, e.g. `UpdateService`.
    pub operation: String,
    /// The request's parameters as JSON, whatever the protocol was.
    pub parameters: Value,
    /// The HTTP status answered; 0 when the connection was dropped unanswered.
    pub status: u16,
    /// The error code answered, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether an injected fault decided the answer.
    pub injected: bool,
}

/// The calls kept, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Log {
    calls: VecDeque<Call>,
}

impl Log {
    /// Adds a call, forgetting the oldest when the log is full.
    pub(crate) fn add(&mut self, call: Call) {
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// All calls, oldest first.
    pub(crate) fn all(&self) -> Vec<Call> {
        self.calls.iter().cloned().collect()
    }

    /// Forgets every call.
    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }
}
