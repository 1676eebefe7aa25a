//! What follows a failure: Retry, then Catch, then giving up to the parent.

use std::sync::Arc;

use asl::{Catcher, Jitter, Kind, PathField, QueryLanguage, Recovery, Retrier, State, StateType, Value};
use evaluate::jsonpath;

use super::exit::{Exit, assigned_by_expressions, assigned_by_paths};
use super::{Problem, Stepper};
use crate::event::{EventKind, Failure, FrameId, Millis};
use crate::state::{Failed, Phase};

impl<'a> Stepper<'a> {
    /// Writes that the frame's state failed.
    pub(super) fn fail_state(&mut self, id: FrameId, problem: Problem, terminal: bool) {
        let state = self.state_name(id);
        let (entered, before) = self.visit(id).map_or((0, 0), |visit| (visit.entered, visit.before));
        let unusable = matches!(problem, Problem::Unusable(_));
        match problem {
            Problem::Plain(failure) => {
                let terminal = terminal || failure.error.as_deref() == Some("States.DataLimitExceeded");
                self.emit(id, EventKind::StateFailed { failure, terminal });
            }
            Problem::Evaluation(evaluation) | Problem::Unusable(evaluation) => {
                let cause = if self.watch.is_some() {
                    evaluation.cause
                } else {
                    let place = format!("'{state}' (entered at the event id #{entered})");
                    format!("An error occurred while executing the state {place}. {}", evaluation.cause)
                };
                let failure = Failure { error: Some(evaluation.error.into()), cause: Some(cause.into()) };
                if evaluation.error == "States.QueryEvaluationError" {
                    let location = evaluation.location.map(Into::into);
                    let cause = if unusable { entered } else { before };
                    self.emit_after(id, cause, EventKind::EvaluationFailed { failure, location, state, terminal });
                } else {
                    self.emit(id, EventKind::StateFailed { failure, terminal });
                }
            }
        }
    }

    /// Retries, catches or gives up.
    pub(super) fn recover(&mut self, id: FrameId, failed: &Failed) {
        self.note_failure(&failed.failure);
        let Some(state) = self.execution.state(self.definition, id) else {
            return self.give_up(id, failed);
        };
        let error = failed.failure.error.as_deref().unwrap_or_default();
        let recovery = state.kind.recovery().filter(|_| !failed.terminal && error != "States.Runtime");
        if let Some(recovery) = recovery
            && !failed.announced
            && self.retry(id, recovery, failed)
        {
            return;
        }
        if !failed.announced && error != "States.Runtime" && self.announce(id, state) {
            return;
        }
        let catcher = recovery.and_then(|recovery| {
            recovery.catch.iter().enumerate().find(|(_, catcher)| matches(&catcher.error_equals, failed))
        });
        match catcher {
            Some((index, catcher)) => {
                self.note(|inspection| inspection.catch_index = Some(index));
                if let Err(problem) = self.catch(id, state, index, catcher, &failed.failure) {
                    self.fail_state(id, problem, true);
                }
            }
            None => self.give_up(id, failed),
        }
    }

    /// Arms a retry, where a retrier matches and has one left. A matching retrier that is used up ends retrying.
    fn retry(&mut self, id: FrameId, recovery: &Recovery, failed: &Failed) -> bool {
        let found = recovery.retry.iter().enumerate().find(|(_, retrier)| matches(&retrier.error_equals, failed));
        let Some((index, retrier)) = found else { return false };
        self.note(|inspection| inspection.retry_index = Some(index));
        let taken = self.attempts_of(id, index);
        if taken >= retrier.max_attempts {
            return false;
        }
        let delay = self.delay(retrier, taken);
        self.note(|inspection| {
            inspection.retry_backoff_interval_seconds = Some(delay.cast_unsigned().div_ceil(1000));
        });
        let retrier = u32::try_from(index).unwrap_or(u32::MAX);
        let until = self.now.saturating_add(delay);
        self.emit(id, EventKind::RetryArmed { retrier, until });
        true
    }

    /// Milliseconds before the retry after `taken` others: interval × rate^taken, capped, then jittered.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "at most 99,999,999 seconds")]
    fn delay(&mut self, retrier: &Retrier, taken: u32) -> Millis {
        let exponent = i32::try_from(taken).unwrap_or(i32::MAX);
        let seconds = retrier.interval_seconds as f64 * retrier.backoff_rate.powi(exponent);
        let cap = retrier.max_delay_seconds.unwrap_or(99_999_999) as f64;
        let seconds = seconds.min(cap);
        let seconds = match retrier.jitter {
            Jitter::None => seconds,
            Jitter::Full => seconds * self.random.next_unit(),
        };
        (seconds * 1000.0).round() as Millis
    }

    /// Writes `ParallelStateFailed` or `MapStateFailed`, where the state is one.
    fn announce(&mut self, id: FrameId, state: &State) -> bool {
        match state.kind.state_type() {
            StateType::Parallel => self.emit(id, EventKind::ParallelStateFailed),
            StateType::Map => self.emit(id, EventKind::MapStateFailed),
            _ => return false,
        }
        true
    }

    fn catch(
        &mut self,
        id: FrameId,
        state: &State,
        index: usize,
        catcher: &Catcher,
        failure: &Failure,
    ) -> Result<(), Problem> {
        let error_output = error_output(failure);
        let raw = self.raw_input(id);
        let surroundings = self.surroundings(id, None);
        let (output, assigned) = match state.query_language {
            QueryLanguage::JsonPath => {
                let output = match &catcher.result_path {
                    PathField::Whole => error_output.clone(),
                    PathField::Nothing => raw,
                    PathField::Path(path) => jsonpath::place(&raw, path, error_output.clone())?,
                };
                (output, assigned_by_paths(catcher.assign.as_ref(), &surroundings.scope(&error_output))?)
            }
            QueryLanguage::Jsonata => {
                let mut scope = surroundings.scope(&raw);
                scope.error_output = Some(&error_output);
                let field = format!("Catch[{index}]/Assign");
                let assigned = assigned_by_expressions(&field, catcher.assign.as_ref(), &scope)?;
                let output = match &catcher.output {
                    Some(template) => surroundings.expressed(&format!("Catch[{index}]/Output"), template, &scope)?,
                    None => error_output.clone(),
                };
                (output, assigned)
            }
        };
        self.exit(id, state, Exit { output, assigned, next: Some(Arc::clone(&catcher.next)) })
    }

    /// Nothing took the failure: it goes to the parent, or ends the execution.
    fn give_up(&mut self, id: FrameId, failed: &Failed) {
        let parent = self.execution.frames.get(&id).and_then(|frame| frame.parent.clone());
        match parent {
            None => self.emit(id, EventKind::ExecutionFailed(failed.failure.clone())),
            Some(parent) if parent.item.is_some() => {
                let name = self.state_name(parent.frame);
                self.emit(id, EventKind::MapIterationFailed { name, index: parent.index as u64 });
            }
            // As on AWS, a task that ends its branch is shown aborted after its own failure.
            Some(_) if self.is_task(id) => {
                self.emit(id, EventKind::StateAborted { state_type: StateType::Task, gave_up: true });
            }
            Some(_) => self.fail_parent(id, failed),
        }
    }

    fn is_task(&self, id: FrameId) -> bool {
        let state = self.execution.state(self.definition, id);
        state.is_some_and(|state| matches!(state.kind, Kind::Task(_)))
    }

    /// Cuts off the siblings and hands the failure to the parent.
    pub(super) fn fail_parent(&mut self, id: FrameId, failed: &Failed) {
        let Some(frame) = self.execution.frames.get(&id) else { return };
        let cause = frame.last_event;
        let Some(parent) = frame.parent.as_ref().map(|parent| parent.frame) else { return };
        for sibling in self.execution.children(parent) {
            if sibling != id {
                self.abort(sibling);
            }
        }
        let terminal = failed.failure.error.as_deref() == Some("States.Runtime");
        let failure = failed.failure.clone();
        self.emit_after(parent, cause, EventKind::StateFailed { failure, terminal });
    }

    /// Cuts off a frame and all below it; states that were at work are shown aborted.
    pub(super) fn abort(&mut self, id: FrameId) {
        for child in self.execution.children_if_forked(id) {
            self.abort(child);
        }
        let Some(frame) = self.execution.frames.get(&id) else { return };
        let at_work = !matches!(frame.phase, Phase::Next { .. } | Phase::Ended(_) | Phase::Aborted | Phase::GaveUp(_));
        let item = frame.parent.clone().filter(|parent| parent.item.is_some());
        let kind = self.execution.state(self.definition, id).map(|state| &state.kind);
        if matches!(frame.phase, Phase::Running) {
            self.emit(id, EventKind::MapRunAborted);
        }
        if at_work && let Some(kind @ (Kind::Task(_) | Kind::Wait(_) | Kind::Parallel(_) | Kind::Map(_))) = kind {
            self.emit(id, EventKind::StateAborted { state_type: kind.state_type(), gave_up: false });
        }
        if let Some(parent) = item {
            let name = self.state_name(parent.frame);
            self.emit(id, EventKind::MapIterationAborted { name, index: parent.index as u64 });
        }
    }
}

/// Whether a list of error names takes the failure.
fn matches(error_equals: &[Arc<str>], failed: &Failed) -> bool {
    let error = failed.failure.error.as_deref().unwrap_or_default();
    error_equals.iter().any(|name| match &**name {
        "States.ALL" => true,
        "States.TaskFailed" => error != "States.Timeout",
        "States.HeartbeatTimeout" => failed.heartbeat || error == "States.HeartbeatTimeout",
        name => name == error,
    })
}

/// `{"Error", "Cause"}`, each `""` where the failure has none.
fn error_output(failure: &Failure) -> Value {
    let text = |text: &Option<Arc<str>>| Value::from(text.clone().unwrap_or_default());
    Value::object([("Error", text(&failure.error)), ("Cause", text(&failure.cause))])
}
