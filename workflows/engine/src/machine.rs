//! State machines: created, changed, deleted; each change serialised and durable before it shows.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use asl::{Definition, ExecutionType};

use crate::arn;
use crate::core::Core;
use crate::definition::accept;
use crate::description::{MachineStatus, NewStateMachine, StateMachine, StateMachineChange};
use crate::entropy;
use crate::exception::Error;
use crate::store::{MachineRecord, StoreError, Write, digest, write};

/// The state machines as they stand, by ARN.
#[derive(Default)]
pub(crate) struct Machines {
    by_arn: RwLock<BTreeMap<Arc<str>, Arc<StateMachine>>>,
    /// One change at a time.
    changes: tokio::sync::Mutex<()>,
}

impl Machines {
    /// The machine of this ARN.
    pub(crate) fn find(&self, arn: &str) -> Option<Arc<StateMachine>> {
        self.by_arn.read().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    /// All of them, by ARN, which is by name.
    pub(crate) fn list(&self) -> Vec<Arc<StateMachine>> {
        self.by_arn.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Whether the machine is there and being deleted.
    pub(crate) fn is_deleting(&self, arn: &str) -> bool {
        self.find(arn).is_some_and(|machine| machine.status == MachineStatus::Deleting)
    }

    pub(crate) fn put(&self, machine: Arc<StateMachine>) {
        self.by_arn.write().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(&machine.arn), machine);
    }

    fn remove(&self, arn: &str) {
        self.by_arn.write().unwrap_or_else(PoisonError::into_inner).remove(arn);
    }
}

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

/// Whether `new` asks for what `old` is. The role and tags do not count, nor does anything but the text of the
/// definition: the same JSON in another layout is another definition.
fn is_same(old: &StateMachine, new: &NewStateMachine) -> bool {
    *old.definition == *new.definition
        && old.kind == new.kind
        && old.logging == new.logging
        && old.tracing == new.tracing
        && old.encryption == new.encryption
}

impl Core {
    pub(crate) async fn create_machine(&self, new: NewStateMachine) -> Result<Arc<StateMachine>, Error> {
        arn::check_name(&new.name)?;
        check_role(&new.role_arn)?;
        if new.kind == ExecutionType::Express {
            let message = "Express state machines are not supported yet: create one of type STANDARD";
            return Err(Error::StateMachineTypeNotSupported(message.to_owned()));
        }
        let parsed = accept(&new.definition)?;
        let arn = self.place.machine(&new.name);
        let _change = self.machines.changes.lock().await;
        match self.machines.find(&arn) {
            Some(old) if old.status == MachineStatus::Deleting => return Err(Error::StateMachineDeleting(arn)),
            Some(old) if is_same(&old, &new) => return Ok(old),
            Some(_) => return Err(Error::StateMachineAlreadyExists(arn)),
            None => {}
        }
        let now = self.config.clock.now();
        self.put_machine(StateMachine {
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
        })
        .await
    }

    pub(crate) async fn update_machine(
        &self,
        arn: &str,
        change: StateMachineChange,
    ) -> Result<Arc<StateMachine>, Error> {
        arn::resource(arn, "stateMachine")?;
        let _change = self.machines.changes.lock().await;
        let old = self.machine(arn)?;
        if old.status == MachineStatus::Deleting {
            return Err(Error::StateMachineDeleting(arn.to_owned()));
        }
        let mut new = (*old).clone();
        let StateMachineChange { definition, role_arn, logging, tracing, encryption } = change;
        if definition.is_none() && role_arn.is_none() && logging.is_none() && tracing.is_none() && encryption.is_none()
        {
            let message = "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration \
                           must be specified";
            return Err(Error::MissingRequiredParameter(message.to_owned()));
        }
        if let Some(definition) = definition {
            new.parsed = accept(&definition)?;
            new.definition = definition.into();
        }
        if let Some(role_arn) = role_arn {
            check_role(&role_arn)?;
            new.role_arn = role_arn.into();
        }
        new.logging = logging.or(new.logging);
        new.tracing = tracing.or(new.tracing);
        new.encryption = encryption.or(new.encryption);
        new.update_date = self.config.clock.now();
        new.revision_id = Some(entropy::uuid().into());
        self.put_machine(new).await
    }

    /// The machine of this ARN.
    pub(crate) fn machine(&self, arn: &str) -> Result<Arc<StateMachine>, Error> {
        arn::resource(arn, "stateMachine")?;
        self.machines.find(arn).ok_or_else(|| Error::StateMachineDoesNotExist(arn.to_owned()))
    }

    pub(crate) async fn delete_machine(&self, arn: &str) -> Result<(), Error> {
        arn::resource(arn, "stateMachine")?;
        {
            let _change = self.machines.changes.lock().await;
            let Some(old) = self.machines.find(arn) else { return Ok(()) };
            if old.status == MachineStatus::Active {
                let deleting = StateMachine { status: MachineStatus::Deleting, ..(*old).clone() };
                self.put_machine(deleting).await?;
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
        let _change = self.machines.changes.lock().await;
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
        let prefix = self.place.execution(&machine.name, "");
        self.open().keys().any(|arn| arn.starts_with(&prefix))
    }

    async fn put_machine(&self, machine: StateMachine) -> Result<Arc<StateMachine>, Error> {
        self.records.committer.write(writes(&machine).into()).durable().await?;
        let machine = Arc::new(machine);
        self.machines.put(Arc::clone(&machine));
        Ok(machine)
    }
}

/// The machine, and its definition for the executions to come.
fn writes(machine: &StateMachine) -> [Write; 2] {
    let record = MachineRecord::from(machine);
    [write::machine(&record), write::definition(&digest(&machine.definition), &machine.definition)]
}
