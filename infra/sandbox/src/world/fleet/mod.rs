//! The fleet: six services in steps of one virtual minute, with weeks of history, scaling that acts, and a bill.
//!
//! Nothing in a minute depends on how time was moved: loads come from the seed, the service and the minute, everything
//! else from the minutes before and the commands between.

pub(crate) mod costs;
mod days;
pub(crate) mod inventory;
pub(crate) mod load;
pub(crate) mod member;
mod metrics;
pub(crate) mod record;
pub(crate) mod scaling;
mod seed;
mod view;
mod whole;

use indexmap::IndexMap;

use super::{MINUTE_MS, SECOND_MS, World};
use member::{DEFAULT_SIZE, Member, Size};

pub(super) use seed::world;

/// What a fleet has beside what every world has.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    /// When the sandbox started: the history lies before.
    pub(crate) anchor_ms: i64,
    /// Services by name.
    pub(crate) members: IndexMap<String, Member>,
    /// What stands around them.
    pub(crate) inventory: inventory::Inventory,
    seed: u64,
    times: record::Times,
    whole: whole::Whole,
}

impl World {
    /// Lets virtual time pass minute by minute; scheduled rules come in between, at their second.
    pub(super) fn advance_fleet(&mut self, to_ms: i64) {
        let to_ms = to_ms - to_ms.rem_euclid(SECOND_MS);
        loop {
            let minute_ms = self.now_ms - self.now_ms.rem_euclid(MINUTE_MS) + MINUTE_MS;
            let rule_ms = self.next_rule_ms().map_or(i64::MAX, |next| next.max(self.now_ms + SECOND_MS));
            let next_ms = minute_ms.min(rule_ms);
            if next_ms > to_ms {
                break;
            }
            self.now_ms = next_ms;
            if next_ms == minute_ms {
                self.fleet_minute();
            }
            self.fire_rules();
        }
        self.now_ms = self.now_ms.max(to_ms);
    }

    fn fleet_minute(&mut self) {
        let Self { fleet, services, task_definitions, queues, now_ms, .. } = self;
        let Some(fleet) = fleet.as_deref_mut() else { return };
        let time = (*now_ms, fleet.anchor_ms);
        for (name, member) in &mut fleet.members {
            if let Some(service) = services.get_mut(name) {
                member.minute(service, task_definitions, &mut fleet.times, time);
            }
        }
        for queue in queues.values_mut() {
            queue.expire(*now_ms);
        }
    }

    /// The fleet's service of that name; the error names the services there are.
    fn member(&mut self, name: &str) -> Result<&mut Member, String> {
        let Some(fleet) = self.fleet.as_deref_mut() else {
            return Err("factor: only the services of the fleet profile have one".to_owned());
        };
        let known: Vec<String> = fleet.members.keys().cloned().collect();
        let unknown = || format!("service: '{name}' is unknown; the services are {}", known.join(", "));
        fleet.members.get_mut(name).ok_or_else(unknown)
    }

    /// What the tasks of a definition reserve; the usual size where it does not say.
    pub(crate) fn task_size(&self, definition: &str) -> Size {
        self.definition(definition).map_or(DEFAULT_SIZE, Size::of)
    }

    /// Multiplies a fleet service's load from now on, 0 to 100.
    pub(crate) fn set_factor(&mut self, name: &str, factor: f64) -> Result<(), String> {
        if !(0.0..=100.0).contains(&factor) {
            return Err("factor: give a number from 0 to 100".to_owned());
        }
        self.member(name)?.factor = factor;
        Ok(())
    }

    /// Makes a fleet service's tasks so many times as fast from now on, 0.05 to 20.
    pub(crate) fn set_speed(&mut self, name: &str, factor: f64) -> Result<(), String> {
        if !(0.05..=20.0).contains(&factor) {
            return Err("factor: give a number from 0.05 to 20; 0.5 is half as fast".to_owned());
        }
        self.member(name)?.speed = factor;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
