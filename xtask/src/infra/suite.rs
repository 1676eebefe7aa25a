//! What is deployed, as the repository says it: templates, definitions, functions, workers, permissions.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::failure::{During, Failure};
use crate::{definitions, json};

use super::yaml;

/// The template of the whole suite.
pub(crate) const TEMPLATE: &str = "infra/aws/template.yaml";
/// The templates that it nests, and those deployed beside it.
pub(crate) const OTHER_TEMPLATES: [&str; 5] = [
    "infra/aws/function-alarms.yaml",
    "infra/aws/state-machine-alarms.yaml",
    "infra/aws/worker.yaml",
    "infra/aws/service.yaml",
    "infra/aws/github.yaml",
];
/// Which actions each function and worker was seen to call; written by `cargo xtask infra observe`.
pub(crate) const OBSERVED: &str = "infra/aws/permissions/observed.json";
/// Why actions are allowed that were not seen, or on every resource.
pub(crate) const REASONS: &str = "infra/aws/permissions/reasons.json";
/// The types of resources on which IAM allows each action that our policies name.
pub(crate) const ACTIONS: &str = "infra/aws/permissions/actions.json";
/// The functions and workers of a local stack, with their limits.
pub(crate) const LOCAL: &str = "infra/local/stack.json";
const BOOTSTRAP: &str = "lambdas/bootstrap/src/main.rs";

/// The texts of all files that are looked at, by their paths from the repository.
pub(crate) type Sources = BTreeMap<String, String>;

/// Reads them.
pub(crate) fn sources(root: &Path) -> Result<Sources, Failure> {
    let mut sources = Sources::new();
    let fixed = [TEMPLATE, OBSERVED, REASONS, ACTIONS, LOCAL, BOOTSTRAP].into_iter().chain(OTHER_TEMPLATES);
    for path in fixed {
        sources.insert(path.to_owned(), json::read(&root.join(path))?);
    }
    for path in definitions::find(root)? {
        sources.insert(definitions::name(root, &path), json::read(&path)?);
    }
    for worker in json::find(&root.join("workers"), "Cargo.toml")? {
        sources.insert(definitions::name(root, &worker), json::read(&worker)?);
    }
    Ok(sources)
}

/// A state machine's definition.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Its path from the repository.
    pub(crate) path: String,
    /// Its text, with placeholders.
    pub(crate) text: String,
    /// The same as JSON.
    pub(crate) json: Value,
}

/// Everything that is checked.
#[derive(Debug)]
pub(crate) struct Suite {
    /// The main template.
    pub(crate) template: Value,
    /// The other templates, by their paths.
    pub(crate) others: BTreeMap<String, Value>,
    /// Definitions, by the names of their state machines.
    pub(crate) definitions: BTreeMap<String, Definition>,
    /// The functions that the one binary is.
    pub(crate) handlers: Vec<String>,
    /// The workers that are built.
    pub(crate) workers: Vec<String>,
    /// The local stack.
    pub(crate) local: Value,
    /// [`OBSERVED`].
    pub(crate) observed: Value,
    /// [`REASONS`].
    pub(crate) reasons: Value,
    /// [`ACTIONS`].
    pub(crate) actions: Value,
}

impl Suite {
    /// Reads what the sources say.
    pub(crate) fn of(sources: &Sources) -> Result<Self, Failure> {
        let text = |path: &str| {
            sources.get(path).ok_or_else(|| Failure::new(format!("{path} is missing: restore it from the repository")))
        };
        let document = |path: &str| -> Result<Value, Failure> {
            serde_json::from_str(text(path)?).during(|| format!("{path} is not JSON"))
        };
        let mut others = BTreeMap::new();
        for path in OTHER_TEMPLATES {
            others.insert(path.to_owned(), yaml::read(path, text(path)?)?);
        }
        Ok(Self {
            template: yaml::read(TEMPLATE, text(TEMPLATE)?)?,
            others,
            definitions: machines(sources)?,
            handlers: handlers(text(BOOTSTRAP)?),
            workers: workers(sources),
            local: document(LOCAL)?,
            observed: document(OBSERVED)?,
            reasons: document(REASONS)?,
            actions: document(ACTIONS)?,
        })
    }

    /// The resources of the main template.
    pub(crate) fn resources(&self) -> &Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.template["Resources"].as_object().unwrap_or(&NONE)
    }

    /// Those of one type, with their properties.
    pub(crate) fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let wanted = move |(_, resource): &(&'a String, &'a Value)| resource["Type"] == kind;
        self.resources().iter().filter(wanted).map(|(name, resource)| (name.as_str(), &resource["Properties"]))
    }
}

fn machines(sources: &Sources) -> Result<BTreeMap<String, Definition>, Failure> {
    let mut machines = BTreeMap::new();
    for (path, text) in sources.iter().filter(|(path, _)| path.ends_with("/definition.asl.json")) {
        let json = serde_json::from_str(text).during(|| format!("{path} is not JSON"))?;
        let name = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
        machines.insert(name, Definition { path: path.clone(), text: text.clone(), json });
    }
    Ok(machines)
}

/// The names in the list of functions of the one binary.
fn handlers(source: &str) -> Vec<String> {
    let list = source.split_once("const FUNCTIONS").and_then(|(_, rest)| rest.split_once("];")).map_or("", |it| it.0);
    list.lines().filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once('"')?.0.to_owned())).collect()
}

/// The folders under `workers/` that are activity workers.
fn workers(sources: &Sources) -> Vec<String> {
    let folders = sources.keys().filter_map(|path| path.strip_prefix("workers/")?.strip_suffix("/Cargo.toml"));
    folders.filter(|name| *name != "kit").map(str::to_owned).collect()
}

/// `incident-scale-up` as part of an identifier: `IncidentScaleUp`.
pub(crate) fn pascal(name: &str) -> String {
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    name.split('-').filter_map(capitalised).collect()
}
