//! From text to a [`Definition`]: the top level, and what every part of the parser shares.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use crate::fields::Fields;
use crate::{Code, Definition, Diagnostic, QueryLanguage, Severity, Value, document, lint, machine};

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
        let Value::Object(members) = &document.value else { return self.not_an_object() };
        let mut fields = Fields::new(self, String::new(), members, QueryLanguage::JsonPath);
        let definition = Self::top_level(&mut fields);
        fields.finish();
        Some(definition)
    }

    fn not_an_object(&self) -> Option<Definition> {
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
