//! The state machines of a folder: found, resolved, created or updated.

use std::path::{Path, PathBuf};

use asl::{Diagnostic, Value};
use engine::{Engine, NewStateMachine, StateMachineChange};
use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::placeholder::{Placeholders, machine_arn};
use crate::stack::Stack;

/// Where definitions are looked for when no folder is named.
pub(crate) const DEFAULT_FOLDER: &str = "statemachines";
/// The name of a definition's file; the folder that holds it names the state machine.
pub(crate) const FILE: &str = "definition.asl.json";
/// Folders inside folders that are searched.
const DEPTH: usize = 8;

/// A definition on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) text: String,
}

/// What became of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Deployed {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) change: Change,
}

/// How a state machine stands to its definition's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    Created,
    Updated,
    Unchanged,
}

/// Every definition under `folder`, by name; without a folder, under the default one where it is there.
pub(crate) fn find(folder: Option<&Path>) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    match folder {
        Some(folder) => search(folder, 0, &mut sources)?,
        None if Path::new(DEFAULT_FOLDER).is_dir() => search(Path::new(DEFAULT_FOLDER), 0, &mut sources)?,
        None => {}
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    for pair in sources.windows(2) {
        if pair[0].name == pair[1].name {
            let message = format!(
                "--definitions: {} and {} are both named {}",
                pair[0].file.display(),
                pair[1].file.display(),
                pair[0].name
            );
            return Err(Failure::usage(message).remedy("rename one of the folders: a folder names its state machine"));
        }
    }
    Ok(sources)
}

fn search(folder: &Path, depth: usize, sources: &mut Vec<Source>) -> Result<(), Failure> {
    let refused =
        |error: std::io::Error| Failure::usage(format!("--definitions: {} cannot be read: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if path.is_dir() && depth < DEPTH {
            search(&path, depth + 1, sources)?;
        } else if path.file_name().is_some_and(|name| name == FILE) {
            sources.push(read(path)?);
        }
    }
    Ok(())
}

fn read(file: PathBuf) -> Result<Source, Failure> {
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::usage(format!("--definitions: {} cannot be read: {error}", file.display())))?;
    let folder = file.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let Some(name) = folder.map(str::to_owned) else {
        return Err(Failure::usage(format!("--definitions: {} is in no named folder", file.display()))
            .remedy("put each definition into a folder with the state machine's name"));
    };
    Ok(Source { name, file, text })
}

/// What the placeholders of these definitions stand for.
pub(crate) fn placeholders(account: &str, region: &str, stack: &Stack, sources: &[Source]) -> Placeholders {
    let mut placeholders = Placeholders::default();
    for name in stack.functions.keys() {
        placeholders.function(account, region, name);
    }
    for name in &stack.activities {
        placeholders.activity(account, region, name);
    }
    for source in sources {
        placeholders.state_machine(account, region, &source.name);
    }
    for (name, value) in &stack.substitutions {
        placeholders.define(name, value);
    }
    placeholders
}

/// A definition's text without placeholders.
pub(crate) fn resolved(source: &Source, placeholders: &Placeholders) -> Result<String, Failure> {
    placeholders.resolve(&source.text).map_err(|unresolved| {
        Failure::usage(format!("{}: {unresolved}", source.file.display()))
            .remedy("add it to the stack's substitutions, functions or activities (--stack FILE), or mend its name")
    })
}

/// How state machines of a folder are watched, unless somebody has set it otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    /// They log everything, with data, to `/aws/vendedlogs/states/NAME`.
    pub(crate) logged: bool,
    /// They are traced.
    pub(crate) traced: bool,
}

impl Watched {
    /// `loggingConfiguration` to set, where the present one says nothing.
    fn logging(self, config: &engine::Config, name: &str, present: Option<&Value>) -> Option<Value> {
        let level = present.and_then(|logging| logging.get("level")).and_then(Value::as_str);
        if !self.logged || level.is_some_and(|level| level != "OFF") {
            return None;
        }
        let arn =
            format!("arn:aws:logs:{}:{}:log-group:/aws/vendedlogs/states/{name}:*", config.region, config.account);
        let group = Value::object([("logGroupArn", Value::from(arn))]);
        let destination = Value::object([("cloudWatchLogsLogGroup", group)]);
        Some(Value::object([
            ("level", Value::from("ALL")),
            ("includeExecutionData", Value::from(true)),
            ("destinations", Value::array(vec![destination])),
        ]))
    }

    /// `tracingConfiguration` to set, where the present one says nothing.
    fn tracing(self, present: Option<&Value>) -> Option<Value> {
        let enabled = present.and_then(|tracing| tracing.get("enabled")).and_then(Value::as_bool) == Some(true);
        (self.traced && !enabled).then(|| Value::object([("enabled", Value::from(true))]))
    }
}

/// Creates or updates the state machine, so that it has this definition.
pub(crate) async fn deploy(
    engine: &Engine,
    source: &Source,
    definition: String,
    watched: Watched,
) -> Result<Deployed, Failure> {
    let config = engine.config();
    let arn = machine_arn(&config.account, &config.region, &source.name);
    let role_arn = format!("arn:aws:iam::{}:role/stepwright", config.account);
    let refused = |error: engine::Error| refusal(source, &definition, &error);
    let present = engine.describe_state_machine(&arn);
    let old = present.as_ref().ok();
    let logging = watched.logging(config, &source.name, old.and_then(|old| old.logging.as_ref()));
    let tracing = watched.tracing(old.and_then(|old| old.tracing.as_ref()));
    let as_it_is = logging.is_none() && tracing.is_none();
    let change = match present {
        Ok(present) if as_it_is && *present.definition == *definition && *present.role_arn == *role_arn => {
            Change::Unchanged
        }
        Ok(_) => {
            let change = StateMachineChange {
                definition: Some(definition.clone()),
                role_arn: Some(role_arn),
                logging,
                tracing,
                ..StateMachineChange::default()
            };
            engine.update_state_machine(&arn, change).await.map_err(refused)?;
            Change::Updated
        }
        Err(engine::Error::StateMachineDoesNotExist(_)) => {
            let new = NewStateMachine {
                name: source.name.clone(),
                definition: definition.clone(),
                role_arn,
                logging,
                tracing,
                ..NewStateMachine::default()
            };
            engine.create_state_machine(new).await.map_err(refused)?;
            Change::Created
        }
        Err(error) => return Err(refused(error)),
    };
    Ok(Deployed { name: source.name.clone(), arn, change })
}

/// A refused definition is told with everything that is wrong with it.
fn refusal(source: &Source, definition: &str, error: &engine::Error) -> Failure {
    let errors: Vec<Diagnostic> = Engine::validate(definition).into_iter().filter(Diagnostic::is_error).collect();
    if errors.is_empty() {
        return Failure::new(Exit::Failed, format!("{}: {error}", source.file.display()));
    }
    let list: Vec<String> = errors.iter().map(|error| format!("\n  {error}")).collect();
    Failure::new(Exit::Failed, format!("{} is no valid definition:{}", source.file.display(), list.concat()))
        .remedy(format!("`stepwright validate {}` shows the places", source.file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}").unwrap();
        }
        folder
    }

    #[test]
    fn what_somebody_set_is_not_overruled() {
        let clock = engine::Clock::manual(0);
        let config = engine::Config {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            data_dir: None,
            aws: engine::aws::Endpoint::Aws,
            lambda_endpoint: None,
            clock,
            limits: execution::Limits::default(),
            events_endpoint: None,
            names: engine::Names::default(),
            quotas: engine::Quotas::default(),
            signers: engine::aws::Signers::default(),
        };
        let watched = Watched { logged: true, traced: true };
        let level = |level: &str| Value::object([("level", Value::from(level))]);
        let logging = watched.logging(&config, "m", Some(&level("OFF"))).unwrap().to_string();
        assert!(logging.contains(":log-group:/aws/vendedlogs/states/m:*"), "{logging}");
        assert_eq!(watched.logging(&config, "m", Some(&level("ERROR"))), None);
        assert_eq!(Watched::default().logging(&config, "m", None), None);
        assert_eq!(watched.tracing(Some(&Value::object([("enabled", Value::from(true))]))), None);
    }

    #[test]
    fn the_folder_names_the_machine() {
        let folder = folder(&["b/definition.asl.json", "shared/a/definition.asl.json", "b/README.md"]);
        let names: Vec<String> = find(Some(folder.path())).unwrap().into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn two_of_one_name_are_refused_with_both_files() {
        let folder = folder(&["x/a/definition.asl.json", "y/a/definition.asl.json"]);
        let message = find(Some(folder.path())).unwrap_err().message;
        assert!(message.contains("x/a") && message.contains("y/a") && message.ends_with("both named a"), "{message}");
    }

    #[test]
    fn an_unresolved_placeholder_names_itself_and_the_file() {
        let source =
            Source { name: "m".into(), file: "m/definition.asl.json".into(), text: r#"{"x":"${Gone}"}"#.into() };
        let failure = resolved(&source, &Placeholders::default()).unwrap_err();
        assert_eq!(failure.message, "m/definition.asl.json: line 1: ${Gone} stands for nothing");
    }

    #[test]
    fn machines_functions_and_activities_are_known_by_convention() {
        let stack = Stack {
            activities: vec!["recovery-watcher".into()],
            substitutions: [("TableName".to_owned(), "t".to_owned())].into(),
            ..Stack::default()
        };
        let source = Source { name: "circuit-breaker".into(), file: PathBuf::new(), text: String::new() };
        let known = placeholders("123456789012", "us-east-1", &stack, &[source]);
        assert_eq!(
            known.resolve("${CircuitBreakerStateMachineArn} ${RecoveryWatcherActivityArn} ${TableName}").unwrap(),
            "arn:aws:states:us-east-1:123456789012:stateMachine:circuit-breaker \
             arn:aws:states:us-east-1:123456789012:activity:recovery-watcher t"
        );
    }
}
