//! Services, tasks and target health.

use crate::failure;
use aws_sdk_ecs::types as ecs;
use operations::Error;
use operations::error::Kind;
use operations::plan::restart::Task;
use operations::snapshot::{Deployment, Service, Targets};
use operations::time::Millis;

/// A service as described.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Its state.
    pub service: Service,
    /// `deploymentConfiguration.minimumHealthyPercent`.
    pub minimum_healthy_percent: Option<u32>,
}

/// Describes one service. A missing one is no exception of the API but an entry of `failures`.
///
/// # Errors
/// `Ops.ConfigInvalid` when the catalogue's service does not exist; else as [`failure::of_sdk`].
pub async fn service(client: &aws_sdk_ecs::Client, cluster: &str, name: &str) -> Result<Described, Error> {
    let call = format!("ecs:DescribeServices of {name}");
    let answer = client.describe_services().cluster(cluster).services(name).send().await;
    let answer = answer.map_err(|error| failure::of_sdk(&call, &error))?;
    let Some(found) = answer.services().first() else {
        let reason = answer.failures().first().and_then(|failure| failure.reason()).unwrap_or("no reason given");
        let message = format!("service {name} is not in cluster {cluster} ({reason}): correct the catalogue entry");
        return Err(Error::new(Kind::ConfigInvalid, message));
    };
    let percent = found.deployment_configuration().and_then(|configuration| configuration.minimum_healthy_percent());
    Ok(Described { service: state(found), minimum_healthy_percent: percent.map(count) })
}

fn state(found: &ecs::Service) -> Service {
    let mut deployments: Vec<_> = found.deployments().iter().map(deployment).collect();
    deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
    Service {
        desired: count(found.desired_count()),
        running: count(found.running_count()),
        pending: count(found.pending_count()),
        status: found.status().unwrap_or_default().to_owned(),
        deployments,
    }
}

fn deployment(found: &ecs::Deployment) -> Deployment {
    Deployment {
        id: found.id().unwrap_or_default().to_owned(),
        status: found.status().unwrap_or_default().to_owned(),
        rollout_state: found.rollout_state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        created_at: millis(found.created_at()),
        task_definition: found.task_definition().unwrap_or_default().to_owned(),
    }
}

/// The running tasks of a service.
///
/// # Errors
/// As [`failure::of_sdk`].
pub async fn tasks(client: &aws_sdk_ecs::Client, cluster: &str, name: &str) -> Result<Vec<Task>, Error> {
    let mut arns = Vec::new();
    let mut next = None;
    let call = format!("ecs:ListTasks of {name}");
    loop {
        let request = client.list_tasks().cluster(cluster).service_name(name).set_next_token(next);
        let page = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
        arns.extend(page.task_arns().iter().cloned());
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    let mut tasks = Vec::with_capacity(arns.len());
    // DescribeTasks takes up to 100.
    for some in arns.chunks(100) {
        let request = client.describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec()));
        let page = request.send().await.map_err(|error| failure::of_sdk("ecs:DescribeTasks", &error))?;
        let living = page.tasks().iter().filter(|task| task.last_status() != Some("STOPPED"));
        tasks.extend(
            living.filter_map(|task| {
                Some(Task { arn: task.task_arn()?.to_owned(), created_at: millis(task.created_at()) })
            }),
        );
    }
    Ok(tasks)
}

/// The health of a target group's targets.
///
/// # Errors
/// As [`failure::of_sdk`].
pub async fn targets(client: &aws_sdk_elasticloadbalancingv2::Client, group: &str) -> Result<Targets, Error> {
    let answer = client.describe_target_health().target_group_arn(group).send().await;
    let answer = answer.map_err(|error| failure::of_sdk("elasticloadbalancing:DescribeTargetHealth", &error))?;
    let mut targets = Targets::default();
    for description in answer.target_health_descriptions() {
        let state = description.target_health().and_then(|health| health.state());
        targets.count(state.map_or("", |state| state.as_str()));
    }
    Ok(targets)
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn millis(time: Option<&aws_smithy_types::DateTime>) -> Millis {
    time.and_then(|time| time.to_millis().ok()).unwrap_or(0)
}
