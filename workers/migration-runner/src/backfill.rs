//! Batched backfills: one statement, again and again, each time in a transaction of its own, until it changes nothing.
//!
//! It pauses while replicas lag behind, and while a person says so:
//! `ALTER DATABASE orders SET stepwright.backfill = 'pause'` (and `RESET stepwright.backfill`). A run that ends in
//! between has lost nothing: the statement finds by itself what is still to be done.

use crate::apply::{Counts, Run};
use crate::session::{Session, execute, query};
use crate::{failure, lock};
use operations::Error;
use operations::error::Kind;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Pause between two looks at what a backfill waits for.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the statement until it changes nothing.
pub(crate) async fn run(run: &Run<'_>, session: &mut Session) -> Result<Counts, Error> {
    let begin = Instant::now();
    if !run.begun {
        let transaction = run.begin(session).await?;
        run.book.begin(&transaction, run.migration, false).await?;
        transaction.commit().await.map_err(|error| failure::of(&run.migration.file, &error))?;
    }
    let mut counts = Counts::default();
    loop {
        counts.paused += wait(run, &session.client).await?;
        let rows = batch(run, session, begin).await?;
        run.task.beat();
        if rows == 0 {
            return Ok(counts);
        }
        counts.rows += rows;
        counts.batches += 1;
        tracing::info!(file = run.migration.file, rows = counts.rows, batches = counts.batches, "batch done");
    }
}

/// One batch; the one that changes nothing also ends the migration.
async fn batch(run: &Run<'_>, session: &mut Session, begin: Instant) -> Result<u64, Error> {
    let statements = run.statements()?;
    let [statement] = &statements[..] else {
        let problem = format!("{} is not one statement", run.migration.file);
        return Err(Error::new(Kind::MigrateUnsafeStatement, problem));
    };
    let size = i64::from(run.migration.header.batch.unwrap_or(1));
    let transaction = run.begin(session).await?;
    let rows = execute(&transaction, &run.what(statement), &statement.text, &[(&size, Type::INT8)]).await?;
    if rows == 0 {
        run.finish(transaction, 0, begin.elapsed()).await?;
        return Ok(0);
    }
    run.book.progress(&transaction, run.migration.version, rows).await?;
    transaction.commit().await.map_err(|error| failure::of(&run.what(statement), &error))?;
    Ok(rows)
}

/// Waits while the backfill has to pause; how long.
async fn wait(run: &Run<'_>, client: &Client) -> Result<Duration, Error> {
    let begin = Instant::now();
    let mut reason = None;
    loop {
        lock::check(client).await?;
        let now = why_pause(client, run.request.max_replica_lag_seconds).await?;
        if reason != now {
            tracing::info!(
                file = run.migration.file,
                reason = now,
                "the backfill {}",
                if now.is_some() { "pauses" } else { "goes on" }
            );
            reason = now;
        }
        if reason.is_none() {
            return Ok(begin.elapsed());
        }
        run.task.beat();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Why the backfill has to pause now.
///
/// # Errors
/// `Ops.AccessDenied` when there are replicas whose lag we may not see: what is not known is not good.
async fn why_pause(client: &Client, limit: u32) -> Result<Option<String>, Error> {
    let asked = "SELECT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase \
                 WHERE d.datname = current_database() AND s.setrole = 0 AND 'stepwright.backfill=pause' = ANY (s.setconfig))";
    let asked = query(client, "asking whether to pause", asked, &[]).await?;
    if asked.first().is_some_and(|row| row.get(0)) {
        return Ok(Some("the database's setting stepwright.backfill is pause".into()));
    }
    let lag = "SELECT count(*) FILTER (WHERE state IS NULL), \
               coalesce(max(extract(epoch FROM replay_lag)), 0)::float8 FROM pg_stat_replication";
    let rows = query(client, "asking how far replicas lag behind", lag, &[]).await?;
    let (hidden, seconds): (i64, f64) = rows.first().map(|row| (row.get(0), row.get(1))).unwrap_or_default();
    if hidden > 0 {
        let remedy = "grant pg_monitor to the user of the migrations";
        return Err(Error::new(Kind::AccessDenied, format!("the lag of {hidden} replicas is not visible: {remedy}")));
    }
    Ok((seconds > f64::from(limit)).then(|| format!("a replica is {seconds:.0} s behind, more than {limit} s")))
}
