//! From text to a [`Definition`]: the top level, and what every part of the parser shares.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use crate::fields::Fields;
use crate::{Code, Definition, Diagnostic, Machine, Object, QueryLanguage, Severity, Value, document, lint, machine};

/// What [`parse`] found.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The definition; absent when any diagnostic is an error.
    pub definition: Option<Definition>,
    /// Errors, state after state in the order of the text; or, where there is none, warnings.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// The diagnostics that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error())
    }
}

/// The largest number of seconds that any field of the language may hold.
pub(crate) const MAX_SECONDS: u64 = 99_999_999;

/// Reads a definition and finds every problem in it.
///
/// Checked here is all that the language's structure says: fields, types, ranges, transitions, names, scopes of
/// variables. Paths, intrinsic functions and JSONata are looked at from outside only; `evaluate::check` compiles them.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let parser = Parser::default();
    let definition = parser.definition(text);
    let mut diagnostics = parser.diagnostics.into_inner();
    let definition = definition.filter(|_| diagnostics.is_empty());
    if let Some(definition) = &definition {
        diagnostics.extend(lint::check(definition));
    }
    Parsed { definition, diagnostics }
}

/// The name of a state whose definition is all there is.
pub const LONE_STATE: &str = "StateName";

/// Reads the definition of one state: a definition of that state alone, called [`LONE_STATE`]. Where it leads to is
/// not looked for; everything else is checked as in [`parse`].
#[must_use]
pub fn parse_state(text: &str) -> Parsed {
    let parser = Parser::default();
    let definition = parser.lone_state(text);
    let diagnostics = parser.diagnostics.into_inner();
    Parsed { definition: definition.filter(|_| diagnostics.is_empty()), diagnostics }
}

/// State of one parse, shared by all readers.
#[derive(Default)]
pub(crate) struct Parser {
    diagnostics: RefCell<Vec<Diagnostic>>,
    state_names: RefCell<HashSet<Arc<str>>>,
    labels: RefCell<HashSet<Arc<str>>>,
}

impl Parser {
    /// Adds a finding.
    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Adds a schema error; an empty location is the top level.
    pub(crate) fn schema(&self, location: &str, message: impl Into<String>) {
        let location = if location.is_empty() { "/" } else { location };
        self.report(Diagnostic::error(Code::SchemaValidationFailed, message, location));
    }

    /// Remembers a state's name: whether it is new in the whole definition.
    pub(crate) fn is_new_state(&self, name: &Arc<str>) -> bool {
        self.state_names.borrow_mut().insert(name.clone())
    }

    /// Remembers a Map's label: whether it is new in the whole definition.
    pub(crate) fn is_new_label(&self, label: &Arc<str>) -> bool {
        self.labels.borrow_mut().insert(label.clone())
    }

    fn definition(&self, text: &str) -> Option<Definition> {
        let members = self.object(text)?;
        let mut fields = Fields::new(self, String::new(), &members, QueryLanguage::JsonPath);
        let definition = Self::top_level(&mut fields);
        fields.finish();
        Some(definition)
    }

    fn lone_state(&self, text: &str) -> Option<Definition> {
        let state = self.object(text)?;
        let states = Object::from_iter([(Arc::from(LONE_STATE), Value::Object(state))]);
        let fields = Fields::new(self, "/States".to_owned(), &states, QueryLanguage::JsonPath);
        let outer = machine::Outer { language: QueryLanguage::JsonPath, variables: HashSet::new() };
        let machine = Machine { start_at: LONE_STATE.into(), states: machine::read_states(&fields, &states, &outer) };
        Some(Definition { comment: None, query_language: QueryLanguage::JsonPath, timeout_seconds: None, machine })
    }

    /// The members of the object that the text must be.
    fn object(&self, text: &str) -> Option<Arc<Object>> {
        if text.trim().is_empty() {
            return self.not_an_object();
        }
        let document = match document::read(text) {
            Ok(document) => document,
            Err(error) => {
                self.report(Diagnostic {
                    severity: Severity::Error,
                    code: Code::InvalidJsonDescription,
                    message: format!("The definition is not valid JSON: {error}"),
                    location: None,
                });
                return None;
            }
        };
        for (location, key) in document.duplicates {
            let message = format!("Duplicate field '{key}'; every field of an object needs a name of its own");
            self.report(Diagnostic::error(Code::InvalidJsonDescription, message, location));
        }
        match document.value {
            Value::Object(members) => Some(members),
            _ => self.not_an_object(),
        }
    }

    fn not_an_object<T>(&self) -> Option<T> {
        self.report(Diagnostic {
            severity: Severity::Error,
            code: Code::SchemaValidationFailed,
            message: "Definition must be a valid JSON object".into(),
            location: None,
        });
        None
    }

    fn top_level(fields: &mut Fields<'_>) -> Definition {
        let comment = fields.string("Comment");
        if fields.string("Version").is_some_and(|version| &*version != "1.0") {
            fields.fail("Version", "Field 'Version' must be '1.0'");
        }
        let query_language = fields.query_language().unwrap_or_default();
        let timeout_seconds = fields.integer("TimeoutSeconds", 0..=MAX_SECONDS);
        let machine = machine::read(fields, &machine::Outer { language: query_language, variables: HashSet::new() });
        Definition { comment, query_language, timeout_seconds, machine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_state_may_lead_anywhere_and_is_checked_otherwise() {
        let parsed = parse_state(r#"{"Type": "Pass", "Next": "Elsewhere"}"#);
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        assert!(parsed.definition.unwrap().machine.states.contains_key(LONE_STATE));
        let messages = |text| parse_state(text).diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>();
        let unknown = ["SCHEMA_VALIDATION_FAILED: Field 'Foo' is not supported at /States/StateName"];
        assert_eq!(messages(r#"{"Type": "Succeed", "Foo": 1}"#), unknown);
        assert_eq!(messages("[]"), ["SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null"]);
        let inner = r#"{"Type": "Parallel", "End": true,
            "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}]}"#;
        assert!(messages(inner)[0].starts_with("MISSING_TRANSITION_TARGET"), "{:?}", messages(inner));
    }
}
