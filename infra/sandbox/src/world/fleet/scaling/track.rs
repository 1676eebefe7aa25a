//! Target tracking, once a minute, as AWS documents it.
//!
//! The high alarm needs 3 minutes of 3 above the target, the low alarm 15 of 15 below nine tenths of it. Scaling is
//! proportional: desired · metric / target, rounded up. During the scale-out cooldown only what goes beyond the
//! scale-out that began it is added; a scale-in waits for the scale-in cooldown after a scale-in; a scale-out never
//! waits for that. Several policies: out when one wants to, in when all do, each time to the largest capacity wanted.

use super::{Activity, Metric, NotScaled, Policy, Target};
use crate::world::ecs::Service;
use crate::world::fleet::record::{Record, Records};

/// Minutes above the target before a policy scales out.
const OUT_MINUTES: usize = 3;
/// Minutes below nine tenths of the target before a policy scales in.
const IN_MINUTES: usize = 15;
/// A reason for not scaling that lasts is noted so often, milliseconds.
const NOTED_EVERY_MS: i64 = 30 * 60_000;

/// What a policy wants.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wish {
    /// So many tasks for each one there is, which is more.
    Out(f64),
    /// The same, which is less.
    In(f64),
    /// Nothing.
    Hold,
}

fn value(metric: Metric, record: &Record) -> Option<f64> {
    match metric {
        Metric::Cpu => (record.running > 0).then(|| f64::from(record.cpu)),
        Metric::Memory => (record.running > 0).then(|| f64::from(record.memory)),
        Metric::Requests => (record.healthy > 0).then(|| f64::from(record.requests) / f64::from(record.healthy)),
    }
}

/// The mean of the newest values when all of them are there and fulfil a condition.
fn all(policy: &Policy, records: &Records, minutes: usize, holds: impl Fn(f64) -> bool) -> Option<f64> {
    let mut sum = 0.0;
    let mut count = 0;
    for record in records.newest().take(minutes) {
        let value = value(policy.metric, record).filter(|value| holds(*value))?;
        sum += value;
        count += 1;
    }
    (count == minutes).then(|| sum / minutes as f64)
}

fn wish(policy: &Policy, records: &Records) -> Wish {
    if let Some(mean) = all(policy, records, OUT_MINUTES, |value| value > policy.target) {
        return Wish::Out(mean / policy.target);
    }
    match all(policy, records, IN_MINUTES, |value| value < 0.9 * policy.target) {
        Some(mean) => Wish::In(mean / policy.target),
        None => Wish::Hold,
    }
}

fn wanted(capacity: i64, factor: f64) -> i64 {
    // What is a whole number but for rounding errors is that number.
    (capacity as f64 * factor - 1e-9).ceil() as i64
}

impl Target {
    /// One minute of all policies.
    pub(crate) fn track(&mut self, service: &mut Service, records: &Records, now_ms: i64) {
        let wishes: Vec<Wish> = self.policies.iter().map(|policy| wish(policy, records)).collect();
        let mut out: Option<(usize, f64)> = None;
        for (index, wish) in wishes.iter().enumerate() {
            if let Wish::Out(factor) = wish
                && out.is_none_or(|(_, most)| *factor > most)
            {
                out = Some((index, *factor));
            }
        }
        if let Some((index, factor)) = out {
            return self.scale_out(service, index, factor, now_ms);
        }
        let mut inward: Option<(usize, f64)> = None;
        for (index, wish) in wishes.iter().enumerate() {
            match wish {
                Wish::In(factor) if !self.policies[index].disable_in => {
                    if inward.is_none_or(|(_, most)| *factor > most) {
                        inward = Some((index, *factor));
                    }
                }
                _ => return self.noted = None,
            }
        }
        if let Some((index, factor)) = inward {
            self.scale_in(service, index, factor, now_ms);
        }
    }

    fn cause(&self, index: usize, which: &str) -> String {
        let policy = &self.policies[index];
        format!("monitor alarm {} in state ALARM triggered policy {}", policy.alarm(&self.resource, which), policy.name)
    }

    fn scale_out(&mut self, service: &mut Service, index: usize, factor: f64, now_ms: i64) {
        if self.out_suspended {
            return;
        }
        let cooldown_ms = self.policies[index].out_cooldown * 1000;
        // What the scale-out under way has added counts as part of what is wanted now.
        let cooling = self.last_out.filter(|(at_ms, _)| now_ms - at_ms < cooldown_ms);
        let before = cooling.map_or(service.desired, |(_, before)| before);
        let desired = wanted(before, factor).min(self.maximum);
        if desired > service.desired {
            if cooling.is_none() {
                self.last_out = Some((now_ms, service.desired));
            }
            self.last_in_ms = None;
            self.noted = None;
            let cause = self.cause(index, "AlarmHigh");
            return self.scale(service, desired, cause, now_ms);
        }
        if service.desired >= self.maximum {
            self.refuse(service, "AlreadyAtMaxCapacity", (index, "AlarmHigh"), now_ms);
        }
    }

    fn scale_in(&mut self, service: &mut Service, index: usize, factor: f64, now_ms: i64) {
        let cooldown_ms = self.policies[index].in_cooldown * 1000;
        if self.in_suspended || self.last_in_ms.is_some_and(|at_ms| now_ms - at_ms < cooldown_ms) {
            return;
        }
        let desired = wanted(service.desired, factor).max(self.minimum);
        if desired < service.desired {
            self.last_in_ms = Some(now_ms);
            self.noted = None;
            let cause = self.cause(index, "AlarmLow");
            return self.scale(service, desired, cause, now_ms);
        }
        let code = if service.desired <= self.minimum { "AlreadyAtMinCapacity" } else { "AlreadyAtDesiredCapacity" };
        self.refuse(service, code, (index, "AlarmLow"), now_ms);
    }

    /// Notes why nothing was scaled: when the reason is new, and then every half hour.
    fn refuse(&mut self, service: &Service, code: &'static str, alarm: (usize, &str), now_ms: i64) {
        if self.noted.is_some_and(|(last, at_ms)| last == code && now_ms - at_ms < NOTED_EVERY_MS) {
            return;
        }
        self.noted = Some((code, now_ms));
        let reason = NotScaled { code, maximum: self.maximum, minimum: self.minimum, current: service.desired };
        let cause = self.cause(alarm.0, alarm.1);
        let id = self.generator.uuid();
        self.note(Activity::refused(id, cause, now_ms, reason));
    }
}
