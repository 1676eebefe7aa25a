//! The ways a message reaches people.

use clients::failure;
use clients::http::Http;
use operations::Error;
use operations::answer;
use operations::error::Kind;
use operations::message::Message;
use serde_json::Value;

/// A configured channel.
#[derive(Debug)]
pub(crate) enum Channel<'a> {
    /// A topic of Amazon SNS: e-mail, SMS and whatever else subscribes.
    Sns {
        /// The client.
        client: &'a aws_sdk_sns::Client,
        /// The topic's ARN.
        topic: &'a str,
    },
    /// A Slack webhook.
    Slack {
        /// The client.
        http: &'a Http,
        /// The webhook's URL, which is a secret.
        url: &'a str,
    },
}

/// A message that was taken.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The channel's id of the message, as far as it gives one.
    pub(crate) id: String,
    /// The thread it began, where the channel has threads.
    pub(crate) thread: Option<String>,
}

impl Channel<'_> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Channel::Sns { .. } => "sns",
            Channel::Slack { .. } => "slack",
        }
    }

    /// Delivers a message; Slack continues `thread` unless it is empty.
    pub(crate) async fn deliver(&self, message: &Message, thread: &str) -> Result<Delivery, Error> {
        match self {
            Channel::Sns { client, topic } => publish(client, topic, message).await,
            Channel::Slack { http, url } => post(http, url, message, thread).await,
        }
    }
}

async fn publish(client: &aws_sdk_sns::Client, topic: &str, message: &Message) -> Result<Delivery, Error> {
    let request = client.publish().topic_arn(topic).subject(message.subject()).message(message.text());
    let answer = request.send().await.map_err(|error| failure::of_sdk("sns:Publish", &error))?;
    Ok(Delivery { id: answer.message_id().unwrap_or_default().to_owned(), thread: None })
}

async fn post(http: &Http, url: &str, message: &Message, thread: &str) -> Result<Delivery, Error> {
    let body = message.slack((!thread.is_empty()).then_some(thread)).to_string();
    let answer = http.post(url, &[("content-type", "application/json; charset=utf-8")], body).await;
    let answer = answer.map_err(|error| error.during("slack webhook"))?;
    if !(200..300).contains(&answer.status) {
        let reason: String = answer.body.chars().take(100).collect();
        let kind = match answer.status {
            // Slack's words for a body it does not take and for a webhook that was removed.
            400 | 404 | 410 => Kind::ConfigInvalid,
            status => answer::kind(None, Some(status)),
        };
        return Err(Error::new(kind, format!("slack webhook: status {}: {reason}", answer.status)));
    }
    // A plain webhook answers "ok"; one behind chat.postMessage answers JSON with the message's time stamp.
    let answer: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    if answer.get("ok") == Some(&Value::Bool(false)) {
        let reason = answer.get("error").and_then(Value::as_str).unwrap_or("no reason given");
        let kind = if reason == "ratelimited" { Kind::Throttled } else { Kind::ConfigInvalid };
        return Err(Error::new(kind, format!("slack webhook: {reason}")));
    }
    let stamp = answer.get("ts").and_then(Value::as_str).map(str::to_owned);
    // Replies belong to the thread's first message, not to each other.
    let begun = if thread.is_empty() { stamp.clone() } else { None };
    Ok(Delivery { id: stamp.unwrap_or_else(|| "accepted".to_owned()), thread: begun })
}
