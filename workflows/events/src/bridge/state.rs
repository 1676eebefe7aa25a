//! Everything that is there: buses, rules, groups, schedules, deliveries, and when each is due.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Change, Engine};
use execution::Millis;
use jiff::tz::TimeZone;

use crate::event::DEFAULT;
use crate::pattern::Pattern;
use crate::record::{
    self, BusRecord, Delivery, GroupRecord, LoadError, Progress, RuleRecord, ScheduleRecord, Undelivered, numbered,
};
use crate::schedule::{Expression, Timetable, zone};
use crate::target::Target;

/// What did not arrive is kept up to this many.
const MOST_UNDELIVERED: usize = 1000;

/// A name in its bus or group.
pub(crate) type Name = (String, String);

/// Something that comes by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timed {
    Rule(Name),
    Schedule(Name),
}

/// A rule, read.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) record: RuleRecord,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) timetable: Option<Timetable>,
    pub(crate) targets: Vec<Target>,
}

/// A schedule, read.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) record: ScheduleRecord,
    pub(crate) timetable: Timetable,
    pub(crate) target: Target,
}

/// The state.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) buses: BTreeMap<String, BusRecord>,
    pub(crate) rules: BTreeMap<Name, Rule>,
    pub(crate) groups: BTreeMap<String, GroupRecord>,
    pub(crate) schedules: BTreeMap<Name, Schedule>,
    pub(crate) undelivered: BTreeMap<u64, Undelivered>,
    /// When rules and schedules are next due.
    timed: BTreeSet<(Millis, Timed)>,
    due_of: BTreeMap<Timed, Millis>,
    deliveries: BTreeMap<u64, Delivery>,
    /// Those that wait to be tried.
    waiting: BTreeSet<(Millis, u64)>,
    next_number: u64,
    /// Deliveries that the present change has made.
    new: Vec<u64>,
    /// Deliveries on their way to the disk, and those that are being tried.
    unwritten: usize,
    under_way: usize,
}

impl Rule {
    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(record: RuleRecord) -> Result<Self, String> {
        let pattern = record.pattern.as_deref().map(Pattern::parse).transpose().map_err(|error| error.to_string())?;
        let timetable = match &record.schedule {
            None => None,
            Some(text) => {
                let expression = Expression::parse(text).filter(|expression| !matches!(expression, Expression::At(_)));
                let expression = expression.ok_or("Parameter ScheduleExpression is not valid.")?;
                Some(Timetable {
                    expression,
                    zone: TimeZone::UTC,
                    anchor: record.progress.anchor,
                    at_once: false,
                    start: None,
                    end: None,
                })
            }
        };
        let targets = record.targets.iter().map(Target::read).collect::<Result<_, _>>()?;
        Ok(Self { record, pattern, timetable, targets })
    }

    pub(crate) fn name(&self) -> Name {
        (self.record.bus.clone(), self.record.name.clone())
    }

    pub(crate) fn put(&self) -> Change {
        record::put(&key(&self.name()), &self.record)
    }
}

impl Schedule {
    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(record: ScheduleRecord) -> Result<Self, String> {
        let expression = Expression::parse(&record.expression)
            .ok_or_else(|| format!("Invalid Schedule Expression {}.", record.expression))?;
        let zone = match &record.zone {
            None => TimeZone::UTC,
            Some(name) => zone(name).ok_or_else(|| format!("Invalid ScheduleExpressionTimezone {name}."))?,
        };
        let timetable = Timetable {
            expression,
            zone,
            anchor: record.progress.anchor,
            at_once: true,
            start: record.start,
            end: record.end,
        };
        let target = Target::read(&record.target)?;
        Ok(Self { record, timetable, target })
    }

    pub(crate) fn name(&self) -> Name {
        (self.record.group.clone(), self.record.name.clone())
    }

    pub(crate) fn put(&self) -> Change {
        record::put(&key(&self.name()), &self.record)
    }
}

/// The key of a name in its bus or group; neither may have a slash.
pub(crate) fn key((outer, name): &Name) -> String {
    format!("{outer}/{name}")
}

impl State {
    pub(crate) fn load(engine: &Engine) -> Result<Self, LoadError> {
        let mut state = Self::default();
        for (name, bus) in record::load(engine)? {
            state.buses.insert(name, bus);
        }
        for (name, group) in record::load(engine)? {
            state.groups.insert(name, group);
        }
        for (key, record) in record::load(engine)? {
            let rule = Rule::read(record).map_err(|reason| LoadError::Damaged { key, reason })?;
            state.put_rule(rule);
        }
        for (key, record) in record::load(engine)? {
            let schedule = Schedule::read(record).map_err(|reason| LoadError::Damaged { key, reason })?;
            state.put_schedule(schedule);
        }
        for (key, delivery) in record::load::<Delivery>(engine)? {
            let number = number(key)?;
            state.waiting.insert((delivery.due, number));
            state.deliveries.insert(number, delivery);
        }
        for (key, undelivered) in record::load(engine)? {
            state.undelivered.insert(number(key)?, undelivered);
        }
        let last = state.deliveries.keys().chain(state.undelivered.keys()).max();
        state.next_number = last.map_or(0, |last| last + 1);
        Ok(state)
    }

    /// Puts a rule where the one of its name was.
    pub(crate) fn put_rule(&mut self, rule: Rule) {
        let due = rule.timetable.as_ref().filter(|_| rule.record.enabled);
        let due = due.and_then(|timetable| timetable.next_after(rule.record.progress.seen));
        self.set_due(Timed::Rule(rule.name()), due);
        self.rules.insert(rule.name(), rule);
    }

    pub(crate) fn remove_rule(&mut self, name: &Name) {
        self.set_due(Timed::Rule(name.clone()), None);
        self.rules.remove(name);
    }

    /// Puts a schedule where the one of its name was.
    pub(crate) fn put_schedule(&mut self, schedule: Schedule) {
        let due = Some(&schedule.timetable).filter(|_| schedule.record.enabled);
        let due = due.and_then(|timetable| timetable.next_after(schedule.record.progress.seen));
        self.set_due(Timed::Schedule(schedule.name()), due);
        self.schedules.insert(schedule.name(), schedule);
    }

    pub(crate) fn remove_schedule(&mut self, name: &Name) -> Option<Schedule> {
        self.set_due(Timed::Schedule(name.clone()), None);
        self.schedules.remove(name)
    }

    fn set_due(&mut self, timed: Timed, due: Option<Millis>) {
        if let Some(old) = self.due_of.remove(&timed) {
            self.timed.remove(&(old, timed.clone()));
        }
        if let Some(due) = due {
            self.due_of.insert(timed.clone(), due);
            self.timed.insert((due, timed));
        }
    }

    /// When a rule or a schedule is next due.
    pub(crate) fn due_of(&self, timed: &Timed) -> Option<Millis> {
        self.due_of.get(timed).copied()
    }

    /// The rules and schedules that are due.
    pub(crate) fn due_timed(&self, now: Millis) -> Vec<Timed> {
        self.timed.iter().take_while(|(due, _)| *due <= now).map(|(_, timed)| timed.clone()).collect()
    }

    /// Adds a delivery, which waits until it is written.
    pub(crate) fn add_delivery(&mut self, delivery: Delivery) -> Change {
        let number = self.next_number;
        self.next_number += 1;
        let change = record::put(&numbered(number), &delivery);
        self.deliveries.insert(number, delivery);
        self.new.push(number);
        self.unwritten += 1;
        change
    }

    /// The deliveries that the present change has made.
    pub(crate) fn take_unwritten(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.new)
    }

    /// They are durable, or nothing will be any more.
    pub(crate) fn written(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.unwritten = self.unwritten.saturating_sub(1);
            if let Some(delivery) = self.deliveries.get(number) {
                self.waiting.insert((delivery.due, *number));
            }
        }
    }

    /// Takes up to `most` deliveries that are due, to be tried.
    pub(crate) fn take_due(&mut self, now: Millis, most: usize) -> Vec<(u64, Delivery)> {
        let mut taken = Vec::new();
        while taken.len() < most && self.waiting.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, number)) = self.waiting.pop_first() else { break };
            taken.extend(self.deliveries.get(&number).map(|delivery| (number, delivery.clone())));
        }
        self.under_way += taken.len();
        taken
    }

    /// A delivery has been tried: it is over, or tried again.
    pub(crate) fn tried(&mut self, number: u64, again: Option<Delivery>) -> Change {
        self.under_way = self.under_way.saturating_sub(1);
        match again {
            Some(delivery) => {
                let change = record::put(&numbered(number), &delivery);
                self.waiting.insert((delivery.due, number));
                self.deliveries.insert(number, delivery);
                change
            }
            None => {
                self.deliveries.remove(&number);
                record::remove::<Delivery>(&numbered(number))
            }
        }
    }

    /// Keeps what did not arrive, and forgets the oldest of too many.
    pub(crate) fn keep_undelivered(&mut self, number: u64, undelivered: Undelivered) -> Vec<Change> {
        let mut changes = vec![record::put(&numbered(number), &undelivered)];
        self.undelivered.insert(number, undelivered);
        while self.undelivered.len() > MOST_UNDELIVERED {
            let Some((oldest, _)) = self.undelivered.pop_first() else { break };
            changes.push(record::remove::<Undelivered>(&numbered(oldest)));
        }
        changes
    }

    /// When anything is due next.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let timed = self.timed.first().map(|(due, _)| *due);
        let delivery = self.waiting.first().map(|(due, _)| *due);
        timed.into_iter().chain(delivery).min()
    }

    /// Whether nothing is under way.
    pub(crate) const fn rests(&self) -> bool {
        self.under_way == 0 && self.unwritten == 0
    }

    pub(crate) const fn under_way(&self) -> usize {
        self.under_way
    }

    pub(crate) fn waiting_deliveries(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether a rule may be for changes of executions' statuses.
    pub(crate) fn wants_status_changes(&self) -> bool {
        let wants = |rule: &Rule| {
            let pattern = rule.pattern.as_ref().filter(|_| rule.record.enabled && rule.record.bus == DEFAULT);
            pattern.is_some_and(|pattern| pattern.could_match_source(super::status::SOURCE))
        };
        self.rules.values().any(wants)
    }

    /// Whether there is a bus of this name.
    pub(crate) fn has_bus(&self, name: &str) -> bool {
        name == DEFAULT || self.buses.contains_key(name)
    }

    /// Whether there is a group of this name.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        name == DEFAULT || self.groups.contains_key(name)
    }

    /// How far what comes by itself has come.
    pub(crate) fn progress_mut(&mut self, timed: &Timed) -> Option<&mut Progress> {
        match timed {
            Timed::Rule(name) => self.rules.get_mut(name).map(|rule| &mut rule.record.progress),
            Timed::Schedule(name) => self.schedules.get_mut(name).map(|schedule| &mut schedule.record.progress),
        }
    }
}

fn number(key: String) -> Result<u64, LoadError> {
    key.parse().map_err(|_| LoadError::Damaged { reason: "its key is no number".to_owned(), key })
}
