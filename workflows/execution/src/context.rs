//! The context object: `$$` in JSONPath, `$states.context` in JSONata.

use std::sync::{Arc, OnceLock};

use asl::{StateType, Value};
use evaluate::ContextObject;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::command::Identity;
use crate::event::{FrameId, Millis};
use crate::execution::Execution;
use crate::state::Visit;

/// The context object as one state sees it, made when an expression first asks for it: most never do.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    made: OnceLock<Value>,
    identity: Identity,
    input: Value,
    started_at: Millis,
    redrives: u32,
    redriven_at: Option<Millis>,
    state: Option<StateSeen>,
    /// The member `Map`.
    map: Option<Value>,
    token: Option<Arc<str>>,
}

/// The member `State`.
#[derive(Clone, Debug)]
struct StateSeen {
    name: Arc<str>,
    entered_at: Millis,
    /// There only for the types that can retry.
    retry_count: Option<u32>,
}

impl ContextObject for Context {
    fn object(&self) -> &Value {
        self.made.get_or_init(|| self.make())
    }
}

impl Context {
    /// The object, which may be another than it would be.
    pub(crate) fn shown(self, show: impl FnOnce(Value) -> Value) -> Self {
        let made = show(self.object().clone());
        Self { made: OnceLock::from(made), ..self }
    }

    /// Lets it tell an iteration's item: `map` is the member `Map`.
    pub(crate) fn set_map(&mut self, map: Value) {
        match self.made.get_mut() {
            Some(made) => made.insert("Map", map),
            None => self.map = Some(map),
        }
    }

    fn make(&self) -> Value {
        let mut context = Value::object([("Execution", self.execution())]);
        let machine = &self.identity;
        context.insert(
            "StateMachine",
            Value::object([
                ("Id", Value::from(Arc::clone(&machine.state_machine_arn))),
                ("Name", Value::from(Arc::clone(&machine.state_machine_name))),
            ]),
        );
        if let Some(state) = &self.state {
            context.insert("State", state.object());
        }
        if let Some(map) = &self.map {
            context.insert("Map", map.clone());
        }
        if let Some(token) = &self.token {
            context.insert("Task", Value::object([("Token", Value::from(Arc::clone(token)))]));
        }
        context
    }

    fn execution(&self) -> Value {
        let mut context = Value::object([
            ("Id", Value::from(Arc::clone(&self.identity.arn))),
            ("Input", self.input.clone()),
            ("StartTime", instant(self.started_at)),
            ("Name", Value::from(Arc::clone(&self.identity.name))),
            ("RoleArn", Value::from(Arc::clone(&self.identity.role_arn))),
            ("RedriveCount", Value::from(i64::from(self.redrives))),
        ]);
        if let Some(at) = self.redriven_at {
            context.insert("RedriveTime", instant(at));
        }
        context
    }
}

impl StateSeen {
    fn of(visit: &Visit) -> Self {
        let retries = matches!(visit.state_type, StateType::Task | StateType::Parallel | StateType::Map);
        Self {
            name: Arc::clone(&visit.name),
            entered_at: visit.entered_at,
            retry_count: retries.then(|| visit.retry_count()),
        }
    }

    fn object(&self) -> Value {
        let name = Value::from(Arc::clone(&self.name));
        let mut state = Value::object([("Name", name), ("EnteredTime", instant(self.entered_at))]);
        if let Some(retry_count) = self.retry_count {
            state.insert("RetryCount", Value::from(retry_count));
        }
        state
    }
}

impl Execution {
    /// The context object as a state in `frame` sees it. `token` is there while a task is being scheduled whose
    /// resource waits for one.
    pub(crate) fn context(&self, frame: FrameId, token: Option<&Arc<str>>) -> Context {
        let visit = self.frames.get(&frame).and_then(|frame| frame.visit.as_ref());
        Context {
            made: OnceLock::new(),
            identity: self.identity.clone(),
            input: self.input.clone(),
            started_at: self.started_at.unwrap_or_default(),
            redrives: self.redrives,
            redriven_at: self.redriven_at,
            state: visit.map(StateSeen::of),
            map: self.map_context(frame),
            token: token.cloned(),
        }
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
