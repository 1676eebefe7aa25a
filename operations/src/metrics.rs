//! Which CloudWatch metrics describe a target, and how their data points are read.

use crate::catalogue::EcsService;
use crate::time::Millis;
use std::collections::BTreeMap;

/// The period of every query, in seconds.
pub const PERIOD_SECONDS: i32 = 60;

/// How old the newest data point may be before a metric counts as having no data.
pub const FRESH_MS: Millis = 5 * 60_000;

/// One metric to ask CloudWatch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'a> {
    /// The id within the request: `cpu`, `latency` and so on.
    pub id: &'a str,
    /// The namespace.
    pub namespace: &'a str,
    /// The metric's name.
    pub name: &'a str,
    /// The dimensions, name and value.
    pub dimensions: Vec<(&'a str, String)>,
    /// The statistic, for example `Average` or `p95`.
    pub statistic: &'a str,
}

impl Query<'_> {
    /// How the metric is called in evidence.
    pub fn reference(&self) -> String {
        format!("{} {} {}", self.namespace, self.name, self.statistic)
    }
}

/// The metrics of a service of ECS in `cluster`; those of its load balancer only where the catalogue names it.
pub fn of_service(service: &EcsService, cluster: &str) -> Vec<Query<'static>> {
    let own = vec![("ClusterName", cluster.to_owned()), ("ServiceName", service.service.clone())];
    let mut queries = vec![
        query("cpu", "AWS/ECS", "CPUUtilization", &own, "Average"),
        query("memory", "AWS/ECS", "MemoryUtilization", &own, "Average"),
    ];
    let group = service.target_group_arn.as_deref().and_then(|arn| arn.rsplit_once(':')).map(|(_, name)| name);
    if let (Some(group), Some(balancer)) = (group, &service.load_balancer) {
        let edge = vec![("LoadBalancer", balancer.clone()), ("TargetGroup", group.to_owned())];
        queries.extend([
            query("latency", "AWS/ApplicationELB", "TargetResponseTime", &edge, "p95"),
            query("requests", "AWS/ApplicationELB", "RequestCount", &edge, "Sum"),
            query("errors", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", &edge, "Sum"),
        ]);
    }
    queries
}

/// The metrics of a database instance.
pub fn of_database(instance: &str) -> Vec<Query<'static>> {
    let own = [("DBInstanceIdentifier", instance.to_owned())];
    vec![
        query("cpu", "AWS/RDS", "CPUUtilization", &own, "Average"),
        query("connections", "AWS/RDS", "DatabaseConnections", &own, "Average"),
    ]
}

/// The processor metric of the database that another target depends on, under the id `database`.
pub fn of_dependency(instance: &str) -> Query<'static> {
    query("database", "AWS/RDS", "CPUUtilization", &[("DBInstanceIdentifier", instance.to_owned())], "Average")
}

/// The metrics of one node of a replication group.
pub fn of_cache(node: &str) -> Vec<Query<'static>> {
    let own = [("CacheClusterId", node.to_owned())];
    vec![
        query("cpu", "AWS/ElastiCache", "EngineCPUUtilization", &own, "Average"),
        query("memory", "AWS/ElastiCache", "DatabaseMemoryUsagePercentage", &own, "Average"),
        query("hits", "AWS/ElastiCache", "CacheHitRate", &own, "Average"),
        query("evictions", "AWS/ElastiCache", "Evictions", &own, "Sum"),
    ]
}

fn query(
    id: &'static str,
    namespace: &'static str,
    name: &'static str,
    dimensions: &[(&'static str, String)],
    statistic: &'static str,
) -> Query<'static> {
    Query { id, namespace, name, dimensions: dimensions.to_vec(), statistic }
}

/// Data points of one metric, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series(Vec<(Millis, f64)>);

impl Series {
    /// A series of points in any order; points that are not finite are dropped.
    pub fn new(points: impl IntoIterator<Item = (Millis, f64)>) -> Self {
        let mut points: Vec<_> = points.into_iter().filter(|(_, value)| value.is_finite()).collect();
        points.sort_by_key(|(at, _)| *at);
        Self(points)
    }

    /// The points, oldest first.
    pub fn points(&self) -> &[(Millis, f64)] {
        &self.0
    }

    /// The newest point.
    pub fn latest(&self) -> Option<(Millis, f64)> {
        self.0.last().copied()
    }

    /// The newest value, if its period began no longer than [`FRESH_MS`] before `now`.
    pub fn fresh(&self, now: Millis) -> Option<f64> {
        self.latest().filter(|(at, _)| now - at <= FRESH_MS).map(|(_, value)| value)
    }

    /// Whether the metric is above `limit`: its newest value is, or two of its newest three are. `None` without a
    /// fresh point.
    pub fn above(&self, limit: f64, now: Millis) -> Option<bool> {
        let newest = self.fresh(now)?;
        let recent = self.0.iter().rev().take(3).filter(|(_, value)| *value > limit).count();
        Some(newest > limit || recent >= 2)
    }

    /// The points whose period began at or after a time.
    pub fn since(&self, start: Millis) -> Series {
        Series(self.0.iter().copied().filter(|(at, _)| *at >= start).collect())
    }

    /// The points whose period began before a time.
    pub fn before(&self, end: Millis) -> Series {
        Series(self.0.iter().copied().filter(|(at, _)| *at < end).collect())
    }

    /// Every value multiplied.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Series {
        Series(self.0.iter().map(|(at, value)| (*at, value * factor)).collect())
    }
}

/// What CloudWatch answered, by query id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings(BTreeMap<String, Series>);

impl Readings {
    /// Adds a series under its query's id.
    pub fn insert(&mut self, id: &str, series: Series) {
        self.0.insert(id.to_owned(), series);
    }

    /// The series of a query; empty when there is none.
    pub fn get(&self, id: &str) -> Series {
        self.0.get(id).cloned().unwrap_or_default()
    }

    /// 95th percentile of the response time in milliseconds.
    pub fn latency_ms(&self) -> Series {
        self.get("latency").scaled(1000.0)
    }

    /// Server errors in percent of requests. A load balancer publishes no error count for a period without
    /// errors, so a period with requests and no count has none; a period without requests has no rate.
    pub fn error_percent(&self) -> Series {
        let errors: BTreeMap<Millis, f64> = self.get("errors").0.into_iter().collect();
        let requests = self.get("requests");
        let counted = requests.points().iter().filter(|(_, requests)| *requests > 0.0);
        Series(counted.map(|(at, requests)| (*at, 100.0 * errors.get(at).unwrap_or(&0.0) / requests)).collect())
    }

    /// Whether no metric at all has a fresh point.
    pub fn silent(&self, now: Millis) -> bool {
        self.0.values().all(|series| series.fresh(now).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;

    #[test]
    fn the_queries_of_a_service_carry_cloudwatch_dimensions() {
        let entry = samples::entry(samples::api());
        let queries = of_service(entry.service().unwrap(), "production");
        let latency = queries.iter().find(|query| query.id == "latency").unwrap();
        assert_eq!(latency.dimensions[0], ("LoadBalancer", "app/production/50dc6c495c0c9188".into()));
        assert_eq!(latency.dimensions[1], ("TargetGroup", "targetgroup/api/6d0ecf831eec9f09".into()));
        assert_eq!(latency.reference(), "AWS/ApplicationELB TargetResponseTime p95");
    }

    #[test]
    fn above_needs_a_fresh_point() {
        let series = Series::new([(60_000, 90.0), (0, 95.0), (120_000, 10.0)]);
        assert_eq!(series.above(80.0, 120_000), Some(true), "two of the newest three are");
        assert_eq!(series.since(60_001).above(80.0, 120_000), Some(false));
        assert_eq!(series.above(80.0, 120_000 + FRESH_MS + 1), None, "stale");
        assert_eq!(Series::default().above(80.0, 0), None);
    }

    #[test]
    fn a_period_without_an_error_count_has_no_errors_but_one_without_requests_has_no_rate() {
        let mut readings = Readings::default();
        readings.insert("requests", Series::new([(0, 200.0), (60_000, 100.0), (120_000, 0.0)]));
        readings.insert("errors", Series::new([(0, 4.0), (120_000, 0.0)]));
        assert_eq!(readings.error_percent().points(), [(0, 2.0), (60_000, 0.0)]);
    }

    #[test]
    fn values_that_are_no_numbers_are_dropped() {
        assert_eq!(Series::new([(0, f64::NAN), (1, 2.0)]).points(), [(1, 2.0)]);
    }
}
