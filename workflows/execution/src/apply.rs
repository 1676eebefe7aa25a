//! `apply`: the only mutation. Live running and replay share it; it never evaluates an expression.

use std::sync::Arc;

use asl::{Object, StateType, Value};

use crate::command::{Stage, Status};
use crate::event::{Event, EventKind, Failure, Flavor, FrameId, Millis};
use crate::execution::Execution;
use crate::map_run::MapRun;
use crate::size::too_large;
use crate::state::{Failed, Fork, Frame, Mapping, Parent, Phase, Queue, Run, Task, Visit};

impl Execution {
    /// Applies one event: the only mutation, shared by live running and replay. Never evaluates an expression.
    pub fn apply(&mut self, event: &Event) {
        if event.is_visible() {
            self.last_id = event.id;
        }
        if let Some(text) = &event.written
            && let Some(data) = event.kind.data()
        {
            self.spelling.learn(text, &data);
        }
        match &event.kind {
            EventKind::ExecutionStarted { input, start, deadline } => {
                self.begin(event.at, input.clone(), start, *deadline);
            }
            EventKind::ExecutionSucceeded { output } => {
                self.output = Some(output.clone());
                self.end(event.at, Status::Succeeded, &Failure::default());
            }
            EventKind::ExecutionFailed(failure) => self.end(event.at, Status::Failed, failure),
            EventKind::ExecutionTimedOut(failure) => self.end(event.at, Status::TimedOut, failure),
            EventKind::ExecutionAborted(failure) => self.end(event.at, Status::Aborted, failure),
            EventKind::ExecutionRedriven { count, deadline } => self.reopen(event, *count, *deadline),
            EventKind::Stopping(failure) => self.stopping = Some(failure.clone()),
            _ => self.apply_to_frame(event),
        }
    }

    fn begin(&mut self, at: Millis, input: Value, start: &Arc<str>, deadline: Option<Millis>) {
        self.started_at = Some(at);
        self.deadline = deadline;
        self.input = input.clone();
        let first = Phase::Next { name: Arc::clone(start), input };
        self.frames.insert(FrameId(0), Frame::new(None, Arc::default(), first, 0));
        self.reschedule(FrameId(0));
    }

    fn end(&mut self, at: Millis, status: Status, failure: &Failure) {
        self.status = status;
        self.failure = failure.clone();
        self.ended_at = Some(at);
        self.stopping = None;
        self.remains = std::mem::take(&mut self.frames);
        if status == Status::Succeeded {
            self.remains.clear();
        }
        self.ready.clear();
        self.timers.clear();
    }

    fn apply_to_frame(&mut self, event: &Event) {
        let id = event.frame;
        match &event.kind {
            EventKind::StateEntered { state_type, name, input } => self.state_entered(event, *state_type, name, input),
            EventKind::StateExited { output, assigned, next, .. } => self.state_exited(event, output, assigned, next),
            EventKind::StateAborted { gave_up: true, .. } => self.gave_up(id),
            EventKind::StateAborted { gave_up: false, .. } => {
                self.break_fork(id);
                self.set_phase(id, Phase::Aborted);
            }
            EventKind::WaitArmed { until } => self.set_phase(id, Phase::Sleeping { until: *until, retry: false }),
            EventKind::RetryArmed { retrier, until } => self.retry_armed(id, *retrier, *until),
            EventKind::StateFailed { failure, terminal } => {
                self.state_failed(event, &Failed::by_state(failure, *terminal));
            }
            EventKind::EvaluationFailed { failure, terminal, .. } => {
                self.break_fork(id);
                self.advance_to(event, Phase::Failed(Failed::by_state(failure, *terminal)));
            }
            EventKind::ParallelStateStarted { .. }
            | EventKind::ParallelStateSucceeded
            | EventKind::ParallelStateFailed
            | EventKind::MapStateStarted { .. }
            | EventKind::MapIterationStarted { .. }
            | EventKind::MapIterationSucceeded { .. }
            | EventKind::MapIterationFailed { .. }
            | EventKind::MapIterationAborted { .. }
            | EventKind::MapStateSucceeded
            | EventKind::MapStateFailed => self.apply_to_fork(event),
            EventKind::DistributedMapStarted { .. }
            | EventKind::MapRunStarted { .. }
            | EventKind::MapRunSucceeded { .. }
            | EventKind::MapRunFailed(_)
            | EventKind::MapRunAborted
            | EventKind::MapRunRedriven { .. } => self.apply_to_run(event),
            _ => self.apply_to_task(event),
        }
    }

    /// The frame goes on from this event.
    fn advance_to(&mut self, event: &Event, phase: Phase) {
        if let Some(frame) = self.frames.get_mut(&event.frame)
            && event.is_visible()
        {
            frame.last_event = event.id;
        }
        self.set_phase(event.frame, phase);
    }

    fn state_entered(&mut self, event: &Event, state_type: StateType, name: &Arc<str>, input: &Value) {
        let Some(frame) = self.frames.get_mut(&event.frame) else { return };
        frame.visit = Some(Visit {
            name: Arc::clone(name),
            state_type,
            input: input.clone(),
            entered_at: event.at,
            entered: event.id,
            before: event.previous,
            retries: Vec::new(),
        });
        frame.broken = None;
        frame.run = None;
        self.advance_to(event, Phase::Entered);
    }

    fn state_exited(&mut self, event: &Event, output: &Value, assigned: &[(Arc<str>, Value)], next: &Option<Arc<str>>) {
        let Some(frame) = self.frames.get_mut(&event.frame) else { return };
        if !assigned.is_empty() {
            let variables: &mut Object = Arc::make_mut(&mut frame.variables);
            variables.extend(assigned.iter().cloned());
        }
        frame.last_event = event.id;
        frame.broken = None;
        frame.run = None;
        let parallel = frame.parent.as_ref().filter(|parent| parent.item.is_none()).cloned();
        match (next, parallel) {
            (Some(next), _) => {
                self.set_phase(event.frame, Phase::Next { name: Arc::clone(next), input: output.clone() });
            }
            (None, Some(parent)) => self.join(event.frame, &parent, output.clone(), event.id, event.id),
            (None, None) => self.set_phase(event.frame, Phase::Ended(output.clone())),
        }
    }

    /// A branch or iteration is done: its output goes to the parent, and its frame goes. The parent continues from
    /// `last`; an iteration that was queued starts because of `slot`.
    fn join(&mut self, child: FrameId, parent: &Parent, output: Value, last: u64, slot: u64) {
        self.remove(child);
        let Some(frame) = self.frames.get_mut(&parent.frame) else { return };
        frame.last_event = last;
        if let Phase::Forked(fork) = &mut frame.phase {
            if let Some(result) = fork.results.get_mut(parent.index) {
                *result = Some(output);
            }
            fork.pending = fork.pending.saturating_sub(1);
            fork.running = fork.running.saturating_sub(1);
            if let Some(queue) = &mut fork.queue {
                queue.slot = slot;
            }
        }
        self.reschedule(parent.frame);
    }

    fn retry_armed(&mut self, id: FrameId, retrier: u32, until: Millis) {
        let Some(frame) = self.frames.get_mut(&id) else { return };
        // A retry begins all branches and iterations anew, and takes another Map Run.
        frame.broken = None;
        frame.run = None;
        if let Some(visit) = frame.visit.as_mut() {
            let index = retrier as usize;
            if visit.retries.len() <= index {
                visit.retries.resize(index + 1, 0);
            }
            visit.retries[index] += 1;
        }
        self.set_phase(id, Phase::Sleeping { until, retry: true });
    }

    fn state_failed(&mut self, event: &Event, failed: &Failed) {
        self.break_fork(event.frame);
        if let Some(frame) = self.frames.get_mut(&event.frame) {
            frame.last_event = event.previous;
        }
        self.set_phase(event.frame, Phase::Failed(failed.clone()));
    }

    fn apply_to_fork(&mut self, event: &Event) {
        match &event.kind {
            EventKind::ParallelStateStarted { input, starts } => self.parallel_started(event, input, starts),
            EventKind::MapStateStarted { items, max_concurrency, start } => {
                self.map_started(event, items, *max_concurrency, start);
            }
            EventKind::MapIterationStarted { index, parent, input, .. } => {
                self.iteration_started(event, *index, *parent, input);
            }
            EventKind::MapIterationSucceeded { .. } => self.iteration_succeeded(event),
            EventKind::MapIterationFailed { .. } => self.gave_up(event.frame),
            EventKind::MapIterationAborted { .. } => self.set_aside(event.frame),
            EventKind::ParallelStateSucceeded | EventKind::MapStateSucceeded => self.fork_succeeded(event.frame),
            EventKind::ParallelStateFailed | EventKind::MapStateFailed => self.fork_failed(event),
            _ => {}
        }
    }

    /// Nothing took the failure of the frame's state: it is its parent's.
    fn gave_up(&mut self, id: FrameId) {
        if let Some(Phase::Failed(failed)) = self.frames.get(&id).map(|frame| &frame.phase) {
            let gave_up = Phase::GaveUp(failed.clone());
            self.set_phase(id, gave_up);
        }
    }

    fn parallel_started(&mut self, event: &Event, input: &Value, starts: &[Arc<str>]) {
        let variables = self.frame_variables(event.frame);
        let fork = Fork::of(starts.len(), starts.len(), None);
        self.advance_to(event, Phase::Forked(Box::new(fork)));
        for (index, start) in starts.iter().enumerate() {
            let parent = Parent { frame: event.frame, index, item: None };
            let first = Phase::Next { name: Arc::clone(start), input: input.clone() };
            let id = FrameId(self.next_frame);
            self.next_frame += 1;
            self.frames.insert(id, Frame::new(Some(parent), Arc::clone(&variables), first, event.id));
            self.reschedule(id);
        }
    }

    fn map_started(&mut self, event: &Event, items: &Arc<Vec<Value>>, max_concurrency: u64, start: &Arc<str>) {
        let max_concurrency = usize::try_from(max_concurrency).unwrap_or(usize::MAX);
        let queue = Queue {
            items: Arc::clone(items),
            next: 0,
            max_concurrency: if max_concurrency == 0 { usize::MAX } else { max_concurrency },
            start: Arc::clone(start),
            slot: event.id,
        };
        let fork = Fork::of(items.len(), 0, Some(queue));
        self.advance_to(event, Phase::Forked(Box::new(fork)));
    }

    /// The event's frame is the iteration's own, made here.
    fn iteration_started(&mut self, event: &Event, index: u64, parent: FrameId, input: &Value) {
        let variables = self.frame_variables(parent);
        let Some(frame) = self.frames.get_mut(&parent) else { return };
        let Phase::Forked(fork) = &mut frame.phase else { return };
        let Some(queue) = &mut fork.queue else { return };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let item = queue.items.get(index).cloned().unwrap_or_default();
        let first = Phase::Next { name: Arc::clone(&queue.start), input: input.clone() };
        queue.next = index.saturating_add(1);
        fork.running += 1;
        self.next_frame = self.next_frame.max(event.frame.0 + 1);
        let origin = Parent { frame: parent, index, item: Some(item) };
        self.frames.insert(event.frame, Frame::new(Some(origin), variables, first, event.id));
        self.reschedule(event.frame);
        self.reschedule(parent);
    }

    fn iteration_succeeded(&mut self, event: &Event) {
        let Some(frame) = self.frames.get(&event.frame) else { return };
        let (Some(parent), Phase::Ended(output)) = (frame.parent.clone(), frame.phase.clone()) else { return };
        let inside = frame.last_event;
        self.join(event.frame, &parent, output, event.id, inside);
    }

    fn fork_succeeded(&mut self, id: FrameId) {
        let Some(frame) = self.frames.get_mut(&id) else { return };
        match &mut frame.phase {
            Phase::Forked(fork) => {
                let results = std::mem::take(&mut fork.results);
                let results = results.into_iter().map(Option::unwrap_or_default).collect();
                self.set_phase(id, Phase::Result(Value::array(results)));
            }
            Phase::Mapped { output: Some(output), .. } => {
                let result = Phase::Result(output.clone());
                self.set_phase(id, result);
            }
            Phase::Mapped { output: None, .. } => {
                let name = frame.visit.as_ref().map(|visit| Arc::clone(&visit.name)).unwrap_or_default();
                let failed = Failed { announced: true, ..Failed::by_state(&too_large(&name), true) };
                self.set_phase(id, Phase::Failed(failed));
            }
            _ => {}
        }
    }

    fn fork_failed(&mut self, event: &Event) {
        if let Some(Phase::Failed(failed)) = self.frames.get(&event.frame).map(|frame| &frame.phase) {
            let announced = Failed { announced: true, ..failed.clone() };
            self.advance_to(event, Phase::Failed(announced));
        }
    }

    fn apply_to_run(&mut self, event: &Event) {
        match &event.kind {
            EventKind::DistributedMapStarted { items, max_concurrency } => {
                let mapping = Mapping { items: items.clone(), max_concurrency: *max_concurrency };
                self.advance_to(event, Phase::Mapping(Box::new(mapping)));
            }
            EventKind::MapRunStarted { run, attempt } => self.run_started(event, run, *attempt),
            EventKind::MapRunRedriven { count, attempt, .. } => {
                let Some(frame) = self.frames.get_mut(&event.frame) else { return };
                frame.attempts = *attempt;
                if let Some(run) = &mut frame.run {
                    run.attempt = *attempt;
                    run.redrives = *count;
                    run.since = event.at;
                }
                self.advance_to(event, Phase::Running);
            }
            EventKind::MapRunSucceeded { output } => {
                // What follows the state is caused by the run's start, as AWS shows it.
                if let Some(frame) = self.frames.get_mut(&event.frame) {
                    frame.run = None;
                }
                self.set_phase(event.frame, Phase::Mapped { output: output.clone(), last: event.id });
            }
            EventKind::MapRunFailed(failure) => {
                self.advance_to(event, Phase::Failed(Failed::by_task(failure, false)));
            }
            EventKind::MapRunAborted => self.advance_to(event, Phase::RunAborted),
            _ => {}
        }
    }

    fn run_started(&mut self, event: &Event, run: &Arc<MapRun>, attempt: u32) {
        let Some(frame) = self.frames.get_mut(&event.frame) else { return };
        let items = match &frame.phase {
            Phase::Mapping(mapping) => mapping.items.clone(),
            _ => None,
        };
        frame.attempts = attempt;
        frame.run = Some(Run { order: Arc::clone(run), items, attempt, redrives: 0, since: event.at });
        self.advance_to(event, Phase::Running);
    }

    fn apply_to_task(&mut self, event: &Event) {
        match &event.kind {
            EventKind::TaskScheduled { .. } => self.task_scheduled(event),
            EventKind::TaskStarted { flavor, .. } => {
                let flavor = *flavor;
                self.change_task(event, |task| {
                    task.stage = Stage::Started;
                    if flavor != Flavor::Activity {
                        task.timeout_at = after(event.at, task.timeout_seconds);
                    }
                    task.heartbeat_at = after(event.at, task.heartbeat_seconds);
                });
            }
            EventKind::TaskSubmitted { output } => {
                self.change_task(event, |task| task.stage = Stage::Submitted(output.clone()));
            }
            EventKind::TaskHeartbeat => {
                self.change_task(event, |task| task.heartbeat_at = after(event.at, task.heartbeat_seconds));
            }
            EventKind::TaskSucceeded { output, .. } => self.advance_to(event, Phase::Result(output.clone())),
            EventKind::TaskFailed { failure, .. } => {
                self.advance_to(event, Phase::Failed(Failed::by_task(failure, false)));
            }
            EventKind::TaskTimedOut { failure, heartbeat, .. } => {
                self.advance_to(event, Phase::Failed(Failed::by_task(failure, *heartbeat)));
            }
            _ => {}
        }
    }

    fn task_scheduled(&mut self, event: &Event) {
        let EventKind::TaskScheduled {
            flavor,
            resource,
            parameters,
            timeout_seconds,
            heartbeat_seconds,
            credentials,
            attempt,
            token,
        } = &event.kind
        else {
            return;
        };
        if let Some(frame) = self.frames.get_mut(&event.frame) {
            frame.attempts = *attempt;
        }
        let task = Task {
            attempt: *attempt,
            flavor: *flavor,
            resource: Arc::clone(resource),
            parameters: parameters.clone(),
            credentials: credentials.clone(),
            token: Arc::clone(token),
            stage: Stage::Scheduled,
            timeout_seconds: *timeout_seconds,
            heartbeat_seconds: *heartbeat_seconds,
            // An activity's time-out runs while it waits for a worker; other tasks start at once.
            timeout_at: after(event.at, *timeout_seconds),
            heartbeat_at: None,
        };
        self.advance_to(event, Phase::Task(Box::new(task)));
    }

    fn change_task(&mut self, event: &Event, change: impl FnOnce(&mut Task)) {
        let Some(frame) = self.frames.get_mut(&event.frame) else { return };
        if event.is_visible() {
            frame.last_event = event.id;
        }
        if let Phase::Task(task) = &mut frame.phase {
            change(task);
        }
        self.reschedule(event.frame);
    }
}

/// `seconds` after `at`, where there is a limit at all.
fn after(at: Millis, seconds: Option<u64>) -> Option<Millis> {
    let milliseconds = i64::try_from(seconds?.saturating_mul(1000)).unwrap_or(i64::MAX);
    Some(at.saturating_add(milliseconds))
}

impl Failed {
    pub(crate) fn by_state(failure: &Failure, terminal: bool) -> Self {
        Self { failure: failure.clone(), heartbeat: false, terminal, announced: false }
    }

    pub(crate) fn by_task(failure: &Failure, heartbeat: bool) -> Self {
        Self { failure: failure.clone(), heartbeat, terminal: false, announced: false }
    }
}
