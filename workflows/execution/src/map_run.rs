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
use crate::size::json_bytes;

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

/// Whether a run has failed: `bad` of its items have ended badly, more than are tolerated. Of `total` items that are not all
/// known the share is not known.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "at most 100,000,000 items")]
pub fn exceeds_tolerance(count: Option<u64>, percentage: Option<f64>, bad: u64, total: Option<u64>) -> bool {
    let by_count = count.map(|most| bad > most);
    let by_share = percentage.map(|most| total.is_some_and(|total| bad as f64 * 100.0 > most * total as f64));
    match (by_count, by_share) {
        (None, None) => bad > 0,
        (count, share) => count.unwrap_or(false) || share.unwrap_or(false),
    }
}

/// The failure of a run of which more items have failed than are tolerated.
#[must_use]
pub fn tolerance_exceeded() -> Failure {
    let cause = "The specified tolerated failure threshold was exceeded";
    Failure { error: Some("States.ExceedToleratedFailureThreshold".into()), cause: Some(cause.into()) }
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

impl ItemBatcher {
    /// Begins a batch whose JSON has at most `most_bytes`, or as many as the batcher says.
    #[must_use]
    pub fn begin(&self, most_bytes: usize) -> Batch {
        let own = self.max_bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
        // `{"BatchInput":...,"Items":[...]}`
        let around = self.input.as_ref().map_or(0, |input| r#""BatchInput":,"#.len() + json_bytes(input));
        Batch {
            most_items: self.max_items.unwrap_or(u64::MAX),
            most_bytes: own.min(most_bytes),
            bytes: r#"{"Items":[]}"#.len() + around,
            input: self.input.clone(),
            items: Vec::new(),
        }
    }

    /// The inputs of the children that are given these items, each with the number of its items.
    #[must_use]
    pub fn batches(&self, items: Vec<Value>, most_bytes: usize) -> Vec<(Value, u64)> {
        let mut found = Vec::new();
        let mut batch = self.begin(most_bytes);
        for item in items {
            let bytes = json_bytes(&item);
            if !batch.takes(bytes) {
                found.extend(std::mem::replace(&mut batch, self.begin(most_bytes)).into_input());
            }
            batch.push(item, bytes);
        }
        found.extend(batch.into_input());
        found
    }
}

/// A batch that is being filled.
#[derive(Clone, Debug)]
pub struct Batch {
    most_items: u64,
    most_bytes: usize,
    bytes: usize,
    input: Option<Value>,
    items: Vec<Value>,
}

impl Batch {
    /// Whether it has as many items as it may have.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.items.len() as u64 >= self.most_items
    }

    /// Whether an item of so many bytes has room; the first one always has.
    #[must_use]
    pub fn takes(&self, bytes: usize) -> bool {
        self.items.is_empty() || (!self.is_full() && self.bytes + bytes < self.most_bytes)
    }

    /// Adds an item of so many bytes.
    pub fn push(&mut self, item: Value, bytes: usize) {
        self.bytes += bytes + usize::from(!self.items.is_empty());
        self.items.push(item);
    }

    /// What the child is given, and the number of its items; `None` where there is no item.
    #[must_use]
    pub fn into_input(self) -> Option<(Value, u64)> {
        let count = self.items.len() as u64;
        let members = [("BatchInput", self.input), ("Items", Some(Value::array(self.items)))];
        let input = Value::object(members.into_iter().filter_map(|(name, value)| Some((name, value?))));
        (count > 0).then_some((input, count))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(batcher: &ItemBatcher, items: &str, most_bytes: usize) -> Vec<u64> {
        let items = Value::parse(items).unwrap().as_array().unwrap().to_vec();
        let batches = batcher.batches(items, most_bytes);
        for (batch, count) in &batches {
            let own = batcher.max_bytes.map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap());
            let fits = batch.to_string().len() <= most_bytes.min(own);
            assert!(fits || *count == 1, "{batch}");
        }
        batches.into_iter().map(|(_, count)| count).collect()
    }

    #[test]
    fn batches_are_as_large_as_they_may_be() {
        let by = |max_items, max_bytes| ItemBatcher { max_items, max_bytes, input: None };
        assert_eq!(sizes(&by(Some(2), None), "[1,2,3,4,5]", 1000), [2, 2, 1]);
        assert_eq!(sizes(&by(None, None), "[1,2,3]", 1000), [3]);
        // `{"Items":[1,2]}` has 15 bytes.
        assert_eq!(sizes(&by(None, Some(15)), "[1,2,3]", 1000), [2, 1]);
        assert_eq!(sizes(&by(None, None), "[1,2,3]", 14), [1, 1, 1]);
        assert_eq!(sizes(&by(None, Some(1)), r#"["long","longer"]"#, 1000), [1, 1]);
        assert_eq!(sizes(&by(Some(1), None), "[]", 1000), [] as [u64; 0]);
        let with = ItemBatcher { max_items: None, max_bytes: Some(30), input: Some(Value::from(1_i64)) };
        assert_eq!(sizes(&with, "[1,2,3,4]", 1000), [2, 2]);
    }
}
