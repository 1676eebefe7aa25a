//! Runs that end anywhere: whatever is done again, the end is the same.

use crate::world::{World, dropped_after, input};
use worker_kit::{Activity, Task};

fn files(world: &World) {
    world.file("1_create.sql", "-- phase: expand\nCREATE TABLE counted (n int);\nINSERT INTO counted VALUES (0);");
    world.file(
        "2_count.sql",
        "-- phase: expand\n-- verify: SELECT n = 1 FROM counted\nUPDATE counted SET n = n + 1 WHERE true;\n\
         CREATE TABLE orders (id int PRIMARY KEY, currency text);\nINSERT INTO orders SELECT n FROM generate_series(1, 25) n;",
    );
    world.file(
        "3_index.sql",
        "-- no-transaction\n-- phase: expand\nCREATE INDEX CONCURRENTLY a ON orders (currency) WHERE id > 3;\n\
         CREATE INDEX CONCURRENTLY b ON orders (lower(currency));",
    );
    world.file(
        "4_count.sql",
        "-- phase: expand\nUPDATE counted SET n = n + 10 WHERE true;\nALTER TABLE orders ADD COLUMN a int;",
    );
    world.file(
        "5_fill.sql",
        "-- phase: data\n-- batch: 10\nUPDATE orders SET currency = 'EUR', a = coalesce(a, 0) + 1 \
         WHERE id IN (SELECT id FROM orders WHERE currency IS NULL ORDER BY id LIMIT $1);",
    );
}

/// At every point at which the runner waits for the database, its future is dropped; then it runs again. The database
/// is as after a run that nothing interrupted. `prepared` is the database to begin with; how many points there were.
async fn interrupted(world: &World, prepared: &str, phase: &str) -> usize {
    world.renew_from(prepared).await;
    world.apply(phase).await.unwrap();
    let wanted = world.shape().await;
    for waits in 0.. {
        world.renew_from(prepared).await;
        let (runner, task) = (world.runner(30), Task::detached());
        let ended = dropped_after(waits, runner.run(input("apply", phase), &task)).await;
        // The next run would wait for the lock; this waits less.
        world.until_nobody_runs().await;
        world.apply(phase).await.unwrap_or_else(|error| panic!("after {waits} waits: {}: {error}", error.name()));
        assert_eq!(world.shape().await, wanted, "after {waits} waits");
        if let Some(done) = ended {
            done.unwrap();
            return waits;
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_run_that_ends_anywhere_is_completed_by_the_next() {
    let Some(world) = World::new("dropped_expand").await else { return };
    files(&world);
    let points = interrupted(&world, "template1", "expand").await;
    assert!(points > 40, "only {points} points");
    assert_eq!(world.ask("SELECT n FROM counted").await, "11", "each once");
}

#[tokio::test]
async fn a_backfill_that_ends_anywhere_is_completed_by_the_next() {
    let Some(world) = World::new("dropped_data").await else { return };
    files(&world);
    world.apply("expand").await.unwrap();
    world.keep_as("expanded").await;
    let points = interrupted(&world, "expanded", "data").await;
    assert!(points > 20, "only {points} points");
    assert_eq!(
        world.ask("SELECT format('%s %s', rows, batches) FROM stepwright_migrations WHERE version = 5").await,
        "25 3"
    );
    assert_eq!(world.ask("SELECT sum(a) FROM orders").await, "25", "each row once");
}
