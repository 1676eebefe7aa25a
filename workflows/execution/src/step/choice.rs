//! Choice.

use std::sync::Arc;

use asl::{Choice, ChoiceRule, PathField, QueryLanguage, State, Value};
use evaluate::jsonpath;

use super::exit::{Exit, assigned_by_expressions, assigned_by_paths};
use super::{Problem, Stepper, Surroundings};
use crate::event::FrameId;

impl Stepper<'_> {
    /// Takes the first rule that matches, or the default.
    pub(super) fn choose(&mut self, id: FrameId, state: &State, choice: &Choice) -> Result<(), Problem> {
        let input = self.effective_input(id, state)?;
        let surroundings = self.surroundings(id, None);
        let scope = surroundings.scope(&input);
        for (index, rule) in choice.rules.iter().enumerate() {
            let field = format!("Choices[{index}]/Condition");
            if evaluate::condition_for(&field, &rule.condition, &scope)? {
                let exit = leave(state, Some((index, rule)), &rule.next, &input, &surroundings)?;
                return self.exit(id, state, exit);
            }
        }
        let Some(default) = &choice.default else {
            return Err(Problem::plain("States.NoChoiceMatched", "No choice rule matched, and there is no Default."));
        };
        let exit = leave(state, None, default, &input, &surroundings)?;
        self.exit(id, state, exit)
    }
}

/// Output and variables of the matching rule; of the state itself where the default is taken.
fn leave(
    state: &State,
    rule: Option<(usize, &ChoiceRule)>,
    next: &Arc<str>,
    input: &Value,
    surroundings: &Surroundings,
) -> Result<Exit, Problem> {
    let scope = surroundings.scope(input);
    let (assign, output, prefix) = match rule {
        Some((index, rule)) => (rule.assign.as_ref(), rule.output.as_ref(), format!("Choices[{index}]/")),
        None => (state.flow.assign.as_ref(), state.flow.output.as_ref(), String::new()),
    };
    let next = Some(Arc::clone(next));
    match state.query_language {
        QueryLanguage::Jsonata => {
            let assigned = assigned_by_expressions(&format!("{prefix}Assign"), assign, &scope)?;
            let output = match output {
                Some(template) => surroundings.expressed(&format!("{prefix}Output"), template, &scope)?,
                None => input.clone(),
            };
            Ok(Exit { output, assigned, next })
        }
        QueryLanguage::JsonPath => {
            let assigned = assigned_by_paths(assign, &scope)?;
            let output = match &state.flow.output_path {
                PathField::Whole => input.clone(),
                PathField::Nothing => Value::object::<Arc<str>>([]),
                PathField::Path(path) => jsonpath::select(path, &scope)?,
            };
            Ok(Exit { output, assigned, next })
        }
    }
}
