//! What every Lambda shares: its clients, how a failure gets its name, and the run loop.

pub mod invocation;
pub mod metric;
pub mod operation;
pub mod runtime;

pub use invocation::Invocation;
pub use operation::Operation;
pub use runtime::{Function, run};

pub use clients::{Environment, logging};
pub use operations::Error;
pub use operations::error::Kind;

use clients::Clock;
use clients::aws::Patience;
use clients::http::Http;

/// What a function needs from its process.
#[derive(Debug, Clone)]
pub struct Services {
    /// The environment variables.
    pub environment: Environment,
    /// The clock.
    pub clock: Clock,
    /// The HTTP client, shared with all AWS clients.
    pub http: Http,
    /// The configuration of AWS clients.
    pub aws: aws_types::SdkConfig,
}

impl Services {
    /// Those that the environment describes.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming a variable.
    pub async fn of(environment: Environment) -> Result<Self, Error> {
        let clock = Clock::of(&environment)?;
        let http = Patience::SHORT.http();
        let aws = clients::aws::configuration(&http, Patience::SHORT).await;
        Ok(Self { environment, clock, http, aws })
    }
}
