//! The context object: `$$` in JSONPath, `$states.context` in JSONata.

use std::sync::Arc;

use asl::{StateType, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::{FrameId, Millis};
use crate::execution::Execution;
use crate::state::Visit;

impl Execution {
    /// The context object as a state in `frame` sees it. `token` is there while a task is being scheduled whose
    /// resource waits for one.
    pub(crate) fn context(&self, frame: FrameId, token: Option<&Arc<str>>) -> Value {
        let mut context = Value::object([("Execution", self.execution_context())]);
        let machine = &self.identity;
        context.insert(
            "StateMachine",
            Value::object([
                ("Id", Value::from(Arc::clone(&machine.state_machine_arn))),
                ("Name", Value::from(Arc::clone(&machine.state_machine_name))),
            ]),
        );
        if let Some(visit) = self.frames.get(&frame).and_then(|frame| frame.visit.as_ref()) {
            context.insert("State", state_context(visit));
        }
        if let Some(item) = self.map_context(frame) {
            context.insert("Map", item);
        }
        if let Some(token) = token {
            context.insert("Task", Value::object([("Token", Value::from(Arc::clone(token)))]));
        }
        context
    }

    fn execution_context(&self) -> Value {
        let mut context = Value::object([
            ("Id", Value::from(Arc::clone(&self.identity.arn))),
            ("Input", self.input.clone()),
            ("StartTime", instant(self.started_at.unwrap_or_default())),
            ("Name", Value::from(Arc::clone(&self.identity.name))),
            ("RoleArn", Value::from(Arc::clone(&self.identity.role_arn))),
            ("RedriveCount", Value::from(i64::from(self.redrives))),
        ]);
        if let Some(at) = self.redriven_at {
            context.insert("RedriveTime", instant(at));
        }
        context
    }

    /// The nearest enclosing iteration's item; at the top level the item that a Map Run started this execution for.
    fn map_context(&self, frame: FrameId) -> Option<Value> {
        let Some(parent) = self.frames.get(&frame)?.parent.as_ref() else {
            return self.map_item.as_ref().map(|item| Value::object([("Item", item.clone())]));
        };
        match &parent.item {
            Some(item) => Some(item_context(parent.index, item)),
            None => self.map_context(parent.frame),
        }
    }
}

/// `{"Item": {"Index", "Value"}}`
pub(crate) fn item_context(index: usize, item: &Value) -> Value {
    Value::object([("Item", Value::object([("Index", Value::from(index)), ("Value", item.clone())]))])
}

/// `RetryCount` is there only for the types that can retry.
fn state_context(visit: &Visit) -> Value {
    let mut state =
        Value::object([("Name", Value::from(Arc::clone(&visit.name))), ("EnteredTime", instant(visit.entered_at))]);
    if matches!(visit.state_type, StateType::Task | StateType::Parallel | StateType::Map) {
        state.insert("RetryCount", Value::from(visit.retry_count()));
    }
    state
}

/// RFC 3339 with milliseconds, as Step Functions writes instants.
fn instant(at: Millis) -> Value {
    let nanoseconds = i128::from(at) * 1_000_000;
    let text = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok().and_then(|at| {
        let format =
            time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        at.format(format).ok()
    });
    Value::from(text.unwrap_or_default())
}

/// Reads an RFC 3339 instant.
pub(crate) fn parse_instant(text: &str) -> Option<Millis> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(instant.unix_timestamp_nanos() / 1_000_000).ok()
}
