//! The two sides of a deployment, whoever carries it out.

use crate::reference::Reference;
use crate::{DeploymentAssess, Place};
use aws_sdk_ecs::types as ecs;
use clients::read::{balancer, task_sets};
use operations::Error;
use operations::deployment::{Route, TaskSet};
use operations::gate::Side;
use operations::gate::facts::{Found, Kept};

/// What is known of a deployment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sides {
    pub(crate) current: bool,
    pub(crate) state: String,
    pub(crate) lifecycle_event: Option<String>,
    pub(crate) hook_id: Option<String>,
    pub(crate) blue: Option<Side>,
    pub(crate) green: Option<Side>,
    /// Whether the controller has given green up.
    pub(crate) failed: bool,
    pub(crate) task_definition: Option<String>,
    /// Other deployments in progress.
    pub(crate) others: Vec<String>,
    /// The subnets of tasks with an address of their own.
    pub(crate) subnets: Vec<String>,
    /// Whether all capacity comes from Fargate Spot.
    pub(crate) spot: bool,
    pub(crate) service: Option<Found>,
    /// For how long CodeDeploy keeps blue.
    pub(crate) blue_kept: Option<Kept>,
    pub(crate) production: Option<Route>,
    pub(crate) test: Option<Route>,
}

impl DeploymentAssess {
    /// Reads the service, its listeners and the deployment.
    pub(crate) async fn sides(&self, place: &Place, reference: &Reference) -> Result<Sides, Error> {
        let service = match task_sets::service(&self.ecs, &place.cluster, &place.target.service).await? {
            Ok(service) => service,
            Err(reason) => {
                let found = Some(Found::Missing(reason));
                return Ok(Sides { state: "UNKNOWN".to_owned(), service: found, ..Sides::default() });
            }
        };
        let (production, test) = self.routes(place, &service).await?;
        let mut sides = match reference {
            Reference::CodeDeploy { id } => self.of_code_deploy(place, &service, id).await?,
            Reference::Ecs { arn, revision } => self.of_ecs(place, &service, arn, revision.as_deref()).await?,
            Reference::TaskSet { task_definition, green, blue } => {
                crate::task_set::sides(&service, task_definition, green.as_deref(), blue.as_deref())
            }
        };
        for side in [&mut sides.blue, &mut sides.green].into_iter().flatten() {
            let group = side.target_group_arn.as_deref();
            side.weight = group.zip(production.as_ref()).and_then(|(group, route)| route.percent(group));
        }
        let status = service.status().unwrap_or_default().to_owned();
        sides.service = Some(Found::Service { status });
        sides.subnets = subnets(&service);
        sides.spot = spot(&service);
        (sides.production, sides.test) = (production, test);
        Ok(sides)
    }

    /// Where requests go. ECS's own controller shifts the rules that the service names; the others those of the entry.
    async fn routes(&self, place: &Place, service: &ecs::Service) -> Result<(Option<Route>, Option<Route>), Error> {
        let own = place.target.entry.deployment()?;
        let advanced = service.load_balancers().iter().find_map(|balancer| balancer.advanced_configuration());
        let production = advanced
            .and_then(|it| it.production_listener_rule())
            .or(own.production_rule_arn.as_deref())
            .unwrap_or(&own.production_listener_arn);
        let test = advanced.and_then(|it| it.test_listener_rule()).unwrap_or(&own.test_listener_arn);
        tokio::try_join!(balancer::route(&self.balancer, production), balancer::route(&self.balancer, test))
    }
}

/// A side that is a task set.
pub(crate) fn side(set: &TaskSet) -> Side {
    Side {
        id: set.id.clone(),
        task_definition: set.task_definition.clone(),
        target_group_arn: set.target_group().map(str::to_owned),
        image: None,
        desired: set.desired,
        running: set.running,
        created_at: set.created_at,
        weight: None,
    }
}

/// Whether the service, or its primary task set, names Fargate Spot as its capacity and nothing else.
fn spot(service: &ecs::Service) -> bool {
    let primary = service.task_sets().iter().find(|set| set.status() == Some("PRIMARY"));
    let strategy = primary.map_or(service.capacity_provider_strategy(), |set| set.capacity_provider_strategy());
    !strategy.is_empty() && strategy.iter().all(|item| item.capacity_provider() == "FARGATE_SPOT")
}

fn subnets(service: &ecs::Service) -> Vec<String> {
    let network = service.network_configuration().or_else(|| {
        let primary = service.task_sets().iter().find(|set| set.status() == Some("PRIMARY"));
        primary.and_then(|set| set.network_configuration())
    });
    // With ECS's own controller the deployments know it too.
    let network = network.or_else(|| service.deployments().iter().find_map(|it| it.network_configuration()));
    let awsvpc = network.and_then(|network| network.awsvpc_configuration());
    awsvpc.map(|awsvpc| awsvpc.subnets().to_vec()).unwrap_or_default()
}
