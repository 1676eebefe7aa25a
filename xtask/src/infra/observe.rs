//! `cargo xtask infra observe`: every function is driven, and each call that it makes to the sandbox is noted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::{During, Failure};
use crate::scratch::Scratch;
use crate::{json, process};

use super::suite::{OBSERVED, Suite};

/// The variable that names the file in which sandboxes note calls.
const VARIABLE: &str = "STEPWRIGHT_OBSERVED_CALLS";
/// The packages whose tests drive functions and workers.
const PACKAGES: [&str; 3] = ["bootstrap", "recovery-watcher", "end-to-end"];
/// The demos, which do the same.
const DEMOS: [&[&str]; 3] = [&["demo"], &["demo", "deployment"], &["demo", "optimization"]];

/// Where the calls come from.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run nothing: take what sandboxes have noted in this file (STEPWRIGHT_OBSERVED_CALLS)
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Writes the table again.
pub(crate) fn run(root: &Path, suite: &Suite, options: &Options) -> Result<(), Failure> {
    let scratch = Scratch::new()?;
    let file = match &options.from {
        Some(file) => file.clone(),
        None => {
            let file = scratch.path().join("calls");
            drive(root, &file)?;
            file
        }
    };
    let table = table(suite, &json::read(&file)?);
    let text = serde_json::to_string_pretty(&table).during(|| OBSERVED.to_owned())?;
    json::write(&root.join(OBSERVED), &format!("{text}\n"))?;
    let calls: usize = table.values().map(BTreeSet::len).sum();
    println!("{OBSERVED}: {calls} actions of {} functions and workers", table.len());
    Ok(())
}

fn drive(root: &Path, file: &Path) -> Result<(), Failure> {
    let mut test = process::cargo(root, &["test", "--no-fail-fast"]);
    for package in PACKAGES {
        test.args(["--package", package]);
    }
    process::run(
        {
            test.env(VARIABLE, file);
            test
        },
        "cargo test",
    )?;
    for demo in DEMOS {
        let mut command = process::cargo(root, &["run", "--quiet", "--package", "xtask", "--"]);
        command.args(demo).env(VARIABLE, file);
        process::run(command, &format!("cargo xtask {}", demo.join(" ")))?;
    }
    Ok(())
}

/// IAM actions by caller, of the lines that sandboxes wrote. Calls of tests and of people are left out.
fn table(suite: &Suite, lines: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut table: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines.lines() {
        let [caller, service, operation] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        let known = suite.handlers.iter().chain(&suite.workers).any(|name| name == caller);
        if known {
            table.entry(caller.to_owned()).or_default().insert(format!("{}:{operation}", prefix(service)));
        }
    }
    table
}

/// The IAM prefix of a service that the sandbox calls by another name.
fn prefix(service: &str) -> &str {
    match service {
        "elbv2" => "elasticloadbalancing",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_functions_count_under_their_iam_names_and_those_of_tests_do_not() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let suite = Suite::of(&super::super::suite::sources(root).unwrap()).unwrap();
        let lines = "test ecs UpdateService\nincident-assess elbv2 DescribeTargetHealth\nincident-assess ecs ListTasks\nnoise\n";
        let table = table(&suite, lines);
        let actions: Vec<&str> = table["incident-assess"].iter().map(String::as_str).collect();
        assert_eq!((table.len(), actions), (1, vec!["ecs:ListTasks", "elasticloadbalancing:DescribeTargetHealth"]));
    }
}
