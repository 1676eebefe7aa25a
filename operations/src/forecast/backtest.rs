//! The rolling-origin backtest: every day of the last weeks is forecast from what was known before it.

use super::method::Method;
use super::training::{HEAD, Training};
use super::{HORIZON, Request};
use crate::history::{HOURS_OF_WEEK, percentile_of_sorted};
use serde::Serialize;
use std::collections::VecDeque;

/// What a plan adds before there are two days of residuals, as a share.
const FIRST_MARGIN: f64 = 0.15;
/// The residuals from which a margin is taken, in hours.
const FEWEST_RESIDUALS: usize = 48;
/// The share of the last week's mean load below which a residual is no longer relative to the forecast.
const FLOOR: f64 = 0.01;
/// The error of the weekly naive that counts as none, as a share of the mean load.
const EXACT: f64 = 1e-9;
/// What rounding may add to a number of tasks.
const ROUNDING: f64 = 1e-9;

/// How good a method would have been.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backtest {
    /// The method.
    pub method: Method,
    /// How many hours were forecast and measured.
    pub hours: usize,
    /// The mean absolute error as a multiple of that of [`Method::WeeklyNaive`] in the same hours (MASE, Hyndman and
    /// Koehler 2006, scaled out of sample); 0 or more.
    pub mase: f64,
    /// The share of the hours in which the plan had fewer tasks than were needed, percent.
    pub under_provisioned_percent: f64,
    /// Planned task-hours as a multiple of those needed; absent when none were needed.
    pub capacity_factor: Option<f64>,
    /// What a plan adds to a forecast now, as a share: the percentile asked for of the relative residuals of the last
    /// 168 measured hours, 0 or more; 0.15 before there are 48 of them.
    pub margin: f64,
}

impl Backtest {
    /// The same with its figures as a person reads them: three decimals.
    pub(super) fn rounded(self) -> Self {
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        Self {
            mase: round(self.mase),
            under_provisioned_percent: round(self.under_provisioned_percent),
            capacity_factor: self.capacity_factor.map(round),
            margin: round(self.margin),
            ..self
        }
    }
}

/// The last day, as it was forecast and as it was, over the hours that were measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastDay {
    /// How many of its hours were measured.
    pub hours: usize,
    /// The load that was expected in them, their sum.
    pub expected: f64,
    /// The load that came, their sum.
    pub actual: f64,
    /// In how many of them the plan had fewer tasks than were needed.
    pub under_provisioned_hours: usize,
}

/// A method's backtest with what it says of the next day.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tested {
    pub(super) backtest: Backtest,
    pub(super) last_day: LastDay,
    pub(super) ahead: [f64; HORIZON],
}

/// The first hour of the test of so many days; two weeks are left to learn from.
pub(super) fn first_origin(training: &Training, days: usize) -> usize {
    let most = training.len().saturating_sub(HEAD) / HORIZON;
    training.len() - days.min(most) * HORIZON
}

/// The tasks that a load needs.
pub(super) fn tasks(load: f64, load_per_task: f64) -> f64 {
    (load / load_per_task - ROUNDING).ceil().max(0.0)
}

/// Tests every method on the hours from `first` on, which are whole days, some of them measured.
pub(super) fn test_all(training: &Training, first: usize, request: &Request<'_>) -> Vec<Tested> {
    let runs = Method::ALL.map(|method| Run::new(training, method, first, request));
    let naive = runs.iter().find(|run| run.method == Method::WeeklyNaive).map_or(0.0, |run| run.errors);
    let hours = runs[0].hours as f64;
    let naive = naive.max(hours * EXACT * training.mean());
    runs.into_iter().map(|run| run.tested(naive)).collect()
}

/// A method on its way through the test.
struct Run {
    method: Method,
    load_per_task: f64,
    percentile: f64,
    hours: usize,
    errors: f64,
    under: usize,
    planned: f64,
    needed: f64,
    residuals: VecDeque<f64>,
    last_day: LastDay,
    ahead: [f64; HORIZON],
}

impl Run {
    fn new(training: &Training, method: Method, first: usize, request: &Request<'_>) -> Self {
        let last_day = LastDay { hours: 0, expected: 0.0, actual: 0.0, under_provisioned_hours: 0 };
        let mut run = Self {
            method,
            load_per_task: request.load_per_task,
            percentile: request.margin_percentile,
            hours: 0,
            errors: 0.0,
            under: 0,
            planned: 0.0,
            needed: 0.0,
            residuals: VecDeque::with_capacity(HOURS_OF_WEEK + HORIZON),
            last_day,
            ahead: [0.0; HORIZON],
        };
        let mut forecaster = method.forecaster();
        for origin in (first..=training.len()).step_by(HORIZON) {
            let past = training.before(origin);
            forecaster.learn(past);
            run.ahead = forecaster.ahead(past);
            if origin < training.len() {
                run.last_day = run.day(training, origin, FLOOR * past.recent_mean());
            }
        }
        run
    }

    /// Compares a day with its forecast.
    fn day(&mut self, training: &Training, origin: usize, floor: f64) -> LastDay {
        let margin = self.margin();
        let mut day = LastDay { hours: 0, expected: 0.0, actual: 0.0, under_provisioned_hours: 0 };
        for (hour, expected) in self.ahead.into_iter().enumerate() {
            let Some(actual) = training.actual(origin + hour) else { continue };
            let planned = tasks(expected * (1.0 + margin), self.load_per_task);
            let needed = tasks(actual, self.load_per_task);
            day.hours += 1;
            day.expected += expected;
            day.actual += actual;
            day.under_provisioned_hours += usize::from(planned < needed);
            self.errors += (expected - actual).abs();
            self.planned += planned;
            self.needed += needed;
            let base = expected.max(floor);
            if base > 0.0 {
                self.residuals.push_back((actual - expected) / base);
            }
        }
        while self.residuals.len() > HOURS_OF_WEEK {
            self.residuals.pop_front();
        }
        self.hours += day.hours;
        self.under += day.under_provisioned_hours;
        day
    }

    /// What a plan adds to a forecast, as a share, from the residuals so far.
    fn margin(&self) -> f64 {
        if self.residuals.len() < FEWEST_RESIDUALS {
            return FIRST_MARGIN;
        }
        let mut sorted: Vec<f64> = self.residuals.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        percentile_of_sorted(&sorted, self.percentile).map_or(FIRST_MARGIN, |margin| margin.max(0.0))
    }

    fn tested(self, naive: f64) -> Tested {
        let backtest = Backtest {
            method: self.method,
            hours: self.hours,
            mase: self.errors / naive,
            under_provisioned_percent: 100.0 * self.under as f64 / self.hours as f64,
            capacity_factor: (self.needed > 0.0).then(|| self.planned / self.needed),
            margin: self.margin(),
        };
        Tested { backtest, last_day: self.last_day, ahead: self.ahead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    #[test]
    fn rounding_takes_no_task() {
        assert_eq!(tasks(0.1 + 0.2, 0.1), 3.0);
        assert_eq!([tasks(0.0, 20.0), tasks(20.1, 20.0), tasks(40.0, 20.0)], [0.0, 2.0, 2.0]);
    }

    #[test]
    fn a_crumb_in_the_night_is_no_reason_for_a_margin() {
        // By day 100; every night a little more than next to nothing, thousands of times what was expected.
        let hour =
            |hour: usize| if hour % 24 < 12 { 1e-9 * 1_000_f64.powi((hour / 168 + 1) as i32 % 2) } else { 100.0 };
        let load = History::new(0, 3_600, (0..5 * HOURS_OF_WEEK).map(|at| Some(hour(at))).collect());
        let request = Request::new(&load, 20.0);
        let training = Training::new(&request).unwrap();
        let tested = test_all(&training, first_origin(&training, 14), &request);
        assert!(tested[2].backtest.margin < 1e-5, "{:?}", tested[2].backtest);
    }

    #[test]
    fn a_test_leaves_two_weeks_to_learn_from() {
        let origin = |days: usize, tested: usize| {
            let load = History::new(0, 3_600, vec![Some(1.0); days * 24]);
            first_origin(&Training::new(&Request::new(&load, 1.0)).unwrap(), tested) / 24
        };
        assert_eq!([origin(42, 14), origin(42, 13), origin(20, 14), origin(15, 14)], [28, 29, 14, 14]);
    }
}
