//! Fields whose value is literal, a path or an expression.

use std::sync::Arc;

use asl::{NumberField, PathField, QueryLanguage, State, TextField, Value};
use evaluate::{jsonata, jsonpath};

use super::{Problem, Stepper, Surroundings};
use crate::event::FrameId;

impl Stepper<'_> {
    /// JSONPath: what `InputPath` selects of the raw input; JSONata: the raw input.
    pub(super) fn effective_input(&mut self, id: FrameId, state: &State) -> Result<Value, Problem> {
        let raw = self.raw_input(id);
        let input = match (&state.flow.input_path, state.query_language) {
            (_, QueryLanguage::Jsonata) => return Ok(raw),
            (PathField::Whole, _) => raw,
            (PathField::Nothing, _) => Value::object::<Arc<str>>([]),
            (PathField::Path(path), _) => {
                let surroundings = self.surroundings(id, None);
                jsonpath::select(path, &surroundings.scope(&raw))?
            }
        };
        self.note(|inspection| inspection.after_input_path = Some(input.clone()));
        Ok(input)
    }

    /// The effective input shaped by `Parameters` or `Arguments`.
    pub(super) fn parameters(
        &mut self,
        id: FrameId,
        state: &State,
        surroundings: &Surroundings,
    ) -> Result<Value, Problem> {
        let input = self.effective_input(id, state)?;
        let scope = surroundings.scope(&input);
        let given = match (state.query_language, &state.flow.parameters, &state.flow.arguments) {
            (QueryLanguage::JsonPath, Some(template), _) => evaluate::payload_template(template, &scope)?,
            (QueryLanguage::Jsonata, _, Some(template)) => surroundings.expressed("Arguments", template, &scope)?,
            _ => input,
        };
        self.note(|inspection| match state.query_language {
            QueryLanguage::JsonPath => inspection.after_parameters = Some(given.clone()),
            QueryLanguage::Jsonata if state.flow.arguments.is_some() => {
                inspection.after_arguments = Some(given.clone())
            }
            QueryLanguage::Jsonata => {}
        });
        Ok(given)
    }
}

/// The whole number that `field` gives, at least `least`.
pub(super) fn number(
    name: &str,
    field: &NumberField,
    input: &Value,
    surroundings: &Surroundings,
    least: u64,
) -> Result<u64, Problem> {
    let scope = surroundings.scope(input);
    match field {
        NumberField::Literal(number) => Ok(*number),
        NumberField::Path(path) => {
            let value = jsonpath::select(path, &scope)?;
            let number = whole(&value).or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            number.filter(|number| *number >= least).ok_or_else(|| {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Problem::runtime(format!(
                    "The {name}Path field refers to value \"{shown}\" which is not a valid integer: {path}"
                ))
            })
        }
        NumberField::Expression(text) => {
            let template = Value::from(Arc::clone(text));
            let value = jsonata::template(name, &template, &scope)?;
            match whole(&value) {
                Some(number) if number >= least => Ok(number),
                Some(number) => {
                    let cause = format!("The field '{name}' must be at least {least} but was: {number}");
                    Err(Problem::query(cause, Some(name)))
                }
                None => Err(jsonata::mistyped(name, &template, "number", &value).into()),
            }
        }
    }
}

/// A non-negative whole number, also where it is written as `2.0`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
pub(super) fn whole(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_i64() {
        return u64::try_from(number).ok();
    }
    let number = value.as_f64()?;
    (number.fract() == 0.0 && (0.0..=9.0e15).contains(&number)).then_some(number as u64)
}

/// The text that `field` gives.
pub(super) fn text(
    name: &str,
    field: &TextField,
    input: &Value,
    surroundings: &Surroundings,
) -> Result<Arc<str>, Problem> {
    let value = match field {
        TextField::Literal(text) => return Ok(Arc::clone(text)),
        TextField::Path(path) => jsonpath::select_for(&format!("{name}Path"), path, &surroundings.scope(input))?,
        TextField::Expression(text) => {
            jsonata::template(name, &Value::from(Arc::clone(text)), &surroundings.scope(input))?
        }
    };
    match value {
        Value::String(text) => Ok(text),
        other => {
            let cause = format!("The field '{name}' must be a string but was: {other}");
            Err(match field {
                TextField::Expression(_) => Problem::query(cause, Some(name)),
                _ => Problem::runtime(cause),
            })
        }
    }
}
