//! Servers that are measured: started, looked at in /proc, and ended.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use crate::clock;
use crate::failure::{During, Failure};

/// How long a server may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// A server in a process of its own, ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where its API is.
    pub(crate) address: String,
    /// How long it took until it said that it was ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts it and waits for the line of JSON in which it names its address as `stepFunctions`.
    pub(crate) fn start(mut command: Command) -> Result<Self, Failure> {
        let name = command.get_program().to_string_lossy().into_owned();
        let begin = clock::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let child = child.during(|| format!("{name} cannot be started"))?;
        let mut server = Self { child, address: String::new(), ready_after: Duration::ZERO };
        let output = server.child.stdout.take().ok_or_else(|| Failure::new(format!("{name} has no output")))?;
        let mut lines = BufReader::new(output);
        let mut line = String::new();
        while lines.read_line(&mut line).during(|| name.clone())? > 0 {
            let document: Json = serde_json::from_str(line.trim()).unwrap_or_default();
            if let Some(address) = document["stepFunctions"].as_str() {
                (server.address, server.ready_after) = (address.to_owned(), begin.elapsed());
                std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
                return Ok(server);
            }
            line.clear();
        }
        Err(Failure::new(format!("{name} ended before it was ready")))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by SIGKILL: a crash.
    pub(crate) fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().during(|| "the server cannot be killed".to_owned())?;
        self.child.wait().map(drop).during(|| "the server does not end".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
            && matches!(self.child.try_wait(), Ok(None))
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        let begin = clock::now();
        while matches!(self.child.try_wait(), Ok(None)) && begin.elapsed() < PATIENCE {
            std::thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the system says about a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Processor time used so far, user and system, seconds.
    pub(crate) fn cpu(self) -> Result<f64, Failure> {
        let stat = self.read("stat")?;
        cpu(&stat, rustix::param::clock_ticks_per_second() as f64)
            .ok_or_else(|| Failure::new(format!("/proc/{}/stat has no times: {stat}", self.0)))
    }

    /// Resident memory, bytes.
    pub(crate) fn memory(self) -> Result<f64, Failure> {
        self.status("VmRSS").map(|kibibytes| kibibytes * 1024.0)
    }

    /// Threads.
    pub(crate) fn threads(self) -> Result<f64, Failure> {
        self.status("Threads")
    }

    fn status(self, name: &str) -> Result<f64, Failure> {
        let status = self.read("status")?;
        field(&status, name).ok_or_else(|| Failure::new(format!("/proc/{}/status has no {name}", self.0)))
    }

    fn read(self, file: &str) -> Result<String, Failure> {
        let path = format!("/proc/{}/{file}", self.0);
        std::fs::read_to_string(&path).during(|| path)
    }
}

/// The 14th and 15th field; the second, the name, may hold anything.
fn cpu(stat: &str, ticks: f64) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / ticks)
}

fn field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes that a folder takes on its disk.
pub(crate) fn disk(folder: &Path) -> Result<f64, Failure> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder).during(|| folder.display().to_string())? {
        let entry = entry.during(|| folder.display().to_string())?;
        // A file may go while this looks: the store tidies up.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { disk(&entry.path())? } else { metadata.blocks() as f64 * 512.0 };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_process_are_read_behind_any_name() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(cpu(stat, 100.0), Some(3.0));
        assert_eq!(cpu("7 (a", 100.0), None);
    }

    #[test]
    fn fields_of_a_status_are_found_by_their_whole_name() {
        assert_eq!(field("VmRSSX:\t1 kB\nVmRSS:\t  20 kB\n", "VmRSS"), Some(20.0));
        assert_eq!(field("Threads:\t4\n", "VmRSS"), None);
    }

    #[test]
    fn a_server_that_ends_early_is_told() {
        let failure = Server::start(Command::new("true")).unwrap_err();
        assert_eq!(failure.to_string(), "true ended before it was ready");
    }

    #[test]
    fn this_process_is_seen() {
        let process = Process(std::process::id());
        assert!(process.memory().unwrap() > 0.0 && process.threads().unwrap() >= 1.0 && process.cpu().unwrap() >= 0.0);
    }
}
