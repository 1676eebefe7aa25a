//! State machines: created, changed, deleted; each change serialised and durable before it shows.

use std::sync::Arc;

use asl::{Definition, ExecutionType};

use crate::arn;
use crate::core::Core;
use crate::definition::accept;
use crate::description::{MachineStatus, NewStateMachine, SavedStateMachine, StateMachine, StateMachineChange};
use crate::entropy;
use crate::exception::Error;
use crate::store::{MachineRecord, StoreError, Write, digest, write};
use crate::tag;

/// The number of a machine's first version.
const FIRST: u64 = 1;

/// A state machine as its record says.
///
/// # Errors
/// The definition is not one that this server can read.
pub(crate) fn from_record(record: MachineRecord) -> Result<StateMachine, StoreError> {
    let parsed = parse_stored(&record.definition, &record.arn)?;
    Ok(StateMachine {
        arn: record.arn,
        name: record.name,
        definition: record.definition,
        parsed,
        role_arn: record.role_arn,
        kind: if record.express { ExecutionType::Express } else { ExecutionType::Standard },
        status: record.status,
        creation_date: record.creation_date,
        update_date: record.update_date,
        revision_id: record.revision_id,
        logging: record.logging,
        tracing: record.tracing,
        encryption: record.encryption,
        tags: record.tags,
        last_version: record.last_version,
        created_with: record.created_with,
    })
}

/// A definition that was good when it was stored.
pub(crate) fn parse_stored(text: &str, of: &str) -> Result<Arc<Definition>, StoreError> {
    let parsed = asl::parse(text);
    let reason = || parsed.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match parsed.definition {
        Some(definition) => Ok(Arc::new(definition)),
        None => Err(StoreError::Undecodable { space: "definitions", key: of.to_owned(), reason: reason() }),
    }
}

fn check_role(role_arn: &str) -> Result<(), Error> {
    if role_arn.starts_with("arn:") {
        Ok(())
    } else {
        Err(Error::InvalidArn(format!("Invalid ARN prefix: {role_arn}")))
    }
}

/// Whether `new` asks for what `old` was created as and still is. The role and tags do not count, nor does anything but
/// the text of the definition: the same JSON in another layout is another definition.
fn is_same(old: &StateMachine, new: &NewStateMachine) -> bool {
    *old.definition == *new.definition
        && old.kind == new.kind
        && old.logging == new.logging
        && old.tracing == new.tracing
        && old.encryption == new.encryption
        && old.created_with == new.publish
}

/// Whether an update has changed nothing.
fn is_unchanged(old: &StateMachine, new: &StateMachine) -> bool {
    old.definition == new.definition
        && old.role_arn == new.role_arn
        && old.logging == new.logging
        && old.tracing == new.tracing
        && old.encryption == new.encryption
}

impl Core {
    pub(crate) async fn create_machine(&self, new: NewStateMachine) -> Result<SavedStateMachine, Error> {
        self.config.names.check(&new.name)?;
        check_role(&new.role_arn)?;
        let parsed = accept(&new.definition, new.kind)?;
        let tags = tag::merged(Vec::new(), new.tags.clone())?;
        let arn = self.place.machine(&new.name);
        let _change = self.changes.lock().await;
        match self.machines.find(&arn) {
            Some(old) if old.status == MachineStatus::Deleting => return Err(Error::StateMachineDeleting(arn)),
            Some(old) if is_same(&old, &new) => {
                let version = new.publish.and_then(|_| self.machines.version(&arn, FIRST));
                return Ok(SavedStateMachine { machine: old, version });
            }
            Some(_) => return Err(Error::StateMachineAlreadyExists(arn)),
            None if self.machines.count() >= self.config.quotas.state_machines => {
                return Err(Error::StateMachineLimitExceeded);
            }
            None => {}
        }
        let now = self.config.clock.now();
        let machine = StateMachine {
            arn: arn.into(),
            name: new.name.into(),
            definition: new.definition.into(),
            parsed,
            role_arn: new.role_arn.into(),
            kind: new.kind,
            status: MachineStatus::Active,
            creation_date: now,
            update_date: now,
            revision_id: None,
            logging: new.logging,
            tracing: new.tracing,
            encryption: new.encryption,
            tags,
            last_version: FIRST - 1,
            created_with: new.publish.clone(),
        };
        self.save(machine, new.publish).await
    }

    pub(crate) async fn update_machine(
        &self,
        arn: &str,
        change: StateMachineChange,
    ) -> Result<SavedStateMachine, Error> {
        arn::resource(arn, "stateMachine")?;
        let _change = self.changes.lock().await;
        let old = self.machine(arn)?;
        if old.status == MachineStatus::Deleting {
            return Err(Error::StateMachineDeleting(arn.to_owned()));
        }
        let mut new = (*old).clone();
        let StateMachineChange { definition, role_arn, logging, tracing, encryption, publish } = change;
        let changes = definition.is_some() || role_arn.is_some();
        if !changes && logging.is_none() && tracing.is_none() && encryption.is_none() && publish.is_none() {
            let message = "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration \
                           must be specified";
            return Err(Error::MissingRequiredParameter(message.to_owned()));
        }
        if let Some(definition) = definition {
            new.parsed = accept(&definition, old.kind)?;
            new.definition = definition.into();
        }
        if let Some(role_arn) = role_arn {
            check_role(&role_arn)?;
            new.role_arn = role_arn.into();
        }
        new.logging = logging.or(new.logging);
        new.tracing = tracing.or(new.tracing);
        new.encryption = encryption.or(new.encryption);
        if is_unchanged(&old, &new) {
            return match publish {
                Some(publish) => self.publish_present(&old, publish).await,
                None => Ok(SavedStateMachine { machine: old, version: None }),
            };
        }
        new.update_date = self.config.clock.now();
        new.revision_id = Some(entropy::uuid().into());
        self.save(new, publish).await
    }

    /// The machine of this ARN.
    pub(crate) fn machine(&self, arn: &str) -> Result<Arc<StateMachine>, Error> {
        arn::resource(arn, "stateMachine")?;
        self.machines.find(arn).ok_or_else(|| Error::StateMachineDoesNotExist(arn.to_owned()))
    }

    pub(crate) async fn delete_machine(&self, arn: &str) -> Result<(), Error> {
        if arn::machine(arn)?.qualifier.is_some() {
            let message = format!("Not the ARN of a state machine but of a version or an alias of one: {arn}");
            return Err(Error::Validation(message));
        }
        {
            let _change = self.changes.lock().await;
            let Some(old) = self.machines.find(arn) else { return Ok(()) };
            if old.status == MachineStatus::Active {
                let deleting = Arc::new(StateMachine { status: MachineStatus::Deleting, ..(*old).clone() });
                let mut all = writes(&deleting).to_vec();
                all.extend(self.clearing(arn));
                self.records.committer.write(all).durable().await?;
                self.machines.put(deleting);
                self.machines.clear(arn);
            }
        }
        self.finish_deletion(arn).await;
        Ok(())
    }

    /// Takes away a machine that is being deleted, once it has no open execution.
    pub(crate) async fn finish_deletion(&self, arn: &str) {
        if !self.machines.is_deleting(arn) {
            return;
        }
        let _change = self.changes.lock().await;
        if !self.machines.is_deleting(arn) || self.has_open_execution(arn) {
            return;
        }
        // Where the store has failed, everybody else says so.
        if self.records.committer.write(vec![write::no_machine(arn)]).durable().await.is_ok() {
            self.machines.remove(arn);
        }
    }

    fn has_open_execution(&self, machine: &str) -> bool {
        let Some(machine) = self.machines.find(machine) else { return false };
        let [executions, children, express_children] = self.place.executions(&machine.name);
        let prefixes = [executions, children, express_children, self.place.express_of(&machine.name, "")];
        self.open().keys().any(|arn| prefixes.iter().any(|prefix| arn.starts_with(prefix)))
    }

    pub(crate) async fn put_machine(&self, machine: StateMachine) -> Result<Arc<StateMachine>, Error> {
        self.records.committer.write(writes(&machine).into()).durable().await?;
        let machine = Arc::new(machine);
        self.machines.put(Arc::clone(&machine));
        Ok(machine)
    }
}

/// The machine, and its definition for the executions to come.
pub(crate) fn writes(machine: &StateMachine) -> [Write; 2] {
    let record = MachineRecord::from(machine);
    [write::machine(&record), write::definition(&digest(&machine.definition), &machine.definition)]
}
