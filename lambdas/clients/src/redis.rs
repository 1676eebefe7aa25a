//! Connections to Redis.

use crate::environment::Environment;
use crate::failure;
use operations::Error;
use operations::catalogue::Redis;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use std::time::Duration;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Connects, encrypted when the catalogue says so, with the password of `REDIS_PASSWORD` where one is set.
///
/// # Errors
/// `Ops.AccessDenied` for a wrong password, `Ops.DependencyUnavailable` or `Ops.DependencyTimeout` when Redis does
/// not answer.
pub async fn connect(place: &Redis, environment: &Environment) -> Result<MultiplexedConnection, Error> {
    let failed = |error: redis::RedisError| failure::of_redis("connect", &error);
    let address = if place.tls {
        ConnectionAddr::TcpTls { host: place.host.clone(), port: place.port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(place.host.clone(), place.port)
    };
    let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(password) = environment.get("REDIS_PASSWORD") {
        login = login.set_password(password);
    }
    let info = address.into_connection_info().map_err(failed)?.set_redis_settings(login);
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
    let client = Client::open(info).map_err(failed)?;
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(failed)
}

/// The version of a namespace; 0 when its key is absent.
///
/// # Errors
/// As [`failure::of_redis`].
pub async fn version(connection: &mut MultiplexedConnection, key: &str) -> Result<i64, Error> {
    let found: Option<i64> =
        redis::cmd("GET").arg(key).query_async(connection).await.map_err(|error| failure::of_redis("GET", &error))?;
    Ok(found.unwrap_or(0))
}
