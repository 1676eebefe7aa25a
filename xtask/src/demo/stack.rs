//! The processes of the demo: `stepwright serve`, which brings the sandbox and the functions, and the workers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::control::Control;
use super::leftovers::{self, Seen};
use crate::clock;
use crate::failure::{During, Failure};
use crate::process::Service;
use crate::scratch::Scratch;

/// The region of the sandbox's resources.
const REGION: &str = "us-east-1";
/// Exit code of the CLI when the server refuses a request.
const REFUSED: i32 = 4;
/// Lines of a log that an explanation shows.
const SHOWN: usize = 20;

/// What a demo needs beside the engine.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Activity workers.
    pub(crate) workers: Vec<Worker>,
    /// More environment for the server and its sandbox.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// More arguments for the server.
    pub(crate) arguments: Vec<&'static str>,
}

/// An activity worker; its activity has the same name.
#[derive(Debug)]
pub(crate) struct Worker {
    name: &'static str,
    /// Its own environment.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Worker {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, environment: Vec::new() }
    }
}

/// A running stack.
#[derive(Debug)]
pub(crate) struct Stack {
    programs: BTreeMap<String, PathBuf>,
    server: Service,
    workers: Vec<(&'static str, Service)>,
    ready: Ready,
    logs: PathBuf,
    _data: Scratch,
}

/// What the ready line says.
#[derive(Debug, Clone)]
struct Ready {
    engine: String,
    sandbox: String,
    /// Virtual seconds per real second, and the instant at which both agree: for every other process.
    time: [String; 2],
    /// The file that says how much time was skipped, where any may be.
    skipped: Option<String>,
}

impl Stack {
    /// Starts everything and waits until it is ready.
    pub(crate) fn start(
        root: &Path,
        programs: &BTreeMap<String, PathBuf>,
        setting: &Setting,
        time_scale: u32,
    ) -> Result<Self, Failure> {
        let begin = clock::now();
        println!("▶ starting the stack");
        let logs = crate::workspace::target(root)?.join("demo");
        std::fs::create_dir_all(&logs).during(|| format!("{} cannot be made", logs.display()))?;
        let data = Scratch::new()?;
        let mut serve = Command::new(&programs["stepwright"]);
        serve.args(["serve", "--port", "0", "--output", "json", "--aws-endpoint", "sandbox", "--region", REGION]);
        serve.args(["--no-workers", "--time-scale", &time_scale.to_string()]).arg("--data-dir").arg(data.path());
        serve.arg("--lambda-binary").arg(&programs["bootstrap"]).args(&setting.arguments);
        serve.current_dir(root).stdout(Stdio::piped()).stderr(log(&logs, "stepwright")?);
        serve.envs(setting.environment.iter().map(|(name, value)| (*name, value)));
        let mut server = Service::start(serve, "stepwright serve")?;
        let ready = ready(&mut server).inspect_err(|_| show_end(&logs, "stepwright"))?;
        let mut stack = Self { programs: programs.clone(), server, workers: Vec::new(), ready, logs, _data: data };
        for worker in &setting.workers {
            let started = stack.start_worker(worker)?;
            stack.workers.push((worker.name, started));
        }
        println!(
            "✓ started ({}): engine {}, sandbox {}",
            clock::readable(begin.elapsed()),
            stack.ready.engine,
            stack.ready.sandbox
        );
        Ok(stack)
    }

    fn start_worker(&self, worker: &Worker) -> Result<Service, Failure> {
        let mut command = Command::new(&self.programs[worker.name]);
        command.env("AWS_ENDPOINT_URL", &self.ready.sandbox).env("AWS_ENDPOINT_URL_SFN", &self.ready.engine);
        command.env("AWS_ACCESS_KEY_ID", worker.name).env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", REGION);
        let [scale, origin] = &self.ready.time;
        command.env("OPS_TIME_SCALE", scale).env("OPS_TIME_ORIGIN", origin);
        command.envs(self.ready.skipped.iter().map(|file| ("OPS_TIME_SKIPPED_FILE", file)));
        command.envs(worker.environment.iter().map(|(name, value)| (*name, value)));
        let log = log(&self.logs, worker.name)?;
        command.stdout(log.try_clone().during(|| "the worker's log".to_owned())?).stderr(log);
        Service::start(command, worker.name)
    }

    /// Control of its sandbox.
    pub(crate) fn control(&self) -> Control {
        Control::new(&self.ready.sandbox)
    }

    /// Starts an execution; returns its ARN.
    pub(crate) fn execute(&self, machine: &str, name: &str, input: &Value) -> Result<String, Failure> {
        let mut command = self.command(&["start", machine, "--name", name, "--input", "-"]);
        let started = json(&mut command, &input.to_string())?;
        let arn = started["executionArn"].as_str();
        arn.map(str::to_owned).ok_or_else(|| Failure::new(format!("stepwright start gave no executionArn: {started}")))
    }

    /// An execution with its timeline, for programs.
    pub(crate) fn history(&self, arn: &str) -> Result<Value, Failure> {
        json(&mut self.command(&["history", arn]), "")
    }

    /// An execution's timeline, for people.
    pub(crate) fn timeline(&self, arn: &str) -> Result<String, Failure> {
        let mut command = Command::new(&self.programs["stepwright"]);
        command.args(["history", arn, "--endpoint-url", &self.ready.engine]);
        finish(&mut command, "").and_then(|output| accept(&command, output))
    }

    /// Approves a request; `false` says that there is none of this id yet.
    pub(crate) fn approve(&self, id: &str, person: &str) -> Result<bool, Failure> {
        let [scale, origin] = &self.ready.time;
        let mut command = self.command(&["approve", id, "--as", person, "--aws-endpoint-url", &self.ready.sandbox]);
        command.args(["--time-scale", scale, "--time-origin", origin]);
        command.args(self.ready.skipped.iter().flat_map(|file| ["--time-skipped-file", file]));
        let output = finish(&mut command, "")?;
        if output.status.code() == Some(REFUSED) {
            return Ok(false);
        }
        accept(&command, output).map(|_| true)
    }

    /// The executions of a state machine that run.
    pub(crate) fn running(&self, machine: &str) -> Result<Vec<Value>, Failure> {
        self.list(&["--machine", machine, "--status", "running"])
    }

    /// The executions of a state machine, newest first.
    pub(crate) fn executions(&self, machine: &str) -> Result<Vec<Value>, Failure> {
        self.list(&["--machine", machine])
    }

    fn list(&self, filters: &[&str]) -> Result<Vec<Value>, Failure> {
        let list = json(self.command(&["list"]).args(filters), "")?;
        Ok(list["executions"].as_array().cloned().unwrap_or_default())
    }

    /// Its processes and everything they started.
    pub(crate) fn processes(&self) -> BTreeSet<Seen> {
        let workers = self.workers.iter().map(|(_, worker)| worker);
        let roots = std::iter::once(&self.server).chain(workers).map(Service::pid);
        leftovers::tree(&roots.collect::<Vec<_>>())
    }

    /// How it ended, if a process of it did.
    pub(crate) fn ended(&mut self) -> Option<String> {
        if let Some(status) = self.server.ended() {
            return Some(format!("stepwright serve ended with {status}"));
        }
        let mut workers = self.workers.iter_mut();
        workers.find_map(|(name, worker)| worker.ended().map(|status| format!("{name} ended with {status}")))
    }

    /// Shows what its processes said last.
    pub(crate) fn explain(&mut self) {
        if let Some(ended) = self.ended() {
            eprintln!("{ended}");
        }
        show_end(&self.logs, "stepwright");
        for (name, _) in &self.workers {
            show_end(&self.logs, name);
        }
    }

    /// Stops the workers, which finish their tasks, then the server.
    pub(crate) fn stop(&mut self) {
        for (_, worker) in &mut self.workers {
            worker.stop();
        }
        self.server.stop();
    }

    /// A command of the CLI that answers in JSON.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.programs["stepwright"]);
        command.args(arguments).args(["--output", "json", "--endpoint-url", &self.ready.engine]);
        command
    }
}

/// Runs a command that answers in JSON.
fn json(command: &mut Command, input: &str) -> Result<Value, Failure> {
    let output = finish(command, input)?;
    let text = accept(command, output)?;
    serde_json::from_str(&text).during(|| format!("stepwright {} did not answer in JSON", command_line(command)))
}

/// Runs a command to its end.
fn finish(command: &mut Command, input: &str) -> Result<Output, Failure> {
    let run = |command: &mut Command| -> std::io::Result<Output> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that needs no input may end without reading it.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    };
    run(command).during(|| format!("stepwright {}", command_line(command)))
}

/// What a command that succeeded printed.
fn accept(command: &Command, output: Output) -> Result<String, Failure> {
    let what = || format!("stepwright {}", command_line(command));
    if output.status.success() {
        return String::from_utf8(output.stdout).during(what);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::new(format!("{} ended with {}: {said}", what(), output.status)))
}

fn command_line(command: &Command) -> String {
    command.get_args().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn log(folder: &Path, name: &str) -> Result<std::fs::File, Failure> {
    let path = folder.join(format!("{name}.log"));
    std::fs::File::create(&path).during(|| format!("{} cannot be written", path.display()))
}

fn show_end(folder: &Path, name: &str) {
    let path = folder.join(format!("{name}.log"));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("── the end of {} ──", path.display());
    lines.iter().skip(lines.len().saturating_sub(SHOWN)).for_each(|line| eprintln!("{line}"));
}

/// Reads lines until the one that says the server is ready; the rest of its output is discarded.
fn ready(server: &mut Service) -> Result<Ready, Failure> {
    let mut lines = BufReader::new(server.stdout().ok_or_else(|| Failure::new("stepwright serve has no output"))?);
    let mut line = String::new();
    while lines.read_line(&mut line).during(|| "stepwright serve".to_owned())? > 0 {
        if let Some(ready) = Ready::read(line.trim()) {
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            return Ok(ready);
        }
        line.clear();
    }
    Err(Failure::new("stepwright serve ended before it was ready; its log says why"))
}

impl Ready {
    /// The ready line of `serve --output json`.
    fn read(line: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        let number = |name: &str| document[name].is_number().then(|| document[name].to_string());
        let time = [number("timeScale")?, number("timeOrigin")?];
        let skipped = text("timeSkippedFile");
        Some(Self { engine: text("stepFunctions")?, sandbox: text("sandbox")?, time, skipped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_says_where_and_when() {
        let line = r#"{"ready": true, "stepFunctions": "http://127.0.0.1:1", "sandbox": "http://127.0.0.1:3", "timeScale": 30.0, "timeOrigin": 1700000000000}"#;
        let ready = Ready::read(line).unwrap();
        assert_eq!((ready.engine.as_str(), ready.sandbox.as_str()), ("http://127.0.0.1:1", "http://127.0.0.1:3"));
        assert_eq!(ready.time, ["30.0", "1700000000000"]);
        assert!(Ready::read("starting").is_none());
        assert!(Ready::read(r#"{"ready": false}"#).is_none());
    }

    #[test]
    fn a_command_that_fails_says_why() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such machine >&2; exit 4"]);
        let output = finish(&mut command, "").unwrap();
        let failure = accept(&command, output).unwrap_err().to_string();
        assert!(failure.ends_with("ended with exit status: 4: no such machine"), "{failure}");
    }
}
