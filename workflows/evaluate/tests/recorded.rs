//! What AWS recorded, where the recordings are at hand: the states that need nothing but values.

use std::path::Path;
use std::sync::Arc;

use asl::{Definition, Kind, Object, PathField, QueryLanguage, State, Transition, Value};
use evaluate::{Failure, Scope, condition, jsonata, jsonpath, payload_template};

/// Areas that have machines of Pass, Choice, Succeed and Fail states only.
const AREAS: [&str; 9] = [
    "assign",
    "base",
    "choice",
    "context_object",
    "evaluate_jsonata",
    "intrinsic_functions",
    "outputdecl",
    "scenarios_other",
    "states_variables",
];

/// One execution: how it goes on from state to state.
struct Run {
    input: Value,
    context: Value,
    variables: Object,
}

/// How an execution ends.
#[derive(Debug, PartialEq)]
enum End {
    Succeeded(Value),
    Failed(Option<String>, Option<String>),
}

#[test]
fn recorded_executions_end_as_on_aws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/dev");
    if !folder.is_dir() {
        println!("SKIPPED: no recordings at ../shared/conformance beside the repository");
        return;
    }
    let (mut compared, mut wrong) = (0, Vec::new());
    for area in AREAS {
        let Ok(files) = std::fs::read_dir(folder.join(area)) else { continue };
        for file in files.flatten() {
            let case = Value::parse(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
            for (definition, input, expected) in executions(&case) {
                let Some(end) = run(&definition, &input) else { continue };
                compared += 1;
                if !same(&end, &expected) {
                    wrong.push(format!("{}: {input} gave {end:?}, recorded {expected}", case.get("id").unwrap()));
                }
            }
        }
    }
    println!("{compared} recorded executions compared");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 400, "only {compared} executions were compared");
}

/// The definition, the input and the recorded end of every execution of a case.
fn executions(case: &Value) -> Vec<(String, String, Value)> {
    let recorded = |name: &str| case.get("recorded").and_then(|recorded| recorded.get(name));
    let final_states = recorded("final").and_then(Value::as_array).map(<[Value]>::to_vec).unwrap_or_default();
    let tables = recorded("content").and_then(|content| content.get("cases")).and_then(Value::as_array);
    let ends = tables.map_or(final_states, <[Value]>::to_vec);
    let (mut definition, mut executions) = (String::new(), Vec::new());
    for step in case.get("steps").and_then(Value::as_array).unwrap_or_default() {
        let parameter = |name: &str| step.get("params").and_then(|params| params.get(name)).and_then(Value::as_str);
        match step.get("op").and_then(Value::as_str) {
            Some("CreateStateMachine") => definition = parameter("definition").unwrap_or_default().to_owned(),
            Some("StartExecution") => {
                let input = parameter("input").unwrap_or("{}").to_owned();
                if let Some(end) = ends.get(executions.len()) {
                    executions.push((definition.clone(), input, end.clone()));
                }
            }
            _ => {}
        }
    }
    executions
}

/// Runs a machine of states that need nothing but values; nothing where there are others.
fn run(definition: &str, input: &str) -> Option<End> {
    let definition: Definition = asl::parse(definition).definition?;
    let simple = |state: &State| matches!(state.kind, Kind::Pass(_) | Kind::Choice(_) | Kind::Succeed | Kind::Fail(_));
    if !definition.machine.states.values().all(simple) {
        return None;
    }
    assert_eq!(evaluate::check(&definition), vec![], "{input}");
    let input = Value::parse(input).ok()?;
    let context = Value::object([
        ("Execution", Value::object([("Input", input.clone()), ("Name", "run-1".into())])),
        ("StateMachine", Value::object([("Name", Value::from("machine-1"))])),
    ]);
    let mut run = Run { input, context, variables: Object::new() };
    let mut name = definition.machine.start_at.clone();
    loop {
        let state = &definition.machine.states[&*name];
        match run.step(state) {
            Ok(Some(next)) => name = next,
            Ok(None) => return Some(End::Succeeded(run.input)),
            Err(Stop::Failed(error, cause)) => return Some(End::Failed(error, cause)),
        }
    }
}

/// What a state gives: its output, the variables it assigns, the state behind it.
type Exit = (Value, Option<Value>, Option<Arc<str>>);

enum Stop {
    Failed(Option<String>, Option<String>),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Some(failure.error.to_owned()), Some(failure.cause))
    }
}

impl Run {
    fn scope<'a>(&'a self, input: &'a Value) -> Scope<'a> {
        Scope {
            input,
            result: None,
            error_output: None,
            context: &self.context,
            variables: &self.variables,
            now: 0,
            seed: 1,
        }
    }

    fn step(&mut self, state: &State) -> Result<Option<Arc<str>>, Stop> {
        let (output, assigned, next) = match state.query_language {
            QueryLanguage::JsonPath => self.json_path(state)?,
            QueryLanguage::Jsonata => self.jsonata(state)?,
        };
        self.input = output;
        if let Some(assigned) = assigned {
            self.variables.extend(assigned.as_object().cloned().unwrap_or_default());
        }
        Ok(next)
    }

    fn json_path(&self, state: &State) -> Result<Exit, Stop> {
        let path = |field: &PathField, document: &Value| match field {
            PathField::Whole => Ok(document.clone()),
            PathField::Nothing => Ok(Value::object::<&str>([])),
            PathField::Path(path) => jsonpath::select(path, &self.scope(document)),
        };
        let input = path(&state.flow.input_path, &self.input)?;
        let scope = self.scope(&input);
        let fill = |template: &Option<Value>, scope: &Scope<'_>| {
            template.as_ref().map(|template| payload_template(template, scope)).transpose()
        };
        match &state.kind {
            Kind::Fail(fail) => {
                let text = |field: &str, text: &Option<asl::TextField>| match text {
                    Some(asl::TextField::Path(path)) => {
                        jsonpath::select_for(field, path, &scope).map(|value| value.as_str().map(str::to_owned))
                    }
                    Some(asl::TextField::Literal(text) | asl::TextField::Expression(text)) => {
                        Ok(Some(text.to_string()))
                    }
                    None => Ok(None),
                };
                Err(Stop::Failed(text("ErrorPath", &fail.error)?, text("CausePath", &fail.cause)?))
            }
            Kind::Choice(choice) => {
                for rule in &choice.rules {
                    if condition(&rule.condition, &scope)? {
                        return Ok((input.clone(), fill(&rule.assign, &scope)?, Some(rule.next.clone())));
                    }
                }
                Ok((input.clone(), fill(&state.flow.assign, &scope)?, choice.default.clone()))
            }
            Kind::Pass(pass) => {
                let given = fill(&state.flow.parameters, &scope)?.unwrap_or(input.clone());
                let result = pass.result.clone().unwrap_or(given);
                let placed = match &state.flow.result_path {
                    PathField::Whole => result.clone(),
                    PathField::Nothing => self.input.clone(),
                    PathField::Path(path) => jsonpath::place(&self.input, path, result.clone())?,
                };
                let assigned = fill(&state.flow.assign, &self.scope(&result))?;
                Ok((path(&state.flow.output_path, &placed)?, assigned, next(&pass.transition)))
            }
            _ => Ok((path(&state.flow.output_path, &input)?, None, None)),
        }
    }

    fn jsonata(&self, state: &State) -> Result<Exit, Stop> {
        let scope = self.scope(&self.input);
        let fill = |field: &str, template: &Option<Value>| {
            template.as_ref().map(|template| jsonata::template(field, template, &scope)).transpose()
        };
        if let Kind::Fail(fail) = &state.kind {
            let text = |field: &str, text: &Option<asl::TextField>| match text {
                Some(asl::TextField::Expression(expression)) => {
                    jsonata::template(field, &expression.clone().into(), &scope)
                        .map(|value| value.as_str().map(str::to_owned))
                }
                Some(asl::TextField::Literal(text) | asl::TextField::Path(text)) => Ok(Some(text.to_string())),
                None => Ok(None),
            };
            return Err(Stop::Failed(text("Error", &fail.error)?, text("Cause", &fail.cause)?));
        }
        if let Kind::Choice(choice) = &state.kind {
            for rule in &choice.rules {
                if condition(&rule.condition, &scope)? {
                    let output = fill("Output", &rule.output)?.unwrap_or(self.input.clone());
                    return Ok((output, fill("Assign", &rule.assign)?, Some(rule.next.clone())));
                }
            }
        }
        let output = fill("Output", &state.flow.output)?.unwrap_or(self.input.clone());
        let to = match &state.kind {
            Kind::Choice(choice) => choice.default.clone(),
            kind => kind.transition().and_then(next),
        };
        Ok((output, fill("Assign", &state.flow.assign)?, to))
    }
}

fn next(transition: &Transition) -> Option<Arc<str>> {
    match transition {
        Transition::Next(name) => Some(name.clone()),
        Transition::End => None,
    }
}

/// Whether an end is the recorded one, as far as the recording kept it: names, ids and drawn values are tokens there.
fn same(end: &End, recorded: &Value) -> bool {
    let text = |name: &str| recorded.get(name).and_then(Value::as_str);
    match end {
        End::Succeeded(output) => {
            let Some(expected) = recorded.get("output") else { return false };
            let shown = expected.to_string();
            let tokens =
                ["<", "date", "generated-uuid", "RandomNumberGenerated"].iter().any(|token| shown.contains(token));
            let written = expected.as_str().and_then(|text| Value::parse(text).ok());
            tokens || expected == output || written.is_some_and(|written| written == *output)
        }
        End::Failed(error, cause) => {
            let recorded_cause = text("cause").map(|cause| cause.split_once("). ").map_or(cause, |(_, cause)| cause));
            let masked = recorded_cause.is_some_and(|cause| {
                cause
                    .split_once("'<json-input")
                    .is_some_and(|(before, _)| matches!(end, End::Failed(_, Some(given)) if given.starts_with(before)))
            });
            text("status") == Some("FAILED")
                && text("error") == error.as_deref()
                && (masked || recorded_cause == cause.as_deref())
        }
    }
}
