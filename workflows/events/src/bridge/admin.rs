//! Rules, buses and groups: made, changed, deleted.

use std::sync::Arc;

use serde_json::Value;

use super::state::{Name, Rule};
use super::{Inner, State};
use crate::event::DEFAULT;
use crate::fault::Fault;
use crate::record::{self, BusRecord, GroupRecord, Progress, RuleRecord, ScheduleRecord};
use crate::target::Target;

/// A rule as PutRule has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewRule {
    pub(crate) bus: String,
    pub(crate) name: String,
    pub(crate) pattern: Option<String>,
    pub(crate) schedule: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) description: Option<String>,
    pub(crate) role: Option<String>,
}

pub(crate) fn no_rule((bus, name): &Name) -> Fault {
    Fault::not_found(format!("Rule {name} does not exist on EventBus {bus}."))
}

impl State {
    /// The rule of this name.
    pub(crate) fn rule(&self, name: &Name) -> Result<&Rule, Fault> {
        self.rules.get(name).ok_or_else(|| no_rule(name))
    }
}

impl Inner {
    /// Makes a rule, or changes the one of its name, which keeps its targets; answers its ARN.
    pub(crate) async fn put_rule(self: &Arc<Self>, new: NewRule) -> Result<String, Fault> {
        let put = |inner: &Self, state: &mut State, changes: &mut Vec<_>| {
            let arn = inner.place.rule(&new.bus, &new.name);
            let rule = rule(state, new, inner.now())?;
            changes.push(rule.put());
            state.put_rule(rule);
            Ok(arn)
        };
        self.administer(put).await
    }

    pub(crate) async fn delete_rule(self: &Arc<Self>, name: Name) -> Result<(), Fault> {
        let delete = move |_: &Self, state: &mut State, changes: &mut Vec<_>| {
            let Some(rule) = state.rules.get(&name) else { return Ok(()) };
            if !rule.targets.is_empty() {
                return Err(Fault::validation("Rule can't be deleted since it has targets."));
            }
            state.remove_rule(&name);
            changes.push(record::remove::<RuleRecord>(&super::state::key(&name)));
            Ok(())
        };
        self.administer(delete).await
    }

    /// Times that come while a rule is disabled are not missed: they do not count.
    pub(crate) async fn enable_rule(self: &Arc<Self>, name: Name, enabled: bool) -> Result<(), Fault> {
        let enable = move |inner: &Self, state: &mut State, changes: &mut Vec<_>| {
            let mut rule = state.rule(&name)?.clone();
            if rule.record.enabled != enabled {
                rule.record.enabled = enabled;
                rule.record.progress.seen = inner.now();
                changes.push(rule.put());
                state.put_rule(rule);
            }
            Ok(())
        };
        self.administer(enable).await
    }

    /// Puts targets where those of their ids were.
    pub(crate) async fn put_targets(self: &Arc<Self>, name: Name, given: Vec<Value>) -> Result<(), Fault> {
        let put = move |_: &Self, state: &mut State, changes: &mut Vec<_>| {
            let mut rule = state.rule(&name)?.clone();
            for given in given {
                let id = given.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
                let target = Target::read(&given)
                    .map_err(|problem| Fault::validation(format!("Parameter {id} is not valid. Reason: {problem}.")))?;
                rule.targets.retain(|own| own.id != id);
                rule.targets.push(target);
            }
            save_targets(rule, state, changes);
            Ok(())
        };
        self.administer(put).await
    }

    /// Takes targets away; answers the ids that there were none of.
    pub(crate) async fn remove_targets(self: &Arc<Self>, name: Name, ids: Vec<String>) -> Result<Vec<String>, Fault> {
        let remove = move |_: &Self, state: &mut State, changes: &mut Vec<_>| {
            let mut rule = state.rule(&name)?.clone();
            let unknown = |id: &&String| !rule.targets.iter().any(|target| target.id == **id);
            let unknown = ids.iter().filter(unknown).cloned().collect();
            rule.targets.retain(|target| !ids.contains(&target.id));
            save_targets(rule, state, changes);
            Ok(unknown)
        };
        self.administer(remove).await
    }

    /// Makes an event bus.
    pub(crate) async fn create_bus(self: &Arc<Self>, name: String, description: Option<String>) -> Result<(), Fault> {
        let create = |inner: &Self, state: &mut State, changes: &mut Vec<_>| {
            if state.has_bus(&name) {
                let message = format!("Event bus {name} already exists.");
                return Err(Fault::new("ResourceAlreadyExistsException", message));
            }
            let now = inner.now();
            let bus = BusRecord { name: name.clone(), description, created: now, modified: now };
            changes.push(record::put(&name, &bus));
            state.buses.insert(name, bus);
            Ok(())
        };
        self.change(create).await
    }

    /// Deletes an event bus; none of its name is no error.
    pub(crate) async fn delete_bus(self: &Arc<Self>, name: String) -> Result<(), Fault> {
        let delete = move |_: &Self, state: &mut State, changes: &mut Vec<_>| {
            if name == DEFAULT {
                return Err(Fault::validation("Cannot delete event bus default."));
            }
            if state.rules.keys().any(|(bus, _)| *bus == name) {
                return Err(Fault::validation(format!("Cannot delete event bus {name} since it has rules.")));
            }
            if state.buses.remove(&name).is_some() {
                changes.push(record::remove::<BusRecord>(&name));
            }
            Ok(())
        };
        self.change(delete).await
    }

    /// Makes a group of schedules.
    pub(crate) async fn create_group(self: &Arc<Self>, name: String) -> Result<(), Fault> {
        let create = |inner: &Self, state: &mut State, changes: &mut Vec<_>| {
            if state.has_group(&name) {
                let message = format!("Schedule group {name} already exists.");
                return Err(Fault::new("ConflictException", message));
            }
            let group = GroupRecord { name: name.clone(), created: inner.now() };
            changes.push(record::put(&name, &group));
            state.groups.insert(name, group);
            Ok(())
        };
        self.change(create).await
    }

    /// Deletes a group with its schedules.
    pub(crate) async fn delete_group(self: &Arc<Self>, name: String) -> Result<(), Fault> {
        let delete = move |_: &Self, state: &mut State, changes: &mut Vec<_>| {
            if name == DEFAULT {
                return Err(Fault::validation("The default schedule group cannot be deleted."));
            }
            if state.groups.remove(&name).is_none() {
                return Err(Fault::not_found(format!("Schedule group {name} does not exist.")));
            }
            changes.push(record::remove::<GroupRecord>(&name));
            let own: Vec<Name> = state.schedules.keys().filter(|(group, _)| *group == name).cloned().collect();
            for schedule in own {
                state.remove_schedule(&schedule);
                changes.push(record::remove::<ScheduleRecord>(&super::state::key(&schedule)));
            }
            Ok(())
        };
        self.change(delete).await
    }
}

fn save_targets(mut rule: Rule, state: &mut State, changes: &mut Vec<engine::Change>) {
    rule.record.targets = rule.targets.iter().map(|target| target.given.clone()).collect();
    changes.push(rule.put());
    state.put_rule(rule);
}

/// The new rule, with what it keeps of the one before.
fn rule(state: &State, new: NewRule, now: execution::Millis) -> Result<Rule, Fault> {
    if !state.has_bus(&new.bus) {
        return Err(Fault::not_found(format!("Event bus {} does not exist.", new.bus)));
    }
    if new.pattern.is_none() && new.schedule.is_none() {
        return Err(Fault::validation("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    if new.schedule.is_some() && new.bus != DEFAULT {
        return Err(Fault::validation("ScheduleExpression is supported only on the default event bus."));
    }
    if let Some(pattern) = &new.pattern {
        crate::pattern::Pattern::parse(pattern)
            .map_err(|error| Fault::new("InvalidEventPatternException", error.to_string()))?;
    }
    let old = state.rules.get(&(new.bus.clone(), new.name.clone()));
    let mut progress = old.map_or_else(|| Progress::new(now), |old| old.record.progress);
    if let Some(old) = old.map(|old| &old.record) {
        if old.schedule != new.schedule {
            progress.anchor = now;
        }
        if old.schedule != new.schedule || old.enabled != new.enabled {
            progress.seen = now;
        }
    }
    let NewRule { bus, name, pattern, schedule, enabled, description, role } = new;
    let targets = old.map(|old| old.record.targets.clone()).unwrap_or_default();
    let record = RuleRecord { bus, name, pattern, schedule, enabled, description, role, targets, progress };
    Rule::read(record).map_err(Fault::validation)
}
