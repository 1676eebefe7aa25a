//! Shows an execution while it runs: a line for each step that ends, what runs now, and the end.

use std::collections::HashSet;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::screen::{Screen, Tone, duration, status_tone};
use crate::timeline::{self, Outcome, Row};

/// Time between looks, real.
const INTERVAL: Duration = Duration::from_millis(300);
/// Looks in a row that a server may miss, as one does that is restarted: half a minute.
const PATIENCE: u32 = 100;

/// Shows the execution `arn` until it ends.
///
/// Fails where it ends otherwise than well.
pub(crate) async fn until_end(screen: &Screen, client: &Client, arn: &str) -> Result<(), Failure> {
    let mut shown = Shown::new(screen);
    let mut missed = 0;
    let execution = loop {
        match look(client, arn).await {
            Ok((execution, rows)) => {
                missed = 0;
                if !screen.is_json() {
                    shown.update(screen, &rows);
                }
                if status(&execution) != "RUNNING" {
                    break execution;
                }
            }
            Err(failure) if failure.exit == Exit::Unreachable && missed < PATIENCE => {
                missed += 1;
                shown.spinner.set_message("the server does not answer; trying again");
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(INTERVAL).await;
    };
    shown.spinner.finish_and_clear();
    report_end(screen, client, arn, &execution).await
}

/// The execution and its timeline, in this order: what the history lacks then cannot have happened before the end.
async fn look(client: &Client, arn: &str) -> Result<(Json, Vec<Row>), Failure> {
    let execution = describe(client, arn).await?;
    let rows = timeline::build(&events(client, arn).await?);
    Ok((execution, rows))
}

async fn report_end(screen: &Screen, client: &Client, arn: &str, execution: &Json) -> Result<(), Failure> {
    let rows = timeline::build(&events(client, arn).await?);
    if screen.is_json() {
        screen.line(&document(execution, &rows).to_string());
    } else {
        screen.line(&headline(screen, execution));
    }
    if status(execution) == "SUCCEEDED" {
        return Ok(());
    }
    let reason = ["error", "cause"].iter().filter_map(|key| execution.get(key)?.as_str());
    let reason: Vec<&str> = reason.collect();
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", reason.join(": ")) };
    Err(Failure::new(Exit::Failed, format!("the execution ended {}{reason}", status(execution)))
        .remedy(format!("`stepwright history {arn}` shows every step")))
}

/// `SUCCEEDED  incident-1  after 12.4s  {"status":...}`
pub(crate) fn headline(screen: &Screen, execution: &Json) -> String {
    let status = status(execution);
    let name = execution.get("name").and_then(Json::as_str).unwrap_or_default();
    let took = took(execution).map_or_else(String::new, |took| format!("  after {}", duration(took)));
    let output = execution.get("output").and_then(Json::as_str).map(spoken).unwrap_or_default();
    let head = format!("{}  {name}{took}", screen.paint(status_tone(status), status));
    if output.is_empty() { head } else { format!("{head}\n{}", screen.paint(Tone::Quiet, &output)) }
}

/// An output for people: its summary where it has one, else its text, cut where it is long.
fn spoken(output: &str) -> String {
    let document: Option<Json> = serde_json::from_str(output).ok();
    let word = |key: &str| document.as_ref().and_then(|document| document.get(key)).and_then(Json::as_str);
    if let Some(summary) = word("summary") {
        return word("status").map_or_else(|| summary.to_owned(), |status| format!("{status}: {summary}"));
    }
    match output.char_indices().nth(LONGEST_OUTPUT) {
        Some((cut, _)) => format!("{}… (--output json shows it whole)", &output[..cut]),
        None => output.to_owned(),
    }
}

/// Characters of an output that people are shown.
const LONGEST_OUTPUT: usize = 400;

/// Execution and timeline for programs.
pub(crate) fn document(execution: &Json, rows: &[Row]) -> Json {
    json!({
        "execution": execution,
        "durationMs": took(execution),
        "timeline": rows.iter().map(Row::json).collect::<Vec<_>>(),
    })
}

fn took(execution: &Json) -> Option<i64> {
    let seconds = |key: &str| execution.get(key).and_then(Json::as_f64);
    Some(((seconds("stopDate")? - seconds("startDate")?) * 1000.0).round() as i64)
}

pub(crate) fn status(execution: &Json) -> &str {
    execution.get("status").and_then(Json::as_str).unwrap_or_default()
}

pub(crate) async fn describe(client: &Client, arn: &str) -> Result<Json, Failure> {
    client.call("DescribeExecution", json!({ "executionArn": arn })).await
}

/// The whole history.
pub(crate) async fn events(client: &Client, arn: &str) -> Result<Vec<Json>, Failure> {
    client.pages("GetExecutionHistory", json!({ "executionArn": arn, "maxResults": 1000 }), "events").await
}

/// What has been printed already.
struct Shown {
    /// Step and attempt by their places in the timeline.
    rows: HashSet<usize>,
    spinner: ProgressBar,
}

impl Shown {
    fn new(screen: &Screen) -> Self {
        let spinner = if screen.colour { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(120));
        Self { rows: HashSet::new(), spinner }
    }

    /// Prints the rows that have ended since; the spinner names what runs.
    fn update(&mut self, screen: &Screen, rows: &[Row]) {
        let mut ended: Vec<&Row> = rows
            .iter()
            .enumerate()
            .filter(|(place, row)| row.duration.is_some() && self.rows.insert(*place))
            .map(|(_, row)| row)
            .collect();
        // In the order of their ends; what holds others ends after them.
        ended.sort_by_key(|row| (row.start + row.duration.unwrap_or_default(), std::cmp::Reverse(row.depth)));
        for row in ended {
            self.spinner.suspend(|| screen.line(&row.line(screen)));
        }
        let running: Vec<&str> =
            rows.iter().filter(|row| row.outcome == Outcome::Running).map(|row| row.step.as_str()).collect();
        self.spinner.set_message(running.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Format;

    #[test]
    fn the_headline_says_how_it_ended_and_how_long_it_took() {
        let screen = Screen { format: Format::Text, colour: false, width: 80 };
        let execution = json!({
            "status": "SUCCEEDED", "name": "incident-1", "startDate": 1.5, "stopDate": 14.0, "output": "{\"a\":1}",
        });
        assert_eq!(headline(&screen, &execution), "SUCCEEDED  incident-1  after 12.5s\n{\"a\":1}");
        assert_eq!(headline(&screen, &json!({"status": "RUNNING", "name": "x"})), "RUNNING  x");
    }
}
