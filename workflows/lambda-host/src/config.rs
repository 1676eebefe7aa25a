//! What a host runs: its functions, as they are deployed, and its bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use listener::Keys;

use crate::Error;

/// Longest time-out AWS lets a function have.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(900);
/// Longest function name AWS accepts, in characters.
const LONGEST_NAME: usize = 64;

/// A host: where it listens and what it runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the Invoke API. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Bounds of its connections, and TLS.
    pub connections: listener::Options,
    /// What requests must be signed with; `None` takes any request, but those that a web page makes.
    pub keys: Option<Arc<Keys>>,
    /// Region in the functions' ARNs, and `AWS_REGION` of their processes.
    pub region: String,
    /// Account in the functions' ARNs, 12 digits.
    pub account: String,
    /// The functions; names are unique.
    pub functions: Vec<Function>,
    /// Environment every function gets, below its own. A function's process inherits nothing else of this
    /// process but `PATH`.
    pub common_environment: BTreeMap<String, String>,
    /// Functions that callers create.
    pub created: Created,
    /// Bounds that hold for the whole host.
    pub limits: Limits,
}

/// What holds for functions that are created with `CreateFunction`.
#[derive(Debug, Clone)]
pub struct Created {
    /// The folder that keeps them; without one they go with the host.
    pub folder: Option<PathBuf>,
    /// The folder that AWS's runtime clients are installed into, for as many hosts as want them.
    pub runtimes: PathBuf,
    /// Whether clients that are not there may be installed.
    pub install: bool,
    /// Their environment, below their own. Their processes inherit nothing else of this process but `PATH`.
    pub environment: BTreeMap<String, String>,
    /// Most invocations of one of them at one time. At least 1.
    pub max_concurrency: usize,
}

/// One function as deployed.
#[derive(Debug, Clone)]
pub struct Function {
    /// Name, 1 to 64 letters, digits, `-` or `_`. Given to the process as `AWS_LAMBDA_FUNCTION_NAME` and `_HANDLER`.
    pub name: String,
    /// An executable that speaks the Lambda Runtime API.
    pub binary: PathBuf,
    /// Longest duration of one invocation, real time, up to 15 minutes.
    pub timeout: Duration,
    /// Memory, in MiB, above which the process is killed.
    pub memory_mb: u32,
    /// The function's own environment; it overrides [`Config::common_environment`].
    pub environment: BTreeMap<String, String>,
    /// Most invocations at one time, which is the most processes of this function. At least 1.
    pub max_concurrency: usize,
    /// Invocations that may wait for a free environment, in place of [`Limits::queue`].
    pub queue: Option<usize>,
}

/// Bounds of a host.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest initialisation of an environment before its process is started over (AWS: 10 s).
    pub init: Duration,
    /// An environment unused for this long is stopped.
    pub idle: Duration,
    /// Invocations of one function that may wait for a free environment; one more is answered with
    /// `TooManyRequestsException`. AWS has no such queue: 0 gives its behaviour.
    pub queue: usize,
    /// Asynchronous (`Event`) invocations that may be outstanding on the host.
    pub events: usize,
    /// Invocations whose logs are kept.
    pub kept_invocations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            init: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            queue: 1000,
            events: 1000,
            kept_invocations: 1000,
        }
    }
}

impl Config {
    /// Checks what can be known before anything runs.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.created.max_concurrency == 0 {
            let (field, remedy) = ("max_concurrency", "use at least 1".to_owned());
            return Err(Error::InvalidFunction { name: "(any that is created)".to_owned(), field, remedy });
        }
        let mut names = BTreeSet::new();
        for function in &self.functions {
            function.check()?;
            if !names.insert(function.name.as_str()) {
                return Err(function.invalid("name", "another function has the same name; names are unique"));
            }
        }
        Ok(())
    }
}

/// Whether a function may have that name.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(allowed)
}

impl Function {
    fn check(&self) -> Result<(), Error> {
        if !is_name(&self.name) {
            return Err(self.invalid("name", "use 1 to 64 letters, digits, '-' or '_'"));
        }
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT {
            return Err(self.invalid("timeout", "use more than 0 and at most 900 seconds"));
        }
        if self.memory_mb == 0 {
            return Err(self.invalid("memory_mb", "use at least 1 MiB (AWS: 128 to 10240)"));
        }
        if self.max_concurrency == 0 {
            return Err(self.invalid("max_concurrency", "use at least 1"));
        }
        if !self.binary.is_file() {
            let remedy = format!("{} is not a file: build it, or name another", self.binary.display());
            return Err(self.invalid("binary", &remedy));
        }
        Ok(())
    }

    fn invalid(&self, field: &'static str, remedy: &str) -> Error {
        Error::InvalidFunction { name: self.name.clone(), field, remedy: remedy.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function() -> Function {
        Function {
            name: "echo".into(),
            binary: std::env::current_exe().unwrap(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            environment: BTreeMap::new(),
            max_concurrency: 1,
            queue: None,
        }
    }

    fn refusal(functions: Vec<Function>) -> String {
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            connections: listener::Options::default(),
            keys: None,
            region: "us-east-1".into(),
            account: "123456789012".into(),
            functions,
            common_environment: BTreeMap::new(),
            created: Created {
                folder: None,
                runtimes: "runtimes".into(),
                install: false,
                environment: BTreeMap::new(),
                max_concurrency: 1,
            },
            limits: Limits::default(),
        };
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn refusals_name_the_function_and_the_field() {
        let nameless = Function { name: "a b".into(), ..function() };
        assert_eq!(refusal(vec![nameless]), "function \"a b\": name: use 1 to 64 letters, digits, '-' or '_'");
        let endless = Function { timeout: Duration::from_secs(901), ..function() };
        assert_eq!(refusal(vec![endless]), "function \"echo\": timeout: use more than 0 and at most 900 seconds");
        let absent = Function { binary: "/nowhere/bootstrap".into(), ..function() };
        assert!(refusal(vec![absent]).contains("binary: /nowhere/bootstrap is not a file"));
        let starved = Function { memory_mb: 0, ..function() };
        assert!(refusal(vec![starved]).contains("memory_mb"));
        let idle = Function { max_concurrency: 0, ..function() };
        assert!(refusal(vec![idle]).contains("max_concurrency"));
    }

    #[test]
    fn names_are_unique() {
        assert!(refusal(vec![function(), function()]).contains("names are unique"));
    }
}
