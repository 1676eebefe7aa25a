//! `cargo xtask conformance`: executions recorded on AWS against the engine, and the score that `workflows/CONFORMANCE.md`
//! publishes.
//!
//! The recordings are not part of the repository; `--cases` says where they are: a folder with `replay.py` and one folder
//! of cases, `dev`. What is not exact must be explained on the page, by the case's name.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::Value;

use crate::failure::{During, Failure};
use crate::process::{self, Service};
use crate::scratch::Scratch;
use crate::workspace;

/// The account of the recordings.
const ACCOUNT: &str = "000000000000";
/// What needs nothing but the engine and small functions.
const TIERS: &str = "pure,api_pure,lambda_simple";
/// Between these lines of the page the score is written.
const MARKS: [&str; 2] = ["<!-- score -->", "<!-- /score -->"];

/// Where the recordings are.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder of the recordings, with `replay.py` in it
    #[arg(long, env = "STEPWRIGHT_CONFORMANCE")]
    cases: PathBuf,
}

/// How far a case is like AWS; the last that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Other,
    SameEnd,
    Core,
    Exact,
}

/// A replayed case.
#[derive(Debug, PartialEq)]
struct Case {
    area: String,
    name: String,
    level: Level,
}

/// Replays the recordings, writes the score into the page, and fails when a case that is not exact is not explained there.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    let replay = options.cases.join("replay.py");
    if !replay.is_file() {
        return Err(Failure::new(format!("--cases: {} is not there", replay.display())));
    }
    let programs = workspace::build(root)?;
    let folder = Scratch::new()?;
    let mut server = serve(&programs, folder.path())?;
    let [engine, lambda] = ready(&mut server)?;
    let results = folder.path().join("results.jsonl");
    let mut command = Command::new("python3");
    command.arg(&replay).args([
        "--sfn",
        &engine,
        "--aws",
        &lambda,
        "--split",
        "dev",
        "--tier",
        TIERS,
        "--account",
        ACCOUNT,
    ]);
    command.arg("--out").arg(&results).stdout(Stdio::piped());
    process::output(command, "replay.py")?;
    server.stop();
    let text = std::fs::read_to_string(&results).during(|| results.display().to_string())?;
    let (cases, skipped) = read(&text);
    publish(&root.join("workflows/CONFORMANCE.md"), &cases, skipped)
}

fn serve(programs: &BTreeMap<String, PathBuf>, folder: &Path) -> Result<Service, Failure> {
    // An empty folder of definitions, and no stack.
    let definitions = folder.join("definitions");
    std::fs::create_dir(&definitions).during(|| definitions.display().to_string())?;
    let mut serve = Command::new(&programs["stepwright"]);
    serve.args(["serve", "--port", "0", "--output", "json", "--account", ACCOUNT, "--no-workers"]);
    serve.arg("--definitions").arg(&definitions).current_dir(folder).stdout(Stdio::piped());
    Service::start(serve, "stepwright serve")
}

/// The addresses of the Step Functions API and of the Lambda host.
fn ready(server: &mut Service) -> Result<[String; 2], Failure> {
    let output = server.stdout().ok_or_else(|| Failure::new("stepwright serve has no output"))?;
    let mut lines = BufReader::new(output);
    let mut line = String::new();
    while lines.read_line(&mut line).during(|| "stepwright serve".to_owned())? > 0 {
        let document: Value = serde_json::from_str(line.trim()).unwrap_or_default();
        if let (Some(engine), Some(lambda)) = (document["stepFunctions"].as_str(), document["lambda"].as_str()) {
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            return Ok([engine.to_owned(), lambda.to_owned()]);
        }
        line.clear();
    }
    Err(Failure::new("stepwright serve ended before it was ready"))
}

/// The cases of `replay.py --out`, and how many it did not run.
fn read(text: &str) -> (Vec<Case>, usize) {
    let documents = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (skipped, run): (Vec<Value>, Vec<Value>) = documents.partition(|document| document["result"] == "skipped");
    (run.iter().map(case).collect(), skipped.len())
}

fn case(document: &Value) -> Case {
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let keys = document["keys"].as_object();
    let reaches = |levels: &[&str]| {
        keys.is_some_and(|keys| {
            !keys.is_empty()
                && keys
                    .values()
                    .all(|value| value.as_str().is_some_and(|all| all.split('+').any(|one| levels.contains(&one))))
        })
    };
    let level = match document["result"].as_str() {
        Some("passed") => Level::Exact,
        _ if reaches(&["exact", "core"]) => Level::Core,
        _ if reaches(&["exact", "core", "end", "code"]) => Level::SameEnd,
        _ => Level::Other,
    };
    let id = text("id");
    // `test_x.py::TestClass::test_y[z]` is `test_y[z]`.
    Case { area: text("area"), name: id.rsplit("::").next().unwrap_or(&id).to_owned(), level }
}

fn publish(page: &Path, cases: &[Case], skipped: usize) -> Result<(), Failure> {
    let old = std::fs::read_to_string(page).during(|| page.display().to_string())?;
    let new = with_score(&old, &table(cases, skipped))
        .ok_or_else(|| Failure::new(format!("{}: the lines {} are missing", page.display(), MARKS.join(" and "))))?;
    std::fs::write(page, &new).during(|| page.display().to_string())?;
    println!("{}", table(cases, skipped));
    let unexplained: Vec<String> = cases
        .iter()
        .filter(|case| case.level < Level::Exact && !explains(&new, &case.name))
        .map(|case| format!("{} ({}, {:?})", case.name, case.area, case.level))
        .collect();
    match unexplained.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(format!("{} does not explain: {}", page.display(), unexplained.join(", ")))),
    }
}

/// Whether the page names a case, `test_a[b]`, or all of its kind, `test_a`.
fn explains(page: &str, name: &str) -> bool {
    let kind = name.split('[').next().unwrap_or(name);
    [name, kind].iter().any(|name| page.contains(&format!("`{name}`")))
}

/// The page with another score.
fn with_score(page: &str, score: &str) -> Option<String> {
    let [begin, end] = MARKS;
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n\n{score}\n{end}{after}"))
}

/// The score, area by area.
fn table(cases: &[Case], skipped: usize) -> String {
    let mut areas: BTreeMap<&str, Vec<Level>> = BTreeMap::new();
    for case in cases {
        areas.entry(&case.area).or_default().push(case.level);
    }
    let row = |name: &str, levels: &[Level]| {
        let reach = |least: Level| levels.iter().filter(|level| **level >= least).count();
        let (exact, core, end) = (reach(Level::Exact), reach(Level::Core), reach(Level::SameEnd));
        format!("| {name} | {} | {exact} | {core} | {end} |\n", levels.len())
    };
    let mut table = "| area | cases | exact | core | same end |\n|---|---|---|---|---|\n".to_owned();
    for (area, levels) in &areas {
        table.push_str(&row(area, levels));
    }
    let all: Vec<Level> = cases.iter().map(|case| case.level).collect();
    table.push_str(&row("**all**", &all));
    if skipped > 0 {
        table.push_str(&format!("\n{skipped} cases were not run: they need what is not on this machine.\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_as_good_as_its_worst_answer() {
        let line = |result: &str, one: &str, other: &str| {
            format!(
                r#"{{"id": "a.py::B::test_c[d]", "area": "x", "result": "{result}", "keys": {{"k": "{one}", "l": "{other}"}}}}"#
            )
        };
        let text = [
            line("passed", "exact", "exact"),
            line("failed", "exact", "core+end+status"),
            line("failed", "core+end", "end+status"),
            line("failed", "exact", "status"),
            line("skipped", "exact", "exact"),
        ];
        let (cases, skipped) = read(&text.join("\n"));
        let levels: Vec<Level> = cases.iter().map(|case| case.level).collect();
        assert_eq!((levels, skipped), (vec![Level::Exact, Level::Core, Level::SameEnd, Level::Other], 1));
        assert_eq!(cases[0].name, "test_c[d]");
        let table = table(&cases, skipped);
        assert!(table.contains("| x | 4 | 1 | 2 | 3 |\n") && table.contains("1 cases were not run"), "{table}");
    }

    #[test]
    fn a_case_is_explained_by_its_name_or_its_kind() {
        let page = "| `test_a[1]`, `test_b` | why |";
        assert!(explains(page, "test_a[1]") && explains(page, "test_b[x]") && explains(page, "test_b"));
        assert!(!explains(page, "test_a[2]") && !explains(page, "test_"));
    }

    #[test]
    fn the_score_stands_between_its_marks() {
        let page = "a\n<!-- score -->\nold\n<!-- /score -->\nb";
        assert_eq!(with_score(page, "new").unwrap(), "a\n<!-- score -->\n\nnew\n<!-- /score -->\nb");
        assert_eq!(with_score("a", "new"), None);
    }
}
