//! `stepwright list`: executions, newest first.

use clap::ValueEnum;
use serde_json::{Value as Json, json};

use crate::client::{Client, EngineOptions, find_machine, machines};
use crate::failure::Failure;
use crate::screen::{Cell, Screen, duration, instant, status_tone};

/// Lists executions, newest first.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only those of this status.
    #[arg(long, value_enum, ignore_case = true)]
    status: Option<Status>,
    /// Only those of this state machine: its name or its ARN.
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    engine: EngineOptions,
}

/// Where executions can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Status {
    Running,
    Succeeded,
    Failed,
    #[value(name = "timed-out", alias = "timed_out")]
    TimedOut,
    Aborted,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

pub(crate) async fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    let client = arguments.engine.client()?;
    let machines = match &arguments.machine {
        Some(name) => vec![find_machine(&client, name).await?],
        None => machines(&client).await?.into_iter().map(|machine| machine.arn).collect(),
    };
    let mut executions = Vec::new();
    for machine in machines {
        executions.extend(of_machine(&client, &machine, arguments.status, arguments.limit).await?);
    }
    executions.sort_by(|a, b| started(b).total_cmp(&started(a)));
    executions.truncate(arguments.limit);
    if screen.is_json() {
        screen.line(&json!({ "executions": executions }).to_string());
    } else if executions.is_empty() {
        screen.line("no executions");
    } else {
        screen.line(&table(screen, &executions));
    }
    Ok(())
}

async fn of_machine(
    client: &Client,
    machine: &str,
    status: Option<Status>,
    limit: usize,
) -> Result<Vec<Json>, Failure> {
    let mut request = json!({ "stateMachineArn": machine, "maxResults": limit.clamp(1, 1000) });
    if let Some(status) = status {
        request["statusFilter"] = status.name().into();
    }
    client.first_pages("ListExecutions", request, "executions", limit).await
}

fn started(execution: &Json) -> f64 {
    execution.get("startDate").and_then(Json::as_f64).unwrap_or_default()
}

fn table(screen: &Screen, executions: &[Json]) -> String {
    let rows: Vec<Vec<Cell>> = executions.iter().map(row).collect();
    // ARNs are for copying: they are never cut.
    Screen { width: usize::from(u16::MAX), ..*screen }
        .table(&["STATUS", "STARTED", "TOOK", "MACHINE", "NAME", "ARN"], &rows)
}

fn row(execution: &Json) -> Vec<Cell> {
    let text = |key: &str| execution.get(key).and_then(Json::as_str).unwrap_or_default();
    let stopped = execution.get("stopDate").and_then(Json::as_f64);
    let took = stopped
        .map_or_else(|| "…".to_owned(), |stopped| duration(((stopped - started(execution)) * 1000.0).round() as i64));
    vec![
        Cell::toned(text("status"), status_tone(text("status"))),
        Cell::plain(instant((started(execution) * 1000.0) as i64)),
        Cell::plain(took),
        Cell::plain(text("stateMachineArn").rsplit(':').next().unwrap_or_default()),
        Cell::plain(text("name")),
        Cell::plain(text("executionArn")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Format;

    #[test]
    fn executions_stand_in_a_table() {
        let screen = Screen { format: Format::Text, colour: false, width: 200 };
        let execution = json!({
            "executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e", "name": "e", "status": "SUCCEEDED",
            "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m",
            "startDate": 1_700_000_000.0, "stopDate": 1_700_000_012.5,
        });
        insta::assert_snapshot!(table(&screen, &[execution]), @r"
        STATUS     STARTED               TOOK   MACHINE  NAME  ARN
        SUCCEEDED  2023-11-14T22:13:20Z  12.5s  m        e     arn:aws:states:us-east-1:123456789012:execution:m:e
        ");
    }
}
