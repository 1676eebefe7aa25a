//! The texts in the templates of a state.

use crate::{Condition, Kind, Operand, State, Value};

/// Whether `wanted` holds for a text in `value`; texts of keys are left out.
pub(super) fn any(value: &Value, wanted: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => wanted(text),
        Value::Array(items) => items.iter().any(|item| any(item, wanted)),
        Value::Object(members) => members.values().any(|member| any(member, wanted)),
        _ => false,
    }
}

/// Every template of a state that gives data: what it passes on, assigns, hands to a task.
pub(super) fn templates(state: &State) -> Vec<&Value> {
    let flow = &state.flow;
    let mut found = vec![&flow.parameters, &flow.result_selector, &flow.arguments, &flow.output, &flow.assign];
    match &state.kind {
        Kind::Pass(pass) => found.push(&pass.result),
        Kind::Choice(choice) => {
            found.extend(choice.rules.iter().flat_map(|rule| [&rule.assign, &rule.output]));
        }
        _ => {}
    }
    let catchers = state.kind.recovery().map(|recovery| recovery.catch.as_slice()).unwrap_or_default();
    found.extend(catchers.iter().flat_map(|catcher| [&catcher.assign, &catcher.output]));
    found.into_iter().flatten().collect()
}

/// Calls `act` with every comparison or expression of a condition.
pub(super) fn each_leaf<'a>(condition: &'a Condition, act: &mut dyn FnMut(&'a Condition)) {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().for_each(|inner| each_leaf(inner, act)),
        Condition::Not(inner) => each_leaf(inner, act),
        Condition::Expression(_) | Condition::Compare { .. } => act(condition),
    }
}

/// Whether a comparison's right-hand side is a literal.
pub(super) const fn is_literal(operand: &Operand) -> bool {
    matches!(operand, Operand::Literal(_))
}
