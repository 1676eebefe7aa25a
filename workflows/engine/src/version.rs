//! Versions: a state machine as it was, under a number that is never used twice.

use std::collections::HashMap;
use std::sync::Arc;

use asl::{Definition, ExecutionType};

use crate::arn;
use crate::core::Core;
use crate::description::{MachineStatus, Publish, SavedStateMachine, StateMachine, StateMachineVersion};
use crate::exception::Error;
use crate::machine::parse_stored;
use crate::registry::Machines;
use crate::store::{Digest, Records, StoreError, VersionRecord, Write, digest, write};

/// Versions that a machine has at most.
const MOST: usize = 1000;

/// What stands for the revision of a machine that was never updated.
const INITIAL: &str = "INITIAL";

/// Reads the versions and aliases of the machines that are there.
///
/// # Errors
/// A record is damaged, or a definition is not one that this server can read.
pub(crate) fn load(records: &Records, machines: &Machines) -> Result<(), StoreError> {
    let parsed = machines.list().into_iter().map(|machine| (digest(&machine.definition), Arc::clone(&machine.parsed)));
    let mut parsed: HashMap<Digest, Arc<Definition>> = parsed.collect();
    for record in records.versions()? {
        // A version older than its machine belongs to an earlier machine of that name.
        let Some(machine) = machines.find(&record.machine_arn) else { continue };
        if record.creation_date >= machine.creation_date {
            machines.put_version(Arc::new(from_record(record, &machine, records, &mut parsed)?));
        }
    }
    for alias in records.aliases()? {
        if machines.find(&alias.machine_arn).is_some_and(|machine| alias.creation_date >= machine.creation_date) {
            machines.put_alias(Arc::new(alias));
        }
    }
    Ok(())
}

fn from_record(
    record: VersionRecord,
    machine: &StateMachine,
    records: &Records,
    parsed: &mut HashMap<Digest, Arc<Definition>>,
) -> Result<StateMachineVersion, StoreError> {
    let definition = records.definition(&record.definition)?;
    let parsed = match parsed.get(&record.definition) {
        Some(parsed) => Arc::clone(parsed),
        None => {
            let fresh = parse_stored(&definition, &record.arn)?;
            parsed.insert(record.definition, Arc::clone(&fresh));
            fresh
        }
    };
    let snapshot = StateMachine {
        definition,
        parsed,
        role_arn: record.role_arn,
        kind: if record.express { ExecutionType::Express } else { ExecutionType::Standard },
        update_date: record.revision.update_date,
        revision_id: record.revision.revision_id,
        logging: record.revision.logging,
        tracing: record.revision.tracing,
        encryption: record.revision.encryption,
        ..machine.clone()
    };
    Ok(StateMachineVersion {
        arn: record.arn,
        number: record.number,
        description: record.description,
        creation_date: record.creation_date,
        machine: Arc::new(snapshot),
    })
}

impl Core {
    /// Publishes a machine as it stands, where it is at `revision`; a revision has one version.
    pub(crate) async fn publish_version(
        &self,
        arn: &str,
        publish: Publish,
        revision: Option<&str>,
    ) -> Result<Arc<StateMachineVersion>, Error> {
        let _change = self.changes.lock().await;
        let machine = self.machine(arn)?;
        if machine.status == MachineStatus::Deleting {
            return Err(Error::StateMachineDeleting(arn.to_owned()));
        }
        let present = machine.revision_id.as_deref().unwrap_or(INITIAL);
        if let Some(wanted) = revision.filter(|wanted| *wanted != present) {
            return Err(Error::Conflict(format!(
                "Failed to publish the State Machine version for revision {wanted}. The current State Machine \
                 revision is {present}."
            )));
        }
        let saved = self.publish_present(&machine, publish).await?;
        saved.version.ok_or_else(|| Error::StateMachineDoesNotExist(arn.to_owned()))
    }

    /// The version of the machine's present revision: the one that it has, or a new one.
    pub(crate) async fn publish_present(
        &self,
        machine: &Arc<StateMachine>,
        publish: Publish,
    ) -> Result<SavedStateMachine, Error> {
        let same = |version: &Arc<StateMachineVersion>| version.machine.revision_id == machine.revision_id;
        match self.machines.versions(&machine.arn).into_iter().find(same) {
            Some(version) => Ok(SavedStateMachine { machine: Arc::clone(machine), version: Some(version) }),
            None => self.save((**machine).clone(), Some(publish)).await,
        }
    }

    /// Makes a machine durable, with a version of it where one is asked for.
    pub(crate) async fn save(
        &self,
        mut machine: StateMachine,
        publish: Option<Publish>,
    ) -> Result<SavedStateMachine, Error> {
        let Some(publish) = publish else {
            return Ok(SavedStateMachine { machine: self.put_machine(machine).await?, version: None });
        };
        if self.machines.versions(&machine.arn).len() >= MOST {
            let message = format!("A state machine can have at most {MOST} versions; delete some of {}", machine.arn);
            return Err(Error::ServiceQuotaExceeded(message));
        }
        machine.last_version += 1;
        let number = machine.last_version;
        let machine = Arc::new(machine);
        let version = Arc::new(StateMachineVersion {
            arn: arn::version(&machine.arn, number).into(),
            number,
            description: publish.description.map(Into::into),
            creation_date: self.config.clock.now(),
            machine: Arc::clone(&machine),
        });
        let mut writes = crate::machine::writes(&machine).to_vec();
        writes.push(write::version(&VersionRecord::from(&*version)));
        self.records.committer.write(writes).durable().await?;
        self.machines.put(Arc::clone(&machine));
        self.machines.put_version(Arc::clone(&version));
        Ok(SavedStateMachine { machine, version: Some(version) })
    }

    /// The version that an ARN names; `None` where it names the machine itself.
    pub(crate) fn version(&self, arn: &str) -> Result<Option<Arc<StateMachineVersion>>, Error> {
        let named = arn::machine(arn)?;
        let Some(number) = named.version() else { return Ok(None) };
        let found = self.machines.version(named.machine, number);
        found.map(Some).ok_or_else(|| Error::StateMachineDoesNotExist(arn.to_owned()))
    }

    /// The versions of a machine, newest first.
    pub(crate) fn versions(&self, arn: &str) -> Result<Vec<Arc<StateMachineVersion>>, Error> {
        Ok(self.machines.versions(&self.machine(arn)?.arn))
    }

    /// Deletes a version that no alias refers to; executions of it go on. One that is not there is no error.
    pub(crate) async fn delete_version(&self, arn: &str) -> Result<(), Error> {
        let named = arn::machine(arn)?;
        let Some(number) = named.version() else {
            return Err(Error::InvalidArn(format!("Not the ARN of a state machine version: {arn}")));
        };
        let _change = self.changes.lock().await;
        self.machine(named.machine)?;
        let aliases = self.machines.aliases(named.machine);
        let users = aliases.iter().filter(|alias| alias.routes.iter().any(|route| &*route.version_arn == arn));
        let users: Vec<&str> = users.map(|alias| &*alias.name).collect();
        if !users.is_empty() {
            return Err(Error::Conflict(format!(
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this \
                 version: [{}]",
                users.join(", ")
            )));
        }
        if self.machines.version(named.machine, number).is_some() {
            self.records.committer.write(vec![write::no_version(arn)]).durable().await?;
            self.machines.remove_version(named.machine, number);
        }
        Ok(())
    }

    /// What is written when the versions and aliases of a machine go.
    pub(crate) fn clearing(&self, machine: &str) -> Vec<Write> {
        let versions = self.machines.versions(machine);
        let aliases = self.machines.aliases(machine);
        let versions = versions.iter().map(|version| write::no_version(&version.arn));
        versions.chain(aliases.iter().map(|alias| write::no_alias(&alias.arn))).collect()
    }
}
