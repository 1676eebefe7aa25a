//! Drives one Map Run: reads units, starts children as slots come free, counts how they end, and tells the parent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use execution::{Env, Failure, Input, MapRunOrder, Status, exceeds_tolerance, tolerance_exceeded};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

use super::child::{self, Family, Stand};
use super::result::Results;
use super::units::{Unit, Units};
use super::{ChildEnd, LiveRun};
use crate::core::{Core, Errand};
use crate::description::MapRunStatus;
use crate::entropy;
use crate::exception::Error;
use crate::items::Source;
use crate::redrive::{Redrive, Tried};
use crate::store::{Counts, ExecutionRecord, MapRunRecord, RunEnd, Span};
use crate::trace::Trace;
use crate::waiter::Waiter;

/// Children at once where nobody sets a limit, and at most.
const DEFAULT_CONCURRENCY: u64 = 1000;
const MOST_CONCURRENCY: u64 = 10_000;

/// Children that end before the record is written again.
const CHECKPOINT: usize = 256;

/// Children started before others may run.
const BREATH: u64 = 64;

/// Drives one Map Run.
pub(super) struct Driver {
    core: Weak<Core>,
    execution: Arc<str>,
    order: MapRunOrder,
    record: Arc<Mutex<MapRunRecord>>,
    changed: Arc<Notify>,
    stopped: Arc<AtomicBool>,
    ends: UnboundedReceiver<ChildEnd>,
    /// While it is there the engine is not idle.
    errand: Option<Errand>,
    /// The children that go on.
    open: HashMap<Arc<str>, u64>,
    /// Ends since the record was last written.
    unsaved: usize,
    /// It goes on after a crash: children may have been begun that its record does not know of.
    resumed: bool,
}

/// Why a run does not go on.
pub(super) enum Halt {
    /// It has failed.
    Failed(Failure),
    /// Nobody waits for it any more.
    Stopped,
    /// The engine is gone, or its store is: the run goes on when the directory is opened again.
    Gone,
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Error> for Halt {
    fn from(_: Error) -> Self {
        Self::Gone
    }
}

impl Driver {
    pub(super) fn new(
        core: Weak<Core>,
        execution: Arc<str>,
        order: MapRunOrder,
        live: &LiveRun,
        ends: UnboundedReceiver<ChildEnd>,
        errand: Errand,
        resumed: bool,
    ) -> Self {
        let LiveRun { record, changed, stopped, .. } = live.clone();
        Self {
            core,
            execution,
            order,
            record,
            changed,
            stopped,
            ends,
            errand: Some(errand),
            open: HashMap::new(),
            unsaved: 0,
            resumed,
        }
    }

    /// Drives the run to its end.
    pub(super) async fn run(mut self) {
        let ended = self.record().ended.clone();
        let outcome = match ended {
            // It ended before a crash, and its execution has not heard of it.
            Some(RunEnd { status: MapRunStatus::Failed, failure, .. }) => {
                return self.tell(Input::MapRunFailed { run: self.order.task, failure: failure.unwrap_or_default() });
            }
            _ => self.drive().await,
        };
        match outcome {
            Ok(output) => {
                self.end(MapRunStatus::Succeeded, None);
                self.tell(Input::MapRunSucceeded { run: self.order.task, output });
            }
            Err(Halt::Failed(failure)) => {
                self.end(MapRunStatus::Failed, Some(failure.clone()));
                self.tell(Input::MapRunFailed { run: self.order.task, failure });
            }
            Err(Halt::Stopped) => self.end(MapRunStatus::Aborted, None),
            Err(Halt::Gone) => {}
        }
    }

    /// Runs every child, and gathers what they give.
    async fn drive(&mut self) -> Result<Option<asl::Value>, Halt> {
        let family = self.family()?;
        // Before the first child, so that after a crash no child is without a run.
        self.save()?;
        let mut units = None;
        let worked = self.work(&family, &mut units).await;
        if matches!(worked, Err(Halt::Gone)) {
            return Err(Halt::Gone);
        }
        if worked.is_err() {
            self.stop_children().await?;
        }
        let results = Results { core: &self.core, family: &family, order: &self.order, record: &self.record };
        match worked {
            Ok(()) => results.gather().await,
            Err(Halt::Failed(failure)) => {
                // What there is is written even where the run has failed; a second failure says nothing more.
                if let Err(Halt::Gone) = results.write(units.as_mut()).await {
                    return Err(Halt::Gone);
                }
                Err(Halt::Failed(failure))
            }
            Err(halt) => Err(halt),
        }
    }

    /// What the children have in common.
    fn family(&self) -> Result<Family, Halt> {
        let core = self.core()?;
        let run = &self.order.run;
        let (record, definition) = core
            .with_live(&self.execution, |live| (live.record.clone(), Arc::clone(&live.definition)))
            .ok_or(Halt::Stopped)?;
        let definition = child::definition(&definition, &run.state, run.express).ok_or(Halt::Stopped)?;
        let arn = &record.identity.arn;
        let trace = record.trace().map(|trace| trace.header(Trace::span_of_task(arn, self.order.task)));
        Ok(Family {
            trace_header: trace.map(Arc::from),
            run: Arc::clone(&run.arn),
            state: Arc::clone(&run.state),
            express: run.express,
            parent: record,
            definition: Arc::new(definition),
        })
    }

    /// Opens the source of units, at the first child that is not known to have ended.
    async fn open_units(&self) -> Result<Units, Halt> {
        let core = self.core()?;
        let env = Env { now: core.config.clock.now(), seed: entropy::seed() };
        let task = self.order.task;
        let shaper = core
            .with_live(&self.execution, |live| live.execution.item_shaper(&live.definition, task, env))
            .ok_or(Halt::Stopped)??
            .ok_or(Halt::Stopped)?;
        let (world, clock) = (Arc::clone(&core.world), core.config.clock.clone());
        let most_bytes = core.config.limits.payload_bytes;
        // The engine is not kept while the network is waited for.
        drop(core);
        let run = &self.order.run;
        let tag = self.record().source.clone();
        let source = Source::open(&world, self.order.items.as_ref(), run.reader.as_ref(), tag.as_deref()).await?;
        self.record().source = source.tag().map(str::to_owned);
        let mut units = Units::new(source, shaper, run.batcher.clone(), clock, most_bytes);
        let (index, first) = {
            let progress = &self.record().progress;
            let open = progress.open.first_key_value().map(|(index, span)| (*index, span.first));
            open.unwrap_or((progress.next, progress.next_item))
        };
        units.skip_to(index, first).await?;
        Ok(units)
    }

    /// Starts children as slots come free until all have ended.
    async fn work(&mut self, family: &Family, opened: &mut Option<Units>) -> Result<(), Halt> {
        let units = opened.insert(self.open_units().await?);
        // What the record knows to be begun; of it, what it does not know to have ended is looked at again.
        let (known, begun) = {
            let progress = &mut self.record().progress;
            (std::mem::take(&mut progress.open), progress.next)
        };
        let mut exhausted = false;
        loop {
            while let Ok(end) = self.ends.try_recv() {
                self.settle(&end)?;
            }
            self.check()?;
            if !exhausted && (self.open.len() as u64) < self.limit() {
                match units.next().await? {
                    Some(unit) if unit.index < begun && !known.contains_key(&unit.index) => {}
                    Some(unit) => self.ensure(family, unit, begun).await?,
                    None => exhausted = true,
                }
                let mut record = self.record();
                (record.progress.total_items, record.progress.total_executions) = units.totals();
            } else if exhausted && self.open.is_empty() {
                self.check()?;
                self.save()?;
                return Ok(());
            } else {
                self.wait().await?;
            }
        }
    }

    /// Waits for a child's end, or for somebody to change the run.
    async fn wait(&mut self) -> Result<(), Halt> {
        self.errand = None;
        tokio::select! {
            end = self.ends.recv() => {
                let end = end.ok_or(Halt::Gone)?;
                self.settle(&end)?;
                self.errand = Some(end.errand);
            }
            () = self.changed.notified() => self.errand = Some(self.core()?.errand()),
        }
        Ok(())
    }

    /// Sees to it that a child has been started, and is waited for where it goes on.
    async fn ensure(&mut self, family: &Family, unit: Unit, begun: u64) -> Result<(), Halt> {
        if unit.index.is_multiple_of(BREATH) {
            tokio::task::yield_now().await;
        }
        let core = self.core()?;
        let (index, span, redrives) = (unit.index, unit.span, self.order.redrives);
        // One that nobody can have begun need not be looked for.
        let looked = index < begun || redrives > 0 || self.resumed;
        let stand = if looked { family.look(&core, index, redrives)? } else { Stand::Absent };
        match stand {
            Stand::Absent => {
                let arn = family.begin(&core, unit, redrives, false)?;
                self.watch(&core, arn, index, span);
            }
            Stand::Open(arn) => {
                let again = core.with_live(&arn, |live| self.went_on(&live.record)).unwrap_or_default();
                self.no_longer_pending(again, span);
                self.watch(&core, arn, index, span);
            }
            Stand::Ended(record) if self.has_settled(&record) => {
                self.no_longer_pending(self.went_on(&record), span);
                self.count(&record, index, span);
            }
            Stand::Ended(record) => {
                drop(core);
                self.redrive(family, unit, &record).await?;
            }
        }
        Ok(())
    }

    /// Whether a child that has ended is done with in this attempt of the run: what ended badly before is redriven.
    fn has_settled(&self, record: &ExecutionRecord) -> bool {
        let redrive = record.child.as_ref().map_or(0, |child| child.redrive);
        record.status() == Status::Succeeded || redrive == self.order.redrives
    }

    /// Whether a child that ended badly before goes on, or has gone on, in this attempt of the run.
    fn went_on(&self, record: &ExecutionRecord) -> bool {
        record.child.as_ref().is_some_and(|child| child.again && child.redrive == self.order.redrives)
    }

    /// Lets a child go on that had ended badly; an EXPRESS child begins anew.
    async fn redrive(&mut self, family: &Family, unit: Unit, record: &ExecutionRecord) -> Result<(), Halt> {
        let (index, span) = (unit.index, unit.span);
        let redriven = if family.express {
            Ok(family.begin(&*self.core()?, unit, self.order.redrives, true)?)
        } else {
            self.reopen(&record.identity.arn).await
        };
        self.no_longer_pending(true, span);
        match redriven {
            Ok(arn) => self.watch(&*self.core()?, arn, index, span),
            Err(Error::ExecutionNotRedrivable(_)) => {
                self.count(record, index, span);
                let mut run = self.record();
                run.progress.executions.not_redrivable += 1;
                run.progress.items.not_redrivable += span.count;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Opens a child again. The engine is not kept while the disk is waited for.
    async fn reopen(&self, arn: &Arc<str>) -> Result<Arc<str>, Error> {
        let by = Redrive::Run(self.order.redrives);
        loop {
            let core = self.core.upgrade().ok_or(Error::ShuttingDown)?;
            let tried = core.reopen(arn, &by)?;
            drop(core);
            match tried {
                // Nobody waits for the disk: the child's next end comes after this is durable.
                Tried::Redriven(..) => return Ok(Arc::clone(arn)),
                Tried::Closing(ticket) => ticket.durable().await?,
            }
        }
    }

    /// One of those that wait for their redrive may wait no more.
    fn no_longer_pending(&self, any: bool, span: Span) {
        let mut run = self.record();
        for (counts, by) in run.progress.counted(span) {
            counts.pending_redrive = counts.pending_redrive.saturating_sub(if any { by } else { 0 });
        }
    }

    /// Waits for a child that goes on.
    fn watch(&mut self, core: &Core, arn: Arc<str>, index: u64, span: Span) {
        self.record().progress.begun(index, span).open.insert(index, span);
        self.open.insert(Arc::clone(&arn), index);
        if let Some(live) = core.map_runs.find(&self.order.run.arn) {
            core.watch(&arn, Waiter::Run(live.ends));
        }
    }

    /// A child has ended.
    fn settle(&mut self, end: &ChildEnd) -> Result<(), Halt> {
        let Some(index) = self.open.get(&end.arn).copied() else { return Ok(()) };
        let core = self.core()?;
        let record = core.records.execution(&end.arn).map_err(Error::from)?.ok_or(Halt::Gone)?;
        let span = self.record().progress.open.remove(&index).unwrap_or_default();
        if record.ended.is_none() {
            // It was redriven in this moment: its end is still to come.
            self.watch(&core, Arc::clone(&end.arn), index, span);
            return Ok(());
        }
        self.open.remove(&end.arn);
        self.count(&record, index, span);
        if self.unsaved >= CHECKPOINT.max(self.open.len()) {
            self.save()?;
        }
        Ok(())
    }

    /// Counts a child that has ended.
    fn count(&mut self, record: &ExecutionRecord, index: u64, span: Span) {
        self.unsaved += 1;
        self.record().progress.begun(index, span).count(record.status(), span);
    }

    /// Whether the run may go on.
    fn check(&self) -> Result<(), Halt> {
        if self.stopped.load(Ordering::SeqCst) {
            return Err(Halt::Stopped);
        }
        let record = self.record();
        if !exceeded(&record) {
            return Ok(());
        }
        Err(Halt::Failed(tolerance_exceeded()))
    }

    fn limit(&self) -> u64 {
        match self.record().max_concurrency {
            0 => DEFAULT_CONCURRENCY,
            limit => limit.min(MOST_CONCURRENCY),
        }
    }

    /// Stops the children that go on, and waits until they have.
    async fn stop_children(&mut self) -> Result<(), Halt> {
        let core = self.core()?;
        for arn in self.open.keys() {
            drop(core.deliver(arn, Input::Stop(Failure::default())));
        }
        drop(core);
        while !self.open.is_empty() {
            let end = self.ends.recv().await.ok_or(Halt::Gone)?;
            self.settle(&end)?;
            self.errand = Some(end.errand);
        }
        Ok(())
    }

    fn core(&self) -> Result<Arc<Core>, Halt> {
        self.core.upgrade().ok_or(Halt::Gone)
    }

    fn record(&self) -> MutexGuard<'_, MapRunRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&mut self) -> Result<(), Halt> {
        self.unsaved = 0;
        // Nobody waits for it: where it is lost, the children tell what it said.
        drop(self.core()?.save_run(&self.record()));
        Ok(())
    }

    /// Writes down how the run has ended.
    fn end(&mut self, status: MapRunStatus, failure: Option<Failure>) {
        let Ok(core) = self.core() else { return };
        let at = core.config.clock.now();
        {
            let mut record = self.record();
            record.ended.get_or_insert(RunEnd { status, at, failure });
            drop(core.save_run(&record));
        }
        core.map_runs.remove(&self.order.run.arn);
    }

    /// Tells the run's execution how it ended.
    fn tell(&self, input: Input) {
        if let Ok(core) = self.core() {
            core.map_runs.remove(&self.order.run.arn);
            core.calls.forget_run(&self.execution, self.order.task);
            drop(core.deliver(&self.execution, input));
        }
    }
}

/// Whether more items have failed than are tolerated.
fn exceeded(record: &MapRunRecord) -> bool {
    let Counts { failed, timed_out, aborted, .. } = record.progress.items;
    let bad = failed + timed_out + aborted;
    let total = record.progress.total_items;
    exceeds_tolerance(record.tolerated_failure_count, record.tolerated_failure_percentage, bad, total)
}
