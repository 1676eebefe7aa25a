//! Logs in CloudWatch Logs: batches within the limits of PutLogEvents.

use std::collections::HashSet;
use std::time::Duration;

use asl::Value;
use backon::{ExponentialBuilder, Retryable as _};
use engine::aws::{CallError, Client};
use execution::Millis;
use time::OffsetDateTime;

use super::message::Message;
use crate::trouble::Trouble;

/// Events in one request.
const BATCH_EVENTS: usize = 10_000;
/// Bytes in one request, counted as AWS counts them.
const BATCH_BYTES: usize = 1_048_576;
/// Bytes that each event counts beside its own.
const EVENT_OVERHEAD: usize = 26;
/// Time that the events of one request may span.
const BATCH_SPAN: Millis = 24 * 60 * 60 * 1000;

/// CloudWatch Logs, with the streams that are known to be there.
#[derive(Debug)]
pub(crate) struct CloudWatchLogs {
    client: Client,
    streams: HashSet<(String, String)>,
    /// When the server started: it names the streams.
    since: Millis,
    trouble: Trouble,
}

/// What became of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) delivered: usize,
    pub(crate) lost: usize,
}

impl CloudWatchLogs {
    pub(crate) fn new(client: Client, since: Millis) -> Self {
        Self { client, streams: HashSet::new(), since, trouble: Trouble::default() }
    }

    /// Sends messages; those that are refused, after a few more tries where that may help, are lost.
    pub(crate) async fn send(&mut self, messages: Vec<Message>) -> Outcome {
        let mut outcome = Outcome::default();
        for batch in batches(messages) {
            let count = batch.len();
            let rejected = match self.put(&batch).await {
                Ok(rejected) => {
                    self.trouble.worked("CloudWatch Logs");
                    rejected.min(count)
                }
                Err(error) => {
                    self.trouble.failed("CloudWatch Logs", &format!("{}: {error}", batch[0].group));
                    count
                }
            };
            outcome.lost += rejected;
            outcome.delivered += count - rejected;
        }
        outcome
    }

    /// Sends one batch; answers how many of its events were not taken.
    async fn put(&mut self, batch: &[Message]) -> Result<usize, CallError> {
        let (group, stream) = (batch[0].group.clone(), self.stream(&batch[0].machine));
        let key = (group.clone(), stream.clone());
        if !self.streams.contains(&key) {
            self.create(&group, &stream).await?;
            self.streams.insert(key.clone());
        }
        let events = batch.iter().map(|message| {
            Value::object([("Timestamp", Value::from(message.at)), ("Message", Value::from(message.text.as_str()))])
        });
        let parameters = Value::object([
            ("LogGroupName", Value::from(group.as_str())),
            ("LogStreamName", Value::from(stream.as_str())),
            ("LogEvents", Value::array(events.collect())),
        ]);
        match self.call("PutLogEvents", &parameters).await {
            Ok(answer) => Ok(rejected(&answer, batch.len())),
            Err(error) => {
                // The stream may have been deleted: it is made again next time.
                self.streams.remove(&key);
                Err(error)
            }
        }
    }

    async fn create(&self, group: &str, stream: &str) -> Result<(), CallError> {
        let parameters = Value::object([("LogGroupName", Value::from(group)), ("LogStreamName", Value::from(stream))]);
        match self.call("CreateLogStream", &parameters).await {
            Err(CallError::Service { code, .. }) if code == "ResourceAlreadyExistsException" => Ok(()),
            other => other.map(drop),
        }
    }

    async fn call(&self, action: &str, parameters: &Value) -> Result<Value, CallError> {
        let call = || self.client.call("cloudwatchlogs", action, parameters);
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(3))
            .with_max_times(4)
            .with_jitter();
        Ok(call.retry(pauses).when(may_pass).await?.body)
    }

    /// The stream of a state machine, named as AWS names it.
    fn stream(&self, machine: &str) -> String {
        let since = OffsetDateTime::from_unix_timestamp(self.since.div_euclid(1000));
        let since = since.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let machine = machine.replace('/', "-");
        let (year, month, day) = (since.year(), u8::from(since.month()), since.day());
        let (hour, minute) = (since.hour(), since.minute());
        let server = self.since.rem_euclid(60_000);
        format!("states/{machine}/{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}/{server:08x}")
    }
}

/// Whether another try may help.
fn may_pass(error: &CallError) -> bool {
    match error {
        CallError::Service { status, code, .. } => *status >= 500 || code.contains("Throttl"),
        CallError::Transport(_) => true,
        CallError::Unsupported(..) => false,
    }
}

/// Events of a request that were not taken: too old, too new, or expired.
fn rejected(answer: &Value, events: usize) -> usize {
    let Some(info) = answer.get("RejectedLogEventsInfo") else { return 0 };
    let index = |name| info.get(name).and_then(Value::as_f64).map(|index| index as usize);
    let old = index("TooOldLogEventEndIndex").max(index("ExpiredLogEventEndIndex")).unwrap_or(0);
    let new = index("TooNewLogEventStartIndex").map_or(0, |start| events.saturating_sub(start));
    (old + new).min(events)
}

/// Splits messages into requests: of one stream each, in order of time, within every limit.
fn batches(mut messages: Vec<Message>) -> Vec<Vec<Message>> {
    messages.sort_by(|one, other| (&one.group, &one.machine, one.at).cmp(&(&other.group, &other.machine, other.at)));
    let mut batches: Vec<Vec<Message>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let size = message.text.len() + EVENT_OVERHEAD;
        let fits = batches.last().is_some_and(|batch| {
            let first = &batch[0];
            (&first.group, &first.machine) == (&message.group, &message.machine)
                && batch.len() < BATCH_EVENTS
                && bytes + size <= BATCH_BYTES
                && message.at - first.at < BATCH_SPAN
        });
        match batches.last_mut().filter(|_| fits) {
            Some(batch) => {
                bytes += size;
                batch.push(message);
            }
            None => {
                bytes = size;
                batches.push(vec![message]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(machine: &str, at: Millis, bytes: usize) -> Message {
        Message { group: "g".to_owned(), machine: machine.to_owned(), at, text: "x".repeat(bytes) }
    }

    fn sizes(messages: Vec<Message>) -> Vec<usize> {
        batches(messages).iter().map(Vec::len).collect()
    }

    #[test]
    fn requests_keep_within_the_limits() {
        assert_eq!(sizes((0..10_001).map(|at| message("m", at, 1)).collect()), [10_000, 1]);
        assert_eq!(sizes((0..3).map(|at| message("m", at, 524_262)).collect()), [2, 1]);
        assert_eq!(sizes(vec![message("m", 0, 1), message("m", BATCH_SPAN, 1)]), [1, 1]);
        assert_eq!(sizes(vec![message("a", 0, 1), message("b", 0, 1), message("a", 1, 1)]), [2, 1]);
    }

    #[test]
    fn events_are_in_order_of_time() {
        let batches = batches(vec![message("m", 5, 1), message("m", 3, 1)]);
        assert_eq!(batches[0].iter().map(|message| message.at).collect::<Vec<_>>(), [3, 5]);
    }

    #[test]
    fn events_that_were_not_taken_are_counted() {
        let answer = |text: &str| Value::parse(text).unwrap();
        assert_eq!(rejected(&answer("{}"), 5), 0);
        assert_eq!(rejected(&answer(r#"{"RejectedLogEventsInfo":{"TooNewLogEventStartIndex":3}}"#), 5), 2);
        assert_eq!(rejected(&answer(r#"{"RejectedLogEventsInfo":{"TooOldLogEventEndIndex":4}}"#), 5), 4);
    }
}
