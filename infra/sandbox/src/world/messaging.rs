//! SQS queues, SNS topics and EventBridge buses.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::rule::Rules;

/// How many published messages and events are kept for tests to read.
const KEPT: usize = 1_000;

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// A UUID.
    pub(crate) id: String,
    /// Body.
    pub(crate) body: String,
    /// Message attributes as they came.
    pub(crate) attributes: Value,
    /// When it was sent.
    pub(crate) sent_ms: i64,
    /// When it becomes visible.
    pub(crate) visible_ms: i64,
    /// When it was first received.
    pub(crate) first_received_ms: Option<i64>,
    /// How often it was received.
    pub(crate) received: u32,
    /// The handle of the latest receive.
    pub(crate) receipt: Option<String>,
}

/// A standard queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    /// Name.
    pub(crate) name: String,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// Attributes by API name, as text.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Oldest first.
    pub(crate) messages: VecDeque<Message>,
}

impl Queue {
    /// An empty queue with AWS's defaults, overridden by `attributes`.
    pub(crate) fn new(name: &str, created_ms: i64, attributes: BTreeMap<String, String>) -> Self {
        let defaults = [
            ("VisibilityTimeout", "30"),
            ("MaximumMessageSize", "1048576"),
            ("MessageRetentionPeriod", "345600"),
            ("DelaySeconds", "0"),
            ("ReceiveMessageWaitTimeSeconds", "0"),
        ];
        let mut all: BTreeMap<_, _> =
            defaults.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        all.extend(attributes);
        Self { name: name.to_owned(), created_ms, attributes: all, messages: VecDeque::new() }
    }

    /// An attribute as a number; 0 when it is none.
    pub(crate) fn number(&self, attribute: &str) -> i64 {
        self.attributes.get(attribute).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Forgets messages older than the retention period.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        let oldest = now_ms - self.number("MessageRetentionPeriod") * 1000;
        self.messages.retain(|message| message.sent_ms > oldest);
    }

    /// Counts of (visible, in flight, delayed) messages.
    pub(crate) fn counts(&self, now_ms: i64) -> (usize, usize, usize) {
        let visible = self.messages.iter().filter(|message| message.visible_ms <= now_ms).count();
        let hidden = self.messages.iter().filter(|message| message.visible_ms > now_ms);
        let in_flight = hidden.clone().filter(|message| message.received > 0).count();
        (visible, in_flight, hidden.count() - in_flight)
    }
}

/// A message published to a topic.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    /// A UUID.
    pub(crate) id: String,
    /// When.
    pub(crate) at_ms: i64,
    /// Subject line, if any.
    pub(crate) subject: Option<String>,
    /// Text.
    pub(crate) message: String,
}

/// A standard topic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topic {
    /// Newest last.
    pub(crate) published: VecDeque<Publication>,
}

impl Topic {
    /// Keeps a publication, forgetting the oldest.
    pub(crate) fn keep(&mut self, publication: Publication) {
        self.published.push_back(publication);
        if self.published.len() > KEPT {
            self.published.pop_front();
        }
    }
}

/// The default event bus: the events put on it, newest last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bus {
    /// (event id, entry as it came).
    pub(crate) events: VecDeque<(String, Value)>,
    /// What AWS services put on it, as targets receive it.
    pub(crate) service_events: VecDeque<Value>,
    /// Its rules.
    pub(crate) rules: Rules,
    /// Whether another bus has what AWS services put here too.
    pub(crate) forwards: bool,
}

impl Bus {
    /// Keeps an event, forgetting the oldest.
    pub(crate) fn keep(&mut self, id: String, entry: Value) {
        self.events.push_back((id, entry));
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
    }

    /// Keeps an event of an AWS service, forgetting the oldest.
    pub(super) fn keep_service_event(&mut self, event: Value) {
        self.service_events.push_back(event);
        if self.service_events.len() > KEPT {
            self.service_events.pop_front();
        }
    }
}
