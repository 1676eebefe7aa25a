//! Wait.

use std::sync::Arc;

use asl::{NumberField, State, TextField, Until, Value, Wait};
use evaluate::{jsonata, jsonpath};

use super::{Problem, Stepper, Surroundings, fields};
use crate::context::parse_instant;
use crate::event::{EventKind, FrameId, Millis};

/// Seconds of the longest wait given in seconds.
const LONGEST: u64 = 99_999_999;

/// Milliseconds to the furthest instant that can be waited for: 2^31 - 1 seconds, about 24,855 days.
const FURTHEST: i64 = 2_147_483_647 * 1000;

impl Stepper<'_> {
    /// Computes when the wait is over.
    pub(super) fn wait(&mut self, id: FrameId, state: &State, wait: &Wait) -> Result<(), Problem> {
        let input = self.effective_input(id, state)?;
        let surroundings = self.surroundings(id, None);
        let until = match &wait.until {
            Until::Seconds(field) => {
                let seconds = seconds(field, &input, &surroundings)?;
                self.now.saturating_add_unsigned(seconds * 1000)
            }
            Until::Timestamp(field) => timestamp(field, &input, &surroundings)?,
        };
        if until.saturating_sub(self.now) > FURTHEST {
            return Err(Problem::runtime("Wait state delay is too long.".to_owned()));
        }
        self.emit(id, EventKind::WaitArmed { until });
        Ok(())
    }

    /// The wait is over.
    pub(super) fn waited(&mut self, id: FrameId) {
        self.attempt(id, |stepper, id, state| {
            let input = stepper.effective_input(id, state)?;
            stepper.exit_with(id, state, &input)
        });
    }
}

fn seconds(field: &NumberField, input: &Value, surroundings: &Surroundings) -> Result<u64, Problem> {
    let NumberField::Path(path) = field else {
        let seconds = fields::number("Seconds", field, input, surroundings, 0)?;
        return if seconds > LONGEST {
            Err(Problem::query("Wait state delay is too long.".to_owned(), Some("Seconds")))
        } else {
            Ok(seconds)
        };
    };
    let value = jsonpath::select(path, &surroundings.scope(input)).map_err(|_| {
        Problem::runtime(format!("The SecondsPath parameter does not reference an input value: {path}"))
    })?;
    let Some(seconds) = value.as_i64() else {
        return Err(Problem::runtime(format!(
            "The SecondsPath parameter cannot be parsed as a long value: {path} == {}",
            shown(&value)
        )));
    };
    match u64::try_from(seconds) {
        Ok(seconds) if seconds <= LONGEST => Ok(seconds),
        Ok(_) => Err(Problem::runtime("Wait state delay is too long.".to_owned())),
        Err(_) => {
            Err(Problem::runtime(format!("The SecondsPath parameter cannot be a negative number: {path} == {seconds}")))
        }
    }
}

fn timestamp(field: &TextField, input: &Value, surroundings: &Surroundings) -> Result<Millis, Problem> {
    let scope = surroundings.scope(input);
    match field {
        TextField::Literal(text) => parse_instant(text).ok_or_else(|| unreadable(text, None)),
        TextField::Path(path) => {
            let value = jsonpath::select(path, &scope)?;
            let instant = value.as_str().and_then(parse_instant);
            instant.ok_or_else(|| unreadable(&shown(&value), Some(path)))
        }
        TextField::Expression(text) => {
            let value = jsonata::template("Timestamp", &Value::from(Arc::clone(text)), &scope)?;
            let instant = value.as_str().and_then(parse_instant);
            instant.ok_or_else(|| {
                let text = shown(&value);
                let cause = format!(
                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
                );
                Problem::unusable(cause, "Timestamp")
            })
        }
    }
}

fn unreadable(text: &str, path: Option<&str>) -> Problem {
    let place = path.map_or_else(String::new, |path| format!("{path} == "));
    Problem::runtime(format!(
        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: \
         {place}{text}"
    ))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
