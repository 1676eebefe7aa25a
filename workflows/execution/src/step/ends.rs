//! Succeed and Fail.

use asl::{Fail, State};

use super::{Problem, Stepper, fields};
use crate::event::{Failure, FrameId};

impl Stepper<'_> {
    /// The shaped input is the machine's output.
    pub(super) fn succeed(&mut self, id: FrameId, state: &State) -> Result<(), Problem> {
        let input = self.effective_input(id, state)?;
        self.exit_with(id, state, &input)
    }

    /// Fails with the state's error and cause, each only where it is given.
    pub(super) fn fail(&mut self, id: FrameId, _state: &State, fail: &Fail) -> Result<(), Problem> {
        let surroundings = self.surroundings(id, None);
        let input = self.raw_input(id);
        let error = fail.error.as_ref().map(|error| fields::text("Error", error, &input, &surroundings)).transpose()?;
        let cause = fail.cause.as_ref().map(|cause| fields::text("Cause", cause, &input, &surroundings)).transpose()?;
        Err(Problem::Plain(Failure { error, cause }))
    }
}
