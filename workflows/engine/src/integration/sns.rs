//! `sns:publish`.

use asl::Value;
use execution::Failure;

use super::failure::Naming;
use super::{SMALL_CONNECTION, World, with_metadata, with_text};

const NAMING: Naming = Naming { prefix: "SNS", service: "AmazonSNS", generic: "AmazonSNSException" };

/// Publishes a message; one that is not text goes as JSON.
pub(crate) async fn publish(world: &World, parameters: &Value) -> Result<Value, Failure> {
    let reply = world.aws.call("sns", "Publish", &with_text(parameters, "Message")).await;
    reply.map(|reply| with_metadata(&reply, SMALL_CONNECTION)).map_err(|error| NAMING.failure(&error))
}
