//! Executions from start to end, and what is told of them.

use std::collections::hash_map::Entry;
use std::sync::{Arc, MutexGuard};

use asl::{Definition, ExecutionType, Value};
use execution::{Event, EventKind, Execution, Failure, Identity, Input, Millis, Status};

use crate::alias::Target;
use crate::arn;
use crate::core::{Core, Live, Slot};
use crate::description::{ExecutionDescription, ExecutionStateMachine, Given, Revision, Started};
use crate::entropy;
use crate::exception::Error;
use crate::express::{self, Reader};
use crate::store::{ExecutionRecord, Origin, Ticket, digest, write};

/// An execution that is to be started.
pub(crate) struct Start {
    /// Its record, but for its number.
    pub(crate) record: ExecutionRecord,
    pub(crate) definition: Arc<Definition>,
    pub(crate) input: Value,
    /// The input as it was written, where that is not how it would be written here.
    pub(crate) text: Option<Arc<str>>,
    /// Who reads its end, where it is to be in memory alone.
    pub(crate) reader: Option<Reader>,
}

impl Core {
    /// Starts an execution, for a caller or for the task `origin`; answers once it is durable.
    pub(crate) async fn start(
        &self,
        machine_arn: &str,
        name: Option<String>,
        input: Given,
        origin: Option<Origin>,
    ) -> Result<Started, Error> {
        let (started, ticket) = self.begin_or_find(machine_arn, name, input, origin)?;
        ticket.durable().await?;
        Ok(started)
    }

    /// Starts an execution; the ticket resolves once it is durable.
    pub(crate) fn begin_or_find(
        &self,
        machine_arn: &str,
        name: Option<String>,
        input: Given,
        origin: Option<Origin>,
    ) -> Result<(Started, Ticket), Error> {
        self.place(self.prepare(machine_arn, name, input, origin)?)
    }

    /// Checks what an execution is to be started with, and makes its name and its ARN.
    pub(crate) fn prepare(
        &self,
        machine_arn: &str,
        name: Option<String>,
        input: Given,
        origin: Option<Origin>,
    ) -> Result<Start, Error> {
        let target = self.target(machine_arn)?;
        let name = name.unwrap_or_else(entropy::uuid);
        self.config.names.check(&name)?;
        let Given { value: input, text: written, trace_header } = input;
        let text = input.to_string();
        let written = written.filter(|written| **written != *text);
        let most = self.config.limits.payload_bytes;
        if text.len() > most {
            return Err(Error::Validation(format!(
                "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length \
                 less than or equal to {most}"
            )));
        }
        let Target { machine, version_arn, alias_arn } = target;
        let arn = match machine.kind {
            ExecutionType::Standard => self.place.execution(&machine.name, &name),
            // Each is another: a name is not used up.
            ExecutionType::Express => {
                let suffix = express::suffix(origin.as_ref());
                format!("{}:{suffix}", self.place.express_of(&machine.name, &name))
            }
        };
        let identity = Identity {
            arn: arn.into(),
            name: name.into(),
            role_arn: Arc::clone(&machine.role_arn),
            state_machine_arn: Arc::clone(&machine.arn),
            state_machine_name: Arc::clone(&machine.name),
        };
        let record = ExecutionRecord {
            number: 0,
            identity,
            definition: digest(&machine.definition),
            input: digest(&text),
            start_date: self.config.clock.now(),
            ended: None,
            origin,
            version_arn,
            alias_arn,
            revision: Some(Revision::from(&*machine)),
            redrives: None,
            child: None,
            trace_header,
        };
        Ok(Start { record, definition: Arc::clone(&machine.parsed), input, text: written, reader: None })
    }

    /// Begins the execution in a place of its own, or finds the one that has it.
    pub(crate) fn place(&self, start: Start) -> Result<(Started, Ticket), Error> {
        loop {
            let slot = Arc::new(Slot::default());
            // Whoever finds the place waits for what becomes of it.
            let Ok(mut live) = slot.live.lock() else { continue };
            let found = match self.open().entry(Arc::clone(&start.record.identity.arn)) {
                Entry::Occupied(open) => Some(Arc::clone(open.get())),
                Entry::Vacant(free) => {
                    free.insert(Arc::clone(&slot));
                    None
                }
            };
            let Some(found) = found else { return self.begin(&mut live, start) };
            let Ok(open) = found.live.lock() else { return Err(already_exists(&start.record)) };
            // `None`: it has just ended, or could not start. Look again.
            if let Some(open) = open.as_ref() {
                return self.found(&open.record, &start.record);
            }
        }
    }

    /// Begins the execution, unless its name is used up.
    fn begin(&self, place: &mut MutexGuard<'_, Option<Live>>, start: Start) -> Result<(Started, Ticket), Error> {
        let arn = Arc::clone(&start.record.identity.arn);
        // The ARN of one that is in memory alone is new.
        let used = if start.reader.is_some() { Ok(None) } else { self.records.execution(&arn) };
        match used {
            Ok(None) => {}
            used => {
                self.open().remove(&arn);
                return match used? {
                    Some(record) => self.found(&record, &start.record),
                    None => Err(Error::ExecutionDoesNotExist(arn.to_string())),
                };
            }
        }
        if !arn.contains(":express:")
            && let Err(full) = self.check_open_executions()
        {
            self.open().remove(&arn);
            return Err(full);
        }
        let mut live = self.new_live(start);
        let events = self.decide(&mut live, Input::Advance);
        live.record.start_date = live.execution.started_at().unwrap_or(live.record.start_date);
        let mut writes = Vec::new();
        if live.reader.is_none() {
            writes.extend(write::execution(&live.record));
            writes.extend(write::listed(&live.record));
            writes.extend(self.changes_of_status.note(&live.record, Status::Running, live.record.start_date, 0));
        }
        writes.extend(self.writes(&mut live, &events));
        let ticket = self.commit(&mut live, events, writes);
        let started = Started { arn, start_date: live.record.start_date };
        **place = Some(live);
        Ok((started, ticket))
    }

    fn new_live(&self, start: Start) -> Live {
        let Start { mut record, definition, input, text, reader } = start;
        record.number = self.take_number();
        let item = record.child.as_ref().and_then(|child| child.map_item(&input));
        let limits = self.limits(&record.identity.arn);
        let execution = Execution::new(record.identity.clone(), input, limits).written(text).with_map_item(item);
        Live { execution, definition, record, written: 0, due: None, reader, observed: None }
    }

    /// The request names an execution that is there: the same one while it runs, or once more the same task's.
    fn found(&self, record: &ExecutionRecord, start: &ExecutionRecord) -> Result<(Started, Ticket), Error> {
        let same_task = record.origin.is_some() && record.origin == start.origin;
        let same_request = record.ended.is_none() && record.input == start.input;
        if !same_task && !same_request {
            return Err(already_exists(start));
        }
        // Behind the commit that began it.
        let ticket = self.records.committer.write(Vec::new());
        Ok((Started { arn: Arc::clone(&start.identity.arn), start_date: record.start_date }, ticket))
    }

    /// Stops an execution; answers when it ended.
    pub(crate) async fn stop(&self, arn: &str, failure: Failure) -> Result<Millis, Error> {
        if arn::resource(arn, "execution").is_err() {
            self.record(arn)?;
        }
        // One that ends just now gives no ticket: wait for its end all the same.
        let ticket = self.deliver(arn, Input::Stop(failure));
        ticket.unwrap_or_else(|| self.records.committer.write(Vec::new())).durable().await?;
        let record = self.record(arn)?;
        Ok(record.ended.map_or(record.start_date, |ended| ended.at))
    }

    /// An execution's record. Of EXPRESS executions only the children of Map Runs have one.
    pub(crate) fn record(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        if let Err(wrong) = arn::resource(arn, "execution") {
            let child = arn::resource(arn, "express").is_ok() && !express::is_forgotten(arn);
            let found = child.then(|| self.records.execution(arn)).transpose()?;
            return found.flatten().ok_or(wrong);
        }
        self.records.execution(arn)?.ok_or_else(|| Error::ExecutionDoesNotExist(arn.to_owned()))
    }

    /// An execution with its input and its end.
    pub(crate) fn describe(&self, arn: &str) -> Result<ExecutionDescription, Error> {
        match self.describe_closed(arn) {
            Some(closed) => Ok(closed),
            None => self.description(&self.record(arn)?),
        }
    }

    /// What a record and its journal say.
    pub(crate) fn description(&self, record: &ExecutionRecord) -> Result<ExecutionDescription, Error> {
        let mut description = summary(record);
        if let Some((first, last)) = self.records.journal_ends(record.number)? {
            description.redrive_obstacle = self.obstacle(record, last.id);
            add_ends(&mut description, first, last);
        }
        Ok(description)
    }

    /// The machine of an execution, as it was when the execution was started.
    pub(crate) fn machine_of(&self, arn: &str) -> Result<ExecutionStateMachine, Error> {
        let record = self.record(arn)?;
        let identity = record.identity;
        let present = || self.machines.find(identity.state_machine_arn.split('/').next().unwrap_or_default());
        let definition = self.records.definition(&record.definition)?;
        let parsed = asl::parse(&definition).definition;
        let child = record.child.as_ref();
        let (parsed, definition) = match child {
            Some(child) => (
                parsed.and_then(|parsed| parsed.item_processor(&child.state)),
                processor_text(&definition, &child.state).unwrap_or(definition),
            ),
            None => (parsed, definition),
        };
        let label = identity.state_machine_name.split_once('/').map(|(_, label)| label.into());
        Ok(ExecutionStateMachine {
            variable_references: parsed.as_ref().map(evaluate::variable_references).unwrap_or_default(),
            map_run_arn: child.map(|child| Arc::clone(&child.map_run)),
            label: label.filter(|_| child.is_some()),
            definition,
            revision: record.revision.or_else(|| Some(Revision::from(&*present()?))).unwrap_or_default(),
            arn: identity.state_machine_arn,
            name: identity.state_machine_name,
            role_arn: identity.role_arn,
        })
    }

    /// The journal of an execution.
    pub(crate) fn history(&self, arn: &str) -> Result<Arc<Vec<Event>>, Error> {
        let record = self.record(arn)?;
        Ok(self.histories.read(&self.records, record.number)?)
    }
}

fn already_exists(record: &ExecutionRecord) -> Error {
    Error::ExecutionAlreadyExists(record.identity.arn.to_string())
}

/// The text of the item processor of the Map state `state`, wherever it is in the definition `text`.
fn processor_text(text: &str, state: &str) -> Option<Arc<str>> {
    fn find<'v>(value: &'v Value, state: &str) -> Option<&'v Value> {
        if let Some(map) = value.get("States").and_then(|states| states.get(state)) {
            return map.get("ItemProcessor").or_else(|| map.get("Iterator"));
        }
        match value {
            Value::Object(members) => members.values().find_map(|member| find(member, state)),
            Value::Array(items) => items.iter().find_map(|item| find(item, state)),
            _ => None,
        }
    }
    let whole = Value::parse(text).ok()?;
    Some(find(&whole, state)?.to_string().into())
}

/// What an execution's record alone says.
pub(crate) fn summary(record: &ExecutionRecord) -> ExecutionDescription {
    ExecutionDescription {
        arn: Arc::clone(&record.identity.arn),
        name: Arc::clone(&record.identity.name),
        state_machine_arn: Arc::clone(&record.identity.state_machine_arn),
        version_arn: record.version_arn.clone(),
        alias_arn: record.alias_arn.clone(),
        role_arn: Arc::clone(&record.identity.role_arn),
        status: record.status(),
        start_date: record.start_date,
        stop_date: record.ended.as_ref().map(|ended| ended.at),
        redrive_count: record.redrives.as_ref().map_or(0, |redrives| redrives.count),
        redrive_date: record.redrives.as_ref().map(|redrives| redrives.last),
        redrive_obstacle: None,
        map_run_arn: record.child.as_ref().map(|child| Arc::clone(&child.map_run)),
        trace_header: record.trace_header.clone(),
        item_count: record.child.as_ref().map(|child| child.items),
        input: None,
        input_text: None,
        output: None,
        output_text: None,
        failure: None,
    }
}

/// Adds what the first and the last event tell: input, output and failure.
pub(crate) fn add_ends(description: &mut ExecutionDescription, first: Event, last: Event) {
    if let EventKind::ExecutionStarted { input, .. } = first.kind {
        description.input = Some(input);
        description.input_text = first.written;
    }
    description.output_text.clone_from(&last.written);
    (description.output, description.failure) = end_of(&last.kind);
}

/// Output and failure that the last event tells of. A time-out of the whole execution tells neither, as on AWS.
pub(crate) fn end_of(last: &EventKind) -> (Option<Value>, Option<Failure>) {
    match last {
        EventKind::ExecutionSucceeded { output } => (Some(output.clone()), None),
        EventKind::ExecutionFailed(failure) | EventKind::ExecutionAborted(failure) => (None, Some(failure.clone())),
        _ => (None, None),
    }
}
