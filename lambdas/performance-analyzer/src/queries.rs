//! Which metrics tell how a service performs.

use crate::request::Request;
use operations::metrics::Query;

/// The names and values of dimensions.
type Dimensions = Vec<(&'static str, String)>;

/// The queries of an analysis.
#[derive(Debug, Clone)]
pub(crate) struct Queries {
    own: Dimensions,
    /// Of the target group behind its load balancer; absent where the catalogue does not name both.
    edge: Option<Dimensions>,
    database: Option<Dimensions>,
}

impl Queries {
    /// Those of a service.
    pub(crate) fn of(request: &Request) -> Self {
        let service = request.entry.service().ok();
        let group = service.and_then(|service| service.target_group_arn.as_deref()?.rsplit_once(':'));
        let balancer = service.and_then(|service| service.load_balancer.clone());
        let edge = group
            .zip(balancer)
            .map(|((_, group), balancer)| vec![("LoadBalancer", balancer), ("TargetGroup", group.to_owned())]);
        Self {
            own: vec![("ClusterName", request.cluster.clone()), ("ServiceName", request.service.clone())],
            edge,
            database: request.database.clone().map(|id| vec![("DBInstanceIdentifier", id)]),
        }
    }

    /// Whether the service is behind a load balancer.
    pub(crate) fn behind_balancer(&self) -> bool {
        self.edge.is_some()
    }

    /// Two weeks of five minutes.
    pub(crate) fn periods(&self) -> Vec<Query<'static>> {
        let mut queries = self.resources();
        queries.extend(self.edge());
        if let Some(database) = &self.database {
            queries.extend([
                query("databaseCpu", "AWS/RDS", "CPUUtilization", database, "Average"),
                query("databaseRead", "AWS/RDS", "ReadLatency", database, "Average"),
                query("databaseWrite", "AWS/RDS", "WriteLatency", database, "Average"),
                query("databaseConnections", "AWS/RDS", "DatabaseConnections", database, "Average"),
            ]);
        }
        queries
    }

    /// What a judgement of a change compares.
    pub(crate) fn judged(&self) -> Vec<Query<'static>> {
        let mut queries = self.resources();
        queries.extend(self.edge());
        queries
    }

    fn resources(&self) -> Vec<Query<'static>> {
        vec![
            query("cpu", "AWS/ECS", "CPUUtilization", &self.own, "Average"),
            query("memory", "AWS/ECS", "MemoryUtilization", &self.own, "Maximum"),
            query("running", "ECS/ContainerInsights", "RunningTaskCount", &self.own, "Average"),
            query("desired", "ECS/ContainerInsights", "DesiredTaskCount", &self.own, "Average"),
        ]
    }

    fn edge(&self) -> Vec<Query<'static>> {
        const ELB: &str = "AWS/ApplicationELB";
        let Some(edge) = &self.edge else { return Vec::new() };
        let balancer = &edge[..1];
        vec![
            query("latencyP50", ELB, "TargetResponseTime", edge, "p50"),
            query("latencyP95", ELB, "TargetResponseTime", edge, "p95"),
            query("latencyP99", ELB, "TargetResponseTime", edge, "p99"),
            query("requests", ELB, "RequestCount", edge, "Sum"),
            query("targetErrors", ELB, "HTTPCode_Target_5XX_Count", edge, "Sum"),
            query("balancerErrors", ELB, "HTTPCode_ELB_5XX_Count", edge, "Sum"),
            query("healthy", ELB, "HealthyHostCount", edge, "Average"),
            query("rejected", ELB, "RejectedConnectionCount", edge, "Sum"),
            // CloudWatch documents rejections by load balancer only.
            query("balancerRejected", ELB, "RejectedConnectionCount", balancer, "Sum"),
        ]
    }

    /// A week of minutes, in which starts are seen.
    pub(crate) fn starts(&self) -> Vec<Query<'static>> {
        let mut queries = vec![
            query("desired", "ECS/ContainerInsights", "DesiredTaskCount", &self.own, "Maximum"),
            query("running", "ECS/ContainerInsights", "RunningTaskCount", &self.own, "Minimum"),
        ];
        let healthy = |edge: &Dimensions| query("healthy", "AWS/ApplicationELB", "HealthyHostCount", edge, "Minimum");
        queries.extend(self.edge.as_ref().map(healthy));
        queries
    }

    /// Four weeks of hours.
    pub(crate) fn weeks(&self) -> Vec<Query<'static>> {
        let mut queries = vec![
            query("cpu", "AWS/ECS", "CPUUtilization", &self.own, "Average"),
            query("memory", "AWS/ECS", "MemoryUtilization", &self.own, "Maximum"),
            query("received", "ECS/ContainerInsights", "NetworkRxBytes", &self.own, "Average"),
            query("sent", "ECS/ContainerInsights", "NetworkTxBytes", &self.own, "Average"),
        ];
        if let Some(edge) = &self.edge {
            queries.push(query("latencyP95", "AWS/ApplicationELB", "TargetResponseTime", edge, "p95"));
            queries.push(query("requests", "AWS/ApplicationELB", "RequestCount", edge, "Sum"));
        }
        queries
    }

    /// The processor of tasks, by the ids `task0` and so on of `names`.
    pub(crate) fn tasks<'a>(&self, names: &'a [String], tasks: &[String]) -> Vec<Query<'a>> {
        let of_task = |(name, task): (&'a String, &String)| {
            let mut dimensions = self.own.clone();
            dimensions.push(("TaskId", task.clone()));
            Query {
                id: name,
                namespace: "ECS/ContainerInsights",
                name: "TaskCpuUtilization",
                dimensions,
                statistic: "Average",
            }
        };
        names.iter().zip(tasks).map(of_task).collect()
    }
}

fn query(
    id: &'static str,
    namespace: &'static str,
    name: &'static str,
    dimensions: &[(&'static str, String)],
    statistic: &'static str,
) -> Query<'static> {
    Query { id, namespace, name, dimensions: dimensions.to_vec(), statistic }
}
