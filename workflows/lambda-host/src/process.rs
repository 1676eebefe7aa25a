//! One process of a function: started with the environment AWS would give it, watched, killed with its children.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use crate::config::Function;
use crate::output::Output;

/// Variables that every process of a function shares.
#[derive(Debug)]
pub(crate) struct Launch {
    function: Function,
    variables: BTreeMap<String, String>,
}

impl Launch {
    /// Collects the environment; what AWS reserves wins over what is configured.
    pub(crate) fn new(mut function: Function, region: &str, common: &BTreeMap<String, String>) -> Self {
        // The process runs in its binary's folder, so a relative path would no longer lead to it.
        function.binary = std::path::absolute(&function.binary).unwrap_or(function.binary);
        let mut variables = common.clone();
        variables.extend(function.environment.clone());
        let root = function.binary.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
        let reserved = [
            ("_HANDLER", function.name.clone()),
            ("AWS_REGION", region.to_owned()),
            ("AWS_DEFAULT_REGION", region.to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
            ("LAMBDA_TASK_ROOT", root.clone()),
            ("LAMBDA_RUNTIME_DIR", root),
        ];
        variables.extend(reserved.map(|(name, value)| (name.to_owned(), value)));
        for (name, value) in [("TZ", ":UTC"), ("LANG", "en_US.UTF-8")] {
            variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        Self { function, variables }
    }

    /// The function.
    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    /// Starts a process that finds its Runtime API at `api` and prints into `output`.
    pub(crate) fn start(&self, api: SocketAddr, stream: &str, output: &Output) -> std::io::Result<Process> {
        let mut command = Command::new(&self.function.binary);
        command.env_clear();
        if let Some(path) = search_path() {
            command.env("PATH", path);
        }
        command
            .envs(&self.variables)
            .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
            .env("AWS_LAMBDA_LOG_STREAM_NAME", stream)
            .stdin(Stdio::null())
            .stdout(output.stream()?)
            .stderr(output.stream()?)
            .kill_on_drop(true)
            .process_group(0);
        if let Some(root) = self.function.binary.parent().filter(|root| !root.as_os_str().is_empty()) {
            command.current_dir(root);
        }
        let child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Process { child, group, ended: None })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one variable of this process that functions inherit")]
fn search_path() -> Option<String> {
    std::env::var("PATH").ok()
}

/// A running process and the group it leads.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Waits for its end. Cancel safe.
    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.end(status);
        Ok(status)
    }

    /// Whether it runs, as far as the system knows now.
    pub(crate) fn runs(&mut self) -> bool {
        match self.child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                self.end(status);
                false
            }
            Err(_) => false,
        }
    }

    /// Kills it and whatever it started, and waits for its end.
    pub(crate) async fn stop(&mut self) {
        self.kill();
        let _ = self.wait().await;
    }

    /// The most memory it has had resident, in KiB; `None` where the system has no `/proc`.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        peak_of(&status)
    }

    fn kill(&self) {
        if let (Some(group), None) = (self.group, self.ended) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Its children go with it. Its id cannot have been given away yet: ids are handed out in a round.
    fn end(&mut self, status: ExitStatus) {
        self.kill();
        self.ended = Some(status);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `VmHWM` of a process's status: the highest resident set, which a peak between two looks does not escape.
fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn reads_the_peak() {
        assert_eq!(peak_of("Name:\tx\nVmHWM:\t    1234 kB\nVmRSS:\t 99 kB\n"), Some(1234));
        assert_eq!(peak_of("Name:\tx\n"), None);
    }

    #[test]
    fn reserved_variables_win_and_the_function_overrides_the_common_ones() {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let function = Function {
            name: "echo".into(),
            binary: "/opt/ops/bootstrap".into(),
            timeout: Duration::from_secs(3),
            memory_mb: 256,
            environment: pairs(&[("AWS_REGION", "elsewhere"), ("A", "own"), ("TZ", "CET")]),
            max_concurrency: 1,
            queue: None,
        };
        let launch = Launch::new(function, "us-east-1", &pairs(&[("A", "common"), ("B", "common")]));
        let value = |name: &str| launch.variables.get(name).map(String::as_str);
        assert_eq!(value("AWS_REGION"), Some("us-east-1"));
        assert_eq!((value("A"), value("B"), value("TZ")), (Some("own"), Some("common"), Some("CET")));
        assert_eq!((value("_HANDLER"), value("LAMBDA_TASK_ROOT")), (Some("echo"), Some("/opt/ops")));
        assert_eq!(value("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), Some("256"));
    }
}
