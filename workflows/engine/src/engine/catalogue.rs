//! The facade's part for what belongs to a state machine beside its executions: versions, aliases, tags.

use std::sync::Arc;

use super::{Core, Engine, Error, Tag};
use crate::description::{
    AliasChange, ExecutionStateMachine, NewStateMachineAlias, Publish, StateMachineAlias, StateMachineVersion,
};

impl Engine {
    /// Makes a change to its end, even where the caller goes away meanwhile: what is durable must show.
    pub(super) async fn whole<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        match self.core.runtime.spawn(change).await {
            Ok(outcome) => outcome,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => Err(Error::ShuttingDown),
        }
    }

    /// What a change takes with it.
    pub(super) fn owned(&self, text: &str) -> (Arc<Core>, String) {
        (Arc::clone(&self.core), text.to_owned())
    }

    /// Publishes a state machine as it stands; where its present revision has a version, answers that one. With
    /// `revision` only where the machine is at it: `INITIAL` names a machine that was never updated.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`, `StateMachineDeleting`, `ConflictException`, `ServiceQuotaExceeded`.
    pub async fn publish_state_machine_version(
        &self,
        arn: &str,
        publish: Publish,
        revision: Option<&str>,
    ) -> Result<Arc<StateMachineVersion>, Error> {
        let (core, arn) = self.owned(arn);
        let revision = revision.map(ToOwned::to_owned);
        self.whole(async move { core.publish_version(&arn, publish, revision.as_deref()).await }).await
    }

    /// A version by its ARN; `None` where the ARN is a machine's or an alias's.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`.
    pub fn describe_state_machine_version(&self, arn: &str) -> Result<Option<Arc<StateMachineVersion>>, Error> {
        self.core.version(arn)
    }

    /// The versions of a state machine, newest first.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`.
    pub fn list_state_machine_versions(&self, arn: &str) -> Result<Vec<Arc<StateMachineVersion>>, Error> {
        self.core.versions(arn)
    }

    /// Deletes a version; its executions go on. No version of this ARN is no error.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`, `ConflictException` where an alias leads to it.
    pub async fn delete_state_machine_version(&self, arn: &str) -> Result<(), Error> {
        let (core, arn) = self.owned(arn);
        self.whole(async move { core.delete_version(&arn).await }).await
    }

    /// The state machine of an execution, as it was when the execution was started.
    ///
    /// # Errors
    /// `InvalidArn`, `ExecutionDoesNotExist`.
    pub fn describe_state_machine_for_execution(&self, arn: &str) -> Result<ExecutionStateMachine, Error> {
        self.core.machine_of(arn)
    }

    /// Creates an alias; the same request again answers the same alias.
    ///
    /// # Errors
    /// `InvalidArn`, `ValidationException`, `ResourceNotFound`, `ConflictException`, `StateMachineDeleting`,
    /// `ServiceQuotaExceeded`.
    pub async fn create_state_machine_alias(&self, new: NewStateMachineAlias) -> Result<Arc<StateMachineAlias>, Error> {
        let core = Arc::clone(&self.core);
        self.whole(async move { core.create_alias(new).await }).await
    }

    /// Changes where an alias leads, or its description. Executions that run keep their version.
    ///
    /// # Errors
    /// `InvalidArn`, `ValidationException`, `ResourceNotFound`, `StateMachineDeleting`.
    pub async fn update_state_machine_alias(
        &self,
        arn: &str,
        change: AliasChange,
    ) -> Result<Arc<StateMachineAlias>, Error> {
        let (core, arn) = self.owned(arn);
        self.whole(async move { core.update_alias(&arn, change).await }).await
    }

    /// An alias by its ARN.
    ///
    /// # Errors
    /// `InvalidArn`, `ResourceNotFound`.
    pub fn describe_state_machine_alias(&self, arn: &str) -> Result<Arc<StateMachineAlias>, Error> {
        self.core.alias(arn)
    }

    /// The aliases of a state machine, by name; of a version, those that lead to it.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`.
    pub fn list_state_machine_aliases(&self, arn: &str) -> Result<Vec<Arc<StateMachineAlias>>, Error> {
        self.core.aliases(arn)
    }

    /// Deletes an alias; the versions that it leads to stay.
    ///
    /// # Errors
    /// `InvalidArn`, `ResourceNotFound`.
    pub async fn delete_state_machine_alias(&self, arn: &str) -> Result<(), Error> {
        let (core, arn) = self.owned(arn);
        self.whole(async move { core.delete_alias(&arn).await }).await
    }

    /// Adds tags to a state machine or an activity, or changes their values.
    ///
    /// # Errors
    /// `InvalidArn`, `ResourceNotFound`, `TooManyTags`.
    pub async fn tag_resource(&self, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        let (core, arn) = self.owned(arn);
        self.whole(async move { core.tag(&arn, tags).await }).await
    }

    /// Takes the tags with these keys away from a state machine or an activity; those it has not are no error.
    ///
    /// # Errors
    /// `InvalidArn`, `ResourceNotFound`.
    pub async fn untag_resource(&self, arn: &str, keys: &[&str]) -> Result<(), Error> {
        let (core, arn) = self.owned(arn);
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        self.whole(async move { core.untag(&arn, &keys).await }).await
    }

    /// The tags of a state machine or an activity.
    ///
    /// # Errors
    /// `InvalidArn`, `ResourceNotFound`.
    pub fn list_tags_for_resource(&self, arn: &str) -> Result<Vec<Tag>, Error> {
        self.core.tags(arn)
    }
}
