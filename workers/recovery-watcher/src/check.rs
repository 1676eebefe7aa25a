//! One check: what is read, and how it is judged.

use crate::RecoveryWatcher;
use clients::read::{ecs, metrics, stores};
use clients::redis as connection;
use operations::Error;
use operations::catalogue::{Cache, EcsService, Entry, Resource};
use operations::metrics::{self as queries, Query, Readings};
use operations::plan::restart::task_id;
use operations::snapshot::{Evidence, Service, Store};
use operations::time::Millis;
use operations::verify::{self, Finding, Horizon, Request, Watch};
use serde_json::json;

/// How far back metrics are read, in milliseconds.
const HISTORY_MS: Millis = 10 * 60_000;

impl RecoveryWatcher {
    /// Makes one check of a watch; `horizon` is kept from check to check.
    pub(crate) async fn check(
        &self,
        request: &Request,
        entry: &Entry,
        horizon: &mut Horizon,
    ) -> Result<Finding, Error> {
        let (state, readings) = tokio::try_join!(self.state(&request.watch, entry), self.readings(request, entry))?;
        let now = self.clock.now();
        let since = horizon.since(&request.watch, &state, now);
        Ok(state.and(verify::metrics(entry, &request.metrics, &readings, since, now)))
    }

    async fn state(&self, watch: &Watch, entry: &Entry) -> Result<Finding, Error> {
        match watch {
            Watch::EcsRollout { previous_deployment, previous_tasks } => {
                let service = entry.service()?;
                let cluster = self.environment.cluster(service)?;
                let (found, tasks) = tokio::try_join!(
                    ecs::service(&self.ecs, &cluster, &service.service),
                    ecs::tasks(&self.ecs, &cluster, &service.service),
                )?;
                let ids: Vec<_> = tasks.iter().map(|task| task_id(&task.arn).to_owned()).collect();
                let rollout = verify::rollout(previous_deployment.as_deref(), previous_tasks, &found.service, &ids);
                let targets = self.targets(service, found.service.desired).await?;
                Ok(rollout.and(targets).and(self.service_evidence(&found.service)))
            }
            Watch::EcsCapacity { desired_count } => {
                let service = entry.service()?;
                let cluster = self.environment.cluster(service)?;
                let found = ecs::service(&self.ecs, &cluster, &service.service).await?.service;
                let targets = self.targets(service, *desired_count).await?;
                Ok(verify::running(&found, *desired_count).and(targets).and(self.service_evidence(&found)))
            }
            Watch::RdsInstance { instance_class } => {
                let Resource::Database(database) = &entry.resource else { return Err(entry.not_applicable("an rds")) };
                let id = self.environment.database(database)?;
                let found = stores::database(&self.rds, &id).await?.store;
                Ok(verify::store(&found, instance_class).and(self.store_evidence("rds:DescribeDBInstances", &found)))
            }
            Watch::Elasticache { node_type } => {
                let id = self.environment.replication_group(entry.cache()?)?;
                let found = stores::replication_group(&self.cache, &id).await?.store;
                let evidence = self.store_evidence("elasticache:DescribeReplicationGroups", &found);
                Ok(verify::store(&found, node_type).and(evidence))
            }
            Watch::CacheNamespace { key, version } => self.namespace(entry, key.as_deref(), *version).await,
        }
    }

    async fn targets(&self, service: &EcsService, wanted: u32) -> Result<Finding, Error> {
        let Some(group) = &service.target_group_arn else { return Ok(Finding::default()) };
        let targets = ecs::targets(&self.balancer, group).await?;
        let mut finding = verify::targets(&targets, wanted);
        let counts = json!({"healthy": targets.healthy, "unhealthy": targets.unhealthy});
        finding.evidence.push(Evidence::api("elasticloadbalancing:DescribeTargetHealth", counts, self.clock.now()));
        Ok(finding)
    }

    async fn namespace(&self, entry: &Entry, key: Option<&str>, wanted: i64) -> Result<Finding, Error> {
        let mut redis = self.redis.connect(entry.cache()?).await?;
        // Without a key, connecting shows that the cache answers.
        let Some(key) = key else { return Ok(Finding::default()) };
        let version = connection::version(&mut redis, key).await?;
        let mut finding = verify::namespace(version, wanted);
        finding.evidence.push(Evidence::probe(&format!("redis GET {key}"), json!(version), self.clock.now()));
        Ok(finding)
    }

    /// The metrics of the request.
    async fn readings(&self, request: &Request, entry: &Entry) -> Result<Readings, Error> {
        if request.metrics.is_empty() {
            return Ok(Readings::default());
        }
        let mut wanted = match &entry.resource {
            Resource::EcsService(service) => queries::of_service(service, &self.environment.cluster(service)?),
            Resource::Database(database) => queries::of_database(&self.environment.database(database)?),
            Resource::Cache(cache) => self.queries_of_cache(request, cache).await?,
            Resource::Other(_) => Vec::new(),
        };
        wanted.extend(request.database_id.as_deref().map(queries::of_dependency));
        let now = self.clock.now();
        metrics::read(&self.metrics, &wanted, now - HISTORY_MS, now).await
    }

    /// The metrics of a cache's own nodes, where they are asked for. The first member speaks for the group.
    async fn queries_of_cache(&self, request: &Request, cache: &Cache) -> Result<Vec<Query<'static>>, Error> {
        if !request.metrics.iter().any(|name| name == "cpu" || name == "memory") {
            return Ok(Vec::new());
        }
        let id = self.environment.replication_group(cache)?;
        let members = stores::replication_group(&self.cache, &id).await?.members;
        Ok(members.first().map(|node| queries::of_cache(node)).unwrap_or_default())
    }

    fn service_evidence(&self, service: &Service) -> Finding {
        let counts = json!({"desired": service.desired, "running": service.running, "pending": service.pending,
            "deployment": service.primary().map(|primary| primary.id.clone())});
        of_fact(Evidence::api("ecs:DescribeServices", counts, self.clock.now()))
    }

    fn store_evidence(&self, call: &str, store: &Store) -> Finding {
        let state = json!({"status": store.status, "class": store.class});
        of_fact(Evidence::api(call, state, self.clock.now()))
    }
}

fn of_fact(fact: Evidence) -> Finding {
    Finding { evidence: vec![fact], ..Finding::default() }
}
