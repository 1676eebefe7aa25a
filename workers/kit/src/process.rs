//! The process of a worker, which differs from another's by its name and its activity alone.

use crate::{Activity, Config, Worker, asked_to_end};
use clients::aws::{Patience, configuration};
use clients::{Clock, Environment, logging};
use operations::Error;
use std::process::ExitCode;

/// What an activity is made of.
#[derive(Debug)]
pub struct Parts {
    /// The environment variables.
    pub environment: Environment,
    /// The clock.
    pub clock: Clock,
    /// For clients of everything that answers at once.
    pub aws: aws_types::SdkConfig,
}

/// Runs the worker `name` until it is asked to end. Its activity has the same name; the variable that gives the
/// activity's ARN is made of it: `SMOKE_TESTER_ACTIVITY_ARN` for `smoke-tester`.
///
/// Fails, with the error in the log and on standard error, when the environment is not complete.
pub async fn run<A: Activity>(name: &str, make: impl FnOnce(Parts) -> Result<A, Error>) -> ExitCode {
    let environment = Environment::of_process();
    logging::start(&environment);
    match serve(name, environment, make).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error.name(), cause = error.message(), "cannot start");
            eprintln!("{}: {error}", error.name());
            ExitCode::FAILURE
        }
    }
}

async fn serve<A: Activity>(
    name: &str,
    environment: Environment,
    make: impl FnOnce(Parts) -> Result<A, Error>,
) -> Result<(), Error> {
    let config = Config::of(&environment, &variable(name), name)?;
    let clock = Clock::of(&environment)?;
    // Polls are held for a minute; everything else answers at once.
    let patient = configuration(&Patience::POLL.http(), Patience::POLL).await;
    let aws = configuration(&Patience::SHORT.http(), Patience::SHORT).await;
    let activity = make(Parts { environment: environment.clone(), clock: clock.clone(), aws })?;
    let worker = Worker::new(aws_sdk_sfn::Client::new(&patient), config, clock, activity);
    worker.run(async move { asked_to_end(&environment).await }).await;
    Ok(())
}

/// The variable that names the activity of a worker.
fn variable(name: &str) -> String {
    format!("{}_ACTIVITY_ARN", name.to_ascii_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_named_after_the_worker() {
        assert_eq!(variable("smoke-tester"), "SMOKE_TESTER_ACTIVITY_ARN");
    }
}
