//! An execution whose input, and whose tasks' results, are what somebody sent.

use std::sync::LazyLock;

use asl::{Definition, Value};
use execution::{Env, EventKind, Execution, Failure, Identity, Input, Limits, Status, TaskId};

/// Definitions that look at their input in every way there is.
const DEFINITIONS: [&str; 2] = [include_str!("jsonpath.asl.json"), include_str!("jsonata.asl.json")];
/// Steps after which an execution is left alone: it has gone on, which is all that is asked of it.
const LONGEST: usize = 400;

static PARSED: LazyLock<Vec<Definition>> =
    LazyLock::new(|| DEFINITIONS.iter().filter_map(|text| asl::parse(text).definition).collect());

/// An execution with this input: of each definition, on virtual time, every task answered with the input in turn as
/// its result and as its error.
pub fn input(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(value) = Value::parse(text) else { return };
    for definition in PARSED.iter() {
        run(definition, &value);
    }
}

fn run(definition: &Definition, value: &Value) {
    let name: std::sync::Arc<str> = "fuzzed".into();
    let identity = Identity {
        arn: name.clone(),
        name: name.clone(),
        role_arn: name.clone(),
        state_machine_arn: name.clone(),
        state_machine_name: name,
    };
    let mut execution = Execution::new(identity, value.clone(), Limits::default());
    let (mut now, mut open, mut next) = (1_700_000_000_000, Vec::new(), Input::Advance);
    for step in 0..LONGEST {
        let events = execution.step(definition, next, Env { now, seed: step as u128 });
        for event in &events {
            if let EventKind::TaskScheduled { attempt, .. } = event.kind {
                open.push(TaskId { frame: event.frame, attempt });
            }
        }
        if execution.status() != Status::Running {
            return;
        }
        next = match (open.pop(), execution.due()) {
            (Some(task), _) if step % 3 == 0 => Input::TaskFailed { task, failure: failure(value) },
            (Some(task), _) => Input::TaskSucceeded { task, output: value.clone() },
            (None, Some(due)) => {
                now = due.max(now);
                Input::Wake
            }
            (None, None) => return,
        };
    }
}

fn failure(value: &Value) -> Failure {
    Failure { error: Some(value.as_str().unwrap_or("E").into()), cause: Some(value.to_string().into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        for text in DEFINITIONS {
            let parsed = asl::parse(text);
            let definition = parsed.definition.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
            assert_eq!(evaluate::check(&definition), []);
        }
        assert_eq!(PARSED.len(), DEFINITIONS.len());
    }
}
