//! Walks through every state of a definition, whatever machine it is in.

use std::sync::Arc;

use crate::{Definition, Kind, Machine, ProcessorMode, State};

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
    /// Whether a distributed Map is around it: it then runs in an execution of its own.
    pub distributed: bool,
    /// Whether a state around it has a Catch.
    pub caught: bool,
}

impl Definition {
    /// Calls `visitor` with every state, in the order of the text, a state before those inside it.
    pub fn visit<'a>(&'a self, visitor: &mut impl FnMut(Visited<'a>)) {
        visit_machine(&self.machine, &Around::default(), visitor);
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

/// What stands around a machine.
#[derive(Default)]
struct Around {
    location: String,
    distributed: bool,
    caught: bool,
}

fn visit_machine<'a>(machine: &'a Machine, around: &Around, visitor: &mut impl FnMut(Visited<'a>)) {
    let Around { distributed, caught, .. } = *around;
    for (name, state) in &machine.states {
        let location = format!("{}/States/{name}", around.location);
        visitor(Visited { name, state, location: location.clone(), machine, distributed, caught });
        for (index, inner) in state.kind.machines().iter().enumerate() {
            let around = Around {
                location: format!("{location}/{}", inner_segment(&state.kind, index)),
                distributed: distributed || is_distributed(&state.kind),
                caught: caught || state.kind.recovery().is_some_and(|recovery| !recovery.catch.is_empty()),
            };
            visit_machine(inner, &around, visitor);
        }
    }
}

fn is_distributed(kind: &Kind) -> bool {
    matches!(kind, Kind::Map(map) if map.mode == ProcessorMode::Distributed)
}

/// The part of a location that leads from a state to the machine inside it.
pub(crate) fn inner_segment(kind: &Kind, index: usize) -> String {
    match kind {
        Kind::Map(_) => "ItemProcessor".into(),
        _ => format!("Branches[{index}]"),
    }
}
