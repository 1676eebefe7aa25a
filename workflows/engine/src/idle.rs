//! When nothing can happen: every open execution waits for time alone, or for one that does.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, TryLockError};

use execution::{Flavor, Millis, Stage};

use crate::core::{Core, Slot};
use crate::integration;

/// Nothing happens by itself or by somebody's answer before `due`: only somebody from outside can make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// When the first execution is due, virtual milliseconds since 1970; later than now. `None`: none is open that is
    /// ever due.
    pub due: Option<Millis>,
    /// Grows with every change: two looks that saw the same number had nothing between them.
    pub revision: u64,
}

type Open = HashMap<Arc<str>, Arc<Slot>>;

impl Core {
    /// What [`Engine::idle`](crate::Engine::idle) says. Looks at every open execution, copies none, waits for none.
    pub(crate) fn idle(&self) -> Option<Idle> {
        let revision = self.records.committer.at_rest()?;
        // What is to be done soon changes an execution, or has been written down and is counted there.
        if self.errands.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let open = self.open().clone();
        let mut due: Option<Millis> = None;
        for slot in open.values() {
            if let Some(own) = due_of(slot, &open)? {
                due = Some(due.map_or(own, |due| due.min(own)));
            }
        }
        let now = self.config.clock.now();
        if due.is_some_and(|due| due <= now) {
            return None;
        }
        (self.records.committer.at_rest() == Some(revision)).then_some(Idle { due, revision })
    }
}

/// When an execution is due that waits for nothing but time and children; `None` where something else can move it.
fn due_of(slot: &Slot, open: &Open) -> Option<Option<Millis>> {
    let live = match slot.live.try_lock() {
        Ok(live) => live,
        // Whoever holds it is about to change it.
        Err(TryLockError::WouldBlock) => return None,
        // A step has panicked: it stays as it is until a restart.
        Err(TryLockError::Poisoned(_)) => return Some(None),
    };
    // Without a `Live` it begins, or ends, in this moment.
    let live = live.as_ref().filter(|live| live.record.ended.is_none())?;
    live.execution.waits(|flavor, resource, stage| waits_for_child(flavor, resource, stage, open)).then_some(live.due)
}

/// Whether a task waits for a child that is open. Every other task is under way: with a service, a function or a
/// worker, before one, or with whoever has its token.
fn waits_for_child(flavor: Flavor, resource: &str, stage: &Stage, open: &Open) -> bool {
    let Stage::Submitted(answer) = stage else { return false };
    flavor != Flavor::Activity && integration::child_of(resource, answer).is_some_and(|child| open.contains_key(&child))
}
