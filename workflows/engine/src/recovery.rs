//! Opening: the clock goes on where it stopped, every open execution where it was.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};

use asl::Definition;
use execution::{Command, Event, EventKind, Execution, Input, MapRunOrder, Millis, TaskOrder};
use tokio::runtime::Handle;

use crate::activity::Activities;
use crate::arn::Place;
use crate::call::Calls;
use crate::clock::Clock;
use crate::closed::Closed;
use crate::core::{Core, Live, Slot};
use crate::engine::{Config, OpenError};
use crate::histories::Histories;
use crate::integration::World;
use crate::machine;
use crate::map_run::{self, MapRuns};
use crate::observe::Observers;
use crate::registry::Machines;
use crate::status_change::StatusChanges;
use crate::store::{ClockRecord, Digest, ExecutionRecord, Records, StoreError, write};
use crate::timer::Timers;
use crate::version;
use crate::waiter::Waiters;

/// Opens the engine that `config` describes.
pub(crate) async fn open(config: Config, observers: Observers) -> Result<Arc<Core>, OpenError> {
    check(&config)?;
    let records = Records::open(config.data_dir.as_deref())?;
    open_over(config, records, observers).await
}

/// Opens the engine over a store.
pub(crate) async fn open_over(
    mut config: Config,
    records: Records,
    observers: Observers,
) -> Result<Arc<Core>, OpenError> {
    config.clock = resume_clock(config.clock, records.clock()?)?;
    if !config.clock.is_manual() {
        let clock = clock_record(&config.clock, config.clock.skipped());
        records.committer.write(vec![write::clock(&clock)]).durable().await.map_err(OpenError::Write)?;
    }
    let core = build(config, records, observers)?;
    core.changes_of_status.begin(&core.records)?;
    core.forget_ended()?;
    let orders = core.load_executions()?;
    core.continue_executions(orders);
    core.end_orphaned_runs().await.map_err(OpenError::Write)?;
    for machine in core.machines.list() {
        core.finish_deletion(&machine.arn).await;
    }
    let sleeper = core.runtime.spawn(Core::wake_as_due(Arc::downgrade(&core)));
    // Set once, here.
    let _ = core.sleeper.set(sleeper.abort_handle());
    Ok(core)
}

fn check(config: &Config) -> Result<(), OpenError> {
    if config.account.len() != 12 || !config.account.bytes().all(|byte| byte.is_ascii_digit()) {
        let problem = format!("{:?} is not an account: give twelve digits", config.account);
        return Err(OpenError::Config { field: "account", problem });
    }
    if config.region.is_empty() || config.region.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
        let problem = format!("{:?} is not a region: give one such as us-east-1", config.region);
        return Err(OpenError::Config { field: "region", problem });
    }
    Ok(())
}

/// The clock that an engine on `directory` will run on, where `wanted` is asked for: whatever shares time with the
/// engine can be started before it.
///
/// # Errors
/// The directory cannot be used, or its virtual time is ahead of what `wanted` can follow.
pub fn resumed_clock(directory: &Path, wanted: Clock) -> Result<Clock, OpenError> {
    let records = Records::open(Some(directory))?;
    let clock = records.clock().and_then(|stored| resume_clock(wanted, stored));
    records.close();
    Ok(clock?)
}

/// What a directory says of `clock` once it has skipped `skipped` milliseconds in all.
pub(crate) fn clock_record(clock: &Clock, skipped: Millis) -> ClockRecord {
    ClockRecord { origin: clock.origin(), scale: clock.scale(), skipped }
}

/// The clock to run on: the directory's own where it has one, so that virtual time never goes back.
fn resume_clock(wanted: Clock, stored: Option<ClockRecord>) -> Result<Clock, StoreError> {
    let Some(stored) = stored.filter(|_| !wanted.is_manual()) else { return Ok(wanted) };
    let old = Clock::scaled(stored.origin, stored.scale).having_skipped(stored.skipped);
    if (stored.scale - wanted.scale()).abs() < f64::EPSILON {
        return Ok(old);
    }
    let ahead_ms = || old.now() - stored.skipped - Clock::system().now();
    wanted.continuing(&old).ok_or_else(|| StoreError::ClockAhead { ahead_ms: ahead_ms(), scale: stored.scale })
}

fn build(config: Config, records: Records, observers: Observers) -> Result<Arc<Core>, OpenError> {
    let machines = Machines::default();
    for record in records.machines()? {
        machines.put(Arc::new(machine::from_record(record)?));
    }
    version::load(&records, &machines)?;
    let activities = Arc::new(Activities::default());
    for activity in records.activities()? {
        activities.add(activity);
    }
    let next_number = AtomicU64::new(records.next_number()?);
    let place = Place { account: config.account.clone(), region: config.region.clone() };
    let world = Arc::new(World::new(&config));
    Ok(Arc::new_cyclic(|me| Core {
        config,
        place,
        records,
        machines,
        changes: tokio::sync::Mutex::default(),
        activities,
        timers: Arc::new(Timers::default()),
        waiters: Waiters::default(),
        closed: Closed::default(),
        histories: Histories::default(),
        calls: Calls::default(),
        map_runs: MapRuns::default(),
        observers,
        world,
        runtime: Handle::current(),
        me: me.clone(),
        open: Mutex::default(),
        next_number,
        errands: Arc::default(),
        changes_of_status: StatusChanges::default(),
        sleeper: OnceLock::new(),
    }))
}

/// What an execution wanted of the world when the server stopped.
struct Outstanding {
    arn: Arc<str>,
    orders: Vec<TaskOrder>,
    runs: Vec<MapRunOrder>,
}

/// Definitions that were read, by the digests of their texts; of item processors also by their Map states.
pub(crate) type Definitions = HashMap<(Digest, Option<Arc<str>>), Arc<Definition>>;

/// An execution, and the journal that told it.
type Replayed = (Live, Vec<Event>);

/// Executions that one thread replays before those that are loaded are let in: their journals are in memory till then.
const LOADED_AT_ONCE: usize = 1024;

impl Core {
    /// Replays every open execution, on every processor.
    fn load_executions(&self) -> Result<Vec<Outstanding>, StoreError> {
        let arns = self.records.open_executions()?;
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut definitions: Vec<Definitions> = vec![HashMap::new(); threads];
        let mut outstanding = Vec::with_capacity(arns.len());
        for some in arns.chunks(threads * LOADED_AT_ONCE) {
            for loaded in self.load(some, &mut definitions) {
                for (live, journal) in loaded? {
                    outstanding.push(self.admit(live, &journal));
                }
            }
        }
        Ok(outstanding)
    }

    /// Replays some executions, each of the threads a part of them, in order.
    fn load(&self, arns: &[Arc<str>], definitions: &mut [Definitions]) -> Vec<Result<Vec<Replayed>, StoreError>> {
        std::thread::scope(|scope| {
            let parts = arns.chunks(LOADED_AT_ONCE).zip(definitions);
            let threads: Vec<_> = parts
                .map(|(arns, definitions)| {
                    scope.spawn(move || arns.iter().map(|arn| self.replayed(arn, definitions)).collect())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    }

    /// Puts an execution that was loaded among the open ones.
    fn admit(&self, live: Live, journal: &[Event]) -> Outstanding {
        self.observers.resumed(&live.record, journal);
        let (mut orders, mut runs) = (Vec::new(), Vec::new());
        for command in live.execution.outstanding() {
            match command {
                Command::Perform(order) => orders.push(order),
                Command::Run(run) => runs.push(run),
                Command::WakeAt(_) => {}
            }
        }
        let arn = Arc::clone(&live.record.identity.arn);
        self.timers.change(&arn, None, live.due);
        self.open().insert(Arc::clone(&arn), Arc::new(Slot { live: Mutex::new(Some(live)) }));
        Outstanding { arn, orders, runs }
    }

    /// An execution as its journal tells it.
    pub(crate) fn replay(&self, arn: &str, definitions: &mut Definitions) -> Result<Live, StoreError> {
        Ok(self.replayed(arn, definitions)?.0)
    }

    /// An execution as its journal tells it, and its journal.
    fn replayed(&self, arn: &str, definitions: &mut Definitions) -> Result<Replayed, StoreError> {
        let missing = |space| StoreError::Missing { space, key: arn.to_owned() };
        let record = self.records.execution(arn)?.ok_or_else(|| missing("executions"))?;
        let events = self.records.journal(record.number)?;
        let Some((EventKind::ExecutionStarted { input, .. }, text)) =
            events.first().map(|first| (&first.kind, first.written.clone()))
        else {
            return Err(missing("journal"));
        };
        let item = record.child.as_ref().and_then(|child| child.map_item(input));
        let execution = Execution::new(record.identity.clone(), input.clone(), self.limits(arn));
        let mut execution = execution.written(text).with_map_item(item);
        for event in &events {
            execution.apply(event);
            self.config.clock.not_before(event.at);
        }
        let definition = self.definition_of(&record, definitions)?;
        let due = execution.due();
        let written = events.len() as u64;
        Ok((Live { execution, definition, record, written, due, reader: None, observed: None }, events))
    }

    /// The definition that an execution runs.
    fn definition_of(
        &self,
        record: &ExecutionRecord,
        definitions: &mut Definitions,
    ) -> Result<Arc<Definition>, StoreError> {
        let key = (record.definition, record.child.as_ref().map(|child| Arc::clone(&child.state)));
        if let Some(definition) = definitions.get(&key) {
            return Ok(Arc::clone(definition));
        }
        let arn = &record.identity.arn;
        let whole = match definitions.get(&(record.definition, None)) {
            Some(whole) => Arc::clone(whole),
            None => machine::parse_stored(&self.records.definition(&record.definition)?, arn)?,
        };
        definitions.insert((record.definition, None), Arc::clone(&whole));
        let Some(child) = &record.child else { return Ok(whole) };
        let missing = || StoreError::Missing { space: "definitions", key: arn.to_string() };
        let processor = map_run::child::definition(&whole, &child.state, child.express).ok_or_else(missing)?;
        let processor = Arc::new(processor);
        definitions.insert(key, Arc::clone(&processor));
        Ok(processor)
    }

    /// Lets every execution go on: what was left undone, then what it waited for. All are open before the first goes
    /// on, since one may wait for another.
    fn continue_executions(&self, outstanding: Vec<Outstanding>) {
        for Outstanding { arn, orders, runs } in outstanding {
            self.deliver(&arn, Input::Advance);
            for order in orders {
                self.dispatch(&arn, order);
            }
            for run in runs {
                self.run_map(&arn, run, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_directory_goes_on() {
        let origin = Clock::system().now() - 1000;
        let stored = Some(ClockRecord { origin, scale: 60.0, skipped: 0 });
        let clock = resume_clock(Clock::starting_now(60.0), stored).unwrap();
        assert_eq!((clock.origin(), clock.scale()), (origin, 60.0));
        assert!(clock.now() >= origin + 60_000);
    }

    #[test]
    fn another_scale_begins_where_the_old_one_is() {
        let origin = Clock::system().now() - 1000;
        let old = Clock::scaled(origin, 60.0);
        let stored = Some(ClockRecord { origin, scale: 60.0, skipped: 0 });
        let clock = resume_clock(Clock::starting_now(10.0), stored).unwrap();
        let ahead = clock.now() - old.now();
        assert!((clock.scale() - 10.0).abs() < f64::EPSILON);
        assert!((-60_000..60_000).contains(&ahead), "{ahead} ms apart");
        assert!(clock.now() >= origin + 60_000, "went back");
    }

    #[test]
    fn real_time_cannot_follow_a_clock_that_is_ahead() {
        let stored = Some(ClockRecord { origin: Clock::system().now() - 1000, scale: 60.0, skipped: 0 });
        let error = resume_clock(Clock::system(), stored).unwrap_err();
        assert!(error.to_string().contains("--time-scale"), "{error}");
        let behind = Some(ClockRecord { origin: Clock::system().now() - 1000, scale: 0.5, skipped: 0 });
        assert!(resume_clock(Clock::system(), behind).is_ok());
    }

    #[test]
    fn skipped_time_stays_skipped_on_real_time_too() {
        let stored = ClockRecord { origin: Clock::system().now(), scale: 1.0, skipped: 86_400_000 };
        let clock = resume_clock(Clock::system(), Some(stored)).unwrap();
        assert!(clock.now() - Clock::system().now() > 86_300_000);
        assert_eq!(clock_record(&clock, clock.skipped()).skipped, 86_400_000);
    }

    #[test]
    fn a_bad_account_is_named() {
        let config = Config {
            account: "12".to_owned(),
            region: "us-east-1".to_owned(),
            data_dir: None,
            aws: crate::aws::Endpoint::Aws,
            lambda_endpoint: None,
            events_endpoint: None,
            clock: Clock::manual(0),
            limits: execution::Limits::default(),
            names: crate::arn::Names::default(),
            quotas: crate::Quotas::default(),
            signers: crate::aws::Signers::default(),
        };
        assert!(check(&config).unwrap_err().to_string().starts_with("account: "));
    }
}
