//! Lambda: `lambda:invoke` and functions' own ARNs, over the Invoke API.

use std::time::Duration;

use asl::Value;
use execution::Failure;

use super::failure::{Naming, named};
use super::{CONNECTION, World, http_metadata, response_metadata};
use crate::aws::{self, Answer, Call, CallError};

const NAMING: Naming = Naming { prefix: "Lambda", service: "AWSLambda", generic: "AWSLambdaException" };

/// The header that makes the function a part of a trace.
const TRACE: &str = "x-amzn-trace-id";

/// A function lasts 15 minutes at most; a little more for the way.
const TIMEOUT: Duration = Duration::from_secs(15 * 60 + 10);

/// Invokes the function that is itself the task's resource: its answer is the result.
pub(crate) async fn direct(
    world: &World,
    function: &str,
    payload: &Value,
    trace: Option<String>,
) -> Result<Value, Failure> {
    let mut call = request(world, function, None, payload.to_string());
    call.headers.extend(trace.map(|trace| (TRACE, trace)));
    let answer = send(world, &call).await?;
    check(&answer, Cause::AsItCame)?;
    Ok(payload_of(&answer))
}

/// `lambda:invoke`.
pub(crate) async fn invoke(world: &World, parameters: &Value, trace: Option<String>) -> Result<Value, Failure> {
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let Some(function) = text("FunctionName") else {
        return Err(named("States", "Runtime", "The field 'FunctionName' is required but was missing"));
    };
    let mut call = request(world, function, text("Qualifier"), payload(parameters.get("Payload")));
    let headers = [
        ("InvocationType", "x-amz-invocation-type"),
        ("LogType", "x-amz-log-type"),
        ("ClientContext", "x-amz-client-context"),
    ];
    for (name, header) in headers {
        call.headers.extend(text(name).map(|value| (header, value.to_owned())));
    }
    call.headers.extend(trace.map(|trace| (TRACE, trace)));
    let answer = send(world, &call).await?;
    check(&answer, Cause::Compact)?;
    Ok(described(&answer))
}

/// What `lambda:invoke` sends: nothing where there is nothing, and a text that is JSON itself as that JSON.
fn payload(parameter: Option<&Value>) -> String {
    match parameter {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(value) => match value.as_str().filter(|text| Value::parse(text).is_ok()) {
            Some(json) => json.to_owned(),
            None => value.to_string(),
        },
    }
}

fn described(answer: &Answer) -> Value {
    let mut members = Vec::new();
    members.extend(answer.header("x-amz-executed-version").map(|version| ("ExecutedVersion", Value::from(version))));
    members.extend(answer.header("x-amz-log-result").map(|log| ("LogResult", Value::from(log))));
    members.push(("Payload", payload_of(answer)));
    members.push(("SdkHttpMetadata", http_metadata(answer.status, &answer.headers, CONNECTION)));
    members.push(("SdkResponseMetadata", response_metadata(&answer.request_id())));
    members.push(("StatusCode", Value::from(u32::from(answer.status))));
    Value::object(members)
}

/// The request for `function`: a name, `name:qualifier`, a partial ARN or a whole one.
fn request(world: &World, function: &str, qualifier: Option<&str>, payload: String) -> Call {
    let (name, own_qualifier) = target(function, &world.account);
    let mut path = format!("/2015-03-31/functions/{}/invocations", aws::encode(&name));
    if let Some(qualifier) = qualifier.or(own_qualifier) {
        path = format!("{path}?Qualifier={}", aws::encode(qualifier));
    }
    Call {
        method: http::Method::POST,
        host: "lambda",
        signing: "lambda",
        path,
        headers: vec![("content-type", "application/json".to_owned())],
        body: payload.into_bytes(),
        base: world.lambda_endpoint.clone(),
        timeout: TIMEOUT,
    }
}

/// Name and qualifier of a function of this account; a function of another account keeps its whole ARN.
fn target<'a>(function: &'a str, account: &str) -> (String, Option<&'a str>) {
    let rest = match function.split_once(":function:") {
        Some((before, rest)) if before.ends_with(account) => rest,
        Some(_) => return (function.to_owned(), None),
        None => function,
    };
    match rest.split_once(':') {
        Some((name, qualifier)) => (name.to_owned(), Some(qualifier)),
        None => (rest.to_owned(), None),
    }
}

async fn send(world: &World, call: &Call) -> Result<Answer, Failure> {
    world.aws.http().send(call.clone()).await.map_err(|error| NAMING.failure(&error))
}

/// The form of a function's error in the cause. Runtimes space their JSON differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The text of the function's runtime: where the function is the task's resource.
    AsItCame,
    /// Without spaces: from `lambda:invoke`, which reads it.
    Compact,
}

/// Refusals of the service, then errors of the function.
fn check(answer: &Answer, form: Cause) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(&answer.body);
    let body = Value::parse(&text).unwrap_or_default();
    if !answer.is_success() {
        let (code, message) = aws::json_error(answer, &body);
        let refused = CallError::Service { status: answer.status, code, message, request_id: answer.request_id() };
        return Err(NAMING.failure(&refused));
    }
    if answer.header("x-amz-function-error").is_none() {
        return Ok(());
    }
    match body.get("errorType").and_then(Value::as_str) {
        Some(error) => {
            let cause = match form {
                Cause::AsItCame => text.into(),
                Cause::Compact => body.to_string().into(),
            };
            Err(Failure { error: Some(error.into()), cause: Some(cause) })
        }
        None => {
            let cause = format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"
            );
            Err(named("Lambda", "Unknown", &cause))
        }
    }
}

/// The function's answer: JSON; nothing is `null`, and what is not JSON is text.
fn payload_of(answer: &Answer) -> Value {
    let text = String::from_utf8_lossy(&answer.body);
    if text.is_empty() {
        return Value::Null;
    }
    Value::parse(&text).unwrap_or_else(|_| Value::from(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_json_is_sent_as_that_json() {
        let sent = |text: &str| payload(Some(&Value::parse(text).unwrap()));
        assert_eq!(payload(None), "{}");
        assert_eq!(
            (sent("null"), sent(r#"{"a": 1.0}"#), sent("[]")),
            ("{}".into(), r#"{"a":1.0}"#.into(), "[]".into())
        );
        assert_eq!((sent(r#""0.0""#), sent(r#""{}""#)), ("0.0".into(), "{}".into()));
        assert_eq!((sent(r#""Hello""#), sent(r#""\"Hello\"""#)), (r#""Hello""#.into(), r#""Hello""#.into()));
    }

    #[test]
    fn functions_are_named_in_four_ways() {
        let account = "123456789012";
        assert_eq!(target("f", account), ("f".to_owned(), None));
        assert_eq!(target("f:live", account), ("f".to_owned(), Some("live")));
        assert_eq!(target("arn:aws:lambda:us-east-1:123456789012:function:f", account), ("f".to_owned(), None));
        assert_eq!(target("arn:aws:lambda:us-east-1:123456789012:function:f:2", account), ("f".to_owned(), Some("2")));
        let other = "arn:aws:lambda:us-east-1:210987654321:function:f";
        assert_eq!(target(other, account), (other.to_owned(), None));
    }
}
