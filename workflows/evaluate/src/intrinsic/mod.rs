//! Intrinsic functions: `States.Format('{}', $.name)`.

mod array;
pub(crate) mod encoding;
mod json;
mod math;
mod parse;
mod registry;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

use asl::Value;

use crate::cache::Cache;
use crate::jsonpath::{self, Path};
use crate::random::Random;
use crate::{Failure, Scope};

pub(crate) use parse::parse;
use registry::Entry;

static CALLS: Cache<Result<Call, String>> = Cache::new();

/// A parsed call.
#[derive(Debug)]
pub(crate) struct Call {
    entry: &'static Entry,
    arguments: Vec<Argument>,
    source: Box<str>,
}

/// One argument of a call.
#[derive(Debug)]
enum Argument {
    /// A number, `true`, `false` or `null`.
    Literal(Value),
    /// A text in quotes.
    Text {
        /// As it stands between the quotes, with its escapes: what `States.Format` reads.
        raw: Value,
        /// Without the escapes.
        plain: Value,
    },
    /// A path, with its text.
    Path(Path, Box<str>),
    /// A call within the call.
    Call(Call),
}

/// What the call `text` gives, for the field `field`.
///
/// # Errors
/// `States.IntrinsicFailure` where a function fails; `States.Runtime` where a path finds nothing or `text` is no call.
pub(crate) fn evaluate(field: &str, text: &str, scope: &Scope<'_>, random: &mut Random) -> Result<Value, Failure> {
    match &*CALLS.get(text, parse) {
        Ok(call) => call.evaluate(field, scope, random),
        Err(message) => Err(Failure::runtime(format!(
            "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call, \
             but '{text}' is not: {message}"
        ))),
    }
}

impl Call {
    fn evaluate(&self, field: &str, scope: &Scope<'_>, random: &mut Random) -> Result<Value, Failure> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for (index, argument) in self.arguments.iter().enumerate() {
            let raw = self.entry.reads_escapes && index == 0;
            values.push(argument.evaluate(raw, field, scope, random)?);
        }
        (self.entry.call)(&values, random).map_err(|message| {
            let cause = format!("The function '{}' had the following error: {message}", self.source);
            Failure::new("States.IntrinsicFailure", cause)
        })
    }
}

impl Call {
    /// Adds the variables that the call reads to `found`.
    pub(crate) fn variables(&self, found: &mut BTreeSet<Arc<str>>) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path, _) => path.variables(found),
                Argument::Call(call) => call.variables(found),
                Argument::Literal(_) | Argument::Text { .. } => {}
            }
        }
    }
}

impl Argument {
    fn evaluate(&self, escaped: bool, field: &str, scope: &Scope<'_>, random: &mut Random) -> Result<Value, Failure> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Text { raw, plain } => Ok(if escaped { raw.clone() } else { plain.clone() }),
            Self::Path(path, text) => {
                jsonpath::find_parsed(path, scope).map_err(|miss| jsonpath::failure_for(field, text, scope, miss))
            }
            Self::Call(call) => call.evaluate(field, scope, random),
        }
    }
}

#[cfg(test)]
mod tests;
