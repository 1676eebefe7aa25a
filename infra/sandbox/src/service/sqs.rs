//! SQS, in its JSON protocol.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::messaging::{Message, Queue};

/// The largest message, bytes.
const MAXIMUM_MESSAGE: usize = 1_048_576;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "SendMessage" => send(world, input),
        "ReceiveMessage" => receive(world, input),
        "DeleteMessage" => delete(world, input),
        "GetQueueUrl" => queue_url(world, input),
        "GetQueueAttributes" => attributes(world, input),
        "CreateQueue" => create(world, input),
        _ => return None,
    })
}

fn not_found() -> Failure {
    Failure::new("QueueDoesNotExist", "The specified queue does not exist.")
        .with_query_code("AWS.SimpleQueueService.NonExistentQueue")
}

/// The queue's URL, as AWS writes it; any host is accepted in requests.
fn url(world: &World, name: &str) -> String {
    format!("https://sqs.{}.amazonaws.com/{}/{name}", world.place.region, world.place.account)
}

fn name_of<'a>(world: &World, input: &Input<'a>) -> Result<&'a str, Failure> {
    let url = input.required("QueueUrl")?;
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if account != world.place.account || !world.queues.contains_key(name) {
        return Err(not_found());
    }
    Ok(name)
}

fn find<'a>(world: &'a mut World, input: &Input) -> Result<&'a mut Queue, Failure> {
    let name = name_of(world, input)?;
    world.queues.get_mut(name).ok_or_else(not_found)
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

fn send(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["QueueUrl", "MessageBody", "DelaySeconds", "MessageAttributes"])?;
    let body = input.required("MessageBody")?;
    if body.len() > MAXIMUM_MESSAGE {
        return Err(
            input.invalid("One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.")
        );
    }
    let delay = input.integer("DelaySeconds")?;
    if delay.is_some_and(|delay| !(0..=900).contains(&delay)) {
        return Err(
            input.invalid("Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.")
        );
    }
    let attributes = input.get("MessageAttributes").cloned().unwrap_or_default();
    let (now_ms, id) = (world.now_ms, world.ids.uuid());
    let queue = find(world, input)?;
    let delay = delay.unwrap_or_else(|| queue.number("DelaySeconds"));
    let has_attributes = attributes.as_object().is_some_and(|attributes| !attributes.is_empty());
    queue.messages.push_back(Message {
        id: id.clone(),
        body: body.to_owned(),
        attributes: attributes.clone(),
        sent_ms: now_ms,
        visible_ms: now_ms + delay * 1000,
        first_received_ms: None,
        received: 0,
        receipt: None,
    });
    let mut answer = json!({ "MessageId": id, "MD5OfMessageBody": md5(body) });
    if has_attributes {
        answer["MD5OfMessageAttributes"] = Value::String(attributes_md5(&attributes));
    }
    Ok(Node::Json(answer))
}

/// The checksum of message attributes, as SQS's SDKs check it: in name order, name and type with their lengths, a byte
/// for the transport type (1 text, 2 binary), and the value with its length.
fn attributes_md5(attributes: &Value) -> String {
    let sorted: BTreeMap<_, _> = attributes.as_object().into_iter().flatten().collect();
    let mut bytes = Vec::new();
    let part = |bytes: &mut Vec<u8>, value: &[u8]| {
        bytes.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(value);
    };
    for (name, attribute) in sorted {
        let field = |field: &str| attribute.get(field).and_then(Value::as_str);
        part(&mut bytes, name.as_bytes());
        part(&mut bytes, field("DataType").unwrap_or_default().as_bytes());
        match field("BinaryValue").and_then(|text| STANDARD.decode(text).ok()) {
            Some(binary) => {
                bytes.push(2);
                part(&mut bytes, &binary);
            }
            None => {
                bytes.push(1);
                part(&mut bytes, field("StringValue").unwrap_or_default().as_bytes());
            }
        }
    }
    hex::encode(Md5::digest(bytes))
}

/// How long a receive may wait, virtual milliseconds; `None` when it does not wait.
pub(super) fn wait_ms(world: &World, input: &Input) -> Option<u64> {
    let queue = world.queues.get(name_of(world, input).ok()?)?;
    let asked = input.integer("WaitTimeSeconds").ok()?;
    let seconds = asked.unwrap_or_else(|| queue.number("ReceiveMessageWaitTimeSeconds")).clamp(0, 20);
    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(|seconds| seconds * 1000)
}

fn receive(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let most = input.integer("MaxNumberOfMessages")?.unwrap_or(1);
    if !(1..=10).contains(&most) {
        return Err(input.invalid(&format!(
            "Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        )));
    }
    let hidden = input.integer("VisibilityTimeout")?;
    let (now_ms, mut ids, account) = (world.now_ms, world.ids.clone(), world.place.account.clone());
    let queue = find(world, input)?;
    queue.expire(now_ms);
    let hidden_ms = hidden.unwrap_or_else(|| queue.number("VisibilityTimeout")) * 1000;
    let most = usize::try_from(most).unwrap_or(1);
    let mut received = Vec::new();
    for message in queue.messages.iter_mut().filter(|message| message.visible_ms <= now_ms).take(most) {
        message.visible_ms = now_ms + hidden_ms;
        message.received += 1;
        message.first_received_ms.get_or_insert(now_ms);
        message.receipt = Some(ids.hex(32));
        received.push(view(message, &account));
    }
    world.ids = ids;
    Ok(Node::Json(if received.is_empty() { json!({}) } else { json!({ "Messages": received }) }))
}

fn view(message: &Message, account: &str) -> Value {
    let mut view = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": md5(&message.body),
        "Body": message.body,
        "Attributes": {
            "SenderId": account,
            "SentTimestamp": message.sent_ms.to_string(),
            "ApproximateReceiveCount": message.received.to_string(),
            "ApproximateFirstReceiveTimestamp": message.first_received_ms.unwrap_or_default().to_string(),
        },
    });
    if message.attributes.as_object().is_some_and(|attributes| !attributes.is_empty()) {
        view["MessageAttributes"] = message.attributes.clone();
    }
    view
}

fn delete(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let receipt = input.required("ReceiptHandle")?.to_owned();
    let queue = find(world, input)?;
    queue.messages.retain(|message| message.receipt.as_ref() != Some(&receipt));
    Ok(Node::Json(json!({})))
}

fn queue_url(world: &World, input: &Input) -> Result<Node, Failure> {
    let name = input.required("QueueName")?;
    if !world.queues.contains_key(name) {
        return Err(not_found());
    }
    Ok(Node::Json(json!({ "QueueUrl": url(world, name) })))
}

fn attributes(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let wanted = input.texts("AttributeNames")?;
    let now_ms = world.now_ms;
    let place = world.place.clone();
    let queue = find(world, input)?;
    queue.expire(now_ms);
    let (visible, in_flight, delayed) = queue.counts(now_ms);
    let mut all: BTreeMap<String, String> = queue.attributes.clone();
    let created = (queue.created_ms / 1000).to_string();
    for (name, value) in [
        ("ApproximateNumberOfMessages", visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", delayed.to_string()),
        ("CreatedTimestamp", created.clone()),
        ("LastModifiedTimestamp", created),
        ("QueueArn", place.arn("sqs", &queue.name)),
    ] {
        all.insert(name.to_owned(), value);
    }
    if let Some(unknown) = wanted.iter().find(|name| **name != "All" && !all.contains_key(**name)) {
        return Err(Failure::new("InvalidAttributeName", &format!("Unknown Attribute {unknown}."))
            .with_query_code("InvalidAttributeName"));
    }
    let shown = all.into_iter().filter(|(name, _)| wanted.contains(&"All") || wanted.contains(&name.as_str()));
    let shown: Map<String, Value> = shown.map(|(name, value)| (name, Value::String(value))).collect();
    Ok(Node::Json(json!({ "Attributes": shown })))
}

fn create(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let name = input.required("QueueName")?;
    let valid = name.len() <= 80 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !valid {
        return Err(input.invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length; the sandbox has no FIFO queues",
        ));
    }
    let given = input.get("Attributes").and_then(Value::as_object).into_iter().flatten();
    let given: BTreeMap<String, String> =
        given.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let now_ms = world.now_ms;
    if let Some(queue) = world.queues.get(name) {
        if given.iter().any(|(name, value)| queue.attributes.get(name) != Some(value)) {
            let message =
                format!("A queue already exists with the same name and a different value for an attribute: {name}");
            return Err(Failure::new("QueueNameExists", &message).with_query_code("QueueAlreadyExists"));
        }
    } else {
        world.queues.insert(name.to_owned(), Queue::new(name, now_ms, given));
    }
    Ok(Node::Json(json!({ "QueueUrl": url(world, name) })))
}
