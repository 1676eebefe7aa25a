//! Metrics as CloudWatch's, once a minute: what came since the last minute, by AWS's names and dimensions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use asl::Value;
use engine::Clock;
use engine::aws::Client;
use execution::Millis;
use prometheus_client::metrics::counter::Counter;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use super::Metrics;
use super::names::{EXECUTIONS, TASK_TIMES, TASKS, words};
use super::series::{MachineSeries, Statistics, TaskSeries, Timing};

/// How often metrics are sent.
const PERIOD: Duration = Duration::from_secs(60);
/// Data in one request; CloudWatch takes 1,000 and one megabyte.
const BATCH: usize = 500;

/// One datum of PutMetricData.
#[derive(Clone, Debug, PartialEq)]
struct Datum {
    name: String,
    dimension: Option<(&'static str, Arc<str>)>,
    statistics: Statistics,
    unit: &'static str,
}

/// Sends metrics to `namespace` every minute, and once more when `stopping` turns true.
pub(crate) async fn publish(
    metrics: Arc<Metrics>,
    client: Client,
    namespace: String,
    clock: Clock,
    mut stopping: watch::Receiver<bool>,
) {
    let mut sums = Sums::default();
    loop {
        let stopped = tokio::select! {
            () = tokio::time::sleep(PERIOD) => false,
            _ = stopping.wait_for(|stopping| *stopping) => true,
        };
        let data = metrics.data(&mut sums);
        send(&client, &namespace, clock.now(), &data).await;
        if stopped {
            return;
        }
    }
}

async fn send(client: &Client, namespace: &str, at: Millis, data: &[Datum]) {
    for batch in data.chunks(BATCH) {
        let parameters = parameters(namespace, at, batch);
        if let Err(error) = client.call("cloudwatch", "PutMetricData", &parameters).await {
            tracing::warn!(%error, lost = batch.len(), "metrics were refused by CloudWatch");
        }
    }
}

fn parameters(namespace: &str, at: Millis, data: &[Datum]) -> Value {
    let at = OffsetDateTime::from_unix_timestamp(at.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let at = at.format(&Rfc3339).unwrap_or_default();
    let data = data.iter().map(|datum| {
        let Statistics { count, sum, minimum, maximum } = datum.statistics;
        let statistics = Value::object([
            ("SampleCount", Value::from(count)),
            ("Sum", Value::from(sum)),
            ("Minimum", Value::from(minimum)),
            ("Maximum", Value::from(maximum)),
        ]);
        let mut members = vec![("MetricName", Value::from(datum.name.as_str()))];
        if let Some((name, value)) = &datum.dimension {
            let dimension = Value::object([("Name", Value::from(*name)), ("Value", Value::from(&**value))]);
            members.push(("Dimensions", Value::array(vec![dimension])));
        }
        members.push(("Timestamp", Value::from(at.as_str())));
        members.push(("StatisticValues", statistics));
        members.push(("Unit", Value::from(datum.unit)));
        Value::object(members)
    });
    Value::object([("Namespace", Value::from(namespace)), ("MetricData", Value::array(data.collect()))])
}

/// What was sent of each counter so far.
#[derive(Debug, Default)]
struct Sums(HashMap<(String, Arc<str>), u64>);

impl Sums {
    /// What came since the last time, where anything did.
    fn since(&mut self, name: &str, of: &Arc<str>, counter: &Counter) -> Option<Statistics> {
        let now = counter.get();
        let before = self.0.insert((name.to_owned(), Arc::clone(of)), now).unwrap_or(0);
        (now > before).then(|| Statistics {
            count: now - before,
            sum: (now - before) as f64,
            minimum: 1.0,
            maximum: 1.0,
        })
    }
}

impl Metrics {
    /// What came since the last time.
    fn data(&self, sums: &mut Sums) -> Vec<Datum> {
        let (machines, tasks, transitions, open) = {
            let counting = self.counting();
            let tasks = [&counting.activities, &counting.functions, &counting.integrations];
            let tasks: Vec<_> = tasks.iter().flat_map(|tasks| tasks.all()).collect();
            (counting.machines.all(), tasks, counting.transitions.clone(), counting.open.get())
        };
        let mut data = vec![gauge("OpenExecutionCount", open as f64)];
        let of: Arc<str> = "StateTransition".into();
        if let Some(statistics) = sums.since("ConsumedCapacity", &of, &transitions) {
            let dimension = Some(("ServiceMetric", of));
            data.push(Datum { name: "ConsumedCapacity".to_owned(), dimension, statistics, unit: "Count" });
        }
        for machine in machines {
            machine_data(&machine, sums, &mut data);
        }
        for task in tasks {
            task_data(&task, sums, &mut data);
        }
        data
    }
}

fn gauge(name: &str, value: f64) -> Datum {
    let statistics = Statistics { count: 1, sum: value, minimum: value, maximum: value };
    Datum { name: name.to_owned(), dimension: None, statistics, unit: "Count" }
}

fn machine_data(machine: &MachineSeries, sums: &mut Sums, data: &mut Vec<Datum>) {
    let dimension = Some(("StateMachineArn", Arc::clone(&machine.arn)));
    // In the order of `EXECUTIONS`.
    let counters = [
        &machine.started,
        &machine.succeeded,
        &machine.failed,
        &machine.timed_out,
        &machine.aborted,
        &machine.redriven,
        &machine.redriven_succeeded,
        &machine.redriven_failed,
        &machine.redriven_timed_out,
        &machine.redriven_aborted,
    ];
    for ((name, _), counter) in EXECUTIONS.iter().zip(counters) {
        let statistics = sums.since(name, &machine.arn, counter);
        data.extend(statistics.map(|statistics| Datum {
            name: (*name).to_owned(),
            dimension: dimension.clone(),
            statistics,
            unit: "Count",
        }));
    }
    let timings = [
        ("ExecutionTime", &machine.time, "Milliseconds"),
        ("ExpressExecutionBilledDuration", &machine.billed_duration, "Milliseconds"),
        ("ExpressExecutionBilledMemory", &machine.billed_memory, "Megabytes"),
    ];
    for (name, timing, unit) in timings {
        data.extend(timing_datum(name.to_owned(), dimension.clone(), timing, unit));
    }
}

fn task_data(task: &TaskSeries, sums: &mut Sums, data: &mut Vec<Datum>) {
    let (counts, times, dimension) = words(task.flavor);
    let dimension = Some((dimension, Arc::clone(&task.resource)));
    // In the order of `TASKS`.
    let counters =
        [&task.scheduled, &task.started, &task.succeeded, &task.failed, &task.timed_out, &task.heartbeat_timed_out];
    for ((name, _), counter) in TASKS.iter().zip(counters) {
        let name = format!("{counts}{name}");
        if let Some(statistics) = sums.since(&name, &task.resource, counter) {
            data.push(Datum { name, dimension: dimension.clone(), statistics, unit: "Count" });
        }
    }
    // In the order of `TASK_TIMES`.
    let timings = [&task.schedule_time, &task.run_time, &task.time];
    for ((name, _), timing) in TASK_TIMES.iter().zip(timings) {
        data.extend(timing_datum(format!("{times}{name}"), dimension.clone(), timing, "Milliseconds"));
    }
}

fn timing_datum(
    name: String,
    dimension: Option<(&'static str, Arc<str>)>,
    timing: &Timing,
    unit: &'static str,
) -> Option<Datum> {
    Some(Datum { name, dimension, statistics: timing.take()?, unit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Sources;
    use crate::sample;

    #[test]
    fn each_minute_tells_what_came_in_it() {
        let metrics = Metrics::new(Arc::new(Sources::default()));
        metrics.committed(&sample::all(vec![sample::started(), sample::succeeded(3)]));
        let mut sums = Sums::default();
        let data = metrics.data(&mut sums);
        let told: Vec<_> = data.iter().map(|datum| (datum.name.as_str(), datum.statistics.sum)).collect();
        let expected = [
            ("OpenExecutionCount", 0.0),
            ("ExecutionsStarted", 1.0),
            ("ExecutionsSucceeded", 1.0),
            ("ExecutionTime", 2000.0),
        ];
        assert_eq!(told, expected);
        let again = metrics.data(&mut sums);
        assert_eq!(again.len(), 1, "nothing came: {again:?}");
    }

    #[test]
    fn a_datum_has_its_dimension_and_its_time() {
        let metrics = Metrics::new(Arc::new(Sources::default()));
        metrics.committed(&sample::committed(sample::started()));
        let data = metrics.data(&mut Sums::default());
        let text = parameters("Stepwright/States", sample::START, &data).to_string();
        let expected = concat!(
            r#"{"MetricName":"ExecutionsStarted","Dimensions":[{"Name":"StateMachineArn","#,
            r#""Value":"arn:aws:states:us-east-1:123456789012:stateMachine:m"}],"Timestamp":"2023-11-14T22:13:20Z","#,
            r#""StatisticValues":{"SampleCount":1,"Sum":1.0,"Minimum":1.0,"Maximum":1.0},"Unit":"Count"}"#
        );
        assert!(text.contains(expected), "{text}");
    }
}
