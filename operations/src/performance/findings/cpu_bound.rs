//! The processor is short, and users wait for it.

use super::{Advice, Finding, Rule};
use crate::history::percentile_of_sorted;
use crate::judge::text;
use crate::performance::observed::Observed;
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use crate::statistics::rank::spearman;

/// How many periods it takes: a day of five minutes.
pub(super) const LEAST_PAIRS: usize = 288;
/// The least rank correlation that counts as rising together.
pub(super) const LEAST_RHO: f64 = 0.6;
/// How much slower it must be where the processor is short than where it is not.
const LEAST_RISE: f64 = 1.2;

/// The 95th percentile of the processor is above its limit, latency rises with it, and by something worth a name.
pub(super) fn find(observed: &Observed) -> Option<Finding> {
    let limit = observed.limits.cpu_percent;
    let p95 = observed.cpu.percentile(95.0).filter(|p95| *p95 > limit)?;
    let mut pairs: Vec<(f64, f64)> =
        observed.cpu.pairs(&observed.latency.p95).map(|(_, cpu, latency)| (cpu, latency)).collect();
    let rho = spearman(&pairs).filter(|rho| pairs.len() >= LEAST_PAIRS && *rho >= LEAST_RHO)?;
    pairs.sort_by(|one, two| one.0.total_cmp(&two.0));
    let median = |part: &[(f64, f64)]| {
        let mut latency: Vec<f64> = part.iter().map(|pair| pair.1).collect();
        latency.sort_by(f64::total_cmp);
        percentile_of_sorted(&latency, 50.0)
    };
    let (easy, _) = pairs.split_at(pairs.len() / 2);
    let (_, short) = pairs.split_at(pairs.partition_point(|pair| pair.0 <= limit));
    let (easy, slow) = (median(easy)?, median(short)?);
    if slow < LEAST_RISE * easy {
        return None;
    }
    let summary = format!(
        "the processor is the bottleneck: {} % at the 95th percentile (limit {} %), and p95 latency rises with it, from {} \
         to {} ms (rank correlation {})",
        text::number(p95),
        text::number(limit),
        text::number(easy),
        text::number(slow),
        text::number(rho)
    );
    let advice = Advice {
        summary: "give it more processor: more tasks, a lower target, or larger tasks",
        current: format!("p95 CPU {} %", text::number(p95)),
        proposed: format!("p95 CPU below {} %", text::number(limit)),
        risk: Risk::Low,
        undo: "restore the limits and the target of autoscaling, or the task size",
    };
    let evidence = vec![
        Evidence::metric("AWS/ECS CPUUtilization p95 of 14 days", p95, observed.at),
        Evidence::metric("rank correlation of CPU and p95 latency", rho, observed.at),
        Evidence::metric("p95 latency above the CPU limit, ms", slow, observed.at),
    ];
    Some(Finding::new(Rule::CpuBound, rho, summary, advice, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::performance::observed::tests::{daily, history, noise, sound};

    fn busy() -> Observed {
        let mut observed = sound();
        observed.cpu = history(|at| 40.0 + 50.0 * daily(at) + 4.0 * noise(at));
        observed.latency.p95 = history(|at| 100.0 + 300.0 * daily(at).powi(3) + 20.0 * noise(at + 1));
        observed
    }

    #[test]
    fn a_short_processor_that_users_feel_is_found() {
        let finding = find(&busy()).unwrap();
        assert!(finding.confidence > 0.8 && finding.summary.contains("limit 80 %"), "{}", finding.summary);
    }

    #[test]
    fn it_takes_the_limit_the_correlation_the_rise_and_the_data() {
        let mut observed = busy();
        observed.limits.cpu_percent = 95.0;
        assert_eq!(find(&observed), None, "within its limit");
        let mut observed = busy();
        observed.latency.p95 = history(|at| 100.0 + 20.0 * noise(at + 1));
        assert_eq!(find(&observed), None, "nobody waits");
        observed.latency.p95 = history(|at| 100.0 + 4.0 * daily(at));
        assert_eq!(find(&observed), None, "nobody would notice");
        let mut observed = busy();
        observed.latency.p95 = observed.latency.p95.between(observed.cpu.start(), observed.cpu.at(287));
        assert_eq!(find(&observed), None, "less than a day");
        observed.latency.p95 = History::default();
        assert_eq!(find(&observed), None, "no load balancer");
    }
}
