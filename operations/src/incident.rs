//! The event body that starts an incident's remediation.

use crate::catalogue::Entry;
use crate::error::{Error, Kind};
use crate::field::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// What may be done about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Replace the tasks of a service.
    RestartService,
    /// Raise the capacity of a service, database or cache.
    ScaleUp,
    /// Invalidate a cache's namespace.
    ClearCache,
    /// Tell a person.
    NotifyHuman,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 4] = [Action::RestartService, Action::ScaleUp, Action::ClearCache, Action::NotifyHuman];

    /// The name in events and in the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Action::RestartService => "restart_service",
            Action::ScaleUp => "scale_up",
            Action::ClearCache => "clear_cache",
            Action::NotifyHuman => "notify_human",
        }
    }

    /// The action of that name.
    pub fn from_name(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == name)
    }

    /// All names, for messages.
    pub fn names() -> String {
        Action::ALL.map(Action::name).join(", ")
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How urgent an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Can wait.
    Low,
    /// Normal.
    Medium,
    /// Urgent.
    High,
    /// Users are affected now.
    Critical,
}

impl Priority {
    /// Every priority, least urgent first.
    pub const ALL: [Priority; 4] = [Priority::Low, Priority::Medium, Priority::High, Priority::Critical];

    /// The name in events.
    pub fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
            Priority::Critical => "critical",
        }
    }

    /// The priority of that name, in any case of letters.
    pub fn from_name(name: &str) -> Option<Priority> {
        Priority::ALL.into_iter().find(|priority| priority.name().eq_ignore_ascii_case(name))
    }
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requester {
    /// An alarm.
    Alarm,
    /// A person.
    Human,
    /// A schedule.
    Schedule,
    /// A pipeline.
    Pipeline,
}

impl Requester {
    fn from_name(name: &str) -> Option<Requester> {
        match name {
            "alarm" => Some(Requester::Alarm),
            "human" => Some(Requester::Human),
            "schedule" => Some(Requester::Schedule),
            "pipeline" => Some(Requester::Pipeline),
            _ => None,
        }
    }
}

/// An incident event, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What to do.
    pub action: Action,
    /// The catalogue id of the target.
    pub target: String,
    /// The incident's id.
    pub incident_id: String,
    /// How urgent it is; absent in some events.
    pub priority: Option<Priority>,
    /// Who asked; absent means an alarm or a back end.
    pub requested_by: Option<Requester>,
}

impl Event {
    /// Reads an event body. Fields that are not the event's are ignored.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field: an unknown action or priority, a target or incident id that is
    /// missing or malformed. Nothing is ever defaulted; a missing priority stays missing.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let body = Object::of(value, "", Kind::InvalidInput)?;
        let action = body.text("action")?;
        let action = Action::from_name(action)
            .ok_or_else(|| body.error("action", &format!("must be one of {}, not {action:?}", Action::names())))?;
        let target = identifier(&body, "target", 64)?;
        let incident_id = identifier(&body, "incidentId", 200)?;
        let priority = match body.optional_text("priority")? {
            None => None,
            Some(name) => Some(Priority::from_name(name).ok_or_else(|| {
                body.error("priority", &format!("must be one of low, medium, high, critical, not {name:?}"))
            })?),
        };
        let requested_by = match body.optional_object("requestedBy")? {
            None => None,
            Some(by) => by.optional_text("type")?.and_then(Requester::from_name),
        };
        Ok(Self { action, target, incident_id, priority, requested_by })
    }

    /// Whether this is a critical incident.
    pub fn critical(&self) -> bool {
        self.priority == Some(Priority::Critical)
    }
}

/// An event together with the catalogue entry of its target: what every function but the notifier is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The event.
    pub event: Event,
    /// The target's entry.
    pub entry: Entry,
}

impl Request {
    /// Reads a payload that carries the event body and `entry`.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field; `Ops.UnknownTarget` when the entry is not the target's;
    /// `Ops.ConfigInvalid` naming the field of a broken entry.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let event = Event::parse(value)?;
        let entry = value.get("entry").filter(|entry| !entry.is_null()).ok_or_else(|| {
            Error::new(
                Kind::InvalidInput,
                "entry is missing: pass the catalogue item of the target (the state machine's resolve step adds it)",
            )
        })?;
        let entry = Entry::parse(entry)?;
        if entry.catalog_id != event.target {
            let message = format!(
                "target is {:?} but entry.catalogId is {:?}: pass the entry of the target",
                event.target, entry.catalog_id
            );
            return Err(Error::new(Kind::UnknownTarget, message));
        }
        Ok(Self { event, entry })
    }
}

/// An id: 1 to `longest` characters, none of them a control character or white space.
fn identifier(body: &Object<'_>, name: &str, longest: usize) -> Result<String, Error> {
    let text = body.text(name)?;
    let plain = text.chars().all(|character| !character.is_control() && !character.is_whitespace());
    if plain && text.chars().count() <= longest {
        Ok(text.to_owned())
    } else {
        Err(body.error(name, &format!("must have 1 to {longest} characters, none of them white space or control")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_original_event_is_read() {
        let event = Event::parse(
            &json!({"action": "scale_up", "target": "database", "incidentId": "incident-1", "priority": "critical"}),
        );
        let event = event.unwrap();
        assert_eq!((event.action, event.target.as_str()), (Action::ScaleUp, "database"));
        assert!(event.critical());
    }

    #[test]
    fn priority_and_details_may_be_missing() {
        let event = Event::parse(&json!({"action": "notify_human", "target": "api", "incidentId": "i"})).unwrap();
        assert_eq!(event.priority, None);
    }

    #[test]
    fn unknown_values_are_refused_by_field() {
        let cases = [
            (json!({"action": "reboot", "target": "api", "incidentId": "i"}), "action must be one of restart_service"),
            (json!({"target": "api", "incidentId": "i"}), "action is missing"),
            (json!({"action": "scale_up", "incidentId": "i"}), "target is missing"),
            (json!({"action": "scale_up", "target": "a b", "incidentId": "i"}), "target must have"),
            (json!({"action": "scale_up", "target": "api"}), "incidentId is missing"),
            (json!({"action": "scale_up", "target": "api", "incidentId": "i", "priority": "urgent"}), "priority must"),
            (json!({"action": "scale_up", "target": 5, "incidentId": "i"}), "target must be a text, not a number"),
        ];
        for (body, message) in cases {
            let error = Event::parse(&body).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidInput);
            assert!(error.message().starts_with(message), "{}", error.message());
        }
    }

    #[test]
    fn a_request_names_its_missing_or_foreign_entry() {
        let mut body = json!({"action": "scale_up", "target": "api", "incidentId": "i"});
        let error = Request::parse(&body).unwrap_err();
        assert!(error.message().starts_with("entry is missing"));
        body["entry"] = crate::catalogue::tests::database();
        assert_eq!(Request::parse(&body).unwrap_err().kind(), Kind::UnknownTarget);
    }
}
