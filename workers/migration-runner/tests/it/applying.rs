//! Planning, refusing, applying.

use crate::world::{World, input, versions};
use serde_json::json;
use std::path::Path;

const CREATE: &str = "-- phase: expand\nCREATE TABLE orders (id int PRIMARY KEY, status text);\n";
const FILL: &str = "-- phase: expand\nINSERT INTO orders SELECT n, 'new' FROM generate_series(1, 7) n;\n";

#[tokio::test]
async fn what_is_pending_is_planned_applied_once_and_verified() {
    let Some(world) = World::new("applying").await else { return };
    world.file("1_create.sql", CREATE).file("2_fill.sql", FILL).file("3_later.sql", "-- phase: contract\nSELECT 1;\n");
    let plan = world.send(input("plan", "expand")).await.unwrap();
    assert_eq!((versions(&plan["pending"]), versions(&plan["applied"])), (vec![1, 2], vec![]));
    assert_eq!(
        world.ask("SELECT to_regclass('stepwright_migrations') IS NULL").await,
        "true",
        "a plan changes nothing"
    );
    let error = world.send(input("verify", "expand")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.PreconditionFailed");
    assert!(error.message().contains("1_create.sql, 2_fill.sql are pending"), "{error}");
    let done = world.apply("expand").await.unwrap();
    assert_eq!((versions(&done["applied"]), versions(&done["pending"])), (vec![1, 2], vec![]));
    assert_eq!(done["applied"][1]["rows"], json!(7));
    assert_eq!(done["alreadyApplied"], json!(0));
    assert!(done["summary"].as_str().unwrap().starts_with("applied 2 of phase expand for orders in "), "{done}");
    assert!(done["lockWaitMilliseconds"].is_u64() && done["applied"][0]["milliseconds"].is_u64(), "{done}");
    assert_eq!(done["evidence"][0]["kind"], json!("probe"));
    let again = world.apply("expand").await.unwrap();
    assert_eq!((versions(&again["applied"]), &again["alreadyApplied"]), (vec![], &json!(2)));
    assert_eq!(world.ask("SELECT count(*) FROM orders").await, "7");
    let verified = world.send(input("verify", "expand")).await.unwrap();
    assert_eq!(verified["summary"], json!("nothing of phase expand is pending for orders"));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_and_those_before_it_stay() {
    let Some(world) = World::new("failing").await else { return };
    world.file("1_create.sql", CREATE);
    world.file(
        "2_fails.sql",
        "-- phase: expand\nINSERT INTO orders VALUES (1, 'a');\n\nINSERT INTO orders VALUES (1, 'b');\n",
    );
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Ops.PreconditionFailed");
    assert!(message.starts_with("2_fails.sql line 4: `INSERT INTO orders VALUES (1, 'b')`: 23505: "), "{message}");
    assert!(message.ends_with("applied before it: 1_create.sql"), "{message}");
    assert_eq!(world.ask("SELECT count(*) FROM orders").await, "0");
    world.file("2_fails.sql", FILL);
    assert_eq!(world.applied("expand").await, [2], "what failed is as if it had never been");
}

#[tokio::test]
async fn unsafe_statements_are_refused_before_anything_is_applied() {
    let Some(world) = World::new("refusing").await else { return };
    world.run("CREATE TABLE large (id int); INSERT INTO large SELECT generate_series(1, 100001)").await;
    world.run("CREATE TABLE small (id int); INSERT INTO small SELECT generate_series(1, 100000)").await;
    world.file("1_create.sql", CREATE);
    world.file("2_small.sql", "-- phase: expand\nCREATE INDEX a ON small (id);");
    world.file("3_large.sql", "-- phase: expand\nSELECT 1;\nCREATE INDEX b ON large (id);\nDROP TABLE small;");
    for operation in ["plan", "apply"] {
        let error = world.send(input(operation, "expand")).await.unwrap_err();
        assert_eq!(error.name(), "Migrate.UnsafeStatement");
        let message = error.message();
        assert!(message.contains("3_large.sql line 3: `CREATE INDEX b ON large (id)`"), "{message}");
        assert!(message.contains("large has over 100000 rows") && message.contains("[drop]"), "{message}");
        assert!(!message.contains("2_small.sql"), "{message}");
    }
    assert_eq!(
        world.ask("SELECT to_regclass('orders') IS NULL AND to_regclass('stepwright_migrations') IS NULL").await,
        "true"
    );
}

#[tokio::test]
async fn not_null_is_set_with_the_check_that_the_database_has() {
    let Some(world) = World::new("not_null").await else { return };
    world.run("CREATE TABLE orders (id int, code varchar(10)); INSERT INTO orders VALUES (1, 'a')").await;
    world.file("1_require.sql", "-- phase: expand\nALTER TABLE orders ALTER COLUMN id SET NOT NULL;");
    assert!(world.refused("expand").await.1.contains("[set-not-null]"));
    world.run("ALTER TABLE orders ADD CONSTRAINT there CHECK (id IS NOT NULL) NOT VALID").await;
    assert!(world.refused("expand").await.1.contains("[set-not-null]"));
    world.run("ALTER TABLE orders VALIDATE CONSTRAINT there").await;
    world.file("2_widen.sql", "-- phase: expand\nALTER TABLE orders ALTER COLUMN code TYPE varchar(20);");
    assert_eq!(world.applied("expand").await, [1, 2]);
    world.file("3_narrow.sql", "-- phase: expand\nALTER TABLE orders ALTER COLUMN code TYPE varchar(5);");
    let (_, message) = world.refused("expand").await;
    assert!(message.contains("character varying(20) becomes VARCHAR(5)"), "{message}");
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_stopped() {
    let Some(world) = World::new("statement_timeout").await else { return };
    world.file("1_slow.sql", "-- phase: expand\n-- statement-timeout: 50ms\nCREATE TABLE a ();\nSELECT pg_sleep(600);");
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.StatementTimeout");
    assert!(message.contains("1_slow.sql line 4") && message.contains("statement timeout"), "{message}");
    assert_eq!(world.ask("SELECT to_regclass('a') IS NULL").await, "true");
}

#[tokio::test]
async fn a_verification_that_does_not_hold_undoes_the_migration() {
    let Some(world) = World::new("verification").await else { return };
    let with =
        |query: &str| format!("-- phase: expand\n-- verify: SELECT true\n-- verify: {query}\nCREATE TABLE a (n int);");
    for (query, problem) in [
        ("SELECT count(*) = 1 FROM a", "it answered false"),
        ("SELECT NULL::boolean", "it answered null"),
        ("SELECT true WHERE false", "it answered 0 rows"),
        ("SELECT 1", "true or false"),
    ] {
        world.file("1_a.sql", &with(query));
        let (name, message) = world.refused("expand").await;
        assert_eq!(name, "Migrate.VerificationFailed");
        assert!(message.contains(problem), "{message}");
    }
    world.file("1_a.sql", &with("SELECT nextval('s') > 0"));
    world.run("CREATE SEQUENCE s").await;
    let (_, message) = world.refused("expand").await;
    assert!(message.contains("25006"), "it must not write: {message}");
    assert_eq!(world.ask("SELECT to_regclass('a') IS NULL").await, "true");
    world.file("1_a.sql", &with("SELECT count(*) = 0 FROM a"));
    assert_eq!(world.applied("expand").await, [1]);
}

#[tokio::test]
async fn files_that_disagree_with_the_ledger_stop_everything() {
    let Some(world) = World::new("disagreeing").await else { return };
    world.file("1_create.sql", CREATE).file("3_fill.sql", FILL);
    assert_eq!(world.applied("expand").await, [1, 3]);
    world.file("1_create.sql", &CREATE.replace('\n', "\r\n"));
    assert!(world.applied("expand").await.is_empty(), "line endings are no change");
    world.file("1_create.sql", &CREATE.replace("status text", "status varchar"));
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.ChecksumMismatch");
    assert!(message.contains("1_create.sql: its statements changed"), "{message}");
    world.file("1_create.sql", &CREATE.replace("CREATE TABLE", "-- all orders\nCREATE TABLE"));
    assert!(world.refused("expand").await.1.contains("only comments or white space changed"));
    world.remove("1_create.sql");
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.VersionMissing");
    assert!(message.starts_with("1 create is in the database"), "{message}");
    world.file("1_create.sql", CREATE).file("2_late.sql", "-- phase: expand\nSELECT 1;\n");
    assert_eq!(world.refused("expand").await.0, "Migrate.OutOfOrder");
    let mut allowed = input("apply", "expand");
    allowed["allowOutOfOrder"] = json!(true);
    assert_eq!(versions(&world.send(allowed).await.unwrap()["applied"]), [2]);
}

#[tokio::test]
async fn settings_of_one_migration_do_not_reach_the_next() {
    let Some(world) = World::new("settings").await else { return };
    world.run("CREATE SCHEMA aside").await;
    world.file("1_a.sql", "-- phase: expand\nSELECT set_config('search_path', 'aside', false);\nCREATE TABLE a ();");
    world.file("2_b.sql", "-- phase: expand\nSELECT 1;");
    assert_eq!(world.applied("expand").await, [1, 2]);
    assert_eq!(world.ask("SELECT count(*) FROM public.stepwright_migrations").await, "2");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named() {
    let Some(world) = World::new("unusable").await else { return };
    world.file("1_create.sql", CREATE);
    world.run("ALTER DATABASE unusable SET default_transaction_read_only = on").await;
    let error = world.apply("expand").await.unwrap_err();
    assert_eq!(error.name(), "Ops.DependencyUnavailable", "{error}");
    assert!(error.message().contains("does not allow writes"), "{error}");
    let administrator = crate::world::connect(&world.server.url("postgres")).await;
    administrator.batch_execute("ALTER DATABASE unusable RESET default_transaction_read_only").await.unwrap();
    let mut missing = input("apply", "expand");
    missing["migrations"]["directory"] = json!("nowhere");
    let error = world.send(missing).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid");
    assert!(error.message().contains("MIGRATIONS_PATH"), "{error}");
}

#[tokio::test]
async fn the_examples_pass_and_the_unsafe_one_is_refused() {
    let Some(world) = World::new("examples").await else { return };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/local/migrations");
    let copy = |folder: &str| {
        for entry in std::fs::read_dir(examples.join(folder)).unwrap() {
            let entry = entry.unwrap();
            world.file(&entry.file_name().to_string_lossy(), &std::fs::read_to_string(entry.path()).unwrap());
        }
    };
    copy("orders");
    assert_eq!(world.applied("expand").await, [1, 2, 3]);
    // The unsafe folder has one more file.
    copy("orders-unsafe");
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.UnsafeStatement");
    for rule in ["rewrite", "rename", "volatile-default", "drop"] {
        assert!(message.contains(&format!("[{rule}]")), "{rule}: {message}");
    }
    world.remove("0008_prices_in_units.sql");
    let data = world.apply("data").await.unwrap();
    assert_eq!((&data["applied"][0]["rows"], &data["applied"][0]["batches"]), (&json!(500), &json!(5)), "{data}");
    assert_eq!(world.applied("contract").await, [5, 6, 7]);
    assert_eq!(world.ask("SELECT count(*) FROM orders WHERE currency = 'EUR'").await, "500");
}

#[tokio::test]
async fn a_contract_that_nobody_approved_is_refused() {
    let Some(world) = World::new("unapproved").await else { return };
    world.file("1_drop.sql", "-- phase: contract\nSELECT 1;");
    let mut contract = input("apply", "contract");
    contract["oldRevisionTasks"] = json!(1);
    assert_eq!(world.send(contract).await.unwrap_err().name(), "Ops.PreconditionFailed");
    assert_eq!(world.applied("contract").await, [1]);
}
