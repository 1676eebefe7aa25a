//! State machines, their versions and aliases as they stand.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::description::{MachineStatus, StateMachine, StateMachineAlias, StateMachineVersion};

/// What is known of the state machines.
#[derive(Default)]
pub(crate) struct Machines {
    known: RwLock<Known>,
}

/// Everything by the machine's ARN.
#[derive(Default)]
struct Known {
    machines: BTreeMap<Arc<str>, Arc<StateMachine>>,
    /// By number.
    versions: BTreeMap<Arc<str>, BTreeMap<u64, Arc<StateMachineVersion>>>,
    /// By name.
    aliases: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<StateMachineAlias>>>,
}

impl Machines {
    /// The machine of this ARN.
    pub(crate) fn find(&self, arn: &str) -> Option<Arc<StateMachine>> {
        self.read().machines.get(arn).cloned()
    }

    /// All of them, by ARN, which is by name.
    pub(crate) fn list(&self) -> Vec<Arc<StateMachine>> {
        self.read().machines.values().cloned().collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.read().machines.len()
    }

    /// Whether the machine is there and being deleted.
    pub(crate) fn is_deleting(&self, arn: &str) -> bool {
        self.find(arn).is_some_and(|machine| machine.status == MachineStatus::Deleting)
    }

    pub(crate) fn put(&self, machine: Arc<StateMachine>) {
        self.write().machines.insert(Arc::clone(&machine.arn), machine);
    }

    pub(crate) fn remove(&self, arn: &str) {
        self.write().machines.remove(arn);
    }

    /// A version of a machine.
    pub(crate) fn version(&self, machine: &str, number: u64) -> Option<Arc<StateMachineVersion>> {
        self.read().versions.get(machine)?.get(&number).cloned()
    }

    /// The versions of a machine, newest first.
    pub(crate) fn versions(&self, machine: &str) -> Vec<Arc<StateMachineVersion>> {
        let known = self.read();
        known.versions.get(machine).into_iter().flat_map(|versions| versions.values().rev().cloned()).collect()
    }

    pub(crate) fn put_version(&self, version: Arc<StateMachineVersion>) {
        let machine = Arc::clone(&version.machine.arn);
        self.write().versions.entry(machine).or_default().insert(version.number, version);
    }

    pub(crate) fn remove_version(&self, machine: &str, number: u64) {
        if let Some(versions) = self.write().versions.get_mut(machine) {
            versions.remove(&number);
        }
    }

    /// An alias of a machine.
    pub(crate) fn alias(&self, machine: &str, name: &str) -> Option<Arc<StateMachineAlias>> {
        self.read().aliases.get(machine)?.get(name).cloned()
    }

    /// The aliases of a machine, by name.
    pub(crate) fn aliases(&self, machine: &str) -> Vec<Arc<StateMachineAlias>> {
        let known = self.read();
        known.aliases.get(machine).into_iter().flat_map(|aliases| aliases.values().cloned()).collect()
    }

    pub(crate) fn put_alias(&self, alias: Arc<StateMachineAlias>) {
        let machine = Arc::clone(&alias.machine_arn);
        self.write().aliases.entry(machine).or_default().insert(Arc::clone(&alias.name), alias);
    }

    pub(crate) fn remove_alias(&self, machine: &str, name: &str) {
        if let Some(aliases) = self.write().aliases.get_mut(machine) {
            aliases.remove(name);
        }
    }

    /// Forgets the versions and aliases of a machine.
    pub(crate) fn clear(&self, machine: &str) {
        let mut known = self.write();
        known.versions.remove(machine);
        known.aliases.remove(machine);
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}
