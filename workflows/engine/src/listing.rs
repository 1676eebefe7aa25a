//! Executions, newest first, a page at a time: what a page costs does not depend on how many there are.

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::Arc;

use asl::ExecutionType;
use execution::{Millis, Status};

use crate::arn::{self, MachineArn};
use crate::core::{Core, Slot};
use crate::description::{ExecutionDescription, ExecutionsPage, Listed, StateMachine};
use crate::exception::Error;
use crate::express;
use crate::lifecycle::summary;
use crate::store::ExecutionRecord;

/// Executions that are looked at for one page: where few are wanted it is short, and the next goes on.
const LOOKS: usize = 10_000;
/// Entries that are read from the store at once.
const READ: usize = 256;

/// Which executions of a group are listed.
struct Group<'a> {
    /// What the store keeps them under.
    key: String,
    /// Those before are of a machine that had the name before.
    since: Millis,
    /// The version or the alias that was started.
    qualifier: Option<&'a str>,
}

impl Group<'_> {
    fn has(&self, record: &ExecutionRecord) -> bool {
        let started = [&record.version_arn, &record.alias_arn];
        record.start_date >= self.since
            && self.qualifier.is_none_or(|wanted| started.iter().any(|arn| arn.as_deref() == Some(wanted)))
    }
}

impl Core {
    /// Executions of `status` that are `wanted`, newest first, without inputs and outputs; `after` is the `next` of the page before.
    /// A machine that was created again does not show those of its predecessor.
    pub(crate) fn page(
        &self,
        of: Listed<'_>,
        status: Option<Status>,
        after: Option<u64>,
        most: usize,
        wanted: &dyn Fn(&ExecutionDescription) -> bool,
    ) -> Result<ExecutionsPage, Error> {
        let group = self.group(of)?;
        let (mut executions, mut looked, mut last) = (Vec::new(), 0, after);
        let mut visit = |number, record: ExecutionRecord| {
            if executions.len() >= most || looked >= LOOKS {
                return ControlFlow::Break(());
            }
            (looked, last) = (looked + 1, Some(number));
            let fits = group.has(&record) && status.is_none_or(|status| record.status() == status);
            executions.extend(fits.then(|| summary(&record)).filter(wanted));
            ControlFlow::Continue(())
        };
        let more = match status {
            // Few of very many, perhaps, and the oldest of all.
            Some(Status::Running) => self.walk_open(&group.key, after, &mut visit)?,
            _ => self.walk(&group.key, after, &mut visit)?,
        };
        Ok(ExecutionsPage { executions, next: last.filter(|_| more) })
    }

    /// All executions of a status, newest first, without inputs and outputs: of all machines, of one, or of a version or
    /// an alias.
    pub(crate) fn list(
        &self,
        machine: Option<&str>,
        status: Option<Status>,
    ) -> Result<Vec<ExecutionDescription>, Error> {
        let mut listed = Vec::new();
        let mut take = |record: &ExecutionRecord| {
            if status.is_none_or(|status| record.status() == status) {
                listed.push((record.number, summary(record)));
            }
        };
        match machine {
            Some(machine) => {
                let group = self.group(Listed::Machine(machine))?;
                self.walk(&group.key, None, &mut |_, record| {
                    if group.has(&record) {
                        take(&record);
                    }
                    ControlFlow::Continue(())
                })?;
            }
            None => self.records.visit_executions("", &mut |record| {
                if !express::is_forgotten(&record.identity.arn) {
                    take(record);
                }
            })?,
        }
        listed.sort_by_key(|(number, _)| Reverse(*number));
        Ok(listed.into_iter().map(|(_, summary)| summary).collect())
    }

    fn group<'a>(&self, of: Listed<'a>) -> Result<Group<'a>, Error> {
        match of {
            Listed::MapRun(arn) => {
                self.map_run(arn)?;
                Ok(Group { key: arn.to_owned(), since: Millis::MIN, qualifier: None })
            }
            Listed::Machine(arn) => {
                let named = arn::machine(arn)?;
                let machine = self.qualified(&named, arn)?;
                if machine.kind == ExecutionType::Express {
                    return Err(express::not_supported());
                }
                let qualifier = named.qualifier.map(|_| arn);
                Ok(Group { key: machine.name.to_string(), since: machine.creation_date, qualifier })
            }
        }
    }

    /// Shows the executions of a group, newest first, until there is no more or `visit` breaks off; whether it did.
    fn walk(
        &self,
        group: &str,
        after: Option<u64>,
        visit: &mut dyn FnMut(u64, ExecutionRecord) -> ControlFlow<()>,
    ) -> Result<bool, Error> {
        let mut after = after;
        loop {
            let entries = self.records.listed(group, after, READ)?;
            for (number, arn) in &entries {
                let Some(record) = self.records.execution(arn)? else { continue };
                if visit(*number, record).is_break() {
                    return Ok(true);
                }
            }
            match entries.last() {
                Some((number, _)) if entries.len() == READ => after = Some(*number),
                _ => return Ok(false),
            }
        }
    }

    /// As [`Core::walk`], of those that are open.
    fn walk_open(
        &self,
        group: &str,
        after: Option<u64>,
        visit: &mut dyn FnMut(u64, ExecutionRecord) -> ControlFlow<()>,
    ) -> Result<bool, Error> {
        let slots: Vec<_> = self.open().values().cloned().collect();
        let listed = |slot: &Arc<Slot>| {
            let live = slot.live.lock().ok()?;
            let record = &live.as_ref().filter(|live| live.reader.is_none())?.record;
            (record.group() == group).then(|| (record.number, Arc::clone(&record.identity.arn)))
        };
        let mut open: Vec<_> = slots.iter().filter_map(listed).collect();
        open.retain(|(number, _)| after.is_none_or(|after| *number < after));
        open.sort_by_key(|(number, _)| Reverse(*number));
        for (number, arn) in open {
            let Some(record) = self.records.execution(&arn)? else { continue };
            if visit(number, record).is_break() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The machine of an ARN whose version or alias, where it names one, is there.
    fn qualified(&self, named: &MachineArn<'_>, arn: &str) -> Result<Arc<StateMachine>, Error> {
        let there = |name| match named.version() {
            Some(number) => self.machines.version(named.machine, number).is_some(),
            None => self.machines.alias(named.machine, name).is_some(),
        };
        let machine = self.machines.find(named.machine).filter(|_| named.qualifier.is_none_or(there));
        machine.ok_or_else(|| Error::StateMachineDoesNotExist(arn.to_owned()))
    }
}
