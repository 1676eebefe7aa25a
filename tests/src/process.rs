//! Child processes of a test.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A process that dies with its handle; what it prints goes to a file.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a binary of this workspace.
    ///
    /// # Panics
    /// The binary has not been built, or cannot be started.
    #[must_use]
    pub fn start(name: &str, arguments: &[String], environment: &[(&str, String)], logs: &Path) -> Self {
        let log = logs.join(format!("{name}-{}.log", std::process::id()));
        let output = File::options().create(true).append(true).open(&log).expect("the log file can be written");
        let errors = output.try_clone().expect("the log file can be shared");
        let child = Command::new(binary(name))
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name: name.to_owned(), child, log }
    }

    /// Ends the process at once, as `kill -9` does.
    ///
    /// # Panics
    /// The process cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of ours can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Asks the process to end, as `kill` does, and waits until it has.
    ///
    /// # Panics
    /// `kill` is missing, or the process does not end.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(sent.success(), "{} has ended before it was asked to: {}", self.name, self.output());
        self.child.wait().expect("a child ends")
    }

    /// Number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Numbers of the processes that it has started and that run the program `name`.
    #[must_use]
    pub fn children(&self, name: &str) -> Vec<u32> {
        let parent = self.id().to_string();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers.filter(|number| is_child(*number, name, &parent)).collect()
    }

    /// What it has printed.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the process listens on `port`.
    ///
    /// # Panics
    /// It ends first, or does not listen within a minute.
    pub async fn listening(&mut self, port: u16) {
        for _ in 0..1200 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} ended with {status}:\n{}", self.name, self.output());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} does not listen on {port}:\n{}", self.name, self.output());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- {} printed:\n{}", self.name, tail(&self.output()));
        }
    }
}

/// Whether the process runs `name` (its first 15 characters, as the kernel keeps them) for `parent`.
fn is_child(number: u32, name: &str, parent: &str) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{number}/status")) else { return false };
    let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    field("Name:") == name.get(..15).or(Some(name)) && field("PPid:") == Some(parent)
}

/// Whether a process is still there.
#[must_use]
pub fn is_running(number: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
    state.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

fn tail(text: &str) -> String {
    let lines = text.lines().collect::<Vec<_>>();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// A loopback port that nobody uses now. It lies below those that the system gives to connections by itself, so that
/// none of them takes it before it is listened on; tests of other processes begin to look elsewhere.
///
/// # Panics
/// There is none.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static LOOKED: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(97);
    let ports = (0..COUNT).map(|_| FIRST + begin.wrapping_add(LOOKED.fetch_add(1, Ordering::Relaxed)) % COUNT);
    let mut ports = ports.filter_map(|port| u16::try_from(port).ok());
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).expect("a loopback port is free")
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// A binary of this workspace, beside the test's own.
///
/// # Panics
/// It has not been built: `cargo xtask test` builds it.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().nth(2).expect("tests are built into target/<profile>/deps");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} has not been built: run `cargo xtask test`, or `cargo build -p stepwright -p bootstrap -p recovery-watcher -p sandbox -p lambda-host --bins --examples`",
        path.display()
    );
    path
}
