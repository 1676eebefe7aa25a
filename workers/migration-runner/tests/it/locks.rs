//! Two at once.

use crate::world::{World, ask, connect, versions};
use serde_json::json;
use worker_kit::{Activity, Task};

/// The number that sqlx's tool locks for a database called `locked`: 0x3d32ad9e times the CRC-32 of the name.
const LOCKED: i64 = 0x3d32_ad9e * 0xead2_c891;

fn files(world: &World) {
    world.file("1_create.sql", "-- phase: expand\nCREATE TABLE counted (n int);\nINSERT INTO counted VALUES (0);");
    world.file("2_count.sql", "-- phase: expand\nUPDATE counted SET n = n + 1 WHERE true;");
    world.file("3_index.sql", "-- no-transaction\n-- phase: expand\nCREATE INDEX CONCURRENTLY by_n ON counted (n);");
}

#[tokio::test]
async fn of_two_runners_one_applies_and_both_succeed() {
    let Some(world) = World::new("two_runners").await else { return };
    files(&world);
    let (left, right) = tokio::join!(world.apply("expand"), world.apply("expand"));
    let (left, right) = (left.unwrap(), right.unwrap());
    let mut both = [versions(&left["applied"]), versions(&right["applied"])];
    both.sort();
    assert_eq!(both, [vec![], vec![1, 2, 3]]);
    assert_eq!(world.ask("SELECT n FROM counted").await, "1");
    assert_eq!(world.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = 'two_runners')").await, "0");
}

#[tokio::test]
async fn a_lock_that_another_holds_is_waited_for_and_not_for_ever() {
    let Some(world) = World::new("locked").await else { return };
    files(&world);
    let other = connect(&world.url()).await;
    ask(&other, &format!("SELECT pg_advisory_lock({LOCKED})")).await;
    let error = world.runner(1).run(crate::world::input("apply", "expand"), &Task::detached()).await.unwrap_err();
    assert_eq!(error.name(), "Migrate.LockTimeout");
    assert!(error.message().contains("another runner works on this database (process "), "{error}");
    assert!(error.message().ends_with("gave up after 1 s"), "{error}");
    assert_eq!(world.ask("SELECT to_regclass('stepwright_migrations') IS NULL").await, "true");
    // Looking needs no lock.
    assert_eq!(versions(&world.send(crate::world::input("plan", "expand")).await.unwrap()["pending"]), [1, 2, 3]);
    let waiting = world.apply("expand");
    let free = async {
        world.until(&format!("SELECT EXISTS ({})", crate::world::RUNNERS)).await;
        drop(other);
    };
    let (done, ()) = tokio::join!(waiting, free);
    assert_eq!(versions(&done.unwrap()["applied"]), [1, 2, 3]);
}

#[tokio::test]
async fn a_table_that_is_in_use_is_not_waited_for_long() {
    let Some(world) = World::new("table_in_use").await else { return };
    world.run("CREATE TABLE orders (id int)").await;
    world.file("1_add.sql", "-- phase: expand\n-- lock-timeout: 50ms\nALTER TABLE orders ADD COLUMN a int;");
    let reader = connect(&world.url()).await;
    reader.batch_execute("BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE").await.unwrap();
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.LockTimeout", "{message}");
    reader.batch_execute("COMMIT").await.unwrap();
    let done = world.apply("expand").await.unwrap();
    assert_eq!(done["alreadyApplied"], json!(0));
    assert_eq!(versions(&done["applied"]), [1]);
}

#[tokio::test]
async fn a_migration_that_gives_the_lock_back_is_noticed() {
    let Some(world) = World::new("unlocking").await else { return };
    world.file("1_unlock.sql", "-- phase: expand\nSELECT pg_advisory_unlock_all();");
    world.file("2_next.sql", "-- phase: expand\nCREATE TABLE a ();");
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Ops.ConfigInvalid");
    assert!(message.contains("transaction pooler"), "{message}");
    assert_eq!(world.ask("SELECT to_regclass('a') IS NULL").await, "true");
}
