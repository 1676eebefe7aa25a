//! Migrations whose statements cannot run in a transaction: indexes built concurrently.
//!
//! The ledger says "begun" before the first statement. When a run ends in between, its index may be there, whole or
//! invalid; the next run takes it for its own only if it is exactly what the statement makes.

use crate::apply::{Counts, Run};
use crate::session::{LOCK, PATIENT_STATEMENT, Session, execute, query};
use crate::{failure, lock};
use operations::Error;
use operations::error::Kind;
use operations::migration::statement::{ConcurrentIndex, Statement};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// The empty copy of a table, and the index on it, from which one reads how PostgreSQL writes a definition.
const COPY: &str = "stepwright_copy";
const PROBE: &str = "stepwright_probe";

/// An index that is there.
struct Found {
    /// Its qualified and quoted name.
    name: String,
    /// Whether it is an index on the statement's table at all.
    on_table: bool,
    valid: bool,
    /// As PostgreSQL writes it; empty for what is no index.
    definition: String,
}

/// Applies the statements one by one.
pub(crate) async fn run(run: &Run<'_>, session: &mut Session) -> Result<Counts, Error> {
    let begin = Instant::now();
    let statements = run.statements()?;
    if !run.begun {
        nothing_in_the_way(run, &session.client, &statements).await?;
        let transaction = run.begin(session).await?;
        run.book.begin(&transaction, run.migration, false).await?;
        transaction.commit().await.map_err(|error| failure::of(&run.migration.file, &error))?;
    }
    let mut rows = 0;
    for statement in &statements {
        lock::check(&session.client).await?;
        limit(run, session, statement).await?;
        rows += match statement.concurrent_index() {
            Some(index) => build(run, session, statement, &index).await?,
            None => run.execute(&session.client, statement).await?,
        };
        run.task.beat();
    }
    let transaction = run.begin(session).await?;
    run.finish(transaction, rows, begin.elapsed()).await?;
    Ok(Counts { rows, ..Counts::default() })
}

/// The time-outs of a statement. One that runs concurrently waits for old transactions without holding anybody up, so
/// that its statement time-out is its limit.
async fn limit(run: &Run<'_>, session: &Session, statement: &Statement) -> Result<(), Error> {
    let header = &run.migration.header;
    let usual = if statement.is_concurrent() { Duration::ZERO } else { LOCK };
    session.set("lock_timeout", header.lock_timeout.unwrap_or(usual), false).await?;
    session.set("statement_timeout", header.statement_timeout.unwrap_or(PATIENT_STATEMENT), false).await
}

/// Before anything is begun: no index of these names that nobody finished, and none that would make it fail.
async fn nothing_in_the_way(run: &Run<'_>, client: &Client, statements: &[Statement]) -> Result<(), Error> {
    for statement in statements {
        let Some(index) = statement.concurrent_index() else { continue };
        match existing(client, &index).await? {
            Some(found) if !found.valid => {
                let problem = "is invalid, and this runner did not begin it: find out whose it is, and drop it if \
                               nobody builds it any more";
                return Err(Error::new(
                    Kind::MigrateDirty,
                    format!("{}: index {} {problem}", run.what(statement), found.name),
                ));
            }
            Some(found) if !index.if_not_exists => {
                let problem = "exists already: drop it, or say IF NOT EXISTS if it is the one that is wanted";
                let text = format!("{}: index {} {problem}", run.what(statement), found.name);
                return Err(Error::new(Kind::PreconditionFailed, text));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Builds an index, unless an earlier run did; what that one left unfinished is dropped first.
async fn build(
    run: &Run<'_>,
    session: &mut Session,
    statement: &Statement,
    index: &ConcurrentIndex,
) -> Result<u64, Error> {
    let what = run.what(statement);
    if run.begun
        && let Some(found) = existing(&session.client, index).await?
    {
        if !found.on_table || ending(&found.definition) != ending(&definition(session, index, &what).await?) {
            let problem = "stands where a run that was cut short built another: rename or drop it, and run this again";
            return Err(Error::new(Kind::MigrateDirty, format!("{what}: {} {problem}", found.name)));
        }
        if found.valid {
            return Ok(0);
        }
        tracing::warn!(index = found.name, "an invalid index was left by a run that was cut short: it is built again");
        let drop = format!("DROP INDEX CONCURRENTLY {}", found.name);
        execute(&session.client, &format!("{what}: dropping what was left"), &drop, &[]).await?;
    }
    run.execute(&session.client, statement).await?;
    match existing(&session.client, index).await? {
        Some(found) if found.valid => Ok(0),
        _ => {
            let problem = "the index is not valid after it was built: look at it before anything else";
            Err(Error::new(Kind::MigrateDirty, format!("{what}: {problem}")))
        }
    }
}

/// The index, or whatever else has its name in the schema of its table.
async fn existing(client: &Client, index: &ConcurrentIndex) -> Result<Option<Found>, Error> {
    let sql = "SELECT format('%I.%I', n.nspname, i.relname), coalesce(x.indrelid = t.oid, false), \
               coalesce(x.indisvalid, true), coalesce(pg_get_indexdef(x.indexrelid), '') \
               FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace \
               JOIN pg_class i ON i.relnamespace = n.oid AND i.relname = $2 \
               LEFT JOIN pg_index x ON x.indexrelid = i.oid WHERE t.oid = to_regclass($1)";
    let (table, name) = (&index.table, &index.stored);
    let rows =
        query(client, &format!("looking for index {name}"), sql, &[(table, Type::TEXT), (name, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| Found {
        name: row.get(0),
        on_table: row.get(1),
        valid: row.get(2),
        definition: row.get(3),
    }))
}

/// How PostgreSQL itself would write the index: it makes one on an empty copy of the table.
async fn definition(session: &mut Session, index: &ConcurrentIndex, what: &str) -> Result<String, Error> {
    let what = format!("{what}: comparing it with the index that is there");
    let transaction = session.client.transaction().await.map_err(|error| failure::of(&what, &error))?;
    let copy = format!("CREATE TEMPORARY TABLE {COPY} (LIKE {}) ON COMMIT DROP", index.table);
    execute(&transaction, &what, &copy, &[]).await?;
    execute(&transaction, &what, &index.on(COPY, PROBE), &[]).await?;
    let probe = format!("SELECT pg_get_indexdef('pg_temp.{PROBE}'::regclass)");
    let rows = query(&transaction, &what, &probe, &[]).await?;
    transaction.rollback().await.map_err(|error| failure::of(&what, &error))?;
    Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
}

/// What a definition says without its names: whether it is unique, and everything from the method on.
fn ending(definition: &str) -> (bool, &str) {
    let ending = definition.split_once(" USING ").map(|(_, ending)| ending).unwrap_or_default();
    (definition.starts_with("CREATE UNIQUE "), ending)
}
