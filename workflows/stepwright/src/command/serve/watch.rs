//! What operators see of the server: execution logs, metrics, traces.

use std::net::SocketAddr;
use std::path::PathBuf;

use observability::{Collector, Config, Observability};

use super::world::World;
use super::{Arguments, AwsEndpoint, could_not_start};
use crate::definitions::Watched;
use crate::failure::Failure;

/// How the server is watched.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct WatchArguments {
    /// Execution logs, as loggingConfiguration asks for them, go to files of JSON lines in this directory, one for each
    /// log group (64 MiB, and four older ones). With --aws-endpoint aws or a URL they go to CloudWatch Logs there, too.
    /// State machines of --definitions that say nothing else log everything.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Answers GET /metrics for Prometheus on this port; 0 takes any free one.
    #[arg(long, value_name = "PORT")]
    metrics_port: Option<u16>,
    /// Sends metrics to CloudWatch every minute, to where service integrations go.
    #[arg(long)]
    cloudwatch_metrics: bool,
    /// The namespace of those metrics. AWS keeps its own, AWS/States, to itself; emulators may take it.
    #[arg(long, value_name = "NAME", default_value = "Stepwright/States")]
    cloudwatch_namespace: String,
    /// Sends traces to this OpenTelemetry collector, by OTLP over HTTP, such as http://127.0.0.1:4318. State machines of
    /// --definitions are traced then; others where tracingConfiguration, or who starts an execution, says so.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
    /// Headers for the collector.
    #[arg(long, value_name = "NAME=VALUE,...", env = "OTEL_EXPORTER_OTLP_HEADERS", hide_env_values = true)]
    otlp_headers: Option<String>,
}

impl WatchArguments {
    /// How the state machines of the definitions' folder are watched.
    pub(super) fn watched(&self) -> Watched {
        Watched { logged: self.log_dir.is_some(), traced: self.endpoint().is_some() }
    }

    /// The collector's URL; a variable that is set to nothing says nothing.
    fn endpoint(&self) -> Option<&str> {
        self.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty())
    }

    fn collector(&self) -> Result<Option<Collector>, Failure> {
        let headers = self.otlp_headers.as_deref().unwrap_or_default();
        let collector = self.endpoint().map(|endpoint| Collector::new(endpoint, headers));
        collector.transpose().map_err(|error| Failure::usage(format!("--otlp-endpoint, --otlp-headers: {error}")))
    }
}

/// Begins to watch; `None` where nobody asks for anything.
pub(super) async fn start(arguments: &Arguments, world: &World) -> Result<Option<Observability>, Failure> {
    let watch = &arguments.watch;
    let real = arguments.aws_endpoint != AwsEndpoint::Sandbox;
    let config = Config {
        region: arguments.region.clone(),
        clock: world.clock.clone(),
        log_dir: watch.log_dir.clone(),
        cloudwatch_logs: real.then(|| world.aws()),
        cloudwatch_metrics: watch.cloudwatch_metrics.then(|| (world.aws(), watch.cloudwatch_namespace.clone())),
        collector: watch.collector()?,
        metrics: watch.metrics_port.map(|port| SocketAddr::new(arguments.listen, port)),
    };
    if config.is_idle() {
        return Ok(None);
    }
    Ok(Some(Observability::start(config).await.map_err(could_not_start)?))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        watch: WatchArguments,
    }

    fn watch(line: &[&str]) -> WatchArguments {
        Line::parse_from(["serve"].iter().chain(line)).watch
    }

    #[test]
    fn definitions_are_logged_and_traced_where_that_goes_anywhere() {
        assert_eq!(watch(&[]).watched(), Watched::default());
        let watched = watch(&["--log-dir", "d", "--otlp-endpoint", "http://127.0.0.1:4318"]).watched();
        assert_eq!(watched, Watched { logged: true, traced: true });
    }

    #[test]
    fn a_collector_that_cannot_be_is_named() {
        let failure = watch(&["--otlp-endpoint", "127.0.0.1:4318"]).collector().unwrap_err();
        assert!(failure.message.starts_with("--otlp-endpoint"), "{}", failure.message);
    }
}
