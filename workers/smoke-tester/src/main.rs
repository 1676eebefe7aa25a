//! Activity worker `smoke-tester`: its process.

use smoke_tester::SmokeTester;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_kit::process::run("smoke-tester", |parts| SmokeTester::new(&parts.environment, parts.clock)).await
}
