//! Every definition under statemachines/: its diagnostics, its graph, its scenarios, and what they cover.

mod statemachines;

use std::collections::BTreeMap;

use scenario::{Coverage, Run, run};
use statemachines::{Workflow, snapshot_name, workflows};

#[test]
fn definitions_are_sound() {
    let workflows = workflows();
    assert!(!workflows.is_empty(), "no definition was found");
    for workflow in workflows {
        let diagnostics = workflow.diagnostics();
        let found: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        let graph = asl::parse(&workflow.resolved).definition.map(|definition| definition.graph());
        let text = format!("diagnostics: {found:#?}\n\n{}", graph.as_deref().unwrap_or("(no graph)"));
        workflow.snapshots().bind(|| insta::assert_snapshot!("definition", text));
        assert_eq!(found, [""; 0], "{} has diagnostics", workflow.name);
    }
}

#[test]
fn scenarios_end_as_expected_and_cover_everything() {
    let mut problems = Vec::new();
    for workflow in workflows() {
        let definition = workflow.definition();
        let mut coverage = Coverage::new(&definition);
        let runs = runs(&workflow, &definition, &mut problems);
        for run in runs.values() {
            coverage.add(run);
        }
        println!("{}: {} scenarios, {}", workflow.name, runs.len(), coverage.summary());
        problems.extend(coverage.missing().iter().map(|point| format!("{}: not covered: {point}", workflow.name)));
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// Runs every case, compares its history with the snapshot, and collects what is not as expected.
fn runs(workflow: &Workflow, definition: &asl::Definition, problems: &mut Vec<String>) -> BTreeMap<String, Run> {
    let suite = workflow.suite();
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    for case in &suite.cases {
        let run = run(definition, &workflow.name, case);
        let at = format!("{}/{}", workflow.name, case.name);
        problems.extend(run.problems.iter().map(|problem| format!("{at}: {problem}")));
        problems.extend(case.expect.differences(&run).iter().map(|difference| format!("{at}: {difference}")));
        let base = case.base.as_ref().and_then(|name| runs.get_key_value(name));
        let history = base.map_or_else(|| run.history(), |(name, base)| run.history_after(name, base));
        let comment = case.comment.as_deref().map(|comment| format!("# {comment}\n")).unwrap_or_default();
        let text = format!("{comment}{history}");
        workflow.snapshots().bind(|| insta::assert_snapshot!(snapshot_name(&case.name), text));
        runs.insert(case.name.clone(), run);
    }
    runs
}
