//! `cargo xtask infra`: what can be proved about `infra/aws` without an AWS account.

mod actions;
mod alarms;
mod chain;
mod emulator;
mod events;
#[cfg(test)]
mod faults;
mod functions;
mod language;
mod literals;
mod machines;
mod names;
mod observe;
mod policy;
mod suite;
mod tools;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use clap::Subcommand;
use serde_json::Value;

use crate::failure::{During, Failure};
use crate::scratch::Scratch;
use crate::steps::Steps;
use crate::{json, settings};

use suite::{ACTIONS, Suite};
use tools::Tools;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check templates, permissions, alarms and definitions, and deploy them to an emulator
    Check,
    /// Write again which actions functions and workers were seen to call (runs their tests and the demos)
    Observe(observe::Options),
    /// Write again on which resources IAM can allow the actions that our policies name
    Actions,
}

/// Does it.
pub(crate) fn run(root: &Path, command: &Command) -> Result<(), Failure> {
    let sources = suite::sources(root)?;
    let suite = Suite::of(&sources)?;
    match command {
        Command::Check => {
            let mut steps = Steps::new();
            check(root, &mut steps);
            steps.finish()
        }
        Command::Observe(options) => observe::run(root, &suite, options),
        Command::Actions => actions_again(root, &suite),
    }
}

/// A check of what the repository says, which needs no tool.
type Check = fn(&Suite) -> Vec<String>;
const CHECKS: [(&str, Check); 7] = [
    ("definitions", language::check),
    ("names", names::check),
    ("permissions of state machines", machines::check),
    ("permissions of functions and workers", functions::check),
    ("actions and resources", actions::check),
    ("events and queues", events::check),
    ("alarms", alarms::check),
];

/// Everything that is wrong, as far as the repository itself tells.
#[cfg(test)]
fn problems(sources: &suite::Sources) -> Result<Vec<String>, Failure> {
    let suite = Suite::of(sources)?;
    let mut problems: Vec<String> = CHECKS.iter().flat_map(|(_, check)| check(&suite)).collect();
    problems.extend(literals::check(sources));
    Ok(problems)
}

/// All steps; also part of `cargo xtask test`.
pub(crate) fn check(root: &Path, steps: &mut Steps) {
    let read = || suite::sources(root).and_then(|sources| Ok((Suite::of(&sources)?, sources)));
    let Some((suite, sources)) = steps.run("infra: reading", read) else { return };
    for (name, check) in CHECKS {
        steps.run(name, || told(&check(&suite)));
    }
    steps.run("no account, no region", || told(&literals::check(&sources)));
    steps.run("terraform format", || terraform(root));
    let Some(tools) = steps.run("tools from PyPI", || Tools::install(root)) else { return };
    let Some(tools) = tools else {
        steps.note(
            "without translation, cfn-lint, checkov and the deployment to an emulator: their tools are not in target/infra, \
             and installing them needs python3, a way to PyPI and no STEPWRIGHT_NO_INSTALL",
        );
        return;
    };
    with_tools(root, &suite, &tools, steps);
}

fn with_tools(root: &Path, suite: &Suite, tools: &Tools, steps: &mut Steps) {
    steps.run("actions of IAM", || {
        let known = types(suite, tools)?;
        match known == suite.actions {
            true => Ok(()),
            false => {
                Err(Failure::new(format!("{ACTIONS} is not what cfn-lint knows: run `cargo xtask infra actions`")))
            }
        }
    });
    let translate = || {
        let scratch = Scratch::new()?;
        chain::translate(root, scratch.path(), tools, suite).map(|translated| (scratch, translated))
    };
    let Some((_scratch, translated)) = steps.run("translation (aws-sam-translator)", translate) else { return };
    steps.run("cfn-lint", || told(&chain::lint(root, tools, &translated)?));
    steps.run("checkov", || told(&chain::checkov(root, tools, &translated)?));
    steps.run("deployment to an emulator (ministack)", || told(&emulator::check(root, tools, suite, &translated)?));
}

/// Lists problems; any is a failure.
fn told(problems: &[String]) -> Result<(), Failure> {
    for problem in problems {
        println!("  {problem}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => Err(Failure::new("one problem, see above")),
        count => Err(Failure::new(format!("{count} problems, see above"))),
    }
}

/// The Terraform module is formatted, where terraform is there to tell.
fn terraform(root: &Path) -> Result<(), Failure> {
    let Some(program) = settings::find("terraform") else {
        println!("  terraform is not installed: not checked");
        return Ok(());
    };
    let mut command = std::process::Command::new(program);
    command
        .args(["fmt", "-check", "-diff", "-recursive", "infra/aws/terraform"])
        .current_dir(root)
        .stdout(Stdio::inherit());
    crate::process::run(command, "terraform fmt -check (mend it with `terraform fmt infra/aws/terraform`)")
}

/// On which types of resources IAM can allow each action that is granted, by what cfn-lint knows.
fn types(suite: &Suite, tools: &Tools) -> Result<Value, Failure> {
    let known = tools.policies()?;
    let mut table = BTreeMap::new();
    for (_, grant) in actions::granted(suite) {
        let Some((service, name)) = grant.action.split_once(':') else { continue };
        let action = &known[service]["Actions"][name.to_lowercase()];
        if !action.is_null() {
            let types = match action.get("Resources") {
                Some(Value::String(one)) => Value::Array(vec![Value::String(one.clone())]),
                Some(several) => several.clone(),
                None => Value::Array(Vec::new()),
            };
            table.insert(grant.action.clone(), types);
        }
    }
    serde_json::to_value(table).during(|| ACTIONS.to_owned())
}

fn actions_again(root: &Path, suite: &Suite) -> Result<(), Failure> {
    let Some(tools) = Tools::install(root)? else {
        return Err(Failure::new("cfn-lint is not in target/infra: install python3, and unset STEPWRIGHT_NO_INSTALL"));
    };
    let table = types(suite, &tools)?;
    let mut text = String::from("{\n");
    let rows: Vec<String> =
        table.as_object().into_iter().flatten().map(|(action, types)| format!("  \"{action}\": {types}")).collect();
    text.push_str(&rows.join(",\n"));
    text.push_str("\n}\n");
    json::write(&root.join(ACTIONS), &text)?;
    println!("{ACTIONS}: {} actions", rows.len());
    Ok(())
}
