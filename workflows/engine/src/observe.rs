//! Observers: whoever wants to hear of executions, once what happened is durable.
//!
//! The engine knows nothing of what they do with it. It tells them on the committer's thread, in the order of commits,
//! so they may count and queue, and nothing else.

use std::fmt;
use std::sync::Arc;

use asl::Value;
use execution::{Event, Millis};

use crate::core::Live;
use crate::express;
use crate::store::{ExecutionRecord, Write};
use crate::trace::Trace;

/// About as many bytes has an event at least.
const EVENT_BYTES: usize = 256;

/// What does not change about an execution between its start, or a redrive, and its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The execution's ARN.
    pub arn: Arc<str>,
    /// The execution's name.
    pub name: Arc<str>,
    /// The state machine's ARN; for the child of a Map Run, with the Map state's label.
    pub state_machine_arn: Arc<str>,
    /// The state machine's name, likewise.
    pub state_machine_name: Arc<str>,
    /// ARN of the version that was started, by its own ARN or an alias's.
    pub version_arn: Option<Arc<str>>,
    /// ARN of the alias that was started.
    pub alias_arn: Option<Arc<str>>,
    /// The role that it runs as.
    pub role_arn: Arc<str>,
    /// Whether it is an EXPRESS execution.
    pub express: bool,
    /// When it was started.
    pub start_date: Millis,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// The Map Run that started it.
    pub map_run_arn: Option<Arc<str>>,
    /// `loggingConfiguration` of its state machine when it was started.
    pub logging: Option<Value>,
    /// Its trace, where it has one.
    pub trace: Option<Trace>,
}

impl From<&ExecutionRecord> for Observed {
    fn from(record: &ExecutionRecord) -> Self {
        let identity = &record.identity;
        Self {
            arn: Arc::clone(&identity.arn),
            name: Arc::clone(&identity.name),
            state_machine_arn: Arc::clone(&identity.state_machine_arn),
            state_machine_name: Arc::clone(&identity.state_machine_name),
            version_arn: record.version_arn.clone(),
            alias_arn: record.alias_arn.clone(),
            role_arn: Arc::clone(&identity.role_arn),
            express: express::is_express(&identity.arn),
            start_date: record.start_date,
            redrive_count: record.redrives.as_ref().map_or(0, |redrives| redrives.count),
            map_run_arn: record.child.as_ref().map(|child| Arc::clone(&child.map_run)),
            logging: record.revision.as_ref().and_then(|revision| revision.logging.clone()),
            trace: record.trace(),
        }
    }
}

/// Events of one execution that have become durable.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The execution.
    pub execution: Arc<Observed>,
    /// The events, in order, with the journal's decisions.
    pub events: Arc<Vec<Event>>,
    /// Bytes that they take, about.
    pub bytes: usize,
}

/// Hears of executions.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Events have become durable. Runs on the committer's thread, or, for what is in memory, on the execution's: it must not
    /// block, and should take microseconds.
    fn committed(&self, committed: &Committed);

    /// An execution that the engine found open, or that is redriven, is about to go on: its journal so far.
    fn resumed(&self, _execution: &Arc<Observed>, _journal: &[Event]) {}
}

/// Everybody who watches.
#[derive(Default)]
pub(crate) struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    pub(crate) const fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self(observers)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What there will be to tell of a step; nothing where nobody watches.
    pub(crate) fn note(&self, live: &mut Live, events: Vec<Event>, writes: &[Write]) -> Option<Committed> {
        if self.is_empty() || events.is_empty() {
            return None;
        }
        let record = &live.record;
        let execution = live.observed.get_or_insert_with(|| Arc::new(Observed::from(record)));
        // Of an execution that is in memory alone nothing is written.
        let written: usize = writes.iter().filter_map(|write| write.value.as_ref()).map(Vec::len).sum();
        let bytes = written.max(EVENT_BYTES * events.len());
        Some(Committed { execution: Arc::clone(execution), events: Arc::new(events), bytes })
    }

    pub(crate) fn committed(&self, committed: &Committed) {
        for observer in &self.0 {
            observer.committed(committed);
        }
    }

    pub(crate) fn resumed(&self, record: &ExecutionRecord, journal: &[Event]) {
        if self.is_empty() {
            return;
        }
        let execution = Arc::new(Observed::from(record));
        for observer in &self.0 {
            observer.resumed(&execution, journal);
        }
    }
}
