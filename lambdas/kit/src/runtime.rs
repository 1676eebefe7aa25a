//! The run loop: from the Lambda Runtime API to a function and back, failures with their names.

use crate::invocation::Invocation;
use clients::Environment;
use clients::aws::Patience;
use clients::clock;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use operations::Error;
use operations::error::Kind;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use tracing::Instrument;

/// A function.
pub trait Function: Send + Sync + 'static {
    /// Answers one event.
    fn call(&self, event: Value, invocation: Invocation) -> impl Future<Output = Result<Value, Error>> + Send;
}

/// A failure on its way to the Runtime API: its `errorType` is the suite's name, which `Retry` and `Catch` match.
#[derive(Debug)]
struct Failure(Error);

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Diagnostic { error_type: failure.0.name().to_owned(), error_message: failure.0.message().to_owned() }
    }
}

/// Serves a function until the process is ended.
///
/// # Errors
/// Only when the Runtime API cannot be used.
pub async fn run(name: &'static str, function: impl Function) -> Result<(), lambda_runtime::Error> {
    let function = &function;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let invocation = Invocation::within(clock::left_until(event.context.deadline));
        // Behind a pointer: inlined into the runtime's own layers its type would be too deep to lay out.
        let answered: Pin<Box<dyn Future<Output = Result<Value, Error>> + Send + '_>> =
            Box::pin(answer(name, function, event.payload, invocation));
        let span = tracing::info_span!("request", requestId = event.context.request_id);
        answered.instrument(span).await.map_err(Failure)
    }))
    .await
}

/// Calls a function within its time and logs how it went; never the payload, which may carry what logs must not.
///
/// # Errors
/// The function's; `Ops.DependencyTimeout` when its time is up.
pub async fn answer(
    name: &'static str,
    function: &impl Function,
    event: Value,
    invocation: Invocation,
) -> Result<Value, Error> {
    let text =
        |field: &str| event.get(field).and_then(Value::as_str).unwrap_or("").chars().take(100).collect::<String>();
    let span = tracing::info_span!(
        "invocation",
        function = name,
        operation = text("operation"),
        incident = text("incidentId"),
        target = text("target")
    );
    async {
        let late = || Error::new(Kind::DependencyTimeout, format!("{name} did not finish in its time"));
        let outcome = match tokio::time::timeout(invocation.left(), function.call(event, invocation)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(late()),
        };
        match &outcome {
            Ok(_) => tracing::info!("answered"),
            Err(error) => tracing::warn!(error = error.name(), cause = error.message(), "failed"),
        }
        outcome
    }
    .instrument(span)
    .await
}

/// Tells the Runtime API why the process cannot serve; the caller then ends the process.
pub async fn report_init_failure(environment: &Environment, error: &Error) {
    tracing::error!(error = error.name(), cause = error.message(), "cannot start");
    let Some(api) = environment.get("AWS_LAMBDA_RUNTIME_API") else { return };
    let url = format!("http://{api}/2018-06-01/runtime/init/error");
    let body = json!({"errorType": error.name(), "errorMessage": error.message(), "stackTrace": []});
    let headers = [("content-type", "application/json"), ("lambda-runtime-function-error-type", error.name())];
    if let Err(unsent) = Patience::SHORT.http().post(&url, &headers, body.to_string()).await {
        tracing::error!(cause = unsent.message(), "the failure could not be reported");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct Slow;

    impl Function for Slow {
        async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
            if event["hang"] == json!(true) {
                std::future::pending::<()>().await;
            }
            Err(Error::new(Kind::Throttled, "slow down"))
        }
    }

    #[test]
    fn the_runtime_reports_the_name_and_the_message() {
        let diagnostic = Diagnostic::from(Failure(Error::new(Kind::UnknownTarget, "no such target")));
        assert_eq!(diagnostic.error_type, "Ops.UnknownTarget");
        assert_eq!(diagnostic.error_message, "no such target");
    }

    #[tokio::test]
    async fn a_function_that_hangs_fails_by_name_before_it_is_killed() {
        let invocation = Invocation::within(Duration::from_millis(310));
        let error = answer("slow", &Slow, json!({"hang": true}), invocation).await.unwrap_err();
        assert_eq!(error.name(), "Ops.DependencyTimeout");
        let error = answer("slow", &Slow, json!({}), Invocation::within(Duration::from_secs(5))).await.unwrap_err();
        assert_eq!(error.name(), "Ops.Throttled");
    }
}
