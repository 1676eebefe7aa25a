//! What a trial shows of a Map: its items, and what its iterations would be given.

use std::sync::Arc;

use asl::{Map, ProcessorMode, QueryLanguage, State, Value};

use super::ItemsRead;
use crate::context::item_context;
use crate::event::FrameId;
use crate::map_run::{ItemBatcher, MapItem};
use crate::step::distributed::Settings;
use crate::step::{Problem, Stepper, Surroundings, fields, map};

/// Where items are from that were in the state's input.
const STATE_DATA: &str = "STATE_DATA";

impl Stepper<'_> {
    /// Works out what the iterations of a Map would be given, and how many items there are.
    pub(super) fn iterations(&mut self, id: FrameId, state: &State, map: &Map) -> Result<usize, Problem> {
        let input = self.effective_input(id, state)?;
        let surroundings = self.surroundings(id, None);
        let settings = Settings { language: state.query_language, input: &input, surroundings: &surroundings };
        let read = self.watch.as_mut().and_then(|watch| watch.items.take());
        let items = match (&map.item_reader, read) {
            (Some(reader), Some(read)) => self.items_read(&settings.reader(reader)?, read),
            _ => self.items_given(state, map, &input, &surroundings)?,
        };
        self.note_limits(map, &input, &surroundings)?;
        let batcher = map.item_batcher.as_ref().map(|batcher| settings.batcher(batcher)).transpose()?;
        let mut inputs = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let context = match map.mode {
                ProcessorMode::Inline => item_context(index, &item.value),
                ProcessorMode::Distributed => Value::object([("Item", item.context())]),
            };
            inputs.push(self.iteration_input(id, state, context, item.input())?);
        }
        if map.item_selector.is_some() {
            let selected = Value::array(inputs.clone());
            self.note(|inspection| inspection.after_item_selector = Some(selected));
        }
        if let Some(batcher) = batcher {
            let batches = shown(&batcher, inputs, self.execution.limits.payload_bytes);
            self.note(|inspection| inspection.after_item_batcher = Some(batches));
        }
        Ok(items.len())
    }

    /// The items that a reader has read, as many as it may read.
    fn items_read(&mut self, reader: &Value, read: ItemsRead) -> Vec<MapItem> {
        let ItemsRead { mut items, pointed } = read;
        let most = reader.get("ReaderConfig").and_then(|config| config.get("MaxItems")).and_then(fields::whole);
        if let Some(most) = most.filter(|most| *most > 0) {
            items.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
        if pointed {
            let pointed = Some(together(&items));
            self.note(|inspection| inspection.after_items_pointer = pointed);
        }
        numbered(items, &source(reader))
    }

    /// The items in the state's input.
    fn items_given(
        &mut self,
        state: &State,
        map: &Map,
        input: &Value,
        surroundings: &Surroundings,
    ) -> Result<Vec<MapItem>, Problem> {
        let given = match map.mode {
            ProcessorMode::Inline => Value::Array(map::items(map, input, surroundings)?),
            ProcessorMode::Distributed => map::collection(map, input, surroundings)?,
        };
        if state.query_language == QueryLanguage::JsonPath {
            self.note(|inspection| inspection.after_items_path = Some(given.clone()));
        }
        let items = match &given {
            Value::Array(items) => items.iter().map(|item| (None, item.clone())).collect(),
            Value::Object(members) => {
                members.iter().map(|(key, value)| (Some(Arc::clone(key)), value.clone())).collect()
            }
            _ => Vec::new(),
        };
        Ok(numbered(items, &STATE_DATA.into()))
    }

    fn note_limits(&mut self, map: &Map, input: &Value, surroundings: &Surroundings) -> Result<(), Problem> {
        let limit = |name: &str, field: Option<&asl::NumberField>| {
            field.map(|field| fields::number(name, field, input, surroundings, 0)).transpose()
        };
        let concurrency = limit("MaxConcurrency", map.max_concurrency.as_ref())?;
        let count = limit("ToleratedFailureCount", map.tolerated_failure_count.as_ref())?;
        let percentage = limit("ToleratedFailurePercentage", map.tolerated_failure_percentage.as_ref())?;
        self.note(|inspection| {
            inspection.max_concurrency = Some(concurrency.unwrap_or(0));
            inspection.tolerated_failure_count = count;
            inspection.tolerated_failure_percentage = percentage;
        });
        Ok(())
    }
}

/// The array or the object that the items are of.
fn together(items: &[(Option<Arc<str>>, Value)]) -> Value {
    match items.iter().map(|(key, value)| Some((Arc::clone(key.as_ref()?), value.clone()))).collect::<Option<Vec<_>>>()
    {
        Some(members) if !members.is_empty() => Value::object(members),
        _ => Value::array(items.iter().map(|(_, value)| value.clone()).collect()),
    }
}

fn numbered(items: Vec<(Option<Arc<str>>, Value)>, source: &Arc<str>) -> Vec<MapItem> {
    let numbered = (0_u64..).zip(items);
    numbered.map(|(index, (key, value))| MapItem { index, value, key, source: Arc::clone(source) }).collect()
}

/// Where a reader reads: `S3://BUCKET/KEY`.
fn source(reader: &Value) -> Arc<str> {
    let parameters = reader.get("Parameters").or_else(|| reader.get("Arguments"));
    let text = |name: &str| parameters.and_then(|parameters| parameters.get(name)).and_then(Value::as_str);
    match (text("Bucket"), text("Key")) {
        (Some(bucket), Some(key)) => format!("S3://{bucket}/{key}").into(),
        (Some(bucket), None) => format!("S3://{bucket}").into(),
        (None, _) => STATE_DATA.into(),
    }
}

/// The inputs of the children that are given batches; each item in them as its text, as TestState shows it.
fn shown(batcher: &ItemBatcher, items: Vec<Value>, most_bytes: usize) -> Value {
    let batches = batcher.batches(items, most_bytes).into_iter().map(|(mut batch, _)| {
        let items = batch.get("Items").and_then(Value::as_array).unwrap_or_default();
        let texts = Value::array(items.iter().map(|item| Value::from(item.to_string())).collect());
        batch.insert("Items", texts);
        batch
    });
    Value::array(batches.collect())
}
