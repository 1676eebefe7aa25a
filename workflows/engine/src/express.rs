//! EXPRESS executions: five minutes at most, and nothing of them is kept after their end.
//!
//! As on AWS, one that nobody waits for runs at least once: it is as durable as others until it has ended. One that its
//! caller waits for runs at most once: it is in memory alone, and goes with the server, as the caller's connection does.

use std::sync::{Arc, Mutex, PoisonError};

use execution::{Failure, Limits, Millis, Status};
use tokio::sync::oneshot;

use crate::core::Core;
use crate::description::{ExecutionDescription, Given};
use crate::entropy;
use crate::exception::Error;
use crate::store::{Origin, digest};

/// Seconds that an EXPRESS execution may last.
const LONGEST_SECONDS: u64 = 5 * 60;
/// What billing counts in: milliseconds of duration, megabytes of memory.
const BILLED_MILLISECONDS: Millis = 100;
const BILLED_MEGABYTES: u64 = 64;

/// Who reads the end of an execution that is in memory alone. Clones are the same reader.
#[derive(Clone, Debug)]
pub(crate) struct Reader(Arc<Mutex<Option<oneshot::Sender<ExecutionDescription>>>>);

impl Reader {
    fn new() -> (Self, oneshot::Receiver<ExecutionDescription>) {
        let (tell, ended) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(tell)))), ended)
    }

    /// Tells the end.
    pub(crate) fn tell(&self, mut end: ExecutionDescription) {
        if end.status == Status::TimedOut {
            end.failure = Some(Failure { error: Some("States.Timeout".into()), cause: None });
        }
        if let Some(tell) = self.take() {
            // Nobody may be waiting any more.
            let _ = tell.send(end);
        }
    }

    /// Sends the reader away.
    fn dismiss(&self) {
        self.take();
    }

    fn take(&self) -> Option<oneshot::Sender<ExecutionDescription>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An EXPRESS execution that somebody waits for. It goes on when this is dropped.
#[derive(Debug)]
pub struct SyncExecution {
    arn: Arc<str>,
    ended: oneshot::Receiver<ExecutionDescription>,
}

impl SyncExecution {
    /// The execution's ARN.
    #[must_use]
    pub const fn arn(&self) -> &Arc<str> {
        &self.arn
    }

    /// Waits for the end, and tells it.
    ///
    /// # Errors
    /// The engine shuts down.
    pub async fn ended(self) -> Result<ExecutionDescription, Error> {
        self.ended.await.map_err(|_| Error::ShuttingDown)
    }
}

/// What an EXPRESS execution would have cost: memory in megabytes, duration in milliseconds.
#[must_use]
pub fn billed(execution: &ExecutionDescription) -> (u64, Millis) {
    billed_for(execution.stop_date.unwrap_or(execution.start_date) - execution.start_date)
}

/// What an EXPRESS execution that `lasted` so many milliseconds would have cost: memory in megabytes, duration in
/// milliseconds.
#[must_use]
pub fn billed_for(lasted: Millis) -> (u64, Millis) {
    let steps = lasted.max(1).cast_unsigned().div_ceil(BILLED_MILLISECONDS.cast_unsigned());
    (BILLED_MEGABYTES, BILLED_MILLISECONDS.saturating_mul(steps.cast_signed()))
}

/// Whether an ARN is one of an EXPRESS execution.
pub(crate) fn is_express(arn: &str) -> bool {
    arn.split(':').nth(5) == Some("express")
}

/// Whether an execution is forgotten after its end: an EXPRESS one that somebody has started. Those of a Map Run, whose
/// ARNs have the Map's label after a slash, belong to the run.
pub(crate) fn is_forgotten(arn: &str) -> bool {
    is_express(arn) && arn.split(':').nth(6).is_some_and(|machine| !machine.contains('/'))
}

/// The refusal of an operation that the other type of state machine has.
pub(crate) fn not_supported() -> Error {
    Error::StateMachineTypeNotSupported("This operation is not supported by this type of state machine".to_owned())
}

/// The last part of an EXPRESS execution's ARN. The same task, performed twice, gives the same.
pub(crate) fn suffix(origin: Option<&Origin>) -> String {
    let Some(Origin { arn, frame, attempt }) = origin else { return entropy::uuid() };
    let mut bits = [0_u8; 16];
    bits.copy_from_slice(&digest(&format!("express|{arn}|{frame}|{attempt}"))[..16]);
    entropy::uuid_of(u128::from_be_bytes(bits))
}

impl Core {
    /// The quotas of an execution.
    pub(crate) fn limits(&self, arn: &str) -> Limits {
        let limits = self.config.limits;
        if is_express(arn) {
            Limits { history_events: u64::MAX, seconds: Some(LONGEST_SECONDS), ..limits }
        } else {
            limits
        }
    }

    /// Starts an EXPRESS execution that the caller waits for.
    pub(crate) async fn start_sync(
        &self,
        machine_arn: &str,
        name: Option<String>,
        input: Given,
    ) -> Result<SyncExecution, Error> {
        let mut start = self.prepare(machine_arn, name, input, None)?;
        let arn = Arc::clone(&start.record.identity.arn);
        if !is_express(&arn) {
            return Err(not_supported());
        }
        let (reader, ended) = Reader::new();
        start.reader = Some(reader);
        let (_, ticket) = self.place(start)?;
        ticket.durable().await?;
        Ok(SyncExecution { arn, ended })
    }

    /// Sends away whoever still waits for the end of an execution that is in memory alone.
    pub(crate) fn dismiss_readers(&self) {
        let open: Vec<_> = self.open().values().cloned().collect();
        for slot in open {
            if let Ok(live) = slot.live.lock()
                && let Some(reader) = live.as_ref().and_then(|live| live.reader.as_ref())
            {
                reader.dismiss();
            }
        }
    }

    /// Forgets an EXPRESS execution that has ended.
    pub(crate) fn forget(&self, arn: &str) {
        if !is_forgotten(arn) {
            return;
        }
        // Where the store has failed, everybody else says so.
        let Ok(Some(record)) = self.records.execution(arn) else { return };
        if record.ended.is_none() {
            return;
        }
        if let Ok(writes) = self.records.traces(&record) {
            drop(self.records.committer.write(writes));
        }
    }

    /// Forgets what a crash has left of EXPRESS executions between their end and now.
    pub(crate) fn forget_ended(&self) -> Result<(), crate::store::StoreError> {
        for record in self.records.executions(&self.place.all_express())? {
            self.forget(&record.identity.arn);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_started_by_itself_is_forgotten() {
        let arn = |rest| format!("arn:aws:states:us-east-1:123456789012:{rest}");
        assert!(is_forgotten(&arn("express:m:e:0")));
        assert!(is_express(&arn("express:m/Each:e:0")) && !is_forgotten(&arn("express:m/Each:e:0")));
        assert!(!is_express(&arn("execution:express:e")));
    }
}
