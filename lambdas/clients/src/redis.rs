//! Connections to Redis.

use crate::environment::Environment;
use crate::failure;
use crate::secret::{self, Login};
use aws_sdk_secretsmanager::Client as Secrets;
use aws_types::SdkConfig;
use operations::Error;
use operations::catalogue::{Cache, Redis};
use operations::error::Kind;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// What every certificate in a PEM file begins with.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Connects to the Redis of a cache, for the life of a process.
#[derive(Debug, Clone)]
pub struct Connector {
    environment: Environment,
    secrets: Secrets,
    /// Passwords that worked, by the ARN of their secret. One that is refused is read again: none needs an age.
    known: Arc<Mutex<BTreeMap<String, Login>>>,
}

impl Connector {
    /// A connector that reads secrets with this configuration.
    pub fn new(aws: &SdkConfig, environment: Environment) -> Self {
        Self { environment, secrets: Secrets::new(aws), known: Arc::default() }
    }

    /// Connects, encrypted when the catalogue says so, with the password of the catalogue's secret, else of the
    /// secret that `REDIS_SECRET_ARN` names, else with `REDIS_PASSWORD`, else with none. A secret's password that has
    /// worked before and no longer does was rotated: the secret is read once more.
    ///
    /// The server's certificate must be valid for its host and signed by an authority of `REDIS_CA_FILE`; without
    /// that file, by a public one.
    ///
    /// # Errors
    /// `Ops.AccessDenied` for a wrong password, `Ops.ConfigInvalid` for a certificate that is not to be trusted,
    /// `Ops.DependencyUnavailable` or `Ops.DependencyTimeout` when Redis does not answer; for the secret, as
    /// [`secret::text`].
    pub async fn connect(&self, cache: &Cache) -> Result<MultiplexedConnection, Error> {
        let place = self.environment.redis(cache)?;
        let Some(arn) = &place.secret_arn else {
            let password = self.environment.get("REDIS_PASSWORD").map(str::to_owned);
            let login = password.map(|password| Login { username: None, password });
            return self.open(&place, login.as_ref(), "REDIS_PASSWORD").await;
        };
        if let Some(login) = self.known(arn) {
            match self.open(&place, Some(&login), arn).await {
                Err(error) if error.kind() == Kind::AccessDenied => {}
                answered => return answered,
            }
        }
        let login = Login::of(arn, &secret::text(&self.secrets, arn).await?)?;
        let connection = self.open(&place, Some(&login), arn).await?;
        self.keep(arn, login);
        Ok(connection)
    }

    fn known(&self, arn: &str) -> Option<Login> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    fn keep(&self, arn: &str, login: Login) {
        // No password was asked for: nothing shows yet whether this one is right.
        if !login.password.is_empty() {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.to_owned(), login);
        }
    }

    /// Connects; `source` says where the password stands.
    async fn open(&self, place: &Redis, login: Option<&Login>, source: &str) -> Result<MultiplexedConnection, Error> {
        let client = self.client(place, login).await?;
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
        let opened = client.get_multiplexed_async_connection_with_config(&config).await;
        opened.map_err(|error| self.refused(place, source, &error))
    }

    async fn client(&self, place: &Redis, login: Option<&Login>) -> Result<Client, Error> {
        let failed = |error: RedisError| failure::of_redis("connect", &error);
        let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(login) = login.filter(|login| !login.password.is_empty()) {
            settings = settings.set_password(&login.password);
            if let Some(username) = &login.username {
                settings = settings.set_username(username);
            }
        }
        let (host, port) = (place.host.clone(), place.port);
        let address = if place.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let info = address.into_connection_info().map_err(failed)?.set_redis_settings(settings);
        match self.environment.get("REDIS_CA_FILE").filter(|_| place.tls) {
            Some(file) => {
                let authorities = TlsCertificates { client_tls: None, root_cert: Some(bundle(file).await?) };
                Client::build_with_tls(info, authorities).map_err(|error| unusable(file, &error.to_string()))
            }
            None => Client::open(info).map_err(failed),
        }
    }

    /// Why there is no connection, with the remedy where there is one.
    fn refused(&self, place: &Redis, source: &str, error: &RedisError) -> Error {
        let failed = failure::of_redis("connect", error);
        if error.kind() == ErrorKind::AuthenticationFailed {
            let remedy = format!("{}: the password of {source} is refused: correct it", failed.message());
            return Error::new(Kind::AccessDenied, remedy);
        }
        let text = error.to_string();
        if !place.tls || !text.contains("invalid peer certificate") {
            return failed;
        }
        let remedy = if text.contains("not valid for name") {
            format!("connect by a host name of its certificate, not by {}", place.host)
        } else if text.contains("expired") || text.contains("not valid yet") {
            "renew its certificate".to_owned()
        } else {
            match self.environment.get("REDIS_CA_FILE") {
                Some(file) => format!("put the authority that signed its certificate into {file}"),
                None => "name the file of its certificate's authority in REDIS_CA_FILE".to_owned(),
            }
        };
        Error::new(Kind::ConfigInvalid, format!("{}: {remedy}", failed.message()))
    }
}

/// The certificates of the authorities in a file.
async fn bundle(file: &str) -> Result<Vec<u8>, Error> {
    let text = tokio::fs::read_to_string(file).await.map_err(|error| unusable(file, &error.to_string()))?;
    if !text.contains(CERTIFICATE) {
        return Err(unusable(file, "it has no certificate"));
    }
    Ok(text.into_bytes())
}

fn unusable(file: &str, problem: &str) -> Error {
    let message = format!("REDIS_CA_FILE is {file}: {problem}: name a PEM file of certificates");
    Error::new(Kind::ConfigInvalid, message)
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
