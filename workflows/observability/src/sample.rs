//! Executions and events for the tests of this crate.

use std::sync::Arc;

use asl::Value;
use engine::{Committed, Observed, Trace};
use execution::{Event, EventKind, FrameId};

pub(crate) const START: i64 = 1_700_000_000_000;
pub(crate) const ARN: &str = "arn:aws:states:us-east-1:123456789012:execution:m:e";

/// An execution of the machine `m` that logs everything and is traced.
pub(crate) fn observed() -> Observed {
    let logging = r#"{"level":"ALL","includeExecutionData":true,"destinations":[{"cloudWatchLogsLogGroup":{
        "logGroupArn":"arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/m:*"}}]}"#;
    Observed {
        arn: ARN.into(),
        name: "e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
        state_machine_name: "m".into(),
        version_arn: None,
        alias_arn: None,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        express: false,
        start_date: START,
        redrive_count: 0,
        map_run_arn: None,
        logging: Some(Value::parse(logging).unwrap()),
        trace: Some(Trace { id: 0xabc, parent: Some(7), sampled: true }),
    }
}

/// The event `id`, a second after the one before.
pub(crate) fn event(id: u64, frame: u32, kind: EventKind) -> Event {
    let at = START + 1000 * (i64::try_from(id).unwrap() - 1);
    Event { id, previous: id.saturating_sub(1), at, frame: FrameId(frame), kind, written: None }
}

pub(crate) fn started() -> Event {
    event(1, 0, EventKind::ExecutionStarted { input: Value::Null, start: "S".into(), deadline: None })
}

pub(crate) fn succeeded(id: u64) -> Event {
    event(id, 0, EventKind::ExecutionSucceeded { output: Value::Null })
}

pub(crate) fn committed(event: Event) -> Committed {
    all(vec![event])
}

pub(crate) fn all(events: Vec<Event>) -> Committed {
    Committed { execution: Arc::new(observed()), events: Arc::new(events), bytes: 10 }
}
