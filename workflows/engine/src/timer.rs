//! When executions are next due: one ordered set, one sleeper.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use execution::Millis;
use tokio::sync::Notify;

/// The due times of all open executions, at most one each.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: Mutex<BTreeSet<(Millis, Arc<str>)>>,
    sooner: Notify,
}

impl Timers {
    /// Moves an execution's due time from `old` to `new`; a fired one may have left the set.
    pub(crate) fn change(&self, arn: &Arc<str>, old: Option<Millis>, new: Option<Millis>) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let first = due.first().map(|(first, _)| *first);
        if let Some(old) = old {
            due.remove(&(old, Arc::clone(arn)));
        }
        if let Some(new) = new {
            due.insert((new, Arc::clone(arn)));
            if first.is_none_or(|first| new < first) {
                self.sooner.notify_one();
            }
        }
    }

    /// The executions due at `now`; they leave the set.
    pub(crate) fn take_due(&self, now: Millis) -> Vec<Arc<str>> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        while due.first().is_some_and(|(first, _)| *first <= now) {
            taken.extend(due.pop_first().map(|(_, arn)| arn));
        }
        taken
    }

    /// When the first execution is due.
    pub(crate) fn first(&self) -> Option<Millis> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).first().map(|(first, _)| *first)
    }

    /// How many executions are due some time.
    pub(crate) fn len(&self) -> usize {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Resolves when a due time has come before all others.
    pub(crate) async fn sooner(&self) {
        self.sooner.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(name: &str) -> Arc<str> {
        name.into()
    }

    #[test]
    fn what_is_due_comes_out_in_order_and_once() {
        let timers = Timers::default();
        timers.change(&arn("b"), None, Some(20));
        timers.change(&arn("a"), None, Some(10));
        timers.change(&arn("c"), None, Some(30));
        assert_eq!(timers.first(), Some(10));
        assert_eq!(timers.take_due(20), [arn("a"), arn("b")]);
        assert!(timers.take_due(20).is_empty());
        timers.change(&arn("c"), Some(30), Some(5));
        assert_eq!(timers.take_due(29), [arn("c")]);
        assert_eq!(timers.first(), None);
    }

    #[tokio::test]
    async fn only_a_new_first_wakes_the_sleeper() {
        let timers = Timers::default();
        timers.change(&arn("a"), None, Some(10));
        timers.sooner().await;
        timers.change(&arn("b"), None, Some(20));
        let woken = tokio::select! {
            biased;
            () = timers.sooner() => true,
            () = std::future::ready(()) => false,
        };
        assert!(!woken, "a later due time woke the sleeper");
        timers.change(&arn("c"), None, Some(5));
        timers.sooner().await;
    }
}
