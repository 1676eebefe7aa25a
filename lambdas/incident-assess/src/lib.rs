//! `incident-assess`: is the problem still there, what causes it, and may the action be taken? It reads, and
//! changes nothing.

use clients::read::{ecs, metrics, stores};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::catalogue::{Cache, Database, EcsService, Entry, Resource};
use operations::diagnosis::{self, Diagnosis};
use operations::error::Kind;
use operations::incident::Request;
use operations::metrics::{Query, Readings};
use operations::snapshot::{Snapshot, Targets};
use operations::time::Millis;
use operations::{metrics as queries, policy, symptom};
use serde_json::Value;

/// How far back metrics are read, in milliseconds: long enough to see the time before a recent deployment.
const HISTORY_MS: Millis = 75 * 60_000;

/// The function.
#[derive(Debug, Clone)]
pub struct Assess {
    services: Services,
    ecs: aws_sdk_ecs::Client,
    balancer: aws_sdk_elasticloadbalancingv2::Client,
    metrics: aws_sdk_cloudwatch::Client,
    rds: aws_sdk_rds::Client,
    cache: aws_sdk_elasticache::Client,
}

impl Assess {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(&services.aws),
            balancer: aws_sdk_elasticloadbalancingv2::Client::new(&services.aws),
            metrics: aws_sdk_cloudwatch::Client::new(&services.aws),
            rds: aws_sdk_rds::Client::new(&services.aws),
            cache: aws_sdk_elasticache::Client::new(&services.aws),
            services,
        }
    }

    async fn snapshot(&self, entry: &Entry) -> Result<Snapshot, Error> {
        match &entry.resource {
            Resource::EcsService(service) => self.of_service(service, entry).await,
            Resource::Database(database) => self.of_database(database).await,
            Resource::Cache(cache) => self.of_cache(cache).await,
            Resource::Other(_) => Err(entry.not_applicable("an ecs-service, an rds or an elasticache")),
        }
    }

    async fn of_service(&self, service: &EcsService, entry: &Entry) -> Result<Snapshot, Error> {
        let cluster = self.services.environment.cluster(service)?;
        let mut queries = queries::of_service(service, &cluster);
        let database = self.dependency().filter(|_| !entry.depends_on.is_empty());
        queries.extend(database.map(queries::of_dependency));
        let (described, targets, (at, readings)) = tokio::try_join!(
            ecs::service(&self.ecs, &cluster, &service.service),
            self.targets(service),
            self.read(&queries),
        )?;
        let database_id = database.map(str::to_owned);
        Ok(Snapshot { at, service: Some(described.service), targets, store: None, database_id, readings })
    }

    async fn of_database(&self, database: &Database) -> Result<Snapshot, Error> {
        let id = self.services.environment.database(database)?;
        let queries = queries::of_database(&id);
        let (found, (at, readings)) = tokio::try_join!(stores::database(&self.rds, &id), self.read(&queries))?;
        Ok(Snapshot { at, store: Some(found.store), readings, ..Snapshot::default() })
    }

    async fn of_cache(&self, cache: &Cache) -> Result<Snapshot, Error> {
        let id = self.services.environment.replication_group(cache)?;
        let found = stores::replication_group(&self.cache, &id).await?;
        // The first member speaks for the group.
        let mut queries = found.members.first().map(|node| queries::of_cache(node)).unwrap_or_default();
        let database = self.dependency();
        queries.extend(database.map(queries::of_dependency));
        let (at, readings) = self.read(&queries).await?;
        let database_id = database.map(str::to_owned);
        Ok(Snapshot { at, store: Some(found.store), database_id, readings, ..Snapshot::default() })
    }

    /// The database that targets depend on: its processor tells whether it has headroom.
    fn dependency(&self) -> Option<&str> {
        self.services.environment.get("DB_INSTANCE_ID")
    }

    async fn targets(&self, service: &EcsService) -> Result<Option<Targets>, Error> {
        match &service.target_group_arn {
            Some(group) => ecs::targets(&self.balancer, group).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read(&self, queries: &[Query<'_>]) -> Result<(Millis, Readings), Error> {
        let now = self.services.clock.now();
        let readings = metrics::read(&self.metrics, queries, now - HISTORY_MS, now).await?;
        Ok((now, readings))
    }
}

impl Function for Assess {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        let request = Request::parse(&event)?;
        match event.get("operation").and_then(Value::as_str) {
            Some("symptom") => {
                let snapshot = self.snapshot(&request.entry).await?;
                json(symptom::judge(&request.event, &request.entry, &snapshot)?)
            }
            Some("diagnose") => json(diagnosis::diagnose(&request.entry, &self.snapshot(&request.entry).await?)),
            Some("policy") => {
                let diagnosis = Diagnosis::of_payload(&event)?;
                let now = self.services.clock.now();
                json(policy::decide(&request.event, &request.entry, diagnosis.as_ref(), now))
            }
            _ => Err(Error::new(Kind::InvalidInput, "operation must be one of symptom, diagnose, policy")),
        }
    }
}

fn json(judgement: impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(judgement).map_err(|problem| {
        Error::new(Kind::PreconditionFailed, format!("the judgement could not be written as JSON: {problem}"))
    })
}
