//! Changes with known effects, judged after a day.

use crate::random::Random;
use operations::history::{DAY_MS, History};
use operations::performance::Limits;
use operations::performance::judgement::{Change, Metrics, Verdict, judge};

const DAY: usize = 288;
const ACTED: usize = 21 * DAY;
const START: i64 = 1_795_996_800_000;

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// Nothing, while the load is a twentieth higher than in the weeks before.
    MoreLoad,
    /// Half as many tasks more: all is easier.
    Raises,
    /// A quarter fewer tasks, at little use: nobody notices.
    LowersIdle,
    /// Fewer tasks, saturated for some hours a day.
    Saturates,
    /// Latency above its objective for some hours a day.
    Slow,
    /// Latency a third higher, within its objective.
    Slower,
    /// Three times the errors.
    Errors,
}

impl Effect {
    /// Every one.
    pub(crate) const ALL: [Effect; 8] = [
        Effect::None,
        Effect::MoreLoad,
        Effect::Raises,
        Effect::LowersIdle,
        Effect::Saturates,
        Effect::Slow,
        Effect::Slower,
        Effect::Errors,
    ];

    /// The name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Effect::None => "none",
            Effect::MoreLoad => "none, at 5 % more load",
            Effect::Raises => "half as many tasks more",
            Effect::LowersIdle => "a quarter fewer tasks, at little use",
            Effect::Saturates => "saturated for some hours a day",
            Effect::Slow => "above the latency objective for some hours a day",
            Effect::Slower => "a third slower, within the objective",
            Effect::Errors => "three times the errors",
        }
    }

    fn tasks(self) -> f64 {
        match self {
            Effect::Raises => 6.0,
            Effect::LowersIdle => 3.0,
            _ => 4.0,
        }
    }
}

/// How the observation of a change ends: looked at every three hours after a day, until three days after the change.
pub(crate) fn outcome(seed: u64, effect: Effect) -> Verdict {
    let looks = (24..=72).step_by(3).map(|hours| verdict(seed, effect, hours));
    looks.into_iter().find(|verdict| *verdict != Verdict::Continue).unwrap_or(Verdict::Continue)
}

/// The verdict so many hours after a change.
fn verdict(seed: u64, effect: Effect, hours: usize) -> Verdict {
    let periods = ACTED + hours * 12;
    let acted_at = START + ACTED as i64 * 300_000;
    // Half of the services miss their objective at times, whatever happens.
    let objective = if seed.is_multiple_of(2) { 300.0 } else { 118.0 };
    let change = Change {
        acted_at,
        observe_until: acted_at + DAY_MS,
        give_up_at: acted_at + 3 * DAY_MS,
        at: START + periods as i64 * 300_000,
        limits: Limits { latency_p95_ms: Some(objective), ..Limits::default() },
        metrics: metrics(seed, effect, periods),
        ..Change::default()
    };
    judge(&change).verdict
}

/// The metrics of a service before and after a change.
fn metrics(seed: u64, effect: Effect, periods: usize) -> Metrics {
    let random = &mut Random::new(seed);
    let bursty = seed.is_multiple_of(3);
    // The harm is between a twentieth and a quarter of the day.
    let peak = 0.995 - 0.065 * random.uniform();
    let mut columns = vec![Vec::new(); 6];
    let mut state = [0.0; 3];
    let mut burst_until = 0;
    for at in 0..periods {
        let after = at >= ACTED;
        for (state, rho) in state.iter_mut().zip([0.8, 0.5, 0.7_f64]) {
            *state = rho * *state + (1.0 - rho * rho).sqrt() * random.normal();
        }
        if bursty && at >= burst_until && random.uniform() < 0.01 {
            burst_until = at + 9;
        }
        let day = 0.7 - 0.3 * (at as f64 / DAY as f64 * std::f64::consts::TAU).cos();
        let more = if after && effect == Effect::MoreLoad { 1.05 } else { 1.0 };
        let load = day * more * (0.06 * state[0]).exp() * if at < burst_until { 1.6 } else { 1.0 };
        let tasks = if after { effect.tasks() } else { 4.0 };
        let busy = after && day > peak;
        let full = if busy && effect == Effect::Saturates { 65.0 } else { 0.0 };
        let base = if effect == Effect::LowersIdle { 25.0 } else { 40.0 };
        let cpu = (base * load * 4.0 / tasks + full + 1.5 * state[1]).clamp(1.0, 98.0);
        let queue = 1.0 + 1.2 * (cpu / 100.0).powi(6) / (1.05 - cpu / 100.0).max(0.08);
        let slow = match effect {
            Effect::Slow if busy => 3.2,
            Effect::Slower if after => 1.35,
            _ => 1.0,
        };
        let requests = (20_000.0 * load).round();
        let share = if after && effect == Effect::Errors { 0.004 } else { 0.0013 };
        let errors = random.binomial(requests as u64, share) as f64;
        let known = random.uniform() > 0.02;
        let latency = 100.0 * queue * slow * (0.08 * state[2]).exp();
        for (column, value) in columns.iter_mut().zip([cpu, 50.0, latency, requests, errors, tasks]) {
            column.push(Some(value).filter(|_| known));
        }
    }
    let mut histories = columns.into_iter().map(|values| History::new(START, 300, values));
    let mut next = || histories.next().unwrap_or_default();
    Metrics {
        cpu: next(),
        memory: next(),
        latency: next(),
        requests: next(),
        errors: next(),
        rejected: History::default(),
        running: next(),
        desired: History::default(),
    }
}
