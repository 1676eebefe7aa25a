//! JSONata expressions in templates.
//!
//! The evaluator is `jsonata-core`; around it stand the dialect of Step Functions (its functions, its bounds, what it
//! refuses) and AWS's wording.

mod convert;
mod dialect;
mod free;
mod message;
mod needs;
mod program;
mod restrict;
mod rewrite;
mod run;
mod tree;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use asl::{Object, Value};
use jsonata_core::value::with_stack;

use crate::random::Random;
use crate::{Failure, Scope, depth};
pub(crate) use free::variables;
pub(crate) use restrict::{Finding, inspect};

/// `template` with every string that is wholly `{% ... %}` evaluated; other strings are literal. `field` names the
/// template in errors (`Output`, `Choices[0]/Condition`); the place in it is appended, as in `Output/a[0]/b`.
///
/// # Errors
/// `States.QueryEvaluationError` with its location: an expression cannot be read, throws, gives nothing or a function;
/// what is filled nests too deep.
pub fn template(field: &str, template: &Value, scope: &Scope<'_>) -> Result<Value, Failure> {
    let random = Rc::new(RefCell::new(Random::new(scope.seed, field)));
    match (Filling { scope, random }).fill(field, template)? {
        Some(filled) => depth::bounded(filled).map_err(|failure| Failure::query(failure.cause, field)),
        None => Ok(template.clone()),
    }
}

/// What a field that needs another type than its expression gives fails with; `expected` is the JSON type's name.
#[must_use]
pub fn mistyped(field: &str, template: &Value, expected: &str, value: &Value) -> Failure {
    let source = template.as_str().and_then(expression).unwrap_or_default();
    Failure::query(
        format!(
            "The JSONata expression '{source}' specified for the field '{field}' returned an unexpected result type. \
             Expected '{expected}', but was '{}' for value: {value}",
            value.type_name()
        ),
        field,
    )
}

/// The expression in `text`, where the whole of it is `{% ... %}`.
pub(crate) fn expression(text: &str) -> Option<&str> {
    text.strip_prefix("{%")?.strip_suffix("%}").map(str::trim)
}

/// A template being filled.
struct Filling<'a> {
    scope: &'a Scope<'a>,
    random: Rc<RefCell<Random>>,
}

impl Filling<'_> {
    /// The filled template, or nothing where it is a literal through and through.
    fn fill(&self, location: &str, template: &Value) -> Result<Option<Value>, Failure> {
        match template {
            Value::String(text) => match expression(text) {
                Some(source) => self.evaluate(location, source).map(Some),
                None => Ok(None),
            },
            Value::Array(items) => with_stack(|| self.fill_array(location, items)),
            Value::Object(members) => with_stack(|| self.fill_object(location, members)),
            _ => Ok(None),
        }
    }

    fn fill_array(&self, location: &str, items: &[Value]) -> Result<Option<Value>, Failure> {
        let mut filled: Option<Vec<Value>> = None;
        for (index, item) in items.iter().enumerate().filter(|(_, item)| may_hold_expression(item)) {
            if let Some(new) = self.fill(&format!("{location}[{index}]"), item)? {
                filled.get_or_insert_with(|| items.to_vec())[index] = new;
            }
        }
        Ok(filled.map(Value::array))
    }

    fn fill_object(&self, location: &str, members: &Object) -> Result<Option<Value>, Failure> {
        let mut filled: Option<Object> = None;
        for (key, member) in members.iter().filter(|(_, member)| may_hold_expression(member)) {
            if let Some(new) = self.fill(&format!("{location}/{key}"), member)? {
                filled.get_or_insert_with(|| members.clone()).insert(Arc::clone(key), new);
            }
        }
        Ok(filled.map(|members| Value::Object(Arc::new(members))))
    }

    fn evaluate(&self, location: &str, source: &str) -> Result<Value, Failure> {
        let said = |what: &str| {
            let subject = format!("The JSONata expression '{source}' specified for the field '{location}'");
            Failure::query(format!("{subject} {what}"), location)
        };
        let program = program::compile(source);
        let result = match &*program {
            Ok(program) => run::run(program, self.scope, &self.random),
            Err(error) => Err(run::Stop::Thrown(error.to_string())),
        };
        result.map_err(|stop| match stop {
            run::Stop::Undefined => said("returned nothing (undefined)."),
            run::Stop::Unsupported => said("returned an unsupported result type."),
            run::Stop::Thrown(message) => said(&format!("threw an error during evaluation. {message}")),
            run::Stop::Bound(message) => said(&format!("threw an error during evaluation: {message}")),
        })
    }
}

/// Whether there is any need to look into `template`: scalars and literal texts make no location.
fn may_hold_expression(template: &Value) -> bool {
    match template {
        Value::String(text) => text.starts_with("{%"),
        Value::Array(_) | Value::Object(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
