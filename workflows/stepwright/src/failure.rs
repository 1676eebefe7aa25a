//! How a command ends badly: an exit code, what happened, and what to do about it.

use serde_json::json;

/// Exit codes. 0 is success; 2 is also what the command line's own parser exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// What was asked for was done, and came out badly: an execution failed, a definition has errors, a server could
    /// not start.
    Failed = 1,
    /// The command line or a file that it names cannot be used.
    Usage = 2,
    /// The server cannot be reached, or does not answer.
    Unreachable = 3,
    /// The server refused the request.
    Refused = 4,
    /// A rule of ours forbids it: an approval that has expired or was answered, a redrive beyond its limit.
    Forbidden = 5,
}

/// Why a command ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), remedy: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Says what to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("error: {}\n       {remedy}", self.message),
            None => format!("error: {}", self.message),
        }
    }

    /// For programs: one line of JSON.
    pub(crate) fn json(&self) -> String {
        json!({ "error": { "exitCode": self.exit as u8, "message": self.message, "remedy": self.remedy } }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_carry_message_and_remedy() {
        let failure = Failure::usage("--input: no such file").remedy("give a file, or - for standard input");
        assert_eq!(failure.text(), "error: --input: no such file\n       give a file, or - for standard input");
        assert_eq!(
            failure.json(),
            r#"{"error":{"exitCode":2,"message":"--input: no such file","remedy":"give a file, or - for standard input"}}"#
        );
    }
}
