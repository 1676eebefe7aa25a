//! The fleet's metrics, computed from its minutes when they are asked for, as long as CloudWatch keeps them.

use std::collections::BTreeMap;

use super::Fleet;
use super::member::{Life, Member};
use super::record::{Record, Times};
use crate::world::metrics::{Series, Statistic};
use crate::world::{MINUTE_MS, World};

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Data older than so many days exist only in periods that are multiples of so many minutes.
const RETENTION: [(i64, i64); 3] = [(455, i64::MAX), (63, 60), (15, 5)];
/// Bytes that come in and go out with a request.
const BYTES_IN: f64 = 2_000.0;
const BYTES_OUT: f64 = 18_000.0;
/// Namespaces whose data the fleet answers for.
const NAMESPACES: [&str; 6] =
    ["AWS/ECS", "ECS/ContainerInsights", "AWS/ApplicationELB", "AWS/RDS", "AWS/NATGateway", "AWS/Logs"];

/// The samples of one period.
#[derive(Debug, Clone)]
struct Fold {
    count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
    /// (value, weight), where a percentile is asked for.
    samples: Option<Vec<(f64, f64)>>,
}

impl Fold {
    fn new(statistic: Statistic) -> Self {
        let samples = matches!(statistic, Statistic::Percentile(_)).then(Vec::new);
        Self { count: 0.0, sum: 0.0, minimum: f64::INFINITY, maximum: f64::NEG_INFINITY, samples }
    }

    /// Adds `weight` samples of `value`.
    fn add(&mut self, value: f64, weight: f64) {
        if weight <= 0.0 {
            return;
        }
        self.count += weight;
        self.sum += value * weight;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        if let Some(samples) = &mut self.samples {
            samples.push((value, weight));
        }
    }

    /// One sample per task, spread a little around the mean; percentages end at 100.
    fn tasks(&mut self, mean: f32, tasks: u16, highest: f64) {
        let (mean, tasks) = (f64::from(mean), f64::from(tasks));
        for index in 0..tasks as u32 {
            let spread = (f64::from(index) + 0.5) / tasks - 0.5;
            self.add((mean * (1.0 + 0.06 * spread)).min(highest), 1.0);
        }
    }

    fn value(&mut self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::SampleCount => self.count,
            Statistic::Sum => self.sum,
            Statistic::Average => self.sum / self.count,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::Percentile(p) => self.percentile(p),
        }
    }

    fn percentile(&mut self, p: f64) -> f64 {
        let mut samples = self.samples.take().unwrap_or_default();
        samples.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let (wanted, mut seen) = (self.count * (p / 100.0 - 1e-9), 0.0);
        let reached = samples.iter().find(|(_, weight)| {
            seen += weight;
            seen >= wanted
        });
        reached.map_or(self.maximum, |(value, _)| *value)
    }
}

/// How a minute of a service becomes samples of a metric.
type Reading = fn(&Record, &Times, &mut Fold);

/// CPU and memory of a service.
fn of_service(namespace: &str, metric: &str) -> Option<Reading> {
    const ANY: f64 = f64::INFINITY;
    Some(match (namespace, metric) {
        ("AWS/ECS", "CPUUtilization") => |record, _, fold| fold.tasks(record.cpu, record.running, 100.0),
        ("AWS/ECS", "MemoryUtilization") => |record, _, fold| fold.tasks(record.memory, record.running, 100.0),
        ("AWS/ECS", _) => return None,
        (_, "RunningTaskCount") => |record, _, fold| fold.add(f64::from(record.running), 1.0),
        (_, "DesiredTaskCount") => |record, _, fold| fold.add(f64::from(record.desired), 1.0),
        (_, "RestartCount") => |record, _, fold| fold.add(f64::from(record.restarts), 1.0),
        (_, "CpuUtilized") => {
            |record, _, fold| fold.tasks(record.cpu / 100.0 * f32::from(record.cpu_units), record.running, ANY)
        }
        (_, "CpuReserved") => |record, _, fold| fold.add(f64::from(record.cpu_units), f64::from(record.running)),
        (_, "MemoryUtilized") => {
            |record, _, fold| fold.tasks(record.memory / 100.0 * record.memory_mib as f32, record.running, ANY)
        }
        (_, "MemoryReserved") => |record, _, fold| fold.add(f64::from(record.memory_mib), f64::from(record.running)),
        (_, "NetworkRxBytes") => |record, _, fold| network(record, BYTES_IN, fold),
        (_, "NetworkTxBytes") => |record, _, fold| network(record, BYTES_OUT, fold),
        _ => return None,
    })
}

/// Bytes per second of each task.
fn network(record: &Record, bytes: f64, fold: &mut Fold) {
    let per_task = f64::from(record.requests) / 60.0 * bytes / f64::from(record.running).max(1.0);
    fold.add(per_task, f64::from(record.running));
}

/// What the load balancer counts of a service; of the whole balancer the services' together.
fn of_balancer(metric: &str, whole: bool) -> Option<Reading> {
    Some(match metric {
        "RequestCount" => |record, _, fold| fold.add(1.0, f64::from(record.requests)),
        "TargetResponseTime" => |record, times, fold| {
            for (seconds, share) in times.of(record) {
                fold.add(seconds, share * f64::from(record.requests - record.balancer_errors));
            }
        },
        "HTTPCode_Target_2XX_Count" => |record, _, fold| {
            fold.add(1.0, f64::from(record.requests - record.target_errors - record.balancer_errors));
        },
        "HTTPCode_Target_5XX_Count" => |record, _, fold| fold.add(1.0, f64::from(record.target_errors)),
        "HTTPCode_ELB_5XX_Count" => |record, _, fold| fold.add(1.0, f64::from(record.balancer_errors)),
        "RejectedConnectionCount" => |record, _, fold| fold.add(1.0, f64::from(record.rejected)),
        "ActiveConnectionCount" => |record, _, fold| {
            let seconds = f64::from(record.service_ms + record.wait_ms) / 1000.0;
            let busy = f64::from(record.requests) / 60.0 * seconds;
            fold.add(1.0, (busy + 20.0 * f64::from(record.healthy)).round());
        },
        "RequestCountPerTarget" if !whole => |record, _, fold| {
            // One sample a minute whose sum is the requests per target.
            fold.add(f64::from(record.requests) / f64::from(record.healthy).max(1.0), 1.0);
        },
        "HealthyHostCount" if !whole => |record, _, fold| fold.add(f64::from(record.healthy), 1.0),
        "UnHealthyHostCount" if !whole => |_, _, fold| fold.add(0.0, 1.0),
        _ => return None,
    })
}

/// What is read, and from whom.
enum Source<'a> {
    /// The minutes of services.
    Members(Vec<&'a Member>, Reading),
    /// A task's minutes.
    Task(&'a Member, Life, fn(&Record) -> f64),
    /// The requests of all services together, as somebody else sees them.
    Account(Box<dyn Fn(f64, f64) -> f64>),
}

impl World {
    /// A statistic of a fleet's metric from `start_ms` (included) to `end_ms` (excluded) in periods of `period_ms`, oldest
    /// first; `None` when the metric is none of a fleet's.
    pub(crate) fn fleet_metric(
        &self,
        series: &Series,
        (start_ms, end_ms): (i64, i64),
        period_ms: i64,
        statistic: Statistic,
    ) -> Option<Vec<(i64, f64)>> {
        let fleet = self.fleet.as_deref()?;
        if !NAMESPACES.contains(&series.namespace.as_str()) {
            return None;
        }
        let Some(source) = self.source(fleet, series) else { return Some(Vec::new()) };
        let compute = |from_ms: i64, until_ms: i64| fleet.values(&source, (from_ms, until_ms), period_ms, statistic);
        let values = match source {
            // Tasks come and go: of those nothing is kept.
            Source::Task(..) => compute(start_ms, end_ms),
            _ => fleet.whole.read((series, period_ms, statistic), (start_ms, end_ms), self.now_ms, compute),
        };
        let kept = values.into_iter().filter(|(at_ms, _)| is_kept(self.now_ms - at_ms, period_ms));
        Some(kept.collect())
    }

    fn source<'a>(&'a self, fleet: &'a Fleet, series: &Series) -> Option<Source<'a>> {
        let (namespace, metric) = (series.namespace.as_str(), series.name.as_str());
        let dimensions: Vec<(&str, &str)> =
            series.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match dimensions[..] {
            [("ClusterName", cluster), ("ServiceName", name)] if cluster == self.cluster => {
                Some(Source::Members(vec![fleet.members.get(name)?], of_service(namespace, metric)?))
            }
            [("ClusterName", cluster), ("ServiceName", name), ("TaskId", id)] if cluster == self.cluster => {
                let member = fleet.members.get(name)?;
                let life = member.life(self.services.get(name)?, id)?;
                let reading: fn(&Record) -> f64 = match metric {
                    "TaskCpuUtilization" => |record| f64::from(record.cpu),
                    "TaskMemoryUtilization" => |record| f64::from(record.memory),
                    _ => return None,
                };
                Some(Source::Task(member, life, reading))
            }
            [("LoadBalancer", balancer)] if balancer == self.load_balancer_dimension() => {
                Some(Source::Members(fleet.members.values().collect(), of_balancer(metric, true)?))
            }
            [("LoadBalancer", balancer), ("TargetGroup", group)] if balancer == self.load_balancer_dimension() => {
                let is_group = |service: &&crate::world::ecs::Service| {
                    group == format!("targetgroup/{}/{}", service.target_group, service.target_group_id)
                };
                let service = self.services.values().find(is_group)?;
                Some(Source::Members(vec![fleet.members.get(&service.name)?], of_balancer(metric, false)?))
            }
            [(dimension, id)] => fleet.inventory.metric(namespace, metric, dimension, id).map(Source::Account),
            _ => None,
        }
    }
}

impl Fleet {
    /// The values of a source, oldest first, however old they are.
    fn values(
        &self,
        source: &Source<'_>,
        (start_ms, end_ms): (i64, i64),
        period_ms: i64,
        statistic: Statistic,
    ) -> Vec<(i64, f64)> {
        let mut periods: BTreeMap<i64, Fold> = BTreeMap::new();
        let mut period = |at_ms: i64, add: &mut dyn FnMut(&mut Fold)| {
            let begin = at_ms - at_ms.rem_euclid(period_ms);
            add(periods.entry(begin).or_insert_with(|| Fold::new(statistic)));
        };
        match source {
            Source::Members(members, reading) => {
                for (at_ms, record) in members.iter().flat_map(|member| member.records.range(start_ms, end_ms)) {
                    period(at_ms, &mut |fold| reading(record, &self.times, fold));
                }
            }
            Source::Task(member, life, reading) => {
                let (from, to) = (start_ms.max(life.started_ms), end_ms.min(life.stopped_ms));
                for (at_ms, record) in member.records.range(from, to.max(from)) {
                    period(at_ms, &mut |fold| fold.add((reading(record) * life.imbalance()).min(100.0), 1.0));
                }
            }
            Source::Account(reading) => {
                for (at_ms, requests, tasks) in self.together(start_ms, end_ms) {
                    period(at_ms, &mut |fold| fold.add(reading(requests, tasks), 1.0));
                }
            }
        }
        let known = periods.into_iter().filter(|(_, fold)| fold.count > 0.0);
        known.map(|(at_ms, mut fold)| (at_ms, fold.value(statistic))).collect()
    }

    /// (minute, requests, running tasks) of all services together.
    fn together(&self, start_ms: i64, end_ms: i64) -> Vec<(i64, f64, f64)> {
        let mut minutes: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for (at_ms, record) in self.members.values().flat_map(|member| member.records.range(start_ms, end_ms)) {
            let minute = minutes.entry(at_ms).or_default();
            minute.0 += f64::from(record.requests);
            minute.1 += f64::from(record.running);
        }
        minutes.into_iter().map(|(at_ms, (requests, tasks))| (at_ms, requests, tasks)).collect()
    }
}

/// Whether data of that age are still there in that period.
fn is_kept(age_ms: i64, period_ms: i64) -> bool {
    let coarsest = RETENTION.into_iter().find(|(days, _)| age_ms > days * DAY_MS);
    coarsest.is_none_or(|(_, minutes)| minutes != i64::MAX && period_ms % (minutes * MINUTE_MS) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_go_after_fifteen_days_and_five_minutes_after_sixty_three() {
        assert!(is_kept(15 * DAY_MS, MINUTE_MS) && !is_kept(15 * DAY_MS + 1, MINUTE_MS));
        assert!(is_kept(16 * DAY_MS, 300_000) && !is_kept(16 * DAY_MS, 120_000));
        assert!(!is_kept(64 * DAY_MS, 300_000) && is_kept(64 * DAY_MS, 3_600_000) && is_kept(64 * DAY_MS, 7_200_000));
        assert!(!is_kept(456 * DAY_MS, 86_400_000));
    }

    #[test]
    fn percentiles_count_weights() {
        let mut fold = Fold::new(Statistic::Percentile(50.0));
        for (value, weight) in [(3.0, 1.0), (1.0, 6.0), (2.0, 3.0)] {
            fold.add(value, weight);
        }
        assert_eq!((fold.clone().value(Statistic::Percentile(50.0)), fold.clone().percentile(90.0)), (1.0, 2.0));
        assert_eq!((fold.percentile(100.0), fold.maximum), (3.0, 3.0));
    }
}
