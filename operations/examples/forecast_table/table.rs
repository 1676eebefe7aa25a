//! The tables of the forecast's README, measured.

use operations::forecast::{Backtest, Forecast, Gate, Method, Request, backtest, forecast};
use operations::history::History;
use std::collections::BTreeMap;

/// The series in the order in which they were drawn.
const SERIES: [&str; 6] = ["weekly", "trend", "shift", "bursty", "flat", "batch"];
/// The load of one task.
const LOAD_PER_TASK: f64 = 20.0;
/// The hours of the experiment that is measured again: it left the last day of the 42 away.
const EXPERIMENT_HOURS: usize = 41 * 24;
/// How many days the experiment tested.
const EXPERIMENT_DAYS: usize = 13;

/// The three tables as Markdown.
pub(crate) fn render() -> String {
    let json = include_str!("../../src/forecast/series.json");
    let series: BTreeMap<String, Vec<f64>> = serde_json::from_str(json).expect("series.json holds series");
    let load =
        |name: &str, hours: usize| History::new(0, 3_600, series[name].iter().take(hours).copied().map(Some).collect());
    let methods = Method::ALL.map(|method| format!(" {method} |")).concat();
    let mut text = format!("| series |{methods}\n|---|{}\n", "---|".repeat(Method::ALL.len()));
    for name in SERIES {
        let load = load(name, EXPERIMENT_HOURS);
        let request = Request { backtest_days: EXPERIMENT_DAYS, ..Request::new(&load, LOAD_PER_TASK) };
        let row = backtest(&request).expect("six weeks are enough");
        text.push_str(&format!("| {name} |{}\n", row.iter().map(cell).collect::<String>()));
    }
    text.push_str("\n| series | champion | gate | MASE | short | capacity |\n|---|---|---|---|---|---|\n");
    for name in SERIES {
        let load = load(name, usize::MAX);
        let answer = forecast(&Request::new(&load, LOAD_PER_TASK)).expect("the request makes sense");
        text.push_str(&choice(name, &answer));
    }
    text.push_str("\n| load of a task | 90th percentile | 95th | 98th |\n|---|---|---|---|\n");
    let load = load("weekly", usize::MAX);
    for load_per_task in [20.0, 5.0, 1.0] {
        let row = [90.0, 95.0, 98.0].map(|margin_percentile| {
            let request = Request { margin_percentile, ..Request::new(&load, load_per_task) };
            let tested = backtest(&request).expect("six weeks are enough");
            let median = tested.iter().find(|tested| tested.method == Method::WeeklyMedian);
            median.map(plan).unwrap_or_default()
        });
        text.push_str(&format!("| {load_per_task} |{}\n", row.concat()));
    }
    text
}

fn plan(backtest: &Backtest) -> String {
    let factor = backtest.capacity_factor.unwrap_or(f64::NAN);
    format!(" {:.1} % / {factor:.2}× |", backtest.under_provisioned_percent)
}

fn cell(backtest: &Backtest) -> String {
    format!(" {:.2} /{}", backtest.mase, plan(backtest))
}

fn choice(name: &str, answer: &Forecast) -> String {
    let gate = if answer.gate == Gate::Open { "open" } else { "reactive only" };
    let champion = answer.champion.map_or("none", Method::name);
    let figure = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let (mase, short, capacity) =
        (figure(answer.mase), figure(answer.under_provisioned_percent), figure(answer.capacity_factor));
    format!("| {name} | {champion} | {gate} | {mase:.2} | {short:.1} % | {capacity:.2}× |\n")
}
