//! `aws-sdk:<service>:<action>`: any action of a service whose protocol is known.

use asl::Value;
use execution::Failure;

use super::{World, failure};
use crate::aws::{self, Service};

/// Calls the action and gives its answer as it is.
pub(crate) async fn perform(world: &World, service: &str, action: &str, parameters: &Value) -> Result<Value, Failure> {
    let Some(found) = Service::find(service) else {
        let error = aws::CallError::Unsupported(service.to_owned(), Service::names());
        return Err(failure::of_sdk(service, &error));
    };
    let reply = world.aws.call_service(found, &aws::capitalise(action), parameters).await;
    reply.map(|reply| reply.body).map_err(|error| failure::of_sdk(found.exception, &error))
}
