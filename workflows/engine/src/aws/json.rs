//! The JSON protocols.

use asl::{Object, Value};

use super::transport::{API_TIMEOUT, Answer, Call};
use super::{CallError, Protocol, Reply, Service};

/// Members whose own members are data, not names: they keep their spelling.
const DATA: [&str; 10] = [
    "dockerLabels",
    "driverOpts",
    "labels",
    "options",
    "tags",
    "environmentVariables",
    "metadata",
    "attributes",
    "parameters",
    "targetTags",
];

/// The request that calls `action`.
pub(crate) fn request(service: &Service, action: &str, parameters: &Value) -> Call {
    let Protocol::Json { version, target, camel } = service.protocol else { return Call::empty(service) };
    let body = match parameters {
        Value::Null => Value::Object(Default::default()),
        parameters if camel => respell(parameters, uncapitalise),
        parameters => parameters.clone(),
    };
    Call {
        headers: vec![
            ("content-type", format!("application/x-amz-json-{version}")),
            ("x-amz-target", format!("{target}.{action}")),
        ],
        body: body.to_string().into_bytes(),
        ..Call::empty(service)
    }
}

impl Call {
    /// A request to the root of a service, with nothing in it yet.
    pub(crate) fn empty(service: &Service) -> Self {
        Self {
            method: http::Method::POST,
            host: service.host,
            signing: service.signing,
            path: "/".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            base: None,
            timeout: API_TIMEOUT,
        }
    }
}

/// What the answer says.
pub(crate) fn reply(service: &Service, answer: Answer) -> Result<Reply, CallError> {
    let text = String::from_utf8_lossy(&answer.body);
    let body = if text.is_empty() { Ok(Value::Object(Default::default())) } else { Value::parse(&text) };
    let request_id = answer.request_id();
    if !answer.is_success() {
        let (code, message) = error(&answer, body.as_ref().unwrap_or(&Value::Null));
        return Err(CallError::Service { status: answer.status, code, message, request_id });
    }
    let body = body.map_err(|error| CallError::Transport(format!("the answer is not JSON: {error}")))?;
    let Protocol::Json { camel, .. } = service.protocol else { return Ok(plain(answer, request_id, body)) };
    let body = if camel { respell(&body, capitalise) } else { body };
    Ok(plain(answer, request_id, instants(&body)))
}

fn plain(answer: Answer, request_id: String, body: Value) -> Reply {
    Reply { status: answer.status, headers: answer.headers, request_id, body }
}

/// Code and message of a failure. The code is `prefix#Code` or `Code:url` in some services.
pub(crate) fn error(answer: &Answer, body: &Value) -> (String, String) {
    let named = |name| body.get(name).and_then(Value::as_str);
    let code = answer.header("x-amzn-errortype").or_else(|| named("__type")).or_else(|| named("code"));
    let code = code.unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    let message = named("message").or_else(|| named("Message")).or_else(|| named("errorMessage")).unwrap_or_default();
    (code.to_owned(), message.to_owned())
}

/// The same value with every name spelt by `spell`, but for names that are data.
fn respell(value: &Value, spell: fn(&str) -> String) -> Value {
    match value {
        Value::Array(items) => Value::array(items.iter().map(|item| respell(item, spell)).collect()),
        Value::Object(members) => Value::object(members.iter().map(|(name, value)| {
            let is_data = DATA.contains(&uncapitalise(name).as_str()) && matches!(value, Value::Object(_));
            (spell(name), if is_data { value.clone() } else { respell(value, spell) })
        })),
        other => other.clone(),
    }
}

/// `DesiredCount` → `desiredCount`.
pub(crate) fn uncapitalise(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// `desiredCount` → `DesiredCount`.
pub(crate) fn capitalise(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Instants are seconds on the wire and ISO 8601 text in SDK integrations. There is no model here to tell which
/// numbers are instants: their names do.
fn instants(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::array(items.iter().map(instants).collect()),
        Value::Object(members) => {
            Value::Object(std::sync::Arc::new(members.iter().map(instant_member).collect::<Object>()))
        }
        other => other.clone(),
    }
}

fn instant_member((name, value): (&std::sync::Arc<str>, &Value)) -> (std::sync::Arc<str>, Value) {
    let named = ["Date", "At", "Time", "Timestamp"].iter().any(|end| name.ends_with(end));
    let instant = match value {
        Value::Number(number) if named => number.as_f64().filter(|seconds| *seconds >= 1e8).and_then(iso_8601),
        _ => None,
    };
    (name.clone(), instant.map_or_else(|| instants(value), Value::from))
}

fn iso_8601(seconds: f64) -> Option<String> {
    in_words((seconds * 1000.0).round() as i128)
}

/// `1700000000250` → `2023-11-14T22:13:20.250Z`; empty beyond the year 9999.
pub(crate) fn instant(millis: execution::Millis) -> String {
    in_words(millis.into()).unwrap_or_default()
}

fn in_words(millis: i128) -> Option<String> {
    let instant = time::OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).ok()?;
    let (date, millis) = (instant.date(), instant.millisecond());
    let (hour, minute, second) = instant.time().as_hms();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> &'static Service {
        Service::find(name).unwrap()
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn ecs_speaks_with_small_letters_but_labels_are_data() {
        let parameters = Value::parse(
            r#"{"Cluster":"c","ContainerDefinitions":[{"DockerLabels":{"My.Label":"x"},"EnvironmentFiles":[{"Value":"v"}]}]}"#,
        );
        let call = request(service("ecs"), "RegisterTaskDefinition", &parameters.unwrap());
        let expected = r#"{"cluster":"c","containerDefinitions":[{"dockerLabels":{"My.Label":"x"},"environmentFiles":[{"value":"v"}]}]}"#;
        assert_eq!(String::from_utf8(call.body).unwrap(), expected);
        assert_eq!(call.headers[0].1, "application/x-amz-json-1.1");
        assert_eq!(call.headers[1].1, "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition");
        let body = r#"{"services":[{"desiredCount":3,"createdAt":1700000000.25,"tags":[{"key":"K","value":"V"}]}]}"#;
        let reply = reply(service("ecs"), answer(200, &[("x-amzn-requestid", "r")], body)).unwrap();
        let expected = r#"{"Services":[{"DesiredCount":3,"CreatedAt":"2023-11-14T22:13:20.250Z","Tags":[{"Key":"K","Value":"V"}]}]}"#;
        assert_eq!((reply.body.to_string().as_str(), reply.request_id.as_str()), (expected, "r"));
    }

    #[test]
    fn dynamodb_items_keep_their_names() {
        let body =
            r#"{"Item":{"pk":{"S":"x"},"createdAt":{"N":"1700000000"}},"ConsumedCapacity":{"CapacityUnits":0.5}}"#;
        let reply = reply(service("dynamodb"), answer(200, &[], body)).unwrap();
        assert_eq!(reply.body.to_string(), body);
        let call = request(service("dynamodb"), "GetItem", &Value::Null);
        assert_eq!(call.body, b"{}");
    }

    #[test]
    fn failures_are_read_from_body_or_header() {
        let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}"#;
        let failed = reply(service("dynamodb"), answer(400, &[("x-amzn-requestid", "r")], body)).unwrap_err();
        let expected = CallError::Service {
            status: 400,
            code: "ConditionalCheckFailedException".to_owned(),
            message: "no".to_owned(),
            request_id: "r".to_owned(),
        };
        assert_eq!(failed, expected);
        let header = [("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/")];
        let failed = reply(service("ecs"), answer(400, &header, r#"{"Message":"slow"}"#)).unwrap_err();
        assert_eq!(failed.to_string(), "ThrottlingException: slow");
        let failed = reply(service("ecs"), answer(503, &[], "<html>")).unwrap_err();
        assert_eq!(failed.to_string(), ": ");
    }

    #[test]
    fn an_answer_that_is_not_json_is_a_transport_failure() {
        assert!(matches!(reply(service("ssm"), answer(200, &[], "<html>")), Err(CallError::Transport(_))));
    }
}
