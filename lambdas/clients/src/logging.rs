//! Structured logs on standard output.

use crate::environment::Environment;
use tracing_subscriber::EnvFilter;

/// Sends log events to standard output, one JSON object a line.
///
/// The level comes from `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else `info`; a text that is no level counts as
/// `info`. A second call changes nothing.
pub fn start(environment: &Environment) {
    let level = environment.get("AWS_LAMBDA_LOG_LEVEL").or(environment.get("RUST_LOG")).unwrap_or("info");
    let filter = EnvFilter::try_new(level.to_ascii_lowercase()).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_env_filter(filter)
        .with_writer(std::io::stdout);
    // A process that has a subscriber keeps it.
    let _ = subscriber.try_init();
}
