//! The ledger in the database: which there is, what it says, and how a migration is entered.
//!
//! | | ours | sqlx | refinery |
//! |---|---|---|---|
//! | begun outside a transaction | `state = 'begun'` | `success = false` | a row in `stepwright_begun` |
//! | rows and batches of a backfill | kept | not kept | not kept |

use crate::failure;
use crate::session::{execute, query};
use operations::Error;
use operations::error::Kind;
use operations::migration::Migration;
use operations::migration::checksum::{self, Checksum};
use operations::migration::ledger::{Ledger, Row, State};
use std::time::Duration;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient};

/// Where refinery's ledger has no place for what was begun.
const BEGUN: &str = "stepwright_begun";

const OURS: &str = "CREATE TABLE stepwright_migrations (
    version bigint PRIMARY KEY,
    name text NOT NULL,
    phase text NOT NULL,
    checksum text NOT NULL,
    statements text NOT NULL,
    state text NOT NULL CHECK (state IN ('begun', 'applied')),
    rows bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    milliseconds bigint,
    begun_at timestamptz NOT NULL DEFAULT now(),
    applied_at timestamptz
)";

/// A database's ledger.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) ledger: Ledger,
    /// Its table, qualified and quoted; absent when it is still to be made.
    table: Option<String>,
    /// The table of what was begun, where there is one.
    begun: Option<String>,
    /// Whether refinery's versions have 8 bytes.
    wide: bool,
}

impl Book {
    /// Finds the ledger.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when there are several; otherwise as [`failure::of`].
    pub(crate) async fn find(client: &Client) -> Result<Self, Error> {
        let mut found = Vec::new();
        for ledger in Ledger::ALL {
            if let Some(table) = table(client, ledger.table()).await? {
                found.push((ledger, table));
            }
        }
        let ledgers: Vec<_> = found.iter().map(|(ledger, _)| *ledger).collect();
        let ledger = Ledger::of(&ledgers)?;
        let table_of_ledger = found.pop().map(|(_, table)| table);
        let wide = match (&table_of_ledger, ledger) {
            (Some(table), Ledger::Refinery) => is_wide(client, table).await?,
            _ => false,
        };
        Ok(Self { ledger, table: table_of_ledger, begun: table(client, BEGUN).await?, wide })
    }

    /// Makes our ledger where there is none. Only for one who has the lock.
    pub(crate) async fn create(&mut self, client: &Client) -> Result<(), Error> {
        if self.table.is_none() {
            execute(client, "making the ledger", OURS, &[]).await?;
            self.table = table(client, self.ledger.table()).await?;
        }
        if self.ledger == Ledger::Refinery && self.begun.is_none() {
            let sql = format!(
                "CREATE TABLE {BEGUN} (version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, \
                 statements text NOT NULL, begun_at timestamptz NOT NULL DEFAULT now())"
            );
            execute(client, "making the ledger", &sql, &[]).await?;
            self.begun = table(client, BEGUN).await?;
        }
        Ok(())
    }

    /// What it says.
    pub(crate) async fn rows(&self, client: &Client) -> Result<Vec<Row>, Error> {
        let Some(table) = &self.table else { return Ok(Vec::new()) };
        let what = format!("reading {table}");
        let sql = match self.ledger {
            Ledger::Ours => format!("SELECT version, name, state = 'applied', checksum, statements FROM {table}"),
            Ledger::Sqlx => format!("SELECT version, description, success, checksum FROM {table}"),
            Ledger::Refinery => {
                format!("SELECT version::int8, coalesce(name, ''), true, coalesce(checksum, '') FROM {table}")
            }
        };
        let rows = query(client, &what, &sql, &[]).await?;
        let mut read = rows.iter().map(|row| self.row(row)).collect::<Result<Vec<_>, _>>()?;
        if let Some(begun) = self.begun.as_ref().filter(|_| self.ledger == Ledger::Refinery) {
            let sql = format!("SELECT version, name, false, checksum, statements FROM {begun}");
            let begun = query(client, &what, &sql, &[]).await?;
            for row in begun.iter().map(|row| row_of(row, ours(row)?)) {
                read.push(row.map_err(|error| failure::of(&what, &error))?);
            }
        }
        Ok(read)
    }

    fn row(&self, row: &tokio_postgres::Row) -> Result<Row, Error> {
        let table = self.ledger.table();
        let failed = |error: tokio_postgres::Error| {
            Error::new(Kind::ConfigInvalid, format!("the ledger {table} is not as its tool makes it: {error}"))
        };
        let checksum = match self.ledger {
            Ledger::Ours => ours(row).map_err(failed)?,
            Ledger::Sqlx => Checksum::Sqlx(row.try_get(3).map_err(failed)?),
            Ledger::Refinery => {
                let text: String = row.try_get(3).map_err(failed)?;
                let problem = || Error::new(Kind::ConfigInvalid, format!("{table} has the checksum {text:?}"));
                let hash = text.parse().map_err(|_| problem())?;
                Checksum::Refinery { hash, name: row.try_get(1).map_err(failed)?, wide: self.wide }
            }
        };
        row_of(row, checksum).map_err(failed)
    }

    /// Enters that a migration begins. Within its transaction this makes a second runner fail; outside it is what a
    /// later run finds when this one does not reach the end.
    pub(crate) async fn begin(
        &self,
        client: &impl GenericClient,
        migration: &Migration,
        transaction: bool,
    ) -> Result<(), Error> {
        let (version, name) = (migration.version, &migration.name);
        let what = format!("entering {} into the ledger", migration.file);
        match self.ledger {
            Ledger::Ours => {
                let sql = format!(
                    "INSERT INTO {} (version, name, phase, checksum, statements, state) \
                     VALUES ($1, $2, $3, $4, $5, 'begun')",
                    self.table()
                );
                let (text, statements) = sums(migration);
                let phase = migration.phase()?.name();
                let parameters: [crate::session::Parameter<'_>; 5] = [
                    (&version, Type::INT8),
                    (name, Type::TEXT),
                    (&phase, Type::TEXT),
                    (&text, Type::TEXT),
                    (&statements, Type::TEXT),
                ];
                execute(client, &what, &sql, &parameters).await.map(drop)
            }
            Ledger::Sqlx => {
                let sql = format!(
                    "INSERT INTO {} (version, description, success, checksum, execution_time) \
                     VALUES ($1, $2, false, $3, -1)",
                    self.table()
                );
                // As sqlx reads a name.
                let description = name.replace('_', " ");
                let sum = checksum::sqlx(&migration.text);
                let parameters: [crate::session::Parameter<'_>; 3] =
                    [(&version, Type::INT8), (&description, Type::TEXT), (&sum, Type::BYTEA)];
                execute(client, &what, &sql, &parameters).await.map(drop)
            }
            Ledger::Refinery if transaction => Ok(()),
            Ledger::Refinery => {
                let sql = format!("INSERT INTO {BEGUN} (version, name, checksum, statements) VALUES ($1, $2, $3, $4)");
                let (text, statements) = sums(migration);
                let parameters: [crate::session::Parameter<'_>; 4] =
                    [(&version, Type::INT8), (name, Type::TEXT), (&text, Type::TEXT), (&statements, Type::TEXT)];
                execute(client, &what, &sql, &parameters).await.map(drop)
            }
        }
    }

    /// Enters a batch of a backfill.
    pub(crate) async fn progress(&self, client: &impl GenericClient, version: i64, rows: u64) -> Result<(), Error> {
        if self.ledger != Ledger::Ours {
            return Ok(());
        }
        let sql = format!("UPDATE {} SET rows = rows + $2, batches = batches + 1 WHERE version = $1", self.table());
        let rows = signed(rows);
        execute(client, "entering a batch", &sql, &[(&version, Type::INT8), (&rows, Type::INT8)]).await.map(drop)
    }

    /// Enters that a migration is done, in the transaction that does its last part.
    ///
    /// # Errors
    /// `Migrate.Dirty` when the entry of its beginning is gone.
    pub(crate) async fn finish(
        &self,
        client: &impl GenericClient,
        migration: &Migration,
        rows: u64,
        took: Duration,
    ) -> Result<(), Error> {
        let what = format!("entering {} into the ledger", migration.file);
        let version = migration.version;
        let changed = match self.ledger {
            Ledger::Ours => {
                let batched = migration.header.batch.is_some();
                let sql = format!(
                    "UPDATE {} SET state = 'applied', applied_at = now(), milliseconds = $2, \
                     rows = CASE WHEN $4 THEN rows ELSE $3 END WHERE version = $1 AND state = 'begun'",
                    self.table()
                );
                let (took, rows) = (signed(crate::milliseconds(took)), signed(rows));
                let parameters: [crate::session::Parameter<'_>; 4] =
                    [(&version, Type::INT8), (&took, Type::INT8), (&rows, Type::INT8), (&batched, Type::BOOL)];
                execute(client, &what, &sql, &parameters).await?
            }
            Ledger::Sqlx => {
                let sql = format!(
                    "UPDATE {} SET success = true, execution_time = $2 WHERE version = $1 AND NOT success",
                    self.table()
                );
                let nanoseconds = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
                execute(client, &what, &sql, &[(&version, Type::INT8), (&nanoseconds, Type::INT8)]).await?
            }
            Ledger::Refinery => self.finish_refinery(client, migration, &what).await?,
        };
        if changed == 1 {
            return Ok(());
        }
        let problem = format!("{}: its row in the ledger was changed while it ran: look who did that", migration.file);
        Err(Error::new(Kind::MigrateDirty, problem))
    }

    async fn finish_refinery(
        &self,
        client: &impl GenericClient,
        migration: &Migration,
        what: &str,
    ) -> Result<u64, Error> {
        let (version, name) = (migration.version, &migration.name);
        let done = format!("DELETE FROM {BEGUN} WHERE version = $1");
        execute(client, what, &done, &[(&version, Type::INT8)]).await?;
        let sql = format!(
            "INSERT INTO {} (version, name, applied_on, checksum) VALUES ($1, $2, \
             to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), $3)",
            self.table()
        );
        let sum = checksum::refinery(name, version, &migration.text, self.wide).to_string();
        let parameters: [crate::session::Parameter<'_>; 3] =
            [(&version, Type::INT8), (name, Type::TEXT), (&sum, Type::TEXT)];
        execute(client, what, &sql, &parameters).await
    }

    fn table(&self) -> &str {
        self.table.as_deref().unwrap_or(self.ledger.table())
    }
}

fn row_of(row: &tokio_postgres::Row, checksum: Checksum) -> Result<Row, tokio_postgres::Error> {
    let state = if row.try_get(2)? { State::Applied } else { State::Begun };
    Ok(Row { version: row.try_get(0)?, name: row.try_get(1)?, checksum, state })
}

fn ours(row: &tokio_postgres::Row) -> Result<Checksum, tokio_postgres::Error> {
    Ok(Checksum::Ours { text: row.try_get(3)?, statements: row.try_get(4)? })
}

fn sums(migration: &Migration) -> (String, String) {
    match checksum::ours(migration) {
        Checksum::Ours { text, statements } => (text, statements),
        Checksum::Sqlx(_) | Checksum::Refinery { .. } => Default::default(),
    }
}

/// The qualified and quoted name of a table that the search path finds.
async fn table(client: &Client, name: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.oid = to_regclass($1)";
    let rows = query(client, "looking for the ledger", sql, &[(&name, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

async fn is_wide(client: &Client, table: &str) -> Result<bool, Error> {
    let sql =
        "SELECT atttypid = 'int8'::regtype FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'version'";
    let rows = query(client, "looking at the ledger", sql, &[(&table, Type::TEXT)]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
