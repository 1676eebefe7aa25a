//! Placeholders, functions, activities and workers: each that is named exists, and is the same here as in a local stack.

use std::collections::BTreeSet;

use serde_json::Value;

use super::machines::{kebab, placeholders};
use super::suite::{LOCAL, Suite, TEMPLATE, pascal};

/// All of them.
pub(crate) fn check(suite: &Suite) -> Vec<String> {
    let mut problems = machines(suite);
    problems.extend(suite.handlers.iter().flat_map(|name| function(suite, name)));
    problems.extend(strange_functions(suite));
    problems.extend(suite.workers.iter().flat_map(|name| worker(suite, name)));
    problems
}

fn machines(suite: &Suite) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, definition) in &suite.definitions {
        let resource = format!("{}StateMachine", pascal(name));
        let properties = &suite.template["Resources"][&resource]["Properties"];
        if properties["DefinitionUri"] != format!("../../{}", definition.path) {
            problems.push(format!("{TEMPLATE} has no {resource} with DefinitionUri ../../{}: add it", definition.path));
            continue;
        }
        let given = properties["DefinitionSubstitutions"].as_object();
        let given: BTreeSet<&str> = given.into_iter().flat_map(|given| given.keys().map(String::as_str)).collect();
        let wanted: BTreeSet<&str> = placeholders(&definition.text).into_iter().collect();
        problems.extend(wanted.difference(&given).map(|placeholder| {
            format!("{resource} substitutes nothing for ${{{placeholder}}} of {}: add it", definition.path)
        }));
        problems.extend(given.difference(&wanted).map(|placeholder| {
            format!("{resource} substitutes ${{{placeholder}}}, which {} does not have: remove it", definition.path)
        }));
        let known = wanted.intersection(&given);
        problems
            .extend(known.filter_map(|name| dangling(suite, &resource, name, &properties["DefinitionSubstitutions"])));
    }
    problems
}

/// A substitution must be what its name says: that function, that activity, that state machine.
fn dangling(suite: &Suite, machine: &str, placeholder: &str, substitutions: &Value) -> Option<String> {
    let value = &substitutions[placeholder];
    let target = value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str()).unwrap_or_default();
    let wrong = |cure: String| Some(format!("{machine} substitutes {value} for ${{{placeholder}}}: {cure}"));
    let exists = suite.resources().contains_key(target) || suite.template["Parameters"].get(target).is_some();
    if !exists {
        return wrong(format!("there is no {target:?} in {TEMPLATE}; add it or mend the name"));
    }
    let built = |name: &str, all: &[String]| all.iter().any(|one| one == name);
    if let Some(name) = placeholder.strip_suffix("FunctionArn") {
        let expected = format!("{name}Function");
        return match target == expected && built(&kebab(name), &suite.handlers) {
            true => None,
            false => wrong(format!("it must be {expected}, and lambdas/bootstrap must have {}", kebab(name))),
        };
    }
    if let Some(name) = placeholder.strip_suffix("ActivityArn") {
        let expected = format!("{name}Activity");
        return match target == expected && built(&kebab(name), &suite.workers) {
            true => None,
            false => wrong(format!("it must be {expected}, and workers/ must have {}", kebab(name))),
        };
    }
    let name = placeholder.strip_suffix("StateMachineArn")?;
    (target != format!("{name}StateMachine"))
        .then(|| format!("{machine} substitutes {target} for ${{{placeholder}}}: it must be {name}StateMachine"))
}

fn function(suite: &Suite, name: &str) -> Vec<String> {
    let resource = format!("{}Function", pascal(name));
    let properties = &suite.template["Resources"][&resource]["Properties"];
    let local = &suite.local["functions"][name];
    let pairs = [
        ("FunctionName", Value::from(name)),
        ("Handler", Value::from(name)),
        ("Timeout", local["timeoutSeconds"].clone()),
        ("MemorySize", local["memoryMb"].clone()),
    ];
    let different = pairs.iter().filter(|(field, expected)| properties[field] != *expected);
    let mut problems: Vec<String> = different
        .map(|(field, expected)| {
            format!("{resource}.{field} is {}: make it {expected}, as {LOCAL} has it", properties[field])
        })
        .collect();
    let variables = &properties["Environment"]["Variables"];
    let wanted = local["environment"].as_object().into_iter().flatten();
    let absent = wanted.filter(|(variable, _)| variables.get(variable).is_none());
    problems.extend(
        absent.map(|(variable, _)| format!("{resource} has no variable {variable}, which {LOCAL} sets: set it")),
    );
    problems
}

/// Functions of the template that the binary is not.
fn strange_functions(suite: &Suite) -> Vec<String> {
    let strange = suite.of_type("AWS::Serverless::Function").filter_map(|(resource, properties)| {
        let handler = properties["Handler"].as_str().unwrap_or_default();
        let known = suite.handlers.iter().any(|name| name == handler);
        (!known)
            .then(|| format!("{resource} has the handler {handler:?}, which lambdas/bootstrap does not know: mend it"))
    });
    strange.collect()
}

fn worker(suite: &Suite, name: &str) -> Vec<String> {
    let activity = format!("{}Activity", pascal(name));
    let worker = format!("{}Worker", pascal(name));
    let resource = |name: &str| &suite.template["Resources"][name]["Properties"];
    let mut problems = Vec::new();
    if resource(&activity)["Name"] != name {
        problems.push(format!("{TEMPLATE} has no {activity} named {name}: add it"));
    }
    let parameters = &resource(&worker)["Parameters"];
    let variable = format!("{}_ACTIVITY_ARN", name.to_uppercase().replace('-', "_"));
    if parameters["Name"] != name || parameters["ActivityArn"]["Ref"] != activity.as_str() {
        problems.push(format!("{TEMPLATE} has no {worker} for {activity}: add it, with worker.yaml"));
    } else if parameters["ActivityVariable"] != variable.as_str() {
        problems.push(format!("{worker}.ActivityVariable must be {variable}, by which the worker knows its activity"));
    }
    problems
}
