//! The service and its tasks: deployments, stops, and how long tasks took to start.

use aws_sdk_ecs::types::{self as ecs, DesiredStatus};
use aws_smithy_types::DateTime;
use clients::failure;
use operations::Error;
use operations::error::Kind;
use operations::performance::{Release, Stop};
use operations::time::Millis;
use std::collections::BTreeMap;

/// What ECS says of a service.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Known {
    /// Deployments that are described or that events speak of, oldest first.
    pub(crate) releases: Vec<Release>,
    /// Tasks that stopped of late: ECS forgets them after an hour or so.
    pub(crate) stops: Vec<Stop>,
    /// The ids of the tasks that run.
    pub(crate) tasks: Vec<String>,
    /// How long these took from their creation until they ran, in seconds.
    pub(crate) starts: Vec<f64>,
}

/// Reads a service and its tasks.
///
/// # Errors
/// `Ops.ConfigInvalid` when the service does not exist; else as [`failure::of_sdk`].
pub(crate) async fn read(client: &aws_sdk_ecs::Client, cluster: &str, service: &str) -> Result<Known, Error> {
    let (releases, running, stopped) = tokio::try_join!(
        releases(client, cluster, service),
        list(client, cluster, service, DesiredStatus::Running),
        list(client, cluster, service, DesiredStatus::Stopped),
    )?;
    let mut known = Known { releases, ..Known::default() };
    for some in [running, stopped].concat().chunks(100) {
        let request = client.describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec()));
        let page = request.send().await.map_err(|error| failure::of_sdk("ecs:DescribeTasks", &error))?;
        page.tasks().iter().for_each(|task| known.add(task));
    }
    Ok(known)
}

impl Known {
    fn add(&mut self, task: &ecs::Task) {
        if let Some(at) = millis(task.stopped_at()) {
            self.stops.push(Stop { at, out_of_memory: out_of_memory(task) });
            return;
        }
        let id = task.task_arn().and_then(|arn| arn.rsplit('/').next());
        self.tasks.extend(id.map(str::to_owned));
        let started = millis(task.created_at()).zip(millis(task.started_at()));
        self.starts.extend(started.map(|(created, started)| (started - created).max(0) as f64 / 1_000.0));
    }
}

/// Whether a task was killed for want of memory, as ECS writes it: `OutOfMemoryError: Container killed due to memory
/// usage`.
fn out_of_memory(task: &ecs::Task) -> bool {
    let of_containers = task.containers().iter().filter_map(|container| container.reason());
    of_containers.chain(task.stopped_reason()).any(|reason| reason.contains("OutOfMemory"))
}

async fn releases(client: &aws_sdk_ecs::Client, cluster: &str, name: &str) -> Result<Vec<Release>, Error> {
    let call = format!("ecs:DescribeServices of {name}");
    let answer = client.describe_services().cluster(cluster).services(name).send().await;
    let answer = answer.map_err(|error| failure::of_sdk(&call, &error))?;
    match answer.services().first() {
        Some(service) => Ok(of_service(service)),
        None => {
            let message = format!("service {name} is not in cluster {cluster}: correct the catalogue entry");
            Err(Error::new(Kind::ConfigInvalid, message))
        }
    }
}

/// The deployments of a service. Those that ended are not described any more, but events name them, as `(deployment
/// ecs-svc/1234)`; the first event of one is about when it began.
fn of_service(service: &ecs::Service) -> Vec<Release> {
    let mut found: BTreeMap<String, Release> = BTreeMap::new();
    for deployment in service.deployments() {
        let (Some(id), Some(at)) = (deployment.id(), millis(deployment.created_at())) else { continue };
        let revision = deployment.task_definition().and_then(|arn| arn.rsplit('/').next());
        found.insert(id.to_owned(), Release { at, name: revision.unwrap_or(id).to_owned() });
    }
    let described: Vec<String> = found.keys().cloned().collect();
    for event in service.events() {
        let id = event.message().and_then(|message| message.split_once("(deployment ")?.1.split_once(')'));
        let (Some((id, _)), Some(at)) = (id, millis(event.created_at())) else { continue };
        if described.iter().any(|known| known == id) {
            continue;
        }
        let release = found.entry(id.to_owned()).or_insert_with(|| Release { at, name: id.to_owned() });
        release.at = release.at.min(at);
    }
    let mut releases: Vec<Release> = found.into_values().collect();
    releases.sort_by_key(|release| release.at);
    releases
}

async fn list(
    client: &aws_sdk_ecs::Client,
    cluster: &str,
    service: &str,
    status: DesiredStatus,
) -> Result<Vec<String>, Error> {
    let call = format!("ecs:ListTasks of {service}");
    let mut arns = Vec::new();
    let mut next = None;
    loop {
        let request = client.list_tasks().cluster(cluster).service_name(service).desired_status(status.clone());
        let page = request.set_next_token(next).send().await.map_err(|error| failure::of_sdk(&call, &error))?;
        arns.extend(page.task_arns().iter().cloned());
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            return Ok(arns);
        }
    }
}

fn millis(time: Option<&DateTime>) -> Option<Millis> {
    time?.to_millis().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime {
        DateTime::from_secs(seconds)
    }

    #[test]
    fn deployments_are_described_or_remembered_by_events() {
        let event =
            |seconds, message: &str| ecs::ServiceEvent::builder().created_at(at(seconds)).message(message).build();
        let service = ecs::Service::builder()
            .deployments(
                ecs::Deployment::builder()
                    .id("ecs-svc/2")
                    .created_at(at(500))
                    .task_definition("arn:aws:ecs:us-east-1:123456789012:task-definition/api:142")
                    .build(),
            )
            .events(event(520, "(service api) (deployment ecs-svc/2) deployment completed."))
            .events(event(300, "(service api) (deployment ecs-svc/1) deployment completed."))
            .events(event(200, "(service api) (deployment ecs-svc/1) has started 2 tasks: (task abc)."))
            .events(event(100, "(service api) has reached a steady state."))
            .build();
        let release = |at: i64, name: &str| Release { at, name: name.to_owned() };
        assert_eq!(of_service(&service), [release(200_000, "ecs-svc/1"), release(500_000, "api:142")]);
    }

    #[test]
    fn tasks_run_or_have_stopped_for_a_reason() {
        let killed = ecs::Container::builder().reason("OutOfMemoryError: Container killed due to memory usage").build();
        let stopped = ecs::Task::builder().stopped_at(at(90)).containers(killed).build();
        let scaled_in =
            ecs::Task::builder().stopped_at(at(95)).stopped_reason("Scaling activity initiated by …").build();
        let arn = "arn:aws:ecs:us-east-1:123456789012:task/production/abc";
        let runs = ecs::Task::builder().task_arn(arn).created_at(at(10)).started_at(at(52)).build();
        let mut known = Known::default();
        [stopped, scaled_in, runs].iter().for_each(|task| known.add(task));
        assert_eq!(known.stops, [Stop { at: 90_000, out_of_memory: true }, Stop { at: 95_000, out_of_memory: false }]);
        assert_eq!((known.tasks, known.starts), (vec!["abc".to_owned()], vec![42.0]));
    }
}
