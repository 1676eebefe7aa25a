//! Activity worker `migration-runner`: its process.

use migration_runner::MigrationRunner;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_kit::process::run("migration-runner", |parts| {
        MigrationRunner::new(&parts.aws, parts.environment, parts.clock)
    })
    .await
}
