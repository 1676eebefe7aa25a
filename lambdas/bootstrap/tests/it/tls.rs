//! TLS is wired with a crypto provider: a peer that does not speak it is an error with a name, not a panic. Redis's
//! certificates are verified, and one that is not trusted is an error that says what to do.

use crate::real_redis::RealRedis;
use crate::redis_server::RedisServer;
use crate::support::{call, payload, services_at, with};
use crate::web_server::WebServer;
use clients::Clock;
use clients::aws::Patience;
use incident_clear_cache::ClearCache;
use operations::Error;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

#[tokio::test]
async fn a_webhook_without_tls_is_unavailable() {
    let server = WebServer::start(&[(200, "", "ok")]).await;
    let patience = Patience { read: Duration::from_millis(500), ..Patience::SHORT };
    let url = server.url.replace("http:", "https:");
    let error = patience.http().post(&url, &[], String::new()).await.unwrap_err();
    assert!(["Ops.DependencyUnavailable", "Ops.DependencyTimeout"].contains(&error.name()), "{error}");
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_redis_without_tls_is_unavailable() {
    let redis = RedisServer::start(None).await;
    let environment = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", redis.port.as_str())];
    let function =
        ClearCache::new(services_at("incident-clear-cache", "http://127.0.0.1:9", environment, Clock::default()));
    let error = call(&function, &encrypted("plan")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.DependencyUnavailable", "{error}");
    assert_eq!(redis.times("GET"), 0, "nothing was sent in the clear");
}

fn encrypted(operation: &str) -> Value {
    let mut payload = payload("clear_cache", "cache", operation);
    payload["entry"]["redis"]["tls"] = json!(true);
    payload
}

/// Plans with a Redis at `host` and the authorities in `file`, and carries the plan out.
async fn clear(redis: &RealRedis, host: &str, file: &Path) -> Result<Value, Error> {
    let file = file.to_str().expect("a path in Unicode");
    let environment = [("REDIS_HOST", host), ("REDIS_PORT", redis.port.as_str()), ("REDIS_CA_FILE", file)];
    let function =
        ClearCache::new(services_at("incident-clear-cache", "http://127.0.0.1:9", environment, Clock::default()));
    let plan = call(&function, &encrypted("plan")).await?;
    call(&function, &with(encrypted("act"), json!({"plan": plan}))).await
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_named_and_for_the_names_it_signed() {
    let Some(redis) = RealRedis::start(2999, &[]).await else { return };
    for version in [1, 2] {
        let report = clear(&redis, "localhost", &redis.authority()).await.unwrap();
        assert_eq!(report["changes"][0]["after"], json!({"key": "catalog:ver", "version": version}));
    }
    let absent = redis.authority().with_extension("absent");
    let key = redis.authority().with_file_name("server.key");
    for (host, file, problem) in [
        ("localhost", Path::new(""), "name the file of its certificate's authority in REDIS_CA_FILE"),
        ("localhost", &redis.stranger(), "put the authority that signed its certificate into /"),
        ("127.0.0.1", &redis.authority(), "connect by a host name of its certificate, not by 127.0.0.1"),
        ("localhost", &absent, "No such file or directory (os error 2): name a PEM file of certificates"),
        ("localhost", &key, "it has no certificate: name a PEM file of certificates"),
    ] {
        let error = clear(&redis, host, file).await.unwrap_err();
        assert_eq!(error.name(), "Ops.ConfigInvalid", "{error}");
        assert!(error.message().contains(problem), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let Some(redis) = RealRedis::start(2020, &[]).await else { return };
    let error = clear(&redis, "localhost", &redis.authority()).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid", "{error}");
    assert!(error.message().ends_with("renew its certificate"), "{error}");
}
