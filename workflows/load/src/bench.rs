//! What a measurement has at hand: the service, its process, and how much to run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;

use crate::client::Client;
use crate::drive::{Drive, Until, closed};
use crate::failure::{During, Failure};
use crate::process::{Process, Server};
use crate::report::Report;

/// How much is run.
#[derive(Debug, Clone)]
pub(crate) struct Size {
    /// How long clients go on, each time.
    pub(crate) time: Duration,
    /// Numbers of clients.
    pub(crate) clients: Vec<usize>,
    /// Repetitions of what takes long or must be waited for.
    pub(crate) repeats: usize,
    /// Items of the inline Maps.
    pub(crate) items: Vec<usize>,
    /// Tasks that eight workers drain.
    pub(crate) tasks: usize,
    /// Transitions of the loop.
    pub(crate) transitions: usize,
    /// Executions that are parked: in memory, and on disk through a crash.
    pub(crate) parked: [usize; 2],
    /// Executions in the store.
    pub(crate) executions: Vec<usize>,
    /// Events of one history.
    pub(crate) history: Vec<usize>,
    /// Events that are counted for each of these.
    pub(crate) events: usize,
    /// Workers.
    pub(crate) workers: Vec<usize>,
    /// How long the growth of the store may take, in memory and on disk each.
    pub(crate) budget: Duration,
}

impl Size {
    /// What is published.
    pub(crate) fn full() -> Self {
        Self {
            time: Duration::from_secs(3),
            clients: vec![1, 16, 64],
            repeats: 30,
            items: vec![1_000, 10_000],
            tasks: 8_000,
            transitions: 5_000,
            parked: [20_000, 100_000],
            executions: vec![1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000],
            history: vec![100, 300, 1_000, 3_000, 10_000, 25_000],
            events: 200_000,
            workers: vec![1, 3, 10, 30, 100, 300, 1_000],
            budget: Duration::from_secs(240),
        }
    }

    /// A look.
    pub(crate) fn quick() -> Self {
        Self {
            time: Duration::from_secs(1),
            repeats: 10,
            tasks: 2_000,
            events: 50_000,
            parked: [5_000, 10_000],
            executions: vec![1_000, 3_000, 10_000, 30_000],
            workers: vec![1, 10, 100, 300],
            budget: Duration::from_secs(45),
            ..Self::full()
        }
    }
}

/// Where the service keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Durable,
}

impl Place {
    /// The subject of its figures.
    pub(crate) const fn subject(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Durable => "durable",
        }
    }

    /// The subject of the skeleton's.
    pub(crate) const fn skeleton(self) -> &'static str {
        match self {
            Self::Memory => "skeleton-memory",
            Self::Durable => "skeleton-durable",
        }
    }
}

/// How servers are started.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// `stepwright`.
    pub(crate) service: PathBuf,
    /// This program, which is also the skeleton.
    pub(crate) load: PathBuf,
    /// An empty folder on the disk that is measured.
    pub(crate) folder: PathBuf,
    /// The servers' port; 0 takes any free one.
    pub(crate) port: u16,
}

impl Programs {
    /// The service alone: no stack, no workers, no sandbox. A long Map has more events than AWS allows.
    pub(crate) fn service(&self, data: Option<&Path>) -> Result<Server, Failure> {
        let definitions = self.folder.join("definitions");
        std::fs::create_dir_all(&definitions).during(|| definitions.display().to_string())?;
        let mut serve = Command::new(&self.service);
        serve.args(["serve", "--output", "json", "--no-workers", "--without-limit", "history"]);
        serve.args(["--aws-endpoint", "http://127.0.0.1:1", "--port", &self.port.to_string()]);
        serve.arg("--definitions").arg(&definitions).current_dir(&self.folder);
        if let Some(data) = data {
            serve.arg("--data-dir").arg(data);
        }
        Server::start(serve)
    }

    /// The skeleton.
    pub(crate) fn skeleton(&self, place: Place) -> Result<Server, Failure> {
        let mut skeleton = Command::new(&self.load);
        skeleton.args(["skeleton", "--port", &self.port.to_string()]);
        if place == Place::Durable {
            skeleton.arg("--log").arg(self.folder.join("skeleton.log"));
        }
        Server::start(skeleton)
    }

    /// A new folder for data.
    pub(crate) fn data(&self) -> Result<tempfile::TempDir, Failure> {
        tempfile::tempdir_in(&self.folder).during(|| self.folder.display().to_string())
    }
}

/// A service under load.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) client: Client,
    pub(crate) process: Process,
    /// Whose figures these are.
    pub(crate) subject: &'static str,
    pub(crate) size: &'a Size,
    pub(crate) report: &'a mut Report,
}

impl Bench<'_> {
    /// Notes a figure.
    pub(crate) fn figure(&mut self, name: &str, value: f64) {
        self.report.figure(self.subject, name, value);
    }

    /// Notes the median, the 99th percentile and the least of a drive.
    pub(crate) fn drive(&mut self, name: &str, suffix: &str, drive: &Drive) {
        self.report.drive(self.subject, name, suffix, drive);
    }

    /// Starts `count` executions from `clients` clients at once, without waiting for their ends; also the last ones.
    pub(crate) async fn start(
        &self,
        machine: &str,
        input: &Json,
        count: usize,
        clients: usize,
    ) -> Result<(Drive, Vec<String>), Failure> {
        let last = Arc::new(Mutex::new(Vec::new()));
        let (client, machine, input, kept) =
            (self.client.clone(), machine.to_owned(), input.to_string(), Arc::clone(&last));
        let operation = move |number: usize| {
            let (client, machine, input, kept) = (client.clone(), machine.clone(), input.clone(), Arc::clone(&kept));
            async move {
                let execution = client.start(&machine, &input).await?;
                if number + clients >= count {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(execution);
                }
                Ok(())
            }
        };
        let drive = closed(clients, Until::operations(count), operation).await?;
        let last = std::mem::take(&mut *last.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((drive, last))
    }

    /// Waits until these executions have succeeded. ListExecutions would tell of all, at a cost of its own.
    pub(crate) async fn ended(&self, executions: &[String]) -> Result<(), Failure> {
        for execution in executions {
            self.client.succeeded(execution, false).await?;
        }
        Ok(())
    }

    /// Starts executions and asks for each until it has ended with the output that `right` accepts.
    pub(crate) async fn run(
        &self,
        machine: &str,
        input: &Json,
        clients: usize,
        until: Until,
        right: fn(&Json) -> bool,
    ) -> Result<Drive, Failure> {
        let (client, machine, input) = (self.client.clone(), machine.to_owned(), input.to_string());
        let operation = move |_| {
            let (client, machine, input) = (client.clone(), machine.clone(), input.clone());
            async move {
                let execution = client.start(&machine, &input).await?;
                checked(&client.succeeded(&execution, clients == 1).await?, right)
            }
        };
        closed(clients, until, operation).await
    }

    /// The median of `count` calls, ms.
    pub(crate) async fn median(&self, action: &'static str, body: Json, count: usize) -> Result<f64, Failure> {
        let client = self.client.clone();
        let operation = move |_| {
            let (client, body) = (client.clone(), body.clone());
            async move { client.call(action, &body).await.map(drop) }
        };
        let drive = closed(1, Until::operations(count), operation).await?;
        drive.sample.quantile(0.5).ok_or_else(|| Failure::new("nothing was called"))
    }
}

/// A fast wrong answer is a failure.
pub(crate) fn checked(output: &Json, right: fn(&Json) -> bool) -> Result<(), Failure> {
    if right(output) { Ok(()) } else { Err(Failure::new(format!("a wrong output: {output:.200}"))) }
}
