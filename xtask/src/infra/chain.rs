//! The chain of other people's tools: translated as AWS does it, linted, searched for bad practice.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use crate::failure::{During, Failure};
use crate::json;

use super::suite::{OTHER_TEMPLATES, Suite, TEMPLATE};
use super::tools::Tools;

/// Any region does: templates name none.
pub(crate) const REGION: &str = "eu-central-1";
/// Checkov's findings that are decisions, with their reasons.
const SKIPPED: &str = "infra/aws/checks/checkov.json";
/// cfn-lint's findings that are its own mistakes: rule, part of the message, why.
const MISTAKES: [(&str, &str, &str); 2] = [
    ("E3601", "%}' is not of type 'number'", "in JSONata a number of seconds may be an expression"),
    ("W3002", "", "nested templates are uploaded by `sam package`"),
];

/// A folder with what was translated.
#[derive(Debug)]
pub(crate) struct Translated {
    /// Holds `translated.json`, `inlined.json` and the nested templates.
    pub(crate) folder: PathBuf,
}

/// Translates the template, and lays a copy with all definitions written into it beside it.
pub(crate) fn translate(root: &Path, folder: &Path, tools: &Tools, suite: &Suite) -> Result<Translated, Failure> {
    let path = folder.join("translated.json");
    let mut python = tools.chain("python");
    python.arg(root.join("infra/aws/checks/translate.py")).arg(root.join(TEMPLATE)).arg(&path);
    answer(python.env("AWS_DEFAULT_REGION", REGION), "translate.py")?;
    let template: Value = serde_json::from_str(&json::read(&path)?).during(|| "the translated template".to_owned())?;
    for other in OTHER_TEMPLATES {
        let name = other.rsplit('/').next().unwrap_or(other);
        std::fs::copy(root.join(other), folder.join(name)).during(|| format!("{other} cannot be copied"))?;
    }
    let mut inlined = template;
    for resource in inlined["Resources"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let properties = &mut resource["Properties"];
        let name = properties["StateMachineName"].as_str().unwrap_or_default().to_owned();
        if let Some(definition) = suite.definitions.get(&name) {
            properties["Definition"] = definition.json.clone();
            properties.as_object_mut().map(|properties| properties.remove("DefinitionS3Location"));
        }
    }
    let path = folder.join("inlined.json");
    std::fs::write(&path, inlined.to_string()).during(|| format!("{} cannot be written", path.display()))?;
    Ok(Translated { folder: folder.to_owned() })
}

/// cfn-lint on the source, on what it was translated into, on that with its definitions inside, and on the others.
pub(crate) fn lint(root: &Path, tools: &Tools, translated: &Translated) -> Result<Vec<String>, Failure> {
    let mut command = tools.chain("cfn-lint");
    command.args(["--format", "json", "--regions", REGION, "--template"]);
    let here = ["translated.json", "inlined.json"].map(|name| translated.folder.join(name));
    command.args(here).arg(root.join(TEMPLATE)).args(OTHER_TEMPLATES.map(|path| root.join(path)));
    let output =
        command.env("AWS_DEFAULT_REGION", REGION).output().during(|| "cfn-lint cannot be started".to_owned())?;
    let found: Vec<Value> = serde_json::from_slice(&output.stdout)
        .during(|| format!("cfn-lint said {}", String::from_utf8_lossy(&output.stderr)))?;
    let is_mistake = |finding: &&Value| {
        let (rule, message) = (finding["Rule"]["Id"].as_str(), finding["Message"].as_str().unwrap_or_default());
        MISTAKES.iter().any(|(id, part, _)| rule == Some(*id) && message.contains(part))
    };
    let finding = |finding: &Value| {
        let place: Vec<String> = super::policy::list(&finding["Location"]["Path"]).iter().map(plain).collect();
        let file = finding["Filename"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
        let (rule, message) = (plain(&finding["Rule"]["Id"]), plain(&finding["Message"]));
        format!("cfn-lint {rule}: {file}, {}: {message}; see {}", place.join("/"), plain(&finding["Rule"]["Source"]))
    };
    Ok(found.iter().filter(|it| !is_mistake(it)).map(finding).collect())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Checkov, without what is decided otherwise; a decision about nothing is a finding too.
pub(crate) fn checkov(root: &Path, tools: &Tools, translated: &Translated) -> Result<Vec<String>, Failure> {
    let skipped: Map<String, Value> =
        serde_json::from_str(&json::read(&root.join(SKIPPED))?).during(|| format!("{SKIPPED} is not JSON"))?;
    let mut command = tools.checkov();
    command.args(["--framework", "cloudformation", "--output", "json", "--quiet", "--compact", "--skip-download"]);
    for name in ["translated.json", "worker.yaml", "service.yaml", "github.yaml"] {
        command.arg("--file").arg(translated.folder.join(name));
    }
    let output = command.current_dir(&translated.folder).output().during(|| "checkov cannot be started".to_owned())?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .during(|| format!("checkov said {}", String::from_utf8_lossy(&output.stderr)))?;
    let failed = super::policy::list(&report["results"]["failed_checks"]);
    if report["summary"]["passed"].as_u64().unwrap_or_default() == 0 {
        return Ok(vec!["checkov looked at nothing: is its version the pinned one?".to_owned()]);
    }
    let id = |finding: &Value| plain(&finding["check_id"]);
    let mut problems: Vec<String> = failed
        .iter()
        .filter(|finding| !skipped.contains_key(&id(finding)))
        .map(|finding| {
            let (name, resource) = (plain(&finding["check_name"]), plain(&finding["resource"]));
            format!("checkov {}: {resource}: {name}: do so, or give the reason in {SKIPPED}", id(finding))
        })
        .collect();
    let stale = skipped.keys().filter(|skip| !failed.iter().any(|finding| id(finding) == **skip));
    problems.extend(stale.map(|skip| format!("{SKIPPED}: {skip} skips nothing: remove it")));
    Ok(problems)
}

/// What a tool prints; it fails with its own words.
pub(crate) fn answer(command: &mut Command, name: &str) -> Result<Vec<u8>, Failure> {
    let output = command.output().during(|| format!("{name} cannot be started"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(Failure::new(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))),
    }
}
