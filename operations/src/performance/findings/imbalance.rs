//! Some tasks do most of the work.

use super::{Advice, Finding, Rule};
use crate::history::{Fold, History};
use crate::judge::text;
use crate::performance::observed::{Observed, TaskCpu};
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use std::collections::BTreeMap;

/// The largest processor over the mean that is too much.
const LIMIT: f64 = 1.8;
/// For which part of the time it must be.
pub(crate) const LEAST_SHARE: f64 = 0.1;
/// Below this mean, percent, a ratio says nothing: a task that does a little is twice one that does nearly nothing.
const LEAST_CPU: f64 = 10.0;
/// A task's first seconds are not counted: it has no work yet, or it is warming up.
const WARM_SECONDS: u32 = 600;
/// Seconds that become one point.
const FOLD_SECONDS: u32 = 300;
/// How many points it takes: six hours.
const LEAST_POINTS: usize = 72;

/// How unevenly the tasks worked over a day.
struct Spread {
    points: usize,
    uneven: usize,
    /// How often which task was the busiest of an uneven point.
    hottest: BTreeMap<String, usize>,
    /// The largest ratio.
    most: f64,
}

/// For more than a tenth of the day the busiest task does more than 1.8 times the mean.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let spread = spread(&observed.tasks)?;
    let share = spread.share();
    if share <= LEAST_SHARE {
        return None;
    }
    let (task, times) = spread.hottest.iter().max_by_key(|(_, times)| **times)?;
    // The same task nearly always: something is wrong with it, or with what it owns.
    let one = *times as f64 >= 0.8 * spread.uneven as f64;
    let who = if one { format!("mostly task {task}") } else { "in turns different ones".to_owned() };
    let summary = format!(
        "the busiest task does more than {} times the mean for {} % of the day, {} times at most, {who}",
        text::number(LIMIT),
        text::number(100.0 * share),
        text::number(spread.most)
    );
    let advice = Advice {
        summary: if one {
            "look at that task: long connections or a hot key bind work to it; replace it if it alone is slow"
        } else {
            "let the load balancer choose by least outstanding requests, and keep connections short"
        },
        current: format!("uneven for {} % of the day", text::number(100.0 * share)),
        proposed: format!("below {} %", text::number(100.0 * LEAST_SHARE)),
        risk: Risk::Low,
        undo: "restore the target group's algorithm",
    };
    let evidence = vec![
        Evidence::metric("share of the day with max/mean task CPU above 1.8, %", 100.0 * share, observed.at),
        Evidence::metric("max/mean task CPU at most", spread.most, observed.at),
    ];
    Some(Finding::new(Rule::Imbalance, 0.7 + share.min(0.25), summary, advice, evidence))
}

/// The share of the last day, 0 to 1, in which the busiest task did more than 1.8 times the mean; `None` when too little
/// of it is known.
pub fn imbalance_share(tasks: &[TaskCpu]) -> Option<f64> {
    spread(tasks).map(|spread| spread.share())
}

impl Spread {
    fn share(&self) -> f64 {
        self.uneven as f64 / self.points as f64
    }
}

fn spread(tasks: &[TaskCpu]) -> Option<Spread> {
    let warm: Vec<(&str, History)> = tasks.iter().map(|task| (task.id.as_str(), warm(&task.cpu))).collect();
    let start = warm.iter().map(|(_, cpu)| cpu.start()).min()?;
    let end = warm.iter().map(|(_, cpu)| cpu.end()).max()?;
    let step = warm.first()?.1.period_ms();
    let mut spread = Spread { points: 0, uneven: 0, hottest: BTreeMap::new(), most: 0.0 };
    let mut at = start;
    while at < end {
        let known: Vec<(&str, f64)> = warm.iter().filter_map(|(id, cpu)| Some((*id, cpu.value_at(at)?))).collect();
        at += step;
        let mean = known.iter().map(|(_, cpu)| cpu).sum::<f64>() / known.len().max(1) as f64;
        let Some((id, most)) = known.iter().max_by(|one, two| one.1.total_cmp(&two.1)) else { continue };
        // Of two the busier can do at most twice the mean.
        if known.len() < 2 || mean < LEAST_CPU {
            continue;
        }
        spread.points += 1;
        spread.most = spread.most.max(most / mean);
        if most / mean > LIMIT {
            spread.uneven += 1;
            *spread.hottest.entry((*id).to_owned()).or_default() += 1;
        }
    }
    (spread.points >= LEAST_POINTS).then_some(spread)
}

/// A task's processor without its first minutes, in longer periods.
fn warm(cpu: &History) -> History {
    let first = cpu.values().iter().position(Option::is_some).unwrap_or(0);
    let periods = |seconds: u32| seconds.div_ceil(cpu.period_seconds().max(1)) as usize;
    // A task that was there before the day began is warm.
    let from = if first == 0 { cpu.start() } else { cpu.at(first + periods(WARM_SECONDS)) };
    cpu.without(&[(cpu.start(), from)]).folded(periods(FOLD_SECONDS), Fold::Mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::{START, noise, sound};

    fn task(id: usize, cpu: impl Fn(usize) -> f64) -> TaskCpu {
        let values = (0..1_440).map(|at| Some(cpu(at)).filter(|cpu| *cpu > 0.0)).collect();
        TaskCpu { id: format!("t{id}"), cpu: History::new(START, 60, values) }
    }

    fn found(tasks: Vec<TaskCpu>) -> Option<Finding> {
        find(&Observed { tasks, ..sound() })
    }

    #[test]
    fn one_hot_task_is_named() {
        let tasks = |share: usize| {
            let level = move |id: usize, at: usize| if id == 2 && at % 100 < share { 90.0 } else { 25.0 };
            (0..4).map(|id| task(id, move |at| level(id, at) + 4.0 * noise(at + id))).collect::<Vec<_>>()
        };
        let finding = found(tasks(30)).unwrap();
        assert!(finding.summary.contains("mostly task t2"), "{}", finding.summary);
        let coarse = |task: TaskCpu| TaskCpu { cpu: task.cpu.folded(5, Fold::Mean), ..task };
        assert!(found(tasks(30).into_iter().map(coarse).collect()).is_some(), "read in five minutes");
        assert_eq!(found(tasks(5)), None, "for too short a time");
        assert_eq!(found(tasks(0)), None);
        assert_eq!(found(tasks(30)[..1].to_vec()), None, "alone");
    }

    #[test]
    fn new_tasks_and_idle_ones_are_no_imbalance() {
        // Every hour a task more, which is idle for its first eight minutes and runs until the next begins.
        let hour = |hour: usize| {
            task(hour, move |at| match at.saturating_sub(60 * hour) {
                _ if at < 60 * hour || at >= 60 * (hour + 1) => 0.0,
                0..8 => 2.0,
                _ => 50.0,
            })
        };
        let tasks = (0..24).map(hour).chain([task(30, |_| 50.0)]).collect::<Vec<_>>();
        assert!(imbalance_share(&tasks).unwrap() < LEAST_SHARE, "{:?}", imbalance_share(&tasks));
        let idle = vec![task(0, |_| 9.0), task(1, |_| 0.1), task(2, |_| 0.1)];
        assert_eq!(imbalance_share(&idle), None, "nothing to share");
    }
}
