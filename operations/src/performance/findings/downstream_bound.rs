//! Users wait for a database, not for the service.

use super::cpu_bound::{LEAST_PAIRS, LEAST_RHO};
use super::{Advice, Finding, Rule};
use crate::history::{History, percentile_of_sorted};
use crate::judge::text;
use crate::performance::observed::{Database, Observed};
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use crate::statistics::rank::spearman;

/// The processor that is not the bottleneck, in percent.
const IDLE_CPU: f64 = 50.0;
/// How much slower than usual the slow periods must be: the 95th percentile over the median.
const LEAST_RISE: f64 = 1.5;
/// In how many periods latency must be slow: three hours.
const LEAST_SLOW: f64 = 36.0;
/// By how much latency must be nearer to connections or the processor than to the load, which both follow in a sound
/// service, too.
const BESIDE_LOAD: f64 = 0.15;

/// What of the database rises with latency.
struct Sign {
    name: &'static str,
    rho: f64,
}

/// Latency rises while the processor has time, and the database's latency, connections or processor rise with it.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let database = observed.database.as_ref()?;
    let idle = idle(&observed.latency.p95, &observed.cpu);
    let mut levels: Vec<f64> = idle.values().iter().flatten().copied().collect();
    if levels.len() < LEAST_PAIRS {
        return None;
    }
    levels.sort_by(f64::total_cmp);
    let (usual, slow) = (percentile_of_sorted(&levels, 50.0)?, percentile_of_sorted(&levels, 95.0)?);
    if slow < LEAST_RISE * usual {
        return None;
    }
    let sign = strongest(database, &idle, &observed.requests, LEAST_RISE * usual)?;
    let summary = format!(
        "p95 latency rises from {} to {} ms while the processor is below {} %: it rises with the {} of {} (rank \
         correlation {}), so more tasks would not help",
        text::number(usual),
        text::number(slow),
        text::number(IDLE_CPU),
        sign.name,
        database.id,
        text::number(sign.rho)
    );
    let advice = Advice {
        summary: "do not scale out; look at the database: slow queries, missing indexes, connections, its class",
        current: format!("p95 latency {} ms when it is slow", text::number(slow)),
        proposed: format!("{} ms", text::number(usual)),
        risk: Risk::Medium,
        undo: "nothing is changed",
    };
    let evidence = vec![
        Evidence::metric(
            &format!("rank correlation of p95 latency and {} of {}", sign.name, database.id),
            sign.rho,
            observed.at,
        ),
        Evidence::metric("p95 latency at CPU below 50 %, 95th percentile, ms", slow, observed.at),
    ];
    Some(Finding::new(Rule::DownstreamBound, sign.rho, summary, advice, evidence))
}

/// Latency, known only where the processor is idle enough.
fn idle(latency: &History, cpu: &History) -> History {
    let values = latency
        .values()
        .iter()
        .enumerate()
        .map(|(index, value)| value.filter(|_| cpu.value_at(latency.at(index)).is_some_and(|cpu| cpu < IDLE_CPU)));
    History::new(latency.start(), latency.period_seconds(), values.collect())
}

fn strongest(database: &Database, latency: &History, requests: &History, slow: f64) -> Option<Sign> {
    let of_load = association(latency, requests, slow).unwrap_or(0.0);
    let beside_load = |name, history: &History| {
        let rho = association(latency, history, slow)?;
        (rho >= of_load + BESIDE_LOAD).then_some(Sign { name, rho })
    };
    let by_latency = association(latency, &database.latency, slow).map(|rho| Sign { name: "latency", rho });
    let signs =
        [by_latency, beside_load("connections", &database.connections), beside_load("processor", &database.cpu)];
    let strong = signs.into_iter().flatten().filter(|sign| sign.rho >= LEAST_RHO);
    strong.max_by(|one, two| one.rho.total_cmp(&two.rho))
}

/// How strongly latency and something else rise together: over all periods (Spearman), or, where latency is slow for
/// short, between the slow periods and the others (the rank-biserial correlation: how much likelier it is to be higher
/// in a slow period than lower).
fn association(latency: &History, other: &History, slow: f64) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = latency.pairs(other).map(|(_, one, other)| (one, other)).collect();
    if pairs.len() < LEAST_PAIRS {
        return None;
    }
    let mut usual: Vec<f64> = pairs.iter().filter(|pair| pair.0 < slow).map(|pair| pair.1).collect();
    usual.sort_by(f64::total_cmp);
    let when_slow = pairs.iter().filter(|pair| pair.0 >= slow).map(|pair| pair.1);
    let (mut sum, mut count) = (0.0, 0.0);
    for value in when_slow {
        let below = usual.partition_point(|other| *other < value);
        let through = usual.partition_point(|other| *other <= value);
        sum += (below + through) as f64 / usual.len().max(1) as f64 - 1.0;
        count += 1.0;
    }
    let biserial = if count >= LEAST_SLOW && !usual.is_empty() { sum / count } else { 0.0 };
    Some(spearman(&pairs)?.max(biserial))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::observed::tests::{daily, history, noise, sound};

    /// A database that is slow for some hours each day, whatever the load.
    fn slow(at: usize) -> f64 {
        if at % 288 < 60 { 30.0 } else { 3.0 + noise(at) }
    }

    fn waiting() -> Observed {
        let mut observed = sound();
        observed.cpu = history(|at| 25.0 + 10.0 * noise(at));
        observed.latency.p95 = history(|at| 120.0 + 10.0 * slow(at) + 5.0 * noise(at + 1));
        observed.database = Some(Database {
            id: "orders-db".to_owned(),
            cpu: history(|at| 20.0 + 20.0 * daily(at)),
            latency: history(slow),
            connections: history(|at| 50.0 + 50.0 * daily(at)),
        });
        observed
    }

    #[test]
    fn waiting_for_the_database_is_found() {
        let finding = find(&waiting()).unwrap();
        assert!(finding.summary.contains("latency of orders-db"), "{}", finding.summary);
        assert!(finding.recommendation.summary.starts_with("do not scale out"));
    }

    #[test]
    fn a_busy_processor_and_a_shared_load_are_not_the_database() {
        let mut observed = waiting();
        observed.cpu = history(|_| 60.0);
        assert_eq!(find(&observed), None, "the processor is busy");
        let mut observed = waiting();
        observed.latency.p95 = history(|at| 100.0 + 100.0 * daily(at) + 10.0 * noise(at + 1));
        if let Some(database) = &mut observed.database {
            database.latency = history(|at| 3.0 + noise(at));
        }
        assert_eq!(find(&observed), None, "both follow the load");
        observed.database = None;
        assert_eq!(find(&observed), None);
    }
}
