//! Memory rises from restart to restart.

use super::{Advice, Finding, Rule};
use crate::history::{Fold, HOUR_MS, History};
use crate::judge::text;
use crate::performance::load;
use crate::performance::observed::Observed;
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use crate::statistics::trend::{Trend, median};
use crate::time::Millis;

/// One side of the 95 % interval.
const ALPHA: f64 = 0.025;
/// Within how many hours the limit must be reached: a week.
const WITHIN_HOURS: f64 = 168.0;
/// The shortest lifetime that says something, in hours.
const LEAST_LIFE: usize = 6;
/// How many hours of all lifetimes it takes.
const LEAST_HOURS: usize = 24;
/// A fall by this many points, or by so many times the usual change, is a restart.
const LEAST_FALL: f64 = 5.0;
const FALL_SPREADS: f64 = 8.0;
/// The least part of its first half's slope that a leak has in the second half of a lifetime; a warm-up slows down.
const STEADY: f64 = 0.5;

/// Over the lifetimes between restarts memory rises, steadily, and soon reaches its limit.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let hourly = hourly(&observed.memory);
    let rest = beside_load(&hourly, observed);
    let deployments: Vec<Millis> = observed.deployments.iter().map(|release| release.at).collect();
    let lifetimes = lifetimes(&rest, &deployments);
    let lines: Vec<&[Option<f64>]> = lifetimes.iter().map(|(from, to)| &rest.values()[*from..*to]).collect();
    if lines.iter().map(|line| line.iter().flatten().count()).sum::<usize>() < LEAST_HOURS {
        return None;
    }
    let trend = Trend::common(&lines, 1.0)?;
    let (low, high) = trend.interval(ALPHA);
    let slope = trend.slope();
    let limit = observed.limits.memory_percent;
    let last = lines.last()?;
    let level = median(&last[last.len().saturating_sub(LEAST_LIFE)..]).or_else(|| median(last))?;
    let hours = ((limit - level) / slope).max(0.0);
    if low <= 0.0 || slope <= 0.0 || hours >= WITHIN_HOURS || !steady(&lines) {
        return None;
    }
    let restarts = lifetimes.len() - 1;
    let resets = if restarts > 0 { format!(", it fell back {restarts} times") } else { String::new() };
    let summary = format!(
        "memory rises by {} points a day (95 % interval {} to {}){resets}; at {} % now, it reaches {} % in {} h",
        text::number(24.0 * slope),
        text::number(24.0 * low),
        text::number(24.0 * high),
        text::number(level),
        text::number(limit),
        text::number(hours)
    );
    let advice = Advice {
        summary: "find what is never freed (a heap profile at two times); restart before the limit until then",
        current: format!("{} points a day", text::signed(24.0 * slope, "")),
        proposed: "level between restarts".to_owned(),
        risk: Risk::Medium,
        undo: "nothing is changed",
    };
    let evidence = vec![
        Evidence::metric("Theil-Sen slope of memory per lifetime, points a day", 24.0 * slope, observed.at),
        Evidence::metric("hours until the memory limit", hours, observed.at),
    ];
    // Rising again after it was reset is what tells a leak from growth.
    let confidence = if restarts > 0 { 0.95 } else { 0.8 };
    Some(Finding::new(Rule::MemoryLeak, confidence, summary, advice, evidence))
}

fn hourly(history: &History) -> History {
    history.folded(usize::try_from(3_600 / history.period_seconds().max(1)).unwrap_or(1), Fold::Mean)
}

/// Memory without what follows the load. How much that is shows in changes from hour to hour, in which a leak is small.
fn beside_load(memory: &History, observed: &Observed) -> History {
    let requests = load::ratio(&observed.requests, &observed.running);
    // Without a load balancer the processor tells the load.
    let load = hourly(if requests.coverage() > 0.5 { &requests } else { &observed.cpu });
    let both: Vec<(Millis, f64, f64)> = memory.pairs(&load).collect();
    let changes = both.windows(2).filter(|pair| pair[1].0 - pair[0].0 == HOUR_MS);
    let mut changes: Vec<(f64, f64)> = changes.map(|pair| (pair[1].2 - pair[0].2, pair[1].1 - pair[0].1)).collect();
    changes.sort_by(|one, two| two.0.abs().total_cmp(&one.0.abs()));
    changes.truncate(changes.len().div_ceil(4));
    let slopes: Vec<Option<f64>> =
        changes.iter().filter(|(load, _)| *load != 0.0).map(|(load, memory)| Some(memory / load)).collect();
    let (Some(slope), Some(middle)) = (median(&slopes), median(load.values())) else { return memory.clone() };
    let values = memory.values().iter().enumerate();
    let values = values.map(|(index, value)| {
        let load = load.value_at(memory.at(index)).unwrap_or(middle);
        value.map(|value| value - slope * (load - middle))
    });
    History::new(memory.start(), memory.period_seconds(), values.collect())
}

/// The stretches between restarts that are long enough, as indexes: a restart is a deployment, or a deep fall.
fn lifetimes(memory: &History, deployments: &[Millis]) -> Vec<(usize, usize)> {
    let known: Vec<(usize, f64)> =
        memory.values().iter().enumerate().filter_map(|(index, value)| Some((index, (*value)?))).collect();
    let changes: Vec<Option<f64>> = known.windows(2).map(|pair| Some((pair[1].1 - pair[0].1).abs())).collect();
    let deep = LEAST_FALL.max(FALL_SPREADS * median(&changes).unwrap_or(0.0));
    let mut ends = vec![0];
    for window in known.windows(2) {
        let ((before, high), (index, low)) = (window[0], window[1]);
        let (from, to) = (memory.at(before), memory.at(index + 1));
        if high - low >= deep || deployments.iter().any(|at| (from..to).contains(at)) {
            ends.push(index);
        }
    }
    ends.push(memory.len());
    let long = |(from, to): &(usize, usize)| memory.values()[*from..*to].iter().flatten().count() >= LEAST_LIFE;
    // The hour of a restart is half of one life and half of the next.
    let stretches = ends.windows(2).map(|pair| (if pair[0] == 0 { 0 } else { pair[0] + 1 }.min(pair[1]), pair[1]));
    stretches.filter(long).collect()
}

/// Whether the second halves of the lifetimes rise about as fast as the first.
fn steady(lines: &[&[Option<f64>]]) -> bool {
    let (first, second): (Vec<_>, Vec<_>) = lines.iter().map(|line| line.split_at(line.len() / 2)).unzip();
    let slope = |halves: &[&[Option<f64>]]| Trend::common(halves, 1.0).map(|trend| trend.slope());
    match (slope(&first), slope(&second)) {
        (Some(first), Some(second)) => second > 0.0 && second >= STEADY * first,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::Release;
    use crate::performance::observed::tests::{START, daily, history, noise, sound};

    fn found(memory: History) -> Option<Finding> {
        find(&Observed { memory, ..sound() })
    }

    #[test]
    fn a_leak_between_restarts_is_found() {
        // Nine points a day, restarted every two days and a half.
        let finding = found(history(|at| 45.0 + 9.0 * (at % 720) as f64 / 288.0 + noise(at))).unwrap();
        assert!(finding.summary.contains("fell back 5 times"), "{}", finding.summary);
        assert!((finding.evidence[0].value.as_f64().unwrap() - 9.0).abs() < 1.0, "{:?}", finding.evidence);
        assert!(found(history(|at| 30.0 + 3.5 * at as f64 / 288.0 + noise(at))).is_some(), "without a restart");
    }

    #[test]
    fn what_follows_the_load_warms_up_or_was_deployed_is_no_leak() {
        assert_eq!(found(history(|at| 50.0 + 25.0 * daily(at) + noise(at))), None, "the load");
        let warm = |at: usize| 80.0 - 40.0 * (-(at as f64) / 800.0).exp() + noise(at);
        assert_eq!(found(history(warm)), None, "a cache that fills");
        let mut observed = sound();
        observed.memory = history(|at| 50.0 + 10.0 * (at / 1_008) as f64 + noise(at));
        observed.deployments =
            (1..4).map(|week| Release { at: START + week * 1_008 * 300_000, name: "d".to_owned() }).collect();
        assert_eq!(find(&observed), None, "each release needs more");
        assert_eq!(found(history(|at| 50.0 + 0.5 * at as f64 / 288.0)), None, "not within weeks");
    }
}
