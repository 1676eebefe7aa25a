//! `incident-notify-human`: tells people, over SNS and a Slack webhook.
//!
//! Either channel may be absent. When one fails, the other carries the message and says so; only when nobody was
//! reached does the function fail.

mod channel;

use channel::{Channel, Delivery};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::error::{Class, Kind};
use operations::message::Message;
use serde_json::{Value, json};

/// The function.
#[derive(Debug, Clone)]
pub struct NotifyHuman {
    services: Services,
    sns: aws_sdk_sns::Client,
}

impl NotifyHuman {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        let sns = aws_sdk_sns::Client::new(&services.aws);
        Self { services, sns }
    }

    /// The configured channels, the one with threads first.
    fn channels(&self) -> Vec<Channel<'_>> {
        let environment = &self.services.environment;
        let slack = environment.get("SLACK_WEBHOOK_URL").map(|url| Channel::Slack { http: &self.services.http, url });
        let sns = environment.get("SNS_TOPIC_ARN").map(|topic| Channel::Sns { client: &self.sns, topic });
        slack.into_iter().chain(sns).collect()
    }
}

impl Function for NotifyHuman {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        let mut message = Message::compose(&event)?;
        let channels = self.channels();
        if channels.is_empty() {
            let text = "neither SNS_TOPIC_ARN nor SLACK_WEBHOOK_URL is set: nobody can be told; set one";
            return Err(Error::new(Kind::ConfigInvalid, text));
        }
        let mut thread = event.get("thread").and_then(Value::as_str).unwrap_or("").to_owned();
        let mut deliveries: Vec<(&Channel<'_>, Delivery)> = Vec::new();
        let mut failures: Vec<(&Channel<'_>, Error)> = Vec::new();
        for channel in &channels {
            match channel.deliver(&message, &thread).await {
                Ok(delivery) => {
                    thread = delivery.thread.clone().unwrap_or(thread);
                    deliveries.push((channel, delivery));
                }
                Err(error) => {
                    tracing::warn!(
                        channel = channel.name(),
                        error = error.name(),
                        cause = error.message(),
                        "not delivered"
                    );
                    message.add(&format!("Not delivered by {}: {}", channel.name(), error.message()));
                    failures.push((channel, error));
                }
            }
        }
        let Some((first, _)) = deliveries.first() else { return Err(nobody_reached(failures)) };
        // A channel that failed after another had delivered is reported there too.
        let late = failures.iter().any(|(failed, _)| position(&channels, failed) > position(&channels, first));
        if late && let Err(error) = first.deliver(&message, &thread).await {
            tracing::warn!(channel = first.name(), cause = error.message(), "the failure could not be told");
        }
        Ok(answer(&deliveries, &failures, &thread))
    }
}

fn answer(deliveries: &[(&Channel<'_>, Delivery)], failures: &[(&Channel<'_>, Error)], thread: &str) -> Value {
    let delivered: Vec<_> =
        deliveries.iter().map(|(channel, delivery)| json!({"channel": channel.name(), "id": delivery.id})).collect();
    let failed: Vec<_> = failures
        .iter()
        .map(|(channel, error)| json!({"channel": channel.name(), "error": error.name(), "cause": error.message()}))
        .collect();
    let mut answer = json!({"deliveries": delivered, "thread": thread});
    if !failed.is_empty() {
        answer["failures"] = Value::Array(failed);
    }
    answer
}

fn position(channels: &[Channel<'_>], wanted: &Channel<'_>) -> usize {
    channels.iter().position(|channel| channel.name() == wanted.name()).unwrap_or(0)
}

/// All channels failed: the error that a retry may cure, else the first; with all messages.
fn nobody_reached(failures: Vec<(&Channel<'_>, Error)>) -> Error {
    let texts: Vec<_> =
        failures.iter().map(|(channel, error)| format!("{}: {}", channel.name(), error.message())).collect();
    let transient = failures.iter().find(|(_, error)| error.class() == Class::Transient);
    let kind = transient.or(failures.first()).map_or(Kind::DependencyUnavailable, |(_, error)| error.kind());
    Error::new(kind, format!("nobody was reached: {}", texts.join("; ")))
}
