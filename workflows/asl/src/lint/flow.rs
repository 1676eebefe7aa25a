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

/// The groups of nodes that lead to each other, each in ascending order, in the order of their first nodes; a node that
/// leads nowhere back is a group of its own. `next` has for each node those that it leads to. Linear; after R. Tarjan,
/// "Depth-first search and linear graph algorithms" (1972), without its recursion.
pub(super) fn components(next: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search { next, low: vec![UNSEEN; next.len()], stack: Vec::new(), seen: 0, found: Vec::new() };
    for node in 0..next.len() {
        if search.low[node] == UNSEEN {
            search.from(node);
        }
    }
    let mut found = search.found;
    found.iter_mut().for_each(|group| group.sort_unstable());
    found.sort_unstable();
    found
}

/// A node that has not been seen yet, and one whose group is known.
const UNSEEN: usize = usize::MAX;
const GROUPED: usize = usize::MAX - 1;

struct Search<'a> {
    next: &'a [Vec<usize>],
    /// Of each node the earliest place in the order of the search that it is known to lead back to.
    low: Vec<usize>,
    /// Nodes whose group is not known yet.
    stack: Vec<usize>,
    seen: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn from(&mut self, root: usize) {
        // Of each node on the way its place, and which of its edges is next.
        let mut way = vec![(root, self.enter(root), 0)];
        while let Some((node, place, edge)) = way.last_mut() {
            let (node, place) = (*node, *place);
            if let Some(&to) = self.next[node].get(*edge) {
                *edge += 1;
                match self.low[to] {
                    UNSEEN => way.push((to, self.enter(to), 0)),
                    GROUPED => {}
                    low => self.low[node] = self.low[node].min(low),
                }
                continue;
            }
            way.pop();
            let low = self.low[node];
            if low == place {
                self.group(node);
            } else if let Some((before, ..)) = way.last() {
                self.low[*before] = self.low[*before].min(low);
            }
        }
    }

    fn enter(&mut self, node: usize) -> usize {
        let place = self.seen;
        self.seen += 1;
        self.low[node] = place;
        self.stack.push(node);
        place
    }

    /// `node` is the first of its group: all behind it on the stack are the rest.
    fn group(&mut self, node: usize) {
        let begin = self.stack.iter().rposition(|other| *other == node).unwrap_or_default();
        let group = self.stack.split_off(begin);
        for member in &group {
            self.low[*member] = GROUPED;
        }
        self.found.push(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_lead_to_each_other_are_a_group() {
        // 0 -> 1 -> 2 -> 0, 2 -> 3 -> 4 -> 3, 5 -> 5, 6.
        let next = [vec![1], vec![2], vec![0, 3], vec![4], vec![3], vec![5], vec![]];
        assert_eq!(components(&next), [vec![0, 1, 2], vec![3, 4], vec![5], vec![6]]);
    }

    #[test]
    fn groups_are_those_that_trying_every_pair_finds() {
        let mut draw = 1_u64;
        for size in 1..12_usize {
            for _ in 0..40 {
                let mut next = vec![Vec::new(); size];
                for _ in 0..size + size / 2 {
                    draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let pick = |shift: u32| usize::try_from(draw >> shift).unwrap() % size;
                    next[pick(33)].push(pick(47));
                }
                let leads = |from: usize| {
                    let (mut seen, mut open) = (vec![false; size], vec![from]);
                    while let Some(node) = open.pop() {
                        open.extend(next[node].iter().filter(|to| !std::mem::replace(&mut seen[**to], true)));
                    }
                    seen
                };
                let leads: Vec<Vec<bool>> = (0..size).map(leads).collect();
                let mut expected: Vec<Vec<usize>> = (0..size)
                    .map(|one| {
                        (0..size).filter(|other| one == *other || leads[one][*other] && leads[*other][one]).collect()
                    })
                    .collect();
                expected.sort_unstable();
                expected.dedup();
                assert_eq!(components(&next), expected, "{next:?}");
            }
        }
    }

    #[test]
    fn a_long_way_is_no_deep_recursion() {
        let next: Vec<Vec<usize>> = (0..300_000).map(|node| vec![(node + 1) % 300_000]).collect();
        assert_eq!(components(&next).len(), 1);
    }
}
