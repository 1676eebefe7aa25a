//! Where states lead: targets that do not exist, states that nothing leads to, machines that cannot end.

use std::collections::HashSet;

use crate::fields::Fields;
use crate::{Code, Diagnostic, Object, Severity, Value};

/// Checks the transitions of one machine whose `States` are `states`. `machine` is the object around them.
///
/// As AWS does: missing targets first; a machine without any terminal state is told so and nothing about
/// unreachable states. Both are left out while the transitions themselves cannot be read.
pub(crate) fn check(machine: &Fields<'_>, states: &Object, start_at: &str) {
    let parser = machine.parser();
    let exists = |name: &str| states.contains_key(name);
    let missing = |name: &str, location: String| {
        let message = format!("Missing 'Next' target: {name}");
        parser.report(Diagnostic::error(Code::MissingTransitionTarget, message, location));
    };
    let has_start = machine.has("StartAt") && !start_at.is_empty();
    if has_start && !exists(start_at) {
        missing(start_at, machine.at("StartAt"));
    }
    for (name, state) in states {
        for (place, target) in Targets::of(state).named.iter().filter(|(_, target)| !exists(target)) {
            missing(target, machine.at(&format!("States/{name}/{place}")));
        }
    }
    if states.values().any(|state| Targets::of(state).unreadable) {
        return;
    }
    if !states.values().any(is_terminal) {
        let location = (!machine.location().is_empty()).then(|| machine.location().to_owned());
        let message = "Workflow has no terminal state".to_owned();
        parser.report(Diagnostic { severity: Severity::Error, code: Code::MissingEndState, message, location });
    } else if has_start && exists(start_at) {
        report_unreachable(machine, states, start_at);
    }
}

fn report_unreachable(machine: &Fields<'_>, states: &Object, start_at: &str) {
    let mut reached = HashSet::from([start_at]);
    let mut open = vec![start_at];
    while let Some(name) = open.pop() {
        let Some(state) = states.get(name) else { continue };
        for (_, target) in Targets::of(state).named {
            if reached.insert(target) {
                open.push(target);
            }
        }
    }
    for name in states.keys().filter(|name| !reached.contains(&***name)) {
        let message = format!("State \"{name}\" is not reachable.");
        let location = machine.at(&format!("States/{name}"));
        machine.parser().report(Diagnostic::error(Code::MissingTransitionTarget, message, location));
    }
}

fn is_terminal(state: &Value) -> bool {
    matches!(state.get("Type").and_then(Value::as_str), Some("Succeed" | "Fail"))
        || state.get("End").and_then(Value::as_bool) == Some(true)
}

/// The states that one state names, read from the raw JSON so that a defect elsewhere in the state does not matter.
struct Targets<'a> {
    /// Location within the state, and name.
    named: Vec<(String, &'a str)>,
    /// Whether a transition is malformed or missing, so that there may be more.
    unreadable: bool,
}

impl<'a> Targets<'a> {
    fn of(state: &'a Value) -> Self {
        let mut targets = Self { named: Vec::new(), unreadable: false };
        let kind = state.get("Type").and_then(Value::as_str);
        match kind {
            Some("Choice") => {
                targets.optional(state, "Default", "Default".into());
                targets.list(state, "Choices");
            }
            Some("Task" | "Parallel" | "Map") => {
                targets.next_or_end(state);
                targets.list(state, "Catch");
            }
            Some("Pass" | "Wait") => targets.next_or_end(state),
            Some("Succeed" | "Fail") => {}
            _ => targets.unreadable = true,
        }
        targets
    }

    fn optional(&mut self, of: &'a Value, name: &str, location: String) {
        match of.get(name) {
            None => {}
            Some(Value::String(target)) => self.named.push((location, target)),
            Some(_) => self.unreadable = true,
        }
    }

    fn next_or_end(&mut self, state: &'a Value) {
        self.optional(state, "Next", "Next".into());
        self.unreadable |= self.named.is_empty() && state.get("End").and_then(Value::as_bool) != Some(true);
    }

    fn list(&mut self, state: &'a Value, name: &str) {
        let Some(elements) = state.get(name) else { return };
        let Some(elements) = elements.as_array() else {
            self.unreadable = true;
            return;
        };
        for (index, element) in elements.iter().enumerate() {
            self.unreadable |= element.get("Next").is_none();
            self.optional(element, "Next", format!("{name}[{index}]/Next"));
        }
    }
}
