//! What was read of the past is kept: a period that is over does not change, and analyses ask for the same weeks again
//! and again.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::world::metrics::{Series, Statistic};

/// Which values: the series, the length of a period in milliseconds, and the statistic.
type Key = (Series, i64, u64);
/// (beginning of the period, value), oldest first.
type Values = Vec<(i64, f64)>;

/// Values of whole periods, by what was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Whole(RefCell<BTreeMap<Key, Span>>);

/// The values from one time to before another.
#[derive(Debug, Clone)]
struct Span {
    from_ms: i64,
    until_ms: i64,
    values: Values,
}

/// Names a statistic: a percentile by its bits, the others by numbers that no percentile has.
fn code(statistic: Statistic) -> u64 {
    match statistic {
        Statistic::SampleCount => 1,
        Statistic::Sum => 2,
        Statistic::Average => 3,
        Statistic::Minimum => 4,
        Statistic::Maximum => 5,
        Statistic::Percentile(p) => p.to_bits(),
    }
}

impl Whole {
    /// The values of a series from `start_ms` to before `end_ms`, as `compute` gives them; what is over at `now_ms` is
    /// computed once. A start within a period is computed anew: its first value is of a part.
    pub(super) fn read(
        &self,
        (series, period_ms, statistic): (&Series, i64, Statistic),
        (start_ms, end_ms): (i64, i64),
        now_ms: i64,
        compute: impl Fn(i64, i64) -> Values,
    ) -> Values {
        let over_ms = end_ms.min(now_ms).div_euclid(period_ms) * period_ms;
        if start_ms.rem_euclid(period_ms) != 0 || over_ms <= start_ms {
            return compute(start_ms, end_ms);
        }
        let mut spans = self.0.borrow_mut();
        let fresh = || Span { from_ms: start_ms, until_ms: start_ms, values: Vec::new() };
        let span = spans.entry((series.clone(), period_ms, code(statistic))).or_insert_with(fresh);
        if start_ms < span.from_ms || start_ms > span.until_ms {
            *span = fresh();
        }
        if over_ms > span.until_ms {
            span.values.extend(compute(span.until_ms, over_ms));
            span.until_ms = over_ms;
        }
        let index = |at_ms: i64| span.values.partition_point(|(at, _)| *at < at_ms);
        let mut values = span.values[index(start_ms)..index(over_ms)].to_vec();
        if over_ms < end_ms {
            values.extend(compute(over_ms, end_ms));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_computed_once_and_reads_as_if_it_were_not_kept() {
        let (whole, series) = (Whole::default(), Series::new("Test", "Count", &[]));
        let computed = RefCell::new(0);
        let compute = |from: i64, until: i64| -> Values {
            *computed.borrow_mut() += (until - from).max(0);
            (from..until).filter(|at| at % 10 == 0).map(|at| (at, at as f64)).collect()
        };
        let read = |from, until, now| whole.read((&series, 10, Statistic::Sum), (from, until), now, compute);
        assert_eq!(read(0, 100, 95), compute(0, 100));
        assert_eq!(computed.replace(0), 200);
        assert_eq!(read(50, 120, 125), (5..12).map(|at| (at * 10, f64::from(at as i32 * 10))).collect::<Values>());
        assert_eq!(computed.replace(0), 30, "only what came since 90");
        assert_eq!(read(20, 60, 125).len(), 4);
        assert_eq!(computed.replace(0), 0);
        assert_eq!(read(5, 30, 125), [(10, 10.0), (20, 20.0)], "a part of a period is not kept");
        assert_eq!(read(-50, 10, 125).len(), 6, "older than what is kept");
    }
}
