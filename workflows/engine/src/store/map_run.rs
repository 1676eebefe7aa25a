//! What the store keeps of a Map Run: where it stands, not what its items are.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::Value;
use execution::{Failure, Millis, Status};
use serde::{Deserialize, Serialize};

use crate::description::MapRunStatus;

/// What an execution is of the Map Run that started it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChildRecord {
    /// ARN of the run.
    pub(crate) map_run: Arc<str>,
    /// Its index among the run's children, from 0.
    pub(crate) index: u64,
    /// Items that it has.
    pub(crate) items: u64,
    /// Name of the Map state, whose processor it runs.
    pub(crate) state: Arc<str>,
    /// It is an EXPRESS execution.
    pub(crate) express: bool,
    /// The redrive of the run in which it was last begun or redriven; 0 before the first.
    pub(crate) redrive: u32,
    /// It had ended badly before that.
    pub(crate) again: bool,
    /// Its `$$.Map.Item`; without the value where that is its input, and absent for a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<Value>,
}

impl ChildRecord {
    /// `$$.Map.Item` of a child with this input.
    pub(crate) fn map_item(&self, input: &Value) -> Option<Value> {
        let item = self.item.as_ref()?;
        let value = item.get("Value").unwrap_or(input);
        let members = [("Index", item.get("Index")), ("Key", item.get("Key")), ("Value", Some(value))];
        let members = members.into_iter().chain([("Source", item.get("Source"))]);
        Some(Value::object(members.filter_map(|(name, value)| Some((name, value?.clone())))))
    }
}

/// A Map Run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapRunRecord {
    pub(crate) arn: Arc<str>,
    /// ARN of the execution of its Map state.
    pub(crate) execution: Arc<str>,
    /// ARN of what its children are executions of: the machine's, with the label.
    pub(crate) state_machine: Arc<str>,
    pub(crate) start_date: Millis,
    pub(crate) ended: Option<RunEnd>,
    pub(crate) max_concurrency: u64,
    pub(crate) tolerated_failure_count: Option<u64>,
    pub(crate) tolerated_failure_percentage: Option<f64>,
    pub(crate) redrives: u32,
    pub(crate) redriven_at: Option<Millis>,
    pub(crate) progress: Progress,
    /// The entity tag of the object that its items are read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// What a `ResultWriter` has written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<ResultFile>,
}

/// How and when a Map Run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunEnd {
    pub(crate) status: MapRunStatus,
    pub(crate) at: Millis,
    pub(crate) failure: Option<Failure>,
}

/// How far a Map Run has come. On disk it may lag behind: what a child is, its own record says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Children begun: those below this index.
    pub(crate) next: u64,
    /// Items that they have.
    pub(crate) next_item: u64,
    /// Those of them that have not ended.
    pub(crate) open: BTreeMap<u64, Span>,
    /// Those that have, and their items.
    pub(crate) executions: Counts,
    pub(crate) items: Counts,
    /// All items, once they are known.
    pub(crate) total_items: Option<u64>,
    /// All children, once they are known.
    pub(crate) total_executions: Option<u64>,
}

impl Progress {
    /// The child `index` has been begun.
    pub(crate) fn begun(&mut self, index: u64, span: Span) -> &mut Self {
        self.next = self.next.max(index + 1);
        self.next_item = self.next_item.max(span.first + span.count);
        self
    }

    /// Counts a child that has ended.
    pub(crate) fn count(&mut self, status: Status, span: Span) {
        for (counts, by) in self.counted(span) {
            let counter = match status {
                Status::Succeeded => &mut counts.succeeded,
                Status::TimedOut => &mut counts.timed_out,
                Status::Aborted => &mut counts.aborted,
                Status::Failed | Status::Running => &mut counts.failed,
            };
            *counter += by;
        }
    }

    /// What counts a child, and by how much.
    pub(crate) fn counted(&mut self, span: Span) -> [(&mut Counts, u64); 2] {
        [(&mut self.executions, 1), (&mut self.items, span.count)]
    }
}

/// Items of one child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// Index of the first.
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// Children or items by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) aborted: u64,
    /// Those that failed before the last redrive, and wait for their turn.
    pub(crate) pending_redrive: u64,
    /// Those that cannot be redriven.
    pub(crate) not_redrivable: u64,
    /// Those whose results a `ResultWriter` has written.
    pub(crate) written: u64,
}

impl Counts {
    /// Those that ended otherwise than well.
    pub(crate) const fn bad(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }
}

/// A file of results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResultFile {
    /// `SUCCEEDED`, `FAILED` or `PENDING`.
    pub(crate) status: Arc<str>,
    pub(crate) key: Arc<str>,
    pub(crate) bytes: u64,
}
