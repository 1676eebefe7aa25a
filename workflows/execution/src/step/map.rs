//! Map: its items, and its iterations where it is inline.

use std::sync::Arc;

use asl::{Iterations, Kind, Map, ProcessorMode, QueryLanguage, State, Value};
use evaluate::{jsonata, jsonpath};

use super::{Problem, Stepper, Surroundings, fields};
use crate::context::item_context;
use crate::event::{EventKind, FrameId};

/// Iterations at once where the definition sets no limit: AWS's quota for inline Maps.
const INLINE_CONCURRENCY: u64 = 40;

impl Stepper<'_> {
    /// Reads the items; iterations start one by one afterwards.
    pub(super) fn map(&mut self, id: FrameId, state: &State, map: &Map) -> Result<(), Problem> {
        let input = self.effective_input(id, state)?;
        let surroundings = self.surroundings(id, None);
        let max_concurrency = match &map.max_concurrency {
            Some(field) => fields::number("MaxConcurrency", field, &input, &surroundings, 0)?,
            None => 0,
        };
        if map.mode == ProcessorMode::Distributed {
            let items = match &map.item_reader {
                Some(_) => None,
                None => Some(collection(map, &input, &surroundings)?),
            };
            self.emit(id, EventKind::DistributedMapStarted { items, max_concurrency });
            return Ok(());
        }
        let max_concurrency = if max_concurrency == 0 { INLINE_CONCURRENCY } else { max_concurrency };
        let items = items(map, &input, &surroundings)?;
        let start = Arc::clone(&map.machine.start_at);
        self.emit(id, EventKind::MapStateStarted { items, max_concurrency, start });
        Ok(())
    }

    /// Starts the next iteration, in a frame of its own.
    pub(super) fn start_iteration(&mut self, parent: FrameId, index: usize, item: Value, slot: u64) {
        let Some(state) = self.execution.state(self.definition, parent) else { return };
        match self.iteration_input(parent, state, item_context(index, &item), item) {
            Ok(input) => {
                let frame = FrameId(self.execution.next_frame);
                let (name, index) = (self.state_name(parent), index as u64);
                self.emit_after(frame, slot, EventKind::MapIterationStarted { name, index, parent, input });
            }
            Err(problem) => {
                for child in self.execution.children(parent) {
                    self.abort(child);
                }
                self.fail_state(parent, problem, false);
            }
        }
    }

    /// The item, or what the item selector makes of it; `context` is the context object's `Map`.
    pub(super) fn iteration_input(
        &mut self,
        parent: FrameId,
        state: &State,
        context: Value,
        item: Value,
    ) -> Result<Value, Problem> {
        let Kind::Map(Map { item_selector: Some(selector), .. }) = &state.kind else { return Ok(item) };
        let input = self.effective_input(parent, state)?;
        let mut surroundings = self.surroundings(parent, None);
        surroundings.context.set_map(context);
        let scope = surroundings.scope(&input);
        Ok(match state.query_language {
            QueryLanguage::JsonPath => evaluate::payload_template(selector, &scope)?,
            QueryLanguage::Jsonata => surroundings.expressed("ItemSelector", selector, &scope)?,
        })
    }
}

/// The items of an array.
pub(super) fn items(map: &Map, input: &Value, surroundings: &Surroundings) -> Result<Arc<Vec<Value>>, Problem> {
    match collection(map, input, surroundings)? {
        Value::Array(items) => Ok(items),
        other => Err(not_an_array(map, &other)),
    }
}

/// The items: an array; where they run as executions of their own also an object.
pub(super) fn collection(map: &Map, input: &Value, surroundings: &Surroundings) -> Result<Value, Problem> {
    let scope = surroundings.scope(input);
    let value = match &map.iterations {
        Iterations::Input => input.clone(),
        Iterations::Path(path) => jsonpath::select(path, &scope)?,
        Iterations::Items(template) => surroundings.expressed("Items", template, &scope)?,
    };
    match value {
        Value::Array(_) => Ok(value),
        Value::Object(_) if map.mode == ProcessorMode::Distributed => Ok(value),
        other => Err(not_an_array(map, &other)),
    }
}

fn not_an_array(map: &Map, value: &Value) -> Problem {
    match &map.iterations {
        Iterations::Path(path) => {
            // Of a path into the context object AWS shows one `$`.
            let path = path.strip_prefix('$').filter(|rest| rest.starts_with('$')).unwrap_or(path);
            Problem::runtime(format!("Reference path \"{path}\" must point to array."))
        }
        Iterations::Items(template @ Value::String(_)) => jsonata::mistyped("Items", template, "array", value).into(),
        Iterations::Input | Iterations::Items(_) => {
            Problem::query(format!("Map state input must be an array but was: {value}"), None)
        }
    }
}
