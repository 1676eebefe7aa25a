//! The execution itself: its state, and the questions asked of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use asl::{Definition, Machine, Object, Spelling, State, Value};

use crate::command::{Command, Identity, Limits, MapRunOrder, Stage, Status, TaskId, TaskOrder};
use crate::event::{Failure, Flavor, FrameId, Millis};
use crate::state::{Frame, Phase, Task};

/// One execution of a state machine.
#[derive(Clone, Debug)]
pub struct Execution {
    pub(crate) identity: Identity,
    pub(crate) input: Value,
    /// The input's text, where it was given one.
    pub(crate) text: Option<Arc<str>>,
    /// How data that came from outside is written.
    pub(crate) spelling: Spelling,
    pub(crate) limits: Limits,
    /// `$$.Map.Item`, where a Map Run started the execution for one item.
    pub(crate) map_item: Option<Value>,
    pub(crate) status: Status,
    /// The output, once the execution has succeeded.
    pub(crate) output: Option<Value>,
    /// Error and cause, once it has ended otherwise.
    pub(crate) failure: Failure,
    pub(crate) started_at: Option<Millis>,
    pub(crate) ended_at: Option<Millis>,
    pub(crate) deadline: Option<Millis>,
    /// It is being stopped: what it ends with.
    pub(crate) stopping: Option<Failure>,
    /// Redrives so far, and when the last one was.
    pub(crate) redrives: u32,
    pub(crate) redriven_at: Option<Millis>,
    pub(crate) frames: BTreeMap<FrameId, Box<Frame>>,
    /// The frames as they stood at a bad end: what a redrive takes up again.
    pub(crate) remains: BTreeMap<FrameId, Box<Frame>>,
    pub(crate) next_frame: u32,
    pub(crate) last_id: u64,
    pub(crate) ready: VecDeque<FrameId>,
    pub(crate) timers: BTreeSet<(Millis, FrameId)>,
}

impl Execution {
    /// An execution that has not begun: [`Input::Advance`](crate::Input::Advance) begins it.
    #[must_use]
    pub fn new(identity: Identity, input: Value, limits: Limits) -> Self {
        Self {
            identity,
            input,
            text: None,
            spelling: Spelling::default(),
            limits,
            map_item: None,
            status: Status::Running,
            output: None,
            failure: Failure::default(),
            started_at: None,
            ended_at: None,
            deadline: None,
            stopping: None,
            redrives: 0,
            redriven_at: None,
            frames: BTreeMap::new(),
            remains: BTreeMap::new(),
            next_frame: 1,
            last_id: 0,
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
        }
    }

    /// The execution with the text of its input: what is handed through keeps its spaces.
    #[must_use]
    pub fn written(mut self, text: Option<Arc<str>>) -> Self {
        self.text = text;
        self
    }

    /// The same, for an item of a distributed Map: `item` is its `$$.Map.Item`.
    #[must_use]
    pub fn with_map_item(mut self, item: Option<Value>) -> Self {
        self.map_item = item;
        self
    }

    /// Everything the execution waits for: tasks to perform or to go on waiting for, Map Runs, and the next wake.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Command> {
        let tasks = self.frames.iter().filter_map(|(id, frame)| {
            let task = TaskId { frame: *id, attempt: frame.task()?.attempt };
            self.order(task).map(Command::Perform)
        });
        let runs = self.frames.iter().filter_map(|(id, frame)| {
            let run = TaskId { frame: *id, attempt: frame.running()?.attempt };
            self.map_run(run).map(Command::Run)
        });
        tasks.chain(runs).chain(self.due().map(Command::WakeAt)).collect()
    }

    /// The Map Run, where it is the frame's current one and out.
    #[must_use]
    pub fn map_run(&self, id: TaskId) -> Option<MapRunOrder> {
        let run = self.frames.get(&id.frame)?.running().filter(|run| run.attempt == id.attempt)?;
        let (order, items) = (Arc::clone(&run.order), run.items.clone());
        Some(MapRunOrder { task: id, run: order, items, redrives: run.redrives, since: run.since })
    }

    /// The task, where it is the frame's current one.
    #[must_use]
    pub fn order(&self, id: TaskId) -> Option<TaskOrder> {
        let frame = self.frames.get(&id.frame)?;
        let task = frame.task().filter(|task| task.attempt == id.attempt)?;
        Some(TaskOrder {
            task: id,
            flavor: task.flavor,
            state: Arc::clone(&frame.visit.as_ref()?.name),
            resource: Arc::clone(&task.resource),
            parameters: task.parameters.clone(),
            credentials: task.credentials.clone(),
            token: Arc::clone(&task.token),
            stage: task.stage.clone(),
        })
    }

    /// Whether it has nothing to do by itself and every task that is out, told by flavor, resource and stage, is one
    /// that `passes`. A Map Run that is out passes: it waits for its children. Copies nothing.
    #[must_use]
    pub fn waits(&self, passes: impl Fn(Flavor, &str, &Stage) -> bool) -> bool {
        let mut tasks = self.frames.values().filter_map(|frame| frame.task());
        self.ready.is_empty() && tasks.all(|task| passes(task.flavor, &task.resource, &task.stage))
    }

    /// When [`Input::Wake`](crate::Input::Wake) is next wanted.
    #[must_use]
    pub fn due(&self) -> Option<Millis> {
        let timer = self.timers.first().map(|(due, _)| *due);
        match (timer, self.deadline.filter(|_| self.status == Status::Running)) {
            (Some(timer), Some(deadline)) => Some(timer.min(deadline)),
            (timer, deadline) => timer.or(deadline),
        }
    }

    /// Where the execution stands.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Who the execution is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The input it was started with.
    #[must_use]
    pub const fn input(&self) -> &Value {
        &self.input
    }

    /// The input's text, where it was given one.
    #[must_use]
    pub const fn input_text(&self) -> Option<&Arc<str>> {
        self.text.as_ref()
    }

    /// The output, where it has succeeded.
    #[must_use]
    pub const fn output(&self) -> Option<&Value> {
        self.output.as_ref()
    }

    /// Error and cause, where it has ended otherwise.
    #[must_use]
    pub const fn failure(&self) -> &Failure {
        &self.failure
    }

    /// When it began, once it has.
    #[must_use]
    pub const fn started_at(&self) -> Option<Millis> {
        self.started_at
    }

    /// When it ended, once it has.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Millis> {
        self.ended_at
    }

    /// Number of the last history event.
    #[must_use]
    pub const fn last_event_id(&self) -> u64 {
        self.last_id
    }

    /// The machine that a frame runs.
    pub(crate) fn machine<'d>(&self, definition: &'d Definition, id: FrameId) -> Option<&'d Machine> {
        let Some(parent) = &self.frames.get(&id)?.parent else {
            return Some(&definition.machine);
        };
        let machines = self.state(definition, parent.frame)?.kind.machines();
        if parent.item.is_some() { machines.first() } else { machines.get(parent.index) }
    }

    /// The state that a frame is in.
    pub(crate) fn state<'d>(&self, definition: &'d Definition, id: FrameId) -> Option<&'d State> {
        let name = &self.frames.get(&id)?.visit.as_ref()?.name;
        self.machine(definition, id)?.states.get(name)
    }

    /// The task of `id` where it is current.
    pub(crate) fn current_task(&self, id: TaskId) -> Option<&Task> {
        self.frames.get(&id.frame)?.task().filter(|task| task.attempt == id.attempt)
    }

    /// Frames whose parent is `id`, in the order they began.
    pub(crate) fn children(&self, id: FrameId) -> Vec<FrameId> {
        let of_id = |frame: &Frame| frame.parent.as_ref().is_some_and(|parent| parent.frame == id);
        self.frames.iter().filter(|(_, frame)| of_id(frame)).map(|(child, _)| *child).collect()
    }

    /// Changes what a frame is doing, and keeps the ready queue and the timers in step.
    pub(crate) fn set_phase(&mut self, id: FrameId, phase: Phase) {
        let Some(frame) = self.frames.get_mut(&id) else { return };
        frame.phase = phase;
        self.reschedule(id);
    }

    /// Brings ready queue and timers up to date with the frame's phase.
    pub(crate) fn reschedule(&mut self, id: FrameId) {
        let Some(frame) = self.frames.get_mut(&id) else { return };
        let due = frame.phase.due();
        if frame.due != due {
            if let Some(old) = frame.due {
                self.timers.remove(&(old, id));
            }
            if let Some(new) = due {
                self.timers.insert((new, id));
            }
            frame.due = due;
        }
        if frame.phase.is_runnable() && !frame.queued {
            frame.queued = true;
            self.ready.push_back(id);
        }
    }

    /// Forgets a frame and all below it.
    pub(crate) fn remove(&mut self, id: FrameId) {
        for child in self.children_if_forked(id) {
            self.remove(child);
        }
        if let Some(frame) = self.frames.remove(&id)
            && let Some(due) = frame.due
        {
            self.timers.remove(&(due, id));
        }
    }

    /// The frame's children; cheap where it has none.
    pub(crate) fn children_if_forked(&self, id: FrameId) -> Vec<FrameId> {
        match self.frames.get(&id).map(|frame| &frame.phase) {
            Some(Phase::Forked(_)) => self.children(id),
            _ => Vec::new(),
        }
    }

    pub(crate) fn frame_variables(&self, id: FrameId) -> Arc<Object> {
        self.frames.get(&id).map(|frame| Arc::clone(&frame.variables)).unwrap_or_default()
    }
}
