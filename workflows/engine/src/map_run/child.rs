//! One child of a Map Run: what it is called, how it stands, how it is started.

use std::sync::Arc;

use asl::Definition;
use execution::Identity;

use super::units::Unit;
use crate::core::Core;
use crate::entropy;
use crate::exception::Error;
use crate::lifecycle::Start;
use crate::store::{ChildRecord, ExecutionRecord, digest};

/// What the children of one Map Run have in common.
pub(super) struct Family {
    pub(super) run: Arc<str>,
    /// Name of the Map state.
    pub(super) state: Arc<str>,
    pub(super) express: bool,
    /// The record of the execution of the Map state.
    pub(super) parent: ExecutionRecord,
    /// The X-Ray header that makes the children a part of their run.
    pub(super) trace_header: Option<Arc<str>>,
    /// What the children run.
    pub(super) definition: Arc<Definition>,
}

/// ARN of what the children of a run are executions of: the state machine's, with the label.
pub(super) fn machine_arn(run: &str) -> Arc<str> {
    let machine = run.rsplit_once(':').map_or(run, |(machine, _)| machine);
    machine.replacen(":mapRun:", ":stateMachine:", 1).into()
}

/// Seconds that an EXPRESS execution may last.
const EXPRESS_SECONDS: u64 = 300;

/// What the children of the Map state `state` run.
pub(crate) fn definition(whole: &Definition, state: &str, express: bool) -> Option<Definition> {
    let processor = whole.item_processor(state)?;
    Some(Definition { timeout_seconds: express.then_some(EXPRESS_SECONDS), ..processor })
}

/// How a child stands.
pub(super) enum Stand {
    /// It has not begun.
    Absent,
    /// It goes on.
    Open(Arc<str>),
    /// It has ended.
    Ended(Box<ExecutionRecord>),
}

impl Family {
    /// ARN and name of a child: they follow from the run, the index and, for EXPRESS children, which begin anew, from
    /// the redrive.
    pub(super) fn name(&self, core: &Core, index: u64, redrive: u32) -> (Arc<str>, Arc<str>) {
        let uuid = |what: &str| {
            let digest = digest(&format!("{}|{index}|{what}", self.run));
            let mut bits = [0_u8; 16];
            bits.copy_from_slice(&digest[..16]);
            entropy::uuid_of(u128::from_be_bytes(bits))
        };
        let name = uuid("name");
        let machine = self.machine_name();
        let arn = if self.express {
            core.place.express(&machine, &name, &uuid(&format!("redrive {redrive}")))
        } else {
            core.place.execution(&machine, &name)
        };
        (arn.into(), name.into())
    }

    /// `MACHINE/LABEL`
    fn machine_name(&self) -> Arc<str> {
        let arn = machine_arn(&self.run);
        arn.rsplit_once(':').map_or_else(|| Arc::clone(&arn), |(_, name)| name.into())
    }

    /// How a child stands; an EXPRESS child is the one of the latest redrive up to this.
    pub(super) fn look(&self, core: &Core, index: u64, redrives: u32) -> Result<Stand, Error> {
        let generations = if self.express { 0..=redrives } else { 0..=0 };
        for redrive in generations.rev() {
            let (arn, _) = self.name(core, index, redrive);
            if core.slot(&arn).is_some() {
                return Ok(Stand::Open(arn));
            }
            // In this order: what leaves the open ones is durable before.
            if let Some(record) = core.records.execution(&arn)? {
                let open = record.ended.is_none();
                return Ok(if open { Stand::Open(arn) } else { Stand::Ended(Box::new(record)) });
            }
        }
        Ok(Stand::Absent)
    }

    /// Starts a child, or an EXPRESS one `again` that had ended badly; the same one again is found.
    ///
    /// # Errors
    /// The store has failed.
    pub(super) fn begin(&self, core: &Core, unit: Unit, redrive: u32, again: bool) -> Result<Arc<str>, Error> {
        let (arn, name) = self.name(core, unit.index, redrive);
        let parent = &self.parent;
        let record = ExecutionRecord {
            number: 0,
            identity: Identity {
                arn: Arc::clone(&arn),
                name,
                role_arn: Arc::clone(&parent.identity.role_arn),
                state_machine_arn: machine_arn(&self.run),
                state_machine_name: self.machine_name(),
            },
            definition: parent.definition,
            input: digest(&unit.text),
            start_date: core.config.clock.now(),
            ended: None,
            origin: None,
            version_arn: None,
            alias_arn: None,
            revision: parent.revision.clone(),
            redrives: None,
            child: Some(ChildRecord {
                map_run: Arc::clone(&self.run),
                index: unit.index,
                items: unit.span.count,
                state: Arc::clone(&self.state),
                express: self.express,
                redrive,
                again,
                item: unit.item,
            }),
            trace_header: self.trace_header.clone(),
        };
        // Nobody waits for the disk here: the child's end comes after its beginning is durable.
        let definition = Arc::clone(&self.definition);
        core.place(Start { record, definition, input: unit.input, text: None, reader: None })?;
        Ok(arn)
    }
}
