//! The writes that records come down to.

use super::{
    Activity, ChangeRecord, ClockRecord, Digest, Event, ExecutionRecord, MachineRecord, MapRunRecord, Millis,
    RECORD_EVENTS, Space, StateMachineAlias, VersionRecord, Write, key, put, text,
};
use crate::express;

pub(crate) fn clock(clock: &ClockRecord) -> Write {
    put(Space::Meta, b"clock".to_vec(), clock)
}

pub(crate) fn announces(announces: bool) -> Write {
    put(Space::Meta, b"announces".to_vec(), &announces)
}

/// A change of the status of the execution of this number.
pub(crate) fn change(number: u64, change: &ChangeRecord) -> Write {
    put(Space::Changes, key::change(change.at, number, change.events), change)
}

pub(crate) fn machine(machine: &MachineRecord) -> Write {
    put(Space::Machines, machine.arn.as_bytes().to_vec(), machine)
}

pub(crate) fn no_machine(arn: &str) -> Write {
    remove(Space::Machines, arn.as_bytes().to_vec())
}

pub(crate) fn version(version: &VersionRecord) -> Write {
    put(Space::Versions, version.arn.as_bytes().to_vec(), version)
}

pub(crate) fn no_version(arn: &str) -> Write {
    remove(Space::Versions, arn.as_bytes().to_vec())
}

pub(crate) fn alias(alias: &StateMachineAlias) -> Write {
    put(Space::Aliases, alias.arn.as_bytes().to_vec(), alias)
}

pub(crate) fn no_alias(arn: &str) -> Write {
    remove(Space::Aliases, arn.as_bytes().to_vec())
}

pub(crate) fn definition(digest: &Digest, definition: &str) -> Write {
    text(Space::Definitions, digest.to_vec(), definition)
}

pub(crate) fn activity(activity: &Activity) -> Write {
    put(Space::Activities, activity.arn.as_bytes().to_vec(), activity)
}

pub(crate) fn no_activity(arn: &str) -> Write {
    remove(Space::Activities, arn.as_bytes().to_vec())
}

/// Takes away an execution's record.
pub(crate) fn no_execution(arn: &str) -> Write {
    remove(Space::Executions, arn.as_bytes().to_vec())
}

pub(crate) fn map_run(run: &MapRunRecord) -> Write {
    put(Space::MapRuns, run.arn.as_bytes().to_vec(), run)
}

/// An execution's record, with its place among the open ones or without.
pub(crate) fn execution(record: &ExecutionRecord) -> [Write; 2] {
    let arn = &record.identity.arn;
    let open = match record.ended {
        None => text(Space::Open, key::number(record.number), arn),
        Some(_) => remove(Space::Open, key::number(record.number)),
    };
    [put(Space::Executions, arn.as_bytes().to_vec(), record), open]
}

/// The place of a new execution in the listing of its state machine or its Map Run; one that is forgotten after its
/// end has none.
pub(crate) fn listed(record: &ExecutionRecord) -> Option<Write> {
    let arn = &record.identity.arn;
    (!express::is_forgotten(arn)).then(|| text(Space::Listing, key::listed(record.group(), record.number), arn))
}

/// Events of an execution, the first of them at `index`; a long step takes several records, so that reading a few
/// of its events need not read all.
pub(crate) fn events(number: u64, index: u64, events: &[Event]) -> impl Iterator<Item = Write> {
    (index..)
        .step_by(RECORD_EVENTS)
        .zip(events.chunks(RECORD_EVENTS))
        .map(move |(index, events)| put(Space::Journal, key::journal(number, index), &events))
}

pub(crate) fn due(due: Millis, number: u64, arn: &str) -> Write {
    text(Space::Due, key::due(due, number), arn)
}

pub(crate) fn no_due(due: Millis, number: u64) -> Write {
    remove(Space::Due, key::due(due, number))
}

fn remove(space: Space, key: Vec<u8>) -> Write {
    Write { space, key, value: None }
}
