//! What a mocked task answers.

use asl::Value;
use execution::{Failure, Millis};

/// Milliseconds a task takes where its mock does not say.
pub(crate) const USUAL_DELAY: Millis = 50;

/// The answers of one mock, by attempt.
#[derive(Clone, Debug, Default)]
pub struct Mock {
    answers: Vec<(u64, u64, Response)>,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Milliseconds from scheduling to the outcome.
    pub delay: Millis,
    /// Milliseconds between heartbeats, where the task sends any.
    pub heartbeat: Option<Millis>,
    /// What the service answers when it has accepted a job (`.sync`) or a callback (`.waitForTaskToken`).
    pub submitted: Option<Value>,
    /// How it ends.
    pub outcome: Outcome,
}

/// How a task ends.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// With this result.
    Return(Value),
    /// With this failure.
    Throw(Failure),
    /// Not at all.
    Silence,
}

impl Mock {
    /// Reads `{"0": {"Return": ...}, "1-2": {"Throw": ...}}`.
    ///
    /// # Errors
    /// What is wrong, beginning with the attempt it is wrong in.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let members = value.as_object().ok_or("must be an object of attempts, such as {\"0\": {\"Return\": 1}}")?;
        let mut answers = Vec::with_capacity(members.len());
        for (attempts, answer) in members {
            let (first, last) = range(attempts)?;
            let response = Response::read(answer).map_err(|problem| format!("{attempts}: {problem}"))?;
            answers.push((first, last, response));
        }
        Ok(Self { answers })
    }

    /// The answer to an attempt, counted from 0.
    #[must_use]
    pub fn answer(&self, attempt: u64) -> Option<&Response> {
        let covers = |(first, last, _): &&(u64, u64, Response)| (*first..=*last).contains(&attempt);
        self.answers.iter().find(covers).map(|(_, _, response)| response)
    }

    /// The last answer that is a result.
    pub(crate) fn last_result(&self) -> Option<&Response> {
        let results = self.answers.iter().filter(|(_, _, response)| matches!(response.outcome, Outcome::Return(_)));
        results.max_by_key(|(_, last, _)| *last).map(|(_, _, response)| response)
    }
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("{text}: attempts are a number from 0, or a range such as 1-2")),
    }
}

impl Response {
    fn read(value: &Value) -> Result<Self, String> {
        let members = value.as_object().ok_or("must be an object with Return, Throw or NoResponse")?;
        let known = ["Return", "Throw", "NoResponse", "Delay", "HeartbeatEvery", "Submitted"];
        if let Some(name) = members.keys().find(|name| !known.contains(&&***name)) {
            return Err(format!("{name} is not known: use {}", known.join(", ")));
        }
        let outcome = match (members.get("Return"), members.get("Throw"), members.get("NoResponse")) {
            (Some(result), None, None) => Outcome::Return(result.clone()),
            (None, Some(failure), None) => Outcome::Throw(failure_of(failure)?),
            (None, None, Some(Value::Bool(true))) => Outcome::Silence,
            _ => return Err("needs exactly one of Return, Throw, or NoResponse: true".to_owned()),
        };
        Ok(Self {
            delay: seconds(value, "Delay")?.unwrap_or(USUAL_DELAY),
            heartbeat: seconds(value, "HeartbeatEvery")?,
            submitted: members.get("Submitted").cloned(),
            outcome,
        })
    }
}

/// A failure; a cause that is an object stands for its text, as functions and child executions give it.
fn failure_of(value: &Value) -> Result<Failure, String> {
    let error = value.get("Error").and_then(Value::as_str).ok_or("Throw needs Error, a text")?;
    let cause = match value.get("Cause") {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string().into()),
    };
    Ok(Failure { error: Some(error.into()), cause })
}

/// A member in seconds, as milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "seconds of a test case; an absurd number saturates")]
fn seconds(value: &Value, name: &str) -> Result<Option<Millis>, String> {
    let Some(member) = value.get(name) else { return Ok(None) };
    match member.as_f64() {
        Some(seconds) if seconds >= 0.0 => Ok(Some((seconds * 1000.0).round() as Millis)),
        _ => Err(format!("{name} must be a number of seconds, 0 or more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Mock, String> {
        Mock::read(&Value::parse(text).unwrap())
    }

    #[test]
    fn attempts_are_found_by_number_and_range() {
        let mock =
            read(r#"{"0": {"Throw": {"Error": "E", "Cause": {"a": 1}}}, "1-2": {"Return": 7, "Delay": 1.5}}"#).unwrap();
        let Outcome::Throw(failure) = &mock.answer(0).unwrap().outcome else { panic!("a failure first") };
        assert_eq!(failure.cause.as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(mock.answer(2).unwrap().delay, 1_500);
        assert!(mock.answer(3).is_none());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, problem) in [
            (r#"{"x": {"Return": 1}}"#, "x: attempts are"),
            (r#"{"2-1": {"Return": 1}}"#, "2-1: attempts are"),
            (r#"{"0": {"Return": 1, "Throw": {"Error": "E"}}}"#, "0: needs exactly one"),
            (r#"{"0": {"Retrun": 1}}"#, "0: Retrun is not known"),
            (r#"{"0": {"Return": 1, "Delay": -1}}"#, "0: Delay must be"),
            (r#"{"0": {"Throw": {}}}"#, "0: Throw needs Error"),
            ("[]", "must be an object"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.starts_with(problem), "{found}");
        }
    }
}
