//! Metrics under AWS's names: counted on the committer's thread, read by Prometheus and sent to CloudWatch.
//!
//! Counting is a look-up and a few additions for a step. Durations are measured between events on the engine's clock, so
//! they are true in virtual time and across restarts.

mod cloudwatch;
mod figures;
mod names;
mod page;
mod series;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{Committed, Engine, Observed};
use execution::{Event, EventKind, Flavor, FrameId, Millis, Status};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub(crate) use cloudwatch::publish;
pub(crate) use page::Page;

use crate::log::Log;
use crate::trace::Traces;
use figures::Process;
use names::{Machines, Tasks};
use series::{MachineSeries, TaskSeries};

/// What else the page of metrics shows, once it runs.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The engine holds who watches it, so this is let go of at the end.
    engine: Mutex<Option<Engine>>,
    pub(crate) logs: Vec<Arc<Log>>,
    pub(crate) traces: Option<Arc<Traces>>,
}

impl Sources {
    pub(crate) const fn new(logs: Vec<Arc<Log>>, traces: Option<Arc<Traces>>) -> Self {
        Self { engine: Mutex::new(None), logs, traces }
    }

    /// The engine whose figures are shown; `None` shows none.
    pub(crate) fn show(&self, engine: Option<Engine>) {
        *self.engine.lock().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    fn engine(&self) -> Option<Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    counting: Mutex<Counting>,
    registry: Registry,
    sources: Arc<Sources>,
}

#[derive(Debug)]
struct Counting {
    machines: Machines,
    activities: Tasks,
    functions: Tasks,
    integrations: Tasks,
    /// States entered, and retries: what AWS throttles by.
    transitions: Counter,
    open: Gauge,
    open_express: Gauge,
    /// Tasks that have not ended, by execution.
    under_way: HashMap<Arc<str>, Vec<UnderWay>>,
}

#[derive(Debug)]
struct UnderWay {
    frame: FrameId,
    series: Arc<TaskSeries>,
    scheduled: Millis,
    started: Option<Millis>,
}

impl Metrics {
    pub(crate) fn new(sources: Arc<Sources>) -> Self {
        let mut registry = Registry::default();
        let aws = registry.sub_registry_with_prefix("aws_states");
        let counting = Counting {
            machines: Machines::new(aws),
            activities: Tasks::new(aws, Flavor::Activity),
            functions: Tasks::new(aws, Flavor::Lambda),
            integrations: Tasks::new(aws, Flavor::Service),
            transitions: Counter::default(),
            open: Gauge::default(),
            open_express: Gauge::default(),
            under_way: HashMap::new(),
        };
        aws.register("open_execution_count", "STANDARD executions that are open", counting.open.clone());
        let help = "States entered and retries begun";
        let labelled = aws.sub_registry_with_label(("service_metric".into(), "StateTransition".into()));
        labelled.register("consumed_capacity", help, counting.transitions.clone());
        let own = registry.sub_registry_with_prefix("stepwright");
        own.register("open_express_executions", "EXPRESS executions that are open", counting.open_express.clone());
        registry.register_collector(Box::new(Process(Arc::clone(&sources))));
        Self { counting: Mutex::new(counting), registry, sources }
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The page, in OpenMetrics's text format.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn page(&self) -> Result<String, std::fmt::Error> {
        let mut page = String::with_capacity(64 * 1024);
        prometheus_client::encoding::text::encode(&mut page, &self.registry)?;
        Ok(page)
    }

    /// Counts events.
    pub(crate) fn committed(&self, committed: &Committed) {
        let mut counting = self.counting();
        let transitions = committed.events.iter().filter(|event| is_transition(&event.kind)).count();
        counting.transitions.inc_by(transitions as u64);
        for event in &*committed.events {
            counting.count(&committed.execution, event);
        }
    }

    /// Learns what is under way in an execution that goes on.
    pub(crate) fn resumed(&self, execution: &Arc<Observed>, journal: &[Event]) {
        let mut counting = self.counting();
        for event in journal {
            counting.follow(execution, event);
        }
        if journal.last().is_some_and(|last| !last.kind.is_terminal()) {
            counting.gauge(execution).inc();
        }
    }

    fn counting(&self) -> MutexGuard<'_, Counting> {
        self.counting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn is_transition(kind: &EventKind) -> bool {
    matches!(kind, EventKind::StateEntered { .. } | EventKind::RetryArmed { .. })
}

impl Counting {
    fn gauge(&self, execution: &Observed) -> &Gauge {
        if execution.express { &self.open_express } else { &self.open }
    }

    fn machine(&mut self, execution: &Observed) -> &MachineSeries {
        self.machines.of(&execution.state_machine_arn, &execution.state_machine_name)
    }

    fn tasks(&mut self, flavor: Flavor) -> &mut Tasks {
        match flavor {
            Flavor::Activity => &mut self.activities,
            Flavor::Lambda => &mut self.functions,
            Flavor::Service => &mut self.integrations,
        }
    }

    fn count(&mut self, execution: &Observed, event: &Event) {
        match &event.kind {
            EventKind::ExecutionStarted { .. } => {
                self.machine(execution).started.inc();
                self.gauge(execution).inc();
            }
            EventKind::ExecutionRedriven { .. } => {
                self.machine(execution).redriven.inc();
                self.gauge(execution).inc();
            }
            EventKind::ExecutionSucceeded { .. } => self.ended(execution, Status::Succeeded, event.at),
            EventKind::ExecutionFailed(_) => self.ended(execution, Status::Failed, event.at),
            EventKind::ExecutionTimedOut(_) => self.ended(execution, Status::TimedOut, event.at),
            EventKind::ExecutionAborted(_) => self.ended(execution, Status::Aborted, event.at),
            EventKind::TaskScheduled { .. } => {
                if let Some(task) = self.follow(execution, event) {
                    task.scheduled.inc();
                }
            }
            EventKind::TaskStarted { .. } => self.started(execution, event),
            EventKind::TaskSucceeded { .. } | EventKind::TaskFailed { .. } | EventKind::TaskTimedOut { .. } => {
                self.task_ended(execution, event);
            }
            _ => {}
        }
    }

    fn ended(&mut self, execution: &Observed, status: Status, at: Millis) {
        self.gauge(execution).dec();
        self.under_way.remove(&execution.arn);
        let lasted = at - execution.start_date;
        let machine = self.machine(execution);
        if let Some((all, redriven)) = machine.ended(status) {
            all.inc();
            redriven.inc_by(u64::from(execution.redrive_count > 0));
        }
        machine.time.observe(lasted);
        if execution.express {
            let (megabytes, milliseconds) = engine::billed_for(lasted);
            machine.billed_duration.observe(milliseconds);
            machine.billed_memory.observe(megabytes.cast_signed());
        }
    }

    /// Takes note of where tasks stand, without counting; answers the series of a task that was scheduled.
    fn follow(&mut self, execution: &Observed, event: &Event) -> Option<Arc<TaskSeries>> {
        match &event.kind {
            EventKind::TaskScheduled { flavor, resource, .. } => {
                let series = self.tasks(*flavor).of(resource);
                let tasks = self.under_way.entry(Arc::clone(&execution.arn)).or_default();
                tasks.retain(|task| task.frame != event.frame);
                let task =
                    UnderWay { frame: event.frame, series: Arc::clone(&series), scheduled: event.at, started: None };
                tasks.push(task);
                return Some(series);
            }
            EventKind::TaskStarted { .. } => {
                if let Some(task) = self.task(execution, event.frame) {
                    task.started = Some(event.at);
                }
            }
            EventKind::StateExited { .. } | EventKind::StateAborted { .. } => {
                self.take(execution, event.frame);
            }
            kind if kind.is_terminal() => drop(self.under_way.remove(&execution.arn)),
            _ => {}
        }
        None
    }

    fn started(&mut self, execution: &Observed, event: &Event) {
        let Some(task) = self.task(execution, event.frame) else { return };
        task.started = Some(event.at);
        task.series.started.inc();
        task.series.schedule_time.observe(event.at - task.scheduled);
    }

    fn task_ended(&mut self, execution: &Observed, event: &Event) {
        let Some(task) = self.take(execution, event.frame) else { return };
        let series = &task.series;
        match &event.kind {
            EventKind::TaskSucceeded { .. } => &series.succeeded,
            EventKind::TaskTimedOut { heartbeat: true, .. } => &series.heartbeat_timed_out,
            EventKind::TaskTimedOut { .. } => &series.timed_out,
            _ => &series.failed,
        }
        .inc();
        series.time.observe(event.at - task.scheduled);
        if let Some(started) = task.started {
            series.run_time.observe(event.at - started);
        }
    }

    fn task(&mut self, execution: &Observed, frame: FrameId) -> Option<&mut UnderWay> {
        self.under_way.get_mut(&execution.arn)?.iter_mut().find(|task| task.frame == frame)
    }

    fn take(&mut self, execution: &Observed, frame: FrameId) -> Option<UnderWay> {
        let tasks = self.under_way.get_mut(&execution.arn)?;
        let task = tasks.iter().position(|task| task.frame == frame).map(|at| tasks.swap_remove(at));
        if tasks.is_empty() {
            self.under_way.remove(&execution.arn);
        }
        task
    }
}

#[cfg(test)]
mod tests;
