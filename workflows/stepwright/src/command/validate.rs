//! `stepwright validate`: what is wrong with definitions, and where.

use std::path::{Path, PathBuf};

use asl::{Code, Diagnostic, Severity};
use engine::Engine;
use serde_json::{Value as Json, json};

use crate::definitions::{self, Source};
use crate::excerpt::{Span, locate, offset, position, render};
use crate::failure::{Exit, Failure};
use crate::placeholder::Placeholders;
use crate::screen::{Screen, Tone};
use crate::stack;

/// Checks definitions; exits 1 where one has an error.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Definition files, or folders with definitions in them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The stack whose names the placeholders are resolved with; what it lacks is then an error.
    #[arg(long, value_name = "FILE")]
    stack: Option<PathBuf>,
    /// Leaves warnings out.
    #[arg(long)]
    errors_only: bool,
}

pub(crate) fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    let sources = sources(&arguments.paths)?;
    let mut findings = Vec::new();
    for source in &sources {
        let definition = resolve(source, &sources, arguments.stack.as_deref())?;
        let mut found = Engine::validate(&definition);
        found.retain(|diagnostic| diagnostic.is_error() || !arguments.errors_only);
        findings.push((source, found));
    }
    if screen.is_json() {
        screen.line(&document(&findings).to_string());
    } else {
        print(screen, &findings);
    }
    let errors = findings.iter().flat_map(|(_, found)| found).filter(|diagnostic| diagnostic.is_error()).count();
    if errors == 0 { Ok(()) } else { Err(Failure::new(Exit::Failed, count(errors, "error"))) }
}

/// A file is taken as it is; a folder gives every definition under it.
fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for path in paths {
        if path.is_dir() {
            sources.extend(definitions::find(Some(path))?);
        } else {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("PATH: {} cannot be read: {error}", path.display())))?;
            let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            sources.push(Source { name: folder.unwrap_or_default().to_owned(), file: path.clone(), text });
        }
    }
    if sources.is_empty() {
        return Err(Failure::usage(format!("PATH: there is no {} in it", definitions::FILE)));
    }
    Ok(sources)
}

fn resolve(source: &Source, sources: &[Source], stack: Option<&Path>) -> Result<String, Failure> {
    let Some(file) = stack else { return Ok(Placeholders::default().resolve_for_reading(&source.text)) };
    let stack = stack::read(Some(file))?;
    let placeholders = definitions::placeholders("123456789012", "us-east-1", &stack, sources);
    definitions::resolved(source, &placeholders)
}

/// Where a finding is in its file.
fn place(source: &Source, diagnostic: &Diagnostic) -> Option<Span> {
    if diagnostic.code == Code::InvalidJsonDescription || diagnostic.location.is_none() {
        let error = serde_json::from_str::<serde::de::IgnoredAny>(&source.text).err()?;
        let start = offset(&source.text, error.line(), error.column());
        return Some(Span { start, end: start });
    }
    locate(&source.text, diagnostic.location.as_deref()?)
}

fn document(findings: &[(&Source, Vec<Diagnostic>)]) -> Json {
    let files: Vec<Json> = findings
        .iter()
        .map(|(source, found)| {
            let diagnostics: Vec<Json> = found.iter().map(|diagnostic| finding(source, diagnostic)).collect();
            let failed = found.iter().any(Diagnostic::is_error);
            json!({
                "file": source.file.display().to_string(),
                "result": if failed { "FAIL" } else { "OK" },
                "diagnostics": diagnostics,
            })
        })
        .collect();
    json!({ "files": files })
}

fn finding(source: &Source, diagnostic: &Diagnostic) -> Json {
    let place = place(source, diagnostic).map(|span| position(&source.text, span.start));
    json!({
        "severity": word(diagnostic.severity).to_uppercase(),
        "code": diagnostic.code.name(),
        "message": diagnostic.message,
        "location": diagnostic.location,
        "line": place.map(|(line, _)| line),
        "column": place.map(|(_, column)| column),
    })
}

fn print(screen: &Screen, findings: &[(&Source, Vec<Diagnostic>)]) {
    let all = || findings.iter().flat_map(|(_, found)| found);
    for (source, found) in findings {
        for diagnostic in found {
            screen.line(&message(screen, source, diagnostic));
        }
    }
    let errors = all().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = all().count() - errors;
    let tone = if errors > 0 { Tone::Bad } else { Tone::Good };
    let summary =
        format!("{}: {}, {}", count(findings.len(), "definition"), count(errors, "error"), count(warnings, "warning"));
    screen.line(&screen.paint(tone, &summary));
}

fn message(screen: &Screen, source: &Source, diagnostic: &Diagnostic) -> String {
    let tone = if diagnostic.is_error() { Tone::Bad } else { Tone::Busy };
    let word = screen.paint(tone, &format!("{}[{}]", word(diagnostic.severity), diagnostic.code.name()));
    let location = diagnostic.location.as_deref().map_or_else(String::new, |location| format!(" at {location}"));
    let head = format!("{word}: {}{location}", diagnostic.message);
    let file = source.file.display().to_string();
    match place(source, diagnostic) {
        Some(span) => format!("{head}\n{}\n", render(screen, &file, &source.text, span)),
        None => format!("{head}\n --> {file}\n"),
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Format;

    const SCREEN: Screen = Screen { format: Format::Text, colour: false, width: 80 };

    fn source(text: &str) -> Source {
        Source { name: "m".into(), file: "m/definition.asl.json".into(), text: text.into() }
    }

    #[test]
    fn a_finding_shows_its_place() {
        let source = source(
            "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": \"B\"}\n  }\n}",
        );
        let diagnostic = Diagnostic::error(Code::MissingTransitionTarget, "Missing 'Next' target: B", "/States/A/Next");
        insta::assert_snapshot!(message(&SCREEN, &source, &diagnostic), @r#"
        error[MISSING_TRANSITION_TARGET]: Missing 'Next' target: B at /States/A/Next
         --> m/definition.asl.json:4:27
          |
        3 |   "States": {
        4 |     "A": {"Type": "Pass", "Next": "B"}
          |                           ^^^^^^
        5 |   }
        "#);
        assert_eq!(finding(&source, &diagnostic)["line"], 4);
    }

    #[test]
    fn text_that_is_no_json_is_pointed_at() {
        let source = source("{\n  \"a\" 1\n}");
        let diagnostic =
            Diagnostic { location: None, ..Diagnostic::error(Code::InvalidJsonDescription, "no JSON", "") };
        assert!(message(&SCREEN, &source, &diagnostic).contains("m/definition.asl.json:2:7"));
    }

    #[test]
    fn an_empty_folder_is_an_error_of_use() {
        let folder = tempfile::tempdir().unwrap();
        let failure = sources(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!((failure.exit, &*failure.message), (Exit::Usage, "PATH: there is no definition.asl.json in it"));
    }
}
