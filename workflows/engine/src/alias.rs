//! Aliases: names that start executions of one version, or of two by chance.

use std::sync::Arc;

use crate::arn;
use crate::core::Core;
use crate::description::{
    AliasChange, MachineStatus, NewStateMachineAlias, Route, StateMachine, StateMachineAlias, StateMachineVersion,
};
use crate::entropy;
use crate::exception::Error;
use crate::store::write;

/// Aliases that a machine has at most.
const MOST: usize = 100;

/// What a new execution is of.
pub(crate) struct Target {
    /// The machine as it stands, or as it was when the version was published.
    pub(crate) machine: Arc<StateMachine>,
    pub(crate) version_arn: Option<Arc<str>>,
    pub(crate) alias_arn: Option<Arc<str>>,
}

impl StateMachineAlias {
    /// The version that a draw from 0 to 99 falls on.
    fn chosen(&self, draw: u8) -> Option<&Route> {
        let mut below = 0;
        self.routes.iter().find(|route| {
            below += route.weight;
            draw < below
        })
    }
}

/// Whether both lead to the same versions with the same weights.
fn same_routes(some: &[Route], others: &[Route]) -> bool {
    some.len() == others.len() && some.iter().all(|route| others.contains(route))
}

fn missing() -> Error {
    Error::ResourceNotFound("Request references a resource that does not exist.".to_owned())
}

impl Core {
    /// What the ARN of a machine, a version or an alias starts now.
    pub(crate) fn target(&self, arn: &str) -> Result<Target, Error> {
        let named = arn::machine(arn)?;
        let unknown = || Error::StateMachineDoesNotExist(arn.to_owned());
        let machine = self.machines.find(named.machine).ok_or_else(unknown)?;
        if machine.status == MachineStatus::Deleting {
            return Err(Error::StateMachineDeleting(arn.to_owned()));
        }
        let Some(qualifier) = named.qualifier else {
            return Ok(Target { machine, version_arn: None, alias_arn: None });
        };
        let alias = self.machines.alias(named.machine, qualifier);
        let version = match &alias {
            Some(alias) => alias.chosen(entropy::percent()).and_then(|route| self.routed(route)),
            None => named.version().and_then(|number| self.machines.version(named.machine, number)),
        };
        let version = version.ok_or_else(unknown)?;
        Ok(Target {
            machine: Arc::clone(&version.machine),
            version_arn: Some(Arc::clone(&version.arn)),
            alias_arn: alias.map(|alias| Arc::clone(&alias.arn)),
        })
    }

    /// The version that a route leads to.
    fn routed(&self, route: &Route) -> Option<Arc<StateMachineVersion>> {
        let named = arn::machine(&route.version_arn).ok()?;
        self.machines.version(named.machine, named.version()?)
    }

    /// Checks the routes of an alias; answers the machine that all of them belong to.
    fn check_routes(&self, routes: &[Route]) -> Result<Arc<StateMachine>, Error> {
        let arns = || routes.iter().map(|route| &*route.version_arn).collect::<Vec<_>>();
        let refused = |what: &str| {
            Err(Error::Validation(format!(
                "Routing configuration must contain {what}. Received: [{}]",
                arns().join(", ")
            )))
        };
        let named = arns().into_iter().map(arn::machine).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = named.first().filter(|_| named.iter().all(|named| named.version().is_some())) else {
            return refused("state machine version ARNs");
        };
        if named.iter().any(|named| named.machine != first.machine) {
            return refused("versions of the same state machine");
        }
        if routes
            .iter()
            .enumerate()
            .any(|(index, route)| routes[..index].iter().any(|r| r.version_arn == route.version_arn))
        {
            return refused("distinct state machine version ARNs");
        }
        if routes.iter().map(|route| u32::from(route.weight)).sum::<u32>() != 100 {
            let weights: Vec<String> = routes.iter().map(|route| route.weight.to_string()).collect();
            return Err(Error::Validation(format!(
                "Sum of routing configuration weights must equal 100. Received: [{}]",
                weights.join(", ")
            )));
        }
        let machine = self.machines.find(first.machine).ok_or_else(missing)?;
        if machine.status == MachineStatus::Deleting {
            return Err(Error::StateMachineDeleting(machine.arn.to_string()));
        }
        if routes.iter().any(|route| self.routed(route).is_none()) {
            return Err(missing());
        }
        Ok(machine)
    }

    pub(crate) async fn create_alias(&self, new: NewStateMachineAlias) -> Result<Arc<StateMachineAlias>, Error> {
        let _change = self.changes.lock().await;
        let machine = self.check_routes(&new.routes)?;
        if let Some(old) = self.machines.alias(&machine.arn, &new.name) {
            if old.description.as_deref() == new.description.as_deref() && same_routes(&old.routes, &new.routes) {
                return Ok(old);
            }
            let message = "Failed to create alias because an alias with the same name and a different routing \
                           configuration already exists.";
            return Err(Error::Conflict(message.to_owned()));
        }
        if self.machines.aliases(&machine.arn).len() >= MOST {
            let message = format!("A state machine can have at most {MOST} aliases; delete some of {}", machine.arn);
            return Err(Error::ServiceQuotaExceeded(message));
        }
        let now = self.config.clock.now();
        self.put_alias(StateMachineAlias {
            arn: arn::alias(&machine.arn, &new.name).into(),
            name: new.name.into(),
            machine_arn: Arc::clone(&machine.arn),
            description: new.description.map(Into::into),
            routes: new.routes,
            creation_date: now,
            update_date: now,
        })
        .await
    }

    pub(crate) async fn update_alias(&self, arn: &str, change: AliasChange) -> Result<Arc<StateMachineAlias>, Error> {
        arn::machine(arn)?;
        if change.description.is_none() && change.routes.is_none() {
            let message = "Either the description or the routing configuration must be specified";
            return Err(Error::Validation(message.to_owned()));
        }
        let _change = self.changes.lock().await;
        let old = self.alias(arn)?;
        let mut new = (*old).clone();
        if let Some(routes) = change.routes {
            if self.check_routes(&routes)?.arn != old.machine_arn {
                let message = format!("Routing configuration must contain versions of {}", old.machine_arn);
                return Err(Error::Validation(message));
            }
            new.routes = routes;
        }
        new.description = change.description.map(Arc::from).or(new.description);
        if new == *old {
            return Ok(old);
        }
        new.update_date = self.config.clock.now();
        self.put_alias(new).await
    }

    /// The alias of this ARN.
    pub(crate) fn alias(&self, arn: &str) -> Result<Arc<StateMachineAlias>, Error> {
        let named = arn::machine(arn)?;
        named.qualifier.and_then(|name| self.machines.alias(named.machine, name)).ok_or_else(missing)
    }

    /// The aliases of a machine, by name; of a version, those that lead to it.
    pub(crate) fn aliases(&self, arn: &str) -> Result<Vec<Arc<StateMachineAlias>>, Error> {
        let version = self.version(arn)?;
        let machine =
            version.as_ref().map_or_else(|| self.machine(arn), |version| self.machine(&version.machine.arn))?;
        let mut aliases = self.machines.aliases(&machine.arn);
        if version.is_some() {
            aliases.retain(|alias| alias.routes.iter().any(|route| &*route.version_arn == arn));
        }
        Ok(aliases)
    }

    pub(crate) async fn delete_alias(&self, arn: &str) -> Result<(), Error> {
        let _change = self.changes.lock().await;
        let alias = self.alias(arn)?;
        self.records.committer.write(vec![write::no_alias(arn)]).durable().await?;
        self.machines.remove_alias(&alias.machine_arn, &alias.name);
        Ok(())
    }

    async fn put_alias(&self, alias: StateMachineAlias) -> Result<Arc<StateMachineAlias>, Error> {
        self.records.committer.write(vec![write::alias(&alias)]).durable().await?;
        let alias = Arc::new(alias);
        self.machines.put_alias(Arc::clone(&alias));
        Ok(alias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(version: &str, weight: u8) -> Route {
        Route { version_arn: version.into(), weight }
    }

    fn chosen(routes: &[Route], draw: u8) -> Option<Arc<str>> {
        let alias = StateMachineAlias {
            arn: "arn:a".into(),
            name: "a".into(),
            machine_arn: "arn:m".into(),
            description: None,
            routes: routes.to_vec(),
            creation_date: 0,
            update_date: 0,
        };
        alias.chosen(draw).map(|route| Arc::clone(&route.version_arn))
    }

    #[test]
    fn a_draw_falls_on_a_version_by_weight() {
        let routes = [route("1", 30), route("2", 70)];
        let ones = (0..100).filter(|draw| chosen(&routes, *draw).unwrap() == "1".into()).count();
        assert_eq!(ones, 30);
        assert_eq!(chosen(&routes, 29), Some("1".into()));
        assert_eq!(chosen(&routes, 30), Some("2".into()));
    }

    #[test]
    fn a_weight_of_zero_is_never_chosen() {
        let routes = [route("1", 0), route("2", 100)];
        assert!((0..100).all(|draw| chosen(&routes, draw) == Some("2".into())));
    }

    #[test]
    fn routes_have_no_order() {
        assert!(same_routes(&[route("1", 30), route("2", 70)], &[route("2", 70), route("1", 30)]));
        assert!(!same_routes(&[route("1", 30), route("2", 70)], &[route("1", 70), route("2", 30)]));
        assert!(!same_routes(&[route("1", 100)], &[]));
    }
}
