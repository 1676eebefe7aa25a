//! One migration.

use crate::ledger::Book;
use crate::session::{LOCK, PATIENT_STATEMENT, STATEMENT, Session, execute, query, set};
use crate::{backfill, concurrent, failure, lock, milliseconds};
use operations::Error;
use operations::error::Kind;
use operations::migration::statement::{self, Statement};
use operations::migration::{Migration, Phase, Request};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use worker_kit::Task;

/// What was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) phase: Phase,
    /// Rows that this run inserted, updated or deleted.
    pub(crate) rows: u64,
    /// Batches of this run; 0 for a migration without.
    pub(crate) batches: u64,
    pub(crate) took: Duration,
    /// How long this run paused for replicas or for a person.
    pub(crate) paused: Duration,
    /// Whether an earlier run had begun it.
    pub(crate) resumed: bool,
}

impl Applied {
    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({"version": self.version, "name": self.name, "file": self.file,
            "phase": self.phase.name(), "rows": self.rows, "milliseconds": milliseconds(self.took)});
        if self.batches > 0 {
            value["batches"] = json!(self.batches);
            value["pausedMilliseconds"] = json!(milliseconds(self.paused));
        }
        if self.resumed {
            value["resumed"] = json!(true);
        }
        value
    }
}

/// The run of one migration.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) migration: &'a Migration,
    pub(crate) request: &'a Request,
    pub(crate) book: &'a Book,
    /// Whether an earlier run began it.
    pub(crate) begun: bool,
    pub(crate) task: &'a Task,
}

/// Rows, batches and pauses of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    pub(crate) batches: u64,
    pub(crate) paused: Duration,
}

impl Run<'_> {
    /// Applies it.
    pub(crate) async fn apply(&self, session: &mut Session) -> Result<Applied, Error> {
        let migration = self.migration;
        tracing::info!(file = migration.file, "migration begun");
        let begin = Instant::now();
        let counts = if migration.header.batch.is_some() {
            backfill::run(self, session).await?
        } else if migration.header.no_transaction {
            concurrent::run(self, session).await?
        } else {
            self.in_transaction(session).await?
        };
        let Counts { rows, batches, paused } = counts;
        let took = begin.elapsed();
        tracing::info!(file = migration.file, rows, ?took, "migration applied");
        let (name, file, phase) = (migration.name.clone(), migration.file.clone(), self.request.phase);
        let version = migration.version;
        Ok(Applied { version, name, file, phase, rows, batches, took, paused, resumed: self.begun })
    }

    /// The statements and the row in the ledger are one transaction: all of it happens, once, or nothing.
    async fn in_transaction(&self, session: &mut Session) -> Result<Counts, Error> {
        let begin = Instant::now();
        let transaction = self.begin(session).await?;
        self.book.begin(&transaction, self.migration, true).await?;
        let mut rows = 0;
        for statement in self.statements()? {
            rows += self.execute(&transaction, &statement).await?;
            self.task.beat();
        }
        self.finish(transaction, rows, begin.elapsed()).await?;
        Ok(Counts { rows, ..Counts::default() })
    }

    /// The statements of the file.
    pub(crate) fn statements(&self) -> Result<Vec<Statement>, Error> {
        let failed = |problem| Error::new(Kind::MigrateUnsafeStatement, format!("{}: {problem}", self.migration.file));
        statement::split(&self.migration.text).map_err(failed)
    }

    /// A transaction with the file's time-outs, under the lock.
    pub(crate) async fn begin<'s>(&self, session: &'s mut Session) -> Result<Transaction<'s>, Error> {
        let failed = |error| failure::of(&self.migration.file, &error);
        let transaction = session.client.transaction().await.map_err(failed)?;
        lock::check(&transaction).await?;
        let header = &self.migration.header;
        set(&transaction, "lock_timeout", header.lock_timeout.unwrap_or(LOCK), true).await?;
        set(&transaction, "statement_timeout", header.statement_timeout.unwrap_or(STATEMENT), true).await?;
        Ok(transaction)
    }

    /// Runs one statement; how many rows it changed.
    pub(crate) async fn execute(
        &self,
        client: &impl tokio_postgres::GenericClient,
        statement: &Statement,
    ) -> Result<u64, Error> {
        let rows = execute(client, &self.what(statement), &statement.text, &[]).await?;
        Ok(if statement.changes_rows() { rows } else { 0 })
    }

    /// A statement's place, for messages.
    pub(crate) fn what(&self, statement: &Statement) -> String {
        format!("{} line {}: `{}`", self.migration.file, statement.line, statement.excerpt())
    }

    /// Verifies, enters the migration as done, and commits.
    pub(crate) async fn finish(
        &self,
        mut transaction: Transaction<'_>,
        rows: u64,
        took: Duration,
    ) -> Result<(), Error> {
        let failed = |error| failure::of(&format!("{}: committing", self.migration.file), &error);
        for question in &self.migration.header.verify {
            // Whatever the query calls, it cannot write, and nothing of it stays.
            let aside = transaction.transaction().await.map_err(failed)?;
            self.verify(&aside, question).await?;
            aside.rollback().await.map_err(failed)?;
        }
        self.book.finish(&transaction, self.migration, rows, took).await?;
        transaction.commit().await.map_err(failed)
    }

    async fn verify(&self, aside: &Transaction<'_>, question: &str) -> Result<(), Error> {
        let what = format!("{}: verifying `{question}`", self.migration.file);
        set_read_only(aside).await?;
        let limit = self.migration.header.statement_timeout.unwrap_or(PATIENT_STATEMENT);
        set(aside, "statement_timeout", limit, true).await?;
        let rows = query(aside, &what, question, &[]).await?;
        let failed = |problem: &str| Err(Error::new(Kind::MigrateVerificationFailed, format!("{what}: {problem}")));
        let [row] = &rows[..] else { return failed(&format!("it answered {} rows, not one", rows.len())) };
        match row.columns() {
            [column] if *column.type_() == Type::BOOL => match row.get::<_, Option<bool>>(0) {
                Some(true) => Ok(()),
                Some(false) => failed("it answered false"),
                None => failed("it answered null"),
            },
            _ => failed("it must answer one column, true or false"),
        }
    }
}

async fn set_read_only(aside: &Transaction<'_>) -> Result<(), Error> {
    let sql = "SELECT set_config('transaction_read_only', 'on', true)";
    query(aside, "making a transaction read-only", sql, &[]).await.map(drop)
}
