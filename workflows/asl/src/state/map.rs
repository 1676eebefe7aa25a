//! `Map`: runs one machine for each item.

use std::collections::HashSet;
use std::sync::Arc;

use super::{recovery, template, transition};
use crate::fields::{Fields, described};
use crate::machine::{self, Outer};
use crate::parse::MAX_SECONDS;
use crate::{Code, Diagnostic, ExecutionType, Iterations, Machine, Map, ProcessorMode, Value};

/// The longest label, in characters.
const MAX_LABEL_CHARS: usize = 40;

pub(super) fn read(fields: &mut Fields<'_>, outer: &Outer) -> Map {
    let processor = processor(fields, outer);
    if processor.mode == ProcessorMode::Inline {
        refuse_distributed(fields);
    }
    Map {
        iterations: iterations(fields),
        item_selector: item_selector(fields),
        max_concurrency: fields.number_field("MaxConcurrency", "MaxConcurrencyPath", 0..=MAX_SECONDS),
        mode: processor.mode,
        execution_type: processor.execution_type,
        machine: processor.machine,
        tolerated_failure_count: fields.number_field(
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            0..=u64::MAX,
        ),
        tolerated_failure_percentage: fields.number_field(
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
            0..=100,
        ),
        item_reader: resource(fields, "ItemReader"),
        item_batcher: object_template(fields, "ItemBatcher"),
        result_writer: object_template(fields, "ResultWriter"),
        label: label(fields),
        recovery: recovery::read(fields),
        transition: transition(fields),
    }
}

/// Fields that mean nothing, and would be passed over, in an inline Map.
fn refuse_distributed(fields: &Fields<'_>) {
    for name in ["ItemReader", "ItemBatcher", "ResultWriter"] {
        if fields.has(name) {
            fields.fail(name, format!("Field '{name}' is only supported when the processor's Mode is 'DISTRIBUTED'"));
        }
    }
}

fn iterations(fields: &mut Fields<'_>) -> Iterations {
    let path = fields.path("ItemsPath");
    let items = template::jsonata(fields, "Items");
    if let Some(items) = items {
        if !matches!(items, Value::Array(_) | Value::Object(_)) && !template::is_expression_value(&items) {
            fields.fail("Items", "Field 'Items' must be an array, an object or a JSONata expression '{% ... %}'");
        }
        return Iterations::Items(items);
    }
    path.map_or(Iterations::Input, Iterations::Path)
}

/// `ItemSelector`, or the older name of it: `Parameters`.
fn item_selector(fields: &mut Fields<'_>) -> Option<Value> {
    fields.exclusive(&["ItemSelector", "Parameters"]);
    let old = template::payload(fields, "Parameters");
    template::either(fields, "ItemSelector").or(old)
}

fn resource(fields: &mut Fields<'_>, name: &'static str) -> Option<Value> {
    let value = object_template(fields, name)?;
    if value.get("Resource").is_none() {
        fields.fail(name, "These fields are required: [Resource]");
    }
    Some(value)
}

fn object_template(fields: &mut Fields<'_>, name: &'static str) -> Option<Value> {
    let value = template::either(fields, name)?;
    if value.as_object().is_none() {
        fields.fail(name, format!("Field '{name}' must be an object, was {}", described(&value)));
        return None;
    }
    Some(value)
}

fn label(fields: &mut Fields<'_>) -> Option<Arc<str>> {
    let label = fields.string("Label")?;
    let refuse = |code, message: String| {
        fields.parser().report(Diagnostic::error(code, message, fields.at("Label")));
    };
    if label.is_empty() || label.chars().count() > MAX_LABEL_CHARS {
        refuse(Code::InvalidLabelName, format!("Label must have 1 to {MAX_LABEL_CHARS} characters"));
    }
    if let Some(character) = label.chars().find(|character| !is_label_character(*character)) {
        refuse(Code::InvalidLabelName, format!("Label contains invalid character: {character:?}"));
    }
    if !fields.parser().is_new_label(&label) {
        refuse(Code::DuplicateLabelName, format!("Duplicate label: {label}"));
    }
    Some(label)
}

/// No white space, control character, bracket, wildcard or special character: a label becomes part of an ARN.
fn is_label_character(character: char) -> bool {
    !(character.is_whitespace() || character.is_control() || "?*<>{}[]:;,\\|^~$#%&`\"".contains(character))
}

/// What `ItemProcessor` says.
struct Processor {
    mode: ProcessorMode,
    execution_type: ExecutionType,
    machine: Machine,
}

fn processor(fields: &mut Fields<'_>, outer: &Outer) -> Processor {
    fields.exclusive(&["ItemProcessor", "Iterator"]);
    let old = fields.object("Iterator");
    let new = fields.object("ItemProcessor");
    if !fields.has("Iterator") {
        fields.require("ItemProcessor", new.as_ref().map(|_| ()));
    }
    match new.or(old) {
        Some(processor) => read_processor(processor, outer),
        None => Processor {
            mode: ProcessorMode::Inline,
            execution_type: ExecutionType::Standard,
            machine: Machine { start_at: Arc::default(), states: indexmap::IndexMap::new() },
        },
    }
}

fn read_processor(mut fields: Fields<'_>, outer: &Outer) -> Processor {
    let (mode, execution_type) = config(&mut fields);
    // The states of a distributed Map run as executions of their own and see no variable of this one.
    let variables = if mode == ProcessorMode::Distributed { HashSet::new() } else { outer.variables.clone() };
    let machine = machine::nested(fields, &Outer { language: outer.language, variables });
    Processor { mode, execution_type, machine }
}

fn config(fields: &mut Fields<'_>) -> (ProcessorMode, ExecutionType) {
    let Some(mut config) = fields.object("ProcessorConfig") else { return Default::default() };
    let mode = config
        .word("Mode", &[("INLINE", ProcessorMode::Inline), ("DISTRIBUTED", ProcessorMode::Distributed)])
        .unwrap_or_default();
    let types = [("STANDARD", ExecutionType::Standard), ("EXPRESS", ExecutionType::Express)];
    let mut execution_type = config.word("ExecutionType", &types);
    if mode == ProcessorMode::Distributed {
        execution_type = config.require("ExecutionType", execution_type);
    }
    config.finish();
    (mode, execution_type.unwrap_or_default())
}
