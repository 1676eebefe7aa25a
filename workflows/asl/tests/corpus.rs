//! Definitions from outside: published ones and recorded ones. Both lie beside the repository, not in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A folder of `../shared` beside the repository, or of what `STEPWRIGHT_SHARED` names, where it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("STEPWRIGHT_SHARED").map_or(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: {} is not there; these definitions are not part of the repository", folder.display());
    None
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The definition with every `${symbol}`, which an earlier step of the recording gives a value, replaced by an ARN.
fn bound(definition: &str) -> String {
    let mut parts = definition.split("${");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (symbol, rest) = part.split_once('}').unwrap();
        let resource = if symbol.contains("ctivity") {
            "states:us-east-1:123456789012:activity"
        } else {
            "lambda:us-east-1:123456789012:function"
        };
        text.push_str(&format!("arn:aws:{resource}:name{rest}"));
    }
    text
}

/// Published, and no definition: its `QueryLanguage` stands among the states.
const MALFORMED: &str = "130-wc-shared-fallback-state-jsonata-statemachine-statemachine-asl-json.json";

fn errors(text: &str) -> Vec<String> {
    asl::parse(text).errors().map(ToString::to_string).collect()
}

#[test]
fn every_published_definition_is_accepted() {
    let Some(folder) = shared("corpus") else { return };
    let mut accepted = 0;
    let mut refused = Vec::new();
    for path in json_files(&folder) {
        let text = std::fs::read_to_string(&path).unwrap();
        // The folder's own index is a list.
        if !serde_json::from_str::<Value>(&text).is_ok_and(|value| value.get("States").is_some()) {
            println!("not a definition: {}", path.display());
            continue;
        }
        let errors = errors(&text);
        if errors.is_empty() {
            accepted += 1;
        } else if path.ends_with(MALFORMED) {
            println!("malformed: {MALFORMED}: {}", errors[0]);
        } else {
            refused.push((path, errors));
        }
    }
    println!("accepted {accepted}, refused {}", refused.len());
    assert!(refused.is_empty() && accepted > 0, "refused: {refused:#?}");
}

#[test]
fn every_recorded_definition_is_accepted_or_refused_as_recorded() {
    let Some(folder) = shared("conformance/dev") else { return };
    let (mut accepted, mut refused) = (0, 0);
    let mut differing = Vec::new();
    for path in json_files(&folder) {
        let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for step in case["steps"].as_array().unwrap() {
            let Some(definition) = step["params"]["definition"].as_str() else { continue };
            // TestState takes a single state; validation answers with diagnostics, compared in `diagnostics.rs`.
            if !matches!(step["op"].as_str(), Some("CreateStateMachine" | "UpdateStateMachine")) {
                continue;
            }
            let mut errors = errors(&bound(definition));
            if step["params"]["type"] == "EXPRESS" {
                let definition = asl::parse(&bound(definition)).definition;
                errors.extend(definition.iter().flat_map(asl::check_express).map(|found| found.to_string()));
            }
            match (errors.is_empty(), step["observed_error"] == "InvalidDefinition") {
                (true, false) => accepted += 1,
                (false, true) => refused += 1,
                _ => differing.push((path.clone(), case["id"].to_string(), errors)),
            }
        }
    }
    println!("accepted {accepted}, refused {refused}, as recorded");
    assert!(differing.is_empty() && accepted > 0 && refused > 0, "{differing:#?}");
}

/// How often each rule speaks about published definitions: a rule that speaks about most of them is noise.
#[test]
fn lints_do_not_cry_wolf_over_published_definitions() {
    let Some(folder) = shared("corpus") else { return };
    let (mut definitions, mut counts) = (0, std::collections::BTreeMap::<&str, (usize, usize)>::new());
    for path in json_files(&folder) {
        let parsed = asl::parse(&std::fs::read_to_string(&path).unwrap());
        if parsed.definition.is_none() {
            continue;
        }
        definitions += 1;
        let mut named = std::collections::BTreeSet::new();
        for warning in &parsed.diagnostics {
            println!("{} {warning}", path.file_stem().unwrap().display());
            let count = counts.entry(warning.code.name()).or_default();
            count.0 += 1;
            count.1 += usize::from(named.insert(warning.code.name()));
        }
    }
    for (code, (findings, in_definitions)) in &counts {
        println!("{findings:4} findings in {in_definitions:3} of {definitions} definitions: {code}");
        assert!(in_definitions * 4 <= definitions, "{code} speaks about more than a quarter of all definitions");
    }
}
