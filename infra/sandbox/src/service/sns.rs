//! SNS.

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::messaging::Publication;

/// The largest message, bytes.
const MAXIMUM_MESSAGE: usize = 262_144;
/// A subject is shorter than this many characters.
const SUBJECT_LIMIT: usize = 100;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "Publish" => publish(world, input),
        "CreateTopic" => create_topic(world, input),
        "ListTopics" => Ok(list_topics(world)),
        _ => return None,
    })
}

fn arn(world: &World, name: &str) -> String {
    world.place.arn("sns", name)
}

fn publish(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["TopicArn", "TargetArn", "Message", "Subject", "MessageStructure", "MessageAttributes"])?;
    let target = match input.text("TopicArn")? {
        Some(arn) => arn,
        None => input
            .text("TargetArn")?
            .ok_or_else(|| input.invalid("TopicArn or TargetArn Reason: no value for required parameter"))?,
    };
    let message = input.text("Message")?.unwrap_or_default();
    if message.is_empty() {
        return Err(input.invalid("Empty message"));
    }
    if message.len() > MAXIMUM_MESSAGE {
        return Err(input.invalid("Message too long"));
    }
    let subject = input.text("Subject")?;
    let bad =
        |text: &str| text.is_empty() || text.chars().count() >= SUBJECT_LIMIT || text.chars().any(char::is_control);
    if subject.is_some_and(bad) {
        return Err(input.invalid("Subject"));
    }
    if target.split(':').count() != 6 || !target.starts_with("arn:") {
        return Err(input.invalid(&format!("TopicArn Reason: {target} is no ARN of a topic")));
    }
    let name = target.rsplit(':').next().unwrap_or_default().to_owned();
    if arn(world, &name) != target {
        return Err(Failure::new("NotFound", "Topic does not exist").with_status(404));
    }
    let (now_ms, id) = (world.now_ms, world.ids.uuid());
    let topic = world.topics.get_mut(&name);
    let topic = topic.ok_or_else(|| Failure::new("NotFound", "Topic does not exist").with_status(404))?;
    let subject = subject.map(str::to_owned);
    topic.keep(Publication { id: id.clone(), at_ms: now_ms, subject, message: message.to_owned() });
    Ok(Node::map([("MessageId", id.into())]))
}

fn create_topic(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let name = input.required("Name")?;
    let valid = name.len() <= 256 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !valid {
        return Err(input.invalid("Topic Name"));
    }
    let arn = arn(world, name);
    world.topics.entry(name.to_owned()).or_default();
    Ok(Node::map([("TopicArn", arn.into())]))
}

fn list_topics(world: &World) -> Node {
    let topics = world.topics.keys().map(|name| Node::map([("TopicArn", arn(world, name).into())]));
    Node::map([("Topics", Node::list(topics))])
}
