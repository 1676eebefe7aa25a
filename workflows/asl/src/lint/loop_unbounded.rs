//! A circle of states that nothing slows down and nothing ends.

use std::collections::{HashMap, HashSet};

use super::flow::{Edge, components, edges, reached};
use super::waiting::Waiting;
use super::{Finding, Scene, expressions, known_seconds};
use crate::{Choice, Condition, Kind, Machine, Operator, State, Task, Until, Value};

/// What is said of a circle that only a failure, or the limit of events, ends.
const NO_WAY_OUT: &str = "without a way out: only a failure or the 25,000th event ends it, give the definition \
                          TimeoutSeconds or the circle an end";

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let machine = scene.machine;
    let mut suspects: Vec<(Circle<'_>, &str)> = Vec::new();
    if scene.definition.timeout_seconds.is_none() {
        let closed = circles(machine, &|_| true).into_iter().filter(|circle| !circle.has_way_out(machine));
        suspects.extend(closed.map(|circle| (circle, NO_WAY_OUT)));
    }
    for circle in circles(machine, &|state| !is_bound(state)) {
        if let Some(why) = circle.runs_away(machine) {
            suspects.push((circle, why));
        }
    }
    let mut told: HashSet<&str> = HashSet::new();
    let mut found = Vec::new();
    for (circle, why) in suspects {
        if circle.states.iter().any(|name| told.contains(name)) {
            continue;
        }
        let location = format!("{}/States/{}", scene.location, circle.states[0]);
        found.push(Finding::new(format!("{} {why}", circle.described()), location));
        told.extend(circle.states);
    }
    found
}

/// States that lead to each other, in the order of the text.
struct Circle<'a> {
    states: Vec<&'a str>,
}

/// The circles among the states that `wanted` holds for, in the order of the text.
fn circles<'a>(machine: &'a Machine, wanted: &dyn Fn(&State) -> bool) -> Vec<Circle<'a>> {
    let states: Vec<(&str, &State)> =
        machine.states.iter().map(|(name, state)| (&**name, state)).filter(|(_, state)| wanted(state)).collect();
    let places: HashMap<&str, usize> = states.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
    let next = |(_, state): &(&str, &'a State)| {
        let open = edges(state).into_iter().filter(|edge| edge.open);
        open.filter_map(|edge| places.get(edge.to).copied()).collect()
    };
    let next: Vec<Vec<usize>> = states.iter().map(next).collect();
    let is_circle = |group: &Vec<usize>| group.len() > 1 || next[group[0]].contains(&group[0]);
    let circle = |group: Vec<usize>| Circle { states: group.into_iter().map(|place| states[place].0).collect() };
    components(&next).into_iter().filter(is_circle).map(circle).collect()
}

impl Circle<'_> {
    fn described(&self) -> String {
        match self.states[..] {
            [only] => format!("'{only}' leads to itself"),
            _ => format!(
                "{} go round",
                self.states.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    fn states<'b>(&self, machine: &'b Machine) -> impl Iterator<Item = &'b State> {
        self.states.iter().filter_map(|name| machine.states.get(*name))
    }

    fn names(&self) -> HashSet<&str> {
        self.states.iter().copied().collect()
    }

    fn has_way_out(&self, machine: &Machine) -> bool {
        let own = self.names();
        self.states(machine).any(|state| {
            let ends = matches!(state.kind.transition(), Some(crate::Transition::End));
            ends || edges(state).iter().any(|edge| edge.open && !own.contains(edge.to))
        })
    }

    /// Why the circle, in which no state waits or counts, should not be there.
    fn runs_away(&self, machine: &Machine) -> Option<&'static str> {
        if self.states(machine).all(|state| is_instant(state) && !changes_data(state)) {
            return Some("and change nothing that could ever end it");
        }
        if self.retries_for_ever(machine) {
            return Some("when a Task fails, at once and without a limit: use Retry, or a Wait and a counter");
        }
        let polls = self.states(machine).any(|state| matches!(&state.kind, Kind::Task(task) if is_look(task)));
        let choices = || {
            self.states(machine).filter_map(|state| match &state.kind {
                Kind::Choice(choice) => Some(choice),
                _ => None,
            })
        };
        let by_status = choices().next().is_some() && choices().all(compares_texts);
        (polls && by_status).then_some("looking for a status without a pause: put a Wait into it")
    }

    /// Whether failures alone, without a decision, lead from a Task back to it.
    fn retries_for_ever(&self, machine: &Machine) -> bool {
        let own = self.names();
        let undecided = |name: &str| {
            let state = machine.states.get(name);
            own.contains(name) && state.is_some_and(|state| !matches!(state.kind, Kind::Choice(_)))
        };
        let pass = |from: &str, edge: &Edge<'_>| undecided(from) && undecided(edge.to);
        let back = |name: &str, edge: &Edge<'_>| {
            edge.to == name || (undecided(edge.to) && reached(machine, edge.to, &pass).contains(name))
        };
        self.states.iter().any(|name| {
            let Some(state) = machine.states.get(*name) else { return false };
            edges(state).iter().any(|edge| edge.open && edge.catch && undecided(name) && back(name, edge))
        })
    }
}

/// Whether a circle through this state is slow, or comes to an end: it waits, counts or compares sizes.
fn is_bound(state: &State) -> bool {
    let waits = match &state.kind {
        Kind::Wait(wait) => match &wait.until {
            Until::Seconds(seconds) => known_seconds(Some(seconds)) != Some(0),
            Until::Timestamp(_) => true,
        },
        Kind::Task(task) => !matches!(Waiting::of(task), Waiting::Answer | Waiting::Unknown),
        Kind::Choice(choice) => compares_sizes(choice),
        // What is inside may wait.
        Kind::Parallel(_) | Kind::Map(_) => true,
        Kind::Pass(_) | Kind::Succeed | Kind::Fail(_) => false,
    };
    waits || expressions::templates(state).into_iter().any(|template| expressions::any(template, &counts))
}

fn is_instant(state: &State) -> bool {
    matches!(state.kind, Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_))
}

fn changes_data(state: &State) -> bool {
    let flow = &state.flow;
    let paths = [&flow.input_path, &flow.output_path];
    !expressions::templates(state).is_empty() || paths.iter().any(|path| **path != crate::PathField::Whole)
}

/// Whether the text adds, takes away or collects.
fn counts(text: &str) -> bool {
    if text.starts_with("{%") {
        let shapes = ["$append", "$count", "$reverse", "$filter", "$millis", "$now", "+", " - ", "[$"];
        return shapes.iter().any(|shape| text.contains(shape));
    }
    ["States.MathAdd", "States.Array", "[1:]"].iter().any(|shape| text.contains(shape))
}

fn compares_sizes(choice: &Choice) -> bool {
    let mut found = false;
    for rule in &choice.rules {
        expressions::each_leaf(&rule.condition, &mut |leaf| found |= is_size(leaf));
    }
    found
}

fn is_size(condition: &Condition) -> bool {
    match condition {
        Condition::Compare { operator, .. } => {
            let name = format!("{operator:?}");
            name.starts_with("Numeric") || name.starts_with("Timestamp")
        }
        Condition::Expression(Value::String(text)) => {
            ["<", ">", "$count", "$millis"].iter().any(|shape| text.contains(shape))
        }
        _ => false,
    }
}

/// Whether all the rules compare texts with literals, as one does with a status.
fn compares_texts(choice: &Choice) -> bool {
    let mut all = true;
    for rule in &choice.rules {
        expressions::each_leaf(&rule.condition, &mut |leaf| all &= is_text(leaf));
    }
    all
}

fn is_text(condition: &Condition) -> bool {
    match condition {
        Condition::Compare { operator: Operator::StringEquals | Operator::StringMatches, operand, .. } => {
            expressions::is_literal(operand)
        }
        Condition::Expression(Value::String(text)) => {
            ["= '", "= \"", " in ["].iter().any(|shape| text.contains(shape)) && !text.contains("$exists")
        }
        _ => false,
    }
}

/// Whether the Task only looks how something stands.
fn is_look(task: &Task) -> bool {
    let name = task.resource.rsplit(':').next().unwrap_or_default();
    ["describe", "get", "list", "batchGet", "check", "poll"].iter().any(|verb| name.starts_with(verb))
}
