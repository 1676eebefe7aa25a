//! What an analysis sees of a service.

use crate::catalogue::Slo;
use crate::history::History;
use crate::time::Millis;

/// Limits and objectives that findings and the score are measured by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Processor utilisation that is too much, in percent: 80 where nobody says.
    pub cpu_percent: f64,
    /// Memory utilisation that is too much, in percent: 90 where nobody says.
    pub memory_percent: f64,
    /// The objective for the 95th percentile of the response time, in milliseconds.
    pub latency_p95_ms: Option<f64>,
    /// The objective for server errors among requests, in percent.
    pub error_rate_percent: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_percent: 80.0, memory_percent: 90.0, latency_p95_ms: None, error_rate_percent: None }
    }
}

impl Limits {
    /// The objectives of a catalogue entry; its processor and memory only where the environment does not say.
    pub fn of(slo: &Slo, cpu_percent: Option<f64>, memory_percent: Option<f64>) -> Self {
        let default = Self::default();
        Self {
            cpu_percent: cpu_percent.or(slo.cpu_percent).unwrap_or(default.cpu_percent),
            memory_percent: memory_percent.or(slo.memory_percent).unwrap_or(default.memory_percent),
            latency_p95_ms: slo.latency_p95_ms,
            error_rate_percent: slo.error_rate_percent,
        }
    }
}

/// Response times as percentiles of each period, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latency {
    /// The 50th percentile.
    pub p50: History,
    /// The 95th percentile.
    pub p95: History,
    /// The 99th percentile.
    pub p99: History,
}

/// The processor of one task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskCpu {
    /// The task's id.
    pub id: String,
    /// Its utilisation in percent, minute by minute.
    pub cpu: History,
}

/// A task that stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// When.
    pub at: Millis,
    /// Whether it was killed for want of memory.
    pub out_of_memory: bool,
}

/// A deployment: a change of what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// When it was created.
    pub at: Millis,
    /// Its name: a deployment's id or a task definition.
    pub name: String,
}

/// The database that a service depends on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Database {
    /// Its identifier.
    pub id: String,
    /// Processor utilisation in percent.
    pub cpu: History,
    /// The slower one of read and write latency, in milliseconds.
    pub latency: History,
    /// Connections.
    pub connections: History,
}

/// Four weeks, hour by hour: for trends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weeks {
    /// Mean processor utilisation in percent.
    pub cpu: History,
    /// Largest memory utilisation in percent.
    pub memory: History,
    /// The 95th percentile of the response time in milliseconds.
    pub latency: History,
    /// Requests per hour.
    pub requests: History,
    /// Bytes received and sent per second.
    pub network: History,
}

/// Everything that an analysis sees. Histories are in periods of five minutes over two weeks unless said; one without
/// periods was not read, and what needs it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The end of what was observed.
    pub at: Millis,
    /// The limits.
    pub limits: Limits,
    /// Processor utilisation in percent, the mean over the tasks.
    pub cpu: History,
    /// Memory utilisation in percent, the largest of any task.
    pub memory: History,
    /// Response times; of a service without a load balancer without periods.
    pub latency: Latency,
    /// Requests per period.
    pub requests: History,
    /// Requests that failed by the server, per period; where `requests` is known, an unknown one counts as none.
    pub errors: History,
    /// Connections that were rejected, per period; unknown counts as none.
    pub rejected: History,
    /// Running tasks.
    pub running: History,
    /// The processor of each task over the last day.
    pub tasks: Vec<TaskCpu>,
    /// Tasks that stopped of late.
    pub stops: Vec<Stop>,
    /// How long starts took until the tasks were healthy, in seconds.
    pub starts: Vec<f64>,
    /// The database that the service depends on.
    pub database: Option<Database>,
    /// Deployments, oldest first.
    pub deployments: Vec<Release>,
    /// Four weeks by the hour.
    pub weeks: Weeks,
}

impl Observed {
    /// Errors among requests over all that is known, in percent; `None` without requests.
    pub fn error_percent(&self) -> Option<f64> {
        let requests: f64 = self.requests.sum();
        let errors: f64 = self.requests.known().filter_map(|(at, _)| self.errors.value_at(at)).sum();
        (requests > 0.0).then(|| 100.0 * errors / requests)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::history::{DAY_MS, HOUR_MS};

    /// Periods of five minutes in two weeks.
    pub(crate) const PERIODS: usize = 14 * 288;
    /// A Monday at midnight.
    pub(crate) const START: Millis = 1_795_996_800_000;

    /// Two weeks of five minutes.
    pub(crate) fn history(value: impl Fn(usize) -> f64) -> History {
        History::new(START, 300, (0..PERIODS).map(|at| Some(value(at))).collect())
    }

    /// Four weeks by the hour, which end with the two.
    pub(crate) fn hourly(value: impl Fn(usize) -> f64) -> History {
        History::new(START - 14 * DAY_MS, 3_600, (0..28 * 24).map(|at| Some(value(at))).collect())
    }

    /// Deterministic noise, -0.5 to 0.5.
    pub(crate) fn noise(at: usize) -> f64 {
        (at * 7919 % 1009) as f64 / 1009.0 - 0.5
    }

    /// The share of the day's load at a period, 0 to 1.
    pub(crate) fn daily(at: usize) -> f64 {
        0.5 - 0.5 * (at as f64 / 288.0 * std::f64::consts::TAU).cos()
    }

    /// A service without a fault.
    pub(crate) fn sound() -> Observed {
        let cpu = history(|at| 25.0 + 30.0 * daily(at) + 4.0 * noise(at));
        Observed {
            at: START + 14 * DAY_MS,
            limits: Limits { latency_p95_ms: Some(400.0), error_rate_percent: Some(1.0), ..Limits::default() },
            memory: history(|at| 50.0 + noise(at + 3)),
            latency: Latency {
                p50: history(|at| 60.0 + 5.0 * noise(at + 5)),
                p95: history(|at| 150.0 + 20.0 * noise(at + 7)),
                p99: history(|at| 250.0 + 40.0 * noise(at + 9)),
            },
            requests: history(|at| 6_000.0 + 9_000.0 * daily(at)),
            errors: History::new(START, 300, vec![None; PERIODS]),
            rejected: History::new(START, 300, vec![None; PERIODS]),
            running: history(|_| 4.0),
            starts: vec![40.0, 42.0, 38.0, 45.0, 41.0, 39.0],
            weeks: Weeks {
                cpu: hourly(|at| 40.0 + 15.0 * daily(at * 12) + noise(at)),
                memory: hourly(|at| 50.0 + noise(at)),
                latency: hourly(|at| 150.0 + 10.0 * noise(at)),
                requests: hourly(|at| 72_000.0 + 108_000.0 * daily(at * 12)),
                network: hourly(|at| 1e6 + 1e5 * noise(at)),
            },
            cpu,
            ..Observed::default()
        }
    }

    #[test]
    fn errors_count_where_requests_do() {
        let mut observed = Observed { requests: history(|_| 100.0), ..Observed::default() };
        observed.errors = History::new(START - HOUR_MS, 300, vec![Some(50.0); 13]);
        let percent = observed.error_percent().unwrap();
        assert!((percent - 50.0 / (100.0 * PERIODS as f64) * 100.0).abs() < 1e-9, "{percent}");
        assert_eq!(Observed::default().error_percent(), None);
    }

    #[test]
    fn the_environment_comes_before_the_catalogue() {
        let slo = Slo { cpu_percent: Some(70.0), ..Slo::default() };
        assert_eq!(Limits::of(&slo, None, None).cpu_percent, 70.0);
        assert_eq!(Limits::of(&slo, Some(85.0), None).cpu_percent, 85.0);
        assert_eq!(Limits::of(&slo, None, None).memory_percent, 90.0);
    }
}
