//! The worker's process: killed in the middle, and started again.

use crate::stepfunctions::StepFunctions;
use crate::world::{RUNNERS, World, connect, input};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};

struct Worker(Child);

impl Worker {
    fn command(world: &World, endpoint: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_migration-runner"));
        command.env_clear().stdout(Stdio::null()).stderr(Stdio::piped()).envs([
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("MIGRATION_RUNNER_ACTIVITY_ARN", "arn:aws:states:us-east-1:123456789012:activity:migration-runner"),
            ("WORKER_CONCURRENCY", "1"),
            ("DATABASE_URL", &world.url()),
            ("MIGRATIONS_PATH", &world.root().to_string_lossy()),
        ]);
        command
    }

    fn start(world: &World, endpoint: &str) -> Self {
        Self(Self::command(world, endpoint).stderr(Stdio::null()).spawn().unwrap())
    }

    /// kill -9.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the rest with a new worker; its output.
async fn again(world: &World, service: &mut StepFunctions) -> Value {
    let _worker = Worker::start(world, &service.endpoint);
    service.task(input("apply", "expand"));
    let (action, body) = service.result().await;
    assert_eq!(action, "SendTaskSuccess", "{body}");
    serde_json::from_str(body["output"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_worker_killed_inside_a_transaction_leaves_nothing_of_it() {
    let Some(world) = World::new("killed_transaction").await else { return };
    world.run("CREATE TABLE gate (n int); CREATE TABLE counted (n int); INSERT INTO counted VALUES (0)").await;
    world.file("1_count.sql", "-- phase: expand\nUPDATE counted SET n = n + 1 WHERE true;");
    world.file(
        "2_gate.sql",
        "-- phase: expand\n-- lock-timeout: 30s\n-- statement-timeout: 10min\nUPDATE counted SET n = n + 10 WHERE true;\n\
         CREATE TABLE a ();\nINSERT INTO gate VALUES (1);",
    );
    let gate = connect(&world.url()).await;
    gate.batch_execute("BEGIN; LOCK TABLE gate").await.unwrap();
    let mut service = StepFunctions::start().await;
    let mut worker = Worker::start(&world, &service.endpoint);
    service.task(input("apply", "expand"));
    world.until(&format!("SELECT EXISTS ({RUNNERS} AND wait_event_type = 'Lock')")).await;
    worker.kill();
    // The server notices by itself, while the statement still waits.
    world.until_nobody_runs().await;
    assert_eq!(world.ask("SELECT n FROM counted").await, "1");
    assert_eq!(
        world.ask("SELECT string_agg(version || ' ' || state, ', ') FROM stepwright_migrations").await,
        "1 applied"
    );
    gate.batch_execute("COMMIT").await.unwrap();
    let done = again(&world, &mut service).await;
    assert_eq!((&done["applied"][0]["version"], &done["alreadyApplied"]), (&json!(2), &json!(1)));
    assert_eq!(world.ask("SELECT n FROM counted").await, "11");
    assert_eq!(world.ask("SELECT count(*) FROM gate").await, "1");
}

#[tokio::test]
async fn a_worker_killed_while_it_builds_an_index_is_followed_by_one_that_builds_it_again() {
    let Some(world) = World::new("killed_index").await else { return };
    world.run("CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 100)").await;
    world.file("1_index.sql", "-- no-transaction\n-- phase: expand\nCREATE INDEX CONCURRENTLY by_id ON orders (id);");
    let old = connect(&world.url()).await;
    old.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM orders").await.unwrap();
    let mut service = StepFunctions::start().await;
    let mut worker = Worker::start(&world, &service.endpoint);
    service.task(input("apply", "expand"));
    world.until("SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE datname = current_database() AND phase LIKE 'waiting for %'").await;
    worker.kill();
    world.until_nobody_runs().await;
    let index = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_id'::regclass";
    assert_eq!(world.ask(index).await, "false");
    old.batch_execute("COMMIT").await.unwrap();
    let done = again(&world, &mut service).await;
    assert_eq!((&done["applied"][0]["version"], &done["applied"][0]["resumed"]), (&json!(1), &json!(true)));
    assert_eq!(world.ask(index).await, "true");
}

#[tokio::test]
async fn the_database_of_a_secret_is_migrated() {
    use tokio_postgres::config::Host;
    let Some(world) = World::new("of_a_secret").await else { return };
    world.file("1_create.sql", "-- phase: expand\nCREATE TABLE a ();");
    let mut service = StepFunctions::start().await;
    let place: tokio_postgres::Config = world.url().parse().unwrap();
    let host = match &place.get_hosts()[0] {
        Host::Tcp(host) => host.clone(),
        Host::Unix(folder) => folder.to_string_lossy().into_owned(),
    };
    // Our servers trust everybody, and speak without TLS.
    service.secret(&json!({"engine": "postgres", "host": host, "port": place.get_ports()[0], "username": "postgres",
        "password": "geheim", "dbname": "of_a_secret", "sslmode": "disable"}));
    let mut command = Worker::command(&world, &service.endpoint);
    let _worker = Worker(command.env_remove("DATABASE_URL").stderr(Stdio::null()).spawn().unwrap());
    let mut task = input("apply", "expand");
    task["migrations"]["secretArn"] = json!("arn:aws:secretsmanager:us-east-1:123456789012:secret:orders");
    service.task(task);
    let (action, body) = service.result().await;
    assert_eq!(action, "SendTaskSuccess", "{body}");
    assert_eq!(world.ask("SELECT to_regclass('a') IS NOT NULL").await, "true");
    service.task(input("apply", "expand"));
    let (_, body) = service.result().await;
    assert_eq!(body["error"], json!("Ops.ConfigInvalid"));
    assert!(body["cause"].as_str().unwrap().starts_with("DATABASE_URL is not set"), "{body}");
}

#[tokio::test]
async fn a_refusal_is_reported_by_its_name() {
    let Some(world) = World::new("reported").await else { return };
    world.file("1_drop.sql", "-- phase: expand\nDROP TABLE orders;");
    let mut service = StepFunctions::start().await;
    let _worker = Worker::start(&world, &service.endpoint);
    service.task(input("apply", "expand"));
    let (action, body) = service.result().await;
    assert_eq!((action.as_str(), &body["error"]), ("SendTaskFailure", &json!("Migrate.UnsafeStatement")));
    assert!(body["cause"].as_str().unwrap().contains("1_drop.sql line 2"), "{body}");
}

#[tokio::test]
async fn a_wrong_variable_is_named() {
    let Some(world) = World::new("variable").await else { return };
    let output = Worker::command(&world, "http://127.0.0.1:9").env("MIGRATION_LOCK_SECONDS", "0").output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("Ops.ConfigInvalid: MIGRATION_LOCK_SECONDS must be a whole number"), "{text}");
}
