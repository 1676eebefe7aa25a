//! An execution's history as a timeline: one row per attempt of a task, one per visit of any other state.
//!
//! It is built from the API's events alone, following `previousEventId`, so that it works for any server that speaks
//! the API.

mod evidence;
mod visit;

use serde_json::{Value as Json, json};

use crate::screen::{Cell, Screen, Tone, duration};

pub(crate) use visit::build;

/// How a row came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Not yet.
    Running,
    /// Well.
    Done,
    /// Badly: the error's name, where there is one.
    Failed(String),
    /// It took too long.
    TimedOut,
    /// It was stopped from outside.
    Aborted,
}

impl Outcome {
    fn text(&self) -> String {
        match self {
            Self::Running => "running".to_owned(),
            Self::Done => "ok".to_owned(),
            Self::Failed(error) if error.is_empty() => "failed".to_owned(),
            Self::Failed(error) => error.clone(),
            Self::TimedOut => "timed out".to_owned(),
            Self::Aborted => "aborted".to_owned(),
        }
    }

    const fn tone(&self) -> Tone {
        match self {
            Self::Running => Tone::Busy,
            Self::Done => Tone::Good,
            Self::Failed(_) | Self::TimedOut => Tone::Bad,
            Self::Aborted => Tone::Quiet,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "ok",
            Self::Failed(_) => "failed",
            Self::TimedOut => "timedOut",
            Self::Aborted => "aborted",
        }
    }
}

/// One row of a timeline. Times are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The state's name, with the index of the Map iteration that entered it.
    pub(crate) step: String,
    /// How deep inside Parallel and Map states.
    pub(crate) depth: usize,
    /// The state's type.
    pub(crate) kind: String,
    /// Of the same visit, from 1; 0 where the state has none.
    pub(crate) attempt: usize,
    /// After the execution's start.
    pub(crate) start: i64,
    /// Until its end; absent while it runs.
    pub(crate) duration: Option<i64>,
    pub(crate) outcome: Outcome,
    /// What it gave, or why it failed.
    pub(crate) evidence: String,
}

impl Row {
    /// The row for a table.
    fn cells(&self) -> Vec<Cell> {
        let attempt = if self.attempt == 0 { "-".to_owned() } else { self.attempt.to_string() };
        vec![
            Cell::plain(format!("{}{}", "  ".repeat(self.depth), self.step)),
            Cell::plain(attempt),
            Cell::plain(format!("+{}", duration(self.start))),
            Cell::plain(self.duration.map_or_else(|| "…".to_owned(), duration)),
            Cell::toned(self.outcome.text(), self.outcome.tone()),
            Cell::toned(self.evidence.clone(), Tone::Quiet),
        ]
    }

    /// The row for programs.
    pub(crate) fn json(&self) -> Json {
        json!({
            "step": self.step,
            "type": self.kind,
            "depth": self.depth,
            "attempt": (self.attempt > 0).then_some(self.attempt),
            "startMs": self.start,
            "durationMs": self.duration,
            "result": self.outcome.name(),
            "error": match &self.outcome { Outcome::Failed(error) => Some(error), _ => None },
            "evidence": self.evidence,
        })
    }

    /// The row as one line of a report that grows: what `--follow` prints.
    pub(crate) fn line(&self, screen: &Screen) -> String {
        let attempt = if self.attempt > 1 { format!(" (attempt {})", self.attempt) } else { String::new() };
        let step = format!("{}{}{attempt}", "  ".repeat(self.depth), self.step);
        let took = self.duration.map_or_else(|| "…".to_owned(), duration);
        let result = screen.paint(self.outcome.tone(), &self.outcome.text());
        let head = format!("{:>8}  {step}  {result}  {took}", format!("+{}", duration(self.start)));
        let room = screen.width.saturating_sub(head.chars().count() + 2);
        if self.evidence.is_empty() || room < 12 {
            return head;
        }
        let evidence = crate::screen::cut(&self.evidence, room);
        format!("{head}  {}", screen.paint(Tone::Quiet, &evidence))
    }
}

/// The rows as a table.
pub(crate) fn render(screen: &Screen, rows: &[Row]) -> String {
    let cells: Vec<Vec<Cell>> = rows.iter().map(Row::cells).collect();
    screen.table(&["STEP", "ATTEMPT", "START", "DURATION", "RESULT", "EVIDENCE"], &cells)
}

#[cfg(test)]
mod tests;
