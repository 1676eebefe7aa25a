//! Histories that were read lately: whoever pages through one, or follows one that grows, reads each event once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use execution::Event;

use crate::store::{Records, StoreError};

/// Bytes of records whose events are kept, all histories together.
const KEPT_BYTES: usize = 32 << 20;

/// One history, as far as it was read.
#[derive(Debug)]
struct Kept {
    number: u64,
    events: Arc<Vec<Event>>,
    bytes: usize,
}

/// Histories that were read lately, the latest first.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    kept: Mutex<VecDeque<Kept>>,
}

impl Histories {
    /// The journal of the execution `number`: what is kept of it, and from the store what came since.
    pub(crate) fn read(&self, records: &Records, number: u64) -> Result<Arc<Vec<Event>>, StoreError> {
        let mut history = self.take(number);
        let (tail, bytes) = records.journal_from(number, history.events.len() as u64)?;
        if !tail.is_empty() {
            Arc::make_mut(&mut history.events).extend(tail);
            history.bytes += bytes;
        }
        let events = Arc::clone(&history.events);
        self.put(history);
        Ok(events)
    }

    /// Takes the history out, so that nobody waits while it is read on.
    fn take(&self, number: u64) -> Kept {
        let mut kept = self.kept();
        let found = kept.iter().position(|history| history.number == number).and_then(|index| kept.remove(index));
        found.unwrap_or_else(|| Kept { number, events: Arc::default(), bytes: 0 })
    }

    fn put(&self, history: Kept) {
        let mut kept = self.kept();
        kept.retain(|other| other.number != history.number);
        kept.push_front(history);
        while kept.iter().map(|history| history.bytes).sum::<usize>() > KEPT_BYTES {
            kept.pop_back();
        }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use execution::{EventKind, FrameId};

    use super::*;
    use crate::store::write;

    fn events(ids: std::ops::RangeInclusive<u64>) -> Vec<Event> {
        let event =
            |id| Event { id, previous: 0, at: 0, frame: FrameId(0), kind: EventKind::MapStateSucceeded, written: None };
        ids.map(event).collect()
    }

    async fn add(records: &Records, number: u64, index: u64, events: &[Event]) {
        records.committer.write(write::events(number, index, events).collect()).durable().await.unwrap();
    }

    #[tokio::test]
    async fn a_history_that_grows_is_read_on() {
        let (records, histories) = (Records::open(None).unwrap(), Histories::default());
        add(&records, 7, 0, &events(1..=3)).await;
        assert_eq!(*histories.read(&records, 7).unwrap(), events(1..=3));
        add(&records, 7, 3, &events(4..=4)).await;
        let read = histories.read(&records, 7).unwrap();
        assert_eq!(*read, events(1..=4));
        assert!(Arc::ptr_eq(&read, &histories.read(&records, 7).unwrap()), "nothing new: nothing is copied");
        assert_eq!(*histories.read(&records, 8).unwrap(), []);
    }

    #[test]
    fn the_histories_read_longest_ago_are_let_go() {
        let histories = Histories::default();
        for number in 0..4 {
            histories.put(Kept { number, events: Arc::default(), bytes: KEPT_BYTES / 2 });
        }
        let kept: Vec<u64> = histories.kept().iter().map(|history| history.number).collect();
        assert_eq!(kept, [3, 2]);
        histories.put(Kept { number: 9, events: Arc::default(), bytes: KEPT_BYTES + 1 });
        assert!(histories.kept().is_empty(), "one that is too large alone is not kept");
    }
}
