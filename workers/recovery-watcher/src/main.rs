//! Activity worker `recovery-watcher`: its process.

use recovery_watcher::RecoveryWatcher;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_kit::process::run("recovery-watcher", |parts| {
        Ok(RecoveryWatcher::new(&parts.aws, parts.environment, parts.clock))
    })
    .await
}
