//! Where the states of one machine lead.

use std::collections::{HashSet, VecDeque};

use crate::{Kind, Machine, State, Transition};

use super::{catch_unreachable, choice_rule};

/// One way from a state to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge<'a> {
    pub(super) to: &'a str,
    /// Whether a failure takes it.
    pub(super) catch: bool,
    /// Whether it is ever taken.
    pub(super) open: bool,
}

/// Every way out of a state.
pub(super) fn edges(state: &State) -> Vec<Edge<'_>> {
    let mut found = Vec::new();
    if let Some(Transition::Next(next)) = state.kind.transition() {
        found.push(Edge { to: next, catch: false, open: true });
    }
    if let Kind::Choice(choice) = &state.kind {
        let rule = |(index, rule)| {
            let rule: &crate::ChoiceRule = rule;
            Edge { to: &rule.next, catch: false, open: !choice_rule::never(choice, index) }
        };
        found.extend(choice.rules.iter().enumerate().map(rule));
        let open = !choice_rule::default_never(choice);
        found.extend(choice.default.iter().map(|default| Edge { to: default, catch: false, open }));
    }
    let catchers = state.kind.recovery().map(|recovery| recovery.catch.as_slice()).unwrap_or_default();
    found.extend(catchers.iter().enumerate().map(|(index, catcher)| {
        let runtime = catcher.error_equals.iter().all(|name| &**name == "States.Runtime");
        let open = !runtime && !catch_unreachable::is_unreachable(state, index);
        Edge { to: &catcher.next, catch: true, open }
    }));
    found
}

/// The states that `from` leads to in any number of steps over edges that `wanted` lets pass.
pub(super) fn reached<'a>(
    machine: &'a Machine,
    from: &'a str,
    wanted: &dyn Fn(&str, &Edge<'a>) -> bool,
) -> HashSet<&'a str> {
    let mut found = HashSet::new();
    let mut open = VecDeque::from([from]);
    while let Some(name) = open.pop_front() {
        let Some(state) = machine.states.get(name) else { continue };
        for edge in edges(state).into_iter().filter(|edge| edge.open && wanted(name, edge)) {
            if found.insert(edge.to) {
                open.push_back(edge.to);
            }
        }
    }
    found
}
