//! What the engine makes of a definition's text: the language's own problems, and what this engine does not run yet.

use std::sync::Arc;

use asl::{Code, Definition, Diagnostic, Kind, Machine, State, Value};

use crate::exception::Error;
use crate::integration;

/// Every problem of a definition; what this engine does not run yet is a warning, since AWS accepts it.
pub(crate) fn check(text: &str) -> Vec<Diagnostic> {
    let (definition, mut diagnostics) = read(text);
    if let Some(definition) = &definition {
        let warning = |(location, lack): (String, &str)| {
            let message = format!("AWS accepts this; this engine does not run it yet: {lack}");
            Diagnostic::warning(Code::SchemaValidationFailed, message, location)
        };
        diagnostics.extend(lacking(definition).into_iter().map(warning));
    }
    diagnostics
}

/// The definition, where it has no errors and this engine runs all of it.
///
/// # Errors
/// `InvalidDefinition`, with every reason.
pub(crate) fn accept(text: &str) -> Result<Arc<Definition>, Error> {
    let (definition, diagnostics) = read(text);
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).map(ToString::to_string);
    let definition = definition.ok_or_else(|| Error::InvalidDefinition(errors.collect::<Vec<_>>().join(", ")))?;
    let lacking = lacking(&definition);
    if lacking.is_empty() {
        return Ok(Arc::new(definition));
    }
    let lacking = lacking.iter().map(|(location, lack)| format!("{lack} at {location}"));
    let reasons = lacking.collect::<Vec<_>>().join(", ");
    Err(Error::InvalidDefinition(format!("AWS accepts this definition; this engine does not run it yet: {reasons}")))
}

/// Every problem of a definition, and the definition where it has no errors.
fn read(text: &str) -> (Option<Definition>, Vec<Diagnostic>) {
    let mut parsed = asl::parse(text);
    if let Some(definition) = &parsed.definition {
        parsed.diagnostics.extend(evaluate::check(definition));
        parsed.diagnostics.extend(unknown_resources(definition));
    }
    let usable = !parsed.diagnostics.iter().any(Diagnostic::is_error);
    (parsed.definition.filter(|_| usable), parsed.diagnostics)
}

/// Tasks whose integration does not exist.
fn unknown_resources(definition: &Definition) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    visit(&definition.machine, "", &mut |state, location| {
        let Kind::Task(task) = &state.kind else { return };
        let resource = &task.resource;
        if !integration::is_known(resource) {
            let message = format!(
                "The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the \
                 resource is not available in this region."
            );
            found.push(Diagnostic::error(Code::SchemaValidationFailed, message, format!("{location}/Resource")));
        }
    });
    found
}

/// What is good language but would not run here as on AWS: where it stands, and what to do.
fn lacking(definition: &Definition) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    visit(&definition.machine, "", &mut |state, location| {
        let Kind::Map(map) = &state.kind else { return };
        let config = map.item_reader.as_ref().and_then(|reader| reader.get("ReaderConfig"));
        if config.and_then(|config| config.get("InputType")).and_then(Value::as_str) == Some("PARQUET") {
            let lack = "Parquet files; use CSV, JSON or JSONL";
            found.push((format!("{location}/ItemReader/ReaderConfig/InputType"), lack));
        }
    });
    found
}

/// Visits the states of a machine and of those inside it, with their locations.
fn visit(machine: &Machine, at: &str, act: &mut dyn FnMut(&State, &str)) {
    for (name, state) in &machine.states {
        let location = format!("{at}/States/{name}");
        act(state, &location);
        match &state.kind {
            Kind::Parallel(parallel) => {
                for (index, branch) in parallel.branches.iter().enumerate() {
                    visit(branch, &format!("{location}/Branches[{index}]"), act);
                }
            }
            Kind::Map(map) => visit(&map.machine, &format!("{location}/ItemProcessor"), act),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(mode: &str, fields: &str) -> String {
        format!(
            r#"{{"StartAt":"Each","States":{{"Each":{{"Type":"Map","End":true{fields},"ItemProcessor":{{
                "ProcessorConfig":{{{mode}}},"StartAt":"P","States":{{"P":{{"Type":"Pass","End":true}}}}}}}}}}}}"#
        )
    }

    const DISTRIBUTED: &str = r#""Mode":"DISTRIBUTED","ExecutionType":"STANDARD""#;

    fn reader(input_type: &str) -> String {
        format!(
            r#","ItemReader":{{"Resource":"arn:aws:states:::s3:getObject","Parameters":{{"Bucket":"b","Key":"k"}},
                "ReaderConfig":{{"InputType":"{input_type}"}}}}"#
        )
    }

    #[test]
    fn what_a_reader_does_not_read_yet_is_refused_by_name() {
        assert!(accept(&map(DISTRIBUTED, "")).is_ok());
        assert!(accept(&map(DISTRIBUTED, &reader("JSONL"))).is_ok());
        let refused = accept(&map(DISTRIBUTED, &reader("PARQUET"))).unwrap_err().to_string();
        let wanted = "AWS accepts this definition; this engine does not run it yet: Parquet files; use CSV, JSON or \
                      JSONL at /States/Each/ItemReader/ReaderConfig/InputType";
        assert!(refused.contains(wanted), "{refused}");
    }

    #[test]
    fn validation_judges_the_language_and_warns() {
        let found = check(&map(DISTRIBUTED, &reader("PARQUET")));
        let warning = found.iter().find(|diagnostic| diagnostic.message.contains("Parquet")).unwrap();
        assert!(!warning.is_error() && warning.message.starts_with("AWS accepts this"), "{warning}");
        assert!(!found.iter().any(Diagnostic::is_error));
    }

    #[test]
    fn what_is_inside_another_state_is_found() {
        let inner = map(DISTRIBUTED, &reader("PARQUET"));
        let text = format!(
            r#"{{"StartAt":"Both","States":{{"Both":{{"Type":"Parallel","End":true,"Branches":[{inner}]}}}}}}"#
        );
        let refused = accept(&text).unwrap_err().to_string();
        assert!(refused.contains("/States/Both/Branches[0]/States/Each/"), "{refused}");
    }
}
