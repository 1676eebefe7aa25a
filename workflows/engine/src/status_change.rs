//! Changes of executions' statuses, kept until somebody has taken them: written together with what changes, so that a
//! crash loses none and tells of none that was not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use execution::{Millis, Status};
use tokio::sync::Notify;

use crate::core::Core;
use crate::description::ExecutionDescription;
use crate::exception::Error;
use crate::express;
use crate::kept::StatusChangeKey;
use crate::lifecycle::summary;
use crate::store::{ChangeRecord, ExecutionRecord, Records, StoreError, Write, status_from_name, status_name, write};

/// A change of an execution's status.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusChange {
    /// What takes it.
    pub key: StatusChangeKey,
    /// When it was.
    pub at: Millis,
    /// Tells it from every other change, the same whenever it is shown.
    pub id: String,
    /// The execution as it was then; `None` where it is gone.
    pub execution: Option<ExecutionDescription>,
}

/// Whether anybody asks, and how many wait to be taken.
#[derive(Debug, Default)]
pub(crate) struct StatusChanges {
    wanted: AtomicBool,
    open: AtomicUsize,
    told: Notify,
}

impl StatusChanges {
    /// Goes on as the store says.
    pub(crate) fn begin(&self, records: &Records) -> Result<(), StoreError> {
        self.wanted.store(records.announces()?, Ordering::SeqCst);
        self.open.store(records.changes(usize::MAX)?.len(), Ordering::SeqCst);
        Ok(())
    }

    /// Says, durably, whether anybody asks.
    pub(crate) async fn announce(&self, records: &Records, wanted: bool) -> Result<(), Arc<StoreError>> {
        if self.wanted.swap(wanted, Ordering::SeqCst) == wanted {
            return Ok(());
        }
        records.committer.write(vec![write::announces(wanted)]).durable().await
    }

    /// What is written of a change, where anybody asks.
    pub(crate) fn note(&self, record: &ExecutionRecord, status: Status, at: Millis, events: u64) -> Option<Write> {
        let told_of = record.child.is_none() && !express::is_forgotten(&record.identity.arn);
        if !told_of || !self.wanted.load(Ordering::SeqCst) {
            return None;
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        let redrives = record.redrives.as_ref();
        let change = ChangeRecord {
            arn: Arc::clone(&record.identity.arn),
            status: status_name(status).to_owned(),
            at,
            events,
            redrive_count: redrives.map_or(0, |redrives| redrives.count),
            redrive_date: redrives.map(|redrives| redrives.last),
        };
        Some(write::change(record.number, &change))
    }

    /// Some have been taken.
    pub(crate) fn taken(&self, count: usize) {
        // Never below none: each was counted when it was written, or when the store was opened.
        let _ = self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |open| Some(open.saturating_sub(count)));
    }

    pub(crate) fn are_open(&self) -> bool {
        self.open.load(Ordering::SeqCst) > 0
    }

    /// Wakes who waits, where there is something to take.
    pub(crate) fn tell(&self) {
        if self.are_open() {
            self.told.notify_one();
        }
    }

    pub(crate) async fn told(&self) {
        self.told.notified().await;
    }
}

impl Core {
    pub(crate) fn status_changes(&self, most: usize) -> Result<Vec<StatusChange>, Error> {
        let shown = |(key, change): (Vec<u8>, ChangeRecord)| {
            let execution = self.as_it_was(&change)?;
            let id = format!("{}/{}/{}", change.arn, change.status, change.events);
            Ok(StatusChange { key: StatusChangeKey(key), at: change.at, id, execution })
        };
        self.records.changes(most)?.into_iter().map(shown).collect()
    }

    /// The execution as it was at a change.
    fn as_it_was(&self, change: &ChangeRecord) -> Result<Option<ExecutionDescription>, Error> {
        let Some(record) = self.records.execution(&change.arn)? else { return Ok(None) };
        let status = status_from_name(&change.status).unwrap_or(Status::Running);
        let ended = (status != Status::Running).then_some(change.at);
        let as_it_is = record.status() == status && record.ended.as_ref().map(|ended| ended.at) == ended;
        let mut description = if as_it_is {
            self.description(&record)?
        } else {
            let journal = self.records.journal(record.number)?;
            let upto = usize::try_from(change.events).unwrap_or(usize::MAX).clamp(1, journal.len().max(1));
            let mut description = summary(&record);
            if let (Some(first), Some(last)) = (journal.first(), journal.get(upto - 1)) {
                crate::lifecycle::add_ends(&mut description, first.clone(), last.clone());
            }
            description.redrive_obstacle = match status {
                Status::Failed | Status::TimedOut | Status::Aborted => None,
                status => Some(format!("Execution is {} and cannot be redriven", status_name(status))),
            };
            description
        };
        if status == Status::Running {
            (description.output, description.failure) = (None, None);
        }
        description.status = status;
        description.stop_date = ended;
        description.redrive_count = change.redrive_count;
        description.redrive_date = change.redrive_date;
        Ok(Some(description))
    }
}
