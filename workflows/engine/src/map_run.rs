//! Map Runs: the items of a distributed Map, each an execution of its own.
//!
//! Three things tell where a run stands, and none of them holds its items. The parent's journal has its start with
//! everything decided, and its end. Each child has a record and a journal like any execution; its ARN follows from the
//! run's and its index, so that it is never started twice. The run's own record counts, and may lag behind: what it does
//! not know of is looked up. After a crash the source is read again from the first child that is not known to have ended.

pub(crate) mod child;
mod driver;
mod result;
mod units;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use execution::{Failure, Input, MapRunOrder, Status};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::arn;
use crate::call::Work;
use crate::core::{Core, Errand};
use crate::description::{MapRunChange, MapRunCounts, MapRunDescription, MapRunStatus};
use crate::exception::Error;
use crate::store::{Counts, ExecutionRecord, MapRunRecord, Progress, RunEnd, Span, StoreError, Ticket, write};
use driver::Driver;

/// A child has ended.
#[derive(Debug)]
pub(crate) struct ChildEnd {
    pub(crate) arn: Arc<str>,
    /// The engine is not idle until somebody has seen to it.
    pub(crate) errand: Errand,
}

/// A Map Run that goes on.
#[derive(Clone)]
pub(crate) struct LiveRun {
    record: Arc<Mutex<MapRunRecord>>,
    ends: UnboundedSender<ChildEnd>,
    /// Somebody has changed the run's settings, or wants it stopped.
    changed: Arc<Notify>,
    stopped: Arc<AtomicBool>,
}

impl LiveRun {
    fn record(&self) -> MutexGuard<'_, MapRunRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The Map Runs that go on, by ARN.
#[derive(Default)]
pub(crate) struct MapRuns(Mutex<HashMap<Arc<str>, LiveRun>>);

impl MapRuns {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, LiveRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, arn: &str) -> Option<LiveRun> {
        self.lock().get(arn).cloned()
    }

    /// How many go on.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn remove(&self, arn: &str) {
        self.lock().remove(arn);
    }

    /// Lets go of all of them: they go on when the directory is opened again.
    pub(crate) fn dismiss(&self) {
        self.lock().clear();
    }
}

impl Core {
    /// Lets a Map Run begin, or go on where it is `resumed` after a crash. Takes no time itself.
    pub(crate) fn run_map(&self, execution: &Arc<str>, order: MapRunOrder, resumed: bool) {
        let (me, errand, execution) = (self.me.clone(), self.errand(), Arc::clone(execution));
        self.calls.add(&execution, order.task, Work::Run(Arc::clone(&order.run.arn)));
        let (ends, received) = unbounded_channel();
        let record = self.run_record(&execution, &order);
        let live =
            LiveRun { record: Arc::new(Mutex::new(record)), ends, changed: Arc::default(), stopped: Arc::default() };
        self.map_runs.lock().insert(Arc::clone(&order.run.arn), live.clone());
        self.runtime.spawn(Driver::new(me, execution, order, &live, received, errand, resumed).run());
    }

    /// The record of a run as it begins, is redriven or goes on.
    fn run_record(&self, execution: &Arc<str>, order: &MapRunOrder) -> MapRunRecord {
        let run = &order.run;
        // A record that cannot be read is written anew: the children tell what it said.
        let found = self.records.map_run(&run.arn).ok().flatten();
        let new = || MapRunRecord {
            arn: Arc::clone(&run.arn),
            execution: Arc::clone(execution),
            state_machine: child::machine_arn(&run.arn),
            start_date: order.since,
            ended: None,
            max_concurrency: run.max_concurrency,
            tolerated_failure_count: run.tolerated_failure_count,
            tolerated_failure_percentage: run.tolerated_failure_percentage,
            redrives: 0,
            redriven_at: None,
            progress: Progress::default(),
            source: None,
            files: Vec::new(),
        };
        let mut record = found.unwrap_or_else(new);
        if record.redrives != order.redrives {
            record.redrives = order.redrives;
            record.redriven_at = Some(order.since);
            record.ended = None;
            // What could not be read may have been mended.
            record.source = None;
            // Every child is looked at again.
            let Progress { executions, items, total_items, total_executions, .. } = record.progress;
            let waiting = |counts: Counts| Counts { pending_redrive: counts.bad(), ..Counts::default() };
            record.progress = Progress {
                executions: waiting(executions),
                items: waiting(items),
                total_items,
                total_executions,
                ..Progress::default()
            };
        }
        record
    }

    /// Stops a Map Run that nobody waits for any more, with its children.
    pub(crate) fn stop_run(&self, arn: &str) {
        if let Some(live) = self.map_runs.find(arn) {
            live.stopped.store(true, Ordering::SeqCst);
            live.changed.notify_one();
        }
    }

    /// Ends the Map Runs whose executions ended without them before a crash, and their children.
    pub(crate) async fn end_orphaned_runs(&self) -> Result<(), Arc<StoreError>> {
        for mut record in self.records.map_runs("")? {
            if record.ended.is_some() || self.map_runs.find(&record.arn).is_some() {
                continue;
            }
            let Progress { total_items, total_executions, .. } = record.progress;
            record.progress = Progress { total_items, total_executions, ..Progress::default() };
            let (mut open, mut progress) = (Vec::new(), record.progress);
            self.visit_children(&record.arn, &record.state_machine, &mut |child| {
                let status = if child.ended.is_some() { child.status() } else { Status::Aborted };
                if child.ended.is_none() {
                    open.push(Arc::clone(&child.identity.arn));
                }
                let items = child.child.as_ref().map_or(1, |child| child.items);
                progress.count(status, Span { first: 0, count: items });
            })?;
            for child in open {
                self.deliver(&child, Input::Stop(Failure::default()));
            }
            record.progress = progress;
            let at = self.config.clock.now();
            record.ended = Some(RunEnd { status: MapRunStatus::Aborted, at, failure: None });
            self.save_run(&record).durable().await?;
        }
        Ok(())
    }

    /// Shows the records of a run's children one by one: there may be a million.
    fn visit_children(
        &self,
        run: &str,
        state_machine: &str,
        visit: &mut dyn FnMut(&ExecutionRecord),
    ) -> Result<(), StoreError> {
        for kind in ["execution", "express"] {
            let prefix = state_machine.replacen(":stateMachine:", &format!(":{kind}:"), 1);
            self.records.visit_executions(&format!("{prefix}:"), &mut |record| {
                if record.child.as_ref().is_some_and(|child| *child.map_run == *run) {
                    visit(record);
                }
            })?;
        }
        Ok(())
    }

    fn save_run(&self, record: &MapRunRecord) -> Ticket {
        self.records.committer.write(vec![write::map_run(record)])
    }

    /// A Map Run's record, as it stands.
    pub(crate) fn map_run(&self, arn: &str) -> Result<MapRunRecord, Error> {
        arn::resource(arn, "mapRun")?;
        if let Some(live) = self.map_runs.find(arn) {
            return Ok(live.record().clone());
        }
        let found = self.records.map_run(arn)?;
        found.ok_or_else(|| Error::ResourceNotFound(format!("Resource not found: '{arn}'")))
    }

    /// A Map Run by its ARN.
    pub(crate) fn describe_map_run(&self, arn: &str) -> Result<MapRunDescription, Error> {
        Ok(description(&self.map_run(arn)?))
    }

    /// The Map Runs of an execution, newest first.
    pub(crate) fn list_map_runs(&self, execution: &str) -> Result<Vec<MapRunDescription>, Error> {
        let record = self.record(execution)?;
        let prefix = record.machine_arn().replacen(":stateMachine:", ":mapRun:", 1);
        let mut runs = self.records.map_runs(&format!("{prefix}/"))?;
        runs.retain(|run| *run.execution == *execution);
        for run in &mut runs {
            if let Some(live) = self.map_runs.find(&run.arn) {
                *run = live.record().clone();
            }
        }
        runs.sort_by(|one, other| (other.start_date, &other.arn).cmp(&(one.start_date, &one.arn)));
        Ok(runs.iter().map(description).collect())
    }

    /// Changes the settings of a Map Run that goes on.
    pub(crate) async fn update_map_run(&self, arn: &str, change: MapRunChange) -> Result<(), Error> {
        let record = self.map_run(arn)?;
        let live = self.map_runs.find(arn).filter(|_| record.ended.is_none());
        let Some(live) = live else {
            let status = record.ended.map_or("RUNNING", |end| run_status_name(end.status));
            return Err(Error::Validation(format!("Map Run is {status} and cannot be updated: it must be RUNNING")));
        };
        let saved = {
            let mut record = live.record();
            record.max_concurrency = change.max_concurrency.unwrap_or(record.max_concurrency);
            record.tolerated_failure_count = change.tolerated_failure_count.or(record.tolerated_failure_count);
            record.tolerated_failure_percentage =
                change.tolerated_failure_percentage.or(record.tolerated_failure_percentage);
            self.save_run(&record)
        };
        live.changed.notify_one();
        saved.durable().await?;
        Ok(())
    }
}

/// The API's word for where a Map Run stands.
pub(crate) const fn run_status_name(status: MapRunStatus) -> &'static str {
    match status {
        MapRunStatus::Running => "RUNNING",
        MapRunStatus::Succeeded => "SUCCEEDED",
        MapRunStatus::Failed => "FAILED",
        MapRunStatus::Aborted => "ABORTED",
    }
}

fn description(record: &MapRunRecord) -> MapRunDescription {
    let progress = &record.progress;
    let running_items = progress.open.values().map(|span| span.count).sum();
    MapRunDescription {
        arn: Arc::clone(&record.arn),
        execution_arn: Arc::clone(&record.execution),
        state_machine_arn: Arc::clone(&record.state_machine),
        status: record.ended.as_ref().map_or(MapRunStatus::Running, |end| end.status),
        start_date: record.start_date,
        stop_date: record.ended.as_ref().map(|end| end.at),
        max_concurrency: record.max_concurrency,
        tolerated_failure_percentage: record.tolerated_failure_percentage.unwrap_or_default(),
        tolerated_failure_count: record.tolerated_failure_count.unwrap_or_default(),
        items: counts(&progress.items, running_items, progress.total_items),
        executions: counts(&progress.executions, progress.open.len() as u64, progress.total_executions),
        redrive_count: record.redrives,
        redrive_date: record.redriven_at,
    }
}

fn counts(ended: &Counts, running: u64, total: Option<u64>) -> MapRunCounts {
    let known = ended.succeeded + ended.bad() + ended.pending_redrive + running;
    let total = total.unwrap_or(known).max(known);
    MapRunCounts {
        pending: total - known,
        running,
        succeeded: ended.succeeded,
        failed: ended.failed,
        timed_out: ended.timed_out,
        aborted: ended.aborted,
        total,
        results_written: ended.written,
        failures_not_redrivable: ended.not_redrivable,
        pending_redrive: ended.pending_redrive,
    }
}
