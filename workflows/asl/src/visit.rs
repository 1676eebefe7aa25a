//! Walks through every state of a definition, whatever machine it is in.

use std::sync::Arc;

use crate::{Definition, Kind, Machine, State};

/// One state met by [`Definition::visit`].
#[derive(Clone, Debug)]
pub struct Visited<'a> {
    /// The state's name, unique in the definition.
    pub name: &'a Arc<str>,
    /// The state.
    pub state: &'a State,
    /// Where it is: `/States/Fan/Branches[0]/States/A`. An old `Iterator` is called `ItemProcessor`.
    pub location: String,
    /// The machine it is in.
    pub machine: &'a Machine,
}

impl Definition {
    /// Calls `visitor` with every state, in the order of the text, a state before those inside it.
    pub fn visit<'a>(&'a self, visitor: &mut impl FnMut(Visited<'a>)) {
        visit_machine(&self.machine, "", visitor);
    }
}

impl Definition {
    /// The item processor of the Map state `name`, wherever it is, as a definition of its own: what the children of a
    /// Map Run run.
    #[must_use]
    pub fn item_processor(&self, name: &str) -> Option<Self> {
        let mut found = None;
        self.visit(&mut |visited| {
            if let (Kind::Map(map), true) = (&visited.state.kind, &**visited.name == name) {
                found = Some(map.machine.clone());
            }
        });
        let query_language = self.query_language;
        found.map(|machine| Self { comment: None, query_language, timeout_seconds: None, machine })
    }
}

fn visit_machine<'a>(machine: &'a Machine, location: &str, visitor: &mut impl FnMut(Visited<'a>)) {
    for (name, state) in &machine.states {
        let location = format!("{location}/States/{name}");
        visitor(Visited { name, state, location: location.clone(), machine });
        for (index, inner) in state.kind.machines().iter().enumerate() {
            visit_machine(inner, &format!("{location}/{}", inner_segment(&state.kind, index)), visitor);
        }
    }
}

/// The part of a location that leads from a state to the machine inside it.
pub(crate) fn inner_segment(kind: &Kind, index: usize) -> String {
    match kind {
        Kind::Map(_) => "ItemProcessor".into(),
        _ => format!("Branches[{index}]"),
    }
}
