//! `dynamodb:getItem`, `putItem`, `updateItem`, `deleteItem`.

use asl::Value;
use execution::Failure;

use super::failure::Naming;
use super::{CONNECTION, World, with_metadata};
use crate::aws;

const NAMING: Naming = Naming { prefix: "DynamoDB", service: "AmazonDynamoDBv2", generic: "AmazonDynamoDBException" };

/// Calls the action.
pub(crate) async fn perform(world: &World, action: &str, parameters: &Value) -> Result<Value, Failure> {
    let reply = world.aws.call("dynamodb", &aws::capitalise(action), parameters).await;
    reply.map(|reply| with_metadata(&reply, CONNECTION)).map_err(|error| NAMING.failure(&error))
}
