//! AWS's own runtime clients for managed runtimes, installed when the first function asks for one.
//!
//! A client lives in a folder of the cache that carries its version and the interpreter's in its name. It is built
//! beside that folder and moved there when it is whole, so an installation that broke off, or two at once, do no harm.

mod node;
mod python;
mod tool;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::identity;
use crate::logs::lock;
use crate::runtime::Runtime;
use crate::settings::State;

/// How long a failure is answered before an installation is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a managed runtime is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) program: PathBuf,
    /// Its arguments before the handler.
    pub(crate) arguments: Vec<String>,
    /// What the log says, such as `python:3.12.1`.
    pub(crate) version: String,
    /// What AWS calls `LAMBDA_RUNTIME_DIR`.
    pub(crate) folder: PathBuf,
}

/// The clients of this machine.
#[derive(Debug)]
pub(crate) struct Runtimes {
    cache: PathBuf,
    /// Whether anything may be installed.
    install: bool,
    known: Mutex<BTreeMap<Runtime, Arc<Installation>>>,
}

#[derive(Debug, Default)]
struct Installation {
    client: OnceCell<Arc<Client>>,
    failure: Mutex<Option<(Instant, String)>>,
}

impl Runtimes {
    pub(crate) fn new(cache: &Path, install: bool) -> Self {
        // Functions run elsewhere: a relative path would not lead here.
        let cache = std::path::absolute(cache).unwrap_or_else(|_| cache.to_owned());
        Self { cache, install, known: Mutex::default() }
    }

    /// The client of a managed runtime; `None` for a runtime that needs none. The first call installs it.
    pub(crate) async fn client(&self, runtime: Runtime) -> Result<Option<Arc<Client>>, String> {
        if matches!(runtime, Runtime::Provided(_)) {
            return Ok(None);
        }
        let installation = self.of(runtime);
        if let Some((since, failure)) = lock(&installation.failure).clone()
            && since.elapsed() < PATIENCE
        {
            return Err(failure);
        }
        match installation.client.get_or_try_init(|| self.prepare(runtime)).await {
            Ok(client) => {
                *lock(&installation.failure) = None;
                Ok(Some(Arc::clone(client)))
            }
            Err(failure) => {
                *lock(&installation.failure) = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// Whether functions of that runtime can be invoked.
    pub(crate) fn state(&self, runtime: Runtime) -> State {
        if matches!(runtime, Runtime::Provided(_)) {
            return State::Active;
        }
        let installation = self.of(runtime);
        if installation.client.initialized() {
            return State::Active;
        }
        let failure = lock(&installation.failure).clone();
        failure.map_or(State::Pending, |(_, failure)| State::Failed(failure))
    }

    fn of(&self, runtime: Runtime) -> Arc<Installation> {
        Arc::clone(lock(&self.known).entry(runtime).or_default())
    }

    async fn prepare(&self, runtime: Runtime) -> Result<Arc<Client>, String> {
        let client = match runtime {
            Runtime::Python(_, minor) => python::client(self, minor).await,
            Runtime::Node(_, major) => node::client(self, major).await,
            Runtime::Provided(_) => Err("a custom runtime has no client".to_owned()),
        };
        let told = |problem| format!("The runtime {runtime} cannot be prepared on this machine: {problem}");
        client.map(Arc::new).map_err(told).inspect_err(|problem| tracing::warn!("{problem}"))
    }

    /// A folder that is to be filled and then moved to `name` in the cache.
    fn unfinished(&self, name: &str) -> Result<Unfinished, String> {
        if !self.install {
            return Err(format!("{} is not there, and nothing may be installed", self.cache.join(name).display()));
        }
        let folder = self.cache.join(format!(".{name}.{}", identity::request_id()));
        let place = self.cache.join(name);
        std::fs::create_dir_all(&self.cache)
            .map_err(|error| format!("{} cannot be made: {error}; name another folder", self.cache.display()))?;
        tracing::info!(folder = %place.display(), "installing a runtime client");
        Ok(Unfinished { folder, place })
    }
}

/// A folder that goes away unless it is finished.
#[derive(Debug)]
struct Unfinished {
    folder: PathBuf,
    place: PathBuf,
}

impl Unfinished {
    /// Moves it to its place. Whoever was there first stays.
    fn finish(self) -> Result<(), String> {
        match std::fs::rename(&self.folder, &self.place) {
            Err(_) if self.place.is_dir() => Ok(()),
            moved => moved.map_err(|error| format!("{} cannot be made: {error}", self.place.display())),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_custom_runtime_needs_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let runtimes = Runtimes::new(cache.path(), false);
        let provided = "provided.al2023".parse().unwrap();
        assert_eq!(runtimes.client(provided).await, Ok(None));
        assert_eq!(runtimes.state(provided), State::Active);
    }

    #[tokio::test]
    async fn without_leave_nothing_is_installed() {
        let cache = tempfile::tempdir().unwrap();
        let runtimes = Runtimes::new(cache.path(), false);
        let runtime = "python3.12".parse().unwrap();
        assert_eq!(runtimes.state(runtime), State::Pending);
        let problem = runtimes.client(runtime).await.unwrap_err();
        assert!(problem.starts_with("The runtime python3.12 cannot be prepared on this machine: "), "{problem}");
        assert_eq!(runtimes.state(runtime), State::Failed(problem));
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_installation_that_breaks_off_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let runtimes = Runtimes::new(cache.path(), true);
        let make = || {
            let unfinished = runtimes.unfinished("client").unwrap();
            std::fs::create_dir(&unfinished.folder).unwrap();
            std::fs::write(unfinished.folder.join("file"), "x").unwrap();
            unfinished
        };
        drop(make());
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
        make().finish().unwrap();
        make().finish().unwrap();
        let names: Vec<_> = std::fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["client"]);
    }
}
