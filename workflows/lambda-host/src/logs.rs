//! What functions print, kept per invocation for as long as there is room, and passed on to `tracing`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::clock;

/// Bytes of text kept per invocation; the oldest lines go first.
const KEPT_BYTES: usize = 256 * 1024;
/// Bytes that `X-Amz-Log-Result` may hold before encoding, as on AWS.
const TAIL_BYTES: usize = 4 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// When the host read it, milliseconds since 1970.
    pub(crate) at: u64,
    /// Without its line feed.
    pub(crate) text: String,
}

/// The log of one invocation.
#[derive(Debug)]
pub(crate) struct InvocationLog {
    /// Name of the function.
    pub(crate) function: Arc<str>,
    /// The invocation.
    pub(crate) request_id: String,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Line>,
    bytes: usize,
    dropped: usize,
}

impl InvocationLog {
    pub(crate) fn new(function: Arc<str>, request_id: String) -> Self {
        Self { function, request_id, kept: Mutex::default() }
    }

    /// Adds a line that the function printed.
    pub(crate) fn printed(&self, text: String) {
        tracing::info!(target: "lambda", function = %self.function, request_id = %self.request_id, "{text}");
        self.push(text);
    }

    /// Adds a line of the platform's own: START, END, REPORT, faults.
    pub(crate) fn platform(&self, text: String) {
        tracing::debug!(target: "lambda", function = %self.function, request_id = %self.request_id, "{text}");
        self.push(text);
    }

    fn push(&self, text: String) {
        let mut kept = lock(&self.kept);
        kept.bytes += text.len();
        kept.lines.push_back(Line { at: clock::epoch_ms(), text });
        while kept.bytes > KEPT_BYTES && kept.lines.len() > 1 {
            let oldest = kept.lines.pop_front().map_or(0, |line| line.text.len());
            kept.bytes -= oldest;
            kept.dropped += 1;
        }
    }

    /// The lines kept, and how many older ones are gone.
    pub(crate) fn lines(&self) -> (Vec<Line>, usize) {
        let kept = lock(&self.kept);
        (kept.lines.iter().cloned().collect(), kept.dropped)
    }

    /// The last 4 KiB, whole lines where one fits, each with its line feed.
    pub(crate) fn tail(&self) -> String {
        let text: String = lock(&self.kept).lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect();
        if text.len() <= TAIL_BYTES {
            return text;
        }
        let cut = (text.len() - TAIL_BYTES..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let tail = &text[cut..];
        match tail.find('\n') {
            Some(end) if end + 1 < tail.len() => tail[end + 1..].to_owned(),
            _ => tail.to_owned(),
        }
    }
}

/// The logs of the latest invocations.
#[derive(Debug)]
pub(crate) struct Logs {
    room: usize,
    kept: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    order: VecDeque<String>,
    logs: HashMap<String, Arc<InvocationLog>>,
}

impl Logs {
    pub(crate) fn new(room: usize) -> Self {
        Self { room: room.max(1), kept: Mutex::default() }
    }

    /// Opens the log of an invocation; the oldest one makes room.
    pub(crate) fn open(&self, function: Arc<str>, request_id: &str) -> Arc<InvocationLog> {
        let log = Arc::new(InvocationLog::new(function, request_id.to_owned()));
        let mut ring = lock(&self.kept);
        ring.order.push_back(request_id.to_owned());
        ring.logs.insert(request_id.to_owned(), Arc::clone(&log));
        while ring.order.len() > self.room {
            if let Some(oldest) = ring.order.pop_front() {
                ring.logs.remove(&oldest);
            }
        }
        log
    }

    /// The log of an invocation, while it is kept.
    pub(crate) fn of(&self, request_id: &str) -> Option<Arc<InvocationLog>> {
        lock(&self.kept).logs.get(request_id).cloned()
    }
}

/// Locks; the data behind our locks is whole at every step, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> InvocationLog {
        InvocationLog::new("echo".into(), "1".into())
    }

    #[test]
    fn an_invocation_keeps_its_latest_lines() {
        let log = log();
        for number in 0..300 {
            log.printed(format!("{number:>1024}"));
        }
        let (lines, dropped) = log.lines();
        assert_eq!((lines.len(), dropped), (256, 44));
        assert_eq!(lines[255].text.trim(), "299");
    }

    #[test]
    fn the_tail_is_4_kib_of_whole_lines() {
        let log = log();
        assert_eq!(log.tail(), "");
        for number in 0..100 {
            log.printed(format!("{number:>100}"));
        }
        let tail = log.tail();
        assert!(tail.len() <= TAIL_BYTES && tail.len() > TAIL_BYTES - 101);
        assert!(tail.lines().all(|line| line.len() == 100));
    }

    #[test]
    fn a_tail_within_one_long_line_is_cut_at_a_character() {
        let log = log();
        log.printed("é".repeat(4000));
        let tail = log.tail();
        assert!(tail.starts_with('é') && tail.len() <= TAIL_BYTES);
    }

    #[test]
    fn the_oldest_invocation_makes_room() {
        let logs = Logs::new(2);
        for id in ["a", "b", "c"] {
            logs.open("echo".into(), id);
        }
        assert!(logs.of("a").is_none());
        assert!(logs.of("b").is_some() && logs.of("c").is_some());
    }
}
