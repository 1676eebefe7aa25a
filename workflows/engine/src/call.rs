//! Tasks on their way into the world: calls under way, and children that are waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use execution::{Failure, Flavor, Input, Stage, TaskId, TaskOrder};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::activity::Waiting;
use crate::core::Core;
use crate::integration::{self, Answer};

/// Calls at once, of all executions together; the rest wait their turn.
const CALLS_AT_ONCE: usize = 512;

/// What goes on for a task outside its execution.
#[derive(Debug)]
pub(crate) enum Work {
    /// A call.
    Call(AbortHandle),
    /// A child execution.
    Child(Arc<str>),
    /// A Map Run.
    Run(Arc<str>),
}

/// What nobody waits for any more, and what is to be stopped for that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// A child execution.
    Child(Arc<str>),
    /// A Map Run.
    Run(Arc<str>),
}

type WorkByExecution = HashMap<Arc<str>, Vec<(TaskId, Work)>>;

/// What goes on for the tasks of all executions.
#[derive(Debug)]
pub(crate) struct Calls {
    work: Mutex<WorkByExecution>,
    permits: Arc<Semaphore>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { work: Mutex::default(), permits: Arc::new(Semaphore::new(CALLS_AT_ONCE)) }
    }
}

impl Calls {
    /// Notes what goes on for a task.
    pub(crate) fn add(&self, arn: &Arc<str>, task: TaskId, work: Work) {
        self.work().entry(Arc::clone(arn)).or_default().push((task, work));
    }

    /// Forgets a child without stopping it: it has ended.
    pub(crate) fn forget_child(&self, arn: &str, task: TaskId) {
        if let Some(work) = self.work().get_mut(arn) {
            work.retain(|(of, work)| *of != task || !matches!(work, Work::Child(_)));
        }
    }

    /// Forgets a Map Run without stopping it: it has ended.
    pub(crate) fn forget_run(&self, arn: &str, task: TaskId) {
        if let Some(work) = self.work().get_mut(arn) {
            work.retain(|(of, work)| *of != task || !matches!(work, Work::Run(_)));
        }
    }

    /// Ends what goes on for tasks that are not `wanted` any more: calls are dropped, children and runs are answered.
    pub(crate) fn keep(&self, arn: &str, wanted: impl Fn(TaskId) -> bool) -> Vec<Unwanted> {
        let mut all = self.work();
        let Some(work) = all.get_mut(arn) else { return Vec::new() };
        let mut unwanted = Vec::new();
        work.retain_mut(|(task, work)| {
            let wanted = wanted(*task);
            match work {
                _ if wanted => {}
                Work::Call(call) => call.abort(),
                Work::Child(child) => unwanted.push(Unwanted::Child(Arc::clone(child))),
                Work::Run(run) => unwanted.push(Unwanted::Run(Arc::clone(run))),
            }
            wanted
        });
        if work.is_empty() {
            all.remove(arn);
        }
        unwanted
    }

    /// Calls under way, or waiting for their turn.
    pub(crate) fn under_way(&self) -> u64 {
        let all = self.work();
        let calls = all.values().flatten();
        calls.filter(|(_, work)| matches!(work, Work::Call(call) if !call.is_finished())).count() as u64
    }

    /// Drops every call.
    pub(crate) fn drop_all(&self) {
        for (_, work) in self.work().drain().flat_map(|(_, work)| work) {
            if let Work::Call(call) = work {
                call.abort();
            }
        }
    }

    fn work(&self) -> MutexGuard<'_, WorkByExecution> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Does what a task wants, or goes on waiting for it. Takes no time itself.
    pub(crate) fn dispatch(&self, arn: &Arc<str>, order: TaskOrder) {
        match (order.flavor, &order.stage) {
            (Flavor::Activity, Stage::Scheduled) => self.offer(arn, &order),
            // A worker has it.
            (Flavor::Activity, _) => {}
            (_, Stage::Submitted(answer)) => self.resume(arn, &order, answer),
            (_, Stage::Scheduled | Stage::Started) => self.call(arn, order),
        }
    }

    /// Ends what goes on for tasks that are not `wanted` any more.
    pub(crate) fn drop_stale_work(&self, arn: &str, wanted: impl Fn(TaskId) -> bool) {
        for unwanted in self.calls.keep(arn, wanted) {
            match unwanted {
                // As on AWS, whoever stops waiting for a child stops the child.
                Unwanted::Child(child) => {
                    self.soon(move |core| drop(core.deliver(&child, Input::Stop(Failure::default()))));
                }
                Unwanted::Run(run) => self.stop_run(&run),
            }
        }
    }

    fn offer(&self, arn: &Arc<str>, order: &TaskOrder) {
        if self.activities.find(&order.resource).is_some() {
            let waiting = Waiting { execution: Arc::clone(arn), task: order.task, begun: false };
            return self.activities.offer(&order.resource, waiting);
        }
        let cause = format!("The activity {} does not exist.", order.resource);
        let failure = Failure { error: Some("States.Runtime".into()), cause: Some(cause.into()) };
        let (arn, input) = (Arc::clone(arn), Input::TaskFailed { task: order.task, failure });
        self.soon(move |core| drop(core.deliver(&arn, input)));
    }

    /// Goes on waiting for what a service has accepted before a crash.
    fn resume(&self, arn: &Arc<str>, order: &TaskOrder, answer: &asl::Value) {
        if let Some(child) = integration::child_of(&order.resource, answer) {
            self.watch_child(arn, order, child);
        }
    }

    fn call(&self, arn: &Arc<str>, order: TaskOrder) {
        let (me, world, task) = (self.me.clone(), Arc::clone(&self.world), order.task);
        let is_callback = order.resource.ends_with(".waitForTaskToken");
        let (permits, called) = (Arc::clone(&self.calls.permits), Arc::clone(arn));
        let call = self.runtime.spawn(async move {
            // The semaphore is never closed.
            let Ok(_permit) = permits.acquire_owned().await else { return };
            // Only while it steps: a call under way does not keep the engine.
            let current = me.upgrade().is_some_and(|core| core.order(&called, task).is_some());
            if !current {
                return;
            }
            let answer = integration::perform(&world, &me, &called, &order).await;
            if let Some(core) = me.upgrade() {
                core.take_answer(&called, &order, answer);
            }
        });
        // A function may call back before it answers: it is let finish what it does.
        if !is_callback {
            self.calls.add(arn, task, Work::Call(call.abort_handle()));
        }
    }

    fn take_answer(&self, arn: &Arc<str>, order: &TaskOrder, answer: Answer) {
        let task = order.task;
        match answer {
            Answer::Done(output) => self.deliver(arn, Input::TaskSucceeded { task, output }),
            Answer::Failed(failure) => self.deliver(arn, Input::TaskFailed { task, failure }),
            Answer::Submitted(output) => {
                let child = integration::child_of(&order.resource, &output);
                let ticket = self.deliver(arn, Input::TaskSubmitted { task, output });
                match child {
                    Some(child) if self.order(arn, task).is_some() => self.watch_child(arn, order, child),
                    // The parent went on without it while it was being started.
                    Some(child) => drop(self.deliver(&child, Input::Stop(Failure::default()))),
                    None => {}
                }
                ticket
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use execution::FrameId;

    use super::*;

    const fn task(attempt: u32) -> TaskId {
        TaskId { frame: FrameId(0), attempt }
    }

    #[tokio::test]
    async fn work_that_is_not_wanted_ends() {
        let (calls, arn) = (Calls::default(), Arc::from("e"));
        let call = tokio::spawn(std::future::pending::<()>());
        calls.add(&arn, task(1), Work::Call(call.abort_handle()));
        calls.add(&arn, task(2), Work::Child("child".into()));
        assert!(calls.keep(&arn, |_| true).is_empty());
        assert_eq!(calls.keep(&arn, |of| of == task(2)), []);
        assert!(call.await.unwrap_err().is_cancelled());
        assert_eq!(calls.keep(&arn, |_| false), [Unwanted::Child("child".into())]);
        assert!(calls.work().is_empty());
    }

    #[test]
    fn a_child_that_has_ended_is_not_stopped() {
        let (calls, arn) = (Calls::default(), Arc::from("e"));
        calls.add(&arn, task(1), Work::Child("child".into()));
        calls.forget_child(&arn, task(1));
        assert!(calls.keep(&arn, |_| false).is_empty());
    }
}
