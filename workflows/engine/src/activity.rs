//! Activities: their tasks in queues, their workers in line.
//!
//! A task is taken out of its queue only for somebody who is still there: it travels as a [`Claim`], which puts the
//! task back at the front when it is dropped before its worker has it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use execution::TaskId;
use tokio::sync::oneshot;

use crate::description::Activity;
use crate::exception::Error;

/// A task that waits for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The execution.
    pub(crate) execution: Arc<str>,
    pub(crate) task: TaskId,
    /// A worker was given it, but went away before it heard of it: it has begun already.
    pub(crate) begun: bool,
}

#[derive(Debug, Default)]
struct Queue {
    tasks: VecDeque<Waiting>,
    workers: VecDeque<oneshot::Sender<Claim>>,
}

/// What a worker that asks gets.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A task.
    Task(Claim),
    /// A place in the line.
    Place(oneshot::Receiver<Claim>),
}

/// All activities.
#[derive(Debug, Default)]
pub(crate) struct Activities {
    known: Mutex<BTreeMap<Arc<str>, Activity>>,
    queues: Mutex<HashMap<Arc<str>, Queue>>,
}

/// A task on its way to a worker.
#[derive(Debug)]
pub(crate) struct Claim {
    activities: Arc<Activities>,
    activity: Arc<str>,
    waiting: Option<Waiting>,
}

impl Claim {
    /// What is claimed.
    pub(crate) const fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }

    /// The task has begun: whoever gets it next is not to begin it again.
    pub(crate) const fn begun(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.begun = true;
        }
    }

    /// The worker has it, or nobody needs it any more: it does not go back.
    pub(crate) fn settle(mut self) {
        self.waiting = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.activities.put(&self.activity, waiting, true);
        }
    }
}

impl Activities {
    /// Adds an activity.
    pub(crate) fn add(&self, activity: Activity) {
        lock(&self.known).insert(Arc::clone(&activity.arn), activity);
    }

    /// Takes an activity away. Its queue stays: its tasks time out, or their executions end.
    pub(crate) fn remove(&self, arn: &str) {
        lock(&self.known).remove(arn);
    }

    /// The activity of this ARN.
    pub(crate) fn find(&self, arn: &str) -> Option<Activity> {
        lock(&self.known).get(arn).cloned()
    }

    /// All activities, by ARN.
    pub(crate) fn list(&self) -> Vec<Activity> {
        lock(&self.known).values().cloned().collect()
    }

    /// Queues a task, or gives it to the worker that has waited longest.
    pub(crate) fn offer(self: &Arc<Self>, activity: &Arc<str>, waiting: Waiting) {
        self.put(activity, waiting, false);
    }

    /// A task that waits, or a place in the line for the next, in which at most `most` workers stand.
    ///
    /// # Errors
    /// `ActivityWorkerLimitExceeded`.
    pub(crate) fn ask(self: &Arc<Self>, activity: &Arc<str>, most: usize) -> Result<Asked, Error> {
        let mut queues = lock(&self.queues);
        let queue = queues.entry(Arc::clone(activity)).or_default();
        if let Some(waiting) = queue.tasks.pop_front() {
            return Ok(Asked::Task(self.claim(activity, waiting)));
        }
        queue.workers.retain(|worker| !worker.is_closed());
        if queue.workers.len() >= most {
            return Err(Error::ActivityWorkerLimitExceeded);
        }
        let (worker, place) = oneshot::channel();
        queue.workers.push_back(worker);
        Ok(Asked::Place(place))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        lock(&self.known).len()
    }

    /// Tasks that wait for a worker, and workers that wait for a task.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        let queues = lock(&self.queues);
        let tasks: usize = queues.values().map(|queue| queue.tasks.len()).sum();
        let workers = queues.values().flat_map(|queue| &queue.workers).filter(|worker| !worker.is_closed()).count();
        (tasks as u64, workers as u64)
    }

    /// Sends every waiting worker away without a task.
    pub(crate) fn dismiss(&self) {
        for queue in lock(&self.queues).values_mut() {
            queue.workers.clear();
        }
    }

    fn put(self: &Arc<Self>, activity: &Arc<str>, waiting: Waiting, front: bool) {
        let mut queues = lock(&self.queues);
        let queue = queues.entry(Arc::clone(activity)).or_default();
        while let Some(worker) = queue.workers.pop_front() {
            match worker.send(self.claim(activity, waiting.clone())) {
                Ok(()) => return,
                // That worker has gone. Its claim must not put the task back: the lock is ours.
                Err(mut claim) => claim.waiting = None,
            }
        }
        if front { queue.tasks.push_front(waiting) } else { queue.tasks.push_back(waiting) }
    }

    fn claim(self: &Arc<Self>, activity: &Arc<str>, waiting: Waiting) -> Claim {
        Claim { activities: Arc::clone(self), activity: Arc::clone(activity), waiting: Some(waiting) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use execution::FrameId;

    use super::*;

    fn task(attempt: u32) -> Waiting {
        Waiting { execution: "e".into(), task: TaskId { frame: FrameId(0), attempt }, begun: false }
    }

    fn task_of(activities: &Arc<Activities>, activity: &Arc<str>) -> Claim {
        match activities.ask(activity, 2).unwrap() {
            Asked::Task(claim) => claim,
            Asked::Place(_) => panic!("no task waits"),
        }
    }

    fn place_of(activities: &Arc<Activities>, activity: &Arc<str>) -> oneshot::Receiver<Claim> {
        match activities.ask(activity, 2).unwrap() {
            Asked::Task(claim) => panic!("{claim:?} waits"),
            Asked::Place(place) => place,
        }
    }

    #[test]
    fn no_more_workers_wait_than_may() {
        let (activities, activity) = (Arc::new(Activities::default()), Arc::from("a"));
        let first = place_of(&activities, &activity);
        let _second = place_of(&activities, &activity);
        let refused = activities.ask(&activity, 2).unwrap_err();
        assert_eq!(refused.code(), "ActivityWorkerLimitExceeded");
        drop(first);
        let _third = place_of(&activities, &activity);
    }

    fn attempt(claim: &Claim) -> u32 {
        claim.waiting().unwrap().task.attempt
    }

    #[test]
    fn tasks_come_in_order_and_an_unsettled_one_comes_back_first() {
        let (activities, activity) = (Arc::new(Activities::default()), Arc::from("a"));
        activities.offer(&activity, task(1));
        activities.offer(&activity, task(2));
        let first = task_of(&activities, &activity);
        assert_eq!(attempt(&first), 1);
        drop(first);
        let first = task_of(&activities, &activity);
        assert_eq!(attempt(&first), 1);
        first.settle();
        assert_eq!(attempt(&task_of(&activities, &activity)), 2);
    }

    #[tokio::test]
    async fn a_waiting_worker_gets_the_task_at_once_and_a_gone_one_does_not() {
        let (activities, activity) = (Arc::new(Activities::default()), Arc::from("a"));
        let gone = place_of(&activities, &activity);
        let here = place_of(&activities, &activity);
        drop(gone);
        activities.offer(&activity, task(1));
        let claim = here.await.unwrap();
        assert_eq!(attempt(&claim), 1);
    }

    #[test]
    fn a_worker_that_goes_with_the_task_in_hand_gives_it_back() {
        let (activities, activity) = (Arc::new(Activities::default()), Arc::from("a"));
        let place = place_of(&activities, &activity);
        activities.offer(&activity, task(1));
        // The claim is in the channel; the worker disconnects before it looks.
        drop(place);
        assert_eq!(attempt(&task_of(&activities, &activity)), 1);
    }

    #[test]
    fn what_has_begun_is_not_begun_again() {
        let (activities, activity) = (Arc::new(Activities::default()), Arc::from("a"));
        activities.offer(&activity, task(1));
        let mut claim = task_of(&activities, &activity);
        claim.begun();
        drop(claim);
        assert!(task_of(&activities, &activity).waiting().unwrap().begun);
    }

    #[tokio::test]
    async fn dismissed_workers_go_without_a_task() {
        let (activities, activity) = (Arc::new(Activities::default()), Arc::from("a"));
        let place = place_of(&activities, &activity);
        activities.dismiss();
        assert!(place.await.is_err());
    }
}
