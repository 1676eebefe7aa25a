//! What anybody may send: definitions, paths, expressions, inputs. Each function here takes bytes and does with them all
//! that the engine would do. It must return: no panic, no hang, no memory without bound.
//!
//! Two kinds of program call them: the fuzzers in `fuzz/` (`cargo +nightly fuzz run definition`), which look for bytes
//! that go further, and the tests of this crate, which try shapes that were dangerous somewhere.

mod input;

use asl::{Object, Value};
use evaluate::{Scope, jsonata, jsonpath, payload_template};

pub use input::input;

/// What paths and expressions are looked up in.
const DOCUMENT: &str = r#"{"a": {"b": [1, 2.5, "x", null, true, {"c": "d"}]}, "n": 7, "s": "2026-01-02T03:04:05Z",
    "list": [3, 1, 2], "objects": [{"k": "v", "n": 1}, {"k": "w", "n": 2}], "": {"": []}}"#;

/// A whole definition: read, checked, drawn, formatted.
pub fn definition(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parsed = asl::parse(text);
    for diagnostic in &parsed.diagnostics {
        let _ = diagnostic.to_string();
    }
    if let Some(definition) = parsed.definition {
        let _ = evaluate::check(&definition);
        let _ = evaluate::variable_references(&definition);
        let _ = asl::check_express(&definition);
        let _ = asl::coverage_points(&definition);
        let _ = definition.graph();
    }
    let _ = asl::format(text);
}

/// A JSONPath or an intrinsic function call, as a field and in a template; a second line is the document.
pub fn path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (path, document) = text.split_once('\n').unwrap_or((text, DOCUMENT));
    let Ok(document) = Value::parse(document) else { return };
    with(&document, |scope| {
        let _ = jsonpath::select(path, scope);
        let _ = jsonpath::place(&document, path, Value::from(1_i64));
        let template = Value::object([("value.$", Value::from(path)), ("literal", Value::from(path))]);
        let _ = payload_template(&template, scope);
    });
}

/// A JSONata expression; a line that begins with `{` is the document.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let document = Value::parse(DOCUMENT);
    let Ok(document) = document else { return };
    with(&document, |scope| {
        let _ = evaluate_expression(text, scope);
    });
}

/// What `source` gives in `scope`, with the error's cause as a text.
///
/// # Errors
/// The expression fails.
pub fn evaluate_expression(source: &str, scope: &Scope<'_>) -> Result<Value, String> {
    let template = Value::from(format!("{{% {source} %}}"));
    jsonata::template("Output", &template, scope).map_err(|failure| failure.cause)
}

/// Calls `act` with a scope around `document`.
pub fn with<T>(document: &Value, act: impl FnOnce(&Scope<'_>) -> T) -> T {
    let context = Value::object([("Execution", Value::object([("Name", Value::from("run"))]))]);
    let variables: Object = [("x".into(), Value::from(41_i64)), ("list".into(), document.clone())].into();
    act(&Scope {
        input: document,
        result: Some(document),
        error_output: None,
        context: &context,
        variables: &variables,
        now: 1_700_000_000_123,
        seed: 3,
    })
}
