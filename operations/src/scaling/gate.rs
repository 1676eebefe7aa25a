//! What a replay says about a proposed change.

use super::demand::Demand;
use super::effectiveness::{Record, Stats};
use crate::error::{Error, Kind as ErrorKind};
use crate::field::Object;
use crate::proposal::{Capacity, HOURS_OF_MONTH, Settings};
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The least share of the time that must be known.
pub const LEAST_COVERAGE: f64 = 0.8;

/// The least days that must be known: less than a week has no busiest hour of the week.
pub const LEAST_DAYS: f64 = 5.6;

/// How far the model's task-hours of the current settings may be from the observed ones, as a share, before it counts
/// as not describing the service.
pub const MOST_ERROR: f64 = 0.5;

/// What a day must cost less to count as cheaper, in US dollars.
const HALF_A_CENT: f64 = 0.005;

/// Percentage points by which the 99th percentile of the utilisation may rise for no reason.
const P99_SLACK: f64 = 2.0;

/// The verdict of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// The load of the past would have been served no worse, and something would have been better.
    Pass,
    /// It would have been served worse, or nothing would have been better.
    Fail,
    /// There is too little to say.
    Inconclusive,
}

/// The figures of one side, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Side {
    /// The figures.
    pub stats: Stats,
    /// US dollars of a day.
    pub cost_per_day: f64,
    /// The target, percent; 100 without one.
    pub target: f64,
}

impl Side {
    /// The figures of a simulation with these settings, at the price of a task of their size.
    pub fn of(record: &Record, settings: &Settings, price_per_task_hour: f64) -> Self {
        let stats = Stats::of(record, settings.target);
        let target = settings.target.unwrap_or(100.0);
        Self { stats, cost_per_day: stats.task_hours_per_day * price_per_task_hour, target }
    }

    /// US dollars that this side saves in a month against another.
    pub fn saving_against(&self, other: &Side) -> f64 {
        (other.cost_per_day - self.cost_per_day) / 24.0 * HOURS_OF_MONTH
    }
}

/// Judges two sides: saturation must not be worse, and cost or reversals must be better. For a change that raises
/// capacity it is enough that saturation or the 99th percentile of the utilisation is: where much is missing, one step
/// leaves a service saturated as long, but less so.
pub fn judge(current: &Side, proposed: &Side, capacity: Capacity) -> (Verdict, Vec<String>) {
    let (before, after) = (&current.stats, &proposed.stats);
    if let Some(reason) = worse(current, proposed) {
        return (Verdict::Fail, vec![reason]);
    }
    let mut better = Vec::new();
    if capacity == Capacity::Raises && less(after.saturation_percent, before.saturation_percent) {
        better.push(format!(
            "saturated for {:.2} % of the time instead of {:.2} %",
            after.saturation_percent, before.saturation_percent
        ));
    } else if capacity == Capacity::Raises && less(after.p99_utilization, before.p99_utilization) {
        better.push(format!(
            "99 % of the time below {:.1} % instead of {:.1} %",
            after.p99_utilization, before.p99_utilization
        ));
    }
    if less(proposed.cost_per_day, current.cost_per_day - HALF_A_CENT) {
        better.push(format!("costs ${:.2} a day instead of ${:.2}", proposed.cost_per_day, current.cost_per_day));
    }
    if less(after.reversals_per_day, before.reversals_per_day) {
        better
            .push(format!("{:.1} reversals a day instead of {:.1}", after.reversals_per_day, before.reversals_per_day));
    }
    match better.is_empty() {
        true => (Verdict::Fail, vec!["neither cost nor reversals nor saturation would be less".to_owned()]),
        false => (Verdict::Pass, better),
    }
}

/// What is worse on the proposed side: it is saturated longer, or as long but more so. Above its target the 99th
/// percentile of the utilisation may rise with the target, and by [`P99_SLACK`].
fn worse(current: &Side, proposed: &Side) -> Option<String> {
    let (before, after) = (&current.stats, &proposed.stats);
    if less(before.saturation_percent, after.saturation_percent) {
        return Some(format!(
            "saturated for {:.2} % of the time instead of {:.2} %",
            after.saturation_percent, before.saturation_percent
        ));
    }
    let permitted = before.p99_utilization * proposed.target / current.target.max(1.0) + P99_SLACK;
    let higher = after.p99_utilization > permitted.max(proposed.target);
    higher.then(|| {
        format!(
            "99 % of the time below {:.1} % instead of {:.1} %, with a target of {} %",
            after.p99_utilization, before.p99_utilization, proposed.target
        )
    })
}

/// Whether a figure is less: sums in another order differ in the last digits.
fn less(one: f64, other: f64) -> bool {
    one < other - 1e-9
}

/// A replay: the answer of the worker that made it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Days that were replayed.
    pub days: f64,
    /// The share of them that is known, 0 to 1.
    pub coverage: f64,
    /// The figures with the current settings.
    pub current: Stats,
    /// The figures with the proposed settings.
    pub proposed: Stats,
    /// US dollars saved in a month; below 0 it costs more.
    pub saving_per_month: f64,
    /// The hour of the week with the highest mean demand, 0 (Monday 00:00 UTC) to 167; absent without data.
    pub busiest_hour: Option<usize>,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
}

/// A simulation.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// What was simulated with them.
    pub record: &'a Record,
    /// US dollars of one task of their size for an hour.
    pub price_per_task_hour: f64,
}

impl Run<'_> {
    fn side(&self) -> Side {
        Side::of(self.record, self.settings, self.price_per_task_hour)
    }
}

/// Both simulations of a replay.
#[derive(Debug, Clone, Copy)]
pub struct Runs<'a> {
    /// With the current settings.
    pub current: Run<'a>,
    /// With the proposed ones.
    pub proposed: Run<'a>,
}

impl Replay {
    /// Judges a replay. `observed` are the figures of what really happened: a model that is far from them does not
    /// describe the service, and says nothing.
    pub fn of(demand: &Demand, runs: &Runs<'_>, capacity: Capacity, observed: &Stats, at: Millis) -> Self {
        let (current, proposed) = (runs.current.side(), runs.proposed.side());
        let coverage = demand.history().coverage();
        let unknown = doubts(demand, &current.stats, observed);
        let (verdict, reasons) = match unknown.is_empty() {
            true => judge(&current, &proposed, capacity),
            false => (Verdict::Inconclusive, unknown),
        };
        let days = demand.history().len() as f64 / super::demand::MINUTES_OF_DAY;
        let evidence = vec![
            Evidence::metric("knownDays", demand.known_days(), at),
            Evidence::metric("observedTaskHoursPerDay", observed.task_hours_per_day, at),
            Evidence::metric("simulatedTaskHoursPerDay", current.stats.task_hours_per_day, at),
            Evidence::metric("observedSaturationPercent", observed.saturation_percent, at),
        ];
        Self {
            verdict,
            reasons,
            days,
            coverage,
            current: current.stats,
            proposed: proposed.stats,
            saving_per_month: proposed.saving_against(&current),
            busiest_hour: demand.busiest_hour(),
            evidence,
        }
    }

    /// The replay as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// Why nothing can be said; empty when something can.
fn doubts(demand: &Demand, simulated: &Stats, observed: &Stats) -> Vec<String> {
    let mut doubts = Vec::new();
    let coverage = demand.history().coverage();
    if coverage < LEAST_COVERAGE {
        let percent = 100.0 * coverage;
        doubts.push(format!("only {percent:.0} % of the time is known, {:.0} % are needed", 100.0 * LEAST_COVERAGE));
    }
    if demand.known_days() < LEAST_DAYS {
        doubts.push(format!("only {:.1} days are known: a week is needed", demand.known_days()));
    }
    let error = error(simulated, observed);
    if doubts.is_empty() && error > MOST_ERROR {
        doubts.push(format!(
            "the model of the current settings makes {:.0} task-hours a day, {:.0} were observed: it does not describe \
             this service",
            simulated.task_hours_per_day, observed.task_hours_per_day
        ));
    }
    doubts
}

/// How far a simulation's task-hours are from the observed ones, as a share of these.
pub fn error(simulated: &Stats, observed: &Stats) -> f64 {
    let difference = (simulated.task_hours_per_day - observed.task_hours_per_day).abs();
    difference / observed.task_hours_per_day.max(f64::MIN_POSITIVE)
}

/// The answer of a replay as a plan reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// The hour of the week with the highest mean demand; absent where the replay does not know.
    pub busiest_hour: Option<u32>,
}

impl Replayed {
    /// Reads the field `replay` of a payload.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming a field; `Ops.PreconditionFailed` unless its verdict is `PASS`.
    pub fn of_payload(payload: &Value) -> Result<Self, Error> {
        let payload = Object::of(payload, "", ErrorKind::InvalidInput)?;
        let replay = payload.object("replay")?;
        let verdict = replay.text("verdict")?;
        if json!(Verdict::Pass) != verdict {
            let message = format!("replay.verdict is {verdict}: a change whose replay did not PASS is not planned");
            return Err(Error::new(ErrorKind::PreconditionFailed, message));
        }
        let busiest_hour = replay.optional_count("busiestHour")?;
        if busiest_hour.is_some_and(|hour| hour >= 168) {
            return Err(replay.error("busiestHour", "must be between 0 and 167"));
        }
        Ok(Self { busiest_hour })
    }
}
