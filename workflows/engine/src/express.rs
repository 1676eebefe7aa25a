//! EXPRESS executions: five minutes at most, and nothing of them is kept after their end. Until then they are as
//! durable as others: a crash does not lose them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use execution::{Failure, Limits, Millis, Status};

use crate::core::Core;
use crate::description::{ExecutionDescription, Given};
use crate::entropy;
use crate::exception::Error;
use crate::store::{ExecutionRecord, Origin, digest};

/// Seconds that an EXPRESS execution may last.
const LONGEST_SECONDS: u64 = 5 * 60;
/// What billing counts in: milliseconds of duration, megabytes of memory.
const BILLED_MILLISECONDS: Millis = 100;
const BILLED_MEGABYTES: u64 = 64;

/// EXPRESS executions whose end somebody is still to read, and how many are.
#[derive(Debug, Default)]
pub(crate) struct Awaited(Mutex<HashMap<Arc<str>, usize>>);

impl Awaited {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An EXPRESS execution that somebody waits for: it is not forgotten before this is dropped.
#[derive(Debug)]
pub struct SyncExecution {
    core: Weak<Core>,
    arn: Arc<str>,
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
        self.core.upgrade().ok_or(Error::ShuttingDown)?.ended(&self.arn).await;
        let core = self.core.upgrade().ok_or(Error::ShuttingDown)?;
        let mut ended = core.description(&core.express_record(&self.arn)?)?;
        match ended.status {
            Status::Running => Err(Error::ShuttingDown),
            Status::TimedOut => {
                ended.failure = Some(Failure { error: Some("States.Timeout".into()), cause: None });
                Ok(ended)
            }
            _ => Ok(ended),
        }
    }
}

impl Drop for SyncExecution {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.let_go(&self.arn);
        }
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
        let start = self.prepare(machine_arn, name, input, None)?;
        let arn = Arc::clone(&start.record.identity.arn);
        if !is_express(&arn) {
            return Err(not_supported());
        }
        *self.awaited.lock().entry(Arc::clone(&arn)).or_default() += 1;
        let started = SyncExecution { core: self.me.clone(), arn };
        let (_, ticket) = self.place(start)?;
        ticket.durable().await?;
        Ok(started)
    }

    fn express_record(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        self.records.execution(arn)?.ok_or_else(|| Error::ExecutionDoesNotExist(arn.to_owned()))
    }

    /// Nobody reads the end of an execution any more: where it has come, it is forgotten.
    fn let_go(&self, arn: &Arc<str>) {
        let mut awaited = self.awaited.lock();
        if let Some(readers) = awaited.get_mut(arn) {
            *readers -= 1;
            if *readers > 0 {
                return;
            }
            awaited.remove(arn);
        }
        drop(awaited);
        self.forget(arn);
    }

    /// Forgets an EXPRESS execution that has ended, unless somebody is still to read its end.
    pub(crate) fn forget(&self, arn: &str) {
        if !is_forgotten(arn) || self.awaited.lock().contains_key(arn) {
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
