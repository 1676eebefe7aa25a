//! What a worker says to Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::SdkError;
use backon::{ExponentialBuilder, Retryable};
use clients::failure;
use operations::Error;
use operations::error::{Class, Kind};
use serde_json::Value;
use std::time::Duration;

/// The longest cause that Step Functions takes, in bytes; characters of at most 4 bytes stay below it.
const MAX_CAUSE: usize = 8_000;
/// How often a result is sent again before it is given up: its work would be repeated.
const REPORT_ATTEMPTS: usize = 8;

/// A task as handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handed {
    pub(crate) token: String,
    pub(crate) input: String,
}

/// How Step Functions took a message about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It was taken.
    Yes,
    /// The task is no longer ours: it timed out, was stopped, or was answered.
    Gone,
    /// The message did not get through.
    No(Error),
}

#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    client: Client,
    worker: String,
}

impl Conversation {
    pub(crate) fn new(client: Client, worker: String) -> Self {
        Self { client, worker }
    }

    /// The ARN of the activity with this name; waits, however long, until there is one.
    pub(crate) async fn locate(&self, name: &str) -> String {
        loop {
            // Without a limit on attempts only an answer ends the retries.
            if let Ok(arn) = (|| self.find(name)).retry(patient()).notify(retrying).await {
                return arn;
            }
        }
    }

    async fn find(&self, name: &str) -> Result<String, Error> {
        let mut next = None;
        loop {
            let page = self.client.list_activities().set_next_token(next).send().await;
            let page = page.map_err(|error| failure::of_sdk("states:ListActivities", &error))?;
            if let Some(found) = page.activities().iter().find(|activity| activity.name() == name) {
                return Ok(found.activity_arn().to_owned());
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Err(Error::new(Kind::ConfigInvalid, format!("there is no activity {name} yet: create it")));
            }
        }
    }

    /// Waits for a task, however long; reconnects with growing pauses.
    pub(crate) async fn next(&self, activity: &str) -> Handed {
        loop {
            let asked = (|| self.poll(activity)).retry(patient()).notify(retrying);
            // Without a limit on attempts only a task, or its absence, ends the retries.
            if let Ok(Some(handed)) = asked.await {
                return handed;
            }
        }
    }

    async fn poll(&self, activity: &str) -> Result<Option<Handed>, Error> {
        let request = self.client.get_activity_task().activity_arn(activity).worker_name(&self.worker);
        let answer = request.send().await.map_err(|error| failure::of_sdk("states:GetActivityTask", &error))?;
        let token = answer.task_token().filter(|token| !token.is_empty());
        Ok(token.map(|token| Handed { token: token.to_owned(), input: answer.input().unwrap_or("null").to_owned() }))
    }

    /// Says that the task is being worked on.
    pub(crate) async fn heartbeat(&self, token: &str) -> Heard {
        heard("states:SendTaskHeartbeat", self.client.send_task_heartbeat().task_token(token).send().await)
    }

    /// Reports how a task went, again and again while Step Functions cannot be reached.
    pub(crate) async fn report(&self, token: &str, outcome: &Result<Value, Error>) -> Heard {
        let waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(10))
            .with_jitter()
            .with_max_times(REPORT_ATTEMPTS);
        let sent = (|| async {
            match self.report_once(token, outcome).await {
                Heard::No(error) => Err(error),
                other => Ok(other),
            }
        })
        .retry(waits)
        .when(|error: &Error| matches!(error.class(), Class::Transient));
        sent.await.unwrap_or_else(Heard::No)
    }

    async fn report_once(&self, token: &str, outcome: &Result<Value, Error>) -> Heard {
        match outcome {
            Ok(output) => {
                let request = self.client.send_task_success().task_token(token).output(output.to_string());
                heard("states:SendTaskSuccess", request.send().await)
            }
            Err(error) => {
                let cause: String = error.message().chars().take(MAX_CAUSE).collect();
                let request = self.client.send_task_failure().task_token(token).error(error.name()).cause(cause);
                heard("states:SendTaskFailure", request.send().await)
            }
        }
    }
}

/// Pauses between attempts that must succeed some day.
fn patient() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
}

fn retrying(error: &Error, wait: Duration) {
    tracing::warn!(error = error.name(), cause = error.message(), wait = ?wait, "Step Functions did not answer");
}

fn heard<T, E>(call: &str, answer: Result<T, SdkError<E, aws_sdk_sfn::config::http::HttpResponse>>) -> Heard
where
    E: aws_sdk_sfn::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    let Err(error) = answer else { return Heard::Yes };
    let code = error.as_service_error().and_then(|error| error.code());
    match code {
        Some("TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken") => Heard::Gone,
        // A result that is refused for what it is would be refused every time.
        Some("InvalidOutput") => Heard::No(Error::new(Kind::InvalidInput, format!("{call}: the output was refused"))),
        _ => Heard::No(failure::of_sdk(call, &error)),
    }
}
