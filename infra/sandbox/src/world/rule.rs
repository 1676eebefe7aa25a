//! EventBridge: rules on the default bus, and the events that AWS services put on it themselves.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::World;
use super::outbox::{Command, Purpose};
use super::schedule::Schedule;
use crate::wire::node::rfc3339;

/// A target of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// Its id within the rule.
    pub(crate) id: String,
    /// A state machine's ARN.
    pub(crate) arn: String,
    /// The role that may start it.
    pub(crate) role: Option<String>,
    /// What it gets instead of the event.
    pub(crate) input: Option<Value>,
}

/// When a rule comes by itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timetable {
    /// The expression as it came.
    pub(crate) expression: String,
    /// What it says.
    pub(crate) schedule: Schedule,
    /// When the rule was put.
    pub(crate) created_ms: i64,
    /// The next time; `None`: never again.
    pub(crate) next_ms: Option<i64>,
}

impl Timetable {
    /// The timetable of a rule put at `created_ms`; the error says what the expression lacks.
    pub(crate) fn new(expression: &str, created_ms: i64) -> Result<Self, String> {
        let schedule = Schedule::parse(expression)?;
        if matches!(schedule, Schedule::At(_)) {
            return Err("Parameter ScheduleExpression is not valid.".to_owned());
        }
        let next_ms = schedule.next(created_ms, created_ms);
        Ok(Self { expression: expression.to_owned(), schedule, created_ms, next_ms })
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    /// The event pattern, lists of exact values; null when it has only a schedule.
    pub(crate) pattern: Value,
    /// When it comes by itself.
    pub(crate) timetable: Option<Timetable>,
    /// Whether it is enabled.
    pub(crate) enabled: bool,
    /// Description.
    pub(crate) description: Option<String>,
    /// Targets.
    pub(crate) targets: Vec<Target>,
}

/// Rules by name.
pub(crate) type Rules = BTreeMap<String, Rule>;

/// What is wrong with an event pattern, if anything.
pub(crate) fn problem(pattern: &Value) -> Option<&'static str> {
    let Some(members) = pattern.as_object().filter(|members| !members.is_empty()) else {
        return Some("Event pattern is not valid. Reason: Filter is not an object");
    };
    members.values().find_map(|value| match value {
        Value::Object(_) => problem(value),
        Value::Array(values) if values.is_empty() => {
            Some("Event pattern is not valid. Reason: Empty arrays are not allowed")
        }
        Value::Array(values) if values.iter().any(|each| each.is_object() || each.is_array()) => {
            Some("the sandbox matches exact values only; write each value that is meant")
        }
        Value::Array(_) => None,
        _ => Some("Event pattern is not valid. Reason: Value must be in an array"),
    })
}

/// Whether an event has, for each field of the pattern, one of its values.
fn matches(pattern: &Value, event: &Value) -> bool {
    let member = |(name, wanted): (&String, &Value)| {
        let Some(found) = event.get(name) else { return false };
        match (wanted, found) {
            (Value::Array(values), Value::Array(elements)) => elements.iter().any(|each| values.contains(each)),
            (Value::Array(values), found) => values.contains(found),
            (wanted, found) => matches(wanted, found),
        }
    };
    pattern.as_object().is_some_and(|members| members.iter().all(member))
}

impl World {
    /// An AWS service puts an event on the default bus.
    pub(super) fn emit(&mut self, source: &str, detail_type: &str, resources: &[String], detail: Value) {
        let event = self.envelope(source, detail_type, resources, detail);
        self.bus.keep_service_event(event.clone());
        if self.bus.forwards {
            self.outbox.send(Command::Tell { event: event.clone() }, Purpose::Bus);
        }
        self.deliver(&event);
    }

    /// An event in the form in which targets receive it.
    pub(crate) fn envelope(&mut self, source: &str, detail_type: &str, resources: &[String], detail: Value) -> Value {
        let mut event = Map::new();
        event.insert("version".to_owned(), json!("0"));
        event.insert("id".to_owned(), json!(self.native.generator.uuid()));
        event.insert("detail-type".to_owned(), json!(detail_type));
        event.insert("source".to_owned(), json!(source));
        event.insert("account".to_owned(), json!(self.place.account));
        event.insert("time".to_owned(), json!(rfc3339(self.now_ms - self.now_ms.rem_euclid(1000))));
        event.insert("region".to_owned(), json!(self.place.region));
        event.insert("resources".to_owned(), json!(resources));
        event.insert("detail".to_owned(), detail);
        Value::Object(event)
    }

    /// Has an event sent to the targets of the rules that match it.
    pub(crate) fn deliver(&mut self, event: &Value) {
        let Self { bus, outbox, .. } = self;
        for (name, rule) in bus.rules.iter().filter(|(_, rule)| rule.enabled && matches(&rule.pattern, event)) {
            for target in &rule.targets {
                let input = target.input.clone().unwrap_or_else(|| event.clone());
                outbox.send(Command::Start { machine: target.arn.clone(), input }, Purpose::Rule(name.clone()));
            }
        }
    }
}

impl World {
    /// When the next scheduled rule comes, if one will.
    pub(crate) fn next_rule_ms(&self) -> Option<i64> {
        self.bus.rules.values().filter(|rule| rule.enabled).filter_map(|rule| rule.timetable.as_ref()?.next_ms).min()
    }

    /// Sends the scheduled rules that are due to their targets.
    pub(super) fn fire_rules(&mut self) {
        let now_ms = self.now_ms;
        if self.next_rule_ms().is_none_or(|next| next > now_ms) {
            return;
        }
        let mut due = Vec::new();
        for (name, rule) in self.bus.rules.iter_mut().filter(|(_, rule)| rule.enabled) {
            let Some(timetable) = rule.timetable.as_mut() else { continue };
            if timetable.next_ms.is_some_and(|next| next <= now_ms) {
                timetable.next_ms = timetable.schedule.next(now_ms, timetable.created_ms);
                due.push((name.clone(), rule.targets.clone()));
            }
        }
        for (name, targets) in due {
            let resource = self.place.arn("events", &format!("rule/{name}"));
            let event = self.envelope("aws.events", "Scheduled Event", &[resource], json!({}));
            for target in targets {
                let input = target.input.unwrap_or_else(|| event.clone());
                self.outbox.send(Command::Start { machine: target.arn, input }, Purpose::Rule(name.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_exact_values_at_every_depth() {
        let pattern =
            json!({"source": ["aws.ecs"], "detail": {"eventName": ["A", "B"], "n": [1]}, "resources": ["r2"]});
        let event = |name: &str, n: i64| json!({"source": "aws.ecs", "resources": ["r1", "r2"], "detail": {"eventName": name, "n": n, "more": true}});
        assert_eq!(problem(&pattern), None);
        assert!(matches(&pattern, &event("B", 1)));
        assert!(!matches(&pattern, &event("C", 1)) && !matches(&pattern, &event("A", 2)));
        assert!(!matches(&json!({"detail": {"gone": ["x"]}}), &event("A", 1)));
    }

    #[test]
    fn patterns_that_would_silently_not_match_are_refused() {
        for bad in
            [json!([]), json!({}), json!({"source": "x"}), json!({"source": []}), json!({"a": [{"prefix": "x"}]})]
        {
            assert!(problem(&bad).is_some(), "{bad}");
        }
    }
}
