//! What a month of optimisation came to: the report that a platform engineer forwards.

use std::fmt::Write;

use serde_json::Value;

use super::follow::Message;
use super::{DAY_MS, DAYS, SABOTAGED};
use crate::demo::control::Control;
use crate::failure::Failure;

/// Saturation may end this many percentage points above what it was before it counts as worse: less than a minute a day.
const NOISE: f64 = 0.05;
/// A cost or a number of reversals must be lower by this share to count as lower.
const LOWER: f64 = 0.02;
/// Fewer reversals a day than this are no trouble.
const CALM: f64 = 1.0;
/// How many of the six loads must end cheaper or calmer.
const LEAST_BETTER: usize = 4;

/// A month, before and after.
#[derive(Debug)]
pub(super) struct Month {
    /// When it began, milliseconds since 1970.
    pub(super) begin: i64,
    /// The services.
    pub(super) services: Vec<Service>,
    messages: Vec<Message>,
    dead_letters: u64,
}

/// One service's month.
#[derive(Debug)]
pub(super) struct Service {
    /// Its name.
    pub(super) name: String,
    /// Its days, oldest first: those of its history and those of the month.
    pub(super) days: Vec<Day>,
    /// The week before the month.
    pub(super) before: Week,
    /// The last week of the month.
    pub(super) after: Week,
}

/// One day of a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day {
    /// When it begins, milliseconds since 1970.
    pub(super) start: i64,
    /// The share of its minutes that were saturated, percent.
    pub(super) saturation: f64,
    /// Scale-outs and scale-ins that followed each other within half an hour.
    pub(super) reversals: f64,
    /// What its tasks cost, US dollars.
    pub(super) cost: f64,
    /// Requests, millions.
    pub(super) requests: f64,
}

/// The mean day of a week.
#[derive(Debug, Clone, Copy)]
pub(super) struct Week {
    /// The share of the minutes that were saturated, percent.
    pub(super) saturation: f64,
    /// Reversals a day.
    pub(super) reversals: f64,
    /// US dollars for a million requests: load grows and shrinks by itself.
    pub(super) unit_cost: f64,
    /// US dollars a month of 30 days.
    pub(super) monthly: f64,
}

impl Week {
    fn of(days: &[Day]) -> Self {
        let count = days.len().max(1) as f64;
        let sum = |of: fn(&Day) -> f64| days.iter().map(of).sum::<f64>();
        let cost = sum(|day| day.cost);
        Self {
            saturation: sum(|day| day.saturation) / count,
            reversals: sum(|day| day.reversals) / count,
            unit_cost: cost / sum(|day| day.requests).max(f64::MIN_POSITIVE),
            monthly: cost / count * 30.0,
        }
    }
}

impl Service {
    fn read(view: &Value, begin: i64) -> Self {
        let number = |day: &Value, name: &str| day[name].as_f64().unwrap_or(0.0);
        let days = view["days"].as_array().into_iter().flatten().map(|day| Day {
            start: day["start"].as_i64().unwrap_or(0),
            saturation: number(day, "saturationPercent"),
            reversals: number(day, "reversals"),
            cost: number(day, "costUsd"),
            requests: number(day, "requests") / 1e6,
        });
        let days: Vec<Day> = days.collect();
        let week = |from: i64, until: i64| {
            let within = |day: &&Day| from <= day.start && day.start + DAY_MS <= until;
            Week::of(&days.iter().filter(within).copied().collect::<Vec<_>>())
        };
        let end = begin + DAYS * DAY_MS;
        let (before, after) = (week(begin - 7 * DAY_MS, begin), week(end - 7 * DAY_MS, end));
        Self { name: view["name"].as_str().unwrap_or_default().to_owned(), days, before, after }
    }

    /// Whether it saturates more than it did.
    fn is_worse(&self) -> bool {
        self.after.saturation > self.before.saturation + NOISE
    }

    fn is_cheaper(&self) -> bool {
        self.after.unit_cost < self.before.unit_cost * (1.0 - LOWER)
    }

    fn is_calmer(&self) -> bool {
        self.before.reversals >= CALM && self.after.reversals < self.before.reversals * (1.0 - LOWER)
    }

    fn is_safer(&self) -> bool {
        self.after.saturation < self.before.saturation - NOISE
    }

    fn judged(&self) -> String {
        let words = [
            (self.is_worse(), "worse"),
            (self.is_safer(), "safer"),
            (self.is_cheaper(), "cheaper"),
            (self.is_calmer(), "calmer"),
        ];
        let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
        if words.is_empty() { "as before".to_owned() } else { words.join(", ") }
    }
}

impl Month {
    /// Reads what the sandbox knows of the month.
    pub(super) fn read(control: &Control, begin: i64, messages: Vec<Message>) -> Result<Self, Failure> {
        let days = control.days()?;
        let services = days["services"].as_array().into_iter().flatten();
        let services = services.map(|view| Service::read(view, begin)).collect();
        let state = control.state()?;
        let queues = state["queues"].as_array().into_iter().flatten();
        let dead_letters = queues.filter_map(|queue| queue["messages"].as_u64()).sum();
        Ok(Self { begin, services, messages, dead_letters })
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| message.subject.contains(kind))
    }

    /// The report.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::from("# Four weeks of optimisation\n\n");
        self.table(&mut text);
        self.list(&mut text, "Kept", "changed for good");
        self.list(&mut text, "Taken back", "change taken back");
        self.list(&mut text, "Measured after two weeks", "saving measured");
        self.costs(&mut text);
        text
    }

    fn table(&self, text: &mut String) {
        text.push_str("| service | saturated | reversals a day | USD per million requests | USD a month | |\n");
        text.push_str("|---|---|---|---|---|---|\n");
        for service in &self.services {
            let (before, after) = (&service.before, &service.after);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {} | {:.2} → {:.2} % | {:.1} → {:.1} | {:.2} → {:.2} | {:.0} → {:.0} | {} |",
                service.name,
                before.saturation,
                after.saturation,
                before.reversals,
                after.reversals,
                before.unit_cost,
                after.unit_cost,
                before.monthly,
                after.monthly,
                service.judged()
            );
        }
        text.push_str("\nThe week before against the last week. Saturated: minutes with more load than capacity.\n");
    }

    fn list(&self, text: &mut String, title: &str, kind: &str) {
        let _ = writeln!(text, "\n## {title}\n");
        let mut lines = self.of_kind(kind).peekable();
        if lines.peek().is_none() {
            text.push_str("Nothing.\n");
        }
        for message in lines {
            let day = (message.at - self.begin).div_euclid(DAY_MS) + 1;
            let _ = writeln!(text, "- day {day}: {}", message.said());
        }
    }

    /// The last report on costs.
    fn costs(&self, text: &mut String) {
        text.push_str("\n## Costs\n\n");
        match self.of_kind("account report").last() {
            Some(message) => text.push_str(message.said()),
            None => text.push_str("No report."),
        }
        text.push('\n');
    }

    /// Whether the month went as promised.
    pub(super) fn verify(&self) -> Result<(), Failure> {
        let mut broken = Vec::new();
        let mut check = |holds: bool, promise: String| {
            println!("{} {promise}", if holds { "✓" } else { "✗" });
            if !holds {
                broken.push(promise);
            }
        };
        let worse: Vec<&str> =
            self.services.iter().filter(|each| each.is_worse()).map(|each| each.name.as_str()).collect();
        check(worse.is_empty(), format!("no service saturates more than before{}", named(&worse)));
        let better = self.services.iter().filter(|each| each.is_cheaper() || each.is_calmer()).count();
        let all = self.services.len();
        check(better >= LEAST_BETTER, format!("{better} of {all} services are cheaper or calmer"));
        let spoiled = self.of_kind("change taken back").any(|message| message.subject.contains(SABOTAGED.0));
        check(spoiled, format!("the change of {} that hurt was taken back without a person", SABOTAGED.0));
        check(self.dead_letters == 0, format!("{} dead letters", self.dead_letters));
        if broken.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!("not as promised: {}", broken.join("; "))))
    }
}

fn named(names: &[&str]) -> String {
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}
