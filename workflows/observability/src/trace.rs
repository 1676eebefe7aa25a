//! Traces: one span for each execution, state, task and Map Run, sent by OTLP over HTTP.
//!
//! Spans are made of events, with the times that those have. Their ids follow from the execution's ARN and the events, so
//! that whatever goes on after a crash goes on in the same trace.

mod otlp;
mod span;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use engine::{Committed, Observed};
use execution::Event;
use tokio::task::JoinHandle;

pub use otlp::{Collector, CollectorError};

use crate::queue::{Queue, Told};
use span::{Span, Tracing};

/// Bytes of events that wait to become spans.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// How long spans are gathered for one request.
const GATHER: Duration = Duration::from_millis(500);

/// The traces of what is open.
#[derive(Debug)]
pub(crate) struct Traces {
    pub(crate) queue: Queue<Tracing>,
}

/// What is open, by execution.
type Opened = HashMap<Arc<str>, Tracing>;

impl Traces {
    /// Begins to send traces to `collector`.
    pub(crate) fn start(collector: Collector) -> (Arc<Self>, JoinHandle<()>) {
        let traces = Arc::new(Self { queue: Queue::new(QUEUE_BYTES, GATHER) });
        (Arc::clone(&traces), tokio::spawn(traces.run(collector)))
    }

    /// Takes note of events of an execution that is traced.
    pub(crate) fn push(&self, committed: &Committed) {
        if is_sampled(&committed.execution) {
            self.queue.push(committed);
        }
    }

    /// Learns of an execution that goes on.
    pub(crate) fn resumed(&self, execution: &Arc<Observed>, journal: &[Event]) {
        if !is_sampled(execution) {
            return;
        }
        let mut tracing = Tracing::new(Arc::clone(execution));
        for event in journal {
            tracing.apply(event, &mut Vec::new());
        }
        self.queue.resume(&execution.arn, tracing);
    }

    async fn run(self: Arc<Self>, mut collector: Collector) {
        let mut open = Opened::new();
        while let Some(told) = self.queue.take().await {
            let events: usize = told.iter().map(count).sum();
            let spans = spans(told, &mut open);
            let lost = collector.send(&spans).await;
            // A span is made of a few events: those of a lost one count as its share.
            let lost_events = (events * lost).checked_div(spans.len()).unwrap_or(0);
            self.queue.lose(lost_events);
            self.queue.deliver(events - lost_events);
        }
    }
}

/// The spans that end with what is told.
fn spans(told: VecDeque<Told<Tracing>>, open: &mut Opened) -> Vec<Span> {
    let mut spans = Vec::new();
    for told in told {
        let committed = match told {
            Told::Events(committed) => committed,
            Told::Resumed(arn, tracing) => {
                open.insert(arn, *tracing);
                continue;
            }
            Told::Gone(arn) => {
                open.remove(&arn);
                continue;
            }
        };
        let execution = &committed.execution;
        let tracing = open.entry(Arc::clone(&execution.arn)).or_insert_with(|| Tracing::new(Arc::clone(execution)));
        for event in &*committed.events {
            tracing.apply(event, &mut spans);
        }
        if tracing.has_ended() {
            open.remove(&execution.arn);
        }
    }
    spans
}

fn is_sampled(execution: &Observed) -> bool {
    execution.trace.is_some_and(|trace| trace.sampled)
}

fn count(told: &Told<Tracing>) -> usize {
    match told {
        Told::Events(committed) => committed.events.len(),
        Told::Resumed(..) | Told::Gone(_) => 0,
    }
}
