//! The task that sees to what is due: changes of statuses, times of schedules, deliveries.

use std::sync::Arc;

use engine::Change;
use execution::Millis;
use serde_json::json;
use tokio::task::JoinSet;

use super::put::delivery;
use super::state::{Name, Timed};
use super::{Inner, State, deliver};
use crate::event::{Event, id_of, number_of};
use crate::fault::Fault;
use crate::missed::{Look, come};
use crate::record::{self, ScheduleRecord};
use crate::schedule::{Timetable, written};
use crate::target::RetryPolicy;
use crate::transform::{Input, fill};

/// Deliveries that are tried at once.
const AT_ONCE: usize = 128;

/// How late a time is still on time, in virtual milliseconds; and in real time, for clocks that run fast.
const GRACE: Millis = 60_000;
const REAL_GRACE: Millis = 10_000;

/// Works until it is aborted, or until the store fails.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut tasks = JoinSet::new();
    // A crash may have come between a rule and this.
    if let Err(fault) = inner.follow_status_changes().await {
        tracing::error!(%fault, "rules and schedules do nothing any more");
        return;
    }
    loop {
        if let Err(fault) = inner.see_to_what_is_due().await {
            tracing::error!(%fault, "rules and schedules do nothing any more");
            return;
        }
        let (free, next) = {
            let mut state = inner.state();
            let free = AT_ONCE.saturating_sub(state.under_way());
            for (number, delivery) in state.take_due(inner.now(), free) {
                tasks.spawn(deliver::deliver(Arc::clone(&inner), number, delivery));
            }
            (state.under_way() < AT_ONCE, state.next_due())
        };
        let due = async {
            match next.filter(|_| free) {
                Some(next) => inner.engine.config().clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = inner.sooner.notified() => {}
            () = inner.engine.status_changed() => {}
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            () = due => {}
        }
    }
}

impl Inner {
    async fn see_to_what_is_due(self: &Arc<Self>) -> Result<(), Fault> {
        self.take_status_changes().await?;
        loop {
            let due = self.state().due_timed(self.now());
            if due.is_empty() {
                return Ok(());
            }
            let fire = |inner: &Self, state: &mut State, changes: &mut Vec<Change>| {
                for timed in due {
                    match timed {
                        Timed::Rule(name) => inner.fire_rule(state, &name, changes),
                        Timed::Schedule(name) => inner.fire_schedule(state, &name, changes),
                    }
                }
                Ok(())
            };
            self.change(fire).await?;
        }
    }

    /// The times of a timetable that have come and count. They are seen from now on.
    fn take_times(&self, state: &mut State, timed: &Timed, timetable: &Timetable, age: Millis) -> Vec<Millis> {
        let clock = &self.engine.config().clock;
        let real = REAL_GRACE as f64 * clock.scale();
        let look = Look { now: self.now(), grace: GRACE.max(real as Millis), policy: self.config.missed, age };
        let Some(progress) = state.progress_mut(timed) else { return Vec::new() };
        let (times, missed) = come(timetable, progress, look);
        progress.seen = look.now;
        progress.missed += missed;
        if missed > 0 {
            tracing::warn!(?timed, missed, "times of a schedule were missed while no server was there");
        }
        times
    }

    fn fire_rule(&self, state: &mut State, name: &Name, changes: &mut Vec<Change>) {
        let Some(rule) = state.rules.get(name).cloned() else { return };
        let Some(timetable) = &rule.timetable else { return };
        let age = rule.targets.iter().map(|target| target.retry.age).max().unwrap_or(RetryPolicy::default().age);
        let times = self.take_times(state, &Timed::Rule(name.clone()), timetable, age);
        let arn = self.place.rule(&rule.record.bus, &rule.record.name);
        let created = rule.record.progress.created.to_string();
        for at in times {
            let id = id_of(&[&arn, &created, &at.to_string()]);
            let event = Event {
                id: &id,
                source: "aws.events",
                detail_type: "Scheduled Event",
                time: at,
                resources: &[&arn],
                detail: json!({}),
            };
            self.send(state, &rule, &event.envelope(&self.place), &id, changes);
        }
        if let Some(rule) = state.rules.get(name).cloned() {
            changes.push(rule.put());
            state.put_rule(rule);
        }
    }

    fn fire_schedule(&self, state: &mut State, name: &Name, changes: &mut Vec<Change>) {
        let Some(schedule) = state.schedules.get(name).cloned() else { return };
        let target = &schedule.target;
        let times = self.take_times(state, &Timed::Schedule(name.clone()), &schedule.timetable, target.retry.age);
        let arn = self.place.schedule(&name.0, &name.1);
        for at in times {
            let input = match &target.input {
                Input::Constant(text) => self.scheduled_input(text, &arn, at),
                _ => self.notification(&arn, at),
            };
            let name = execution_name(&schedule.record, &arn, at);
            let mut delivery = delivery(&arn, target, input, name, self.now());
            if let Some(minutes) = schedule.record.window {
                // The same whenever it is asked, and somewhere in the window.
                let window = u64::from(minutes) * 60_000;
                let offset = number_of(&[&arn, &at.to_string()], window);
                delivery.due = delivery.due.max(at.saturating_add(Millis::try_from(offset).unwrap_or(0)));
            }
            changes.push(state.add_delivery(delivery));
        }
        let Some(schedule) = state.schedules.get(name).cloned() else { return };
        changes.push(schedule.put());
        let delete = schedule.record.delete_after;
        state.put_schedule(schedule);
        if delete && state.due_of(&Timed::Schedule(name.clone())).is_none() {
            state.remove_schedule(name);
            changes.push(record::remove::<ScheduleRecord>(&super::state::key(name)));
        }
    }

    /// The given input with Scheduler's own variables filled in.
    fn scheduled_input(&self, text: &str, arn: &str, at: Millis) -> String {
        fill(text, &|name| {
            let value = match name {
                "aws.scheduler.schedule-arn" => arn.to_owned(),
                "aws.scheduler.scheduled-time" => written(at),
                "aws.scheduler.execution-id" => id_of(&[arn, &at.to_string()]),
                "aws.scheduler.attempt-number" => "1".to_owned(),
                _ => return None,
            };
            Some(Some(value.into()))
        })
    }

    /// What a target receives where no input is given.
    fn notification(&self, arn: &str, at: Millis) -> String {
        let id = id_of(&[arn, &at.to_string()]);
        let event = Event {
            id: &id,
            source: "aws.scheduler",
            detail_type: "Scheduled Event",
            time: at,
            resources: &[arn],
            detail: json!("{}"),
        };
        event.envelope(&self.place).to_string()
    }
}

/// The name of the execution that a schedule starts at a time: readable, and never that of another.
fn execution_name(schedule: &ScheduleRecord, arn: &str, at: Millis) -> String {
    let time: String = written(at).chars().filter(|c| *c != '-' && *c != ':').collect();
    let short: String = schedule.name.chars().take(40).collect();
    let id = id_of(&[arn, &schedule.progress.created.to_string(), &at.to_string()]);
    format!("{short}-{time}-{}", &id[..8])
}
