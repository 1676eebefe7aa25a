//! Map Runs: describe, list, update.

use engine::{MapRunChange, MapRunCounts, MapRunDescription, MapRunStatus};
use serde_json::{Value as Json, json};

use super::Context;
use crate::fault::Fault;
use crate::fields::{ARN, Fields, LONG_ARN};
use crate::history::timestamp;
use crate::page::Page;

pub(super) async fn describe(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("mapRunArn", &LONG_ARN);
    fields.check()?;
    Ok(description(&context.engine.describe_map_run(arn)?))
}

fn description(run: &MapRunDescription) -> Json {
    let mut answer = json!({
        "mapRunArn": &*run.arn,
        "executionArn": &*run.execution_arn,
        "status": status_name(run.status),
        "startDate": timestamp(run.start_date),
        "maxConcurrency": run.max_concurrency,
        "toleratedFailurePercentage": run.tolerated_failure_percentage,
        "toleratedFailureCount": run.tolerated_failure_count,
        "itemCounts": counts(&run.items),
        "executionCounts": counts(&run.executions),
        "redriveCount": run.redrive_count,
    });
    for (key, at) in [("stopDate", run.stop_date), ("redriveDate", run.redrive_date)] {
        if let Some(at) = at {
            answer[key] = timestamp(at);
        }
    }
    answer
}

const fn status_name(status: MapRunStatus) -> &'static str {
    match status {
        MapRunStatus::Running => "RUNNING",
        MapRunStatus::Succeeded => "SUCCEEDED",
        MapRunStatus::Failed => "FAILED",
        MapRunStatus::Aborted => "ABORTED",
    }
}

fn counts(counts: &MapRunCounts) -> Json {
    json!({
        "pending": counts.pending,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "timedOut": counts.timed_out,
        "aborted": counts.aborted,
        "total": counts.total,
        "resultsWritten": counts.results_written,
        "failuresNotRedrivable": counts.failures_not_redrivable,
        "pendingRedrive": counts.pending_redrive,
    })
}

pub(super) async fn list(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let execution = fields.required("executionArn", &ARN);
    let page = Page::read(&mut fields, 1024, format!("ListMapRuns {execution}"), context.engine.now())?;
    let all = context.engine.list_map_runs(execution)?;
    let (runs, next) = page.cut(&all, |run| run.arn.to_string());
    Ok(super::listing("mapRuns", runs.iter().map(item).collect(), next))
}

fn item(run: &MapRunDescription) -> Json {
    let mut item = json!({
        "executionArn": &*run.execution_arn,
        "mapRunArn": &*run.arn,
        "stateMachineArn": &*run.state_machine_arn,
        "startDate": timestamp(run.start_date),
    });
    if let Some(at) = run.stop_date {
        item["stopDate"] = timestamp(at);
    }
    item
}

pub(super) async fn update(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("mapRunArn", &LONG_ARN);
    let max_concurrency = fields.number("maxConcurrency", &(0..=i64::from(i32::MAX)));
    let tolerated_failure_percentage = fields.float("toleratedFailurePercentage", &(0.0..=100.0));
    let tolerated_failure_count = fields.number("toleratedFailureCount", &(0..=i64::MAX));
    fields.check()?;
    let change = MapRunChange {
        max_concurrency: max_concurrency.and_then(|number| u64::try_from(number).ok()),
        tolerated_failure_percentage,
        tolerated_failure_count: tolerated_failure_count.and_then(|number| u64::try_from(number).ok()),
    };
    context.engine.update_map_run(arn, change).await?;
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_shows_what_is_there() {
        let mut run = MapRunDescription {
            arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:u".into(),
            execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".into(),
            state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m/l".into(),
            status: MapRunStatus::Running,
            start_date: 1_700_000_000_000,
            stop_date: None,
            max_concurrency: 3,
            tolerated_failure_percentage: 0.5,
            tolerated_failure_count: 0,
            items: MapRunCounts { pending: 1, total: 1, ..MapRunCounts::default() },
            executions: MapRunCounts::default(),
            redrive_count: 0,
            redrive_date: None,
        };
        let shown = description(&run);
        assert_eq!((&shown["status"], &shown["itemCounts"]["pending"]), (&json!("RUNNING"), &json!(1)));
        assert!(shown.get("stopDate").is_none() && item(&run).get("stopDate").is_none());
        run.stop_date = Some(1_700_000_001_000);
        run.redrive_date = Some(1_700_000_002_000);
        assert_eq!(description(&run)["redriveDate"], json!(1_700_000_002.0));
        assert_eq!(item(&run)["stateMachineArn"], "arn:aws:states:us-east-1:123456789012:stateMachine:m/l");
    }
}
