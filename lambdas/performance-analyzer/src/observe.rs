//! What was read, as the rules want it, and what is missing.

use crate::queries::Queries;
use crate::request::Request;
use crate::tasks::Known;
use clients::read::history::Histories;
use operations::history::History;
use operations::performance::judgement::Metrics;
use operations::performance::starts::starts;
use operations::performance::{Database, Latency, Observed, TaskCpu, Weeks};

/// What CloudWatch answered to an analysis.
#[derive(Debug, Clone, Default)]
pub(crate) struct Read {
    /// Two weeks of five minutes.
    pub(crate) periods: Histories,
    /// A week of minutes.
    pub(crate) starts: Histories,
    /// Four weeks of hours.
    pub(crate) weeks: Histories,
    /// The last day of tasks, by their query ids.
    pub(crate) tasks: Histories,
}

/// What the rules see, and what is missing in words.
pub(crate) fn observed(request: &Request, queries: &Queries, read: &Read, known: Known) -> (Observed, Vec<String>) {
    let edge = Edge::of(&read.periods);
    let own = |id: &str| read.periods.get(id).clone();
    let seconds = |id: &str| read.periods.get(id).map(|seconds| 1_000.0 * seconds);
    let ids = task_ids(known.tasks.len());
    let tasks = known.tasks.into_iter().zip(&ids);
    let tasks: Vec<TaskCpu> = tasks.map(|(id, name)| TaskCpu { id, cpu: read.tasks.get(name).clone() }).collect();
    let there = if queries.behind_balancer() { "healthy" } else { "running" };
    let seen = starts(read.starts.get("desired"), read.starts.get(there));
    let observed = Observed {
        at: request.at,
        limits: request.limits,
        cpu: own("cpu"),
        memory: own("memory"),
        latency: Latency { p50: seconds("latencyP50"), p95: seconds("latencyP95"), p99: seconds("latencyP99") },
        requests: edge.requests,
        errors: edge.errors,
        rejected: edge.rejected,
        running: own("running"),
        tasks,
        stops: known.stops,
        starts: if seen.is_empty() { known.starts } else { seen },
        database: request.database.clone().map(|id| Database {
            id,
            cpu: own("databaseCpu"),
            latency: either(read.periods.get("databaseRead"), read.periods.get("databaseWrite"), f64::max)
                .map(|seconds| 1_000.0 * seconds),
            connections: own("databaseConnections"),
        }),
        deployments: known.releases,
        weeks: Weeks {
            cpu: read.weeks.get("cpu").clone(),
            memory: read.weeks.get("memory").clone(),
            latency: read.weeks.get("latencyP95").map(|seconds| 1_000.0 * seconds),
            requests: read.weeks.get("requests").clone(),
            network: either(read.weeks.get("received"), read.weeks.get("sent"), |one, other| one + other),
        },
    };
    let mut partial = missing(request, queries, &observed);
    partial.extend(edge.remark);
    for histories in [&read.periods, &read.starts, &read.weeks, &read.tasks] {
        partial.extend(histories.partial.iter().cloned());
    }
    (observed, partial)
}

/// What a judgement compares.
pub(crate) fn metrics(read: &Histories) -> Metrics {
    let edge = Edge::of(read);
    Metrics {
        cpu: read.get("cpu").clone(),
        memory: read.get("memory").clone(),
        latency: read.get("latencyP95").map(|seconds| 1_000.0 * seconds),
        requests: edge.requests,
        errors: edge.errors,
        rejected: edge.rejected,
        running: read.get("running").clone(),
        desired: read.get("desired").clone(),
    }
}

/// The query ids of so many tasks.
pub(crate) fn task_ids(count: usize) -> Vec<String> {
    (0..count).map(|task| format!("task{task}")).collect()
}

/// The counts of a load balancer, where CloudWatch leaves out zeros.
struct Edge {
    requests: History,
    errors: History,
    rejected: History,
    remark: Option<String>,
}

impl Edge {
    fn of(read: &Histories) -> Self {
        // Healthy hosts are reported always: where they are and requests are not, there were none.
        let requests = either(read.get("requests"), &read.get("healthy").map(|_| 0.0), |requests, _| requests);
        let errors = either(read.get("targetErrors"), read.get("balancerErrors"), |one, other| one + other);
        let (own, shared) = (read.get("rejected"), read.get("balancerRejected"));
        let alone = own.coverage() > 0.0 || shared.sum() == 0.0;
        let remark = (!alone).then(|| {
            "rejected connections are counted by load balancer: those of its other services are among them".to_owned()
        });
        let rejected = if alone { own.clone() } else { shared.clone() };
        Self { requests, errors, rejected, remark }
    }
}

/// Two histories in the same periods as one: what both know is joined, what one knows is taken.
fn either(one: &History, other: &History, join: impl Fn(f64, f64) -> f64) -> History {
    let base = if one.is_empty() { other } else { one };
    let at = |index: usize| match (one.value_at(base.at(index)), other.value_at(base.at(index))) {
        (Some(one), Some(other)) => Some(join(one, other)),
        (one, other) => one.or(other),
    };
    History::new(base.start(), base.period_seconds(), (0..base.len()).map(at).collect())
}

/// What was not there, and what that means.
fn missing(request: &Request, queries: &Queries, observed: &Observed) -> Vec<String> {
    let mut partial = Vec::new();
    let mut say = |absent: bool, text: &str| {
        if absent {
            partial.push(text.to_owned());
        }
    };
    let empty = |history: &History| history.coverage() == 0.0;
    say(empty(&observed.cpu), "AWS/ECS CPUUtilization has no data: whether the processor is short is not known");
    say(empty(&observed.memory), "AWS/ECS MemoryUtilization has no data: pressure and leaks are not known");
    let balanced = queries.behind_balancer();
    say(!balanced, "the entry names no loadBalancer and targetGroupArn: latency, errors and regressions are not known");
    say(
        balanced && empty(&observed.latency.p95),
        "AWS/ApplicationELB TargetResponseTime has no data: latency is not known",
    );
    say(empty(&observed.running), "Container Insights has no RunningTaskCount: work per task and starts are not known");
    let tasks = observed.tasks.iter().filter(|task| !empty(&task.cpu)).count();
    say(tasks < 2, "Container Insights has the processor of fewer than two tasks: imbalance is not known");
    say(observed.starts.is_empty(), "no start was seen: how long starts take is not known");
    let needs = !request.entry.depends_on.is_empty();
    say(
        needs && request.database.is_none(),
        "DB_INSTANCE_ID is not set: whether users wait for a database is not known",
    );
    let database = observed.database.as_ref().is_some_and(|database| empty(&database.latency) && empty(&database.cpu));
    say(database, "AWS/RDS has no data of the database: whether users wait for it is not known");
    say(observed.limits.latency_p95_ms.is_none(), "the entry has no slo.latencyP95Ms: slow time costs no points");
    partial
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(values: &[Option<f64>]) -> History {
        History::new(0, 300, values.to_vec())
    }

    fn histories(all: &[(&str, &[Option<f64>])]) -> Histories {
        Histories::of(all.iter().map(|(id, values)| ((*id).to_owned(), history(values))))
    }

    #[test]
    fn a_period_without_requests_has_none_if_the_hosts_were_seen() {
        let edge = Edge::of(&histories(&[
            ("requests", &[Some(5.0), None, None]),
            ("healthy", &[Some(2.0), Some(2.0), None]),
            ("targetErrors", &[Some(1.0), None, None]),
            ("balancerErrors", &[Some(2.0), Some(3.0), None]),
        ]));
        assert_eq!(edge.requests.values(), [Some(5.0), Some(0.0), None]);
        assert_eq!(edge.errors.values(), [Some(3.0), Some(3.0), None]);
    }

    #[test]
    fn rejections_of_the_whole_load_balancer_are_said_to_be() {
        let shared: (&str, &[Option<f64>]) = ("balancerRejected", &[Some(4.0), None]);
        let edge = Edge::of(&histories(&[("rejected", &[None, None]), shared]));
        assert!(edge.rejected.sum() == 4.0 && edge.remark.is_some());
        let edge = Edge::of(&histories(&[("rejected", &[Some(1.0), None]), shared]));
        assert!(edge.rejected.sum() == 1.0 && edge.remark.is_none());
    }

    #[test]
    fn what_one_of_two_knows_is_known() {
        let joined = either(&history(&[Some(1.0), None, None]), &history(&[Some(3.0), Some(2.0), None]), f64::max);
        assert_eq!(joined.values(), [Some(3.0), Some(2.0), None]);
        assert_eq!(either(&History::default(), &history(&[Some(2.0)]), f64::max).values(), [Some(2.0)]);
        assert!(either(&History::default(), &History::default(), f64::max).is_empty());
    }
}
