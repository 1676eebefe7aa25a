//! `sqs:sendMessage`.

use asl::Value;
use execution::Failure;

use super::failure::Naming;
use super::{SMALL_CONNECTION, World, with_metadata, with_text};

const NAMING: Naming = Naming { prefix: "SQS", service: "AmazonSQS", generic: "AmazonSQSException" };

/// Sends a message; a body that is not text goes as JSON.
pub(crate) async fn send_message(world: &World, parameters: &Value) -> Result<Value, Failure> {
    let reply = world.aws.call("sqs", "SendMessage", &with_text(parameters, "MessageBody")).await;
    reply.map(|reply| with_metadata(&reply, SMALL_CONNECTION)).map_err(|error| NAMING.failure(&error))
}
