//! TLS is wired with a crypto provider: a peer that does not speak it is an error with a name, not a panic.

use crate::redis_server::RedisServer;
use crate::support::{call, payload, services_at};
use crate::web_server::WebServer;
use clients::Clock;
use clients::aws::Patience;
use incident_clear_cache::ClearCache;
use serde_json::json;
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
    let function = ClearCache::new(services_at("http://127.0.0.1:9", environment, Clock::default()));
    let mut encrypted = payload("clear_cache", "cache", "plan");
    encrypted["entry"]["redis"]["tls"] = json!(true);
    let error = call(&function, &encrypted).await.unwrap_err();
    assert_eq!(error.name(), "Ops.DependencyUnavailable", "{error}");
    assert_eq!(redis.times("GET"), 0, "nothing was sent in the clear");
}
