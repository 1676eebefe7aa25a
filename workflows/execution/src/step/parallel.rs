//! Parallel, and what it shares with Map: going on with branches or iterations.

use std::sync::Arc;

use asl::{Parallel, State};

use super::{Problem, Stepper};
use crate::event::{EventKind, FrameId};
use crate::state::Turn;

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
    pub(super) fn go_on(&mut self, id: FrameId, turn: Option<Turn>) {
        match turn {
            Some(Turn::Joined { map: false }) => self.emit(id, EventKind::ParallelStateSucceeded),
            Some(Turn::Joined { map: true }) => self.emit(id, EventKind::MapStateSucceeded),
            Some(Turn::Start { index, item, slot }) => self.start_iteration(id, index, item, slot),
            None => {}
        }
    }
}
