//! The fleet's services day by day, as `GET /_sandbox/days` shows them: what a change was good for.

use serde_json::{Value, json};

use super::costs::{DAY_MS, of_minute};
use super::member::{Member, SATURATED};
use super::record::Record;
use crate::world::World;

/// A scale-in after a scale-out, or the other way round, counts as a reversal within so many minutes.
const REVERSAL_MINUTES: i64 = 30;

impl World {
    /// Every whole day of every service of the fleet, oldest first; none where there is no fleet.
    pub(crate) fn days_view(&self) -> Value {
        let members = self.fleet.iter().flat_map(|fleet| &fleet.members);
        let services = members.map(|(name, member)| json!({ "name": name, "days": days(member, self.now_ms) }));
        json!({ "services": services.collect::<Vec<_>>() })
    }
}

fn days(member: &Member, now_ms: i64) -> Vec<Value> {
    let first = member.records.first_ms();
    // Days are counted back from now, so that the last one is whole.
    let whole = (now_ms - first).div_euclid(DAY_MS);
    (1..=whole).rev().map(|back| day(member, now_ms - back * DAY_MS)).collect()
}

fn day(member: &Member, start_ms: i64) -> Value {
    let records: Vec<&Record> = member.records.range(start_ms, start_ms + DAY_MS).map(|(_, record)| record).collect();
    let count = records.len().max(1) as f64;
    let saturated = records.iter().filter(|record| f64::from(record.utilization) >= SATURATED).count();
    let sum = |of: fn(&Record) -> f64| records.iter().map(|record| of(record)).sum::<f64>();
    json!({
        "start": start_ms,
        "saturationPercent": 100.0 * saturated as f64 / count,
        "reversals": reversals(&records),
        "costUsd": sum(of_minute),
        "requests": sum(|record| f64::from(record.requests)),
        "taskHours": sum(|record| f64::from(record.active)) / 60.0,
    })
}

/// Changes of the desired count against the direction of the one before, soon after it.
fn reversals(records: &[&Record]) -> usize {
    let steps = records.windows(2).zip(0_i64..).filter_map(|(pair, minute)| {
        let step = i32::from(pair[1].desired) - i32::from(pair[0].desired);
        (step != 0).then_some((minute, step.signum()))
    });
    let steps: Vec<(i64, i32)> = steps.collect();
    let turns = |pair: &&[(i64, i32)]| pair[0].1 != pair[1].1 && pair[1].0 - pair[0].0 <= REVERSAL_MINUTES;
    steps.windows(2).filter(turns).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_turn_soon_after_is_a_reversal() {
        let desired = |counts: &[u16]| -> Vec<Record> {
            counts.iter().map(|count| Record { desired: *count, ..Record::default() }).collect()
        };
        let count = |records: &[Record]| reversals(&records.iter().collect::<Vec<_>>());
        assert_eq!(count(&desired(&[2, 4, 4, 2, 2, 5])), 2);
        assert_eq!(count(&desired(&[2, 3, 4])), 0, "on the same way");
        let mut slow = vec![2, 4];
        slow.extend([4; 40]);
        slow.push(2);
        assert_eq!(count(&desired(&slow)), 0, "forty minutes later");
    }
}
