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
    written: u64,
}

impl LogGroup {
    /// An empty group.
    pub(crate) const fn new(created_ms: i64) -> Self {
        Self { created_ms, lines: VecDeque::new(), written: 0 }
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
