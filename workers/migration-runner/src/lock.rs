//! The lock that lets one runner at a time work on a database.
//!
//! It is the session-level advisory lock that sqlx takes, so that a person with sqlx's own tool waits for us, and we
//! for them. Unlike sqlx we do not wait for ever.

use crate::session::{Session, query};
use operations::Error;
use operations::error::Kind;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;
use worker_kit::Task;

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits for the lock, but not longer than `patience`; how long it took.
///
/// # Errors
/// `Migrate.LockTimeout` saying who has it.
pub(crate) async fn acquire(session: &Session, patience: Duration, task: &Task) -> Result<Duration, Error> {
    let key = key(&session.client).await?;
    let begin = Instant::now();
    loop {
        let attempt = "SELECT pg_try_advisory_lock($1)";
        let answer = query(&session.client, "locking the migrations", attempt, &[(&key, Type::INT8)]).await?;
        if answer.first().is_some_and(|row| row.get(0)) {
            return Ok(begin.elapsed());
        }
        if begin.elapsed() >= patience {
            let problem = format!(
                "another runner works on this database ({}): gave up after {} s",
                holder(session, key).await.unwrap_or_else(|| "unknown".into()),
                patience.as_secs()
            );
            return Err(Error::new(Kind::MigrateLockTimeout, problem));
        }
        task.beat();
        tokio::time::sleep(PAUSE.min(patience.saturating_sub(begin.elapsed()))).await;
    }
}

/// Gives the lock back. A failure is none: the lock ends with the connection.
pub(crate) async fn release(session: &Session) {
    if let Err(error) = session.client.batch_execute("SELECT pg_advisory_unlock_all()").await {
        tracing::debug!(%error, "the lock ends with the connection");
    }
}

/// Makes sure that the lock is still ours: a migration could have given it back, and behind a pooler that hands out a
/// different connection for each transaction it never was.
///
/// # Errors
/// `Ops.ConfigInvalid` when it is not.
pub(crate) async fn check(client: &impl GenericClient) -> Result<(), Error> {
    let held = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted \
                AND objsubid = 1 AND (classid::int8 << 32 | objid::int8) = $1)";
    let key = key(client).await?;
    let answer = query(client, "checking the lock of the migrations", held, &[(&key, Type::INT8)]).await?;
    if answer.first().is_some_and(|row| row.get(0)) {
        return Ok(());
    }
    let remedy = "connect to PostgreSQL itself and not to a transaction pooler, and let no migration unlock it";
    Err(Error::new(Kind::ConfigInvalid, format!("the lock of the migrations was lost: {remedy}")))
}

async fn holder(session: &Session, key: i64) -> Option<String> {
    let who = "SELECT format('process %s of %s, application %s, since %s', a.pid, a.usename, a.application_name, \
               a.backend_start) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' \
               AND l.granted AND l.objsubid = 1 AND (l.classid::int8 << 32 | l.objid::int8) = $1";
    query(&session.client, "asking who has the lock", who, &[(&key, Type::INT8)]).await.ok()?.first()?.get(0)
}

/// The lock's number, as sqlx computes it from the database's name.
async fn key(client: &impl GenericClient) -> Result<i64, Error> {
    let answer = query(client, "reading the database's name", "SELECT current_database()::text", &[]).await?;
    Ok(key_of(&answer.first().map(|row| row.get::<_, String>(0)).unwrap_or_default()))
}

fn key_of(database: &str) -> i64 {
    0x3d32_ad9e * i64::from(crc32(database.as_bytes()))
}

/// CRC-32 of ISO-HDLC (IEEE 802.3), bit by bit: names are short.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_that_of_sqlx() {
        // The check value of the algorithm's catalogue entry.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(key_of("123456789"), 0x3d32_ad9e * 0xcbf4_3926);
    }
}
