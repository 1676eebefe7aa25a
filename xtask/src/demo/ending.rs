//! An execution as the command line shows it.

use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

/// An execution as the CLI's history shows it.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    document: Value,
}

impl Ending {
    pub(crate) fn of(document: Value) -> Self {
        Self { document }
    }

    /// The execution's ARN.
    pub(crate) fn arn(&self) -> &str {
        self.document["execution"]["executionArn"].as_str().unwrap_or_default()
    }

    /// `RUNNING`, `SUCCEEDED`, …
    pub(crate) fn status(&self) -> &str {
        self.document["execution"]["status"].as_str().unwrap_or_default()
    }

    /// The output of an execution that succeeded.
    pub(crate) fn succeeded(&self) -> Result<Value, Failure> {
        let text = |name: &str| self.document["execution"][name].as_str().unwrap_or_default();
        if self.status() == "SUCCEEDED" {
            return Ok(self.output());
        }
        let (status, error, cause) = (self.status(), text("error"), text("cause"));
        Err(Failure::new(format!("the execution ended {status}: {error}: {cause}")))
    }

    /// The execution's output; null while there is none.
    pub(crate) fn output(&self) -> Value {
        let text = self.document["execution"]["output"].as_str().unwrap_or("null");
        serde_json::from_str(text).unwrap_or(Value::Null)
    }

    /// The rows of its timeline.
    pub(crate) fn timeline(&self) -> Vec<Value> {
        self.document["timeline"].as_array().cloned().unwrap_or_default()
    }

    /// Its virtual duration, for people.
    pub(crate) fn took(&self) -> String {
        let milliseconds = self.document["durationMs"].as_u64().unwrap_or(0);
        format!("{} of virtual time", crate::clock::readable(Duration::from_millis(milliseconds)))
    }

    /// The errors of a step's attempts.
    pub(crate) fn errors_of(&self, step: &str) -> Vec<String> {
        let rows = self.timeline().into_iter().filter(|row| row["step"] == step);
        rows.filter_map(|row| row["error"].as_str().map(str::to_owned)).collect()
    }
}
