//! Ledgers that sqlx and refinery began, in the form in which those tools make and read them.

use crate::world::{World, input};

const FIRST: &str = "CREATE TABLE orders (id int PRIMARY KEY, status text);\n";
const SECOND: &str = "-- phase: expand\nALTER TABLE orders ADD COLUMN currency text;\n";

const SQLX: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, \
    execution_time BIGINT NOT NULL)";
const REFINERY: &str = "CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name VARCHAR(255), \
    applied_on VARCHAR(255), checksum VARCHAR(255))";

/// What PostgreSQL itself computes of a text as sqlx does.
fn sha384(text: &str) -> String {
    format!("sha384(convert_to('{text}', 'UTF8'))")
}

#[tokio::test]
async fn the_ledger_of_sqlx_is_continued() {
    let Some(world) = World::new("sqlx_ledger").await else { return };
    world.run(&format!("{SQLX}; {FIRST}")).await;
    let first = sha384(FIRST);
    world.run(&format!("INSERT INTO _sqlx_migrations VALUES (1, 'create all', now(), true, {first}, 5)")).await;
    world.file("0001_create_all.up.sql", FIRST).file("0001_create_all.down.sql", "DROP TABLE orders;");
    world.file("0002_add_currency.up.sql", SECOND);
    world.file(
        "0003_index.sql",
        "-- no-transaction\n-- phase: expand\nCREATE INDEX CONCURRENTLY i ON orders (status);\n",
    );
    assert_eq!(world.applied("expand").await, [2, 3]);
    let rows = "SELECT string_agg(format('%s %s %s %s', version, description, success, execution_time > 0), ', ' \
        ORDER BY version) FROM _sqlx_migrations";
    assert_eq!(world.ask(rows).await, "1 create all t t, 2 add currency t t, 3 index t t");
    let same = format!("SELECT checksum = {} FROM _sqlx_migrations WHERE version = 2", sha384(SECOND));
    assert_eq!(world.ask(&same).await, "true");
    assert_eq!(world.ask("SELECT to_regclass('stepwright_migrations') IS NULL").await, "true");
    world.file("0002_add_currency.up.sql", &SECOND.replace("text", "varchar"));
    assert_eq!(world.refused("expand").await.0, "Migrate.ChecksumMismatch");
    world.file("0002_add_currency.up.sql", SECOND);
    world.run("INSERT INTO _sqlx_migrations VALUES (4, 'half', now(), false, '', -1)").await;
    world.file("0004_half.sql", "-- phase: expand\nSELECT 1;");
    let (name, _) = world.refused("expand").await;
    assert_eq!(name, "Migrate.ChecksumMismatch");
    let half = sha384("-- phase: expand\nSELECT 1;");
    world.run(&format!("UPDATE _sqlx_migrations SET checksum = {half} WHERE version = 4")).await;
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.Dirty");
    assert!(message.starts_with("0004_half.sql stopped half-way"), "{message}");
}

#[tokio::test]
async fn the_ledger_of_refinery_is_continued() {
    let Some(world) = World::new("refinery_ledger").await else { return };
    world.run(&format!("{REFINERY}; {FIRST}")).await;
    // As refinery 0.10.1 computes it for this version, name and text.
    let text = "-- phase: expand\nALTER TABLE orders ADD COLUMN currency text;\n";
    world.run(text).await;
    let entry = "(7, 'add_currency', '2026-01-02T03:04:05.123456789Z', '17222499274669166913')";
    world.run(&format!("INSERT INTO refinery_schema_history VALUES {entry}")).await;
    world.file("V7__add_currency.sql", text);
    world.file("V8__fill.sql", "-- phase: expand\nINSERT INTO orders VALUES (1, 'a');\n");
    world.file(
        "V9__index.sql",
        "-- no-transaction\n-- phase: expand\nCREATE INDEX CONCURRENTLY i ON orders (status);\n",
    );
    assert_eq!(world.applied("expand").await, [8, 9]);
    let rows = "SELECT string_agg(format('%s %s %s', version, name, checksum ~ '^[0-9]+$' AND \
        applied_on::timestamptz > '2026-01-01'), ', ' ORDER BY version) FROM refinery_schema_history";
    assert_eq!(world.ask(rows).await, "7 add_currency t, 8 fill t, 9 index t");
    assert_eq!(world.ask("SELECT count(*) FROM stepwright_begun").await, "0");
    assert!(world.applied("expand").await.is_empty(), "what was written is read back");
    world.remove("V9__index.sql");
    world.file(
        "V9__indexes.sql",
        "-- no-transaction\n-- phase: expand\nCREATE INDEX CONCURRENTLY i ON orders (status);\n",
    );
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.ChecksumMismatch");
    assert!(message.contains("under the name index"), "{message}");
}

#[tokio::test]
async fn a_database_with_two_ledgers_is_refused() {
    let Some(world) = World::new("two_ledgers").await else { return };
    world.run(&format!("{SQLX}; {REFINERY}")).await;
    let error = world.send(input("plan", "expand")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid");
    assert!(error.message().contains("_sqlx_migrations and refinery_schema_history"), "{error}");
}
