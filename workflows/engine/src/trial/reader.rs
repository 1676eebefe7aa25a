//! What a Map's `ItemReader` has read, as a test is given it.

use asl::{Kind, Map, State};
use execution::ItemsRead;

use crate::exception::Error;
use crate::items;

/// The items of a Map with an `ItemReader`, out of the text that it has read; nothing where there is no reader.
pub(super) fn items(state: &State, read: Option<&str>) -> Result<Option<ItemsRead>, Error> {
    let Kind::Map(Map { item_reader: Some(reader), .. }) = &state.kind else { return Ok(None) };
    let Some(text) = read else {
        return Err(Error::Validation(
            "The field 'stateConfiguration.mapItemReaderData' must be specified when testing a Map state with an \
             ItemReader"
                .to_owned(),
        ));
    };
    let items = items::read_text(reader, text).map_err(|failure| {
        let cause = failure.cause.unwrap_or_default();
        Error::Validation(format!("The field 'stateConfiguration.mapItemReaderData' cannot be read: {cause}"))
    })?;
    let pointed = reader.get("ReaderConfig").is_some_and(|config| config.get("ItemsPointer").is_some());
    Ok(Some(ItemsRead { items, pointed }))
}

#[cfg(test)]
mod tests {
    use asl::Value;

    use super::*;

    fn read_by(resource: &str, config: &str, text: Option<&str>) -> Result<String, String> {
        let state = format!(
            r#"{{"Type":"Map","End":true,"ItemReader":{{"Resource":"arn:aws:states:::s3:{resource}","ReaderConfig":{config}}},
                "ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},
                "StartAt":"P","States":{{"P":{{"Type":"Pass","End":true}}}}}}}}"#
        );
        let parsed = asl::parse_state(&state);
        let definition = parsed.definition.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
        let read = items(&definition.machine.states[asl::LONE_STATE], text).map_err(|error| error.to_string())?;
        let ItemsRead { items, pointed } = read.ok_or("no reader")?;
        let items: Vec<_> = items
            .into_iter()
            .map(|(key, item)| key.map_or_else(|| item.clone(), |key| Value::object([(key, item.clone())])))
            .collect();
        Ok(format!("{} {pointed}", Value::array(items)))
    }

    fn read(config: &str, text: Option<&str>) -> Result<String, String> {
        read_by("getObject", config, text)
    }

    #[test]
    fn items_are_read_as_the_reader_reads_them() {
        assert_eq!(read(r#"{"InputType":"JSON"}"#, Some("[1,2]")).unwrap(), "[1,2] false");
        assert_eq!(read("{}", Some("[1]")).unwrap(), "[1] false");
        assert_eq!(read(r#"{"InputType":"JSONL","MaxItems":1}"#, Some("1\n\n[2]\n")).unwrap(), "[1,[2]] false");
        let pointer = r#"{"InputType":"JSON","ItemsPointer":"/a~1b/1"}"#;
        assert_eq!(read(pointer, Some(r#"{"a/b":[0,[3]]}"#)).unwrap(), "[3] true");
        let pointer = r#"{"InputType":"JSON","ItemsPointer":"/a"}"#;
        assert_eq!(read(pointer, Some(r#"{"a":{"k":1,"l":2}}"#)).unwrap(), r#"[{"k":1},{"l":2}] true"#);
        let csv = r#"{"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["x"],"CSVDelimiter":"PIPE"}"#;
        assert_eq!(read(csv, Some("1|2\n")).unwrap(), r#"[{"x":"1"}] false"#);
        let inventory = r#"{"InputType":"MANIFEST"}"#;
        assert_eq!(read(inventory, Some("Bucket,Key\nb,k\n")).unwrap(), r#"[{"Bucket":"b","Key":"k"}] false"#);
        let athena = r#"{"ManifestType":"ATHENA_DATA","InputType":"JSONL"}"#;
        assert_eq!(read(athena, Some("{}\n")).unwrap(), "[{}] false");
        let listing = read_by("listObjectsV2", "{}", Some(r#"[{"Key":"k"}]"#)).unwrap();
        assert_eq!(listing, r#"[{"Key":"k"}] false"#);
        let flat = r#"{"Transformation":"LOAD_AND_FLATTEN","InputType":"JSONL"}"#;
        assert_eq!(read_by("listObjectsV2", flat, Some("1\n2")).unwrap(), "[1,2] false");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let json = r#"{"InputType":"JSON"}"#;
        for (config, text, wanted) in [
            (json, None, "must be specified"),
            (json, Some("{}"), "cannot be read: Attempting to map over non-iterable node."),
            (r#"{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"}"#, Some("a,a\n"), "cannot contain duplicates"),
            (r#"{"InputType":"PARQUET"}"#, Some("PAR1"), "PARQUET is no text"),
        ] {
            let refused = read(config, text).unwrap_err();
            assert!(
                refused.contains("'stateConfiguration.mapItemReaderData'") && refused.contains(wanted),
                "{refused}"
            );
        }
    }
}
