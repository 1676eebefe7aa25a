//! Events on their way in: which rules they match, and what becomes a delivery.

use std::sync::Arc;

use engine::Change;
use execution::Millis;
use serde_json::Value;

use super::{Inner, Rule, State};
use crate::Bridge;
use crate::event::{DEFAULT, Event, id_of};
use crate::fault::Fault;
use crate::record::Delivery;
use crate::schedule::written;
use crate::target::Target;
use crate::transform::Reserved;

/// An event as somebody puts it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) bus: String,
    pub(crate) source: String,
    pub(crate) detail_type: String,
    pub(crate) time: Option<Millis>,
    pub(crate) resources: Vec<String>,
    pub(crate) detail: Value,
    /// Its id, where it has one: the same event again starts nothing again.
    pub(crate) id: Option<String>,
}

/// An event from outside AWS, such as the webhook of an alert manager.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The event bus.
    pub bus: String,
    /// `source`.
    pub source: String,
    /// `detail-type`.
    pub detail_type: String,
    /// `detail`, an object.
    pub detail: Value,
    /// What the sender knows it by: the same key from the same source is the same event.
    pub key: Option<String>,
}

impl Bridge {
    /// Accepts an event from outside, durably; answers its id.
    ///
    /// # Errors
    /// The bus does not exist, or the data directory cannot be written.
    pub async fn ingest(&self, raw: Raw) -> Result<String, Fault> {
        if !self.inner.state().has_bus(&raw.bus) {
            return Err(Fault::not_found(format!("Event bus {} does not exist.", raw.bus)));
        }
        let id = raw.key.as_deref().map(|key| id_of(&["ingested", &raw.bus, &raw.source, key]));
        let Raw { bus, source, detail_type, detail, .. } = raw;
        let entry = Entry { bus, source, detail_type, time: None, resources: Vec::new(), detail, id };
        let mut ids = self.inner.put(vec![entry]).await?;
        Ok(ids.pop().unwrap_or_default())
    }
}

impl Inner {
    /// Accepts events, durably, and answers their ids.
    pub(crate) async fn put(self: &Arc<Self>, entries: Vec<Entry>) -> Result<Vec<String>, Fault> {
        let accept = |inner: &Self, state: &mut State, changes: &mut Vec<Change>| {
            let now = inner.now();
            let accepted = entries.into_iter().map(|entry| {
                let id = entry.id.unwrap_or_else(|| inner.engine.new_id());
                let resources: Vec<&str> = entry.resources.iter().map(String::as_str).collect();
                let event = Event {
                    id: &id,
                    source: &entry.source,
                    detail_type: &entry.detail_type,
                    time: entry.time.unwrap_or(now),
                    resources: &resources,
                    detail: entry.detail,
                };
                let event = event.envelope(&inner.place);
                inner.route(state, &entry.bus, &event, &id, changes);
                id
            });
            Ok(accepted.collect())
        };
        self.change(accept).await
    }

    /// Makes the deliveries of an event: one for each target of each rule that matches.
    pub(super) fn route(&self, state: &mut State, bus: &str, event: &Value, id: &str, changes: &mut Vec<Change>) {
        let matches = |rule: &&Rule| {
            let pattern = rule.pattern.as_ref().filter(|_| rule.record.enabled && rule.record.bus == bus);
            pattern.is_some_and(|pattern| pattern.matches(event))
        };
        let matching: Vec<_> = state.rules.values().filter(matches).cloned().collect();
        for rule in matching {
            self.send(state, &rule, event, id, changes);
        }
    }

    /// Makes the deliveries of an event to the targets of a rule.
    pub(super) fn send(&self, state: &mut State, rule: &Rule, event: &Value, id: &str, changes: &mut Vec<Change>) {
        let (now, rule_arn) = (self.now(), self.place.rule(&rule.record.bus, &rule.record.name));
        let ingestion_time = written(now);
        let reserved = Reserved { rule_arn: &rule_arn, rule_name: &rule.record.name, ingestion_time: &ingestion_time };
        for target in &rule.targets {
            let (input, problem) = match target.input.of(event, &reserved) {
                Ok(input) => (input, None),
                Err(problem) => (event.to_string(), Some(problem)),
            };
            let name = format!("{id}_{}", id_of(&[&rule_arn, &target.id]));
            let delivery = Delivery { problem, ..delivery(&rule_arn, target, input, name, now) };
            changes.push(state.add_delivery(delivery));
        }
    }

    /// Whether events can be put on the bus that `given` names, by name or ARN; its name.
    pub(crate) fn bus_named(&self, given: Option<&str>) -> Result<String, Fault> {
        let given = given.unwrap_or(DEFAULT);
        let name = given.rsplit_once("event-bus/").map_or(given, |(_, name)| name);
        if self.state().has_bus(name) {
            Ok(name.to_owned())
        } else {
            Err(Fault::not_found(format!("Event bus {name} does not exist.")))
        }
    }
}

/// A delivery that is due at once.
pub(super) fn delivery(origin: &str, target: &Target, input: String, name: String, now: Millis) -> Delivery {
    Delivery {
        origin: origin.to_owned(),
        target: target.arn.clone(),
        input,
        name,
        accepted: now,
        due: now,
        tries: 0,
        retry: target.retry,
        dead_letter: target.dead_letter.clone(),
        message_group: target.message_group.clone(),
        problem: None,
    }
}
