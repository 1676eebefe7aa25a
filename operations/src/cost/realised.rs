//! What a change has saved, two weeks later.
//!
//! The load of the two weeks after is not that of the two weeks before. So what is paid now is compared with what the
//! settings of before would have cost under the load of now: the number of tasks that autoscaling would have kept, times
//! the error that the same computation has for the two weeks before, when both are known.

use super::cents;
use crate::error::{Error, Kind as ErrorKind};
use crate::history::History;
use crate::price::Rate;
use crate::proposal::{HOURS_OF_MONTH, Proposal, Settings};
use crate::sizing::choice::{load, tasks_at};
use serde::Serialize;

/// The share of each of the two times that must be known.
const LEAST_COVERAGE: f64 = 0.5;
/// The bounds of the error that is corrected: beyond them the computation says nothing.
const CORRECTION: std::ops::RangeInclusive<f64> = 0.5..=2.0;
/// A realised saving of this share of the forecast, or more, keeps what was promised.
const KEPT: f64 = 0.7;

/// How a service's tasks were used in a time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Time {
    /// The processor, percent of a task's, as a mean over the tasks.
    pub cpu_mean: History,
    /// How many tasks ran.
    pub running: History,
}

/// What a change has saved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Realised {
    /// US dollars a month that were promised.
    pub forecast_per_month: f64,
    /// US dollars a month that it was.
    pub realised_per_month: f64,
    /// Realised over forecast; `None` where nothing was promised.
    pub ratio: Option<f64>,
    /// One line a person reads.
    pub summary: String,
    /// How it was computed.
    pub reasons: Vec<String>,
}

/// Measures a change of size or scaling by the time before and the time after it.
///
/// # Errors
/// `Ops.InsufficientSamples` when less than half of either time is known; as [`Proposal::current_settings`].
pub fn measure(proposal: &Proposal, before: &Time, after: &Time, rate: &Rate) -> Result<Realised, Error> {
    let (old, new) = (proposal.current_settings()?, proposal.proposed_settings()?);
    let known = [("before", &before.running), ("after", &after.running)];
    if let Some((name, history)) = known.into_iter().find(|(_, history)| history.coverage() < LEAST_COVERAGE) {
        let percent = history.coverage() * 100.0;
        let message = format!("only {percent:.0} % of the number of tasks {name} the change is known: measure later");
        return Err(Error::new(ErrorKind::InsufficientSamples, message));
    }
    let paid = hourly(&after.running, &new, rate);
    let (would, how) = match counterfactual(before, after, &old, &new) {
        Some(tasks) => (tasks * task(&old, rate), "under the load of now, the settings of before would have kept"),
        // What does not follow the processor has as many tasks as it has now, or as it had.
        None if old.cpu_units != new.cpu_units || old.memory_mib != new.memory_mib => {
            (hourly(&after.running, &old, rate), "at the size of before, there would have been")
        }
        None => (hourly(&before.running, &old, rate), "in the two weeks before there were"),
    };
    let realised = (would - paid) * HOURS_OF_MONTH;
    let tasks = would / task(&old, rate);
    let reasons = vec![
        format!("{how} {tasks:.1} tasks, ${:.2} a month", would * HOURS_OF_MONTH),
        format!("{:.1} tasks ran, ${:.2} a month", after.running.mean().unwrap_or(0.0), paid * HOURS_OF_MONTH),
    ];
    Ok(Realised::of(proposal.saving_per_month, realised, reasons))
}

impl Realised {
    /// What was promised and what it was.
    pub fn of(forecast: f64, realised: f64, reasons: Vec<String>) -> Self {
        let (forecast, realised) = (cents(forecast), cents(realised));
        let ratio = (forecast.abs() >= 0.01).then(|| (realised / forecast * 100.0).round() / 100.0);
        let verdict = match ratio {
            _ if forecast <= 0.0 => "it was made for capacity, not to save",
            Some(ratio) if ratio >= KEPT => "it keeps what was promised",
            _ if realised > 0.0 => "it saves less than was promised",
            _ => "it saves nothing: look at it again",
        };
        let word = |dollars: f64| if dollars < 0.0 { "costs" } else { "saves" };
        let summary = format!(
            "{} ${:.2} a month, {} ${:.2} was forecast: {verdict}",
            word(realised),
            realised.abs(),
            if forecast < 0.0 { "a cost of" } else { "a saving of" },
            forecast.abs()
        );
        Self { forecast_per_month: forecast, realised_per_month: realised, ratio, summary, reasons }
    }
}

/// How many tasks the settings of before would have kept under the load of after; `None` where the number does not
/// follow the processor, or the computation does not fit the time before.
fn counterfactual(before: &Time, after: &Time, old: &Settings, new: &Settings) -> Option<f64> {
    let follows = old.metric.as_deref()?.starts_with("ECSServiceAverageCPUUtilization");
    let target = old.target.filter(|_| follows)?;
    let limits = (old.min_capacity, old.max_capacity);
    let kept =
        |time: &Time, units: u32| tasks_at(&load(&time.cpu_mean, &time.running, units), target, old.cpu_units, limits);
    let correction = before.running.mean()? / kept(before, old.cpu_units)?;
    CORRECTION.contains(&correction).then_some(kept(after, new.cpu_units)? * correction)
}

fn task(settings: &Settings, rate: &Rate) -> f64 {
    rate.hour(settings.cpu_units, settings.memory_mib)
}

fn hourly(running: &History, settings: &Settings, rate: &Rate) -> f64 {
    running.mean().unwrap_or(0.0) * task(settings, rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::tests::rate;
    use crate::proposal::tests::settings;
    use crate::proposal::{Capacity, Kind, Risk};
    use serde_json::json;

    fn time(cpu: f64, tasks: f64) -> Time {
        let flat = |value: f64| History::new(0, 300, vec![Some(value); 4_032]);
        Time { cpu_mean: flat(cpu), running: flat(tasks) }
    }

    fn proposal(change: impl FnOnce(&mut Settings), saving: f64) -> Proposal {
        let mut proposed = settings();
        change(&mut proposed);
        Proposal {
            id: "x".into(),
            kind: Kind::Sizing,
            summary: "x".into(),
            current: json!(settings()),
            proposed: json!(proposed),
            capacity: Capacity::Lowers,
            saving_per_month: saving,
            risk: Risk::Low,
            confidence: 0.9,
            reasons: Vec::new(),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn the_load_of_now_is_what_counts() {
        // 10 tasks of 512 at 60 % before; half the size and twice the load after: 40 of 256 at 60 %.
        let halved = proposal(
            |new| (new.cpu_units, new.memory_mib, new.min_capacity, new.max_capacity) = (256, 512, 8, 80),
            0.0,
        );
        let mut halved_free = halved.clone();
        halved_free.current["maxCapacity"] = json!(40);
        let realised = measure(&halved_free, &time(60.0, 10.0), &time(60.0, 40.0), &rate()).unwrap();
        assert!(realised.realised_per_month.abs() < 0.01, "linear prices save nothing: {realised:?}");
        assert_eq!(realised.ratio, None);
    }

    #[test]
    fn less_memory_saves_what_it_costs_and_gaps_are_refused() {
        let cheaper = rate().month(512, 2_048) - rate().month(512, 1_024);
        let mut proposal = proposal(|_| {}, 10.0 * cheaper);
        proposal.current["memoryMib"] = json!(2_048);
        let realised = measure(&proposal, &time(60.0, 10.0), &time(60.0, 10.0), &rate()).unwrap();
        assert!((realised.realised_per_month - 10.0 * cheaper).abs() < 0.02, "{realised:?}");
        assert!(realised.summary.ends_with("it keeps what was promised"), "{}", realised.summary);
        let none = Time::default();
        let error = measure(&proposal, &time(60.0, 10.0), &none, &rate()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InsufficientSamples);
        assert!(error.message().contains("0 % of the number of tasks after the change"), "{error}");
    }

    #[test]
    fn a_change_that_saves_nothing_is_called_by_name() {
        let verdict = |forecast, realised| Realised::of(forecast, realised, Vec::new()).summary;
        assert!(verdict(50.0, 20.0).ends_with("saves less than was promised"));
        assert!(verdict(50.0, -3.0).ends_with("saves nothing: look at it again"));
        assert!(verdict(-20.0, -19.0).ends_with("it was made for capacity, not to save"));
    }
}
