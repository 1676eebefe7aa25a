//! Ways in which an invocation fails without an answer of the function's own, in the words of AWS.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

/// Largest answer of a function, in bytes, as on AWS.
pub(crate) const LARGEST_RESPONSE: usize = 6_291_556;

/// Why an invocation failed.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The function reported the error itself; the document is its own.
    Reported(Bytes),
    /// It did not answer within the function's time-out.
    TimedOut(Duration),
    /// Its process used more memory than the function has.
    OutOfMemory,
    /// Its process ended.
    Exited(ExitStatus),
    /// Its process could not be started.
    NotStarted(String),
    /// It answered with something that is not JSON.
    ///
    /// AWS passes such text on from a custom runtime and the caller fails on it; the managed runtimes name the
    /// defect `Runtime.MarshalError`, which a Retry or Catch can match. The host uses that name for every binary.
    Malformed(String),
    /// It answered with more than 6 MB.
    TooLarge,
    /// The host is being shut down.
    HostStopped,
}

impl Fault {
    /// The `errorType`, where the platform gives it.
    pub(crate) fn error_type(&self) -> Option<&'static str> {
        Some(match self {
            Self::Reported(_) => return None,
            Self::TimedOut(_) => "Sandbox.Timedout",
            Self::OutOfMemory => "Runtime.OutOfMemory",
            Self::Exited(_) => "Runtime.ExitError",
            Self::NotStarted(_) => "Runtime.InvalidEntrypoint",
            Self::Malformed(_) => "Runtime.MarshalError",
            Self::TooLarge => "Function.ResponseSizeTooLarge",
            Self::HostStopped => "Sandbox.Failure",
        })
    }

    /// What the caller gets as payload.
    pub(crate) fn payload(&self, request_id: &str) -> Bytes {
        match self {
            Self::Reported(document) => document.clone(),
            _ => json!({"errorType": self.error_type(), "errorMessage": self.message(request_id)}).to_string().into(),
        }
    }

    /// The lines AWS writes into the log.
    pub(crate) fn lines(&self, request_id: &str) -> Vec<String> {
        match self {
            Self::Reported(_) => Vec::new(),
            Self::TimedOut(timeout) => vec![format!("{request_id} Task timed out after {}", seconds(*timeout))],
            _ => vec![self.message(request_id), self.error_type().unwrap_or_default().to_owned()],
        }
    }

    /// The status at the end of the REPORT line.
    pub(crate) fn status(&self) -> String {
        match self {
            Self::TimedOut(_) => "\tStatus: timeout".to_owned(),
            _ => self.error_type().map(|name| format!("\tStatus: error\tError Type: {name}")).unwrap_or_default(),
        }
    }

    fn message(&self, request_id: &str) -> String {
        let text = match self {
            Self::Reported(document) => String::from_utf8_lossy(document).into_owned(),
            Self::TimedOut(timeout) => format!("Task timed out after {}", seconds(*timeout)),
            Self::OutOfMemory => "Runtime exited with error: signal: killed".to_owned(),
            Self::Exited(status) => exit_text(*status),
            Self::NotStarted(reason) => reason.clone(),
            Self::HostStopped => "The Lambda host was shut down".to_owned(),
            Self::Malformed(reason) => format!("Unable to marshal response: {reason}"),
            Self::TooLarge => {
                return format!(
                    "Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."
                );
            }
        };
        format!("RequestId: {request_id} Error: {text}")
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} seconds", duration.as_secs_f64())
}

/// How Lambda words the end of a runtime: it is Go's wording of a process's state.
fn exit_text(status: ExitStatus) -> String {
    if let Some(signal) = status.signal() {
        let dumped = if status.core_dumped() { " (core dumped)" } else { "" };
        return format!("Runtime exited with error: signal: {}{dumped}", signal_text(signal));
    }
    match status.code() {
        Some(0) | None => "Runtime exited without providing a reason".to_owned(),
        Some(code) => format!("Runtime exited with error: exit status {code}"),
    }
}

fn signal_text(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(fault: &Fault) -> serde_json::Value {
        serde_json::from_slice(&fault.payload("8f5")).unwrap()
    }

    #[test]
    fn a_timeout_in_the_words_of_aws() {
        let fault = Fault::TimedOut(Duration::from_secs(3));
        let message = "RequestId: 8f5 Error: Task timed out after 3.00 seconds";
        assert_eq!(payload(&fault), json!({"errorType": "Sandbox.Timedout", "errorMessage": message}));
        assert_eq!(fault.lines("8f5"), ["8f5 Task timed out after 3.00 seconds"]);
        assert_eq!(fault.status(), "\tStatus: timeout");
    }

    #[test]
    fn ends_of_a_process_in_the_words_of_aws() {
        let text = |raw| payload(&Fault::Exited(ExitStatus::from_raw(raw)))["errorMessage"].clone();
        assert_eq!(text(1 << 8), "RequestId: 8f5 Error: Runtime exited with error: exit status 1");
        assert_eq!(text(0), "RequestId: 8f5 Error: Runtime exited without providing a reason");
        assert_eq!(
            text(11 | 0x80),
            "RequestId: 8f5 Error: Runtime exited with error: signal: segmentation fault (core dumped)"
        );
        assert_eq!(text(9), "RequestId: 8f5 Error: Runtime exited with error: signal: killed");
        assert_eq!(text(42), "RequestId: 8f5 Error: Runtime exited with error: signal: signal 42");
    }

    #[test]
    fn a_reported_error_passes_unchanged() {
        let document = Bytes::from_static(br#"{"errorType":"Ops.Throttled","errorMessage":"later"}"#);
        let fault = Fault::Reported(document.clone());
        assert_eq!(fault.payload("8f5"), document);
        assert_eq!((fault.lines("8f5"), fault.status()), (Vec::new(), String::new()));
    }

    #[test]
    fn an_answer_too_large_names_the_limit() {
        let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
        let document = json!({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message});
        assert_eq!(payload(&Fault::TooLarge), document);
    }
}
