//! Activity worker `smoke-tester`: its process.

use clients::aws::{Patience, configuration};
use clients::{Clock, Environment, logging};
use operations::Error;
use smoke_tester::SmokeTester;
use std::process::ExitCode;
use worker_kit::{Config, Worker, asked_to_end};

/// The variable that names the activity.
const ACTIVITY: &str = "SMOKE_TESTER_ACTIVITY_ARN";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let environment = Environment::of_process();
    logging::start(&environment);
    match serve(environment).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error.name(), cause = error.message(), "cannot start");
            eprintln!("{}: {error}", error.name());
            ExitCode::FAILURE
        }
    }
}

async fn serve(environment: Environment) -> Result<(), Error> {
    let config = Config::of(&environment, ACTIVITY, "smoke-tester")?;
    let clock = Clock::of(&environment)?;
    let tester = SmokeTester::new(&environment, clock.clone())?;
    // Polls are held for a minute; everything else answers at once.
    let patient = configuration(&Patience::POLL.http(), Patience::POLL).await;
    let worker = Worker::new(aws_sdk_sfn::Client::new(&patient), config, clock, tester);
    worker.run(async move { asked_to_end(&environment).await }).await;
    Ok(())
}
