//! GetExecutionHistory.

use execution::Event;
use serde_json::Value as Json;

use super::Context;
use crate::fault::Fault;
use crate::fields::{ARN, Fields};
use crate::history::{RenderContext, render};
use crate::page::Page;

pub(super) async fn get(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("executionArn", &ARN);
    let reverse = fields.boolean("reverseOrder").unwrap_or(false);
    let with_data = fields.boolean("includeExecutionData").unwrap_or(true);
    let page = Page::read(&mut fields, 1024, format!("GetExecutionHistory {arn} {reverse}"), context.engine.now())?;

    let engine = &context.engine;
    let history = engine.history(arn)?;
    let execution = engine.describe_execution(arn)?;
    let mut rendering = RenderContext::new(engine.config().region.clone(), &history)
        .with_role(Some(execution.role_arn))
        .with_version(execution.version_arn, execution.alias_arn);
    if !with_data {
        rendering = rendering.without_data();
    }
    let mut events: Vec<&Event> = history.iter().filter(|event| event.is_visible()).collect();
    if reverse {
        events.reverse();
    }
    let (events, next) = page.cut(&events, |event| event.id.to_string());
    let events = events.iter().filter_map(|event| render(event, &rendering)).collect();
    Ok(super::listing("events", events, next))
}
