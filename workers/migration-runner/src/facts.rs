//! What the linter needs to know of the tables that pending migrations change.

use crate::session::query;
use operations::Error;
use operations::migration::lint::{Check, Facts, LARGE, Table};
use std::collections::BTreeMap;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Gathers the facts of those of `tables` (by key, as the statements name them) that exist.
///
/// Rows are counted, but no further than the linter asks: statistics may be old, or not there at all.
///
/// # Errors
/// As [`crate::failure::of`].
pub(crate) async fn gather(client: &Client, tables: &BTreeMap<String, String>) -> Result<Facts, Error> {
    let mut facts = Facts::new();
    for (key, name) in tables {
        if let Some(table) = table(client, name).await? {
            facts.insert(key.clone(), table);
        }
    }
    Ok(facts)
}

async fn table(client: &Client, name: &str) -> Result<Option<Table>, Error> {
    let what = format!("looking at table {name}");
    let found =
        "SELECT c.oid, c.oid::regclass::text FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')";
    let found = query(client, &what, found, &[(&name, Type::TEXT)]).await?;
    let Some(found) = found.first() else { return Ok(None) };
    let (oid, name): (u32, String) = (found.get(0), found.get(1));
    let count = format!("SELECT count(*) FROM (SELECT FROM {name} LIMIT {}) counted", LARGE + 1);
    let rows = query(client, &what, &count, &[]).await?;
    let columns = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
                   WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped";
    let columns = query(client, &what, columns, &[(&oid, Type::OID)]).await?;
    let checks = "SELECT conname::text, pg_get_constraintdef(oid), convalidated FROM pg_constraint \
                  WHERE conrelid = $1 AND contype = 'c'";
    let checks = query(client, &what, checks, &[(&oid, Type::OID)]).await?;
    let check = |row: &tokio_postgres::Row| Check { name: row.get(0), definition: row.get(1), validated: row.get(2) };
    Ok(Some(Table {
        rows: rows.first().map(|row| row.get::<_, i64>(0)).and_then(|rows| u64::try_from(rows).ok()),
        columns: columns.iter().map(|row| (row.get(0), row.get(1))).collect(),
        checks: checks.iter().map(check).collect(),
    }))
}
