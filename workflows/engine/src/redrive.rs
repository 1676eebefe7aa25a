//! Redrives: an execution that has ended badly is opened again and goes on where it stood.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use execution::{Input, Millis, Status};

use crate::arn;
use crate::core::{Core, Live, Slot};
use crate::exception::Error;
use crate::store::{ExecutionRecord, Redrives, StoreError, Ticket, status_name, write};

const MINUTE: Millis = 60 * 1000;
const DAY: Millis = 24 * 60 * MINUTE;
/// How long after its end an execution can be redriven.
const PERIOD: Millis = 14 * DAY;
/// How long after its start an execution can be open.
const LONGEST: Millis = 365 * DAY;
/// Redrives of one execution.
const MOST: u32 = 1000;
/// How many tokens are remembered, and for how long.
const TOKENS: usize = 10;
const TOKEN_AGE: Millis = 15 * MINUTE;

/// Who opens an execution again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Redrive {
    /// A caller, whose token it may be.
    Caller(Option<Arc<str>>),
    /// The redrive of its Map Run of this number.
    Run(u32),
}

impl Redrive {
    const fn token(&self) -> Option<&Arc<str>> {
        match self {
            Self::Caller(token) => token.as_ref(),
            Self::Run(_) => None,
        }
    }
}

/// What came of a try to open an execution again.
pub(crate) enum Tried {
    /// It was redriven at this time, now or by an earlier request of the same token.
    Redriven(Millis, Ticket),
    /// It has ended and is being closed: after this, try again.
    Closing(Ticket),
}

impl Core {
    /// Opens an execution again; answers once that is durable.
    pub(crate) async fn redrive(&self, arn: &str, token: Option<Arc<str>>) -> Result<Millis, Error> {
        arn::resource(arn, "execution")?;
        if self.record(arn)?.child.is_some() {
            let reason = "A child workflow execution of a Map Run is redriven by redriving the Map Run's execution.";
            return Err(Error::ExecutionNotRedrivable(reason.to_owned()));
        }
        let by = Redrive::Caller(token);
        loop {
            match self.reopen(arn, &by) {
                Ok(Tried::Redriven(at, ticket)) => {
                    ticket.durable().await?;
                    return Ok(at);
                }
                Ok(Tried::Closing(ticket)) => ticket.durable().await?,
                Err(error) => {
                    // A deletion may have taken the try for an open execution.
                    if let Ok(record) = self.record(arn) {
                        self.finish_deletion(record.machine_arn()).await;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Opens an execution again, a child of a Map Run too, or says what it waits for.
    pub(crate) fn reopen(&self, arn: &str, by: &Redrive) -> Result<Tried, Error> {
        let name = self.record(arn)?.identity.arn;
        let slot = Arc::new(Slot::default());
        // Whoever finds the place waits for what becomes of it.
        let Ok(mut place) = slot.live.lock() else { return Err(running()) };
        let found = match self.open().entry(Arc::clone(&name)) {
            Entry::Occupied(open) => Some(Arc::clone(open.get())),
            Entry::Vacant(free) => {
                free.insert(Arc::clone(&slot));
                None
            }
        };
        if let Some(found) = found {
            let Ok(open) = found.live.lock() else { return Err(running()) };
            return match open.as_ref().filter(|live| live.record.ended.is_none()) {
                Some(live) => self.present(&live.record, by.token()).ok_or_else(running),
                // Behind the commit that ended it.
                None => Ok(Tried::Closing(self.records.committer.write(Vec::new()))),
            };
        }
        let opened = self.open_again(arn, by);
        match opened {
            Ok((live, tried)) if live.is_some() => {
                *place = live;
                Ok(tried)
            }
            other => {
                self.open().remove(arn);
                // Whoever began to wait meanwhile took the place for an open execution.
                self.announce(&name);
                other.map(|(_, tried)| tried)
            }
        }
    }

    /// The answer to a request whose token is known.
    fn present(&self, record: &ExecutionRecord, token: Option<&Arc<str>>) -> Option<Tried> {
        let redrives = record.redrives.as_ref()?;
        let oldest = self.config.clock.now() - TOKEN_AGE;
        let known = |(known, at): &&(Arc<str>, Millis)| Some(known) == token && *at >= oldest;
        let (_, at) = redrives.tokens.iter().find(known)?;
        Some(Tried::Redriven(*at, self.records.committer.write(Vec::new())))
    }

    /// Replays an execution to its end and lets it go on; without a `Live` where an earlier request did so.
    fn open_again(&self, arn: &str, by: &Redrive) -> Result<(Option<Live>, Tried), Error> {
        let record = self.record(arn)?;
        if let Some(present) = self.present(&record, by.token()) {
            return Ok((None, present));
        }
        let mut live = self.replay(arn, &mut HashMap::new())?;
        if let Some(obstacle) = self.obstacle(&record, live.execution.last_event_id()) {
            return Err(Error::ExecutionNotRedrivable(obstacle));
        }
        self.check_open_executions()?;
        self.retell(&record)?;
        let events = self.decide(&mut live, Input::Redrive);
        let Some(redriven) = events.first() else { return Err(deleting()) };
        let at = redriven.at;
        live.record.ended = None;
        live.record.redrives.get_or_insert_default().add(at, by.token());
        if let (Redrive::Run(redrive), Some(child)) = (by, &mut live.record.child) {
            child.redrive = *redrive;
            child.again = true;
        }
        let mut writes = write::execution(&live.record).to_vec();
        // With the event that redrives it: its end may be of the same moment, and has one event less.
        writes.extend(self.changes_of_status.note(&live.record, Status::Running, at, live.written + 1));
        writes.extend(self.writes(&mut live, &events));
        let ticket = self.commit(&mut live, events, writes);
        Ok((Some(live), Tried::Redriven(at, ticket)))
    }

    /// Tells observers, who forget an execution when it ends, what it was.
    fn retell(&self, record: &ExecutionRecord) -> Result<(), StoreError> {
        if !self.observers.is_empty() {
            self.observers.resumed(record, &self.records.journal(record.number)?);
        }
        Ok(())
    }

    /// Why an execution whose last event is `last` cannot be redriven, in AWS's words; `None` where it can.
    pub(crate) fn obstacle(&self, record: &ExecutionRecord, last: u64) -> Option<String> {
        let now = self.config.clock.now();
        let ended = match (&record.ended, record.status()) {
            (Some(ended), Status::Failed | Status::TimedOut | Status::Aborted) => ended.at,
            (_, status) => return Some(format!("Execution is {} and cannot be redriven", status_name(status))),
        };
        let machine = record.machine_arn();
        let gone = self.machines.find(machine).is_none_or(|machine| machine.creation_date > record.start_date);
        let obstacle = if gone || self.machines.is_deleting(machine) {
            "State machine is in DELETING status."
        } else if now - record.start_date >= LONGEST {
            "Execution has exceeded the max execution time."
        } else if now - ended > PERIOD {
            "Execution redrivable period exceeded."
        } else if last + 1 >= self.config.limits.history_events {
            "Execution history event limit exceeded."
        } else if record.redrives.as_ref().is_some_and(|redrives| redrives.count >= MOST) {
            "Execution redrive limit exceeded."
        } else {
            return None;
        };
        Some(obstacle.to_owned())
    }
}

impl Redrives {
    fn add(&mut self, at: Millis, token: Option<&Arc<str>>) {
        self.count += 1;
        self.last = at;
        self.tokens.retain(|(_, used)| *used >= at - TOKEN_AGE);
        self.tokens.extend(token.map(|token| (Arc::clone(token), at)));
        let surplus = self.tokens.len().saturating_sub(TOKENS);
        self.tokens.drain(..surplus);
    }
}

fn running() -> Error {
    Error::ExecutionNotRedrivable("Execution is RUNNING and cannot be redriven".to_owned())
}

fn deleting() -> Error {
    Error::ExecutionNotRedrivable("State machine is in DELETING status.".to_owned())
}
