//! Indexes that are built concurrently.

use crate::world::{World, connect};

const TABLE: &str = "CREATE TABLE orders (id int, status text, PRIMARY KEY (id)); ALTER TABLE orders DROP COLUMN id; \
    ALTER TABLE orders ADD COLUMN id int; INSERT INTO orders SELECT CASE n % 2 WHEN 0 THEN 'open' ELSE 'done' END, n \
    FROM generate_series(1, 100) n";
const INDEX: &str = "-- no-transaction\n-- phase: expand\nCREATE INDEX CONCURRENTLY open_orders ON orders (lower(status), id DESC) \
    WHERE status = 'open' AND id > 3;\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS by_id ON public.orders (id);\n";

const VALID: &str = "SELECT string_agg(format('%s %s', indexrelid::regclass, indisvalid), ', ' ORDER BY indexrelid::regclass::text) \
    FROM pg_index WHERE indrelid = 'orders'::regclass";

/// Leaves the database as a run leaves it that ends while it builds the first index.
async fn cut_short(world: &World) {
    let other = connect(&world.url()).await;
    other.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM orders").await.unwrap();
    let waiting = "SELECT count(*) = 1 FROM pg_stat_progress_create_index \
        WHERE datname = current_database() AND phase LIKE 'waiting for %'";
    tokio::select! {
        done = world.apply("expand") => panic!("it waits for the old transaction: {done:?}"),
        () = world.until(waiting) => {}
    }
    // What the dropped run was doing is cancelled, although what it waited for is still there.
    world.until_nobody_runs().await;
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(world.ask(VALID).await, "open_orders f");
}

#[tokio::test]
async fn indexes_are_built_and_seen_to_be_valid() {
    let Some(world) = World::new("building").await else { return };
    world.run(TABLE).await;
    world.file("1_index.sql", INDEX);
    assert_eq!(world.applied("expand").await, [1]);
    assert_eq!(world.ask(VALID).await, "by_id t, open_orders t");
    assert_eq!(world.ask("SELECT state FROM stepwright_migrations").await, "applied");
}

#[tokio::test]
async fn what_our_own_run_left_is_built_again() {
    let Some(world) = World::new("rebuilding").await else { return };
    world.run(TABLE).await;
    world.file("1_index.sql", INDEX);
    cut_short(&world).await;
    assert_eq!(world.ask("SELECT state FROM stepwright_migrations").await, "begun");
    let plan = world.send(crate::world::input("plan", "expand")).await.unwrap();
    assert_eq!(crate::world::versions(&plan["pending"]), [1]);
    let done = world.apply("expand").await.unwrap();
    assert_eq!(done["applied"][0]["resumed"], true, "{done}");
    assert_eq!(world.ask(VALID).await, "by_id t, open_orders t");
}

#[tokio::test]
async fn an_index_that_only_has_the_name_is_left_alone() {
    let Some(world) = World::new("only_the_name").await else { return };
    world.run(TABLE).await;
    world.file("1_index.sql", INDEX);
    cut_short(&world).await;
    for other in [
        "CREATE INDEX open_orders ON orders (lower(status), id) WHERE status = 'open' AND id > 3",
        "CREATE INDEX open_orders ON orders (lower(status), id DESC) WHERE status = 'open'",
        "CREATE TABLE another (status text, id int); CREATE INDEX open_orders ON another (lower(status), id DESC)",
        "CREATE TABLE open_orders (id int)",
    ] {
        world.run("DROP INDEX IF EXISTS open_orders; DROP TABLE IF EXISTS another").await;
        world.run(other).await;
        let (name, message) = world.refused("expand").await;
        assert_eq!(name, "Migrate.Dirty", "{other}: {message}");
        assert!(
            message.contains("public.open_orders stands where a run that was cut short built another"),
            "{message}"
        );
    }
    world.run("DROP TABLE open_orders").await;
    // The same index, built by whomever, is what was wanted.
    world.run("CREATE INDEX open_orders ON orders (lower(status), id DESC) WHERE status = 'open' AND id > 3").await;
    assert_eq!(world.applied("expand").await, [1]);
}

#[tokio::test]
async fn an_invalid_index_that_nobody_here_began_is_refused_before_anything_happens() {
    let Some(world) = World::new("not_begun").await else { return };
    world.run(TABLE).await;
    world.run("INSERT INTO orders VALUES ('open', 4)").await;
    let error = world.client().await.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY by_id ON orders (id)").await;
    assert!(error.is_err(), "4 is there twice");
    assert_eq!(world.ask(VALID).await, "by_id f");
    world.file("1_index.sql", INDEX);
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.Dirty");
    assert!(message.contains("index public.by_id is invalid, and this runner did not begin it"), "{message}");
    assert_eq!(world.ask(VALID).await, "by_id f", "the first index was not begun either");
    assert_eq!(world.ask("SELECT count(*) FROM stepwright_migrations").await, "0");
    world.run("DROP INDEX by_id; CREATE INDEX open_orders ON orders (id)").await;
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Ops.PreconditionFailed");
    assert!(message.contains("exists already"), "{message}");
}

#[tokio::test]
async fn an_index_that_cannot_be_built_is_taken_up_again_after_the_repair() {
    let Some(world) = World::new("repairing").await else { return };
    world.run(TABLE).await;
    world.run("INSERT INTO orders VALUES ('open', 4)").await;
    world.file("1_index.sql", INDEX);
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Ops.PreconditionFailed");
    assert!(message.contains("1_index.sql line 4") && message.contains("23505"), "{message}");
    world.run("DELETE FROM orders WHERE ctid = (SELECT max(ctid) FROM orders)").await;
    assert_eq!(world.applied("expand").await, [1]);
    assert_eq!(world.ask(VALID).await, "by_id t, open_orders t");
}

#[tokio::test]
async fn other_statements_outside_a_transaction_stay_half_way_for_a_person() {
    let Some(world) = World::new("half_way").await else { return };
    world.run(TABLE).await;
    world.file("1_a.sql", "-- no-transaction\n-- phase: expand\nINSERT INTO orders VALUES ('a', 200);\nSELECT 1 / 0;");
    assert_eq!(world.refused("expand").await.0, "Ops.PreconditionFailed");
    let (name, message) = world.refused("expand").await;
    assert_eq!(name, "Migrate.Dirty");
    assert!(message.contains("1_a.sql stopped half-way"), "{message}");
    assert_eq!(world.ask("SELECT count(*) FROM orders WHERE id = 200").await, "1", "it was not repeated");
}
