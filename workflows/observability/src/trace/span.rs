//! Spans, made of the events of an execution.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use engine::{Observed, Trace};
use execution::{Event, EventKind, Failure, FrameId, Millis, TaskId};

/// Bytes of a cause that a span tells.
const CAUSE_BYTES: usize = 1024;

/// Who does the work of a span, as OpenTelemetry numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A state: inside.
    Internal = 1,
    /// An execution: somebody asked for it.
    Server = 2,
    /// A task: somebody else is asked.
    Client = 3,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) trace: u128,
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) begin: Millis,
    pub(crate) end: Millis,
    pub(crate) attributes: Vec<(&'static str, String)>,
    /// Why it ended badly, where it did.
    pub(crate) error: Option<String>,
}

/// A span that has not ended.
#[derive(Clone, Debug)]
struct Open {
    id: u64,
    parent: Option<u64>,
    name: String,
    kind: Kind,
    begin: Millis,
    attributes: Vec<(&'static str, String)>,
}

/// One line of control.
#[derive(Debug, Default)]
struct Frame {
    parent: Option<FrameId>,
    children: BTreeSet<FrameId>,
    state: Option<Open>,
    /// A task or a Map Run.
    task: Option<Open>,
}

/// The spans of one execution.
#[derive(Debug)]
pub(crate) struct Tracing {
    execution: Arc<Observed>,
    root: Option<Open>,
    frames: HashMap<FrameId, Frame>,
    /// Which frame's Parallel state began its branches, by the event of the beginning.
    groups: HashMap<u64, FrameId>,
    /// States that were open when the execution ended: a redrive opens them again.
    unfinished: Vec<(FrameId, Open)>,
}

impl Tracing {
    pub(crate) fn new(execution: Arc<Observed>) -> Self {
        let (frames, groups) = (HashMap::new(), HashMap::new());
        Self { execution, root: None, frames, groups, unfinished: Vec::new() }
    }

    /// Whether the execution's own span has ended, or never began.
    pub(crate) const fn has_ended(&self) -> bool {
        self.root.is_none()
    }

    /// Takes note of an event; what ends with it goes to `spans`.
    pub(crate) fn apply(&mut self, event: &Event, spans: &mut Vec<Span>) {
        match &event.kind {
            EventKind::ExecutionStarted { .. } => self.root = Some(self.root(event)),
            EventKind::ExecutionRedriven { .. } => self.redriven(event),
            EventKind::ExecutionSucceeded { .. } => self.ended(event.at, None, spans),
            EventKind::ExecutionFailed(failure)
            | EventKind::ExecutionTimedOut(failure)
            | EventKind::ExecutionAborted(failure) => {
                self.ended(event.at, Some(reason(failure, &event.kind)), spans);
            }
            EventKind::StateEntered { state_type, name, .. } => self.entered(event, name, state_type.name(), spans),
            EventKind::StateExited { .. } => self.close_state(event.frame, event.at, None, spans),
            EventKind::StateAborted { .. } => self.close_state(event.frame, event.at, Some("aborted"), spans),
            EventKind::ParallelStateStarted { .. } => drop(self.groups.insert(event.id, event.frame)),
            EventKind::MapIterationStarted { parent, .. } => self.adopt(event.frame, *parent),
            EventKind::MapIterationSucceeded { .. } => self.close_frame(event.frame, event.at, None, spans),
            EventKind::MapIterationFailed { .. } => self.close_frame(event.frame, event.at, Some("failed"), spans),
            EventKind::MapIterationAborted { .. } => self.close_frame(event.frame, event.at, Some("aborted"), spans),
            EventKind::ParallelStateFailed | EventKind::MapStateFailed => {
                self.close_children(event.frame, event.at, Some("aborted"), spans);
            }
            _ => self.task(event, spans),
        }
    }

    /// Events of tasks and of Map Runs.
    fn task(&mut self, event: &Event, spans: &mut Vec<Span>) {
        match &event.kind {
            EventKind::TaskScheduled { resource, attempt, .. } => {
                let attributes = vec![("stepwright.resource", resource.to_string())];
                self.scheduled(event, *attempt, short(resource), attributes, spans);
            }
            EventKind::MapRunStarted { run, attempt } => {
                let attributes = vec![("stepwright.map_run.arn", run.arn.to_string())];
                self.scheduled(event, *attempt, "map run".to_owned(), attributes, spans);
            }
            EventKind::MapRunRedriven { map_run_arn, attempt, .. } => {
                let attributes = vec![("stepwright.map_run.arn", map_run_arn.to_string())];
                self.scheduled(event, *attempt, "map run".to_owned(), attributes, spans);
            }
            EventKind::TaskSucceeded { .. } | EventKind::MapRunSucceeded { .. } => {
                self.close_task(event.frame, event.at, None, spans);
            }
            EventKind::TaskFailed { failure, .. }
            | EventKind::TaskTimedOut { failure, .. }
            | EventKind::MapRunFailed(failure) => {
                self.close_task(event.frame, event.at, Some(&reason(failure, &event.kind)), spans);
            }
            EventKind::MapRunAborted => self.close_task(event.frame, event.at, Some("aborted"), spans),
            _ => {}
        }
    }

    fn root(&self, event: &Event) -> Open {
        let execution = &self.execution;
        let mut attributes = vec![
            ("aws.step_functions.state_machine.arn", execution.state_machine_arn.to_string()),
            ("stepwright.execution.arn", execution.arn.to_string()),
            ("stepwright.redrive_count", execution.redrive_count.to_string()),
        ];
        attributes.extend(execution.map_run_arn.as_ref().map(|run| ("stepwright.map_run.arn", run.to_string())));
        Open {
            id: Trace::span_of_event(&execution.arn, event.id),
            parent: execution.trace.and_then(|trace| trace.parent),
            name: execution.state_machine_name.to_string(),
            kind: Kind::Server,
            begin: event.at,
            attributes,
        }
    }

    /// The execution goes on: a span of its own, and one for each state that goes on.
    fn redriven(&mut self, event: &Event) {
        let root = self.root(event);
        let parent = root.id;
        self.root = Some(root);
        for (frame, state) in std::mem::take(&mut self.unfinished) {
            let id = Trace::span_of_event(&format!("{}|{}", self.execution.arn, frame.0), event.id);
            let again = Open { id, parent: Some(parent), begin: event.at, ..state };
            self.frames.entry(frame).or_default().state = Some(again);
        }
    }

    fn adopt(&mut self, frame: FrameId, parent: FrameId) {
        self.frames.entry(frame).or_default().parent = Some(parent);
        self.frames.entry(parent).or_default().children.insert(frame);
    }

    fn entered(&mut self, event: &Event, name: &str, kind: &'static str, spans: &mut Vec<Span>) {
        self.close_state(event.frame, event.at, None, spans);
        if !self.frames.contains_key(&event.frame)
            && let Some(parent) = self.groups.get(&event.previous).copied().filter(|group| *group != event.frame)
        {
            self.adopt(event.frame, parent);
        }
        let parent = self.frames.get(&event.frame).and_then(|frame| frame.parent);
        let around = parent.and_then(|parent| self.frames.get(&parent)?.state.as_ref()).or(self.root.as_ref());
        let state = Open {
            id: Trace::span_of_event(&self.execution.arn, event.id),
            parent: around.map(|around| around.id),
            name: name.to_owned(),
            kind: Kind::Internal,
            begin: event.at,
            attributes: vec![("stepwright.state.type", kind.to_owned())],
        };
        self.frames.entry(event.frame).or_default().state = Some(state);
    }

    fn scheduled(
        &mut self,
        event: &Event,
        attempt: u32,
        name: String,
        attributes: Vec<(&'static str, String)>,
        spans: &mut Vec<Span>,
    ) {
        self.close_task(event.frame, event.at, Some("abandoned"), spans);
        let task = TaskId { frame: event.frame, attempt };
        let id = Trace::span_of_task(&self.execution.arn, task);
        let frame = self.frames.entry(event.frame).or_default();
        let parent = frame.state.as_ref().or(self.root.as_ref()).map(|around| around.id);
        frame.task = Some(Open { id, parent, name, kind: Kind::Client, begin: event.at, attributes });
    }

    fn close_task(&mut self, frame: FrameId, at: Millis, error: Option<&str>, spans: &mut Vec<Span>) {
        let task = self.frames.get_mut(&frame).and_then(|frame| frame.task.take());
        spans.extend(task.map(|task| self.close(task, at, error)));
    }

    fn close_state(&mut self, frame: FrameId, at: Millis, error: Option<&str>, spans: &mut Vec<Span>) {
        self.close_children(frame, at, error.or(Some("aborted")), spans);
        self.close_task(frame, at, error.or(Some("abandoned")), spans);
        self.groups.retain(|_, group| *group != frame);
        let state = self.frames.get_mut(&frame).and_then(|frame| frame.state.take());
        spans.extend(state.map(|state| self.close(state, at, error)));
    }

    fn close_children(&mut self, frame: FrameId, at: Millis, error: Option<&str>, spans: &mut Vec<Span>) {
        let children = self.frames.get_mut(&frame).map(|frame| std::mem::take(&mut frame.children));
        for child in children.into_iter().flatten() {
            self.close_frame(child, at, error, spans);
        }
    }

    fn close_frame(&mut self, frame: FrameId, at: Millis, error: Option<&str>, spans: &mut Vec<Span>) {
        self.close_state(frame, at, error, spans);
        let parent = self.frames.remove(&frame).and_then(|frame| frame.parent);
        if let Some(parent) = parent.and_then(|parent| self.frames.get_mut(&parent)) {
            parent.children.remove(&frame);
        }
    }

    fn ended(&mut self, at: Millis, error: Option<String>, spans: &mut Vec<Span>) {
        let open = self.frames.iter().filter_map(|(id, frame)| Some((*id, frame.state.clone()?)));
        self.unfinished = open.collect();
        self.unfinished.sort_by_key(|(frame, _)| *frame);
        let mut frames: Vec<FrameId> = self.frames.keys().copied().collect();
        frames.sort_unstable();
        for frame in frames {
            self.close_frame(frame, at, error.as_deref(), spans);
        }
        let root = self.root.take();
        spans.extend(root.map(|root| self.close(root, at, error.as_deref())));
    }

    fn close(&self, open: Open, at: Millis, error: Option<&str>) -> Span {
        let Open { id, parent, name, kind, begin, attributes } = open;
        let trace = self.execution.trace.map_or(0, |trace| trace.id);
        Span { trace, id, parent, name, kind, begin, end: at.max(begin), attributes, error: error.map(str::to_owned) }
    }
}

/// `arn:aws:states:::lambda:invoke` → `lambda:invoke`; of a function or an activity, its name.
fn short(resource: &str) -> String {
    resource.splitn(6, ':').nth(5).unwrap_or(resource).to_owned()
}

fn reason(failure: &Failure, kind: &EventKind) -> String {
    let unnamed = match kind {
        EventKind::ExecutionTimedOut(_) | EventKind::TaskTimedOut { .. } => "timed out",
        EventKind::ExecutionAborted(_) => "aborted",
        _ => "failed",
    };
    let error = failure.error.as_deref().filter(|error| !error.is_empty()).unwrap_or(unnamed);
    match failure.cause.as_deref().filter(|cause| !cause.is_empty()) {
        Some(cause) => format!("{error}: {}", &cause[..cause.floor_char_boundary(CAUSE_BYTES)]),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests;
