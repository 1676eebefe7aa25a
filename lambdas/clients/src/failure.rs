//! From an SDK's error to the suite's names.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use operations::Error;
use operations::answer;
use operations::error::Kind;
use std::error::Error as StdError;

/// What a failed AWS call means; `call` says which it was, for example `ecs:UpdateService of api`.
pub fn of_sdk<E>(call: &str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let code = context.err().code();
            let kind = answer::kind(code, Some(context.raw().status().as_u16()));
            let text = context.err().message().unwrap_or("no message");
            Error::new(kind, format!("{call}: {}: {text}", code.unwrap_or("no error code")))
        }
        SdkError::TimeoutError(_) => Error::new(Kind::DependencyTimeout, format!("{call}: no answer in time")),
        SdkError::DispatchFailure(failure) => {
            let kind = if failure.is_timeout() {
                Kind::DependencyTimeout
            } else if failure.is_io() {
                Kind::DependencyUnavailable
            } else {
                unsent(&DisplayErrorContext(error).to_string())
            };
            Error::new(kind, format!("{call}: {}", shortened(&DisplayErrorContext(error).to_string())))
        }
        SdkError::ResponseError(context) => {
            let kind = answer::kind(None, Some(context.raw().status().as_u16()).filter(|status| *status >= 400));
            Error::new(kind, format!("{call}: the answer could not be read"))
        }
        // The request could not be built: a parameter or the configuration is wrong.
        _ => {
            let text = DisplayErrorContext(error).to_string();
            Error::new(Kind::ConfigInvalid, format!("{call}: {}", shortened(&text)))
        }
    }
}

/// A request that never left: for want of credentials, or for a reason of the client's own.
fn unsent(text: &str) -> Kind {
    if text.to_ascii_lowercase().contains("credential") { Kind::AccessDenied } else { Kind::DependencyUnavailable }
}

/// What a failed Redis command means.
pub fn of_redis(command: &str, error: &redis::RedisError) -> Error {
    let code = error.code().unwrap_or_default();
    let denied = matches!(code, "NOAUTH" | "WRONGPASS" | "NOPERM");
    let kind = if denied || error.kind() == redis::ErrorKind::AuthenticationFailed {
        Kind::AccessDenied
    } else if matches!(code, "LOADING" | "BUSY" | "TRYAGAIN" | "MASTERDOWN" | "CLUSTERDOWN") {
        Kind::DependencyUnavailable
    } else if matches!(code, "READONLY" | "MOVED") {
        // The address is a replica's or another shard's.
        Kind::ConfigInvalid
    } else if code == "WRONGTYPE" {
        Kind::PreconditionFailed
    } else if error.is_timeout() {
        Kind::DependencyTimeout
    } else if error.kind() == redis::ErrorKind::InvalidClientConfig {
        Kind::ConfigInvalid
    } else {
        Kind::DependencyUnavailable
    };
    Error::new(kind, format!("redis {command}: {}", shortened(&error.to_string())))
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_errors_are_named() {
        let server =
            |text: &'static str| redis::RedisError::from((redis::ErrorKind::Extension, "an error", text.to_owned()));
        assert_eq!(of_redis("INCR", &server("x")).kind(), Kind::DependencyUnavailable);
        let refused = redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert_eq!(of_redis("INCR", &refused).kind(), Kind::DependencyUnavailable);
        let late = redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert_eq!(of_redis("INCR", &late).kind(), Kind::DependencyTimeout);
        let password = redis::RedisError::from((redis::ErrorKind::AuthenticationFailed, "wrong password"));
        assert_eq!(of_redis("AUTH", &password).kind(), Kind::AccessDenied);
    }
}
