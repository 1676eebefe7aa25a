//! What a Map's `ItemReader` has read, as a test is given it.

use asl::{Kind, Map, State, Value};

use crate::exception::Error;

/// The items of a Map with an `ItemReader`, out of the text that it has read; nothing where there is no reader.
pub(super) fn items(state: &State, read: Option<&str>) -> Result<Option<Vec<Value>>, Error> {
    let Kind::Map(map @ Map { item_reader: Some(_), .. }) = &state.kind else { return Ok(None) };
    let Some(text) = read else {
        return Err(Error::Validation(
            "The field 'stateConfiguration.mapItemReaderData' must be specified when testing a Map state with an \
             ItemReader"
                .to_owned(),
        ));
    };
    let kind = input_type(map).unwrap_or("JSON");
    let found = match kind {
        "JSON" => Value::parse(text).ok().and_then(|value| pointed_at(map, value).as_array().map(<[Value]>::to_vec)),
        "JSONL" => text.lines().filter(|line| !line.trim().is_empty()).map(|line| Value::parse(line).ok()).collect(),
        _ => {
            let message = format!(
                "The field 'stateConfiguration.mapItemReaderData' is read here for InputType JSON and JSONL, not for \
                 {kind}"
            );
            return Err(Error::Validation(message));
        }
    };
    found.map(Some).ok_or_else(|| {
        let message = format!("The field 'stateConfiguration.mapItemReaderData' must hold items as {kind}");
        Error::Validation(message)
    })
}

fn input_type(map: &Map) -> Option<&str> {
    map.item_reader.as_ref()?.get("ReaderConfig")?.get("InputType")?.as_str()
}

/// What the reader's `ItemsPointer`, a JSON Pointer (RFC 6901), leads to.
fn pointed_at(map: &Map, value: Value) -> Value {
    let config = map.item_reader.as_ref().and_then(|reader| reader.get("ReaderConfig"));
    let Some(pointer) = config.and_then(|config| config.get("ItemsPointer")).and_then(Value::as_str) else {
        return value;
    };
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.fold(value, |value, step| {
        let item = value.as_array().and_then(|items| items.get(step.parse::<usize>().ok()?));
        item.or_else(|| value.get(&step)).cloned().unwrap_or_default()
    })
}
