//! Activity worker `migration-runner`: its process.

use clients::aws::{Patience, configuration};
use clients::{Clock, Environment, logging};
use migration_runner::MigrationRunner;
use operations::Error;
use std::process::ExitCode;
use worker_kit::{Config, Worker, asked_to_end};

/// The variable that names the activity.
const ACTIVITY: &str = "MIGRATION_RUNNER_ACTIVITY_ARN";

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
    let config = Config::of(&environment, ACTIVITY, "migration-runner")?;
    let clock = Clock::of(&environment)?;
    // Polls are held for a minute; everything else answers at once.
    let patient = configuration(&Patience::POLL.http(), Patience::POLL).await;
    let short = configuration(&Patience::SHORT.http(), Patience::SHORT).await;
    let end = environment.clone();
    let runner = MigrationRunner::new(&short, environment, clock.clone())?;
    let worker = Worker::new(aws_sdk_sfn::Client::new(&patient), config, clock, runner);
    worker.run(async move { asked_to_end(&end).await }).await;
    Ok(())
}
