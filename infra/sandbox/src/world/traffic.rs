//! How load becomes latency, errors and CPU: a queue per service, pure arithmetic.
//!
//! Each task is an M/M/c queue (Poisson arrivals, exponential service times, c workers) fed an equal share of the
//! load; waiting probability by Erlang's C formula. Above saturation a fluid backlog grows by what capacity cannot
//! serve, up to a bound in seconds of work; the rest is shed as 5xx.

/// The load factor at which the stationary formula is capped; beyond it the backlog speaks.
const STATIONARY_CAP: f64 = 0.98;
/// How long a request to a hung task waits before the load balancer gives up, milliseconds.
pub(crate) const HANG_TIMEOUT_MS: f64 = 10_000.0;
/// Quantiles at which a response-time distribution is sampled, and the share of requests each stands for.
pub(crate) const QUANTILES: [(f64, f64); 21] = [
    (0.05, 0.1),
    (0.15, 0.1),
    (0.25, 0.1),
    (0.35, 0.1),
    (0.45, 0.1),
    (0.55, 0.1),
    (0.65, 0.1),
    (0.75, 0.1),
    (0.85, 0.1),
    (0.905, 0.01),
    (0.915, 0.01),
    (0.925, 0.01),
    (0.935, 0.01),
    (0.945, 0.01),
    (0.955, 0.01),
    (0.965, 0.01),
    (0.975, 0.01),
    (0.985, 0.01),
    (0.9925, 0.005),
    (0.997, 0.004),
    (0.9995, 0.001),
];

/// What a task of a service can do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Capacity {
    /// Requests a task works on at once (c).
    pub(crate) workers: u32,
    /// Mean service time of a request without waiting, milliseconds (1/µ).
    pub(crate) service_ms: f64,
    /// The longest backlog, in seconds of full work; what comes beyond is shed.
    pub(crate) backlog_seconds: f64,
}

impl Capacity {
    /// Requests per second that one task can serve when downstream makes it `slowdown` times slower.
    pub(crate) fn per_task(&self, slowdown: f64) -> f64 {
        f64::from(self.workers) * 1000.0 / (self.service_ms * slowdown)
    }
}

/// One second of a service: where requests may go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rotation {
    /// Tasks that receive requests and answer them.
    pub(crate) serving: usize,
    /// Tasks that receive requests and hang.
    pub(crate) hung: usize,
}

/// What one step did, rates in requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Flow {
    /// Requests answered by the application.
    pub(crate) served: f64,
    /// Requests shed by a full backlog: 5xx from the target.
    pub(crate) shed: f64,
    /// Requests that no target answered: 504 or 503 from the load balancer.
    pub(crate) lost: f64,
    /// Offered load over capacity of the serving tasks; may exceed 1.
    pub(crate) utilization: f64,
    /// Time a request waits behind the backlog, milliseconds.
    pub(crate) backlog_wait_ms: f64,
    /// Offered load per serving task in Erlangs, capped for the stationary formula.
    pub(crate) erlangs: f64,
}

/// Advances the backlog (requests) by `seconds` at `rate` requests per second.
pub(crate) fn step(
    capacity: &Capacity,
    slowdown: f64,
    rotation: Rotation,
    rate: f64,
    backlog: &mut f64,
    seconds: f64,
) -> Flow {
    let targets = rotation.serving + rotation.hung;
    if rotation.serving == 0 {
        *backlog = 0.0;
        return Flow { lost: rate, utilization: f64::from(u8::from(targets > 0)), ..Flow::default() };
    }
    let lost = rate * rotation.hung as f64 / targets as f64;
    let offered = rate - lost;
    let total = capacity.per_task(slowdown) * rotation.serving as f64;
    let bound = capacity.backlog_seconds * total;
    let before = backlog.min(bound);
    let wanted = (before + (offered - total) * seconds).max(0.0);
    *backlog = wanted.min(bound);
    let shed = (wanted - bound).max(0.0) / seconds;
    let utilization = offered / total;
    Flow {
        served: (offered - shed - (*backlog - before) / seconds).max(0.0),
        shed,
        lost,
        utilization,
        backlog_wait_ms: *backlog / total * 1000.0,
        erlangs: utilization.min(STATIONARY_CAP) * f64::from(capacity.workers),
    }
}

/// Probability that a request must wait: Erlang's C for `workers` and an offered load of `erlangs` < workers.
pub(crate) fn erlang_c(workers: u32, erlangs: f64) -> f64 {
    let blocking = (1..=workers).fold(1.0, |b, k| erlangs * b / (f64::from(k) + erlangs * b));
    blocking / (1.0 - erlangs / f64::from(workers) * (1.0 - blocking))
}

/// The response time, in mean service times, that a share `p` of requests stays under in M/M/c.
///
/// Tail: P(T > t) = e^(-t) · [1 + C · (1 - e^(-t(c-1-a))) / (c-1-a)], t in service times; solved by bisection.
pub(crate) fn quantile(workers: u32, erlangs: f64, p: f64) -> f64 {
    let wait = erlang_c(workers, erlangs);
    let spare = f64::from(workers) - 1.0 - erlangs;
    let tail = |t: f64| {
        let extra = if spare.abs() < 1e-9 { t } else { (1.0 - (-t * spare).exp()) / spare };
        (-t).exp() * (1.0 + wait * extra)
    };
    let (mut low, mut high) = (0.0, 1.0);
    while tail(high) > 1.0 - p {
        high *= 2.0;
    }
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if tail(middle) > 1.0 - p { low = middle } else { high = middle }
    }
    high
}

/// The last response-time distribution computed: load changes once a minute, so most seconds repeat it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distribution {
    erlangs: f64,
    workers: u32,
    times: Vec<(f64, f64)>,
}

impl Distribution {
    /// (response time in mean service times, share of requests) at the [`QUANTILES`].
    pub(crate) fn at(&mut self, workers: u32, erlangs: f64) -> &[(f64, f64)] {
        if self.times.is_empty() || self.workers != workers || (self.erlangs - erlangs).abs() > 1e-9 {
            self.workers = workers;
            self.erlangs = erlangs;
            self.times = QUANTILES.iter().map(|&(p, share)| (quantile(workers, erlangs, p), share)).collect();
        }
        &self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: Capacity = Capacity { workers: 8, service_ms: 50.0, backlog_seconds: 4.0 };

    #[test]
    fn erlang_c_matches_the_tables() {
        assert!((erlang_c(1, 0.5) - 0.5).abs() < 1e-12, "one worker waits with probability ρ");
        assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
        assert!((erlang_c(10, 8.0) - 0.409_18).abs() < 1e-4);
    }

    #[test]
    fn one_worker_is_the_exponential_of_m_m_1() {
        let expected = -(0.05_f64.ln()) / (1.0 - 0.5);
        assert!((quantile(1, 0.5, 0.95) - expected).abs() < 1e-6);
    }

    #[test]
    fn shares_add_up_to_all_requests() {
        let total: f64 = QUANTILES.iter().map(|(_, share)| share).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_saturated_service_queues_then_sheds_and_drains_when_capacity_comes() {
        let mut backlog = 0.0;
        let four = Rotation { serving: 4, hung: 0 };
        let first = step(&API, 1.0, four, 900.0, &mut backlog, 1.0);
        assert!((backlog - 260.0).abs() < 1e-9 && first.shed == 0.0, "640 of 900 requests per second are served");
        for _ in 0..20 {
            step(&API, 1.0, four, 900.0, &mut backlog, 1.0);
        }
        let full = step(&API, 1.0, four, 900.0, &mut backlog, 1.0);
        assert!((full.shed - 260.0).abs() < 1e-9 && (full.backlog_wait_ms - 4000.0).abs() < 1e-9);
        let eight = Rotation { serving: 8, hung: 0 };
        for _ in 0..10 {
            step(&API, 1.0, eight, 900.0, &mut backlog, 1.0);
        }
        assert_eq!(backlog, 0.0);
    }

    #[test]
    fn hung_targets_lose_their_share_and_no_target_loses_all() {
        let mut backlog = 0.0;
        let flow = step(&API, 1.0, Rotation { serving: 1, hung: 2 }, 90.0, &mut backlog, 1.0);
        assert!((flow.lost - 60.0).abs() < 1e-9);
        let flow = step(&API, 1.0, Rotation { serving: 0, hung: 0 }, 90.0, &mut backlog, 1.0);
        assert!((flow.lost - 90.0).abs() < 1e-9);
    }
}
