//! Which method forecasts a service, and whether capacity may be planned by it.

use super::backtest::{Backtest, Tested};
use serde::{Deserialize, Serialize};

/// The error, as a multiple of the weekly naive's, that a method must stay below.
pub const GATE_MASE: f64 = 1.0;
/// The most hours that a plan may have been short in, percent.
pub const GATE_UNDER_PROVISIONED_PERCENT: f64 = 5.0;
/// The fewest days of history that open the gate.
pub const GATE_DAYS: usize = 28;
/// The least share of the hours that must be measured.
pub(super) const COVERAGE: f64 = 0.8;
/// The least share of the last day that must be measured: what is not known of today says nothing of tomorrow.
pub(super) const LAST_DAY: f64 = 0.5;

/// Whether capacity may be planned by a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// It may raise the least number of tasks ahead of the load; reactive scaling stays on.
    Open,
    /// It may not: only what is measured scales.
    ReactiveOnly,
}

/// The method that forecasts: of those that pass the gate the one with the smallest error, else of all; of equals the
/// simplest.
pub(super) fn champion(tested: &[Tested]) -> Option<&Tested> {
    let best = |passing: bool| {
        let candidates = tested.iter().filter(|tested| !passing || failures(&tested.backtest).is_empty());
        candidates.min_by(|left, right| left.backtest.mase.total_cmp(&right.backtest.mase))
    };
    best(true).or_else(|| best(false))
}

/// Why a method does not pass the gate, as the champion that it may be; empty when it does.
pub(super) fn failures(backtest: &Backtest) -> Vec<String> {
    let mut failures = Vec::new();
    if backtest.mase >= GATE_MASE {
        failures.push(format!(
            "the champion's error is {:.2} times that of the week before, not below {GATE_MASE}",
            backtest.mase
        ));
    }
    if backtest.under_provisioned_percent > GATE_UNDER_PROVISIONED_PERCENT {
        let percent = backtest.under_provisioned_percent;
        failures.push(format!(
            "the champion's plan is short in {percent:.1} % of the hours, above {GATE_UNDER_PROVISIONED_PERCENT} %"
        ));
    }
    failures
}

/// What a backtest showed, in words.
pub(super) fn summary(backtest: &Backtest) -> String {
    let factor = backtest.capacity_factor.map(|factor| format!(", with {factor:.2} times the task-hours needed"));
    format!(
        "{}: MASE {:.2}, short in {:.1} % of {} hours{}",
        backtest.method,
        backtest.mase,
        backtest.under_provisioned_percent,
        backtest.hours,
        factor.unwrap_or_default()
    )
}
