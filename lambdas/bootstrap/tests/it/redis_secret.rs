//! The password of Redis from Secrets Manager.

use crate::real_redis::RealRedis;
use crate::redis_server::RedisServer;
use crate::support::{World, call, payload, services_at};
use crate::web_server::WebServer;
use clients::Clock;
use incident_clear_cache::ClearCache;
use sandbox::FaultKind;
use serde_json::{Value, json};

fn plan(secret: Option<&str>) -> Value {
    let mut payload = payload("clear_cache", "cache", "plan");
    payload["entry"]["redis"]["secretArn"] = json!(secret);
    payload
}

/// A Secrets Manager with one answer per question; the last one repeats.
async fn secrets(texts: &[&str]) -> WebServer {
    let answers: Vec<_> = texts.iter().map(|text| json!({"Name": "n", "SecretString": text}).to_string()).collect();
    let answers: Vec<_> = answers.iter().map(|answer| (200, "", answer.as_str())).collect();
    WebServer::start(&answers).await
}

/// The secrets that were asked for.
fn asked(secrets: &WebServer) -> Vec<String> {
    let id = |body: &str| serde_json::from_str::<Value>(body).expect("JSON")["SecretId"].as_str().map(str::to_owned);
    secrets.received().iter().map(|request| id(&request.body).expect("a secret's id")).collect()
}

#[tokio::test]
async fn a_password_is_read_once_and_again_when_it_was_rotated() {
    let redis = RedisServer::start(Some("first")).await;
    let secrets = secrets(&["first", r#"{"username": "default", "password": "second"}"#]).await;
    let environment = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", redis.port.as_str())];
    let function = ClearCache::new(services_at("incident-clear-cache", &secrets.url, environment, Clock::default()));
    for _ in 0..2 {
        call(&function, &plan(Some("cache"))).await.unwrap();
        assert_eq!(asked(&secrets), ["cache"]);
    }
    redis.rotate("second");
    for _ in 0..2 {
        call(&function, &plan(Some("cache"))).await.unwrap();
        assert_eq!(asked(&secrets).len(), 2);
    }
    redis.rotate("third");
    let error = call(&function, &plan(Some("cache"))).await.unwrap_err();
    assert_eq!((error.name(), asked(&secrets).len()), ("Ops.AccessDenied", 3), "{error}");
    assert!(error.message().contains("the password of cache is refused"), "{error}");
    assert!(!error.message().contains("second") && !error.message().contains("third"), "{error}");
}

#[tokio::test]
async fn the_catalogues_secret_comes_before_the_environments_and_both_before_a_password() {
    let redis = RedisServer::start(Some("open")).await;
    let secrets = secrets(&["open"]).await;
    let own = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", redis.port.as_str())];
    let both = [own[0], own[1], ("REDIS_SECRET_ARN", "fallback"), ("REDIS_PASSWORD", "wrong")];
    let function = ClearCache::new(services_at("incident-clear-cache", &secrets.url, both, Clock::default()));
    call(&function, &plan(Some("own"))).await.unwrap();
    call(&function, &plan(None)).await.unwrap();
    assert_eq!(asked(&secrets), ["own", "fallback"]);
    let password = [own[0], own[1], ("REDIS_PASSWORD", "open")];
    let function = ClearCache::new(services_at("incident-clear-cache", &secrets.url, password, Clock::default()));
    call(&function, &plan(None)).await.unwrap();
    assert_eq!(asked(&secrets).len(), 2, "no secret is asked for where none is named");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_named_with_its_remedy() {
    let world = World::start().await;
    let redis = RedisServer::start(None).await;
    let function = ClearCache::new(
        world.services("incident-clear-cache", [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", &redis.port)]),
    );
    // The sandbox's own secret has an empty password: nobody logs in.
    call(&function, &plan(Some("ops/production/cache"))).await.unwrap();
    assert_eq!(redis.times("AUTH"), 0);
    let error = call(&function, &plan(Some("ops/nowhere"))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid", "{error}");
    assert!(error.message().contains("secretsmanager:GetSecretValue of ops/nowhere: ResourceNotFound"), "{error}");
    assert!(error.message().ends_with("create the secret or correct its ARN"), "{error}");
    for (status, code, name) in [
        (400, "AccessDeniedException", "Ops.AccessDenied"),
        (400, "DecryptionFailure", "Ops.AccessDenied"),
        (400, "InvalidRequestException", "Ops.ConfigInvalid"),
        (500, "InternalServiceError", "Ops.DependencyUnavailable"),
    ] {
        world.error("secretsmanager", "GetSecretValue", status, code);
        let error = call(&function, &plan(Some("ops/production/cache"))).await.unwrap_err();
        assert_eq!(error.name(), name, "{error}");
    }
    world.fault("secretsmanager", "GetSecretValue", FaultKind::Throttle);
    let error = call(&function, &plan(Some("ops/production/cache"))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.Throttled", "{error}");
}

#[tokio::test]
async fn bytes_are_no_password() {
    let binary = WebServer::start(&[(200, "", r#"{"Name": "n", "SecretBinary": "AAEC"}"#)]).await;
    let environment = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", "1")];
    let function = ClearCache::new(services_at("incident-clear-cache", &binary.url, environment, Clock::default()));
    let error = call(&function, &plan(Some("cache"))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid", "{error}");
    assert!(error.message().ends_with("store its value as SecretString"), "{error}");
}

#[tokio::test]
async fn a_real_redis_takes_the_password_and_the_user_of_a_secret() {
    let user = ["--requirepass", "all", "--user", "ops", "on", ">own", "~*", "+@all"];
    let Some(redis) = RealRedis::start(2999, &user).await else { return };
    let authority = redis.authority();
    let environment = [
        ("REDIS_HOST", "localhost"),
        ("REDIS_PORT", redis.port.as_str()),
        ("REDIS_CA_FILE", authority.to_str().unwrap()),
    ];
    for (secret, opens) in [
        ("all", true),
        (r#"{"username": "ops", "password": "own"}"#, true),
        (r#"{"username": "ops", "password": "all"}"#, false),
        ("own", false),
    ] {
        let secrets = secrets(&[secret]).await;
        let function =
            ClearCache::new(services_at("incident-clear-cache", &secrets.url, environment, Clock::default()));
        let mut encrypted = plan(Some("cache"));
        encrypted["entry"]["redis"]["tls"] = json!(true);
        let answer = call(&function, &encrypted).await.map_err(|error| error.name());
        assert_eq!(
            answer.map(|plan| plan["before"]["version"].clone()),
            if opens { Ok(json!(0)) } else { Err("Ops.AccessDenied") }
        );
    }
}
