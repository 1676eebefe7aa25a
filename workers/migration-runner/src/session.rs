//! One connection to the database, which ends with what uses it.

use crate::connection::Place;
use crate::{failure, tls};
use operations::Error;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{CancelToken, Client, GenericClient, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a statement may wait for a lock, unless its file says.
pub(crate) const LOCK: Duration = Duration::from_secs(5);
/// How long a statement may run, unless its file says.
pub(crate) const STATEMENT: Duration = Duration::from_secs(60);
/// The same for statements that run outside a transaction and hold nobody up.
pub(crate) const PATIENT_STATEMENT: Duration = Duration::from_secs(30 * 60);
/// How long a transaction of ours may stand still: longer means that this process does.
const IDLE: Duration = Duration::from_secs(60);

/// A connection. When it is dropped, what it still runs is cancelled: the server would otherwise finish it for nobody,
/// with its locks.
pub(crate) struct Session {
    pub(crate) client: Client,
    connection: JoinHandle<()>,
    cancel: CancelToken,
    /// Absent without TLS.
    tls: Option<MakeRustlsConnect>,
}

impl Session {
    /// Connects, and limits what statements may do.
    ///
    /// # Errors
    /// As [`failure::of`].
    pub(crate) async fn open(place: &Place) -> Result<Self, Error> {
        let failed = |error: tokio_postgres::Error| failure::of("connecting", &error);
        let session = if place.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = place.config.connect(NoTls).await.map_err(failed)?;
            Self::of(client, tokio::spawn(ended(connection)), None)
        } else {
            let tls = tls::connector(place.authorities.as_deref())?;
            let (client, connection) = place.config.connect(tls.clone()).await.map_err(failed)?;
            Self::of(client, tokio::spawn(ended(connection)), Some(tls))
        };
        session.limit().await?;
        Ok(session)
    }

    fn of(client: Client, connection: JoinHandle<()>, tls: Option<MakeRustlsConnect>) -> Self {
        let cancel = client.cancel_token();
        Self { client, connection, cancel, tls }
    }

    async fn limit(&self) -> Result<(), Error> {
        self.set("lock_timeout", LOCK, false).await?;
        self.set("statement_timeout", STATEMENT, false).await?;
        self.set("idle_in_transaction_session_timeout", IDLE, false).await?;
        // Lets the server notice within seconds that this process is gone, even in the middle of a statement. Before
        // PostgreSQL 14, and on some systems, it cannot.
        if let Err(error) = self.set("client_connection_check_interval", Duration::from_secs(2), false).await {
            tracing::warn!(
                cause = error.message(),
                "the server will not notice a lost worker before its statement ends"
            );
        }
        Ok(())
    }

    /// Sets a time-out: for the transaction when it is `local`, else for what follows.
    ///
    /// # Errors
    /// As [`failure::of`].
    pub(crate) async fn set(&self, name: &str, limit: Duration, local: bool) -> Result<(), Error> {
        set(&self.client, name, limit, local).await
    }
}

/// As [`Session::set`], also within a transaction.
pub(crate) async fn set(client: &impl GenericClient, name: &str, limit: Duration, local: bool) -> Result<(), Error> {
    let value = format!("{}ms", limit.as_millis());
    let parameters: [Parameter<'_>; 3] = [(&name, Type::TEXT), (&value, Type::TEXT), (&local, Type::BOOL)];
    query(client, &format!("setting {name}"), "SELECT set_config($1, $2, $3)", &parameters).await.map(drop)
}

/// A parameter of a statement, and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The rows of a query; `what` it is for is said in its failure.
///
/// # Errors
/// As [`failure::of`].
pub(crate) async fn query(
    client: &impl GenericClient,
    what: &str,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, Error> {
    client.query_typed(sql, parameters).await.map_err(|error| failure::of(what, &error))
}

/// How many rows one statement changed; `what` it is for is said in its failure.
///
/// # Errors
/// As [`failure::of`].
pub(crate) async fn execute(
    client: &impl GenericClient,
    what: &str,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<u64, Error> {
    client.execute_typed(sql, parameters).await.map_err(|error| failure::of(what, &error))
}

async fn ended<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::warn!(%error, "the connection to the database ended");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
        // Where the runtime is ending too, the server notices by itself.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (cancel, tls) = (self.cancel.clone(), self.tls.clone());
        // When nothing runs any more, this does nothing.
        runtime.spawn(async move {
            let _ = match tls {
                None => cancel.cancel_query(NoTls).await,
                Some(tls) => cancel.cancel_query(tls).await,
            };
        });
    }
}
