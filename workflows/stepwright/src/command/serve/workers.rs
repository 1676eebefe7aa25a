//! The stack's activity workers: processes beside the server, started again when they end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::stack::{Stack, Worker};

/// Before an ended worker is started again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a worker may drain before it is killed.
const GRACE: Duration = Duration::from_secs(30);

/// Running workers.
#[derive(Debug)]
pub(super) struct Workers {
    running: JoinSet<()>,
    stop: watch::Sender<bool>,
    /// Those that were started.
    pub(super) names: Vec<String>,
    /// Workers of the stack that are not built.
    pub(super) missing: Vec<String>,
}

impl Workers {
    /// Starts the workers whose binaries are in `folder`.
    ///
    /// Against the sandbox each has its name for an access key id, by which the call log tells them apart.
    pub(super) fn start(stack: &Stack, folder: &Path, environment: &BTreeMap<String, String>, sandboxed: bool) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut workers = Self { running: JoinSet::new(), stop, names: Vec::new(), missing: Vec::new() };
        for (name, worker) in &stack.workers {
            let program = folder.join(name);
            if program.is_file() {
                let mut variables = variables(environment, worker);
                if sandboxed {
                    variables.insert("AWS_ACCESS_KEY_ID".to_owned(), name.clone());
                }
                workers.running.spawn(keep(program, variables, stopped.clone()));
                workers.names.push(name.clone());
            } else {
                workers.missing.push(name.clone());
            }
        }
        workers
    }

    /// Lets them finish what they do, and ends them.
    pub(super) async fn stop(mut self) {
        // Nobody listens where there is no worker.
        let _ = self.stop.send(true);
        while self.running.join_next().await.is_some() {}
    }
}

fn variables(common: &BTreeMap<String, String>, worker: &Worker) -> BTreeMap<String, String> {
    common.iter().chain(&worker.environment).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Keeps a worker running until the server stops.
async fn keep(program: PathBuf, environment: BTreeMap<String, String>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match spawn(&program, &environment) {
            Ok(mut child) => {
                // Waiting for a child closes its input, which would end it: hold it here.
                let input = child.stdin.take();
                tokio::select! {
                    status = child.wait() => {
                        tracing::warn!(?program, ?status, "a worker has ended; it is started again");
                    }
                    _ = stopped.changed() => {
                        drop(input);
                        return drain(child).await;
                    }
                }
            }
            Err(error) => tracing::error!(?program, %error, "a worker cannot be started"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stopped.changed() => return,
        }
    }
}

/// The worker ends when its standard input does, so that it does not outlive a killed server.
fn spawn(program: &Path, environment: &BTreeMap<String, String>) -> std::io::Result<Child> {
    Command::new(program)
        .env_clear()
        .envs(environment)
        .env("WORKER_ENDS_WITH_STDIN", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
}

/// Waits for a worker whose input has ended.
async fn drain(mut child: Child) {
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        tracing::warn!("a worker does not end; it is killed");
        // It may have ended this moment.
        let _ = child.kill().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(name: &str) -> Stack {
        Stack { workers: BTreeMap::from([(name.to_owned(), Worker::default())]), ..Stack::default() }
    }

    #[tokio::test]
    async fn a_worker_runs_until_the_server_stops() {
        // `cat` ends when its standard input does, as a worker.
        let mut child = spawn(Path::new("/bin/cat"), &BTreeMap::new()).unwrap();
        let input = child.stdin.take();
        let early = tokio::time::timeout(Duration::from_millis(100), child.wait()).await;
        assert!(early.is_err(), "it ended while its input was open");
        drop(input);
        assert!(child.wait().await.unwrap().success());

        let workers = Workers::start(&stack("cat"), Path::new("/bin"), &BTreeMap::new(), false);
        assert_eq!((&workers.names[..], workers.missing.len()), (&["cat".to_owned()][..], 0));
        tokio::time::timeout(GRACE, workers.stop()).await.expect("it drains");
    }

    #[test]
    fn a_worker_that_is_not_built_is_named() {
        let workers = Workers::start(&stack("nobody"), Path::new("/bin"), &BTreeMap::new(), false);
        assert_eq!((workers.names, workers.missing), (vec![], vec!["nobody".to_owned()]));
    }
}
