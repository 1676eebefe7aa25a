#![doc = include_str!("judge/README.md")]

mod alpha;
mod count;
mod examine;
mod gauge;
mod latency;
mod metric;
mod proportion;
mod rate;
mod ratio;
mod report;
#[cfg(test)]
mod tests;
pub(crate) mod text;
#[cfg(test)]
mod vectors;

pub use metric::{Baseline, Count, Direction, Events, Gauge, HardLimit, Kind, Latency, Leak, Metric, Ratio, Requests};
pub use report::{BaselineKind, Interval, KindName, MetricReport, Report, Side, Verdict};

use crate::error::{Error, Kind as ErrorKind};
use examine::{Effect, Examined, Outcome};

/// What to judge: every metric of a deployment, at one look of its observation window.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The metrics, in the order in which the report names them. Nothing to judge is never a pass.
    pub metrics: Vec<Metric>,
    /// Which look this is, from 1 to [`Request::looks`]; look `k` is taken after `k / looks` of the window.
    pub look: u32,
    /// How many looks the window has, at least 1; 4 is usual.
    pub looks: u32,
}

/// Judges the metrics at one look.
///
/// # Errors
/// `Ops.InvalidInput` naming the field when a look or a threshold makes no sense. Bad *data* is no error: it makes its
/// metric unknown.
pub fn judge(request: &Request) -> Result<Report, Error> {
    if request.look == 0 || request.look > request.looks {
        let message = format!("look must be from 1 to looks ({}), not {}", request.looks, request.look);
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    for metric in &request.metrics {
        metric.check()?;
    }
    let last = request.look == request.looks;
    let examined: Vec<Examined> = request.metrics.iter().map(examine).collect();
    let allotments = allot(request, &examined);
    let judged = request.metrics.iter().zip(examined).zip(allotments);
    let metrics: Vec<MetricReport> =
        judged.map(|((metric, examined), allotment)| report_on(metric, examined, allotment, last)).collect();
    let verdict = overall(&metrics, last);
    let reasons = reasons(request, &metrics, verdict);
    Ok(Report { verdict, look: request.look, looks: request.looks, reasons, metrics })
}

fn examine(metric: &Metric) -> Examined {
    match &metric.kind {
        Kind::Latency(latency) => latency::examine(latency, &metric.unit),
        Kind::Ratio(ratio) => ratio::examine(ratio),
        Kind::Gauge(gauge) => gauge::examine(gauge, &metric.unit),
        Kind::Count(count) => count::examine(count),
    }
}

/// What a metric's test may use of the chance of a false alarm, and whether it shares with no other.
#[derive(Debug, Clone, Copy)]
struct Allotment {
    alpha: f64,
    critical: bool,
}

/// Critical metrics, and those whose shift is critical, have all that this look may use; the others share it.
fn allot(request: &Request, examined: &[Examined]) -> Vec<Allotment> {
    let alpha = alpha::at_look(alpha::ALPHA, request.look, request.looks);
    let mut allotments: Vec<Allotment> =
        request.metrics.iter().map(|metric| Allotment { alpha, critical: metric.critical }).collect();
    let mut sharing = Vec::new();
    for (index, examined) in examined.iter().enumerate() {
        let Outcome::Test(effect) = &examined.outcome else { continue };
        allotments[index].critical |= effect.severe();
        if !allotments[index].critical {
            sharing.push((index, effect.p()));
        }
    }
    let p_values: Vec<f64> = sharing.iter().map(|(_, p)| *p).collect();
    for ((index, _), alpha) in sharing.into_iter().zip(alpha::holm(alpha, &p_values)) {
        allotments[index].alpha = alpha;
    }
    allotments
}

fn report_on(metric: &Metric, examined: Examined, allotment: Allotment, last: bool) -> MetricReport {
    let Examined { green, blue, baseline, outcome } = examined;
    let mut report = MetricReport {
        name: metric.name.clone(),
        kind: metric.kind.name(),
        unit: metric.unit.clone(),
        verdict: Verdict::Continue,
        reason: String::new(),
        critical: allotment.critical,
        green,
        blue,
        baseline,
        estimate: None,
        relative: None,
        interval: None,
        rho: None,
        p: None,
        alpha: None,
    };
    let (at_the_end, line) = match outcome {
        Outcome::Breach(line) => (Verdict::Fail, line),
        Outcome::Unknown(line) => (Verdict::Inconclusive, line),
        Outcome::Within(line) => (Verdict::Pass, line),
        Outcome::Test(effect) => tested(&mut report, effect.as_ref(), allotment.alpha, last),
    };
    // Only a failure ends the window early.
    report.verdict = if last || at_the_end == Verdict::Fail { at_the_end } else { Verdict::Continue };
    report.reason = format!("{}: {line}", metric.name);
    report
}

/// Enters a test's figures into the report; answers the verdict, were this the end, and the line about it.
fn tested(report: &mut MetricReport, effect: &dyn Effect, alpha: f64, last: bool) -> (Verdict, String) {
    let (p, (low, high)) = (effect.p(), effect.interval(alpha));
    let finite = |value: f64| value.is_finite().then_some(value);
    report.estimate = finite(effect.estimate());
    report.relative = effect.relative().and_then(finite);
    report.interval = Some(Interval { low: finite(low), high: finite(high), confidence: 100.0 - 200.0 * alpha });
    report.rho = effect.rho();
    report.p = Some(p);
    report.alpha = Some(alpha);
    let fails = p < alpha && effect.exceeds() && (last || effect.early());
    let verdict = if fails { Verdict::Fail } else { Verdict::Pass };
    (verdict, effect.line(alpha, (low, high)))
}

fn overall(metrics: &[MetricReport], last: bool) -> Verdict {
    let any = |verdict| metrics.iter().any(|metric| metric.verdict == verdict);
    if any(Verdict::Fail) {
        Verdict::Fail
    } else if !last {
        Verdict::Continue
    } else if metrics.is_empty() || any(Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    }
}

fn reasons(request: &Request, metrics: &[MetricReport], verdict: Verdict) -> Vec<String> {
    match verdict {
        _ if metrics.is_empty() => vec!["there is no metric to judge".to_owned()],
        Verdict::Fail | Verdict::Inconclusive => {
            metrics.iter().filter(|metric| metric.verdict == verdict).map(|metric| metric.reason.clone()).collect()
        }
        Verdict::Pass => vec![format!("no metric is worse than allowed ({})", names(metrics))],
        Verdict::Continue => {
            vec![format!("look {} of {}: nothing has failed so far ({})", request.look, request.looks, names(metrics))]
        }
    }
}

fn names(metrics: &[MetricReport]) -> String {
    metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>().join(", ")
}
