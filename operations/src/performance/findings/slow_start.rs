//! New tasks take too long until they help.

use super::{Advice, Finding, Rule};
use crate::history::percentile_of_sorted;
use crate::judge::text;
use crate::performance::observed::Observed;
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use crate::statistics::binomial;

/// The 90th percentile that is too long, in seconds.
const LIMIT_SECONDS: f64 = 120.0;
/// How many starts it takes to say.
const LEAST_STARTS: usize = 5;
/// How many of them must be too long: one or two may be a pull of the image that took long.
const LEAST_SLOW: usize = 3;
/// The chance that so many are too long although no more than a tenth are.
const ALPHA: f64 = 0.2;

/// The 90th percentile of the time from start to healthy is above two minutes.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let mut starts = observed.starts.clone();
    starts.sort_by(f64::total_cmp);
    let p90 = percentile_of_sorted(&starts, 90.0).filter(|p90| *p90 > LIMIT_SECONDS)?;
    let slow = starts.iter().filter(|seconds| **seconds > LIMIT_SECONDS).count();
    let chance = binomial::at_least(slow as f64, starts.len() as f64, 0.1);
    if starts.len() < LEAST_STARTS || slow < LEAST_SLOW || chance > ALPHA {
        return None;
    }
    let summary = format!(
        "new tasks take {} s until they are healthy (90th percentile of {} starts, limit {} s): scaling out helps late",
        text::number(p90),
        starts.len(),
        text::number(LIMIT_SECONDS)
    );
    let advice = Advice {
        summary: "shorten the start: a smaller image, less work at start, quicker health checks; until then scale earlier",
        current: format!("{} s", text::number(p90)),
        proposed: format!("below {} s", text::number(LIMIT_SECONDS)),
        risk: Risk::Low,
        undo: "restore the image and the health check",
    };
    let evidence = vec![Evidence::metric("start to healthy p90, s", p90, observed.at)];
    Some(Finding::new(Rule::SlowStart, 1.0 - chance, summary, advice, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::sound;

    #[test]
    fn slow_starts_are_found_and_a_single_one_is_not() {
        let found = |starts: &[f64]| find(&Observed { starts: starts.to_vec(), ..sound() }).is_some();
        assert!(found(&[130.0, 150.0, 60.0, 140.0, 170.0]));
        assert!(!found(&[130.0, 150.0, 140.0, 170.0]), "too few");
        assert!(!found(&[40.0, 45.0, 50.0, 900.0, 900.0]), "twice");
        assert!(!found(&[100.0; 20]));
    }
}
