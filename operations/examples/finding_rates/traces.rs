//! Services with known faults: four weeks of metrics, made from a load, its noise and what is wrong.

use crate::random::Random;
use operations::history::{Fold, History};
use operations::performance::{Database, Latency, Limits, Observed, Release, Rule, Stop, TaskCpu, Weeks};

/// Periods of five minutes in a day.
const DAY: usize = 288;
/// Four weeks of them.
const PERIODS: usize = 28 * DAY;
/// Where the two weeks of an analysis begin.
const HALF: usize = 14 * DAY;
/// A Monday.
const START: i64 = 1_795_996_800_000;

/// How the load of a service behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Load {
    /// About the same always.
    Flat,
    /// Days and nights.
    Daily,
    /// Days, nights and quiet weekends.
    Weekly,
    /// Days, with bursts of 45 minutes at twice the load.
    Bursts,
    /// Days, growing by 2 % a week.
    Growing,
    /// Days, and a third more from some day on.
    Shifted,
}

impl Load {
    /// Every one.
    pub(crate) const ALL: [Load; 6] =
        [Load::Flat, Load::Daily, Load::Weekly, Load::Bursts, Load::Growing, Load::Shifted];

    /// The load of a period, about 0.3 to 2.
    fn at(self, at: usize, burst: bool) -> f64 {
        let day = 0.7 - 0.3 * (at as f64 / DAY as f64 * std::f64::consts::TAU).cos();
        match self {
            Load::Flat => 0.8,
            Load::Daily => day,
            Load::Weekly if at / DAY % 7 >= 5 => 0.6 * day,
            Load::Weekly => day,
            Load::Bursts => day * if burst { 2.0 } else { 1.0 },
            Load::Growing => day * (1.0 + 0.02 * at as f64 / (7 * DAY) as f64),
            Load::Shifted => day * if at >= 20 * DAY { 1.33 } else { 1.0 },
        }
    }
}

/// What is wrong: one rule's fault, as mild as it is still to be found, or nothing.
pub(crate) type Fault = Option<Rule>;

/// Whether a service with a fault has what another rule looks for, too: a leak fills memory, and what makes requests
/// dearer makes the processor short where bursts need it.
pub(crate) fn follows(rule: Rule, fault: Fault) -> bool {
    let pairs =
        [(Rule::MemoryPressure, Rule::MemoryLeak), (Rule::CpuBound, Rule::Trend), (Rule::CpuBound, Rule::Regression)];
    fault.is_some_and(|fault| pairs.contains(&(rule, fault)))
}

/// The noise of neighbouring periods resembles each other.
struct Noise {
    state: f64,
    rho: f64,
}

impl Noise {
    fn new(random: &mut Random, rho: f64) -> Self {
        Self { state: random.normal(), rho }
    }

    fn next(&mut self, random: &mut Random) -> f64 {
        self.state = self.rho * self.state + (1.0 - self.rho * self.rho).sqrt() * random.normal();
        self.state
    }
}

/// The series of a service, before gaps.
#[derive(Default)]
struct Series {
    cpu: Vec<f64>,
    memory: Vec<f64>,
    latency: Vec<f64>,
    requests: Vec<f64>,
    errors: Vec<f64>,
    rejected: Vec<f64>,
    running: Vec<f64>,
    database_cpu: Vec<f64>,
    database_latency: Vec<f64>,
    connections: Vec<f64>,
}

/// A service under a load with a fault.
pub(crate) fn service(seed: u64, load: Load, fault: Fault) -> Observed {
    let random = &mut Random::new(seed);
    let load = match (load, fault) {
        // At an even load latency cannot rise with the processor.
        (Load::Flat, Some(Rule::CpuBound)) => Load::Daily,
        // Growth with a step in it is both or neither.
        (Load::Shifted, Some(Rule::Trend)) => Load::Growing,
        _ => load,
    };
    // Where a fault has a beginning, and a deployment that did nothing.
    let begins = HALF + DAY * 4 + (random.uniform() * 8.0 * DAY as f64) as usize;
    let series = series(random, load, fault, begins);
    let gaps: Vec<bool> = gaps(random);
    let history = |values: &[f64]| {
        let values = values.iter().zip(&gaps).map(|(value, gap)| Some(*value).filter(|_| !gap));
        History::new(START, 300, values.collect())
    };
    let half = |values: &[f64]| history(values).between(START + HALF as i64 * 300_000, i64::MAX / 8);
    let latency = |factor: f64| half(&series.latency).map(|latency| factor * latency);
    let hourly = |values: &[f64]| history(values).folded(12, Fold::Mean);
    let time = |at: usize| START + at as i64 * 300_000;
    let starts = starts(random, fault == Some(Rule::SlowStart));
    let deployed = if fault == Some(Rule::Regression) { begins } else { HALF + DAY * 3 };
    let killed = fault == Some(Rule::MemoryPressure) && random.uniform() < 0.5;
    Observed {
        at: time(PERIODS),
        limits: Limits { latency_p95_ms: Some(400.0), error_rate_percent: Some(1.0), ..Limits::default() },
        cpu: half(&series.cpu),
        memory: half(&series.memory),
        latency: Latency { p50: latency(0.4), p95: latency(1.0), p99: latency(1.8) },
        requests: half(&series.requests),
        errors: half(&series.errors),
        rejected: half(&series.rejected),
        running: half(&series.running),
        tasks: tasks(random, &series, fault == Some(Rule::Imbalance)),
        stops: if killed { vec![Stop { at: time(PERIODS - DAY), out_of_memory: true }] } else { Vec::new() },
        starts,
        database: Some(Database {
            id: "orders-db".to_owned(),
            cpu: half(&series.database_cpu),
            latency: half(&series.database_latency),
            connections: half(&series.connections),
        }),
        deployments: vec![
            Release { at: time(HALF + DAY), name: "api:1".to_owned() },
            Release { at: time(deployed) - 120_000, name: "api:2".to_owned() },
        ],
        weeks: Weeks {
            cpu: hourly(&series.cpu),
            memory: hourly(&series.memory),
            latency: hourly(&series.latency),
            requests: history(&series.requests).folded(12, Fold::Sum),
            network: History::default(),
        },
    }
}

/// The moment at which the fault of a service began, if it has one.
pub(crate) fn began(seed: u64) -> i64 {
    let begins = HALF + DAY * 4 + (Random::new(seed).uniform() * 8.0 * DAY as f64) as usize;
    START + begins as i64 * 300_000
}

fn series(random: &mut Random, load: Load, fault: Fault, begins: usize) -> Series {
    let mut series = Series::default();
    let [mut load_noise, mut cpu_noise, mut latency_noise, mut memory_noise, mut database_noise] =
        [0.8, 0.5, 0.7, 0.9, 0.7].map(|rho| Noise::new(random, rho));
    let mut sizes = Sizes::new(random, load, fault);
    let mut burst_until = 0;
    let mut storm_until = 0;
    for at in 0..PERIODS {
        if at >= burst_until && random.uniform() < 0.02 {
            burst_until = at + 9;
        }
        if at >= storm_until + DAY / 4 && random.uniform() < 0.008 {
            storm_until = at + 24 + (random.uniform() * 36.0) as usize;
        }
        let now = load.at(at, at < burst_until) * (0.06 * load_noise.next(random)).exp();
        let growth = sizes.growth(at);
        let regressed = fault == Some(Rule::Regression) && at >= begins;
        let cost = if regressed && sizes.odd { 1.45 } else { 1.0 };
        let tasks = sizes.tasks(at, now);
        let cpu = (sizes.cpu * growth * cost * now / tasks * 4.0 + 1.5 * cpu_noise.next(random)).clamp(1.0, 100.0);
        // A queue in front of the processor.
        let wait = 1.0 + 1.2 * (cpu / 100.0).powi(6) / (1.05 - cpu / 100.0).max(0.08);
        let storm = at < storm_until;
        let downstream = fault == Some(Rule::DownstreamBound) && storm;
        let database = if downstream { 25.0 } else { 3.0 } * (0.15 * database_noise.next(random)).exp();
        let slower = if regressed && !sizes.odd { 1.45 } else { 1.0 };
        let noise = (0.08 * latency_noise.next(random)).exp();
        // An endpoint that is slow at times for reasons of its own.
        let own = if sizes.odd && fault.is_none() && storm && at % 3 == 0 { 1.6 } else { 1.0 };
        series.latency.push((90.0 * wait * slower * noise * own) + 6.0 * database);
        series.cpu.push(cpu);
        let memory = memory_noise.next(random);
        series.memory.push(sizes.memory(random, at, now / tasks * 4.0, memory));
        let requests = (now * 20_000.0).round();
        series.requests.push(requests);
        series.errors.push(random.binomial(requests as u64, 0.001) as f64);
        let full = fault == Some(Rule::Queueing) && at > HALF && random.uniform() < 0.005;
        series.rejected.push(if full { 5.0 } else { 0.0 });
        series.running.push(tasks);
        series.database_cpu.push(15.0 + 20.0 * now + database_noise.state);
        series.database_latency.push(database);
        series.connections.push(20.0 * tasks + 30.0 * now);
    }
    series
}

/// How large a service is, how it scales, and what its memory does.
struct Sizes {
    fault: Fault,
    /// CPU in percent at a load of 1 with four tasks.
    cpu: f64,
    /// Growth of the work per week.
    weekly: f64,
    /// Whether autoscaling follows the load.
    scales: bool,
    /// One of two variants of a fault, or of a sound service.
    odd: bool,
    tasks: f64,
    leaked: f64,
    life: usize,
    base: f64,
}

impl Sizes {
    fn new(random: &mut Random, load: Load, fault: Fault) -> Self {
        let scales = random.uniform() < 0.4 && !matches!(fault, Some(Rule::CpuBound | Rule::Trend));
        let cpu = match fault {
            Some(Rule::CpuBound) => 88.0,
            Some(Rule::DownstreamBound) => 30.0,
            // Bursts are what the 95th percentile sees.
            Some(Rule::Trend) if load == Load::Bursts => 32.0,
            Some(Rule::Trend) => 40.0,
            Some(Rule::Imbalance) => 30.0,
            _ => 42.0 + 10.0 * random.uniform(),
        };
        let odd = random.uniform() < 0.5;
        let base = if fault == Some(Rule::MemoryPressure) { 86.0 } else { 40.0 + 15.0 * random.uniform() };
        Self { fault, cpu, weekly: 0.12, scales, odd, tasks: 4.0, leaked: 0.0, life: 0, base }
    }

    fn growth(&self, at: usize) -> f64 {
        let weeks = at as f64 / (7 * DAY) as f64;
        if self.fault == Some(Rule::Trend) { 1.0 + self.weekly * weeks } else { 1.0 }
    }

    fn tasks(&mut self, at: usize, load: f64) -> f64 {
        if self.scales && at.is_multiple_of(3) {
            self.tasks = (load * 6.0).ceil().clamp(2.0, 16.0);
        }
        self.tasks
    }

    fn memory(&mut self, random: &mut Random, at: usize, per_task: f64, noise: f64) -> f64 {
        let leaks = self.fault == Some(Rule::MemoryLeak);
        self.life += 1;
        // Restarted by its limit, or by releases every few days.
        let full = self.base + self.leaked > 92.0;
        if full || (leaks && self.odd && self.life > 2 * DAY && random.uniform() < 0.002) {
            (self.leaked, self.life) = (0.0, 0);
        }
        if leaks {
            self.leaked += 7.0 / DAY as f64;
        }
        let held = if self.fault == Some(Rule::MemoryPressure) { 0.0 } else { 3.0 };
        // A cache that fills after the first start, and what requests hold while they run.
        let warm = 6.0 * (1.0 - (-(at as f64) / (2 * DAY) as f64).exp());
        let peak = if self.fault == Some(Rule::MemoryPressure) && random.uniform() < 0.01 { 7.0 } else { 0.0 };
        (self.base + self.leaked + warm.min(6.0) * held / 3.0 + held * per_task + 0.8 * noise + peak).clamp(0.0, 100.0)
    }
}

/// In two services of three no gaps; else 15 % of the time in outages of some hours.
fn gaps(random: &mut Random) -> Vec<bool> {
    let holey = random.uniform() < 0.34;
    let mut until = 0;
    (0..PERIODS)
        .map(|at| {
            if holey && at >= until && random.uniform() < 0.007 {
                until = at + 12 + (random.uniform() * 24.0) as usize;
            }
            at < until
        })
        .collect()
}

fn starts(random: &mut Random, slow: bool) -> Vec<f64> {
    let count = 6 + (random.uniform() * 30.0) as usize;
    let start = |random: &mut Random| {
        let usual = if slow { 120.0 } else { 55.0 };
        // Now and then a pull of the image takes long.
        let pull = if random.uniform() < 0.03 { 90.0 } else { 0.0 };
        usual * (0.3 * random.normal()).exp() + pull
    };
    let mut starts: Vec<f64> = (0..count).map(|_| start(random)).collect();
    if slow {
        // At least a quarter of them.
        for start in starts.iter_mut().step_by(4) {
            *start = start.max(130.0);
        }
    }
    starts
}

/// The last day of each task, minute by minute; of an autoscaled service tasks come and go.
fn tasks(random: &mut Random, series: &Series, uneven: bool) -> Vec<TaskCpu> {
    let last = PERIODS - DAY;
    let most = series.running[last..].iter().copied().fold(0.0, f64::max) as usize;
    // The hot key's hours.
    let from = (random.uniform() * 800.0) as usize;
    let mut all = Vec::new();
    for id in 0..most {
        let mut noise = Noise::new(random, 0.5);
        let mut young = 0;
        let values = (0..1_440).map(|minute| {
            let at = last + minute / 5;
            let runs = (series.running[at] as usize) > id;
            young = if runs { young + 1 } else { 0 };
            let own = noise.next(random);
            // A cold start: a quarter of an hour until it has its part of the work.
            let cold = if young < 8 && minute > 0 && id >= 2 { 0.2 } else { 1.0 };
            let hot = uneven && id == 0 && (from..from + 300).contains(&minute);
            // What the hot key takes is missing elsewhere.
            let all = series.running[at].max(2.0);
            let taken = 2.4_f64.min(0.97 * all);
            let busy = uneven && (from..from + 300).contains(&minute);
            let share = match (busy, hot) {
                (true, true) => taken,
                (true, false) => (all - taken) / (all - 1.0),
                _ => 1.0,
            };
            let value = (series.cpu[at] * share * cold + 3.0 * own).clamp(0.0, 100.0);
            Some(value).filter(|_| runs)
        });
        let values = values.collect();
        all.push(TaskCpu { id: format!("task-{id}"), cpu: History::new(START + last as i64 * 300_000, 60, values) });
    }
    all
}
