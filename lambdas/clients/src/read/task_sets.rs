//! Services that are released blue/green, and their task sets.

use crate::failure;
use aws_sdk_ecs::types as ecs;
use operations::Error;
use operations::deployment::TaskSet;
use operations::deployment::command::{Awsvpc, CapacityProvider, LoadBalancer, Network, Template};

/// Describes one service; inside: why there is none, which the API says in `failures`.
///
/// # Errors
/// As [`failure::of_sdk`].
pub async fn service(
    client: &aws_sdk_ecs::Client,
    cluster: &str,
    name: &str,
) -> Result<Result<ecs::Service, String>, Error> {
    let call = format!("ecs:DescribeServices of {name}");
    let answer = client.describe_services().cluster(cluster).services(name).send().await;
    let answer = answer.map_err(|error| failure::of_sdk(&call, &error))?;
    let reason = answer.failures().first().and_then(|failure| failure.reason()).unwrap_or("MISSING").to_owned();
    Ok(answer.services.unwrap_or_default().into_iter().next().ok_or(reason))
}

/// The task sets of a service.
pub fn of_service(service: &ecs::Service) -> Vec<TaskSet> {
    service.task_sets().iter().map(task_set).collect()
}

fn task_set(set: &ecs::TaskSet) -> TaskSet {
    TaskSet {
        id: set.id().unwrap_or_default().to_owned(),
        status: set.status().unwrap_or_default().to_owned(),
        external_id: set.external_id().map(str::to_owned),
        task_definition: set.task_definition().unwrap_or_default().to_owned(),
        desired: count(set.computed_desired_count()),
        running: count(set.running_count()),
        created_at: set.created_at().and_then(|at| at.to_millis().ok()),
        scale: set.scale().map_or(100.0, |scale| scale.value()),
        template: Template {
            launch_type: set.launch_type().map(|kind| kind.as_str().to_owned()),
            capacity_provider_strategy: set.capacity_provider_strategy().iter().map(provider).collect(),
            platform_version: set.platform_version().map(str::to_owned),
            network_configuration: set.network_configuration().and_then(network),
            load_balancers: set.load_balancers().iter().filter_map(balancer).collect(),
        },
    }
}

fn provider(item: &ecs::CapacityProviderStrategyItem) -> CapacityProvider {
    CapacityProvider {
        capacity_provider: item.capacity_provider().to_owned(),
        weight: item.weight(),
        base: item.base(),
    }
}

fn network(network: &ecs::NetworkConfiguration) -> Option<Network> {
    let found = network.awsvpc_configuration()?;
    let public = found.assign_public_ip().unwrap_or(&ecs::AssignPublicIp::Disabled);
    Some(Network {
        awsvpc_configuration: Awsvpc {
            subnets: found.subnets().to_vec(),
            security_groups: found.security_groups().to_vec(),
            assign_public_ip: public.as_str().to_owned(),
        },
    })
}

fn balancer(found: &ecs::LoadBalancer) -> Option<LoadBalancer> {
    Some(LoadBalancer {
        target_group_arn: found.target_group_arn()?.to_owned(),
        container_name: found.container_name()?.to_owned(),
        container_port: found.container_port()?,
    })
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
