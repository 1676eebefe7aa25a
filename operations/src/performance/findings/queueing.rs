//! Connections are turned away.

use super::{Advice, Finding, Rule};
use crate::judge::text;
use crate::performance::observed::Observed;
use crate::proposal::Risk;
use crate::snapshot::Evidence;

/// In how many periods connections must have been rejected: once alone may be a load balancer that was scaling.
const LEAST_PERIODS: usize = 2;

/// The load balancer has rejected connections in several periods, because it had reached its most.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let periods = observed.rejected.known().filter(|(_, value)| *value > 0.0);
    let periods: Vec<_> = periods.collect();
    if periods.len() < LEAST_PERIODS {
        return None;
    }
    let (total, last) = (observed.rejected.sum(), periods.last().map_or(observed.at, |(at, _)| *at));
    let summary =
        format!("{} connections were turned away in {} periods of five minutes", text::number(total), periods.len());
    let advice = Advice {
        summary: "raise what limits connections: tasks, their concurrency, or the load balancer's targets",
        current: format!("{} rejected in two weeks", text::number(total)),
        proposed: "none".to_owned(),
        risk: Risk::Low,
        undo: "restore the limits",
    };
    let evidence = vec![Evidence::metric("AWS/ApplicationELB RejectedConnectionCount Sum", total, last)];
    let confidence = if periods.len() >= 2 * LEAST_PERIODS { 0.95 } else { 0.8 };
    Some(Finding::new(Rule::Queueing, confidence, summary, advice, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::{history, sound};

    #[test]
    fn repeated_rejections_are_found() {
        let mut observed = sound();
        observed.rejected = history(|at| if at == 700 { 3.0 } else { 0.0 });
        assert_eq!(find(&observed), None, "once");
        observed.rejected = history(|at| if at % 700 == 0 { 3.0 } else { 0.0 });
        assert!(find(&observed).unwrap().summary.starts_with("18 connections were turned away in 6 periods"));
    }
}
