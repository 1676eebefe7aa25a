//! The six series of the design's experiment: every figure that it measured is measured again.
//!
//! The experiment ran in Python; its series stand in `series.json`, and the README says how they are made. It tested 13
//! days: those before the last.

use super::{Backtest, Method, Request, backtest};
use crate::history::History;
use std::collections::BTreeMap;

/// How far a MASE or a capacity factor may be from the experiment's, which has two decimals.
const NEAR: f64 = 0.0051;
/// How far a share of 312 hours may be from the experiment's, which has one decimal: none of them may differ.
const NEAR_PERCENT: f64 = 0.051;

/// MASE, under-provisioned percent and capacity factor.
type Cell = (f64, f64, f64);

/// What the experiment printed, per series the methods in their order.
const MEASURED: [(&str, [Cell; 5]); 6] = [
    ("weekly", [(3.57, 14.7, 1.73), (2.55, 9.9, 1.69), (1.00, 3.5, 1.14), (0.90, 2.6, 1.12), (0.86, 3.2, 1.12)]),
    ("trend", [(3.56, 14.7, 1.63), (2.44, 11.2, 1.68), (1.00, 5.4, 1.14), (0.96, 5.8, 1.14), (1.09, 5.4, 1.16)]),
    ("shift", [(1.26, 13.5, 1.88), (1.01, 8.7, 2.11), (1.00, 17.6, 1.35), (0.47, 10.6, 1.31), (0.61, 10.3, 1.32)]),
    ("bursty", [(2.42, 14.4, 1.55), (1.95, 11.5, 1.67), (1.00, 6.1, 1.15), (0.72, 5.8, 1.10), (0.89, 4.5, 1.13)]),
    ("flat", [(0.92, 1.3, 1.14), (0.91, 2.6, 1.13), (1.00, 5.4, 1.14), (0.85, 2.9, 1.11), (0.78, 2.2, 1.10)]),
    ("batch", [(2.78, 8.3, 0.98), (1.01, 2.9, 1.14), (1.00, 2.2, 1.14), (0.91, 1.6, 1.14), (0.85, 1.6, 1.14)]),
];

/// A series of the experiment, in hours from 1970 on.
pub(super) fn series(name: &str) -> Vec<f64> {
    let mut series: BTreeMap<String, Vec<f64>> = serde_json::from_str(include_str!("series.json")).unwrap();
    series.remove(name).unwrap()
}

fn measured(name: &str) -> Vec<Backtest> {
    let values = series(name);
    assert_eq!(values.len(), 42 * 24);
    let load = History::new(0, 3_600, values[..41 * 24].iter().copied().map(Some).collect());
    backtest(&Request { backtest_days: 13, ..Request::new(&load, 20.0) }).unwrap()
}

#[test]
fn every_figure_of_the_experiment_is_measured_again() {
    for (name, cells) in MEASURED {
        for (backtest, (method, (mase, under, capacity))) in measured(name).iter().zip(Method::ALL.iter().zip(cells)) {
            assert_eq!((backtest.method, backtest.hours), (*method, 312));
            let near = (backtest.mase - mase).abs() <= NEAR
                && (backtest.under_provisioned_percent - under).abs() <= NEAR_PERCENT
                && (backtest.capacity_factor.unwrap() - capacity).abs() <= NEAR;
            assert!(near, "{name}: {backtest:?} is not {mase}, {under} %, {capacity}");
        }
    }
}
