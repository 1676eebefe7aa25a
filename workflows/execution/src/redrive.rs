//! What a redrive takes up again: frames in the middle of a state, and branches and iterations that did not succeed.
//!
//! Nothing of a fork that failed is lost before its failure is retried or caught: results and frames are set aside, and
//! come back when the execution goes on after its end.

use std::collections::BTreeMap;

use crate::command::Status;
use crate::event::{Event, Failure, FrameId, Millis};
use crate::execution::Execution;
use crate::state::{Frame, Phase};

impl Execution {
    /// Whether it has ended otherwise than well.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.status, Status::Failed | Status::TimedOut | Status::Aborted)
    }

    /// Goes on where it stood: what was entered and not exited begins again with its raw input.
    pub(crate) fn reopen(&mut self, event: &Event, count: u32, deadline: Option<Millis>) {
        self.status = Status::Running;
        self.failure = Failure::default();
        self.ended_at = None;
        self.deadline = deadline;
        self.redrives = count;
        self.redriven_at = Some(event.at);
        self.frames = std::mem::take(&mut self.remains);
        self.restore_forks();
        let mut running = BTreeMap::<FrameId, usize>::new();
        for parent in self.frames.values().filter_map(|frame| frame.parent.as_ref()) {
            *running.entry(parent.frame).or_default() += 1;
        }
        let ids: Vec<FrameId> = self.frames.keys().copied().collect();
        for id in ids {
            if let Some(frame) = self.frames.get_mut(&id) {
                frame.begin_again(running.get(&id).copied().unwrap_or_default());
            }
            self.reschedule(id);
        }
    }

    /// Brings back the forks that had failed or were cut off, and the frames below them.
    fn restore_forks(&mut self) {
        let mut left: Vec<FrameId> = self.frames.keys().copied().collect();
        while let Some(id) = left.pop() {
            let Some(frame) = self.frames.get_mut(&id) else { continue };
            if let Some(fork) = frame.broken.take() {
                frame.phase = Phase::Forked(fork);
            }
            let Phase::Forked(fork) = &mut frame.phase else { continue };
            for (child, frame) in std::mem::take(&mut fork.set_aside) {
                self.frames.insert(child, frame);
                left.push(child);
            }
        }
    }

    /// The state of a frame has failed or is cut off: its branches or iterations stop, and are set aside.
    pub(crate) fn break_fork(&mut self, id: FrameId) {
        let mut below = Vec::new();
        for child in self.children_if_forked(id) {
            self.detach(child, &mut below);
        }
        let Some(frame) = self.frames.get_mut(&id) else { return };
        if let Phase::Forked(_) = frame.phase
            && let Phase::Forked(mut fork) = std::mem::replace(&mut frame.phase, Phase::Aborted)
        {
            fork.set_aside.append(&mut below);
            frame.broken = Some(fork);
        }
    }

    /// Sets an iteration aside, with all below it.
    pub(crate) fn set_aside(&mut self, id: FrameId) {
        let Some(parent) = self.frames.get(&id).and_then(|frame| frame.parent.as_ref()) else { return };
        let parent = parent.frame;
        let mut below = Vec::new();
        self.detach(id, &mut below);
        if let Some(Phase::Forked(fork)) = self.frames.get_mut(&parent).map(|frame| &mut frame.phase) {
            fork.set_aside.append(&mut below);
        }
    }

    fn detach(&mut self, id: FrameId, below: &mut Vec<(FrameId, Box<Frame>)>) {
        for child in self.children_if_forked(id) {
            self.detach(child, below);
        }
        if let Some(mut frame) = self.frames.remove(&id) {
            if let Some(due) = frame.due.take() {
                self.timers.remove(&(due, id));
            }
            frame.queued = false;
            below.push((id, frame));
        }
    }
}

impl Frame {
    /// Stands at the beginning of its state again; between two states it stays where it is. Its next event follows its
    /// last one, so that the history still tells which state it belongs to.
    fn begin_again(&mut self, running: usize) {
        self.queued = false;
        self.due = None;
        if let Some(visit) = &mut self.visit {
            visit.retries.clear();
        }
        match &mut self.phase {
            Phase::Next { .. } | Phase::Ended(_) => {}
            _ if self.run.is_some() => self.phase = Phase::Rerun,
            Phase::Forked(fork) => fork.running = running,
            _ => self.phase = Phase::Entered,
        }
    }
}
