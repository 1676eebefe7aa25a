//! `stepwright test`: runs the scenarios beside definitions on virtual time, says what they cover, and tries out every
//! failure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use asl::{Definition, Diagnostic};
use engine::Engine;
use scenario::{Coverage, Exploration, Suite};
use serde_json::{Value as Json, json};

use crate::definitions::{self, Source};
use crate::failure::{Exit, Failure};
use crate::placeholder::Placeholders;
use crate::screen::{Screen, Tone};
use crate::stack;

/// The name of the file beside a definition.
const FILE: &str = "scenarios.json";

/// Runs the scenarios beside definitions; exits 1 where one ends otherwise than expected, or a failure is lost.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders with definitions in them, each beside its scenarios.json.
    #[arg(value_name = "PATH", default_value = definitions::DEFAULT_FOLDER)]
    paths: Vec<PathBuf>,
    /// The stack whose names the placeholders are resolved with.
    #[arg(long, value_name = "FILE")]
    stack: Option<PathBuf>,
    /// Only cases whose `machine/case` contains this; what they cover is then not judged, and nothing is explored.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Leaves out the tries of every failure.
    #[arg(long)]
    no_explore: bool,
    /// Fails where the scenarios leave a state, transition, choice rule, catch or retry untried.
    #[arg(long)]
    full_coverage: bool,
}

/// What came out for one state machine.
struct Report {
    name: String,
    file: PathBuf,
    /// Name of the case, and what was not as expected.
    cases: Vec<(String, Vec<String>)>,
    /// Kind, reached, all.
    coverage: Vec<(&'static str, usize, usize)>,
    missing: Vec<String>,
    exploration: Option<Exploration>,
}

pub(crate) fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    let sources = sources(&arguments.paths)?;
    let placeholders = placeholders(arguments.stack.as_deref(), &sources)?;
    let mut reports = Vec::new();
    for source in &sources {
        let Some(report) = test(source, &placeholders, arguments)? else { continue };
        if !screen.is_json() {
            print(screen, &report, arguments);
        }
        reports.push(report);
    }
    let cases: usize = reports.iter().map(|report| report.cases.len()).sum();
    if cases == 0 {
        let failure = Failure::usage("PATH: there is no case to run");
        return Err(failure.remedy(format!("put a {FILE} beside a definition, or widen --filter")));
    }
    let failed: Vec<&Report> = reports.iter().filter(|report| !report.passed(arguments)).collect();
    if screen.is_json() {
        let machines: Vec<Json> = reports.iter().map(|report| report.json(arguments)).collect();
        screen.line(&json!({ "passed": failed.is_empty(), "machines": machines }).to_string());
    }
    if failed.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = failed.iter().map(|report| &*report.name).collect();
    Err(Failure::new(Exit::Failed, format!("not as it should be: {}", names.join(", "))))
}

fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for path in paths {
        let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        sources.extend(definitions::find(Some(folder))?);
    }
    if sources.is_empty() {
        return Err(Failure::usage(format!("PATH: there is no {} in it", definitions::FILE)));
    }
    Ok(sources)
}

fn placeholders(file: Option<&Path>, sources: &[Source]) -> Result<Placeholders, Failure> {
    let stack = stack::read(file)?;
    Ok(definitions::placeholders("123456789012", "us-east-1", &stack, sources))
}

/// Runs what lies beside one definition; nothing where there are no scenarios, or none that the filter lets pass.
fn test(source: &Source, placeholders: &Placeholders, arguments: &Arguments) -> Result<Option<Report>, Failure> {
    let path = source.file.with_file_name(FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let suite = read(&path, &source.name)?;
    let definition = definition(source, placeholders)?;
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let wanted = |name: &str| format!("{}/{name}", source.name).contains(filter);
    let mut coverage = Coverage::new(&definition);
    let mut cases = Vec::new();
    for case in suite.cases.iter().filter(|case| wanted(&case.name)) {
        let run = scenario::run(&definition, &source.name, case);
        coverage.add(&run);
        let mut problems = run.problems.clone();
        problems.extend(case.expect.differences(&run));
        cases.push((case.name.clone(), problems));
    }
    if cases.is_empty() {
        return Ok(None);
    }
    let explored = !arguments.no_explore && arguments.filter.is_none();
    Ok(Some(Report {
        name: source.name.clone(),
        file: source.file.clone(),
        cases,
        coverage: coverage.counts(),
        missing: coverage.missing().into_iter().map(str::to_owned).collect(),
        exploration: explored.then(|| scenario::explore(&definition, &source.name, &suite)),
    }))
}

fn read(path: &Path, machine: &str) -> Result<Suite, Failure> {
    let refused = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    Suite::parse(&text, machine).map_err(|error| refused(error.to_string()))
}

fn definition(source: &Source, placeholders: &Placeholders) -> Result<Definition, Failure> {
    let text = placeholders.resolve_for_reading(&source.text);
    let errors: Vec<String> =
        Engine::validate(&text).iter().filter(|found| found.is_error()).map(Diagnostic::to_string).collect();
    let refused = || {
        Failure::new(Exit::Failed, format!("{} is no valid definition: {}", source.file.display(), errors.join(", ")))
            .remedy(format!("`stepwright validate {}` shows the places", source.file.display()))
    };
    asl::parse(&text).definition.filter(|_| errors.is_empty()).ok_or_else(refused)
}

impl Report {
    fn failed_cases(&self) -> impl Iterator<Item = &(String, Vec<String>)> {
        self.cases.iter().filter(|(_, problems)| !problems.is_empty())
    }

    fn passed(&self, arguments: &Arguments) -> bool {
        let covered = !arguments.full_coverage || arguments.filter.is_some() || self.missing.is_empty();
        let kept = self.exploration.as_ref().is_none_or(|exploration| exploration.findings.is_empty());
        self.failed_cases().next().is_none() && covered && kept
    }

    fn json(&self, arguments: &Arguments) -> Json {
        let case = |(name, problems): &(String, Vec<String>)| json!({ "name": name, "passed": problems.is_empty(), "problems": problems });
        let counts: BTreeMap<&str, Json> = self
            .coverage
            .iter()
            .map(|(kind, reached, all)| (*kind, json!({ "reached": reached, "all": all })))
            .collect();
        let exploration = self.exploration.as_ref().map(|exploration| {
            let findings: Vec<Json> = exploration.findings.iter().map(finding).collect();
            json!({ "paths": exploration.paths, "findings": findings })
        });
        json!({
            "name": self.name,
            "file": self.file.display().to_string(),
            "passed": self.passed(arguments),
            "cases": self.cases.iter().map(case).collect::<Vec<Json>>(),
            "coverage": { "counts": counts, "missing": self.missing },
            "exploration": exploration,
        })
    }
}

fn finding(finding: &scenario::Finding) -> Json {
    json!({
        "state": finding.state,
        "error": finding.error,
        "how": finding.how.word(),
        "case": finding.case,
        "problem": finding.problem,
        "path": finding.path,
    })
}

fn print(screen: &Screen, report: &Report, arguments: &Arguments) {
    let tone = if report.passed(arguments) { Tone::Good } else { Tone::Bad };
    let failed = report.failed_cases().count();
    let counts: Vec<String> =
        report.coverage.iter().map(|(kind, reached, all)| format!("{reached}/{all} {kind}")).collect();
    screen.line(&format!(
        "{} {} of {} cases as expected; covers {}",
        screen.paint(tone, &report.name),
        report.cases.len() - failed,
        report.cases.len(),
        counts.join(", ")
    ));
    for (name, problems) in report.failed_cases() {
        screen.line(&format!("  {} {name}", screen.paint(Tone::Bad, "differs")));
        problems.iter().for_each(|problem| screen.line(&format!("    {problem}")));
    }
    if arguments.filter.is_none() {
        for point in &report.missing {
            screen.line(&format!("  {} {point}", screen.paint(Tone::Busy, "untried")));
        }
    }
    let Some(exploration) = &report.exploration else { return };
    screen.line(&format!("  {} failures tried out, {} lost", exploration.paths, exploration.findings.len()));
    for finding in &exploration.findings {
        screen.line(&format!("  {} {finding}", screen.paint(Tone::Bad, "lost")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Format;

    const SCREEN: Screen = Screen { format: Format::Json, colour: false, width: 80 };

    const DEFINITION: &str = r#"{"QueryLanguage": "JSONata", "StartAt": "Work", "States": {
      "Work": {"Type": "Task", "Resource": "${WorkFunctionArn}", "TimeoutSeconds": 60,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}], "End": true},
      "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
        "Arguments": {"TopicArn": "t", "Message": "m"}, "TimeoutSeconds": 60, "Next": "Bad",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Keep"}]},
      "Keep": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": "https://sqs/dead-letters", "MessageBody": "m"}, "TimeoutSeconds": 60, "Next": "Bad",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Bad"}]},
      "Bad": {"Type": "Fail", "Error": "Bad"}}}"#;

    const SCENARIOS: &str = r#"{"StateMachines": {"m": {"TestCases": {
      "Good": {"Input": {}, "Work": "Done", "Expect": {"Status": "SUCCEEDED"}},
      "Told": {"Input": {}, "Work": "Broken", "Tell": "Done", "Expect": {"Status": "FAILED", "Error": "Bad"}},
      "Kept": {"Input": {}, "Work": "Broken", "Tell": "Broken", "Keep": "Done", "Expect": {"Error": "Bad"}}}}},
      "MockedResponses": {"Done": {"0": {"Return": {}}}, "Broken": {"0": {"Throw": {"Error": "E"}}}}}"#;

    fn folder(definition: &str, scenarios: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("m")).unwrap();
        std::fs::write(folder.path().join("m").join(definitions::FILE), definition).unwrap();
        std::fs::write(folder.path().join("m").join(FILE), scenarios).unwrap();
        folder
    }

    fn arguments(folder: &tempfile::TempDir) -> Arguments {
        let stack = folder.path().join("stack.json");
        std::fs::write(&stack, "{}").unwrap();
        Arguments {
            paths: vec![folder.path().to_owned()],
            stack: Some(stack),
            filter: None,
            no_explore: false,
            full_coverage: false,
        }
    }

    #[test]
    fn what_is_as_it_should_be_passes() {
        let folder = folder(DEFINITION, SCENARIOS);
        assert_eq!(run(&SCREEN, &arguments(&folder)), Ok(()));
    }

    #[test]
    fn a_case_that_differs_fails_and_a_filter_leaves_it_out() {
        let folder = folder(DEFINITION, &SCENARIOS.replace("\"Status\": \"SUCCEEDED\"", "\"Status\": \"FAILED\""));
        let failure = run(&SCREEN, &arguments(&folder)).unwrap_err();
        assert_eq!((failure.exit, &*failure.message), (Exit::Failed, "not as it should be: m"));
        let filtered = Arguments { filter: Some("m/Told".into()), ..arguments(&folder) };
        assert_eq!(run(&SCREEN, &filtered), Ok(()));
        let nothing = Arguments { filter: Some("no such case".into()), ..arguments(&folder) };
        assert_eq!(run(&SCREEN, &nothing).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_lost_failure_fails_unless_nothing_is_explored() {
        let catch = "\"Catch\": [{\"ErrorEquals\": [\"States.ALL\"], \"Next\": \"Keep\"}]";
        let lost = DEFINITION.replace(catch, &catch.replace("Keep", "Bad"));
        let scenarios = SCENARIOS.replace("\"Kept\": {", "\"Kept\": {\"Comment\": \"no longer\", ");
        // Nothing leads to Keep any more: it is reached from elsewhere, so that the definition stays valid.
        let lost = lost.replace("\"Next\": \"Bad\",\n        \"Catch\": [{\"ErrorEquals\": [\"States.ALL\"], \"Next\": \"Bad\"}]},\n      \"Keep\"",
            "\"Next\": \"Keep\",\n        \"Catch\": [{\"ErrorEquals\": [\"States.ALL\"], \"Next\": \"Bad\"}]},\n      \"Keep\"");
        let folder = folder(&lost, &scenarios.replace("\"Tell\": \"Done\"", "\"Tell\": \"Done\", \"Keep\": \"Done\""));
        assert_eq!(run(&SCREEN, &arguments(&folder)).unwrap_err().exit, Exit::Failed);
        assert_eq!(run(&SCREEN, &Arguments { no_explore: true, ..arguments(&folder) }), Ok(()));
    }

    #[test]
    fn what_is_untried_fails_where_that_is_asked_for() {
        let folder = folder(DEFINITION, SCENARIOS);
        let failure = run(&SCREEN, &Arguments { full_coverage: true, ..arguments(&folder) }).unwrap_err();
        assert_eq!(failure.exit, Exit::Failed, "nothing tries the Catch of Keep");
    }

    #[test]
    fn a_definition_that_is_none_names_its_errors() {
        let folder = folder("{\"StartAt\": \"A\"}", SCENARIOS);
        let failure = run(&SCREEN, &arguments(&folder)).unwrap_err();
        assert!(failure.message.contains("These fields are required: [States]"), "{}", failure.message);
    }
}
