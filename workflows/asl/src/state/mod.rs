//! One file per state type; here is what the types share.

mod choice;
mod fail;
mod map;
mod parallel;
mod pass;
mod recovery;
mod resource;
mod task;
mod template;
mod wait;

use std::sync::Arc;

use crate::fields::Fields;
use crate::machine::Outer;
use crate::{DataFlow, Kind, QueryLanguage, State, StateType, Transition, Value};

const TYPES: [(&str, StateType); 8] = [
    ("Task", StateType::Task),
    ("Pass", StateType::Pass),
    ("Choice", StateType::Choice),
    ("Wait", StateType::Wait),
    ("Succeed", StateType::Succeed),
    ("Fail", StateType::Fail),
    ("Parallel", StateType::Parallel),
    ("Map", StateType::Map),
];

/// Reads one state; nothing where its type is not known.
pub(crate) fn read(mut fields: Fields<'_>, outer: &Outer) -> Option<State> {
    fields.set_language(outer.language);
    let state_type = fields.word("Type", &TYPES);
    let Some(state_type) = state_type else {
        // What else the state may have depends on its type.
        if !fields.has("Type") {
            fields.fail_whole("These fields are required: [Type]");
        }
        return None;
    };
    let comment = fields.string("Comment");
    let query_language = read_language(&mut fields, outer.language);
    fields.set_language(query_language);
    let kind = read_kind(&mut fields, state_type, outer);
    let flow = read_flow(&mut fields, state_type);
    fields.finish();
    Some(State { comment, query_language, flow, kind })
}

fn read_language(fields: &mut Fields<'_>, machine: QueryLanguage) -> QueryLanguage {
    let own = fields.query_language();
    if (own, machine) == (Some(QueryLanguage::JsonPath), QueryLanguage::Jsonata) {
        fields.fail_whole("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
    }
    own.unwrap_or(machine)
}

fn read_kind(fields: &mut Fields<'_>, state_type: StateType, outer: &Outer) -> Kind {
    match state_type {
        StateType::Task => Kind::Task(task::read(fields)),
        StateType::Pass => Kind::Pass(pass::read(fields)),
        StateType::Choice => Kind::Choice(choice::read(fields)),
        StateType::Wait => Kind::Wait(wait::read(fields)),
        StateType::Succeed => Kind::Succeed,
        StateType::Fail => Kind::Fail(fail::read(fields)),
        StateType::Parallel => Kind::Parallel(parallel::read(fields, outer)),
        StateType::Map => Kind::Map(map::read(fields, outer)),
    }
}

/// The data flow fields that this type of state has; `finish` refuses the others.
fn read_flow(fields: &mut Fields<'_>, state_type: StateType) -> DataFlow {
    use StateType::{Fail, Map, Parallel, Pass, Succeed, Task};
    let mut flow = DataFlow::default();
    if state_type == Fail {
        return flow;
    }
    flow.input_path = fields.path_field("InputPath");
    flow.output_path = fields.path_field("OutputPath");
    flow.output = template::jsonata(fields, "Output");
    if state_type != Succeed {
        flow.assign = template::assign(fields);
    }
    if matches!(state_type, Task | Pass | Parallel | Map) {
        flow.result_path = fields.result_path();
    }
    if matches!(state_type, Task | Pass | Parallel) {
        flow.parameters = template::payload(fields, "Parameters");
    }
    if matches!(state_type, Task | Parallel | Map) {
        flow.result_selector = template::payload(fields, "ResultSelector");
    }
    if matches!(state_type, Task | Parallel) {
        flow.arguments = template::jsonata(fields, "Arguments");
    }
    flow
}

/// `Next` or `End`.
fn transition(fields: &mut Fields<'_>) -> Transition {
    let next = fields.string("Next");
    let end = fields.boolean("End");
    let readable = fields.has("Next") == next.is_some() && fields.has("End") == end.is_some();
    match (next, end) {
        (Some(_), Some(true)) => fields.fail_whole("Only one of these fields is allowed: [Next, End]"),
        (Some(next), _) => return Transition::Next(next),
        (None, Some(true)) => return Transition::End,
        (None, _) if readable => fields.fail_whole("One of these fields is required: [Next, End]; 'End' must be true"),
        (None, _) => {}
    }
    Transition::End
}

/// The elements of an array field that must be objects, each read by `read`.
fn elements<'a, T>(
    fields: &mut Fields<'a>,
    name: &'static str,
    mut read: impl FnMut(&mut Fields<'a>, usize) -> T,
) -> Option<Vec<T>> {
    let items = fields.array(name)?;
    let mut found = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if let Some(mut element) = element(fields, name, index, item) {
            found.push(read(&mut element, index));
            element.finish();
        }
    }
    Some(found)
}

fn element<'a>(fields: &Fields<'a>, name: &str, index: usize, item: &'a Value) -> Option<Fields<'a>> {
    fields.of(item, format!("{}[{index}]", fields.at(name)))
}

/// A required string, or an empty stand-in for it.
fn required(fields: &mut Fields<'_>, name: &'static str) -> Arc<str> {
    fields.required_string(name).unwrap_or_default()
}
