//! What operators see of the engine: execution logs, metrics under AWS's names, traces by OpenTelemetry.
//!
//! [`Observability`] is an observer of the engine. Metrics are counted as events become durable; logs and traces go
//! through bounded queues to tasks of their own. Nothing of it ever holds up an execution: what a sink cannot take is
//! dropped, counted and shown. As on AWS, delivery is best effort.

mod log;
mod metrics;
mod queue;
#[cfg(test)]
mod sample;
mod trace;
mod trouble;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::aws::{Client, Endpoint};
use engine::{Clock, Committed, Engine, Observed, Observer};
use execution::{Event, Millis};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use trace::{Collector, CollectorError};

use log::{CloudWatchLogs, Directory, Log, Place};
use metrics::{Metrics, Page, Sources};
use trace::Traces;

/// How long what waits may take to be delivered when the server stops, in real time.
const DRAIN: Duration = Duration::from_secs(5);
/// What happened in the last second, in real time, before a crash may not have been logged.
const AGAIN: Millis = 1000;

/// What is to be watched, and where it goes.
#[derive(Debug)]
pub struct Config {
    /// The region, which events of tasks name.
    pub region: String,
    /// The engine's clock.
    pub clock: Clock,
    /// A directory for execution logs.
    pub log_dir: Option<PathBuf>,
    /// Where CloudWatch Logs is, for execution logs.
    pub cloudwatch_logs: Option<Endpoint>,
    /// Where CloudWatch is and the namespace, for metrics.
    pub cloudwatch_metrics: Option<(Endpoint, String)>,
    /// Where traces go.
    pub collector: Option<Collector>,
    /// Where `GET /metrics` is answered; port 0 takes any free one.
    pub metrics: Option<SocketAddr>,
}

impl Config {
    /// Whether nothing of it would go anywhere.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.log_dir.is_none()
            && self.cloudwatch_logs.is_none()
            && self.cloudwatch_metrics.is_none()
            && self.collector.is_none()
            && self.metrics.is_none()
    }
}

/// Why watching cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory cannot be used.
    #[error("--log-dir: {} cannot be written: {source}; choose another directory", .folder.display())]
    LogDirectory {
        /// The directory.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The port of the metrics cannot be listened on.
    #[error("--metrics-port: cannot listen on {address}: {source}; choose another port, or end what uses this one")]
    MetricsPort {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Watches an engine.
#[derive(Debug)]
pub struct Observability {
    watcher: Arc<Watcher>,
    page: Option<Page>,
    tasks: Vec<JoinHandle<()>>,
    stopping: watch::Sender<bool>,
}

#[derive(Debug)]
struct Watcher {
    metrics: Arc<Metrics>,
}

impl Observability {
    /// Begins to watch; the engine is to be opened with [`Observability::observer`].
    ///
    /// # Errors
    /// The log directory or the port of the metrics cannot be used.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (stopping, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let logs = start_logs(&config, &mut tasks)?;
        let traces = config.collector.map(|collector| {
            let (traces, task) = Traces::start(collector);
            tasks.push(task);
            traces
        });
        let metrics = Arc::new(Metrics::new(Arc::new(Sources::new(logs, traces))));
        if let Some((endpoint, namespace)) = config.cloudwatch_metrics {
            let client = Client::new(endpoint, &config.region, config.clock.clone());
            tasks.push(tokio::spawn(metrics::publish(Arc::clone(&metrics), client, namespace, config.clock, stopped)));
        }
        let page = match config.metrics {
            None => None,
            Some(address) => {
                let page = Page::start(address, Arc::clone(&metrics)).await;
                Some(page.map_err(|source| StartError::MetricsPort { address, source })?)
            }
        };
        Ok(Self { watcher: Arc::new(Watcher { metrics }), page, tasks, stopping })
    }

    /// What the engine tells.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.watcher) as Arc<dyn Observer>
    }

    /// Shows the figures of `engine` among the metrics.
    pub fn attach(&self, engine: Engine) {
        self.watcher.metrics.sources().show(Some(engine));
    }

    /// Where `GET /metrics` is answered.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.page.as_ref().map(|page| page.address)
    }

    /// Delivers what waits, for five seconds at most, and ends. To be called when the engine has shut down.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        let sources = self.watcher.metrics.sources();
        sources.show(None);
        for log in &sources.logs {
            log.queue.close();
        }
        if let Some(traces) = &sources.traces {
            traces.queue.close();
        }
        let aborts: Vec<_> = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        let drained = async {
            for task in self.tasks {
                // A panic over there has been reported over there.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("logs, metrics or traces could not be delivered before the server stopped");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
        if let Some(page) = &self.page {
            page.stop();
        }
    }
}

fn start_logs(config: &Config, tasks: &mut Vec<JoinHandle<()>>) -> Result<Vec<Arc<Log>>, StartError> {
    let mut places = Vec::new();
    if let Some(folder) = &config.log_dir {
        let opened = Directory::open(folder);
        let directory = opened.map_err(|source| StartError::LogDirectory { folder: folder.clone(), source })?;
        places.push(Place::Directory(directory));
    }
    if let Some(endpoint) = &config.cloudwatch_logs {
        let client = Client::new(endpoint.clone(), &config.region, config.clock.clone());
        places.push(Place::CloudWatch(CloudWatchLogs::new(client, config.clock.now())));
    }
    let again = (AGAIN as f64 * config.clock.scale()) as Millis;
    let started = places.into_iter().map(|place| {
        let (log, task) = Log::start(place, &config.region, again);
        tasks.push(task);
        log
    });
    Ok(started.collect())
}

impl Observer for Watcher {
    fn committed(&self, committed: &Committed) {
        self.metrics.committed(committed);
        let sources = self.metrics.sources();
        for log in &sources.logs {
            log.push(committed);
        }
        if let Some(traces) = &sources.traces {
            traces.push(committed);
        }
    }

    fn resumed(&self, execution: &Arc<Observed>, journal: &[Event]) {
        self.metrics.resumed(execution, journal);
        let sources = self.metrics.sources();
        for log in &sources.logs {
            log.resumed(execution, journal);
        }
        if let Some(traces) = &sources.traces {
            traces.resumed(execution, journal);
        }
    }
}
