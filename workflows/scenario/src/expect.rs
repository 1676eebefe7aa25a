//! What must come out of a case.

use asl::Value;
use execution::{EventKind, Millis, Status};

use crate::run::{Run, START};

const STATUSES: [(&str, Status); 4] = [
    ("SUCCEEDED", Status::Succeeded),
    ("FAILED", Status::Failed),
    ("TIMED_OUT", Status::TimedOut),
    ("ABORTED", Status::Aborted),
];

/// What a case expects; what is absent is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    status: Option<Status>,
    output: Option<Value>,
    error: Option<String>,
    cause: Option<String>,
    scheduled: Vec<(String, u64)>,
    /// States, and the seconds after the start within which they must have been left for the last time.
    until: Vec<(String, u64)>,
}

impl Expect {
    /// Reads the `Expect` member of a case.
    pub(crate) fn read(value: Option<&Value>) -> Result<Self, String> {
        let Some(value) = value else { return Ok(Self::default()) };
        let members = value.as_object().ok_or("Expect must be an object")?;
        let mut expect = Self::default();
        for (name, member) in members {
            match &**name {
                "Status" => expect.status = Some(status(member)?),
                "Output" => expect.output = Some(member.clone()),
                "Error" => expect.error = Some(text(member, "Error")?),
                "Cause" => expect.cause = Some(text(member, "Cause")?),
                "Scheduled" => expect.scheduled = counts(member, "Scheduled")?,
                "Until" => expect.until = counts(member, "Until")?,
                _ => {
                    return Err(format!(
                        "Expect.{name} is not known: use Status, Output, Error, Cause, Scheduled, Until"
                    ));
                }
            }
        }
        Ok(expect)
    }

    /// What differs between the expectation and the run, one sentence each.
    #[must_use]
    pub fn differences(&self, run: &Run) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(status) = self.status.filter(|status| *status != run.status) {
            found.push(format!("status is {}, not {}", name(run.status), name(status)));
        }
        if let Some(output) = &self.output {
            compare("output", output, run.output.as_ref().unwrap_or(&Value::Null), &mut found);
        }
        let error = run.failure.error.as_deref().unwrap_or_default();
        if let Some(expected) = self.error.as_deref().filter(|expected| *expected != error) {
            found.push(format!("error is {error:?}, not {expected:?}"));
        }
        let cause = run.failure.cause.as_deref().unwrap_or_default();
        if let Some(expected) = self.cause.as_deref().filter(|expected| !cause.contains(*expected)) {
            found.push(format!("cause {cause:?} does not contain {expected:?}"));
        }
        for (state, expected) in &self.scheduled {
            let count = run.scheduled.get(state.as_str()).copied().unwrap_or(0);
            if count != *expected {
                found.push(format!("{state} was scheduled {count} times, not {expected}"));
            }
        }
        for (state, seconds) in &self.until {
            match run.left(state) {
                None => found.push(format!("{state} was never left, not within {seconds} s")),
                Some(after) if after > seconds.saturating_mul(1_000) => {
                    found.push(format!("{state} was left after {after} ms, not within {seconds} s"));
                }
                Some(_) => {}
            }
        }
        found
    }
}

impl Run {
    /// Milliseconds from the start to the last time that the state was left.
    #[must_use]
    pub fn left(&self, state: &str) -> Option<u64> {
        let exited = |kind: &EventKind| matches!(kind, EventKind::StateExited { name, .. } if &**name == state);
        let at: Millis = self.events.iter().rev().find(|event| exited(&event.kind))?.at;
        u64::try_from(at - START).ok()
    }
}

/// Every named member of `expected` must be in `actual`; arrays and scalars must be equal.
fn compare(at: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, member) in expected.iter() {
                compare(&format!("{at}.{name}"), member, actual.get(name).unwrap_or(&Value::Null), found);
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{at} is {actual}, not {expected}")),
    }
}

fn text(value: &Value, name: &str) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("Expect.{name} must be a text"))
}

fn status(value: &Value) -> Result<Status, String> {
    let known = STATUSES.iter().find(|(name, _)| value.as_str() == Some(name));
    known.map(|(_, status)| *status).ok_or_else(|| {
        let names: Vec<_> = STATUSES.iter().map(|(name, _)| *name).collect();
        format!("Expect.Status must be one of {}", names.join(", "))
    })
}

fn counts(value: &Value, name: &str) -> Result<Vec<(String, u64)>, String> {
    let wrong = || format!("Expect.{name} must be an object of states and whole numbers");
    let count = |(state, count): (&std::sync::Arc<str>, &Value)| {
        let count = count.as_i64().and_then(|count| u64::try_from(count).ok()).ok_or_else(wrong)?;
        Ok((state.to_string(), count))
    };
    value.as_object().ok_or_else(wrong)?.iter().map(count).collect()
}

/// The API's name of a status.
pub(crate) fn name(status: Status) -> &'static str {
    let known = STATUSES.iter().find(|(_, known)| *known == status);
    known.map_or("RUNNING", |(name, _)| name)
}
