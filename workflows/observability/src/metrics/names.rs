//! Which series there are: AWS's names, and how Prometheus calls them.

use std::collections::HashMap;
use std::sync::Arc;

use execution::Flavor;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::series::{MachineSeries, TaskSeries, Timing};

/// Seconds, from a task of a few milliseconds to an execution of weeks.
const SECONDS: [f64; 16] = [
    0.001,
    0.005,
    0.025,
    0.1,
    0.5,
    1.0,
    5.0,
    15.0,
    60.0,
    300.0,
    900.0,
    3_600.0,
    21_600.0,
    86_400.0,
    604_800.0,
    2_592_000.0,
];
/// Bytes that EXPRESS executions are billed for.
const BYTES: [f64; 5] = [67_108_864.0, 134_217_728.0, 268_435_456.0, 536_870_912.0, 1_073_741_824.0];
const MILLISECOND: f64 = 0.001;
const MEGABYTE: f64 = 1_048_576.0;

/// Series of one machine or one resource; more than these share one series, so that nobody's names fill the memory.
const MOST: usize = 1000;
const OTHERS: &str = "(others)";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    state_machine: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabel {
    resource: String,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn bytes() -> Histogram {
    Histogram::new(BYTES)
}

/// Registers a family of counters under the snake_case of AWS's name.
fn counters<L>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Counter>
where
    L: Clone + std::hash::Hash + Eq + EncodeLabelSet + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Counter>::default();
    registry.register(snake(name), help, family.clone());
    family
}

/// The same for values.
fn values<L>(registry: &mut Registry, name: &str, help: &str, unit: Unit, make: fn() -> Histogram) -> Histograms<L>
where
    L: Clone + std::hash::Hash + Eq + EncodeLabelSet + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Histograms::<L>::new_with_constructor(make);
    registry.register_with_unit(snake(name), help, unit, family.clone());
    family
}

/// `ExecutionsStarted` → `executions_started`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// The series of all state machines.
#[derive(Debug)]
pub(crate) struct Machines {
    counters: HashMap<&'static str, Family<Label, Counter>>,
    time: Histograms<Label>,
    billed_duration: Histograms<Label>,
    billed_memory: Histograms<Label>,
    known: HashMap<Arc<str>, Arc<MachineSeries>>,
}

/// AWS's counts of executions, by state machine.
pub(crate) const EXECUTIONS: [(&str, &str); 10] = [
    ("ExecutionsStarted", "Executions that were started"),
    ("ExecutionsSucceeded", "Executions that succeeded"),
    ("ExecutionsFailed", "Executions that failed"),
    ("ExecutionsTimedOut", "Executions that timed out"),
    ("ExecutionsAborted", "Executions that were stopped"),
    ("ExecutionsRedriven", "Redrives of executions"),
    ("RedrivenExecutionsSucceeded", "Executions that succeeded after a redrive"),
    ("RedrivenExecutionsFailed", "Executions that failed after a redrive"),
    ("RedrivenExecutionsTimedOut", "Executions that timed out after a redrive"),
    ("RedrivenExecutionsAborted", "Executions that were stopped after a redrive"),
];

impl Machines {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let counters = EXECUTIONS.map(|(name, help)| (name, counters(registry, name, help)));
        let mut time = |name, help| values(registry, name, help, Unit::Seconds, seconds);
        let (time, billed_duration) = (
            time("ExecutionTime", "From the start of an execution to its end"),
            time("ExpressExecutionBilledDuration", "Duration that an EXPRESS execution would be billed for"),
        );
        let help = "Memory that an EXPRESS execution would be billed for";
        let billed_memory = values(registry, "ExpressExecutionBilledMemory", help, Unit::Bytes, bytes);
        Self { counters: counters.into(), time, billed_duration, billed_memory, known: HashMap::new() }
    }

    /// The series of a state machine.
    pub(crate) fn of(&mut self, arn: &Arc<str>, name: &str) -> &Arc<MachineSeries> {
        if !self.known.contains_key(arn) {
            let full = self.known.len() >= MOST;
            let (key, name) = if full { (OTHERS.into(), OTHERS) } else { (Arc::clone(arn), name) };
            if full && self.known.contains_key(&*key) {
                return &self.known[&key];
            }
            let series = self.make(&key, name);
            return self.known.entry(key).or_insert(series);
        }
        &self.known[arn]
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<MachineSeries>> {
        self.known.values().cloned().collect()
    }

    fn make(&self, arn: &Arc<str>, name: &str) -> Arc<MachineSeries> {
        let label = Label { state_machine: name.to_owned() };
        let counter = |name: &str| self.counters[name].get_or_create_owned(&label);
        let timing = |family: &Histograms<Label>, unit| Timing::new(family.get_or_create_owned(&label), unit);
        Arc::new(MachineSeries {
            arn: Arc::clone(arn),
            started: counter("ExecutionsStarted"),
            succeeded: counter("ExecutionsSucceeded"),
            failed: counter("ExecutionsFailed"),
            timed_out: counter("ExecutionsTimedOut"),
            aborted: counter("ExecutionsAborted"),
            redriven: counter("ExecutionsRedriven"),
            redriven_succeeded: counter("RedrivenExecutionsSucceeded"),
            redriven_failed: counter("RedrivenExecutionsFailed"),
            redriven_timed_out: counter("RedrivenExecutionsTimedOut"),
            redriven_aborted: counter("RedrivenExecutionsAborted"),
            time: timing(&self.time, MILLISECOND),
            billed_duration: timing(&self.billed_duration, MILLISECOND),
            billed_memory: timing(&self.billed_memory, MEGABYTE),
        })
    }
}

/// What AWS's names of one kind of task begin with: of counts, of durations, and how its resource is called.
pub(crate) const fn words(flavor: Flavor) -> (&'static str, &'static str, &'static str) {
    match flavor {
        Flavor::Activity => ("Activities", "Activity", "ActivityArn"),
        Flavor::Lambda => ("LambdaFunctions", "LambdaFunction", "LambdaFunctionArn"),
        Flavor::Service => ("ServiceIntegrations", "ServiceIntegration", "ServiceIntegrationResourceArn"),
    }
}

/// AWS's counts of tasks.
pub(crate) const TASKS: [(&str, &str); 6] = [
    ("Scheduled", "Tasks that were scheduled"),
    ("Started", "Tasks that were started"),
    ("Succeeded", "Tasks that succeeded"),
    ("Failed", "Tasks that failed"),
    ("TimedOut", "Tasks that timed out"),
    ("HeartbeatTimedOut", "Tasks whose heartbeat did not come in time"),
];

/// AWS's durations of tasks.
pub(crate) const TASK_TIMES: [(&str, &str); 3] = [
    ("ScheduleTime", "From the scheduling of a task to its start"),
    ("RunTime", "From the start of a task to its end"),
    ("Time", "From the scheduling of a task to its end"),
];

/// The series of the tasks of one kind, by resource.
#[derive(Debug)]
pub(crate) struct Tasks {
    flavor: Flavor,
    counters: [Family<ResourceLabel, Counter>; TASKS.len()],
    times: [Histograms<ResourceLabel>; TASK_TIMES.len()],
    known: HashMap<Arc<str>, Arc<TaskSeries>>,
}

impl Tasks {
    pub(crate) fn new(registry: &mut Registry, flavor: Flavor) -> Self {
        let (counts, times, _) = words(flavor);
        Self {
            flavor,
            counters: TASKS.map(|(name, help)| counters(registry, &format!("{counts}{name}"), help)),
            times: TASK_TIMES
                .map(|(name, help)| values(registry, &format!("{times}{name}"), help, Unit::Seconds, seconds)),
            known: HashMap::new(),
        }
    }

    /// The series of a resource.
    pub(crate) fn of(&mut self, resource: &Arc<str>) -> Arc<TaskSeries> {
        if let Some(known) = self.known.get(resource) {
            return Arc::clone(known);
        }
        let key = if self.known.len() >= MOST { OTHERS.into() } else { Arc::clone(resource) };
        let series = self.make(&key);
        Arc::clone(self.known.entry(key).or_insert(series))
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<TaskSeries>> {
        self.known.values().cloned().collect()
    }

    fn make(&self, resource: &Arc<str>) -> Arc<TaskSeries> {
        let label = ResourceLabel { resource: resource.to_string() };
        let [scheduled, started, succeeded, failed, timed_out, heartbeat_timed_out] =
            self.counters.each_ref().map(|family| family.get_or_create_owned(&label));
        let [schedule_time, run_time, time] =
            self.times.each_ref().map(|family| Timing::new(family.get_or_create_owned(&label), MILLISECOND));
        Arc::new(TaskSeries {
            flavor: self.flavor,
            resource: Arc::clone(resource),
            scheduled,
            started,
            succeeded,
            failed,
            timed_out,
            heartbeat_timed_out,
            schedule_time,
            run_time,
            time,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_s_names_become_prometheus_s() {
        assert_eq!(snake("ExecutionsTimedOut"), "executions_timed_out");
        assert_eq!(snake("LambdaFunctionRunTime"), "lambda_function_run_time");
    }

    #[test]
    fn beyond_the_bound_machines_share_a_series() {
        let mut machines = Machines::new(&mut Registry::default());
        for number in 0..MOST + 2 {
            let name = format!("m{number}");
            machines.of(&name.clone().into(), &name).started.inc();
        }
        assert_eq!(machines.all().len(), MOST + 1);
        assert_eq!(machines.of(&"one more".into(), "one more").started.get(), 2);
    }
}
