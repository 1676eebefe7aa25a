//! What the engine makes of a definition's text: the language's own problems, and those of resources and processors.

use std::sync::Arc;

use asl::{Code, Definition, Diagnostic, ExecutionType, Kind, Machine, ProcessorMode, QueryLanguage, State, Value};

use crate::exception::Error;
use crate::integration;

/// Every problem of a definition; an integration that this engine does not have is a warning, since AWS accepts it.
pub(crate) fn check(text: &str) -> Vec<Diagnostic> {
    let (definition, mut diagnostics) = read(text);
    let warnings = definition.iter().flat_map(missing).map(|location| {
        let message = format!("AWS accepts this; this engine does not run it yet: {MISSING}");
        Diagnostic::warning(Code::SchemaValidationFailed, message, location)
    });
    diagnostics.extend(warnings);
    diagnostics
}

/// The definition, where it has no errors as one of this type.
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
    Ok(Arc::new(definition))
}

/// A state that is to be tried.
pub(crate) struct Tried {
    pub(crate) state: State,
    /// The mode of the Map that it is inside of, where it is.
    pub(crate) around: Option<ProcessorMode>,
}

/// The state of a definition that is to be tried: the one that `name` names, or the only one, where the text is a
/// state's.
///
/// # Errors
/// `InvalidDefinition`, with every reason; `ValidationException` where there is no state of this name.
pub(crate) fn state(text: &str, name: Option<&str>) -> Result<Tried, Error> {
    let parsed = if name.is_some() { asl::parse(text) } else { asl::parse_state(text) };
    let (definition, diagnostics) = checked(parsed);
    let definition = definition.ok_or_else(|| refusal(&diagnostics))?;
    let mut found = None;
    definition.visit(&mut |visited| {
        if **visited.name == *name.unwrap_or(asl::LONE_STATE) && found.is_none() {
            let inside = visited.location.contains("/ItemProcessor/");
            let around = inside.then_some(match visited.distributed {
                true => ProcessorMode::Distributed,
                false => ProcessorMode::Inline,
            });
            found = Some(Tried { state: visited.state.clone(), around });
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
        parsed.diagnostics.extend(http_tasks(definition));
        parsed.diagnostics.extend(express_processors(definition));
    }
    let usable = !parsed.diagnostics.iter().any(Diagnostic::is_error);
    (parsed.definition.filter(|_| usable), parsed.diagnostics)
}

/// What EXPRESS children of a Map Run may not do.
fn express_processors(definition: &Definition) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    definition.visit(&mut |visited| {
        let Kind::Map(map) = &visited.state.kind else { return };
        if (map.mode, map.execution_type) != (ProcessorMode::Distributed, ExecutionType::Express) {
            return;
        }
        let processor = definition.item_processor(visited.name);
        for diagnostic in processor.iter().flat_map(asl::check_express) {
            let location = diagnostic.location.unwrap_or_default();
            let location = format!("{}/ItemProcessor{location}", visited.location);
            found.push(Diagnostic::error(diagnostic.code, diagnostic.message, location));
        }
    });
    found
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

/// What is wrong with the parameters of HTTP Tasks, as far as it is known before they run.
fn http_tasks(definition: &Definition) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    visit(&definition.machine, "", &mut |state, location| {
        let Kind::Task(task) = &state.kind else { return };
        if !task.resource.ends_with(":http:invoke") {
            return;
        }
        let (given, field) = match state.query_language {
            QueryLanguage::JsonPath => (&state.flow.parameters, "Parameters"),
            QueryLanguage::Jsonata => (&state.flow.arguments, "Arguments"),
        };
        let nothing = Value::object::<&str>([]);
        let given = given.as_ref().unwrap_or(&nothing);
        for problem in integration::http_problems(given) {
            found.push(Diagnostic::error(Code::SchemaValidationFailed, problem, format!("{location}/{field}")));
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

    #[test]
    fn express_children_wait_for_nobody() {
        let definition = |kind: &str| {
            format!(
                r#"{{"StartAt":"Each","States":{{"Each":{{"Type":"Map","End":true,"ItemProcessor":{{
                    "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"{kind}"}},"StartAt":"T","States":{{
                    "T":{{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","End":true}}}}}}}}}}}}"#
            )
        };
        assert!(accept(&definition("STANDARD"), ExecutionType::Standard).is_ok());
        let refused = accept(&definition("EXPRESS"), ExecutionType::Standard).unwrap_err().to_string();
        assert!(refused.contains("at /States/Each/ItemProcessor/States/T/Resource"), "{refused}");
    }

    #[test]
    fn an_http_task_names_its_api_and_its_connection() {
        let refused = |parameters: &str| {
            let text = format!(
                r#"{{"StartAt":"H","States":{{"H":{{"Type":"Task","End":true,"Resource":"arn:aws:states:::http:invoke",
                    "Parameters":{parameters}}}}}}}"#
            );
            accept(&text, ExecutionType::Standard).map(|_| ()).map_err(|error| error.to_string())
        };
        let connection = r#""Authentication":{"ConnectionArn":"arn:aws:events:us-east-1:1:connection/c/1"}"#;
        let with = |rest: &str| format!(r#"{{"Method":"GET",{connection},{rest}}}"#);
        for good in [
            r#""ApiEndpoint":"https://a/""#,
            r#""ApiEndpoint.$":"$.u""#,
            r#""ApiEndpoint":"${Url}/x""#,
            r#""ApiEndpoint":"http://127.0.0.1:8/""#,
        ] {
            assert_eq!(refused(&with(good)), Ok(()), "{good}");
        }
        let wrong = refused(&with(r#""ApiEndpoint":"http://example.com/""#)).unwrap_err();
        let words =
            "SCHEMA_VALIDATION_FAILED: The value for the 'ApiEndpoint' field is not valid at /States/H/Parameters";
        assert!(wrong.contains(words), "{wrong}");
        let lacking = refused(r#"{"Authentication":{"ConnectionArn":"x"}}"#).unwrap_err();
        for part in
            ["'ApiEndpoint' is required but was missing", "'Method' is required", "the 'ConnectionArn' field is not"]
        {
            assert!(lacking.contains(part), "{lacking}");
        }
    }

    #[test]
    fn an_integration_that_only_aws_has_is_warned_of_and_accepted() {
        let text = r#"{"StartAt":"G","States":{"G":{"Type":"Task","End":true,"TimeoutSeconds":60,
            "Resource":"arn:aws:states:::glue:startJobRun.sync"}}}"#;
        let found = check(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!found[0].is_error() && found[0].to_string().ends_with("at /States/G/Resource"), "{}", found[0]);
    }
}
