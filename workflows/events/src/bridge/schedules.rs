//! Schedules of EventBridge Scheduler: made, changed, deleted.

use std::sync::Arc;

use execution::Millis;
use serde_json::Value;

use super::state::{Name, Schedule, key};
use super::{Inner, State};
use crate::fault::Fault;
use crate::record::{self, Progress, ScheduleRecord};

/// A schedule as CreateSchedule and UpdateSchedule have it.
#[derive(Clone, Debug)]
pub(crate) struct NewSchedule {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) expression: String,
    pub(crate) zone: Option<String>,
    pub(crate) start: Option<Millis>,
    pub(crate) end: Option<Millis>,
    pub(crate) enabled: bool,
    pub(crate) window: Option<u32>,
    pub(crate) delete_after: bool,
    pub(crate) description: Option<String>,
    pub(crate) key_arn: Option<String>,
    pub(crate) target: Value,
}

/// Whether a schedule is to be there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saving {
    New,
    Changed,
    /// Whichever it is; one that is the same stays as it is.
    Either,
}

fn no_schedule(name: &str) -> Fault {
    Fault::not_found(format!("Schedule {name} does not exist."))
}

impl State {
    /// The schedule of this name.
    pub(crate) fn schedule(&self, name: &Name) -> Result<&Schedule, Fault> {
        self.check_group(&name.0)?;
        self.schedules.get(name).ok_or_else(|| no_schedule(&name.1))
    }

    /// Whether there is a group of this name.
    pub(crate) fn check_group(&self, group: &str) -> Result<(), Fault> {
        if self.has_group(group) {
            Ok(())
        } else {
            Err(Fault::not_found(format!("Schedule group {group} does not exist.")))
        }
    }
}

impl Inner {
    /// Makes or changes a schedule; answers its ARN.
    pub(crate) async fn save_schedule(self: &Arc<Self>, new: NewSchedule, saving: Saving) -> Result<String, Fault> {
        let save = move |inner: &Self, state: &mut State, changes: &mut Vec<_>| {
            let arn = inner.place.schedule(&new.group, &new.name);
            state.check_group(&new.group)?;
            let old = state.schedules.get(&(new.group.clone(), new.name.clone()));
            match (saving, old) {
                (Saving::New, Some(_)) => {
                    let message = format!("Schedule {} already exists.", new.name);
                    return Err(Fault::new("ConflictException", message));
                }
                (Saving::Changed, None) => return Err(no_schedule(&new.name)),
                _ => {}
            }
            let schedule = schedule(new, old, inner.now())?;
            if saving == Saving::Either && old.is_some_and(|old| is_same(&old.record, &schedule.record)) {
                return Ok(arn);
            }
            changes.push(schedule.put());
            state.put_schedule(schedule);
            Ok(arn)
        };
        self.change(save).await
    }

    pub(crate) async fn delete_schedule(self: &Arc<Self>, name: Name) -> Result<(), Fault> {
        let delete = move |_: &Self, state: &mut State, changes: &mut Vec<_>| {
            state.schedule(&name)?;
            state.remove_schedule(&name);
            changes.push(record::remove::<ScheduleRecord>(&key(&name)));
            Ok(())
        };
        self.change(delete).await
    }
}

/// Whether two schedules differ in when they were written alone.
fn is_same(one: &ScheduleRecord, other: &ScheduleRecord) -> bool {
    let bare = |record: &ScheduleRecord| ScheduleRecord { modified: 0, progress: Progress::new(0), ..record.clone() };
    bare(one) == bare(other)
}

/// The new schedule. One that comes at the times of the one before goes on with its count.
fn schedule(new: NewSchedule, old: Option<&Schedule>, now: Millis) -> Result<Schedule, Fault> {
    let mut progress = Progress::new(now);
    if let Some(old) = old.map(|old| &old.record) {
        let same_times =
            (&old.expression, &old.zone, old.start, old.end) == (&new.expression, &new.zone, new.start, new.end);
        if same_times {
            progress = old.progress;
        }
        if !(same_times && old.enabled && new.enabled) {
            progress.seen = now.saturating_sub(1).max(progress.seen);
        }
        progress.created = old.progress.created;
    }
    if new.start.zip(new.end).is_some_and(|(start, end)| start >= end) {
        return Err(Fault::validation("The EndDate you specify must be later than the StartDate."));
    }
    let record = ScheduleRecord {
        group: new.group,
        name: new.name,
        expression: new.expression,
        zone: new.zone,
        start: new.start,
        end: new.end,
        enabled: new.enabled,
        window: new.window,
        delete_after: new.delete_after,
        description: new.description,
        key_arn: new.key_arn,
        target: new.target,
        modified: now,
        progress,
    };
    Schedule::read(record).map_err(Fault::validation)
}
