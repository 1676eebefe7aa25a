//! Batched backfills.

use crate::server::{Server, programs, unprivileged};
use crate::world::{World, connect, input};
use serde_json::json;
use worker_kit::{Activity, Task};

const TABLE: &str = "CREATE TABLE orders (id int PRIMARY KEY, currency text); \
    INSERT INTO orders SELECT n FROM generate_series(1, 95) n";
const FILL: &str = "-- phase: data\n-- batch: 10\n-- verify: SELECT NOT EXISTS (SELECT FROM orders WHERE currency IS NULL)\n\
    UPDATE orders SET currency = 'EUR' WHERE id IN (SELECT id FROM orders WHERE currency IS NULL ORDER BY id LIMIT $1);\n";

#[tokio::test]
async fn a_backfill_runs_in_batches_until_nothing_is_left() {
    let Some(world) = World::new("filling").await else { return };
    world.run(TABLE).await;
    world.file("1_fill.sql", FILL);
    let done = world.apply("data").await.unwrap();
    assert_eq!((&done["applied"][0]["rows"], &done["applied"][0]["batches"]), (&json!(95), &json!(10)), "{done}");
    assert_eq!(
        world.ask("SELECT format('%s %s %s', state, rows, batches) FROM stepwright_migrations").await,
        "applied 95 10"
    );
    assert!(world.applied("data").await.is_empty());
}

#[tokio::test]
async fn a_backfill_that_fails_keeps_its_batches_and_goes_on() {
    let Some(world) = World::new("resuming").await else { return };
    world.run(TABLE).await;
    world.run("ALTER TABLE orders ADD CONSTRAINT c CHECK (id <> 42 OR currency IS NULL)").await;
    world.file("1_fill.sql", FILL);
    assert_eq!(world.refused("data").await.0, "Ops.PreconditionFailed");
    assert_eq!(
        world.ask("SELECT format('%s %s %s', state, rows, batches) FROM stepwright_migrations").await,
        "begun 40 4"
    );
    world.run("ALTER TABLE orders DROP CONSTRAINT c").await;
    let done = world.apply("data").await.unwrap();
    assert_eq!((&done["applied"][0]["rows"], &done["applied"][0]["resumed"]), (&json!(55), &json!(true)), "{done}");
    assert_eq!(
        world.ask("SELECT format('%s %s %s', state, rows, batches) FROM stepwright_migrations").await,
        "applied 95 10"
    );
}

#[tokio::test]
async fn a_backfill_that_does_not_do_what_it_promised_is_not_done() {
    let Some(world) = World::new("promising").await else { return };
    world.run(TABLE).await;
    world.run("INSERT INTO orders VALUES (-1)").await;
    world.file("1_fill.sql", &FILL.replace("currency IS NULL ORDER", "currency IS NULL AND id > 0 ORDER"));
    let (name, _) = world.refused("data").await;
    assert_eq!(name, "Migrate.VerificationFailed");
    world.run("DELETE FROM orders WHERE id < 0").await;
    assert_eq!(world.applied("data").await, [1]);
}

#[tokio::test]
async fn a_backfill_pauses_while_a_person_says_so() {
    let Some(world) = World::new("pausing").await else { return };
    world.run(TABLE).await;
    world.run("ALTER DATABASE pausing SET stepwright.backfill = 'pause'").await;
    world.file("1_fill.sql", FILL);
    let release = async {
        world.until("SELECT to_regclass('stepwright_migrations') IS NOT NULL").await;
        world.until("SELECT count(*) = 1 FROM stepwright_migrations WHERE state = 'begun'").await;
        assert_eq!(world.ask("SELECT count(currency) FROM orders").await, "0");
        world.run("ALTER DATABASE pausing RESET stepwright.backfill").await;
    };
    let (done, ()) = tokio::join!(world.apply("data"), release);
    let done = done.unwrap();
    assert_eq!(done["applied"][0]["rows"], json!(95));
    assert!(done["applied"][0]["pausedMilliseconds"].as_u64().unwrap() > 0, "{done}");
}

#[tokio::test]
async fn a_backfill_pauses_while_a_replica_lags_behind() {
    let Some(server) = Server::own(5432, &["-c", "listen_addresses="], |_| {}).await else { return };
    let world = World::on(server, "lagging").await.unwrap();
    world.run(TABLE).await;
    let Some(replica) = Replica::start(&world).await else { return };
    world.run("CREATE TABLE written AS SELECT 1").await;
    world.until("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'").await;
    let standby = connect(&replica.url()).await;
    standby.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    world.run("CREATE TABLE behind AS SELECT 1").await;
    // Replay answers are seldom; a lag once seen stays until it is made good.
    world.until("SELECT coalesce(max(replay_lag), '0') > '0' FROM pg_stat_replication").await;
    world.file("1_fill.sql", FILL);
    let mut eager = input("apply", "data");
    eager["migrations"]["maxReplicaLagSeconds"] = json!(0);
    let release = async {
        world.until("SELECT to_regclass('stepwright_migrations') IS NOT NULL").await;
        world.until("SELECT count(*) = 1 FROM stepwright_migrations WHERE state = 'begun'").await;
        assert_eq!(world.ask("SELECT count(currency) FROM orders").await, "0");
        standby.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    };
    let runner = world.runner(30);
    let task = Task::detached();
    let ((), done) = tokio::join!(release, runner.run(eager, &task));
    assert_eq!(done.unwrap()["applied"][0]["rows"], json!(95));
}

/// A standby of a server of our own.
struct Replica {
    folder: tempfile::TempDir,
    child: std::process::Child,
}

impl Replica {
    async fn start(world: &World) -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        std::process::Command::new("chmod").arg("777").arg(folder.path()).status().unwrap();
        let data = folder.path().join("data");
        let mut copy = unprivileged(&programs.join("pg_basebackup"));
        copy.arg("-h")
            .arg(world.server.folder())
            .args(["-U", "postgres", "-R", "--no-sync", "-c", "fast", "-D"])
            .arg(&data);
        let copied = copy.output().unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let mut server = unprivileged(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        server.args(["-c", "wal_receiver_status_interval=1s"]);
        server.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let replica = Self { folder, child: server.spawn().unwrap() };
        let ready = async {
            while tokio_postgres::connect(&replica.url(), tokio_postgres::NoTls).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), ready).await.expect("the standby answers");
        Some(replica)
    }

    fn url(&self) -> String {
        let socket = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://postgres@{socket}/postgres?sslmode=disable")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = self.child.wait();
    }
}
