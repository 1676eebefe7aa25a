//! Task: evaluating what an attempt is given, and scheduling it.

use std::sync::Arc;

use asl::{QueryLanguage, State, Task, Value};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evaluate::jsonata;
use sha2::{Digest as _, Sha256};

use super::{Problem, Stepper, Surroundings, fields};
use crate::event::{EventKind, Flavor, FrameId};

impl Stepper<'_> {
    /// Schedules the next attempt. A service or a function starts at once; an activity waits for its worker.
    pub(super) fn schedule(&mut self, id: FrameId, state: &State, task: &Task) -> Result<(), Problem> {
        let attempt = self.execution.frames.get(&id).map_or(0, |frame| frame.attempts) + 1;
        let token = self.token(id, attempt);
        let shown = task.resource.ends_with(".waitForTaskToken").then_some(&token);
        let surroundings = self.surroundings(id, shown);
        let parameters = self.parameters(id, state, &surroundings)?;
        let input = self.effective_input(id, state)?;
        let limit = |name: &str, field: &Option<asl::NumberField>| {
            field.as_ref().map(|field| fields::number(name, field, &input, &surroundings, 1)).transpose()
        };
        let timeout_seconds = limit("TimeoutSeconds", &task.timeout_seconds)?;
        let heartbeat_seconds = limit("HeartbeatSeconds", &task.heartbeat_seconds)?;
        let credentials = credentials(task.credentials.as_ref(), state, &input, &surroundings)?;
        let flavor = Flavor::of(&task.resource);
        self.emit(
            id,
            EventKind::TaskScheduled {
                flavor,
                resource: Arc::clone(&task.resource),
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                credentials,
                attempt,
                token,
            },
        );
        if flavor != Flavor::Activity {
            self.emit(id, EventKind::TaskStarted { flavor, worker_name: None });
        }
        Ok(())
    }

    /// `<base64url of the execution's ARN>.<frame>.<attempt>.<128 random bits>`: whoever gets it can find the
    /// execution, nobody can guess it. Other numbers of a step are shown, or are tokens in other hands: a digest of the
    /// step's whole seed tells nobody what they do not tell.
    fn token(&mut self, id: FrameId, attempt: u32) -> Arc<str> {
        let arn = self.execution.identity.arn.as_bytes();
        let drawn = self.random.next_u128();
        let digest = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(drawn.to_be_bytes());
        let digest = digest.chain_update(id.0.to_be_bytes()).chain_update(attempt.to_be_bytes()).chain_update(arn);
        let secret: String = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{}.{}.{attempt}.{secret}", URL_SAFE_NO_PAD.encode(arn), id.0).into()
    }
}

impl Flavor {
    /// Which family of history events a resource writes.
    #[must_use]
    pub fn of(resource: &str) -> Self {
        let mut parts = resource.split(':').skip(2);
        match (parts.next(), parts.nth(2)) {
            (Some("lambda"), _) => Self::Lambda,
            (Some("states"), Some("activity")) => Self::Activity,
            _ => Self::Service,
        }
    }
}

fn credentials(
    template: Option<&Value>,
    state: &State,
    input: &Value,
    surroundings: &Surroundings,
) -> Result<Option<Value>, Problem> {
    let Some(template) = template else { return Ok(None) };
    let scope = surroundings.scope(input);
    Ok(Some(match state.query_language {
        QueryLanguage::JsonPath => evaluate::payload_template(template, &scope)?,
        QueryLanguage::Jsonata => jsonata::template("Credentials", template, &scope)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_name_their_family() {
        assert_eq!(Flavor::of("arn:aws:lambda:us-east-1:123456789012:function:echo"), Flavor::Lambda);
        assert_eq!(Flavor::of("arn:aws:states:us-east-1:123456789012:activity:watch"), Flavor::Activity);
        assert_eq!(Flavor::of("arn:aws:states:::lambda:invoke"), Flavor::Service);
        assert_eq!(Flavor::of("arn:aws:states:::states:startExecution.sync:2"), Flavor::Service);
    }
}
