//! The run of a distributed Map: what was decided about it, and how an item becomes the input of a child.
//!
//! Of a run the journal keeps its start with everything decided, its redrives and its end. Which of its children have
//! started and ended is nowhere in the parent: they are executions of their own.

use std::sync::Arc;

use asl::{Definition, Kind, Object, PathField, QueryLanguage, Value};
use evaluate::{Scope, jsonata, jsonpath};
use serde::{Deserialize, Serialize};

use crate::command::{Env, TaskId};
use crate::context::Context;
use crate::event::Failure;
use crate::execution::Execution;

/// A Map Run as its start decided it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapRun {
    /// Its ARN: `arn:aws:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:UUID`.
    pub arn: Arc<str>,
    /// The Map state's `Label`, or one made from its name.
    pub label: Arc<str>,
    /// Name of the Map state.
    pub state: Arc<str>,
    /// Children at once; 0 where the definition says nothing.
    pub max_concurrency: u64,
    /// Failed items that are tolerated, where the definition says so.
    pub tolerated_failure_count: Option<u64>,
    /// Failed items that are tolerated, in percent, where the definition says so.
    pub tolerated_failure_percentage: Option<f64>,
    /// The evaluated `ItemReader`.
    pub reader: Option<Value>,
    /// The evaluated `ItemBatcher`.
    pub batcher: Option<ItemBatcher>,
    /// The evaluated `ResultWriter`.
    pub writer: Option<Value>,
    /// Its children are EXPRESS executions.
    pub express: bool,
}

/// How items are gathered into batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemBatcher {
    /// Items in one batch.
    pub max_items: Option<u64>,
    /// Bytes of one batch as JSON.
    pub max_bytes: Option<u64>,
    /// What every batch gets beside its items.
    pub input: Option<Value>,
}

/// One item of a Map Run.
#[derive(Clone, Debug, PartialEq)]
pub struct MapItem {
    /// Its index, from 0.
    pub index: u64,
    /// The item.
    pub value: Value,
    /// Its key, where an object is iterated over.
    pub key: Option<Arc<str>>,
    /// `STATE_DATA`, or where it was read.
    pub source: Arc<str>,
}

impl MapItem {
    /// What a child is given of it where nothing shapes it: the item; of an object's member its key and its value.
    #[must_use]
    pub fn input(&self) -> Value {
        match &self.key {
            Some(key) => Value::object([("Key", Value::from(Arc::clone(key))), ("Value", self.value.clone())]),
            None => self.value.clone(),
        }
    }

    /// `$$.Map.Item` of this item.
    #[must_use]
    pub fn context(&self) -> Value {
        let mut item = Value::object([("Index", Value::from(self.index))]);
        if let Some(key) = &self.key {
            item.insert("Key", Value::from(Arc::clone(key)));
        }
        item.insert("Value", self.value.clone());
        item.insert("Source", Value::from(Arc::clone(&self.source)));
        item
    }
}

/// Makes of an item what a child is given of it. It sees what the Map state sees, and changes nothing.
#[derive(Clone, Debug)]
pub struct ItemShaper {
    selector: Option<Value>,
    language: QueryLanguage,
    input: Value,
    context: Context,
    variables: Arc<Object>,
    state: Arc<str>,
    entered: u64,
}

impl ItemShaper {
    /// The item, or what the item selector makes of it.
    ///
    /// # Errors
    /// The item selector fails.
    pub fn shape(&self, item: &MapItem, env: Env) -> Result<Value, Failure> {
        let Some(selector) = &self.selector else { return Ok(item.input()) };
        let mut context = self.context.clone();
        context.set_map(Value::object([("Item", item.context())]));
        let scope = self.scope(&self.input, &context, env);
        let shaped = match self.language {
            QueryLanguage::JsonPath => evaluate::payload_template(selector, &scope),
            QueryLanguage::Jsonata => jsonata::template("ItemSelector", selector, &scope),
        };
        shaped.map_err(|failure| self.failed(&failure))
    }

    fn scope<'s>(&'s self, input: &'s Value, context: &'s Context, env: Env) -> Scope<'s> {
        Scope {
            input,
            result: None,
            error_output: None,
            context,
            variables: &self.variables,
            now: env.now,
            seed: env.seed,
        }
    }

    fn failed(&self, failure: &evaluate::Failure) -> Failure {
        let Self { state, entered, .. } = self;
        let cause = format!(
            "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {}",
            failure.cause
        );
        Failure { error: Some(failure.error.into()), cause: Some(cause.into()) }
    }
}

impl Execution {
    /// What makes the children's inputs of a Map Run that is out; `None` where it is not.
    ///
    /// # Errors
    /// The state's `InputPath` finds nothing.
    pub fn item_shaper(&self, definition: &Definition, run: TaskId, env: Env) -> Result<Option<ItemShaper>, Failure> {
        let (Some(_), Some(state)) = (self.map_run(run), self.state(definition, run.frame)) else { return Ok(None) };
        let (Kind::Map(map), Some(visit)) = (&state.kind, self.frames.get(&run.frame).and_then(|f| f.visit.as_ref()))
        else {
            return Ok(None);
        };
        let mut shaper = ItemShaper {
            selector: map.item_selector.clone(),
            language: state.query_language,
            input: visit.input.clone(),
            context: self.context(run.frame, None),
            variables: self.frame_variables(run.frame),
            state: Arc::clone(&visit.name),
            entered: visit.entered,
        };
        if shaper.language == QueryLanguage::JsonPath {
            match &state.flow.input_path {
                PathField::Whole => {}
                PathField::Nothing => shaper.input = Value::object::<Arc<str>>([]),
                PathField::Path(path) => {
                    let selected = jsonpath::select(path, &shaper.scope(&shaper.input, &shaper.context, env));
                    shaper.input = selected.map_err(|failure| shaper.failed(&failure))?;
                }
            }
        }
        Ok(Some(shaper))
    }
}
