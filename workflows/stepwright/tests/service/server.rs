//! `stepwright serve` as a process of its own, on a data directory that outlives it.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;

const ACTIVITY: &str = "worker";

/// What a server is started with, and what stays when it dies.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
}

/// A server that dies with its handle.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    port: u16,
}

impl Place {
    /// A new data directory, these state machines, and one activity. Service integrations go to `world`.
    pub(crate) fn new(machines: &[(&str, Value)], world: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        for (name, definition) in machines {
            let folder = folder.path().join("machines").join(name);
            std::fs::create_dir_all(&folder).expect("a folder can be made");
            std::fs::write(folder.join("definition.asl.json"), definition.to_string()).expect("a file can be written");
        }
        std::fs::create_dir_all(folder.path().join("machines")).expect("a folder can be made");
        let stack = json!({"activities": [ACTIVITY]}).to_string();
        std::fs::write(folder.path().join("stack.json"), stack).expect("a file can be written");
        let file = |name: &str| folder.path().join(name).display().to_string();
        let mut all: Vec<String> = ["serve", "--no-workers"].map(str::to_owned).into();
        all.extend([
            format!("--port={port}"),
            format!("--definitions={}", file("machines")),
            format!("--stack={}", file("stack.json")),
            format!("--aws-endpoint={world}"),
        ]);
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Self { folder, port, arguments: all }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The folder of everything.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A client of whatever server runs here.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Starts a server.
    pub(crate) fn start(&self) -> Server {
        self.start_as(Command::new(env!("CARGO_BIN_EXE_stepwright")))
    }

    /// Starts a server that may write no file longer than so many KiB: for it the disk is full then.
    pub(crate) fn start_with_files_up_to(&self, kib: u32) -> Server {
        let mut shell = Command::new("sh");
        // Counted in blocks of 512 bytes. The signal would end the process; ignored, the write fails.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", u64::from(kib) * 2);
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_stepwright")]);
        self.start_as(shell)
    }

    fn start_as(&self, mut command: Command) -> Server {
        let log = self.path().join("log");
        let output = File::options().create(true).append(true).open(&log).expect("the log file can be written");
        let errors = output.try_clone().expect("the log file can be shared");
        let data = format!("--data-dir={}", self.data().display());
        let command = command.args(&self.arguments).arg(data).stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().expect("stepwright starts");
        Server { child, log, port: self.port }
    }
}

impl Server {
    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child of ours can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Waits until it listens.
    pub(crate) async fn listening(&mut self) {
        for _ in 0..6000 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended with {status}:\n{}", self.output());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server does not listen:\n{}", self.output());
    }

    /// Number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What all servers of the place have printed.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<_> = output.lines().collect();
            eprintln!("---- the server printed:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// A loopback port that nobody uses now, below those that the system gives to connections by itself.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 21_200;
    const COUNT: u16 = 100;
    static LOOKED: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    let ports = (0..COUNT).map(|_| FIRST + (begin + LOOKED.fetch_add(1, Ordering::Relaxed)) % COUNT);
    let mut free = ports.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().expect("a loopback port is free")
}

/// ARN of a state machine.
pub(crate) fn machine(name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}")
}

/// ARN of an execution.
pub(crate) fn execution(machine: &str, name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:execution:{machine}:{name}")
}

/// ARN of the activity.
pub(crate) fn activity() -> String {
    format!("arn:aws:states:us-east-1:123456789012:activity:{ACTIVITY}")
}
