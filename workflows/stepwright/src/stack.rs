//! The local stack, `stack.json`: what AWS SAM's template says on AWS.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::Failure;

/// Where the stack is looked for when no file is named.
pub(crate) const DEFAULT_FILE: &str = "infra/local/stack.json";

/// A stack as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stack {
    /// Values of placeholders, by name.
    #[serde(default)]
    pub(crate) substitutions: BTreeMap<String, String>,
    /// Lambda functions, by name.
    #[serde(default)]
    pub(crate) functions: BTreeMap<String, Function>,
    /// Activities.
    #[serde(default)]
    pub(crate) activities: Vec<String>,
    /// Activity workers, by the name of their binary.
    #[serde(default)]
    pub(crate) workers: BTreeMap<String, Worker>,
    /// Rules of EventBridge, as PutRule has them, with Targets.
    #[serde(default)]
    pub(crate) rules: Vec<serde_json::Value>,
    /// Schedules of EventBridge Scheduler, as CreateSchedule has them.
    #[serde(default)]
    pub(crate) schedules: Vec<serde_json::Value>,
}

/// An activity worker as deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Worker {
    /// Its own environment.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
}

/// A Lambda function as deployed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Function {
    /// Seconds one invocation may last.
    #[serde(default = "Function::default_timeout")]
    pub(crate) timeout_seconds: u64,
    /// MiB.
    #[serde(default = "Function::default_memory")]
    pub(crate) memory_mb: u32,
    /// Most invocations at once; one more is refused as AWS does it, with `TooManyRequestsException`. Without it,
    /// invocations wait for their turn.
    pub(crate) reserved_concurrency: Option<NonZeroUsize>,
    /// Its own environment.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
}

impl Function {
    const fn default_timeout() -> u64 {
        30
    }

    const fn default_memory() -> u32 {
        256
    }
}

/// Reads the stack in `file`; without one, the default file where it is there, or an empty stack.
pub(crate) fn read(file: Option<&Path>) -> Result<Stack, Failure> {
    let path = match file {
        Some(file) => file.to_owned(),
        None if Path::new(DEFAULT_FILE).is_file() => PathBuf::from(DEFAULT_FILE),
        None => return Ok(Stack::default()),
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::usage(format!("--stack: {} cannot be read: {error}", path.display())))?;
    parse(&text).map_err(|error| Failure::usage(format!("--stack: {}: {error}", path.display())))
}

fn parse(text: &str) -> Result<Stack, serde_json::Error> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_read_with_its_defaults() {
        let stack = parse(
            r#"{"substitutions":{"StateTableName":"ops-state"},
                "functions":{"f":{"timeoutSeconds":5,"environment":{"A":"b"}}},
                "activities":["recovery-watcher"],
                "workers":{"recovery-watcher":{"environment":{"C":"d"}}}}"#,
        )
        .unwrap();
        assert_eq!(stack.functions["f"].timeout_seconds, 5);
        assert_eq!(stack.functions["f"].memory_mb, 256);
        assert_eq!(stack.activities, ["recovery-watcher"]);
        assert_eq!(stack.workers["recovery-watcher"].environment["C"], "d");
        assert_eq!(parse("{}").unwrap(), Stack::default());
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let error = parse(r#"{"functions":{"f":{"timeout":5}}}"#).unwrap_err().to_string();
        assert!(error.contains("`timeout`") && error.contains("line 1"), "{error}");
    }

    #[test]
    fn a_named_file_must_be_there() {
        let failure = read(Some(Path::new("/nowhere/stack.json"))).unwrap_err();
        assert!(failure.message.starts_with("--stack: /nowhere/stack.json cannot be read"), "{}", failure.message);
    }
}
