//! Series with known truth, watched by the judge look by look as a deployment's window is.

use operations::judge::{Baseline, Kind, Latency, Metric, Ratio, Request, Requests, Verdict, judge};

/// How many looks a window has.
const LOOKS: u32 = 4;

/// A small generator of random numbers (SplitMix64): the same seed gives the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    /// A generator from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Above 0 and at most 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// How many of `trials` succeed with the chance `chance` each: by the gaps between successes.
    fn binomial(&mut self, trials: u64, chance: f64) -> u64 {
        let (mut successes, mut at) = (0, 0.0);
        loop {
            at += (self.uniform().ln() / (-chance).ln_1p()).floor() + 1.0;
            if at > trials as f64 {
                return successes;
            }
            successes += 1;
        }
    }
}

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
