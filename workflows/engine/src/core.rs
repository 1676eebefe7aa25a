//! What the parts of an engine share, and how an execution takes a step.
//!
//! The rule of a step: under the execution's own lock, decide, hand the events to the committer, note the due time.
//! Everything that the world sees of it (a call, a task for a worker, an answer, the end) happens after the events are
//! durable, on the way back from the committer. Nothing is awaited while an execution is locked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use asl::Definition;
use execution::{Env, Event, EventKind, Execution, Failure, Input, MapRunOrder, Millis, Status, TaskId, TaskOrder};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::activity::Activities;
use crate::arn::Place;
use crate::call::Calls;
use crate::closed::{Closed, End};
use crate::engine::Config;
use crate::entropy;
use crate::express::{self, Reader};
use crate::histories::Histories;
use crate::integration::World;
use crate::map_run::MapRuns;
use crate::observe::{Committed, Observed, Observers};
use crate::registry::Machines;
use crate::status_change::StatusChanges;
use crate::store::write;
use crate::store::{Ended, ExecutionRecord, Records, Ticket, Write, status_name};
use crate::timer::Timers;
use crate::waiter::Waiters;

/// Executions that are woken before what they write is waited for.
const WAKES_AT_ONCE: usize = 1024;

/// The engine behind the facade.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) place: Place,
    pub(crate) records: Records,
    pub(crate) machines: Machines,
    /// One change at a time of what is kept by ARN: state machines, activities.
    pub(crate) changes: tokio::sync::Mutex<()>,
    pub(crate) activities: Arc<Activities>,
    pub(crate) timers: Arc<Timers>,
    pub(crate) waiters: Waiters,
    pub(crate) closed: Closed,
    pub(crate) histories: Histories,
    pub(crate) calls: Calls,
    pub(crate) map_runs: MapRuns,
    pub(crate) observers: Observers,
    pub(crate) world: Arc<World>,
    pub(crate) runtime: Handle,
    pub(crate) me: Weak<Self>,
    pub(crate) open: Mutex<HashMap<Arc<str>, Arc<Slot>>>,
    pub(crate) next_number: AtomicU64,
    /// What is to be done soon and has not been.
    pub(crate) errands: Arc<AtomicUsize>,
    pub(crate) changes_of_status: StatusChanges,
    /// The task that wakes executions.
    pub(crate) sleeper: OnceLock<AbortHandle>,
}

/// The place of an open execution.
#[derive(Default)]
pub(crate) struct Slot {
    /// `None`: the start has failed, or the execution is gone.
    pub(crate) live: Mutex<Option<Live>>,
}

/// An open execution.
pub(crate) struct Live {
    pub(crate) execution: Execution,
    pub(crate) definition: Arc<Definition>,
    pub(crate) record: ExecutionRecord,
    /// Events handed to the committer so far.
    pub(crate) written: u64,
    /// The due time that timers and store know.
    pub(crate) due: Option<Millis>,
    /// Who reads its end, where it is in memory alone.
    pub(crate) reader: Option<Reader>,
    /// What observers know it by.
    pub(crate) observed: Option<Arc<Observed>>,
}

/// What the world is to see of a step, once it is durable.
struct Effects {
    arn: Arc<str>,
    orders: Vec<TaskOrder>,
    runs: Vec<MapRunOrder>,
    /// What observers hear of it.
    told: Option<Committed>,
    /// It was the last step: how the execution has ended.
    end: Option<End>,
    /// Who reads the end of one that is in memory alone.
    reader: Option<Reader>,
}

/// One of the errands, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Errand(Arc<AtomicUsize>);

impl Errand {
    fn begin(errands: &Arc<AtomicUsize>) -> Self {
        errands.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(errands))
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Core {
    /// The place of an open execution.
    pub(crate) fn slot(&self, arn: &str) -> Option<Arc<Slot>> {
        self.open().get(arn).cloned()
    }

    /// The open executions by ARN.
    pub(crate) fn open(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Slot>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks something of an open execution; `None` where it is not open.
    pub(crate) fn with_live<T>(&self, arn: &str, ask: impl FnOnce(&mut Live) -> T) -> Option<T> {
        let slot = self.slot(arn)?;
        // A step that panicked has left a state that was never written: it stays out of reach until a restart.
        let mut live = slot.live.lock().ok()?;
        live.as_mut().map(ask)
    }

    /// Tells an open execution something; the ticket resolves when what follows from it is durable. `None` where it is
    /// not open, or where nothing followed: the input was stale.
    pub(crate) fn deliver(&self, arn: &str, input: Input) -> Option<Ticket> {
        self.with_live(arn, |live| self.step(live, input)).flatten()
    }

    /// Lets a locked execution take a step and hands its events to the committer.
    pub(crate) fn step(&self, live: &mut Live, input: Input) -> Option<Ticket> {
        let events = self.decide(live, input);
        let writes = self.writes(live, &events);
        let changed = !events.is_empty() || !writes.is_empty();
        changed.then(|| self.commit(live, events, writes))
    }

    /// Lets the execution decide; one whose state machine is being deleted is stopped instead of entering a state.
    pub(crate) fn decide(&self, live: &mut Live, input: Input) -> Vec<Event> {
        let env = || Env { now: self.config.clock.now(), seed: entropy::seed() };
        if !self.machines.is_deleting(live.record.machine_arn()) {
            return live.execution.step(&live.definition, input, env());
        }
        let mut tried = live.execution.clone();
        let events = tried.step(&live.definition, input, env());
        if events.iter().any(|event| matches!(event.kind, EventKind::StateEntered { .. })) {
            return live.execution.step(&live.definition, Input::Stop(Failure::default()), env());
        }
        live.execution = tried;
        events
    }

    /// What the step changes in the store: journal, record and due time; brings the timers up to date.
    pub(crate) fn writes(&self, live: &mut Live, events: &[Event]) -> Vec<Write> {
        let Live { execution, record, written, due, reader, .. } = live;
        let ended = record.ended.is_none() && execution.status() != Status::Running;
        if ended {
            let at = execution.ended_at().unwrap_or_else(|| self.config.clock.now());
            record.ended = Some(Ended { status: status_name(execution.status()).to_owned(), at });
        }
        let next = execution.due().filter(|_| record.ended.is_none());
        let mut writes = Vec::new();
        if reader.is_none() {
            writes.extend(write::events(record.number, *written, events));
            if ended {
                let at = record.ended.as_ref().map_or(record.start_date, |ended| ended.at);
                let events = *written + events.len() as u64;
                writes.extend(write::execution(record));
                writes.extend(self.changes_of_status.note(record, execution.status(), at, events));
            }
            if *due != next {
                writes.extend(due.map(|due| write::no_due(due, record.number)));
                writes.extend(next.map(|next| write::due(next, record.number, &record.identity.arn)));
            }
        }
        *written += events.len() as u64;
        // A fired timer has left the set even where the due time is the same again.
        self.timers.change(&record.identity.arn, due.take(), next);
        *due = next;
        writes
    }

    /// Hands writes to the committer, with what the world is to see once they are durable.
    pub(crate) fn commit(&self, live: &mut Live, events: Vec<Event>, writes: Vec<Write>) -> Ticket {
        let scheduled = events.iter().filter_map(|event| match &event.kind {
            EventKind::TaskScheduled { attempt, .. } => Some(TaskId { frame: event.frame, attempt: *attempt }),
            _ => None,
        });
        let orders = scheduled.filter_map(|task| live.execution.order(task)).collect();
        let started = events.iter().filter_map(|event| match &event.kind {
            EventKind::MapRunStarted { attempt, .. } | EventKind::MapRunRedriven { attempt, .. } => {
                Some(TaskId { frame: event.frame, attempt: *attempt })
            }
            _ => None,
        });
        let runs = started.filter_map(|run| live.execution.map_run(run)).collect();
        let arn = Arc::clone(&live.record.identity.arn);
        self.drop_stale_work(&arn, |task| {
            live.execution.order(task).is_some() || live.execution.map_run(task).is_some()
        });
        let end = live.record.ended.is_some().then(|| End::of(live, events.last()));
        let told = self.observers.note(live, events, &writes);
        let effects = Effects { arn, orders, runs, told, end, reader: live.reader.clone() };
        if live.reader.is_some() {
            return self.records.committer.pass(|| self.perform(effects));
        }
        let me = self.me.clone();
        self.records.committer.write_then(writes, move |outcome| {
            if let (Ok(()), Some(core)) = (outcome, me.upgrade()) {
                core.perform(effects);
            }
        })
    }

    /// Shows the world what has become durable. Runs on the committer's thread, or while the execution is locked:
    /// nothing here may take long, and nothing may lock an execution.
    fn perform(&self, effects: Effects) {
        if let Some(told) = &effects.told {
            self.observers.committed(told);
        }
        for order in effects.orders {
            self.dispatch(&effects.arn, order);
        }
        for run in effects.runs {
            self.run_map(&effects.arn, run, false);
        }
        if let Some(end) = effects.end {
            self.close(&effects.arn, end, effects.reader);
        }
        self.changes_of_status.tell();
    }

    /// An execution has ended, durably: it leaves the open ones, and those who wait for it hear of it.
    fn close(&self, arn: &Arc<str>, end: End, reader: Option<Reader>) {
        match &reader {
            Some(reader) => reader.tell(end.description),
            None if express::is_forgotten(arn) => {}
            None => self.closed.keep(end),
        }
        let slot = self.open().remove(arn);
        self.drop_stale_work(arn, |_| false);
        self.announce(arn);
        let me = self.me.clone();
        self.runtime.spawn(async move {
            let live = slot.and_then(|slot| slot.live.lock().ok()?.take());
            if let (Some(core), Some(live)) = (me.upgrade(), live) {
                if reader.is_none() {
                    core.forget(&live.record.identity.arn);
                }
                core.finish_deletion(live.record.machine_arn()).await;
            }
        });
    }

    /// Does something soon, on a thread that may wait for an execution. Until then nothing keeps the engine.
    pub(crate) fn soon(&self, act: impl FnOnce(&Self) + Send + 'static) {
        let me = self.me.clone();
        let errand = Errand::begin(&self.errands);
        self.runtime.spawn(async move {
            if let Some(core) = me.upgrade() {
                act(&core);
            }
            drop(errand);
        });
    }

    /// Something that is to be done soon: while it lives the engine is not idle.
    pub(crate) fn errand(&self) -> Errand {
        Errand::begin(&self.errands)
    }

    /// The current order of a task, where the execution is open and the task is not stale.
    pub(crate) fn order(&self, arn: &str, task: TaskId) -> Option<TaskOrder> {
        self.with_live(arn, |live| live.execution.order(task)).flatten()
    }

    /// A number for a new execution.
    pub(crate) fn take_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Wakes executions as they become due, for as long as the engine lives.
    pub(crate) async fn wake_as_due(me: Weak<Self>) {
        let Some((timers, clock)) = me.upgrade().map(|core| (Arc::clone(&core.timers), core.config.clock.clone()))
        else {
            return;
        };
        loop {
            match timers.first() {
                None => timers.sooner().await,
                Some(first) => tokio::select! {
                    () = timers.sooner() => {}
                    () = clock.sleep_until(first) => {
                        let Some(core) = me.upgrade() else { return };
                        core.wake_due().await;
                    }
                },
            }
        }
    }

    /// Wakes those that are due, some at a time: were a hundred thousand due at once, what they write would pile up
    /// before the committer.
    async fn wake_due(&self) {
        for arns in self.timers.take_due(self.config.clock.now()).chunks(WAKES_AT_ONCE) {
            let mut last = None;
            for arn in arns {
                last = self.deliver(arn, Input::Wake).or(last);
            }
            if let Some(last) = last {
                // A store that has failed has said so.
                let _ = last.durable().await;
            }
        }
    }
}

impl Core {
    /// Stops what runs in the background, then makes durable what is under way and closes the store.
    pub(crate) fn shut_down(&self) {
        if let Some(sleeper) = self.sleeper.get() {
            sleeper.abort();
        }
        self.calls.drop_all();
        self.map_runs.dismiss();
        self.activities.dismiss();
        self.records.close();
        self.waiters.dismiss();
        self.dismiss_readers();
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(sleeper) = self.sleeper.get() {
            sleeper.abort();
        }
    }
}
