//! One environment: a process, its Runtime API and its output, kept together from start to stop.

use std::time::Duration;
use std::{process::ExitStatus, sync::Arc};

use bytes::Bytes;
use tokio::time::Instant;

use crate::closing::Closing;
use crate::fault::Fault;
use crate::logs::InvocationLog;
use crate::output::Output;
use crate::process::{Launch, Prepared, Process};
use crate::runtime_api::{Invocation, RuntimeApi, Signal};
use crate::{clock, identity};

/// How often the memory of a working process is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// A process that is initialised and serves one invocation at a time.
#[derive(Debug)]
pub(crate) struct Environment {
    process: Process,
    api: RuntimeApi,
    output: Output,
    memory_kib: u64,
    peak_kib: Option<u64>,
    closing: Closing,
    /// The process called `next` and waits.
    ready: bool,
}

/// What happened first.
enum Observed {
    Said(Signal),
    Ended(Fault),
    Deadline,
}

impl Environment {
    /// Starts a process and waits until it wants an invocation. Its output belongs to `log` from here on.
    ///
    /// # Errors
    /// The fault of an initialisation that failed or was not over at `deadline`.
    pub(crate) async fn start(
        launch: &Launch,
        prepared: &Prepared,
        log: &Arc<InvocationLog>,
        deadline: Instant,
        closing: Closing,
    ) -> Result<Self, Fault> {
        let mut environment = Self::open(launch, prepared, log, closing)
            .await
            .map_err(|error| Fault::NotStarted(format!("fork/exec {}: {error}", prepared.shown.display())))?;
        let fault = match environment.observe(deadline).await {
            Observed::Said(Signal::Next) => {
                environment.ready = true;
                return Ok(environment);
            }
            Observed::Said(Signal::InitFailed(fault)) | Observed::Ended(fault) => fault,
            Observed::Said(Signal::Answered(_)) => Fault::Malformed("an answer before any invocation".to_owned()),
            Observed::Deadline => Fault::TimedOut(launch.bounds().timeout),
        };
        environment.stop().await;
        Err(fault)
    }

    async fn open(
        launch: &Launch,
        prepared: &Prepared,
        log: &Arc<InvocationLog>,
        closing: Closing,
    ) -> std::io::Result<Self> {
        let api = RuntimeApi::open(closing.clone()).await?;
        let output = Output::open()?;
        output.attribute(Arc::clone(log));
        let stream = format!("[$LATEST]{}", identity::request_id().replace('-', ""));
        let process = launch.start(prepared, api.addr(), &stream, &output)?;
        let memory_kib = u64::from(launch.bounds().memory_mb) * 1024;
        Ok(Self { process, api, output, memory_kib, peak_kib: None, closing, ready: false })
    }

    /// Runs one invocation to its end: the answer, and until the process wants the next one. The environment can be
    /// used again when [`Environment::reusable`] says so.
    pub(crate) async fn invoke(
        &mut self,
        mut invocation: Invocation,
        log: &Arc<InvocationLog>,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Bytes, Fault> {
        self.output.attribute(Arc::clone(log));
        let left = deadline.saturating_duration_since(Instant::now());
        invocation.deadline_ms = clock::epoch_ms() + u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        self.ready = false;
        self.api.give(invocation);
        let result = match self.observe(deadline).await {
            Observed::Said(Signal::Answered(result)) => {
                self.ready = matches!(self.observe(deadline).await, Observed::Said(Signal::Next));
                result
            }
            Observed::Said(Signal::InitFailed(fault)) | Observed::Ended(fault) => Err(fault),
            Observed::Said(Signal::Next) => Err(Fault::Malformed("the runtime skipped the invocation".to_owned())),
            Observed::Deadline => Err(Fault::TimedOut(timeout)),
        };
        self.look();
        if self.ready {
            self.output.settle().await;
        } else {
            self.stop().await;
        }
        result
    }

    /// Whether the process waits for an invocation.
    pub(crate) fn reusable(&mut self) -> bool {
        self.ready && self.process.runs()
    }

    /// The most memory the process has used, in MiB, rounded up; `None` when it was never looked at.
    pub(crate) fn peak_memory_mb(&self) -> Option<u64> {
        self.peak_kib.map(|kib| kib.div_ceil(1024))
    }

    /// Kills the process and reads the rest of its output.
    pub(crate) async fn stop(&mut self) {
        self.ready = false;
        self.process.stop().await;
        self.output.settle().await;
    }

    async fn observe(&mut self, deadline: Instant) -> Observed {
        let mut looks = tokio::time::interval_at(Instant::now() + MEMORY_INTERVAL, MEMORY_INTERVAL);
        loop {
            tokio::select! {
                biased;
                Some(signal) = self.api.signal() => return Observed::Said(signal),
                ended = self.process.wait() => return self.ended(ended),
                () = self.closing.begun() => return Observed::Ended(Fault::HostStopped),
                () = tokio::time::sleep_until(deadline) => return Observed::Deadline,
                _ = looks.tick() => {
                    self.look();
                    if self.peak_kib.is_some_and(|peak| peak > self.memory_kib) {
                        return Observed::Ended(Fault::OutOfMemory);
                    }
                }
            }
        }
    }

    fn look(&mut self) {
        self.peak_kib = self.process.peak_memory().or(self.peak_kib);
    }

    /// A process may answer and end in one breath: what it said before its end counts.
    fn ended(&mut self, ended: std::io::Result<ExitStatus>) -> Observed {
        if let Some(signal) = self.api.said() {
            return Observed::Said(signal);
        }
        match ended {
            Ok(status) => Observed::Ended(Fault::Exited(status)),
            Err(error) => Observed::Ended(Fault::NotStarted(error.to_string())),
        }
    }
}
