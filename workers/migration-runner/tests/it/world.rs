//! A database, a folder of migrations, and runners on them.

use crate::server::Server;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use clients::{Clock, Environment};
use migration_runner::MigrationRunner;
use operations::Error;
use serde_json::{Value, json};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use worker_kit::{Activity, Task};

/// How long a condition may take to come true before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) database: String,
    root: TempDir,
}

impl World {
    /// An empty database of this name. Without a server, nothing.
    pub(crate) async fn new(database: &str) -> Option<Self> {
        Self::on(Server::start().await?, database).await
    }

    pub(crate) async fn on(server: Server, database: &str) -> Option<Self> {
        let world = Self { server, database: database.to_owned(), root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(world.root.path().join("orders")).unwrap();
        world.renew().await;
        Some(world)
    }

    /// The database, empty again.
    pub(crate) async fn renew(&self) {
        self.renew_from("template1").await;
    }

    /// The database as a copy of another.
    pub(crate) async fn renew_from(&self, other: &str) {
        self.copy(other, &self.database).await;
    }

    /// Keeps a copy of the database under another name.
    pub(crate) async fn keep_as(&self, name: &str) {
        self.until_nobody_runs().await;
        self.copy(&self.database, name).await;
    }

    async fn copy(&self, from: &str, to: &str) {
        let administrator = connect(&self.server.url("postgres")).await;
        administrator.batch_execute(&format!("DROP DATABASE IF EXISTS {to} WITH (FORCE)")).await.unwrap();
        // Connections end a moment after their clients.
        let others = format!("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{from}')");
        while ask(&administrator, &others).await != "true" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        administrator.batch_execute(&format!("CREATE DATABASE {to} TEMPLATE {from}")).await.unwrap();
    }

    pub(crate) fn url(&self) -> String {
        self.server.url(&self.database)
    }

    /// The root of the folders of migrations.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.path().join("orders").join(file)
    }

    /// Writes a migration.
    pub(crate) fn file(&self, file: &str, text: &str) -> &Self {
        std::fs::write(self.path(file), text).unwrap();
        self
    }

    pub(crate) fn remove(&self, file: &str) {
        std::fs::remove_file(self.path(file)).unwrap();
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.url()).await
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }

    /// The one value of a query, as text.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        let client = self.client().await;
        ask(&client, sql).await
    }

    pub(crate) fn runner(&self, lock_seconds: u32) -> MigrationRunner {
        let root = self.root.path().to_string_lossy().into_owned();
        let (url, seconds) = (self.url(), lock_seconds.to_string());
        let environment = Environment::of([
            ("MIGRATIONS_PATH", root.as_str()),
            ("DATABASE_URL", url.as_str()),
            ("MIGRATION_LOCK_SECONDS", seconds.as_str()),
        ]);
        MigrationRunner::new(&nowhere(), environment, Clock::default()).unwrap()
    }

    pub(crate) async fn send(&self, input: Value) -> Result<Value, Error> {
        self.runner(30).run(input, &Task::detached()).await
    }

    pub(crate) async fn apply(&self, phase: &str) -> Result<Value, Error> {
        self.send(input("apply", phase)).await
    }

    /// The versions that a run applied.
    pub(crate) async fn applied(&self, phase: &str) -> Vec<i64> {
        versions(&self.apply(phase).await.unwrap()["applied"])
    }

    /// The error's name of a run that must fail, and its message.
    pub(crate) async fn refused(&self, phase: &str) -> (&'static str, String) {
        let error = self.apply(phase).await.unwrap_err();
        (error.name(), error.message().to_owned())
    }

    /// Everything that migrations may change, in one text: tables, columns, constraints, indexes, rows.
    pub(crate) async fn shape(&self) -> String {
        let client = self.client().await;
        let mut shape = ask(
            &client,
            "SELECT coalesce(string_agg(line, E'\\n' ORDER BY line), '') FROM (
                SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
                FROM information_schema.columns WHERE table_schema = 'public'
                UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
                WHERE connamespace = 'public'::regnamespace
                UNION ALL SELECT format('%s %s', pg_get_indexdef(indexrelid), indisvalid) FROM pg_index
                JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace) lines",
        )
        .await;
        let tables = "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class \
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'stepwright_migrations'";
        for table in ask(&client, tables).await.split_whitespace() {
            let rows = format!("SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') FROM {table} t");
            shape.push_str(&format!("\n{table}: {}", ask(&client, &rows).await));
        }
        if ask(&client, "SELECT to_regclass('stepwright_migrations') IS NOT NULL").await == "true" {
            let ledger = "SELECT coalesce(string_agg(format('%s %s %s', version, state, rows), ', ' ORDER BY version), '') \
                FROM stepwright_migrations";
            shape.push_str(&format!("\nledger: {}", ask(&client, ledger).await));
        }
        shape
    }

    /// Waits until a query answers true.
    pub(crate) async fn until(&self, sql: &str) {
        let client = self.client().await;
        let wait = async {
            while ask(&client, sql).await != "true" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("it never came true: {sql}"));
    }

    /// Waits until no runner is connected to the database any more.
    pub(crate) async fn until_nobody_runs(&self) {
        self.until(&format!("SELECT NOT EXISTS ({RUNNERS})")).await;
    }
}

/// The runners that are connected.
pub(crate) const RUNNERS: &str = "SELECT FROM pg_stat_activity WHERE datname = current_database() \
    AND application_name = 'stepwright migration-runner'";

pub(crate) fn input(operation: &str, phase: &str) -> Value {
    json!({"operation": operation, "phase": phase, "target": "orders", "requestId": "d-1", "approved": true,
        "oldRevisionTasks": 0, "migrations": {"directory": "orders"}})
}

pub(crate) fn versions(migrations: &Value) -> Vec<i64> {
    migrations.as_array().unwrap().iter().map(|migration| migration["version"].as_i64().unwrap()).collect()
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) async fn ask(client: &Client, sql: &str) -> String {
    let row = client.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap();
    row.get::<_, Option<String>>(0).unwrap_or_else(|| "null".into())
}

/// AWS, for a runner that needs none.
pub(crate) fn nowhere() -> aws_types::SdkConfig {
    aws_types::SdkConfig::builder()
        .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
        .region(aws_types::region::Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .http_client(clients::http::Http::new(Duration::from_secs(1), Duration::from_secs(1)).shared())
        .build()
}

/// Polls a future until it is done, or until it has waited so often; then drops it, as the worker does with a task that
/// is no longer its own.
pub(crate) async fn dropped_after<T>(waits: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut left = waits;
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
        std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
        std::task::Poll::Pending => {
            left -= 1;
            std::task::Poll::Pending
        }
    })
    .await
}
