//! The call log: every AWS call the sandbox answered or refused, for tests and for people.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::path::PathBuf;

use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

/// How many calls are kept; the oldest are forgotten first.
const KEPT: usize = 20_000;

/// One AWS call as the sandbox received it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// Virtual time of arrival, milliseconds since the Unix epoch.
    pub at: i64,
    /// The access key id that the call was signed with: the name of the function or worker, where it was given one;
    /// empty for a call without a signature.
    pub caller: String,
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

/// Who signed a request: its access key id, or nobody.
pub(crate) fn caller(headers: &HeaderMap) -> String {
    let signature = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = signature.split_once("Credential=").map_or("", |(_, rest)| rest);
    credential.split('/').next().unwrap_or_default().to_owned()
}

/// The calls kept, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Log {
    calls: VecDeque<Call>,
    /// Where to note who called what, and what stands there already.
    observed: Option<PathBuf>,
    noted: BTreeSet<String>,
}

impl Log {
    /// A log that also notes in a file who called what: a line `caller service operation` for each, once.
    pub(crate) fn new(observed: Option<PathBuf>) -> Self {
        Self { observed, ..Self::default() }
    }

    /// Adds a call, forgetting the oldest when the log is full.
    pub(crate) fn add(&mut self, call: Call) {
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.note(&call);
        self.calls.push_back(call);
    }

    /// Appends to the file at once, so that nothing is lost when this process is killed.
    fn note(&mut self, call: &Call) {
        let Some(path) = self.observed.as_ref().filter(|_| !call.caller.is_empty()) else { return };
        let line = format!("{} {} {}\n", call.caller, call.service, call.operation);
        if self.noted.contains(&line) {
            return;
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            tracing::warn!(%error, path = %path.display(), "cannot note a call");
        }
        self.noted.insert(line);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn call(caller: &str, operation: &str) -> Call {
        Call {
            at: 0,
            caller: caller.to_owned(),
            service: "ecs".to_owned(),
            operation: operation.to_owned(),
            parameters: Value::Null,
            status: 200,
            error: None,
            injected: false,
        }
    }

    #[test]
    fn the_caller_is_the_access_key_id_of_the_signature() {
        let signed =
            "AWS4-HMAC-SHA256 Credential=incident-assess/20261130/us-east-1/ecs/aws4_request, SignedHeaders=host";
        let headers =
            |value: &'static str| HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(caller(&headers(signed)), "incident-assess");
        assert_eq!(caller(&headers("Bearer token")), "");
        assert_eq!(caller(&HeaderMap::new()), "");
    }

    #[test]
    fn who_called_what_is_noted_once_and_nobody_is_not() {
        let folder = std::env::temp_dir().join(format!("sandbox-observed-{}", std::process::id()));
        let mut log = Log::new(Some(folder.clone()));
        for (who, what) in [("a", "ListTasks"), ("a", "ListTasks"), ("", "ListTasks"), ("b", "StopTask")] {
            log.add(call(who, what));
        }
        let noted = std::fs::read_to_string(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(noted, "a ecs ListTasks\nb ecs StopTask\n");
        assert_eq!(log.all().len(), 4);
    }
}
