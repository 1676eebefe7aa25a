//! What an evaluated `ItemReader` says.

use asl::Value;
use execution::Failure;

use super::failed;
use crate::aws::s3::{Location, Query};

/// Items that a reader may read at most, as on AWS.
const MOST_ITEMS: i64 = 100_000_000;

/// An `ItemReader`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) reader: Reader,
    /// `MaxItems`; absent where there is no limit.
    pub(super) max_items: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// `s3:listObjectsV2`: the objects themselves, or with `LOAD_AND_FLATTEN` what is in them.
    Objects { query: Query, load: Option<Format> },
    /// `s3:getObject` of a file with items.
    Object { location: Location, format: Format },
    /// `s3:getObject` of a file that names others.
    Manifest { location: Location, manifest: Manifest },
}

/// How a file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv(Csv),
    /// The path to the items in the document, by the names on it.
    Json {
        pointer: Vec<String>,
    },
    JsonLines,
    Parquet,
}

/// How a CSV file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Csv {
    pub(super) delimiter: u8,
    /// The names of the columns; absent where they are in the first row.
    pub(super) headers: Option<Vec<String>>,
}

/// A file that names others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Manifest {
    /// Of Amazon S3 Inventory: it names its files and their columns.
    Inventory,
    /// Of Amazon Athena's UNLOAD: one location a line.
    Athena { format: Format },
}

impl Settings {
    /// Reads what an evaluated `ItemReader` says.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`, with the field and the remedy.
    pub(super) fn read(reader: &Value) -> Result<Self, Failure> {
        let nothing = Value::object::<&str>([]);
        let config = reader.get("ReaderConfig").unwrap_or(&nothing);
        let parameters = reader.get("Parameters").or_else(|| reader.get("Arguments")).unwrap_or(&nothing);
        let max_items = max_items(config.get("MaxItems"))?;
        let resource = text(reader, "Resource").unwrap_or_default();
        let reader = match resource.rsplit_once(":::").map_or(resource, |(_, action)| action) {
            "s3:listObjectsV2" => Reader::Objects { query: query(parameters)?, load: load(config)? },
            "s3:getObject" => object(parameters, config)?,
            _ => {
                let cause = format!(
                    "The ItemReader's Resource '{resource}' is not supported: use arn:aws:states:::s3:getObject or \
                     arn:aws:states:::s3:listObjectsV2"
                );
                return Err(failed(cause));
            }
        };
        Ok(Self { reader, max_items })
    }
}

/// How the text that a reader has read is taken apart: of a manifest the text of its files, of a listing the array of what
/// it says of each object.
///
/// # Errors
/// `States.ItemReaderFailed`, with the field and the remedy.
pub(super) fn format_of(reader: &Value) -> Result<Format, Failure> {
    let nothing = Value::object::<&str>([]);
    let config = reader.get("ReaderConfig").unwrap_or(&nothing);
    let array = || Format::Json { pointer: Vec::new() };
    if text(reader, "Resource").is_some_and(|resource| resource.ends_with(":s3:listObjectsV2")) {
        return Ok(load(config)?.unwrap_or_else(array));
    }
    let input_type = text(config, "InputType").unwrap_or("JSON");
    match (input_type, text(config, "ManifestType")) {
        ("MANIFEST", _) | (_, Some("S3_INVENTORY")) => Ok(Format::Csv(Csv { delimiter: b',', headers: None })),
        (input_type, _) => format(config, input_type),
    }
}

/// `MaxItems`: 0 is no limit.
fn max_items(given: Option<&Value>) -> Result<Option<u64>, Failure> {
    let Some(given) = given else { return Ok(None) };
    let number = given.as_i64().or_else(|| whole(given)).ok_or_else(|| failed("field MaxItems must be an integer"))?;
    match number {
        0 => Ok(None),
        1..=MOST_ITEMS => Ok(u64::try_from(number).ok()),
        number if number < 0 => Err(failed("field MaxItems must be positive")),
        _ => Err(failed(format!("field MaxItems must be at most {MOST_ITEMS}"))),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
fn whole(given: &Value) -> Option<i64> {
    let number = given.as_f64()?;
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn required(parameters: &Value, name: &str) -> Result<String, Failure> {
    let found = text(parameters, name).filter(|text| !text.is_empty());
    found.map(str::to_owned).ok_or_else(|| failed(format!("The ItemReader's parameter '{name}' must be a string")))
}

fn query(parameters: &Value) -> Result<Query, Failure> {
    Ok(Query {
        bucket: required(parameters, "Bucket")?,
        prefix: text(parameters, "Prefix").map(str::to_owned),
        start_after: text(parameters, "StartAfter").map(str::to_owned),
    })
}

/// How the objects of a listing are read, where they are.
fn load(config: &Value) -> Result<Option<Format>, Failure> {
    match text(config, "Transformation") {
        None | Some("NONE") => Ok(None),
        Some("LOAD_AND_FLATTEN") => format(config, text(config, "InputType").unwrap_or_default()).map(Some),
        Some(other) => Err(failed(format!("field Transformation must be NONE or LOAD_AND_FLATTEN, was '{other}'"))),
    }
}

fn object(parameters: &Value, config: &Value) -> Result<Reader, Failure> {
    let location = Location {
        bucket: required(parameters, "Bucket")?,
        key: required(parameters, "Key")?,
        version: text(parameters, "VersionId").map(str::to_owned),
    };
    let input_type = text(config, "InputType").unwrap_or_default();
    let manifest = match text(config, "ManifestType") {
        Some("ATHENA_DATA") => Manifest::Athena { format: format(config, input_type)? },
        Some("S3_INVENTORY") => Manifest::Inventory,
        None if input_type == "MANIFEST" => Manifest::Inventory,
        None => return Ok(Reader::Object { location, format: format(config, input_type)? }),
        Some(other) => {
            return Err(failed(format!("field ManifestType must be ATHENA_DATA or S3_INVENTORY, was '{other}'")));
        }
    };
    Ok(Reader::Manifest { location, manifest })
}

fn format(config: &Value, input_type: &str) -> Result<Format, Failure> {
    match input_type {
        "CSV" => csv(config).map(Format::Csv),
        "JSON" => pointer(text(config, "ItemsPointer")).map(|pointer| Format::Json { pointer }),
        "JSONL" => Ok(Format::JsonLines),
        "PARQUET" => Ok(Format::Parquet),
        other => {
            Err(failed(format!("field InputType must be one of CSV, JSON, JSONL, PARQUET or MANIFEST, was '{other}'")))
        }
    }
}

fn csv(config: &Value) -> Result<Csv, Failure> {
    let delimiter = match text(config, "CSVDelimiter").unwrap_or("COMMA") {
        "COMMA" => b',',
        "PIPE" => b'|',
        "SEMICOLON" => b';',
        "SPACE" => b' ',
        "TAB" => b'\t',
        other => {
            let cause = format!("field CSVDelimiter must be COMMA, PIPE, SEMICOLON, SPACE or TAB, was '{other}'");
            return Err(failed(cause));
        }
    };
    let headers = match text(config, "CSVHeaderLocation") {
        Some("FIRST_ROW") => None,
        Some("GIVEN") => {
            let headers = config.get("CSVHeaders").and_then(Value::as_array).unwrap_or_default();
            let headers: Option<Vec<_>> = headers.iter().map(|header| header.as_str().map(str::to_owned)).collect();
            let headers = headers.filter(|headers| !headers.is_empty());
            Some(
                headers
                    .ok_or_else(|| failed("field CSVHeaders must be an array of strings where headers are GIVEN"))?,
            )
        }
        _ => return Err(failed("field CSVHeaderLocation must be FIRST_ROW or GIVEN")),
    };
    Ok(Csv { delimiter, headers })
}

/// The names on a JSON pointer (RFC 6901).
fn pointer(text: Option<&str>) -> Result<Vec<String>, Failure> {
    match text {
        None | Some("") => Ok(Vec::new()),
        Some(text) => {
            let names = text.strip_prefix('/');
            let names = names.ok_or_else(|| failed(format!("field ItemsPointer must begin with '/', was '{text}'")))?;
            Ok(names.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(config: &str) -> Result<Settings, String> {
        let text = format!(
            r#"{{"Resource":"arn:aws:states:::s3:getObject","Parameters":{{"Bucket":"b","Key":"k"}},"ReaderConfig":{config}}}"#
        );
        Settings::read(&Value::parse(&text).unwrap()).map_err(|failure| failure.cause.unwrap().to_string())
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (config, cause) in [
            (r#"{"InputType":"JSON","MaxItems":-1}"#, "field MaxItems must be positive"),
            (r#"{"InputType":"JSON","MaxItems":100000001}"#, "field MaxItems must be at most 100000000"),
            (r#"{"InputType":"CSV"}"#, "field CSVHeaderLocation must be FIRST_ROW or GIVEN"),
            (r#"{"InputType":"JSON","ItemsPointer":"a"}"#, "field ItemsPointer must begin with '/', was 'a'"),
        ] {
            assert_eq!(settings(config).unwrap_err(), cause);
        }
        assert!(settings(r#"{"InputType":"XML"}"#).unwrap_err().contains("'XML'"));
    }

    #[test]
    fn a_pointer_is_taken_apart() {
        let read = settings(r#"{"InputType":"JSON","ItemsPointer":"/a~1b/0","MaxItems":0}"#).unwrap();
        let Reader::Object { format: Format::Json { pointer }, .. } = read.reader else { panic!() };
        assert_eq!((pointer, read.max_items), (vec!["a/b".to_owned(), "0".to_owned()], None));
    }
}
