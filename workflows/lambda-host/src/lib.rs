//! The Lambda side of the engine: runs unmodified Lambda binaries on this machine.
//!
//! Two protocols meet here, and only here:
//! - **Lambda's API** (`/2015-03-31/functions`), which callers speak to the host: Invoke, and the operations that
//!   create, describe, update and delete functions made of zip packages;
//! - the **Runtime API** (`2018-06-01`), which each function's process speaks back to the host.
//!
//! Functions of the configuration are binaries that speak the Runtime API. Created functions bring a `bootstrap`
//! (`provided.*`), or run in AWS's own runtime clients for Python and Node.js, which are installed when the first
//! function asks for one. `README.md` says what such a function sees.
//!
//! An *environment* is one process with its own Runtime API endpoint. It serves one invocation at a time, is kept
//! warm, and is stopped when it has been idle for long, breaks a limit, or misbehaves. A function has at most
//! `max_concurrency` environments.

mod clock;
mod closing;
mod config;
mod environment;
mod fault;
mod functions;
mod identity;
mod invoke;
mod logs;
mod name;
mod operation;
mod output;
mod package;
mod pool;
mod process;
mod refusal;
mod runtime;
mod runtime_api;
mod runtimes;
mod settings;
mod store;
mod task_root;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

pub use config::{Config, Created, Function, Limits};

use closing::Closing;
use functions::Functions;
use invoke::Invoker;
use logs::{Logs, lock};

/// Longest wait for callers at shutdown.
const FAREWELL: Duration = Duration::from_secs(5);

/// A running host. Dropping it kills its processes; [`LambdaHost::shutdown`] does so and waits.
#[derive(Debug)]
pub struct LambdaHost {
    addr: SocketAddr,
    closing: watch::Sender<bool>,
    running: Mutex<Option<Running>>,
}

/// What shutdown takes apart.
#[derive(Debug)]
struct Running {
    functions: Arc<Functions>,
    /// Closed when nothing works any more.
    done: mpsc::Receiver<()>,
    server: JoinHandle<()>,
    sweeper: JoinHandle<()>,
}

impl LambdaHost {
    /// Checks the configuration, listens, and returns. Processes start with the first invocations. Must be called
    /// within a tokio runtime, which then runs the host.
    ///
    /// # Errors
    /// [`Error::InvalidFunction`] when a function cannot be run as configured, [`Error::Listen`] when the address
    /// cannot be had, [`Error::Functions`] when the functions that were created before cannot be read.
    pub async fn start(config: Config) -> Result<Self, Error> {
        config.check()?;
        let refused = |source| Error::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let (closing, closed) = Closing::channel();
        let (working, done) = mpsc::channel(1);
        let limits = config.limits.clone();
        let (connections, keys, region) = (config.connections.clone(), config.keys.clone(), config.region.clone());
        let functions = Arc::new(Functions::open(config, addr, &closed)?);
        let invoker = Arc::new(Invoker {
            functions: Arc::clone(&functions),
            logs: Arc::new(Logs::new(limits.kept_invocations)),
            events: Arc::new(Semaphore::new(limits.events.min(Semaphore::MAX_PERMITS))),
            working,
            keys,
            region,
        });
        let stopping = closed.channel_end();
        let server = tokio::spawn(listener::serve(listener, connections, stopping, move |request| {
            let invoker = Arc::clone(&invoker);
            async move { invoker.answer(request).await }
        }));
        let sweeper = tokio::spawn(sweep(Arc::clone(&functions), limits.idle));
        let running = Mutex::new(Some(Running { functions, done, server, sweeper }));
        Ok(Self { addr, closing, running })
    }

    /// Where the Invoke API listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Base URL of the Invoke API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Whether no invocation is in progress, one that nobody waits for among them.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        // The host holds one sender itself.
        lock(&self.running).as_ref().is_none_or(|running| running.done.sender_strong_count() <= 1)
    }

    /// Ends invocations in progress, kills every process and waits until they are gone. Does nothing the second time.
    pub async fn shutdown(&self) {
        self.closing.send_replace(true);
        let running = lock(&self.running).take();
        if let Some(mut running) = running {
            running.sweeper.abort();
            running.functions.pools().iter().for_each(|pool| pool.close());
            // Callers get their answers; one that never finishes its own request is cut off.
            if tokio::time::timeout(FAREWELL, &mut running.server).await.is_err() {
                running.server.abort();
            }
            while running.done.recv().await.is_some() {}
            for pool in running.functions.pools() {
                pool.clear().await;
            }
        }
    }
}

impl Drop for LambdaHost {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        if let Some(running) = lock(&self.running).take() {
            running.sweeper.abort();
            running.server.abort();
        }
    }
}

/// Stops environments that nobody used for `idle`.
async fn sweep(functions: Arc<Functions>, idle: Duration) {
    let period = (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(30));
    let mut turns = tokio::time::interval(period);
    loop {
        turns.tick().await;
        for pool in functions.pools() {
            pool.reap().await;
        }
    }
}

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A function cannot be run as configured.
    #[error("function {name:?}: {field}: {remedy}")]
    InvalidFunction {
        /// The function.
        name: String,
        /// Its offending field.
        field: &'static str,
        /// What to do.
        remedy: String,
    },
    /// The folder of created functions cannot be used.
    #[error("the folder {folder:?} of created functions cannot be used: {source}")]
    Functions {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The address cannot be listened on.
    #[error("the Lambda host cannot listen on {address}: {source}; choose another port, or 0 for any free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
}
