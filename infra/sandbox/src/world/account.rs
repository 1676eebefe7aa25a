//! What stands around the services: roles, log groups, subnets.

use std::collections::VecDeque;

/// How many lines a log group keeps.
const LINES_KEPT: usize = 5_000;

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    /// The service that may assume it.
    pub(crate) service: &'static str,
    /// When it was created.
    pub(crate) created_ms: i64,
}

/// A line that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// Counts the group's lines.
    pub(crate) number: u64,
    /// When.
    pub(crate) at_ms: i64,
    /// Log stream.
    pub(crate) stream: String,
    /// Text.
    pub(crate) message: String,
}

/// A log group and its newest lines, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct LogGroup {
    /// When it was created.
    pub(crate) created_ms: i64,
    /// Lines kept.
    pub(crate) lines: VecDeque<LogLine>,
    /// How long lines are kept, days; `None`: for ever.
    pub(crate) retention_days: Option<i64>,
    /// What it holds beside its lines: bytes at an instant (milliseconds since the epoch), and bytes written a day:
    /// (bytes, bytes a day, instant).
    pub(crate) volume: Option<(f64, f64, i64)>,
    written: u64,
}

impl LogGroup {
    /// An empty group.
    pub(crate) const fn new(created_ms: i64) -> Self {
        Self { created_ms, lines: VecDeque::new(), retention_days: Some(30), volume: None, written: 0 }
    }

    /// Bytes stored: those of its lines with 26 each for the frame, and its volume as far as it is kept.
    pub(crate) fn stored_bytes(&self, now_ms: i64) -> usize {
        let lines: usize = self.lines.iter().map(|line| line.message.len() + 26).sum();
        let volume = self.volume.map_or(0.0, |(bytes, daily, at_ms)| {
            let all = bytes + daily * (now_ms - at_ms).max(0) as f64 / 86_400_000.0;
            self.retention_days.map_or(all, |days| all.min(daily * days as f64))
        });
        lines + volume as usize
    }

    /// Adds a line, forgetting the oldest.
    pub(crate) fn write(&mut self, at_ms: i64, stream: String, message: String) {
        self.written += 1;
        self.lines.push_back(LogLine { number: self.written, at_ms, stream, message });
        if self.lines.len() > LINES_KEPT {
            self.lines.pop_front();
        }
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subnet {
    /// Subnet id.
    pub(crate) id: String,
    /// The letter of its zone.
    pub(crate) zone: &'static str,
    /// Its addresses.
    pub(crate) cidr: String,
    /// How many addresses it can give.
    pub(crate) size: i64,
}
