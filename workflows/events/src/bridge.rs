//! The bus and the schedules at work: one state behind a lock, and one task that sees to what is due.
//!
//! Every change of the state goes to the store, in order, before anything follows from it. An event that is accepted is
//! from then on deliveries, one for each target of each rule that matches; a time of a schedule that has come becomes
//! deliveries in the same batch that notes the time as seen. A delivery leaves the store when its target has it. An
//! execution's name follows from what started it, so that starting it twice is starting it once.

mod admin;
mod deliver;
mod put;
mod schedules;
mod state;
mod status;
mod turn;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{Change, Engine};
use execution::Millis;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::event::Place;
use crate::fault::Fault;
use crate::missed::Missed;
use crate::record::LoadError;

pub(crate) use admin::NewRule;
pub(crate) use put::Entry;
pub use put::Raw;
pub(crate) use schedules::{NewSchedule, Saving};
pub(crate) use state::{Name, Rule, Schedule, State, Timed};

/// How the bus is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// What happens with times of schedules that came while no server was there.
    pub missed: Missed,
}

/// EventBridge beside an engine: rules, schedules, and what they start. Dropping it ends its work; what is durable goes on
/// when it is opened again.
#[derive(Debug)]
pub struct Bridge {
    pub(crate) inner: Arc<Inner>,
    runner: Mutex<Option<JoinHandle<()>>>,
}

/// What the parts share.
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) place: Place,
    config: Config,
    state: Mutex<State>,
    /// Something may be due sooner.
    sooner: Notify,
    following: tokio::sync::Mutex<()>,
    #[cfg(test)]
    pub(crate) fuse: tests::Fuse,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("place", &self.place).field("config", &self.config).finish_non_exhaustive()
    }
}

impl Bridge {
    /// Opens what is kept in the engine's store and goes on with it.
    ///
    /// # Errors
    /// The data directory cannot be read, or holds what is no record.
    pub fn open(engine: Engine, config: Config) -> Result<Self, LoadError> {
        let inner = Arc::new(Inner::load(engine, config)?);
        let runner = tokio::spawn(turn::run(Arc::clone(&inner)));
        Ok(Self { inner, runner: Mutex::new(Some(runner)) })
    }

    /// Ends the work: what is under way is dropped, and done when it is opened again.
    pub async fn shutdown(&self) {
        let runner = self.runner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runner) = runner {
            runner.abort();
            // Aborted, or it has panicked and said so.
            let _ = runner.await;
        }
    }

    /// When something is due next, milliseconds since 1970, where nothing is under way; later than now. `None` where
    /// something is under way; `Some(None)` where nothing is ever due.
    #[must_use]
    pub fn idle(&self) -> Option<Option<Millis>> {
        if self.inner.engine.has_status_changes() {
            return None;
        }
        let state = self.inner.state();
        let due = state.next_due();
        let rests = state.rests() && due.is_none_or(|due| due > self.inner.now());
        rests.then_some(due)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let runner = self.runner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(runner) = runner {
            runner.abort();
        }
    }
}

impl Inner {
    fn load(engine: Engine, config: Config) -> Result<Self, LoadError> {
        let place = Place { account: engine.config().account.clone(), region: engine.config().region.clone() };
        let state = Mutex::new(State::load(&engine)?);
        Ok(Self {
            engine,
            place,
            config,
            state,
            sooner: Notify::new(),
            following: tokio::sync::Mutex::default(),
            #[cfg(test)]
            fuse: tests::Fuse::default(),
        })
    }

    pub(crate) fn now(&self) -> Millis {
        self.engine.now()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and the store, to the end even where the caller goes away; answers once it is durable.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&Self, &mut State, &mut Vec<Change>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let inner = Arc::clone(self);
        let whole = async move {
            inner.step().await;
            let mut changes = Vec::new();
            let (answer, keeping, numbers) = {
                let mut state = inner.state();
                let answer = change(&inner, &mut state, &mut changes)?;
                let numbers = state.take_unwritten();
                // Under the lock: the store has changes in the order of the state's.
                (answer, inner.engine.keep(changes), numbers)
            };
            inner.step().await;
            let durable = keeping.durable().await;
            inner.step().await;
            inner.state().written(&numbers);
            inner.sooner.notify_one();
            durable.map_err(Fault::internal)?;
            Ok(answer)
        };
        whole_of(whole).await
    }

    /// A change of rules: has the engine tell of changes of statuses, where a rule may be for them, before it answers.
    pub(crate) async fn administer<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&Self, &mut State, &mut Vec<Change>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let answer = self.change(change).await?;
        let inner = Arc::clone(self);
        whole_of(async move { inner.follow_status_changes().await }).await?;
        Ok(answer)
    }

    /// Has the engine tell of changes of statuses where a rule may be for them.
    async fn follow_status_changes(&self) -> Result<(), Fault> {
        // One at a time: whoever comes last has seen the last state.
        let _one = self.following.lock().await;
        let wanted = self.state().wants_status_changes();
        self.engine.announce_status_changes(wanted).await.map_err(Fault::internal)
    }

    /// A place where a test may let everything end.
    async fn step(&self) {
        #[cfg(test)]
        self.fuse.burn().await;
    }
}

/// Makes something to its end, even where the caller goes away meanwhile.
async fn whole_of<T: Send + 'static>(
    whole: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::spawn(whole).await {
        Ok(outcome) => outcome,
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => Err(Fault::internal("the server stops")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
