//! A small deterministic world around one execution: virtual time, and tasks that answer by the name of their
//! resource.

use std::collections::BTreeSet;

use asl::{Definition, Value};
use execution::{
    Command, Env, Event, EventKind, Execution, Failure, Flavor, Identity, Input, Limits, MapRunOrder, Millis, Stage,
    Status, TaskId, TaskOrder,
};

pub(crate) const START: Millis = 1_700_000_000_000;

/// Reads a definition that is expected to be good.
pub(crate) fn definition(text: &str) -> Definition {
    let parsed = asl::parse(text);
    parsed.definition.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics))
}

pub(crate) fn identity() -> Identity {
    Identity {
        arn: "arn:aws:states:us-east-1:123456789012:execution:machine:run".into(),
        name: "run".into(),
        role_arn: "arn:aws:iam::123456789012:role/test".into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:machine".into(),
        state_machine_name: "machine".into(),
    }
}

/// An execution, its journal and its world.
pub(crate) struct World<'d> {
    pub(crate) definition: &'d Definition,
    pub(crate) execution: Execution,
    pub(crate) journal: Vec<Event>,
    pub(crate) now: Millis,
    /// Whether what is `broken` works by now.
    pub(crate) mended: bool,
    steps: u128,
    performed: BTreeSet<TaskId>,
}

impl<'d> World<'d> {
    pub(crate) fn new(definition: &'d Definition, input: &str, limits: Limits) -> Self {
        let execution = Execution::new(identity(), Value::parse(input).expect("the input is JSON"), limits);
        Self {
            definition,
            execution,
            journal: Vec::new(),
            now: START,
            mended: false,
            steps: 0,
            performed: BTreeSet::new(),
        }
    }

    /// The world after a crash that left `journal`: the execution is replayed from it.
    pub(crate) fn recovered(definition: &'d Definition, input: &str, limits: Limits, journal: &[Event]) -> Self {
        let mut world = Self::new(definition, input, limits);
        for event in journal {
            world.execution.apply(event);
            world.now = world.now.max(event.at);
        }
        world.journal = journal.to_vec();
        world.steps = 1000;
        world
    }

    pub(crate) fn deliver(&mut self, input: Input) -> usize {
        self.steps += 1;
        let env = Env { now: self.now, seed: self.steps << 64 | self.steps };
        let events = self.execution.step(self.definition, input, env);
        let count = events.len();
        self.journal.extend(events);
        count
    }

    /// Runs to the end, performing tasks and jumping to the next timer when nothing else happens.
    pub(crate) fn run(&mut self) -> Status {
        self.deliver(Input::Advance);
        for _ in 0..10_000 {
            if self.execution.status() != Status::Running {
                return self.execution.status();
            }
            let commands = self.execution.outstanding();
            let order = commands.iter().find_map(|command| match command {
                Command::Perform(order) if !self.performed.contains(&order.task) => Some(order.clone()),
                _ => None,
            });
            let run = commands.iter().find_map(|command| match command {
                Command::Run(order) if !self.performed.contains(&order.task) => Some(order.clone()),
                _ => None,
            });
            if let Some(order) = order {
                self.performed.insert(order.task);
                self.perform(&order);
            } else if let Some(order) = run {
                self.performed.insert(order.task);
                self.perform_run(&order);
            } else {
                self.now = self.execution.due().expect("an execution that waits has something to wait for");
                self.deliver(Input::Wake);
            }
        }
        panic!("the execution does not end: {:#?}", self.execution.outstanding());
    }

    /// Mends what is broken and lets the execution go on after its bad end.
    pub(crate) fn redrive(&mut self) {
        self.mended = true;
        assert!(self.deliver(Input::Redrive) > 0, "{:#?}", self.history());
    }

    fn perform(&mut self, order: &TaskOrder) {
        let task = order.task;
        let behaviour = order.resource.rsplit(':').next().unwrap_or_default();
        if order.flavor == Flavor::Activity && order.stage == Stage::Scheduled {
            self.deliver(Input::TaskStarted { task, worker_name: Some("worker".into()) });
        }
        match behaviour {
            "echo" => self.deliver(Input::TaskSucceeded { task, output: order.parameters.clone() }),
            "fail" => self.deliver(Input::TaskFailed { task, failure: failure("Broken", "as told") }),
            "flaky" if self.attempts(&order.state) < 3 => {
                self.deliver(Input::TaskFailed { task, failure: failure("Flaky", "try again") })
            }
            "flaky" => self.deliver(Input::TaskSucceeded { task, output: "steady".into() }),
            "broken" if self.mended => self.deliver(Input::TaskSucceeded { task, output: order.parameters.clone() }),
            "broken" => self.deliver(Input::TaskFailed { task, failure: failure("Broken", "not mended yet") }),
            "huge" => self.deliver(Input::TaskSucceeded { task, output: "x".repeat(300_000).into() }),
            "silent" => 0,
            "beats" => {
                self.now += 4_000;
                self.deliver(Input::TaskHeartbeat { task });
                self.now += 4_000;
                self.deliver(Input::TaskSucceeded { task, output: Value::Null })
            }
            other => panic!("no such behaviour: {other}"),
        };
    }

    /// A Map Run ends as its label says.
    fn perform_run(&mut self, order: &MapRunOrder) {
        let (run, output) = (order.task, order.items.clone());
        match &*order.run.label {
            "echo" => self.deliver(Input::MapRunSucceeded { run, output }),
            "flaky" if self.runs() < 3 => self.deliver(Input::MapRunFailed { run, failure: failure("Flaky", "again") }),
            "flaky" => self.deliver(Input::MapRunSucceeded { run, output }),
            "broken" if self.mended => self.deliver(Input::MapRunSucceeded { run, output }),
            "broken" => self.deliver(Input::MapRunFailed { run, failure: failure("Broken", "not mended yet") }),
            "fail" => self.deliver(Input::MapRunFailed { run, failure: failure("Broken", "as told") }),
            "huge" => self.deliver(Input::MapRunSucceeded { run, output: None }),
            "silent" | "mute" => 0,
            other => panic!("no such behaviour: {other}"),
        };
    }

    /// Flaky Map Runs started so far.
    fn runs(&self) -> usize {
        let flaky =
            |event: &&Event| matches!(&event.kind, EventKind::MapRunStarted { run, .. } if &*run.label == "flaky");
        self.journal.iter().filter(flaky).count()
    }

    /// Attempts of a state so far, over all its visits: what a real dependency would have seen.
    fn attempts(&self, state: &str) -> usize {
        let mut inside = "";
        let mut count = 0;
        for event in &self.journal {
            match &event.kind {
                EventKind::StateEntered { name, .. } => inside = name,
                EventKind::TaskScheduled { .. } if inside == state => count += 1,
                _ => {}
            }
        }
        count
    }

    /// The history in one line per visible event: `id<previous type`.
    pub(crate) fn history(&self) -> Vec<String> {
        self.journal.iter().filter(|event| event.is_visible()).map(line).collect()
    }

    pub(crate) fn output(&self) -> String {
        self.execution.output().map(Value::to_string).unwrap_or_default()
    }

    pub(crate) fn error(&self) -> (Option<String>, Option<String>) {
        let failure = self.execution.failure();
        (failure.error.as_ref().map(ToString::to_string), failure.cause.as_ref().map(ToString::to_string))
    }
}

pub(crate) fn failure(error: &str, cause: &str) -> Failure {
    Failure { error: Some(error.into()), cause: Some(cause.into()) }
}

fn line(event: &Event) -> String {
    let kind = format!("{:?}", event.kind);
    let kind = kind.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
    let detail = match &event.kind {
        EventKind::StateEntered { name, .. } | EventKind::StateExited { name, .. } => format!(" {name}"),
        EventKind::MapIterationStarted { index, .. }
        | EventKind::MapIterationSucceeded { index, .. }
        | EventKind::MapIterationFailed { index, .. }
        | EventKind::MapIterationAborted { index, .. } => format!(" {index}"),
        _ => String::new(),
    };
    format!("{}<{} {kind}{detail}", event.id, event.previous)
}
