//! The tasks of one side, running and recently stopped.

use crate::{DeploymentAssess, Place};
use aws_sdk_ecs::types as ecs;
use clients::failure;
use ecs::DesiredStatus;
use operations::Error;
use operations::gate::Side;
use operations::gate::facts::{Container, Task};

impl DeploymentAssess {
    pub(crate) async fn tasks(&self, place: &Place, side: &Side) -> Result<Vec<Task>, Error> {
        let (mut arns, stopped) =
            tokio::try_join!(self.list(place, DesiredStatus::Running), self.list(place, DesiredStatus::Stopped))?;
        arns.extend(stopped);
        let mut tasks = Vec::new();
        // DescribeTasks takes up to 100.
        for some in arns.chunks(100) {
            let request = self.ecs.describe_tasks().cluster(&place.cluster).set_tasks(Some(some.to_vec()));
            let page = request.send().await.map_err(|error| failure::of_sdk("ecs:DescribeTasks", &error))?;
            // A list filtered by who started its tasks takes no other filter, so that is done here.
            let own = page.tasks().iter().filter(|task| task.started_by() == Some(side.id.as_str()));
            tasks.extend(own.map(task));
        }
        Ok(tasks)
    }

    async fn list(&self, place: &Place, status: DesiredStatus) -> Result<Vec<String>, Error> {
        let mut arns = Vec::new();
        let mut next = None;
        loop {
            let request = self
                .ecs
                .list_tasks()
                .cluster(&place.cluster)
                .service_name(&place.target.service)
                .desired_status(status.clone())
                .set_next_token(next);
            let call = format!("ecs:ListTasks of {}", place.target.service);
            let page = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
            arns.extend(page.task_arns().iter().cloned());
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(arns);
            }
        }
    }
}

fn task(found: &ecs::Task) -> Task {
    Task {
        arn: found.task_arn().unwrap_or_default().to_owned(),
        last_status: found.last_status().unwrap_or_default().to_owned(),
        health: health(found.health_status()),
        stop_code: found.stop_code().map(|code| code.as_str().to_owned()),
        stopped_reason: found.stopped_reason().map(str::to_owned),
        containers: found.containers().iter().map(container).collect(),
    }
}

fn container(found: &ecs::Container) -> Container {
    Container {
        name: found.name().unwrap_or_default().to_owned(),
        image: found.image().unwrap_or_default().to_owned(),
        digest: found.image_digest().map(str::to_owned),
        health: health(found.health_status()),
        exit_code: found.exit_code(),
        reason: found.reason().map(str::to_owned),
    }
}

fn health(status: Option<&ecs::HealthStatus>) -> String {
    status.map_or("UNKNOWN", |status| status.as_str()).to_owned()
}
