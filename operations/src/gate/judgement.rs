//! Which metrics judge a new revision, and what they are compared with.

use super::window::{MINUTE_MS, WEEK_MS};
use crate::catalogue::{BusinessMetric, Entry, Slo};
use crate::judge::{Baseline, Direction, Gauge, HardLimit, Kind, Latency, Leak, Metric, Ratio, Requests};
use crate::metrics::{Query, Readings};
use crate::time::Millis;
use std::collections::BTreeMap;

/// Processor utilisation that fails, in percent, without an SLO.
const CPU_LIMIT: f64 = 95.0;
/// Memory utilisation that fails, in percent, without an SLO.
const MEMORY_LIMIT: f64 = 90.0;
/// How many requests a minute must have before its share of errors is judged by itself.
const MIN_REQUESTS: f64 = 20.0;
/// The part of a window that a week of history must know.
const COVERAGE: f64 = 0.8;

/// The weeks that history looks back on: how many, and the period that CloudWatch still has then, in seconds.
pub const WEEKS: [(i64, i32); 3] = [(1, 60), (2, 60), (3, 300)];

/// Where the metrics are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The load balancer as CloudWatch names it: `app/<name>/<id>`.
    pub balancer: String,
    /// Green's target group, as an ARN.
    pub green: String,
    /// Blue's target group, as an ARN.
    pub blue: String,
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// Green's task set.
    pub green_set: String,
}

/// The load balancer as CloudWatch names it, from the ARN of one of its listeners.
pub fn balancer(listener_arn: &str) -> Option<&str> {
    let (_, path) = listener_arn.split_once(":listener/")?;
    path.rsplit_once('/').map(|(balancer, _)| balancer)
}

impl Source {
    /// The metrics of the load balancer for both target groups.
    pub fn edge(&self) -> Vec<Query<'static>> {
        let sides = [
            (&self.green, ["greenLatency", "greenRequests", "greenErrors"]),
            (&self.blue, ["blueLatency", "blueRequests", "blueErrors"]),
        ];
        let of_side = |(group, [latency, requests, errors]): (&String, [&'static str; 3])| {
            let group = group.rsplit_once(':').map_or(group.as_str(), |(_, name)| name);
            let dimensions = vec![("LoadBalancer", self.balancer.clone()), ("TargetGroup", group.to_owned())];
            let query = |id, name, statistic| Query {
                id,
                namespace: "AWS/ApplicationELB",
                name,
                dimensions: dimensions.clone(),
                statistic,
            };
            [
                query(latency, "TargetResponseTime", "p95"),
                query(requests, "RequestCount", "Sum"),
                query(errors, "HTTPCode_Target_5XX_Count", "Sum"),
            ]
        };
        sides.into_iter().flat_map(of_side).collect()
    }

    /// The use of processor and memory: of green's tasks where something publishes it by task set, and of the service.
    pub fn resources(&self) -> Vec<Query<'static>> {
        let service = vec![("ClusterName", self.cluster.clone()), ("ServiceName", self.service.clone())];
        let mut green = service.clone();
        green.push(("TaskSetId", self.green_set.clone()));
        let query = |id, namespace, name, dimensions: &Vec<(&'static str, String)>| Query {
            id,
            namespace,
            name,
            dimensions: dimensions.clone(),
            statistic: "Average",
        };
        vec![
            query("greenCpu", "ECS/ContainerInsights", "TaskCpuUtilization", &green),
            query("greenMemory", "ECS/ContainerInsights", "TaskMemoryUtilization", &green),
            query("serviceCpu", "AWS/ECS", "CPUUtilization", &service),
            query("serviceMemory", "AWS/ECS", "MemoryUtilization", &service),
        ]
    }
}

/// The metrics of the business.
pub fn business(metrics: &[BusinessMetric]) -> Vec<Query<'_>> {
    fn query(own: &BusinessMetric) -> Query<'_> {
        Query {
            id: &own.id,
            namespace: &own.namespace,
            name: &own.metric,
            dimensions: own.dimensions.iter().map(|(name, value)| (name.as_str(), value.clone())).collect(),
            statistic: &own.statistic,
        }
    }
    metrics.iter().map(query).collect()
}

/// What green is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// Blue has traffic at the same time.
    Concurrent,
    /// Blue has none: the same hour of the week, of the weeks of [`WEEKS`] that were read, whichever target group served
    /// then.
    History(Vec<(i64, Readings)>),
}

/// The metrics of a judgement, and what a reader should know about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The metrics.
    pub metrics: Vec<Metric>,
    /// Remarks.
    pub remarks: Vec<String>,
}

/// Puts the metrics together for these minutes.
pub fn metrics(entry: &Entry, minutes: &[Millis], now: &Readings, control: &Control) -> Judgement {
    let green_latency = latency(now, "greenLatency", minutes);
    let green_requests = requests(now, "greenRequests", "greenErrors", minutes);
    let mut judgement = Judgement { metrics: Vec::new(), remarks: Vec::new() };
    match control {
        Control::Concurrent => {
            let blue = Baseline::Concurrent(latency(now, "blueLatency", minutes));
            let served = Baseline::Concurrent(requests(now, "blueRequests", "blueErrors", minutes));
            judgement.metrics = compared(green_latency, blue, green_requests, served);
        }
        Control::History(weeks) => {
            let served: Vec<_> = weeks.iter().map(|(week, readings)| week_of(readings, *week, minutes)).collect();
            let known: Vec<_> = served.into_iter().filter(|week| week.known() >= COVERAGE).collect();
            if known.is_empty() {
                judgement = limits_only(&entry.slo, green_latency, &green_requests);
            } else {
                let (levels, counts) = known.into_iter().map(|week| (week.latency, week.requests)).unzip();
                judgement.metrics =
                    compared(green_latency, Baseline::History(levels), green_requests, Baseline::History(counts));
            }
        }
    }
    judgement.metrics.extend(gauges(&entry.slo, minutes, now));
    let own = entry.deployment.iter().flat_map(|deployment| &deployment.metrics);
    judgement.metrics.extend(own.map(|own| floor(own, minutes, now)));
    judgement
}

fn compared(
    latency: Vec<Option<f64>>,
    levels: Baseline<f64>,
    requests: Vec<Option<Requests>>,
    counts: Baseline<Requests>,
) -> Vec<Metric> {
    vec![
        Metric::new("p95 latency", "ms", Kind::Latency(Latency::new(latency, levels))),
        Metric::new("5xx responses", "%", Kind::Ratio(Ratio::new(requests, counts))).critical(),
    ]
}

/// Without anything to compare with, only the objectives of the catalogue remain; without those nothing can be judged.
fn limits_only(slo: &Slo, latency: Vec<Option<f64>>, requests: &[Option<Requests>]) -> Judgement {
    const NONE: &str = "blue has no traffic and there is no history of the last three weeks";
    let (Some(slowest), Some(most)) = (slo.latency_p95_ms, slo.error_rate_percent) else {
        let remark = format!("{NONE}: set entry.slo.latencyP95Ms and entry.slo.errorRatePercent to judge by limits");
        let metrics =
            compared(latency, Baseline::History(Vec::new()), requests.to_vec(), Baseline::History(Vec::new()));
        return Judgement { metrics, remarks: vec![remark] };
    };
    let share = |requests: &Option<Requests>| {
        let requests = requests.filter(|requests| requests.total as f64 >= MIN_REQUESTS)?;
        Some(100.0 * requests.errors as f64 / requests.total as f64)
    };
    let errors = requests.iter().map(share).collect();
    let gauge =
        |name, unit, values, limit| Metric::new(name, unit, Kind::Gauge(Gauge::new(values, 60, HardLimit::new(limit))));
    Judgement {
        metrics: vec![gauge("p95 latency", "ms", latency, slowest), gauge("5xx responses", "%", errors, most)],
        remarks: vec![format!("{NONE}: judged by the objectives of the catalogue only")],
    }
}

/// Processor and memory, where there is data. Memory may leak.
fn gauges(slo: &Slo, minutes: &[Millis], now: &Readings) -> Vec<Metric> {
    let limits = [
        ("CPU", ["greenCpu", "serviceCpu"], slo.cpu_percent.unwrap_or(CPU_LIMIT), None),
        ("memory", ["greenMemory", "serviceMemory"], slo.memory_percent.unwrap_or(MEMORY_LIMIT), Some(Leak::default())),
    ];
    let metric = |(name, ids, limit, leak): (&str, [&str; 2], f64, Option<Leak>)| {
        let series = ids.into_iter().map(|id| series(now, id, minutes, 1.0));
        let values = series.into_iter().find(|values| values.iter().any(Option::is_some))?;
        let gauge = Gauge { leak, ..Gauge::new(values, 60, HardLimit::new(limit)) };
        Some(Metric::new(name, "%", Kind::Gauge(gauge)))
    };
    limits.into_iter().filter_map(metric).collect()
}

/// What the business must not fall below. Both sides serve it, so it is not compared, and without data it is not known.
fn floor(own: &BusinessMetric, minutes: &[Millis], now: &Readings) -> Metric {
    let values = series(now, &own.id, minutes, 1.0);
    let direction = Direction::LowerIsWorse;
    let gauge = Gauge { direction, ..Gauge::new(values, 60, HardLimit::new(own.floor)) };
    Metric::new(&own.name, "", Kind::Gauge(gauge))
}

fn series(readings: &Readings, id: &str, minutes: &[Millis], factor: f64) -> Vec<Option<f64>> {
    let points: BTreeMap<_, _> = readings.get(id).points().iter().copied().collect();
    minutes.iter().map(|minute| points.get(minute).map(|value| value * factor)).collect()
}

fn latency(readings: &Readings, id: &str, minutes: &[Millis]) -> Vec<Option<f64>> {
    series(readings, id, minutes, 1000.0)
}

/// A load balancer counts no errors for a minute without any.
fn requests(readings: &Readings, requests: &str, errors: &str, minutes: &[Millis]) -> Vec<Option<Requests>> {
    let totals = series(readings, requests, minutes, 1.0);
    let errors = series(readings, errors, minutes, 1.0);
    let counted = totals.into_iter().zip(errors).map(|(total, errors)| {
        let total = total?.max(0.0).round() as u64;
        Some(Requests { errors: (errors.unwrap_or(0.0).max(0.0).round() as u64).min(total), total })
    });
    counted.collect()
}

/// A week of the service: whichever of the two target groups served.
struct Week {
    latency: Vec<Option<f64>>,
    requests: Vec<Option<Requests>>,
}

impl Week {
    /// The part of the minutes that is known.
    fn known(&self) -> f64 {
        let known = self.latency.iter().zip(&self.requests).filter(|(level, count)| level.is_some() && count.is_some());
        known.count() as f64 / self.latency.len().max(1) as f64
    }
}

fn week_of(readings: &Readings, week: i64, minutes: &[Millis]) -> Week {
    let period = WEEKS.iter().find(|(number, _)| *number == week).map_or(60, |(_, seconds)| i64::from(*seconds));
    let (period, parts) = (period * 1000, (period * 1000 / MINUTE_MS).max(1));
    let then: Vec<_> = minutes.iter().map(|minute| minute - week * WEEK_MS).collect();
    // The period in which each minute lies.
    let begun: Vec<_> = then.iter().map(|minute| minute.div_euclid(period) * period).collect();
    let sides = ["green", "blue"].map(|side| {
        let id = |what: &str| format!("{side}{what}");
        let levels = series(readings, &id("Latency"), &begun, 1000.0);
        (levels, requests(readings, &id("Requests"), &id("Errors"), &begun))
    });
    let mut served = Week { latency: Vec::new(), requests: Vec::new() };
    for index in 0..minutes.len() {
        let counts = sides.each_ref().map(|(_, counts)| counts[index]);
        let busier = usize::from(counts[1].map_or(0, |it| it.total) > counts[0].map_or(0, |it| it.total));
        served.latency.push(sides[busier].0[index]);
        let nth = (then[index] - begun[index]) / MINUTE_MS;
        let part = |whole: u64| share(whole, nth, parts);
        let sum = counts
            .into_iter()
            .flatten()
            .reduce(|one, other| Requests { errors: one.errors + other.errors, total: one.total + other.total });
        served.requests.push(sum.map(|sum| {
            let total = part(sum.total);
            Requests { errors: part(sum.errors).min(total), total }
        }));
    }
    served
}

/// The `nth` of `parts` nearly equal whole parts of a number; together they are all of it.
fn share(whole: u64, nth: i64, parts: i64) -> u64 {
    let (nth, parts) = (nth.unsigned_abs(), parts.unsigned_abs().max(1));
    whole * (nth + 1) / parts - whole * nth / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use crate::judge::{self, Request, Verdict};
    use crate::metrics::Series;
    use serde_json::json;

    fn minutes() -> Vec<Millis> {
        (0..15).map(|minute| 4 * WEEK_MS + minute * MINUTE_MS).collect()
    }

    fn fill(readings: &mut Readings, side: &str, times: &[Millis], latency: f64, total: f64, errors: f64) {
        for (what, value) in [("Latency", latency), ("Requests", total), ("Errors", errors)] {
            let wobble = |(index, at): (usize, &Millis)| (*at, value * (1.0 + 0.01 * ((index * 7 % 5) as f64 - 2.0)));
            readings.insert(&format!("{side}{what}"), Series::new(times.iter().enumerate().map(wobble)));
        }
    }

    fn verdict(entry: &Entry, now: &Readings, control: &Control) -> (Verdict, Vec<String>) {
        let judgement = metrics(entry, &minutes(), now, control);
        let report = judge::judge(&Request { metrics: judgement.metrics, look: 4, looks: 4 }).unwrap();
        (report.verdict, judgement.remarks)
    }

    fn entry() -> Entry {
        samples::entry(samples::checkout())
    }

    #[test]
    fn green_is_compared_with_blue_at_the_same_time() {
        let mut now = Readings::default();
        fill(&mut now, "green", &minutes(), 0.100, 1000.0, 0.0);
        fill(&mut now, "blue", &minutes(), 0.100, 9000.0, 2.0);
        assert_eq!(verdict(&entry(), &now, &Control::Concurrent), (Verdict::Pass, vec![]));
        fill(&mut now, "green", &minutes(), 0.180, 1000.0, 0.0);
        assert_eq!(verdict(&entry(), &now, &Control::Concurrent).0, Verdict::Fail, "slower");
        fill(&mut now, "green", &minutes(), 0.100, 1000.0, 80.0);
        assert_eq!(verdict(&entry(), &now, &Control::Concurrent).0, Verdict::Fail, "more errors");
        let silent = Readings::default();
        assert_eq!(verdict(&entry(), &silent, &Control::Concurrent).0, Verdict::Inconclusive);
    }

    #[test]
    fn without_blues_traffic_the_same_hour_of_earlier_weeks_counts() {
        let mut now = Readings::default();
        fill(&mut now, "green", &minutes(), 0.100, 9000.0, 1.0);
        let mut weeks = Vec::new();
        for (week, seconds) in WEEKS {
            let then: Vec<_> = minutes().iter().map(|minute| minute - week * WEEK_MS).collect();
            let then: Vec<_> = then.into_iter().filter(|at| at % (i64::from(seconds) * 1000) == 0).collect();
            let mut readings = Readings::default();
            // The groups swap with every release.
            let side = if week % 2 == 0 { "green" } else { "blue" };
            fill(&mut readings, side, &then, 0.100, 150.0 * f64::from(seconds), 1.0);
            weeks.push((week, readings));
        }
        let history = Control::History(weeks);
        assert_eq!(verdict(&entry(), &now, &history), (Verdict::Pass, vec![]));
        fill(&mut now, "green", &minutes(), 0.180, 9000.0, 1.0);
        assert_eq!(verdict(&entry(), &now, &history).0, Verdict::Fail);
    }

    #[test]
    fn the_business_has_a_floor() {
        let mut item = samples::checkout();
        item["deployment"]["metrics"] = json!([{"name": "orders placed", "namespace": "Shop",
            "metric": "OrdersPlaced", "dimensions": {"Stage": "production"}, "statistic": "Sum", "floor": 20}]);
        let entry = samples::entry(item);
        let queries = business(&entry.deployment().unwrap().metrics);
        assert_eq!((queries[0].id, queries[0].reference().as_str()), ("floor0", "Shop OrdersPlaced Sum"));
        assert_eq!(queries[0].dimensions, [("Stage", "production".to_owned())]);
        let mut now = Readings::default();
        fill(&mut now, "green", &minutes(), 0.100, 1000.0, 0.0);
        fill(&mut now, "blue", &minutes(), 0.100, 9000.0, 2.0);
        assert_eq!(verdict(&entry, &now, &Control::Concurrent).0, Verdict::Inconclusive, "no data");
        let orders = |value: f64| Series::new(minutes().into_iter().map(move |at| (at, value)));
        now.insert("floor0", orders(20.0));
        assert_eq!(verdict(&entry, &now, &Control::Concurrent).0, Verdict::Pass);
        now.insert("floor0", orders(19.0));
        assert_eq!(verdict(&entry, &now, &Control::Concurrent).0, Verdict::Fail);
    }

    #[test]
    fn without_history_only_limits_remain_and_without_limits_nothing() {
        let mut now = Readings::default();
        fill(&mut now, "green", &minutes(), 0.100, 1000.0, 0.0);
        let none = Control::History(vec![(1, Readings::default())]);
        let (passed, remarks) = verdict(&entry(), &now, &none);
        assert_eq!(passed, Verdict::Pass);
        assert!(remarks[0].ends_with("judged by the objectives of the catalogue only"), "{remarks:?}");
        let mut item = samples::checkout();
        item["slo"] = json!({});
        let (verdict_without, remarks) = verdict(&samples::entry(item), &now, &none);
        assert_eq!(verdict_without, Verdict::Inconclusive);
        assert!(remarks[0].contains("set entry.slo.latencyP95Ms"), "{remarks:?}");
        fill(&mut now, "green", &minutes(), 0.900, 1000.0, 0.0);
        assert_eq!(verdict(&entry(), &now, &none).0, Verdict::Fail, "the objective is 400 ms");
    }

    #[test]
    fn memory_that_fills_up_fails_and_none_is_no_metric() {
        let mut now = Readings::default();
        fill(&mut now, "green", &minutes(), 0.100, 1000.0, 0.0);
        fill(&mut now, "blue", &minutes(), 0.100, 1000.0, 0.0);
        assert_eq!(metrics(&entry(), &minutes(), &now, &Control::Concurrent).metrics.len(), 2);
        let rising = minutes().into_iter().enumerate().map(|(index, at)| (at, 40.0 + index as f64));
        now.insert("greenMemory", Series::new(rising));
        assert_eq!(verdict(&entry(), &now, &Control::Concurrent).0, Verdict::Fail);
    }

    #[test]
    fn parts_are_whole_and_together_everything() {
        for whole in [0, 1, 3, 7, 100] {
            assert_eq!((0..5).map(|nth| share(whole, nth, 5)).sum::<u64>(), whole);
        }
        assert_eq!(
            balancer("arn:aws:elasticloadbalancing:r:1:listener/app/production/50dc/c0ff"),
            Some("app/production/50dc")
        );
    }
}
