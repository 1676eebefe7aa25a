//! What the engine makes of a definition's text: the language's own problems, and what this engine does not run yet.

use std::sync::Arc;

use asl::{Code, Definition, Diagnostic, Kind, Machine, Map, ProcessorMode, State};

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
        diagnostics.extend(missing(definition).into_iter().map(|place| warning((place, MISSING))));
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

/// What is said of a Task whose integration this engine does not have.
const MISSING: &str =
    "the Task fails with States.TaskFailed; mock it (stepwright test), or call the service by a function";

/// The resources of Tasks whose integration AWS has and this engine does not.
fn missing(definition: &Definition) -> Vec<String> {
    let mut found = Vec::new();
    visit(&definition.machine, "", &mut |state, location| {
        if let Kind::Task(task) = &state.kind
            && integration::is_missing(&task.resource)
        {
            found.push(format!("{location}/Resource"));
        }
    });
    found
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
        let refused = accept(&map(DISTRIBUTED, "")).unwrap_err().to_string();
        let wanted = "AWS accepts this definition; this engine does not run it yet: a Map in Mode DISTRIBUTED; use \
                      Mode INLINE at /States/Each/ItemProcessor/ProcessorConfig";
        assert!(refused.contains(wanted), "{refused}");
        assert!(accept(&map(r#""Mode":"INLINE""#, "")).is_ok());
    }

    #[test]
    fn every_lacking_field_is_named_at_once() {
        let reader =
            r#","ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key":"k"}}"#;
        let batcher = r#","ItemBatcher":{"MaxItemsPerBatch":10}"#;
        let writer = r#","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"}}"#;
        let refused = accept(&map(DISTRIBUTED, &format!("{reader}{batcher}{writer}"))).unwrap_err().to_string();
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
    fn an_integration_that_only_aws_has_is_warned_of_and_accepted() {
        let text = r#"{"StartAt":"G","States":{"G":{"Type":"Task","End":true,"TimeoutSeconds":60,
            "Resource":"arn:aws:states:::glue:startJobRun.sync"}}}"#;
        let found = check(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!found[0].is_error() && found[0].to_string().ends_with("at /States/G/Resource"), "{}", found[0]);
    }

    #[test]
    fn a_distributed_map_inside_another_state_is_found() {
        let inner = map(DISTRIBUTED, "");
        let text = format!(
            r#"{{"StartAt":"Both","States":{{"Both":{{"Type":"Parallel","End":true,"Branches":[{inner}]}}}}}}"#
        );
        let refused = accept(&text).unwrap_err().to_string();
        assert!(refused.contains("/States/Both/Branches[0]/States/Each/"), "{refused}");
    }
}
