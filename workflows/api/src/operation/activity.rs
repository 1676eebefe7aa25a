//! Activities: create, describe, list, delete, and the workers' poll.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::encryption::{self, Encryption};
use super::{Context, tag};
use crate::fault::Fault;
use crate::fields::{ARN, Fields, NAME};
use crate::history::timestamp;
use crate::page::Page;
use crate::server::stopped;

/// How long a poll is held when there is no task, in real time.
const HOLD: Duration = Duration::from_secs(60);

pub(super) async fn create(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let name = fields.required("name", &NAME);
    let tags = tag::read(&mut fields).unwrap_or_default();
    let encryption = encryption::read(&mut fields);
    fields.check()?;
    let encryption = encryption.map(Encryption::checked).transpose()?;
    let activity = context.engine.create_encrypted_activity(name, tags, encryption).await?;
    Ok(json!({ "activityArn": &*activity.arn, "creationDate": timestamp(activity.creation_date) }))
}

pub(super) async fn describe(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("activityArn", &ARN);
    fields.check()?;
    let activity = context.engine.describe_activity(arn)?;
    let encryption = activity.encryption.as_ref().map_or_else(|| json!({ "type": "AWS_OWNED_KEY" }), Json::from);
    Ok(json!({
        "activityArn": &*activity.arn,
        "name": &*activity.name,
        "creationDate": timestamp(activity.creation_date),
        "encryptionConfiguration": encryption,
    }))
}

pub(super) async fn list(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let page = Page::read(&mut fields, 1024, "ListActivities".to_owned(), context.engine.now())?;
    let all = context.engine.list_activities();
    let (activities, next) = page.cut(&all, |activity| activity.arn.to_string());
    let activities = activities
        .iter()
        .map(|activity| {
            json!({
                "activityArn": &*activity.arn,
                "name": &*activity.name,
                "creationDate": timestamp(activity.creation_date),
            })
        })
        .collect();
    Ok(super::listing("activities", activities, next))
}

pub(super) async fn delete(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("activityArn", &ARN);
    fields.check()?;
    context.engine.delete_activity(arn).await?;
    Ok(json!({}))
}

/// An answer without a token when no task came in time, or the server stops.
pub(super) async fn get_task(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("activityArn", &ARN);
    let worker = fields.optional("workerName", &NAME);
    fields.check()?;
    let mut stopping = context.stopping.clone();
    let task = tokio::select! {
        biased;
        task = context.engine.get_activity_task(arn, worker.map(str::to_owned), HOLD) => task?,
        () = stopped(&mut stopping) => None,
    };
    Ok(task.map_or_else(|| json!({}), |task| json!({ "taskToken": &*task.token, "input": task.input.to_string() })))
}
