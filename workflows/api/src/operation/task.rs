//! What workers and callbacks say of a task: SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.

use serde_json::{Value as Json, json};

use super::Context;
use super::execution::read_failure;
use crate::fault::Fault;
use crate::fields::{Fields, TASK_TOKEN};
use crate::jackson;

pub(super) async fn succeed(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let token = fields.required("taskToken", &TASK_TOKEN);
    let output = fields.required("output", &context.data());
    fields.check()?;
    let output = jackson::parse(output)
        .map_err(|complaint| Fault::caller("InvalidOutput", format!("Invalid Output: '{complaint}'")))?;
    context.engine.send_task_success(token, output).await?;
    Ok(json!({}))
}

pub(super) async fn fail(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let token = fields.required("taskToken", &TASK_TOKEN);
    let failure = read_failure(&mut fields)?;
    context.engine.send_task_failure(token, failure).await?;
    Ok(json!({}))
}

pub(super) async fn heartbeat(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let token = fields.required("taskToken", &TASK_TOKEN);
    fields.check()?;
    context.engine.send_task_heartbeat(token).await?;
    Ok(json!({}))
}
