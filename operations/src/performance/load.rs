//! Comparing at equal load: what follows the load says nothing about a service or a change.

use crate::history::History;
use crate::statistics::trend::median;

/// Into how many classes of equal size loads are sorted.
const CLASSES: usize = 12;

/// Classes of load, between the quantiles of loads that were seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Classes {
    /// The upper ends of all classes but the last, ascending; distinct.
    ends: Vec<f64>,
    /// The least and the largest load that were seen.
    seen: (f64, f64),
}

impl Classes {
    /// Classes of the known loads; `None` without any.
    pub(super) fn of(loads: impl Iterator<Item = f64>) -> Option<Self> {
        let mut loads: Vec<f64> = loads.collect();
        loads.sort_by(f64::total_cmp);
        let seen = (*loads.first()?, *loads.last()?);
        let mut ends: Vec<f64> = (1..CLASSES).map(|class| loads[class * loads.len() / CLASSES]).collect();
        ends.dedup();
        Some(Self { ends, seen })
    }

    /// The class of a load, from 0.
    pub(super) fn class(&self, load: f64) -> usize {
        self.ends.partition_point(|end| *end <= load)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len() + 1
    }

    /// Whether a load is like one that was seen: at most 5 % beyond.
    pub(super) fn covers(&self, load: f64) -> bool {
        load <= self.seen.1 * 1.05 && load >= self.seen.0 * 0.95
    }
}

/// A level that is above 0, as the logarithm of its ratio to what is usual at its load: the median of its class. Unknown
/// where the level or the load is.
pub(super) fn beside(level: &History, load: &History) -> Option<Vec<Option<f64>>> {
    let classes = Classes::of(level.pairs(load).map(|(_, _, load)| load))?;
    let mut by_class = vec![Vec::new(); classes.count()];
    let found: Vec<Option<(usize, f64)>> = (level.values().iter().enumerate())
        .map(|(index, value)| {
            let value = value.filter(|value| *value > 0.0)?;
            Some((classes.class(load.value_at(level.at(index))?), value.ln()))
        })
        .collect();
    for (class, level) in found.iter().flatten() {
        by_class[*class].push(Some(*level));
    }
    let usual: Vec<Option<f64>> = by_class.iter().map(|levels| median(levels)).collect();
    Some(found.into_iter().map(|found| found.and_then(|(class, level)| Some(level - usual[class]?))).collect())
}

/// One history divided by another, where both are known and the second is above 0.
pub(super) fn ratio(of: &History, by: &History) -> History {
    let values = of.values().iter().enumerate().map(|(index, value)| {
        let by = by.value_at(of.at(index)).filter(|by| *by > 0.0)?;
        value.map(|value| value / by)
    });
    History::new(of.start(), of.period_seconds(), values.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::{daily, history, noise};

    #[test]
    fn what_follows_the_load_is_taken_off() {
        let load = history(|at| 100.0 + 900.0 * daily(at));
        let level =
            history(|at| 50.0 * (1.0 + daily(at)) * if at >= 2_016 { 1.5 } else { 1.0 } * (1.0 + 0.02 * noise(at)));
        let beside = beside(&level, &load).unwrap();
        let (before, after) = beside.split_at(2_016);
        let change = (median(after).unwrap() - median(before).unwrap()).exp();
        assert!((change - 1.5).abs() < 0.03, "{change}");
    }

    #[test]
    fn classes_hold_equally_many_and_equal_loads_share_one() {
        let classes = Classes::of((0..120).map(f64::from)).unwrap();
        assert_eq!((classes.count(), classes.class(0.0), classes.class(119.0)), (CLASSES, 0, CLASSES - 1));
        assert!(classes.covers(122.0) && !classes.covers(126.0));
        assert_eq!(Classes::of([5.0; 30].into_iter()).unwrap().count(), 2);
        assert_eq!(Classes::of(std::iter::empty()), None);
    }

    #[test]
    fn a_ratio_is_known_where_both_are() {
        let of = History::new(0, 60, vec![Some(6.0), None, Some(6.0), Some(1.0)]);
        let by = History::new(0, 60, vec![Some(2.0), Some(2.0), None, Some(0.0)]);
        assert_eq!(ratio(&of, &by).values(), [Some(3.0), None, None, None]);
    }
}
