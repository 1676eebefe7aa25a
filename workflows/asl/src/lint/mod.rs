//! Warnings: what works and is probably not what was meant. One rule per file, a line in [`RULES`], a chapter in
//! `workflows/LINTS.md` and a case in `tests/cases`.

mod callback_timeout;
mod callback_token;
mod catch_unreachable;
mod choice_rule;
mod error_impossible;
mod error_name;
mod expressions;
mod flow;
mod heartbeat;
mod http_task;
mod loop_unbounded;
mod no_dollar;
mod retry_all;
mod retry_time;
mod sdk_action;
mod state_unreachable;
mod static_result;
mod task_timeout;
mod waiting;

use crate::visit::{Visited, inner_segment};
use crate::{Code, Definition, Diagnostic, Machine, NumberField};

/// One rule. Each has a case in `tests/cases` called `lint_` and its code in small letters.
struct Rule {
    /// What its findings are.
    code: Code,
    check: Check,
}

/// What a rule looks at.
enum Check {
    /// One state.
    State(fn(&Subject<'_>) -> Vec<Finding>),
    /// One machine: the top level, a branch, an item processor.
    Machine(fn(&Scene<'_>) -> Vec<Finding>),
}

/// A state with what stands around it.
struct Subject<'a> {
    visited: &'a Visited<'a>,
    definition: &'a Definition,
}

/// A machine, and where it is; nothing at the top level.
struct Scene<'a> {
    machine: &'a Machine,
    location: &'a str,
    definition: &'a Definition,
}

/// What a rule has to say.
struct Finding {
    message: String,
    location: String,
}

impl Finding {
    fn new(message: impl Into<String>, location: impl Into<String>) -> Self {
        Self { message: message.into(), location: location.into() }
    }
}

/// Every rule, in the order in which they look at a state; those of machines come last.
static RULES: [Rule; 16] = [
    Rule { code: Code::TaskWithoutTimeout, check: Check::State(task_timeout::check) },
    Rule { code: Code::CallbackWithoutTimeout, check: Check::State(callback_timeout::check) },
    Rule { code: Code::CallbackWithoutToken, check: Check::State(callback_token::check) },
    Rule { code: Code::HeartbeatWithoutEffect, check: Check::State(heartbeat::check) },
    Rule { code: Code::UnknownSdkAction, check: Check::State(sdk_action::check) },
    Rule { code: Code::UnusableHttpTask, check: Check::State(http_task::check) },
    Rule { code: Code::UnreachableErrorName, check: Check::State(error_name::check) },
    Rule { code: Code::UnreachableCatcher, check: Check::State(catch_unreachable::check) },
    Rule { code: Code::ImpossibleErrorName, check: Check::State(error_impossible::check) },
    Rule { code: Code::RetryAllWithoutCatch, check: Check::State(retry_all::check) },
    Rule { code: Code::RetryOutlastsExecution, check: Check::State(retry_time::check) },
    Rule { code: Code::UnreachableChoiceRule, check: Check::State(choice_rule::check) },
    Rule { code: Code::NoDollar, check: Check::State(no_dollar::check) },
    Rule { code: Code::PassResultIsStatic, check: Check::State(static_result::check) },
    Rule { code: Code::UnreachableState, check: Check::Machine(state_unreachable::check) },
    Rule { code: Code::UnboundedLoop, check: Check::Machine(loop_unbounded::check) },
];

/// Every warning about a definition without errors.
pub(crate) fn check(definition: &Definition) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    definition.visit(&mut |visited| {
        for rule in &RULES {
            if let Check::State(check) = &rule.check {
                report(rule, check(&Subject { visited: &visited, definition }), &mut found);
            }
        }
    });
    each_machine(definition, &mut |machine, location| {
        for rule in &RULES {
            if let Check::Machine(check) = &rule.check {
                report(rule, check(&Scene { machine, location, definition }), &mut found);
            }
        }
    });
    found
}

fn report(rule: &Rule, findings: Vec<Finding>, found: &mut Vec<Diagnostic>) {
    found.extend(findings.into_iter().map(|finding| Diagnostic::warning(rule.code, finding.message, finding.location)));
}

fn each_machine(definition: &Definition, act: &mut dyn FnMut(&Machine, &str)) {
    act(&definition.machine, "");
    definition.visit(&mut |visited| {
        for (index, machine) in visited.state.kind.machines().iter().enumerate() {
            act(machine, &format!("{}/{}", visited.location, inner_segment(&visited.state.kind, index)));
        }
    });
}

/// The seconds of a field, where they are known before anything runs.
fn known_seconds(field: Option<&NumberField>) -> Option<u64> {
    match field? {
        NumberField::Literal(seconds) => Some(*seconds),
        NumberField::Path(_) => None,
        NumberField::Expression(text) => text.strip_prefix("{%")?.strip_suffix("%}")?.trim().parse().ok(),
    }
}

/// Seconds after which an execution is over in any case, and whose limit that is.
fn execution_limit(subject: &Subject<'_>) -> (u64, &'static str) {
    /// No execution lasts longer than a year.
    const YEAR: u64 = 31_536_000;
    match subject.definition.timeout_seconds {
        // A distributed Map's states run in executions of their own, without this limit.
        Some(seconds) if !subject.visited.distributed => (seconds, "the definition's TimeoutSeconds"),
        _ => (YEAR, "the year that an execution may last"),
    }
}

#[cfg(test)]
mod tests;
