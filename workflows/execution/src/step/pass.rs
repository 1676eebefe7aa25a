//! Pass.

use asl::{Pass, QueryLanguage, State};

use super::{Problem, Stepper};
use crate::event::FrameId;

impl Stepper<'_> {
    /// The literal result, or the shaped input, is the result.
    pub(super) fn pass(&mut self, id: FrameId, state: &State, pass: &Pass) -> Result<(), Problem> {
        let result = match (&pass.result, state.query_language) {
            (Some(result), QueryLanguage::JsonPath) => {
                self.effective_input(id, state)?;
                self.note(|inspection| inspection.result = Some(result.clone()));
                result.clone()
            }
            _ => {
                let surroundings = self.surroundings(id, None);
                self.parameters(id, state, &surroundings)?
            }
        };
        self.exit_with(id, state, &result)
    }
}
