//! Versions: PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion.

use engine::Publish;
use serde_json::{Value as Json, json};

use super::Context;
use crate::fault::Fault;
use crate::fields::{ARN, Fields, LONG_ARN, Text, VERSION_DESCRIPTION};
use crate::history::timestamp;
use crate::page::Page;

pub(super) async fn publish(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineArn", &ARN);
    let revision = fields.optional("revisionId", &Text::of(0..=usize::MAX));
    let description = fields.optional("description", &VERSION_DESCRIPTION).map(str::to_owned);
    fields.check()?;
    let version = context.engine.publish_state_machine_version(arn, Publish { description }, revision).await?;
    Ok(json!({ "creationDate": timestamp(version.creation_date), "stateMachineVersionArn": &*version.arn }))
}

pub(super) async fn list(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineArn", &ARN);
    let page = Page::read(&mut fields, 1024, format!("ListStateMachineVersions {arn}"), context.engine.now())?;
    let all = context.engine.list_state_machine_versions(arn)?;
    let (versions, next) = page.cut(&all, |version| version.number.to_string());
    let versions = versions
        .iter()
        .map(|version| {
            json!({ "stateMachineVersionArn": &*version.arn, "creationDate": timestamp(version.creation_date) })
        })
        .collect();
    Ok(super::listing("stateMachineVersions", versions, next))
}

pub(super) async fn delete(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineVersionArn", &LONG_ARN);
    fields.check()?;
    context.engine.delete_state_machine_version(arn).await?;
    Ok(json!({}))
}
