//! The environment variables of a process, read once.

use operations::Error;
use operations::catalogue::{Cache, Database, EcsService, Redis};
use operations::error::Kind;
use std::collections::BTreeMap;

/// Environment variables; an empty one counts as absent.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process. Variables that are not Unicode are left out.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The given ones.
    pub fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// A variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that must be set.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming it.
    pub fn required(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| Error::new(Kind::ConfigInvalid, format!("{name} is not set: set it")))
    }

    /// A whole number greater than 0, or `default` when it is not set.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming it.
    pub fn positive(&self, name: &str, default: u32) -> Result<u32, Error> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.trim().parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| Error::new(Kind::ConfigInvalid, format!("{name} must be a whole number greater than 0")))
    }

    /// The cluster of a service: the catalogue's, else `ECS_CLUSTER_NAME`.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when neither names one.
    pub fn cluster(&self, service: &EcsService) -> Result<String, Error> {
        self.or("entry.cluster", service.cluster.as_deref(), "ECS_CLUSTER_NAME")
    }

    /// The identifier of a database: the catalogue's, else `DB_INSTANCE_ID`.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when neither names one.
    pub fn database(&self, database: &Database) -> Result<String, Error> {
        self.or("entry.dbInstanceId", database.instance_id.as_deref(), "DB_INSTANCE_ID")
    }

    /// The id of a replication group: the catalogue's, else `CACHE_CLUSTER_ID`.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when neither names one.
    pub fn replication_group(&self, cache: &Cache) -> Result<String, Error> {
        self.or("entry.replicationGroupId", cache.replication_group_id.as_deref(), "CACHE_CLUSTER_ID")
    }

    /// Where Redis listens: `REDIS_HOST` and `REDIS_PORT` before the catalogue's values; but the catalogue's secret
    /// before `REDIS_SECRET_ARN`.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when neither says, or the port is none.
    pub fn redis(&self, cache: &Cache) -> Result<Redis, Error> {
        let entry = cache.redis.clone();
        let host =
            self.or("entry.redis.host", None, "REDIS_HOST").ok().or(entry.as_ref().map(|redis| redis.host.clone()));
        let host = host.ok_or_else(|| {
            Error::new(Kind::ConfigInvalid, "neither REDIS_HOST nor entry.redis.host says where Redis is: set one")
        })?;
        let port = match self.get("REDIS_PORT") {
            Some(text) => text
                .trim()
                .parse()
                .map_err(|_| Error::new(Kind::ConfigInvalid, "REDIS_PORT must be a port number between 0 and 65535"))?,
            None => entry.as_ref().map_or(6379, |redis| redis.port),
        };
        let tls = entry.as_ref().is_some_and(|redis| redis.tls);
        let secret_arn = entry.and_then(|redis| redis.secret_arn);
        let secret_arn = secret_arn.or_else(|| self.get("REDIS_SECRET_ARN").map(str::to_owned));
        Ok(Redis { host, port, tls, secret_arn })
    }

    fn or(&self, field: &str, own: Option<&str>, name: &str) -> Result<String, Error> {
        let found = own.or_else(|| self.get(name)).map(str::to_owned);
        found.ok_or_else(|| Error::new(Kind::ConfigInvalid, format!("neither {field} nor {name} is set: set one")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_comes_first_except_for_redis() {
        let environment = Environment::of([
            ("ECS_CLUSTER_NAME", "fallback"),
            ("REDIS_PORT", "7001"),
            ("REDIS_SECRET_ARN", "fallback"),
            ("EMPTY", ""),
        ]);
        let mut service = EcsService {
            cluster: Some("production".into()),
            service: "api".into(),
            controller: operations::catalogue::Controller::Ecs,
            target_group_arn: None,
            load_balancer: None,
            scalable_resource_id: None,
        };
        assert_eq!(environment.cluster(&service).unwrap(), "production");
        service.cluster = None;
        assert_eq!(environment.cluster(&service).unwrap(), "fallback");
        let mut cache = Cache {
            replication_group_id: None,
            redis: Some(Redis { host: "cache.internal".into(), port: 6379, tls: true, secret_arn: None }),
            namespace: None,
            protected_prefixes: vec![],
        };
        let redis = environment.redis(&cache).unwrap();
        assert_eq!((redis.host.as_str(), redis.port, redis.tls), ("cache.internal", 7001, true));
        assert_eq!(redis.secret_arn.as_deref(), Some("fallback"));
        cache.redis = Some(Redis { secret_arn: Some("own".into()), ..redis });
        assert_eq!(environment.redis(&cache).unwrap().secret_arn.as_deref(), Some("own"));
        let error = environment.replication_group(&cache).unwrap_err();
        assert_eq!(error.message(), "neither entry.replicationGroupId nor CACHE_CLUSTER_ID is set: set one");
        assert_eq!(environment.get("EMPTY"), None);
    }

    #[test]
    fn numbers_are_checked_by_name() {
        let environment = Environment::of([("A", "5"), ("B", "0")]);
        assert_eq!(environment.positive("A", 1).unwrap(), 5);
        assert_eq!(environment.positive("C", 7).unwrap(), 7);
        assert!(environment.positive("B", 1).unwrap_err().message().starts_with("B must be"));
    }
}
