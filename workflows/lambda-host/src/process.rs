//! One process of a function: started with the environment AWS would give it, watched, killed with its children.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use crate::config::Function;
use crate::fault::Fault;
use crate::output::Output;
use crate::runtime::Runtime;
use crate::runtimes::Runtimes;
use crate::settings::Settings;
use crate::store::Code;
use crate::task_root::{TASK_ROOT, TaskRoot};

/// How many and how long: a function's bounds.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) name: String,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) max_concurrency: usize,
    pub(crate) queue: Option<usize>,
}

/// What the processes of a function run.
#[derive(Debug)]
enum Program {
    /// A binary of the stack, in its own folder.
    Binary(PathBuf),
    /// The code of a created function.
    Created(Created),
}

/// The code of a created function and what runs it.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) code: Arc<Code>,
    pub(crate) handler: String,
    pub(crate) runtime: Runtime,
    pub(crate) runtimes: Arc<Runtimes>,
    pub(crate) task_root: Arc<TaskRoot>,
}

/// Everything that the processes of a function share.
#[derive(Debug)]
pub(crate) struct Launch {
    bounds: Bounds,
    program: Program,
    variables: BTreeMap<String, String>,
}

/// A launch of which everything is known.
#[derive(Debug)]
pub(crate) struct Prepared {
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: PathBuf,
    variables: Vec<(&'static str, OsString)>,
    /// What the log calls the runtime.
    pub(crate) version: String,
    /// What errors call the program.
    pub(crate) shown: PathBuf,
}

impl Launch {
    /// A function of the stack; what AWS reserves wins over what is configured.
    pub(crate) fn new(function: Function, region: &str, common: &BTreeMap<String, String>) -> Self {
        let bounds = Bounds {
            name: function.name,
            timeout: function.timeout,
            memory_mb: function.memory_mb,
            max_concurrency: function.max_concurrency,
            queue: function.queue,
        };
        // The process runs in its binary's folder, so a relative path would no longer lead to it.
        let binary = std::path::absolute(&function.binary).unwrap_or(function.binary);
        let handler = bounds.name.clone();
        let variables = variables(&bounds, &handler, region, [common, &function.environment]);
        Self { bounds, program: Program::Binary(binary), variables }
    }

    /// A created function.
    pub(crate) fn created(
        settings: &Settings,
        created: Created,
        max_concurrency: usize,
        region: &str,
        common: &BTreeMap<String, String>,
    ) -> Self {
        let bounds = Bounds {
            name: settings.name.clone(),
            timeout: Duration::from_secs(settings.timeout_seconds.into()),
            memory_mb: settings.memory_mb,
            max_concurrency,
            queue: None,
        };
        let mut variables = variables(&bounds, &settings.handler, region, [common, &settings.environment]);
        if !matches!(created.runtime, Runtime::Provided(_)) {
            variables.insert("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{}", created.runtime));
        }
        Self { bounds, program: Program::Created(created), variables }
    }

    /// The function's bounds.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Finds out what is to be started, and installs what is missing for it.
    ///
    /// # Errors
    /// The fault of a function that has nothing to start, or nothing to start it with.
    pub(crate) async fn prepare(&self) -> Result<Prepared, Fault> {
        match &self.program {
            Program::Binary(binary) => Ok(Prepared::binary(binary)),
            Program::Created(created) => created.prepare().await,
        }
    }

    /// Starts a process that finds its Runtime API at `api` and prints into `output`.
    pub(crate) fn start(
        &self,
        prepared: &Prepared,
        api: SocketAddr,
        stream: &str,
        output: &Output,
    ) -> std::io::Result<Process> {
        let mut command = Command::new(&prepared.program);
        command.args(&prepared.arguments).env_clear();
        if let Some(path) = search_path() {
            command.env("PATH", path);
        }
        command
            .envs(&self.variables)
            .envs(prepared.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
            .env("AWS_LAMBDA_LOG_STREAM_NAME", stream)
            .current_dir(&prepared.folder)
            .stdin(Stdio::null())
            .stdout(output.stream()?)
            .stderr(output.stream()?)
            .kill_on_drop(true)
            .process_group(0);
        let child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Process { child, group, ended: None })
    }
}

/// The environment: `layers` from the lowest to the highest, and above them what AWS reserves.
fn variables(
    bounds: &Bounds,
    handler: &str,
    region: &str,
    layers: [&BTreeMap<String, String>; 2],
) -> BTreeMap<String, String> {
    let mut variables = layers[0].clone();
    variables.extend(layers[1].clone());
    let reserved = [
        ("_HANDLER", handler.to_owned()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", bounds.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", bounds.memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", bounds.name)),
    ];
    variables.extend(reserved.map(|(name, value)| (name.to_owned(), value)));
    for (name, value) in [("TZ", ":UTC"), ("LANG", "en_US.UTF-8")] {
        variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    variables
}

impl Prepared {
    fn binary(binary: &Path) -> Self {
        let folder = binary.parent().unwrap_or(Path::new("/")).to_owned();
        Self {
            program: binary.to_owned(),
            arguments: Vec::new(),
            variables: roots(&folder, &folder),
            folder,
            version: "provided.al2023".to_owned(),
            shown: binary.to_owned(),
        }
    }
}

fn roots(task: &Path, runtime: &Path) -> Vec<(&'static str, OsString)> {
    vec![("LAMBDA_TASK_ROOT", task.into()), ("LAMBDA_RUNTIME_DIR", runtime.into())]
}

impl Created {
    async fn prepare(&self) -> Result<Prepared, Fault> {
        let client = self.runtimes.client(self.runtime).await.map_err(Fault::NotStarted)?;
        let code = self.code.task();
        let before = self.task_root.before(&code).await;
        let root = if before.is_some() { PathBuf::from(TASK_ROOT) } else { code.clone() };
        let (shown, own, version, runtime) = match &client {
            Some(client) => {
                let mut arguments = client.arguments.clone();
                arguments.push(self.handler.clone());
                (client.program.clone(), arguments, client.version.clone(), client.folder.clone())
            }
            None => (self.bootstrap(&root)?, Vec::new(), self.runtime.to_string(), root.clone()),
        };
        let mut variables = roots(&root, &runtime);
        variables.push(("PWD", root.clone().into()));
        let (program, mut arguments, folder) = match before {
            Some((unshare, mut arguments)) => {
                arguments.push(shown.clone().into());
                (unshare, arguments, PathBuf::from("/"))
            }
            None => (shown.clone(), Vec::new(), root),
        };
        arguments.extend(own.into_iter().map(OsString::from));
        Ok(Prepared { program, arguments, folder, variables, version, shown })
    }

    /// The package's `bootstrap`, as the function will see it.
    fn bootstrap(&self, root: &Path) -> Result<PathBuf, Fault> {
        let shown = root.join("bootstrap");
        match std::fs::metadata(self.code.task().join("bootstrap")) {
            Err(_) => Err(Fault::NotStarted(format!(
                "Couldn't find valid bootstrap(s): [{} /opt/bootstrap]",
                shown.display()
            ))),
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => Ok(shown),
            Ok(_) => Err(Fault::NotStarted(format!("fork/exec {}: permission denied", shown.display()))),
        }
    }
}

/// The one variable of this process that functions and tools inherit.
#[expect(clippy::disallowed_methods, reason = "the one variable of this process that functions inherit")]
pub(crate) fn search_path() -> Option<String> {
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
    use super::*;

    #[test]
    fn reads_the_peak() {
        assert_eq!(peak_of("Name:\tx\nVmHWM:\t    1234 kB\nVmRSS:\t 99 kB\n"), Some(1234));
        assert_eq!(peak_of("Name:\tx\n"), None);
    }

    #[tokio::test]
    async fn reserved_variables_win_and_the_function_overrides_the_common_ones() {
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
        assert_eq!(value("_HANDLER"), Some("echo"));
        let prepared = launch.prepare().await.unwrap();
        assert!(prepared.variables.contains(&("LAMBDA_TASK_ROOT", "/opt/ops".into())), "{prepared:?}");
        assert_eq!(value("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), Some("256"));
    }
}
