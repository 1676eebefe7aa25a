//! Series with known truth, watched by the judge look by look as a deployment's window is.

use operations::judge::{Baseline, Kind, Latency, Metric, Ratio, Request, Requests, Verdict, judge};

pub(crate) use crate::random::Random;

/// How many looks a window has.
const LOOKS: u32 = 4;

/// A level per minute: lognormal with a spread of 0.3, neighbours correlated by `rho`, times `factor`.
pub(crate) fn levels(random: &mut Random, minutes: usize, rho: f64, factor: f64) -> Vec<Option<f64>> {
    let mut state = random.normal();
    let mut series = Vec::with_capacity(minutes);
    for _ in 0..minutes {
        series.push(Some(100.0 * factor * (0.3 * state).exp()));
        state = rho * state + (1.0 - rho * rho).sqrt() * random.normal();
    }
    series
}

/// Requests and errors per minute; `share` is the chance of an error in a minute.
pub(crate) fn requests(
    random: &mut Random,
    minutes: usize,
    per_minute: u64,
    share: impl Fn(usize) -> f64,
) -> Vec<Option<Requests>> {
    let mut minute = |minute| Requests { errors: random.binomial(per_minute, share(minute)), total: per_minute };
    (0..minutes).map(|at| Some(minute(at))).collect()
}

/// Watches a latency over its window; the look at which it fails.
pub(crate) fn watch_latency(green: &[Option<f64>], blue: &[Option<f64>]) -> Option<u32> {
    watch(|look| {
        let baseline = Baseline::Concurrent(so_far(blue, look));
        vec![Metric::new("latency", "ms", Kind::Latency(Latency::new(so_far(green, look), baseline)))]
    })
}

/// Watches a ratio over its window; the look at which it fails.
pub(crate) fn watch_ratio(green: &[Option<Requests>], blue: &[Option<Requests>]) -> Option<u32> {
    watch(|look| {
        let baseline = Baseline::Concurrent(so_far(blue, look));
        vec![Metric::new("errors", "%", Kind::Ratio(Ratio::new(so_far(green, look), baseline)))]
    })
}

/// Watches metrics look by look; the look at which they fail.
pub(crate) fn watch(metrics: impl Fn(u32) -> Vec<Metric>) -> Option<u32> {
    (1..=LOOKS).find(|look| {
        let report = judge(&Request { metrics: metrics(*look), look: *look, looks: LOOKS });
        report.is_ok_and(|report| report.verdict == Verdict::Fail)
    })
}

/// The part of a window that a look sees.
pub(crate) fn so_far<T: Clone>(series: &[T], look: u32) -> Vec<T> {
    series[..series.len() * look as usize / LOOKS as usize].to_vec()
}

/// How often a trial fails and, when it does, at which look in the mean.
pub(crate) fn rate(rounds: u32, random: &mut Random, mut trial: impl FnMut(&mut Random) -> Option<u32>) -> (f64, f64) {
    let failures: Vec<u32> = (0..rounds).filter_map(|_| trial(random)).collect();
    let count = failures.len() as f64;
    let looks: f64 = failures.iter().copied().map(f64::from).sum();
    (count / f64::from(rounds), if count > 0.0 { looks / count } else { f64::NAN })
}
