//! Everything that a user would start, started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde_json::Value;
use tempfile::TempDir;

use crate::account::{Account, Callees};
use crate::client::step_functions;
use crate::process::{Process, binary, free_port, root};

/// How a stack is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Virtual seconds per second.
    pub scale: f64,
    /// Host and port of a Redis for the catalogue's cache.
    pub redis: Option<(String, u16)>,
    /// Definitions; the repository's own by default.
    pub definitions: PathBuf,
    /// Stack file; the repository's own by default.
    pub stack: PathBuf,
    /// The binary that serves every function; `bootstrap` by default.
    pub lambda_binary: PathBuf,
    /// Whether the activity worker is started.
    pub worker: bool,
    /// Whether the server starts its stack's workers itself.
    pub server_workers: bool,
    /// More environment for the server.
    pub environment: Vec<(&'static str, String)>,
    /// More environment for the worker.
    pub worker_environment: Vec<(&'static str, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scale: 60.0,
            redis: None,
            definitions: root().join("statemachines"),
            stack: root().join("infra/local/stack.json"),
            lambda_binary: binary("bootstrap"),
            worker: true,
            server_workers: false,
            environment: Vec::new(),
            worker_environment: Vec::new(),
        }
    }
}

/// Sandbox, server and worker of one test.
#[derive(Debug)]
pub struct Stack {
    /// The server, `stepwright serve`.
    pub server: Process,
    /// The worker, `recovery-watcher`.
    pub worker: Option<Process>,
    /// The AWS account.
    pub account: Account,
    /// The SDK's client.
    pub client: aws_sdk_sfn::Client,
    ports: Callees,
    origin: i64,
    options: Options,
    folder: TempDir,
}

impl Stack {
    /// Starts everything.
    ///
    /// # Panics
    /// Something does not start.
    pub async fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let origin = wall_clock();
        let redis = options.redis.as_ref().map(|(host, port)| (host.as_str(), *port));
        let ports = Callees { lambda: free_port(), sfn: free_port() };
        let account = Account::start(options.scale, origin, redis, ports, folder.path()).await;
        let server = serve(&options, &account, &folder, ports, origin).await;
        let mut stack =
            Self { server, worker: None, account, client: step_functions(ports.sfn), ports, origin, options, folder };
        if stack.options.worker {
            stack.start_worker();
        }
        stack
    }

    /// Kills the server at once and starts it again on the same data.
    pub async fn crash_and_restart(&mut self) {
        self.server.kill();
        self.server = serve(&self.options, &self.account, &self.folder, self.ports, self.origin).await;
    }

    /// Starts the worker, in place of the one before.
    pub fn start_worker(&mut self) {
        let mut environment = aws_environment(&self.account, self.ports.sfn);
        let activity = "arn:aws:states:us-east-1:123456789012:activity:recovery-watcher";
        environment.extend([
            ("RECOVERY_WATCHER_ACTIVITY_ARN", activity.to_owned()),
            ("AWS_ACCESS_KEY_ID", "recovery-watcher".to_owned()),
            ("DB_INSTANCE_ID", "orders-db".to_owned()),
            ("OPS_TIME_SCALE", self.options.scale.to_string()),
            ("OPS_TIME_ORIGIN", self.origin.to_string()),
        ]);
        environment.extend(self.options.worker_environment.iter().cloned());
        self.worker = None;
        self.worker = Some(Process::start("recovery-watcher", &[], &environment, self.folder.path()));
    }

    /// Where the server listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.ports.sfn
    }

    /// The ARN of a state machine.
    #[must_use]
    pub fn machine(name: &str) -> String {
        format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}")
    }

    /// Starts an execution of `incident-remediation`.
    ///
    /// # Panics
    /// It is refused.
    pub async fn remediate(&self, event: &Value) -> String {
        self.start_execution("incident-remediation", event).await
    }

    /// Starts an execution.
    ///
    /// # Panics
    /// It is refused.
    pub async fn start_execution(&self, machine: &str, input: &Value) -> String {
        let request = self.client.start_execution().state_machine_arn(Self::machine(machine)).input(input.to_string());
        let started = request.send().await.unwrap_or_else(|error| panic!("{error:?}"));
        started.execution_arn().to_owned()
    }

    /// Waits until an execution has ended: its status, and its output or its error and cause.
    ///
    /// # Panics
    /// It does not end within two minutes.
    pub async fn ended(&self, arn: &str) -> (ExecutionStatus, Value) {
        for _ in 0..2400 {
            // A server that is being restarted refuses connections for a moment.
            if let Ok(answer) = self.client.describe_execution().execution_arn(arn).send().await
                && *answer.status() != ExecutionStatus::Running
            {
                let output = answer.output().map(|output| serde_json::from_str(output).expect("output is JSON"));
                let failure = || serde_json::json!({"error": answer.error(), "cause": answer.cause()});
                return (answer.status().clone(), output.unwrap_or_else(failure));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{arn} does not end:\n{}", self.cli(&["history", arn]).1);
    }

    /// The whole history of an execution.
    ///
    /// # Panics
    /// It cannot be read.
    pub async fn history(&self, arn: &str) -> Vec<HistoryEvent> {
        let mut pages = self.client.get_execution_history().execution_arn(arn).into_paginator().items().send();
        let mut events = Vec::new();
        while let Some(event) = pages.next().await {
            events.push(event.unwrap_or_else(|error| panic!("{error:?}")));
        }
        events
    }

    /// Names of the states that an execution has entered, in order.
    pub async fn states(&self, arn: &str) -> Vec<String> {
        let events = self.history(arn).await;
        let entered = events.iter().filter_map(|event| event.state_entered_event_details());
        entered.map(|details| details.name().to_owned()).collect()
    }

    /// Waits until an execution has entered a state.
    ///
    /// # Panics
    /// It ends first, or does not get there within two minutes.
    pub async fn entered(&self, arn: &str, state: &str) {
        for _ in 0..2400 {
            if self.states(arn).await.iter().any(|name| name == state) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{arn} does not enter {state}:\n{}", self.cli(&["history", arn]).1);
    }

    /// Runs the command line: exit code, and what it printed.
    ///
    /// # Panics
    /// The binary cannot be started.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(binary("stepwright"))
            .args(arguments)
            .envs(aws_environment(&self.account, self.ports.sfn))
            .output()
            .expect("stepwright runs");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap_or(-1), text)
    }
}

async fn serve(options: &Options, account: &Account, folder: &TempDir, ports: Callees, origin: i64) -> Process {
    let port = ports.sfn;
    let data = folder.path().join("data");
    let mut arguments = vec![
        "serve".to_owned(),
        format!("--port={port}"),
        format!("--lambda-port={}", ports.lambda),
        format!("--data-dir={}", data.display()),
        format!("--definitions={}", options.definitions.display()),
        format!("--stack={}", options.stack.display()),
        format!("--lambda-binary={}", options.lambda_binary.display()),
        format!("--aws-endpoint={}", account.url()),
        format!("--time-scale={}", options.scale),
        format!("--time-origin={origin}"),
    ];
    if !options.server_workers {
        arguments.push("--no-workers".to_owned());
    }
    let mut server = Process::start("stepwright", &arguments, &options.environment, folder.path());
    server.listening(port).await;
    // The sandbox calls hooks there at once, and takes a refused connection for a failed hook.
    if has_functions(&options.stack) {
        server.listening(ports.lambda).await;
    }
    server
}

/// Whether a stack file has functions: only then something listens for their calls.
fn has_functions(stack: &Path) -> bool {
    let text = std::fs::read_to_string(stack).expect("the stack file can be read");
    let stack: Value = serde_json::from_str(&text).expect("the stack file is JSON");
    stack["functions"].as_object().is_some_and(|functions| !functions.is_empty())
}

fn aws_environment(account: &Account, port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", account.url()),
        ("AWS_ENDPOINT_URL_SFN", format!("http://127.0.0.1:{port}")),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}

#[expect(clippy::disallowed_methods, reason = "the origin of a test's virtual time is the moment it starts")]
fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_millis()).expect("the clock is before the year 292 million")
}
