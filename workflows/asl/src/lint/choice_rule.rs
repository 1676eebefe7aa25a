//! A choice rule that never gets its turn, or never matches.

use super::{Finding, Subject};
use crate::{Choice, Condition, Kind, Value};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Kind::Choice(choice) = &subject.visited.state.kind else { return Vec::new() };
    let location = &subject.visited.location;
    let finding = |index| {
        let message = "This rule never applies: it is false, or an earlier rule takes all that it would take";
        Finding::new(message, format!("{location}/Choices[{index}]"))
    };
    let mut found: Vec<Finding> = (0..choice.rules.len()).filter(|index| never(choice, *index)).map(finding).collect();
    if choice.default.is_some() && default_never(choice) {
        let message = "The Default is never taken: a rule before it is always true";
        found.push(Finding::new(message, format!("{location}/Default")));
    }
    found
}

/// Whether the rule at `index` is never taken.
pub(super) fn never(choice: &Choice, index: usize) -> bool {
    let Some((rule, earlier)) = choice.rules.get(index).zip(choice.rules.get(..index)) else { return false };
    is(&rule.condition, false)
        || earlier.iter().any(|before| is(&before.condition, true) || before.condition == rule.condition)
}

/// Whether the Default is never taken.
pub(super) fn default_never(choice: &Choice) -> bool {
    choice.rules.iter().any(|rule| is(&rule.condition, true))
}

/// Whether the condition is the literal `truth`.
fn is(condition: &Condition, truth: bool) -> bool {
    let Condition::Expression(value) = condition else { return false };
    match value {
        Value::Bool(literal) => *literal == truth,
        Value::String(text) => {
            let inner = text.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}"));
            inner.is_some_and(|inner| inner.trim() == if truth { "true" } else { "false" })
        }
        _ => false,
    }
}
