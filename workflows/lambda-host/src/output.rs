//! The output of a process: one pipe for both streams, read line by line and given to the invocation in progress.
//!
//! When an invocation ends, what it printed may still be in the pipe. The host keeps a writing end of that pipe: it
//! writes a mark after the process has announced the end, and waits until the mark comes out. A pipe keeps order, so
//! everything printed before then has been read and attributed.

use std::io::{PipeWriter, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::logs::{InvocationLog, lock};

/// Longest line kept whole, in bytes: the largest event CloudWatch Logs takes.
const LONGEST_LINE: usize = 256 * 1024;
/// Begins a mark; a function that prints this very text only garbles its own log.
const MARK: &[u8] = b"\0stepwright-mark-";
/// Longest wait for a mark: a process that never stops printing must not hold up the answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The host's side of a process's output.
#[derive(Debug)]
pub(crate) struct Output {
    writer: Arc<PipeWriter>,
    owner: Arc<Mutex<Option<Arc<InvocationLog>>>>,
    seen: watch::Receiver<u64>,
    written: u64,
    reader: JoinHandle<()>,
}

impl Output {
    /// Makes the pipe. Must be called within a tokio runtime.
    pub(crate) fn open() -> std::io::Result<Self> {
        let (reader, writer) = std::io::pipe()?;
        let reader = pipe::Receiver::from_owned_fd(reader.into())?;
        let owner = Arc::new(Mutex::new(None));
        let (marks, seen) = watch::channel(0);
        let lines = Lines { owner: Arc::clone(&owner), marks, partial: Vec::new() };
        Ok(Self { writer: Arc::new(writer), owner, seen, written: 0, reader: tokio::spawn(lines.read(reader)) })
    }

    /// A writing end for the process.
    pub(crate) fn stream(&self) -> std::io::Result<Stdio> {
        Ok(self.writer.try_clone()?.into())
    }

    /// From here on lines belong to this log.
    pub(crate) fn attribute(&self, log: Arc<InvocationLog>) {
        *lock(&self.owner) = Some(log);
    }

    /// Waits until everything printed so far is attributed.
    pub(crate) async fn settle(&mut self) {
        self.written += 1;
        let mark = self.written;
        let writer = Arc::clone(&self.writer);
        let write = tokio::task::spawn_blocking(move || {
            let mut text = MARK.to_vec();
            text.extend_from_slice(mark.to_string().as_bytes());
            text.push(b'\n');
            (&*writer).write_all(&text)
        });
        let arrival = async {
            if matches!(write.await, Ok(Ok(()))) {
                let _ = self.seen.wait_for(|seen| *seen >= mark).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, arrival).await;
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Cuts the stream into lines.
struct Lines {
    owner: Arc<Mutex<Option<Arc<InvocationLog>>>>,
    marks: watch::Sender<u64>,
    partial: Vec<u8>,
}

impl Lines {
    async fn read(mut self, mut stream: pipe::Receiver) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            self.take(&buffer[..count]);
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&bytes[..end]);
            self.finish();
            bytes = &bytes[end + 1..];
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > LONGEST_LINE {
            self.finish();
        }
    }

    fn finish(&mut self) {
        let line = std::mem::take(&mut self.partial);
        match line.windows(MARK.len()).position(|window| window == MARK) {
            None => self.give(&line),
            Some(start) => {
                if start > 0 {
                    self.give(&line[..start]);
                }
                let number = std::str::from_utf8(&line[start + MARK.len()..]).ok().and_then(|text| text.parse().ok());
                self.marks.send_if_modified(|seen| match number {
                    Some(number) if number > *seen => {
                        *seen = number;
                        true
                    }
                    _ => false,
                });
            }
        }
    }

    fn give(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
        match &*lock(&self.owner) {
            Some(log) => log.printed(text),
            None => tracing::info!(target: "lambda", "{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(id: &str) -> Arc<InvocationLog> {
        Arc::new(InvocationLog::new("echo".into(), id.into()))
    }

    fn texts(log: &InvocationLog) -> Vec<String> {
        log.lines().0.into_iter().map(|line| line.text).collect()
    }

    #[tokio::test]
    async fn lines_go_to_the_invocation_in_progress() {
        let mut output = Output::open().unwrap();
        let (first, second) = (log("1"), log("2"));
        let mut process = output.writer.try_clone().unwrap();
        output.attribute(Arc::clone(&first));
        process.write_all(b"one\r\ntwo").unwrap();
        output.settle().await;
        output.attribute(Arc::clone(&second));
        process.write_all(b"three\n").unwrap();
        output.settle().await;
        assert_eq!(texts(&first), ["one", "two"]);
        assert_eq!(texts(&second), ["three"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut() {
        let mut output = Output::open().unwrap();
        let only = log("1");
        output.attribute(Arc::clone(&only));
        let mut process = output.writer.try_clone().unwrap();
        let writing = tokio::task::spawn_blocking(move || process.write_all(&vec![b'x'; LONGEST_LINE + 100_000]));
        writing.await.unwrap().unwrap();
        output.settle().await;
        let bytes: usize = texts(&only).iter().map(String::len).sum();
        let (_, dropped) = only.lines();
        assert_eq!(dropped, 1, "the first piece makes room for the second");
        assert!((1..=100_000).contains(&bytes));
    }
}
