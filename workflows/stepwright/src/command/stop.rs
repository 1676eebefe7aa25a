//! `stepwright stop`: stops an execution.

use serde_json::json;

use crate::client::EngineOptions;
use crate::failure::Failure;
use crate::screen::{Screen, Tone};

/// Stops an execution: it ends ABORTED.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The execution's ARN.
    arn: String,
    /// The error name to record.
    #[arg(long)]
    error: Option<String>,
    /// The cause to record, for people.
    #[arg(long)]
    cause: Option<String>,
    #[command(flatten)]
    engine: EngineOptions,
}

pub(crate) async fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    let client = arguments.engine.client()?;
    let mut request = json!({ "executionArn": arguments.arn });
    for (key, value) in [("error", &arguments.error), ("cause", &arguments.cause)] {
        if let Some(value) = value {
            request[key] = value.as_str().into();
        }
    }
    let stopped = client.call("StopExecution", request).await?;
    if screen.is_json() {
        screen.line(&stopped.to_string());
    } else {
        screen.line(&format!("{} {}", screen.paint(Tone::Good, "stopped"), arguments.arn));
    }
    Ok(())
}
