//! `StartAt` and `States`: what the top level, a Parallel branch and an item processor have in common.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::fields::{Fields, described};
use crate::{Code, Diagnostic, Machine, Object, QueryLanguage, State, Value, state, transition, variable};

/// What a machine is given by the text around it.
pub(crate) struct Outer {
    /// The language of states that name none: always the whole definition's, never that of the state around.
    pub(crate) language: QueryLanguage,
    /// Names of the variables that states outside assign and states inside see.
    pub(crate) variables: HashSet<Arc<str>>,
}

/// The longest name a state may have, in characters.
const MAX_NAME_CHARS: usize = 80;

/// Reads `StartAt` and `States` of `fields`.
pub(crate) fn read(fields: &mut Fields<'_>, outer: &Outer) -> Machine {
    let start_at = fields.required_string("StartAt");
    let members = fields.object("States");
    let members = fields.require("States", members);
    let mut machine = Machine { start_at: start_at.unwrap_or_default(), states: IndexMap::new() };
    if let Some(states) = members {
        let raw = states.members();
        machine.states = read_states(&states, raw, outer);
        if raw.is_empty() {
            states.fail_whole("Field 'States' must have at least one state");
        } else {
            transition::check(fields, raw, &machine.start_at);
        }
    }
    machine
}

/// Reads a machine that is the value of a field of its own: a branch.
pub(crate) fn nested(mut fields: Fields<'_>, outer: &Outer) -> Machine {
    // Only taken notice of, so that `Comment` is known.
    fields.string("Comment");
    let machine = read(&mut fields, outer);
    fields.finish();
    machine
}

/// Reads states; where they lead to is checked by whoever has the whole machine.
pub(crate) fn read_states<'a>(states: &Fields<'a>, raw: &'a Object, outer: &Outer) -> IndexMap<Arc<str>, State> {
    let inner = Outer { language: outer.language, variables: variable::visible(states, raw, outer) };
    let mut read = IndexMap::with_capacity(raw.len());
    for (name, value) in raw {
        let location = states.at(name);
        check_name(states, name, &location);
        if let Some(fields) = state_fields(states, value, location)
            && let Some(state) = state::read(fields, &inner)
        {
            read.insert(name.clone(), state);
        }
    }
    read
}

fn state_fields<'a>(states: &Fields<'a>, value: &'a Value, location: String) -> Option<Fields<'a>> {
    if let Value::Object(_) = value {
        return states.of(value, location);
    }
    states.parser().schema(&location, format!("A state must be an object, was {}", described(value)));
    None
}

fn check_name(states: &Fields<'_>, name: &Arc<str>, location: &str) {
    let length = name.chars().count();
    if length == 0 {
        states.parser().report(Diagnostic::error(Code::InvalidStateName, "A state name must not be empty", location));
    } else if length > MAX_NAME_CHARS {
        let message = format!("A state name must have at most {MAX_NAME_CHARS} characters, this one has {length}");
        states.parser().report(Diagnostic::error(Code::InvalidStateName, message, location));
    }
    if !states.parser().is_new_state(name) {
        let message = format!("Duplicate State name: {name}");
        states.parser().report(Diagnostic::error(Code::DuplicateStateName, message, location));
    }
}
