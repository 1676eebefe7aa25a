//! What the engine makes of a definition's text: the language's own problems, and what this engine does not run yet.

use std::sync::Arc;

use asl::{Code, Definition, Diagnostic, ExecutionType, Kind, Machine, Map, ProcessorMode, State};

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

/// The definition, where it has no errors as one of this type and this engine runs all of it.
///
/// # Errors
/// `InvalidDefinition`, with every reason.
pub(crate) fn accept(text: &str, kind: ExecutionType) -> Result<Arc<Definition>, Error> {
    let (definition, diagnostics) = read(text);
    let definition = definition.ok_or_else(|| refusal(&diagnostics))?;
    if kind == ExecutionType::Express {
        let problems = asl::check_express(&definition);
        if !problems.is_empty() {
            return Err(refusal(&problems));
        }
    }
    let lacking = lacking(&definition);
    if lacking.is_empty() {
        return Ok(Arc::new(definition));
    }
    let lacking = lacking.iter().map(|(location, lack)| format!("{lack} at {location}"));
    let reasons = lacking.collect::<Vec<_>>().join(", ");
    Err(Error::InvalidDefinition(format!("AWS accepts this definition; this engine does not run it yet: {reasons}")))
}

/// The state of a definition that is to be tried: the one that `name` names, or the only one, where the text is a
/// state's.
///
/// # Errors
/// `InvalidDefinition`, with every reason; `ValidationException` where there is no state of this name.
pub(crate) fn state(text: &str, name: Option<&str>) -> Result<State, Error> {
    let parsed = if name.is_some() { asl::parse(text) } else { asl::parse_state(text) };
    let (definition, diagnostics) = checked(parsed);
    let definition = definition.ok_or_else(|| refusal(&diagnostics))?;
    let mut found = None;
    definition.visit(&mut |visited| {
        if **visited.name == *name.unwrap_or(asl::LONE_STATE) && found.is_none() {
            found = Some(visited.state.clone());
        }
    });
    found.ok_or_else(|| Error::Validation("State not found in definition".to_owned()))
}

fn refusal(diagnostics: &[Diagnostic]) -> Error {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).map(ToString::to_string);
    Error::InvalidDefinition(errors.collect::<Vec<_>>().join(", "))
}

/// Every problem of a definition, and the definition where it has no errors.
fn read(text: &str) -> (Option<Definition>, Vec<Diagnostic>) {
    checked(asl::parse(text))
}

fn checked(mut parsed: asl::Parsed) -> (Option<Definition>, Vec<Diagnostic>) {
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
        if let Kind::Map(map) = &state.kind {
            found.extend(lacking_in_map(map).map(|(field, lack)| (format!("{location}/{field}"), lack)));
        }
    });
    found
}

/// Fields of a Map that are not run yet, each with its remedy.
fn lacking_in_map(map: &Map) -> impl Iterator<Item = (&'static str, &'static str)> {
    let fields = [
        (
            map.mode == ProcessorMode::Distributed,
            "ItemProcessor/ProcessorConfig",
            "a Map in Mode DISTRIBUTED; use Mode INLINE",
        ),
        (map.item_reader.is_some(), "ItemReader", "ItemReader; give the items in the input (ItemsPath or Items)"),
        (map.item_batcher.is_some(), "ItemBatcher", "ItemBatcher; let each iteration take one item"),
        (map.result_writer.is_some(), "ResultWriter", "ResultWriter; take the results from the Map state's output"),
    ];
    fields.into_iter().filter(|(there, ..)| *there).map(|(_, field, lack)| (field, lack))
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

    #[test]
    fn a_distributed_map_is_refused_and_not_run_inline() {
        let refused = accept(&map(DISTRIBUTED, ""), ExecutionType::Standard).unwrap_err().to_string();
        let wanted = "AWS accepts this definition; this engine does not run it yet: a Map in Mode DISTRIBUTED; use \
                      Mode INLINE at /States/Each/ItemProcessor/ProcessorConfig";
        assert!(refused.contains(wanted), "{refused}");
        assert!(accept(&map(r#""Mode":"INLINE""#, ""), ExecutionType::Standard).is_ok());
    }

    #[test]
    fn every_lacking_field_is_named_at_once() {
        let reader =
            r#","ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key":"k"}}"#;
        let batcher = r#","ItemBatcher":{"MaxItemsPerBatch":10}"#;
        let writer = r#","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"}}"#;
        let refused = accept(&map(DISTRIBUTED, &format!("{reader}{batcher}{writer}")), ExecutionType::Standard)
            .unwrap_err()
            .to_string();
        for field in ["ProcessorConfig", "ItemReader", "ItemBatcher", "ResultWriter"] {
            assert!(refused.contains(&format!("/States/Each/{field}")) || field == "ProcessorConfig", "{refused}");
        }
    }

    #[test]
    fn validation_judges_the_language_and_warns() {
        let found = check(&map(DISTRIBUTED, ""));
        let warning = found.iter().find(|diagnostic| diagnostic.message.contains("DISTRIBUTED")).unwrap();
        assert!(!warning.is_error() && warning.message.starts_with("AWS accepts this"), "{warning}");
        assert!(!found.iter().any(Diagnostic::is_error));
    }

    #[test]
    fn a_distributed_map_inside_another_state_is_found() {
        let inner = map(DISTRIBUTED, "");
        let text = format!(
            r#"{{"StartAt":"Both","States":{{"Both":{{"Type":"Parallel","End":true,"Branches":[{inner}]}}}}}}"#
        );
        let refused = accept(&text, ExecutionType::Standard).unwrap_err().to_string();
        assert!(refused.contains("/States/Both/Branches[0]/States/Each/"), "{refused}");
    }
}
