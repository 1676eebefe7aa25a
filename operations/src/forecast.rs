#![doc = include_str!("forecast/README.md")]

mod backtest;
#[cfg(test)]
mod experiment;
mod gate;
mod holt_winters;
mod method;
#[cfg(test)]
mod tests;
mod training;

pub use backtest::{Backtest, LastDay};
pub use gate::{GATE_DAYS, GATE_MASE, GATE_UNDER_PROVISIONED_PERCENT, Gate};
pub use method::Method;

use crate::error::{Error, Kind};
use crate::history::{HOUR_MS, History};
use crate::time::Millis;
use backtest::{Tested, first_origin, tasks, test_all};
use serde::Serialize;
use training::{HEAD, LEAST_LOAD, MOST_LOAD, Training};

/// How many hours are forecast.
pub const HORIZON: usize = 24;
/// How many days are backtested where the request does not say.
pub const BACKTEST_DAYS: usize = 14;
/// The percentile of the residuals that a plan adds where the request does not say.
pub const MARGIN_PERCENTILE: f64 = 90.0;

/// What to forecast, and from what.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Load per hour, 0 to 10¹⁵ in any unit; the forecast begins at its end. Four weeks or more for the gate to open.
    pub load: &'a History,
    /// What deployments, incidents and holidays touched (from, until): hours that begin before `until` and end after
    /// `from` are not learned from and not tested on.
    pub touched: &'a [(Millis, Millis)],
    /// The load of one task that is used as much as it shall be, 10⁻¹⁵ to 10¹⁵ in the unit of `load`.
    pub load_per_task: f64,
    /// How many of the last days are backtested, 1 or more; fewer where the history is short.
    pub backtest_days: usize,
    /// The percentile of the residuals that a plan adds to a forecast, 50 to 100: higher for more tasks and fewer
    /// hours that are short of them. A service of many tasks, which round nothing up, needs 95 to 98 for the gate.
    pub margin_percentile: f64,
}

impl<'a> Request<'a> {
    /// A forecast from a history that nothing touched, with a backtest of [`BACKTEST_DAYS`] and a margin of the
    /// [`MARGIN_PERCENTILE`].
    pub fn new(load: &'a History, load_per_task: f64) -> Self {
        let (backtest_days, margin_percentile) = (BACKTEST_DAYS, MARGIN_PERCENTILE);
        Self { load, touched: &[], load_per_task, backtest_days, margin_percentile }
    }
}

/// The load of the next day, and how far it may be trusted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// The method that forecasts; absent when there is too little to choose one by. So are its figures below.
    pub champion: Option<Method>,
    /// Whether capacity may be planned by it.
    pub gate: Gate,
    /// The champion's [`Backtest::mase`], to three decimals.
    pub mase: Option<f64>,
    /// The champion's [`Backtest::under_provisioned_percent`], to three decimals.
    pub under_provisioned_percent: Option<f64>,
    /// The champion's [`Backtest::capacity_factor`], to three decimals.
    pub capacity_factor: Option<f64>,
    /// The next 24 hours, each in its order; empty without a champion.
    pub hours: Vec<Hour>,
    /// What the champion said of the last day, and what came.
    pub last_day: Option<LastDay>,
    /// Why the gate is as it is, and what is to be known about the history. What is too little begins with
    /// `Ops.InsufficientSamples`.
    pub reasons: Vec<String>,
    /// Every method's backtest, the simplest first; empty without a champion.
    pub backtests: Vec<Backtest>,
}

/// One hour of a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hour {
    /// Its beginning, in milliseconds since 1970.
    pub at: Millis,
    /// The load that is expected, 0 or more.
    pub expected: f64,
    /// The load to have capacity for: expected × (1 + margin).
    pub planned: f64,
    /// The tasks that takes.
    pub tasks: u32,
}

/// Forecasts the next 24 hours by the method that the backtest favours.
///
/// # Errors
/// `Ops.InvalidInput` naming the field when the request makes no sense. Too little history is no error: the gate stays
/// closed, with the reason.
pub fn forecast(request: &Request<'_>) -> Result<Forecast, Error> {
    let training = prepare(request)?;
    let mut reasons = Vec::new();
    let tested = match test(&training, request) {
        Ok(tested) => tested,
        Err(error) => {
            reasons.push(named(&error));
            Vec::new()
        }
    };
    let champion = gate::champion(&tested);
    let mut open = false;
    if let Some(champion) = champion {
        let failures = gate::failures(&champion.backtest);
        let too_little = too_little(&training, first_origin(&training, request.backtest_days));
        open = failures.is_empty() && too_little.is_empty();
        reasons.push(gate::summary(&champion.backtest));
        reasons.extend(failures.iter().map(|failure| format!("reactive only: no method passes, {failure}")));
        reasons.extend(too_little);
    }
    reasons.extend(gaps(&training));
    let figures = champion.map(|champion| champion.backtest.rounded());
    Ok(Forecast {
        champion: figures.map(|figures| figures.method),
        gate: if open { Gate::Open } else { Gate::ReactiveOnly },
        mase: figures.map(|figures| figures.mase),
        under_provisioned_percent: figures.map(|figures| figures.under_provisioned_percent),
        capacity_factor: figures.and_then(|figures| figures.capacity_factor),
        hours: champion.map(|champion| hours(champion, &training, request)).unwrap_or_default(),
        last_day: champion.map(|champion| champion.last_day),
        reasons,
        backtests: tested.iter().map(|tested| tested.backtest.rounded()).collect(),
    })
}

/// Backtests every method, the simplest first.
///
/// # Errors
/// `Ops.InvalidInput` naming the field when the request makes no sense; `Ops.InsufficientSamples` when the history has
/// less than two weeks to learn from and a day to test on, or a mean load below 10⁻¹⁵.
pub fn backtest(request: &Request<'_>) -> Result<Vec<Backtest>, Error> {
    Ok(test(&prepare(request)?, request)?.into_iter().map(|tested| tested.backtest).collect())
}

/// The load of the next 24 hours by one method, without a test of it.
///
/// # Errors
/// `Ops.InvalidInput` naming the field when the request makes no sense; `Ops.InsufficientSamples` when the history is
/// shorter than [`Method::least_hours`].
pub fn ahead(request: &Request<'_>, method: Method) -> Result<[f64; HORIZON], Error> {
    let training = prepare(request)?;
    enough(&training, method.least_hours(), &format!("{method} needs"))?;
    let past = training.before(training.len());
    let mut forecaster = method.forecaster();
    forecaster.learn(past);
    Ok(forecaster.ahead(past))
}

fn prepare(request: &Request<'_>) -> Result<Training, Error> {
    let load_per_task = request.load_per_task;
    let percentile = request.margin_percentile;
    let problem = if !(LEAST_LOAD..=MOST_LOAD).contains(&load_per_task) {
        format!("load_per_task must be from {LEAST_LOAD:e} to {MOST_LOAD:e}, not {load_per_task}")
    } else if request.backtest_days == 0 {
        "backtest_days must be 1 or more, not 0".to_owned()
    } else if !(50.0..=100.0).contains(&percentile) {
        format!("margin_percentile must be from 50 to 100, not {percentile}")
    } else {
        return Training::new(request);
    };
    Err(Error::new(Kind::InvalidInput, problem))
}

fn test(training: &Training, request: &Request<'_>) -> Result<Vec<Tested>, Error> {
    enough(training, HEAD + HORIZON, "a forecast needs")?;
    if training.mean() < LEAST_LOAD {
        return Err(insufficient("the history has no load to speak of: there is nothing to forecast".to_owned()));
    }
    let first = first_origin(training, request.backtest_days);
    if training.coverage(first) <= 0.0 {
        return Err(insufficient(format!(
            "nothing was measured in the {} hours to be tested: mend the metric",
            training.len() - first
        )));
    }
    Ok(test_all(training, first, request))
}

fn insufficient(message: String) -> Error {
    Error::new(Kind::InsufficientSamples, message)
}

/// An error as a reason.
fn named(error: &Error) -> String {
    format!("{}: {error}", error.name())
}

fn days(hours: usize) -> f64 {
    hours as f64 / 24.0
}

fn enough(training: &Training, hours: usize, who: &str) -> Result<(), Error> {
    let there = training.len();
    if there >= hours {
        return Ok(());
    }
    let (there, needed, more) = (days(there), days(hours), days(hours - there));
    Err(insufficient(format!("the history has {there:.1} days, {who} {needed:.1}: wait {more:.1} days more")))
}

/// Why there is too little to trust a backtest by.
fn too_little(training: &Training, first: usize) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Err(error) = enough(training, GATE_DAYS * 24, "the gate needs") {
        reasons.push(named(&error));
    }
    let parts = [
        ("history", 0, gate::COVERAGE),
        ("time of the test", first, gate::COVERAGE),
        ("last day", training.len().saturating_sub(HORIZON), gate::LAST_DAY),
    ];
    for (what, first, least) in parts {
        let coverage = training.coverage(first);
        if coverage < least {
            let (coverage, least) = (100.0 * coverage, 100.0 * least);
            let message = format!("{coverage:.0} % of the {what} is known and untouched, the gate needs {least} %");
            reasons.push(named(&insufficient(message)));
        }
    }
    reasons
}

/// What was not measured, and what was done about it.
fn gaps(training: &Training) -> Option<String> {
    let (filled, masked) = (training.filled(), training.masked);
    (filled > 0).then(|| {
        format!(
            "{filled} of {} hours are unknown or touched by a deployment or an incident ({masked}): \
             learned as the same hour a week before, never tested on",
            training.len()
        )
    })
}

fn hours(champion: &Tested, training: &Training, request: &Request<'_>) -> Vec<Hour> {
    let hour = |(at, expected): (Millis, &f64)| {
        let planned = expected * (1.0 + champion.backtest.margin);
        Hour { at, expected: *expected, planned, tasks: tasks(planned, request.load_per_task) as u32 }
    };
    let times = (0..).map(|hour| training.end + hour * HOUR_MS);
    times.zip(&champion.ahead).map(hour).collect()
}
