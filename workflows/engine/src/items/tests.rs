use std::io::{BufReader, Cursor};

use super::file::{Bytes, ReadRecord};
use super::json::{Items, Lines};
use super::settings::Csv;
use super::*;

fn bytes(text: &str) -> Bytes {
    BufReader::new(Box::new(Cursor::new(text.to_owned().into_bytes())))
}

fn all(reader: Result<impl ReadRecord, Failure>) -> Result<Vec<String>, String> {
    let said = |failure: Failure| failure.cause.unwrap().to_string();
    let mut reader = reader.map_err(said)?;
    let mut found = Vec::new();
    while let Some(record) = reader.read().map_err(said)? {
        found.push(record.key.map_or_else(|| record.value.to_string(), |key| format!("{key}={}", record.value)));
    }
    Ok(found)
}

fn csv(text: &str, headers: Option<&[&str]>, delimiter: u8) -> Result<Vec<String>, String> {
    let headers = headers.map(|headers| headers.iter().map(|name| (*name).to_owned()).collect());
    all(csv::Reader::open(bytes(text), &Csv { delimiter, headers }))
}

fn json(text: &str, pointer: &[&str]) -> Result<Vec<String>, String> {
    let pointer: Vec<String> = pointer.iter().map(|name| (*name).to_owned()).collect();
    all(Items::open(bytes(text), &pointer))
}

#[test]
fn rows_are_objects_of_texts() {
    let rows = csv("\u{feff}A,B\n1,\"x,\"\"y\"\"\"\r\n2\n\n,,z\n", None, b',').unwrap();
    assert_eq!(rows, [r#"{"A":"1","B":"x,\"y\""}"#, r#"{"A":"2","B":""}"#, r#"{"A":"","B":""}"#]);
    assert_eq!(csv("1|2\n", Some(&["H"]), b'|').unwrap(), [r#"{"H":"1"}"#]);
    assert_eq!(csv("A,A\n1,2\n", None, b',').unwrap_err(), "CSV headers cannot contain duplicates.");
    let given = csv("", Some(&["H1", "H1"]), b',').unwrap_err();
    assert_eq!(given, "CSV headers cannot contain duplicates.");
    assert_eq!(csv("", None, b',').unwrap(), [""; 0]);
}

#[test]
fn elements_are_read_one_by_one() {
    let text = r#" [ 1, "a]\"", {"x": [1, {"y": "}"}]}, [], null , 1.5e3 ] "#;
    let expected = ["1", r#""a]\"""#, r#"{"x":[1,{"y":"}"}]}"#, "[]", "null", "1500.0"];
    assert_eq!(json(text, &[]).unwrap(), expected);
    assert_eq!(json("[]", &[]).unwrap(), [""; 0]);
}

#[test]
fn a_pointer_leads_to_an_array_or_an_object() {
    let text = r#"{"skip": {"a": [9]}, "a": {"list": [[0], [1, 2]], "members": {"k": 1, "l": [2]}}}"#;
    assert_eq!(json(text, &["a", "list", "1"]).unwrap(), ["1", "2"]);
    assert_eq!(json(text, &["a", "members"]).unwrap(), ["k=1", "l=[2]"]);
    assert!(json(text, &["a", "none"]).unwrap_err().contains("'none'"));
    assert_eq!(json(text, &["a", "members", "k"]).unwrap_err(), NOT_ITERABLE);
}

#[test]
fn what_is_no_array_is_refused_in_aws_words() {
    for text in [r#"{"a":1}"#, "1", "", "\"text\""] {
        assert_eq!(json(text, &[]).unwrap_err(), "Attempting to map over non-iterable node.");
    }
    assert!(json("[1 2]", &[]).unwrap_err().contains("not JSON"));
    assert!(json("[1,", &[]).unwrap_err().contains("not JSON"));
}

#[test]
fn lines_are_documents() {
    let lines = |text| all(Ok(Lines::open(bytes(text))));
    assert_eq!(lines("{\"a\":1}\n\n[2]").unwrap(), [r#"{"a":1}"#, "[2]"]);
    assert!(lines("{\n").unwrap_err().contains("not JSON"));
}
