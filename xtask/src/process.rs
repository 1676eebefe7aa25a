//! Processes that are started, and stopped without fail.
//!
//! Everything started is on one list until it is stopped, so that a failure, a panic or Ctrl-C leaves nothing running.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

use crate::failure::{During, Failure};
use crate::{clock, settings};

/// How long a process may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two looks at something that is about to change.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

static STARTED: Mutex<List> = Mutex::new(List { open: true, running: Vec::new() });

/// What runs, and whether more may be started.
struct List {
    open: bool,
    running: Vec<Started>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Started {
    pid: Pid,
    /// It leads a group of its own, so that Ctrl-C at the terminal does not reach it before us.
    leads: bool,
}

/// A cargo command.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(settings::cargo());
    command.args(arguments).current_dir(root);
    command
}

/// Runs a tool to its end, in the terminal's foreground.
pub(crate) fn run(command: Command, name: &str) -> Result<(), Failure> {
    output(command, name).map(drop)
}

/// Runs a tool to its end, in the terminal's foreground; what it prints to a piped standard output is returned.
pub(crate) fn output(mut command: Command, name: &str) -> Result<Vec<u8>, Failure> {
    let child = command.stdin(Stdio::null()).spawn().during(|| format!("{name} cannot be started"))?;
    let started = register(&child, false);
    let output = child.wait_with_output();
    if let Some(started) = started {
        forget(started);
    }
    let output = output.during(|| name.to_owned())?;
    match output.status {
        status if status.success() => Ok(output.stdout),
        status => Err(Failure::new(format!("{name} ended with {status}"))),
    }
}

/// A process that runs in the background until it is stopped, at the latest when this is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    child: Child,
    started: Option<Started>,
}

impl Service {
    /// Starts it in a process group of its own.
    pub(crate) fn start(mut command: Command, name: &str) -> Result<Self, Failure> {
        use std::os::unix::process::CommandExt;
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        let child = child.during(|| format!("{name} cannot be started"))?;
        let started = register(&child, true);
        Ok(Self { name: name.to_owned(), child, started })
    }

    /// Its standard output, if it is piped and not taken yet.
    pub(crate) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks until the answer is yes, the process ends, or the time is over.
    pub(crate) fn until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<(), Failure> {
        let begin = clock::now();
        while !ready() {
            if let Some(status) = self.ended() {
                return Err(Failure::new(format!("{} ended before it was ready: {status}", self.name)));
            }
            if begin.elapsed() > limit {
                return Err(Failure::new(format!("{} was not ready after {}", self.name, clock::readable(limit))));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Ends it politely, then by force, with its whole group.
    pub(crate) fn stop(&mut self) {
        let Some(started) = self.started.take() else { return };
        started.signal(Signal::TERM);
        let begin = clock::now();
        while self.ended().is_none() && begin.elapsed() < PATIENCE {
            std::thread::sleep(PAUSE);
        }
        started.signal(Signal::KILL);
        let _ = self.child.wait();
        forget(started);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Started {
    fn signal(self, signal: Signal) {
        // It may be gone already.
        let _ = if self.leads { kill_process_group(self.pid, signal) } else { kill_process(self.pid, signal) };
    }
}

/// Stops whatever still runs and removes its folders; for the end of this program, whichever way it comes. Nothing can
/// be started after it.
pub(crate) fn stop_all() {
    let started = {
        let mut list = list();
        list.open = false;
        std::mem::take(&mut list.running)
    };
    started.iter().for_each(|started| started.signal(Signal::TERM));
    let begin = clock::now();
    for started in started {
        let running = || matches!(waitpid(Some(started.pid), WaitOptions::NOHANG), Ok(None));
        while running() && begin.elapsed() < PATIENCE {
            std::thread::sleep(PAUSE);
        }
        started.signal(Signal::KILL);
    }
    crate::scratch::remove_all();
}

fn register(child: &Child, leads: bool) -> Option<Started> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw)?;
    let started = Started { pid, leads };
    let mut list = list();
    if list.open {
        list.running.push(started);
        return Some(started);
    }
    drop(list);
    // The program is being ended by a signal, while this thread went on to its next step: it must not.
    started.signal(Signal::KILL);
    loop {
        std::thread::park();
    }
}

fn forget(started: Started) {
    list().running.retain(|other| *other != started);
}

fn list() -> MutexGuard<'static, List> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use rustix::process::test_kill_process_group;

    use super::*;

    fn sleeper() -> Service {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & sleep 600"]);
        Service::start(command, "sleeper").unwrap()
    }

    #[test]
    fn stopping_a_service_ends_its_whole_group() {
        let mut service = sleeper();
        let group = service.started.unwrap().pid;
        assert!(test_kill_process_group(group).is_ok());
        service.stop();
        let begin = clock::now();
        // The grandchild is nobody's child here: the system removes it in its own time.
        while test_kill_process_group(group).is_ok() {
            assert!(begin.elapsed() < PATIENCE, "the group still exists");
            std::thread::yield_now();
        }
        assert!(!list().running.iter().any(|started| started.pid == group));
    }

    #[test]
    fn a_service_that_ends_early_is_told() {
        let mut service = Service::start(Command::new("false"), "false").unwrap();
        let failure = service.until(Duration::from_secs(60), || false).unwrap_err();
        assert_eq!(failure.to_string(), "false ended before it was ready: exit status: 1");
    }

    #[test]
    fn a_tool_that_fails_is_named() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 3"]);
        assert_eq!(run(command, "the tool").unwrap_err().to_string(), "the tool ended with exit status: 3");
        let missing = run(Command::new("/nowhere/tool"), "the tool").unwrap_err().to_string();
        assert!(missing.starts_with("the tool cannot be started: "), "{missing}");
    }
}
