//! Executions that have ended lately, as they are described: who waits for an end by asking again and again finds it
//! here, and no journal is read for it.

use std::sync::Arc;

use execution::{Event, Failure};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::core::{Core, Live};
use crate::description::ExecutionDescription;
use crate::lifecycle::{end_of, summary};
use crate::store::ExecutionRecord;

/// Bytes of executions that are kept.
const KEPT_BYTES: u64 = 16 << 20;
/// Executions that there is room for at first.
const USUAL: usize = 1024;
/// About as many bytes does an execution take besides its data.
const BARE_BYTES: usize = 1024;

/// How an execution has ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) description: ExecutionDescription,
    record: ExecutionRecord,
    /// Number of its last event.
    last: u64,
    bytes: u64,
}

impl End {
    /// The end of `live`, whose last event is `last`.
    pub(crate) fn of(live: &Live, last: Option<&Event>) -> Self {
        let mut description = summary(&live.record);
        description.input = Some(live.execution.input().clone());
        description.input_text = live.execution.input_text().cloned();
        description.output_text = last.and_then(|last| last.written.clone());
        (description.output, description.failure) = last.map(|last| end_of(&last.kind)).unwrap_or_default();
        let data = [description.written_input(), description.written_output()];
        let failure = description.failure.as_ref().map_or(0, failure_bytes);
        let bytes = BARE_BYTES + failure + data.iter().flatten().map(String::len).sum::<usize>();
        let (record, last) = (live.record.clone(), live.execution.last_event_id());
        Self { description, record, last, bytes: bytes as u64 }
    }
}

fn failure_bytes(failure: &Failure) -> usize {
    [&failure.error, &failure.cause].into_iter().flatten().map(|text| text.len()).sum()
}

/// The executions that are kept.
pub(crate) struct Closed(Cache<Arc<str>, Arc<End>, Bytes>);

/// Weighs an execution by its bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<Arc<str>, Arc<End>> for Bytes {
    fn weight(&self, _: &Arc<str>, end: &Arc<End>) -> u64 {
        end.bytes
    }
}

impl Default for Closed {
    fn default() -> Self {
        Self(Cache::with_weighter(USUAL, KEPT_BYTES, Bytes))
    }
}

impl Closed {
    /// Keeps an end that is durable.
    pub(crate) fn keep(&self, end: End) {
        self.0.insert(Arc::clone(&end.record.identity.arn), Arc::new(end));
    }

    /// The end of an execution, where it is kept. It may have been redriven since.
    pub(crate) fn find(&self, arn: &str) -> Option<Arc<End>> {
        self.0.get(arn)
    }
}

impl Core {
    /// The description of an execution that is closed, where its end is kept.
    pub(crate) fn describe_closed(&self, arn: &str) -> Option<ExecutionDescription> {
        let end = self.closed.find(arn)?;
        // One that is open again is another than it was.
        if self.slot(arn).is_some() {
            return None;
        }
        let mut description = end.description.clone();
        description.redrive_obstacle = self.obstacle(&end.record, end.last);
        Some(description)
    }
}

#[cfg(test)]
mod tests {
    use execution::Identity;

    use super::*;
    use crate::store::digest;

    fn end(name: &str, bytes: u64) -> End {
        let identity = Identity {
            arn: name.into(),
            name: name.into(),
            role_arn: "r".into(),
            state_machine_arn: "m".into(),
            state_machine_name: "m".into(),
        };
        let record = ExecutionRecord {
            number: 0,
            identity,
            definition: digest("{}"),
            input: digest("1"),
            start_date: 0,
            ended: None,
            origin: None,
            version_arn: None,
            alias_arn: None,
            revision: None,
            redrives: None,
            child: None,
            trace_header: None,
        };
        End { description: summary(&record), record, last: 1, bytes }
    }

    #[test]
    fn the_latest_end_is_the_one_that_is_found() {
        let closed = Closed::default();
        closed.keep(end("e", 1));
        closed.keep(End { last: 7, ..end("e", 1) });
        assert_eq!(closed.find("e").unwrap().last, 7);
        assert!(closed.find("f").is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let closed = Closed::default();
        for number in 0..100 {
            closed.keep(end(&number.to_string(), KEPT_BYTES / 10));
        }
        closed.keep(end("large", KEPT_BYTES + 1));
        assert!(closed.0.weight() <= KEPT_BYTES && closed.0.len() <= 10, "{}", closed.0.len());
        assert!(closed.find("large").is_none(), "one that is too large alone is not kept");
    }
}
