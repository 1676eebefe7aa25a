//! How many vCPUs of Fargate the account uses, as its tasks say: asked where CloudWatch has no figure.

use crate::DeploymentAssess;
use aws_sdk_ecs::types as ecs;
use clients::failure;
use operations::Error;
use operations::error::Kind;
use operations::gate::quota::{Counted, SPOT};

/// The capacity provider of tasks on Spot.
const SPOT_PROVIDER: &str = "FARGATE_SPOT";
/// CPU units of one vCPU.
const UNITS: f64 = 1_024.0;

impl DeploymentAssess {
    /// Counts the vCPUs of the tasks that count against a quota, in all clusters of the region. Pods of EKS are not seen.
    ///
    /// # Errors
    /// A call that another attempt may help; one that is not allowed is a count that is not known.
    pub(crate) async fn counted(&self, code: &str) -> Result<Counted, Error> {
        match self.fargate_vcpus(code == SPOT).await {
            Ok(vcpus) => Ok(Counted::Tasks(vcpus)),
            Err(error) if error.kind() == Kind::AccessDenied => Ok(Counted::Unknown(error.message().to_owned())),
            Err(error) => Err(error),
        }
    }

    async fn fargate_vcpus(&self, spot: bool) -> Result<f64, Error> {
        let mut units = 0.0;
        for cluster in self.clusters().await? {
            let tasks = self.fargate_tasks(&cluster).await?;
            // DescribeTasks takes up to 100.
            for some in tasks.chunks(100) {
                let request = self.ecs.describe_tasks().cluster(&cluster).set_tasks(Some(some.to_vec()));
                let page = request.send().await.map_err(|error| failure::of_sdk("ecs:DescribeTasks", &error))?;
                let counts = |task: &&ecs::Task| (task.capacity_provider_name() == Some(SPOT_PROVIDER)) == spot;
                let sizes = page.tasks().iter().filter(counts).filter_map(|task| task.cpu()?.parse::<f64>().ok());
                units += sizes.sum::<f64>();
            }
        }
        Ok(units / UNITS)
    }

    async fn clusters(&self) -> Result<Vec<String>, Error> {
        let mut arns = Vec::new();
        let mut next = None;
        loop {
            let page = self.ecs.list_clusters().set_next_token(next).send().await;
            let page = page.map_err(|error| failure::of_sdk("ecs:ListClusters", &error))?;
            arns.extend(page.cluster_arns().iter().cloned());
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(arns);
            }
        }
    }

    async fn fargate_tasks(&self, cluster: &str) -> Result<Vec<String>, Error> {
        let mut arns = Vec::new();
        let mut next = None;
        loop {
            let request = self.ecs.list_tasks().cluster(cluster).launch_type(ecs::LaunchType::Fargate);
            let page = request.set_next_token(next).send().await;
            let page = page.map_err(|error| failure::of_sdk("ecs:ListTasks", &error))?;
            arns.extend(page.task_arns().iter().cloned());
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(arns);
            }
        }
    }
}
