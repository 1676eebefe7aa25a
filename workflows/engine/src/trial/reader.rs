//! What a Map's `ItemReader` has read, as a test is given it.

use std::sync::Arc;

use asl::{Kind, Map, State, Value};
use execution::ItemsRead;

use crate::exception::Error;

/// The items of a Map with an `ItemReader`, out of the text that it has read; nothing where there is no reader.
pub(super) fn items(state: &State, read: Option<&str>) -> Result<Option<ItemsRead>, Error> {
    let Kind::Map(map @ Map { item_reader: Some(_), .. }) = &state.kind else { return Ok(None) };
    let Some(text) = read else {
        return Err(Error::Validation(
            "The field 'stateConfiguration.mapItemReaderData' must be specified when testing a Map state with an \
             ItemReader"
                .to_owned(),
        ));
    };
    let kind = config(map, "InputType").unwrap_or("JSON");
    let pointer = config(map, "ItemsPointer");
    let found: Option<Vec<Value>> = match kind {
        "JSON" => {
            Value::parse(text).ok().and_then(|value| pointed_at(pointer, value).as_array().map(<[Value]>::to_vec))
        }
        "JSONL" => text.lines().filter(|line| !line.trim().is_empty()).map(|line| Value::parse(line).ok()).collect(),
        _ => {
            let message = format!(
                "The field 'stateConfiguration.mapItemReaderData' is read here for InputType JSON and JSONL, not for \
                 {kind}"
            );
            return Err(Error::Validation(message));
        }
    };
    let read = found.map(|items| Some(ItemsRead { items: Arc::new(items), pointed: pointer.is_some() }));
    read.ok_or_else(|| {
        let message = format!("The field 'stateConfiguration.mapItemReaderData' must hold items as {kind}");
        Error::Validation(message)
    })
}

/// A text of the reader's configuration.
fn config<'a>(map: &'a Map, field: &str) -> Option<&'a str> {
    map.item_reader.as_ref()?.get("ReaderConfig")?.get(field)?.as_str()
}

/// What a JSON Pointer (RFC 6901) leads to.
fn pointed_at(pointer: Option<&str>, value: Value) -> Value {
    let Some(pointer) = pointer else { return value };
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.fold(value, |value, step| {
        let item = value.as_array().and_then(|items| items.get(step.parse::<usize>().ok()?));
        item.or_else(|| value.get(&step)).cloned().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str, text: Option<&str>) -> Result<String, String> {
        let state = format!(
            r#"{{"Type":"Map","End":true,"ItemReader":{{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{config}}},
                "ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},
                "StartAt":"P","States":{{"P":{{"Type":"Pass","End":true}}}}}}}}"#
        );
        let parsed = asl::parse_state(&state);
        let definition = parsed.definition.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
        let read = items(&definition.machine.states[asl::LONE_STATE], text).map_err(|error| error.to_string())?;
        let read = read.ok_or("no reader")?;
        Ok(format!("{} {}", Value::Array(read.items), read.pointed))
    }

    #[test]
    fn items_are_read_as_the_reader_reads_them() {
        assert_eq!(read(r#"{"InputType":"JSON"}"#, Some("[1,2]")).unwrap(), "[1,2] false");
        assert_eq!(read(r#"{"InputType":"JSONL"}"#, Some("1\n\n[2]\n")).unwrap(), "[1,[2]] false");
        let pointer = r#"{"InputType":"JSON","ItemsPointer":"/a~1b/1"}"#;
        assert_eq!(read(pointer, Some(r#"{"a/b":[0,[3]]}"#)).unwrap(), "[3] true");
        for (text, wanted) in [(None, "must be specified"), (Some("{}"), "must hold items as JSON")] {
            let refused = read(r#"{"InputType":"JSON"}"#, text).unwrap_err();
            assert!(
                refused.contains("'stateConfiguration.mapItemReaderData'") && refused.contains(wanted),
                "{refused}"
            );
        }
        assert!(read(r#"{"InputType":"CSV"}"#, Some("a")).unwrap_err().contains("not for CSV"));
    }
}
