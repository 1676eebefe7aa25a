//! The parts together: loads that are simulated, decided about, planned, made and taken back.

mod decide;
mod gate;
mod plan;
mod simulator;

use super::demand::Demand;
use super::effectiveness::{Effectiveness, Record};
use super::simulator::simulate;
use crate::history::History;
use crate::proposal::{Settings, tests::settings};

/// Minutes of a day.
const DAY: usize = 1_440;

/// Noise of mean 0 and deviation 1: the sum of twelve equally distributed numbers, less six.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        let mut sum = 0.0;
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum += (state >> 11) as f64 / (1_u64 << 53) as f64;
        }
        sum - 6.0
    }
}

/// A demand of so many days, in tasks, by the minute since the beginning, with noise of so many percent.
fn demand(days: usize, percent: f64, tasks: impl Fn(usize) -> f64) -> Demand {
    let mut normal = noise(7);
    let minutes = (0..days * DAY).map(|minute| Some(tasks(minute) * (percent / 100.0 * normal()).exp()));
    let units = settings().cpu_units;
    Demand::of_units(&History::new(0, 60, minutes.collect()).map(|tasks| tasks * f64::from(units)), units)
}

/// The day of the experiment, in tasks: a sine with its high in the afternoon, and never less than 0.8.
fn day(minute: usize) -> f64 {
    let turn = minute as f64 / DAY as f64 - 0.3;
    (4.0 + 3.5 * (2.0 * std::f64::consts::PI * turn).sin()).max(0.8)
}

/// Settings of a target (percent), cooldowns out and in (minutes), and limits.
fn tracking(target: f64, out: u32, within: u32, limits: (u32, u32)) -> Settings {
    Settings {
        min_capacity: limits.0,
        max_capacity: limits.1,
        target: Some(target),
        scale_out_cooldown: out * 60,
        scale_in_cooldown: within * 60,
        ..settings()
    }
}

/// What a service would have done that behaves as the model: its record, and how well that went.
fn lived(demand: &Demand, settings: &Settings, start_lag: u32) -> (Record, Effectiveness) {
    let record = simulate(demand, settings, start_lag).unwrap();
    let effectiveness = Effectiveness::of(&record, settings.target, &[f64::from(start_lag)], &[]);
    (record, effectiveness)
}
