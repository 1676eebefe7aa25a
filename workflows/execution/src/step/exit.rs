//! Leaving a state: the result is shaped into output and variables.

use std::sync::Arc;

use asl::{Kind, PathField, QueryLanguage, State, StateType, Transition, Value};
use evaluate::{Scope, jsonata, jsonpath};

use super::{Problem, Stepper, compact};
use crate::event::{EventKind, FrameId};
use crate::size::{json_bytes, too_large};

/// Variables assigned on the way out, by name.
pub(super) type Assigned = Vec<(Arc<str>, Value)>;

/// How a state is left.
pub(super) struct Exit {
    pub(super) output: Value,
    pub(super) assigned: Assigned,
    pub(super) next: Option<Arc<str>>,
}

impl Stepper<'_> {
    /// Leaves a state whose work has given `result`.
    pub(super) fn exit_with(&mut self, id: FrameId, state: &State, result: &Value) -> Result<(), Problem> {
        let (output, assigned) = match state.query_language {
            QueryLanguage::JsonPath => self.shape_by_paths(id, state, result)?,
            QueryLanguage::Jsonata => self.shape_by_expressions(id, state, result)?,
        };
        let next = match state.kind.transition() {
            Some(Transition::Next(name)) => Some(Arc::clone(name)),
            Some(Transition::End) | None => None,
        };
        self.exit(id, state, Exit { output, assigned, next })
    }

    /// Writes the exit, where the output is within the quota and does not nest too deep.
    pub(super) fn exit(&mut self, id: FrameId, state: &State, exit: Exit) -> Result<(), Problem> {
        let name = self.state_name(id);
        // A Parallel, a Map or a task wraps what it is given without any evaluation.
        let exit = Exit { output: evaluate::bounded(exit.output)?, ..exit };
        if json_bytes(&exit.output) > self.execution.limits.payload_bytes {
            return Err(Problem::Plain(too_large(&name)));
        }
        let state_type = state.kind.state_type();
        let Exit { output, assigned, next } = exit;
        self.emit(id, EventKind::StateExited { state_type, name, output, assigned, next });
        Ok(())
    }

    /// JSONPath: ResultSelector, ResultPath, Assign, OutputPath.
    fn shape_by_paths(&mut self, id: FrameId, state: &State, result: &Value) -> Result<(Value, Assigned), Problem> {
        let surroundings = self.surroundings(id, None);
        let flow = &state.flow;
        let selected = match &flow.result_selector {
            Some(template) => evaluate::payload_template(template, &surroundings.scope(result))?,
            None => result.clone(),
        };
        self.note(|inspection| inspection.after_result_selector = Some(selected.clone()));
        let raw = self.raw_input(id);
        let placed = match &flow.result_path {
            PathField::Whole => selected.clone(),
            PathField::Nothing => raw,
            PathField::Path(path) => jsonpath::place(&raw, path, selected.clone())?,
        };
        self.note(|inspection| inspection.after_result_path = Some(placed.clone()));
        // Variables come from the result itself, as a Pass has one, too; where the state has none, from its data.
        let source = match state.kind.state_type() {
            StateType::Task | StateType::Parallel | StateType::Map | StateType::Pass => &selected,
            _ => &placed,
        };
        let assigned = assigned_by_paths(flow.assign.as_ref(), &surroundings.scope(source))?;
        let output = match &flow.output_path {
            PathField::Whole => placed,
            PathField::Nothing => Value::object::<Arc<str>>([]),
            PathField::Path(path) => jsonpath::select(path, &surroundings.scope(&placed))?,
        };
        Ok((output, assigned))
    }

    /// JSONata: Assign and Output, both on the values of entry.
    fn shape_by_expressions(
        &mut self,
        id: FrameId,
        state: &State,
        result: &Value,
    ) -> Result<(Value, Assigned), Problem> {
        let surroundings = self.surroundings(id, None);
        let raw = self.raw_input(id);
        let mut scope = surroundings.scope(&raw);
        if matches!(state.kind, Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_)) {
            scope.result = Some(result);
        }
        let assigned = assigned_by_expressions("Assign", state.flow.assign.as_ref(), &scope)?;
        let output = match &state.flow.output {
            Some(template) => surroundings.expressed("Output", template, &scope)?,
            None => result.clone(),
        };
        Ok((output, assigned))
    }
}

/// Evaluates a JSONPath `Assign`.
pub(super) fn assigned_by_paths(template: Option<&Value>, scope: &Scope<'_>) -> Result<Assigned, Problem> {
    let Some(template) = template else { return Ok(Vec::new()) };
    Ok(members(&evaluate::payload_template(template, scope)?))
}

/// Evaluates a JSONata `Assign`; `field` is how failures name it.
pub(super) fn assigned_by_expressions(
    field: &str,
    template: Option<&Value>,
    scope: &Scope<'_>,
) -> Result<Assigned, Problem> {
    let Some(template) = template else { return Ok(Vec::new()) };
    Ok(members(&jsonata::template(field, template, scope)?))
}

fn members(value: &Value) -> Assigned {
    let members = value.as_object().into_iter().flatten();
    // A variable is written compactly, whatever it was taken from.
    members.map(|(name, value)| (Arc::clone(name), compact(value))).collect()
}
