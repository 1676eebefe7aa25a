//! Memory is nearly used up, or was.

use super::{Advice, Finding, Rule};
use crate::history::WEEK_MS;
use crate::judge::text;
use crate::performance::observed::Observed;
use crate::proposal::Risk;
use crate::snapshot::Evidence;

/// In how many periods memory must be above its limit: one alone may be a task that was just ending.
const LEAST_PERIODS: usize = 3;

/// Memory was above its limit, or a task was killed for want of it within a week.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let limit = observed.limits.memory_percent;
    let above: Vec<f64> = observed.memory.known().map(|(_, value)| value).filter(|value| *value > limit).collect();
    let recent = |at: i64| at > observed.at - WEEK_MS && at <= observed.at;
    let killed = observed.stops.iter().filter(|stop| stop.out_of_memory && recent(stop.at)).count();
    let high = above.len() >= LEAST_PERIODS;
    if !high && killed == 0 {
        return None;
    }
    let most = observed.memory.max().unwrap_or(100.0);
    let mut parts = Vec::new();
    if high {
        let share = 100.0 * above.len() as f64 / observed.memory.values().iter().flatten().count().max(1) as f64;
        parts.push(format!(
            "memory was above {} % for {} % of the time, {} % at most",
            text::number(limit),
            text::number(share),
            text::number(most)
        ));
    }
    if killed > 0 {
        parts.push(format!("{killed} tasks were killed for want of memory within a week"));
    }
    let advice = Advice {
        summary: "give tasks more memory, and find out what uses it",
        current: format!("{} % at most", text::number(most)),
        proposed: format!("below {} %", text::number(limit)),
        risk: Risk::Low,
        undo: "restore the task size",
    };
    let evidence = vec![
        Evidence::metric("AWS/ECS MemoryUtilization Maximum", most, observed.at),
        Evidence::api("ecs:DescribeTasks OutOfMemory stops", killed.into(), observed.at),
    ];
    let confidence = if killed > 0 { 0.99 } else { 0.9 };
    Some(Finding::new(Rule::MemoryPressure, confidence, parts.join("; "), advice, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::Stop;
    use crate::performance::observed::tests::{history, sound};

    #[test]
    fn memory_above_its_limit_and_killed_tasks_are_found() {
        let mut observed = sound();
        observed.memory = history(|at| if at % 1_000 == 0 { 93.0 } else { 60.0 });
        assert!(find(&observed).unwrap().summary.contains("93 % at most"));
        observed.memory = history(|at| if at == 1_000 { 93.0 } else { 60.0 });
        assert_eq!(find(&observed), None, "a single period");
        observed.stops = vec![Stop { at: observed.at - WEEK_MS - 1, out_of_memory: true }];
        assert_eq!(find(&observed), None, "too long ago");
        observed.stops.push(Stop { at: observed.at - 60_000, out_of_memory: true });
        observed.stops.push(Stop { at: observed.at - 60_000, out_of_memory: false });
        assert!(find(&observed).unwrap().summary.starts_with("1 tasks were killed"));
    }
}
