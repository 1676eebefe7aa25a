//! Evaluating an expression within bounds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;

use super::dialect::{self, Draws};
use super::needs::Need;
use super::program::{Found, Program, state};
use super::{convert, message};
use crate::Scope;
use asl::Value;

/// Milliseconds an expression may take on the real clock, as on AWS. Only a runaway expression ever takes as long.
const LONGEST: u64 = 5_000;

/// Levels an evaluation may nest: AWS refuses between 99 and 101.
const DEEPEST: usize = 100;

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The expression gives nothing.
    Undefined,
    /// It gives a function.
    Unsupported,
    /// It throws: JSONata's code and message.
    Thrown(String),
    /// It reaches a bound.
    Bound(String),
}

/// What `program` gives in `scope`.
///
/// # Errors
/// [`Stop`]
pub(super) fn run(program: &Program, scope: &Scope<'_>, draws: &Draws) -> Result<Value, Stop> {
    match program.lookup.as_ref().map(|lookup| lookup.find(scope)) {
        Some(Found::Value(value)) => return Ok(value.clone()),
        Some(Found::Nothing) => return Err(Stop::Undefined),
        Some(Found::Mapped) | None => {}
    }
    interpret(program, scope, draws)
}

/// As [`run`], by the evaluator in any case.
pub(super) fn interpret(program: &Program, scope: &Scope<'_>, draws: &Draws) -> Result<Value, Stop> {
    interpret_on(program, scope, draws, &JValue::Undefined)
}

/// As [`interpret`], with `item` as the context item that Step Functions' expressions do not have.
pub(super) fn interpret_on(program: &Program, scope: &Scope<'_>, draws: &Draws, item: &JValue) -> Result<Value, Stop> {
    evaluate(program, scope, draws, item)
        .map_err(|error| message::thrown(&error, &program.tree))
        .and_then(|result| convert::export(&result))
}

fn evaluate(program: &Program, scope: &Scope<'_>, draws: &Draws, item: &JValue) -> Result<JValue, EvaluatorError> {
    let options = EvaluatorOptions {
        timeout_ms: Some(LONGEST),
        cancel: None,
        max_stack_depth: Some(DEEPEST),
        max_sequence_length: Some(dialect::LONGEST_SEQUENCE),
    };
    let mut evaluator = Evaluator::with_options(bindings(program, scope), options);
    let made = dialect::Made::default();
    for name in &program.functions {
        if !scope.variables.contains_key(*name) {
            dialect::install(&mut evaluator, name, scope.now, draws, &made)?;
        }
    }
    // The evaluator is somebody else's: a defect in it fails the expression and nothing else.
    catch_unwind(AssertUnwindSafe(|| evaluator.evaluate(&program.tree, item))).unwrap_or_else(|_| {
        Err(EvaluatorError::EvaluationError(String::from("The evaluator cannot evaluate this expression")))
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact for 285,000 years")]
fn bindings(program: &Program, scope: &Scope<'_>) -> Context {
    let mut context = Context::new();
    context.bind(dialect::NOW.to_owned(), JValue::Number(scope.now as f64));
    for (name, need) in &program.needs.variables {
        if name == "states" {
            context.bind(name.clone(), states(need, scope));
        } else if let Some(value) = scope.variables.get(name.as_str()) {
            context.bind(name.clone(), convert::import(value, need));
        }
    }
    context
}

/// `$states`, as far as `need` says.
fn states(need: &Need, scope: &Scope<'_>) -> JValue {
    const WHOLE: Need = Need { whole: true, members: std::collections::BTreeMap::new() };
    convert::object(["input", "context", "result", "errorOutput"].into_iter().filter_map(|member| {
        let need = if need.whole { &WHOLE } else { need.members.get(member)? };
        Some((member.to_owned(), convert::import(state(scope, member)?, need)))
    }))
}
