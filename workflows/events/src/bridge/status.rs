//! Changes of executions' statuses as Step Functions puts them on the default bus.

use std::sync::Arc;

use engine::{Change, ExecutionDescription, StatusChange};
use execution::Status;
use serde_json::{Map, Value, json};

use super::{Inner, State};
use crate::event::{DEFAULT, Event, id_of};
use crate::fault::Fault;

/// What puts them there.
pub(crate) const SOURCE: &str = "aws.states";
const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

/// Changes that are taken at once.
const AT_ONCE: usize = 256;

/// Bytes of input and output that an event has at most; beyond, it has neither.
const MOST_DATA: usize = 248 * 1024;

impl Inner {
    /// Puts what has changed on the bus, each change once: what follows from it and that it is taken is one write.
    pub(super) async fn take_status_changes(self: &Arc<Self>) -> Result<(), Fault> {
        while self.engine.has_status_changes() {
            let changes = self.engine.status_changes(AT_ONCE).map_err(Fault::internal)?;
            if changes.is_empty() {
                // On their way to the disk: they wake again when they are there.
                return Ok(());
            }
            let take = |inner: &Self, state: &mut State, out: &mut Vec<Change>| {
                for change in changes {
                    inner.tell(state, change, out);
                }
                Ok(())
            };
            self.change(take).await?;
        }
        Ok(())
    }

    fn tell(&self, state: &mut State, change: StatusChange, out: &mut Vec<Change>) {
        if let Some(execution) = &change.execution {
            let id = id_of(&[&change.id]);
            let event = Event {
                id: &id,
                source: SOURCE,
                detail_type: DETAIL_TYPE,
                time: change.at,
                resources: &[&execution.arn],
                detail: detail(execution),
            };
            self.route(state, DEFAULT, &event.envelope(&self.place), &id, out);
        }
        out.push(Change::Take(change.key));
    }
}

/// What DescribeExecution says, with nulls where it says nothing, and instants in milliseconds.
fn detail(execution: &ExecutionDescription) -> Value {
    let (input, output) = (execution.written_input(), execution.written_output());
    let bytes = input.as_ref().map_or(0, String::len) + output.as_ref().map_or(0, String::len);
    let included = bytes <= MOST_DATA;
    let details = |data: &Option<String>| data.as_ref().map(|_| json!({ "included": included }));
    let failure = execution.failure.as_ref();
    let redrive_status = if execution.redrive_obstacle.is_some() { "NOT_REDRIVABLE" } else { "REDRIVABLE" };
    let members = [
        ("executionArn", json!(&*execution.arn)),
        ("stateMachineArn", json!(&*execution.state_machine_arn)),
        ("name", json!(&*execution.name)),
        ("status", json!(status(execution.status))),
        ("startDate", json!(execution.start_date)),
        ("stopDate", json!(execution.stop_date)),
        ("input", json!(input.as_ref().filter(|_| included))),
        ("output", json!(output.as_ref().filter(|_| included))),
        ("inputDetails", json!(details(&input))),
        ("outputDetails", json!(details(&output))),
        ("error", json!(failure.and_then(|failure| failure.error.as_deref()))),
        ("cause", json!(failure.and_then(|failure| failure.cause.as_deref()))),
        ("stateMachineVersionArn", json!(execution.version_arn.as_deref())),
        ("stateMachineAliasArn", json!(execution.alias_arn.as_deref())),
        ("redriveCount", json!(execution.redrive_count)),
        ("redriveDate", json!(execution.redrive_date)),
        ("redriveStatus", json!(redrive_status)),
        ("redriveStatusReason", json!(execution.redrive_obstacle)),
    ];
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed => "FAILED",
        Status::TimedOut => "TIMED_OUT",
        Status::Aborted => "ABORTED",
    }
}
