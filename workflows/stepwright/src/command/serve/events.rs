//! EventBridge beside the engine: opened, given the rules and schedules of the command line and of the stack, and served at
//! the API's address.

use std::path::Path;
use std::sync::Arc;

use api::{Answering, Neighbour};
use bytes::Bytes;
use engine::Engine;
use events::{Bridge, Config, Missed};
use http::request::Parts;
use serde_json::Value as Json;

use super::{Arguments, MissedSchedules, could_not_start};
use crate::definitions::{self, Source};
use crate::failure::Failure;
use crate::placeholder::Placeholders;
use crate::stack::Stack;

/// What a document is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rule,
    Schedule,
}

/// A rule or a schedule to be made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Loaded {
    kind: Kind,
    name: String,
    document: Json,
    /// Where it was written, for a message.
    place: String,
}

/// The rules and schedules of the stack and of the files that are named, without their placeholders.
pub(super) fn read(arguments: &Arguments, stack: &Stack, sources: &[Source]) -> Result<Vec<Loaded>, Failure> {
    let placeholders = definitions::placeholders(&arguments.account, &arguments.region, stack, sources);
    let mut all = Vec::new();
    for (kind, documents, member) in
        [(Kind::Rule, &stack.rules, "rules"), (Kind::Schedule, &stack.schedules, "schedules")]
    {
        for document in documents {
            all.push(loaded(kind, &document.to_string(), &placeholders, &format!("--stack: {member}"))?);
        }
    }
    for (kind, files, option) in
        [(Kind::Rule, &arguments.rule, "--rule"), (Kind::Schedule, &arguments.schedule, "--schedule")]
    {
        for file in files {
            let place = format!("{option}: {}", file.display());
            all.push(loaded(kind, &text(file, &place)?, &placeholders, &place)?);
        }
    }
    Ok(all)
}

fn text(file: &Path, place: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("{place} cannot be read: {error}")))
}

fn loaded(kind: Kind, text: &str, placeholders: &Placeholders, place: &str) -> Result<Loaded, Failure> {
    let unusable = |problem: String| Failure::usage(format!("{place}: {problem}"));
    let text = placeholders.resolve(text).map_err(|unresolved| {
        unusable(unresolved.to_string()).remedy("add it to the stack's substitutions, or write what it stands for")
    })?;
    let document: Json = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    let name = document["Name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    let name = name.ok_or_else(|| unusable("Name is missing".to_owned()))?;
    Ok(Loaded { kind, name, document, place: place.to_owned() })
}

/// Opens EventBridge and makes what is to be there.
pub(super) async fn open(engine: &Engine, arguments: &Arguments, loaded: &[Loaded]) -> Result<Arc<Bridge>, Failure> {
    let missed = match arguments.missed_schedules {
        MissedSchedules::RunOnce => Missed::RunOnce,
        MissedSchedules::RunAll => Missed::RunAll,
        MissedSchedules::Skip => Missed::Skip,
    };
    let bridge = Bridge::open(engine.clone(), Config { missed }).map_err(could_not_start)?;
    for Loaded { kind, name, document, place } in loaded {
        let made = match kind {
            Kind::Rule => bridge.load_rule(name, document).await,
            Kind::Schedule => bridge.load_schedule(name, document).await,
        };
        made.map_err(|error| could_not_start(format!("{place}: {error}")))?;
    }
    Ok(Arc::new(bridge))
}

/// EventBridge's requests at the API's address.
pub(super) fn neighbour(bridge: &Arc<Bridge>) -> Arc<dyn Neighbour> {
    Arc::new(Events(Arc::clone(bridge)))
}

#[derive(Debug)]
struct Events(Arc<Bridge>);

impl Neighbour for Events {
    fn takes(&self, head: &Parts) -> bool {
        events::wire::takes(head)
    }

    fn answer(&self, head: Parts, body: Bytes) -> Answering<'_> {
        Box::pin(events::wire::answer(&self.0, head, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders() -> Placeholders {
        let mut placeholders = Placeholders::default();
        placeholders.state_machine("123456789012", "us-east-1", "optimization");
        placeholders
    }

    #[test]
    fn a_document_is_read_without_its_placeholders() {
        let text = r#"{"Name": "r", "Target": {"Arn": "${OptimizationStateMachineArn}"}}"#;
        let loaded = loaded(Kind::Rule, text, &placeholders(), "--rule: f").unwrap();
        let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:optimization";
        assert_eq!((loaded.name.as_str(), loaded.document["Target"]["Arn"].as_str()), ("r", Some(arn)));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, wanted) in [
            ("{}", "--rule: f: Name is missing"),
            ("{", "--rule: f: EOF"),
            (r#"{"Name": "${Gone}"}"#, "--rule: f: line 1: ${Gone} stands for nothing"),
        ] {
            let failure = loaded(Kind::Rule, text, &placeholders(), "--rule: f").unwrap_err();
            assert!(failure.message.starts_with(wanted), "{}", failure.message);
        }
    }
}
