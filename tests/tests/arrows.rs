//! The arrows of ARCHITECTURE.md: who may depend on whom. A new arrow is a decision, made here first.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// For each crate of ours, the crates of ours that it may depend on (tests' own dependencies aside).
const ARROWS: &[(&str, &[&str])] = &[
    ("asl", &[]),
    ("evaluate", &["asl"]),
    ("execution", &["asl", "evaluate"]),
    ("scenario", &["asl", "evaluate", "execution"]),
    ("fuzzing", &["asl", "evaluate", "execution"]),
    ("engine", &["asl", "evaluate", "execution"]),
    ("listener", &[]),
    ("api", &["asl", "evaluate", "execution", "engine", "listener"]),
    ("events", &["asl", "execution", "engine"]),
    ("observability", &["asl", "execution", "engine", "api"]),
    ("lambda-host", &["listener"]),
    ("load", &[]),
    ("sandbox", &["listener"]),
    (
        "stepwright",
        &[
            "asl",
            "execution",
            "scenario",
            "engine",
            "api",
            "events",
            "observability",
            "listener",
            "lambda-host",
            "sandbox",
        ],
    ),
    ("operations", &[]),
    ("clients", &["operations"]),
    ("lambda-kit", &["clients", "operations"]),
    ("incident-assess", &["clients", "lambda-kit", "operations"]),
    ("incident-restart-service", &["clients", "lambda-kit", "operations"]),
    ("incident-scale-up", &["clients", "lambda-kit", "operations"]),
    ("incident-clear-cache", &["clients", "lambda-kit", "operations"]),
    ("incident-notify-human", &["clients", "lambda-kit", "operations"]),
    ("deployment-assess", &["clients", "lambda-kit", "operations"]),
    ("deployment-act", &["clients", "lambda-kit", "operations"]),
    ("deployment-hook", &["clients", "lambda-kit", "operations"]),
    ("performance-analyzer", &["clients", "lambda-kit", "operations"]),
    ("auto-scaling-optimizer", &["clients", "lambda-kit", "operations"]),
    ("cost-optimization-analyzer", &["clients", "lambda-kit", "operations"]),
    (
        "bootstrap",
        &[
            "clients",
            "operations",
            "lambda-kit",
            "incident-assess",
            "incident-restart-service",
            "incident-scale-up",
            "incident-clear-cache",
            "incident-notify-human",
            "deployment-assess",
            "deployment-act",
            "deployment-hook",
            "performance-analyzer",
            "auto-scaling-optimizer",
            "cost-optimization-analyzer",
        ],
    ),
    ("worker-kit", &["clients", "operations"]),
    ("recovery-watcher", &["clients", "worker-kit", "operations"]),
    ("migration-runner", &["clients", "worker-kit", "operations"]),
    ("smoke-tester", &["clients", "worker-kit", "operations"]),
    ("load-replayer", &["clients", "worker-kit", "operations"]),
    ("end-to-end", &[]),
    ("xtask", &["asl"]),
];

/// Crates that must stay free of clocks, sockets, files and threads: none of these may be below them.
const PURE: &[&str] = &["asl", "evaluate", "execution", "scenario", "operations"];
const IMPURE: &[&str] = &["tokio", "hyper", "fjall", "getrandom", "aws-config", "reqwest"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Crate name to the names of its normal and build dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().into_iter().flatten();
            let names = normal
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
                .collect();
            (package["name"].as_str().expect("a name").to_owned(), names)
        })
        .collect()
}

#[test]
fn every_crate_keeps_to_its_arrows() {
    let dependencies = dependencies();
    let arrows = ARROWS.iter().copied().collect::<BTreeMap<_, _>>();
    let ours = dependencies.keys().cloned().collect::<BTreeSet<_>>();
    let known = arrows.keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(ours, known, "a crate is missing from the table above, or no longer exists");
    for (name, used) in &dependencies {
        let allowed = arrows[name.as_str()];
        let forbidden = used.intersection(&ours).filter(|used| !allowed.contains(&used.as_str())).collect::<Vec<_>>();
        assert!(forbidden.is_empty(), "{name} must not depend on {forbidden:?}: see ARCHITECTURE.md");
    }
}

#[test]
fn pure_crates_have_no_world() {
    let dependencies = dependencies();
    for name in PURE {
        let impure = IMPURE.iter().filter(|impure| dependencies[*name].contains(**impure)).collect::<Vec<_>>();
        assert!(impure.is_empty(), "{name} is pure: it must not use {impure:?}");
    }
}
