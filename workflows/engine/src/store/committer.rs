//! Group commit: one thread writes the batches of everybody, as many at once as are waiting.
//!
//! Making a batch durable costs one disk synchronisation however large it is, so batches that arrive while one is
//! being written share the next. A store in memory has nothing to share: whoever hands a batch over writes it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::{Store, StoreError, Write};
use crate::clock;
use crate::figures::CommitTimer;

/// Writes in one durable batch: enough to share a synchronisation, few enough to bound the wait.
const BATCH_WRITES: usize = 4096;

/// What became of a commit.
pub(crate) type Outcome = Result<(), Arc<StoreError>>;

/// Resolves when a commit is durable.
#[derive(Debug)]
pub(crate) enum Ticket {
    /// The committer's thread has it.
    Pending(oneshot::Receiver<Outcome>),
    /// It has been written, or refused.
    Resolved(Outcome),
}

impl Ticket {
    /// Waits until the commit is durable.
    pub(crate) async fn durable(self) -> Outcome {
        match self {
            Self::Pending(outcome) => outcome.await.unwrap_or_else(|_| Err(Arc::new(StoreError::Closed))),
            Self::Resolved(outcome) => outcome,
        }
    }
}

/// Writes that belong together, and what to do once they are durable.
pub(crate) struct Commit {
    pub(crate) writes: Vec<Write>,
    /// Runs on the committer's thread in the order of commits, or, where there is none, on the caller's; must not block
    /// and must not lock an execution.
    pub(crate) then: Box<dyn FnOnce(&Outcome) + Send>,
}

/// What writes commits.
pub(crate) struct Committer {
    way: Way,
    /// Commits handed over so far.
    begun: AtomicU64,
    /// Commits whose `then` has run.
    done: Arc<AtomicU64>,
    /// How long batches take.
    timer: Arc<CommitTimer>,
}

/// How commits get into the store.
enum Way {
    /// Through a queue to a thread, which makes many of them durable at once.
    Grouped { queue: Mutex<Option<Sender<Commit>>>, thread: Mutex<Option<JoinHandle<()>>> },
    /// By whoever hands them over; `None` once the committer is closed.
    Direct(RwLock<Option<Arc<dyn Store>>>),
}

impl Committer {
    /// Starts the thread, where the store waits for a disk.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(store: Arc<dyn Store>) -> std::io::Result<Self> {
        let done = Arc::new(AtomicU64::new(0));
        if !store.waits() {
            let way = Way::Direct(RwLock::new(Some(store)));
            return Ok(Self { way, begun: AtomicU64::new(0), done, timer: Arc::default() });
        }
        let (queue, commits) = channel();
        let counted = Arc::clone(&done);
        let timer = Arc::new(CommitTimer::default());
        let timed = Arc::clone(&timer);
        let work = move || run(&*store, &commits, &counted, &timed);
        let thread = std::thread::Builder::new().name("committer".to_owned()).spawn(work)?;
        let way = Way::Grouped { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) };
        Ok(Self { way, begun: AtomicU64::new(0), done, timer })
    }

    /// Commits so far, where none is under way and everything that follows from them has been seen to.
    pub(crate) fn at_rest(&self) -> Option<u64> {
        // In this order: what begins in between is seen as under way.
        let done = self.done.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == done).then_some(done)
    }

    /// Commits handed over and not seen to yet.
    pub(crate) fn waiting(&self) -> u64 {
        let done = self.done.load(Ordering::SeqCst);
        self.begun.load(Ordering::SeqCst).saturating_sub(done)
    }

    /// How long batches took that waited for a disk.
    pub(crate) fn timer(&self) -> &CommitTimer {
        &self.timer
    }

    /// Hands over `writes` and gives a ticket for them.
    pub(crate) fn write(&self, writes: Vec<Write>) -> Ticket {
        self.write_then(writes, |_| {})
    }

    /// Hands over `writes`, what to do once they are durable (or have failed), and gives a ticket that resolves after.
    /// Commits of one caller become durable in the order of its calls.
    pub(crate) fn write_then(&self, writes: Vec<Write>, then: impl FnOnce(&Outcome) + Send + 'static) -> Ticket {
        self.begun.fetch_add(1, Ordering::SeqCst);
        match &self.way {
            Way::Grouped { queue, .. } => self.enqueue(queue, writes, then),
            Way::Direct(store) => {
                // A copy: what follows may commit, too.
                let store = store.read().unwrap_or_else(PoisonError::into_inner).clone();
                let outcome = match store {
                    Some(store) => store.commit(writes).map_err(Arc::new),
                    None => Err(Arc::new(StoreError::Closed)),
                };
                then(&outcome);
                self.done.fetch_add(1, Ordering::SeqCst);
                Ticket::Resolved(outcome)
            }
        }
    }

    /// Counts something that is written nowhere as a commit, and does what follows from it.
    pub(crate) fn pass(&self, then: impl FnOnce()) -> Ticket {
        self.begun.fetch_add(1, Ordering::SeqCst);
        then();
        self.done.fetch_add(1, Ordering::SeqCst);
        Ticket::Resolved(Ok(()))
    }

    fn enqueue(
        &self,
        queue: &Mutex<Option<Sender<Commit>>>,
        writes: Vec<Write>,
        then: impl FnOnce(&Outcome) + Send + 'static,
    ) -> Ticket {
        let (resolve, ticket) = oneshot::channel();
        let then = Box::new(move |outcome: &Outcome| {
            then(outcome);
            // Nobody may be waiting.
            let _ = resolve.send(outcome.clone());
        });
        let commit = Commit { writes, then };
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = match queue.as_ref() {
            Some(queue) => queue.send(commit).err().map(|refused| refused.0),
            None => Some(commit),
        };
        drop(queue);
        if let Some(commit) = refused {
            (commit.then)(&Err(Arc::new(StoreError::Closed)));
            self.done.fetch_add(1, Ordering::SeqCst);
        }
        Ticket::Pending(ticket)
    }

    /// Takes no more commits and waits until those taken are durable.
    pub(crate) fn close(&self) {
        match &self.way {
            Way::Grouped { queue, thread } => {
                queue.lock().unwrap_or_else(PoisonError::into_inner).take();
                let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
                    // A panic over there has been reported over there.
                    let _ = thread.join();
                }
            }
            Way::Direct(store) => {
                store.write().unwrap_or_else(PoisonError::into_inner).take();
            }
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Commits what comes until the queue is closed. After a failure nothing is written any more: what followed would
/// stand on something that is not there.
fn run(store: &dyn Store, commits: &Receiver<Commit>, done: &AtomicU64, timer: &CommitTimer) {
    let mut failed: Option<Arc<StoreError>> = None;
    while let Ok(first) = commits.recv() {
        let (writes, thens) = gather(first, commits);
        let outcome = match &failed {
            Some(error) => Err(Arc::clone(error)),
            None if writes.is_empty() => Ok(()),
            None => {
                let begin = clock::monotonic();
                let outcome = store.commit(writes).map_err(Arc::new);
                timer.took(begin.elapsed());
                outcome
            }
        };
        if let (Err(error), None) = (&outcome, &failed) {
            tracing::error!(%error, "the store has failed; nothing more is written");
            failed = Some(Arc::clone(error));
        }
        for then in thens {
            then(&outcome);
            done.fetch_add(1, Ordering::SeqCst);
        }
    }
}

type Thens = Vec<Box<dyn FnOnce(&Outcome) + Send>>;

/// Joins `first` with what else is waiting.
fn gather(first: Commit, commits: &Receiver<Commit>) -> (Vec<Write>, Thens) {
    let mut writes = first.writes;
    let mut thens = vec![first.then];
    while writes.len() < BATCH_WRITES {
        let Ok(next) = commits.try_recv() else { break };
        writes.extend(next.writes);
        thens.push(next.then);
    }
    (writes, thens)
}

#[cfg(test)]
mod tests {
    use super::super::{Gated, Memory, Space};
    use super::*;

    fn put(key: u32) -> Vec<Write> {
        vec![Write { space: Space::Meta, key: key.to_be_bytes().to_vec(), value: Some(vec![]) }]
    }

    #[tokio::test]
    async fn commits_that_wait_share_one_batch() {
        let store = Arc::new(Gated::failing_from(usize::MAX));
        store.set_open(false);
        let committer = Committer::start(store.clone()).unwrap();
        let tickets: Vec<_> = (0..100).map(|key| committer.write(put(key))).collect();
        store.set_open(true);
        for ticket in tickets {
            ticket.durable().await.unwrap();
        }
        let commits = store.commits();
        assert_eq!(commits.iter().sum::<usize>(), 100);
        assert!(commits.len() <= 3, "the first may go alone, the rest together: {commits:?}");
    }

    #[tokio::test]
    async fn a_ticket_resolves_only_when_the_write_is_there() {
        let store = Arc::new(Gated::failing_from(usize::MAX));
        store.set_open(false);
        let committer = Committer::start(store.clone()).unwrap();
        let Ticket::Pending(mut ticket) = committer.write(put(1)) else { panic!("resolved before the disk") };
        assert!(ticket.try_recv().is_err(), "resolved before the disk");
        store.set_open(true);
        ticket.await.unwrap().unwrap();
        assert!(store.get(Space::Meta, &1_u32.to_be_bytes()).unwrap().is_some());
    }

    #[tokio::test]
    async fn it_is_at_rest_when_everything_is_durable_and_seen_to() {
        let store = Arc::new(Gated::failing_from(usize::MAX));
        let committer = Committer::start(store.clone()).unwrap();
        assert_eq!(committer.at_rest(), Some(0));
        store.set_open(false);
        let ticket = committer.write(put(1));
        assert_eq!(committer.at_rest(), None);
        store.set_open(true);
        ticket.durable().await.unwrap();
        while committer.at_rest().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(committer.at_rest(), Some(1));
    }

    #[tokio::test]
    async fn after_a_failure_nothing_is_written() {
        let store = Arc::new(Gated::failing_from(1));
        let committer = Committer::start(store.clone()).unwrap();
        committer.write(put(1)).durable().await.unwrap();
        assert!(committer.write(put(2)).durable().await.is_err());
        assert!(committer.write(put(3)).durable().await.unwrap_err().to_string().contains("full"));
        assert_eq!(store.commits().len(), 2, "the third never reached the store");
    }

    #[tokio::test]
    async fn closing_makes_durable_what_was_taken_and_refuses_the_rest() {
        let stores: [Arc<dyn Store>; 2] = [Arc::new(Memory::default()), Arc::new(Gated::failing_from(usize::MAX))];
        for store in stores {
            let committer = Committer::start(store).unwrap();
            let ticket = committer.write(put(7));
            committer.close();
            ticket.durable().await.unwrap();
            assert!(matches!(*committer.write(put(8)).durable().await.unwrap_err(), StoreError::Closed));
        }
    }

    #[test]
    fn what_needs_no_disk_is_written_when_the_call_returns() {
        let store = Arc::new(Memory::default());
        let committer = Committer::start(store.clone()).unwrap();
        let (told, hears) = channel();
        let ticket = committer.write_then(put(1), move |outcome| told.send(outcome.is_ok()).unwrap());
        assert!(matches!(ticket, Ticket::Resolved(Ok(()))) && hears.try_recv().unwrap());
        assert!(store.get(Space::Meta, &1_u32.to_be_bytes()).unwrap().is_some());
        assert_eq!(committer.at_rest(), Some(1));
    }
}
