//! Parallel, and what it shares with Map: going on with branches or iterations.

use std::sync::Arc;

use asl::{Parallel, State};

use super::{Problem, Stepper};
use crate::event::{EventKind, FrameId};
use crate::state::Fork;

impl Stepper<'_> {
    /// Starts every branch with the same input.
    pub(super) fn fork(&mut self, id: FrameId, state: &State, parallel: &Parallel) -> Result<(), Problem> {
        let surroundings = self.surroundings(id, None);
        let input = self.parameters(id, state, &surroundings)?;
        let starts = parallel.branches.iter().map(|branch| Arc::clone(&branch.start_at)).collect();
        self.emit(id, EventKind::ParallelStateStarted { input, starts });
        Ok(())
    }

    /// Starts the next iteration, or finishes where all are done.
    pub(super) fn go_on(&mut self, id: FrameId, fork: &Fork) {
        match (&fork.queue, fork.pending) {
            (None, 0) => self.emit(id, EventKind::ParallelStateSucceeded),
            (Some(_), 0) => self.emit(id, EventKind::MapStateSucceeded),
            (Some(queue), _) if fork.can_start() => self.start_iteration(id, queue),
            _ => {}
        }
    }
}
