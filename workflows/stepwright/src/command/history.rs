//! `stepwright history`: an execution's timeline.

use serde_json::Value as Json;

use crate::client::EngineOptions;
use crate::failure::Failure;
use crate::follow::{describe, document, events, headline};
use crate::screen::{Screen, Tone, instant};
use crate::timeline;

/// Shows an execution's timeline: step, attempt, start, duration, result and evidence.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The execution's ARN.
    arn: String,
    /// Shows the API's events too (only with --output json).
    #[arg(long)]
    events: bool,
    #[command(flatten)]
    engine: EngineOptions,
}

pub(crate) async fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    let client = arguments.engine.client()?;
    let execution = describe(&client, &arguments.arn).await?;
    let events = events(&client, &arguments.arn).await?;
    let rows = timeline::build(&events);
    if screen.is_json() {
        let mut document = document(&execution, &rows);
        if arguments.events {
            document["events"] = Json::Array(events);
        }
        screen.line(&document.to_string());
        return Ok(());
    }
    screen.line(&headline(screen, &execution));
    for (key, value) in [("error", "error"), ("cause", "cause")] {
        if let Some(text) = execution.get(value).and_then(Json::as_str) {
            screen.line(&format!("{}: {text}", screen.paint(Tone::Bad, key)));
        }
    }
    if let Some(started) = execution.get("startDate").and_then(Json::as_f64) {
        let started = instant((started * 1000.0) as i64);
        screen.line(&screen.paint(Tone::Quiet, &format!("started {started}")));
    }
    screen.line("");
    screen.line(&timeline::render(screen, &rows));
    Ok(())
}
