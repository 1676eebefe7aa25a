//! The configuration of all AWS clients.

use crate::http::Http;
use aws_config::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use std::time::Duration;

/// How long AWS clients wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the beginning of an answer.
    pub read: Duration,
    /// For the whole call.
    pub call: Duration,
}

impl Patience {
    /// For calls that answer at once: fits several times into a function's time-out.
    pub const SHORT: Patience =
        Patience { connect: Duration::from_secs(2), read: Duration::from_secs(5), call: Duration::from_secs(6) };

    /// For a last word while time runs out: fits several times into a quarter of a minute.
    pub const BRIEF: Patience =
        Patience { connect: Duration::from_secs(1), read: Duration::from_secs(2), call: Duration::from_secs(2) };

    /// For `GetActivityTask`, which holds its answer for up to 60 seconds; its documentation asks for 65 or more.
    pub const POLL: Patience =
        Patience { connect: Duration::from_secs(2), read: Duration::from_secs(70), call: Duration::from_secs(75) };

    /// An HTTP client as patient as this.
    pub fn http(self) -> Http {
        Http::new(self.connect, self.read)
    }

    /// The time-outs of an AWS client as patient as this.
    pub fn timeouts(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .read_timeout(self.read)
            .operation_attempt_timeout(self.call)
            .operation_timeout(self.call)
            .build()
    }
}

/// Loads region, credentials and endpoints as every AWS SDK does (environment, profile, container, instance).
///
/// The clients never retry: the state machines do, and retries of retries multiply.
pub async fn configuration(http: &Http, patience: Patience) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.shared())
        .retry_config(RetryConfig::disabled())
        .timeout_config(patience.timeouts())
        .load()
        .await
}
