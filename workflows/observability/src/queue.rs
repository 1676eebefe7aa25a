//! The bounded queue between the engine and a sink.
//!
//! The engine never waits: what does not fit is dropped and counted. An execution whose last events are dropped is
//! still told of as gone, so that nothing of it is kept for ever.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::Committed;
use tokio::sync::Notify;

/// What a sink is told. `R` is what it knows of an execution.
#[derive(Debug)]
pub(crate) enum Told<R> {
    /// Events of an execution.
    Events(Committed),
    /// This execution goes on from here, after a restart or a redrive.
    Resumed(Arc<str>, Box<R>),
    /// The last events of this execution were dropped.
    Gone(Arc<str>),
}

/// How a queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Events that were delivered.
    pub(crate) delivered: u64,
    /// Events that were dropped or refused.
    pub(crate) lost: u64,
    /// Bytes that wait.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
struct Inner<R> {
    told: VecDeque<Told<R>>,
    bytes: usize,
    closed: bool,
}

/// A queue of at most so many bytes.
#[derive(Debug)]
pub(crate) struct Queue<R> {
    inner: Mutex<Inner<R>>,
    more: Notify,
    closing: Notify,
    limit: usize,
    /// How long more is waited for before what there is is given out.
    gather: Duration,
    /// Events that did not fit, or that the sink has lost.
    lost: AtomicU64,
    /// Events that the sink has taken care of.
    delivered: AtomicU64,
}

impl<R> Queue<R> {
    /// A queue of at most `limit` bytes of events, given out after gathering for `gather` of real time: whoever pushes
    /// wakes the sink that seldom.
    pub(crate) fn new(limit: usize, gather: Duration) -> Self {
        Self {
            inner: Mutex::new(Inner { told: VecDeque::new(), bytes: 0, closed: false }),
            more: Notify::new(),
            closing: Notify::new(),
            limit,
            gather,
            lost: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
        }
    }

    /// Takes note of events, unless there is no room.
    pub(crate) fn push(&self, committed: &Committed) {
        let mut inner = self.lock();
        let fits = inner.bytes + committed.bytes <= self.limit || inner.told.is_empty();
        if fits {
            inner.bytes += committed.bytes;
            inner.told.push_back(Told::Events(committed.clone()));
        } else {
            self.lose(committed.events.len());
            if committed.events.iter().any(|event| event.kind.is_terminal()) {
                inner.told.push_back(Told::Gone(Arc::clone(&committed.execution.arn)));
            }
        }
        drop(inner);
        self.more.notify_one();
    }

    /// Takes note of an execution that goes on.
    pub(crate) fn resume(&self, arn: &Arc<str>, known: R) {
        self.lock().told.push_back(Told::Resumed(Arc::clone(arn), Box::new(known)));
        self.more.notify_one();
    }

    /// Everything that waits, once something does; `None` when the queue is closed and empty.
    pub(crate) async fn take(&self) -> Option<VecDeque<Told<R>>> {
        loop {
            let (is_empty, closed) = {
                let inner = self.lock();
                (inner.told.is_empty(), inner.closed)
            };
            match (is_empty, closed) {
                (true, true) => return None,
                (true, false) => self.more.notified().await,
                (false, true) => return Some(self.drain()),
                (false, false) => {
                    tokio::select! {
                        () = tokio::time::sleep(self.gather) => {}
                        () = self.closing.notified() => {}
                    }
                    return Some(self.drain());
                }
            }
        }
    }

    fn drain(&self) -> VecDeque<Told<R>> {
        let mut inner = self.lock();
        inner.bytes = 0;
        std::mem::take(&mut inner.told)
    }

    /// Takes nothing more; what waits is still given out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.more.notify_one();
        self.closing.notify_one();
    }

    /// So many events are lost.
    pub(crate) fn lose(&self, events: usize) {
        self.lost.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// So many events are where they belong.
    pub(crate) fn deliver(&self, events: usize) {
        self.delivered.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            delivered: self.delivered.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            bytes: self.lock().bytes as u64,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<R>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_counted() {
        let queue = Queue::<()>::new(100, Duration::ZERO);
        queue.push(&Committed { bytes: 90, ..sample::committed(sample::started()) });
        queue.push(&Committed { bytes: 11, ..sample::committed(sample::succeeded(9)) });
        assert_eq!(queue.standing(), Standing { delivered: 0, lost: 1, bytes: 90 });
        let told = queue.take().await.unwrap();
        assert!(matches!(&told[0], Told::Events(_)) && matches!(&told[1], Told::Gone(_)), "{told:?}");
        queue.push(&sample::committed(sample::started()));
        queue.close();
        assert_eq!(queue.take().await.unwrap().len(), 1);
        assert!(queue.take().await.is_none());
    }
}
