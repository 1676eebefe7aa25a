//! A limit will be reached in weeks.

use super::{Advice, Finding, Rule};
use crate::judge::text;
use crate::performance::observed::Observed;
use crate::performance::trends::{Trend, slope, trends};
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use crate::statistics::trend::median;

/// Within how many days the limit must be reached.
const WITHIN_DAYS: f64 = 60.0;
/// How much a metric must grow in a week, as a part of its level: less is noise.
const LEAST_GROWTH: f64 = 0.03;
/// The largest part of the whole growth that may happen from one week to the next: more is a step, not a trend. For
/// three weeks and for four.
const MOST_AT_ONCE: [f64; 2] = [0.75, 0.6];
/// The smallest part: a week that stood still is none of a trend.
const LEAST_AT_ONCE: f64 = 0.1;
/// The largest distance of a week from the line, as a part of the whole growth.
const MOST_BESIDE: f64 = 0.3;

/// The weekly 95th percentile of processor, memory or latency grows steadily and reaches its limit soon. What is beyond
/// its limit already is other rules' matter.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let trends = trends(observed);
    let outlooks = trends.iter().filter_map(|trend| Some((outlook(trend)?, trend)));
    let soon = outlooks.filter(|(outlook, _)| outlook.days > 0.0 && outlook.days <= WITHIN_DAYS);
    let (outlook, trend) = soon.min_by(|one, two| one.0.days.total_cmp(&two.0.days))?;
    let Outlook { slope, newest, limit, days } = outlook;
    let summary = format!(
        "the weekly 95th percentile of {} grows by {} a week; at {} now, it reaches {} in {} days",
        trend.metric,
        text::quantity(slope, trend.unit),
        text::quantity(newest, trend.unit),
        text::quantity(limit, trend.unit),
        text::number(days)
    );
    let advice = Advice {
        summary: "plan capacity before that day: a higher maximum, larger tasks, or less work per request",
        current: format!("{} a week", text::signed(slope, trend.unit)),
        proposed: format!("below {} for the next 60 days", text::quantity(limit, trend.unit)),
        risk: Risk::Low,
        undo: "nothing is changed",
    };
    let evidence = trend.weekly.iter().flatten().enumerate();
    let evidence = evidence.map(|(week, value)| {
        Evidence::metric(&format!("{} p95 of week {}", trend.metric, week + 1), *value, observed.at)
    });
    let evidence = evidence.collect();
    Some(Finding::new(Rule::Trend, 0.8, summary, advice, evidence))
}

/// Where a metric is, how it grows in a week, and when it reaches its limit.
struct Outlook {
    slope: f64,
    newest: f64,
    limit: f64,
    days: f64,
}

/// The outlook of a metric that grows steadily. Rare bursts make the 95th percentile jump from week to week: where the
/// medians grow steadily, it is taken to be as far above them as it usually is.
fn outlook(trend: &Trend) -> Option<Outlook> {
    let limit = trend.limit?;
    let (slope, newest) = if let Some(slope) = steady(&trend.weekly) {
        (slope, trend.weekly.last().copied().flatten()?)
    } else {
        let slope = steady(&trend.medians)?;
        let above = trend.weekly.iter().zip(&trend.medians);
        let above: Vec<Option<f64>> = above.map(|(p95, middle)| Some((*p95)? / (*middle)?)).collect();
        let above = median(&above)?;
        (slope * above, trend.medians.last().copied().flatten()? * above)
    };
    Some(Outlook { slope, newest, limit, days: 7.0 * (limit - newest) / slope })
}

/// The slope per week, if every week is above the one before, in steps of about one size, and by enough.
fn steady(weekly: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = weekly.iter().flatten().copied().collect();
    let (slope, newest) = (slope(weekly)?, known.last()?);
    let steps: Vec<f64> = known.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let whole: f64 = steps.iter().sum();
    let most = MOST_AT_ONCE[usize::from(steps.len() > 2)];
    // The line through the middle of what is left beside the slope.
    let rest: Vec<Option<f64>> =
        known.iter().enumerate().map(|(week, value)| Some(value - slope * week as f64)).collect();
    let middle = median(&rest).unwrap_or(0.0);
    let beside = rest.iter().flatten().map(|value| (value - middle).abs()).fold(0.0, f64::max);
    let even = steps.iter().all(|step| *step > 0.0 && *step >= LEAST_AT_ONCE * whole && *step <= most * whole);
    (even && slope >= LEAST_GROWTH * newest && beside <= MOST_BESIDE * whole).then_some(slope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::{daily, hourly, noise, sound};

    fn found(level: impl Fn(usize) -> f64) -> Option<Finding> {
        let mut observed = sound();
        observed.weeks.cpu = hourly(|at| level(at) + 20.0 * daily(at * 12) + 2.0 * noise(at));
        find(&observed)
    }

    #[test]
    fn growth_towards_a_limit_is_found() {
        let finding = found(|at| 35.0 + 5.0 * at as f64 / 168.0).unwrap();
        assert!(finding.summary.contains("95th percentile of cpu grows by 5.04 % a week"), "{}", finding.summary);
    }

    #[test]
    fn a_level_a_step_and_slow_growth_are_no_trend() {
        assert!(found(|_| 50.0).is_none());
        assert!(found(|at| if at < 400 { 30.0 } else { 50.0 }).is_none(), "a step");
        assert!(found(|at| 30.0 + at as f64 / 168.0).is_none(), "in half a year");
        assert!(found(|at| 60.0 - 5.0 * at as f64 / 168.0).is_none(), "falling");
    }
}
