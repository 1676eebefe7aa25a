//! Activity worker `load-replayer`: its process.

use load_replayer::LoadReplayer;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_kit::process::run("load-replayer", |parts| Ok(LoadReplayer::new(&parts.aws, parts.environment, parts.clock)))
        .await
}
