//! Metrics that are read when somebody asks: of the engine, the process, and of what watches.

use std::fmt::Error;
use std::sync::Arc;

use engine::{COMMIT_MICROS, CommitTimes};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::Sources;
use crate::queue::Standing;

/// The figures of the engine and the process.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Arc<Sources>);

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        if let Some(engine) = self.0.engine() {
            let figures = engine.figures();
            let mut gauge = |name, help, value| gauge(&mut encoder, name, help, None, value);
            gauge("stepwright_open_executions", "Executions that are open, children too", figures.open_executions)?;
            gauge("stepwright_timers", "Open executions that wait for a moment", figures.timers)?;
            gauge("stepwright_commits_waiting", "Commits that are not durable yet", figures.commits_waiting)?;
            gauge("stepwright_calls", "Calls to services and functions under way or in line", figures.calls)?;
            let help = "Tasks of activities that wait for a worker";
            gauge("stepwright_activity_tasks_waiting", help, figures.activity_tasks_waiting)?;
            let help = "Workers that wait for a task of an activity";
            gauge("stepwright_activity_workers_waiting", help, figures.activity_workers_waiting)?;
            gauge("aws_states_approximate_open_map_run_count", "Map Runs that go on", figures.map_runs)?;
            if let Some(bytes) = figures.store_bytes {
                gauge_of_bytes(&mut encoder, "stepwright_store", "Size of the data directory's store", bytes)?;
            }
            commits(&mut encoder, &figures.commits)?;
        }
        if let Some(bytes) = resident_bytes() {
            gauge_of_bytes(&mut encoder, "process_resident_memory", "Memory of this process", bytes)?;
        }
        self.watchers(&mut encoder)
    }
}

impl Process {
    fn watchers(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let logs = self.0.logs.iter().map(|log| (log.name, log.queue.standing()));
        let traces = self.0.traces.iter().map(|traces| ("otlp", traces.queue.standing()));
        let places: Vec<(&str, Standing)> = logs.chain(traces).collect();
        let mut counts = |name, help, count: fn(&Standing) -> u64| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            places.iter().try_for_each(|(place, standing)| {
                ConstCounter::new(count(standing)).encode(family.encode_family(&[("place", *place)])?)
            })
        };
        let help = "Events of executions that were delivered, by place";
        counts("stepwright_events_delivered", help, |standing| standing.delivered)?;
        let help = "Events of executions that were dropped or refused, by place";
        counts("stepwright_events_lost", help, |standing| standing.lost)?;
        let (help, unit) = ("Events of executions that wait to be delivered, by place", Some(&Unit::Bytes));
        let mut family = encoder.encode_descriptor("stepwright_events_waiting", help, unit, MetricType::Gauge)?;
        places.iter().try_for_each(|(place, standing)| {
            let gauge = ConstGauge::new(standing.bytes.cast_signed());
            gauge.encode(family.encode_family(&[("place", *place)])?)
        })
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> Result<(), Error> {
    let gauge = ConstGauge::new(value.cast_signed());
    gauge.encode(encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?)
}

fn gauge_of_bytes(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, bytes: u64) -> Result<(), Error> {
    gauge(encoder, name, help, Some(&Unit::Bytes), bytes)
}

fn commits(encoder: &mut DescriptorEncoder<'_>, times: &CommitTimes) -> Result<(), Error> {
    let seconds = |micros: u64| micros as f64 / 1e6;
    let ends = COMMIT_MICROS.iter().map(|end| seconds(*end)).chain([f64::MAX]);
    let buckets: Vec<(f64, u64)> = ends.zip(times.classes).collect();
    let help = "How long it took to make a batch of commits durable";
    let kind = MetricType::Histogram;
    let mut metric = encoder.encode_descriptor("stepwright_commit_duration", help, Some(&Unit::Seconds), kind)?;
    metric.encode_histogram::<NoLabelSet>(seconds(times.total_micros), times.classes.iter().sum(), &buckets, None)
}

/// Memory of this process that is in RAM; `None` where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
