//! Activity worker `migration-runner`: applies the migrations of a PostgreSQL database, one phase at a time.
//!
//! What is decided (which files are pending, which statements are refused) is `operations::migration`; this crate
//! gathers the facts and does it. Each migration is one transaction together with its row in the ledger, so that it
//! happens exactly once, however the worker ends. What cannot run in a transaction is marked in the ledger before it
//! begins, and recognised or refused afterwards.
//!
//! The database's time is real: its time-outs, and the waits for its locks, are never scaled.

mod apply;
mod backfill;
mod concurrent;
mod connection;
mod facts;
mod failure;
mod files;
mod ledger;
mod lock;
mod session;
mod tls;

use clients::{Clock, Environment, secret};
use connection::Place;
use ledger::Book;
use operations::Error;
use operations::migration::lint;
use operations::migration::plan::nothing_pending;
use operations::migration::{Migration, Operation, Plan, Request, plan};
use operations::snapshot::Evidence;
use serde_json::{Value, json};
use session::Session;
use std::time::Duration;
use tokio::time::Instant;
use worker_kit::{Activity, Task};

/// The activity.
#[derive(Debug, Clone)]
pub struct MigrationRunner {
    environment: Environment,
    clock: Clock,
    secrets: aws_sdk_secretsmanager::Client,
    /// How long to wait for the lock that lets one runner at a time work on a database.
    patience: Duration,
}

impl MigrationRunner {
    /// The activity with its clients. `MIGRATION_LOCK_SECONDS` says how long it waits for another runner, 60 s unless
    /// it is set.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the variable.
    pub fn new(aws: &aws_types::SdkConfig, environment: Environment, clock: Clock) -> Result<Self, Error> {
        let patience = environment.positive("MIGRATION_LOCK_SECONDS", 60)?;
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        Ok(Self { environment, clock, secrets, patience: Duration::from_secs(patience.into()) })
    }

    async fn place(&self, request: &Request) -> Result<Place, Error> {
        let authorities = self.environment.get("DATABASE_CA_FILE");
        match &request.secret_arn {
            Some(arn) => Place::of_secret(arn, &secret::text(&self.secrets, arn).await?, authorities),
            None => Place::of_url(self.environment.required("DATABASE_URL")?, authorities),
        }
    }

    /// Says what is pending, and whether it could be applied.
    async fn look(&self, request: &Request, files: &[Migration], session: &mut Session) -> Result<Value, Error> {
        let book = Book::find(&session.client).await?;
        let rows = book.rows(&session.client).await?;
        let found = plan(book.ledger, files, &rows, request.phase, request.allow_out_of_order)?;
        if request.operation == Operation::Verify {
            nothing_pending(&found, request.phase)?;
        } else {
            safe(&found, request, session).await?;
        }
        Ok(self.report(request, &book, &found, None))
    }

    async fn apply(
        &self,
        request: &Request,
        files: &[Migration],
        session: &mut Session,
        task: &Task,
    ) -> Result<Value, Error> {
        let waited = lock::acquire(session, self.patience, task).await?;
        let outcome = self.apply_locked(request, files, session, task, waited).await;
        // The lock also ends with the connection: this only makes it free a little sooner.
        lock::release(session).await;
        outcome
    }

    async fn apply_locked(
        &self,
        request: &Request,
        files: &[Migration],
        session: &mut Session,
        task: &Task,
        waited: Duration,
    ) -> Result<Value, Error> {
        let mut book = Book::find(&session.client).await?;
        let rows = book.rows(&session.client).await?;
        let found = plan(book.ledger, files, &rows, request.phase, request.allow_out_of_order)?;
        safe(&found, request, session).await?;
        if !found.pending.is_empty() {
            book.create(&session.client).await?;
        }
        let begin = Instant::now();
        let mut applied = Vec::new();
        for migration in &found.pending {
            let begun = found.begun.contains(&migration.version);
            let run = apply::Run { migration, request, book: &book, begun, task };
            let done = run.apply(session).await.map_err(|error| after(error, &applied))?;
            applied.push(done);
            task.beat();
        }
        let run = Done { applied, waited, took: begin.elapsed() };
        Ok(self.report(request, &book, &found, Some(run)))
    }

    fn report(&self, request: &Request, book: &Book, found: &Plan<'_>, done: Option<Done>) -> Value {
        let title = |migration: &&Migration| json!({"version": migration.version, "name": migration.name, "file": migration.file});
        let (phase, target) = (request.phase, &request.target);
        let pending: Vec<_> = if done.is_some() { Vec::new() } else { found.pending.iter().map(title).collect() };
        let summary = match (&done, found.pending.len()) {
            (_, 0) => format!("nothing of phase {phase} is pending for {target}"),
            (None, number) => format!("{number} of phase {phase} pending for {target}"),
            (Some(done), number) => {
                format!("applied {number} of phase {phase} for {target} in {} ms", done.took.as_millis())
            }
        };
        let applied: Vec<_> = done.iter().flat_map(|done| done.applied.iter().map(apply::Applied::to_json)).collect();
        let fact = json!({"ledger": book.ledger.table(), "alreadyApplied": found.already_applied, "applied": applied});
        let mut report = json!({
            "applied": applied,
            "pending": pending,
            "alreadyApplied": found.already_applied,
            "summary": summary,
            "evidence": [Evidence::probe("postgresql", fact, self.clock.now())],
        });
        if let Some(done) = done {
            report["milliseconds"] = json!(milliseconds(done.took));
            report["lockWaitMilliseconds"] = json!(milliseconds(done.waited));
        }
        report
    }
}

/// What a run did.
struct Done {
    applied: Vec<apply::Applied>,
    waited: Duration,
    took: Duration,
}

/// Refuses what would block or break.
async fn safe(found: &Plan<'_>, request: &Request, session: &Session) -> Result<(), Error> {
    let facts = facts::gather(&session.client, &lint::tables(&found.pending)).await?;
    lint::refuse(&lint::lint(&found.pending, request.phase, &facts))
}

/// The failure of a migration, with those that were applied before it.
fn after(error: Error, applied: &[apply::Applied]) -> Error {
    if applied.is_empty() {
        return error;
    }
    let files: Vec<_> = applied.iter().map(|applied| applied.file.as_str()).collect();
    Error::new(error.kind(), format!("{}; applied before it: {}", error.message(), files.join(", ")))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Activity for MigrationRunner {
    async fn run(&self, input: Value, task: &Task) -> Result<Value, Error> {
        let request = Request::parse(&input)?;
        let files = files::read(self.environment.required("MIGRATIONS_PATH")?, &request.directory)?;
        let mut session = Session::open(&self.place(&request).await?).await?;
        match request.operation {
            Operation::Apply => self.apply(&request, &files, &mut session, task).await,
            Operation::Plan | Operation::Verify => self.look(&request, &files, &mut session).await,
        }
    }
}
