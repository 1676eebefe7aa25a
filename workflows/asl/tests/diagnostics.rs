//! One defect per file in `tests/cases`; what parsing says about it is a snapshot in `tests/snapshots`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths
}

/// One snapshot for all: whoever reads it sees side by side what each defect is answered with.
#[test]
fn every_case_is_answered_as_before() {
    let mut answers = String::new();
    for path in cases() {
        let text = std::fs::read_to_string(&path).unwrap();
        let parsed = asl::parse(&text);
        answers.push_str(&format!("{}\n", path.file_stem().unwrap().to_str().unwrap()));
        for found in &parsed.diagnostics {
            answers.push_str(&format!("    {:?} {found}\n", found.severity));
        }
        assert_eq!(parsed.definition.is_none(), parsed.errors().next().is_some(), "{}", path.display());
    }
    insta::assert_snapshot!(answers);
}

#[test]
fn every_case_but_the_good_ones_has_a_finding_and_the_good_ones_have_none() {
    for path in cases() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let found = asl::parse(&std::fs::read_to_string(&path).unwrap()).diagnostics;
        assert_eq!(found.is_empty(), name.starts_with("good_"), "{name}: {found:?}");
    }
}

#[test]
fn all_problems_are_found_in_one_pass() {
    let text = r#"{"TimeoutSeconds": -1, "Colour": "red", "StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "nothing", "TimeoutSeconds": 5, "HeartbeatSeconds": 5, "Next": "B"},
        "B": {"Type": "Wait", "Next": "Nowhere"},
        "C": {"Type": "Pass", "End": true}}}"#;
    let found: Vec<_> = asl::parse(text).diagnostics.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(found.join("\n"));
}
