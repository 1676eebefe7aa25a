//! One case per rule, and what each rule lets pass.

use super::*;

fn migrations(texts: &[&str]) -> Vec<Migration> {
    let read = |(index, text): (usize, &&str)| Migration::read(&format!("{}_m.sql", index + 1), text).unwrap().unwrap();
    texts.iter().enumerate().map(read).collect()
}

fn facts() -> Facts {
    let table = |rows| {
        let columns = [("id", "bigint"), ("status", "character varying(20)"), ("total", "numeric(10,2)")];
        let check = |name: &str, definition: &str, validated| Check {
            name: name.into(),
            definition: definition.into(),
            validated,
        };
        Table {
            rows,
            columns: columns.map(|(name, of)| (name.to_owned(), of.to_owned())).into(),
            checks: vec![
                check("status_there", "CHECK ((status IS NOT NULL))", true),
                check("total_there", "CHECK ((total IS NOT NULL)) NOT VALID", false),
                check("total_positive", "CHECK ((total > (0)::numeric))", true),
            ],
        }
    };
    [("orders", table(Some(LARGE + 1))), ("small", table(Some(LARGE))), ("unknown", table(None))]
        .map(|(name, table)| (name.to_owned(), table))
        .into()
}

/// The rules that are broken, in order.
fn rules_in(phase: Phase, texts: &[&str]) -> Vec<&'static str> {
    let migrations = migrations(texts);
    let pending: Vec<_> = migrations.iter().collect();
    lint(&pending, phase, &facts()).iter().map(|finding| finding.rule).collect()
}

#[track_caller]
fn expect(text: &str, wanted: &[&str]) {
    assert_eq!(rules_in(Phase::Expand, &[text]), wanted, "{text}");
}

#[test]
fn what_the_running_revision_uses_stays() {
    for text in [
        "DROP TABLE orders",
        "ALTER TABLE orders DROP COLUMN status",
        "ALTER TABLE ONLY public.orders ADD COLUMN a text, DROP status CASCADE",
        "DROP INDEX by_status",
        "DROP VIEW a",
        "DROP FUNCTION f()",
        "REVOKE SELECT ON orders FROM shop",
    ] {
        expect(text, &["drop"]);
    }
    for text in [
        "ALTER TABLE orders RENAME TO purchases",
        "ALTER TABLE orders RENAME COLUMN status TO state",
        "ALTER TYPE state RENAME VALUE 'a' TO 'b'",
        "ALTER INDEX a RENAME TO b",
    ] {
        expect(text, &["rename"]);
    }
    expect("TRUNCATE orders", &["truncate"]);
    expect("ALTER TABLE orders ADD COLUMN a int NOT NULL", &["required-column"]);
    expect("ALTER TABLE orders ADD COLUMN a int NOT NULL DEFAULT NULL", &["required-column"]);
    expect("ALTER TABLE orders ADD COLUMN a int NOT NULL DEFAULT 0", &[]);
    let contract = "DROP TABLE orders; ALTER TABLE small DROP COLUMN a; TRUNCATE small; ALTER TABLE small RENAME TO s";
    assert!(rules_in(Phase::Contract, &[contract]).is_empty());
}

#[test]
fn defaults_are_stored_once_or_refused() {
    for default in [
        "'EUR'",
        "0",
        "-1",
        "now()",
        "CURRENT_TIMESTAMP",
        "'{}'::jsonb",
        "ARRAY[]::text[]",
        "ARRAY[1, 2]",
        "interval '1 day'",
        "now() + interval '1 day'",
        "lower('A')",
        "NULL",
        "timestamp '2026-01-01'",
        "TRUE",
    ] {
        expect(&format!("ALTER TABLE orders ADD COLUMN a text DEFAULT {default}"), &[]);
    }
    for default in [
        "gen_random_uuid()",
        "clock_timestamp()",
        "random()",
        "nextval('s')",
        "our_function()",
        "lower(our_function())",
        "(SELECT 1)",
    ] {
        expect(&format!("ALTER TABLE orders ADD COLUMN a text DEFAULT {default}"), &["volatile-default"]);
    }
    for column in ["bigserial", "int GENERATED ALWAYS AS IDENTITY", "int GENERATED ALWAYS AS (1 + 1) STORED"] {
        expect(&format!("ALTER TABLE orders ADD COLUMN a {column}"), &["volatile-default"]);
    }
    expect("ALTER TABLE orders ALTER COLUMN id SET DEFAULT gen_random_uuid()", &[]);
}

#[test]
fn types_may_widen() {
    expect("ALTER TABLE orders ALTER COLUMN status TYPE text", &[]);
    expect("ALTER TABLE orders ALTER status SET DATA TYPE varchar(40)", &[]);
    expect("ALTER TABLE orders ALTER COLUMN status TYPE varchar(10)", &["rewrite"]);
    expect("ALTER TABLE orders ALTER COLUMN status TYPE text USING upper(status)", &["rewrite"]);
    expect("ALTER TABLE orders ALTER COLUMN elsewhere TYPE text", &["rewrite"]);
    expect("ALTER TABLE absent ALTER COLUMN a TYPE text", &["rewrite"]);
    assert_eq!(rules_in(Phase::Contract, &["ALTER TABLE orders ALTER COLUMN id TYPE int"]), ["rewrite"]);
}

#[test]
fn not_null_needs_a_validated_check() {
    expect("ALTER TABLE orders ALTER COLUMN status SET NOT NULL", &[]);
    expect("ALTER TABLE orders ALTER COLUMN total SET NOT NULL", &["set-not-null"]);
    let dropped = "ALTER TABLE orders DROP CONSTRAINT status_there; ALTER TABLE orders ALTER status SET NOT NULL";
    expect(dropped, &["set-not-null"]);
    let validate = "ALTER TABLE orders VALIDATE CONSTRAINT total_there";
    let set = "ALTER TABLE orders ALTER COLUMN total SET NOT NULL";
    assert!(rules_in(Phase::Expand, &[validate, set]).is_empty());
    let add = "ALTER TABLE orders ADD CONSTRAINT id_there CHECK (id IS NOT NULL) NOT VALID";
    let validate = "ALTER TABLE orders VALIDATE CONSTRAINT id_there";
    let set = "ALTER TABLE orders ALTER id SET NOT NULL";
    assert!(rules_in(Phase::Expand, &[add, validate, set]).is_empty());
    assert_eq!(rules_in(Phase::Expand, &[add, set]), ["set-not-null"]);
    assert_eq!(rules_in(Phase::Expand, &[&format!("{add};\n{validate}"), set]), ["validate-with-add"]);
}

#[test]
fn constraints_are_added_without_a_scan() {
    let key = "FOREIGN KEY (id) REFERENCES small (id)";
    expect(&format!("ALTER TABLE orders ADD CONSTRAINT k {key}"), &["constraint-not-valid"]);
    expect(&format!("ALTER TABLE orders ADD CONSTRAINT k {key} NOT VALID"), &[]);
    let both = format!("ALTER TABLE orders ADD CONSTRAINT k {key} NOT VALID; ALTER TABLE orders VALIDATE CONSTRAINT k");
    expect(&both, &["validate-with-add"]);
    expect("ALTER TABLE orders ADD CHECK (total > 0)", &["constraint-not-valid"]);
    expect("ALTER TABLE orders ADD CONSTRAINT p CHECK (total > 0) NOT VALID", &[]);
    expect("ALTER TABLE orders ADD COLUMN a int REFERENCES small (id)", &["constraint-not-valid"]);
    expect("ALTER TABLE orders ADD COLUMN a int UNIQUE", &["constraint-using-index"]);
    expect("ALTER TABLE orders ADD CONSTRAINT u UNIQUE (status)", &["constraint-using-index"]);
    expect("ALTER TABLE orders ADD CONSTRAINT u UNIQUE USING INDEX by_status", &[]);
    expect("ALTER TABLE orders ADD PRIMARY KEY (id)", &["constraint-using-index"]);
}

#[test]
fn indexes_of_large_tables_are_built_concurrently() {
    expect("CREATE INDEX a ON orders (status)", &["index-blocks-writes"]);
    expect("CREATE INDEX a ON unknown (status)", &["index-blocks-writes"]);
    expect("CREATE INDEX a ON absent (status)", &["index-blocks-writes"]);
    expect("CREATE INDEX a ON small (status)", &[]);
    expect("CREATE INDEX CONCURRENTLY a ON orders (status)", &["concurrently-in-transaction"]);
    expect("-- no-transaction\nCREATE INDEX CONCURRENTLY a ON orders (status)", &[]);
    expect("-- no-transaction\nCREATE INDEX CONCURRENTLY ON orders (status)", &["index-without-name"]);
}

#[test]
fn a_table_of_the_same_set_is_free() {
    let create = "CREATE TABLE carts (id bigserial PRIMARY KEY, order_id bigint REFERENCES orders (id))";
    let use_it = "CREATE INDEX a ON public.carts (id); ALTER TABLE carts ADD COLUMN b int NOT NULL UNIQUE; \
        UPDATE carts SET b = 1; DELETE FROM Carts; TRUNCATE carts; DROP TABLE carts";
    assert!(rules_in(Phase::Expand, &[create, use_it]).is_empty());
    let there = "CREATE TABLE IF NOT EXISTS orders (id bigint); CREATE INDEX a ON orders (id)";
    expect(there, &["index-blocks-writes"]);
    expect("CREATE TABLE \"Orders\" (id bigint); CREATE INDEX a ON orders (id)", &["index-blocks-writes"]);
}

#[test]
fn whole_tables_are_not_changed_at_once() {
    expect("UPDATE orders SET status = 'a'", &["no-where"]);
    expect("UPDATE orders SET status = 'a' WHERE id = 1", &[]);
    expect("DELETE FROM orders", &["no-where"]);
    expect("DELETE FROM orders WHERE id = 1", &[]);
    expect("WITH gone AS (DELETE FROM orders RETURNING *) INSERT INTO small SELECT * FROM gone", &["no-where"]);
    assert_eq!(rules_in(Phase::Data, &["UPDATE orders SET status = 'a'"]), ["no-where"]);
    assert_eq!(rules_in(Phase::Contract, &["DELETE FROM orders"]), ["no-where"]);
}

#[test]
fn the_runner_begins_and_commits() {
    for text in ["BEGIN", "COMMIT", "ROLLBACK"] {
        expect(text, &["transaction-control"]);
        assert_eq!(rules_in(Phase::Contract, &[text]), ["transaction-control"]);
    }
    expect("SET lock_timeout = 0", &["session-setting"]);
    expect("-- lock-timeout: 30s\nSELECT 1", &[]);
    expect("-- lock-timeout: 31s\nSELECT 1", &["lock-timeout"]);
    expect("-- no-transaction\n-- lock-timeout: 10min\nCREATE INDEX CONCURRENTLY a ON orders (id)", &[]);
    expect("SET search_path TO shop", &["session-setting"]);
    expect("SET LOCAL search_path TO shop", &[]);
}

#[test]
fn what_is_not_understood_needs_a_mark() {
    expect("DO $$ BEGIN PERFORM 1; END $$", &["unparsed"]);
    expect("-- unchecked: does nothing\nDO $$ BEGIN PERFORM 1; END $$", &[]);
    expect("-- unchecked: clean\nALTER SYSTEM DROP everything", &["drop"]);
    expect("SELECT 'a", &["unparsed"]);
    expect("-- unchecked: no\nSELECT 'a", &["unparsed"]);
    expect("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", &["unknown"]);
    expect("-- unchecked: no policy is needed\nALTER TABLE orders ENABLE ROW LEVEL SECURITY", &[]);
    assert!(rules_in(Phase::Contract, &["DROP INDEX CONCURRENTLY a"]).is_empty());
}

#[test]
fn phase_data_changes_data_in_batches_of_one_statement() {
    let update = "UPDATE orders SET a = 1 WHERE id IN (SELECT id FROM orders WHERE a IS NULL LIMIT $1)";
    let data = |text: &str| rules_in(Phase::Data, &[text]);
    assert!(data(&format!("-- batch: 10\n{update}")).is_empty());
    assert_eq!(data(&format!("-- batch: 10\n{update}; {update}")), ["batch"]);
    assert_eq!(data("-- batch: 10\nUPDATE orders SET a = 1 WHERE a IS NULL"), ["batch"]);
    let with = "WITH picked AS (SELECT id FROM orders WHERE a IS NULL LIMIT $1)";
    assert!(
        data(&format!("-- batch: 10\n{with} UPDATE orders SET a = 1 FROM picked WHERE orders.id = picked.id"))
            .is_empty()
    );
    let endless = "WITH done AS (UPDATE orders SET a = 1 WHERE id = $1 RETURNING id) SELECT count(*) FROM done";
    assert_eq!(data(&format!("-- batch: 10\n{endless}")), ["batch"], "it answers one row for ever");
    assert_eq!(rules_in(Phase::Expand, &[&format!("-- batch: 10\n{update}")]), ["batch"]);
    assert_eq!(data("ALTER TABLE orders ADD COLUMN b int"), ["not-data"]);
}

#[test]
fn a_verification_is_one_query() {
    expect("-- verify: SELECT count(*) = 0 FROM orders\nSELECT 1", &[]);
    expect("-- verify: DELETE FROM orders\nSELECT 1", &["verify"]);
    expect("-- verify: SELECT 1; SELECT 2\nSELECT 1", &["verify"]);
}

#[test]
fn common_additions_pass() {
    for text in [
        "CREATE TYPE state AS ENUM ('a', 'b')",
        "ALTER TYPE state ADD VALUE IF NOT EXISTS 'c'",
        "CREATE SEQUENCE s",
        "CREATE OR REPLACE VIEW v AS SELECT * FROM orders",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; DROP TABLE x $$",
        "COMMENT ON TABLE orders IS 'all'",
        "GRANT SELECT ON orders TO shop",
        "INSERT INTO small (id) VALUES (1) ON CONFLICT DO NOTHING",
        "CREATE EXTENSION IF NOT EXISTS pgcrypto",
        "CREATE SCHEMA IF NOT EXISTS shop",
        "ALTER TABLE orders ALTER COLUMN status DROP NOT NULL, ALTER COLUMN status SET DEFAULT 'new'",
        "ALTER TABLE orders DROP CONSTRAINT status_there",
        "SELECT setval('s', 10)",
    ] {
        expect(text, &[]);
    }
}

#[test]
fn a_finding_says_where_what_why_and_what_instead() {
    let migrations = migrations(&["-- phase: expand\n\nSELECT 1;\n\nALTER TABLE orders\n  DROP COLUMN status;\n"]);
    let findings = lint(&migrations.iter().collect::<Vec<_>>(), Phase::Expand, &facts());
    let error = refuse(&findings).unwrap_err();
    assert_eq!(error.kind(), Kind::MigrateUnsafeStatement);
    assert_eq!(
        error.message(),
        "nothing was applied: 1_m.sql line 5: `ALTER TABLE orders DROP COLUMN status` takes away what the running \
         revision may use [drop]. Instead: move it into a file of phase contract"
    );
    let tables = tables(&migrations.iter().collect::<Vec<_>>());
    assert_eq!(tables, [("orders".to_owned(), "orders".to_owned())].into());
}
