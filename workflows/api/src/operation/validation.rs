//! ValidateStateMachineDefinition.

use asl::{Diagnostic, Severity};
use engine::Engine;
use serde_json::{Value as Json, json};

use super::Context;
use crate::fault::Fault;
use crate::fields::{DEFINITION, Fields};

/// Diagnostics shown where the request does not say.
const DEFAULT_DIAGNOSTICS: usize = 100;

pub(super) async fn validate(_context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let definition = fields.required("definition", &DEFINITION);
    let express = fields.one_of("type", &["STANDARD", "EXPRESS"]) == Some("EXPRESS");
    let warnings = fields.one_of("severity", &["ERROR", "WARNING"]) == Some("WARNING");
    let most = fields.number("maxResults", &(0..=100)).and_then(|most| usize::try_from(most).ok());
    fields.check()?;
    let most = most.filter(|most| *most > 0).unwrap_or(DEFAULT_DIAGNOSTICS);
    let mut diagnostics = Engine::validate(definition);
    if express && let Some(definition) = asl::parse(definition).definition {
        diagnostics.extend(asl::check_express(&definition));
    }
    Ok(report(&diagnostics, warnings, most))
}

/// The answer: warnings only where asked for, at most `most` diagnostics.
fn report(diagnostics: &[Diagnostic], warnings: bool, most: usize) -> Json {
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let wanted: Vec<&Diagnostic> =
        diagnostics.iter().filter(|diagnostic| warnings || diagnostic.severity == Severity::Error).collect();
    let shown: Vec<Json> = wanted.iter().take(most).map(|diagnostic| self::diagnostic(diagnostic)).collect();
    json!({
        "result": if failed { "FAIL" } else { "OK" },
        "diagnostics": shown,
        "truncated": wanted.len() > most,
    })
}

fn diagnostic(diagnostic: &Diagnostic) -> Json {
    let mut shown = json!({
        "severity": match diagnostic.severity { Severity::Error => "ERROR", Severity::Warning => "WARNING" },
        "code": diagnostic.code.name(),
        "message": diagnostic.message,
    });
    if let Some(location) = &diagnostic.location {
        shown["location"] = location.as_str().into();
    }
    shown
}
